package sqlstore

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/block"
	"github.com/platenhq/platen/internal/counts"
	"github.com/platenhq/platen/internal/transfer"
)

// ReadJobSet implements [storage.Exporter].
func (s *Store) ReadJobSet(ctx context.Context, id platen.ID, yield func(*transfer.Element) error) (err error) {
	ctx, done := s.observe(ctx, "read_job_set")
	defer func() { done(err) }()
	ref := platen.Ref{Kind: platen.JobSet, ID: id}
	if err := s.exists(ctx, ref); err != nil {
		return err
	}
	r := setReader{s: s, ctx: ctx, yield: yield}
	err = r.entities(platen.JobSet, platen.IDRange{First: id, Last: id})
	if err == nil {
		err = s.exists(ctx, ref) // otherwise the clean-up may have removed parts meanwhile
	}
	return s.error("read job set", err)
}

// A setReader reads a job set, in short queries: no connection is held while
// the caller sends it on.
type setReader struct {
	s     *Store
	ctx   context.Context
	yield func(*transfer.Element) error
	count int // of elements

	lists    [platen.DocumentPage][len(facets)]listWindow // by kind
	children [platen.DocumentPage]childWindow             // by kind, those of neighbours

	element transfer.Element
	block   *block.Reader // of the job that is read
	fetched []fetchedBlock
	item    row    // of the content item looked up last
	details []byte // its page details
}

// entities yields a run of entities of one kind, and all below them.
func (r *setReader) entities(kind platen.Kind, run platen.IDRange) error {
	for id := run.First; id <= run.Last; id++ {
		r.element = transfer.Element{Kind: kind}
		r.element.ID = id
		for _, f := range platen.Facets {
			lists := &r.lists[kind][f]
			list, err := lists.of(r.ctx, r.s, f, id, max(run.Last, lists.ahead(id)))
			if err != nil {
				return err
			}
			r.element.Lists[f] = list
		}
		if err := r.pass(); err != nil {
			return err
		}
		if err := r.below(kind, id); err != nil {
			return err
		}
	}
	return nil
}

// below yields what an entity contains.
func (r *setReader) below(kind platen.Kind, id platen.ID) error {
	switch kind {
	case platen.Document:
		return r.block.Document(r.page)
	case platen.Job:
		r.openJob(id)
	}
	child := kind.Info().Child
	runs, err := r.children[child].of(r.ctx, r.s, child, id)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if err := r.entities(child, run); err != nil {
			return err
		}
	}
	return nil
}

// Neighbours are entities from one identifier to another, of which something was read together.
type neighbours struct{ platen.IDRange }

func (w *neighbours) has(id platen.ID) bool { return w.First <= id && id <= w.Last }

// near is how far apart neighbours may be. Where an import gives each entity its
// identifier after the one that it is in, what a job contains is between it and the next
// job.
const near = 64

// ahead returns up to which entity to read something from id on: twice as many as last
// time, if that goes on about where it ended, since a set of many jobs is read one after
// the other.
func (w *neighbours) ahead(id platen.ID) platen.ID {
	if id <= w.Last || id > w.Last+near {
		return id
	}
	return id + 2*platen.ID(w.Len()) - 1
}

// A childWindow is the children of neighbours, of one kind.
type childWindow struct {
	neighbours
	runs map[platen.ID][]platen.IDRange // by the parent
}

// of returns the children of an entity. If they were not read yet, they are read with
// those of the next ones.
func (w *childWindow) of(ctx context.Context, s *Store, kind platen.Kind, parent platen.ID) ([]platen.IDRange, error) {
	if w.has(parent) {
		return w.runs[parent], nil
	}
	next := platen.IDRange{First: parent, Last: min(w.ahead(parent), parent+pageRows-1)}
	w.runs = make(map[platen.ID][]platen.IDRange)
	if next.Len() > 1 {
		rows, err := s.on(selectChildrenOf).QueryContext(ctx, int64(next.First), int64(next.Last), int64(kind), pageRows)
		children, err := collect(rows, err, func(from scanner) (c childOf, err error) {
			return c, from.Scan(&c.parent, &c.First, &c.Last)
		})
		if err != nil {
			return nil, err
		}
		if len(children) == pageRows { // those of the last parent may not be all
			next.Last = children[pageRows-1].parent - 1
		}
		for _, one := range children {
			w.runs[one.parent] = appendRun(w.runs[one.parent], one.IDRange)
		}
	}
	if next.Len() <= 1 {
		runs, err := s.children(ctx, parent, kind, nil)
		if err != nil {
			return nil, err
		}
		next.Last, w.runs[parent] = parent, runs
	}
	w.IDRange = next
	return w.runs[parent], nil
}

type childOf struct {
	parent platen.ID
	platen.IDRange
}

// A fetchedBlock is a row of content_block.
type fetchedBlock struct {
	job          platen.ID
	seq          int64
	pairs, pages []byte
}

// fetchJobs is how far ahead of a job the blocks of others are fetched with its
// own: the next ones that are read are mostly theirs.
const fetchJobs = 64

// openJob begins to read the pages of a job.
func (r *setReader) openJob(id platen.ID) {
	seq := int64(-1)
	r.block = block.NewReader(func() (pairs, pages []byte, err error) {
		seq++
		isNext := func(b fetchedBlock) bool { return b.job == id && b.seq == seq }
		at := slices.IndexFunc(r.fetched, isNext)
		if at < 0 {
			rows, err := r.s.on(selectContentBlocks).QueryContext(r.ctx, int64(id), seq, int64(id+fetchJobs))
			r.fetched, err = collect(rows, err, func(from scanner) (b fetchedBlock, err error) {
				return b, from.Scan(&b.job, &b.seq, &b.pairs, &b.pages)
			})
			if err != nil {
				return nil, nil, err
			}
			if at = slices.IndexFunc(r.fetched, isNext); at < 0 {
				return nil, nil, fmt.Errorf("job %d was removed while it was read", id)
			}
		}
		one := r.fetched[at]
		r.fetched = r.fetched[at+1:]
		return one.pairs, one.pages, nil
	})
}

func (r *setReader) page(page transfer.Page) error {
	if page.Item < r.item.First || r.item.Last < page.Item {
		item, err := selectRow(r.ctx, r.s.on(selectEntity), page.Item)
		if err != nil {
			return err
		}
		if item.details != r.item.details {
			r.details = nil
			if item.details != 0 {
				err := r.s.on(selectDetails).QueryRowContext(r.ctx, item.details).Scan(&r.details)
				if err != nil {
					return err
				}
			}
		}
		r.item = item
	}
	r.element = transfer.Element{Kind: platen.DocumentPage, Page: page}
	r.element.Details = r.details
	return r.pass()
}

// pass yields the element. What a set contains can keep a processor for long
// without waiting for anything, so other requests run in between.
func (r *setReader) pass() error {
	if r.count++; r.count%16 == 0 {
		runtime.Gosched()
	}
	return r.yield(&r.element)
}

// ReadDocuments implements [storage.Exporter]. The counts of the job set say
// which document sets and documents there are, so none is looked for.
func (s *Store) ReadDocuments(ctx context.Context, id platen.ID, yield func(*transfer.Element) error) (err error) {
	ctx, done := s.observe(ctx, "read_documents")
	defer func() { done(err) }()
	r := documentReader{setReader: setReader{s: s, ctx: ctx, yield: yield}}
	counted := countReader{s: s, ctx: ctx, set: id, yield: r.blockOf}
	return s.error("read documents", counted.run())
}

// A documentReader reads the documents of a job set by its counts.
type documentReader struct {
	setReader
	job, set platen.ID // that are open
}

// blockOf yields the documents of a block of counts.
func (r *documentReader) blockOf(b *counts.Block) error {
	runs, place := b.Documents, platen.ID(0)
	for i := range b.DocumentSets {
		set := &b.DocumentSets[i]
		if set.Job != r.job {
			r.job = set.Job
			r.openJob(set.Job)
		}
		if set.ID != r.set {
			r.set = set.ID
			if err := r.head(platen.DocumentSet, set.ID, b.DocumentSets[len(b.DocumentSets)-1].ID); err != nil {
				return err
			}
		}
		for range set.Documents {
			if err := r.head(platen.Document, runs[0].First+place, runs[0].Last); err != nil {
				return err
			}
			if err := r.block.Document(r.page); err != nil {
				return err
			}
			if place++; runs[0].First+place > runs[0].Last {
				runs, place = runs[1:], 0
			}
		}
	}
	return nil
}

// head yields an entity with its metadata, which is read with that of its
// neighbours up to last.
func (r *documentReader) head(kind platen.Kind, id, last platen.ID) error {
	list, err := r.lists[kind][platen.Metadata].of(r.ctx, r.s, platen.Metadata, id, last)
	if err != nil {
		return err
	}
	r.element = transfer.Element{Kind: kind}
	r.element.ID, r.element.Lists[platen.Metadata] = id, list
	return r.pass()
}

// The lists of so many neighbours are read together, or of fewer if they are long: those
// of a block of counts.
const windowMost = 4096

// A listWindow is the lists of neighbours, of one facet.
type listWindow struct {
	neighbours
	lists map[platen.ID]platen.List
}

// of returns the list of an entity. If it was not read yet, it is read with those of its
// neighbours up to last.
func (w *listWindow) of(ctx context.Context, s *Store, facet platen.Facet, id, last platen.ID) (list platen.List, err error) {
	if !w.has(id) {
		next := platen.IDRange{First: id, Last: max(id, min(id+windowMost-1, last))}
		if w.lists, next.Last, err = s.lists(ctx, facet, next); err != nil {
			return nil, err
		}
		w.IDRange = next
	}
	return w.lists[id], nil
}
