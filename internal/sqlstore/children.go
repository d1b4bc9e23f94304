package sqlstore

import (
	"context"

	"github.com/platenhq/platen"
)

// Rows of children that end at the position $3 or after it. Only one that begins
// before it can hold it.
var selectChildrenAt = onLookup.query(`SELECT ord, first, last FROM entity WHERE parent = $1 AND kind = $2
	AND ord >= coalesce((SELECT max(ord) FROM entity WHERE parent = $1 AND kind = $2 AND ord <= $3), 0)
	ORDER BY ord, first LIMIT $4`)

// ChildrenAt implements [storage.Entities].
func (s *Store) ChildrenAt(ctx context.Context, ref platen.Ref, position int64, most int) (of platen.Kind, found []platen.IDRange, err error) {
	ctx, done := s.observe(ctx, "children_at")
	defer func() { done(err) }()
	switch of = ref.Kind.Info().Child; {
	case ref.Kind == platen.DataRecord:
		of = platen.DataRecord
	case of == platen.DocumentPage:
		return 0, nil, platen.Errorf(platen.Invalid, "the pages of a document are not entities of their own; an export of the job set has them")
	}
	if of == 0 {
		return 0, nil, s.exists(ctx, ref)
	}
	rows, err := s.on(selectChildrenAt).QueryContext(ctx, int64(ref.ID), int64(of), position, most+1)
	all, err := collect(rows, err, scanChild)
	if err == nil {
		err = s.exists(ctx, ref) // after the rows: a deletion hides the set before it takes members out
	}
	if err != nil {
		return 0, nil, s.error("list children", err)
	}
	left := int64(most)
	for _, one := range all {
		if before := position - one.ord; before > 0 {
			one.First += platen.ID(before)
		}
		one.Last = min(one.Last, one.First+platen.ID(left)-1)
		if one.First <= one.Last {
			found = append(found, one.IDRange)
			left -= one.Len()
		}
	}
	return of, found, nil
}
