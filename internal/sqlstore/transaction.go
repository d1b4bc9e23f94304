package sqlstore

import "github.com/platenhq/platen"

// rows returns the rows that a query finds.
func (t *transaction) rows(q *query, args ...any) ([]row, error) {
	rows, err := t.stmt(q).QueryContext(t.ctx, args...)
	return collect(rows, err, scanRow)
}

// cut takes a part out of a row.
func (t *transaction) cut(from row, part platen.Run) error {
	if err := t.exec(deleteEntity, int64(from.First)); err != nil {
		return err
	}
	for _, rest := range []platen.Run{{First: from.First, Last: part.First - 1}, {First: part.Last + 1, Last: from.Last}} {
		if rest.First <= rest.Last {
			if err := t.insertRow(from.part(rest)); err != nil {
				return err
			}
		}
	}
	return nil
}

// insertRow adds a row to the table entity.
func (t *transaction) insertRow(r row) error {
	null := func(n int64) any {
		if n == 0 {
			return nil
		}
		return n
	}
	var parent any
	if r.parent >= 0 {
		parent = int64(r.parent)
	}
	return t.exec(insertEntity, int64(r.First), int64(r.Last), int64(r.kind), parent, r.ord,
		null(int64(r.record)), null(r.details), null(int64(r.root)))
}

// changed runs q and reports whether it changed a row.
func changed(t *transaction, q *query, args ...any) (bool, error) {
	result, err := t.stmt(q).ExecContext(t.ctx, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
