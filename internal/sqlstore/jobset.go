package sqlstore

import (
	"cmp"
	"context"
	"slices"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/block"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/transfer"
)

// CreateJobSet implements [storage.Importer].
func (s *Store) CreateJobSet(ctx context.Context, source transfer.JobSetSource, options storage.JobSetOptions) (_ platen.Created, err error) {
	ctx, done := s.observe(ctx, "create_job_set")
	defer func() { done(err) }()
	var made platen.Created
	err = s.importSet(ctx, platen.JobSet, source.ExplicitIDs(), func(e *entityWriter) error {
		if options.Operation != "" {
			e.how = platen.JobsCreated
		}
		w := jobSetWriter{entityWriter: e, nodes: source.Nodes(), existing: options.Existing, operation: options.Operation}
		w.ids = make([]platen.ID, len(w.nodes))
		w.level = level{kind: platen.JobSet, parent: -2}
		w.counter = newSetCounter(&w)
		if err := source.Read(&w); err != nil {
			return err
		}
		err := w.flush(true)
		made = platen.Created{ID: w.root, Children: []platen.ID{}}
		for i, node := range w.nodes {
			if node.Kind == platen.Job {
				made.Children = append(made.Children, w.ids[i])
			}
		}
		return err
	})
	if err != nil {
		return platen.Created{}, s.error("create job set", err)
	}
	return made, nil
}

// A jobSetWriter writes one job set. It is a [transfer.JobSetVisitor].
type jobSetWriter struct {
	*entityWriter
	nodes     []transfer.Node
	ids       []platen.ID // of nodes
	existing  bool        // a content item that does not exist is an error
	operation string      // that ends with the import; "" for none

	collection
	lists     []nodeList
	pages     []sourcePage
	documents []sourceDocument
	pending   int // the last pages, whose document has not come yet

	level level          // of nodes that are created next
	set   int            // document set of the last document created
	place int64          // documents created in it
	block *block.Builder // of the last job

	counter *setCounter
}

// A nodeList is a list of a node that is not yet in the database.
type nodeList struct {
	node  int
	facet platen.Facet
	list  platen.List
}

// A sourcePage is a page with a copy of its details.
type sourcePage struct {
	transfer.Page
	place   int   // a number of the collection
	details int64 // details.id, 0 if not said
	late    bool  // what it does not say, a later page of the content item does
}

// A sourceDocument is a document, or the first pages of a long one.
type sourceDocument struct {
	transfer.SourceDocument
	pages     int
	continued bool
}

// A level is how far the nodes of a kind are created.
type level struct {
	kind   platen.Kind
	next   int   // index of the next node
	parent int   // index of the parent of the last node; -2 before the first
	ord    int64 // nodes of the parent so far
}

// flush writes what was collected, and before the first of it all nodes. last:
// there is no more.
func (w *jobSetWriter) flush(last bool) error {
	for len(w.nodes) > collectNodes && w.level.kind <= platen.DocumentSet {
		if err := w.write(false, w.createNodes); err != nil {
			return err
		}
	}
	err := w.write(last, func() error {
		for w.level.kind <= platen.DocumentSet {
			if err := w.createNodes(); err != nil {
				return err
			}
		}
		for _, step := range []func() error{w.createLists, w.createDocuments, w.createContentItems, w.pack} {
			if err := step(); err != nil {
				return err
			}
		}
		if !last {
			return nil
		}
		if err := w.counter.finish(); err != nil || w.operation == "" {
			return err
		}
		return w.t.end(w.operation, w.root)
	})
	w.lists, w.pages, w.documents = w.lists[:0], w.pages[:0], w.documents[:0]
	w.collection.clear()
	return err
}

// collectNodes is how many nodes one transaction creates.
const collectNodes = collectCost / (1 + rowCost)

// createNodes creates the next nodes: first the job set, then all jobs, all job
// segments and all document sets. Nodes of one kind without an identifier get
// neighbouring ones.
func (w *jobSetWriter) createNodes() error {
	at := &w.level
	var some []int
	missing := 0
	for ; at.next < len(w.nodes) && len(some) < collectNodes; at.next++ {
		if w.nodes[at.next].Kind != at.kind {
			continue
		}
		some = append(some, at.next)
		if w.nodes[at.next].ID == 0 {
			missing++
		}
	}
	fresh, err := w.allocate(missing)
	if err != nil {
		return err
	}
	if err := w.createSome(some, fresh); err != nil {
		return err
	}
	if at.next == len(w.nodes) {
		*at = level{kind: at.kind + 1, parent: -2}
	}
	return nil
}

// createSome creates nodes of one kind. Those without an identifier get fresh
// and those after it.
func (w *jobSetWriter) createSome(nodes []int, fresh platen.ID) error {
	at := &w.level
	var run platen.IDRange // not yet in the database
	flush := func() error {
		if run.First == 0 {
			return nil
		}
		var id platen.ID // 0 for the job set, as for all sets
		if at.parent >= 0 {
			id = w.ids[at.parent]
		}
		err := w.claim(at.kind, run, place{parent: id, ord: at.ord})
		at.ord += run.Len()
		return err
	}
	for _, i := range nodes {
		node := w.nodes[i]
		id := node.ID
		if id == 0 {
			id, fresh = fresh, fresh+1
		}
		w.ids[i] = id
		if i == 0 {
			w.root = id
		}
		if node.Parent == at.parent && run.First != 0 && id == run.Last+1 {
			run.Last = id
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if node.Parent != at.parent {
			at.parent, at.ord = node.Parent, 0
		}
		run = platen.IDRange{First: id, Last: id}
	}
	return flush()
}

// NodeList implements [transfer.JobSetVisitor].
func (w *jobSetWriter) NodeList(node int, facet platen.Facet, list platen.List) error {
	w.lists = append(w.lists, nodeList{node, facet, w.addList(list)})
	return w.flushFull()
}

// createLists writes the lists of nodes.
func (w *jobSetWriter) createLists() error {
	for _, one := range w.lists {
		if err := w.list(w.ids[one.node], one.facet, one.list); err != nil {
			return err
		}
	}
	return nil
}

// Page implements [transfer.JobSetVisitor].
func (w *jobSetWriter) Page(set int, page *transfer.Page) error {
	kept := sourcePage{Page: *page, place: w.addDetails(page.Details)}
	kept.Details, kept.Lists = nil, w.addLists(page.Lists)
	w.cost++
	if kept.ID != 0 {
		w.cost += rowCost
	}
	if n := len(w.pages); n == 0 || kept.Item != w.pages[n-1].Item+1 {
		w.cost += rowCost
	}
	w.pages = append(w.pages, kept)
	w.pending++
	if w.full() {
		return w.close(sourceDocument{SourceDocument: transfer.SourceDocument{Set: set}, continued: true})
	}
	return nil
}

// Document implements [transfer.JobSetVisitor].
func (w *jobSetWriter) Document(document *transfer.SourceDocument) error {
	kept := sourceDocument{SourceDocument: *document}
	kept.Lists = w.addLists(document.Lists)
	w.cost++
	if n := len(w.documents); n == 0 || kept.Set != w.documents[n-1].Set {
		w.cost += rowCost
	}
	return w.close(kept)
}

// close ends a document, or a part of one, with the pages that are pending.
func (w *jobSetWriter) close(document sourceDocument) error {
	document.pages, w.pending = w.pending, 0
	w.documents = append(w.documents, document)
	return w.flushFull()
}

// flushFull writes what was collected if that is enough for a transaction.
// There are no pages whose document has not come, since their node has to.
func (w *jobSetWriter) flushFull() error {
	if w.full() {
		return w.flush(false)
	}
	return nil
}

// createDocuments creates the documents collected, and their lists.
func (w *jobSetWriter) createDocuments() error {
	missing := 0
	for _, d := range w.documents {
		if d.ID == 0 && !d.continued {
			missing++
		}
	}
	fresh, err := w.allocate(missing)
	if err != nil {
		return err
	}
	var run platen.IDRange
	flush := func() error {
		if run.First == 0 {
			return nil
		}
		err := w.claim(platen.Document, run, place{parent: w.ids[w.set], ord: w.place})
		w.place += run.Len()
		run = platen.IDRange{}
		return err
	}
	for i := range w.documents {
		d := &w.documents[i]
		if d.continued {
			continue
		}
		if d.ID == 0 {
			d.ID, fresh = fresh, fresh+1
		}
		if d.Set != w.set || d.ID != run.Last+1 {
			if err := flush(); err != nil {
				return err
			}
			run.First = d.ID
		}
		if d.Set != w.set {
			w.set, w.place = d.Set, 0
		}
		run.Last = d.ID
		for f, list := range d.Lists {
			if list != nil {
				if err := w.list(d.ID, platen.Facet(f), list); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}

// createContentItems creates the missing content items and data records of the
// pages collected, checks the others, and fills in the data record of each page.
func (w *jobSetWriter) createContentItems() error {
	details, err := w.detailsIDs(&w.collection)
	if err != nil {
		return err
	}
	for i, body := range w.collection.details {
		if _, err := w.counter.learn(details[i+1], []byte(body)); err != nil {
			return err
		}
	}
	for i := range w.pages {
		w.pages[i].details = details[w.pages[i].place]
		if id := w.pages[i].ID; id != 0 {
			if err := w.claim(platen.DocumentPage, platen.IDRange{First: id, Last: id}, nowhere); err != nil {
				return err
			}
		}
	}
	// Sorted, since the pages of neighbouring content items are mostly in one
	// batch, but not always side by side.
	byItem := make([]*sourcePage, len(w.pages))
	for i := range w.pages {
		byItem[i] = &w.pages[i]
	}
	slices.SortStableFunc(byItem, func(a, b *sourcePage) int { return cmp.Compare(a.Item, b.Item) })
	if err := mergePageFacts(byItem); err != nil {
		return err
	}
	for len(byItem) > 0 {
		run, n := nextRun(byItem)
		if err := w.resolveItems(run, byItem[:n]); err != nil {
			return err
		}
		byItem = byItem[n:]
	}
	return nil
}

// mergePageFacts gives all pages of a content item the data record and the page
// details that one of them has. pages are sorted by content item. Conflict: two
// pages differ.
func mergePageFacts(pages []*sourcePage) error {
	for len(pages) > 0 {
		first, n := pages[0], 1
		for ; n < len(pages) && pages[n].Item == first.Item; n++ {
			page := pages[n]
			if page.Record != 0 && first.Record != 0 && page.Record != first.Record {
				return itemConflict(first.Item, "content item %d is given both data record %d and %d", first.Item, first.Record, page.Record)
			}
			if page.details != 0 && first.details != 0 && page.details != first.details {
				return itemConflict(first.Item, "content item %d is given page details twice, and they differ", first.Item)
			}
			first.late = first.late || first.Record == 0 && page.Record != 0 || first.details == 0 && page.details != 0
			first.Record, first.details = max(first.Record, page.Record), max(first.details, page.details)
		}
		for _, page := range pages[1:n] {
			page.Record, page.details = first.Record, first.details
		}
		pages = pages[n:]
	}
	return nil
}

// nextRun returns the first run of neighbouring content items among pages, which
// are sorted by content item, and how many of the pages it covers.
func nextRun(pages []*sourcePage) (itemRun, int) {
	first := pages[0]
	run := itemRun{IDRange: platen.IDRange{First: first.Item, Last: first.Item}, record: first.Record, details: first.details}
	for n, page := range pages {
		same := page.Record == run.record // not said
		if page.Record != 0 && run.record != 0 {
			same = page.Record-run.record == page.Item-run.First
		}
		if page.Item > run.Last+1 || !same || page.details != run.details {
			return run, n
		}
		run.Last = page.Item
	}
	return run, len(pages)
}

// resolveItems creates the missing content items of a run, last first, and fills
// in the data record of each page.
func (w *jobSetWriter) resolveItems(run itemRun, pages []*sourcePage) error {
	for last := run.Last; last >= run.First; {
		have, err := w.entityAtOrBelow(last)
		if err != nil {
			return err
		}
		free := max(run.First, have.Last+1)
		if free <= last {
			if w.existing {
				return platen.NotFoundError(platen.Ref{Kind: platen.ContentItem, ID: free})
			}
			if err := checkFirstPages(pages, free); err != nil {
				return err
			}
			if have, err = w.createItems(run, platen.IDRange{First: free, Last: last}, nowhere); err != nil {
				return err
			}
		} else if err := checkItems(run, have); err != nil {
			return err
		}
		from := max(run.First, have.First)
		for i := len(pages) - 1; i >= 0 && pages[i].Item >= from; i-- {
			pages[i].Record, pages[i].details = have.record+pages[i].Item-have.First, have.details
			pages = pages[:i]
		}
		last = from - 1
	}
	return nil
}

// checkFirstPages returns a Conflict if a content item from free on, which is to be
// created, is first named by a page that says less of it than a later one. Pages of
// another transaction would find it created without that, so the size of an import
// would decide whether it is refused. pages are sorted by content item.
func checkFirstPages(pages []*sourcePage, free platen.ID) error {
	for i := len(pages) - 1; i >= 0 && pages[i].Item >= free; i-- {
		if page := pages[i]; page.late {
			return itemConflict(page.Item, "content item %d is not there yet, and the first page that names it does not say its data record or page details, which a later one does: say them at the first", page.Item)
		}
	}
	return nil
}

// checkItems returns a Conflict if the source says something else of run than
// the stored row does.
func checkItems(run itemRun, have row) error {
	id := max(run.First, have.First)
	if have.kind != platen.ContentItem || have.hidden || have.deleting {
		return takenError(platen.ContentItem, id, have)
	}
	stored := have.record + id - have.First
	if said := run.record + id - run.First; run.record != 0 && said != stored {
		return itemConflict(id, "content item %d belongs to data record %d, not %d", id, stored, said)
	}
	if run.details != 0 && run.details != have.details {
		return itemConflict(id, "content item %d is there already, with other page details", id)
	}
	return nil
}

// jobOf returns the job that a node below it belongs to.
func (w *jobSetWriter) jobOf(node int) platen.ID {
	for w.nodes[node].Kind != platen.Job {
		node = w.nodes[node].Parent
	}
	return w.ids[node]
}

// pack counts the pages collected, adds them to the content blocks of their jobs,
// and stores these, so that all content items that were checked in this transaction are in
// use when it ends.
func (w *jobSetWriter) pack() error {
	pages := make([]transfer.Page, len(w.pages))
	for i := range w.pages {
		pages[i] = w.pages[i].Page
	}
	counted := w.pages
	for i := range w.documents {
		d := &w.documents[i]
		if id := w.jobOf(d.Set); w.block == nil || w.block.Job() != id {
			if w.block != nil {
				if err := w.block.Flush(); err != nil {
					return err
				}
				w.counter.job.ContentItems = w.block.Items()
			}
			w.block = block.NewBuilder(id, func(b *block.Row) error { return w.t.insertBlock(b) })
		}
		if err := w.counter.add(d, counted[:d.pages]); err != nil {
			return err
		}
		counted = counted[d.pages:]
		if err := w.block.Document(pages[:d.pages], d.continued); err != nil {
			return err
		}
		pages = pages[d.pages:]
	}
	if w.block == nil {
		return nil
	}
	return w.block.Save()
}

// insertBlock stores a block.
func (t *transaction) insertBlock(b *block.Row) error {
	wide := 0
	if b.Wide() {
		wide = 1
	}
	// A nil slice would be NULL.
	return t.exec(insertContentBlock, int64(b.Job), b.Seq, b.Count, b.Digits, append([]byte{}, b.Pairs...), append([]byte{}, b.Pages...),
		int64(b.Items.First), int64(b.Items.Last), wide)
}
