package auth

import (
	"fmt"
	"testing"
	"time"
)

// state is what became of a place.
func (p *place) state() string {
	if p == nil {
		return "refused"
	}
	select {
	case turn := <-p.turn:
		if turn {
			return "runs"
		}
		return "pushed out"
	default:
		return "waits"
	}
}

// joins takes a place; nil: there is none.
func (q *hashQueue) joins(address, user string, known bool, tries int) *place {
	p := &place{key: address, group: address, known: known}
	if known {
		p.key, p.group = address+user, user
	}
	if !q.join(p, tries) {
		return nil
	}
	return p
}

// TestQueue checks who waits, who is refused and whose turn comes first.
func TestQueue(t *testing.T) {
	defer func(n int) { hashAtOnce = n }(hashAtOnce)
	hashAtOnce = 2
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s %s, but it should be that it %s", what, got, want)
		}
	}
	var q hashQueue
	first := q.joins("flood 0", "", false, 0)
	want("the first stranger", first.state(), "runs")
	var flood []*place
	for i := range maxStrangers {
		p := q.joins(fmt.Sprintf("flood %d", i%8), "", false, 5)
		want("a stranger beside another", p.state(), "waits")
		flood = append(flood, p)
	}
	want("one more of an address", q.joins("flood 0", "", false, 5).state(), "refused")

	// Who has not failed takes the place of the last of those that have.
	fresh := q.joins("fresh", "", false, 0)
	want("a fresh address", fresh.state(), "waits")
	want("the last of the flood", flood[len(flood)-1].state(), "pushed out")

	// Strangers leave a turn to those who are known.
	known := q.joins("home", "u", true, 0)
	want("a known pair", known.state(), "runs")
	second := q.joins("home", "v", true, 0)
	want("another known pair", second.state(), "waits")
	q.leave(first)
	want("the known pair that waits", second.state(), "runs")
	want("the fresh address", fresh.state(), "waits")
	q.leave(known)
	want("the fresh address, after the known", fresh.state(), "runs")
	want("the first of the flood", flood[0].state(), "waits")
	q.leave(fresh)
	want("the first of the flood, after that", flood[0].state(), "runs")
	want("the second address of the flood", flood[1].state(), "waits")

	// When hashes take long, fewer may wait.
	q.took = time.Second
	want("a stranger beside a long queue", q.joins("flood 9", "", false, 9).state(), "refused")
	want("a fresh one", q.joins("fresh too", "", false, 0).state(), "waits")
	if n := len(q.strangers); n != minStrangers {
		t.Errorf("%d wait, want %d", n, minStrangers)
	}
}

// TestQueueOrder checks that an address with many places waits longest.
func TestQueueOrder(t *testing.T) {
	var q hashQueue
	q.strange = hashAtOnce - 1 // no turn for strangers
	many := []*place{q.joins("many", "", false, 0), q.joins("many", "", false, 0), q.joins("many", "", false, 0)}
	one := q.joins("one", "", false, 0)
	for i, want := range []*place{many[0], one, many[1], many[2]} {
		if q.strangers[i] != want {
			t.Errorf("place %d is of %q, rank %d", i, q.strangers[i].key, q.strangers[i].rank)
		}
	}
}

// TestQueueOfKnown checks that a user who is known at many addresses does not
// hold up other users.
func TestQueueOfKnown(t *testing.T) {
	var q hashQueue
	q.running = hashAtOnce
	var mallory *place
	for i := range maxKnownQueued {
		if mallory = q.joins(fmt.Sprint(i/maxOfPair), "mallory", true, 0); mallory == nil {
			t.Fatal("no place", i)
		}
	}
	alice := q.joins("home", "alice", true, 0)
	if alice == nil || q.known[1] != alice || mallory.state() != "pushed out" {
		t.Error("another user is not next but one")
	}
}

// TestQueueOfOne checks that neither an address nor a pair takes all places.
func TestQueueOfOne(t *testing.T) {
	defer func(n int) { hashAtOnce = n }(hashAtOnce)
	hashAtOnce = 2
	var q hashQueue
	taken := func(known bool) (n int) {
		for q.joins("one", "", known, 0) != nil {
			n++
		}
		return n
	}
	if n := taken(false); n != maxOfAddress+1 {
		t.Errorf("an address has %d places, want %d", n, maxOfAddress+1)
	}
	if n := taken(true); n != maxOfPair+1 {
		t.Errorf("a pair has %d places, want %d", n, maxOfPair+1)
	}
}
