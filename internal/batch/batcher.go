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

// work runs batches until Close.
func (b *Batcher[W]) work() {
	mine := worker[W]{Batcher: b}
	for {
		batch, large := mine.next()
		if batch == nil {
			return
		}
		b.config.Run(batch)
		for _, r := range batch {
			r.done <- struct{}{}
		}
		clear(batch)
		if large {
			b.large.end()
		}
	}
}

// A worker has what one of the workers has taken.
type worker[W any] struct {
	*Batcher[W]
	taken, buffer []*Request[W] // to be used again
	small         []*Request[W] // in buffer: not yet run
	looked        bool          // into the queue, since the last large batch
}

// next returns the next batch and whether it is a large one, after which the
// worker ends large; nil after Close. Small requests come first, also those that
// come while a large batch is under way. Requests whose callers have left are
// dropped.
func (w *worker[W]) next() (batch []*Request[W], large bool) {
	for {
		switch {
		case len(w.small) > 0:
			n := w.together(w.small)
			batch, w.small = claim(w.small[:n]), w.small[n:]
			if len(batch) > 0 {
				return batch, false
			}
			continue
		case w.looked:
			w.looked = false
			taken := w.large.take(w.together)
			if batch = claim(taken); len(batch) > 0 {
				return batch, true
			}
			if len(taken) > 0 {
				w.large.end()
			}
		}
		wait := !w.large.ready()
		if w.taken = w.queue.Take(wait, w.taken); w.taken == nil && wait {
			return nil, false
		}
		w.sort()
		w.looked = true
	}
}

// sort sorts the requests taken by their size.
func (w *worker[W]) sort() {
	w.buffer = w.buffer[:0]
	var large []*Request[W]
	for _, r := range w.taken {
		if bytes, alone := w.config.Size(&r.Work); alone || bytes > w.config.Small {
			large = append(large, r)
		} else {
			w.buffer = append(w.buffer, r)
		}
	}
	clear(w.taken)
	w.small = w.buffer
	w.large.add(large)
}

// claim returns the requests whose callers have not left.
func claim[W any](requests []*Request[W]) []*Request[W] {
	return slices.DeleteFunc(requests, func(r *Request[W]) bool { return !r.taken.CompareAndSwap(false, true) })
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
