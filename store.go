package platen

import (
	"context"
	"iter"
	"time"
)

// A Store keeps entities and their lists. What it has acknowledged is on
// disk. Its errors are [*Error]; each method names the codes that it adds to
// Internal and Unavailable. internal/storetest is the contract in code.
//
// All methods may be called at once from many goroutines.
type Store interface {
	// List returns one list of an entity; empty is [EmptyList].
	// NotFound: no entity of that kind has the ID.
	List(ctx context.Context, ref Ref, facet Facet) (List, error)

	// Replace puts update.Pairs in the place of one whole list.
	// NotFound as in List.
	Replace(ctx context.Context, kind Kind, facet Facet, update Update) error

	// Merge sets the named values in the lists of many entities, see
	// [MergeList], in order, all in one transaction or none.
	// NotFound names the first unknown ID.
	Merge(ctx context.Context, kind Kind, facet Facet, updates []Update) error

	// Entities returns all entities of a kind that is a set, ascending; of
	// content sets only those of contentType, unless that is "". Like all
	// listings it is read in parts: what is added or deleted meanwhile may be
	// in it or not, but a set that is deleted while its members are read is
	// NotFound.
	Entities(ctx context.Context, kind Kind, contentType string) ([]Run, error)

	// Children returns the entities of kind ref.Kind.Info().Child that ref
	// contains, in their order. NotFound as in List.
	Children(ctx context.Context, ref Ref) ([]Run, error)

	// Contents returns the content items of a job, each once, in document
	// order, or of a content set, in its order. NotFound as in List.
	Contents(ctx context.Context, ref Ref) (*Contents, error)

	// CreateJobSet stores a job set with all that it contains, in one
	// transaction or not at all. IDs that source gives are kept; content
	// items and data records that do not exist are created.
	// Conflict: an ID is taken, or a page contradicts a stored content item.
	CreateJobSet(ctx context.Context, source JobSetSource, options JobSetOptions) (Created, error)

	// MissingItem returns the first content item of source that does not
	// exist, 0 for none.
	MissingItem(ctx context.Context, source JobSetSource) (ID, error)

	// CreateDataSet stores a data set with its records, as CreateJobSet.
	// Invalid: a record has a table that the data set has not, or a value
	// that is not of its type. Conflict: an ID is taken.
	CreateDataSet(ctx context.Context, source DataSetSource) (Created, error)

	// CreateContentSet stores a content set with its items, as CreateJobSet.
	// Data records that do not exist are created. Conflict: an ID is taken.
	CreateContentSet(ctx context.Context, source ContentSetSource) (Created, error)

	// ReadDataSet calls begin with the data set, then yield with each record,
	// each before what is nested in it. NotFound as in List.
	ReadDataSet(ctx context.Context, id ID, begin func(SourceSet, *Table) error, yield func(*Record) error) error

	// ReadContentSet calls begin with the content set, then yield with each
	// item. NotFound as in List.
	ReadContentSet(ctx context.Context, id ID, begin func(SourceSet) error, yield func(*SourceItem) error) error

	// PageDetails yields the content items of a content set in its order, as
	// runs of items with the same [Details]. NotFound as in List.
	PageDetails(ctx context.Context, set ID, yield func(items Run, details []byte) error) error

	// Records yields data records in the order of ids, with recursive also
	// what is nested in each. NotFound names the first unknown ID; then
	// nothing was yielded.
	Records(ctx context.Context, ids []ID, recursive bool, yield func(*Record) error) error

	// AddRecords adds data records to data sets and to records, all in one
	// transaction or none. NotFound: a data set or record is unknown. Invalid
	// as in CreateDataSet.
	AddRecords(ctx context.Context, lists []NewRecords) error

	// UpdateFields sets the named fields of data records, as Merge does.
	// Invalid: a value is not of its type, or there would be more than
	// MaxFields.
	UpdateFields(ctx context.Context, updates []Update) error

	// Record returns the data record of a content item. NotFound as in List.
	Record(ctx context.Context, item ID) (ID, error)

	// ReadJobSet yields the job set and all that it contains, parents before
	// children, in their order. NotFound as in List. A set that is removed
	// while it is read ends in an error.
	ReadJobSet(ctx context.Context, id ID, yield func(*Element) error) error

	// Find yields what a search finds, one after the other, each with the number
	// of its group from 0: those of a group side by side, ascending by ID unless the search sorts. A search and one
	// of few connections are held until it returns, so yield must not wait
	// for a client. Invalid: the search is too large, or finds more than
	// [MaxSortBytes].
	Find(ctx context.Context, search *Search, yield func(group int, found *Found) error) error

	// Delete deletes a set: it and all that it contains are gone at once,
	// except content items and data records that another set uses. Their IDs
	// stay taken until Clean. While it runs, which may take long and goes on
	// when ctx ends, the set is NotFound, and what creates a set with one of
	// its members is Unavailable. If it is interrupted, Clean finishes it.
	// NotFound as in List.
	Delete(ctx context.Context, ref Ref) error

	// Clean removes for good a small part of what was deleted before a time,
	// and reports whether there may be more. It first finishes deletions that
	// were interrupted, whenever that was.
	Clean(ctx context.Context, before time.Time) (more bool, err error)

	// Ping fails if the store can not answer now.
	Ping(ctx context.Context) error

	UserStore
	OperationStore

	// Close finishes what is under way and releases the store.
	Close() error
}

// An Update is a new list, or changes to one, for one entity.
type Update struct {
	ID    ID
	Pairs []NameValue
}

// Contents are the content items of a job.
type Contents struct {
	Count  int64 // how many
	Digits int64 // decimal digits of all their IDs together
	// Blocks yields them in order, some thousand at a time. The slice is good
	// until the next one is asked for. An error ends it.
	Blocks iter.Seq2[[]Content, error]
}

// A Content is a content item and its data record.
type Content struct {
	Item, Record ID
}

// JobSetOptions are those of [Store.CreateJobSet].
type JobSetOptions struct {
	// Existing: content items that do not exist are not created, but NotFound.
	Existing bool
	// Operation gets the job set as its result, in the same transaction;
	// "" for none. Conflict: it has ended.
	Operation string
}

// Created is what [Store.CreateJobSet] and its like made.
type Created struct {
	ID       ID   // the set
	Children []ID // its jobs, content items, or data records at the top, in order
}

// A JobSetSource is a job set on its way into a store. It is read more than
// once and always gives the same.
type JobSetSource interface {
	// Nodes are the job set (the first), its jobs, job segments and document
	// sets in document order: each parent before its children.
	Nodes() []Node
	// Given is from the smallest to the largest ID that the source gives;
	// zero for none. New IDs are taken from outside. Of those from 2^52 up it
	// takes no notice, so that one of them can not use up the sequence.
	Given() Run
	// Read passes the rest to v, in document order.
	Read(v JobSetVisitor) error
}

// A Node is an entity above the documents.
type Node struct {
	Kind   Kind
	Parent int // index in Nodes, -1 for the job set
	ID     ID  // 0: the store gives one
}

// A JobSetVisitor takes what a [JobSetSource] reads. What its methods are
// passed is good only during the call.
type JobSetVisitor interface {
	// NodeList is one list of a node.
	NodeList(node int, facet Facet, list List) error
	// Page is one page of the document that comes next, in the document set
	// with that index in Nodes.
	Page(set int, page *Page) error
	// Document ends a document: its pages came before it.
	Document(document *SourceDocument) error
}

// A SourceDocument is a document of a [JobSetSource].
type SourceDocument struct {
	Set   int     // index in Nodes of its document set
	ID    ID      // 0: the store gives one
	Lists [2]List // by Facet; nil for none
}

// A Page is a document page.
type Page struct {
	ID      ID      // 0 for none
	Item    ID      // its content item
	Record  ID      // the data record of that; 0: not said
	Lists   [2]List // by Facet; nil for none
	Details []byte  // page details of the content item, see internal/olrest; nil: not said
}

// An Element is an entity of a job set on its way out of a store. Its kind
// says its level, and so what it belongs to.
type Element struct {
	Kind Kind
	Page // for kinds other than DocumentPage: ID and Lists only
}
