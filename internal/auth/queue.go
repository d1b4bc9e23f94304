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
// first, then to strangers: the fewer tries and places an address has, the
// sooner. Of equals who came first is first.
type hashQueue struct {
	mu        sync.Mutex
	running   int
	strange   int           // of those running
	took      time.Duration // how long a turn lasts, on average of the last ones
	known     []*place
	strangers []*place
}

// A place is a place in the queue.
type place struct {
	key   string // strangers: the address; known: the pair
	known bool
	rank  int       // strangers: how many tries and places the address had before
	turn  chan bool // false: the place was given to another
	began time.Time // the turn
}

// join takes a place; nil: there is none. tries are those of the address
// lately.
func (q *hashQueue) join(key string, known bool, tries int) *place {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := &place{key: key, known: known, turn: make(chan bool, 1)}
	if known {
		if len(q.known) >= maxKnownQueued || count(q.known, key) >= maxOfPair {
			return nil
		}
		q.known = append(q.known, p)
		q.next()
		return p
	}
	others := count(q.strangers, key)
	p.rank = tries + others
	at := len(q.strangers)
	for at > 0 && q.strangers[at-1].rank > p.rank {
		at--
	}
	most := q.places()
	if at >= most || others >= maxOfAddress {
		return nil
	}
	q.strangers = slices.Insert(q.strangers, at, p)
	q.next()
	q.shorten(most)
	return p
}

// shorten takes the last of the strangers their places, until most wait.
func (q *hashQueue) shorten(most int) {
	for last := len(q.strangers) - 1; last >= most; last-- {
		q.strangers[last].turn <- false
		q.strangers = slices.Delete(q.strangers, last, last+1)
	}
}

// places returns how many strangers may wait.
func (q *hashQueue) places() int {
	if q.took == 0 {
		return maxStrangers
	}
	return int(min(max(maxStrangerWait*time.Duration(hashAtOnce-1)/q.took, minStrangers), maxStrangers))
}

func count(places []*place, key string) (n int) {
	for _, p := range places {
		if p.key == key {
			n++
		}
	}
	return n
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
	q.shorten(q.places())
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
