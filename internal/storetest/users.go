package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

func testUsers(t *testing.T, open Open) {
	s := start(t, open)
	ctx := t.Context()
	version := func() int64 {
		t.Helper()
		v, err := s.UsersVersion(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	names := func() (names []string) {
		t.Helper()
		users, err := s.Users(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range users {
			names = append(names, fmt.Sprintf("%s %d%s", user.Name, user.Epoch, user.Password))
		}
		return names
	}
	v := version()
	changed := func(what string, want bool) {
		t.Helper()
		if now := version(); (now != v) != want {
			t.Errorf("%s: the version changed: %v, want %v", what, now != v, want)
		}
		v = version()
	}
	for _, user := range []storage.User{{Name: "b", Password: "x", Epoch: 1}, {Name: "a", Password: "y", Epoch: 2}} {
		if err := s.AddUser(ctx, user); err != nil {
			t.Fatal(err)
		}
	}
	changed("add", true)
	wantCode(t, "add again", s.AddUser(ctx, storage.User{Name: "a"}), platen.Conflict, `"a"`)
	changed("add again", false)
	if err := s.SetPassword(ctx, storage.User{Name: "a", Password: "z", Epoch: 3}); err != nil {
		t.Error(err)
	}
	changed("password", true)
	diff(t, "users", names(), []string{"a 3z", "b 1x"})
	wantCode(t, "password of nobody", s.SetPassword(ctx, storage.User{Name: "c"}), platen.NotFound, `"c"`)
	wantCode(t, "remove nobody", s.RemoveUser(ctx, "c"), platen.NotFound, `"c"`)
	if err := s.RemoveUser(ctx, "a"); err != nil {
		t.Error(err)
	}
	changed("remove", true)
	wantCode(t, "remove the last", s.RemoveUser(ctx, "b"), platen.Conflict, "last user")
	testUserChanges(t, s, v)
	testSecrets(t, s)
	testKnownLogins(t, s)
}

// testUserChanges checks what is recorded of changes. The users are b alone.
func testUserChanges(t *testing.T, s storage.Store, before int64) {
	ctx := storage.WithOrigin(t.Context(), &storage.Origin{User: "root@host"})
	for _, err := range []error{
		s.AddUser(ctx, storage.User{Name: "d"}),
		s.SetPassword(ctx, storage.User{Name: "d", Epoch: 7}),
		s.SetEpoch(ctx, "d", 8),
		s.Unlock(ctx, "d", "192.0.2.1", storage.LoginFailure{User: "x", Address: "y"}),
		s.Unlock(ctx, "", "", storage.LoginFailure{}),
		s.RemoveUser(ctx, "d"),
		s.ReplaceSecret(t.Context(), "other", []byte{1}, storage.KeyRotated),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	wantCode(t, "the epoch of nobody", s.SetEpoch(ctx, "c", 1), platen.NotFound, `"c"`)
	wantCode(t, "unlock nobody", s.Unlock(ctx, "c", "", storage.LoginFailure{}), platen.NotFound, `"c"`)
	changes, err := s.UserChanges(ctx, before)
	if err != nil {
		t.Fatal(err)
	}
	want := []storage.UserChange{
		{Action: storage.UserAdded, User: "d", By: "root@host"},
		{Action: storage.PasswordSet, User: "d", By: "root@host"},
		{Action: storage.SessionsEnded, User: "d", By: "root@host"},
		{Action: storage.UserUnlocked, User: "d", Address: "192.0.2.1", By: "root@host"},
		{Action: storage.UserUnlocked, By: "root@host"},
		{Action: storage.UserRemoved, User: "d", By: "root@host"},
		{Action: storage.KeyRotated},
	}
	for i := range want {
		want[i].Version = before + 1 + int64(i)
	}
	diff(t, "changes", changes, want)
	if v, err := s.UsersVersion(ctx); err != nil || v != before+int64(len(want)) {
		t.Errorf("the version is %d (%v), want %d", v, err, before+int64(len(want)))
	}
}

func testSecrets(t *testing.T, s storage.Store) {
	ctx := t.Context()
	secret := func(fresh byte) []byte {
		t.Helper()
		secret, err := s.Secret(ctx, "key", []byte{fresh, 0, 2})
		if err != nil {
			t.Error(err)
		}
		return secret
	}
	diff(t, "a new secret", secret(1), []byte{1, 0, 2})
	diff(t, "the same secret", secret(9), []byte{1, 0, 2})
	if err := s.ReplaceSecret(ctx, "key", []byte{5}, storage.KeyRotated); err != nil {
		t.Error(err)
	}
	diff(t, "another secret", secret(9), []byte{5})
}

func testKnownLogins(t *testing.T, s storage.Store) {
	ctx := t.Context()
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	record := func(logins ...storage.KnownLogin) {
		t.Helper()
		if err := s.RecordLogins(ctx, logins, 2, at(100)); err != nil {
			t.Fatal(err)
		}
	}
	known := func(since int64) []storage.KnownLogin {
		t.Helper()
		logins, err := s.KnownLogins(ctx, at(since))
		if err != nil {
			t.Fatal(err)
		}
		return logins
	}
	one, two, three, other := storage.KnownLogin{User: "a", Address: "1", Seen: at(101)}, storage.KnownLogin{User: "a", Address: "2", Seen: at(102)},
		storage.KnownLogin{User: "a", Address: "3", Seen: at(103)}, storage.KnownLogin{User: "b", Address: "1", Seen: at(50)}
	record(one, two)
	record(other) // older than any that is kept
	diff(t, "logins", known(0), []storage.KnownLogin{one, two})
	one.Seen = at(104)
	record(one)
	record(three)
	diff(t, "the last two of a user", known(0), []storage.KnownLogin{three, one})
	diff(t, "logins since", known(104), []storage.KnownLogin{one})
	now, err := s.Now(ctx)
	if apart := time.Since(now).Abs(); err != nil || apart > time.Minute {
		t.Errorf("the clock is %v away (%v)", apart, err)
	}
}
