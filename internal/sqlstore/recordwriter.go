package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"

	"github.com/platenhq/platen"
)

// AddRecords implements [storage.Records]. The records are checked before the
// transaction begins.
func (s *Store) AddRecords(ctx context.Context, lists []platen.NewRecords) (err error) {
	ctx, done := s.observe(ctx, "add_records")
	defer func() { done(err) }()
	additions, err := s.additions(ctx, lists)
	if err != nil || len(additions) == 0 {
		return s.error("add data records", err)
	}
	w := &entityWriter{s: s, ctx: ctx}
	return s.error("add data records", w.write(true, func() (err error) {
		if w.change, err = w.t.reserveChange(); err != nil {
			return err
		}
		added := make(map[platen.ID][]platen.IDRange)
		for _, one := range additions {
			made, err := w.addRecords(one)
			if err != nil {
				return err
			}
			if w.root > 0 {
				added[w.root] = append(added[w.root], made...)
			}
		}
		return w.t.logAdded(added)
	}))
}

// An addition is data records, already checked, for one table of one parent.
type addition struct {
	parent  platen.Ref
	root    platen.ID // of parent, when the records were checked
	table   string    // of the records at depth 0; "": the top table of a data set
	records []newRecord
}

// additions checks lists, and joins the lists for one table of one parent.
func (s *Store) additions(ctx context.Context, lists []platen.NewRecords) ([]*addition, error) {
	type key struct {
		parent platen.ID
		table  string
	}
	var all []*addition
	places := make(map[key]*addition)
	lookup := s.schemas(ctx, true)
	number := 0 // of the list
	for some := range slices.Chunk(lists, readTogether) {
		holders, tables, err := s.parentTables(&lookup, some)
		if err != nil {
			return nil, err
		}
		for _, list := range some {
			ref := parentOf(list)
			parent := holders[ref.ID]
			check := recordCheck{free: parent.set() == 0, table: tables[parent.First], within: "/" + strconv.Itoa(number)}
			number++
			if list.DataSet == 0 {
				if check.table = check.table.Nested(list.Table); check.table == nil {
					return nil, tableError(list.Table, parent.set() == 0)
				}
			}
			if len(list.Records) == 0 {
				continue
			}
			at := key{ref.ID, list.Table}
			if places[at] == nil {
				places[at] = &addition{parent: ref, root: parent.root}
				if list.DataSet == 0 {
					places[at].table = list.Table
				}
				all = append(all, places[at])
			}
			for i := range list.Records {
				record, err := check.record(&list.Records[i])
				if err != nil {
					return nil, err
				}
				places[at].records = append(places[at].records, record)
			}
		}
	}
	return all, nil
}

func parentOf(list platen.NewRecords) platen.Ref {
	if list.DataSet == 0 {
		return platen.Ref{Kind: platen.DataRecord, ID: list.Parent}
	}
	return platen.Ref{Kind: platen.DataSet, ID: list.DataSet}
}

// parentTables returns the rows of the parents of lists, by the parents' ids, and
// the tables of the parents, by the rows' First. NotFound names the first parent
// that does not exist.
func (s *Store) parentTables(lookup *schemas, lists []platen.NewRecords) (map[platen.ID]row, map[platen.ID]*platen.Table, error) {
	if err := lookup.ctx.Err(); err != nil {
		return nil, nil, err
	}
	var ids []platen.ID
	for _, list := range lists {
		ids = append(ids, parentOf(list).ID)
	}
	holders, err := lookup.rows(ids)
	if err != nil {
		return nil, nil, err
	}
	var rows []row
	for _, list := range lists {
		ref := parentOf(list)
		if !holders[ref.ID].shows(ref) {
			return nil, nil, platen.NotFoundError(ref)
		}
		rows = append(rows, holders[ref.ID])
	}
	tables, err := lookup.tables(rows)
	return holders, tables, err
}

// addRecords writes an addition, if its parent is still in the same set.
func (w *entityWriter) addRecords(one *addition) (made []platen.IDRange, err error) {
	parent, err := selectRow(w.t.ctx, w.t.stmt(selectEntity), one.parent.ID)
	if err != nil {
		return nil, err
	}
	if !parent.shows(one.parent) {
		return nil, platen.NotFoundError(one.parent)
	}
	if parent.deleting {
		return nil, takenError(one.parent.Kind, one.parent.ID, parent)
	}
	if parent.root != one.root {
		return nil, platen.Errorf(platen.Unavailable, "the data set of %s %d was deleted meanwhile; send the records again", one.parent.Kind, one.parent.ID)
	}
	w.root = parent.root
	c := recordWriter{entityWriter: w, at: place{parent: one.parent.ID}}
	if one.table != "" {
		if c.tableID, err = w.tableID(one.table); err != nil {
			return nil, err
		}
	}
	err = w.t.stmt(selectPlaceNext).QueryRowContext(w.t.ctx, int64(one.parent.ID), int64(platen.DataRecord)).Scan(&c.at.ord)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	for _, record := range one.records {
		if record.depth == 0 && c.full() {
			if err := c.flush(); err != nil {
				return nil, err
			}
		}
		c.add(record)
	}
	if err := c.flush(); err != nil {
		return nil, err
	}
	return c.created, w.t.addFacts(w.root, len(one.records))
}

// tableError is for a table that the schema does not have at that place; free:
// there is no schema, since the data record belongs to no data set.
func tableError(table string, free bool) error {
	err := platen.Errorf(platen.Invalid, "the data set has no table %.60q at this place", table)
	if free {
		err = platen.Errorf(platen.Invalid, "the data record belongs to no data set, so it has no table %.60q", table)
	}
	return err.About(table)
}

// A recordCheck checks data records, each before the records nested in it, and
// brings them into the form in which they are stored.
type recordCheck struct {
	free  bool          // the records belong to no data set
	table *platen.Table // of records at depth 0
	open  int           // 0: the schema is fixed; else 1 more than the tables added so far

	path []*platen.Table // the tables of the last record, by depth

	within string // where the records at depth 0 have their list
	at     []int  // which record of its list the last one is, by depth
}

// record checks a record. An error says which it is.
func (k *recordCheck) record(source *platen.SourceRecord) (newRecord, error) {
	if source.Depth < len(k.at) {
		k.at = k.at[:source.Depth+1]
		k.at[source.Depth]++
	} else {
		k.at = append(k.at, 0)
	}
	record, err := k.check(source)
	if wrong, ok := err.(*platen.Error); ok {
		located := *wrong
		located.Message = "at " + k.within
		for _, number := range k.at {
			located.Message += "/records/" + strconv.Itoa(number)
		}
		located.Message += ": " + wrong.Message
		located.Offset = source.Offset
		err = &located
	}
	return record, err
}

func (k *recordCheck) check(source *platen.SourceRecord) (newRecord, error) {
	table := k.table
	if source.Depth > 0 {
		outer := k.path[source.Depth-1]
		if table = outer.Nested(source.Table); table == nil {
			if k.open == 0 {
				return newRecord{}, tableError(source.Table, k.free)
			}
			if k.open++; k.open > platen.MaxTables+1 {
				return newRecord{}, platen.Errorf(platen.Invalid, "the records are in more than %d tables", platen.MaxTables)
			}
			table = &platen.Table{Name: source.Table}
			outer.Tables = append(outer.Tables, table)
		}
	}
	k.path = append(k.path[:source.Depth], table)
	fields := source.Fields
	if table != nil && len(table.Columns) > 0 {
		fields = slices.Clone(fields)
	}
	if err := table.Check(fields); err != nil {
		return newRecord{}, err
	}
	list, err := platen.NewList(fields)
	return newRecord{
		id: source.ID, depth: source.Depth, name: source.Table,
		fields: list, properties: slices.Clone(source.Properties),
	}, err
}

// before returns a function that only checks records. It is used before the
// transaction begins, to learn the tables.
func (k *recordCheck) before(ctx context.Context) func(*platen.SourceRecord) error {
	return func(source *platen.SourceRecord) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		_, err := k.record(source)
		return err
	}
}

// A recordWriter creates the records of one data set, or those nested in
// one record.
type recordWriter struct {
	*entityWriter
	collection
	at      place // of the next record at depth 0
	tableID int64 // record_table.id of records at depth 0; 0: the top table

	records []newRecord
	stored  int   // the first ones of records, which are in the database already
	path    []int // indexes of the last record and of its parents, by depth
	made    []platen.ID
	created []platen.IDRange // all of them, where records are added to a set
}

// A newRecord is a record that is not yet in the database, or in which others
// that are not may still be nested.
type newRecord struct {
	id                 platen.ID
	depth              int
	name               string // of its table, for depth > 0
	fields, properties platen.List

	parent  int // index, for depth > 0
	tableID int64
	within  place // of the next record that is nested in it
}

// add takes a record.
func (w *recordWriter) add(record newRecord) {
	w.path = w.path[:record.depth]
	if record.depth > 0 {
		record.parent = w.path[record.depth-1]
	}
	w.cost += 1 + rowCost
	if record.properties != nil {
		w.cost += rowCost
	}
	w.bytes += len(record.fields) + len(record.properties)
	w.path = append(w.path, len(w.records))
	w.records = append(w.records, record)
}

// flush writes the records collected. Each level gets neighbouring
// identifiers. More may be nested in the last record and in its parents.
func (w *recordWriter) flush() error {
	fresh := w.records[w.stored:]
	w.counts.DataRecords += int64(len(fresh))
	deepest := 0
	for i := range fresh {
		record := &fresh[i]
		deepest = max(deepest, record.depth)
		record.tableID = w.tableID
		if record.depth > 0 {
			var err error
			if record.tableID, err = w.entityWriter.tableID(record.name); err != nil {
				return err
			}
		}
	}
	for depth := range deepest + 1 {
		if err := w.level(fresh, depth); err != nil {
			return err
		}
	}
	for _, record := range fresh {
		if err := w.list(record.id, platen.Fields, record.fields); err != nil {
			return err
		}
		if record.properties != nil {
			if err := w.list(record.id, platen.Properties, record.properties); err != nil {
				return err
			}
		}
	}
	for depth, i := range w.path {
		w.records[depth] = newRecord{within: w.records[i].within}
		w.path[depth] = depth
	}
	w.stored = len(w.path)
	w.records = w.records[:w.stored]
	w.collection.clear()
	return nil
}

// level creates those of fresh records that are at one depth.
func (w *recordWriter) level(fresh []newRecord, depth int) error {
	missing := 0
	for _, record := range fresh {
		if record.depth == depth && record.id == 0 {
			missing++
		}
	}
	next, err := w.allocate(missing)
	if err != nil {
		return err
	}
	var run platen.IDRange // collected, not yet in the database
	var of newRecord       // the first of it
	flush := func() error {
		if run.First == 0 {
			return nil
		}
		at := &w.at
		if depth > 0 {
			at = &w.records[of.parent].within
		}
		err := w.claimRow(platen.DataRecord, run, *at, of.tableID)
		if w.kind == 0 {
			w.created = append(w.created, run)
		}
		at.ord += run.Len()
		return err
	}
	for i := range fresh {
		record := &fresh[i]
		if record.depth != depth {
			continue
		}
		if record.id == 0 {
			record.id, next = next, next+1
		}
		record.within.parent = record.id
		if depth == 0 {
			w.made = append(w.made, record.id)
		}
		if run.First != 0 && record.id == run.Last+1 && record.parent == of.parent && record.tableID == of.tableID {
			run.Last = record.id
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		run, of = platen.IDRange{First: record.id, Last: record.id}, *record
	}
	return flush()
}
