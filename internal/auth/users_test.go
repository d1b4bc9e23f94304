package auth

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// allReads counts how often all users are read.
type allReads struct {
	storage.Store
	count atomic.Int64
}

// Users implements [storage.Users].
func (s *allReads) Users(ctx context.Context) ([]storage.User, error) {
	s.count.Add(1)
	return s.Store.Users(ctx)
}

// TestChangedSince checks when the changes between two versions are known.
func TestChangedSince(t *testing.T) {
	changes := []storage.UserChange{{Version: 11, User: "a"}, {Version: 12}, {Version: 13, User: "b"}}
	for _, test := range []struct {
		after, upTo int64
		changes     []storage.UserChange
		names       int // -1: not all are known
	}{
		{10, 13, changes, 2},
		{10, 12, changes, 2}, // one more came meanwhile
		{10, 14, changes, -1},
		{9, 13, changes, -1},
		{10, 13, changes[1:], -1},
		{10, 9, nil, -1}, // the database was put back to an earlier state
		{0, 13, nil, -1},
	} {
		names, ok := changedSince(test.after, test.upTo, test.changes)
		if ok != (test.names >= 0) || ok && len(names) != test.names {
			t.Errorf("%d to %d by %v: %v, %v", test.after, test.upTo, test.changes, names, ok)
		}
	}
}

// TestChangedUsers changes users at random, by another store. What the guard knows of
// them is what the database has; it reads all of them at its start, and when it can not
// tell whom it has missed.
func TestChangedUsers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	onBoth(t, func(t *testing.T, open func() storage.Store) {
		store, others := &allReads{Store: open()}, open()
		addUser(t, others, "first")
		g := startGuard(t, store, time.Now)
		random := rand.New(rand.NewPCG(5, 6))
		name := func() string { return fmt.Sprintf("user-%d", random.IntN(8)) }
		user := func() storage.User {
			return storage.User{Name: name(), Password: fmt.Sprint("hash ", random.Int()), Epoch: random.Int64(), Changed: time.Unix(random.Int64N(1e9), 0)}
		}
		ctx := t.Context()
		change := func() error {
			switch random.IntN(8) {
			case 0, 1:
				return others.AddUser(ctx, user())
			case 2:
				return others.RemoveUser(ctx, name())
			case 3:
				return others.SetEpoch(ctx, name(), random.Int64())
			case 4:
				return others.SetRole(ctx, name(), platen.Role(1+random.IntN(3)))
			case 5:
				return others.SetDisabled(ctx, name(), random.IntN(2) == 0, random.Int64())
			case 6:
				external := storage.User{Name: fmt.Sprintf("external-%d", random.IntN(4)), Issuer: "https://issuer.example", Epoch: random.Int64(), Role: platen.Role(random.IntN(4))}
				external.Subject = external.Name
				_, err := others.LoggedIn(ctx, external)
				return err
			}
			return others.SetPassword(ctx, user())
		}
		compare := func() {
			t.Helper()
			if err := g.poll(ctx); err != nil {
				t.Fatal(err)
			}
			all, err := others.Users(ctx)
			if err != nil {
				t.Fatal(err)
			}
			want := make(map[string]storage.User)
			for _, one := range all {
				want[one.Name] = one
			}
			if got := g.users.Load().byName; !maps.Equal(got, want) {
				t.Fatalf("the guard knows %v; the database has %v", got, want)
			}
		}
		few := 0
		for range 150 {
			for range random.IntN(4) {
				switch err := change(); platen.ErrorCode(err) {
				case platen.NotFound, platen.Conflict: // it was random
				default:
					if err != nil {
						t.Fatal(err)
					}
					few++
				}
			}
			compare()
		}
		if all := store.count.Load(); all != 1 || few < 50 {
			t.Errorf("all users were read %d times for %d changes; want once", all, few)
		}
		g.polling.Lock()
		for range 1100 { // more than the database keeps
			if err := others.SetEpoch(ctx, "first", random.Int64()); err != nil {
				t.Fatal(err)
			}
		}
		g.polling.Unlock()
		compare()
		if all := store.count.Load(); all != 2 {
			t.Errorf("all users were read %d times; want twice, since changes were missed", all)
		}
	})
}
