package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/auth"
)

const consoleSession = "/console/session"

// session logs in to the console and returns the cookie as it was set.
func (s *service) session(options ...option) *http.Cookie {
	s.t.Helper()
	a := s.do("POST", consoleSession, "", append([]option{none, basic(user, password)}, options...)...)
	cookies := (&http.Response{Header: a.header}).Cookies()
	if a.status != http.StatusNoContent || len(cookies) != 1 {
		s.t.Fatalf("login: %d %s %v", a.status, a.body, a.header)
	}
	return cookies[0]
}

func withCookie(c *http.Cookie) option {
	return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value}) }
}

func TestConsoleSession(t *testing.T) { onSQLite(t, testConsoleSession) }

func testConsoleSession(t *testing.T) {
	s := start(t)
	made := s.importSet(twoJobs)
	path := fmt.Sprintf("%s/jobs/%d/properties", entities, made.Children[0])
	body := fmt.Sprintf(`{"id":%d,"properties":[]}`, made.Children[0])
	cookie := s.session()
	_, port, _ := strings.Cut(strings.TrimPrefix(s.url, "http://"), ":")
	if cookie.Name != "platen_session_"+port || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Path != "/" || cookie.Secure ||
		!cookie.Expires.IsZero() || cookie.MaxAge != 0 {
		t.Errorf("the cookie: %v", cookie)
	}
	if secure := s.session(header("Origin", "https://"+strings.TrimPrefix(s.url, "http://"))); !secure.Secure {
		t.Errorf("the cookie for a page by TLS: %v", secure)
	}
	console := header(auth.ConsoleHeader, "platen-console")
	json := header("Content-Type", "application/json")
	sameSite := header("Sec-Fetch-Site", "same-site") // another port of the host, to which browsers send the cookie
	ours := header("Sec-Fetch-Site", "same-origin")
	forged := &http.Cookie{Name: cookie.Name, Value: cookie.Value[:len(cookie.Value)-2] + "AA"}
	for _, test := range []struct {
		name      string
		method    string
		options   []option
		status    int
		challenge bool
	}{
		{"a read", "GET", []option{withCookie(cookie)}, 200, false},
		{"a read of the console", "GET", []option{withCookie(cookie), console}, 200, false},
		{"a change", "PUT", []option{withCookie(cookie), console, json, ours}, 200, false},
		{"a change by a page of the same site", "PUT", []option{withCookie(cookie), json, sameSite}, 403, false},
		{"a change by a page of another site", "PUT", []option{withCookie(cookie), json, origin(evil)}, 403, false},
		{"a forged one", "GET", []option{withCookie(forged)}, 403, false},
		{"an empty one", "GET", []option{withCookie(&http.Cookie{Name: cookie.Name}), console}, 401, false},
		{"that of another port", "GET", []option{withCookie(&http.Cookie{Name: "platen_session_1", Value: cookie.Value}), console}, 401, false},
		{"none, in the console", "GET", []option{console}, 401, false},
		{"Basic, by a library", "GET", []option{basic(user, password), header(auth.ConsoleHeader, "XMLHttpRequest")}, 200, false},
		{"Basic beside it, by a library", "GET", []option{withCookie(forged), basic(user, password), header(auth.ConsoleHeader, "XMLHttpRequest")}, 200, false},
		{"none", "GET", nil, 401, true},
		{"wrong Basic beside it", "GET", []option{withCookie(cookie), basic(user, "wrong")}, 403, false},
		{"wrong Basic beside it, in the console", "GET", []option{withCookie(cookie), console, basic(user, "wrong")}, 200, false},
		{"a wrong token beside it", "GET", []option{withCookie(cookie), header("auth_token", "x")}, 403, false},
	} {
		sent := ""
		if test.method == "PUT" {
			sent = body
		}
		a := s.do(test.method, path, sent, append([]option{none}, test.options...)...)
		if challenge := a.header.Get("WWW-Authenticate") != ""; a.status != test.status || challenge != test.challenge {
			t.Errorf("%s: %d %s, with a challenge: %v", test.name, a.status, a.body, challenge)
		}
	}
	gone := s.do("DELETE", consoleSession, "", none, withCookie(cookie), ours)
	if cookies := (&http.Response{Header: gone.header}).Cookies(); gone.status != 204 || len(cookies) != 1 || cookies[0].MaxAge >= 0 || cookies[0].Value != "" {
		t.Errorf("logout: %d %v", gone.status, gone.header)
	}
	for _, a := range []answer{
		s.do("POST", consoleSession, "", none, basic(user, "wrong")),
		s.do("POST", consoleSession, "", none, basic(user, password), sameSite),
		s.do("DELETE", consoleSession, "", none, sameSite),
	} {
		if a.status != 403 || a.header.Get("WWW-Authenticate") != "" || a.header.Get("Set-Cookie") != "" {
			t.Errorf("refused: %d %s %v", a.status, a.body, a.header)
		}
	}
	s.do("GET", consoleSession, "", none).isError(t, 405, "DELETE, POST, PUT")
}

func TestConsolePage(t *testing.T) { onSQLite(t, testConsolePage) }

func testConsolePage(t *testing.T) {
	s := start(t)
	browser := header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	page := s.do("GET", "/?kind=job", "", none, browser)
	if page.status != 200 || !strings.Contains(page.body, "/console/main.js") || !strings.Contains(page.header.Get("Content-Security-Policy"), "trusted-types 'none'") {
		t.Errorf("a browser gets %d %v\n%s", page.status, page.header, page.body)
	}
	if other := s.do("GET", "/", "", none); other.status != 200 || strings.Contains(other.body, "main.js") {
		t.Errorf("others get %d %s", other.status, other.body)
	}
	if a := s.do("GET", "/console/main.js", "", none); a.status != 200 || a.header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("a file: %d %v", a.status, a.header)
	}
	s.do("GET", "/console/nothing.js", "", none).isError(t, 404, "nothing at this path")
	for _, path := range []string{"/", "/console/main.js", "/serverengine/doc/", "/serverengine/doc/openapi.yaml"} {
		for _, method := range []string{"GET", "HEAD"} {
			a := s.do(method, path, "", none, header("Accept", "text/html"), header("Range", "bytes=0-9"))
			if a.status != 200 || a.header.Get("Accept-Ranges") != "" || method == "GET" && len(a.body) < 100 {
				t.Errorf("%s %s: %d %v", method, path, a.status, a.header)
			}
		}
	}
	s.do("GET", "/console", "").isError(t, 404, "nothing at this path")
}
