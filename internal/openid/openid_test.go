package openid

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
)

const path = "/console/openid/callback"

func good() Config {
	return Config{
		Issuer: "https://id.example", ClientID: "platen", RedirectURL: "https://platen.example" + path, Scopes: DefaultScopes,
		NameClaim: "preferred_username", GroupsClaim: "groups", Key: []byte("a key"),
		Roles: map[string]platen.Role{"everybody": platen.Viewer, "print": platen.Editor, "cn=admins,ou=print": platen.Admin},
	}
}

func TestParseRoles(t *testing.T) {
	got, err := ParseRoles([]string{"everybody=viewer", " print = editor ", "cn=admins,ou=print=admin"})
	if want := good().Roles; err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
	for text, message := range map[string]string{"print": "GROUP=viewer", "=admin": "GROUP=viewer", "print=owner": "viewer, editor, admin", "print=": "is no role"} {
		if _, err := ParseRoles([]string{text}); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := ParseRoles([]string{"a=viewer", "a=admin"}); err == nil || !strings.Contains(err.Error(), "two roles") {
		t.Error(err)
	}
}

func TestCheck(t *testing.T) {
	if err := good().Check(path); err != nil {
		t.Error(err)
	}
	for message, change := range map[string]func(*Config){
		"--oidc-client-id":               func(c *Config) { c.ClientID = "" },
		"must be an https:// URL":        func(c *Config) { c.Issuer = "http://id.example" },
		"--oidc-issuer \"id.example\"":   func(c *Config) { c.Issuer = "id.example" },
		"is no URL such as":              func(c *Config) { c.Issuer = "https://me@id.example" },
		"--oidc-redirect-url is missing": func(c *Config) { c.RedirectURL = "" },
		"another path":                   func(c *Config) { c.RedirectURL = "https://platen.example/callback" },
		`lacks "openid"`:                 func(c *Config) { c.Scopes = []string{"groups"} },
		"--oidc-roles is missing":        func(c *Config) { c.Roles = nil },
	} {
		c := good()
		change(&c)
		if err := c.Check(path); err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("want %q, got %v", message, err)
		}
	}
	for _, host := range []string{"localhost", "127.0.0.1:9000", "[::1]:9000"} {
		c := good()
		c.Issuer = "http://" + host
		if err := c.Check(path); err != nil {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// TestCookie checks that a cookie is good for its time, with its key, as it was made.
func TestCookie(t *testing.T) {
	p := New(good())
	now := time.Now()
	login := newPending("/?view=changes")
	cookie := p.seal(login, now)
	if got, ok := p.open(cookie, now.Add(LoginTime-time.Second)); !ok || got != login {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := p.open(cookie, now.Add(LoginTime)); ok {
		t.Error("it is good for ever")
	}
	other := good()
	other.Key = []byte("another key")
	if _, ok := New(other).open(cookie, now); ok {
		t.Error("it is good with another key")
	}
	for i := range cookie {
		forged := []byte(cookie)
		forged[i] ^= 1
		if _, ok := p.open(string(forged), now); ok {
			t.Fatalf("it is good with another character %d", i)
		}
	}
	for _, text := range []string{"", "A", cookie + "A", cookie + "\n", cookie[:len(cookie)-1], strings.Repeat("A", maxCookie+1)} {
		if _, ok := p.open(text, now); ok {
			t.Errorf("%q is good", text)
		}
	}
	long := p.seal(newPending("/?"+strings.Repeat("x", maxTarget-2)), now)
	if _, ok := p.open(long, now); !ok || len(long) > maxCookie {
		t.Errorf("the longest target makes a cookie of %d bytes", len(long))
	}
	derived := make(map[string]bool)
	for _, purpose := range []string{"state", "nonce", "verifier"} {
		text := p.derive(purpose, login.seed[:])
		if len(text) != 43 || derived[text] || strings.Contains(cookie, text) {
			t.Errorf("%s: %q", purpose, text)
		}
		derived[text] = true
	}
}

// TestTarget checks that browsers are sent to views of the console alone.
func TestTarget(t *testing.T) {
	for text, want := range map[string]string{
		"": "/", "/": "/", "/?view=changes": "/?view=changes", "/?kind=job&filter=a%20%3D%201": "/?kind=job&filter=a%20%3D%201",
		"//evil.example": "/", "/\\evil.example": "/", "https://evil.example": "/", "/console/session": "/", "/?a\r\nSet-Cookie: x": "/",
		"/?" + strings.Repeat("x", maxTarget): "/", "/?ä": "/", "?view=changes": "/",
	} {
		if got := Target(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestIdentity checks what becomes of claims.
func TestIdentity(t *testing.T) {
	p := New(good())
	for _, c := range []struct {
		claims string
		name   string
		role   platen.Role
		sent   string
	}{
		{`{"sub":"1","preferred_username":"ann","groups":["everybody","cn=admins,ou=print","print"]}`, "ann", platen.Admin, "the groups everybody, cn=admins,ou=print, print"},
		{`{"sub":"1","preferred_username":"ann","groups":"print"}`, "ann", platen.Editor, "the groups print"},
		{`{"sub":"1","email":"ann@example.org","groups":[]}`, "ann@example.org", 0, "no groups"},
		{`{"sub":"1","email":"ann@example.org","email_verified":true}`, "ann@example.org", 0, `no claim "groups"`},
		{`{"sub":"1","email":"boss@example.org","email_verified":false,"groups":[1]}`, "1", 0, `a claim "groups" that is no list of texts`},
		{`{"sub":"1","email":"boss@example.org","email_verified":"false","groups":null}`, "1", 0, "no groups"},
		{`{"sub":"1","_claim_names":{"groups":"src1"}}`, "1", 0, "too many for an ID token"},
		{`{"sub":"1","groups":["Print","print "]}`, "1", 0, "the groups Print, print "},
	} {
		var of claims
		if err := json.Unmarshal([]byte(c.claims), &of); err != nil {
			t.Fatal(err)
		}
		who, err := p.identity(of)
		if err != nil || who.Subject != "1" || who.Name != c.name || who.Role != c.role || !strings.Contains(who.Sent, c.sent) {
			t.Errorf("%s: %+v, %v", c.claims, who, err)
		}
	}
	for _, of := range []claims{{}, {"sub": json.RawMessage(`""`)}, {"sub": json.RawMessage(`7`)}} {
		if _, err := p.identity(of); err == nil {
			t.Errorf("%v says whose it is", of)
		}
	}
	many := make([]string, 30)
	for i := range many {
		many[i] = strings.Repeat("g", 100) + "\n"
	}
	if text := sent(many, ""); !strings.HasSuffix(text, "and 10 more") || len(text) > 20*(maxGroup+10)+50 || strings.Contains(text, "\n") {
		t.Errorf("many groups: %q", text)
	}
}

// TestAway checks that a provider that does not answer, or not as it should, is not
// asked each time, and says so.
func TestAway(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		http.Error(w, strings.Repeat("away ", 1000), http.StatusBadGateway)
	}))
	defer server.Close()
	c := good()
	c.Issuer = server.URL
	p := New(c)
	for range 3 {
		_, _, err := p.Begin(t.Context(), "/")
		if platen.ErrorCode(err) != platen.Unavailable || !strings.Contains(err.Error(), "users with a password") || len(err.Error()) > 500 || strings.Contains(shown(err), "502") {
			t.Error(err)
		}
	}
	if asked != 1 {
		t.Errorf("it was asked %d times", asked)
	}
}

// shown returns what a stranger is told of an error.
func shown(err error) string {
	told, _ := errors.AsType[*platen.Error](err)
	return told.Message
}
