package sqlstore

import (
	"runtime"
	"sync"
)

// A batch collects what many callers bring, for a goroutine that takes all of
// it at once.
type batch[T any] struct {
	most int // that the goroutine waits for

	mu     sync.Mutex
	wake   sync.Cond
	queue  []T
	closed bool
}

func newBatch[T any](most int) *batch[T] {
	b := &batch[T]{most: most}
	b.wake.L = &b.mu
	return b
}

// put adds one, and reports whether it will be taken: not after close.
func (b *batch[T]) put(one T) bool {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	b.queue = append(b.queue, one)
	b.mu.Unlock()
	b.wake.Signal()
	return true
}

// close lets the queue run empty, and refuses what comes after.
func (b *batch[T]) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.wake.Broadcast()
}

// waiting returns how many are queued.
func (b *batch[T]) waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue)
}

// take returns all that are queued. If there are none it waits and returns nil
// at the end, or, without wait, returns nil at once. It sets no timer, but
// yields as long as that lets more callers queue: those just answered are about
// to come again, and two halves cost twice.
func (b *batch[T]) take(wait bool) []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for wait && len(b.queue) == 0 && !b.closed {
			b.wake.Wait()
		}
		for quiet := 0; quiet < 2 && len(b.queue) < b.most && !b.closed; {
			before := len(b.queue)
			b.mu.Unlock()
			runtime.Gosched()
			b.mu.Lock()
			if quiet++; len(b.queue) > before {
				quiet = 0
			}
		}
		// Another goroutine may have taken them meanwhile.
		if taken := b.queue; len(taken) > 0 || b.closed || !wait {
			b.queue = nil
			return taken
		}
	}
}
