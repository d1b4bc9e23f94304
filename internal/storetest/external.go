package storetest

import (
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// testDisabled checks that users can be disabled, but not the last admin. The users
// are b alone, an admin.
func testDisabled(t *testing.T, s storage.Store) {
	ctx := t.Context()
	if err := s.AddUser(ctx, storage.User{Name: "second", Epoch: 1, Role: platen.Admin}); err != nil {
		t.Fatal(err)
	}
	user := func(name string) (found storage.User) {
		t.Helper()
		users, err := s.Users(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range users {
			if one.Name == name {
				found = one
			}
		}
		return found
	}
	wantCode(t, "disable nobody", s.SetDisabled(ctx, "nobody", true, 5), platen.NotFound, `"nobody"`)
	for _, step := range []struct {
		disabled bool
		by       storage.DisabledBy
		epoch    int64
	}{{true, storage.DisabledByAdmin, 5}, {false, storage.NotDisabled, 5}, {true, storage.DisabledByAdmin, 6}} {
		if err := s.SetDisabled(ctx, "second", step.disabled, step.epoch); err != nil {
			t.Error(err)
		}
		if got := user("second"); got.Disabled != step.by || got.Epoch != step.epoch {
			t.Errorf("disabled %v: %+v", step.disabled, got)
		}
	}
	for what, err := range map[string]error{
		"disable the last": s.SetDisabled(ctx, "b", true, 7), "demote the last": s.SetRole(ctx, "b", platen.Viewer), "remove the last": s.RemoveUser(ctx, "b"),
	} {
		wantCode(t, what, err, platen.Conflict, "last admin")
	}

	// External ones are found by issuer and subject, and keep their name.
	ann := storage.User{Name: "ann", Epoch: 10, Role: platen.Admin, Issuer: "https://id.example", Subject: "1"}
	login := func(what string, user storage.User, want storage.User) {
		t.Helper()
		got, err := s.LoggedIn(ctx, user)
		if err != nil {
			t.Fatal(what, err)
		}
		got.Changed, want.Changed = storage.User{}.Changed, storage.User{}.Changed
		diff(t, what, got, want)
	}
	refused := func(what string, user storage.User, code platen.Code, text string) {
		t.Helper()
		_, err := s.LoggedIn(ctx, user)
		wantCode(t, what, err, code, text)
	}
	none := ann
	none.Role = 0
	refused("a stranger without a role", none, platen.NotFound, `"ann"`)
	login("the first login", ann, ann)
	wantCode(t, "an external admin does not count", s.RemoveUser(ctx, "b"), platen.Conflict, "last admin")
	renamed, demoted := ann, ann
	renamed.Name, renamed.Role, demoted.Role = "anna", platen.Viewer, platen.Viewer
	login("another name and role", renamed, demoted)
	before, err := s.LastUserChange(ctx)
	if err != nil {
		t.Fatal(err)
	}
	login("as before", renamed, demoted)
	if after, err := s.LastUserChange(ctx); err != nil || after != before {
		t.Errorf("a login that changes nothing was recorded: %v, %v (%v)", before, after, err)
	}
	other := storage.User{Name: "ann", Role: platen.Admin, Issuer: ann.Issuer, Subject: "2"}
	refused("another of that name", other, platen.Conflict, "not taken over")
	other.Name = "b"
	refused("one with the name of a local user", other, platen.Conflict, "not taken over")
	none.Epoch, demoted.Disabled, demoted.Epoch = 11, storage.DisabledByProvider, 11
	login("without a role", none, demoted)
	login("without a role again", none, demoted)
	demoted.Disabled = storage.NotDisabled
	login("with a role again", renamed, demoted)
	if err := s.SetDisabled(ctx, "ann", true, 12); err != nil {
		t.Error(err)
	}
	demoted.Disabled, demoted.Epoch, demoted.Role = storage.DisabledByAdmin, 12, platen.Editor
	renamed.Role = platen.Editor
	login("whom an admin has disabled", renamed, demoted)
	wantCode(t, "a password for an external user", s.SetPassword(ctx, storage.User{Name: "ann", Password: "x"}), platen.Conflict, ann.Issuer)
	wantCode(t, "a role for an external user", s.SetRole(ctx, "ann", platen.Admin), platen.Conflict, ann.Issuer)
	for _, name := range []string{"ann", "second"} {
		if err := s.RemoveUser(ctx, name); err != nil {
			t.Error(err)
		}
	}
}
