package sqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

const (
	webhookLease = "webhooks" // in the table lease
	// prunedAtOnce is how many attempts one transaction removes.
	prunedAtOnce = 500

	webhookColumns = `id, url, description, filter, enabled, reason, created, created_by, updated,
		secret, old_secret, old_until, epoch, position, failures, failing, next_attempt`
)

var (
	attemptTable = table{"webhook_attempt", 1, []Column{
		{"id", Integer}, {"webhook", Integer}, {"event", Text}, {"type", Text}, {"at", Integer}, {"took", Integer},
		{"status", Integer}, {"error", Text}, {"response", Text},
	}, ""}
	newAttemptTable = table{attemptTable.name, 0, attemptTable.columns[1:], ""} // id comes by itself
	webhookTable    = table{"webhook", 1, []Column{
		{"id", Integer}, {"url", Text}, {"description", Text}, {"filter", Text}, {"enabled", Integer}, {"reason", Text},
		{"created", Integer}, {"created_by", Text}, {"updated", Integer}, {"secret", Bytes}, {"old_secret", Bytes}, {"old_until", Integer},
		{"version", Integer}, {"epoch", Integer}, {"position", Integer}, {"failures", Integer}, {"failing", Integer}, {"next_attempt", Integer},
	}, ""}
)

var (
	selectWebhooks = onControl.query(`SELECT ` + webhookColumns + ` FROM webhook WHERE id > $1 ORDER BY id LIMIT $2`)
	selectWebhook  = onControl.query(`SELECT ` + webhookColumns + ` FROM webhook WHERE id = $1`)
	// Identifiers are never given twice, so each change changes one of the three.
	selectWebhooksVersion = onControl.query(`SELECT count(*), coalesce(max(id), 0), CAST(coalesce(sum(version), 0) AS BIGINT) FROM webhook`)
	selectWebhookCounts   = onControl.query(`SELECT CAST(coalesce(sum(enabled), 0) AS BIGINT), count(*) FROM webhook`)
	insertWebhook         = onWriter.query(`INSERT INTO webhook (url, description, filter, enabled, reason, created, created_by, updated,
		secret, old_secret, old_until, version, epoch, position, failures, failing, next_attempt)
		SELECT $1, $2, $3, CAST($4 AS BIGINT), $5, CAST($6 AS BIGINT), $7, CAST($8 AS BIGINT), $9, $10, CAST($11 AS BIGINT), 1, CAST($12 AS BIGINT),
			CAST($13 AS BIGINT), 0, 0, 0
		WHERE (SELECT count(*) FROM webhook) < $14 RETURNING id`)
	updateWebhookVersion = onWriter.query(`UPDATE webhook SET version = version + 1 WHERE id = $1`)
	updateWebhook        = onWriter.query(`UPDATE webhook SET url = $1, description = $2, filter = $3, enabled = $4, reason = $5, created = $6,
		created_by = $7, updated = $8, secret = $9, old_secret = $10, old_until = $11, epoch = $12, position = $13, failures = $14, failing = $15,
		next_attempt = $16 WHERE id = $17`)
	updateProgress = onWriter.query(`UPDATE webhook SET position = $1, failures = $2, failing = $3, next_attempt = $4
		WHERE id = $5 AND epoch = $6 AND position <= $1`)
	deleteWebhook = onWriter.query(`DELETE FROM webhook WHERE id = $1`)

	insertAttempt  = insertInto(newAttemptTable, "")
	selectAttempts = onReader.query(`SELECT id, webhook, event, type, at, took, status, error, response FROM webhook_attempt
		WHERE webhook = $1 AND id < $2 ORDER BY id DESC LIMIT $3`)
	deleteOldAttempts = onWriter.query(`DELETE FROM webhook_attempt WHERE id IN
		(SELECT id FROM webhook_attempt WHERE at < $1 ORDER BY at LIMIT ` + decimal(prunedAtOnce) + `)`)
	// The newest of the attempts that are too many, of each webhook that has such.
	selectSurplus = onReader.query(`SELECT w.id, (SELECT a.id FROM webhook_attempt AS a WHERE a.webhook = w.id ORDER BY a.id DESC LIMIT 1 OFFSET $1) AS surplus
		FROM webhook AS w ORDER BY w.id`)
	deleteSurplus = onWriter.query(`DELETE FROM webhook_attempt WHERE id IN
		(SELECT id FROM webhook_attempt WHERE webhook = $1 AND id <= $2 ORDER BY id LIMIT ` + decimal(prunedAtOnce) + `)`)
	// The first block with a position of $1 or more.
	selectLoggedFrom = onReader.query(`SELECT position, at FROM change_block WHERE position >= $1 ORDER BY position LIMIT 1`)
	deleteOldSecrets = onWriter.query(`UPDATE webhook SET old_secret = $1, old_until = 0 WHERE old_until > 0 AND old_until < $2`)
)

// A storedFilter is [platen.ChangeFilter] as the column filter has it.
type storedFilter struct {
	Kinds []platen.Kind       `json:"kinds,omitempty"`
	Sets  []platen.ID         `json:"sets,omitempty"`
	Types []platen.ChangeType `json:"types,omitempty"`
	Names []string            `json:"names,omitempty"`
}

func scanWebhook(from scanner) (w storage.Webhook, err error) {
	var filter string
	var enabled, created, updated, oldUntil, failing, next int64
	err = from.Scan(&w.ID, &w.URL, &w.Description, &filter, &enabled, &w.Reason, &created, &w.CreatedBy, &updated,
		&w.Secret, &w.OldSecret, &oldUntil, &w.Epoch, &w.Position, &w.Failures, &failing, &next)
	if err != nil {
		return w, err
	}
	w.Enabled, w.Created, w.Updated = enabled == 1, timeOf(created), timeOf(updated)
	w.OldSecretUntil, w.FailingSince, w.NextAttempt = timeOf(oldUntil), timeOf(failing), timeOf(next)
	if oldUntil == 0 {
		w.OldSecret = nil
	}
	var stored storedFilter
	if err := json.Unmarshal([]byte(filter), &stored); err != nil {
		return w, fmt.Errorf("the filter of webhook %d: %w", w.ID, err)
	}
	w.Filter = platen.ChangeFilter{
		Kinds: stored.Kinds, Sets: stored.Sets, Types: stored.Types, Names: stored.Names,
		Audit: slices.ContainsFunc(stored.Types, platen.ChangeType.Audit), // admins alone make webhooks
	}
	return w, nil
}

// webhookValues returns what the columns from url to old_until hold.
func webhookValues(w *storage.Webhook) ([]any, error) {
	filter, err := json.Marshal(storedFilter{w.Filter.Kinds, w.Filter.Sets, w.Filter.Types, w.Filter.Names})
	enabled := int64(0)
	if w.Enabled {
		enabled = 1
	}
	old := w.OldSecret
	if old == nil {
		old = []byte{}
	}
	return []any{w.URL, w.Description, string(filter), enabled, w.Reason, microsOf(w.Created), w.CreatedBy, microsOf(w.Updated),
		w.Secret, old, microsOf(w.OldSecretUntil)}, err
}

// Webhooks implements [storage.Webhooks].
func (s *Store) Webhooks(ctx context.Context, after int64, most int) ([]storage.Webhook, error) {
	rows, err := s.on(selectWebhooks).QueryContext(ctx, after, int64(most))
	hooks, err := collect(rows, err, scanWebhook)
	return hooks, s.error("read webhooks", err)
}

// Webhook implements [storage.Webhooks].
func (s *Store) Webhook(ctx context.Context, id int64) (storage.Webhook, error) {
	hook, err := scanWebhook(s.on(selectWebhook).QueryRowContext(ctx, id))
	if errors.Is(err, sql.ErrNoRows) {
		return hook, webhookNotFound(id)
	}
	return hook, s.error("read webhook", err)
}

func webhookNotFound(id int64) error {
	err := platen.Errorf(platen.NotFound, "webhook %d not found", id)
	err.Param = strconv.FormatInt(id, 10)
	return err
}

// WebhooksVersion implements [storage.Webhooks].
func (s *Store) WebhooksVersion(ctx context.Context) (string, error) {
	var count, last, changes int64
	err := s.on(selectWebhooksVersion).QueryRowContext(ctx).Scan(&count, &last, &changes)
	return fmt.Sprint(count, last, changes), s.error("read webhooks", err)
}

// CountWebhooks implements [storage.Webhooks].
func (s *Store) CountWebhooks(ctx context.Context) (enabled, disabled int64, err error) {
	var all int64
	err = s.on(selectWebhookCounts).QueryRowContext(ctx).Scan(&enabled, &all)
	return enabled, all - enabled, s.error("count webhooks", err)
}

// AddWebhook implements [storage.Webhooks].
func (s *Store) AddWebhook(ctx context.Context, hook *storage.Webhook, most int) (id int64, err error) {
	ctx, done := s.observe(ctx, "add_webhook")
	defer func() { done(err) }()
	values, err := webhookValues(hook)
	if err != nil {
		return 0, err
	}
	values = append(values, hook.Epoch, int64(hook.Position), int64(most))
	err = s.update(func(t *transaction) error {
		if err := t.exec(lockCounts); err != nil {
			return err
		}
		err := t.stmt(insertWebhook).QueryRowContext(t.ctx, values...).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return platen.Errorf(platen.Conflict, "there are %d webhooks already, and no more than that (--max-webhooks): remove one first", most)
		}
		if err != nil {
			return err
		}
		return t.logAudit(auditOfWebhook(storage.OriginOf(ctx), "webhook added", id, &hook.Webhook))
	})
	return id, s.error("add webhook", err)
}

// ChangeWebhook implements [storage.Webhooks].
func (s *Store) ChangeWebhook(ctx context.Context, id int64, change func(*storage.Webhook) error) (hook storage.Webhook, err error) {
	ctx, done := s.observe(ctx, "change_webhook")
	defer func() { done(err) }()
	err = s.update(func(t *transaction) error {
		// First, so that changes of it wait for each other.
		found, err := changed(t, updateWebhookVersion, id)
		if err == nil && !found {
			err = webhookNotFound(id)
		}
		if err != nil {
			return err
		}
		if hook, err = scanWebhook(t.stmt(selectWebhook).QueryRowContext(t.ctx, id)); err != nil {
			return err
		}
		if err := change(&hook); err != nil {
			return err
		}
		values, err := webhookValues(&hook)
		if err != nil {
			return err
		}
		values = append(values, hook.Epoch, int64(hook.Position), int64(hook.Failures), microsOf(hook.FailingSince), microsOf(hook.NextAttempt), id)
		return errors.Join(t.exec(updateWebhook, values...), t.logAudit(auditOfWebhook(storage.OriginOf(ctx), "webhook changed", id, &hook.Webhook)))
	})
	return hook, s.error("change webhook", err)
}

// RemoveWebhook implements [storage.Webhooks]. The attempts go in small batches,
// those that a server that dies leaves behind with their age.
func (s *Store) RemoveWebhook(ctx context.Context, id int64) (err error) {
	ctx, done := s.observe(ctx, "remove_webhook")
	defer func() { done(err) }()
	err = s.update(func(t *transaction) error {
		found, err := changed(t, deleteWebhook, id)
		if err == nil && !found {
			err = webhookNotFound(id)
		}
		if err != nil {
			return err
		}
		return t.logAudit(auditOfWebhook(storage.OriginOf(ctx), "webhook removed", id, nil))
	})
	for more := true; more && err == nil; {
		more, err = s.removeAttempts(ctx, deleteSurplus, id, int64(1)<<62)
	}
	return s.error("remove webhook", err)
}

// removeAttempts removes some attempts, and reports whether there may be more.
func (s *Store) removeAttempts(ctx context.Context, q *query, args ...any) (more bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	err = s.update(func(t *transaction) error {
		result, err := t.stmt(q).ExecContext(t.ctx, args...)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		more = n >= prunedAtOnce
		return err
	})
	return more, err
}

// recordedAtOnce is how many rows of progress, or of attempts, one transaction
// records.
const recordedAtOnce = 256

// RecordWebhooks implements [storage.Webhooks].
func (s *Store) RecordWebhooks(ctx context.Context, progress []storage.WebhookProgress, attempts []platen.WebhookAttempt) (err error) {
	ctx, done := s.observe(ctx, "record_webhooks")
	defer func() { done(err) }()
	for err == nil && len(progress)+len(attempts) > 0 {
		if err = ctx.Err(); err != nil {
			break
		}
		some, tried := progress[:min(len(progress), recordedAtOnce)], attempts[:min(len(attempts), recordedAtOnce)]
		err = s.update(func(t *transaction) error { return t.recordWebhooks(some, tried) })
		progress, attempts = progress[len(some):], attempts[len(tried):]
	}
	return s.error("record the delivery to webhooks", err)
}

func (t *transaction) recordWebhooks(progress []storage.WebhookProgress, attempts []platen.WebhookAttempt) error {
	for _, p := range progress {
		err := t.exec(updateProgress, int64(p.Position), int64(p.Failures), microsOf(p.FailingSince), microsOf(p.NextAttempt), p.Webhook, p.Epoch)
		if err != nil {
			return err
		}
	}
	for _, a := range attempts {
		err := t.exec(insertAttempt, a.Webhook, a.Event, a.EventType, microsOf(a.Time), a.Took.Microseconds(), int64(a.Status), a.Error, a.Response)
		if err != nil {
			return err
		}
	}
	return nil
}

// WebhookAttempts implements [storage.Webhooks].
func (s *Store) WebhookAttempts(ctx context.Context, webhook, before int64, most int) ([]platen.WebhookAttempt, error) {
	if _, err := s.Webhook(ctx, webhook); err != nil {
		return nil, err
	}
	rows, err := s.on(selectAttempts).QueryContext(ctx, webhook, before, int64(most))
	attempts, err := collect(rows, err, func(from scanner) (a platen.WebhookAttempt, err error) {
		var at, took int64
		err = from.Scan(&a.ID, &a.Webhook, &a.Event, &a.EventType, &at, &took, &a.Status, &a.Error, &a.Response)
		a.Time, a.Took = timeOf(at), time.Duration(took)*time.Microsecond
		return a, err
	})
	return attempts, s.error("read attempts", err)
}

// PruneWebhooks implements [storage.Webhooks].
func (s *Store) PruneWebhooks(ctx context.Context, before time.Time, keep int) (more bool, err error) {
	ctx, done := s.observe(ctx, "prune_webhooks")
	defer func() { done(err) }()
	type surplus struct{ webhook, last int64 }
	rows, err := s.on(selectSurplus).QueryContext(ctx, int64(keep))
	all, err := collect(rows, err, func(from scanner) (some surplus, err error) {
		var last sql.NullInt64
		err = from.Scan(&some.webhook, &last)
		some.last = last.Int64
		return some, err
	})
	for _, one := range all {
		if err == nil && one.last > 0 {
			var rest bool
			rest, err = s.removeAttempts(ctx, deleteSurplus, one.webhook, one.last)
			more = more || rest
		}
	}
	if err == nil {
		var rest bool
		rest, err = s.removeAttempts(ctx, deleteOldAttempts, microsOf(before))
		more = more || rest
	}
	if err == nil {
		err = s.update(func(t *transaction) error { return t.exec(deleteOldSecrets, []byte{}, time.Now().UnixMicro()) })
	}
	return more, s.error("remove attempts", err)
}

// LeaseWebhooks implements [storage.Webhooks].
func (s *Store) LeaseWebhooks(ctx context.Context, keep time.Duration) (bool, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	held, err := s.engine.Replicas.TryLease(ctx, webhookLease, s.id, keep)
	return held, s.error("lease the delivery to webhooks", err)
}

// EventBefore implements [storage.Webhooks]. Times are not indexed, but they grow
// with the position, about: of what servers log at the same moment either may be
// first.
func (s *Store) EventBefore(ctx context.Context, at time.Time) (_ platen.EventID, err error) {
	ctx, done := s.observe(ctx, "event_before")
	defer func() { done(err) }()
	state, err := s.logOn(ctx)
	// Of a log of which nothing is gone any time before it is its beginning.
	if err == nil && state.pruneAt > 0 && microsOf(at) < state.pruneAt {
		err = gone("the time", formatMicros(max(state.since, state.pruneAt)))
	}
	if err == nil {
		err = s.place(ctx)
	}
	var last int64
	if err == nil {
		last, err = s.endOfLog(ctx)
	}
	// What is at before or lower is from before the time, what is after it is not.
	before, after := state.prunedPosition, last+1
	for err == nil && before+1 < after {
		middle := before + (after-before)/2
		var position, logged int64
		err = s.on(selectLoggedFrom).QueryRowContext(ctx, middle).Scan(&position, &logged)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			err, after = nil, middle
		case err == nil && position < after && logged < microsOf(at):
			before = position
		default:
			after = middle
		}
	}
	return platen.NewEventID(before, platen.LastEntry), s.error("look for events", err)
}
