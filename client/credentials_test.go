package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// TestTokenRenewal: a token is used until 15 seconds before its end.
func TestTokenRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, log := fake(t, func(*http.Request) *http.Response { return reply(200, "2025.2.0") })
		version := func() { is(t, "2025.2.0")(c.Version(t.Context())) }
		version()
		time.Sleep(time.Hour - 15*time.Second - time.Nanosecond)
		version()
		wantLog(t, log, "login", "GET token-1", "GET token-1")
		time.Sleep(time.Nanosecond)
		version()
		version()
		wantLog(t, log, "login", "GET token-2", "GET token-2")
		token, expires, err := c.Token(t.Context())
		if err != nil || token != "token-2" || time.Until(expires) != time.Hour {
			t.Errorf("got %q until %s, %v", token, expires, err)
		}
		if err := c.Login(t.Context()); err != nil {
			t.Fatal(err)
		}
		version()
		wantLog(t, log, "login", "GET token-3")
	})
}

// TestTokenWithLineBreak: a token that was read from a file with its line break is told
// as wrong, and not as a server that does not answer.
func TestTokenWithLineBreak(t *testing.T) {
	for _, token := range []string{"platen_A\n", "\x7f"} {
		c := must[*client.Client](t)(client.NewWithToken("http://127.0.0.1:1", token))
		fails(t, second(c.Me(t.Context())), platen.Invalid, "the header Auth_token")
		fails(t, c.DeleteEntity(t.Context(), 1, ""), platen.Invalid, "line break")
	}
}

// TestTokenRefused: a token that the server refuses is replaced once.
func TestTokenRefused(t *testing.T) {
	for _, status := range []int{401, 403} {
		good := "token-2"
		c, log := fake(t, func(r *http.Request) *http.Response {
			body, err := io.ReadAll(r.Body)
			is(t, `{"id":101,"properties":[{"name":"a","value":"b"}]}`)(string(body), err)
			if r.Header.Get("auth_token") != good {
				return reply(status, `{"error":{"message":"no"}}`, "Content-Type", "application/json")
			}
			return reply(200, "true")
		})
		replace := func() error {
			return c.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: 101, Pairs: pairs("a", "b")})
		}
		if err := replace(); err != nil {
			t.Error(err)
		}
		wantLog(t, log, "login", "PUT token-1", "login", "PUT token-2")
		good = "none"
		err := replace()
		if code := platen.ErrorCode(err); code != platen.Unauthenticated && code != platen.Forbidden {
			t.Errorf("got %v", err)
		}
		wantLog(t, log, "PUT token-2", "login", "PUT token-3")
	}
}

// TestLoginsBecomeOne: those who need a token at once wait for one login, each
// as long as it likes.
func TestLoginsBecomeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logins := 0
		c, err := client.New("http://platen.test", user, password)
		if err != nil {
			t.Fatal(err)
		}
		c.HTTP = &http.Client{Transport: transport(func(r *http.Request) *http.Response {
			if r.URL.Path == loginPath {
				logins++
				select {
				case <-time.After(time.Minute):
				case <-r.Context().Done():
				}
				return reply(200, "token")
			}
			return reply(200, "2025.2.0")
		})}
		var calls sync.WaitGroup
		// The first gives up while it logs in; the others go on without it.
		for i := range 50 {
			ctx, cancel := t.Context(), context.CancelFunc(func() {})
			if i == 0 || i%10 == 5 {
				ctx, cancel = context.WithTimeout(ctx, time.Second)
			}
			calls.Go(func() {
				defer cancel()
				began := time.Now()
				_, err := c.Version(ctx)
				if i == 0 || i%10 == 5 {
					if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
						t.Errorf("got %v after %s", err, time.Since(began))
					}
				} else if err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		calls.Wait()
		if logins != 2 {
			t.Errorf("there were %d logins, want the one that was given up and another", logins)
		}
	})
}

// TestBasic: no token is asked for, and nothing is sent again.
func TestBasic(t *testing.T) {
	status := 200
	c, log := fake(t, func(r *http.Request) *http.Response {
		if name, secret, ok := r.BasicAuth(); !ok || name != user || secret != password {
			t.Errorf("got %v", r.Header)
		}
		return reply(status, "2025.2.0")
	})
	c.Basic = true
	is(t, "2025.2.0")(c.Version(t.Context()))
	status = 403
	fails(t, second(c.Version(t.Context())), platen.Forbidden, "403")
	wantLog(t, log, "GET ", "GET ")
}

// TestCredentials at the real server.
func TestCredentials(t *testing.T) {
	ctx := t.Context()
	address, stop, err := startServer(ctx, 14*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	open := func(user, password string) (*client.Client, *recorder) {
		t.Helper()
		c, err := client.New(address, user, password)
		if err != nil {
			t.Fatal(err)
		}
		sent := &recorder{base: transport}
		c.HTTP = &http.Client{Transport: sent}
		return c, sent
	}
	short, sent := open(user, password)
	for range 2 {
		is(t, "2025.2.0")(short.Version(ctx))
	}
	if got := len(sent.requests()); got != 4 {
		t.Errorf("there were %d requests, want two logins before two calls: the tokens are good for 14 seconds", got)
	}
	basic, sent := open(user, password)
	basic.Basic = true
	is(t, "2025.2.0")(basic.Version(ctx))
	if got := len(sent.requests()); got != 1 {
		t.Errorf("there were %d requests", got)
	}
	token, _, err := short.Token(ctx)
	if err != nil {
		t.Fatal(err)
	}
	borrowed, err := client.NewWithToken(address, token)
	if err != nil {
		t.Fatal(err)
	}
	is(t, "2025.2.0")(borrowed.Version(ctx))
	wrong, err := client.NewWithToken(address, "made up")
	if err != nil {
		t.Fatal(err)
	}
	fails(t, second(wrong.Version(ctx)), platen.Forbidden, "")
	nobody, _ := open("", "")
	fails(t, second(nobody.Version(ctx)), platen.Unauthenticated, "")
	if err := nobody.Login(ctx); err != nil {
		t.Error(err)
	}
	guess, sent := open(user, "wrong")
	fails(t, second(guess.Version(ctx)), platen.Unauthenticated, "")
	fails(t, guess.Login(ctx), platen.Unauthenticated, "")
	if got := len(sent.requests()); got != 2 {
		t.Errorf("there were %d requests, want a login each", got)
	}
}

// TestManyAtOnce: one client serves many goroutines.
func TestManyAtOnce(t *testing.T) {
	c, sent := connect(t)
	fill(t, c)
	before := len(sent.requests())
	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() {
			name := fmt.Sprint("n", i)
			for range 5 {
				if err := c.Merge(t.Context(), platen.Job, []platen.Update{{ID: 101, Pairs: pairs(name, "1")}}); err != nil {
					t.Error(err)
				}
				if _, err := c.Contents(t.Context(), anyJob); err != nil {
					t.Error(err)
				}
			}
		})
	}
	calls.Wait()
	list, err := c.List(t.Context(), anyJob, platen.Properties)
	if err != nil || len(list) != 21 {
		t.Errorf("got %v, %v", list, err)
	}
	if got := len(sent.requests()) - before; got != 201 {
		t.Errorf("there were %d requests, want 201", got)
	}
}

// TestTLS: certificates are checked as the caller's http.Client says.
func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "2025.2.0")
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	c, err := client.New(s.URL, "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Version(t.Context()); err == nil {
		t.Error("an unknown certificate was taken")
	}
	c.HTTP = s.Client()
	is(t, "2025.2.0")(c.Version(t.Context()))
}
