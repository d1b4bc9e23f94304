package webhook

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/event"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlitetest"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
)

// Two types of events.
const (
	a = platen.Updated
	b = platen.Imported
)

// A fakeLog is a log of events in memory, which several processes may share. The
// ids of its events are 1, 2, ….
type fakeLog struct {
	storage.Changes
	mu     sync.Mutex
	events []platen.Event
	oldest platen.EventID
	wake   chan struct{}
}

func newFakeLog() *fakeLog { return &fakeLog{wake: make(chan struct{})} }

// hub returns what a process follows the log with.
func (l *fakeLog) hub() *event.Hub { return event.NewHub(l, olrest.CloudEvent) }

// add adds n events of a type.
func (l *fakeLog) add(n int, what platen.ChangeType) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		l.events = append(l.events, platen.Event{ID: platen.EventID(len(l.events) + 1), Change: platen.Change{
			Time: time.Now(), Type: what, Entries: []platen.ChangeEntry{{Ref: platen.Ref{Kind: platen.Job, ID: 1000}}}}})
	}
	close(l.wake)
	l.wake = make(chan struct{})
}

// forget removes events up to one.
func (l *fakeLog) forget(oldest platen.EventID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.oldest = oldest
}

func (l *fakeLog) Events(_ context.Context, after platen.EventID, _ int, yield func(*platen.Event) error) (platen.EventID, error) {
	l.mu.Lock()
	last := platen.EventID(len(l.events))
	if after < l.oldest {
		err := platen.Errorf(platen.Gone, "events after %s are no longer kept", after)
		err.Param = l.oldest.String()
		l.mu.Unlock()
		return after, err
	}
	if after > last {
		l.mu.Unlock()
		return after, platen.Errorf(platen.Invalid, "there was no event %s yet", after)
	}
	page := l.events[after:min(after+7, last)]
	l.mu.Unlock()
	for i := range page {
		if err := yield(&page[i]); err != nil {
			return after, err
		}
		after = page[i].ID
	}
	return after, nil
}

func (l *fakeLog) LastEvent(context.Context) (platen.EventID, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return platen.EventID(len(l.events)), nil
}

func (l *fakeLog) Logged() (<-chan struct{}, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wake, 0
}

// A lateLog is one whose hub, once it has looked at it, looks again only when look
// is sent something. It stands for a database that other processes write to.
type lateLog struct {
	*fakeLog
	look   chan struct{}
	looked chan struct{} // is closed once it was read
	once   sync.Once
}

func newLateLog() *lateLog {
	return &lateLog{fakeLog: newFakeLog(), look: make(chan struct{}), looked: make(chan struct{})}
}

func (l *lateLog) Events(ctx context.Context, after platen.EventID, most int, yield func(*platen.Event) error) (platen.EventID, error) {
	defer l.once.Do(func() { close(l.looked) })
	return l.fakeLog.Events(ctx, after, most, yield)
}

func (l *lateLog) Logged() (<-chan struct{}, time.Duration) { return l.look, 0 }

// A loggedStore is a store whose events are those of a fakeLog.
type loggedStore struct {
	kept
	log *fakeLog
}

type kept = storage.Webhooks

func (s loggedStore) LastEvent(ctx context.Context) (platen.EventID, error) {
	return s.log.LastEvent(ctx)
}

func (s loggedStore) EventBefore(_ context.Context, at time.Time) (last platen.EventID, err error) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	for _, event := range s.log.events {
		if event.Change.Time.Before(at) {
			last = event.ID
		}
	}
	return last, nil
}

// openStore opens a store in a directory of the test.
func openStore(t *testing.T, dir string) *sqlstore.Store {
	t.Helper()
	store, err := sqlitetest.Open(context.Background(), dir, 0)
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

// newSender returns a sender of a log's events to this machine.
func newSender(t *testing.T, store storage.Webhooks, log *fakeLog) *Sender {
	t.Helper()
	return New(Config{Store: loggedStore{store, log}, Events: log.hub(), Log: quiet(), Policy: local(t)})
}

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
func create(t *testing.T, s *Sender, url string, filter platen.ChangeFilter) (platen.Webhook, string) {
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
