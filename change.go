package platen

import (
	"slices"
	"strconv"
	"time"
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

	// What admins alone are told of.
	AuditLogin     ChangeType = 32 // somebody has logged in
	AuditRefusal   ChangeType = 33 // credentials, or what they are not good for, were refused
	AuditUser      ChangeType = 34 // users or their sessions were changed
	AuditToken     ChangeType = 35 // a named token was made, changed or revoked
	AuditWebhook   ChangeType = 36 // a webhook was added, changed or removed
	AuditRetention ChangeType = 37 // a rule of retention was added, changed or removed
	AuditSettings  ChangeType = 38 // a server began with other settings than the last one
)

// Audit reports whether a change is one that admins alone are told of.
func (t ChangeType) Audit() bool { return t >= AuditLogin }

// A NameChange is what a change did to one name of a list. Nil: the name was not
// there.
type NameChange struct {
	Name          string
	Before, After *string
}

// A ChangeEntry is what a change did to one list, or to one set.
type ChangeEntry struct {
	Ref   Ref
	Set   ID           // that the entity belongs to, 0 for none
	List  bool         // of a list, otherwise of the set Ref
	Facet Facet        // List: of which list
	Names []NameChange // List: those with another value; none if only the order differs
	Added int64        // Added: how many data records
	Audit []NameValue  // of an audit: what happened
}

// A Change is what one request changed.
type Change struct {
	ID      int64
	Time    time.Time
	Type    ChangeType
	User    string        // who made it; "" if that is not known
	Token   string        // the name of the token that was used, "" for none
	Request string        // the id of the request, "" if it was none
	Reverts int64         // Reverted: which change
	Entries []ChangeEntry // History: of the entity, or of its set
	More    bool          // it has more entries than fit
}

// An EventID is a place in the log: that of a block, and of an entry in it. Events
// have larger ones than those before them. 0 is before all.
type EventID int64

// entryBits are the bits of an EventID that number the entries of a block.
const entryBits = 24

// NewEventID returns the place of an entry of a block, from 1; with
// [LastEntry] that after all of them.
func NewEventID(position, entry int64) EventID { return EventID(position<<entryBits | entry) }

// LastEntry is after all entries of a block.
const LastEntry = 1<<entryBits - 1

// Split is the inverse of [NewEventID].
func (e EventID) Split() (position, entry int64) { return int64(e >> entryBits), int64(e & LastEntry) }

// String returns the number in decimal.
func (e EventID) String() string { return strconv.FormatInt(int64(e), 10) }

// An Event is one entry of a change, as readers of the log get it.
type Event struct {
	ID     EventID
	Change Change // with this one entry
}

// A ChangeFilter says which events are of interest: those that have one of each list that
// is not empty.
type ChangeFilter struct {
	Kinds []Kind
	Sets  []ID
	Types []ChangeType
	Names []string // that a list was changed in
	Audit bool     // those of an audit, too
}

// Matches reports whether an event is of interest.
func (f *ChangeFilter) Matches(event *Event) bool {
	entry := &event.Change.Entries[0]
	if event.Change.Type.Audit() && !f.Audit {
		return false
	}
	return oneOf(f.Kinds, entry.Ref.Kind) && oneOf(f.Sets, entry.Set) && oneOf(f.Types, event.Change.Type) &&
		(len(f.Names) == 0 || slices.ContainsFunc(entry.Names, func(name NameChange) bool { return slices.Contains(f.Names, name.Name) }))
}

func oneOf[T comparable](list []T, one T) bool { return len(list) == 0 || slices.Contains(list, one) }
