package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// Rows of children that end at the position $3 or after it. Only one that begins
// before it can hold it.
var selectChildrenAt = onLookup.query(`SELECT ord, first, last FROM entity WHERE parent = $1 AND kind = $2
	AND ord >= coalesce((SELECT max(ord) FROM entity WHERE parent = $1 AND kind = $2 AND ord <= $3), 0)
	ORDER BY ord, first LIMIT $4`)

// How many children there are: the position after the last one.
var countChildren = onLookup.query(`SELECT ord + last - first + 1 FROM entity WHERE parent = $1 AND kind = $2 ORDER BY ord DESC, first DESC LIMIT 1`)

// ChildrenAt implements [storage.Entities].
func (s *Store) ChildrenAt(ctx context.Context, ref platen.Ref, position int64, most int) (found storage.Children, err error) {
	ctx, done := s.observe(ctx, "children_at")
	defer func() { done(err) }()
	switch found.Kind = ref.Kind.Info().Child; {
	case ref.Kind == platen.DataRecord:
		found.Kind = platen.DataRecord
	case found.Kind == platen.DocumentPage:
		return storage.Children{}, platen.Errorf(platen.Invalid, "the pages of a document are not entities of their own; GET …/entities/%d/pages lists them", ref.ID)
	}
	if found.Kind == 0 {
		return found, s.exists(ctx, ref)
	}
	parent, kind := int64(ref.ID), int64(found.Kind)
	rows, err := s.on(selectChildrenAt).QueryContext(ctx, parent, kind, position, most+1)
	all, err := collect(rows, err, scanChild)
	if err == nil {
		if err = s.on(countChildren).QueryRowContext(ctx, parent, kind).Scan(&found.Total); errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
	}
	if err == nil {
		err = s.exists(ctx, ref) // after the rows: a deletion hides the set before it takes members out
	}
	if err != nil {
		return storage.Children{}, s.error("list children", err)
	}
	left := int64(most)
	for _, one := range all {
		if before := position - one.ord; before > 0 {
			one.First += platen.ID(min(before, one.Len())) // a position may be larger than any identifier
		}
		one.Last = min(one.Last, one.First+platen.ID(left)-1)
		if one.First <= one.Last {
			found.IDs = append(found.IDs, one.IDRange)
			left -= one.Len()
		}
	}
	return found, nil
}
