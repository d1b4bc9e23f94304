package sqlstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/counts"
	"github.com/platenhq/platen/internal/transfer"
)

// Pages implements [storage.Entities].
func (s *Store) Pages(ctx context.Context, ref platen.Ref, position int64, yield func(*transfer.Page) bool) (err error) {
	ctx, done := s.observe(ctx, "pages")
	defer func() { done(err) }()
	r := pageReader{position: position, wanted: yield}
	r.setReader = setReader{s: s, ctx: ctx, yield: r.element}
	switch ref.Kind {
	case platen.ContentItem:
		err = r.item(ref)
	case platen.Document:
		err = r.document(ref)
	default:
		return platen.Errorf(platen.Invalid, "%d is a %s: only documents and content items have pages of their own", ref.ID, ref.Kind)
	}
	if errors.Is(err, errCallerLeft) {
		err = nil
	}
	return s.error("read pages", err)
}

// A pageReader reads the pages of one document.
type pageReader struct {
	setReader
	position int64 // of the next page that is wanted
	wanted   func(*transfer.Page) bool
	at       int64 // of the next page that is read
}

// element passes on what the reader of a job set has found.
func (r *pageReader) element(e *transfer.Element) error {
	if !r.wanted(&e.Page) {
		return errCallerLeft
	}
	return nil
}

// item yields a content item as the page that it is.
func (r *pageReader) item(ref platen.Ref) error {
	if err := r.s.exists(r.ctx, ref); err != nil || r.position > 0 {
		return err
	}
	found, err := selectRow(r.ctx, r.s.on(selectEntity), ref.ID)
	if err != nil {
		return err
	}
	page := transfer.Page{Item: ref.ID}
	if found.record != 0 {
		page.Record = found.record + ref.ID - found.First
	}
	return r.page(page)
}

// document yields the pages of a document. The pages of a job are one stream, in
// which the document's place is known from the counts of its set.
func (r *pageReader) document(ref platen.Ref) error {
	e, err := r.s.Entity(r.ctx, ref.ID)
	if err != nil {
		return err
	}
	var job, set platen.ID
	for _, above := range e.Ancestors {
		switch above.Kind {
		case platen.Job:
			job = above.ID
		case platen.JobSet:
			set = above.ID
		}
	}
	before, err := r.documentsBefore(ref.ID, job, set)
	if err != nil {
		return err
	}
	r.openJob(job)
	if err := r.block.Skip(before); err != nil {
		return err
	}
	err = r.block.Document(func(page transfer.Page) error {
		if r.at++; r.at <= r.position {
			return nil
		}
		return r.page(page)
	})
	if err == nil {
		err = r.s.exists(r.ctx, ref) // otherwise the clean-up may have removed parts meanwhile
	}
	return err
}

// documentsBefore returns how many documents of a job come before one of it.
func (r *pageReader) documentsBefore(document, job, set platen.ID) (before int64, err error) {
	found := false
	counted := countReader{s: r.s, ctx: r.ctx, set: set, yield: func(b *counts.Block) error {
		at := int64(-1)
		for place, run := int64(0), 0; run < len(b.Documents) && at < 0; run++ {
			if one := b.Documents[run]; one.First <= document && document <= one.Last {
				at = place + int64(document-one.First)
			}
			place += b.Documents[run].Len()
		}
		place := int64(0)
		for i := range b.DocumentSets {
			n := b.DocumentSets[i].Documents
			if found = at >= 0 && at < place+n; found {
				before += at - place
				return errCallerLeft
			}
			if place += n; b.DocumentSets[i].Job == job {
				before += n
			}
		}
		return nil
	}}
	if err = counted.run(); errors.Is(err, errCallerLeft) {
		err = nil
	}
	if err == nil && !found {
		err = fmt.Errorf("document %d is not among the counts of job set %d", document, set)
	}
	return before, err
}
