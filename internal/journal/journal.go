// Package journal keeps the last requests in memory, without credentials, so
// that those who write a client can see what it sent and why it was refused.
package journal

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/platenhq/platen/internal/olrest"
)

// Config bounds what a [Journal] keeps.
type Config struct {
	Requests int   // so many at most
	Body     int   // bytes of each body
	Bytes    int64 // of memory in all
}

// A Journal has the last requests. Those of other processes are not in it.
type Journal struct {
	config Config

	mu      sync.Mutex
	entries []*olrest.RecordedRequest // ascending; those before first are gone
	first   int
	bytes   int64
	last    uint64        // the number of the last one that was added
	evicted uint64        // the highest number that was dropped for room
	added   chan struct{} // closed when one is added; nil if nobody waits
	closed  chan struct{}
	close   sync.Once
}

// New returns an empty journal.
func New(config Config) *Journal { return &Journal{config: config, closed: make(chan struct{})} }

// Close ends what follows the journal.
func (j *Journal) Close() { j.close.Do(func() { close(j.closed) }) }

// Closed is closed by Close.
func (j *Journal) Closed() <-chan struct{} { return j.closed }

// Add adds a request, which must not be changed any more, and drops the oldest
// ones that there is no room for. The request gets its number.
func (j *Journal) Add(r *olrest.RecordedRequest) {
	size := sizeOf(r)
	if size > j.config.Bytes {
		r.Request, r.Answer = olrest.RecordedPart{Size: r.Request.Size, Hidden: true}, olrest.RecordedPart{Size: r.Answer.Size, Hidden: true}
		size = sizeOf(r)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	r.Number = j.last
	if j.first > len(j.entries)/2 {
		j.entries = append(j.entries[:0], j.entries[j.first:]...)
		clear(j.entries[len(j.entries):cap(j.entries)])
		j.first = 0
	}
	j.entries = append(j.entries, r)
	j.bytes += size
	for len(j.entries)-j.first > j.config.Requests || j.bytes > j.config.Bytes {
		oldest := j.entries[j.first]
		j.entries[j.first] = nil
		j.first++
		j.bytes -= sizeOf(oldest)
		j.evicted = oldest.Number
	}
	if j.added != nil {
		close(j.added)
		j.added = nil
	}
}

// entryBytes is what a request takes besides its texts, about.
const entryBytes = 512

// sizeOf returns the memory that a request takes, about.
func sizeOf(r *olrest.RecordedRequest) int64 {
	n := entryBytes
	for _, text := range []string{r.RequestID, r.Method, r.Path, r.Query, r.Host, r.Client, r.User, r.Tried, r.Reason, r.Request.Body, r.Answer.Body} {
		n += len(text)
	}
	for _, hint := range r.Hints {
		n += 16 + len(hint)
	}
	for _, part := range []*olrest.RecordedPart{&r.Request, &r.Answer} {
		for _, header := range part.Headers {
			n += 32 + len(header.Name) + len(header.Value)
		}
	}
	return int64(n)
}

// windowSize is how many requests are looked at between two locks.
const windowSize = 256

// at returns the index of the first request with a number of at least number.
func (j *Journal) at(number uint64) int {
	i, _ := slices.BinarySearchFunc(j.entries[j.first:], number, func(r *olrest.RecordedRequest, number uint64) int {
		if r.Number < number {
			return -1
		}
		return 1
	})
	return j.first + i
}

// before returns some requests with numbers below number, ascending; none if
// there are none.
func (j *Journal) before(number uint64) []*olrest.RecordedRequest {
	j.mu.Lock()
	defer j.mu.Unlock()
	end := j.at(number)
	return slices.Clone(j.entries[max(j.first, end-windowSize):end])
}

// After returns requests with numbers above number, ascending. lost: others were
// dropped for room meanwhile. If there are none, more is closed when there is one.
func (j *Journal) After(number uint64) (list []*olrest.RecordedRequest, lost bool, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	begin := j.at(number + 1)
	list = slices.Clone(j.entries[begin:min(len(j.entries), begin+windowSize)])
	if j.added == nil {
		j.added = make(chan struct{})
	}
	return list, number < j.evicted, j.added
}

// Last returns the number of the last request.
func (j *Journal) Last() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// each calls fn with the requests below a number that match, the newest first,
// until it returns false.
func (j *Journal) each(filter *olrest.RequestFilter, below uint64, fn func(*olrest.RecordedRequest) bool) {
	for {
		window := j.before(below)
		if len(window) == 0 {
			return
		}
		for _, r := range slices.Backward(window) {
			if filter.Match(r) && !fn(r) {
				return
			}
		}
		below = window[0].Number
	}
}

// everything is above all numbers.
const everything = 1<<64 - 1

// Find returns the newest requests that match, limit at most, of those below a
// number; 0 is above all.
func (j *Journal) Find(filter *olrest.RequestFilter, below uint64, limit int) (list []*olrest.RecordedRequest) {
	j.each(filter, cmp.Or(below, everything), func(r *olrest.RecordedRequest) bool {
		list = append(list, r)
		return len(list) < limit
	})
	return list
}

// Count returns how many requests match.
func (j *Journal) Count(filter *olrest.RequestFilter) (count int) {
	j.each(filter, everything, func(*olrest.RecordedRequest) bool { count++; return true })
	return count
}

// Wait waits until atLeast requests match, ctx ends or the journal is closed.
// It returns how many do.
func (j *Journal) Wait(ctx context.Context, filter *olrest.RequestFilter, atLeast int) int {
	for {
		last := j.Last()
		count := j.Count(filter)
		for found := count; found < atLeast; {
			list, lost, more := j.After(last)
			if lost {
				break // what was counted may be gone
			}
			for _, r := range list {
				if last = r.Number; filter.Match(r) {
					found++
				}
			}
			if len(list) > 0 {
				continue
			}
			select {
			case <-more:
			case <-j.closed:
				return j.Count(filter)
			case <-ctx.Done():
				return j.Count(filter)
			}
		}
		if count = j.Count(filter); count >= atLeast || ctx.Err() != nil {
			return count
		}
	}
}

// Delete removes the requests that match, and returns how many.
func (j *Journal) Delete(filter *olrest.RequestFilter) int {
	gone := make(map[uint64]bool)
	j.each(filter, everything, func(r *olrest.RecordedRequest) bool { gone[r.Number] = true; return true })
	j.mu.Lock()
	defer j.mu.Unlock()
	before := len(j.entries) - j.first
	j.entries = slices.DeleteFunc(j.entries, func(r *olrest.RecordedRequest) bool {
		if r == nil { // before first
			return true
		}
		if gone[r.Number] {
			j.bytes -= sizeOf(r)
		}
		return gone[r.Number]
	})
	j.first = 0
	return before - len(j.entries)
}

// A prefix keeps the first bytes of what goes by.
type prefix struct {
	bytes []byte
	size  int64
	limit int
}

func (p *prefix) add(b []byte) {
	p.size += int64(len(b))
	if room := p.limit - len(p.bytes); room > 0 {
		p.bytes = append(p.bytes, b[:min(room, len(b))]...)
	}
}
