package storage

import (
	"context"

	"github.com/platenhq/platen"
)

// An AuditEntry is something that happened which admins alone are told of, as an
// event of the log of changes.
type AuditEntry struct {
	Type    platen.ChangeType // one of the audits
	Origin  Origin            // who did it
	Details []platen.NameValue
}

// An Auditor keeps an audit trail in the log of changes, for as long as that is kept.
// What is changed of users, named tokens and rules of retention is recorded by the
// transaction that changes it.
type Auditor interface {
	// RecordAudit adds entries to the log, in one transaction. Without a log it does
	// nothing.
	RecordAudit(ctx context.Context, entries []AuditEntry) error
	// RecordSettings compares the settings of a server that starts with those of the
	// last start, whichever server that was, and adds what differs to the log.
	RecordSettings(ctx context.Context, host string, settings []platen.NameValue) error
}
