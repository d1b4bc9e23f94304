package auth

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How often passwords may be guessed: a burst, then one each guessEvery. It
// holds for each address, and for each user.
const (
	guessBurst = 30
	guessEvery = 6 * time.Second
	// maxTracked bounds how many addresses, and users, are watched at once.
	maxTracked = 10_000
)

// A limiter slows down guessing. Failures count against the address they come
// from and the user they try. An address that has failed is refused while its
// own allowance, or that of the user, is used up. An address that has not
// failed is never refused, so that nobody can lock out others by guessing.
type limiter struct {
	mu        sync.Mutex
	addresses map[string]*rate.Limiter
	users     map[string]*rate.Limiter
	now       func() time.Time
}

func newLimiter(now func() time.Time) *limiter {
	return &limiter{
		addresses: make(map[string]*rate.Limiter),
		users:     make(map[string]*rate.Limiter),
		now:       now,
	}
}

// wait returns how long the address must wait before it may try a password of
// the user: 0 if it may try now.
func (l *limiter) wait(address, user string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	mine := l.addresses[address]
	if mine == nil {
		return 0
	}
	return max(l.until(mine), l.until(l.users[user]))
}

// until returns when the allowance holds a whole guess again.
func (l *limiter) until(r *rate.Limiter) time.Duration {
	if r == nil {
		return 0
	}
	if missing := 1 - r.TokensAt(l.now()); missing > 0 {
		return time.Duration(missing * float64(guessEvery))
	}
	return 0
}

// failed counts a wrong guess.
func (l *limiter) failed(address, user string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.take(l.addresses, address)
	l.take(l.users, user)
}

func (l *limiter) take(tracked map[string]*rate.Limiter, key string) {
	r := tracked[key]
	if r == nil {
		if len(tracked) >= maxTracked {
			l.forget(tracked)
		}
		r = rate.NewLimiter(rate.Every(guessEvery), guessBurst)
		tracked[key] = r
	}
	r.AllowN(l.now(), 1)
}

// forget drops what has its whole allowance back, or else anything.
func (l *limiter) forget(tracked map[string]*rate.Limiter) {
	for key, r := range tracked {
		if r.TokensAt(l.now()) >= guessBurst {
			delete(tracked, key)
		}
	}
	for key := range tracked {
		if len(tracked) < maxTracked {
			return
		}
		delete(tracked, key)
	}
}
