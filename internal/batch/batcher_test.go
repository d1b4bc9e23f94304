package batch_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/platenhq/platen/internal/batch"
)

// work is a request of so many bytes.
type work struct {
	bytes int
	alone bool
	fail  error
}

var errClosed = errors.New("closed")

// recorder keeps the batches that were run, as bytes of their requests.
type recorder struct {
	mu      sync.Mutex
	batches [][]int
	begin   chan struct{} // a batch takes an element before it runs; nil: none
	large   int           // under way
	most    int           // that were under way at once
}

func (r *recorder) run(requests []*batch.Request[work]) {
	var sizes []int
	for _, request := range requests {
		sizes = append(sizes, request.Work.bytes)
		request.Err = request.Work.fail
	}
	large := sizes[0] > small
	r.mu.Lock()
	r.batches = append(r.batches, sizes)
	if large {
		r.large++
		r.most = max(r.most, r.large)
	}
	r.mu.Unlock()
	if r.begin != nil {
		<-r.begin
	}
	if large {
		r.mu.Lock()
		r.large--
		r.mu.Unlock()
	}
}

// The limits of the tests.
const small = 10

func newBatcher(workers int, r *recorder) *batch.Batcher[work] {
	return batch.New(batch.Config[work]{
		Limits:  batch.Limits{Requests: 4, Bytes: 100, Small: small},
		Workers: workers,
		Size:    func(w *work) (int, bool) { return w.bytes, w.alone },
		Run:     r.run,
		Closed:  errClosed,
	})
}

// TestBatches queues requests while a first one is under way, and compares
// what is run together.
func TestBatches(t *testing.T) {
	for _, test := range []struct {
		name  string
		queue []work
		want  [][]int
	}{
		{"as many as fit", []work{{bytes: 1}, {bytes: 2}, {bytes: 3}, {bytes: 4}, {bytes: 5}}, [][]int{{1, 2, 3, 4}, {5}}},
		{"until the bytes are reached", []work{{bytes: 60}, {bytes: 61}, {bytes: 62}}, [][]int{{60, 61}, {62}}},
		{"small ones first", []work{{bytes: 60}, {bytes: 1}, {bytes: 61}, {bytes: 2}}, [][]int{{1, 2}, {60, 61}}},
		{"one that is alone", []work{{bytes: 60}, {bytes: 0, alone: true}, {bytes: 61}, {bytes: 1}}, [][]int{{1}, {60}, {0}, {61}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{begin: make(chan struct{})}
				b := newBatcher(1, r)
				defer b.Close()
				var wg sync.WaitGroup
				do := func(w work) {
					wg.Go(func() {
						if err := b.Do(t.Context(), w); err != nil {
							t.Error(err)
						}
					})
					synctest.Wait()
				}
				do(work{bytes: 7})
				for _, w := range test.queue {
					do(w)
				}
				if waiting := b.Waiting(); waiting != len(test.queue) {
					t.Errorf("%d are waiting; want %d", waiting, len(test.queue))
				}
				close(r.begin)
				wg.Wait()
				if got := r.batches[1:]; !slices.EqualFunc(got, test.want, slices.Equal) {
					t.Errorf("ran %v; want %v", got, test.want)
				}
			})
		})
	}
}

// TestErrors fails one request of a batch, and no other.
func TestErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{begin: make(chan struct{})}
		b := newBatcher(1, r)
		defer b.Close()
		wrong := errors.New("wrong")
		var wg sync.WaitGroup
		for _, w := range []work{{bytes: 1}, {bytes: 2}, {bytes: 3, fail: wrong}, {bytes: 4}} {
			wg.Go(func() {
				if err := b.Do(t.Context(), w); err != w.fail {
					t.Errorf("%d bytes: %v; want %v", w.bytes, err, w.fail)
				}
			})
			synctest.Wait()
		}
		close(r.begin)
		wg.Wait()
	})
}

// TestLeave has callers leave: one that is queued, whose request is never run,
// and one whose request is under way, who waits for its end.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{begin: make(chan struct{})}
		b := newBatcher(1, r)
		defer b.Close()
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := b.Do(ctx, work{bytes: 1}); err != nil {
				t.Errorf("under way: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if err := b.Do(ctx, work{bytes: 2}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("queued: %v", err)
			}
		})
		time.Sleep(2 * time.Second)
		close(r.begin)
		wg.Wait()
		if err := b.Do(t.Context(), work{bytes: 3}); err != nil {
			t.Error(err)
		}
		if want := [][]int{{1}, {3}}; !slices.EqualFunc(r.batches, want, slices.Equal) {
			t.Errorf("ran %v; want %v", r.batches, want)
		}
	})
}

// TestLargeOnOneWorker holds a large batch up: others of its kind wait, small
// ones do not.
func TestLargeOnOneWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{begin: make(chan struct{})}
		b := newBatcher(2, r)
		defer b.Close()
		var wg sync.WaitGroup
		do := func(bytes int) {
			wg.Go(func() {
				if err := b.Do(t.Context(), work{bytes: bytes}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		do(200)
		do(201)
		do(1)
		r.mu.Lock()
		got := slices.Clone(r.batches)
		r.mu.Unlock()
		if want := [][]int{{200}, {1}}; !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("under way are %v; want %v", got, want)
		}
		close(r.begin)
		wg.Wait()
		if r.most != 1 {
			t.Errorf("%d large batches at once", r.most)
		}
	})
}

// TestClose queues requests, closes, and finds them all run, and none that
// comes later.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{begin: make(chan struct{})}
		b := newBatcher(2, r)
		var wg sync.WaitGroup
		for range 20 {
			for _, bytes := range []int{1, 50} {
				wg.Go(func() {
					if err := b.Do(t.Context(), work{bytes: bytes}); err != nil {
						t.Error(err)
					}
				})
			}
		}
		synctest.Wait()
		wg.Go(b.Close)
		synctest.Wait()
		if err := b.Do(t.Context(), work{}); err != errClosed {
			t.Errorf("after Close: %v", err)
		}
		close(r.begin)
		wg.Wait()
		count := 0
		for _, sizes := range r.batches {
			count += len(sizes)
		}
		if count != 40 {
			t.Errorf("%d requests were run; want 40", count)
		}
	})
}

// BenchmarkDo is what it costs 64 callers to share batches that do nothing.
func BenchmarkDo(b *testing.B) {
	batcher := batch.New(batch.Config[work]{
		Limits:  batch.Limits{Requests: 256, Bytes: 1 << 20, Small: 16 << 10},
		Workers: 1,
		Size:    func(w *work) (int, bool) { return w.bytes, w.alone },
		Run:     func([]*batch.Request[work]) {},
	})
	defer batcher.Close()
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := batcher.Do(b.Context(), work{bytes: 1}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
