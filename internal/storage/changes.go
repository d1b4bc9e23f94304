package storage

import (
	"context"
	"time"

	"github.com/platenhq/platen"
)

// Changes is the log of changes.
//
// Disabled: all methods return Conflict if nothing is logged. Gone: what is asked
// for is no longer kept; the Param says from where on it is.
type Changes interface {
	// History returns changes of an entity, the newest first: up to limit of them
	// from a position on that next was, nil for the first; next is nil after the
	// last. NotFound as in [Entities]. Invalid: the position is none of this entity.
	History(ctx context.Context, id platen.ID, position []byte, limit int) (changes []platen.Change, next []byte, err error)

	// Change returns one change, with up to limit of its entries, or the first that
	// have some MiB together. NotFound, Gone.
	Change(ctx context.Context, id int64, limit int) (platen.Change, error)

	// Revert puts back what was before a change, as a change of its own, whose
	// number it returns. Conflict: some of it was changed since, and force is
	// false; or it is not a change of lists. NotFound: there is no such change, or
	// an entity of it is deleted. Gone.
	Revert(ctx context.Context, id int64, force bool) (int64, error)

	// ListAt returns the kind of an entity, and a list as it was at a time; the zero
	// time is now, for which no log is needed.
	// NotFound: there is no such entity, or was not yet. Invalid: the time has not
	// come, or the kind has no such list. Gone.
	ListAt(ctx context.Context, id platen.ID, facet platen.Facet, at time.Time) (platen.Kind, platen.List, error)

	// Events yields what happened after an event, in order, up to limit entries.
	// last is where to go on, which is after if there is nothing new; when yield
	// returns an error it is the last that was yielded before. Gone.
	Events(ctx context.Context, after platen.EventID, limit int, yield func(*platen.Event) error) (last platen.EventID, err error)

	// LastEvent returns where the log ends now.
	LastEvent(ctx context.Context) (platen.EventID, error)

	// Logged returns a channel that is closed when something was logged by this
	// process, and how often to look for what others have logged; 0: nobody else does.
	Logged() (<-chan struct{}, time.Duration)
}
