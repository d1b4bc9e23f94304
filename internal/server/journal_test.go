package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen/internal/apidoc"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/journal"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/server"
)

// withJournal turns the journal on.
func withJournal(c *server.Config, _ *auth.Config) {
	c.Journal = journal.New(journal.Config{Requests: 100, Body: 1000, Bytes: 1 << 20})
}

// A part is what the journal has of one direction.
type part struct {
	Headers       []struct{ Name, Value string }
	Body          string
	BodySize      int
	Whole, Hidden bool
}

// A recorded is a request of the journal.
type recorded struct {
	RequestID, Method, Path, Query, Route, Client, User, Tried, Credentials, Reason string
	Status, TookMicros                                                              int
	Aborted                                                                         bool
	Hints                                                                           []string
	Time                                                                            time.Time
	Request, Answer                                                                 part
}

// fromJSON reads an answer.
func fromJSON[T any](t *testing.T, a answer) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &value); err != nil || a.status != 200 {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return value
}

// recorded returns what the journal has of a request.
func (s *service) recorded(id string) recorded {
	s.t.Helper()
	return fromJSON[recorded](s.t, s.do("GET", native+"/requests/"+id, ""))
}

// TestWhyRefused: the journal says what was sent and why it was refused, and the
// log says why.
func TestWhyRefused(t *testing.T) { onSQLite(t, testWhyRefused) }

func testWhyRefused(t *testing.T) {
	s := start(t, withJournal)
	s.importSet(`{"id":4242421,"jobs":[{"id":4242422}]}`)
	const job = entities + "/jobs/4242422/properties"
	for i, c := range []struct {
		method, path, body string
		status             int
		reason, route      string
		options            []option
	}{
		{"GET", job, "", 200, "", entities + "/jobs/{id}/properties", nil},
		{"PUT", job, `{"id":4242422,"properties":[{"name":"a","value":null}]}`, 400, "at /properties/0", entities + "/jobs/{id}/properties", nil},
		{"PUT", job, `{"id":4242422,"properties":[{"name":"a","value":"b"}`, 400, "malformed JSON", entities + "/jobs/{id}/properties", nil},
		{"PUT", job, "x=y", 415, "application/json", entities + "/jobs/{id}/properties", []option{header("Content-Type", "application/x-www-form-urlencoded")}},
		{"PUT", entities + "/job/4242422/properties", `{"id":4242422,"properties":[]}`, 404, "did you mean PUT " + entities + "/jobs/{id}/properties?", "", nil},
		{"GET", "/jobs/4242422/properties/", "", 404, "did you mean GET " + entities + "/jobs/{id}/properties? What there is stands in", "", nil},
		{"DELETE", entities + "/jobsets/4242421", "", 405, "did you mean POST " + entities + "/jobsets/{id}/delete?", entities + "/jobsets/{id}", nil},
		{"POST", entities + "/jobs/4242422/contents", "", 405, "POST is not allowed here, but GET, HEAD", entities + "/jobs/{id}/contents", nil},
		{"GET", "/quite/another", "", 404, "there is nothing at this path; what", "", nil},
		{"GET", entities + "/jobs/4242499/properties", "", 404, "job 4242499 not found", entities + "/jobs/{id}/properties", nil},
		{"GET", job, "", 401, "credentials are required", entities + "/jobs/{id}/properties", []option{none}},
		{"GET", job, "", 403, "invalid", entities + "/jobs/{id}/properties", []option{header("auth_token", "x.y.z")}},
		{"GET", job, "", 403, "wrong", entities + "/jobs/{id}/properties", []option{none, basic(user, "not the password")}},
		{"GET", "//", "", 404, "nothing", "", nil},
	} {
		id := fmt.Sprint("why-", i)
		a := s.do(c.method, c.path, c.body, append(c.options, header("X-Request-Id", id))...)
		if a.status != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.body)
		}
		got := s.recorded(id)
		if got.Method != c.method || got.Path != c.path || got.Status != c.status || got.Route != c.route || got.RequestID != id || got.Client != "127.0.0.1" ||
			!strings.Contains(got.Reason, c.reason) || (got.Reason == "") != (c.reason == "") || time.Since(got.Time) > time.Minute {
			t.Errorf("%s %s: recorded %+v", c.method, c.path, got)
		}
		if got.Request.Body != c.body || got.Answer.Body != a.body || !got.Answer.Whole || !got.Request.Whole {
			t.Errorf("%s %s: bodies %+v %+v", c.method, c.path, got.Request, got.Answer)
		}
		if letIn := c.status != 401 && c.status != 403; letIn != (got.User == user) {
			t.Errorf("%s %s: user %q", c.method, c.path, got.User)
		}
		line := s.lineOf(id)
		reason, _ := line["reason"].(string)
		if (c.status >= 400) != (reason != "") || !strings.Contains(reason, c.reason) {
			t.Errorf("%s %s: the log says %v", c.method, c.path, line)
		}
	}
	a := s.do("GET", job+"?recusrive=true&x=1", "", header("X-Request-Id", "ignored"))
	if got := s.recorded("ignored"); a.status != 200 || len(got.Hints) != 2 || !strings.Contains(got.Hints[0], `"recusrive"`) {
		t.Errorf("ignored: %+v", got)
	}
	head := s.do("HEAD", job, "", header("X-Request-Id", "head"))
	if got := s.recorded("head"); head.status != 200 || got.Answer.Body != "" || got.Answer.BodySize != 0 {
		t.Errorf("HEAD: %+v", got)
	}
}

// lineOf returns the line of a request in the log.
func (s *service) lineOf(id string) map[string]any {
	s.t.Helper()
	s.logged(id) // waits for it
	for _, entry := range s.entries("request") {
		if entry["request"] == id {
			return entry
		}
	}
	return nil
}

// TestBytesThatAreNoText sends bytes that are no UTF-8 wherever they can stand. Answers
// name them, and so do the journal and the audit trail; do checks that all are UTF-8.
func TestBytesThatAreNoText(t *testing.T) { onSQLite(t, testBytesThatAreNoText) }

func testBytesThatAreNoText(t *testing.T) {
	s := start(t, withJournal)
	for _, c := range []struct {
		path, parameter string
		status          int
	}{
		{entities + "/jobs/%FF/properties", "\uFFFD", 404},
		{native + "/entities/" + strings.Repeat("a", 63) + "%C3%A9", strings.Repeat("a", 63) + "\uFFFD…", 404},
		{entities + "/contentsets?type=%FF", "\uFFFD", 400},
		{entities + "/datarecords/values?id=%FF", "\uFFFD", 404},
	} {
		a := s.do("GET", c.path, "", header("X-Request-Id", "bytes"), header("X-Sent", "caf\xe9"))
		var sent struct{ Error struct{ Parameter string } }
		a.decoded(t, c.status, &sent)
		if sent.Error.Parameter != c.parameter {
			t.Errorf("%s: the parameter is %q", c.path, sent.Error.Parameter)
		}
		s.recorded("bytes")
	}
	s.do("GET", native+"/me", "", none, basic("a\xff", "a wrong guess")).isError(t, 403, "wrong")
	s.audited("audit.refusal", map[string]string{"tried": "a\uFFFD"})
	s.do("GET", native+"/requests", "")
}

// TestNoValueInLog: the log has the reasons of refusals, but no values.
func TestNoValueInLog(t *testing.T) { onSQLite(t, testNoValueInLog) }

func testNoValueInLog(t *testing.T) {
	s := start(t)
	s.chain()
	s.importSet(`{"id":9300,"jobs":[]}`)
	s.do("POST", native+"/datasets", `{"id":9000,"columns":[{"name":"amount","type":"CURRENCY"}],"records":[{"id":9001,"fields":[{"name":"amount","value":"SECRETVALUE"}]}]}`)
	rule := func(rest string) string {
		return `{"entity":"JOBS","search":{"ruleType":"RULESET","condition":"ALL","rules":[{` + rest + `}]}}`
	}
	for i, c := range []struct{ method, path, body string }{
		{"PUT", entities + "/find", rule(`"ruleType":"PROPERTY","property":"a","condition":"IN","value":{"type":"FIELD","value":"SECRETVALUE"}`)},
		{"PUT", entities + "/find", rule(`"ruleType":"PROPERTY","property":5,"condition":"EQ","value":"SECRETVALUE"`)},
		{"PUT", entities + "/find", rule(`"ruleType":"PROPERTY","property":"a","condition":"SOMEHOW","value":"SECRETVALUE"`)},
		{"PUT", entities + "/find", rule(`"ruleType":"PAGE_COUNT","condition":"EQ","value":"SECRETVALUE"`)},
		{"PUT", entities + "/find", `{"entity":"JOBS","search":{"ruleType":"PAGES","condition":"EQ","pages":"SECRETVALUE"}}`},
		{"PUT", entities + "/jobs/1/properties", `{"id":1,"properties":[{"name":"a","value":SECRETVALUE}]}`},
		{"PUT", entities + "/jobs/1/properties", `{"id":1,"properties":[{"name":"a","value":"SECRETVALUE"},{"name":"a","value":"SECRETVALUE"}]}`},
		{"PUT", entities + "/jobs/1/properties", `{"id":1,"properties":[{"name":"a","value":["SECRETVALUE"]}]}`},
		{"PUT", entities + "/jobs/1/properties", `{"id":1,"properties":"SECRETVALUE"}`},
		{"PUT", entities + "/jobs/1/properties", `{"id":1,"properties":[{"name":"a","value":"\ud800SECRET"}]}`},
		{"PUT", entities + "/datarecords/5001/values", `{"id":5001,"fields":[{"name":"a","value":{"x":"SECRETVALUE"}}]}`},
	} {
		id := fmt.Sprint("value-", i)
		a := s.do(c.method, c.path, c.body, header("X-Request-Id", id))
		if a.status/100 != 4 {
			t.Errorf("%s: %d %s", c.body, a.status, a.body)
			continue
		}
		if reason, _ := s.lineOf(id)["reason"].(string); reason == "" {
			t.Errorf("%s: no reason in the log", c.body)
		}
	}
	if log := s.log.String(); strings.Contains(log, "SECRET") {
		t.Errorf("a value is in the log: %s", log)
	}
}

// TestJournal lists, counts, pages and removes requests.
func TestJournal(t *testing.T) { onSQLite(t, testJournal) }

func testJournal(t *testing.T) {
	s := start(t, withJournal)
	type page struct {
		Requests      []recorded
		NextPageToken string
	}
	count := func(query string) int {
		t.Helper()
		return fromJSON[struct{ Count int }](t, s.do("GET", native+"/requests/count?"+query, "")).Count
	}
	removed := func(path string) int {
		t.Helper()
		return fromJSON[struct{ Deleted int }](t, s.do("DELETE", native+"/requests"+path, "")).Deleted
	}
	if got := removed("?path=/rest/serverengine/authentication/login"); got != 1 {
		t.Errorf("%d logins were removed", got)
	}
	s.do("GET", "/healthz", "")
	s.do("GET", "/metrics", "")
	s.do("POST", native+"/requests", "x").isError(t, 405, "GET")
	if got := count(""); got != 0 {
		t.Errorf("%d requests after only such as do not count", got)
	}
	for i := range 130 {
		s.do("GET", fmt.Sprintf("%s/jobs/%d/properties", entities, i+1), "", header("X-Request-Id", fmt.Sprint("r", i)))
	}
	var ids []string
	for query := "pageSize=30"; ; {
		got := fromJSON[page](t, s.do("GET", native+"/requests?"+query, ""))
		for _, r := range got.Requests {
			ids = append(ids, r.RequestID)
		}
		if got.NextPageToken == "" {
			break
		}
		query = "pageSize=30&pageToken=" + got.NextPageToken
		s.do("GET", native+"/requests?status=4xx&pageToken="+got.NextPageToken, "").isError(t, 400, "another query")
	}
	if len(ids) != 100 || ids[0] != "r129" || ids[99] != "r30" || !slices.IsSortedFunc(ids[:30], func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("%d requests: %v", len(ids), ids)
	}
	for query, want := range map[string]int{
		"": 100, "status=404": 100, "status=4xx&method=get&user=" + user: 100, "status=2xx": 0, "reason=Job+100+NOT": 1, "requestId=r30": 1, "requestId=r3": 0,
		"path=*/jobs/4*/properties": 10, "route=" + url.QueryEscape(entities+"/jobs/{id}/properties"): 100, "since=2100-01-01T00:00:00Z": 0, "since=2000-01-01T00:00:00Z": 100,
	} {
		if got := count(query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	if got := removed("?reason=job+100+not"); got != 1 || count("") != 99 {
		t.Errorf("%d were removed by a filter", got)
	}
	if got := removed("/r129"); got != 1 || count("") != 98 {
		t.Errorf("%d were removed by id", got)
	}
	s.do("GET", native+"/requests/r129", "").isError(t, 404, `no request "r129"`)
	s.do("DELETE", native+"/requests/r129", "").isError(t, 404, `no request "r129"`)
	if got := removed(""); got != 98 || count("") != 0 {
		t.Errorf("%d were removed in all", got)
	}
	for query, says := range map[string]string{
		"?status=4": "neither a status", "?status=9xx": "neither", "?since=now": "is not a time", "?pageToken=x": "not one that", "?stauts=404": `no query parameter "stauts"`, "?path=": "path is empty",
		"/count?wait=1h": "25s", "/count?wait=x": "25s", "/count?wait=": "25s", "/count?atLeast=-1": "from 0 up", "/count?atLeast=": "from 0 up", "?method=GET&method=PUT": "more than once", "/x/curl?a=1": `no query parameter "a"`,
	} {
		s.do("GET", native+"/requests"+query, "").isError(t, 400, says)
	}
	waited := make(chan answer)
	go func() { waited <- s.do("GET", native+"/requests/count?wait=20s&atLeast=2&status=404", "") }()
	for range 2 {
		s.do("GET", entities+"/jobs/1/properties", "")
	}
	if a := <-waited; a.body != `{"count":2}` {
		t.Errorf("waited: %v", a)
	}
	s.wants("GET", native+"/requests/count?wait=10ms&atLeast=3", "", `{"count":2}`)

	off := start(t)
	for _, c := range []struct{ method, path string }{{"GET", ""}, {"DELETE", ""}, {"GET", "/count"}, {"GET", "/x"}, {"DELETE", "/x"}, {"GET", "/x/curl"}} {
		off.do(c.method, native+"/requests"+c.path, "").isError(t, 409, "--journal 1000")
	}
}

// TestJournalSecrets: neither a token nor a password is in the journal.
func TestJournalSecrets(t *testing.T) { onSQLite(t, testJournalSecrets) }

func testJournalSecrets(t *testing.T) {
	s := start(t, withJournal) // has logged in
	s.do("GET", entities+"/jobs/1/properties?auth_token="+s.token, "")
	s.do("PUT", entities+"/jobs/1/properties", `{"id":1,"properties":[{"name":"a","value":"`+s.token+`"}]}`)
	s.do("GET", entities+"/jobs/1/properties", "", none, header("auth-token", s.token))
	s.do("GET", entities+"/jobs/1/"+s.token, "")
	s.do("POST", login, `{"user":"`+user+`","password":"`+password+`"}`, none)
	s.do("POST", login, "", none, basic(user, password))
	var all strings.Builder
	list := s.do("GET", native+"/requests", "").body
	all.WriteString(list)
	for _, r := range fromJSON[struct{ Requests []recorded }](t, answer{status: 200, body: list}).Requests {
		for _, path := range []string{"", "/curl"} {
			all.WriteString(s.do("GET", native+"/requests/"+r.RequestID+path, "").body)
		}
	}
	if text := all.String(); strings.Contains(text, s.token) || strings.Contains(text, password) || strings.Contains(text, url.QueryEscape(password)) || strings.Count(text, "(hidden)") < 5 {
		t.Errorf("the journal has a credential: %s", text)
	}
}

// TestJournalLarge: of large bodies only the beginning is kept.
func TestJournalLarge(t *testing.T) { onSQLite(t, testJournalLarge) }

func testJournalLarge(t *testing.T) {
	s := start(t, withJournal)
	body := `{"id":4242421,"jobs":[{"id":4242422,"properties":[{"name":"a","value":"` + strings.Repeat("ü", 100_000) + `"}]}]}`
	a := s.do("POST", native+"/jobsets", body, header("X-Request-Id", "import"))
	if got := s.recorded("import"); a.status != 201 || got.Request.BodySize != len(body) || got.Request.Whole || len(got.Request.Body) > 1000 {
		t.Errorf("import: %d, %d of %d bytes", a.status, len(got.Request.Body), got.Request.BodySize)
	}
	a = s.do("GET", native+"/jobsets/4242421", "", header("X-Request-Id", "export"))
	s.do("GET", native+"/requests/count?wait=20s&requestId=export", "")
	if got := s.recorded("export"); got.Answer.BodySize != len(a.body) || got.Answer.Whole {
		t.Errorf("export: %d of %d bytes", len(got.Answer.Body), got.Answer.BodySize)
	}
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 20 {
				s.do("PUT", fmt.Sprintf("%s/jobs/%d/properties", entities, i+1), body)
			}
		})
	}
	group.Wait()
	list := fromJSON[struct{ Requests []recorded }](t, s.do("GET", native+"/requests?pageSize=1000", ""))
	if len(list.Requests) != 100 {
		t.Errorf("%d requests", len(list.Requests))
	}
}

// TestCurl runs the command lines of requests, which are answered as the requests
// were.
func TestCurl(t *testing.T) { onSQLite(t, testCurl) }

func testCurl(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not here: apt-get install curl")
	}
	s := start(t, withJournal)
	s.importSet(`{"id":4242421,"jobs":[{"id":4242422}]}`)
	const job = entities + "/jobs/4242422/properties"
	update := func(value string) string {
		text, _ := json.Marshal(value)
		return `{"id":4242422,"properties":[{"name":"a","value":` + string(text) + `}]}`
	}
	for i, c := range []struct {
		method, path, body string
		options            []option
	}{
		{"GET", job, "", nil},
		{"GET", job, "", []option{none}},
		{"GET", job, "", []option{none, basic(user, password)}},
		{"GET", job + "?x=[1-3]{a,b}&y=$HOME`id`", "", nil},
		{"GET", entities + "/jobs/x%20y%27z/properties", "", nil},
		{"GET", entities + "/jobs/../jobs", "", nil},
		{"GET", entities + "/jobsets", "", []option{header("Accept", "text/plain")}},
		{"HEAD", job, "", nil},
		{"OPTIONS", job, "", nil},
		{"DELETE", job, "", nil},
		{"PUT", job, update("plain"), nil},
		{"PUT", job, update(`'; echo "$HOME" \ %s $(id) ` + "`id`\n@\x01é"), nil},
		{"PUT", job, update("lines\r\n") + "\r\n", nil},
		{"PUT", job, update("x"), []option{header("Content-Type", "text/xml")}},
		{"PUT", job, update("no type"), []option{func(r *http.Request) { r.Header.Del("Content-Type") }}},
		{"PUT", job, "@/etc/hosts", nil},
		{"PUT", job, "{\"\x00\xff%s\\\"", nil},
		{"PUT", job, update("page"), []option{header("Origin", "https://elsewhere.example"), header("Sec-Fetch-Site", "cross-site")}},
		{"POST", login, "", []option{none, basic(user, password)}},
		{"GET", job, "", []option{none, basic(user, password), func(r *http.Request) { r.Host = "elsewhere.example" }}},
	} {
		id := fmt.Sprint("curl-", i)
		want := s.do(c.method, c.path, c.body, append(c.options, header("X-Request-Id", id))...)
		line := s.do("GET", native+"/requests/"+id+"/curl", "").body
		if strings.Contains(line, "not known") {
			t.Errorf("something is missing: %s", line)
		}
		// Anybody can send another host, to which the password must not go.
		if !strings.Contains(line, " '"+s.url+"/") || strings.Contains(line, "//elsewhere.example/") {
			t.Errorf("the line is for another server: %s", line)
		}
		cmd := exec.Command("sh", "-c", strings.Replace(line, "curl -sS", "curl -sS -q -o /dev/null -w '%{http_code}'", 1))
		cmd.Env = append(os.Environ(), olrest.PasswordVariable+"="+password)
		var errors bytes.Buffer
		cmd.Stderr = &errors
		out, err := cmd.Output()
		if err != nil || string(out) != fmt.Sprint(want.status) {
			t.Errorf("%s: %v, %s, %s want %d", line, err, out, errors.String(), want.status)
		}
	}
	s.wants("GET", job, "", `[{"name":"a","value":"no type"}]`)
}

// TestFollow follows requests as they end, and goes on after the last one seen.
func TestFollow(t *testing.T) { onSQLite(t, testFollow) }

func testFollow(t *testing.T) {
	s := start(t, withJournal)
	follow := func(query, after string) *follower { return s.stream(native+"/requests"+query, after) }
	next := func(f *follower) (id string, got recorded) {
		t.Helper()
		for {
			line, err := f.body.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			line = strings.TrimSuffix(line, "\n")
			if text, ok := strings.CutPrefix(line, "id: "); ok {
				id = text
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				if err := json.Unmarshal([]byte(data), &got); err != nil {
					t.Fatal(err)
				}
				return id, got
			}
		}
	}
	// A connection that breaks before the first request.
	none := follow("?status=404", "")
	line, err := none.body.ReadString('\n')
	begun, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "id: ")
	if err != nil || !ok {
		t.Fatalf("the stream begins with %q, %v", line, err)
	}
	none.cancel()
	s.do("GET", entities+"/jobs/4/properties", "")
	resumed := follow("?status=404", begun)
	if _, got := next(resumed); got.Path != entities+"/jobs/4/properties" {
		t.Errorf("after the beginning: %+v", got)
	}
	resumed.cancel()
	live := follow("?status=404", "")
	s.do("GET", entities+"/jobs", "")
	s.do("GET", entities+"/jobs/5/properties", "")
	id, got := next(live)
	if got.Status != 404 || got.Path != entities+"/jobs/5/properties" || got.Reason != "job 5 not found" {
		t.Errorf("live: %+v", got)
	}
	live.cancel()
	s.do("GET", entities+"/jobs/6/properties", "")
	again := follow("?status=404", id)
	if _, got := next(again); got.Path != entities+"/jobs/6/properties" {
		t.Errorf("after %s: %+v", id, got)
	}
	again.cancel()
	for i := range 120 {
		s.do("GET", fmt.Sprintf("%s/jobs/%d/properties", entities, i+1), "")
	}
	lost := follow("", id)
	_, _ = lost.body.ReadString('\n')
	if text, _ := lost.body.Peek(len("\nevent: lost")); string(text) != "\nevent: lost" {
		t.Errorf("it does not say what was lost: %q", text)
	}
	lost.cancel()
	stream := header("Accept", "text/event-stream")
	s.do("GET", native+"/requests", "", stream, header("Last-Event-ID", "x")).isError(t, 400, "Last-Event-ID")
	if a := s.do("HEAD", native+"/requests", "", stream); a.status != 200 || a.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD of a stream: %d %v", a.status, a.header)
	}
}

// TestFollowStops: a stream of requests ends with the server, at once.
func TestFollowStops(t *testing.T) { onSQLite(t, testFollowStops) }

func testFollowStops(t *testing.T) {
	var kept *journal.Journal
	s := start(t, withJournal, func(c *server.Config, _ *auth.Config) { kept = c.Journal })
	r, err := http.NewRequest("GET", s.url+native+"/requests", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("auth_token", s.token)
	r.Header.Set("Accept", "text/event-stream")
	response, err := s.transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	kept.Close() // as Serve does first when it stops
	if _, err := io.ReadAll(response.Body); err != nil {
		t.Error("the stream was cut off:", err)
	}
}

// TestQueryParameters compares what routes of the dialect say they know with the
// API document.
func TestQueryParameters(t *testing.T) {
	t.Parallel()
	document, err := openapi3.NewLoader().LoadFromData(apidoc.Document("0.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range olrest.Routes() {
		if route.Native() {
			continue
		}
		var described []string
		for _, parameter := range document.Paths.Value(route.Path).GetOperation(route.Method).Parameters {
			if parameter.Value.In == "query" {
				described = append(described, parameter.Value.Name)
			}
		}
		known := slices.Clone(route.QueryParameters())
		slices.Sort(described)
		slices.Sort(known)
		if d := cmp.Diff(described, known); d != "" {
			t.Errorf("%s %s: %s", route.Method, route.Path, d)
		}
	}
}

// TestJournalOfTooLarge checks that a client that still sends its body gets the
// answer that it is too large, and not a broken connection.
func TestJournalOfTooLarge(t *testing.T) { onSQLite(t, testJournalOfTooLarge) }

func testJournalOfTooLarge(t *testing.T) {
	s := start(t, withJournal)
	body := strings.Repeat("x", 4<<20)
	for range 40 {
		s.do("PUT", entities+"/jobs/1/properties", body).isError(t, 413, "over the limit")
	}
}
