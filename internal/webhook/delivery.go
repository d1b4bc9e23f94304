package webhook

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/event"
	"github.com/platenhq/platen/internal/storage"
)

const (
	// An event that failed is sent again after firstDelay, then after twice as
	// long each time, longestDelay at most; each a quarter more or less at random.
	firstDelay   = 5 * time.Second
	longestDelay = 4 * time.Hour
	// giveUpAfter an event failed for the first time it is sent once more, and the
	// webhook is disabled if that fails.
	giveUpAfter = 24 * time.Hour
)

// turn sends a webhook what there is for it, up to a page of the log.
func (l *leader) turn(h *hook) {
	l.mu.Lock()
	h.again = false
	position, tail := h.Position, l.tail
	l.mu.Unlock()
	events, next, err := l.Events.Next(h.ctx, position, now)
	if err == nil && next == position && position < tail {
		// The hub has not read as far as where the log is followed from, and nobody
		// else tells this webhook of what is between.
		events, next, err = l.Events.CatchUp(h.ctx, position)
	}
	if oldest, ok := goneAfter(err); ok {
		l.skip(h, oldest, err)
		return
	}
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.wait(h, againAfter)
		return
	}
	for _, item := range events {
		if h.Filter.Matches(&item.Event) && !l.deliver(h, item) {
			return
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if h.Position < next {
		h.Position = next
		l.moved(h)
	}
	if next > position || h.again {
		l.push(h)
		return
	}
	h.state, h.oldest = idle, time.Time{}
}

// deliver sends one event, and reports whether the turn goes on.
func (l *leader) deliver(h *hook, item *event.Item) bool {
	if !l.ready(h) {
		return false
	}
	l.mu.Lock()
	h.oldest = item.Change.Time
	stored := h.Webhook
	l.mu.Unlock()
	result := l.poster.post(h.ctx, &stored, messageOf(item))
	if result.Error != "" && h.ctx.Err() != nil {
		return false // it was broken off, which says nothing of the receiver
	}
	l.count(&result)
	if result.Error == "" {
		result.Response = ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.moved(h)
	l.attempts = append(l.attempts, result.WebhookAttempt)
	if result.Error == "" {
		h.Position = item.ID
		h.Failures, h.FailingSince, h.NextAttempt = 0, time.Time{}, time.Time{}
		return true
	}
	l.fail(h, &result)
	return false
}

// count tells of an attempt.
func (s *Sender) count(result *posted) {
	if result.Error == "" {
		s.Attempted(Delivered)
	} else {
		s.Attempted(Failed)
	}
}

// ready waits until attempts can be recorded, and reports whether this process
// still sends to the webhook.
func (l *leader) ready(h *hook) bool {
	for h.ctx.Err() == nil && l.holds() {
		l.mu.Lock()
		full := len(l.attempts) >= pendingMost
		l.mu.Unlock()
		if !full {
			return true
		}
		pause(h.ctx, recordEvery)
	}
	return false
}

// fail has a failed event sent again later, or disables the webhook. l.mu is held.
func (l *leader) fail(h *hook, result *posted) {
	if h.Failures == 0 {
		h.FailingSince = result.Time
	}
	h.Failures++
	gone := result.gone
	if gone || result.Time.Sub(h.FailingSince) >= giveUpAfter {
		reason := fmt.Sprintf("every attempt failed for %v, the last one with: %s", giveUpAfter, result.Error)
		if gone {
			reason = "the receiver answered with 410 Gone: it wants no more events"
		}
		h.state = queued // nobody else gives it a turn
		l.working.Go(func() { l.disable(h, reason) })
		return
	}
	delay := max(backOff(h.Failures), min(result.retryAfter, longestDelay))
	if last := h.FailingSince.Add(giveUpAfter).Sub(result.Time); delay > last {
		delay = last
	}
	h.NextAttempt = result.Time.Add(delay)
	l.Log.Info("a webhook failed; it is tried again", "webhook", h.ID, "event", result.Event, "error", result.Error,
		"failures", h.Failures, "next", h.NextAttempt.UTC().Format(time.RFC3339))
	l.wait(h, time.Until(h.NextAttempt))
}

// backOff is how long to wait after so many failures in a row.
func backOff(failures int) time.Duration {
	delay := longestDelay
	if shift := failures - 1; shift < 20 {
		delay = min(delay, firstDelay<<shift)
	}
	return delay*3/4 + rand.N(delay/2)
}

var errStale = errors.New("the webhook has been changed since")

// disable disables a webhook, which then gets no more turns. The next reload lets go
// of it: a request may have changed it meanwhile, so that another one is in its place;
// and a reload that has read it as it was before takes it for the one that it has.
func (l *leader) disable(h *hook, reason string) {
	l.mu.Lock()
	last := h.progress()
	l.mu.Unlock()
	// It is not broken off by a stop: else the receiver would be called again.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), stopFor)
	defer cancel()
	_, err := l.Store.ChangeWebhook(ctx, h.ID, func(stored *storage.Webhook) error {
		if stored.Epoch != last.Epoch || !stored.Enabled {
			return errStale
		}
		stored.Enabled, stored.Reason = false, reason
		stored.Position, stored.Failures, stored.FailingSince, stored.NextAttempt = last.Position, last.Failures, last.FailingSince, time.Time{}
		return nil
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.Log.Warn("webhook disabled", "webhook", h.ID, "host", Host(h.URL), "reason", reason)
		h.NextAttempt = time.Time{}
		l.wake()
	case errors.Is(err, errStale), platen.ErrorCode(err) == platen.NotFound:
	default:
		l.Log.Error("a webhook can not be disabled; this is tried again", "webhook", h.ID, "error", err)
		l.wait(h, time.Minute)
	}
}

// skip goes on with the oldest event that is kept.
func (l *leader) skip(h *hook, oldest platen.EventID, gone error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Log.Warn("a webhook has missed events: they are no longer kept", "webhook", h.ID, "after", h.Position, "oldest", oldest)
	l.attempts = append(l.attempts, platen.WebhookAttempt{Webhook: h.ID, Time: time.Now(), Error: shorten("not sent: "+gone.Error(), errorBytes)})
	h.Position = oldest
	l.moved(h)
	l.push(h)
}

func (h *hook) progress() storage.WebhookProgress {
	return storage.WebhookProgress{
		Webhook: h.ID, Epoch: h.Epoch, Position: h.Position,
		Failures: h.Failures, FailingSince: h.FailingSince, NextAttempt: h.NextAttempt,
	}
}

// records records progress and attempts, a while after there are some.
func (l *leader) records() {
	advance := time.NewTicker(advanceEvery)
	defer advance.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-advance.C:
			l.advance()
			continue
		case <-l.unrecorded:
		}
		if pause(l.ctx, recordEvery); l.ctx.Err() == nil {
			l.record(l.ctx)
		}
	}
}

// advance moves the webhooks that are idle to where the log was followed.
func (l *leader) advance() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.hooks {
		if h.state == idle && h.Position < l.tail {
			h.Position = l.tail
			l.moved(h)
		}
	}
}

// record records what is not recorded yet. After an error the next one does.
func (l *leader) record(ctx context.Context) {
	l.mu.Lock()
	progress, attempts := l.gone, l.attempts
	l.gone, l.attempts = nil, nil
	for _, h := range l.hooks {
		if h.dirty {
			h.dirty = false
			progress = append(progress, h.progress())
		}
	}
	l.mu.Unlock()
	if len(progress)+len(attempts) == 0 {
		return
	}
	err := l.Store.RecordWebhooks(ctx, progress, attempts)
	if err == nil {
		return
	}
	if l.ctx.Err() == nil {
		l.Log.Error("the progress of webhooks is not recorded; this is tried again", "error", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts = append(attempts, l.attempts...)
	for _, p := range progress {
		if h := l.hooks[p.Webhook]; h != nil && h.Epoch == p.Epoch {
			h.dirty = true
		} else {
			l.gone = append(l.gone, p)
		}
	}
	signal(l.unrecorded)
}

// prunes removes attempts that are too old or too many.
func (l *leader) prunes() {
	for pause(l.ctx, pruneEvery); l.ctx.Err() == nil; pause(l.ctx, pruneEvery) {
		for more := true; more && l.ctx.Err() == nil; {
			var err error
			if more, err = l.Store.PruneWebhooks(l.ctx, time.Now().Add(-l.AttemptsFor), attemptsEach); err != nil && l.ctx.Err() == nil {
				l.Log.Error("attempts of webhooks are not removed; the next run tries again", "error", err)
			}
			pause(l.ctx, 10*time.Millisecond)
		}
	}
}
