package storage

import (
	"context"
	"time"

	"github.com/platenhq/platen"
)

// A ChangeType says what a change is.
type ChangeType uint8

// The types. Their numbers are stored.
const (
	Updated     ChangeType = 1 // lists were replaced, or merged into
	Reverted    ChangeType = 2 // another change was reverted
	Imported    ChangeType = 3 // a set was imported
	JobsCreated ChangeType = 4 // a job set was made by job creation
	Added       ChangeType = 5 // data records were added
	Deleted     ChangeType = 6 // a set was deleted
	Undeleted   ChangeType = 7 // its deletion was taken back
)

// A NameChange is what a change did to one name of a list. Nil: the name was not
// there.
type NameChange struct {
	Name          string
	Before, After *string
}

// A ChangeEntry is what a change did to one list, or to one set.
type ChangeEntry struct {
	Ref   platen.Ref
	Set   platen.ID    // that the entity belongs to, 0 for none
	List  bool         // of a list, otherwise of the set Ref
	Facet platen.Facet // List: of which list
	Names []NameChange // List: those with another value; none if only the order differs
	Added int64        // Added: how many data records
}

// A Change is what one request changed.
type Change struct {
	ID      int64
	Time    time.Time
	Type    ChangeType
	Origin  Origin
	Reverts int64         // Reverted: which change
	Entries []ChangeEntry // History: of the entity, or of its set
	More    bool          // it has more entries than fit
}

// An EventID is a place in the log: that of a block, and of an entry in it, from 1.
// The zero value is before all others.
type EventID struct{ Position, Entry int64 }

// Compare orders events as they happened.
func (e EventID) Compare(other EventID) int {
	switch {
	case e == other:
		return 0
	case e.Position < other.Position, e.Position == other.Position && e.Entry < other.Entry:
		return -1
	}
	return 1
}

// An Event is one entry of a change, as readers of the log get it.
type Event struct {
	ID     EventID
	Change Change // with this one entry
}

// Changes is the log of changes.
//
// Disabled: all methods return Conflict if nothing is logged. Gone: what is asked
// for is no longer kept; the Param says from where on it is.
type Changes interface {
	// History returns changes of an entity, the newest first: up to limit of them
	// after token, "" for the first; next is "" after the last. NotFound as in
	// [Entities]. Invalid: the token is not one of this entity.
	History(ctx context.Context, id platen.ID, token string, limit int) (changes []Change, next string, err error)

	// Change returns one change, with up to limit of its entries. NotFound, Gone.
	Change(ctx context.Context, id int64, limit int) (Change, error)

	// Revert puts back what was before a change, as a change of its own, whose
	// number it returns. Conflict: some of it was changed since, and force is
	// false; or it is not a change of lists. NotFound: there is no such change, or
	// an entity of it is deleted. Gone.
	Revert(ctx context.Context, id int64, force bool) (int64, error)

	// ListAt returns the kind of an entity, and a list as it was at a time.
	// NotFound: there is no such entity, or was not yet. Invalid: the time has not
	// come, or the kind has no such list. Gone.
	ListAt(ctx context.Context, id platen.ID, facet platen.Facet, at time.Time) (platen.Kind, platen.List, error)

	// Events yields what happened after an event, in order, up to limit entries.
	// last is where to go on, which is after if there is nothing new. Gone.
	Events(ctx context.Context, after EventID, limit int, yield func(*Event) error) (last EventID, err error)

	// LastEvent returns where the log ends now.
	LastEvent(ctx context.Context) (EventID, error)

	// Logged returns a channel that is closed when something was logged by this
	// process, and how often to look for what others have logged; 0: nobody else does.
	Logged() (<-chan struct{}, time.Duration)
}
