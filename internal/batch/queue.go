package batch

import (
	"runtime"
	"sync"
)

// A Queue collects what many callers bring, for goroutines that take all of it
// at once. It has no bound: its callers wait for what they have put in.
type Queue[T any] struct {
	enough int // Take does not wait for more than these

	mu     sync.Mutex
	filled sync.Cond
	queue  []T
	closed bool
}

// NewQueue returns an empty queue. Take waits for no more once it has enough.
func NewQueue[T any](enough int) *Queue[T] {
	q := &Queue[T]{enough: enough}
	q.filled.L = &q.mu
	return q
}

// Put adds one, and reports whether it will be taken: not after Close.
func (q *Queue[T]) Put(one T) bool {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return false
	}
	q.queue = append(q.queue, one)
	q.mu.Unlock()
	q.filled.Signal()
	return true
}

// Close refuses what comes after. What is queued is still taken.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.filled.Broadcast()
}

// Waiting returns how many are queued.
func (q *Queue[T]) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue)
}

// Take returns all that are queued. If there are none it waits and returns nil
// after Close, or, without wait, returns nil at once. It sets no timer, but
// yields as long as that lets more callers queue: those just answered are about
// to come again, and two halves cost twice.
//
// The queue goes on in spare, whose contents the caller must not use any more.
func (q *Queue[T]) Take(wait bool, spare []T) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for wait && len(q.queue) == 0 && !q.closed {
			q.filled.Wait()
		}
		for idle := 0; idle < 2 && len(q.queue) < q.enough && !q.closed; {
			before := len(q.queue)
			q.mu.Unlock()
			runtime.Gosched()
			q.mu.Lock()
			if idle++; len(q.queue) > before {
				idle = 0
			}
		}
		// Another goroutine may have taken them meanwhile.
		if taken := q.queue; len(taken) > 0 || q.closed || !wait {
			q.queue = spare[:0]
			if len(taken) == 0 {
				return nil
			}
			return taken
		}
	}
}
