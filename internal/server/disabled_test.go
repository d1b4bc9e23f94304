package server_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
)

// TestDisabledUser checks that a user who is disabled is refused in each way, and is
// let in again; and that an admin is left.
func TestDisabledUser(t *testing.T) { onEach(t, testDisabledUser) }

func testDisabledUser(t *testing.T) {
	s := start(t)
	s.addUser("ann", platen.Admin)
	named := bearer(s.makeToken(`{"name":"of-ann","role":"viewer","user":"ann"}`))
	session := authToken(s.loginAs("ann"))
	at := native + "/users/ann"
	if a := s.do("PATCH", at, `{"disabled":true}`); a.status != 200 || !strings.Contains(a.body, `"disabled":true,"disabledBy":"admin"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.do("GET", native+"/me", "", named...).isError(t, 403, "the user ann is disabled: ask an admin")
	s.do("GET", native+"/me", "", session...).isError(t, 403, "log in again")
	s.do("POST", login, "", none, basic("ann", password)).isError(t, 403, "is disabled")
	s.do("POST", login, "", none, basic("ann", "wrong")).isError(t, 401, "wrong")
	s.do("POST", "/console/session", "", none, basic("ann", password)).isError(t, 403, "is disabled")
	s.do("PATCH", native+"/users/"+user, `{"disabled":true}`).isError(t, 409, "last admin")
	s.do("PATCH", native+"/users/"+user, `{"role":"viewer"}`).isError(t, 409, "last admin")
	s.do("PATCH", at, `{"disabled":false,"role":"viewer"}`).isError(t, 400, "by itself")
	s.do("PATCH", at, `{"disabled":null}`).isError(t, 400, "boolean")
	s.do("PATCH", native+"/users/nobody", `{"disabled":true}`).isError(t, 404, "nobody")
	if a := s.do("PATCH", at, `{"disabled":false}`); a.status != 200 || strings.Contains(a.body, "disabledBy") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.do("GET", native+"/me", "", named...); a.status != 200 {
		t.Errorf("a token of a user who is enabled again: %d %s", a.status, a.body)
	}
	s.do("GET", native+"/me", "", session...).isError(t, 403, "log in again")
}

// TestOwnTokens checks that everybody can make tokens for themselves, and see and
// change no others.
func TestOwnTokens(t *testing.T) {
	long(t)
	onSQLite(t, testOwnTokens)
}

func testOwnTokens(t *testing.T) {
	s := start(t)
	s.addUser("viewer", platen.Viewer)
	s.makeToken(`{"name":"of-admin","role":"viewer"}`)
	session := authToken(s.loginAs("viewer"))
	tokens := native + "/tokens"
	a := s.do("POST", tokens, `{"name":"own","role":"viewer"}`, session...)
	if a.status != 201 || !strings.Contains(a.body, `"user":"viewer"`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	own := bearer(a.body[strings.Index(a.body, `"token":"`)+len(`"token":"`) : len(a.body)-len(`"}`)])
	s.do("POST", tokens, `{"name":"up","role":"editor"}`, session...).isError(t, 403, "above yours")
	s.do("POST", tokens, `{"name":"other","role":"viewer","user":"`+user+`"}`, session...).isError(t, 403, "only an admin")
	s.do("POST", tokens, `{"name":"by-token","role":"viewer"}`, own...).isError(t, 403, "log in for that")
	s.do("PATCH", tokens+"/own", `{"expireTime":null}`, own...).isError(t, 403, "log in for that")
	s.do("DELETE", tokens+"/own", "", own...).isError(t, 403, "log in for that")
	for _, method := range []string{"GET", "DELETE"} {
		s.do(method, tokens+"/of-admin", "", session...).isError(t, 404, "of-admin")
	}
	s.do("PATCH", tokens+"/of-admin", `{"disabled":true}`, session...).isError(t, 404, "of-admin")
	if a := s.do("GET", tokens, "", own...); strings.Count(a.body, `"name"`) != 1 || !strings.Contains(a.body, `"own"`) {
		t.Errorf("the own tokens: %s", a.body)
	}
	if a := s.do("GET", tokens, ""); strings.Count(a.body, `"name"`) != 2 {
		t.Errorf("the tokens as admins see them: %s", a.body)
	}
	var together sync.WaitGroup
	for n := range 80 { // more at once than there can be
		together.Go(func() { s.do("POST", tokens, fmt.Sprintf(`{"name":"own-%d","role":"viewer"}`, n), session...) })
	}
	together.Wait()
	if a := s.do("GET", tokens, "", session...); strings.Count(a.body, `"name"`) != 50 {
		t.Errorf("%d own tokens", strings.Count(a.body, `"name"`))
	}
	s.do("POST", tokens, `{"name":"one-more","role":"viewer"}`, session...).isError(t, 409, "there are 50 tokens of this user")
	if a := s.do("DELETE", tokens+"/own", "", session...); a.status != 204 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestNoProvider checks the page of a server without a provider to log in by.
func TestNoProvider(t *testing.T) { onSQLite(t, testNoProvider) }

func testNoProvider(t *testing.T) {
	s := start(t)
	s.wants("GET", "/console/login", "", `{}`, none)
	s.do("GET", "/console/login?x=1", "", none).isError(t, 400, `"x"`)
	for _, path := range []string{"/console/openid", "/console/openid/callback?code=x&state=y"} {
		a := s.do("GET", path, "", none, header(auth.ConsoleHeader, "x"))
		if a.status != 404 || !strings.Contains(a.body, "<p class=\"problem\" role=\"alert\">This server knows no provider") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}
