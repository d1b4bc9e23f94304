// Package batch lets callers that come at the same time share one piece of
// work, such as a transaction and its sync of the disk.
package batch

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Limits bound a batch.
type Limits struct {
	Requests int // the most requests
	Bytes    int // from which on no more requests are added
	Small    int // the most bytes of a small request; larger ones do not share a batch with these
}

// Config says what a [Batcher] does.
type Config[W any] struct {
	Limits
	// Workers is how many batches are under way at once. Only one of them is
	// of large requests, so that another worker is there for small ones.
	Workers int
	// Size returns the bytes of a request, and whether it needs a batch of its
	// own, as if it was large.
	Size func(*W) (bytes int, alone bool)
	// Run does the work of a batch and sets the Err of each request. It may be
	// called by several workers at once.
	Run func(batch []*Request[W])
	// Closed is the error of requests that come after Close.
	Closed error
}

// A Request is what one caller wants.
type Request[W any] struct {
	Work W
	Err  error // what Do returns

	taken atomic.Bool // by a worker; or by the caller, who has left
	done  chan struct{}
}

// A Batcher runs requests in batches. Callers that come while a batch is under
// way wait together for the next one, and are answered after it.
type Batcher[W any] struct {
	config   Config[W]
	queue    *Queue[*Request[W]]
	large    largeQueue[W]
	requests sync.Pool
	workers  sync.WaitGroup
}

// New returns a batcher that has started its workers. Close ends them.
func New[W any](config Config[W]) *Batcher[W] {
	b := &Batcher[W]{config: config, queue: NewQueue[*Request[W]](config.Requests)}
	b.requests.New = func() any { return &Request[W]{done: make(chan struct{}, 1)} }
	for range config.Workers {
		b.workers.Go(b.work)
	}
	return b
}

// Do runs work in a batch, waits for its end and returns the error of the
// request. If ctx ends while the request is queued, it is dropped; once it is
// under way, Do waits for its end.
func (b *Batcher[W]) Do(ctx context.Context, work W) error {
	r := b.requests.Get().(*Request[W])
	r.Work = work
	if !b.queue.Put(r) {
		return b.config.Closed
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.taken.CompareAndSwap(false, true) {
			return context.Cause(ctx) // a worker still has it, so it is not used again
		}
		<-r.done
	}
	err := r.Err
	*r = Request[W]{done: r.done}
	b.requests.Put(r)
	return err
}

// Waiting returns how many requests no worker has taken yet.
func (b *Batcher[W]) Waiting() int { return b.queue.Waiting() }

// Close refuses new requests, and waits for the end of those that are queued.
func (b *Batcher[W]) Close() {
	b.queue.Close()
	b.workers.Wait()
}

func (b *Batcher[W]) work() {
	var taken, small, large []*Request[W]
	for {
		wait := !b.large.ready()
		taken = b.queue.Take(wait, taken)
		if taken == nil && wait {
			return
		}
		small, large = small[:0], large[:0]
		for _, r := range taken {
			if bytes, alone := b.config.Size(&r.Work); alone || bytes > b.config.Small {
				large = append(large, r)
			} else {
				small = append(small, r)
			}
		}
		clear(taken)
		b.large.add(large)
		for rest := small; len(rest) > 0; {
			n := b.together(rest)
			b.run(rest[:n])
			rest = rest[n:]
		}
		// One batch, then what is small and has come meanwhile.
		if batch := b.large.take(b.together); len(batch) > 0 {
			b.run(batch)
			b.large.end()
		}
	}
}

// together returns how many requests, from the first on, go into one batch.
func (b *Batcher[W]) together(requests []*Request[W]) int {
	n := 0
	for total := 0; n < len(requests) && n < b.config.Requests && total < b.config.Bytes; n++ {
		bytes, alone := b.config.Size(&requests[n].Work)
		if alone {
			break
		}
		total += bytes
	}
	return max(n, 1)
}

// run runs a batch and answers its callers. Requests whose callers have left
// are dropped.
func (b *Batcher[W]) run(batch []*Request[W]) {
	batch = slices.DeleteFunc(batch, func(r *Request[W]) bool { return !r.taken.CompareAndSwap(false, true) })
	if len(batch) == 0 {
		return
	}
	b.config.Run(batch)
	for _, r := range batch {
		r.done <- struct{}{}
	}
	clear(batch)
}

// A largeQueue has the large requests, which one worker at a time runs. That
// one looks here again before it waits.
type largeQueue[W any] struct {
	mu       sync.Mutex
	requests []*Request[W]
	busy     bool
}

func (q *largeQueue[W]) add(requests []*Request[W]) {
	if len(requests) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.requests = append(q.requests, requests...)
}

// ready reports whether take returns any.
func (q *largeQueue[W]) ready() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.requests) > 0 && !q.busy
}

// take returns the requests of the next batch, whose number together returns,
// and after which end must follow. None: there are none, or another worker is
// at it.
func (q *largeQueue[W]) take(together func([]*Request[W]) int) []*Request[W] {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy || len(q.requests) == 0 {
		return nil
	}
	q.busy = true
	n := together(q.requests)
	batch := slices.Clone(q.requests[:n])
	q.requests = slices.Delete(q.requests, 0, n)
	return batch
}

func (q *largeQueue[W]) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = false
}
