package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/server"
)

const (
	evil = "https://evil.example"
	app  = "https://app.example"
)

// named lets pages of app call the server.
func named(c *server.Config, _ *auth.Config) {
	var err error
	if c.Origins, err = server.ParseOrigins([]string{app}); err != nil {
		panic(err)
	}
}

func origin(value string) option { return header("Origin", value) }
func site(value string) option   { return header("Sec-Fetch-Site", value) }

// TestCrossOrigin checks that a page of another origin changes nothing, that
// pages of this server and of a named origin do, and that who is no browser
// notices nothing.
func TestCrossOrigin(t *testing.T) { onSQLite(t, testCrossOrigin) }

func testCrossOrigin(t *testing.T) {
	s := start(t, named)
	set := s.importSet(twoJobs)
	job := set.Children[0]
	path := fmt.Sprintf("%s/jobs/%d/properties", entities, job)
	body := func(value string) string {
		return fmt.Sprintf(`{"id":%d,"properties":[{"name":"a","value":"%s"}]}`, job, value)
	}
	before := []platen.NameValue{{Name: "a", Value: "before"}}
	s.setProperties(platen.Job, job, before...)
	for name, sent := range map[string][]option{
		"another site":                    {origin(evil), site("cross-site")},
		"another origin of the site":      {origin("http://x." + s.addr), site("same-site")},
		"no Origin":                       {site("cross-site")},
		"an old browser":                  {origin(evil)},
		"an opaque origin":                {origin("null"), site("cross-site")},
		"an opaque origin, old":           {origin("null")},
		"rebound":                         {origin("http://evil.example:1"), header("Host", "evil.example"), site("cross-site")},
		"a named origin with more behind": {origin(app + ".evil.example"), site("cross-site")},
		"a named origin's other scheme":   {origin("http://app.example"), site("cross-site")},
	} {
		for _, request := range []struct{ method, path, body string }{
			{"PUT", path, body("after")},
			{"POST", entities + "/jobsets/1000/delete", ""},
			{"POST", "/api/v1/jobsets", twoJobs},
			{"POST", login, ""},
			{"DELETE", "/nothing", ""},
		} {
			a := s.do(request.method, request.path, request.body, sent...)
			a.isError(t, 403, "--cors-origin")
			if named := strings.Contains(a.body, "--cors-origin null"); named {
				t.Errorf("%s: %s advises what no server takes", name, a.body)
			}
			if a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: may be read: %v", name, a.header)
			}
		}
	}
	if after := s.properties(platen.Job, job); !slices.Equal(after, before) {
		t.Errorf("a page of another origin changed the list: %v", after)
	}
	s.hasJobSets(set.ID)
	for name, sent := range map[string][]option{
		"no browser":             nil,
		"a page of the server":   {origin(s.url), site("same-origin")},
		"a page, old":            {origin(s.url)},
		"typed by a person":      {site("none")},
		"a page of named origin": {origin(app), site("cross-site")},
	} {
		if a := s.do("PUT", path, body(name), sent...); a.status != 200 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if !strings.Contains(s.scrape(), `platen_browser_requests_refused_total{reason="origin"} 45`) {
		t.Error("the refused requests are not in the metrics")
	}
	if log := s.log.String(); !strings.Contains(log, `"status":403,`) || !strings.Contains(log, `"refused":"browser: origin"`) {
		t.Error("the refused requests are not in the log")
	}
}

// TestBrowserBody checks that a browser must say what a body is: a form of
// another site can not say that it is JSON, but can leave it out.
func TestBrowserBody(t *testing.T) { onSQLite(t, testBrowserBody) }

func testBrowserBody(t *testing.T) {
	s := start(t)
	noType := func(r *http.Request) { r.Header.Del("Content-Type") }
	for _, sent := range []option{origin(s.url), site("same-origin")} {
		s.do("POST", "/api/v1/jobsets", twoJobs, noType, sent).isError(t, 415, "Content-Type")
	}
	for i, sent := range []option{header("User-Agent", "curl"), header("Sec-Fetch-Mode", "cors")} { // the latter is from Node.js
		if a := s.do("POST", "/api/v1/jobsets", `{"jobs":[]}`, noType, sent); a.status != 201 {
			t.Errorf("no browser %d: %d %s", i, a.status, a.body)
		}
	}
	if a := s.do("POST", login, "", site("same-origin"), basic(user, password)); a.status != 200 {
		t.Errorf("no body: %d %s", a.status, a.body)
	}
}

// TestCORS checks that pages of a named origin are told that they may call,
// and no others.
func TestCORS(t *testing.T) { onSQLite(t, testCORS) }

func testCORS(t *testing.T) {
	s := start(t, named)
	path := entities + "/jobs/1/properties"
	ask := []option{none, header("Access-Control-Request-Method", "PUT"), header("Access-Control-Request-Headers", "auth_token,content-type")}
	a := s.do("OPTIONS", path, "", append(ask, origin(app))...)
	if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != app || a.header.Get("Vary") != "Origin" ||
		!strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "PUT") ||
		!strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "auth_token") {
		t.Errorf("preflight: %d %v", a.status, a.header)
	}
	for _, other := range []string{evil, "null", strings.ToUpper(app), app + ":443", app + "/"} {
		for name, a := range map[string]answer{
			"preflight": s.do("OPTIONS", path, "", append(ask, origin(other))...),
			"GET":       s.do("GET", entities+"/jobs", "", origin(other)),
		} {
			for key := range a.header {
				if strings.HasPrefix(key, "Access-Control-") {
					t.Errorf("%s of %s: %s", name, other, key)
				}
			}
			if name == "preflight" && a.status != 401 || a.header.Get("Vary") != "Origin" {
				t.Errorf("%s of %s: %d %v", name, other, a.status, a.header)
			}
		}
	}
	for name, a := range map[string]answer{
		"an answer":     s.do("GET", entities+"/jobs", "", origin(app)),
		"nothing there": s.do("GET", path, "", origin(app)),
		"no token":      s.do("GET", path, "", none, origin(app)),
		"no such path":  s.do("GET", "/nothing", "", origin(app)),
		"wrong method":  s.do("DELETE", path, "", origin(app)),
		"broken":        s.do("PUT", path, "{", origin(app)),
	} {
		if a.header.Get("Access-Control-Allow-Origin") != app || a.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" ||
			!strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "operationId") {
			t.Errorf("%s: %d %v", name, a.status, a.header)
		}
		if a.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: with credentials that the browser keeps", name)
		}
	}
}

// TestNoOrigins checks that nobody is let in when no origin is named.
func TestNoOrigins(t *testing.T) { onSQLite(t, testNoOrigins) }

func testNoOrigins(t *testing.T) {
	s := start(t)
	a := s.do("OPTIONS", entities+"/jobs", "", none, origin(app), header("Access-Control-Request-Method", "GET"))
	if a.status != 401 || a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Vary") != "" {
		t.Errorf("%d %v", a.status, a.header)
	}
}

func TestParseOrigins(t *testing.T) {
	good := []string{"https://app.example", "http://localhost:3000", "http://[::1]:8080", " https://b.example"}
	if origins, err := server.ParseOrigins(good); err != nil || len(origins) != len(good) {
		t.Errorf("%v %v", origins, err)
	}
	for text, why := range map[string]string{
		"*": "everybody", "null": "everybody", "": "no origin", "app.example": "no origin", "//app.example": "no origin",
		"https://": "no origin", "file:///x": "no origin", "ftp://app.example": "no origin", "https:app.example": "no origin",
		"https://app.example/": "write https://app.example", "https://app.example/x": "write https://app.example",
		"https://app.example?x": "more than an origin", "https://app.example#x": "more than an origin", "https://u:p@app.example": "write https://app.example",
		"https://App.Example": "write https://app.example", "https://app.example:443": "write https://app.example", "http://app.example:80": "write http://app.example",
		"https://*.example": "in full", "https://:8080": "in full", "https://app.example:": "write https://app.example", "HTTPS://app.example": "more than an origin",
	} {
		if _, err := server.ParseOrigins([]string{text}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", text, err, why)
		}
	}
}

// TestLoopbackHosts checks that a page can not reach a server without
// credentials by a name of its own that leads to this machine.
func TestLoopbackHosts(t *testing.T) { onSQLite(t, testLoopbackHosts) }

func testLoopbackHosts(t *testing.T) {
	s := start(t, func(c *server.Config, a *auth.Config) { c.LoopbackHosts, a.Off = true, true })
	to := func(host string) option { return func(r *http.Request) { r.Host = host } }
	for _, host := range []string{
		"localhost", "localhost:9340", "LOCALHOST", "localhost.", "platen.localhost:1", "127.0.0.1", "127.1.2.3:80", "[::1]", "[::1]:9340", "[::ffff:127.0.0.1]",
	} {
		if a := s.do("GET", entities+"/jobs", "", to(host)); a.status != 200 {
			t.Errorf("%s: %d %s", host, a.status, a.body)
		}
	}
	for _, host := range []string{
		"evil.example", "evil.example:9340", "localhost.evil.example", "127.0.0.1.evil.example", "evillocalhost", ".localhost", "10.0.0.1", "[::2]", "0.0.0.0", "0",
	} {
		s.do("GET", entities+"/jobs", "", to(host)).isError(t, 403, "--no-auth")
		s.do("POST", "/api/v1/jobsets", twoJobs, to(host)).isError(t, 403, "--no-auth")
		if a := s.do("GET", "/healthz", "", to(host)); a.status != 403 {
			t.Errorf("%s: %d", host, a.status)
		}
	}
	if a := s.raw("GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"); a.status != 403 {
		t.Errorf("a whole URL: %d", a.status)
	}
	s.hasJobSets()
}

// TestSecurityHeaders checks that what protects a browser is on every answer.
func TestSecurityHeaders(t *testing.T) { onSQLite(t, testSecurityHeaders) }

func testSecurityHeaders(t *testing.T) {
	s := start(t)
	made := s.importSet(twoJobs)
	path := fmt.Sprintf("%s/jobs/%d/properties", entities, made.Children[0])
	answers := map[string]answer{
		"a list":         s.do("GET", path, ""),
		"HEAD":           s.do("HEAD", path, ""),
		"contents":       s.do("GET", fmt.Sprintf("%s/jobs/%d/contents", entities, made.Children[0]), ""),
		"a change":       s.do("PUT", path, fmt.Sprintf(`{"id":%d,"properties":[]}`, made.Children[0])),
		"an export":      s.do("GET", "/api/v1/jobsets/"+made.ID.String(), ""),
		"a login":        s.do("POST", login, "", basic(user, password)),
		"no credentials": s.do("GET", path, "", none),
		"wrong ones":     s.do("GET", path, "", header("auth_token", "x")),
		"not found":      s.do("GET", "/nothing", ""),
		"wrong method":   s.do("DELETE", path, ""),
		"OPTIONS":        s.do("OPTIONS", path, ""),
		"too large":      s.do("PUT", path, strings.Repeat(" ", 1<<20+1)),
		"a foreign page": s.do("PUT", path, "{}", origin(evil)),
		"health":         s.do("GET", "/healthz", ""),
		"metrics":        s.do("GET", "/metrics", ""),
		"the index":      s.do("GET", "/", ""),
		"the document":   s.do("GET", "/serverengine/doc/", ""),
		"a script":       s.do("GET", "/serverengine/doc/page.js", ""),
		"a bad range":    s.do("GET", "/serverengine/doc/page.js", "", header("Range", "bytes=99999999-")),
	}
	for name, text := range unreadable {
		answers[name] = s.raw(text)
	}
	for name, a := range answers {
		for key, want := range map[string]string{
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Strict-Transport-Security":    "",
		} {
			if got := a.header.Get(key); got != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
		if got := a.header.Get("Referrer-Policy"); strings.HasPrefix(a.header.Get("Content-Type"), "text/html") && got != "no-referrer" {
			t.Errorf("%s: Referrer-Policy is %q", name, got)
		}
		if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", name, policy)
		}
		want := "no-store"
		if name == "the document" || name == "a script" || name == "a bad range" {
			want = "no-cache"
		}
		if got := a.header.Values("Cache-Control"); len(got) != 1 || got[0] != want {
			t.Errorf("%s: Cache-Control %q, want %q", name, got, want)
		}
		if a.header.Get("X-Request-Id") == "" {
			t.Errorf("%s: has no id", name)
		}
	}
	if a := answers["a bad range"]; a.status != 200 {
		t.Errorf("a bad range: %d %s", a.status, a.body)
	}
}
