package auth

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/sqlitetest"
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

// heldPolls holds polls for changed users until they are given up.
type heldPolls struct {
	storage.Store
	hold atomic.Bool
	held chan struct{} // gets a value when one is held
}

// LastUserChange implements [storage.Users].
func (s *heldPolls) LastUserChange(ctx context.Context) (storage.UserChange, error) {
	if !s.hold.Load() {
		return s.Store.LastUserChange(ctx)
	}
	select {
	case s.held <- struct{}{}:
	default:
	}
	<-ctx.Done()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) { // by itself, on a slow machine
		return s.Store.LastUserChange(context.WithoutCancel(ctx))
	}
	return storage.UserChange{}, ctx.Err()
}

// TestClosedPoll closes a guard while it looks for changed users. That it gives this up
// is no error for the log.
func TestClosedPoll(t *testing.T) {
	opened, err := sqlitetest.Open(t.Context(), t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	store := &heldPolls{Store: opened, held: make(chan struct{}, 1)}
	g := startGuard(t, store, time.Now)
	store.hold.Store(true)
	<-store.held
	g.Close()
	if log := g.logged(); log != "" {
		t.Error(log)
	}
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

// An otherStore answers what is asked about users from another store, once it has one.
type otherStore struct {
	storage.Store
	other atomic.Pointer[storage.Store]
}

func (s *otherStore) now() storage.Store {
	if other := s.other.Load(); other != nil {
		return *other
	}
	return s.Store
}

func (s *otherStore) Users(ctx context.Context) ([]storage.User, error) { return s.now().Users(ctx) }

func (s *otherStore) User(ctx context.Context, name string) (storage.User, error) {
	return s.now().User(ctx, name)
}

func (s *otherStore) LastUserChange(ctx context.Context) (storage.UserChange, error) {
	return s.now().LastUserChange(ctx)
}

func (s *otherStore) UserChanges(ctx context.Context, after int64) ([]storage.UserChange, error) {
	return s.now().UserChanges(ctx, after)
}

// TestPutBack puts a database back to an earlier state under a guard, after which it
// changes as often as before, and more often. A user whom it does not have any more is
// let in no longer.
func TestPutBack(t *testing.T) {
	for _, later := range []int{0, 1, 3} {
		open := func() storage.Store {
			s, err := sqlitetest.Open(t.Context(), t.TempDir(), 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			addUser(t, s, "first")
			return s
		}
		lost, back := open(), open()
		addUser(t, lost, "lost")
		if err := lost.SetEpoch(t.Context(), "first", 1); err != nil {
			t.Fatal(err)
		}
		store := &otherStore{Store: lost}
		g := startGuard(t, store, time.Now)
		if _, ok := g.users.Load().byName["lost"]; !ok {
			t.Fatal("the guard does not know the user")
		}
		addUser(t, back, "kept")
		for i := range 1 + later { // the first one looks as the last one of the lost history
			if err := back.SetEpoch(t.Context(), "first", int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		store.other.Store(&back)
		if err := g.poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok := g.users.Load().byName["lost"]; ok {
			t.Errorf("%d changes later a user is let in whom the database does not have", later)
		}
	}
}

// A noSingleUser is a store that does not answer in time about users one by one.
type noSingleUser struct{ storage.Store }

func (noSingleUser) User(context.Context, string) (storage.User, error) {
	return storage.User{}, context.DeadlineExceeded
}

// TestManyChangedUsers changes many users between two polls, of which the time is too
// short to read one after the other.
func TestManyChangedUsers(t *testing.T) {
	onBoth(t, func(t *testing.T, open func() storage.Store) {
		others := open()
		addUser(t, others, "first")
		g := startGuard(t, noSingleUser{open()}, time.Now)
		g.polling.Lock()
		for i := range 50 {
			addUser(t, others, fmt.Sprint("user-", i))
		}
		g.polling.Unlock()
		if err := g.poll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(g.users.Load().byName); n != 51 {
			t.Errorf("the guard knows %d users, not 51", n)
		}
	})
}

// A failingStore is a store whose users can not be looked up for a while.
type failingStore struct {
	storage.Store
	fails atomic.Bool
}

func (s *failingStore) LastUserChange(ctx context.Context) (storage.UserChange, error) {
	if s.fails.Load() {
		return storage.UserChange{}, errors.New("the database does not answer")
	}
	return s.Store.LastUserChange(ctx)
}

// TestStale has nobody let in by users that may have changed long ago.
func TestStale(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	t.Parallel()
	opened, err := sqlitetest.Open(t.Context(), t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	addUser(t, opened, "ann")
	store := &failingStore{Store: opened}
	g := startGuard(t, store, time.Now)
	token, _, err := g.login(home, "ann", goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	check := func() error {
		r, _ := call(home)
		r.Header.Set(olrest.TokenHeader, token)
		_, err := g.check(r)
		return err
	}
	store.fails.Store(true)
	time.Sleep(MaxStaleness) // until the users that it knows are too old
	if err := check(); platen.ErrorCode(err) != platen.Unavailable {
		t.Errorf("while users can not be looked up: %v", err)
	}
	store.fails.Store(false)
	if err := check(); err != nil {
		t.Errorf("once they can: %v", err)
	}
}
