package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
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
	if err := store.AddUser(ctx, cheapUser(user, password)); err != nil && platen.ErrorCode(err) != platen.Conflict {
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

// importSet stores a job set and returns what was made.
func (s *service) importSet(document string) platen.Created {
	s.t.Helper()
	a := s.do("POST", "/api/v1/jobsets", document)
	var made struct {
		ID   platen.ID
		Jobs []platen.ID
	}
	if err := json.Unmarshal([]byte(a.body), &made); err != nil || a.status != 201 {
		s.t.Fatalf("import: %d %s", a.status, a.body)
	}
	return platen.Created{ID: made.ID, Children: made.Jobs}
}

// isError checks an error of the dialect, whole.
func (a answer) isError(t *testing.T, status int, inMessage string) {
	t.Helper()
	var body struct {
		Error *struct {
			Status    int     `json:"status"`
			Message   string  `json:"message"`
			Parameter *string `json:"parameter"`
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
	})
	t.Run("HEAD", func(t *testing.T) {
		path := fmt.Sprintf("%s/jobs/%d/properties", entities, job)
		get, head := s.do("GET", path, ""), s.do("HEAD", path, "")
		if head.status != 200 || head.body != "" || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
			t.Errorf("HEAD: %v, GET: %v", head, get)
		}
	})
}

// TestBadInput is design section 2, row by row: what comes back, and that
// nothing changes.
func TestBadInput(t *testing.T) { onEach(t, testBadInput) }

func testBadInput(t *testing.T) {
	s := start(t)
	made := s.importSet(twoJobs)
	job, other := made.Children[0].String(), made.Children[1].String()
	fill := strings.NewReplacer("JOB", job, "OTHER", other, "SET", made.ID.String())
	export := func() string { return s.do("GET", "/api/v1/jobsets/"+made.ID.String(), "").body }
	before := export()
	name := func(list string) string { return `{"id":JOB,"properties":` + list + `}` }
	deep := strings.Repeat("[", 20_000)

	type request struct {
		name, method, path, body string
		status                   int
		message                  string
	}
	var requests []request
	for body, message := range map[string]string{
		"":                                    "empty",
		" ":                                   "empty",
		"{":                                   "ends too early",
		`{"id":JOB,"properties":[]`:           "ends too early",
		`{"id":JOB,"properties":[]} x`:        "",
		`{"id":JOB,"properties":[]}{}`:        "after the end",
		`{'id':JOB}`:                          "malformed",
		`{id:JOB,properties:[]}`:              "malformed",
		`[id:JOB, properties:[]]`:             "malformed",
		`{"id":JOB,"properties":[],}`:         "malformed",
		`{"id":JOB,"id":JOB,"properties":[]}`: "duplicate",
		`{"id":JOB}`:                          "properties are missing",
		`{"id":JOB,"properties":null}`:        "not null",
		`{"id":JOB,"properties":{}}`:          "not an object",
		`{"id":JOB,"properties":"x"}`:         "not text",
		`{"id":"JOB","properties":[]}`:        "not text",
		`{"id":JOB.5,"properties":[]}`:        "whole number",
		`{"id":JOB.0,"properties":[]}`:        "whole number",
		`{"id":1e3,"properties":[]}`:          "whole number",
		`{"id":0JOB,"properties":[]}`:         "malformed",
		`{"id":true,"properties":[]}`:         "not a boolean",
		`null`:                                "not null",
		`true`:                                "not a boolean",
		`"x"`:                                 "not text",
		`[]`:                                  "empty list",
		`[[]]`:                                "not a list",
		`[` + name(`[]`) + `,` + name(`[]`) + `]`: "exactly one",
		name(`[null]`):                                "not null",
		name(`[1]`):                                   "not a number",
		name(`[[]]`):                                  "not a list",
		name(`[{}]`):                                  "no name",
		name(`[{"name":"a"}]`):                        "no value",
		name(`[{"value":"a"}]`):                       "no name",
		name(`[{"Name":"a","Value":"b"}]`):            "no name",
		name(`[{"name":"","value":"b"}]`):             "empty",
		name(`[{"name":1,"value":"b"}]`):              "name must be text",
		name(`[{"name":null,"value":"b"}]`):           "name must be text",
		name(`[{"name":"a","value":null}]`):           "not null",
		name(`[{"name":"a","value":{}}]`):             "not an object",
		name(`[{"name":"a","value":[]}]`):             "not a list",
		name(`[{"name":"a","value":0042}]`):           "malformed",
		name(`[{"name":"a","value":+1}]`):             "malformed",
		name(`[{"name":"a","value":NaN}]`):            "malformed",
		name(`[{"name":"a","value":"\u0000"}]`):       "U+0000",
		name(`[{"name":"a\u0000","value":""}]`):       "U+0000",
		name(`[{"name":"a","value":"\ud800"}]`):       "malformed",
		name("[{\"name\":\"a\",\"value\":\"\xff\"}]"): "malformed",
		name("[{\"name\":\"a\",\"value\":\"\x00\"}]"): "malformed",
		name("[{\"name\":\"a\",\"value\":\"\n\"}]"):   "malformed",
		name(`[{"name":"a","value":"1"},{"name":"b","value":"1"},{"name":"a","value":"2"}]`): "at /properties/2: the name \"a\" is given twice",
		"\ufeff" + name(`[]`):                "malformed",
		deep:                                 "malformed",
		`{"id":JOB,"x":` + deep:              "malformed",
		name(`[{"name":"a","value":` + deep): "",
		name(many(20, 20)):                   "given twice",
	} {
		for _, facet := range []string{"properties", "metadata"} {
			requests = append(requests, request{"single " + shorten(body), "PUT", entities + "/jobs/JOB/" + facet, body, 400, message})
		}
	}
	for body, message := range map[string]string{
		"":                                 "empty",
		"[":                                "ends too early",
		`{}`:                               "not an object",
		`null`:                             "not null",
		name(`[{"name":"a","value":"1"}]`): "not an object",
		`[{"properties":[]}]`:              "no id",
		`[{"id":null,"properties":[]}]`:    "no id",
		`[{"id":"JOB","properties":[]}]`:   "not text",
		`[{"id":JOB}]`:                     "properties are missing",
		`[{"id":JOB,"properties":[{"name":"a","value":"1"}]},{"id":JOB}]`: "at /1: properties are missing",
		`[{"id":JOB,"properties":[{"name":"a","value":"1"}]},null]`:       "not null",
		`[{"id":JOB,"properties":[{"name":"a","value":"1"}]}] []`:         "after the end",
		`[{"id":5,"properties":[{"name":"","value":"1"}]}]`:               "empty",
	} {
		requests = append(requests, request{"multi " + shorten(body), "PUT", entities + "/jobs/properties", body, 400, message})
	}
	for body, message := range map[string]string{
		"":                                     "empty",
		`{}`:                                   "no list of jobs",
		`[]`:                                   "not a list",
		`{"jobs":null}`:                        "not null",
		`{"jobs":{}}`:                          "not an object",
		`{"jobs":[1]}`:                         "not a number",
		`{"jobs":[{"segment":[]}]}`:            `unknown key "segment"`,
		`{"jobs":[{"segments":[`:               "ends too early",
		`{"jobs":[{"id":0,"segments":[]}]}`:    "no identifier",
		`{"jobs":[{"id":-1,"segments":[]}]}`:   "no identifier",
		`{"jobs":[{"id":null,"segments":[]}]}`: "no identifier",
		`{"jobs":[{"id":"7","segments":[]}]}`:  "not text",
		`{"jobs":[{"id":9007199254740992}]}`:   "no identifier",
		`{"jobs":[{"properties":[{"name":""}]}]}`: "name is empty",
		`{"jobs":[]} x`:    "",
		`{"jobs":[` + deep: "",
		`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"datarecord":1}]}]}]}]}]}`:                                            "no contentitem",
		`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":"1"}]}]}]}]}]}`:                                         "not text",
		`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":1,"pages":[{}]}]}]}]}]}]}`:                              "no count",
		`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":1,"pages":[{"count":1.5}]}]}]}]}]}]}`:                   "whole number",
		`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":1,"pages":[{"count":1,"media":[]}]}]}]}]}]}]}`:          "not a list",
		`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":1,"pages":[{"count":1,"media":{"name":[]}}]}]}]}]}]}]}`: "must be text",
	} {
		requests = append(requests, request{"import " + shorten(body), "POST", "/api/v1/jobsets", body, 400, message})
	}
	good := name(`[{"name":"new","value":"1"}]`)
	requests = append(requests, []request{
		{"another id", "PUT", entities + "/jobs/JOB/properties", `{"id":OTHER,"properties":[]}`, 500, "is not that of the job in the path"},
		{"no id", "PUT", entities + "/jobs/JOB/properties", `{"properties":[]}`, 500, "no id"},
		{"id null", "PUT", entities + "/jobs/JOB/metadata", `{"id":null,"properties":[]}`, 500, "no id"},
		{"id negative", "PUT", entities + "/jobs/JOB/metadata", `{"id":-JOB,"properties":[]}`, 500, "is not that"},
		{"id huge", "PUT", entities + "/jobs/JOB/metadata", `{"id":99999999999999999999999,"properties":[]}`, 500, "is not that"},
		{"mismatch before existence", "PUT", entities + "/jobs/5/properties", `{"id":6,"properties":[]}`, 500, "is not that"},
		{"malformed before existence", "PUT", entities + "/jobs/5/properties", `{"id":6}`, 400, "missing"},
		{"unknown job", "PUT", entities + "/jobs/5/properties", `{"id":5,"properties":[]}`, 404, "job 5 not found"},
		{"unknown among many", "PUT", entities + "/jobs/properties", `[{"id":JOB,"properties":[{"name":"n","value":"1"}]},{"id":7,"properties":[]}]`, 404, "job 7 not found"},
		{"impossible among many", "PUT", entities + "/jobs/properties", `[{"id":JOB,"properties":[{"name":"n","value":"1"}]},{"id":-7,"properties":[]}]`, 404, "job -7 not found"},
		{"a job set among jobs", "PUT", entities + "/jobs/properties", `[{"id":SET,"properties":[]}]`, 404, "not found"},
		{"unknown job", "GET", entities + "/jobs/5", "", 404, "job 5 not found"},
		{"unknown job's contents", "GET", entities + "/jobs/5/contents", "", 404, "job 5 not found"},
		{"unknown job's metadata", "GET", entities + "/jobs/5/metadata", "", 404, "job 5 not found"},
		{"unknown job set", "GET", entities + "/jobsets/5", "", 404, "job set 5 not found"},
		{"unknown job set", "GET", "/api/v1/jobsets/5", "", 404, "job set 5 not found"},
		{"a job set as a job", "GET", entities + "/jobs/SET/properties", "", 404, "not found"},
		{"a job as a job set", "GET", entities + "/jobsets/JOB", "", 404, "not found"},
		{"id taken", "POST", "/api/v1/jobsets", `{"jobs":[{"id":JOB}]}`, 409, "taken"},
		{"method", "POST", entities + "/jobs/JOB/properties", good, 405, "not allowed"},
		{"method", "DELETE", entities + "/jobs/JOB", "", 405, "not allowed"},
		{"method", "PATCH", "/api/v1/jobsets/SET", good, 405, "not allowed"},
		{"method", "BREW", entities + "/jobs", "", 405, "not allowed"},
		{"GET of many", "GET", entities + "/jobs/properties", "", 405, "PUT"},
		{"PUT of a job", "PUT", entities + "/jobs/JOB", good, 405, "GET, HEAD"},
		{"no such resource", "GET", entities + "/documents/JOB", "", 404, ""},
		{"no such resource", "GET", entities + "/jobsegments/JOB/properties", "", 404, ""},
		{"no such resource", "GET", entities + "/jobs/JOB/contents/x", "", 404, ""},
		{"no such resource", "GET", "/rest/serverengine", "", 404, ""},
		{"no such resource", "GET", "/nothing", "", 404, ""},
		{"double slash", "GET", entities + "//jobs", "", 404, ""},
		{"two slashes at the end", "GET", entities + "/jobs//", "", 404, ""},
		{"dots", "GET", entities + "/jobs/../jobs", "", 404, ""},
		{"encoded dots", "GET", entities + "/jobs/%2e%2e/%2e%2e", "", 404, ""},
		{"encoded slash", "GET", entities + "/jobs/JOB%2Fproperties", "", 404, ""},
		{"case", "GET", entities + "/Jobs/JOB", "", 404, ""},
	}...)
	for _, id := range []string{"0", "-1", "+1", "01", "1.0", "1e3", "9007199254740992", "99999999999999999999", "abc", "1;DROP TABLE entity", "1'--", "%00", "1%20", "%EF%BC%91", "null", strings.Repeat("9", 3000), "%F0%9F%96%A8"} {
		requests = append(requests,
			request{"path id " + shorten(id), "GET", entities + "/jobs/" + strings.ReplaceAll(id, " ", "%20"), "", 404, ""},
			request{"path id " + shorten(id), "PUT", entities + "/jobs/" + strings.ReplaceAll(id, " ", "%20") + "/properties", good, 404, ""})
	}
	for _, test := range requests {
		t.Run(test.name, func(t *testing.T) {
			a := s.do(test.method, fill.Replace(test.path), fill.Replace(test.body))
			a.isError(t, test.status, test.message)
			if test.status == 405 && a.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
			if len(a.body) > 1000 {
				t.Errorf("the error is %d bytes long", len(a.body))
			}
		})
	}
	t.Run("content types", func(t *testing.T) {
		path, body := fill.Replace(entities+"/jobs/OTHER/properties"), fill.Replace(`{"id":OTHER,"properties":[]}`)
		for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "x", "application/json5"} {
			s.do("PUT", path, body, header("Content-Type", media)).isError(t, 415, "application/json")
		}
		s.do("PUT", path, body, header("Content-Encoding", "gzip")).isError(t, 415, "Content-Encoding")
		s.do("POST", "/api/v1/jobsets", `{"jobs":[]}`, header("Content-Type", "text/xml")).isError(t, 415, "application/json")
		for _, media := range []string{"", "application/json", "application/json; charset=utf-8", "Application/JSON", "application/json;x"} {
			set := header("Content-Type", media)
			if media == "" {
				set = func(r *http.Request) { r.Header.Del("Content-Type") }
			}
			if a := s.do("PUT", path, body, set); a.status != 200 {
				t.Errorf("%q: %d %s", media, a.status, a.body)
			}
		}
	})
	if after := export(); after != before {
		t.Errorf("a refusal changed the job set:\n%s\nbefore:\n%s", after, before)
	}
	if sets := s.do("GET", entities+"/jobsets", ""); sets.body != fmt.Sprintf(`{"identifiers":[%d]}`, made.ID) {
		t.Errorf("a refusal left a job set: %s", sets.body)
	}
	if strings.Contains(s.log.String(), `"level":"ERROR"`) {
		t.Errorf("bad input was logged as our error:\n%s", s.log)
	}
}

// many is a list of n names, of which the last repeats another if twice.
func many(n, last int) string {
	var b strings.Builder
	b.WriteString("[")
	for i := range n {
		fmt.Fprintf(&b, `{"name":"n%d","value":""},`, i)
	}
	fmt.Fprintf(&b, `{"name":"n%d","value":""}]`, last-1)
	return b.String()
}

func shorten(s string) string {
	if len(s) > 30 {
		return s[:30]
	}
	return s
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

// TestTooLarge checks that a body over the limit is refused unread.
func TestTooLarge(t *testing.T) { onSQLite(t, testTooLarge) }

func testTooLarge(t *testing.T) {
	long(t)
	s := start(t)
	job := s.importSet(twoJobs).Children[0]
	path := fmt.Sprintf("%s/jobs/%d/properties", entities, job)
	t.Run("announced", func(t *testing.T) {
		a := s.raw(fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nContent-Length: 268435456\r\n\r\n{", path, s.token))
		a.isError(t, 413, "over the limit")
	})
	t.Run("chunked", func(t *testing.T) {
		a := s.raw(fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nTransfer-Encoding: chunked\r\n\r\n200000\r\n%s", path, s.token, strings.Repeat(" ", 1<<20+2)))
		a.isError(t, 413, "over the limit")
	})
	t.Run("at the limit", func(t *testing.T) {
		frame := fmt.Sprintf(`{"id":%d,"properties":[{"name":"a","value":""}]}`, job)
		body := strings.Replace(frame, `""`, `"`+strings.Repeat("x", 1<<20-len(frame))+`"`, 1)
		if a := s.do("PUT", path, body); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
		s.do("PUT", path, body+" ").isError(t, 413, "over the limit")
	})
	t.Run("one value of an import", func(t *testing.T) {
		for _, document := range []string{
			`{"x":"` + strings.Repeat("y", 17<<20) + `","jobs":[]}`,
			`{"x":[` + strings.Repeat(`"yyyyyyyyyyyyyyyyyyyyyyyyyyyyy",`, 1<<20) + `1],"jobs":[]}`,
		} {
			s.do("POST", "/api/v1/jobsets", document).isError(t, 413, "MiB")
		}
	})
}

// raw sends bytes as they are, and reads one answer.
func (s *service) raw(text string) answer {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	go io.WriteString(conn, text) // it may be refused before its end
	return s.readAnswer(conn)
}

func (s *service) readAnswer(conn net.Conn) answer {
	s.t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		s.t.Fatal(err)
	}
	response, err := http.ReadResponse(newReader(conn), nil)
	if err != nil {
		s.t.Fatal("no answer:", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body)}
}

// TestSlowClients has clients that begin and do not end.
func TestSlowClients(t *testing.T) { onSQLite(t, testSlowClients) }

func testSlowClients(t *testing.T) {
	long(t)
	s := start(t, func(c *server.Config, _ *auth.Config) {
		c.Timeouts = server.Timeouts{Header: time.Second, Stall: 2 * time.Second, Idle: time.Minute, Stop: 5 * time.Second}
		c.Limits = admission.Defaults
		c.Limits.Imports = 100
	})
	job := s.importSet(twoJobs).Children[0]
	path := fmt.Sprintf("%s/jobs/%d/properties", entities, job)
	before := s.do("GET", path, "").body
	var slow []net.Conn
	for range 50 {
		for _, text := range []string{
			"GET " + path + " HTTP/1.1\r\nHost: x\r\n",
			fmt.Sprintf("PUT %s HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nContent-Length: 100\r\n\r\n{\"id\":", path, s.token),
			fmt.Sprintf("POST /api/v1/jobsets HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nContent-Length: 100\r\n\r\n{\"jobs\":[", s.token),
		} {
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
			slow = append(slow, conn)
		}
	}
	// Others are served meanwhile, writes too.
	body := fmt.Sprintf(`{"id":%d,"properties":[{"name":"a","value":"b"}]}`, job+1)
	for range 20 {
		if a := s.do("PUT", fmt.Sprintf("%s/jobs/%d/properties", entities, job+1), body); a.status != 200 {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	for _, conn := range slow {
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil && !errors.Is(err, syscall.ECONNRESET) { // what was not read resets it
			t.Fatal("the connection is open still:", err)
		}
		if len(answer) > 0 && !bytes.Contains(answer, []byte(" 408 ")) {
			t.Errorf("got %s", answer)
		}
	}
	if after := s.do("GET", path, "").body; after != before {
		t.Errorf("half a request changed something: %s", after)
	}
	if sets := s.do("GET", entities+"/jobsets", "").body; strings.Contains(sets, ",") {
		t.Errorf("half an import left a job set: %s", sets)
	}
}

// TestCutOffImport breaks off an import at many places.
func TestCutOffImport(t *testing.T) { onEach(t, testCutOffImport) }

func testCutOffImport(t *testing.T) {
	long(t)
	s := start(t)
	var document strings.Builder
	document.WriteString(`{"jobs":[{"segments":[{"documentsets":[{"documents":[`)
	for i := range 20_000 {
		if i > 0 {
			document.WriteByte(',')
		}
		fmt.Fprintf(&document, `{"documentpages":[{"contentitem":%d}]}`, 100_000+i)
	}
	document.WriteString(`]}]}]}]}`)
	whole := document.String()
	for _, part := range []float64{0.001, 0.3, 0.7, 0.9999} {
		conn, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintf(conn, "POST /api/v1/jobsets HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nContent-Length: %d\r\n\r\n%s",
			s.token, len(whole), whole[:int(part*float64(len(whole)))])
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		s.readAnswer(conn).isError(t, 400, "could not be read to its end")
		conn.Close()
	}
	if sets := s.do("GET", entities+"/jobsets", "").body; sets != `{"identifiers":[]}` {
		t.Errorf("a cut-off import left %s", sets)
	}
	made := s.importSet(whole)
	if a := s.do("GET", fmt.Sprintf("%s/jobs/%d/contents", entities, made.Children[0]), ""); strings.Count(a.body, `"item"`) != 20_000 {
		t.Errorf("the whole import has %d items", strings.Count(a.body, `"item"`))
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
	if again := two.do("GET", b.header.Get("Location"), ""); again.body != a.body {
		t.Errorf("the copy differs:\n%s\n%s", again.body, a.body)
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
	if again := three.do("GET", "/api/v1/jobsets/"+made.ID.String(), ""); again.body != a.body {
		t.Errorf("the copy of the sorted document differs:\n%s\n%s", again.body, a.body)
	}
	jobs := slices.Sorted(slices.Values(made.Children))
	if !slices.Equal(jobs, made.Children) {
		t.Errorf("jobs %v are not in order", made.Children)
	}
}
