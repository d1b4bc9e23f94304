package sqlstore

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/platenhq/platen"
)

// lockedWrites are list writes that wait for lists which other transactions hold for
// long. They are out of their groups, so that nobody waits with them who wants other
// lists. One goroutine tries them again, all together, as long as there are any.
type lockedWrites struct {
	s *Store

	mu      sync.Mutex
	waiting []lockedWrite
	running bool
}

// A lockedWrite is tried until a time.
type lockedWrite struct {
	*listWrite
	until  time.Time
	finish func()
}

var (
	// errHeldList is the error of a write that was left, for [lockedWrites].
	errHeldList = errors.New("another transaction holds a list")

	errListLocked = platen.Errorf(platen.Unavailable, "another change holds the lists for long: try again")
)

// lockedFor is how long a list write waits, and as much longer for each lockedEach
// lists that it swaps.
const (
	lockedFor  = 10 * time.Second
	lockedEach = 10_000
)

// held returns the writes of a group that were left.
func held(group []*listWrite) (left []*listWrite) {
	for _, w := range group {
		if w.Err == errHeldList {
			w.Err = nil
			left = append(left, w)
		}
	}
	return left
}

// add takes writes out of their group.
func (l *lockedWrites) add(writes []*listWrite) {
	if len(writes) == 0 {
		return
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range writes {
		most := lockedFor * time.Duration(1+entriesOf([]*listWrite{w})/lockedEach)
		l.waiting = append(l.waiting, lockedWrite{listWrite: w, until: now.Add(most), finish: w.Detach()})
	}
	if !l.running {
		l.running = true
		go l.run()
	}
}

// run tries the writes until none is left.
func (l *lockedWrites) run() {
	for {
		l.mu.Lock()
		some := slices.Clone(l.waiting[:min(len(l.waiting), maxGroup)])
		if l.running = len(some) > 0; !l.running {
			l.mu.Unlock()
			return
		}
		l.waiting = slices.Delete(l.waiting, 0, len(some))
		l.mu.Unlock()
		l.try(some)
		var again []lockedWrite
		for _, one := range some {
			switch {
			case one.Err != errHeldList:
				one.finish()
			case time.Now().After(one.until):
				one.Err = errListLocked
				one.finish()
			default:
				one.Err = nil
				again = append(again, one)
			}
		}
		l.mu.Lock()
		l.waiting = append(l.waiting, again...)
		l.mu.Unlock()
	}
}

// try tries writes together, in the turn of their locks, and if that takes long those
// that it can. The error of the others is errHeldList.
func (l *lockedWrites) try(some []lockedWrite) {
	group := make([]*listWrite, len(some))
	for i, one := range some {
		group[i] = one.listWrite
	}
	attempt := func(group []*listWrite, skip bool) error {
		return l.s.guarded("updating lists", func() error { return l.s.tryGroup(group, skip) })
	}
	err := attempt(group, false)
	if l.s.engine.IsLocked(err) {
		err = attempt(group, true)
	}
	if err == nil {
		return
	}
	for _, w := range group { // one of them may be at fault, or want a list that another transaction adds
		w.Err = nil
		if err := attempt([]*listWrite{w}, false); l.s.engine.IsLocked(err) {
			w.Err = errHeldList
		} else if err != nil {
			w.Err = err
		}
	}
}
