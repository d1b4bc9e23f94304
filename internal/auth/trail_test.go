package auth

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// TestTrailBounds floods a trail with refusals that all differ, and with logins.
func TestTrailBounds(t *testing.T) {
	t.Parallel()
	trail := newTrail()
	const each = 5000
	now := time.Unix(1_700_000_000, 0)
	recorded, counted, logins, most := 0, 0, 0, 0
	take := func() {
		entries := trail.take(now)
		if again := trail.take(now); again != nil {
			t.Errorf("%d entries at once after others", len(again))
		}
		most = max(most, len(entries))
		for _, entry := range entries {
			switch {
			case entry.Type == platen.AuditRefusal:
				recorded++
				n, err := strconv.Atoi(entry.Details[len(entry.Details)-1].Value)
				if err != nil {
					t.Fatal(entry)
				}
				counted += n
			case entry.Details[0].Value == "login":
				logins++
			default:
				n, err := strconv.Atoi(entry.Details[1].Value)
				if err != nil {
					t.Fatal(entry)
				}
				logins += n
			}
		}
	}
	for second := range 20 {
		for n := range each {
			call := &Call{Client: netip.AddrFrom4([4]byte{10, byte(second), byte(n >> 8), byte(n)})}
			trail.login(call, "")
			_ = call.refuse(fmt.Sprint("user", n), causeWrong, nil)
			trail.refused(call)
		}
		if len(trail.refusals) > trailWaiting+1 || len(trail.entries) > trailEntries {
			t.Fatalf("%d refusals and %d others wait", len(trail.refusals), len(trail.entries))
		}
		now = now.Add(time.Second)
		take()
	}
	if limit := trailBurst + 20; recorded > limit || most > trailEntries+1+trailBurst {
		t.Errorf("%d refusals were recorded, up to %d entries at once", recorded, most)
	}
	if logins != 20*each {
		t.Errorf("%d logins", logins)
	}
	for range 2 * trailWaiting {
		now = now.Add(time.Second)
		take()
	}
	if counted != 20*each {
		t.Errorf("%d refusals are counted", counted)
	}
}

type anyStore interface{ storage.Users }

// An awayStore can not record.
type awayStore struct {
	anyStore
	away bool
	got  []storage.AuditEntry
}

func (a *awayStore) RecordAudit(_ context.Context, entries []storage.AuditEntry) error {
	if a.away {
		return errors.New("away")
	}
	a.got = append(a.got, entries...)
	return nil
}

// TestTrailAway records what came while the database was away.
func TestTrailAway(t *testing.T) {
	t.Parallel()
	store := &awayStore{away: true}
	now := time.Unix(1_700_000_000, 0)
	g := &Guard{store: store, trail: newTrail(), localTime: func() time.Time { return now }}
	call := &Call{}
	g.trail.login(call, "")
	_ = call.refuse("ann", causeWrong, nil)
	g.trail.refused(call)
	if err := g.recordTrail(t.Context()); err == nil {
		t.Error("no error")
	}
	store.away = false
	g.trail.login(&Call{}, "")
	now = now.Add(time.Second)
	if err := g.recordTrail(t.Context()); err != nil || len(store.got) != 3 {
		t.Errorf("%+v, %v", store.got, err)
	}
}
