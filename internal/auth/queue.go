package auth

import (
	"runtime"
	"slices"
	"sync"
	"time"
)

// Bounds of the queue in front of the password hash, which takes some 20 ms of
// a processor and 19 MiB. Strangers are those whose address has not logged in
// as the user.
const (
	maxStrangerWait = 800 * time.Millisecond // what their places are worth, by the time that hashes take
	minStrangers    = 4                      // waiting, however long a hash takes
	maxStrangers    = 32                     // waiting
	maxOfAddress    = 16                     // waiting, from one address
	maxKnownQueued  = 256                    // waiting, of those who are known
	maxOfPair       = 4                      // waiting, for one user from one address: a right password takes one place
)

// hashAtOnce is how many passwords are hashed at once. Strangers leave one of
// them to those who are known.
var hashAtOnce = min(max(runtime.GOMAXPROCS(0), 2), 4)

// A hashQueue gives out turns at hashing a password: to those who are known
// first, then to strangers.
type hashQueue struct {
	mu        sync.Mutex
	running   int
	strange   int           // of those running
	took      time.Duration // how long a turn lasts, on average of the last ones
	known     lane
	strangers lane
}

// A place is a place in the queue.
type place struct {
	key   string // of which few may wait: the address, or the known pair
	group string // of which the others go first: the address, or the known user
	known bool
	rank  int       // how many tries and places the group had before
	turn  chan bool // false: the place was given to another
	began time.Time // the turn
}

// join waits in the queue; false: there is no place. tries are those of the
// address lately.
func (q *hashQueue) join(p *place, tries int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	p.turn = make(chan bool, 1)
	lane, most, ofKey := &q.strangers, q.places(), maxOfAddress
	if p.known {
		lane, most, ofKey = &q.known, maxKnownQueued, maxOfPair
	}
	if !lane.insert(p, tries, most, ofKey) {
		return false
	}
	q.next()
	lane.shorten(most)
	return true
}

// places returns how many strangers may wait.
func (q *hashQueue) places() int {
	if q.took == 0 {
		return maxStrangers
	}
	return int(min(max(maxStrangerWait*time.Duration(hashAtOnce-1)/q.took, minStrangers), maxStrangers))
}

// A lane is a line of places: the fewer tries and places a group had before,
// the sooner; of equals who came first is first.
type lane []*place

// insert reports whether there is a place for p among most, of which ofKey are
// for its key.
func (l *lane) insert(p *place, tries, most, ofKey int) bool {
	p.rank = tries
	sameKey := 0
	for _, other := range *l {
		if other.group == p.group {
			p.rank++
		}
		if other.key == p.key {
			sameKey++
		}
	}
	at := len(*l)
	for at > 0 && (*l)[at-1].rank > p.rank {
		at--
	}
	if at >= most || sameKey >= ofKey {
		return false
	}
	*l = slices.Insert(*l, at, p)
	return true
}

// shorten takes the last their places, until most wait.
func (l *lane) shorten(most int) {
	for last := len(*l) - 1; last >= most; last-- {
		(*l)[last].turn <- false
		*l = slices.Delete(*l, last, last+1)
	}
}

// leave ends a turn.
func (q *hashQueue) leave(p *place) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.took = (3*q.took + time.Since(p.began)) / 4
	q.running--
	if !p.known {
		q.strange--
	}
	q.next()
	q.strangers.shorten(q.places())
}

// next gives turns to as many as may run. The caller holds mu.
func (q *hashQueue) next() {
	for q.running < hashAtOnce {
		from := &q.known
		if len(q.known) == 0 {
			if len(q.strangers) == 0 || q.strange >= hashAtOnce-1 {
				return
			}
			from = &q.strangers
			q.strange++
		}
		q.running++
		p := (*from)[0]
		*from = slices.Delete(*from, 0, 1)
		p.began = time.Now()
		p.turn <- true
	}
}
