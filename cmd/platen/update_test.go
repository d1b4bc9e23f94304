package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestUpdateKilled kills a server in the middle of an update in parts. The next one
// says what was done, and the same update does the rest.
func TestUpdateKilled(t *testing.T) { onEach(t, testUpdateKilled) }

func testUpdateKilled(t *testing.T, data string) {
	const jobs = 20_000
	p := serveProcess(t, data)
	ask := func(method, path, body string, status int, into any) {
		t.Helper()
		var sent io.Reader
		if body != "" {
			sent = strings.NewReader(body)
		}
		response, text, err := p.request(method, path, sent)
		if err != nil || response.StatusCode != status {
			t.Fatalf("%s %s: %v %.300s", method, path, err, text)
		}
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	type operation struct {
		ID, State, Error string
		Result           struct {
			Changed int64
			Changes []int64
		}
	}
	type update struct{ Matched, Changed int64 }
	var made struct{}
	ask("POST", "/api/v1/jobsets", `{"jobs":[`+strings.Repeat(`{"segments":[]},`, jobs-1)+`{"segments":[]}]}`, http.StatusCreated, &made)
	const inParts = `{"kind":"job","filter":"NOT properties.a = 1","set":[{"name":"properties.a","value":"1"}],"inParts":true}`
	var begun, found operation
	ask("POST", "/api/v1/updates", inParts, http.StatusAccepted, &begun)
	path := "/api/v1/operations/" + begun.ID
	waitFor(t, "some parts", func() bool {
		ask("GET", path, "", http.StatusOK, &found)
		return len(found.Result.Changes) > 1
	})
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
	if found.State == "done" {
		t.Skip("the update was over before the server was killed")
	}

	p = serveProcess(t, data)
	waitFor(t, "the end of the operation", func() bool {
		found = operation{}
		ask("GET", path, "", http.StatusOK, &found)
		return found.State != "running"
	})
	var left update
	ask("POST", "/api/v1/updates", strings.Replace(inParts, `"inParts"`, `"validateOnly"`, 1), http.StatusOK, &left)
	if found.State != "failed" || found.Error != serverGone || left.Matched != jobs-found.Result.Changed || left.Matched == jobs {
		t.Errorf("%+v, and %d jobs are left", found, left.Matched)
	}
	ask("POST", "/api/v1/updates", strings.Replace(inParts, `,"inParts":true`, "", 1), http.StatusOK, &left)
	if left.Changed != jobs-found.Result.Changed {
		t.Errorf("the same update changes %d jobs after %+v", left.Changed, found)
	}
}
