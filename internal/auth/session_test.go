package auth

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlitetest"
)

// A session that is used goes on, but not for ever, and not once its user's
// sessions are ended. Tokens of programs are not renewed.
func TestSessionRenewal(t *testing.T) {
	t.Parallel()
	store, err := sqlitetest.Open(t.Context(), t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	addUser(t, store, "ann")
	var ahead atomic.Int64
	g := startGuard(t, store, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	send := func(cookie *http.Cookie, with func(w http.ResponseWriter, r *http.Request) error) (*http.Cookie, error) {
		r, _ := call(home)
		r.Header.Set(ConsoleHeader, "platen-console")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if cookie != nil {
			r.AddCookie(cookie)
		} else {
			r.SetBasicAuth("ann", goodPassword)
		}
		w := httptest.NewRecorder()
		err := with(w, r)
		for _, set := range w.Result().Cookies() {
			cookie = set
		}
		return cookie, err
	}
	var left time.Duration
	renew := func(w http.ResponseWriter, r *http.Request) (err error) {
		left, err = g.RenewSession(w, r)
		return err
	}
	first, err := send(nil, g.StartSession)
	if err != nil {
		t.Fatal(err)
	}
	cookie := first
	lasted := time.Duration(0)
	const step = 45 * time.Minute
	for ; lasted < 2*MaxSession; lasted += step {
		ahead.Store(int64(lasted))
		next, err := send(cookie, renew)
		if err != nil {
			if platen.ErrorCode(err) != platen.Expired {
				t.Fatal(err)
			}
			break
		}
		if left > time.Hour || next.Value == cookie.Value && lasted > 0 && lasted < MaxSession-time.Hour {
			t.Errorf("after %v it goes on for %v, by another token: %v", lasted, left, next.Value != cookie.Value)
		}
		cookie = next
	}
	if lasted < MaxSession-step || lasted > MaxSession+step {
		t.Errorf("a session that is used has lasted %v", lasted)
	}
	ahead.Store(int64(2 * time.Hour))
	if _, err := send(first, renew); platen.ErrorCode(err) != platen.Expired {
		t.Errorf("a session that was not used in time: %v", err)
	}
	ahead.Store(0)
	token, _, err := g.login(home, "ann", goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	ahead.Store(int64(30 * time.Minute))
	if after, err := send(&http.Cookie{Name: first.Name, Value: token}, renew); err != nil || after.Value != token || left > 31*time.Minute {
		t.Errorf("the token of a program: %v, %v left, renewed: %v", err, left, after.Value != token)
	}
	if err := store.SetEpoch(t.Context(), "ann", 7); err != nil {
		t.Fatal(err)
	}
	g.Refresh(t.Context())
	if _, err := send(first, renew); platen.ErrorCode(err) != platen.Forbidden {
		t.Errorf("a session from before the password was changed: %v", err)
	}
}
