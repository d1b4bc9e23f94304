package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/storage"
)

// TestCredentials is what design section 2 says of them.
func TestCredentials(t *testing.T) { onSQLite(t, testCredentials) }

func testCredentials(t *testing.T) {
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
		{"a token as Bearer", bearer(s.token), 200, false},
		{"basic in another case", []option{none, basic(user, password), func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Basic", "bAsIc", 1))
		}}, 200, false},
		{"Basic with spaces", []option{none, basic(user, password), func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Basic", "Basic  ", 1))
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
		s.do("POST", login, "", none).isError(t, 401, "credentials are required: Basic, with user and password; a token does not log in")
		s.do("POST", login, "").isError(t, 401, "a token does not log in, but is what a login answers")
		s.do("GET", path, "", none).isError(t, 401, "Basic, or a token, in the header auth_token or as Authorization: Bearer")
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
func TestExpiry(t *testing.T) { onSQLite(t, testExpiry) }

func testExpiry(t *testing.T) {
	s := start(t, func(_ *server.Config, c *auth.Config) { c.TokenTTL = time.Nanosecond })
	a := s.do("GET", entities+"/jobs", "")
	a.isError(t, 401, "expired")
	if a.header.Get("WWW-Authenticate") != "" {
		t.Errorf("an expired token is challenged: %v", a.header)
	}
}

// TestChangedPassword checks that tokens and remembered credentials die with
// the password, also if another process changes it.
func TestChangedPassword(t *testing.T) { onEach(t, testChangedPassword) }

func testChangedPassword(t *testing.T) {
	s := start(t)
	old := basic(user, password)
	if a := s.do("GET", entities+"/jobs", "", none, old); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if err := s.store.SetPassword(t.Context(), auth.CheapUser(user, "battery staple")); err != nil {
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
func TestGuessing(t *testing.T) { onEach(t, testGuessing) }

func testGuessing(t *testing.T) {
	long(t)
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
	// On a slow machine the allowance may have grown by a guess or two meanwhile.
	other := s.do("POST", login, "", none, basic("other", "wrong"))
	for n := 0; n < 5 && other.status == 401; n++ {
		other = s.do("POST", login, "", none, basic("other", "wrong"))
	}
	other.isError(t, 429, "too many")
	if a := s.do("GET", entities+"/jobs", ""); a.status != 200 {
		t.Errorf("a valid token: %d %s", a.status, a.body)
	}
}

// A loginClient logs in from an address of its own, with a connection for
// each request as a stranger would.
type loginClient struct {
	http *http.Client
	s    *service
}

func (s *service) from(address string) *loginClient {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	return &loginClient{&http.Client{Transport: transport}, s}
}

func (c *loginClient) login(ctx context.Context, name, password string) (status int, retryAfter string, err error) {
	r, err := http.NewRequestWithContext(ctx, "POST", c.s.url+login, nil)
	if err != nil {
		return 0, "", err
	}
	r.SetBasicAuth(name, password)
	answer, err := c.http.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	return answer.StatusCode, answer.Header.Get("Retry-After"), nil
}

// TestGuessingFromManyAddresses checks that one user can not be guessed at
// from however many addresses, and that an address which has logged in does
// not notice.
func TestGuessingFromManyAddresses(t *testing.T) { onEach(t, testGuessingFromManyAddresses) }

func testGuessingFromManyAddresses(t *testing.T) {
	long(t)
	s := start(t) // logs in from 127.0.0.1
	checked := 0
	for i := range 250 {
		status, retry, err := s.from(fmt.Sprintf("127.0.%d.%d", 1+i/100, 1+i%100)).login(t.Context(), user, fmt.Sprint("wrong ", i))
		switch {
		case err != nil:
			t.Fatal(err)
		case status == 401:
			checked++
		case status != 429 || retry == "":
			t.Fatal(status, retry)
		}
	}
	if checked < 50 || checked > 105 {
		t.Errorf("%d guesses were checked, want 100, and one for each 36 s", checked)
	}
	if status, _, err := s.from("127.0.0.1").login(t.Context(), user, password); status != 200 {
		t.Error("an address that has logged in:", status, err)
	}
}

// TestSharedAddress checks that guessing at another user from the address of a
// client does not lock out the client: H5.
func TestSharedAddress(t *testing.T) { onEach(t, testSharedAddress) }

func testSharedAddress(t *testing.T) {
	store := openStore(t)
	if err := store.AddUser(t.Context(), auth.CheapUser("somebody", password)); err != nil {
		t.Fatal(err)
	}
	s := startOn(t, store)
	for i := range 60 {
		s.do("POST", login, "", none, basic("somebody", fmt.Sprint("wrong", i)))
	}
	s.do("POST", login, "", none, basic("another", "wrong")).isError(t, 429, "too many")
	if a := s.do("POST", login, "", none, basic(user, password)); a.status != 200 {
		t.Errorf("a client behind the same address: %d %s", a.status, a.body)
	}
}

// TestLargeHammering lets 300 connections send wrong passwords all the time. A
// client that is known, and one from an address never seen, are let in in a
// few times the time that it takes without.
func TestLargeHammering(t *testing.T) { oneByOne(t, testHammering) }

func testHammering(t *testing.T) {
	long(t)
	for name, address := range map[string]func(i int) string{
		"from one address": func(int) string { return "127.0.0.9" },
		"each from its own": func(i int) string {
			return fmt.Sprintf("127.0.%d.%d", 1+i/100, 1+i%100)
		},
	} {
		t.Run(name, func(t *testing.T) { testHammeringFrom(t, address) })
	}
}

func testHammeringFrom(t *testing.T, address func(int) string) {
	s := start(t)
	other, err := auth.NewUser("other", password)
	if err == nil {
		err = s.store.AddUser(t.Context(), other)
	}
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(auth.MaxStaleness)
	attempt := func(from, password string) (status int, took time.Duration) {
		began := time.Now()
		status, _, err := s.from(from).login(t.Context(), "other", password)
		if err != nil {
			t.Error(err)
		}
		return status, time.Since(began)
	}
	status, one := attempt("127.0.0.2", password)
	if status != 200 {
		t.Fatal(status)
	}
	// The address stays known, but no password is remembered as right.
	other, err = auth.NewUser("other", password+" 2")
	if err == nil {
		err = s.store.SetPassword(t.Context(), other)
	}
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(auth.MaxStaleness)
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var checked atomic.Int64
	for i := range 300 {
		client := s.from(address(i))
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				switch status, _, _ := client.login(ctx, fmt.Sprintf("name%d.%d", i, n), "wrong"); status {
				case 401:
					checked.Add(1)
				case 429:
					time.Sleep(200 * time.Millisecond) // leaves something of the processors to the server
				}
			}
		})
	}
	defer group.Wait()
	defer stop()
	for end := time.Now().Add(time.Minute); checked.Load() < 10; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the hammering does not begin")
		}
	}
	// 300 connections share the processors with the clients here, so a hash
	// takes many times as long. What counts is that nobody waits for 300.
	most := 100*one + time.Second
	status, took := attempt("127.0.0.1", password+" 2")
	for tries := 1; status == 429 && tries < 5; tries++ {
		// All are strangers when the hammering begins, and the places are few.
		time.Sleep(time.Second)
		status, took = attempt("127.0.0.1", password+" 2")
	}
	if status != 200 || took > most {
		t.Errorf("an address never seen for the user: %d after %v; one hash takes %v", status, took, one)
	}
	if status, took := attempt("127.0.0.2", password+" 2"); status != 200 || took > most {
		t.Errorf("an address that has logged in: %d after %v; one hash takes %v", status, took, one)
	}
}

// entries returns the lines of the log with a message.
func (s *service) entries(msg string) (entries []map[string]any) {
	for line := range strings.Lines(s.log.String()) {
		var entry map[string]any
		if json.Unmarshal([]byte(line), &entry) == nil && entry["msg"] == msg {
			entries = append(entries, entry)
		}
	}
	return entries
}

// logs checks that there is one line with a message, and attributes of it,
// which come in pairs.
func (s *service) logs(msg string, attributes ...any) {
	s.t.Helper()
	entries := s.entries(msg)
	if len(entries) != 1 {
		s.t.Errorf("%d lines %q, want one", len(entries), msg)
		return
	}
	for i := 0; i < len(attributes); i += 2 {
		if got := entries[0][attributes[i].(string)]; got != attributes[i+1] {
			s.t.Errorf("%q: %v is %v, want %v", msg, attributes[i], got, attributes[i+1])
		}
	}
}

// TestLogOfChanges checks that what is imported, made, cancelled and deleted
// is logged with who did it.
func TestLogOfChanges(t *testing.T) { onEach(t, testLogOfChanges) }

func testLogOfChanges(t *testing.T) {
	s := start(t)
	as := func(id string) option { return header("X-Request-Id", id) }
	who := func(id string) []any { return []any{"user", user, "client", "127.0.0.1", "request", id} }
	s.do("POST", native+"/contentsets", `{"id":700,"contentitems":[{"datarecord":5001}]}`, as("import"))
	s.logs("set imported", who("import")...)
	made := s.do("POST", jobCreation+"/default/700", "", as("create"))
	s.finish(made)
	s.logs("operation begun", append(who("create"), "operation", made.header.Get("operationId"))...)
	s.logs("job set created", append(who("create"), "operation", made.header.Get("operationId"))...)
	if err := s.store.BeginOperation(t.Context(), platen.Operation{ID: "x", Type: "JobCreationRestService", Started: time.Now()}); err != nil {
		t.Fatal(err)
	}
	s.do("POST", jobCreation+"/cancel/x", "", as("cancel"))
	s.logs("operation cancelled", append(who("cancel"), "operation", "x")...)
	s.do("POST", entities+"/contentsets/700/delete", "", as("delete"))
	s.logs("set deleted", who("delete")...)
}

// TestLogOfRefusals checks that the line of a refused request says why, and
// whom it tried, and that errors of the credentials' check are logged as any.
func TestLogOfRefusals(t *testing.T) { onEach(t, testLogOfRefusals) }

func testLogOfRefusals(t *testing.T) {
	s := start(t)
	refused := func(request, cause, tried string) {
		t.Helper()
		s.logged(request)
		for _, entry := range s.entries("request") {
			if entry["request"] == request && (entry["refused"] != cause || entry["tried"] != tried || entry["client"] != "127.0.0.1") {
				t.Errorf("the line of the request is %v", entry)
			}
		}
	}
	s.do("GET", entities+"/jobs", "", none, basic("nobody\n", "wrong-secret"), header("X-Request-Id", "unknown"))
	refused("unknown", "unknown user", "nobody\n")
	s.do("POST", login, "", none, basic(user, "wrong-secret"), header("X-Request-Id", "wrong"))
	refused("wrong", "wrong password", user)
	s.do("GET", entities+"/jobs", "", header("auth_token", "secret"), header("X-Request-Id", "token"))
	refused("token", "malformed token", "")
	s.do("GET", entities+"/jobs", "", none, header("Authorization", "Basic ***"), header("X-Request-Id", "basic"))
	refused("basic", "malformed Basic credentials", "")

	changed := storage.User{Name: user, Password: "damaged", Epoch: 1}
	if err := s.store.SetPassword(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	time.Sleep(auth.MaxStaleness)
	if status, _, err := s.from("127.0.0.1").login(t.Context(), user, password); status != 500 {
		t.Error("a damaged hash:", status, err)
	}
	s.logs("request failed", "path", login, "error", `user "ol-admin": the stored password hash is damaged: set the password anew with "platen user passwd"`)
	if strings.Contains(s.log.String(), "secret") {
		t.Error("a secret is in the log")
	}
}
