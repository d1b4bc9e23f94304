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
		last, err := s.LastUserChange(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return last.Version
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
	if user, err := s.User(ctx, "a"); err != nil || user.Name != "a" || user.Password != "z" || user.Epoch != 3 {
		t.Errorf("a user: %+v, %v", user, err)
	}
	_, err := s.User(ctx, "c")
	wantCode(t, "nobody", err, platen.NotFound, `"c"`)
	wantCode(t, "password of nobody", s.SetPassword(ctx, storage.User{Name: "c"}), platen.NotFound, `"c"`)
	wantCode(t, "remove nobody", s.RemoveUser(ctx, "c"), platen.NotFound, `"c"`)
	if err := s.RemoveUser(ctx, "a"); err != nil {
		t.Error(err)
	}
	changed("remove", true)
	wantCode(t, "remove the last", s.RemoveUser(ctx, "b"), platen.Conflict, "last admin")
	changed("remove the last", false)
	testUserChanges(t, s, v)
	testRoles(t, s)
	testDisabled(t, s)
	testNamedTokens(t, s)
	testSecrets(t, s)
	testKnownLogins(t, s)
}

// testUserChanges checks what is recorded of changes. The users are b alone.
func testUserChanges(t *testing.T, s storage.Store, before int64) {
	ctx := storage.WithOrigin(t.Context(), &storage.Origin{User: "root@host"})
	byToken := storage.WithOrigin(t.Context(), &storage.Origin{User: "ann", Token: "ci"})
	for _, err := range []error{
		s.AddUser(ctx, storage.User{Name: "d"}),
		s.SetPassword(ctx, storage.User{Name: "d", Epoch: 7}),
		s.SetEpoch(ctx, "d", 8),
		s.Unlock(ctx, "d", "192.0.2.1", storage.LoginFailure{User: "x", Address: "y"}),
		s.Unlock(ctx, "", "", storage.LoginFailure{}),
		s.RemoveUser(ctx, "d"),
		s.ReplaceSecret(t.Context(), "other", []byte{1}, storage.KeyRotated),
		s.AddUser(byToken, storage.User{Name: "e", Role: platen.Viewer}),
		s.SetPassword(ctx, storage.User{Name: "e", Role: platen.Editor}),
		s.SetRole(ctx, "e", platen.Admin),
		s.AddToken(ctx, storage.NamedToken{Name: "t", Hash: []byte{1}, Owner: "e", Role: platen.Viewer}, 10, 10),
		s.UpdateToken(ctx, "t", storage.TokenUpdate{}),
		s.RemoveToken(ctx, "t"),
		s.RemoveUser(ctx, "e"),
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
		{Action: storage.UserAdded, User: "d", Detail: "editor", By: "root@host"},
		{Action: storage.PasswordSet, User: "d", By: "root@host"},
		{Action: storage.SessionsEnded, User: "d", By: "root@host"},
		{Action: storage.UserUnlocked, User: "d", Address: "192.0.2.1", By: "root@host"},
		{Action: storage.UserUnlocked, By: "root@host"},
		{Action: storage.UserRemoved, User: "d", By: "root@host"},
		{Action: storage.KeyRotated},
		{Action: storage.UserAdded, User: "e", Detail: "viewer", By: "ann (token ci)"},
		{Action: storage.RoleSet, User: "e", Detail: "editor", By: "root@host"},
		{Action: storage.PasswordSet, User: "e", By: "root@host"},
		{Action: storage.RoleSet, User: "e", Detail: "admin", By: "root@host"},
		{Action: storage.TokenMade, User: "e", Detail: "t", By: "root@host"},
		{Action: storage.TokenChanged, User: "e", Detail: "t", By: "root@host"},
		{Action: storage.TokenRevoked, User: "e", Detail: "t", By: "root@host"},
		{Action: storage.UserRemoved, User: "e", By: "root@host"},
	}
	for i := range min(len(want), len(changes)) {
		want[i].Version = before + 1 + int64(i)
		if want[i].Nonce = changes[i].Nonce; i > 0 && want[i].Nonce == want[i-1].Nonce {
			t.Errorf("two changes have the nonce %d", want[i].Nonce)
		}
	}
	diff(t, "changes", changes, want)
	if last, err := s.LastUserChange(ctx); err != nil || last != want[len(want)-1] {
		t.Errorf("the last change is %v (%v), want %v", last, err, want[len(want)-1])
	}
}

// testRoles checks that there is always an admin. The users are b alone.
func testRoles(t *testing.T, s storage.Store) {
	ctx := t.Context()
	role := func(name string) (role platen.Role) {
		t.Helper()
		users, err := s.Users(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, user := range users {
			if user.Name == name {
				role = user.Role
			}
		}
		return role
	}
	diff(t, "the first user", role("b"), platen.Admin)
	for _, user := range []storage.User{{Name: "plain"}, {Name: "viewer", Role: platen.Viewer}} {
		if err := s.AddUser(ctx, user); err != nil {
			t.Fatal(err)
		}
	}
	diff(t, "another user", role("plain"), platen.Editor)
	diff(t, "a user with a role", role("viewer"), platen.Viewer)
	wantCode(t, "demote the last admin", s.SetRole(ctx, "b", platen.Editor), platen.Conflict, "last admin")
	wantCode(t, "remove the last admin", s.RemoveUser(ctx, "b"), platen.Conflict, "last admin")
	wantCode(t, "demote the last admin with a password", s.SetPassword(ctx, storage.User{Name: "b", Password: "new", Role: platen.Viewer}), platen.Conflict, "last admin")
	wantCode(t, "the role of nobody", s.SetRole(ctx, "nobody", platen.Editor), platen.NotFound, `"nobody"`)
	diff(t, "the last admin", role("b"), platen.Admin)
	for _, err := range []error{s.SetRole(ctx, "plain", platen.Admin), s.SetRole(ctx, "b", platen.Viewer), s.SetRole(ctx, "b", platen.Admin), s.RemoveUser(ctx, "plain"), s.RemoveUser(ctx, "viewer")} {
		if err != nil {
			t.Error(err)
		}
	}
}

// testNamedTokens checks what is kept of named tokens. The users are b alone.
func testNamedTokens(t *testing.T, s storage.Store) {
	ctx := t.Context()
	at := func(seconds int64) time.Time { return time.UnixMicro(seconds*1e6 + 7) }
	tokens := func(what string, want ...storage.NamedToken) {
		t.Helper()
		got, err := s.NamedTokens(ctx)
		if err != nil {
			t.Fatal(err)
		}
		diff(t, what, got, want)
	}
	if err := s.AddUser(ctx, storage.User{Name: "owner"}); err != nil {
		t.Fatal(err)
	}
	one := storage.NamedToken{Name: "one", Hash: []byte{1, 0, 2}, Owner: "owner", Role: platen.Editor, Created: at(10), CreatedBy: "ann"}
	two := storage.NamedToken{
		Name: "two", Hash: []byte{3}, Owner: "b", Role: platen.Admin, Kinds: platen.KindsOf(platen.Job, platen.JobSet), Disabled: true,
		Created: at(11), CreatedBy: "root@host", Expires: at(20), Used: at(12),
	}
	for _, token := range []storage.NamedToken{two, one} {
		if err := s.AddToken(ctx, token, 2, 1); err != nil {
			t.Fatal(err)
		}
	}
	tokens("tokens", one, two)
	wantCode(t, "a third of two", s.AddToken(ctx, storage.NamedToken{Name: "three", Owner: "b", Hash: []byte{9}}, 2, 9), platen.Conflict, "there are 2 tokens, and")
	wantCode(t, "a second of one for an owner", s.AddToken(ctx, storage.NamedToken{Name: "three", Owner: "b", Hash: []byte{9}}, 9, 1), platen.Conflict, "1 tokens of this user")
	wantCode(t, "a name twice", s.AddToken(ctx, storage.NamedToken{Name: "one", Owner: "b", Hash: []byte{9}}, 9, 9), platen.Conflict, `"one"`)
	wantCode(t, "a token of nobody", s.AddToken(ctx, storage.NamedToken{Name: "three", Owner: "nobody", Hash: []byte{9}}, 9, 9), platen.NotFound, `"nobody"`)
	wantCode(t, "change no token", s.UpdateToken(ctx, "three", storage.TokenUpdate{}), platen.NotFound, `"three"`)
	wantCode(t, "remove no token", s.RemoveToken(ctx, "three"), platen.NotFound, `"three"`)

	role, kinds, disabled, expires := platen.Viewer, platen.KindSet(0), false, time.Time{}
	for _, update := range []storage.TokenUpdate{{Role: &role}, {Kinds: &kinds}, {Disabled: &disabled}, {Expires: &expires}} {
		if err := s.UpdateToken(ctx, "two", update); err != nil {
			t.Error(err)
		}
	}
	two.Role, two.Kinds, two.Disabled, two.Expires = role, kinds, disabled, expires
	tokens("a changed token", one, two)
	for _, used := range []map[string]time.Time{{"one": at(30), "gone": at(30), "two": at(11)}, nil} {
		if err := s.RecordTokenUses(ctx, used); err != nil {
			t.Error(err)
		}
	}
	one.Used = at(30)
	tokens("used tokens", one, two)
	if err := s.RemoveUser(ctx, "owner"); err != nil {
		t.Error(err)
	}
	tokens("without those of a user who is gone", two)
	if err := s.RemoveToken(ctx, "two"); err != nil {
		t.Error(err)
	}
	tokens("no token")
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
