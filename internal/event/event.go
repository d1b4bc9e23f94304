// Package event follows the log of changes for all who listen in this process. One
// goroutine reads what is new, once, and keeps the last of it in memory, where all
// listeners find it: a thousand of them cost the database, and those who write, no
// more than one. A listener that is further behind reads from the database itself.
package event

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// An Item is an event with the form in which it is sent.
type Item struct {
	platen.Event
	Body []byte
}

// What is kept in memory, and read from the database at once, for each listener that
// is behind.
const (
	keptBytes    = 8 << 20
	batchItems   = 256
	batchBytes   = 1 << 20
	behindAtOnce = 2 // listeners read the database themselves
	itemBytes    = 512
	retryAfter   = time.Second // after an error of the database
)

// A Hub has the listeners of a process.
type Hub struct {
	log    storage.Changes
	render func(*platen.Event) []byte
	behind chan struct{} // holds an element for each listener that reads the database

	mu        sync.Mutex
	listeners int
	stop      context.CancelFunc // ends the reader
	items     []*Item            // the last ones, up to end
	bytes     int
	start     platen.EventID // all events after it and up to end are in items
	end       platen.EventID
	more      chan struct{} // closed when end moves, or the reader ends
}

// NewHub returns a hub that reads a log. render returns the form in which an event
// is sent.
func NewHub(log storage.Changes, render func(*platen.Event) []byte) *Hub {
	return &Hub{log: log, render: render, behind: make(chan struct{}, behindAtOnce), more: make(chan struct{})}
}

// Listen counts a listener in, until leave. The first one starts the reader. It
// returns where the log ends now.
func (h *Hub) Listen(ctx context.Context) (now platen.EventID, leave func(), err error) {
	now, err = h.log.LastEvent(ctx)
	if err != nil {
		return 0, nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners++; h.listeners == 1 {
		reading, stop := context.WithCancel(context.Background())
		h.items, h.bytes, h.start, h.end, h.stop = nil, 0, now, now, stop
		go h.read(reading, now)
	}
	var once sync.Once
	return now, func() { once.Do(h.leave) }, nil
}

func (h *Hub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners--; h.listeners == 0 {
		h.stop()
		h.items = nil
	}
}

// Listeners returns how many there are.
func (h *Hub) Listeners() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return int64(h.listeners)
}

// read reads what is new until ctx ends.
func (h *Hub) read(ctx context.Context, last platen.EventID) {
	for ctx.Err() == nil {
		logged, every := h.log.Logged()
		items, next, err := h.fetch(ctx, last)
		switch {
		case err != nil:
			every = retryAfter
			if platen.ErrorCode(err) == platen.Gone { // the log was emptied faster than it was read
				if now, err := h.log.LastEvent(ctx); err == nil {
					last = now
					h.restart(ctx, now)
				}
			}
			logged = nil
		case next != last:
			h.add(ctx, items, next)
			last = next
			continue
		}
		var timer <-chan time.Time
		if every > 0 {
			timer = time.After(every)
		}
		select {
		case <-ctx.Done():
		case <-logged:
		case <-timer:
		}
	}
}

// errEnough ends a batch.
var errEnough = errors.New("the batch is full")

// fetch reads the next events from the database.
func (h *Hub) fetch(ctx context.Context, after platen.EventID) (items []*Item, next platen.EventID, err error) {
	bytes := 0
	next, err = h.log.Events(ctx, after, batchItems, func(event *platen.Event) error {
		if bytes > batchBytes {
			return errEnough
		}
		item := &Item{Event: *event, Body: h.render(event)}
		bytes += len(item.Body)
		items = append(items, item)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return items, next, err
}

// add adds what the reader has read, and lets go of the oldest.
func (h *Hub) add(ctx context.Context, items []*Item, end platen.EventID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return // another reader may have begun
	}
	h.items, h.end = append(h.items, items...), end
	for _, item := range items {
		h.bytes += len(item.Body) + itemBytes
	}
	dropped := 0
	for ; dropped < len(h.items) && h.bytes > keptBytes; dropped++ {
		h.bytes -= len(h.items[dropped].Body) + itemBytes
		h.start = h.items[dropped].ID
	}
	h.items = slices.Clone(h.items[dropped:])
	h.ring()
}

func (h *Hub) restart(ctx context.Context, at platen.EventID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() == nil {
		h.items, h.bytes, h.start, h.end = nil, 0, at, at
		h.ring()
	}
}

func (h *Hub) ring() {
	close(h.more)
	h.more = make(chan struct{})
}

// Next returns the events after one, and the place to go on from; none if wait is
// over first. It waits for one who listens: while nobody does it reads the database.
// Gone: they are no longer kept.
func (h *Hub) Next(ctx context.Context, after platen.EventID, wait <-chan time.Time) (items []*Item, next platen.EventID, err error) {
	for {
		h.mu.Lock()
		start, end, more := h.start, h.end, h.more
		behind := after < start || h.listeners == 0 // without a reader nothing is known of end
		if !behind && after < end {
			from, _ := slices.BinarySearchFunc(h.items, after+1, func(item *Item, id platen.EventID) int { return int(item.ID - id) })
			items = h.items[from:]
			if len(items) > batchItems {
				items = items[:batchItems]
				end = items[batchItems-1].ID
			}
			items = slices.Clone(items)
		}
		h.mu.Unlock()
		switch {
		case behind:
			items, next, err = h.CatchUp(ctx, after)
			if err == nil && next == after && after < start {
				after = start // nothing up to there is kept, so that this would be so again
				continue
			}
			return items, next, err
		case after < end:
			return items, end, nil
		}
		select {
		case <-more:
		case <-wait:
			return nil, after, nil
		case <-ctx.Done():
			return nil, after, ctx.Err()
		}
	}
}

// CatchUp reads the events after one from the database, for one who knows that the log
// goes further than what is in memory: the reader may be behind, too. Few read at once.
func (h *Hub) CatchUp(ctx context.Context, after platen.EventID) ([]*Item, platen.EventID, error) {
	select {
	case h.behind <- struct{}{}:
		defer func() { <-h.behind }()
	case <-ctx.Done():
		return nil, after, ctx.Err()
	}
	return h.Page(ctx, after)
}

// Page reads the events after one from the database: as many as fit.
func (h *Hub) Page(ctx context.Context, after platen.EventID) ([]*Item, platen.EventID, error) {
	return h.fetch(ctx, after)
}
