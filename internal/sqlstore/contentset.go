package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// CreateContentSet implements [storage.Importer].
func (s *Store) CreateContentSet(ctx context.Context, source transfer.ContentSetSource) (_ platen.Created, err error) {
	ctx, done := s.observe(ctx, "create_content_set")
	defer func() { done(err) }()
	var made platen.Created
	err = s.change(ctx, func(t *transaction) error {
		e, err := newEntityWriter(ctx, t, source.ExplicitIDs())
		if err != nil {
			return err
		}
		set := source.ContentSet()
		if err := e.createSet(platen.ContentSet, set); err != nil {
			return err
		}
		if set.Type != "" {
			if err := t.exec(insertContentSet, int64(e.root), set.Type); err != nil {
				return err
			}
		}
		c := contentItemWriter{entityWriter: e, at: place{parent: e.root}, made: []platen.ID{}}
		if err := source.Read(c.add); err != nil {
			return err
		}
		if err := c.flush(); err != nil {
			return err
		}
		made = platen.Created{ID: e.root, Children: c.made}
		return e.finish()
	})
	if err != nil {
		return platen.Created{}, s.error("create content set", err)
	}
	return made, nil
}

// An contentItemWriter creates the content items of one content set.
type contentItemWriter struct {
	*entityWriter
	at    place
	items []newItem
	bytes int // of the lists in items
	made  []platen.ID
}

// A newItem is a content item that is not yet in the database.
type newItem struct {
	id, record platen.ID
	details    int64
	properties platen.List
}

func (w *contentItemWriter) add(source *transfer.SourceItem) error {
	item := newItem{id: source.ID, record: source.Record, properties: slices.Clone(source.Properties)}
	if source.Details != nil {
		var err error
		if item.details, err = w.detailsID(source.Details); err != nil {
			return err
		}
	}
	w.items = append(w.items, item)
	if w.bytes += len(item.properties); len(w.items) >= collectMost || w.bytes > 4<<20 {
		return w.flush()
	}
	return nil
}

// flush writes the items collected.
func (w *contentItemWriter) flush() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	missing := 0
	for _, item := range w.items {
		if item.id == 0 {
			missing++
		}
	}
	fresh, err := w.allocate(missing)
	if err != nil {
		return err
	}
	var run itemRun // collected, not yet in the database
	for i := range w.items {
		item := &w.items[i]
		if item.id == 0 {
			item.id, fresh = fresh, fresh+1
		}
		w.made = append(w.made, item.id)
		if run.First != 0 && item.id == run.Last+1 && item.details == run.details && item.record == run.record+item.id-run.First {
			run.Last = item.id
			continue
		}
		if err := w.create(run); err != nil {
			return err
		}
		run = itemRun{IDRange: platen.IDRange{First: item.id, Last: item.id}, record: item.record, details: item.details}
	}
	if err := w.create(run); err != nil {
		return err
	}
	for _, item := range w.items {
		if item.properties != nil {
			if err := w.list(platen.ContentItem, item.id, platen.Properties, item.properties); err != nil {
				return err
			}
		}
	}
	w.items, w.bytes = w.items[:0], 0
	return nil
}

// create creates a run of content items, and their missing data records.
func (w *contentItemWriter) create(run itemRun) error {
	if run.First == 0 {
		return nil
	}
	taken, err := w.entityAtOrBelow(run.Last)
	if err != nil {
		return err
	}
	if taken.Last >= run.First {
		return takenError(platen.ContentItem, max(taken.First, run.First), taken)
	}
	_, err = w.createItems(run, run.IDRange, w.at)
	w.at.ord += run.Len()
	return err
}

// ReadContentSet implements [storage.Exporter].
func (s *Store) ReadContentSet(ctx context.Context, id platen.ID, begin func(transfer.SourceSet) error, yield func(*transfer.SourceItem) error) (err error) {
	ctx, done := s.observe(ctx, "read_content_set")
	defer func() { done(err) }()
	set, err := s.set(ctx, platen.Ref{Kind: platen.ContentSet, ID: id})
	if err != nil {
		return err
	}
	err = s.on(selectContentType).QueryRowContext(ctx, int64(id)).Scan(&set.Type)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s.error("read content set", err)
	}
	if err := begin(set); err != nil {
		return err
	}
	return s.error("read content set", s.itemRows(ctx, id, func(items row, details []byte) error {
		return s.eachWithLists(ctx, items.IDRange, justProperties, func(id platen.ID, lists entityLists) error {
			return yield(&transfer.SourceItem{ID: id, Record: items.record + id - items.First, Properties: lists[platen.Properties], Details: details})
		})
	}))
}

// PageDetails implements [storage.Exporter].
func (s *Store) PageDetails(ctx context.Context, set platen.ID, yield func(items platen.IDRange, details []byte) error) (err error) {
	ctx, done := s.observe(ctx, "page_details")
	defer func() { done(err) }()
	if err := s.exists(ctx, platen.Ref{Kind: platen.ContentSet, ID: set}); err != nil {
		return err
	}
	return s.error("read page details", s.itemRows(ctx, set, func(items row, details []byte) error {
		return yield(items.IDRange, details)
	}))
}

// itemRows yields the rows of the items of a content set, with their details.
func (s *Store) itemRows(ctx context.Context, set platen.ID, yield func(items row, details []byte) error) error {
	var last int64
	var details []byte
	return s.eachItemRow(ctx, set, func(page []row) error {
		for _, items := range page {
			if items.details != last {
				last, details = items.details, nil
				if last != 0 {
					if err := s.on(selectDetails).QueryRowContext(ctx, last).Scan(&details); err != nil {
						return err
					}
				}
			}
			if err := yield(items, details); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachItemRow yields the rows of the items of a content set, a page at a time.
func (s *Store) eachItemRow(ctx context.Context, set platen.ID, yield func([]row) error) error {
	intact := func() error { return s.exists(ctx, platen.Ref{Kind: platen.ContentSet, ID: set}) }
	return s.eachRow(ctx, set, platen.ContentItem, intact, yield)
}
