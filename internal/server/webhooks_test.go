package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/webhook"
)

// A shownWebhook is a webhook as a client sees it.
type shownWebhook struct {
	ID          int64
	URL         string
	Description string
	Filter      struct {
		Kinds, Types, Names []string
		Sets                []int64
	}
	State, Reason, CreatedBy, Secret, OldSecretExpireTime string
	Failures                                              int
	After                                                 string
}

// withWebhooks has a server take up to three webhooks, to what is allowed.
func withWebhooks(t *testing.T, allow ...string) func(*server.Config, *auth.Config) {
	t.Helper()
	policy, err := webhook.ParsePolicy(allow)
	if err != nil {
		t.Fatal(err)
	}
	return func(config *server.Config, _ *auth.Config) {
		config.Webhooks = webhook.Config{Policy: policy, Most: 3}
	}
}

// got decodes an answer.
func got[T any](t *testing.T, a answer, status int) (value T) {
	t.Helper()
	if a.status != status {
		t.Fatalf("got %d %s, want %d", a.status, a.body, status)
	}
	if err := json.Unmarshal([]byte(a.body), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// TestWebhooks manages webhooks.
func TestWebhooks(t *testing.T) { onEach(t, testWebhooks) }

func testWebhooks(t *testing.T) {
	s := start(t, withWebhooks(t))
	const body = `{"url":"https://example.com/a?key=secret-in-url","description":"d","filter":{"kinds":["job","documentset"],"sets":[1000],"types":["platen.update","import"],"names":["ä"]}}`
	made := s.do("POST", "/api/v1/webhooks", body)
	hook := got[shownWebhook](t, made, 201)
	path := fmt.Sprintf("/api/v1/webhooks/%d", hook.ID)
	if made.header.Get("Location") != path || !strings.HasPrefix(hook.Secret, "whsec_") || hook.State != "enabled" || hook.CreatedBy != user ||
		strings.Join(hook.Filter.Kinds, " ") != "job documentset" || hook.Filter.Sets[0] != 1000 || hook.Filter.Names[0] != "ä" ||
		strings.Join(hook.Filter.Types, " ") != "platen.update platen.import" {
		t.Errorf("made: %s at %s", made.body, made.header.Get("Location"))
	}
	shown := s.do("GET", path, "")
	if again := got[shownWebhook](t, shown, 200); again.Secret != "" || again.URL != hook.URL {
		t.Errorf("shown: %s", shown.body)
	}
	changed := got[shownWebhook](t, s.do("PATCH", path, `{"state":"disabled","filter":{}}`), 200)
	if changed.State != "disabled" || changed.Reason == "" || changed.Description != "d" || len(changed.Filter.Kinds) > 0 {
		t.Errorf("changed: %+v", changed)
	}
	rotated := got[shownWebhook](t, s.do("POST", path+"/rotate", ""), 200)
	if rotated.Secret == hook.Secret || rotated.Secret == "" || rotated.OldSecretExpireTime == "" {
		t.Errorf("rotated: %+v", rotated)
	}
	given := "whsec_" + strings.Repeat("AAAA", 8)
	if rotated := got[shownWebhook](t, s.do("POST", path+"/rotate", `{"secret":"`+given+`","keepOldFor":"0s"}`), 200); rotated.Secret != given || rotated.OldSecretExpireTime != "" {
		t.Errorf("rotated to a given one: %+v", rotated)
	}
	for range 2 {
		got[shownWebhook](t, s.do("POST", "/api/v1/webhooks", `{"url":"https://example.com/"}`), 201)
	}
	if a := s.do("POST", "/api/v1/webhooks", `{"url":"https://example.com/"}`); a.status != 409 || !strings.Contains(a.body, "--max-webhooks") {
		t.Errorf("one too many: %d %s", a.status, a.body)
	}
	type page struct {
		Webhooks      []shownWebhook
		NextPageToken string
	}
	first := got[page](t, s.do("GET", "/api/v1/webhooks?pageSize=2", ""), 200)
	second := got[page](t, s.do("GET", "/api/v1/webhooks?pageToken="+first.NextPageToken, ""), 200)
	if len(first.Webhooks) != 2 || len(second.Webhooks) != 1 || second.NextPageToken != "" || second.Webhooks[0].Secret != "" {
		t.Errorf("pages: %+v, %+v", first, second)
	}
	if a := s.do("GET", path+"/attempts?pageToken="+first.NextPageToken, ""); a.status != 400 || !strings.Contains(a.body, "another query") {
		t.Errorf("the page token of another list: %d %s", a.status, a.body)
	}
	for _, year := range []string{"1901", "1969", "1999"} { // nothing of the log is gone
		if a := s.do("POST", path+"/replay", `{"time":"`+year+`-12-31T23:00:00Z"}`); a.status != 200 {
			t.Errorf("a replay from %s: %d %s", year, a.status, a.body)
		}
	}
	if again := got[shownWebhook](t, s.do("POST", path+"/replay", `{"after":"0"}`), 200); again.After != "0" {
		t.Errorf("a replay of all that is kept: %+v", again)
	}
	if a := s.do("DELETE", path, ""); a.status != 204 || a.body != "" {
		t.Errorf("removed: %d %s", a.status, a.body)
	}
	for _, path := range []string{path, path + "/attempts", "/api/v1/webhooks/0", "/api/v1/webhooks/x"} {
		if a := s.do("GET", path, ""); a.status != 404 {
			t.Errorf("GET %s: %d %s", path, a.status, a.body)
		}
	}
	if log := s.log.String(); strings.Contains(log, hook.Secret) || strings.Contains(log, given) || strings.Contains(log, "secret-in-url") || !strings.Contains(log, "webhook added") {
		t.Errorf("the log has a secret, or not what was done:\n%s", log)
	}
}

// TestWebhookBadInput checks that nothing comes of bad requests but a clear error.
func TestWebhookBadInput(t *testing.T) { onSQLite(t, testWebhookBadInput) }

func testWebhookBadInput(t *testing.T) {
	s := start(t, withWebhooks(t))
	hook := got[shownWebhook](t, s.do("POST", "/api/v1/webhooks", `{"url":"https://example.com/"}`), 201)
	path := fmt.Sprintf("/api/v1/webhooks/%d", hook.ID)
	before := s.do("GET", path, "").body
	for _, test := range []struct {
		method, path, body string
		status             int
		message            string
	}{
		{"POST", "", `{"url":"http://169.254.169.254/latest/meta-data"}`, 400, "169.254.169.254"},
		{"POST", "", `{"url":"https://[::ffff:127.0.0.1]/"}`, 400, "--webhook-allow"},
		{"POST", "", `{"url":"http://example.com/"}`, 400, "use https"},
		{"POST", "", `{"url":"https://localhost/"}`, 400, "127.0.0.1"},
		{"POST", "", `{"url":"https://u:p@example.com/"}`, 400, "user or password"},
		{"POST", "", `{"url":"https://example.com/","secret":"short"}`, 400, "whsec_"},
		{"POST", "", `{"url":"https://example.com/","colour":1}`, 400, `\"colour\"`},
		{"POST", "", `{"url":"https://example.com/","filter":{"kind":"job"}}`, 400, `\"kind\"`},
		{"POST", "", `{"url":"https://example.com/","filter":{"kinds":["page"]}}`, 400, "jobset"},
		{"POST", "", `{"url":"https://example.com/","filter":{"sets":[0]}}`, 400, "/filter/sets/0"},
		{"POST", "", `{"url":"https://example.com/","filter":{"names":[` + strings.Repeat(`"a",`, 100) + `"a"]}}`, 400, "more than 100"},
		{"POST", "", `{"url":"https://example.com/","state":"on"}`, 400, "neither"},
		{"POST", "", `{"url":"https://example.com/","description":"` + strings.Repeat("x", 1001) + `"}`, 400, "longer"},
		{"POST", "", `{}`, 400, "url is missing"},
		{"POST", "", ``, 400, "empty"},
		{"POST", "?x=1", `{"url":"https://example.com/"}`, 400, `\"x\"`},
		{"GET", "?pageSize=0", "", 400, "pageSize"},
		{"GET", "?pageToken=AAAA", "", 400, "pageToken"},
		{"PATCH", path, `{}`, 400, "nothing to change"},
		{"PATCH", path, `{"url":"https://10.0.0.1/"}`, 400, "10.0.0.1"},
		{"PATCH", path, `{"secret":"whsec_x"}`, 400, `\"secret\"`},
		{"PATCH", path, `{"state":"disabled","url":"ftp://example.com"}`, 400, "https"},
		{"POST", path + "/rotate", `{"keepOldFor":"721h"}`, 400, "keepOldFor"},
		{"POST", path + "/rotate", `{"keepOldFor":1}`, 400, "keepOldFor"},
		{"POST", path + "/rotate", `{"keepOldFor":"a day"}`, 400, "keepOldFor"},
		{"POST", path + "/rotate", `{"keepOldFor":"-1s"}`, 400, "keepOldFor"},
		{"POST", path + "/replay", `{}`, 400, "name one of these"},
		{"POST", path + "/replay", `{"from":"1","time":"2026-01-31T12:00:00Z"}`, 400, "name one of these"},
		{"POST", path + "/replay", `{"time":"yesterday"}`, 400, "yesterday"},
		{"POST", path + "/replay", `{"time":"0001-01-01T00:00:00Z"}`, 400, "0001-01-01"},
		{"POST", path + "/replay", `{"from":"x"}`, 400, "not the id of an event"},
		{"POST", path + "/replay", `{"from":"0"}`, 400, "not the id of an event"},
		{"POST", path + "/replay", `{"after":"-1"}`, 400, "not the id of an event"},
		{"POST", path + "/replay", `{"after":1}`, 400, "must be text"},
		{"POST", path + "/replay", `{"from":"99999999999999"}`, 400, "no event 99999999999999 yet"},
		{"POST", "", `{"url":"https://example.com/","filter":{"types":["change"]}}`, 400, "platen.update, "},
		{"POST", path + "/test", `{"a":1}`, 400, `\"a\"`},
		{"POST", "/api/v1/webhooks/99/test", ``, 404, "webhook 99 not found"},
		{"PATCH", "/api/v1/webhooks/99", `{"state":"disabled"}`, 404, "webhook 99 not found"},
		{"DELETE", "/api/v1/webhooks/99", ``, 404, "webhook 99 not found"},
		{"PUT", path, `{}`, 405, "DELETE, GET"},
	} {
		if !strings.HasPrefix(test.path, "/") {
			test.path = "/api/v1/webhooks" + test.path
		}
		a := s.do(test.method, test.path, test.body)
		if a.status != test.status || !strings.Contains(a.body, test.message) {
			t.Errorf("%s %s %.100s: %d %s, want %d with %q", test.method, test.path, test.body, a.status, a.body, test.status, test.message)
		}
	}
	// It may have come past an event of the audit trail meanwhile.
	position := regexp.MustCompile(`"after":"\d+"`)
	if after := s.do("GET", path, "").body; position.ReplaceAllString(after, "") != position.ReplaceAllString(before, "") {
		t.Errorf("the webhook has changed:\n%s\n%s", before, after)
	}
	if a := s.do("GET", "/api/v1/webhooks", "", none); a.status != 401 {
		t.Errorf("without credentials: %d", a.status)
	}
}

// TestWebhookTest sends a test to a receiver that verifies it.
func TestWebhookTest(t *testing.T) { onSQLite(t, testWebhookTest) }

func testWebhookTest(t *testing.T) {
	s := start(t, withWebhooks(t, "127.0.0.0/8"))
	var mu sync.Mutex
	var verifier *standardwebhooks.Webhook
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = verifier.Verify(body, r.Header)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		fmt.Fprint(w, "thanks")
	}))
	defer receiver.Close()
	hook := got[shownWebhook](t, s.do("POST", "/api/v1/webhooks", fmt.Sprintf(`{"url":%q,"state":"disabled"}`, receiver.URL)), 201)
	mu.Lock()
	var err error
	if verifier, err = standardwebhooks.NewWebhook(hook.Secret); err != nil {
		t.Fatal(err)
	}
	mu.Unlock()
	path := fmt.Sprintf("/api/v1/webhooks/%d", hook.ID)
	type attempt struct {
		Delivered       bool
		Status          int
		Error, Response string
	}
	test := func() attempt { return got[attempt](t, s.do("POST", path+"/test", ""), 200) }
	if a := test(); a != (attempt{true, 200, "", "thanks"}) {
		t.Errorf("the test: %+v", a)
	}
	got[shownWebhook](t, s.do("POST", path+"/rotate", `{}`), 200)
	if a := test(); !a.Delivered {
		t.Errorf("with the old secret, while it is good: %+v", a)
	}
	got[shownWebhook](t, s.do("POST", path+"/rotate", `{"keepOldFor":"0s"}`), 200)
	if a := test(); a.Delivered || a.Status != 403 || !strings.Contains(a.Response, "no matching signature") {
		t.Errorf("with a secret that has ended: %+v", a)
	}
	kept := got[struct{ Attempts []attempt }](t, s.do("GET", path+"/attempts", ""), 200)
	if len(kept.Attempts) != 3 || kept.Attempts[0].Status != 403 || kept.Attempts[2].Status != 200 {
		t.Errorf("attempts: %+v", kept)
	}
}

// TestWebhookDelivery changes jobs on all servers of a database, and compares
// what a receiver gets with the log, and with the values that were written.
func TestWebhookDelivery(t *testing.T) { onEach(t, testWebhookDelivery) }

func testWebhookDelivery(t *testing.T) {
	long(t)
	allow := withWebhooks(t, "127.0.0.0/8")
	servers := []*service{start(t, allow)}
	if onPostgres(t) {
		address := pgtest.Database(t)
		servers = []*service{startOn(t, openAt(t, address), allow), startOn(t, openAt(t, address), allow)}
	}
	s := servers[0]
	type logged struct {
		ID, Type string
		Data     struct {
			ID    int64
			Names []struct{ Name, After string }
		}
	}
	var mu sync.Mutex
	var taken []logged
	fails := 0
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var event logged
		err := json.NewDecoder(r.Body).Decode(&event)
		mu.Lock()
		defer mu.Unlock()
		if err != nil || event.ID != r.Header.Get("webhook-id") {
			t.Errorf("event %s with the id %s: %v", event.ID, r.Header.Get("webhook-id"), err)
		}
		if len(taken) == 7 && fails == 0 {
			fails++
			w.WriteHeader(http.StatusServiceUnavailable) // the first one after it is the same
			return
		}
		taken = append(taken, event)
	}))
	defer receiver.Close()
	jobs := jobsOf(s, 4)
	before := time.Now()
	hook := got[shownWebhook](t, s.do("POST", "/api/v1/webhooks", fmt.Sprintf(`{"url":%q,"filter":{"kinds":["job"],"types":["platen.update"]}}`, receiver.URL)), 201)
	const each = 25
	var writers sync.WaitGroup
	for i, job := range jobs {
		writers.Go(func() {
			for n := range each {
				servers[(i+n)%len(servers)].setProperties(platen.Job, job, platen.NameValue{Name: "n", Value: fmt.Sprint(n)})
			}
		})
	}
	writers.Wait()
	received := func(n int) []logged {
		t.Helper()
		for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			mu.Lock()
			list := slices.Clone(taken)
			mu.Unlock()
			if len(list) >= n {
				return list
			}
			if time.Since(began) > 40*time.Second {
				t.Fatalf("%d events came, want %d", len(list), n)
			}
		}
	}
	all := received(each * len(jobs))
	page := got[struct{ Events []logged }](t, s.do("GET", "/api/v1/events?kind=job&type=update&pageSize=1000", ""), 200)
	if len(page.Events) != len(all) {
		t.Fatalf("%d events came, and the log has %d", len(all), len(page.Events))
	}
	next := make(map[int64]int)
	for i, event := range all {
		if event.ID != page.Events[i].ID {
			t.Fatalf("event %d is %s, and in the log %s", i, event.ID, page.Events[i].ID)
		}
		if want := fmt.Sprint(next[event.Data.ID]); event.Data.Names[0].After != want {
			t.Fatalf("job %d: %q came, want %q", event.Data.ID, event.Data.Names[0].After, want)
		}
		next[event.Data.ID]++
	}
	for _, from := range []struct {
		body  string
		first int
	}{
		{fmt.Sprintf(`{"from":%q}`, all[90].ID), 90},
		{fmt.Sprintf(`{"after":%q}`, all[90].ID), 91},
		{fmt.Sprintf(`{"time":%q}`, before.Format(time.RFC3339Nano)), 0},
	} {
		had := len(received(0))
		path := fmt.Sprintf("/api/v1/webhooks/%d/replay", hook.ID)
		got[shownWebhook](t, servers[len(servers)-1].do("POST", path, from.body), 200)
		again := received(had + len(all) - from.first)[had:]
		if again[0].ID != all[from.first].ID || again[len(again)-1].ID != all[len(all)-1].ID {
			t.Errorf("%s: from %s to %s, want %s to %s", from.body, again[0].ID, again[len(again)-1].ID, all[from.first].ID, all[len(all)-1].ID)
		}
	}
}
