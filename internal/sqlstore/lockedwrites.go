package sqlstore

import (
	"sync"
	"time"

	"github.com/platenhq/platen"
)

// lockedWrites are list writes that wait for lists which other transactions hold. They
// are out of their groups, so that nobody waits with them who wants other lists. One
// goroutine tries them again, in turns, as long as there are any.
type lockedWrites struct {
	s *Store

	mu      sync.Mutex
	waiting []lockedWrite
}

// A lockedWrite is tried until a time.
type lockedWrite struct {
	*listWrite
	until  time.Time
	finish func()
}

var errListLocked = platen.Errorf(platen.Unavailable, "another change holds the lists for long: try again")

// lockedFor is how long a list write waits, and longer by as much for each lockedEach
// lists of it.
const (
	lockedFor  = 10 * time.Second
	lockedEach = 10_000
)

// add takes a write out of its group.
func (l *lockedWrites) add(w *listWrite) {
	lists := entriesOf([]*listWrite{w})
	one := lockedWrite{listWrite: w, until: time.Now().Add(lockedFor * time.Duration(1+lists/lockedEach)), finish: w.Detach()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting = append(l.waiting, one); len(l.waiting) == 1 {
		go l.run()
	}
}

// run tries the writes until none is left.
func (l *lockedWrites) run() {
	for {
		l.mu.Lock()
		one := l.waiting[0]
		l.mu.Unlock()
		again := l.try(one)
		if !again {
			one.finish()
		}
		l.mu.Lock()
		l.waiting = l.waiting[1:]
		if again {
			l.waiting = append(l.waiting, one)
		}
		end := len(l.waiting) == 0
		l.mu.Unlock()
		if end {
			return
		}
	}
}

// try tries a write, and reports whether its lists are held still.
func (l *lockedWrites) try(one lockedWrite) (again bool) {
	if time.Now().After(one.until) {
		one.Err = errListLocked
		return false
	}
	err := l.s.guarded("updating lists", func() error { return l.s.tryGroup([]*listWrite{one.listWrite}) })
	if l.s.engine.IsLocked(err) {
		return true
	}
	if err != nil {
		one.Err = err
	}
	return false
}
