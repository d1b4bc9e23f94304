// Package clock is the time of a server's data: of what it records, of tokens
// and of retention. Deadlines, pauses, metrics and logs go by the real time.
package clock

import (
	"sync"
	"time"
)

// A Clock is a clock that stands still until it is moved, or runs from a time
// that it was set to. A nil Clock is the real one, and all servers but sandboxes
// have that. All methods may be called at once.
type Clock struct {
	mu    sync.Mutex
	at    time.Time // when it was set
	since time.Time // when that was really, if it runs; else zero
}

// New returns a clock that stands still at a time.
func New(at time.Time) *Clock {
	c := new(Clock)
	c.Set(at, false)
	return c
}

// Now returns the time, to the microsecond unless it is the real one.
func (c *Clock) Now() time.Time {
	if c == nil {
		return time.Now()
	}
	now, _ := c.Read()
	return now
}

// Read returns the time, and whether the clock runs.
func (c *Clock) Read() (now time.Time, running bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since.IsZero() {
		return c.at, false
	}
	return c.at.Add(time.Since(c.since)).Truncate(time.Microsecond), true
}

// Set sets the clock to a time, from which it runs on or does not.
func (c *Clock) Set(at time.Time, running bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.since = at.UTC().Round(0).Truncate(time.Microsecond), time.Time{}
	if running {
		c.since = time.Now()
	}
}
