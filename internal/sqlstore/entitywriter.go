package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/listcache"
)

// An entityWriter creates entities. The writer of each kind of set embeds it.
type entityWriter struct {
	s     *Store
	ctx   context.Context // of the caller, who may leave
	given platen.IDRange  // spans the identifiers that the source sets itself
	kind  platen.Kind     // of the set that is created; 0: records are added to one
	how   platen.ChangeType
	root  platen.ID // that set, or the one that is added to
	// The change that adds data records to what there is; 0 in an import, whose
	// change is known at its end only.
	change int64
	stage  platen.ID // import.go: its negative is the root of what belongs to nothing; 0 in the only transaction
	hidden bool      // what the transactions before have stored is hidden

	counts platen.Counts // of what was made so far

	inserted int64 // rows so far, see [Engine.AfterInserts]

	// Of the transaction under way.
	t          *transaction
	next       platen.ID        // the sequence
	taken      []platen.IDRange // that other imports may give
	freeRanges []freeRange      // the last ones used first
	index      dirtyRanges
	details    map[string]int64 // details.id by body, some of them
	tables     map[string]int64 // record_table.id by name, some of them
}

// A place is a parent and the position of a first child in it. parent is 0 for
// sets, and -1 for entities that belong to nothing.
type place struct {
	parent platen.ID
	ord    int64
}

var nowhere = place{parent: -1}

// allocate takes n neighbouring identifiers from the sequence, and returns the
// first; 0 if n is 0.
func (w *entityWriter) allocate(n int) (platen.ID, error) {
	if n == 0 {
		return 0, nil
	}
	for {
		run := platen.IDRange{First: w.next, Last: w.next + platen.ID(n) - 1}
		if run.Last > platen.MaxID {
			return 0, platen.Errorf(platen.Conflict, "no identifiers are left: the sequence is at %d of %d", w.next, platen.MaxID)
		}
		if above, ok := w.isGiven(run); ok {
			w.next = above
			continue
		}
		taken, err := w.entityAtOrBelow(run.Last)
		if err != nil {
			return 0, err
		}
		if taken.Last < run.First {
			w.next = run.Last + 1
			return run.First, nil
		}
		w.next = taken.Last + 1
	}
}

// isGiven reports whether an import may set identifiers of a run itself, and
// the first one above these.
func (w *entityWriter) isGiven(run platen.IDRange) (above platen.ID, ok bool) {
	for _, given := range append(w.taken, w.given) {
		if run.First <= given.Last && given.First <= run.Last {
			return given.Last + 1, true
		}
	}
	return 0, false
}

// insert adds a run of entities. record and details may be 0.
func (w *entityWriter) insert(kind platen.Kind, run platen.IDRange, at place, record platen.ID, details int64) error {
	r := row{IDRange: run, kind: kind, parent: at.parent, ord: at.ord, record: record, details: details, root: w.rootOf(at)}
	w.use(r)
	return w.t.insertRow(r)
}

func (w *entityWriter) rootOf(at place) platen.ID {
	if at.parent < 0 {
		return -w.stage
	}
	return w.root
}

// claim adds a run of entities whose identifiers the source set. Conflict: one
// is taken.
func (w *entityWriter) claim(kind platen.Kind, run platen.IDRange, at place) error {
	return w.claimRow(kind, run, at, 0)
}

func (w *entityWriter) claimRow(kind platen.Kind, run platen.IDRange, at place, details int64) error {
	taken, err := w.entityAtOrBelow(run.Last)
	if err != nil {
		return err
	}
	if taken.Last >= run.First {
		return takenError(kind, max(taken.First, run.First), taken)
	}
	return w.insert(kind, run, at, 0, details)
}

func takenError(kind platen.Kind, id platen.ID, by row) error {
	if by.deleting {
		err := platen.Errorf(platen.Unavailable, "%s %d belongs to a set that is being deleted: try again when that is done", by.kind, id)
		err.Param = id.String()
		return err
	}
	if by.importing {
		err := platen.Errorf(platen.Unavailable, "%s %d can not be created: id %d is taken by a %s of an import that is under way or was broken off: try again when that is done", kind, id, id, by.kind)
		err.Param = id.String()
		return err
	}
	of := ""
	if by.hidden {
		of = " of a deleted set, until the clean-up has removed it"
	}
	err := platen.Errorf(platen.Conflict, "%s %d can not be created: id %d is taken by a %s%s", kind, id, id, by.kind, of)
	err.Param = id.String()
	return err
}

// An itemRun is neighbouring content items with what the source says of them.
type itemRun struct {
	platen.IDRange
	record  platen.ID // data record of First, and so on; 0: not said
	details int64     // 0: not said
}

func itemConflict(id platen.ID, format string, args ...any) error {
	err := platen.Errorf(platen.Conflict, format, args...)
	err.Param = id.String()
	return err
}

// createItems creates a part of run. The identifiers of the part are unused.
func (w *entityWriter) createItems(run itemRun, part platen.IDRange, at place) (row, error) {
	var records platen.IDRange
	n := platen.ID(part.Len())
	if run.record == 0 {
		fresh, err := w.allocate(int(n))
		if err != nil {
			return row{}, err
		}
		records = platen.IDRange{First: fresh, Last: fresh + n - 1}
		if err := w.insert(platen.DataRecord, records, nowhere, 0, 0); err != nil {
			return row{}, err
		}
	} else {
		first := run.record + part.First - run.First
		records = platen.IDRange{First: first, Last: first + n - 1}
		if err := w.ensureRecords(records); err != nil {
			return row{}, err
		}
		// A new data record may have taken an identifier of the items.
		if records.First <= part.Last && part.First <= records.Last {
			return row{}, takenError(platen.ContentItem, max(records.First, part.First), row{kind: platen.DataRecord})
		}
	}
	err := w.insert(platen.ContentItem, part, at, records.First, run.details)
	return row{IDRange: part, kind: platen.ContentItem, record: records.First, details: run.details}, err
}

// ensureRecords creates the data records of a run that do not exist.
func (w *entityWriter) ensureRecords(run platen.IDRange) error {
	for last := run.Last; last >= run.First; {
		have, err := w.entityAtOrBelow(last)
		if err != nil {
			return err
		}
		if free := max(run.First, have.Last+1); free <= last {
			if err := w.insert(platen.DataRecord, platen.IDRange{First: free, Last: last}, nowhere, 0, 0); err != nil {
				return err
			}
			last = free - 1
			continue
		}
		if have.kind != platen.DataRecord || have.hidden || have.deleting {
			return takenError(platen.DataRecord, max(run.First, have.First), have)
		}
		last = have.First - 1
	}
	return nil
}

// detailsID returns the id of page details. Equal details are stored once.
func (w *entityWriter) detailsID(body []byte) (int64, error) {
	if id, ok := w.details[string(body)]; ok {
		return id, nil
	}
	var id int64
	err := w.t.stmt(selectDetailsID).QueryRowContext(w.t.ctx, string(body)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		id, err = w.insertDetails(body)
	}
	if err != nil {
		return 0, err
	}
	if len(w.details) >= 1024 {
		clear(w.details)
	}
	w.details[string(body)] = id
	return id, nil
}

// insertDetails stores page details, with the columns that searches compare.
func (w *entityWriter) insertDetails(body []byte) (id int64, err error) {
	details, err := platen.DecodeDetails(body)
	if err != nil {
		return 0, err
	}
	var pages, sheets int64
	duplex := 0
	for _, part := range details.Pages {
		pages += part.Count
		sheets += part.Sheets()
		if part.Duplex {
			duplex = 1
		}
	}
	err = w.t.stmt(insertDetails).QueryRowContext(w.t.ctx,
		string(body), pages, sheets, len(details.Pages), duplex, details.Template).Scan(&id)
	if err != nil {
		return 0, err
	}
	seen := make(map[string]bool)
	for _, part := range details.Pages {
		if seen[part.Media.Name] {
			continue
		}
		seen[part.Media.Name] = true
		if err := w.t.exec(insertDetailsMedia, id, part.Media.Name); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// tableID returns the id of the name of a table of data records.
func (w *entityWriter) tableID(name string) (int64, error) {
	if id, ok := w.tables[name]; ok {
		return id, nil
	}
	var id int64
	err := w.t.stmt(selectTableID).QueryRowContext(w.t.ctx, name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = w.t.stmt(insertTable).QueryRowContext(w.t.ctx, name).Scan(&id)
	}
	if err == nil && len(w.tables) < 1024 {
		w.tables[name] = id
	}
	return id, err
}

// list writes a list of a new entity. The fields of an added record are written even
// if there are none: that row says since when there is the record.
func (w *entityWriter) list(id platen.ID, facet platen.Facet, list platen.List) error {
	if string(list) == string(platen.EmptyList) && (w.change == 0 || facet != platen.Fields) {
		return nil
	}
	q, args := w.t.setList(listcache.Key{ID: id, Facet: facet}, list, w.change)
	if err := w.t.exec(q, args...); err != nil {
		return err
	}
	return w.index.add(w.root, id)
}
