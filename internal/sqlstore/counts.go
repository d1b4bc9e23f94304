package sqlstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/counts"
	"github.com/platenhq/platen/internal/transfer"
)

// What a job set has is counted when it is written (internal/counts), since it
// never changes afterwards: except for the names of the metadata of documents.
// A change of metadata leaves the document in document_changed. The next count
// reads the metadata of the block of such a document again, and keeps its names.
//
// A job set from before these counts is read and counted when it is first asked
// for.

// A setCounter counts a job set while it is written.
type setCounter struct {
	w       *jobSetWriter
	builder *counts.Builder
	jobs    *counts.JobsBuilder
	begun   bool                         // a job
	job     platen.Counts                // of it: job segments and content items so far
	before  platen.Counts                // of the jobs before it
	node    int                          // the first that was not looked at
	details map[int64][]platen.PageCount // by details.id, some of them
	known   int                          // entries in details
}

// detailsKnown bounds the entries of page details that are remembered.
const detailsKnown = 64 << 10

func newSetCounter(w *jobSetWriter) *setCounter {
	c := &setCounter{w: w, details: make(map[int64][]platen.PageCount)}
	c.jobs = counts.NewJobsBuilder(func(seq int64, body []byte) error { return w.t.insertJobCounts(w.root, seq, body) })
	c.builder = counts.NewBuilder(func(seq int64, b *counts.Block) error {
		body, err := b.Encode(nil)
		if err != nil {
			return err
		}
		return w.t.insertCounts(w.root, seq, b.Span(), body)
	})
	return c
}

// add counts a document, or the first pages of a long one. The details of the
// pages are those that their content items have.
func (c *setCounter) add(d *sourceDocument, pages []sourcePage) error {
	if err := c.documentSets(d.Set); err != nil {
		return err
	}
	for i := range pages {
		parts, err := c.pageCounts(pages[i].details)
		if err != nil {
			return err
		}
		if err := c.builder.Page(parts); err != nil {
			return err
		}
	}
	if d.continued {
		return nil
	}
	return c.builder.Document(d.ID, d.Lists[platen.Metadata])
}

// documentSets begins the jobs and document sets up to a node.
func (c *setCounter) documentSets(last int) error {
	for ; c.node <= last; c.node++ {
		var err error
		switch c.w.nodes[c.node].Kind {
		case platen.Job:
			err = c.endJob()
			c.begun = true
		case platen.JobSegment:
			c.job.JobSegments++
		case platen.DocumentSet:
			err = c.builder.DocumentSet(c.w.jobOf(c.node), c.w.ids[c.node])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endJob keeps the counts of a job that has begun.
func (c *setCounter) endJob() error {
	if !c.begun {
		return nil
	}
	now, before, job := &c.builder.Total, &c.before, &c.job
	job.DocumentSets, job.Documents = now.DocumentSets-before.DocumentSets, now.Documents-before.Documents
	job.Pages, job.Sheets = now.Pages-before.Pages, now.Sheets-before.Sheets
	c.w.counts.Add(job)
	c.w.counts.Jobs++
	err := c.jobs.Add(job)
	c.before, c.job = *now, platen.Counts{}
	return err
}

// finish counts the document sets that are left, and writes the last block.
func (c *setCounter) finish() error {
	if c.w.block != nil {
		c.job.ContentItems = c.w.block.Items()
	}
	if err := c.documentSets(len(c.w.nodes) - 1); err != nil {
		return err
	}
	if err := c.endJob(); err != nil {
		return err
	}
	return errors.Join(c.jobs.Finish(), c.builder.Finish())
}

// pageCounts returns what page details say; id 0: there are none.
func (c *setCounter) pageCounts(id int64) ([]platen.PageCount, error) {
	if id == 0 {
		return nil, nil
	}
	if pages, ok := c.details[id]; ok {
		return pages, nil
	}
	var body []byte
	if err := c.w.t.stmt(selectDetails).QueryRowContext(c.w.t.ctx, id).Scan(&body); err != nil {
		return nil, err
	}
	return c.learn(id, body)
}

// learn remembers the page details with an id, so that they need not be looked
// up.
func (c *setCounter) learn(id int64, body []byte) ([]platen.PageCount, error) {
	if pages, ok := c.details[id]; ok {
		return pages, nil
	}
	details, err := platen.DecodeDetails(body)
	if c.known += 1 + len(details.Pages); c.known > detailsKnown {
		clear(c.details)
		c.known = 1 + len(details.Pages)
	}
	c.details[id] = details.Pages
	return details.Pages, err
}

// insertCounts stores a block of counts. Its version is a new one for each job
// set that has the same identifier.
func (t *transaction) insertCounts(set platen.ID, seq int64, documents platen.IDRange, body []byte) error {
	return t.exec(insertCountBlock, int64(set), seq, int64(documents.First), int64(documents.Last), rand.Int64()/2, body)
}

// markChanged adds the document whose metadata changes to document_changed.
func (l *groupList) markChanged() error {
	if l.Kind != platen.Document || l.key.Facet != platen.Metadata {
		return nil
	}
	return l.g.t.exec(upsertChanged, int64(l.key.ID), 1)
}

// cleanCounts removes some of the counts of a job set, and reports whether there
// may be more.
func (t *transaction) cleanCounts(set platen.ID) (more bool, err error) {
	for _, q := range []*query{deleteCounts, deleteJobCounts} {
		result, err := t.stmt(q).ExecContext(t.ctx, int64(set))
		if err != nil {
			return false, err
		}
		n, err := result.RowsAffected()
		if more = n == countsCleaned; more || err != nil {
			return more, err
		}
	}
	return false, nil
}

const (
	countsFetch   = 32  // blocks of counts that are read together
	countsCleaned = 256 // blocks of counts that are removed together
)

// CountJobSet implements [storage.Exporter].
func (s *Store) CountJobSet(ctx context.Context, id platen.ID, withMetadata bool, yield func(*transfer.Counts) error) (err error) {
	ctx, done := s.observe(ctx, "count_job_set")
	defer func() { done(err) }()
	c := countReader{s: s, ctx: ctx, set: id, names: !withMetadata, yield: func(b *counts.Block) error { return yield(&b.Counts) }}
	if withMetadata {
		var lists listWindow
		c.yield = func(b *counts.Block) error { return s.addMetadata(ctx, &b.Counts, &lists, yield) }
	}
	return s.error("count job set", c.run())
}

// A countReader reads the counts of a job set, in short queries: no connection
// is held while the caller uses them.
type countReader struct {
	s     *Store
	ctx   context.Context
	set   platen.ID
	names bool // the names of metadata are asked for
	yield func(*counts.Block) error
}

// run yields the blocks of the job set.
func (c *countReader) run() error {
	ref := platen.Ref{Kind: platen.JobSet, ID: c.set}
	if err := c.s.exists(c.ctx, ref); err != nil {
		return err
	}
	known, err := c.stored()
	if err == nil && !known {
		err = c.count()
	}
	if err == nil {
		err = c.s.exists(c.ctx, ref) // otherwise the clean-up may have removed parts meanwhile
	}
	return err
}

// A storedCounts is a row of count_block.
type storedCounts struct {
	seq, version int64
	body         []byte
	changed      bool // the metadata of its documents may have other names
}

// stored yields the counts that are stored, and reports whether there are any.
func (c *countReader) stored() (known bool, err error) {
	var b counts.Block
	for seq := int64(-1); ; {
		rows, err := c.s.on(selectCounts).QueryContext(c.ctx, int64(c.set), seq)
		page, err := collect(rows, err, func(from scanner) (one storedCounts, err error) {
			return one, from.Scan(&one.seq, &one.version, &one.body, &one.changed)
		})
		if err != nil {
			return known, err
		}
		for _, one := range page {
			if err := b.Decode(one.body); err != nil {
				return known, err
			}
			if c.names && one.changed {
				if err := c.refresh(one, &b); err != nil {
					return known, err
				}
			}
			if err := c.yield(&b); err != nil {
				return known, err
			}
			known, seq = true, one.seq
		}
		if len(page) < countsFetch {
			return known, nil
		}
	}
}

// A changedDocument is a row of document_changed.
type changedDocument struct{ id, version int64 }

// refresh reads the names of a block again if the metadata of one of its
// documents was changed, and keeps them. The order matters: what is changed
// after documents were read from document_changed is there again, or still.
func (c *countReader) refresh(one storedCounts, b *counts.Block) error {
	documents, err := c.changedOf(b)
	if err != nil || len(documents) == 0 {
		return err
	}
	var names counts.Names
	for _, run := range b.Documents {
		err := c.s.eachWithLists(c.ctx, run, []platen.Facet{platen.Metadata}, func(_ platen.ID, lists entityLists) error {
			return names.Add(lists[platen.Metadata])
		})
		if err != nil {
			return err
		}
	}
	b.Names = names.List
	body, err := b.Encode(nil)
	if err != nil {
		return err
	}
	// The answer is right whether this can be kept or not: the next one does it.
	_ = c.s.updateWith(c.ctx, NoLock, func(t *transaction) error {
		ok, err := changed(t, updateCounts, body, int64(c.set), one.seq, one.version)
		if err != nil || !ok {
			return err // another request was faster
		}
		for _, document := range documents {
			if err := t.exec(deleteChanged, document.id, document.version); err != nil {
				return err
			}
		}
		return nil
	})
	return nil
}

// changedOf returns the documents of a block that are in document_changed.
func (c *countReader) changedOf(b *counts.Block) ([]changedDocument, error) {
	span := b.Span()
	rows, err := c.s.on(selectChanged).QueryContext(c.ctx, int64(span.First), int64(span.Last))
	found, err := collect(rows, err, func(from scanner) (one changedDocument, err error) {
		return one, from.Scan(&one.id, &one.version)
	})
	if err != nil {
		return nil, err
	}
	mine := slices.Clone(b.Documents)
	slices.SortFunc(mine, func(a, b platen.IDRange) int { return int(a.First - b.First) })
	return slices.DeleteFunc(found, func(one changedDocument) bool {
		for len(mine) > 0 && mine[0].Last < platen.ID(one.id) {
			mine = mine[1:]
		}
		return len(mine) == 0 || platen.ID(one.id) < mine[0].First
	}), nil
}

// Counts of a job set from before they were stored are kept up to so many
// blocks and bytes, since they are written in one transaction.
const (
	keptBlocks = 8192
	keptBytes  = 16 << 20
)

// count reads the job set, yields its counts, and keeps them.
func (c *countReader) count() error {
	type row struct {
		seq  int64
		span platen.IDRange
		body []byte
	}
	var rows []row
	bytes := 0
	builder := counts.NewBuilder(func(seq int64, b *counts.Block) error {
		if bytes <= keptBytes && seq < keptBlocks {
			body, err := b.Encode(nil)
			if err != nil {
				return err
			}
			rows, bytes = append(rows, row{seq, b.Span(), body}), bytes+len(body)
		} else {
			rows, bytes = nil, keptBytes+1
		}
		return c.yield(b)
	})
	reader := setReader{s: c.s, ctx: c.ctx, yield: builder.Element}
	if err := reader.entities(platen.JobSet, platen.IDRange{First: c.set, Last: c.set}); err != nil {
		return err
	}
	if err := builder.Finish(); err != nil || len(rows) == 0 {
		return err
	}
	// The answer is right whether these can be kept or not: the next one does it.
	_ = c.s.changeSoon(c.ctx, func(t *transaction) error {
		set, err := selectRow(t.ctx, t.stmt(selectEntity), c.set)
		if err != nil || !set.shows(platen.Ref{Kind: platen.JobSet, ID: c.set}) {
			return err
		}
		known, err := t.hasCounts(c.set)
		if err != nil || known {
			return err // another request was faster
		}
		for _, one := range rows {
			if err := t.insertCounts(c.set, one.seq, one.span, one.body); err != nil {
				return err
			}
		}
		return nil
	})
	return nil
}

// hasCounts reports whether the counts of a job set are stored.
func (t *transaction) hasCounts(set platen.ID) (known bool, err error) {
	err = t.stmt(selectCounted).QueryRowContext(t.ctx, int64(set)).Scan(&known)
	return known, err
}

// addMetadata yields counts with the metadata of the document sets, in parts if that
// is long.
func (s *Store) addMetadata(ctx context.Context, c *transfer.Counts, lists *listWindow, yield func(*transfer.Counts) error) (err error) {
	sets, part := c.DocumentSets, *c
	begun, bytes := 0, 0
	for i := range sets {
		set := &sets[i]
		if set.Metadata, err = lists.of(ctx, s, platen.Metadata, set.ID, sets[len(sets)-1].ID); err != nil {
			return err
		}
		if bytes += len(set.Metadata); bytes > listBytes {
			part.DocumentSets = sets[begun : i+1]
			if err := yield(&part); err != nil {
				return err
			}
			begun, bytes = i+1, 0
		}
	}
	part.DocumentSets = sets[begun:]
	return yield(&part)
}
