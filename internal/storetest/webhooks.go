package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

func testWebhooks(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	at := time.UnixMicro(1_767_225_600_000_001)
	hook := storage.Webhook{
		Webhook: platen.Webhook{
			URL: "https://example.com/a?b=c", Description: "ä", Enabled: true, Created: at, CreatedBy: "ol-admin", Updated: at, Position: 7,
			Filter: platen.ChangeFilter{Kinds: []platen.Kind{platen.Job}, Sets: []platen.ID{1000}, Types: []platen.ChangeType{platen.Imported}, Names: []string{"n,\""}},
		},
		Secret: []byte{0, 1, 2}, OldSecret: []byte{3}, Epoch: 4,
	}
	hook.OldSecretUntil = at.Add(time.Hour)
	version := func() string {
		t.Helper()
		v, err := s.WebhooksVersion(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := version()
	versionChanged := func(what string, want bool) {
		t.Helper()
		now := version()
		if (now != v) != want {
			t.Errorf("%s: the version changed: %v, want %v", what, now != v, want)
		}
		v = now
	}
	add := func() int64 {
		t.Helper()
		id, err := s.AddWebhook(ctx, &hook, 2)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	first, second := add(), add()
	versionChanged("add", true)
	_, err := s.AddWebhook(ctx, &hook, 2)
	wantCode(t, "a third one of two", err, platen.Conflict, "2 webhooks")
	got, err := s.Webhook(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	hook.ID = first
	diff(t, "the webhook", got, hook)
	_, err = s.Webhook(ctx, 99)
	wantCode(t, "no webhook", err, platen.NotFound, "99")

	changed, err := s.ChangeWebhook(ctx, first, func(w *storage.Webhook) error {
		w.Enabled, w.Reason, w.OldSecret, w.OldSecretUntil, w.Failures, w.FailingSince = false, "gone", nil, time.Time{}, 3, at
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	versionChanged("change", true)
	got, err = s.Webhook(ctx, first)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "what ChangeWebhook returns", changed, got)
	if got.Enabled || got.Reason != "gone" || got.OldSecret != nil || got.Failures != 3 || !got.FailingSince.Equal(at) {
		t.Errorf("after the change: %+v", got)
	}
	refusal := errors.New("no")
	if _, err := s.ChangeWebhook(ctx, first, func(w *storage.Webhook) error { w.URL = "x"; return refusal }); !errors.Is(err, refusal) {
		t.Errorf("an error of the change: %v", err)
	}
	versionChanged("a change that fails", false)
	_, err = s.ChangeWebhook(ctx, 99, nil)
	wantCode(t, "change none", err, platen.NotFound, "99")
	enabled, disabled, err := s.CountWebhooks(ctx)
	if err != nil || enabled != 1 || disabled != 1 {
		t.Errorf("%d and %d webhooks (%v), want one of each state", enabled, disabled, err)
	}
	if page, err := s.Webhooks(ctx, first, 10); err != nil || len(page) != 1 || page[0].ID != second {
		t.Errorf("the webhooks after the first: %v (%v)", page, err)
	}
	testWebhookProgress(t, s, first, second)

	if err := s.RemoveWebhook(ctx, second); err != nil {
		t.Fatal(err)
	}
	versionChanged("remove", true)
	wantCode(t, "remove again", s.RemoveWebhook(ctx, second), platen.NotFound, "")
	if third := add(); third <= second {
		t.Errorf("the id %d is given again", third)
	}
	versionChanged("add in the place of one", true)
	for range 2 {
		if held, err := s.LeaseWebhooks(ctx, time.Second); !held || err != nil {
			t.Errorf("the lease: %v (%v)", held, err)
		}
	}
}

// testWebhookProgress records progress and attempts of two webhooks, whose
// epoch is 4.
func testWebhookProgress(t *testing.T, s storage.Store, first, second int64) {
	ctx := t.Context()
	at := time.UnixMicro(1_767_225_600_000_001)
	for _, progress := range []storage.WebhookProgress{
		{Webhook: first, Epoch: 4, Position: 20},
		{Webhook: second, Epoch: 3, Position: 21},
		{Webhook: first, Epoch: 4, Position: 19}, // of a sender that has not heard of another one
	} {
		if err := s.RecordWebhooks(ctx, []storage.WebhookProgress{progress}, nil); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[int64]platen.EventID{first: 20, second: 7} {
		if got, err := s.Webhook(ctx, id); err != nil || got.Position != want {
			t.Errorf("the position of webhook %d is %d (%v), want %d", id, got.Position, err, want)
		}
	}
	var attempts []platen.WebhookAttempt
	for i := range 600 {
		attempts = append(attempts, platen.WebhookAttempt{Webhook: first, Event: fmt.Sprint(i), EventType: "t", Time: at.Add(time.Duration(i) * time.Second),
			Took: 3 * time.Microsecond, Status: 500, Error: "e", Response: "r"})
	}
	attempts = append(attempts, platen.WebhookAttempt{Webhook: second, Event: "x", Time: at})
	if err := s.RecordWebhooks(ctx, nil, attempts); err != nil {
		t.Fatal(err)
	}
	events := func(webhook, before int64, most int) (list []string) {
		t.Helper()
		page, err := s.WebhookAttempts(ctx, webhook, before, most)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page {
			list = append(list, a.Event)
		}
		return list
	}
	page, err := s.WebhookAttempts(ctx, first, 1<<62, 2)
	if err != nil || len(page) != 2 {
		t.Fatal(page, err)
	}
	want := attempts[599]
	want.ID = page[0].ID
	diff(t, "the newest attempt", page[0], want)
	diff(t, "those before", events(first, page[1].ID, 2), []string{"597", "596"})
	_, err = s.WebhookAttempts(ctx, 99, 1<<62, 2)
	wantCode(t, "attempts of none", err, platen.NotFound, "99")

	prune := func(before time.Time, keep int) {
		t.Helper()
		for more := true; more; {
			if more, err = s.PruneWebhooks(ctx, before, keep); err != nil {
				t.Fatal(err)
			}
		}
	}
	prune(at, 10)
	if got := events(first, 1<<62, 100); len(got) != 10 || got[9] != "590" {
		t.Errorf("after all but 10 were removed: %v", got)
	}
	prune(at.Add(595*time.Second), 1000)
	diff(t, "since a time", events(first, 1<<62, 100), []string{"599", "598", "597", "596", "595"})
	if got := events(second, 1<<62, 100); len(got) != 0 {
		t.Errorf("the attempts of another webhook from before: %v", got)
	}
}
