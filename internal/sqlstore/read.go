package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/block"
	"github.com/platenhq/platen/internal/transfer"
)

// Contents implements [storage.Sets].
func (s *Store) Contents(ctx context.Context, ref platen.Ref) (_ *transfer.Contents, err error) {
	ctx, done := s.observe(ctx, "contents")
	defer func() { done(err) }()
	if ref.Kind == platen.ContentSet {
		return s.setContents(ctx, ref.ID)
	}
	if err := s.exists(ctx, ref); err != nil {
		return nil, err
	}
	job := ref.ID
	c := &transfer.Contents{}
	err = s.on(selectContentSums).QueryRowContext(ctx, int64(job)).Scan(&c.Count, &c.Digits)
	if err != nil {
		return nil, s.error("read contents", err)
	}
	c.Blocks = func(yield func([]platen.Content, error) bool) {
		var contents []platen.Content
		var left = c.Count
		for seq := int64(-1); left > 0; {
			// No connection is held while the caller sends the blocks on.
			blocks, last, err := s.contentPairs(ctx, job, seq)
			if err == nil && len(blocks) == 0 {
				err = fmt.Errorf("job %d was removed while its contents were read", job)
			}
			if err != nil {
				yield(nil, s.error("read contents", err))
				return
			}
			seq = last
			for _, pairs := range blocks {
				if contents, err = block.AppendContents(contents[:0], pairs); err != nil {
					yield(nil, s.error("read contents", err))
					return
				}
				left -= int64(len(contents))
				if len(contents) > 0 && !yield(contents, nil) {
					return
				}
			}
		}
	}
	return c, nil
}

// blockFetch is how many blocks a reader of contents takes at a time.
const blockFetch = 8

// contentPairs reads the next few blocks after seq, and the last one's seq.
func (s *Store) contentPairs(ctx context.Context, job platen.ID, seq int64) ([][]byte, int64, error) {
	rows, err := s.on(selectContentPairs).QueryContext(ctx, int64(job), seq)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	blocks := make([][]byte, 0, blockFetch)
	for rows.Next() {
		var pairs []byte
		if err := rows.Scan(&seq, &pairs); err != nil {
			return nil, 0, err
		}
		blocks = append(blocks, pairs)
	}
	return blocks, seq, rows.Err()
}

// ReadJobSet implements [storage.Exporter].
func (s *Store) ReadJobSet(ctx context.Context, id platen.ID, yield func(*transfer.Element) error) (err error) {
	ctx, done := s.observe(ctx, "read_job_set")
	defer func() { done(err) }()
	ref := platen.Ref{Kind: platen.JobSet, ID: id}
	if err := s.exists(ctx, ref); err != nil {
		return err
	}
	r := setReader{s: s, ctx: ctx, yield: yield}
	err = r.entities(platen.JobSet, platen.Run{First: id, Last: id})
	if err == nil {
		err = s.exists(ctx, ref) // else parts of it may have been removed meanwhile
	}
	return s.error("read job set", err)
}

// A setReader reads a job set, in short queries: no connection is held while
// the caller sends it on.
type setReader struct {
	s     *Store
	ctx   context.Context
	yield func(*transfer.Element) error

	element transfer.Element
	block   *block.Reader // of the job that is read
	item    row           // the run of content items last looked up
	details []byte        // its page details
}

// entities yields a run of entities of one kind, and all below them.
func (r *setReader) entities(kind platen.Kind, run platen.Run) error {
	return r.s.eachWithLists(r.ctx, run, platen.Facets[:], func(id platen.ID, lists entityLists) error {
		r.element = transfer.Element{Kind: kind}
		r.element.ID = id
		for _, f := range platen.Facets {
			r.element.Lists[f] = lists[f]
		}
		if err := r.yield(&r.element); err != nil {
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
	return r.yield(&r.element)
}
