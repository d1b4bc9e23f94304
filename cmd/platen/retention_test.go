package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// ask sends a request to a server, and returns the answer.
func (p *process) ask(t *testing.T, method, path, body string) string {
	t.Helper()
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(adminName, testPassword)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		t.Fatalf("%s %s: %d %s %v", method, path, response.StatusCode, text, err)
	}
	return string(text)
}

// TestRetention has a server run a rule, and one with another setting none.
func TestRetention(t *testing.T) { onEach(t, testRetention) }

func testRetention(t *testing.T, data string) {
	p := serveProcess(t, data)
	p.ask(t, "POST", "/api/v1/retention", `{"name":"old","kind":"jobset","days":1,"enabled":true}`)
	waitFor(t, "a run of the rule", func() bool {
		return strings.Contains(p.ask(t, "GET", "/api/v1/retention/old", ""), `"lastRun":{`)
	})
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
	p = serveProcess(t, data, "PLATEN_RETENTION_EVERY=0")
	p.ask(t, "PATCH", "/api/v1/retention/old", `{"days":2}`) // it would run soon
	before := p.ask(t, "GET", "/api/v1/retention/old", "")
	time.Sleep(6 * time.Second) // more than it takes to see that a rule was changed
	if after := p.ask(t, "GET", "/api/v1/retention/old", ""); after != before {
		t.Errorf("the rule has run: %s", after)
	}
	trail := p.ask(t, "GET", "/api/v1/events?type=audit.settings", "")
	if strings.Count(trail, "platen.audit.settings") != 1 || !strings.Contains(trail, `"setting":"retention-every","before":"1h0m0s","after":"0s"`) {
		t.Errorf("the settings that differ: %s", trail)
	}
	if users := p.ask(t, "GET", "/api/v1/events?type=audit.user", ""); !strings.Contains(users, `"target":"`+adminName+`"`) || strings.Contains(users, testPassword) {
		t.Errorf("the first user: %s", users)
	}
}
