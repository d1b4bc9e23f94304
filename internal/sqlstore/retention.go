package sqlstore

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

var (
	retentionColumns     = strings.Join(retentionTable.names(), ", ")
	selectRetentionRules = onControl.query(`SELECT ` + retentionColumns + ` FROM retention_rule ORDER BY name`)
	selectRetentionRule  = onReader.query(`SELECT ` + retentionColumns + ` FROM retention_rule WHERE name = $1`)
	selectRetentionCount = onReader.query(`SELECT count(*) FROM retention_rule`)
	insertRetentionRule  = onWriter.query(retentionTable.insert() + ` ON CONFLICT (name) DO NOTHING`)
	updateRetentionRule  = onWriter.query(`UPDATE retention_rule SET days = coalesce($1, days), filter = coalesce($2, filter),
		enabled = coalesce($3, enabled), version = $4, changed = $5, changed_by = $6 WHERE name = $7`)
	updateRetentionRun = onWriter.query(`UPDATE retention_rule SET last_run = $1, last_version = $2, last_deleted = $3, last_error = $4
		WHERE name = $5 AND version = $2`)
	deleteRetentionRule = onWriter.query(`DELETE FROM retention_rule WHERE name = $1`)
	// Keeps others from changing the rule until the end of the transaction.
	updateRuleEnabled = onWriter.query(`UPDATE retention_rule SET enabled = 1 WHERE name = $1 AND version = $2 AND enabled = 1`)

	upsertUndeleted = onWriter.query(`INSERT INTO undeleted_set (id, at) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET at = excluded.at`)
	deleteUndeleted = onWriter.query(`DELETE FROM undeleted_set WHERE id = $1`)
	selectUndeleted = onReader.queryFor(func(d Dialect) string {
		return `SELECT id FROM undeleted_set WHERE at >= $1 AND ` + d.Among("id", "$2")
	})
)

func scanRetentionRule(from scanner) (r platen.RetentionRule, err error) {
	var created, changed, ended int64
	err = from.Scan(&r.Name, &r.Kind, &r.Days, &r.Filter, &r.Enabled, &r.Version, &created, &r.CreatedBy, &changed, &r.ChangedBy,
		&ended, &r.Last.Version, &r.Last.Deleted, &r.Last.Error)
	r.Created, r.Changed, r.Last.Ended = timeOf(created), timeOf(changed), timeOf(ended)
	return r, err
}

// RetentionRules implements [storage.Retention].
func (s *Store) RetentionRules(ctx context.Context) (_ []platen.RetentionRule, err error) {
	ctx, done := s.observe(ctx, "retention_rules")
	defer func() { done(err) }()
	rows, err := s.on(selectRetentionRules).QueryContext(ctx)
	rules, err := collect(rows, err, scanRetentionRule)
	return rules, s.error("read rules of retention", err)
}

// changeRetention runs fn, which changes a rule that there is afterwards.
func (s *Store) changeRetention(ctx context.Context, action, name string, fn func(*transaction) error) (rule platen.RetentionRule, err error) {
	ctx, done := s.observe(ctx, "change_retention")
	defer func() { done(err) }()
	err = s.update(func(t *transaction) (err error) {
		if err := fn(t); err != nil {
			return err
		}
		if rule, err = scanRetentionRule(t.stmt(selectRetentionRule).QueryRowContext(t.ctx, name)); err != nil {
			return err
		}
		return t.logAudit(auditOfRule(storage.OriginOf(ctx), action, &rule))
	})
	return rule, s.error("change a rule of retention", err)
}

// AddRetentionRule implements [storage.Retention].
func (s *Store) AddRetentionRule(ctx context.Context, rule platen.RetentionRule, most int) (platen.RetentionRule, error) {
	return s.changeRetention(ctx, "rule added", rule.Name, func(t *transaction) error {
		if err := t.exec(lockCounts); err != nil {
			return err
		}
		var count int
		if err := t.stmt(selectRetentionCount).QueryRowContext(t.ctx).Scan(&count); err != nil {
			return err
		}
		if count >= most {
			return platen.Errorf(platen.Conflict, "there are %d rules of retention, and there can be no more: delete some", count)
		}
		ok, err := changed(t, insertRetentionRule, rule.Name, int64(rule.Kind), rule.Days, rule.Filter, flag(rule.Enabled), rand.Int64(),
			s.now().UnixMicro(), storage.OriginOf(ctx).By(), 0, "", 0, 0, 0, "")
		if err != nil || !ok {
			return orError(err, platen.Errorf(platen.Conflict, "there is a rule %q already", rule.Name).About(rule.Name))
		}
		return nil
	})
}

// UpdateRetentionRule implements [storage.Retention].
func (s *Store) UpdateRetentionRule(ctx context.Context, name string, update storage.RetentionUpdate) (platen.RetentionRule, error) {
	var days, filter, enabled any // nil: it stays
	if update.Days != nil {
		days = *update.Days
	}
	if update.Filter != nil {
		filter = *update.Filter
	}
	if update.Enabled != nil {
		enabled = flag(*update.Enabled)
	}
	return s.changeRetention(ctx, "rule changed", name, func(t *transaction) error {
		ok, err := changed(t, updateRetentionRule, days, filter, enabled, rand.Int64(), s.now().UnixMicro(), storage.OriginOf(ctx).By(), name)
		if err != nil || !ok {
			return orError(err, noRule(name))
		}
		return nil
	})
}

func noRule(name string) *platen.Error {
	return platen.Errorf(platen.NotFound, "there is no rule %.80q of retention", name).About(name)
}

// RemoveRetentionRule implements [storage.Retention].
func (s *Store) RemoveRetentionRule(ctx context.Context, name string) (err error) {
	_, done := s.observe(ctx, "remove_retention")
	defer func() { done(err) }()
	return s.error("remove a rule of retention", s.update(func(t *transaction) error {
		ok, err := changed(t, deleteRetentionRule, name)
		if err != nil || !ok {
			return orError(err, noRule(name))
		}
		return t.logAudit(storage.AuditEntry{Type: platen.AuditRetention, Origin: storage.OriginOf(ctx), Details: []platen.NameValue{
			{Name: "action", Value: "rule removed"}, {Name: "target", Value: name},
		}})
	}))
}

// RetentionTurn implements [storage.Retention].
func (s *Store) RetentionTurn(ctx context.Context) (bool, error) {
	mine, err := s.tryLease(ctx, "retention")
	return mine, s.error("run rules of retention", err)
}

// DeleteByRule implements [storage.Retention].
func (s *Store) DeleteByRule(ctx context.Context, rule *platen.RetentionRule, set platen.Ref, match *platen.Match, before time.Time) error {
	if err := s.passOnMany(ctx, set.ID); err != nil {
		return s.error("delete", err)
	}
	return s.deleteSet(ctx, set, func(t *transaction) error {
		enabled, err := changed(t, updateRuleEnabled, rule.Name, rule.Version)
		if err != nil || !enabled {
			return orError(err, platen.Errorf(platen.Conflict, "the rule %q was changed", rule.Name))
		}
		undeleted, err := t.undeletedSince([]int64{int64(set.ID)}, before)
		if err != nil {
			return err
		}
		if len(undeleted) > 0 {
			return platen.Errorf(platen.Changed, "%s %d was undeleted", set.Kind, set.ID)
		}
		return t.unchanged(set, match)
	})
}

func (t *transaction) undeletedSince(sets []int64, since time.Time) ([]platen.ID, error) {
	rows, err := t.stmt(selectUndeleted).QueryContext(t.ctx, since.UnixMicro(), t.store.engine.Dialect.IDs(sets))
	return collect(rows, err, scanID)
}

func scanID(from scanner) (id platen.ID, err error) { return id, from.Scan(&id) }

// UndeletedSince implements [storage.Retention].
func (s *Store) UndeletedSince(ctx context.Context, sets []platen.ID, since time.Time) (_ []platen.ID, err error) {
	ctx, done := s.observe(ctx, "undeleted_since")
	defer func() { done(err) }()
	rows, err := s.on(selectUndeleted).QueryContext(ctx, since.UnixMicro(), s.idsOf(sets))
	found, err := collect(rows, err, scanID)
	return found, s.error("read undeletions", err)
}

// RecordRetentionRun implements [storage.Retention].
func (s *Store) RecordRetentionRun(ctx context.Context, name string, run platen.RetentionRun) (err error) {
	_, done := s.observe(ctx, "record_retention")
	defer func() { done(err) }()
	return s.error("record a run of retention", s.update(func(t *transaction) error {
		return t.exec(updateRetentionRun, microsOf(run.Ended), run.Version, run.Deleted, run.Error, name)
	}))
}
