package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
)

// An auditEvent is an event of the audit trail.
type auditEvent struct {
	ID, Type string
	Data     struct {
		Change                 int64
		User, Token, RequestID string
		Audit                  map[string]string
	}
}

// audit returns all events of a query, read in pages of a size.
func (s *service) audit(query string, size int, options ...option) (events []auditEvent, text string) {
	s.t.Helper()
	for after := "0"; ; {
		var page struct {
			Events []auditEvent
			After  string
		}
		a := s.do("GET", fmt.Sprintf("%s/events?after=%s&pageSize=%d&%s", native, after, size, query), "", options...)
		a.decoded(s.t, 200, &page)
		events, text = append(events, page.Events...), text+a.body
		if page.After == after {
			return events, text
		}
		after = page.After
	}
}

// audited waits for events that have some details.
func (s *service) audited(typ string, want map[string]string) auditEvent {
	s.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		events, _ := s.audit("type="+typ, 1000)
		for _, event := range events {
			has := true
			for name, value := range want {
				has = has && event.Data.Audit[name] == value
			}
			if has {
				return event
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("there is no event %s of %v, but %+v", typ, want, events)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestAudit has each sort of event of the audit trail made by requests, and looks at
// what admins and others get to see of it.
func TestAudit(t *testing.T) { onEach(t, testAudit) }

func testAudit(t *testing.T) {
	s := start(t)
	s.addUser("ann", platen.Viewer)
	viewer := authToken(s.loginAs("ann"))
	listening := *s
	listening.token = s.loginAs("ann")
	hears := listening.follow("", "")
	sees := s.follow("?type=audit.retention", "")

	const secret, other = "the secret of mine", "another secret of mine"
	do := func(method, path, body string, status int, options ...option) answer {
		t.Helper()
		a := s.do(method, native+path, body, options...)
		if a.status != status {
			t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
		return a
	}
	do("POST", "/users", `{"name":"bob","password":"`+secret+`","role":"viewer"}`, 201, header("X-Request-Id", "adds-bob"))
	do("PATCH", "/users/bob", `{"role":"editor"}`, 200)
	do("PATCH", "/users/bob", `{"password":"`+other+`"}`, 200)
	token := s.makeToken(`{"name":"nightly","role":"viewer","user":"bob"}`)
	do("PATCH", "/tokens/nightly", `{"disabled":true}`, 200)
	do("GET", "/me", "", 403, bearer(token)...)
	do("DELETE", "/tokens/nightly", "", 204)
	do("GET", "/me", "", 403, bearer(token)...)
	do("GET", "/users", "", 403, viewer...)
	do("GET", "/me", "", 403, none, header("auth_token", "platen-no-such"))
	do("GET", "/me", "", 403, none, basic("bob", "a wrong guess"))
	s.do("POST", login, "", none, basic("nobody", "a wrong guess"))
	do("DELETE", "/users/bob", "", 204)
	do("POST", "/retention", `{"name":"old","kind":"jobset","days":9}`, 201)
	do("PATCH", "/retention/old", `{"enabled":true}`, 200)
	do("DELETE", "/retention/old", "", 204)
	const path = "/a-path-that-is-secret"
	hook := do("POST", "/webhooks", `{"url":"https://hooks.example`+path+`","filter":{"types":["audit.user"]}}`, 201)
	var made struct {
		ID     int64
		Secret string
	}
	hook.decoded(t, 201, &made)
	do("PATCH", fmt.Sprint("/webhooks/", made.ID), `{"state":"disabled"}`, 200)
	do("DELETE", fmt.Sprint("/webhooks/", made.ID), "", 204)
	ctx := storage.WithOrigin(t.Context(), &storage.Origin{User: "root@host"})
	for _, cache := range []string{"64", "64", "128"} {
		if err := s.store.RecordSettings(ctx, "here", []platen.NameValue{{Name: "listen", Value: "a"}, {Name: "cache", Value: cache}}); err != nil {
			t.Fatal(err)
		}
	}
	job := jobsOf(s, 1)[0]

	added := s.audited("audit.user", map[string]string{"action": "user added", "target": "bob", "role": "viewer"})
	if added.Type != "platen.audit.user" || added.Data.User != user || added.Data.RequestID != "adds-bob" {
		t.Errorf("%+v", added)
	}
	for _, want := range []struct {
		typ     string
		details map[string]string
	}{
		{"audit.user", map[string]string{"action": "role set", "target": "bob", "role": "editor"}},
		{"audit.user", map[string]string{"action": "password set", "target": "bob"}},
		{"audit.user", map[string]string{"action": "user removed", "target": "bob"}},
		{"audit.token", map[string]string{"action": "token made", "target": "bob", "token": "nightly"}},
		{"audit.token", map[string]string{"action": "token changed", "token": "nightly"}},
		{"audit.token", map[string]string{"action": "token revoked", "token": "nightly"}},
		{"audit.retention", map[string]string{"action": "rule added", "target": "old", "kind": "jobset", "days": "9", "enabled": "0"}},
		{"audit.retention", map[string]string{"action": "rule changed", "target": "old", "enabled": "1"}},
		{"audit.retention", map[string]string{"action": "rule removed", "target": "old"}},
		{"audit.webhook", map[string]string{"action": "webhook added", "target": strconv.FormatInt(made.ID, 10), "host": "hooks.example", "enabled": "1"}},
		{"audit.webhook", map[string]string{"action": "webhook changed", "enabled": "0"}},
		{"audit.webhook", map[string]string{"action": "webhook removed", "target": strconv.FormatInt(made.ID, 10)}},
		{"audit.settings", map[string]string{"setting": "cache", "before": "64", "after": "128", "host": "here"}},
		{"audit.login", map[string]string{"action": "login", "client": "127.0.0.1"}},
		{"audit.refusal", map[string]string{"cause": "disabled token"}},
		{"audit.refusal", map[string]string{"cause": "unknown or revoked token"}},
		{"audit.refusal", map[string]string{"cause": "role", "method": "GET", "path": native + "/users"}},
		{"audit.refusal", map[string]string{"cause": "malformed token"}},
		{"audit.refusal", map[string]string{"cause": "wrong password", "tried": "bob", "count": "1"}},
		{"audit.refusal", map[string]string{"cause": "unknown user", "tried": "nobody"}},
	} {
		s.audited(want.typ, want.details)
	}
	if events, _ := s.audit("type=audit.settings", 10); len(events) != 1 || events[0].Data.User != "root@host" {
		t.Errorf("settings: %+v", events)
	}
	all, text := s.audit("", 1000)
	for _, secret := range []string{secret, other, token, password, "a wrong guess", s.token, path, made.Secret} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has the secret %q", secret)
		}
	}

	// The same events, however they are read; and without the audit for others.
	one, _ := s.audit("", 1)
	ids := func(events []auditEvent, audit bool) (ids []string) {
		for _, event := range events[:len(all)] {
			if audit || !strings.Contains(event.Type, ".audit.") {
				ids = append(ids, event.ID)
			}
		}
		return ids
	}
	if !slices.Equal(ids(all, true), ids(one, true)) {
		t.Errorf("read one by one: %v and not %v", one, all)
	}
	for _, size := range []int{1, 1000} {
		others, _ := s.audit("", size, viewer...)
		var got []string
		for _, event := range others {
			got = append(got, event.ID)
		}
		if want := ids(all, false); !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("a viewer sees %v, want %v", got, want)
		}
	}
	for _, path := range []string{"/events?type=audit", "/events?type=update,audit.login", fmt.Sprint("/changes/", added.Data.Change)} {
		s.do("GET", native+path, "", viewer...).isError(t, 403, "needs the role admin")
	}
	var change struct {
		Type    string
		Entries []struct{ Audit map[string]string }
	}
	s.do("GET", fmt.Sprint(native, "/changes/", added.Data.Change), "").decoded(t, 200, &change)
	if change.Type != "audit.user" || change.Entries[0].Audit["target"] != "bob" {
		t.Errorf("%+v", change)
	}
	s.do("POST", fmt.Sprint(native, "/changes/", added.Data.Change, "/revert"), "").isError(t, 409, "not reverted")
	if e, _, err := hears.next(); err != nil || e.Type != "platen.import" {
		t.Errorf("a viewer hears %+v of job %d: %v", e, job, err)
	}
	for range 3 {
		if e, _, err := sees.next(); err != nil || e.Type != "platen.audit.retention" {
			t.Errorf("an admin hears %+v: %v", e, err)
		}
	}
}

// TestAuditFlood sends many bad requests, and finds them counted in few events.
func TestAuditFlood(t *testing.T) { onEach(t, testAuditFlood) }

func testAuditFlood(t *testing.T) {
	s := start(t)
	const requests = 400
	for n := range requests {
		s.do("GET", native+"/me", "", bearer(fmt.Sprintf("platen_%060d", n))...)
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		events, _ := s.audit("type=audit.refusal", 1000)
		total := 0
		for _, event := range events {
			n, err := strconv.Atoi(event.Data.Audit["count"])
			if err != nil {
				t.Fatal(event)
			}
			total += n
		}
		if len(events) > requests/4 {
			t.Fatalf("%d events", len(events))
		}
		if total == requests {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d refusals are counted in %d events", total, len(events))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// TestAuditOff logs in where no history is kept.
func TestAuditOff(t *testing.T) { onEach(t, testAuditOff) }

func testAuditOff(t *testing.T) {
	long(t)
	s := startOn(t, openStore(t, sqlstore.HistoryFor(0)))
	s.addUser("ann", platen.Viewer)
	s.loginAs("ann")
	s.do("GET", native+"/me", "", none, basic("ann", "a wrong guess")).isError(t, 403, "")
	time.Sleep(1500 * time.Millisecond) // more than a second, after which it would be recorded
	s.do("GET", native+"/events", "").isError(t, 409, "")
	if !strings.Contains(s.log.String(), `"msg":"login"`) || !strings.Contains(s.log.String(), `"user":"ann"`) {
		t.Error("the log file has no login")
	}
}

// TestAuditBeside changes users beside a server, as the command does, between
// changes that the server makes.
func TestAuditBeside(t *testing.T) { onSQLite(t, testAuditBeside) }

func testAuditBeside(t *testing.T) {
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), dir, 1<<20)
	if err == nil {
		err = store.Start(t.Context(), "gone")
	}
	if err != nil {
		t.Fatal(err)
	}
	s := startOn(t, store)
	jobs := jobsOf(s, 2)
	for n := range 3 {
		s.put(jobs[0], fmt.Sprintf(`[{"name":"a","value":"%d"}]`, n))
		ctx := storage.WithOrigin(context.Background(), &storage.Origin{User: "root@host"})
		users, err := sqlite.OpenUsers(ctx, dir, func() {})
		if err != nil {
			t.Fatal(err)
		}
		if err := users.AddUser(ctx, auth.CheapUser(fmt.Sprint("user", n), password)); err != nil {
			t.Fatal(err)
		}
		if err := users.Close(); err != nil {
			t.Fatal(err)
		}
		s.put(jobs[1], fmt.Sprintf(`[{"name":"b","value":"%d"}]`, n))
		if n == 1 {
			s.importSet(`{"jobs":[]}`)
		}
	}
	var order []string
	events, _ := s.audit("type=update,audit.user,import", 2)
	for _, event := range events {
		if target := event.Data.Audit["target"]; target == "" || strings.HasPrefix(target, "user") {
			order = append(order, strings.TrimPrefix(event.Type, "platen."))
		}
	}
	if got, want := strings.Join(order, " "), "import update audit.user update update audit.user update import update audit.user update"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	for _, job := range jobs {
		if changes, _ := s.history(fmt.Sprintf("%s/entities/%d/history", native, job)); len(changes) != 4 {
			t.Errorf("the history of job %d: %+v", job, changes)
		}
	}
	if text, err := json.Marshal(events); err != nil || !strings.Contains(string(text), "root@host") {
		t.Errorf("%s, %v", text, err)
	}
}
