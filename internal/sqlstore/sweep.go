package sqlstore

// Rows that many entities share are stored once: names in the index, page
// details, names of tables. After a set was removed, the clean-up goes through
// these tables, a part in each batch, and removes unused rows.
//
// A transaction that looks up or adds such a row, in order to refer to it, holds
// the structure lock ([Store.change]) or keeps others from changing the index
// (blockFlush, lockIndex). The clean-up holds both, so no row gets into use while
// it is removed.

// sweepRows is how many rows one batch looks at.
const sweepRows = 1000

// sharedRows are the tables, each with a query for the last id of a batch, and
// the statements that remove the unused rows of a batch.
var sharedRows = []struct {
	last   *query
	remove []*query
}{
	{selectSweepNames, []*query{deleteUnusedNames}},
	{selectSweepDetails, []*query{deleteUnusedDetails, deleteUnusedMedia}},
	{selectSweepTables, []*query{deleteUnusedTables}},
}

// A sweep is how far the clean-up has come with these tables.
type sweep struct {
	due   bool
	table int   // in sharedRows
	after int64 // the last id of the last batch
}

// sweep does the next batch, and reports whether there are more.
func (t *transaction) sweep() (more bool, err error) {
	at := t.store.sweep
	if !at.due {
		return false, nil
	}
	kept := sharedRows[at.table]
	var last int64
	if err := t.stmt(kept.last).QueryRowContext(t.ctx, at.after, sweepRows).Scan(&last); err != nil {
		return false, err
	}
	if last == 0 {
		at.table, at.after = at.table+1, 0
		if at.table == len(sharedRows) {
			at = sweep{}
		}
	} else {
		for _, q := range kept.remove {
			if err := t.exec(q, at.after, last); err != nil {
				return false, err
			}
		}
		at.after = last
	}
	t.store.sweep = at // if the commit fails, the next sweep does it
	return at.due, nil
}
