package platen

import (
	"context"
	"iter"
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

	// Entities returns all entities of a kind that is a set, ascending.
	Entities(ctx context.Context, kind Kind) ([]Run, error)

	// Children returns the entities of kind ref.Kind.Info().Child that ref
	// contains, in their order. NotFound as in List.
	Children(ctx context.Context, ref Ref) ([]Run, error)

	// Contents returns the content items of a job, each once, in document
	// order. NotFound as in List.
	Contents(ctx context.Context, job ID) (*Contents, error)

	// CreateJobSet stores a job set with all that it contains, in one
	// transaction or not at all. IDs that source gives are kept; content
	// items and data records that do not exist are created.
	// Conflict: an ID is taken, or a page contradicts a stored content item.
	CreateJobSet(ctx context.Context, source JobSetSource) (Created, error)

	// ReadJobSet yields the job set and all that it contains, parents before
	// children, in their order. NotFound as in List. A set that is removed
	// while it is read ends in an error.
	ReadJobSet(ctx context.Context, id ID, yield func(*Element) error) error

	// Ping fails if the store can not answer now.
	Ping(ctx context.Context) error

	UserStore

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

// Created is what [Store.CreateJobSet] made.
type Created struct {
	ID   ID   // the job set
	Jobs []ID // its jobs, in order
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
