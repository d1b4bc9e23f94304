package storetest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// A tree is an entity of a job set with all that it contains. A job set is a
// source; what is read back from a store is a tree, too.
type tree struct {
	Kind  platen.Kind
	ID    platen.ID
	Lists [2]platen.List
	In    []*tree
	Pages []transfer.Page // of a document
}

var _ transfer.JobSetSource = (*tree)(nil)

func jobSetOf(jobs ...*tree) *tree         { return &tree{Kind: platen.JobSet, In: jobs} }
func jobOf(segments ...*tree) *tree        { return &tree{Kind: platen.Job, In: segments} }
func segmentOf(sets ...*tree) *tree        { return &tree{Kind: platen.JobSegment, In: sets} }
func documentsOf(documents ...*tree) *tree { return &tree{Kind: platen.DocumentSet, In: documents} }
func documentOf(pages ...transfer.Page) *tree {
	return &tree{Kind: platen.Document, Pages: pages}
}

// page is a page with a content item and its data record, 0 for not said.
func page(item, record platen.ID) transfer.Page { return transfer.Page{Item: item, Record: record} }

// pagesOf is a job set with one document of those pages.
func pagesOf(pages ...transfer.Page) *tree {
	return jobSetOf(jobOf(segmentOf(documentsOf(documentOf(pages...)))))
}

// emptyJobs is a job set of n jobs with nothing in them.
func emptyJobs(n int) *tree {
	set := jobSetOf()
	for range n {
		set.In = append(set.In, jobOf())
	}
	return set
}

// as gives the entity an identifier.
func (e *tree) as(id platen.ID) *tree {
	e.ID = id
	return e
}

// with gives the entity a list; an empty one is as good as none.
func (e *tree) with(facet platen.Facet, list platen.List) *tree {
	if len(list) > len(platen.EmptyList) {
		e.Lists[facet] = list
	}
	return e
}

// properties and metadata give it a list that pairs reads.
func (e *tree) properties(text string) *tree {
	return e.with(platen.Properties, platen.EncodeList(pairs(text)))
}

func (e *tree) metadata(text string) *tree {
	return e.with(platen.Metadata, platen.EncodeList(pairs(text)))
}

// each calls fn with the entity and all that it contains, parents first.
func (e *tree) each(fn func(*tree)) {
	fn(e)
	for _, child := range e.In {
		child.each(fn)
	}
}

// documents returns how many documents it contains, and how many pages these
// have.
func (e *tree) documents() (documents, pages int) {
	e.each(func(e *tree) {
		if e.Kind == platen.Document {
			documents++
			pages += len(e.Pages)
		}
	})
	return documents, pages
}

// Nodes implements [transfer.JobSetSource].
func (e *tree) Nodes() []transfer.Node { return e.nodes(nil, -1) }

func (e *tree) nodes(nodes []transfer.Node, parent int) []transfer.Node {
	if e.Kind == platen.Document {
		return nodes
	}
	place := len(nodes)
	nodes = append(nodes, transfer.Node{Kind: e.Kind, Parent: parent, ID: e.ID})
	for _, child := range e.In {
		nodes = child.nodes(nodes, place)
	}
	return nodes
}

// ExplicitIDs implements [transfer.JobSetSource].
func (e *tree) ExplicitIDs() (given platen.IDRange) {
	e.each(func(e *tree) {
		given = transfer.Widen(given, e.ID)
		for _, page := range e.Pages {
			given = transfer.Widen(given, page.ID, page.Item, page.Record)
		}
	})
	return given
}

// Read implements [transfer.JobSetSource].
func (e *tree) Read(v transfer.JobSetVisitor) error {
	next := 0
	return e.read(v, -1, &next)
}

// read passes on e, which is in the node parent; next is the node that is read
// next.
func (e *tree) read(v transfer.JobSetVisitor, parent int, next *int) error {
	if e.Kind == platen.Document {
		for _, page := range e.Pages {
			if err := v.Page(parent, &page); err != nil {
				return err
			}
		}
		return v.Document(&transfer.SourceDocument{Set: parent, ID: e.ID, Lists: e.Lists})
	}
	node := *next
	*next++
	for _, child := range e.In {
		if err := child.read(v, node, next); err != nil {
			return err
		}
	}
	for facet, list := range e.Lists {
		if list == nil {
			continue
		}
		if err := v.NodeList(node, platen.Facet(facet), list); err != nil {
			return err
		}
	}
	return nil
}

func mustCreate(t *testing.T, s storage.Importer, set *tree) platen.Created {
	t.Helper()
	made, err := create(t, s, set)
	if err != nil {
		t.Fatal("create job set:", err)
	}
	return made
}

func create(t *testing.T, s storage.Importer, set *tree) (platen.Created, error) {
	t.Helper()
	return s.CreateJobSet(t.Context(), set, storage.JobSetOptions{})
}

// export reads a job set.
func export(t *testing.T, s storage.Exporter, id platen.ID) *tree {
	t.Helper()
	parents := make(map[platen.Kind]*tree) // the last one, by the kind of its children
	var set *tree
	err := s.ReadJobSet(t.Context(), id, func(e *transfer.Element) error {
		lists := e.Lists
		for i := range lists {
			lists[i] = slices.Clone(lists[i])
		}
		parent := parents[e.Kind]
		if e.Kind == platen.DocumentPage {
			page := e.Page
			page.Lists, page.Details = lists, bytes.Clone(page.Details)
			parent.Pages = append(parent.Pages, page)
			return nil
		}
		read := &tree{Kind: e.Kind, ID: e.ID, Lists: lists}
		parents[e.Kind.Info().Child] = read
		if parent == nil {
			set = read
		} else {
			parent.In = append(parent.In, read)
		}
		return nil
	})
	if err != nil {
		t.Fatal("read job set:", err)
	}
	return set
}
