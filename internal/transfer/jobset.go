// Package transfer is the vocabulary of imports and exports: sets on their way
// into a store, as sources that it reads, or out of one, as the elements that
// it yields. Nothing in it is for clients.
package transfer

import (
	"github.com/platenhq/platen"
)

// A JobSetSource is a job set on its way into a store. It is read more than
// once and always gives the same.
type JobSetSource interface {
	// Nodes are the job set (the first), its jobs, job segments and document
	// sets in document order: each parent before its children.
	Nodes() []Node
	// ExplicitIDs spans the IDs that the source sets itself, as [Widen] counts them;
	// zero: it sets none. Generated IDs avoid it.
	ExplicitIDs() platen.IDRange
	// Read passes the rest to v, in document order.
	Read(v JobSetVisitor) error
}

// keepsSequence bounds the identifiers that move the sequence: from here up
// they do not, so that a single one can not use it up.
const keepsSequence platen.ID = 1 << 52

// Widen returns given, extended to ids. It takes no notice of 0, and of IDs
// from 2^52 up.
func Widen(given platen.IDRange, ids ...platen.ID) platen.IDRange {
	for _, id := range ids {
		if id <= 0 || id >= keepsSequence {
			continue
		}
		if given.First == 0 || id < given.First {
			given.First = id
		}
		given.Last = max(given.Last, id)
	}
	return given
}

// A Node is an entity above the documents.
type Node struct {
	Kind   platen.Kind
	Parent int       // index in Nodes, -1 for the job set
	ID     platen.ID // 0: the store gives one
}

// A JobSetVisitor takes what a [JobSetSource] reads. What its methods are
// passed is good only during the call.
type JobSetVisitor interface {
	// NodeList is one list of a node.
	NodeList(node int, facet platen.Facet, list platen.List) error
	// Page is one page of the document that comes next, in the document set
	// with that index in Nodes.
	Page(set int, page *Page) error
	// Document ends a document: its pages came before it.
	Document(document *SourceDocument) error
}

// A SourceDocument is a document of a [JobSetSource].
type SourceDocument struct {
	Set   int            // index in Nodes of its document set
	ID    platen.ID      // 0: the store gives one
	Lists [2]platen.List // by Facet; nil for none
}

// A Page is a document page.
type Page struct {
	ID      platen.ID      // 0 for none
	Item    platen.ID      // its content item
	Record  platen.ID      // the data record of that; 0: not said
	Lists   [2]platen.List // by Facet; nil for none
	Details []byte         // page details of the content item, see [platen.Details]; nil: not said
}

// An Element is an entity of a job set on its way out of a store. Its kind
// says its level, and so what it belongs to.
type Element struct {
	Kind platen.Kind
	Page // for kinds other than DocumentPage: ID and Lists only
}
