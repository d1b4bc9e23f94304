package sandbox_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
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

func open(t *testing.T, config sandbox.Config) *fixture {
	t.Helper()
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
	return answer.StatusCode, string(text)
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
	if testing.Short() {
		times = 100
	}
	var took, longest time.Duration
	var first string
	for range times {
		f.must(200, "PUT", entities+"/jobs/1002/properties", `{"id":1002,"properties":[{"name":"status","value":"printed"}]}`)
		if made := f.must(201, "POST", "/api/v1/jobsets", `{"jobs":[{}]}`); made != first {
			if first != "" {
				t.Fatal(made)
			}
			first = made
		}
		began := time.Now()
		if err := f.Reset(t.Context(), olrest.SandboxReset{}); err != nil {
			t.Fatal(err)
		}
		took += time.Since(began)
		longest = max(longest, time.Since(began))
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
