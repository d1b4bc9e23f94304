package auth

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/platenhq/platen/internal/storage"
)

// An allowance is how many wrong passwords are checked: burst at once, then
// one each every.
type allowance struct {
	burst int
	every time.Duration
}

// The allowances. docs/operations.md has them for those who test against a
// server: keep both the same.
var (
	// ofAddress is for one address, whomever it tries.
	ofAddress = allowance{30, 6 * time.Second}
	// ofUser is for one user, from all addresses together that have not logged
	// in as that user.
	ofUser = allowance{100, 36 * time.Second}
	// ofKnown is for one user from one address that has logged in as that user.
	ofKnown = allowance{30, 30 * time.Second}
	// ofProbes is how many more tries of such a pair are refused before
	// credentials that were found right lately have to be checked anew: until
	// then whoever shares the address could find out by guessing at them.
	ofProbes = allowance{1000, 36 * time.Second}
	// ofTurnedAway refuses nothing: it counts how often an address lately found
	// the queue full, so that who comes for the first time goes first.
	ofTurnedAway = allowance{60, time.Second}
)

const (
	// knownFor is how long an address is known to a user after a login.
	knownFor = 30 * 24 * time.Hour
	// maxKnown bounds the addresses that are known to one user.
	maxKnown = 64
	// recordEvery is how often a login from a known address is recorded.
	recordEvery = 24 * time.Hour
	// maxTracked bounds how many addresses, and users, have an allowance that
	// is not full.
	maxTracked = 10_000
)

func (a allowance) full() *rate.Limiter { return rate.NewLimiter(rate.Every(a.every), a.burst) }

// until returns how long it takes until r, nil for a full one, allows a try.
func (a allowance) until(r *rate.Limiter, now time.Time) time.Duration {
	if r == nil {
		return 0
	}
	if missing := 1 - r.TokensAt(now); missing > 0 {
		return time.Duration(missing * float64(a.every))
	}
	return 0
}

// prefixOf returns what counts as one address: an IPv6 customer has at least
// a /64 to choose from.
func prefixOf(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	prefix, _ := address.Prefix(min(address.BitLen(), 64)) // no address: the zero prefix
	return prefix
}

// A limiter bounds guessing. A wrong password counts against the address and
// the user that it was tried for; but where an address has logged in as the
// user, the pair of them has an allowance of its own and is refused by that
// alone, so that nobody locks out a client by guessing from elsewhere, or at
// other users from the same address.
type limiter struct {
	now func() time.Time

	mu         sync.Mutex
	addresses  tracked
	users      tracked
	turnedAway tracked
	known      map[string]map[string]*pair // by user, then address
}

// A pair is a user and an address that has logged in as that user.
type pair struct {
	seen     time.Time // the last login
	recorded time.Time // the last login that was recorded for other processes
	own      *rate.Limiter
	probes   *rate.Limiter
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{
		now:        now,
		addresses:  tracked{ofAddress, make(map[string]*rate.Limiter)},
		users:      tracked{ofUser, make(map[string]*rate.Limiter)},
		turnedAway: tracked{ofTurnedAway, make(map[string]*rate.Limiter)},
		known:      make(map[string]map[string]*pair),
	}
}

// wait returns how long try must wait: 0 if it may be made now.
func (l *limiter) wait(try storage.LoginFailure) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if p := l.pair(try, now); p != nil {
		return ofKnown.until(p.own, now)
	}
	return max(l.addresses.until(try.Address, now), l.users.until(try.User, now))
}

// pair returns the known pair of a try, nil for none.
func (l *limiter) pair(try storage.LoginFailure, now time.Time) *pair {
	p := l.known[try.User][try.Address]
	if p != nil && now.Sub(p.seen) > knownFor {
		delete(l.known[try.User], try.Address)
		return nil
	}
	return p
}

// standing returns how a try stands in the queue: known, or with how many
// tries of its address that failed or were turned away lately.
func (l *limiter) standing(try storage.LoginFailure) (known bool, tries int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.pair(try, now) != nil {
		return true, 0
	}
	return false, l.addresses.used(try.Address, now) + l.turnedAway.used(try.Address, now)
}

// foundFull counts a try that found the queue full.
func (l *limiter) foundFull(try storage.LoginFailure) {
	l.refused(try)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turnedAway.take(try.Address, l.now())
}

// failed counts a wrong password, or token, which is nobody's.
func (l *limiter) failed(try storage.LoginFailure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.addresses.take(try.Address, now)
	if p := l.pair(try, now); p != nil {
		p.own.AllowN(now, 1)
		return
	}
	if try.User != "" {
		l.users.take(try.User, now)
	}
}

// refused counts a try that was refused without a look at its password.
func (l *limiter) refused(try storage.LoginFailure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if p := l.pair(try, now); p != nil {
		p.probes.AllowN(now, 1)
	}
}

// mayReuse reports whether credentials of p that were found right lately need
// not be checked again.
func (l *limiter) mayReuse(p *pair) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return ofProbes.until(p.probes, l.now()) == 0
}

// succeeded records a login. record: other processes are to be told of it.
func (l *limiter) succeeded(try storage.LoginFailure) (p *pair, record bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	p = l.know(try, now)
	if record = now.Sub(p.recorded) > recordEvery; record {
		p.recorded = now
	}
	return p, record
}

// addKnown records a login that another process has recorded, or this one before it
// was started.
func (l *limiter) addKnown(login storage.KnownLogin) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now().Sub(login.Seen) <= knownFor {
		l.know(storage.LoginFailure{Address: login.Address, User: login.User}, login.Seen).recorded = login.Seen
	}
}

// know returns the pair of a try as one that was last seen then, or later.
func (l *limiter) know(try storage.LoginFailure, seen time.Time) *pair {
	of := l.known[try.User]
	if of == nil {
		of = make(map[string]*pair)
		l.known[try.User] = of
	}
	p := of[try.Address]
	if p == nil {
		p = &pair{own: ofKnown.full(), probes: ofProbes.full()}
		of[try.Address] = p
	}
	if seen.After(p.seen) {
		p.seen = seen
	}
	for len(of) > maxKnown {
		oldest := try.Address
		for address, other := range of {
			if other != p && (oldest == try.Address || other.seen.Before(of[oldest].seen)) {
				oldest = address
			}
		}
		delete(of, oldest)
	}
	return p
}

// unlock forgets the wrong passwords for a user, "" for all, from an address,
// "" for all. If both are given, the address counts as known to the user: it
// is let in even while others guess.
func (l *limiter) unlock(try storage.LoginFailure) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if try.User != "" && try.Address != "" {
		l.know(try, l.now())
	}
	for user, of := range l.known {
		for address, p := range of {
			if (try.User == "" || try.User == user) && (try.Address == "" || try.Address == address) {
				p.own, p.probes = ofKnown.full(), ofProbes.full()
			}
		}
	}
	switch {
	case try.Address != "":
		delete(l.addresses.of, try.Address)
	case try.User == "":
		clear(l.addresses.of)
		clear(l.users.of)
	default:
		delete(l.users.of, try.User)
	}
}

// forgetUser forgets where a user that is gone has logged in from.
func (l *limiter) forgetUser(user string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, user)
}

// tracked are allowances of which something is used, by address or by user.
type tracked struct {
	allowance
	of map[string]*rate.Limiter
}

func (t *tracked) until(key string, now time.Time) time.Duration {
	return t.allowance.until(t.of[key], now)
}

// used returns how much of the allowance is used up.
func (t *tracked) used(key string, now time.Time) int {
	r := t.of[key]
	if r == nil {
		return 0
	}
	return t.burst - int(r.TokensAt(now))
}

// take uses one try up.
func (t *tracked) take(key string, now time.Time) {
	r := t.of[key]
	if r == nil {
		if len(t.of) >= maxTracked {
			t.forget(now)
		}
		r = t.full()
		t.of[key] = r
	}
	r.AllowN(now, 1)
}

// forgetAmong is how many entries are compared to find one to forget.
const forgetAmong = 32

// forget drops the entry with the most left of some that chance picks: who
// comes with ever new addresses, or names, pushes out those, and not the ones
// that have used up their allowance.
func (t *tracked) forget(now time.Time) {
	drop, most, n := "", -1.0, 0
	for key, r := range t.of { // in random order
		if left := r.TokensAt(now); left > most {
			drop, most = key, left
		}
		if n++; n == forgetAmong {
			break
		}
	}
	delete(t.of, drop)
}
