package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/sandbox"
)

// twoJobs is a sandbox with the job set 1000, whose jobs are 1001 and 1002.
func twoJobs(t *testing.T) *fixture {
	return open(t, sandbox.Config{Data: sandbox.Documents(jobSet(2))})
}

const (
	job        = entities + "/jobs/1002"
	properties = job + "/properties"
	aList      = `{"id":1002,"properties":[{"name":"status","value":"printed"}]}`
)

// faults replaces the faults.
func (f *fixture) faults(list string) {
	f.t.Helper()
	f.must(200, "PUT", control+"/faults", `{"faults":[`+list+`]}`)
}

// hits returns how often a fault has acted.
func (f *fixture) hits(name string) (hits int) {
	f.t.Helper()
	var got struct{ Hits int }
	if err := json.Unmarshal([]byte(f.must(200, "GET", control+"/faults/"+name, "")), &got); err != nil {
		f.t.Fatal(err)
	}
	return got.Hits
}

// statuses returns the statuses of so many requests, one digit each.
func (f *fixture) statuses(times int, path string) (seen string) {
	for range times {
		status, _ := f.call("GET", path, "")
		seen += fmt.Sprint(status / 100)
	}
	return seen
}

// TestWhichRequests checks by which requests faults are met.
func TestWhichRequests(t *testing.T) {
	f := twoJobs(t)
	route := `"route":"/rest/serverengine/entity/jobs/{id}/properties"`
	for _, test := range []struct{ fault, path, want string }{
		{`{"status":503}`, properties, "555555555555"},
		{`{"status":503,"methods":["put"]}`, properties, "222222222222"},
		{`{"status":503,"from":3,"to":4,` + route + `}`, properties, "225522222222"},
		{`{"status":503,"every":3}`, properties, "522522522522"},
		{`{"status":503,"from":2,"every":4,"to":8}`, properties, "252225222222"},
		{`{"status":503,` + route + `}`, job, "222222222222"},
		{`{"status":503,"path":"*/1003/*"}`, properties, "222222222222"},
		{`{"status":503,"path":"*/1002/*"}`, properties, "555555555555"},
		{`{"status":503,"user":"somebody"}`, properties, "222222222222"},
		{`{"status":503,"user":"ol-admin","probability":0.5,"seed":7}`, properties, ""},
		{`{"status":503,"to":2},{"status":404,"to":2}`, properties, "554422222222"}, // the second counts what reaches it
	} {
		f.faults(test.fault)
		got := f.statuses(12, test.path)
		if test.want == "" { // the same each time
			f.faults(test.fault)
			test.want = f.statuses(12, test.path)
			if !strings.Contains(got, "2") || !strings.Contains(got, "5") {
				t.Errorf("%s: %s", test.fault, got)
			}
		}
		if got != test.want {
			t.Errorf("%s: %s, want %s", test.fault, got, test.want)
		}
	}
	// What belongs to the sandbox, the journal and the probes is never concerned.
	f.faults(`{"status":503}`)
	f.must(200, "GET", "/healthz", "")
	f.must(200, "GET", "/api/v1/requests", "")
	f.must(204, "DELETE", control+"/faults", "")
	f.must(200, "GET", properties, "")
}

// TestWhatFaultsDo checks what each kind of fault does, that the journal names it,
// and that it is counted.
func TestWhatFaultsDo(t *testing.T) {
	f := twoJobs(t)
	token := f.must(200, "POST", "/rest/serverengine/authentication/login", "")
	withToken := func(r *http.Request) {
		r.Header.Del("Authorization")
		r.Header["auth_token"] = []string{token}
	}
	whole := f.must(200, "GET", properties, "")
	slow := func(least time.Duration, do func()) {
		t.Helper()
		began := time.Now()
		do()
		if took := time.Since(began); took < least {
			t.Errorf("it took %v, want %v", took, least)
		}
	}
	for name, test := range map[string]struct {
		fault string
		do    func()
	}{
		"status": {`"status":418,"body":{"tea":true},"headers":{"X-Tea":"green"}`, func() {
			if body := f.must(418, "GET", properties, ""); body != `{"tea":true}` {
				t.Error(body)
			}
		}},
		"no-body": {`"status":500,"body":""`, func() {
			f.answers(500, "", "")
		}},
		"no-body-of-a-type": {`"status":500,"body":"","headers":{"Content-Type":"text/html"}`, func() {
			f.answers(500, "text/html", "")
		}},
		"an-error": {`"status":500`, func() {
			f.answers(500, "application/json", `"message":"the fault `)
		}},
		"an-error-of-a-type": {`"status":500,"headers":{"Content-Type":"text/html"}`, func() {
			f.answers(500, "text/html", `"message":"the fault `)
		}},
		"throttled": {`"retryAfter":"90s"`, func() {
			r, err := http.NewRequest("GET", f.URL()+properties, nil)
			if err != nil {
				t.Fatal(err)
			}
			withToken(r)
			answer, err := f.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != 429 || answer.Header.Get("Retry-After") != "90" {
				t.Error(answer.Status, answer.Header)
			}
		}},
		"latency":   {`"latency":"60ms"`, func() { slow(60*time.Millisecond, func() { f.must(200, "GET", properties, "") }) }},
		"bandwidth": {`"bandwidth":400`, func() { slow(60*time.Millisecond, func() { f.must(200, "GET", properties, "") }) }},
		"cut": {`"cutAfter":10`, func() {
			status, body := f.call("GET", properties, "")
			if status != 200 || body != "unexpected EOF" {
				t.Error(status, body, whole)
			}
		}},
		"cut-write": {`"cutAfter":0,"methods":["PUT"]`, func() { // done, but the client can not know
			if status, body := f.call("PUT", properties, aList); status != 200 || body != "unexpected EOF" {
				t.Error(status, body)
			}
			if now := f.must(200, "GET", properties, ""); !strings.Contains(now, "printed") {
				t.Error(now)
			}
		}},
		"expired": {`"expireToken":true,"to":1`, func() {
			f.must(200, "GET", properties, "") // without a token
			f.must(401, "GET", properties, "", withToken)
			f.must(200, "GET", properties, "", withToken)
		}},
		"silent": {`"noAnswer":true`, f.silent},
		"operation-fails": {`"operationError":"out of paper"`, func() {
			f.must(200, "GET", properties, "") // begins none
			if text := f.operation(); !strings.Contains(text, "out of paper") {
				t.Error(text)
			}
		}},
		"operation-slow": {`"operationDelay":"80ms"`, func() {
			slow(80*time.Millisecond, func() {
				if text := f.operation(); !strings.Contains(text, `"state":"done"`) {
					t.Error(text)
				}
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			f.faults(`{"name":"` + name + `",` + test.fault + `}`)
			test.do()
			if got := f.hits(name); got != 1 {
				t.Error(got, "hits")
			}
			if found := f.must(200, "GET", "/api/v1/requests/count?wait=5s&fault="+name, ""); found != `{"count":1}` {
				t.Error("journal:", found)
			}
		})
	}
}

// silent checks that a request gets no answer until the faults are gone.
func (f *fixture) silent() {
	f.t.Helper()
	transport := &http.Transport{} // on a connection that had been used, it would send the request again
	defer transport.CloseIdleConnections()
	g := &fixture{f.Sandbox, f.t, &http.Client{Transport: transport}}
	ended := make(chan int, 1)
	go func() {
		status, _ := g.call("GET", properties, "")
		ended <- status
	}()
	for f.hits("silent") == 0 {
		time.Sleep(time.Millisecond)
	}
	select {
	case <-ended:
		f.t.Error("it was answered")
	case <-time.After(50 * time.Millisecond):
	}
	f.Faults().Release()
	if status := <-ended; status != 0 {
		f.t.Error(status)
	}
}

// answers checks status, content type and a part of the body, "" for an empty one.
func (f *fixture) answers(status int, media, part string) {
	f.t.Helper()
	r, err := http.NewRequest("GET", f.URL()+properties, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	r.SetBasicAuth("ol-admin", sandbox.DefaultPassword)
	answer, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status || answer.Header.Get("Content-Type") != media || !strings.Contains(string(body), part) || part == "" && len(body) > 0 {
		f.t.Errorf("%s %v %s: %v", answer.Status, answer.Header, body, err)
	}
}

// operation updates a job in an operation, and returns what that has come to.
func (f *fixture) operation() string {
	f.t.Helper()
	var begun struct{ ID string }
	text := f.must(202, "POST", "/api/v1/updates", `{"kind":"job","filter":"properties.status = \"new\" OR properties.status = \"printed\"","set":[{"name":"properties.a","value":"b"}],"inParts":true}`)
	if err := json.Unmarshal([]byte(text), &begun); err != nil {
		f.t.Fatal(err, text)
	}
	for {
		now := f.must(200, "GET", "/api/v1/operations/"+begun.ID, "")
		if !strings.Contains(now, `"state":"running"`) {
			return now
		}
		time.Sleep(time.Millisecond)
	}
}

// TestBadFaults checks that what can not be meant is refused, and changes nothing.
func TestBadFaults(t *testing.T) {
	f := twoJobs(t)
	f.faults(`{"name":"stays","status":503,"from":99}`)
	for body, want := range map[string]string{
		`{}`:                                "does nothing",
		`{"status":503,"stauts":1}`:         "no key",
		`{"status":99}`:                     "200 or more",
		`{"status":600}`:                    "from 200 to 599",
		`{"status":503,"noAnswer":true}`:    "only one of",
		`{"noAnswer":true,"cutAfter":0}`:    "nothing to cut",
		`{"latency":"1"}`:                   "must be a time",
		`{"latency":"11m"}`:                 "must be a time",
		`{"latency":"1s","body":"x"}`:       "give one",
		`{"status":503,"methods":["GRAB"]}`: "no method",
		`{"status":503,"route":"/rest/serverengine/entity/job/{id}/properties"}`: "did you mean",
		`{"status":503,"from":3,"to":2}`:                                         "before",
		`{"status":503,"every":0}`:                                               "1 or more",
		`{"status":503,"probability":1.5}`:                                       "up to 1",
		`{"status":503,"headers":{"a b":"c"}}`:                                   "can not be sent",
		`{"status":503,"name":"a b"}`:                                            "the name of a fault",
	} {
		if got := f.must(400, "POST", control+"/faults", body); !strings.Contains(got, want) {
			t.Errorf("%s: %s", body, got)
		}
		f.must(400, "PUT", control+"/faults", `{"faults":[`+body+`]}`)
	}
	f.must(409, "POST", control+"/faults", `{"name":"stays","status":503}`)
	f.must(404, "GET", control+"/faults/none", "")
	f.must(404, "DELETE", control+"/faults/none", "")
	if got := f.must(200, "GET", control+"/faults", ""); !strings.Contains(got, `"name":"stays"`) || strings.Count(got, `"name"`) != 1 {
		t.Error(got)
	}
	for _, bad := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/reset", `{"snapshot":"none"}`, 404}, {"POST", "/reset", `{"keep":["all"]}`, 400}, {"POST", "/reset?x=1", ``, 400},
		{"PUT", "/snapshots/a%20b", ``, 400}, {"DELETE", "/snapshots/none", ``, 404}, {"PUT", "/clock", `{}`, 400},
		{"PUT", "/clock", `{"time":"2026-01-01T00:00:00Z","advance":"1s"}`, 400}, {"PUT", "/clock", `{"time":"0001-01-01T00:00:00Z"}`, 400},
		{"POST", "/instances", `{"name":""}`, 400}, {"POST", "/instances", `{"name":"default"}`, 409}, {"POST", "/instances", `{"name":"x","data":"/etc/passwd"}`, 400},
		{"DELETE", "/instances/none", ``, 404}, {"DELETE", "/instances/default", ``, 409},
	} {
		f.must(bad.status, bad.method, control+bad.path, bad.body)
	}
	for path, body := range map[string]string{"/faults": `{"name":"stays","status":503}`, "/instances": `{"name":"default"}`} {
		if got := f.must(409, "POST", control+path, body); strings.Contains(got, `"parameter":""`) {
			t.Error(got)
		}
	}
	f.must(204, "PUT", control+"/snapshots/mine", "")
	none := `there is no snapshot \"none\": there `
	if got := f.must(404, "DELETE", control+"/snapshots/none", ""); !strings.Contains(got, none+"are the start, which has no name, mine") {
		t.Error(got)
	}
	f.must(204, "DELETE", control+"/snapshots/mine", "")
	if got := f.must(404, "DELETE", control+"/snapshots/none", ""); !strings.Contains(got, none+`is only the start, which has no name"`) {
		t.Error(got)
	}
}

// TestClientSurvives lets the Go client work through a list of faults.
func TestClientSurvives(t *testing.T) {
	f := twoJobs(t)
	f.faults(`{"name":"expired","expireToken":true,"to":1},{"name":"busy","methods":["GET"],"status":503,"retryAfter":"1s","to":1},{"name":"slow","latency":"10ms"}`)
	c, err := client.New(f.URL(), "ol-admin", sandbox.DefaultPassword)
	if err != nil {
		t.Fatal(err)
	}
	c.HTTP, c.RetryFor = f.client, 10*time.Second
	ref := platen.Ref{Kind: platen.Job, ID: 1002}
	if err := c.Replace(t.Context(), ref.Kind, platen.Properties, platen.Update{ID: ref.ID, Pairs: []platen.NameValue{{Name: "status", Value: "done"}}}); err != nil {
		t.Fatal(err)
	}
	list, err := c.List(t.Context(), ref, platen.Properties)
	if err != nil || len(list) != 1 || list[0].Value != "done" {
		t.Fatal(list, err)
	}
	for name, want := range map[string]int{"expired": 1, "busy": 1} {
		if got := f.hits(name); got != want {
			t.Error(name, got)
		}
	}
	if f.hits("slow") < 2 {
		t.Error("slow", f.hits("slow"))
	}
}

// TestClock checks what obeys the clock: times, tokens, retention, operations.
func TestClock(t *testing.T) {
	f := twoJobs(t)
	token := f.must(200, "POST", "/rest/serverengine/authentication/login", "")
	withToken := func(r *http.Request) {
		r.Header.Del("Authorization")
		r.Header["auth_token"] = []string{token}
	}
	at := func(what string) {
		t.Helper()
		f.must(200, "PUT", properties, aList)
		if got := f.must(200, "GET", "/api/v1/entities/1002", ""); !strings.Contains(got, `"createTime":"2026-01-01T12:00:00.000000Z"`) || !strings.Contains(got, `"updateTime":"`+what+`.000000Z"`) {
			t.Errorf("%s: %s", what, got)
		}
		if got := f.must(200, "GET", "/api/v1/entities/1002/history", ""); !strings.Contains(got, what) {
			t.Errorf("%s: %s", what, got)
		}
	}
	at("2026-01-01T12:00:00")
	f.must(200, "GET", job, "", withToken)
	f.must(200, "PUT", control+"/clock", `{"advance":"59m"}`)
	f.must(200, "GET", job, "", withToken)
	f.must(200, "PUT", properties, `{"id":1002,"properties":[]}`)
	at("2026-01-01T12:59:00")
	operation := f.operation()
	if !strings.Contains(operation, `"endTime":"2026-01-01T12:59:00`) {
		t.Error(operation)
	}
	f.must(200, "PUT", control+"/clock", `{"time":"2026-01-01T13:00:00Z"}`)
	if got := f.must(401, "GET", job, "", withToken); !strings.Contains(got, "expired") {
		t.Error(got)
	}
	// Retention deletes, the clean-up removes, operations are forgotten: by the
	// answer it is done.
	f.must(204, "PUT", control+"/snapshots/before", "")
	f.must(201, "POST", "/api/v1/retention", `{"name":"old","kind":"jobset","days":30,"enabled":true}`)
	f.must(200, "PUT", control+"/clock", `{"advance":"696h"}`) // 29 days
	f.must(200, "GET", entities+"/jobsets/1000", "")
	f.must(200, "PUT", control+"/clock", `{"advance":"24h"}`)
	f.must(404, "GET", entities+"/jobsets/1000", "")
	if got := f.must(200, "GET", "/api/v1/deleted", ""); !strings.Contains(got, `"id":1000`) {
		t.Error(got)
	}
	f.must(200, "PUT", control+"/clock", `{"advance":"25h"}`)
	if got := f.must(200, "GET", "/api/v1/deleted", ""); strings.Contains(got, `"id":1000`) {
		t.Error(got)
	}
	// History is kept for thirty days.
	if got := f.must(200, "GET", "/api/v1/events?after=0", ""); strings.Contains(got, "2026-01-01") {
		t.Error(got)
	}
	// A snapshot has its clock. Faults and journal stay if they are to.
	f.faults(`{"name":"never","status":503,"from":1000}`)
	if got := f.must(200, "POST", control+"/reset", `{"snapshot":"before","keep":["faults","journal"]}`); !strings.Contains(got, `"time":"2026-01-01T13:00:00.000000Z"`) ||
		!strings.Contains(got, `"faults":1`) || !strings.Contains(got, `"snapshots":["before"]`) {
		t.Error(got)
	}
	f.must(200, "GET", entities+"/jobsets/1000", "")
	if got := f.must(200, "GET", "/api/v1/retention", ""); got != `{"rules":[]}` {
		t.Error(got)
	}
	f.must(200, "PUT", control+"/clock", `{"running":true}`)
	for first := f.State().Clock.Time; !f.State().Clock.Time.After(first); {
		time.Sleep(time.Millisecond)
	}
}

// TestRetentionClockBack sets the clock back to before the last run of a rule of
// retention. The rule goes on.
func TestRetentionClockBack(t *testing.T) {
	f := twoJobs(t)
	f.must(201, "POST", "/api/v1/retention", `{"name":"old","kind":"jobset","days":1,"enabled":true}`)
	f.must(200, "PUT", control+"/clock", `{"advance":"720h"}`)
	f.must(404, "GET", entities+"/jobsets/1000", "")
	f.must(200, "PUT", control+"/clock", `{"time":"2026-01-03T12:00:00Z"}`)
	f.must(201, "POST", "/api/v1/jobsets", `{"id":600,"jobs":[]}`)
	f.must(200, "PUT", control+"/clock", `{"advance":"48h"}`)
	f.must(404, "GET", entities+"/jobsets/600", "")
}

// TestDeletedClockBehind deletes a set while the clock is behind, as it may be after a
// boot. What was deleted before can still come back once the clock is right.
func TestDeletedClockBehind(t *testing.T) {
	f := twoJobs(t)
	f.must(204, "DELETE", "/api/v1/entities/1000", "")
	f.must(201, "POST", "/api/v1/jobsets", `{"id":600,"jobs":[]}`)
	f.must(200, "PUT", control+"/clock", `{"time":"2000-01-01T00:00:00Z"}`)
	f.must(204, "DELETE", "/api/v1/entities/600", "")
	f.must(200, "PUT", control+"/clock", `{"time":"2026-01-01T12:10:00Z"}`)
	f.must(200, "POST", "/api/v1/entities/600/undelete", "")
	f.must(200, "POST", "/api/v1/entities/1000/undelete", "")
}

// TestClockOfUsersAndViews checks that users and views have their times by the clock,
// the same when they are made and later, and that a sandbox says what it is.
func TestClockOfUsersAndViews(t *testing.T) {
	f := open(t, sandbox.Config{Clock: sandbox.DefaultClock.Add(1500 * time.Millisecond), Version: "1.2.3"})
	for _, c := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"POST", "/users", `{"name":"ann","password":"long enough","role":"viewer"}`, 201, `"passwordTime":"2026-01-01T12:00:01.000000Z"`},
		{"GET", "/users/ann", "", 200, `"passwordTime":"2026-01-01T12:00:01.000000Z"`},
		{"POST", "/views", `{"name":"mine","kind":"job"}`, 201, `"createTime":"2026-01-01T12:00:01.500000Z","updateTime":"2026-01-01T12:00:01.500000Z"`},
		{"PUT", "/sandbox/clock", `{"advance":"1h"}`, 200, `"2026-01-01T13:00:01.500000Z"`},
		{"PATCH", "/users/ann", `{"password":"another one"}`, 200, `"passwordTime":"2026-01-01T13:00:01.000000Z"`},
		{"PUT", "/views/1", `{"name":"yours","kind":"job"}`, 200, `"createTime":"2026-01-01T12:00:01.500000Z","updateTime":"2026-01-01T13:00:01.500000Z"`},
		{"GET", "/server", "", 200, `"version":"1.2.3"`},
	} {
		if got := f.must(c.status, c.method, "/api/v1"+c.path, c.body); !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %s lacks %s", c.method, c.path, got, c.want)
		}
	}
}

// TestInstances checks that sandboxes of one process have nothing in common.
func TestInstances(t *testing.T) {
	f := twoJobs(t)
	var other struct{ Name, URL string }
	if err := json.Unmarshal([]byte(f.must(201, "POST", control+"/instances", `{"name":"other","data":"none"}`)), &other); err != nil {
		t.Fatal(err)
	}
	g := &fixture{f.Sandbox, t, f.client}
	g.must(409, "POST", control+"/instances", `{"name":"other"}`)
	there := func(r *http.Request) { r.URL.Host, r.Host = strings.TrimPrefix(other.URL, "http://"), "" }
	f.faults(`{"status":503}`)
	f.must(200, "PUT", control+"/clock", `{"advance":"1h"}`)
	g.must(201, "POST", "/api/v1/jobsets", `{"jobs":[{}]}`, there)
	if got := g.must(200, "GET", control, "", there); !strings.Contains(got, `"name":"other"`) || !strings.Contains(got, "2026-01-01T12:00:00") || !strings.Contains(got, `"faults":0`) {
		t.Error(got)
	}
	f.must(503, "GET", job, "")
	f.must(204, "DELETE", control+"/instances/other", "")
	if status, _ := g.call("GET", control, "", there); status != 0 {
		t.Error("it is still there:", status)
	}
}

// TestResetUnderLoad resets while requests, an import, a stream of events and one
// without an answer are under way: each ends with what the API says, and after it
// all is as it was.
func TestResetUnderLoad(t *testing.T) {
	f := twoJobs(t)
	f.faults(`{"name":"silent","noAnswer":true,"path":"*/1001/*"}`)
	stop := make(chan struct{})
	ended := make(chan string)
	const callers = 4
	for i := range callers {
		go func() {
			bad := ""
			for {
				select {
				case <-stop:
					ended <- bad
					return
				default:
				}
				status, text := f.call("PUT", properties, aList)
				if i == 0 {
					status, text = f.call("POST", "/api/v1/jobsets", `{"jobs":[{},{}]}`)
				}
				if status != 200 && status != 201 && status != 503 {
					bad = fmt.Sprint(status, " ", text)
				}
			}
		}()
	}
	stream := make(chan int, 2)
	go func() {
		status, _ := f.call("GET", "/api/v1/events", "", func(r *http.Request) { r.Header.Set("Accept", "text/event-stream") })
		stream <- status
	}()
	go func() { status, _ := f.call("GET", entities+"/jobs/1001/properties", ""); stream <- status }()
	for f.hits("silent") == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 20 {
		if err := f.Reset(t.Context(), olrest.SandboxReset{}); err != nil {
			t.Fatal(err)
		}
	}
	<-stream
	<-stream
	close(stop)
	for range callers {
		if bad := <-ended; bad != "" {
			t.Error(bad)
		}
	}
	f.must(200, "POST", control+"/reset", "")
	if sets := f.must(200, "GET", entities+"/jobsets", ""); sets != `{"identifiers":[1000]}` {
		t.Error(sets)
	}
	if got := f.must(200, "GET", properties, ""); !strings.Contains(got, "new") {
		t.Error(got)
	}
}
