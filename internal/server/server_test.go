package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/storage"
)

const (
	user     = "ol-admin"
	password = "correct horse"
	entities = "/rest/serverengine/entity"
	login    = "/rest/serverengine/authentication/login"
)

// A service is a real server on a real store, on a port of this machine.
type service struct {
	t     *testing.T
	url   string
	addr  string
	store storage.Store
	log   *syncBuffer
	token string

	transport http.RoundTripper
}

func start(t *testing.T, change ...func(*server.Config, *auth.Config)) *service {
	t.Helper()
	return startOn(t, openStore(t), change...)
}

// startOn starts a service on a store, which it closes.
func startOn(t *testing.T, store storage.Store, change ...func(*server.Config, *auth.Config)) *service {
	t.Helper()
	return startWith(t, store, http.DefaultTransport, change...)
}

// startWith starts a service whose requests go by a transport.
func startWith(t *testing.T, store storage.Store, transport http.RoundTripper, change ...func(*server.Config, *auth.Config)) *service {
	t.Helper()
	ctx := t.Context()
	if err := store.AddUser(ctx, auth.CheapUser(user, password)); err != nil && platen.ErrorCode(err) != platen.Conflict {
		t.Fatal(err)
	}
	log := &syncBuffer{}
	logger := slog.New(slog.NewJSONHandler(log, nil))
	guarding := auth.Config{Store: store, TokenTTL: time.Hour, Log: logger}
	config := server.Config{Store: store, Log: logger, APIVersion: "2025.2.0", MaxBody: 1 << 20}
	for _, fn := range change {
		fn(&config, &guarding)
	}
	guard, err := auth.NewGuard(ctx, guarding)
	if err != nil {
		t.Fatal(err)
	}
	config.Guard = guard
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.New(config).Serve(serving, listener) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-served; err != nil {
			t.Error("serve:", err)
		}
		guard.Close()
		if err := store.Close(); err != nil {
			t.Error("close:", err)
		}
	})
	s := &service{t: t, url: "http://" + listener.Addr().String(), addr: listener.Addr().String(), store: store, log: log, transport: transport}
	if config.Certificates != nil {
		s.url = "https://" + s.addr
	}
	answer := s.do("POST", login, "", basic(user, password))
	if answer.status != 200 {
		t.Fatalf("login: %d %s", answer.status, answer.body)
	}
	s.token = answer.body
	return s
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// An option changes a request.
type option func(*http.Request)

func basic(user, password string) option {
	return func(r *http.Request) { r.SetBasicAuth(user, password) }
}

func header(name, value string) option {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func none(r *http.Request) { r.Header.Del("auth_token") }

// do sends a request, with the token unless the options say otherwise. A
// redirect is not followed.
func (s *service) do(method, path, body string, options ...option) answer {
	s.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r, err := http.NewRequest(method, s.url+path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.token != "" {
		r.Header.Set("auth_token", s.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, option := range options {
		option(r)
	}
	response, err := s.transport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{response.StatusCode, response.Header, string(text)}
	checkDescribed(s.t, r, a)
	return a
}

// isError checks an error of the dialect, whole.
func (a answer) isError(t *testing.T, status int, inMessage string) {
	t.Helper()
	var body struct {
		Error *struct {
			Status    int     `json:"status"`
			Message   string  `json:"message"`
			Parameter *string `json:"parameter"`
			Offset    int64   `json:"offset"` // of an import
		} `json:"error"`
	}
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&body)
	if err != nil || body.Error == nil || body.Error.Parameter == nil || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %v %q, want a JSON Error: %v", a.status, a.header, a.body, err)
		return
	}
	if a.status != status || body.Error.Status != status || !strings.Contains(body.Error.Message, inMessage) {
		t.Errorf("got %d %s, want %d with %q", a.status, a.body, status, inMessage)
	}
}

const twoJobs = `{"properties":[{"name":"s","value":"1"}],"metadata":[{"name":"sm","value":"2"}],"jobs":[` +
	`{"properties":[{"name":"zip","value":"00420"}],"metadata":[{"name":"m","value":"x"}],"segments":[{"metadata":[{"name":"seg","value":"x"}],` +
	`"documentsets":[{"metadata":[{"name":"ds","value":"x"}],"documents":[{"metadata":[{"name":"d","value":"x"}],"documentpages":[{"contentitem":9001,"datarecord":5001},{"contentitem":9002,"datarecord":5002}]}]}]}]},` +
	`{"segments":[]}]}`

// TestMethods is the nine methods of the Job Entity Service, and their like.
func TestMethods(t *testing.T) { onEach(t, testMethods) }

func testMethods(t *testing.T) {
	long(t)
	s := start(t)
	made := s.importSet(twoJobs)
	set, job, other := made.ID, made.Children[0], made.Children[1]
	segment, documents, document := other+1, other+2, other+3
	for _, test := range []struct {
		name, method, path, body string
		want, contentType        string
	}{
		{"handshake", "GET", "/jobs", "", "Server Engine REST Service available: JobEntityRestService", "text/plain"},
		{"version", "GET", "/jobs/version", "", "2025.2.0", "text/plain"},
		{"contents", "GET", "/jobs/JOB/contents", "", `{"identifiers":[{"item":9001,"record":5001},{"item":9002,"record":5002}]}`, "application/json"},
		{"no contents", "GET", "/jobs/OTHER/contents", "", `{"identifiers":[]}`, "application/json"},
		{"segments", "GET", "/jobs/JOB", "", fmt.Sprintf(`{"identifiers":[%d]}`, segment), "application/json"},
		{"no segments", "GET", "/jobs/OTHER", "", `{"identifiers":[]}`, "application/json"},
		{"slash at the end", "GET", "/jobs/OTHER/", "", `{"identifiers":[]}`, "application/json"},
		{"metadata", "GET", "/jobs/JOB/metadata", "", `[{"name":"m","value":"x"}]`, "application/json"},
		{"replace metadata", "PUT", "/jobs/JOB/metadata", `{"id":JOB,"properties":[{"name":"n","value":"y"}]}`, `true`, "text/plain"},
		{"replaced metadata", "GET", "/jobs/JOB/metadata", "", `[{"name":"n","value":"y"}]`, "application/json"},
		{"properties", "GET", "/jobs/JOB/properties", "", `[{"name":"zip","value":"00420"}]`, "application/json"},
		{"no properties", "GET", "/jobs/OTHER/properties", "", `[]`, "application/json"},
		{"replace properties", "PUT", "/jobs/JOB/properties", `{"id":JOB,"properties":[{"name":"b","value":"1"},{"name":"a","value":""}]}`, `true`, "text/plain"},
		{"replaced properties", "GET", "/jobs/JOB/properties", "", `[{"name":"b","value":"1"},{"name":"a","value":""}]`, "application/json"},
		{"update many", "PUT", "/jobs/properties", `[{"id":JOB,"properties":[{"name":"a","value":"2"},{"name":"c","value":"3"}]},{"id":OTHER,"properties":[{"name":"c","value":"3"}]},{"id":JOB,"properties":[{"name":"c","value":"4"}]}]`, "", ""},
		{"merged", "GET", "/jobs/JOB/properties", "", `[{"name":"b","value":"1"},{"name":"a","value":"2"},{"name":"c","value":"4"}]`, "application/json"},
		{"merged into nothing", "GET", "/jobs/OTHER/properties", "", `[{"name":"c","value":"3"}]`, "application/json"},
		{"update none", "PUT", "/jobs/properties", `[]`, "", ""},
		{"clear", "PUT", "/jobs/JOB/properties/", `{"id":JOB,"properties":[]}`, `true`, "text/plain"},
		{"cleared", "GET", "/jobs/JOB/properties", "", `[]`, "application/json"},
		{"a list of one", "PUT", "/jobs/JOB/properties", `[{"id":JOB,"properties":[{"name":"n","value":"1"}]}]`, `true`, "text/plain"},
		{"unknown keys", "PUT", "/jobs/JOB/properties", `{"x":{"y":[1,{}]},"id":JOB,"properties":[{"q":null,"name":"n","value":"1"}],"z":null}`, `true`, "text/plain"},
		{"numbers and booleans", "PUT", "/jobs/JOB/properties", `{"id":JOB,"properties":[{"name":"a","value":1e999},{"name":"b","value":-0.10},{"name":"c","value":true},{"name":"d","value":false},{"name":"e","value":12345678901234567890123456789012345678901234}]}`, `true`, "text/plain"},
		{"their source text", "GET", "/jobs/JOB/properties", "", `[{"name":"a","value":"1e999"},{"name":"b","value":"-0.10"},{"name":"c","value":"true"},{"name":"d","value":"false"},{"name":"e","value":"12345678901234567890123456789012345678901234"}]`, "application/json"},
		{"all text", "PUT", "/jobs/JOB/properties", `{"id":JOB,"properties":[{"name":"\u0041<&>\ud83d\ude00 印","value":" \u0001\"\\\/\n "},{"name":"a","value":"1"},{"name":"A","value":"2"}]}`, `true`, "text/plain"},
		{"comes back", "GET", "/jobs/JOB/properties", "", `[{"name":"A<&>😀 印","value":" \u0001\"\\/\n "},{"name":"a","value":"1"},{"name":"A","value":"2"}]`, "application/json"},

		{"all job sets", "GET", "/jobsets", "", `{"identifiers":[SET]}`, "application/json"},
		{"jobs of a job set", "GET", "/jobsets/SET", "", `{"identifiers":[JOB,OTHER]}`, "application/json"},
		{"version of the set service", "GET", "/jobsets/version", "", "2025.2.0", "text/plain"},
		{"properties of a job set", "GET", "/jobsets/SET/properties", "", `[{"name":"s","value":"1"}]`, "application/json"},
		{"metadata of a job set", "GET", "/jobsets/SET/metadata", "", `[{"name":"sm","value":"2"}]`, "application/json"},
		{"document sets", "GET", fmt.Sprintf("/jobsegments/%d", segment), "", fmt.Sprintf(`{"identifiers":[%d]}`, documents), "application/json"},
		{"documents", "GET", fmt.Sprintf("/documentsets/%d", documents), "", fmt.Sprintf(`{"identifiers":[%d]}`, document), "application/json"},
		{"metadata of a document", "GET", fmt.Sprintf("/documents/%d/metadata", document), "", `[{"name":"d","value":"x"}]`, "application/json"},
		{"handshake of documents", "GET", "/documents", "", "Server Engine REST Service available: DocumentEntityRestService", "text/plain"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fill := strings.NewReplacer("JOB", job.String(), "OTHER", other.String(), "SET", set.String())
			a := s.do(test.method, entities+fill.Replace(test.path), fill.Replace(test.body))
			if want := fill.Replace(test.want); a.status != 200 || a.body != want || a.header.Get("Content-Type") != test.contentType {
				t.Errorf("got %d %q %s\nwant 200 %q %s", a.status, a.header.Get("Content-Type"), a.body, test.contentType, want)
			}
			if _, ok := a.header["Content-Type"]; ok && test.contentType == "" {
				t.Errorf("there is a content type: %v", a.header)
			}
			if got := a.header.Get("Content-Length"); got != fmt.Sprint(len(a.body)) {
				t.Errorf("content length %q, want %d", got, len(a.body))
			}
		})
	}
	t.Run("handshake of a set service", func(t *testing.T) {
		a := s.do("GET", entities+"/jobsets", "", header("Accept", "text/plain"))
		if a.body != "Server Engine REST Service available: JobSetEntityRestService" || a.header.Get("Content-Type") != "text/plain" {
			t.Errorf("got %v", a)
		}
		for accept, want := range map[string]string{"text/plain, application/json;q=0": a.body, "text/plain;q=0": fmt.Sprintf(`{"identifiers":[%d]}`, set), "text/plain, */*": fmt.Sprintf(`{"identifiers":[%d]}`, set)} {
			s.wants("GET", entities+"/jobsets", "", want, header("Accept", accept))
		}
		s.wants("GET", entities+"/jobsets", "", fmt.Sprintf(`{"identifiers":[%d]}`, set), header("Accept", "text/plain"),
			func(r *http.Request) { r.Header.Add("Accept", "application/json") })
	})
	t.Run("HEAD", func(t *testing.T) {
		path := fmt.Sprintf("%s/jobs/%d/properties", entities, job)
		get, head := s.do("GET", path, ""), s.do("HEAD", path, "")
		if head.status != 200 || head.body != "" || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
			t.Errorf("HEAD: %v, GET: %v", head, get)
		}
	})
}

// TestOptions checks that every resource tells its methods.
func TestOptions(t *testing.T) { onSQLite(t, testOptions) }

func testOptions(t *testing.T) {
	long(t)
	s := start(t)
	for path, want := range map[string]string{
		entities + "/jobs/5/properties": "GET, HEAD, PUT",
		entities + "/jobs/properties":   "PUT",
		entities + "/jobs/5":            "GET, HEAD",
		"/api/v1/jobsets":               "POST",
		login:                           "POST",
		"/healthz":                      "GET, HEAD",
	} {
		a := s.do("OPTIONS", path, "")
		if a.status != 204 || a.body != "" || a.header.Get("Allow") != want {
			t.Errorf("OPTIONS %s: %d %q %q, want 204 with %q", path, a.status, a.header.Get("Allow"), a.body, want)
		}
	}
}

// TestRequestLog has lines of requests go to a log of their own, and nothing
// else.
func TestRequestLog(t *testing.T) { onSQLite(t, testRequestLog) }

func testRequestLog(t *testing.T) {
	requests := &syncBuffer{}
	s := start(t, func(c *server.Config, _ *auth.Config) { c.Requests = slog.New(slog.NewTextHandler(requests, nil)) })
	s.importSet(`{"jobs":[]}`)
	for _, log := range []struct {
		name      string
		text      string
		has, lack string
	}{
		{"of requests", requests.String(), "msg=request method=POST path=/api/v1/jobsets", "set imported"},
		{"of all else", s.log.String(), "set imported", `"msg":"request"`},
	} {
		if !strings.Contains(log.text, log.has) || strings.Contains(log.text, log.lack) {
			t.Errorf("the log %s must have %q and not %q:\n%s", log.name, log.has, log.lack, log.text)
		}
	}
}

// TestLog checks the line of a request, and that no secret is in the log.
func TestLog(t *testing.T) { onSQLite(t, testLog) }

func testLog(t *testing.T) {
	s := start(t)
	s.do("GET", entities+"/jobs", "", header("X-Request-Id", "mine-1"))
	s.do("GET", entities+"/jobs", "", header("X-Request-Id", "bad id"), header("auth_token", "stolen-secret"))
	s.do("GET", entities+"/jobs", "", none, basic(user, "wrong-secret"))
	s.do("GET", entities+"/jobs?auth_token=query-secret", "")
	log := s.log.String()
	if !strings.Contains(log, `"method":"GET","path":"/rest/serverengine/entity/jobs","status":200,"bytes":58,"time":`) ||
		!strings.Contains(log, `"user":"ol-admin","request":"mine-1"}`) {
		t.Errorf("no such line in the log:\n%s", log)
	}
	for _, secret := range []string{s.token, password, "secret", "bad id"} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log:\n%s", secret, log)
		}
	}
}

// TestOpenRoutes checks what is served without credentials, and what not.
func TestOpenRoutes(t *testing.T) { onSQLite(t, testOpenRoutes) }

func testOpenRoutes(t *testing.T) {
	s := start(t)
	for path, want := range map[string]int{
		"/": 200, "/healthz": 200, "/readyz": 200, "/healthz/": 200, "/serverengine/doc": 200, "/serverengine/doc/": 200,
		"/serverengine/doc/openapi.yaml": 200, "/serverengine/doc/nothing": 404,
		"/nothing": 401, "/api/v1/jobsets": 401, "/rest": 401, "//": 401, "/healthz/x": 401,
		entities + "/jobs": 401, entities + "/jobs/version": 401, "/rest/serverengine/authentication": 401, "/rest/serverengine/authentication/version": 401,
	} {
		if a := s.do("GET", path, "", none); a.status != want {
			t.Errorf("GET %s: %d %s, want %d", path, a.status, a.body, want)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if a := s.do("GET", path, "", none); a.body != "ok" || a.header.Get("Content-Type") != "text/plain" {
			t.Errorf("%s: %v", path, a)
		}
	}
}

// TestImportExport checks that a copy is the same as what it is a copy of.
func TestImportExport(t *testing.T) { onEach(t, testImportExport) }

func testImportExport(t *testing.T) {
	one, two := start(t), start(t)
	made := one.importSet(twoJobs)
	a := one.do("GET", "/api/v1/jobsets/"+made.ID.String(), "")
	if a.status != 200 || a.header.Get("Content-Type") != "application/json" || !json.Valid([]byte(a.body)) {
		t.Fatalf("export: %d %v", a.status, a)
	}
	b := two.do("POST", "/api/v1/jobsets", a.body)
	if want := "/api/v1/jobsets/" + made.ID.String(); b.status != 201 || b.header.Get("Location") != want {
		t.Fatalf("import: %d %s, location %q, want %q", b.status, b.body, b.header.Get("Location"), want)
	}
	if again := two.exported(platen.JobSet, made.ID); again != a.body {
		t.Errorf("the copy differs:\n%s\n%s", again, a.body)
	}
	// Keys may come in any order: sorted, the children are before the id.
	var value any
	if err := json.Unmarshal([]byte(a.body), &value); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	three := start(t)
	three.importSet(string(sorted))
	if again := three.exported(platen.JobSet, made.ID); again != a.body {
		t.Errorf("the copy of the sorted document differs:\n%s\n%s", again, a.body)
	}
	jobs := slices.Sorted(slices.Values(made.Children))
	if !slices.Equal(jobs, made.Children) {
		t.Errorf("jobs %v are not in order", made.Children)
	}
}
