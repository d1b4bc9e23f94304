package storage

import (
	"context"
	"time"

	"github.com/platenhq/platen"
)

// A RetentionUpdate is what is to change of a rule; what is nil stays.
type RetentionUpdate struct {
	Days    *int64
	Filter  *string
	Enabled *bool
}

// Retention keeps the rules by which old sets are deleted, and does what a run of
// one needs.
type Retention interface {
	// RetentionRules returns all rules by name.
	RetentionRules(ctx context.Context) ([]platen.RetentionRule, error)
	// AddRetentionRule adds a rule, made by the origin of ctx, and returns it as it
	// is kept. Conflict: the name is taken, or there are most rules already.
	AddRetentionRule(ctx context.Context, rule platen.RetentionRule, most int) (platen.RetentionRule, error)
	// UpdateRetentionRule changes a rule. NotFound.
	UpdateRetentionRule(ctx context.Context, name string, update RetentionUpdate) (platen.RetentionRule, error)
	// RemoveRetentionRule removes a rule. NotFound.
	RemoveRetentionRule(ctx context.Context, name string) error

	// RetentionTurn reports whether this process is to run the rules, for half a
	// minute.
	RetentionTurn(ctx context.Context) (bool, error)
	// DeleteByRule is Delete of a set that has a tag of match, by a rule. Conflict:
	// the rule is no longer enabled, or another than this version. Changed: the set
	// has another tag, or was undeleted after a time. Unavailable: that can not be
	// told now.
	DeleteByRule(ctx context.Context, rule *platen.RetentionRule, set platen.Ref, match *platen.Match, before time.Time) error
	// UndeletedSince returns those of some sets that were undeleted at a time or
	// later.
	UndeletedSince(ctx context.Context, sets []platen.ID, since time.Time) ([]platen.ID, error)
	// RecordRetentionRun keeps how a run of a rule ended, if there still is the rule.
	RecordRetentionRun(ctx context.Context, name string, run platen.RetentionRun) error
}
