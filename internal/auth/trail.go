package auth

import (
	"context"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// Bounds of what is recorded of logins and refusals, so that nobody can fill the
// database with them. Refusals of one kind wait together, and are counted.
const (
	trailEvery    = time.Second // one transaction has what happened since the one before
	trailRefusals = time.Second // one refusal is recorded,
	trailBurst    = 100         // or so many at once
	trailWaiting  = 1000        // different refusals wait; others are counted as one
	trailEntries  = 1000        // logins wait
)

// A trail records logins and refusals in the log of changes. They are recorded soon
// after they happened, so that nobody waits for that, and a login needs no database
// that can be written to.
type trail struct {
	mu       sync.Mutex
	limit    *rate.Limiter
	entries  []storage.AuditEntry // logins, and what could not be recorded before
	left     int                  // logins that were left out
	refusals map[refusal]*refusals
	written  time.Time
}

// A refusal is what refusals are counted by. The zero one is for all that are too
// many to tell apart.
type refusal struct {
	cause, client, tried, user, token string
}

type refusals struct {
	count     int
	requestID string // of the first
	what      []platen.NameValue
}

func newTrail() *trail {
	return &trail{limit: rate.NewLimiter(rate.Every(trailRefusals), trailBurst), refusals: make(map[refusal]*refusals)}
}

// login records a login. issuer is that of the provider who knows the user, "" for
// none.
func (t *trail) login(call *Call, issuer string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.entries) >= trailEntries {
		t.left++
		return
	}
	details := []platen.NameValue{{Name: "action", Value: "login"}, {Name: "client", Value: call.Client.String()}}
	if issuer != "" {
		details = append(details, platen.NameValue{Name: "provider", Value: issuer})
	}
	t.entries = append(t.entries, storage.AuditEntry{Type: platen.AuditLogin, Origin: call.Origin, Details: details})
}

// routine are refusals that come up with honest clients all the time.
var routine = map[string]bool{"": true, causeNone: true, causeExpired: true, causeBusy: true}

// refused records the refusal of a request, if it was refused; what says more of it.
func (t *trail) refused(call *Call, what ...platen.NameValue) {
	if routine[call.Refused] {
		return
	}
	key := refusal{cause: call.Refused, client: prefixOf(call.Client).String(), tried: call.Tried, user: call.User, token: call.Token}
	t.mu.Lock()
	defer t.mu.Unlock()
	found := t.refusals[key]
	if found == nil && len(t.refusals) >= trailWaiting {
		key, what = refusal{}, nil
		found = t.refusals[key]
	}
	if found == nil {
		found = &refusals{requestID: call.RequestID, what: what}
		t.refusals[key] = found
	}
	found.count++
}

// take returns what is to be recorded now.
func (t *trail) take(now time.Time) (entries []storage.AuditEntry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.Sub(t.written) < trailEvery && !now.Before(t.written) || len(t.entries) == 0 && len(t.refusals) == 0 {
		return nil
	}
	t.written = now
	entries, t.entries = t.entries, nil
	if t.left > 0 {
		entries = append(entries, storage.AuditEntry{Type: platen.AuditLogin, Details: []platen.NameValue{
			{Name: "action", Value: "further logins"}, {Name: "count", Value: strconv.Itoa(t.left)},
		}})
		t.left = 0
	}
	for key, found := range t.refusals {
		if !t.limit.AllowN(now, 1) {
			break
		}
		delete(t.refusals, key)
		entries = append(entries, found.entry(key))
	}
	return entries
}

// entry returns refusals as an entry of the log.
func (r *refusals) entry(key refusal) storage.AuditEntry {
	entry := storage.AuditEntry{Type: platen.AuditRefusal, Origin: storage.Origin{User: key.user, Token: key.token, RequestID: r.requestID}}
	add := func(name, value string) {
		if value != "" {
			entry.Details = append(entry.Details, platen.NameValue{Name: name, Value: value})
		}
	}
	if key.cause == "" {
		key.cause = "further refusals"
	}
	add("action", "refusal")
	add("cause", key.cause)
	add("client", key.client)
	add("tried", key.tried)
	entry.Details = append(entry.Details, r.what...)
	add("count", strconv.Itoa(r.count))
	return entry
}

// recordTrail records what waits. What can not be recorded now is tried again with
// what comes then, up to the bounds.
func (g *Guard) recordTrail(ctx context.Context) error {
	entries := g.trail.take(g.localTime())
	err := g.store.RecordAudit(ctx, entries)
	if err == nil {
		return nil
	}
	g.trail.mu.Lock()
	defer g.trail.mu.Unlock()
	for _, entry := range entries {
		if len(g.trail.entries) < trailEntries {
			g.trail.entries = append(g.trail.entries, entry)
		}
	}
	return err
}
