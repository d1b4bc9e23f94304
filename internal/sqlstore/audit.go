package sqlstore

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/changelog"
	"github.com/platenhq/platen/internal/storage"
)

var (
	selectSettings = onControl.query(`SELECT name, value FROM last_setting ORDER BY name`)
	deleteSettings = onWriter.query(`DELETE FROM last_setting`)
	insertSetting  = onWriter.query(`INSERT INTO last_setting (name, value) VALUES ($1, $2)`)
)

// logAudit adds something that happened to the log.
func (t *transaction) logAudit(entry storage.AuditEntry) error {
	log := t.log()
	if log == nil {
		return nil
	}
	log.w.Begin(changelog.Header{Type: entry.Type, Origin: entry.Origin})
	return log.w.Add(changelog.NewAudit(entry.Details))
}

// RecordAudit implements [storage.Auditor].
func (s *Store) RecordAudit(ctx context.Context, entries []storage.AuditEntry) (err error) {
	if len(entries) == 0 || s.historyFor == 0 {
		return nil
	}
	ctx, done := s.observe(ctx, "record_audit")
	defer func() { done(err) }()
	return s.error("record an audit", s.updateWith(ctx, NoLock, func(t *transaction) error {
		for _, entry := range entries {
			if err := t.logAudit(entry); err != nil {
				return err
			}
		}
		return nil
	}))
}

// RecordSettings implements [storage.Auditor].
func (s *Store) RecordSettings(ctx context.Context, host string, settings []platen.NameValue) (err error) {
	_, done := s.observe(ctx, "record_settings")
	defer func() { done(err) }()
	settings = slices.SortedFunc(slices.Values(settings), func(a, b platen.NameValue) int { return cmp.Compare(a.Name, b.Name) })
	return s.error("record settings", s.update(func(t *transaction) error {
		if err := t.exec(lockLog); err != nil { // other processes may start just now
			return err
		}
		rows, err := t.stmt(selectSettings).QueryContext(t.ctx)
		last, err := collect(rows, err, func(from scanner) (one platen.NameValue, err error) { return one, from.Scan(&one.Name, &one.Value) })
		if err != nil {
			return err
		}
		if slices.Equal(last, settings) {
			return nil
		}
		before := make(map[string]string, len(last))
		for _, one := range last {
			before[one.Name] = one.Value
		}
		if err := t.exec(deleteSettings); err != nil {
			return err
		}
		for _, one := range settings {
			if err := t.exec(insertSetting, one.Name, one.Value); err != nil {
				return err
			}
			was, known := before[one.Name]
			if len(last) == 0 || known && was == one.Value {
				continue
			}
			details := []platen.NameValue{{Name: "action", Value: "started with another setting"}, {Name: "setting", Value: one.Name}}
			if known {
				details = append(details, platen.NameValue{Name: "before", Value: was})
			}
			details = append(details, platen.NameValue{Name: "after", Value: one.Value}, platen.NameValue{Name: "host", Value: host})
			if err := t.logAudit(storage.AuditEntry{Type: platen.AuditSettings, Origin: storage.OriginOf(ctx), Details: details}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// auditOfUser returns the entry of a change of users or named tokens.
func auditOfUser(by storage.Origin, change storage.UserChange) storage.AuditEntry {
	entry := storage.AuditEntry{Type: platen.AuditUser, Origin: by}
	add := func(name, value string) {
		if value != "" {
			entry.Details = append(entry.Details, platen.NameValue{Name: name, Value: value})
		}
	}
	add("action", string(change.Action))
	add("target", change.User)
	switch change.Action {
	case storage.TokenMade, storage.TokenChanged, storage.TokenRevoked:
		entry.Type = platen.AuditToken
		add("token", change.Detail)
	default:
		add("role", change.Detail)
	}
	add("address", change.Address)
	return entry
}

// auditOfRule returns the entry of a change of a rule of retention.
func auditOfRule(by storage.Origin, action string, rule *platen.RetentionRule) storage.AuditEntry {
	return storage.AuditEntry{Type: platen.AuditRetention, Origin: by, Details: []platen.NameValue{
		{Name: "action", Value: action}, {Name: "target", Value: rule.Name}, {Name: "kind", Value: strings.ReplaceAll(rule.Kind.String(), " ", "")},
		{Name: "days", Value: decimal(rule.Days)}, {Name: "filter", Value: rule.Filter}, {Name: "enabled", Value: decimal(flag(rule.Enabled))},
	}}
}

// auditOfWebhook returns the entry of a change of a webhook; hook is nil if it was
// removed. Of its URL the entry has the host alone, since the rest may be a secret.
func auditOfWebhook(by storage.Origin, action string, id int64, hook *platen.Webhook) storage.AuditEntry {
	entry := storage.AuditEntry{Type: platen.AuditWebhook, Origin: by, Details: []platen.NameValue{
		{Name: "action", Value: action}, {Name: "target", Value: decimal(id)},
	}}
	if hook == nil {
		return entry
	}
	if at, err := url.Parse(hook.URL); err == nil {
		entry.Details = append(entry.Details, platen.NameValue{Name: "host", Value: at.Host})
	}
	entry.Details = append(entry.Details, platen.NameValue{Name: "enabled", Value: decimal(flag(hook.Enabled))})
	return entry
}
