package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/event"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/storage"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A receiver remembers the ids of the events that it has taken.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	taken []int
	seen  int
	// status decides what to answer to each request; nil: 200.
	status func(id, seen int) int
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	_, _ = io.Copy(io.Discard, request.Body)
	id, _ := strconv.Atoi(request.Header.Get("webhook-id"))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen++
	if r.status != nil {
		if status := r.status(id, r.seen); status != 200 {
			w.WriteHeader(status)
			return
		}
	}
	r.taken = append(r.taken, id)
}

// attempts returns how often it was sent something.
func (r *receiver) attempts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen
}

// has returns what the receiver has taken.
func (r *receiver) has() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.taken)
}

// span returns the numbers from a first to a last one.
func span(first, last int) (list []int) {
	for i := first; i <= last; i++ {
		list = append(list, i)
	}
	return list
}

// TestOrder sends to receivers with filters, some of whom come late.
func TestOrder(t *testing.T) {
	store := openStore(t, t.TempDir())
	defer store.Close()
	log := newFakeLog()
	log.add(5, a)
	s := newSender(t, store, log)
	all, some, none := newReceiver(t), newReceiver(t), newReceiver(t)
	create(t, s, all.URL, platen.ChangeFilter{})
	stop := running(t, s)
	log.add(20, a) // 6 to 25
	create(t, s, some.URL, platen.ChangeFilter{Types: []platen.ChangeType{b}})
	create(t, s, none.URL, platen.ChangeFilter{Kinds: []platen.Kind{platen.Document}})
	log.add(20, b) // 26 to 45
	log.add(10, a)
	eventually(t, "all is delivered", func() bool { return len(all.has()) == 50 && len(some.has()) == 20 })
	if got := all.has(); !slices.Equal(got, span(6, 55)) {
		t.Errorf("without a filter: %v", got)
	}
	if got := some.has(); !slices.Equal(got, span(26, 45)) {
		t.Errorf("one type: %v", got)
	}
	if got := none.has(); len(got) > 0 {
		t.Errorf("of a kind that has no events: %v", got)
	}
	stop()
	// What was passed over or delivered is not looked at again.
	hooks, err := store.Webhooks(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, hook := range hooks {
		if hook.Position != 55 {
			t.Errorf("webhook %d is at position %d, want 55", hook.ID, hook.Position)
		}
	}
	log.add(1, b)
	again := newSender(t, store, log)
	running(t, again)
	eventually(t, "another sender goes on", func() bool { return len(all.has()) == 51 && len(some.has()) == 21 })
	if s.Lag() != 0 {
		t.Errorf("a sender that has stopped lags %v behind", s.Lag())
	}
}

// TestRetries has each event fail a few times, and checks that none is passed
// over. Time is the test's own.
func TestRetries(t *testing.T) {
	dir := made(t)
	synctest.Test(t, func(t *testing.T) {
		store := openIdle(t, dir)
		log := newFakeLog()
		r := &receiver{status: func(_, seen int) int {
			if seen%4 != 0 {
				return 500
			}
			return 200
		}}
		s := senderTo(t, store, log, r)
		create(t, s, "http://127.0.0.1/", platen.ChangeFilter{})
		start := time.Now()
		log.add(5, a)
		stop := running(t, s)
		time.Sleep(10 * time.Minute)
		if got := r.has(); !slices.Equal(got, span(1, 5)) {
			t.Errorf("delivered: %v", got)
		}
		if s.Lag() != 0 {
			t.Errorf("the lag is %v", s.Lag())
		}
		stop()
		attempts, err := store.WebhookAttempts(context.Background(), 1, 1<<62, 100)
		if err != nil || len(attempts) != 20 {
			t.Fatalf("%d attempts (%v), want 20", len(attempts), err)
		}
		// Of each event the waits are about 5, 10 and 20 seconds.
		for i := range 4 {
			a := attempts[len(attempts)-1-i]
			least := time.Duration([]float64{0, 3.75, 11.25, 26.25}[i] * float64(time.Second))
			if at := a.Time.Sub(start); at < least || at > least*5/3+time.Second || a.Event != "1" || (a.Error == "") != (i == 3) {
				t.Errorf("attempt %d after %v: %+v", i, at, a)
			}
		}
	})
}

// senderTo returns a sender whose requests all go to a receiver, without a
// network.
func senderTo(t *testing.T, store storage.Webhooks, log *fakeLog, r http.Handler) *Sender {
	t.Helper()
	s := newSender(t, store, log)
	s.poster.plain = roundTripper(func(request *http.Request) (*http.Response, error) {
		if err := request.Context().Err(); err != nil {
			return nil, err
		}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, request)
		return w.Result(), nil
	})
	return s
}

// senderToTwo returns a sender to two receivers, at /bad, which fails, and at /good.
func senderToTwo(t *testing.T, store storage.Webhooks) (s *Sender, log *fakeLog, bad, good *receiver) {
	t.Helper()
	log = newFakeLog()
	bad, good = &receiver{status: func(int, int) int { return 500 }}, &receiver{}
	mux := http.NewServeMux()
	mux.Handle("/bad", bad)
	mux.Handle("/good", good)
	return senderTo(t, &countingStore{kept: store}, log, mux), log, bad, good
}

// TestGiveUp has a receiver fail for more than a day. Another one is served all
// the time.
func TestGiveUp(t *testing.T) {
	dir := made(t)
	synctest.Test(t, func(t *testing.T) {
		store := openIdle(t, dir)
		s, log, bad, good := senderToTwo(t, store)
		hook, _ := create(t, s, "http://127.0.0.1/bad", platen.ChangeFilter{})
		create(t, s, "http://127.0.0.1/good", platen.ChangeFilter{})
		stop := running(t, s)
		log.add(1, a)
		time.Sleep(23*time.Hour + 50*time.Minute)
		log.add(1, a)
		if lag := s.Lag(); lag < 23*time.Hour {
			t.Errorf("the lag is %v", lag)
		}
		stored, err := store.Webhook(context.Background(), hook.ID)
		if err != nil || !stored.Enabled || stored.Failures < 10 || stored.NextAttempt.After(stored.FailingSince.Add(24*time.Hour)) {
			t.Errorf("before a day is over: %+v (%v)", stored, err)
		}
		time.Sleep(20 * time.Minute)
		tries := bad.attempts()
		if tries < 12 || tries > 25 {
			t.Errorf("%d attempts in a day", tries)
		}
		if got := good.has(); !slices.Equal(got, span(1, 2)) {
			t.Errorf("the other one has %v", got)
		}
		stored, err = store.Webhook(context.Background(), hook.ID)
		if err != nil || stored.Enabled || !strings.Contains(stored.Reason, "every attempt failed for 24h") || !strings.Contains(stored.Reason, "status 500") || stored.Position != 0 {
			t.Errorf("after a day: %+v (%v)", stored, err)
		}
		time.Sleep(time.Hour)
		if bad.attempts() != tries || s.Lag() != 0 {
			t.Errorf("it is sent to although it is disabled: %d, %d; lag %v", tries, bad.attempts(), s.Lag())
		}
		// Enabled again it gets what it has missed.
		bad.mu.Lock()
		bad.status = nil
		bad.mu.Unlock()
		yes := true
		if _, err := s.Change(context.Background(), hook.ID, platen.WebhookChange{Enabled: &yes}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := bad.has(); !slices.Equal(got, span(1, 2)) {
			t.Errorf("enabled again: %v", got)
		}
		stop()
	})
}

// TestMoved gives the URL of another receiver to a webhook whose receiver fails: what it
// has missed is sent at once.
func TestMoved(t *testing.T) {
	dir := made(t)
	synctest.Test(t, func(t *testing.T) {
		store := openIdle(t, dir)
		s, log, _, good := senderToTwo(t, store)
		hook, _ := create(t, s, "http://127.0.0.1/bad", platen.ChangeFilter{})
		stop := running(t, s)
		log.add(2, a)
		time.Sleep(10 * time.Hour)
		moved := "http://127.0.0.1/good"
		changed, err := s.Change(context.Background(), hook.ID, platen.WebhookChange{URL: &moved})
		if err != nil || !changed.Updated.After(hook.Updated) {
			t.Errorf("changed: %+v (%v)", changed, err)
		}
		time.Sleep(time.Second)
		if got := good.has(); !slices.Equal(got, span(1, 2)) {
			t.Errorf("moved: %v", got)
		}
		stop()
	})
}

// TestGone has a receiver answer 410, and one whose events are no longer kept.
func TestGone(t *testing.T) {
	store := openStore(t, t.TempDir())
	defer store.Close()
	log := newFakeLog()
	s := newSender(t, store, log)
	gone, late := newReceiver(t), newReceiver(t)
	gone.status = func(int, int) int { return http.StatusGone }
	first, _ := create(t, s, gone.URL, platen.ChangeFilter{})
	create(t, s, late.URL, platen.ChangeFilter{})
	log.add(10, a)
	log.forget(4)
	stop := running(t, s)
	eventually(t, "the webhook is disabled", func() bool {
		hook, err := store.Webhook(t.Context(), first.ID)
		return err == nil && !hook.Enabled && strings.Contains(hook.Reason, "410 Gone: it wants no more events")
	})
	eventually(t, "the other one goes on", func() bool { return len(late.has()) == 6 })
	stop()
	if got := late.has(); !slices.Equal(got, span(5, 10)) || gone.attempts() != 1 {
		t.Errorf("from the oldest event on: %v; %d requests to the one that is gone", got, gone.attempts())
	}
	attempts, err := store.WebhookAttempts(t.Context(), 2, 1<<62, 100)
	if err != nil || !strings.Contains(attempts[len(attempts)-1].Error, "no longer kept") {
		t.Errorf("attempts: %+v (%v)", attempts, err)
	}
}

// A meetingStore does something once, when a webhook is about to be changed, was
// changed, or was read with others.
type meetingStore struct {
	Store
	before, after, read func()
}

func once(fn *func()) {
	if f := *fn; f != nil {
		*fn = nil
		f()
	}
}

func (m *meetingStore) ChangeWebhook(ctx context.Context, id int64, change func(*storage.Webhook) error) (storage.Webhook, error) {
	once(&m.before)
	hook, err := m.Store.ChangeWebhook(ctx, id, change)
	once(&m.after)
	return hook, err
}

func (m *meetingStore) Webhooks(ctx context.Context, after int64, most int) ([]storage.Webhook, error) {
	hooks, err := m.Store.Webhooks(ctx, after, most)
	once(&m.read)
	return hooks, err
}

// TestDisableMeets has requests and reloads come between the steps by which a webhook
// is disabled.
func TestDisableMeets(t *testing.T) {
	for name, meet := range map[string]func(t *testing.T, store *meetingStore, l *leader, h *hook){
		"enabled again before": func(t *testing.T, store *meetingStore, l *leader, h *hook) {
			store.before = func() { enableAgain(t, l, h) }
			l.disable(h, "gone")
		},
		"enabled again after": func(t *testing.T, store *meetingStore, l *leader, h *hook) {
			store.after = func() { enableAgain(t, l, h) }
			l.disable(h, "gone")
		},
		"read before": func(t *testing.T, store *meetingStore, l *leader, h *hook) {
			store.read = func() { l.disable(h, "gone") }
			reload(t, l)
			if now := hookOf(l, h.ID); now != nil && now != h {
				t.Error("a webhook that was disabled is sent to")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			kept := openStore(t, t.TempDir())
			defer kept.Close()
			log := newFakeLog()
			store := &meetingStore{Store: loggedStore{kept, log}}
			s := New(Config{Store: store, Events: log.hub(), Log: quiet(), Policy: local(t)})
			created, _ := create(t, s, "http://127.0.0.1/", platen.ChangeFilter{})
			ctx, stop := context.WithCancel(t.Context())
			l := newLeader(ctx, s)
			defer l.working.Wait()
			defer stop()
			reload(t, l)
			h := hookOf(l, created.ID)
			meet(t, store, l, h)
			stored, err := kept.Webhook(t.Context(), h.ID)
			if err != nil {
				t.Fatal(err)
			}
			if now := hookOf(l, h.ID); stored.Enabled && (now == nil || now == h || now.ctx.Err() != nil) {
				t.Error("a webhook that is enabled is not sent to")
			}
			reload(t, l)
			if now := hookOf(l, h.ID); (now != nil) != stored.Enabled {
				t.Errorf("after a reload it is sent to: %t; it is enabled: %t", now != nil, stored.Enabled)
			}
		})
	}
}

// enableAgain has a request enable a webhook, and its leader take that up.
func enableAgain(t *testing.T, l *leader, h *hook) {
	t.Helper()
	yes := true
	if _, err := l.Change(t.Context(), h.ID, platen.WebhookChange{Enabled: &yes}); err != nil {
		t.Fatal(err)
	}
	reload(t, l)
}

func reload(t *testing.T, l *leader) {
	t.Helper()
	if err := l.reload(); err != nil {
		t.Fatal(err)
	}
}

// hookOf returns a webhook as its leader sees it; nil: it is not sent to.
func hookOf(l *leader, id int64) *hook {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hooks[id]
}

// TestReplay sends events again, in their order, and from other places.
func TestReplay(t *testing.T) {
	store := openStore(t, t.TempDir())
	defer store.Close()
	log := newFakeLog()
	s := newSender(t, store, log)
	r := newReceiver(t)
	hook, _ := create(t, s, r.URL, platen.ChangeFilter{})
	running(t, s)
	log.add(10, a)
	eventually(t, "all is delivered", func() bool { return len(r.has()) == 10 })
	id := func(n int) *platen.EventID {
		event := platen.EventID(n)
		return &event
	}
	half := log.events[4].Change.Time
	want := span(1, 10)
	for _, from := range []platen.WebhookReplay{{From: id(6)}, {After: id(8)}, {Time: half}} {
		if _, err := s.Replay(t.Context(), hook.ID, from); err != nil {
			t.Fatal(err)
		}
		switch {
		case from.From != nil:
			want = append(want, span(6, 10)...)
		case from.After != nil:
			want = append(want, 9, 10)
		default:
			before, _ := s.Store.EventBefore(t.Context(), half)
			want = append(want, span(int(before)+1, 10)...)
		}
		eventually(t, fmt.Sprintf("%+v is replayed", from), func() bool { return len(r.has()) >= len(want) })
		if got := r.has(); !slices.Equal(got, want) {
			t.Fatalf("after %+v: %v, want %v", from, got, want)
		}
	}
	log.forget(3)
	for _, from := range []platen.WebhookReplay{{From: id(12)}, {From: id(1)}} {
		if _, err := s.Replay(t.Context(), hook.ID, from); err == nil {
			t.Errorf("%+v is replayed", from)
		}
	}
	if _, err := s.Replay(t.Context(), 99, platen.WebhookReplay{From: id(5)}); platen.ErrorCode(err) != platen.NotFound {
		t.Errorf("no webhook: %v", err)
	}
}

// TestLateHub begins to send in a process whose hub, which somebody else listens to,
// has not read the last events yet.
func TestLateHub(t *testing.T) {
	store := openStore(t, t.TempDir())
	defer store.Close()
	log := newLateLog()
	hub := event.NewHub(log, olrest.CloudEvent)
	s := New(Config{Store: loggedStore{store, log.fakeLog}, Events: hub, Log: quiet(), Policy: local(t)})
	all, some := newReceiver(t), newReceiver(t)
	create(t, s, all.URL, platen.ChangeFilter{})
	create(t, s, some.URL, platen.ChangeFilter{Types: []platen.ChangeType{b}})
	_, leave, err := hub.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	<-log.looked
	log.add(3, a)
	log.add(2, b)
	stop := running(t, s)
	eventually(t, "what the hub lacks is delivered", func() bool { return len(all.has()) == 5 && len(some.has()) == 2 })
	log.add(1, b)
	log.look <- struct{}{}
	eventually(t, "what comes then is delivered", func() bool { return len(all.has()) == 6 && len(some.has()) == 3 })
	stop()
	if got := all.has(); !slices.Equal(got, span(1, 6)) {
		t.Errorf("without a filter: %v", got)
	}
	if got := some.has(); !slices.Equal(got, span(4, 6)) {
		t.Errorf("one type: %v", got)
	}
}

// A heldLog lets nobody begin to listen while it is held.
type heldLog struct {
	*fakeLog
	held atomic.Bool
}

func (l *heldLog) LastEvent(ctx context.Context) (platen.EventID, error) {
	if l.held.Load() {
		return 0, errors.New("held")
	}
	return l.fakeLog.LastEvent(ctx)
}

// TestEnabledAgain enables the only webhook, which then has its first turn before
// the log is followed again.
func TestEnabledAgain(t *testing.T) {
	store := openStore(t, t.TempDir())
	defer store.Close()
	log := &heldLog{fakeLog: newFakeLog()}
	s := New(Config{Store: loggedStore{store, log.fakeLog}, Events: event.NewHub(log, olrest.CloudEvent), Log: quiet(), Policy: local(t)})
	r := newReceiver(t)
	var up atomic.Bool
	r.status = func(int, int) int {
		if up.Load() {
			return 200
		}
		return 500
	}
	hook, _ := create(t, s, r.URL, platen.ChangeFilter{})
	running(t, s)
	eventually(t, "the log is followed", func() bool { return s.Events.Listeners() == 1 })
	log.add(5, a)
	eventually(t, "an event fails", func() bool { return r.attempts() > 0 })
	enable := func(enabled bool) {
		t.Helper()
		if _, err := s.Change(t.Context(), hook.ID, platen.WebhookChange{Enabled: &enabled}); err != nil {
			t.Fatal(err)
		}
	}
	enable(false)
	eventually(t, "the webhook is let go of", func() bool { return s.Lag() == 0 })
	log.add(1, a)
	eventually(t, "the log is not followed", func() bool { return s.Events.Listeners() == 0 })
	up.Store(true)
	log.held.Store(true)
	enable(true)
	eventually(t, "what it has missed is delivered", func() bool { return len(r.has()) == 6 })
	log.held.Store(false)
	log.add(1, a)
	eventually(t, "what comes then is delivered", func() bool { return len(r.has()) == 7 })
	if got := r.has(); !slices.Equal(got, span(1, 7)) {
		t.Errorf("delivered: %v", got)
	}
}

// TestTest sends a test to a webhook that is disabled, and rotates its secret.
func TestTest(t *testing.T) {
	store := openStore(t, t.TempDir())
	defer store.Close()
	s := newSender(t, store, newFakeLog())
	var signatures atomic.Value
	r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signatures.Store(r.Header.Get("webhook-signature"))
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprint(w, "short and stout")
	}))
	defer r.Close()
	no := false
	hook, secret, err := s.Create(t.Context(), platen.WebhookChange{URL: &r.URL, Enabled: &no})
	if err != nil {
		t.Fatal(err)
	}
	test := func() platen.WebhookAttempt {
		t.Helper()
		a, err := s.Test(t.Context(), hook.ID)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := test(); a.Status != 418 || a.Response != "short and stout" || a.Error != "status 418" || !strings.HasPrefix(a.Event, "test-") {
		t.Errorf("the test: %+v", a)
	}
	attempts, err := store.WebhookAttempts(t.Context(), hook.ID, 1<<62, 10)
	if err != nil || len(attempts) != 1 || attempts[0].Status != 418 {
		t.Errorf("attempts: %+v (%v)", attempts, err)
	}
	_, fresh, err := s.Rotate(t.Context(), hook.ID, platen.WebhookRotation{KeepOld: time.Hour})
	if err != nil || fresh == secret {
		t.Fatal(fresh, err)
	}
	test()
	if got := signatures.Load().(string); strings.Count(got, "v1,") != 2 {
		t.Errorf("while the secret is rotated: %q", got)
	}
	if _, _, err := s.Rotate(t.Context(), hook.ID, platen.WebhookRotation{Secret: &secret}); err != nil {
		t.Fatal(err)
	}
	test()
	if got := signatures.Load().(string); strings.Count(got, "v1,") != 1 {
		t.Errorf("with no time for the old one: %q", got)
	}
	if _, err := s.Test(t.Context(), 99); platen.ErrorCode(err) != platen.NotFound {
		t.Errorf("no webhook: %v", err)
	}
}

// TestStop ends a sender while its receivers do not answer.
func TestStop(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	store := openStore(t, t.TempDir())
	defer store.Close()
	log := newFakeLog()
	s := newSender(t, store, log)
	var waiting atomic.Int32
	release := make(chan struct{})
	r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		waiting.Add(1)
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer r.Close()
	defer close(release)
	for range 3 * workersMost {
		create(t, s, r.URL, platen.ChangeFilter{})
	}
	stop := running(t, s)
	log.add(1, a)
	eventually(t, "all workers wait", func() bool { return waiting.Load() == workersMost })
	start := time.Now()
	stop()
	if took := time.Since(start); took > postFor/2 {
		t.Errorf("the stop took %v", took)
	}
	attempts, err := store.WebhookAttempts(t.Context(), 1, 1<<62, 10)
	if hook, err2 := store.Webhook(t.Context(), 1); errors.Join(err, err2) != nil || len(attempts) > 0 || hook.Failures > 0 {
		t.Errorf("what a stop broke off counts as failed: %+v, %+v", attempts, hook)
	}
}

// TestTakeover has two processes on one database of PostgreSQL. The one that
// sends dies without a word.
func TestTakeover(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	log := newFakeLog()
	r := newReceiver(t)
	var senders []*Sender
	dying := &dyingStore{}
	for i := range 2 {
		store, err := postgres.Open(t.Context(), pgtest.Few(address))
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		stored := storage.Webhooks(store)
		if i == 0 {
			dying.kept = store
			stored = dying
		}
		senders = append(senders, newSender(t, stored, log))
	}
	create(t, senders[1], r.URL, platen.ChangeFilter{})
	stop := running(t, senders[0])
	eventually(t, "the first one leads", func() bool { return senders[0].leader.Load() != nil })
	running(t, senders[1])
	log.add(50, a)
	eventually(t, "some are delivered", func() bool { return len(r.has()) >= 20 })
	if senders[1].leader.Load() != nil {
		t.Error("two processes send")
	}
	dying.dead.Store(true)
	stop()
	had := len(r.has())
	log.add(50, a)
	eventually(t, "the other one takes over", func() bool { got := r.has(); return len(got) > had && got[len(got)-1] == 100 })
	// Each event came, and in order but for what was sent again.
	first := make(map[int]bool)
	next := 1
	for _, id := range r.has() {
		if !first[id] && id != next {
			t.Fatalf("event %d came before %d", id, next)
		}
		if !first[id] {
			first[id], next = true, next+1
		}
	}
	if len(first) != 100 {
		t.Errorf("%d of 100 events came", len(first))
	}
}

// A countingStore counts changes without a query, for tests of days.
type countingStore struct {
	kept
	changes atomic.Int64
}

func (c *countingStore) WebhooksVersion(context.Context) (string, error) {
	return strconv.FormatInt(c.changes.Load(), 10), nil
}

func (c *countingStore) ChangeWebhook(ctx context.Context, id int64, change func(*storage.Webhook) error) (storage.Webhook, error) {
	defer c.changes.Add(1)
	return c.kept.ChangeWebhook(ctx, id, change)
}

// A dyingStore stores nothing any more once its process is dead.
type dyingStore struct {
	kept
	dead atomic.Bool
}

var errDead = errors.New("dead")

func (d *dyingStore) RecordWebhooks(ctx context.Context, progress []storage.WebhookProgress, attempts []platen.WebhookAttempt) error {
	if d.dead.Load() {
		return errDead
	}
	return d.kept.RecordWebhooks(ctx, progress, attempts)
}

func (d *dyingStore) LeaseWebhooks(ctx context.Context, keep time.Duration) (bool, error) {
	if d.dead.Load() {
		return false, errDead
	}
	return d.kept.LeaseWebhooks(ctx, keep)
}
