package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
)

// A fakeLog is a log of events in memory.
type fakeLog struct {
	mu     sync.Mutex
	events []Event
	oldest int64
	wake   chan struct{}
}

func newFakeLog() *fakeLog { return &fakeLog{wake: make(chan struct{})} }

// add adds n events of a type.
func (l *fakeLog) add(n int, kind string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		position := int64(len(l.events)) + 1
		id := strconv.FormatInt(position, 10)
		l.events = append(l.events, Event{EventSubject: platen.EventSubject{Type: kind, Kind: platen.Job}, Position: position, ID: id,
			Time: time.Now(), Body: fmt.Appendf(nil, `{"id":%q,"type":%q}`, id, kind)})
	}
	close(l.wake)
	l.wake = make(chan struct{})
}

func (l *fakeLog) After(_ context.Context, position int64) ([]Event, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if position < l.oldest {
		return nil, 0, &GoneError{Oldest: l.oldest}
	}
	rest := l.events[min(position, int64(len(l.events))):]
	page := rest[:min(len(rest), 7)]
	return page, position + int64(len(page)), nil
}

func (l *fakeLog) Last(context.Context) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.events)), nil
}

func (l *fakeLog) Wait(ctx context.Context, position int64) {
	l.mu.Lock()
	wake := l.wake
	if position < int64(len(l.events)) {
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-wake:
	}
}

func (l *fakeLog) Position(id string) (int64, error) {
	position, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		err = platen.Errorf(platen.Invalid, "%q is no id of an event", id)
	}
	return position, err
}

func (l *fakeLog) Before(_ context.Context, at time.Time) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, event := range l.events {
		if !event.Time.Before(at) {
			return int64(i), nil
		}
	}
	return int64(len(l.events)), nil
}

func (l *fakeLog) Test() Event {
	return Event{EventSubject: platen.EventSubject{Type: "test"}, ID: "test-1", Time: time.Now(), Body: []byte(`{"id":"test-1"}`)}
}

// openStore opens a store in a directory of the test.
func openStore(t *testing.T, dir string) *sqlstore.Store {
	t.Helper()
	store, err := sqlite.Open(context.Background(), dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// made makes an empty database.
func made(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := openStore(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// openIdle opens a store that does nothing by itself, for tests of days.
func openIdle(t *testing.T, dir string) storage.Webhooks {
	t.Helper()
	store, err := sqlite.OpenUsers(context.Background(), dir, func() {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store.(storage.Webhooks)
}

// local admits receivers on this machine.
func local(t *testing.T) Policy {
	t.Helper()
	policy, err := ParsePolicy([]string{"127.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// running runs a sender until the function that it returns is called, or the
// test ends.
func running(t *testing.T, s *Sender) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

// create makes a webhook.
func create(t *testing.T, s *Sender, url string, filter platen.EventFilter) (platen.Webhook, string) {
	t.Helper()
	hook, secret, err := s.Create(t.Context(), platen.WebhookChange{URL: &url, Filter: &filter})
	if err != nil {
		t.Fatal(err)
	}
	return hook, secret
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, fn func() bool) {
	t.Helper()
	for start := time.Now(); !fn(); time.Sleep(5 * time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			t.Fatal("it is never so: " + what)
		}
	}
}
