package platen

import "time"

// A RetentionRule deletes the sets of a kind that are older than so many days, of
// those that a filter holds for. A set counts from its creation or, if it was
// undeleted, from then. One whose creation is not known is never deleted.
type RetentionRule struct {
	Name    string
	Kind    Kind // of set
	Days    int64
	Filter  string // as listings have it; "": all
	Enabled bool   // otherwise it deletes nothing, but has a preview

	Version   int64 // another one with each change
	Created   time.Time
	CreatedBy string
	Changed   time.Time // zero: not since it was made
	ChangedBy string

	Last RetentionRun
}

// A RetentionRun is how a run of a rule ended.
type RetentionRun struct {
	Ended   time.Time // zero: there was none
	Version int64     // of the rule
	Deleted int64     // sets
	Error   string    // why it deleted no more; "" if it did all that there was
}

// Before returns the time that sets must be from before for the rule to delete
// them now.
func (r *RetentionRule) Before(now time.Time) time.Time {
	return now.Add(-time.Duration(r.Days) * 24 * time.Hour)
}

// MaxRetentionDays is the most days that a rule can have.
const MaxRetentionDays = 36500
