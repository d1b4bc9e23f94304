package auth

import (
	"runtime"
	"slices"
	"sync"
)

// Bounds of the queue in front of the password hash. A hash takes some 20 ms
// of a processor and 19 MiB, so the places of strangers are worth less than a
// second.
const (
	maxStrangers   = 32  // waiting, from addresses that have not logged in as the user
	maxOfAddress   = 16  // of those from one address
	maxKnownQueued = 256 // waiting, from addresses that have
	maxOfPair      = 4   // of those for one user from one address: one right password takes one place
)

// hashAtOnce is how many passwords are hashed at once. Strangers leave one of
// them to those who are known.
var hashAtOnce = min(max(runtime.GOMAXPROCS(0), 2), 4)

// A hashQueue gives out turns at hashing a password: to those who are known
// first, then to strangers, those whose addresses have failed least first. Of
// equals who came first is first.
type hashQueue struct {
	mu        sync.Mutex
	running   int
	strange   int // of those running
	known     []*place
	strangers []*place
}

// A place is a place in the queue.
type place struct {
	key      string // strangers: the address; known: the pair
	known    bool
	failures int
	turn     chan bool // false: the place was given to another
}

// join takes a place; nil: there is none.
func (q *hashQueue) join(key string, known bool, failures int) *place {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := &place{key: key, known: known, failures: failures, turn: make(chan bool, 1)}
	switch {
	case known:
		if len(q.known) >= maxKnownQueued || count(q.known, key) >= maxOfPair {
			return nil
		}
		q.known = append(q.known, p)
	case count(q.strangers, key) >= maxOfAddress:
		return nil
	default:
		at := len(q.strangers)
		for at > 0 && q.strangers[at-1].failures > failures {
			at--
		}
		if at >= maxStrangers {
			return nil
		}
		q.strangers = slices.Insert(q.strangers, at, p)
		if len(q.strangers) > maxStrangers {
			q.strangers[maxStrangers].turn <- false
			q.strangers = q.strangers[:maxStrangers]
		}
	}
	q.next()
	return p
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
	q.running--
	if !p.known {
		q.strange--
	}
	q.next()
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
		(*from)[0].turn <- true
		*from = slices.Delete(*from, 0, 1)
	}
}
