package event

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// A countedLog is a log in memory that counts who reads it.
type countedLog struct {
	storage.Changes
	mu     sync.Mutex
	events []*platen.Event
	reads  int
	logged chan struct{}
}

func (l *countedLog) add(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		id := platen.NewEventID(int64(len(l.events)+1), 1)
		l.events = append(l.events, &platen.Event{ID: id, Change: platen.Change{Entries: make([]platen.ChangeEntry, 1)}})
	}
	close(l.logged)
	l.logged = make(chan struct{})
}

func (l *countedLog) Events(_ context.Context, after platen.EventID, limit int, yield func(*platen.Event) error) (platen.EventID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reads++
	for _, event := range l.events {
		if event.ID <= after {
			continue
		}
		if limit--; limit < 0 {
			break
		}
		if err := yield(event); err != nil {
			return after, err
		}
		after = event.ID
	}
	return after, nil
}

func (l *countedLog) LastEvent(context.Context) (platen.EventID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return platen.NewEventID(int64(len(l.events)), platen.LastEntry), nil
}

func (l *countedLog) Logged() (<-chan struct{}, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.logged, 0
}

// count returns how often the log was read.
func (l *countedLog) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reads
}

// TestHub has many listeners, one of which is far behind: each gets every event once
// and in order, and those that are not behind do not read the log.
func TestHub(t *testing.T) {
	t.Parallel()
	log := &countedLog{logged: make(chan struct{})}
	log.add(1000)
	hub := NewHub(log, func(*platen.Event) []byte { return []byte("{}") })
	const listeners, rounds, each = 50, 20, 10
	var done sync.WaitGroup
	listen := func(from *platen.EventID, want int) {
		now, leave, err := hub.Listen(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if from != nil {
			now = *from
		}
		done.Go(func() {
			defer leave()
			for seen := 0; seen < want; {
				items, next, err := hub.Next(t.Context(), now, nil)
				if err != nil {
					t.Error(err)
					return
				}
				for _, item := range items {
					if item.ID <= now {
						t.Errorf("event %d after %d", item.ID, now)
					}
					now = item.ID
					seen++
				}
				if next < now {
					t.Errorf("goes on from %d, after %d", next, now)
				}
				now = next
			}
		})
	}
	for range listeners {
		listen(nil, rounds*each)
	}
	var beginning platen.EventID
	listen(&beginning, 1000+rounds*each)
	for range rounds {
		log.add(each)
	}
	done.Wait()
	if n := log.count(); n > 4*rounds+20 {
		t.Errorf("the log was read %d times for %d listeners", n, listeners)
	}
	if n := hub.Listeners(); n != 0 {
		t.Errorf("%d listeners are left", n)
	}
}

// TestDropsOldest has more events than are kept in memory: a listener that was not
// read for long goes on from the log.
func TestDropsOldest(t *testing.T) {
	t.Parallel()
	log := &countedLog{logged: make(chan struct{})}
	hub := NewHub(log, func(*platen.Event) []byte { return make([]byte, keptBytes/4) })
	now, leave, err := hub.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	for range 20 {
		log.add(1)
	}
	for seen := 0; seen < 20; {
		items, next, err := hub.Next(t.Context(), now, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items {
			seen++
			if position, _ := item.ID.Split(); position != int64(seen) {
				t.Fatalf("event %d is the one at %d", seen, position)
			}
		}
		now = next
	}
}

// TestNobodyListens asks for events after the last listener has left: what was kept
// for it is gone, so they come from the log.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	log := &countedLog{logged: make(chan struct{})}
	hub := NewHub(log, func(*platen.Event) []byte { return []byte("{}") })
	begin, leave, err := hub.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log.add(5)
	if _, _, err := hub.Next(t.Context(), begin, nil); err != nil {
		t.Fatal(err)
	}
	leave()
	log.add(2)
	over := make(chan time.Time)
	close(over)
	for after := range int64(8) {
		items, _, err := hub.Next(t.Context(), platen.NewEventID(after, platen.LastEntry), over)
		if want := 7 - int(after); err != nil || len(items) != want {
			t.Errorf("after event %d there are %d (%v), want %d", after, len(items), err, want)
		}
	}
}

// TestNothingKept has a listener begin at the beginning of a log that has nothing: it
// waits at the end of it, and does not ask for the same again and again.
func TestNothingKept(t *testing.T) {
	t.Parallel()
	log := &countedLog{logged: make(chan struct{})}
	hub := NewHub(log, func(*platen.Event) []byte { return []byte("{}") })
	now, leave, err := hub.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	over := make(chan time.Time)
	close(over)
	items, next, err := hub.Next(t.Context(), 0, over)
	if err != nil || len(items) > 0 || next != now {
		t.Errorf("at the beginning: %d events, on from %d (%v), want none, on from %d", len(items), next, err, now)
	}
	log.add(1)
	if items, _, err := hub.Next(t.Context(), 0, nil); err != nil || len(items) != 1 {
		t.Errorf("then: %d events (%v), want 1", len(items), err)
	}
}
