package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/platenhq/platen"
)

// exists returns NotFound unless there is an entity ref.
func (s *Store) exists(ctx context.Context, ref platen.Ref) error {
	_, err := s.visible(ctx, ref)
	return err
}

// visible returns the row that holds ref. NotFound: there is none, or it is
// hidden.
func (s *Store) visible(ctx context.Context, ref platen.Ref) (row, error) {
	found, err := selectRow(ctx, s.on(selectEntity), ref.ID)
	if err != nil {
		return row{}, s.error("look up "+ref.Kind.String(), err)
	}
	if !found.shows(ref) {
		return row{}, platen.NotFoundError(ref)
	}
	return found, nil
}

// KindOf implements [storage.Entities].
func (s *Store) KindOf(ctx context.Context, id platen.ID) (_ platen.Kind, err error) {
	ctx, done := s.observe(ctx, "kind_of")
	defer func() { done(err) }()
	found, err := s.anyVisible(ctx, id)
	return found.kind, err
}

// anyVisible is visible for an entity of whatever kind.
func (s *Store) anyVisible(ctx context.Context, id platen.ID) (row, error) {
	found, err := selectRow(ctx, s.on(selectEntity), id)
	if err != nil {
		return row{}, s.error("look up an entity", err)
	}
	if ref := (platen.Ref{Kind: found.kind, ID: id}); !found.shows(ref) {
		return row{}, platen.NotFoundError(platen.Ref{ID: id})
	}
	return found, nil
}

// A row is a row of the table entity.
type row struct {
	platen.IDRange
	kind      platen.Kind
	parent    platen.ID // 0: a set; -1: belongs to nothing
	ord       int64     // place of First in parent
	record    platen.ID // content items: data record of First; 0 for none
	details   int64     // content items: details.id; data records: see tableID; 0 for none
	root      platen.ID // the set that it belongs to; 0 or less for none, see import.go
	hidden    bool      // that set is deleted or being imported, or it is a set that is being deleted
	deleting  bool      // that set is being deleted: nothing new can refer to its members
	importing bool      // that set is being imported
}

// set returns the set that the row belongs to, 0 for none.
func (r row) set() platen.ID { return max(r.root, 0) }

// belongsToNothing reports whether the row is in no set, nor in another entity.
func (r row) belongsToNothing() bool { return r.root <= 0 && r.parent < 0 }

// tableID returns the record_table.id of data records; 0: the top table of a
// data set.
func (r row) tableID() int64 { return r.details }

// shows reports whether the row holds ref and is not hidden.
func (r row) shows(ref platen.Ref) bool {
	return r.First <= ref.ID && ref.ID <= r.Last && r.kind == ref.Kind && !r.hidden
}

// selectRow returns the last run that begins at or below id: the one that
// holds id, if any does. With none its Last is 0.
func selectRow(ctx context.Context, stmt statement, id platen.ID) (row, error) {
	r, err := scanRow(stmt.QueryRowContext(ctx, int64(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return row{}, nil
	}
	return r, err
}

// scanRow reads rowColumns.
func scanRow(from scanner) (row, error) { return scanRowAfter(from) }

// scanRowAfter reads rowColumns and the columns before them.
func scanRowAfter(from scanner, before ...any) (r row, err error) {
	var state int // see rowColumns
	err = from.Scan(append(before, &r.First, &r.Last, &r.kind, &r.parent, &r.ord, &r.record, &r.details, &r.root, &state)...)
	r.hidden, r.deleting, r.importing = state == rootDeleted || state == rootImporting, state == rootDeleting, state == rootImporting
	return r, err
}

// ignoreNoRows is for a query that may find nothing.
func ignoreNoRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// part returns the row of a part of r.
func (r row) part(run platen.IDRange) row {
	ahead := run.First - r.First
	r.ord += int64(ahead)
	if r.record != 0 {
		r.record += ahead
	}
	r.IDRange = run
	return r
}

// records returns the data records of a row of content items.
func (r row) records() platen.IDRange {
	return platen.IDRange{First: r.record, Last: r.record + r.Last - r.First}
}
