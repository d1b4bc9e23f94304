package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/block"
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

	element transfer.Element
	block   *block.Reader // of the job that is read
	item    row           // of the content item looked up last
	details []byte        // its page details
}

// entities yields a run of entities of one kind, and all below them.
func (r *setReader) entities(kind platen.Kind, run platen.IDRange) error {
	return r.s.eachWithLists(r.ctx, run, platen.Facets[:], func(id platen.ID, lists entityLists) error {
		r.element = transfer.Element{Kind: kind}
		r.element.ID = id
		for _, f := range platen.Facets {
			r.element.Lists[f] = lists[f]
		}
		if err := r.pass(); err != nil {
			return err
		}
		return r.below(kind, id)
	})
}

// below yields what an entity contains.
func (r *setReader) below(kind platen.Kind, id platen.ID) error {
	switch kind {
	case platen.Document:
		return r.block.Document(r.page)
	case platen.Job:
		seq := int64(-1)
		r.block = block.NewReader(func() (pairs, pages []byte, err error) {
			seq++
			err = r.s.on(selectContentBlock).QueryRowContext(r.ctx, int64(id), seq).Scan(&pairs, &pages)
			if errors.Is(err, sql.ErrNoRows) {
				err = fmt.Errorf("job %d was removed while it was read", id)
			}
			return pairs, pages, err
		})
	}
	child := kind.Info().Child
	runs, err := r.s.children(r.ctx, id, child, nil)
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
