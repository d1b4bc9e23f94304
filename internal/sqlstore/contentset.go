package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// CreateContentSet implements [storage.Importer].
func (s *Store) CreateContentSet(ctx context.Context, source transfer.ContentSetSource) (_ platen.Created, err error) {
	ctx, done := s.observe(ctx, "create_content_set")
	defer func() { done(err) }()
	var made platen.Created
	err = s.importSet(ctx, platen.ContentSet, source.ExplicitIDs(), func(w *entityWriter) error {
		c := contentItemWriter{entityWriter: w, set: source.ContentSet(), made: []platen.ID{}}
		if err := source.Read(c.add); err != nil {
			return err
		}
		err := c.flush(true)
		made = platen.Created{ID: w.root, Children: c.made}
		return err
	})
	if err != nil {
		return platen.Created{}, s.error("create content set", err)
	}
	return made, nil
}

// A contentItemWriter creates a content set with its content items.
type contentItemWriter struct {
	*entityWriter
	collection
	set   transfer.SourceSet
	at    place // of the next item
	items []newItem
	made  []platen.ID
}

// A newItem is a content item that is not yet in the database.
type newItem struct {
	id, record platen.ID
	details    int // a number of the collection
	properties platen.List
}

func (w *contentItemWriter) add(source *transfer.SourceItem) error {
	item := newItem{id: source.ID, record: source.Record, details: w.addDetails(source.Details), properties: w.addList(source.Properties)}
	if n := len(w.items); n == 0 || !item.follows(w.items[n-1]) {
		w.cost += rowCost
	}
	w.items, w.cost = append(w.items, item), w.cost+1
	if w.full() {
		return w.flush(false)
	}
	return nil
}

// follows reports whether the item can be in one row with the one before.
func (i newItem) follows(before newItem) bool {
	next := func(id platen.ID) platen.ID {
		if id == 0 {
			return 0
		}
		return id + 1
	}
	return i.id == next(before.id) && i.record == next(before.record) && i.details == before.details
}

// flush writes the items collected, with the first ones the set. last: there
// are no more.
func (w *contentItemWriter) flush(last bool) error {
	err := w.write(last, func() error {
		if w.root == 0 {
			if err := w.createSetRow(); err != nil {
				return err
			}
		}
		return w.writeItems()
	})
	w.items = w.items[:0]
	w.collection.clear()
	return err
}

// createSetRow creates the content set.
func (w *contentItemWriter) createSetRow() error {
	if err := w.createSet(platen.ContentSet, w.set); err != nil {
		return err
	}
	w.at.parent = w.root
	if w.set.Type == "" {
		return nil
	}
	return w.t.exec(insertContentSet, int64(w.root), w.set.Type)
}

// writeItems writes the items collected.
func (w *contentItemWriter) writeItems() error {
	w.counts.ContentItems += int64(len(w.items))
	details, err := w.detailsIDs(&w.collection)
	if err != nil {
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
	var run itemRun // not yet in the database
	for i := range w.items {
		item := &w.items[i]
		if item.id == 0 {
			item.id, fresh = fresh, fresh+1
		}
		w.made = append(w.made, item.id)
		record := run.record
		if record != 0 {
			record += item.id - run.First
		}
		if run.First != 0 && item.id == run.Last+1 && details[item.details] == run.details && item.record == record {
			run.Last = item.id
			continue
		}
		if err := w.create(run); err != nil {
			return err
		}
		run = itemRun{IDRange: platen.IDRange{First: item.id, Last: item.id}, record: item.record, details: details[item.details]}
	}
	if err := w.create(run); err != nil {
		return err
	}
	for _, item := range w.items {
		if item.properties != nil {
			if err := w.list(item.id, platen.Properties, item.properties); err != nil {
				return err
			}
		}
	}
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
