package sqlstore

// What many entities share is kept once: names in the index, page details, the
// names of tables. Once a set is removed, the clean-up goes through all of it,
// some in each batch, and removes what nothing uses any more.
//
// That is safe, since nobody can be about to use it: who looks such a row up,
// or adds it, to refer to it does so while nobody else creates entities
// ([Store.change]) or while nobody else changes the index (lockRefreshing,
// lockIndex), and the clean-up holds both.

// sweepRows is how many rows one batch looks at.
const sweepRows = 1000

// keptOnce are the tables, each with a query for the id up to which a batch
// goes, and the statements that remove what is unused of a batch.
var keptOnce = []struct {
	last   *query
	remove []*query
}{
	{selectSweepNames, []*query{deleteUnusedNames}},
	{selectSweepDetails, []*query{deleteUnusedDetails, deleteUnusedMedia}},
	{selectSweepTables, []*query{deleteUnusedTables}},
}

// A sweep is how far the clean-up has come with that.
type sweep struct {
	due   bool
	table int   // in keptOnce
	after int64 // the last id that it has looked at
}

// sweep does the next batch, and reports whether there are more.
func (t *transaction) sweep() (more bool, err error) {
	at := t.store.sweep
	if !at.due {
		return false, nil
	}
	kept := keptOnce[at.table]
	var last int64
	if err := t.stmt(kept.last).QueryRowContext(t.ctx, at.after, sweepRows).Scan(&last); err != nil {
		return false, err
	}
	if last == 0 {
		at.table, at.after = at.table+1, 0
		if at.table == len(keptOnce) {
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
