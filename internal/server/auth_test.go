package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/server"
)

// TestCredentials is what design section 2 says of them.
func TestCredentials(t *testing.T) {
	s := start(t)
	path := entities + "/jobs"
	for _, test := range []struct {
		name      string
		options   []option
		status    int
		challenge bool
	}{
		{"none", []option{none}, 401, true},
		{"an empty token", []option{header("auth_token", "")}, 401, true},
		{"another scheme", []option{none, header("Authorization", "Bearer x")}, 401, true},
		{"a wrong password", []option{none, basic(user, "wrong")}, 403, false},
		{"an unknown user", []option{none, basic("nobody", password)}, 403, false},
		{"Basic that can not be decoded", []option{none, header("Authorization", "Basic ***")}, 403, false},
		{"Basic without a colon", []option{none, header("Authorization", "Basic YWJj")}, 403, false},
		{"an invalid token", []option{header("auth_token", "x")}, 403, false},
		{"a token that was changed", []option{header("auth_token", s.token[:len(s.token)-2]+"AA")}, 403, false},
		{"a token cut short", []option{header("auth_token", s.token[:20])}, 403, false},
		{"a huge token", []option{header("auth_token", strings.Repeat("x", 10_000))}, 403, false},
		{"a bad token with good Basic", []option{header("auth_token", "x"), basic(user, password)}, 403, false},
		{"a good token with bad Basic", []option{basic(user, "wrong")}, 200, false},
		{"Basic", []option{none, basic(user, password)}, 200, false},
		{"a token", nil, 200, false},
		{"basic in another case", []option{none, basic(user, password), func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Basic", "bAsIc", 1))
		}}, 200, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := s.do("GET", path, "", test.options...)
			if test.status == 200 {
				if a.status != 200 {
					t.Errorf("got %d %s", a.status, a.body)
				}
				return
			}
			a.isError(t, test.status, "")
			want := ""
			if test.challenge {
				want = `BASIC realm="platen"`
			}
			if got := a.header.Get("WWW-Authenticate"); got != want {
				t.Errorf("WWW-Authenticate: %q, want %q", got, want)
			}
		})
	}
	t.Run("login", func(t *testing.T) {
		a := s.do("POST", login, "", none, basic(user, password))
		if a.status != 200 || a.header.Get("Token-Expires-In") != "3600" || a.header.Get("Content-Type") != "text/plain" {
			t.Errorf("got %v", a)
		}
		s.do("POST", login, "", none).isError(t, 401, "credentials")
		s.do("POST", login, "", none, basic(user, "wrong")).isError(t, 401, "wrong")
		s.do("GET", login, "", none).isError(t, 405, "POST")
	})
	t.Run("handshake", func(t *testing.T) {
		for _, method := range []string{"GET", "HEAD"} {
			if a := s.do(method, "/rest/serverengine/authentication", ""); a.status != 200 {
				t.Errorf("%s: %v", method, a)
			}
		}
	})
}

// TestExpiry checks that an expired token is told from an invalid one.
func TestExpiry(t *testing.T) {
	s := start(t, func(_ *server.Config, c *auth.Config) { c.TokenTTL = time.Millisecond })
	time.Sleep(5 * time.Millisecond)
	a := s.do("GET", entities+"/jobs", "")
	a.isError(t, 401, "expired")
	if a.header.Get("WWW-Authenticate") != "" {
		t.Errorf("an expired token is challenged: %v", a.header)
	}
}

// TestChangedPassword checks that tokens and remembered credentials die with
// the password, also if another process changes it.
func TestChangedPassword(t *testing.T) {
	s := start(t)
	old := basic(user, password)
	if a := s.do("GET", entities+"/jobs", "", none, old); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	changed, err := auth.NewUser(user, "battery staple")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.SetPassword(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	for s.do("GET", entities+"/jobs", "").status == 200 && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	s.do("GET", entities+"/jobs", "").isError(t, 403, "token is invalid")
	s.do("GET", entities+"/jobs", "", none, old).isError(t, 403, "wrong")
	if a := s.do("GET", entities+"/jobs", "", none, basic(user, "battery staple")); a.status != 200 {
		t.Errorf("the new password: %d %s", a.status, a.body)
	}
}

// TestGuessing checks that guessing is refused after a while, and that this
// hurts nobody else.
func TestGuessing(t *testing.T) {
	s := start(t)
	limited := false
	for range 60 {
		if a := s.do("GET", entities+"/jobs", "", none, basic(user, "wrong")); a.status == 429 {
			limited = true
			a.isError(t, 429, "too many")
			if a.header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
			break
		}
	}
	if !limited {
		t.Fatal("60 guesses were let pass")
	}
	s.do("POST", login, "", none, basic("other", "wrong")).isError(t, 429, "too many")
	if a := s.do("GET", entities+"/jobs", ""); a.status != 200 {
		t.Errorf("a valid token: %d %s", a.status, a.body)
	}
}
