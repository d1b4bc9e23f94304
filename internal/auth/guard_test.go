package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/sqlitetest"
	"github.com/platenhq/platen/internal/storage"
)

func TestMain(m *testing.M) {
	nobody = CheapUser("nobody", NewPassword()).Password // many tests guess
	pgtest.Main(m)
}

const goodPassword = "correct horse"

// home and away are client addresses.
var home, away = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")

// onBoth runs a test on two stores of one database: on SQLite of one server
// and a command, on PostgreSQL of two servers.
func onBoth(t *testing.T, test func(t *testing.T, open func() storage.Store)) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		test(t, func() storage.Store {
			s, err := sqlitetest.Open(t.Context(), dir, 0)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		address := pgtest.Database(t)
		test(t, func() storage.Store {
			s, err := postgres.Open(t.Context(), pgtest.Few(address))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		})
	})
}

// A guardTest is a guard with its log.
type guardTest struct {
	*Guard
	t  *testing.T
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements [io.Writer] for the log.
func (g *guardTest) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.Write(b)
}

func (g *guardTest) logged() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.b.String()
}

func startGuard(t *testing.T, store storage.Store, localTime func() time.Time) *guardTest {
	t.Helper()
	g := &guardTest{t: t}
	var err error
	g.Guard, err = newGuard(t.Context(), Config{Store: store, TokenTTL: time.Hour, Log: slog.New(slog.NewJSONHandler(g, nil))}, localTime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

func addUser(t *testing.T, store storage.Store, name string) storage.User {
	t.Helper()
	user := CheapUser(name, goodPassword)
	if err := store.AddUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	return user
}

// call makes a request with its call.
func call(from netip.Addr) (*http.Request, *Call) {
	c := &Call{Origin: storage.Origin{RequestID: "r"}, Client: from}
	r := httptest.NewRequest("POST", "/", nil)
	return r.WithContext(WithCall(r.Context(), c)), c
}

// login returns the token of a login, or its error and why it was refused.
func (g *guardTest) login(from netip.Addr, user, password string) (token, refused string, err error) {
	r, c := call(from)
	r.SetBasicAuth(user, password)
	w := httptest.NewRecorder()
	err = g.Login(w, r)
	return w.Body.String(), c.Refused, err
}

// use returns why a token is refused, "" if it is not.
func (g *guardTest) use(token string) (refused string) {
	r, c := call(home)
	r.Header.Set(olrest.TokenHeader, token)
	if _, err := g.check(r); (err != nil) != (c.Refused != "") {
		g.t.Errorf("error %v, refused %q", err, c.Refused)
	}
	return c.Refused
}

func (g *guardTest) mustLogin(user string) (token string) {
	g.t.Helper()
	token, _, err := g.login(home, user, goodPassword)
	if err != nil {
		g.t.Fatal(err)
	}
	return token
}

// awaits waits until a server has heard of a change: a few polls.
func awaits(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not after 20 s: ", what)
		}
	}
}

// TestSessions checks that rotating the key ends all sessions on all servers,
// a logout those of one user, and that each server logs who did it.
func TestSessions(t *testing.T) {
	onBoth(t, func(t *testing.T, open func() storage.Store) {
		stores := []storage.Store{open(), open()}
		addUser(t, stores[0], "a")
		addUser(t, stores[0], "b")
		guards := []*guardTest{startGuard(t, stores[0], time.Now), startGuard(t, stores[1], time.Now)}
		ctx := storage.WithOrigin(t.Context(), &storage.Origin{User: "root@host"})

		a, b := guards[0].mustLogin("a"), guards[1].mustLogin("b")
		for _, g := range guards {
			if g.use(a) != "" || g.use(b) != "" {
				t.Fatal("a token is not good everywhere")
			}
		}
		if err := stores[1].SetEpoch(ctx, "a", NewEpoch()); err != nil {
			t.Fatal(err)
		}
		for _, g := range guards {
			awaits(t, "a logout", func() bool { return g.use(a) == causeEpoch })
			if g.use(b) != "" {
				t.Error("a logout ended the session of another user")
			}
		}
		a = guards[0].mustLogin("a")
		if err := RotateKey(ctx, stores[0]); err != nil {
			t.Fatal(err)
		}
		for _, g := range guards {
			awaits(t, "a new key", func() bool { return g.use(a) == causeKey && g.use(b) == causeKey })
		}
		a = guards[0].mustLogin("a")
		for i, g := range guards {
			if refused := g.use(a); refused != "" {
				t.Error("a token of the new key:", refused)
			}
			awaits(t, "the log", func() bool { return strings.Contains(g.logged(), string(storage.KeyRotated)) })
			for _, want := range []map[string]any{
				{"msg": "sessions ended", "user": "a", "by": "root@host"},
				{"msg": "token key rotated", "user": "", "by": "root@host"},
			} {
				if n := countLines(t, g.logged(), want); n != 1 {
					t.Errorf("guard %d has %d lines like %v:\n%s", i, n, want, g.logged())
				}
			}
		}
		// A server that starts now uses the new key, and tells nothing old.
		third := startGuard(t, open(), time.Now)
		if refused := third.use(a); refused != "" || third.logged() != "" {
			t.Error("a third server:", refused, third.logged())
		}
	})
}

// countLines counts the lines of a log with these attributes.
func countLines(t *testing.T, log string, want map[string]any) (n int) {
	t.Helper()
	for line := range strings.Lines(log) {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		same := true
		for key, value := range want {
			same = same && got[key] == value
		}
		if same {
			n++
		}
	}
	return n
}

// TestUnlockEverywhere locks a user, and lets all servers unlock it.
func TestUnlockEverywhere(t *testing.T) {
	onBoth(t, func(t *testing.T, open func() storage.Store) {
		store := open()
		addUser(t, store, "a")
		g := startGuard(t, store, time.Now)
		for range ofAddress.burst {
			g.failed(g.hashes.of("a", prefixOf(away)))
		}
		if _, refused, err := g.login(away, "a", goodPassword); refused != causeLimited || platen.ErrorCode(err) != platen.TooManyAttempts {
			t.Fatal(refused, err)
		}
		// Until the failures are shared: one server forgets what another has
		// told only if that was before.
		awaits(t, "sharing", func() bool { g.Guard.mu.Lock(); defer g.Guard.mu.Unlock(); return len(g.failures) == 0 })
		other := open()
		for _, wrong := range []struct{ user, address string }{{"nobody", ""}, {"a", "x"}} {
			if err := Unlock(t.Context(), other, wrong.user, wrong.address); err == nil {
				t.Errorf("%v is unlocked", wrong)
			}
		}
		if err := Unlock(t.Context(), other, "a", away.String()); err != nil {
			t.Fatal(err)
		}
		awaits(t, "an unlock", func() bool { _, _, err := g.login(away, "a", goodPassword); return err == nil })
		if n := countLines(t, g.logged(), map[string]any{"msg": "user unlocked", "user": "a", "address": away.String()}); n != 1 {
			t.Errorf("%d lines in the log:\n%s", n, g.logged())
		}
	})
}

// TestKnownAfterRestart checks that an address which has logged in is known to
// a server that starts later, and to one that runs.
func TestKnownAfterRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for the next time that a server reads the logins: not with -short")
	}
	onBoth(t, func(t *testing.T, open func() storage.Store) {
		store := open()
		addUser(t, store, "a")
		beside := startGuard(t, store, time.Now)
		g := startGuard(t, store, time.Now)
		g.mustLogin("a")
		known := func(g *guardTest) bool {
			known, _ := g.limiter.standing(g.hashes.of("a", prefixOf(home)))
			return known
		}
		awaits(t, "a server that runs hears of it", func() bool { return known(beside) })
		if !known(startGuard(t, open(), time.Now)) {
			t.Error("a server that starts later does not know")
		}
	})
}

// TestClocks checks that a token is good for as long on a server whose clock
// is hours away. On SQLite there is one server, whose clock holds.
func TestClocks(t *testing.T) {
	address := pgtest.Database(t)
	for _, away := range []time.Duration{-3 * time.Hour, 3 * time.Hour} {
		open := func() storage.Store {
			s, err := postgres.Open(t.Context(), pgtest.Few(address))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		}
		right, wrong := open(), open()
		name := fmt.Sprint("u", int(away.Hours()))
		user := addUser(t, right, name)
		one := startGuard(t, right, time.Now)
		two := startGuard(t, wrong, func() time.Time { return time.Now().Add(away) })
		if refused := two.use(one.mustLogin(name)); refused != "" {
			t.Errorf("a clock that is %v away: %s", away, refused)
		}
		if refused := one.use(two.mustLogin(name)); refused != "" {
			t.Errorf("a token by a clock that is %v away: %s", away, refused)
		}
		old := one.users.Load().signer.sign(token{expires: time.Now().Add(-time.Minute), epoch: user.Epoch, user: name})
		if refused := two.use(old); refused != causeExpired {
			t.Errorf("an expired token, by a clock that is %v away: %q", away, refused)
		}
	}
}

// TestRefusals checks what the log learns, and that the client learns less.
func TestRefusals(t *testing.T) {
	store, err := sqlitetest.Open(t.Context(), t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	user := addUser(t, store, "a")
	addUser(t, store, "b")
	g := startGuard(t, store, time.Now)
	sign := func(tok token) string { return g.users.Load().signer.sign(tok) }
	good := token{expires: time.Now().Add(time.Hour), epoch: user.Epoch, user: "a"}
	expired, gone, epoch := good, good, good
	expired.expires = time.Now().Add(-time.Hour)
	gone.user = "c"
	epoch.epoch++
	forger := newSigner([]byte("x"))
	forger.head = g.users.Load().signer.head
	long := strings.Repeat("é", 100)
	for _, test := range []struct {
		name           string
		token          string
		user, password string
		tried, refused string
		code           platen.Code
	}{
		{"nothing", "", "", "", "", causeNone, platen.Unauthenticated},
		{"a malformed token", "x", "", "", "", causeToken, platen.Forbidden},
		{"a forged token", forger.sign(good), "", "", "", causeSignature, platen.Forbidden},
		{"a token of another key", newSigner([]byte("x")).sign(good), "", "", "", causeKey, platen.Forbidden},
		{"an expired token", sign(expired), "", "", "a", causeExpired, platen.Expired},
		{"a user that is gone", sign(gone), "", "", "c", causeGone, platen.Forbidden},
		{"an old password's token", sign(epoch), "", "", "a", causeEpoch, platen.Forbidden},
		{"a wrong password", "", "a", "wrong-secret", "a", causeWrong, platen.Forbidden},
		{"an unknown user", "", "nobody", "wrong-secret", "nobody", causeUnknown, platen.Forbidden},
		{"a name that is no text", "", "a\xff", "wrong-secret", "a\uFFFD", causeUnknown, platen.Forbidden},
		{"a long name", "", long, "wrong-secret", strings.Repeat("é", 32) + "…", causeUnknown, platen.Forbidden},
	} {
		r, c := call(home)
		if test.token != "" {
			r.Header.Set(olrest.TokenHeader, test.token)
		}
		if test.user != "" {
			r.SetBasicAuth(test.user, test.password)
		}
		_, err := g.check(r)
		if platen.ErrorCode(err) != test.code || c.Refused != test.refused || c.Tried != test.tried {
			t.Errorf("%s: %v, refused %q, tried %q; want %q, %q", test.name, err, c.Refused, c.Tried, test.refused, test.tried)
		}
		if err != nil && test.user != "" && err.Error() != "the user or password is wrong" {
			t.Errorf("%s: the client is told %v", test.name, err)
		}
	}
	if strings.Contains(g.logged(), "secret") {
		t.Error("a password is in the log:", g.logged())
	}
	// A damaged hash is an error of the server, with the user for its log.
	if err := store.SetPassword(t.Context(), storage.User{Name: "b", Password: "damaged"}); err != nil {
		t.Fatal(err)
	}
	awaits(t, "the damaged hash", func() bool {
		_, refused, err := g.login(home, "b", goodPassword)
		return err != nil && refused == "" && platen.ErrorCode(err) == platen.Internal && strings.Contains(err.Error(), `"b"`) && strings.Contains(err.Error(), errHash.Error())
	})
}

// TestOneHash checks that many first requests with the same credentials cost
// one hash, and many at once with different ones no more than are allowed.
func TestOneHash(t *testing.T) {
	store, err := sqlitetest.Open(t.Context(), t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	addUser(t, store, "a")
	g := startGuard(t, store, time.Now)
	results := make(chan error, 200)
	for i := range cap(results) {
		password := goodPassword
		if i%2 == 1 {
			password = fmt.Sprint("wrong ", i)
		}
		go func() {
			from := home
			if i%2 == 1 {
				from = away
			}
			_, _, err := g.login(from, "a", password)
			results <- err
		}()
	}
	right, wrong := 0, 0
	for range cap(results) {
		switch err := <-results; platen.ErrorCode(err) {
		case platen.Internal:
			if err != nil {
				t.Fatal(err)
			}
			right++
		case platen.Unauthenticated:
			wrong++
		case platen.TooManyAttempts:
		default:
			t.Error(err)
		}
	}
	if right != 100 {
		t.Errorf("%d of 100 requests with the right password were let in", right)
	}
	if wrong > ofAddress.burst {
		t.Errorf("%d guesses of one address were checked, want at most %d", wrong, ofAddress.burst)
	}
}

// TestLeaving checks that a client that leaves while it waits for its turn is
// no error of the server, and that its guess counts.
func TestLeaving(t *testing.T) {
	store, err := sqlitetest.Open(t.Context(), t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	addUser(t, store, "a")
	g := startGuard(t, store, time.Now)
	var taken []*place
	for range hashAtOnce {
		taken = append(taken, g.queue.joins("other", "b", true, 0))
	}
	ctx, leave := context.WithCancel(WithCall(t.Context(), &Call{Client: away}))
	result := make(chan error)
	go func() { _, err := g.checkPassword(ctx, "a", "wrong"); result <- err }()
	awaits(t, "it waits", func() bool { g.queue.mu.Lock(); defer g.queue.mu.Unlock(); return len(g.queue.strangers) == 1 })
	leave()
	if err := <-result; err != context.Canceled {
		t.Error(err)
	}
	for _, p := range taken {
		g.queue.leave(p)
	}
	awaits(t, "it counts", func() bool {
		_, failures := g.limiter.standing(g.hashes.of("a", prefixOf(away)))
		return failures == 1
	})
}
