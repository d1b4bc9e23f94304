package client_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/storage"
)

// as returns a client of the server of another one, for another user.
func as(t *testing.T, c *client.Client, sent *recorder, name, password string) *client.Client {
	t.Helper()
	other, err := client.New(baseOf(sent), name, password)
	if err != nil {
		t.Fatal(err)
	}
	other.HTTP = c.HTTP
	return other
}

// logins returns how many logins were sent.
func logins(sent *recorder) (n int) {
	for _, r := range sent.requests() {
		if r.URL.Path == loginPath {
			n++
		}
	}
	return n
}

const other = "battery staple"

var yes, no = true, false // for what points to a bool

func TestUsers(t *testing.T) {
	c, sent := connect(t)
	ctx := t.Context()
	mailroom := must[client.User](t)(c.CreateUser(ctx, client.NewUser{Name: "mailroom", Password: password, Role: platen.Editor}))
	if mailroom.Name != "mailroom" || mailroom.Role != platen.Editor || mailroom.Disabled || mailroom.PasswordTime.IsZero() || mailroom.Issuer != "" {
		t.Errorf("%+v", mailroom)
	}
	mailroom.PasswordTime = mailroom.PasswordTime.Truncate(time.Second) // as it is kept
	is(t, mailroom)(c.User(ctx, "mailroom"))
	users := must[[]client.User](t)(c.Users(ctx))
	if len(users) != 2 || users[0] != mailroom || users[1].Name != user {
		t.Errorf("%+v", users)
	}
	sameJSON(t, c, baseOf(sent)+"/api/v1/users", map[string][]client.User{"users": users})
	sameJSON(t, c, baseOf(sent)+"/api/v1/users/mailroom", mailroom)

	theirs := as(t, c, sent, "mailroom", password)
	me := must[client.Me](t)(theirs.Me(ctx))
	is(t, platen.Editor)(me.Role, nil)
	sameJSON(t, theirs, baseOf(sent)+"/api/v1/me", me)
	fails(t, second(theirs.Users(ctx)), platen.Forbidden, "admin")
	is(t, platen.Viewer)(must[client.User](t)(c.ChangeUser(ctx, "mailroom", client.UserChange{Role: platen.Viewer})).Role, nil)
	is(t, platen.Viewer)(must[client.Me](t)(theirs.Me(ctx)).Role, nil)
	if now := must[client.User](t)(c.ChangeUser(ctx, "mailroom", client.UserChange{Disabled: &yes})); !now.Disabled || now.DisabledBy != "admin" {
		t.Errorf("%+v", now)
	}
	fails(t, second(theirs.Me(ctx)), platen.Forbidden, "disabled")
	is(t, false)(must[client.User](t)(c.ChangeUser(ctx, "mailroom", client.UserChange{Disabled: &no})).Disabled, nil)
	must[client.User](t)(c.ChangeUser(ctx, "mailroom", client.UserChange{Password: other, Role: platen.Editor}))
	fails(t, second(theirs.Me(ctx)), platen.Unauthenticated, "")
	is(t, platen.Editor)(must[client.Me](t)(as(t, c, sent, "mailroom", other).Me(ctx)).Role, nil)

	for _, wrong := range []client.NewUser{{Name: "a b", Password: password, Role: platen.Viewer}, {Name: "a", Password: "short", Role: platen.Viewer}, {Name: "a", Password: password}} {
		fails(t, second(c.CreateUser(ctx, wrong)), platen.Invalid, "")
	}
	fails(t, second(c.CreateUser(ctx, client.NewUser{Name: "mailroom", Password: password, Role: platen.Viewer})), platen.Conflict, "already")
	fails(t, second(c.User(ctx, "nobody")), platen.NotFound, "nobody")
	fails(t, second(c.User(ctx, "")), platen.Invalid, "empty")
	fails(t, second(c.ChangeUser(ctx, "nobody", client.UserChange{Role: platen.Viewer})), platen.NotFound, "nobody")
	fails(t, second(c.ChangeUser(ctx, "mailroom", client.UserChange{})), platen.Invalid, "nothing to change")
	fails(t, second(c.ChangeUser(ctx, "mailroom", client.UserChange{Password: "short"})), platen.Invalid, "8 to 1024")
	fails(t, second(c.ChangeUser(ctx, "mailroom", client.UserChange{Disabled: &yes, Role: platen.Viewer})), platen.Invalid, "by itself")
	fails(t, second(c.ChangeUser(ctx, user, client.UserChange{Role: platen.Viewer})), platen.Conflict, "last admin")
	fails(t, c.DeleteUser(ctx, user), platen.Conflict, "last admin")
	if err := c.DeleteUser(ctx, "mailroom"); err != nil {
		t.Error(err)
	}
	fails(t, c.DeleteUser(ctx, "mailroom"), platen.NotFound, "mailroom")
}

// TestUsersOfProvider: what a provider says of a user is not changed here.
func TestUsersOfProvider(t *testing.T) {
	var store storage.Store
	c, sent := connect(t, func(config *server.Config) { store = config.Store })
	ctx := t.Context()
	if _, err := store.LoggedIn(ctx, storage.User{Name: "ann", Issuer: "https://id.example.com", Subject: "1", Role: platen.Viewer, Epoch: auth.NewEpoch(), Changed: time.Now()}); err != nil {
		t.Fatal(err)
	}
	ann := must[client.User](t)(c.User(ctx, "ann"))
	is(t, client.User{Name: "ann", Role: platen.Viewer, Issuer: "https://id.example.com"})(ann, nil)
	sameJSON(t, c, baseOf(sent)+"/api/v1/users/ann", ann)
	fails(t, second(c.ChangeUser(ctx, "ann", client.UserChange{Role: platen.Admin})), platen.Conflict, "provider")
	fails(t, second(c.ChangeUser(ctx, "ann", client.UserChange{Password: other})), platen.Conflict, "provider")

	made := must[client.Token](t)(c.CreateToken(ctx, client.NewToken{Name: "hers", User: "ann", Role: platen.Viewer}))
	hers, err := client.NewWithToken(baseOf(sent), made.Secret)
	if err != nil {
		t.Fatal(err)
	}
	hers.HTTP = c.HTTP
	is(t, client.Me{User: "ann", Issuer: "https://id.example.com", Role: platen.Viewer, Token: "hers"})(hers.Me(ctx))
	fails(t, hers.ChangePassword(ctx, password, other), platen.Conflict, "provider")
}

// TestChangePassword: a client goes on after the change of its own password; a wrong
// one is sent once, since each time counts.
func TestChangePassword(t *testing.T) {
	c, sent := connect(t)
	ctx := t.Context()
	if err := c.Login(ctx); err != nil {
		t.Fatal(err)
	}
	before := len(sent.requests())
	fails(t, c.ChangePassword(ctx, "guessed", other), platen.Forbidden, "the old password is wrong")
	is(t, 1)(len(sent.requests())-before, nil)
	fails(t, c.ChangePassword(ctx, password, "short"), platen.Invalid, "8 to 1024")
	basic := as(t, c, sent, user, password)
	basic.Basic = true
	if err := c.ChangePassword(ctx, password, other); err != nil {
		t.Fatal(err)
	}
	is(t, user)(must[client.Me](t)(c.Me(ctx)).User, nil)
	is(t, 3)(logins(sent), nil) // the first one, one after the refusal, and one with the new password
	fails(t, second(basic.Me(ctx)), platen.Forbidden, "wrong")
	basic = as(t, c, sent, user, other)
	basic.Basic = true
	if err := basic.ChangePassword(ctx, other, password); err != nil {
		t.Fatal(err)
	}
	is(t, user)(must[client.Me](t)(basic.Me(ctx)).User, nil)
	fails(t, second(c.Me(ctx)), platen.Unauthenticated, "")
}

// A changing is a transport that has something done when the server has changed a
// password, before the client knows.
type changing struct {
	http.RoundTripper
	changed func()
	seen    chan string // the path and status of what else was answered
}

func (c *changing) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.RoundTripper.RoundTrip(r)
	if r.Method == "PATCH" {
		c.changed()
	} else if err == nil {
		c.seen <- fmt.Sprint(r.URL.Path, " ", response.StatusCode)
	}
	return response, err
}

// TestChangePasswordBesideCalls: a call whose token ends with the password waits for the
// new one, and does not log in with the old.
func TestChangePasswordBesideCalls(t *testing.T) {
	c, _ := connect(t)
	ctx := t.Context()
	if err := c.Login(ctx); err != nil {
		t.Fatal(err)
	}
	beside := make(chan error, 1)
	changing := &changing{RoundTripper: c.HTTP.Transport, seen: make(chan string, 10)}
	changing.changed = func() {
		go func() { beside <- second(c.Me(ctx)) }()
		is(t, "/api/v1/me 403")(<-changing.seen, nil)
		select {
		case got := <-changing.seen:
			t.Error("before the client has the new password:", got)
		case <-time.After(100 * time.Millisecond): // nothing must come, so there is nothing to wait for
		}
	}
	c.HTTP = &http.Client{Transport: changing}
	if err := c.ChangePassword(ctx, password, other); err != nil {
		t.Error(err)
	}
	if err := <-beside; err != nil {
		t.Error(err)
	}
}

func TestTokens(t *testing.T) {
	c, sent := connect(t)
	ctx := t.Context()
	must[client.User](t)(c.CreateUser(ctx, client.NewUser{Name: "mailroom", Password: password, Role: platen.Editor}))
	theirs := as(t, c, sent, "mailroom", password)
	made := must[client.Token](t)(theirs.CreateToken(ctx, client.NewToken{Name: "nightly", Role: platen.Editor}))
	using, err := client.NewWithToken(baseOf(sent), made.Secret)
	if err != nil {
		t.Fatal(err)
	}
	using.HTTP = c.HTTP
	made.Secret = ""
	is(t, made)(c.NamedToken(ctx, "nightly"))
	sameJSON(t, c, baseOf(sent)+"/api/v1/tokens/nightly", made)

	at := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	made.Role, made.Effective, made.Kinds, made.ExpireTime = platen.Viewer, platen.Viewer, []platen.Kind{platen.JobSet, platen.Job}, at
	is(t, made)(theirs.ChangeToken(ctx, "nightly", client.TokenChange{Role: platen.Viewer, Kinds: &[]platen.Kind{platen.Job, platen.JobSet}, ExpireTime: &at}))
	made.Kinds, made.ExpireTime = nil, time.Time{}
	is(t, made)(theirs.ChangeToken(ctx, "nightly", client.TokenChange{Kinds: &[]platen.Kind{}, ExpireTime: new(time.Time)}))
	is(t, platen.Viewer)(must[client.Me](t)(using.Me(ctx)).Role, nil)
	fails(t, second(using.ChangeToken(ctx, "nightly", client.TokenChange{Disabled: &no})), platen.Forbidden, "log in")
	made = must[client.Token](t)(using.NamedToken(ctx, "nightly"))
	made.Disabled = true
	is(t, made)(theirs.ChangeToken(ctx, "nightly", client.TokenChange{Disabled: &yes}))
	fails(t, second(using.Me(ctx)), platen.Forbidden, "disabled")

	must[client.Token](t)(c.CreateToken(ctx, client.NewToken{Name: "own", Role: platen.Admin}))
	fails(t, second(theirs.NamedToken(ctx, "own")), platen.NotFound, "own")
	fails(t, second(theirs.ChangeToken(ctx, "own", client.TokenChange{Disabled: &yes})), platen.NotFound, "own")
	fails(t, second(theirs.ChangeToken(ctx, "nightly", client.TokenChange{})), platen.Invalid, "nothing to change")
	over := time.Now().Add(-time.Hour)
	fails(t, second(c.ChangeToken(ctx, "nightly", client.TokenChange{ExpireTime: &over})), platen.Invalid, "is over")
	fails(t, second(theirs.ChangeToken(ctx, "nightly", client.TokenChange{Role: platen.Admin})), platen.Forbidden, "above")
	fails(t, second(c.ChangeToken(ctx, "nightly", client.TokenChange{Role: platen.Admin})), platen.Forbidden, "above")
	text, err := json.Marshal(client.TokenChange{Role: platen.Viewer, Kinds: new([]platen.Kind), Disabled: &no, ExpireTime: new(time.Time)})
	is(t, `{"disabled":false,"expireTime":null,"kinds":null,"role":"viewer"}`)(string(text), err)
}
