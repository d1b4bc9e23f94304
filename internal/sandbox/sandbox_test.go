package sandbox_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/apidoc"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/sandbox"
)

// jobSet returns a job set of so many jobs, with two lists each.
func jobSet(jobs int) sandbox.Document {
	return sandbox.Document{Kind: platen.JobSet, Write: func(w io.Writer) error {
		_, err := fmt.Fprintf(w, `{"jobs":[%s]}`, strings.TrimSuffix(strings.Repeat(`{"properties":[{"name":"status","value":"new"}],"metadata":[{"name":"a","value":"b"}]},`, jobs), ","))
		return err
	}}
}

// A fixture is a sandbox with a client of it.
type fixture struct {
	*sandbox.Sandbox
	t      *testing.T
	client *http.Client
}

// open opens a sandbox for a test, which then runs beside others.
func open(t *testing.T, config sandbox.Config) *fixture {
	t.Helper()
	t.Parallel()
	s, err := sandbox.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &fixture{s, t, &http.Client{Transport: transport}}
}

// call returns status and body.
func (f *fixture) call(method, path, body string, change ...func(*http.Request)) (int, string) {
	f.t.Helper()
	r, err := http.NewRequest(method, f.URL()+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.SetBasicAuth("ol-admin", sandbox.DefaultPassword)
	for _, fn := range change {
		fn(r)
	}
	answer, err := f.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return answer.StatusCode, err.Error()
	}
	if strings.HasPrefix(path, control) {
		f.checkDescribed(r, answer, text)
	}
	return answer.StatusCode, string(text)
}

// described is the API document.
var described = sync.OnceValues(func() (*openapi3.T, error) { return openapi3.NewLoader().LoadFromData(apidoc.Document("0.0.0")) })

// checkDescribed checks that an answer is one that the API document promises, and
// that a request that was not refused is as it says.
func (f *fixture) checkDescribed(r *http.Request, answer *http.Response, body []byte) {
	f.t.Helper()
	document, err := described()
	if err != nil {
		f.t.Fatal(err)
	}
	path := r.URL.Path
	if parts := strings.Split(path, "/"); len(parts) == 6 { // /api/v1/sandbox/faults/NAME
		path = strings.Join(append(parts[:5], "{"+strings.TrimSuffix(parts[4], "s")+"}"), "/")
	}
	item := document.Paths.Value(path)
	if item == nil || item.GetOperation(r.Method) == nil {
		f.t.Fatal("the API document has no", r.Method, path)
	}
	sent, err := r.GetBody()
	if err != nil {
		f.t.Fatal(err)
	}
	r.Body = sent
	if r.ContentLength > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: map[string]string{"snapshot": "x", "fault": "x", "instance": "x"},
		Route:   &routers.Route{Spec: document, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)},
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	if answer.StatusCode < 300 {
		err = openapi3filter.ValidateRequest(r.Context(), input)
	}
	got := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: answer.StatusCode, Header: answer.Header, Options: input.Options}
	got.SetBodyBytes(body)
	if err := errors.Join(err, openapi3filter.ValidateResponse(r.Context(), got)); err != nil {
		f.t.Errorf("%s %s is not as the API document says: %v\n%.300s", r.Method, path, err, body)
	}
}

// must is call for a status.
func (f *fixture) must(status int, method, path, body string, change ...func(*http.Request)) string {
	f.t.Helper()
	got, text := f.call(method, path, body, change...)
	if got != status {
		f.t.Fatalf("%s %s: %d %s, want %d", method, path, got, text, status)
	}
	return text
}

const (
	entities = "/rest/serverengine/entity"
	control  = "/api/v1/sandbox"
)

// TestThousandResets resets a sandbox with 10,000 entities a thousand times, with
// writes in between: after each it is as it was at the start, ids included.
func TestThousandResets(t *testing.T) {
	f := open(t, sandbox.Config{Data: sandbox.Documents(jobSet(9999))})
	before := f.must(200, "GET", entities+"/jobs/1002/properties", "")
	times := 1000
	if testing.Short() || raced {
		times = 50
	}
	var took, longest time.Duration
	var first string
	for i := range times {
		f.must(200, "PUT", entities+"/jobs/1002/properties", `{"id":1002,"properties":[{"name":"status","value":"printed"}]}`)
		look := i%25 == 0
		if look {
			made := f.must(201, "POST", "/api/v1/jobsets", `{"jobs":[{}]}`)
			if first == "" {
				first = made
			}
			if made != first {
				t.Fatal(made, first)
			}
		}
		began := time.Now()
		if err := f.Reset(t.Context(), olrest.SandboxReset{}); err != nil {
			t.Fatal(err)
		}
		took += time.Since(began)
		longest = max(longest, time.Since(began))
		if !look {
			continue
		}
		if sets := f.must(200, "GET", entities+"/jobsets", ""); sets != `{"identifiers":[1001]}` {
			t.Fatal(sets)
		}
		if after := f.must(200, "GET", entities+"/jobs/1002/properties", ""); after != before {
			t.Fatal(after)
		}
	}
	t.Logf("%v each, %v at most", took/time.Duration(times), longest)
	if got := f.State().Resets; got != int64(times) {
		t.Error(got, "resets")
	}
}
