package auth

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/storage"
)

// A limiterTest is a limiter with a clock that stands still.
type limiterTest struct {
	*testing.T
	*limiter
	clock time.Time
}

func newLimiterTest(t *testing.T) *limiterTest {
	l := &limiterTest{T: t, clock: time.Unix(1_000_000_000, 0)}
	l.limiter = newLimiter(func() time.Time { return l.clock })
	return l
}

func try(address, user string) storage.LoginFailure {
	return storage.LoginFailure{Address: address, User: user}
}

// guess tries wrong passwords until one is refused, at most most, and returns
// how many were checked.
func (l *limiterTest) guess(address, user string, most int) (checked int) {
	for checked < most && l.wait(try(address, user)) == 0 {
		l.failed(try(address, user))
		checked++
	}
	return checked
}

func (l *limiterTest) wants(what string, got, want any) {
	l.Helper()
	if got != want {
		l.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestOneAddress is an address that tries many users, and one.
func TestOneAddress(t *testing.T) {
	l := newLimiterTest(t)
	checked := 0
	for i := range 1000 {
		checked += l.guess("a", fmt.Sprint(i), 1)
	}
	l.wants("guesses at many users", checked, 30)
	l.wants("the wait", l.wait(try("a", "another")), 6*time.Second)
	l.wants("another address", l.wait(try("b", "1")), time.Duration(0))
	l.clock = l.clock.Add(time.Minute)
	l.wants("guesses after a minute", l.guess("a", "u", 1000), 10)
}

// TestManyAddresses is a guesser with as many addresses as he likes, who tries
// one user: he is bounded, and an address that has logged in notices nothing.
func TestManyAddresses(t *testing.T) {
	l := newLimiterTest(t)
	l.succeeded(try("home", "u"))
	checked := 0
	for i := range 1000 {
		checked += l.guess(fmt.Sprint(i), "u", 10)
	}
	l.wants("guesses at one user", checked, 100)
	l.wants("an address that has logged in", l.wait(try("home", "u")), time.Duration(0))
	l.wants("the same for another user", l.wait(try("home", "v")), time.Duration(0))
	l.wants("a new address", l.wait(try("new", "u")), 36*time.Second)
	l.wants("a new address for another user", l.wait(try("new", "v")), time.Duration(0))
	l.clock = l.clock.Add(24 * time.Hour)
	checked = 0
	for i := range 1000 {
		checked += l.guess(fmt.Sprint("b", i), "u", 10)
	}
	l.wants("guesses the next day", checked, 100)
}

// TestSharedAddress is a guesser behind the same proxy as a client: what he
// does to others does not count for the client, and of the client's user he
// gets a small allowance.
func TestSharedAddress(t *testing.T) {
	l := newLimiterTest(t)
	l.succeeded(try("proxy", "u"))
	for i := range 1000 {
		l.guess("proxy", fmt.Sprint(i), 1)
	}
	l.wants("a stranger", l.wait(try("proxy", "v")) > 0, true)
	l.wants("a client that has logged in", l.wait(try("proxy", "u")), time.Duration(0))
	l.wants("guesses at that user", l.guess("proxy", "u", 1000), 30)
	l.wants("other addresses for the user", l.wait(try("elsewhere", "u")), time.Duration(0))
	l.clock = l.clock.Add(time.Hour)
	l.wants("guesses after an hour", l.guess("proxy", "u", 1000), 30)

	// A login gives nothing back to who shares the address.
	l.succeeded(try("proxy", "u"))
	l.wants("guesses after a login", l.guess("proxy", "u", 1000), 0)
}

// TestProbes checks that credentials which were found right are no longer
// taken unseen where somebody guesses at them all the time.
func TestProbes(t *testing.T) {
	l := newLimiterTest(t)
	p, _ := l.succeeded(try("proxy", "u"))
	l.guess("proxy", "u", 1000)
	for i := range 1000 {
		if !l.mayReuse(p) {
			t.Fatalf("not after %d refusals", i)
		}
		if i%2 == 0 {
			l.refused(try("proxy", "u"))
		} else {
			l.foundFull(try("proxy", "u")) // a guess, too
		}
	}
	l.wants("after 1000 refusals", l.mayReuse(p), false)
	l.unlock(try("proxy", "u"))
	l.wants("after an unlock", l.mayReuse(p), true)
}

// TestKnown checks how long an address is known, and of how many.
func TestKnown(t *testing.T) {
	l := newLimiterTest(t)
	known := func(address, user string) bool {
		known, _ := l.standing(try(address, user))
		return known
	}
	_, record := l.succeeded(try("a", "u"))
	l.wants("the first login is recorded", record, true)
	_, record = l.succeeded(try("a", "u"))
	l.wants("the second login is recorded", record, false)
	l.clock = l.clock.Add(25 * time.Hour)
	_, record = l.succeeded(try("a", "u"))
	l.wants("the login of the next day is recorded", record, true)
	l.clock = l.clock.Add(29 * 24 * time.Hour)
	l.wants("after 29 days", known("a", "u"), true)
	l.clock = l.clock.Add(2 * 24 * time.Hour)
	l.wants("after 31 days", known("a", "u"), false)

	// A user with ever new addresses pushes out only his own.
	l.succeeded(try("a", "u"))
	for i := range 1000 {
		l.clock = l.clock.Add(time.Second)
		l.succeeded(try(fmt.Sprint(i), "mallory"))
	}
	l.wants("addresses of one user", len(l.known["mallory"]), maxKnown)
	l.wants("the last", known("999", "mallory"), true)
	l.wants("another user's", known("a", "u"), true)

	l.addKnown(storage.KnownLogin{Address: "b", User: "u", Seen: l.clock.Add(-24 * time.Hour)})
	l.addKnown(storage.KnownLogin{Address: "c", User: "u", Seen: l.clock.Add(-31 * 24 * time.Hour)})
	l.wants("one that another server has recorded", known("b", "u"), true)
	l.wants("one that is too old", known("c", "u"), false)
	l.forgetUser("u")
	l.wants("of a user that is gone", known("a", "u"), false)
}

// TestUnlock checks what an unlock gives back.
func TestUnlock(t *testing.T) {
	locked := func(t *testing.T) *limiterTest {
		l := newLimiterTest(t)
		l.succeeded(try("home", "u"))
		l.guess("home", "u", 1000)
		for i := range 100 {
			l.guess(fmt.Sprint(i), "u", 10)
		}
		l.guess("a", "v", 1000)
		return l
	}
	// Whether the tries may be made that can not be made before.
	for _, test := range []struct {
		name            string
		address, user   string
		home, newU, ofA bool
	}{
		{"nothing", "nowhere", "", false, false, false},
		{"the user", "", "u", true, true, false},
		{"the user at a new address", "new", "u", false, true, false},
		{"the user at home", "home", "u", true, false, false},
		{"the address", "a", "", false, false, true},
		{"all", "", "", true, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := locked(t)
			l.unlock(try(test.address, test.user))
			l.wants("u from home", l.wait(try("home", "u")) == 0, test.home)
			l.wants("u from a new address", l.wait(try("new", "u")) == 0, test.newU)
			l.wants("v from a", l.wait(try("a", "v")) == 0, test.ofA)
		})
	}
	l := locked(t)
	l.unlock(try("new", "u"))
	for i := range 1000 {
		l.guess(fmt.Sprint("more", i), "u", 1)
	}
	l.wants("an unlocked address while others guess", l.guess("new", "u", 1000), 30)
}

// TestFlood checks that memory is bounded, and that who floods the limiter
// with addresses and names pushes out none that matters.
func TestFlood(t *testing.T) {
	l := newLimiterTest(t)
	l.succeeded(try("home", "u"))
	for i := range 100 {
		l.guess(fmt.Sprint("x", i), "u", 1)
	}
	l.guess("offender", "v", 1000)
	for i := range 3 * maxTracked {
		l.failed(try(fmt.Sprint("flood", i), fmt.Sprint("name", i)))
	}
	l.wants("addresses", len(l.addresses.of), maxTracked)
	l.wants("users", len(l.users.of), maxTracked)
	l.wants("the offender waits", l.wait(try("offender", "w")) > 0, true)
	l.wants("strangers wait for the user", l.wait(try("new", "u")) > 0, true)
	known, _ := l.standing(try("home", "u"))
	l.wants("the client is known", known, true)
}

// TestPrefix checks what counts as one address.
func TestPrefix(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7/32",
		"::ffff:192.0.2.7":     "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1%eth0":         "fe80::/64",
		"::1":                  "::/64",
	} {
		if got := prefixOf(netip.MustParseAddr(address)).String(); got != want {
			t.Errorf("%s is %s, want %s", address, got, want)
		}
	}
	if got := prefixOf(netip.Addr{}); got.IsValid() {
		t.Errorf("no address is %v", got)
	}
}
