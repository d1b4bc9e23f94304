package webhook

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/event"
	"github.com/platenhq/platen/internal/storage"
)

const (
	workersMost  = 64                     // requests under way at once
	reloadEvery  = time.Second            // changes by requests to other processes are seen
	recordEvery  = 250 * time.Millisecond // progress and attempts are recorded
	advanceEvery = 10 * time.Second       // the position of webhooks that nothing is for
	pruneEvery   = time.Minute            // attempts that are too old or too many
	againAfter   = time.Second            // when the database did not answer
	pendingMost  = 4096                   // attempts that wait to be recorded
	attemptsEach = 500                    // are kept of each webhook
	pageOfHooks  = 200                    // webhooks are read together
)

// A leader sends, while this process has the lease.
type leader struct {
	*Sender
	ctx     context.Context
	until   atomic.Pointer[time.Time] // the lease lasts at least until then
	working sync.WaitGroup            // goroutines

	mu       sync.Mutex
	hooks    map[int64]*hook // those that are enabled
	tail     platen.EventID  // all idle webhooks have had what they want up to here
	queue    []*hook         // want a turn
	workers  int             // that serve turns
	attempts []platen.WebhookAttempt
	gone     []storage.WebhookProgress // of webhooks that were let go of

	started    chan struct{} // there is a webhook
	unrecorded chan struct{} // there is progress, or an attempt, that is not recorded
}

// A hook is a webhook as its leader sees it. leader.mu guards it.
type hook struct {
	storage.Webhook
	ctx    context.Context // of its requests
	drop   context.CancelFunc
	state  state
	again  bool        // an event for it has come since its turn began
	dirty  bool        // its progress is not recorded
	oldest time.Time   // of the event that is next, zero: none
	timer  *time.Timer // of state waiting
}

type state uint8

const (
	idle    state = iota // it has had all events
	queued               // it waits for its turn, or has one
	waiting              // until a failed event is sent again
)

func newLeader(ctx context.Context, s *Sender) *leader {
	return &leader{Sender: s, ctx: ctx, hooks: make(map[int64]*hook), started: make(chan struct{}, 1), unrecorded: make(chan struct{}, 1)}
}

// leased records that the lease was asked for at a time, and given.
func (l *leader) leased(at time.Time) {
	until := at.Add(leaseFor - leaseMargin)
	l.until.Store(&until)
}

// holds reports whether the lease lasts, by two clocks: that of the wall can be set
// back, and the other one may stand still while the machine sleeps.
func (l *leader) holds() bool {
	now, until := time.Now(), l.until.Load()
	return until != nil && now.Before(*until) && now.Round(0).Before(until.Round(0))
}

// run sends until the leader's context ends. stop ends it.
func (l *leader) run(stop context.CancelFunc) {
	for _, work := range []func(){
		func() { l.renew(stop) }, l.reloads, l.follow, l.records, l.prunes,
	} {
		l.working.Go(work)
	}
	<-l.ctx.Done()
	if l.holds() {
		l.advance()
	}
	l.mu.Lock()
	for _, h := range l.hooks {
		l.remove(h)
	}
	l.mu.Unlock()
	l.working.Wait()
	ending, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), stopFor)
	defer cancel()
	l.record(ending)
	if l.holds() {
		_, _ = l.Store.LeaseWebhooks(ending, 0) // else another process waits until it is over
	}
}

// renew keeps the lease.
func (l *leader) renew(stop context.CancelFunc) {
	defer stop()
	for pause(l.ctx, leaseEvery); l.ctx.Err() == nil; pause(l.ctx, leaseEvery) {
		at := time.Now()
		held, err := l.Store.LeaseWebhooks(l.ctx, leaseFor)
		switch {
		case held:
			l.leased(at)
		case err == nil, !l.holds():
			l.until.Store(nil)
			if l.ctx.Err() == nil {
				l.Log.Warn("another process sends webhooks from now on", "error", err)
			}
			return
		}
	}
}

// reloads sees to it that webhooks are as requests want them.
func (l *leader) reloads() {
	version := ""
	for {
		now, err := l.Store.WebhooksVersion(l.ctx)
		if err == nil && now != version {
			if err = l.reload(); err == nil {
				version = now
			}
		}
		if err != nil && l.ctx.Err() == nil {
			l.Log.Error("webhooks can not be read; this is tried again", "error", err)
		}
		timer := time.NewTimer(reloadEvery)
		select {
		case <-l.ctx.Done():
			timer.Stop()
			return
		case <-l.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// reload reads all webhooks.
func (l *leader) reload() error {
	there := make(map[int64]bool)
	for after := int64(0); ; {
		page, err := l.Store.Webhooks(l.ctx, after, pageOfHooks)
		if err != nil {
			return err
		}
		l.mu.Lock()
		for i := range page {
			after = page[i].ID
			if page[i].Enabled {
				there[after] = true
				l.take(&page[i])
			}
		}
		l.mu.Unlock()
		if len(page) < pageOfHooks {
			break
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, h := range l.hooks {
		if !there[id] {
			l.remove(h)
		}
	}
	return nil
}

// take takes up an enabled webhook as it is stored. l.mu is held.
func (l *leader) take(stored *storage.Webhook) {
	h := l.hooks[stored.ID]
	if h != nil && h.Epoch == stored.Epoch {
		h.Secret, h.OldSecret, h.OldSecretUntil = stored.Secret, stored.OldSecret, stored.OldSecretUntil
		return
	}
	if h != nil {
		l.remove(h)
	}
	h = &hook{Webhook: *stored, oldest: stored.FailingSince}
	h.ctx, h.drop = context.WithCancel(l.ctx)
	if l.ctx.Err() != nil {
		h.drop()
		return
	}
	l.hooks[h.ID] = h
	l.wait(h, time.Until(h.NextAttempt))
	signal(l.started)
}

// remove lets go of a webhook, which is one of l.hooks. l.mu is held.
func (l *leader) remove(h *hook) {
	h.drop()
	if h.timer != nil {
		h.timer.Stop()
	}
	delete(l.hooks, h.ID)
	if h.dirty {
		h.dirty = false
		l.moved(h)
	}
}

// moved has the progress of a webhook recorded. That of one that was let go of
// still counts, unless it has another epoch by now. l.mu is held.
func (l *leader) moved(h *hook) {
	signal(l.unrecorded)
	if l.hooks[h.ID] == h {
		h.dirty = true
		return
	}
	l.gone = append(l.gone, h.progress())
}

// wait gives a webhook its next turn after a while. l.mu is held.
func (l *leader) wait(h *hook, delay time.Duration) {
	if delay <= 0 {
		l.push(h)
		return
	}
	h.state = waiting
	h.timer = time.AfterFunc(delay, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if h.state == waiting {
			l.push(h)
		}
	})
}

// push queues a webhook for a turn, which a worker serves. l.mu is held.
func (l *leader) push(h *hook) {
	h.state = queued
	if h.ctx.Err() != nil {
		return
	}
	l.queue = append(l.queue, h)
	if l.workers < workersMost {
		l.workers++
		l.working.Go(l.work)
	}
}

// work serves turns until none is wanted.
func (l *leader) work() {
	for {
		l.mu.Lock()
		if len(l.queue) == 0 || l.ctx.Err() != nil {
			l.workers--
			l.mu.Unlock()
			return
		}
		h := l.queue[0]
		l.queue[0] = nil
		l.queue = l.queue[1:]
		l.mu.Unlock()
		l.turn(h)
	}
}

// follow reads the log for all webhooks that are idle.
func (l *leader) follow() {
	failing := false
	stop := func() {} // of listening
	defer func() { stop() }()
	for listening := false; l.ctx.Err() == nil; {
		if !l.any() {
			stop()
			stop, listening = func() {}, false
			select {
			case <-l.ctx.Done():
			case <-l.started:
			}
			continue
		}
		if !listening {
			stop, listening = l.listen(), true
		}
		l.mu.Lock()
		tail := l.tail
		l.mu.Unlock()
		events, next, err := l.Events.Next(l.ctx, tail, nil)
		if oldest, ok := goneAfter(err); ok {
			l.seek(oldest)
			continue
		}
		if err != nil && !failing && l.ctx.Err() == nil {
			l.Log.Error("events can not be read for webhooks; this is tried again", "error", err)
		}
		if failing = err != nil; failing {
			pause(l.ctx, againAfter)
			continue
		}
		l.spread(events, next)
	}
}

func (l *leader) any() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.hooks) > 0
}

// listen begins to follow the log at its end: nobody was there to follow it for.
func (l *leader) listen() (stop func()) {
	for failed := false; l.ctx.Err() == nil; failed = true {
		last, leave, err := l.Events.Listen(l.ctx)
		if err == nil {
			l.seek(last)
			return leave
		}
		if !failed && l.ctx.Err() == nil {
			l.Log.Error("events can not be read for webhooks; this is tried again", "error", err)
		}
		pause(l.ctx, againAfter)
	}
	return func() {}
}

// seek follows the log from a position on. What is before, webhooks look at
// themselves.
func (l *leader) seek(position platen.EventID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = position
	for _, h := range l.hooks {
		if h.state == idle {
			l.push(h)
		} else {
			h.again = true
		}
	}
}

// spread gives a turn to the webhooks that new events are for.
func (l *leader) spread(events []*event.Item, next platen.EventID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = max(l.tail, next)
	for _, h := range l.hooks {
		if h.again || h.state == waiting {
			continue
		}
		for _, item := range events {
			if item.ID > h.Position && h.Filter.Matches(&item.Event) {
				if h.oldest.IsZero() {
					h.oldest = item.Change.Time
				}
				h.again = true
				if h.state == idle {
					l.push(h)
				}
				break
			}
		}
	}
}

// lag is that of [Sender.Lag] at a time.
func (l *leader) lag(now time.Time) (lag time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.hooks {
		if !h.oldest.IsZero() {
			lag = max(lag, now.Sub(h.oldest))
		}
	}
	return lag
}
