package client

import (
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A Ref names an entity. It converts to a [platen.Ref].
type Ref struct {
	Kind platen.Kind `json:"kind"`
	ID   platen.ID   `json:"id"`
}

// MarshalJSON returns the reference as the API has it.
func (r Ref) MarshalJSON() ([]byte, error) { type plain Ref; return olrest.EncodeNative(plain(r)) }

// A Child is an entity that another one contains.
type Child struct {
	Kind     platen.Kind `json:"kind"`
	ID       platen.ID   `json:"id"`
	Position int64       `json:"position"` // among the children, from 0
}

// An EntityPage is a content item where a document shows it.
type EntityPage struct {
	Position   int64              `json:"position"`            // in the document, from 0
	Item       platen.ID          `json:"contentitem"`         // that is shown
	Record     platen.ID          `json:"datarecord,omitzero"` // that it was made from
	Template   string             `json:"template,omitzero"`
	Pages      []platen.PageCount `json:"pages"`               // by medium; empty: not known
	Properties []platen.NameValue `json:"properties,omitzero"` // that the page has in the document
	Metadata   []platen.NameValue `json:"metadata,omitzero"`
}

// A ListName is a name in lists of a facet. It converts to a [platen.ListName].
type ListName struct {
	Facet platen.Facet `json:"list"`
	Name  string       `json:"name"`
}

// MarshalJSON returns the name as the API has it.
func (n ListName) MarshalJSON() ([]byte, error) {
	type plain ListName
	return olrest.EncodeNative(plain(n))
}

// Intake is what came in from a time to another.
type Intake struct {
	From  time.Time    `json:"from"`
	To    time.Time    `json:"to"`    // is not in it
	Parts []IntakePart `json:"parts"` // in the order of time, without those in which nothing came
}

// An IntakePart is what came in during a part of the time: the sets that were imported,
// or made by job creation, and are not deleted, with what they had.
type IntakePart struct {
	StartTime    time.Time `json:"startTime"`
	JobSets      int64     `json:"jobsets,omitzero"`
	Jobs         int64     `json:"jobs,omitzero"`
	Documents    int64     `json:"documents,omitzero"` // of job sets, and so are pages and sheets
	Pages        int64     `json:"pages,omitzero"`     // as the page details of the content items say
	Sheets       int64     `json:"sheets,omitzero"`
	ContentSets  int64     `json:"contentsets,omitzero"`
	ContentItems int64     `json:"contentitems,omitzero"` // of content sets
	DataSets     int64     `json:"datasets,omitzero"`
	DataRecords  int64     `json:"datarecords,omitzero"` // of data sets, with those that were added later
}

// An Entity is what there is to know of an entity, or what of it was asked for.
type Entity struct {
	Kind      platen.Kind `json:"kind,omitzero"`
	ID        platen.ID   `json:"id,omitzero"`
	Ancestors []Ref       `json:"ancestors,omitzero"` // from what it is in up to its set
	Position  *int64      `json:"position,omitzero"`  // among its siblings, from 0; nil: it has none
	Record    platen.ID   `json:"datarecord,omitzero"`

	CreateTime   time.Time        `json:"createTime,omitzero"`
	CreatedBy    string           `json:"createdBy,omitzero"`
	CreatedToken string           `json:"createdToken,omitzero"` // the name of the token that was used
	CreatedHow   string           `json:"createdHow,omitzero"`   // import or jobcreation
	UpdateTime   time.Time        `json:"updateTime,omitzero"`   // when it or what is below it last changed
	Counts       map[string]int64 `json:"counts,omitzero"`       // how many of what is below it, such as documents

	// Lists are nil if the kind does not have them, or they were not asked for.
	Properties []platen.NameValue `json:"properties,omitzero"`
	Metadata   []platen.NameValue `json:"metadata,omitzero"`
	Fields     []platen.NameValue `json:"fields,omitzero"`

	Revision string `json:"revision,omitzero"` // another one with each change of what is above; see [Client.DeleteEntity]
}

// MarshalJSON returns the entity as the API has it.
func (e Entity) MarshalJSON() ([]byte, error) {
	type plain Entity
	return olrest.EncodeNative(plain(e))
}

// MarshalJSON returns the child as the API has it.
func (c Child) MarshalJSON() ([]byte, error) { type plain Child; return olrest.EncodeNative(plain(c)) }

// A Change is what one request changed.
type Change struct {
	ID      int64         `json:"change"`
	Time    time.Time     `json:"time"`
	Type    string        `json:"type"` // update, revert, import, jobcreation, add, delete, undelete, or audit.…
	User    string        `json:"user,omitzero"`
	Token   string        `json:"token,omitzero"` // the name of the token that was used
	Request string        `json:"requestId,omitzero"`
	Reverts int64         `json:"reverts,omitzero"` // of a revert: which change
	Entries []ChangeEntry `json:"entries"`          // in a history: of the entity, or of its set
	More    bool          `json:"more,omitzero"`    // it has more entries than fit
}

// MarshalJSON returns the change as the API has it.
func (c Change) MarshalJSON() ([]byte, error) {
	type plain Change
	return olrest.EncodeNative(plain(c))
}

// A ChangeEntry is what a change did to one list, or to one set.
type ChangeEntry struct {
	Kind  platen.Kind       `json:"kind,omitzero"`
	ID    platen.ID         `json:"id,omitzero"`
	Set   platen.ID         `json:"set,omitzero"`   // that the entity belongs to
	Facet string            `json:"facet,omitzero"` // of which list; "": of the set
	Names []NameChange      `json:"names,omitzero"`
	Added int64             `json:"added,omitzero"` // how many data records
	Audit map[string]string `json:"audit,omitzero"` // of an audit: what happened
}

// MarshalJSON returns the entry as the API has it.
func (e ChangeEntry) MarshalJSON() ([]byte, error) {
	type plain ChangeEntry
	return olrest.EncodeNative(plain(e))
}

// A NameChange is what a change did to one name of a list. Nil: the name was not there.
type NameChange struct {
	Name   string  `json:"name"`
	Before *string `json:"before,omitzero"`
	After  *string `json:"after,omitzero"`
}

// An Event is one entry of a change, as a CloudEvent.
type Event struct {
	ID      string    `json:"id"`   // a number; larger than those of events before it
	Type    string    `json:"type"` // such as platen.update
	Subject string    `json:"subject,omitzero"`
	Time    time.Time `json:"time"`
	Data    EventData `json:"data,omitzero"`

	Body []byte `json:"-"` // the whole CloudEvent, as it was sent
}

// MarshalJSON returns the event as it was sent.
func (e Event) MarshalJSON() ([]byte, error) { return e.Body, nil }

// EventData is a change without its entries, and the entry that the event is of.
type EventData struct {
	Change  int64     `json:"change"`
	Time    time.Time `json:"time,omitzero"`
	Type    string    `json:"type,omitzero"` // such as update
	User    string    `json:"user,omitzero"`
	Token   string    `json:"token,omitzero"`
	Request string    `json:"requestId,omitzero"`
	Reverts int64     `json:"reverts,omitzero"`

	Kind  platen.Kind       `json:"kind,omitzero"`
	ID    platen.ID         `json:"id,omitzero"`
	Set   platen.ID         `json:"set,omitzero"`
	Facet string            `json:"facet,omitzero"`
	Names []NameChange      `json:"names,omitzero"`
	Added int64             `json:"added,omitzero"`
	Audit map[string]string `json:"audit,omitzero"`
}

// Entry returns the entry that the event is of.
func (d *EventData) Entry() ChangeEntry {
	return ChangeEntry{Kind: d.Kind, ID: d.ID, Set: d.Set, Facet: d.Facet, Names: d.Names, Added: d.Added, Audit: d.Audit}
}

// MarshalJSON returns the data as the API has it.
func (d EventData) MarshalJSON() ([]byte, error) {
	type plain EventData
	return olrest.EncodeNative(plain(d))
}

// A DeletedSet is a set that is deleted and still kept.
type DeletedSet struct {
	ID         platen.ID   `json:"id"`
	Kind       platen.Kind `json:"kind"`
	DeleteTime time.Time   `json:"deleteTime"`
	DeletedBy  string      `json:"deletedBy,omitzero"`
	PurgeTime  time.Time   `json:"purgeTime,omitzero"` // when it is removed for good; zero: never
	Final      bool        `json:"final"`              // it can not come back
}

// MarshalJSON returns the set as the API has it.
func (s DeletedSet) MarshalJSON() ([]byte, error) {
	type plain DeletedSet
	return olrest.EncodeNative(plain(s))
}

// A BulkUpdate sets and removes names in lists of many entities: those that are named,
// or those of a kind that a filter holds for.
type BulkUpdate struct {
	Kind     platen.Kind  `json:"kind,omitzero"`
	Filter   string       `json:"filter,omitzero"`
	All      bool         `json:"all,omitzero"` // of the kind, instead of Filter
	Entities []BulkEntity `json:"entities,omitzero"`

	Set     []platen.NameValue `json:"set,omitzero"`     // names as [Name] returns them
	Unset   []string           `json:"unset,omitzero"`   // the same
	InParts bool               `json:"inParts,omitzero"` // by an operation, however few there are
}

// MarshalJSON returns the update as the API has it.
func (u BulkUpdate) MarshalJSON() ([]byte, error) {
	type plain BulkUpdate
	return olrest.EncodeNative(plain(u))
}

// A BulkEntity is one of the entities of a [BulkUpdate].
type BulkEntity struct {
	ID   platen.ID         `json:"id"`
	Tags map[string]string `json:"tags,omitzero"` // what its lists must have: of "properties" and so on what [platen.Tag.String] returns
}

// Updated is what an update did, or would do.
type Updated struct {
	Change  int64           `json:"change,omitzero"` // in the log; 0: nothing was changed
	Matched int64           `json:"matched"`
	Changed int64           `json:"changed"`
	Preview []UpdatePreview `json:"preview,omitzero"` // of the first hundred that would change, or of fewer if their lists are large

	// Operation goes on with the update in parts, if it does: see
	// [Client.WaitOperation]. Then the rest is not known yet.
	Operation *OperationState `json:"operation,omitzero"`
}

// MarshalJSON returns what was updated as the API has it.
func (u Updated) MarshalJSON() ([]byte, error) {
	type plain Updated
	return olrest.EncodeNative(plain(u))
}

// An UpdatePreview is what an update would do to one entity; nil: nothing to that list.
type UpdatePreview struct {
	Kind       platen.Kind  `json:"kind"`
	ID         platen.ID    `json:"id"`
	Properties *BeforeAfter `json:"properties,omitzero"`
	Metadata   *BeforeAfter `json:"metadata,omitzero"`
	Fields     *BeforeAfter `json:"fields,omitzero"`
}

// MarshalJSON returns the preview as the API has it.
func (u UpdatePreview) MarshalJSON() ([]byte, error) {
	type plain UpdatePreview
	return olrest.EncodeNative(plain(u))
}

// BeforeAfter is a list before an update and after it.
type BeforeAfter struct {
	Before []platen.NameValue `json:"before"`
	After  []platen.NameValue `json:"after"`
}

// An OperationState is what is known of an operation: a job creation, or an update in
// parts.
type OperationState struct {
	ID        string           `json:"id"`
	Type      string           `json:"type"`     // jobcreation or update
	State     string           `json:"state"`    // running, done, failed or cancelled
	Progress  int              `json:"progress"` // 0 to 100
	StartTime time.Time        `json:"startTime"`
	EndTime   time.Time        `json:"endTime,omitzero"`
	Error     string           `json:"error,omitzero"` // why it failed
	Result    *OperationResult `json:"result,omitzero"`
}

// OperationResult is what an operation has done so far.
type OperationResult struct {
	JobSet  platen.ID `json:"jobset,omitzero"` // of a job creation
	Matched int64     `json:"matched,omitzero"`
	Changed int64     `json:"changed,omitzero"`
	Changes []int64   `json:"changes,omitzero"` // in the log
}
