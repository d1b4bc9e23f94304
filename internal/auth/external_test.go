package auth

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlitetest"
	"github.com/platenhq/platen/internal/storage"
)

// TestExternal checks that a user of a provider is a user with no password, that
// nobody is taken over, and what the cookie of the session says.
func TestExternal(t *testing.T) {
	t.Parallel()
	store, err := sqlitetest.Open(t.Context(), t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	addUser(t, store, "local")
	g := startGuard(t, store, time.Now)
	ann := External{Issuer: "https://id.example", Subject: "1", Name: "ann", Role: platen.Editor, Sent: "the groups print"}
	start := func(who External) (cookie *http.Cookie, call *Call, err error) {
		r, call := callOf("GET")
		w := httptest.NewRecorder()
		err = g.StartExternal(w, r, who, true)
		if cookies := w.Result().Cookies(); len(cookies) > 0 {
			cookie = cookies[0]
		}
		return cookie, call, err
	}
	session, call, err := start(ann)
	if err != nil || call.User != "ann" || call.Role != platen.Editor || !session.Secure || !session.HttpOnly || session.SameSite != http.SameSiteStrictMode {
		t.Fatalf("%v as %s %s, with %v", err, call.User, call.Role, session)
	}
	if refused := g.use(session.Value); refused != "" {
		t.Error(refused)
	}
	other, none, spaced, dots := ann, ann, ann, ann
	other.Subject, other.Name = "2", "local"
	none.Role, none.Sent = 0, "the groups canteen"
	spaced.Subject, spaced.Name = "3", "Ann Other"
	dots.Subject, dots.Name = "4", ".."
	for _, c := range []struct {
		who     External
		code    platen.Code
		cause   string
		message string
	}{
		{other, platen.Conflict, causeTaken, "not taken over"},
		{spaced, platen.Invalid, causeName, "--oidc-username-claim"},
		{dots, platen.Invalid, causeName, "--oidc-username-claim"},
		{none, platen.Forbidden, causeNoRole, "the groups canteen"},
	} {
		cookie, call, err := start(c.who)
		if platen.ErrorCode(err) != c.code || call.Refused != c.cause || call.User != "" || cookie != nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%+v: %v, refused %q, as %q, with %v", c.who, err, call.Refused, call.User, cookie)
		}
	}
	if refused := g.use(session.Value); refused != causeEpoch {
		t.Errorf("the session of a user without a role: %q", refused)
	}
	renamed := ann
	renamed.Name = "Ann Other"
	if session, call, err = start(renamed); err != nil || call.User != "ann" {
		t.Fatalf("with another name: %v, as %s", err, call.User)
	}
	for _, password := range []string{"", goodPassword} {
		if _, refused, err := g.login(home, "ann", password); platen.ErrorCode(err) != platen.Unauthenticated || refused != causeUnknown {
			t.Errorf("a user of the provider by the password %q: %v, %q", password, err, refused)
		}
	}
	r, call := callOf("PATCH")
	call.User, call.Role = "ann", platen.Editor
	if err := g.ChangePassword(r.Context(), "", goodPassword); platen.ErrorCode(err) != platen.Conflict {
		t.Errorf("a password of a user of the provider: %v", err)
	}
	if log := g.logged(); strings.Count(log, `"provider":"https://id.example"`) != 2 || !strings.Contains(log, `"cause":"no group that gives a role"`) {
		t.Errorf("the log: %s", log)
	}

	// An admin disables users of both sorts; a login changes nothing of that.
	token := g.mustLogin("local")
	addUser(t, store, "another")
	if err := store.SetRole(t.Context(), "another", platen.Admin); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ann", "local"} {
		if err := g.SetDisabled(t.Context(), name, true); err != nil {
			t.Fatal(name, err)
		}
	}
	if one, two := g.use(session.Value), g.use(token); one != causeEpoch || two != causeEpoch {
		t.Errorf("sessions of disabled users: %q, %q", one, two)
	}
	if _, call, err := start(ann); platen.ErrorCode(err) != platen.Forbidden || call.Refused != causeNoUser {
		t.Errorf("a disabled user by the provider: %v, %q", err, call.Refused)
	}
	for range 2 { // the second time the password need not be checked
		if _, refused, err := g.login(home, "local", goodPassword); platen.ErrorCode(err) != platen.Forbidden || refused != causeNoUser {
			t.Errorf("a disabled user by password: %v, %q", err, refused)
		}
	}
	if _, refused, err := g.login(home, "local", "wrong password"); platen.ErrorCode(err) != platen.Unauthenticated || refused != causeWrong {
		t.Errorf("a disabled user by a wrong password: %v, %q", err, refused)
	}
	if err := g.SetDisabled(t.Context(), "local", false); err != nil {
		t.Fatal(err)
	}
	if refused := g.use(token); refused != causeEpoch {
		t.Errorf("a session from before: %q", refused)
	}
	g.mustLogin("local")
}

// TestExternalGuessing checks that wrong passwords of an address keep nobody there from
// logging in by a provider by which somebody has, and that made-up codes do.
func TestExternalGuessing(t *testing.T) {
	onBoth(t, func(t *testing.T, open func() storage.Store) {
		const issuer = "https://id.example"
		store := open()
		addUser(t, store, "local")
		g := startGuard(t, store, time.Now)
		from := func(client netip.Addr) *http.Request { r, _ := call(client); return r }
		mayTry := func(what string, g *guardTest, client netip.Addr, want platen.Code) {
			t.Helper()
			if err := g.MayTry(from(client), issuer); platen.ErrorCode(err) != want {
				t.Errorf("%s: %v", what, err)
			}
		}
		ann := External{Issuer: issuer, Subject: "1", Name: "ann", Role: platen.Editor}
		if err := g.StartExternal(httptest.NewRecorder(), from(home), ann, true); err != nil {
			t.Fatal(err)
		}
		for n := range 2 * ofAddress.burst {
			for _, client := range []netip.Addr{home, away} {
				_, _, _ = g.login(client, "batch", fmt.Sprint("wrong password ", n))
			}
		}
		mayTry("where somebody has logged in", g, home, 0)
		mayTry("where nobody has", g, away, platen.TooManyAttempts)

		awaits(t, "the login is recorded", func() bool {
			logins, err := store.KnownLogins(t.Context(), time.Time{})
			return err == nil && len(logins) > 0
		})
		later := startGuard(t, open(), time.Now)
		if known, _ := later.limiter.standing(g.hashes.of(issuer, prefixOf(home))); !known {
			t.Error("a server that starts later does not know")
		}
		for range 2 * ofKnown.burst {
			g.CountExternal(from(home), issuer)
		}
		mayTry("after made-up codes", g, home, platen.TooManyAttempts)
		mayTry("of another address", g, netip.MustParseAddr("203.0.113.9"), 0)
	})
}

func callOf(method string) (*http.Request, *Call) {
	r, c := call(home)
	r.Method = method
	return r, c
}
