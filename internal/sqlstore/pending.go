package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/search"
)

// A search waits for the index for a short time only, since beside many writers the
// index may be seconds behind. Then it gets the changes of the index that are
// pending in temporary tables: it reads what find_stale marks, and takes the values
// of the names that it needs from the lists, all in one transaction that sees the
// database as it is at one moment. So it takes as long as it takes to read these
// lists, and the writers do not wait for the index on its behalf.
//
// If much was imported, that is waited for, since it may be millions of lists.
const (
	pendingAfter    = 50 * time.Millisecond // of waiting for the index, see [WithIndexWait]
	pendingEntities = 100_000               // that are read at most
	pendingRanges   = 1000                  // of find_range, the same
	pendingBytes    = 16 << 20              // of values in the temporary tables of a search
	pendingLarge    = 2 << 20               // of lists over largeBytes: to read those again for each search costs more than to index them
	pendingRowBytes = 64                    // of a row, besides its value
)

// WithIndexWait returns the option that searches wait for the index for so long before
// they read pending changes.
func WithIndexWait(d time.Duration) Option { return func(s *Store) { s.indexWait = d } }

// errTooMuchPending is that a search has to wait for the index after all.
var errTooMuchPending = errors.New("too much of the index is pending")

// The temporary tables. pending_pair has the names of which entities have no value
// in the index, or another than pending_value has.
var (
	pendingPairTable  = table{"pending_pair", 2, integers("entity", "name"), ""}
	pendingValueTable = table{"pending_value", 3, findValueTable.columns, ""}
	pendingLongTable  = table{"pending_long", 2, findLongTable.columns, ""}
	pendingTables     = []table{pendingPairTable, pendingValueTable, pendingLongTable}
)

// pendingIndex is the index of pending_value that find_value has, too.
const pendingIndex = `CREATE INDEX pending_value_entity ON pending_value (entity, name)`

// withPending are the rows of a table of the index as they are with pending changes.
// The limit keeps databases from a join: for each entity that a search looks at, the
// index of pending_pair is the best way.
func withPending(columns, table, pending string) string {
	return "(SELECT " + columns + " FROM " + table + " AS f WHERE NOT EXISTS (SELECT 1 FROM pending_pair AS p" +
		" WHERE p.entity = f.entity AND p.name = f.name LIMIT 1 OFFSET 0) UNION ALL SELECT " + columns + " FROM " + pending + ")"
}

var (
	valuesWithPending = withPending("name, value, entity, digest", findValueTable.name, pendingValueTable.name)
	longsWithPending  = withPending("name, entity, value", findLongTable.name, pendingLongTable.name)
)

// The ranges without those of imports that are under way; if $1 is 1 without those of
// data sets and content sets.
var selectPendingRanges = onReader.query(`SELECT first, last FROM find_range WHERE late = 0
	AND ($1 = 0 OR ` + notOfRecords + `) AND ` + notUnderWay + ` ORDER BY seq LIMIT ` + decimal(pendingRanges+1))

// An indexQuery reads values from the index. stored is registered, and reads what
// is there; text is the same with another table of values.
type indexQuery struct {
	stored *query
	text   func(d Dialect, values string) string
}

func queryIndex(text func(d Dialect, values string) string) indexQuery {
	return indexQuery{onReader.queryFor(func(d Dialect) string { return text(d, findValueTable.name) }), text}
}

// A pendingWriter fills the temporary tables of a transaction.
type pendingWriter struct {
	planner
	tx     *sql.Tx
	ids    map[search.Name]int64 // of names; those that the index has not are negative
	kinds  map[platen.Kind]bool  // of which there are names of lists
	facets map[platen.Facet]bool // the same
	bytes  int                   // in the tables
	large  int                   // bytes of large lists that were read
}

// beginPending begins a transaction in which a search of a kind has the values of
// names with the changes that are pending, and returns the ids of the names there.
// errTooMuchPending: there are more than a search may read, or there can be no
// temporary tables.
func (s *Store) beginPending(ctx context.Context, kind platen.Kind, names []search.Name) (tx *sql.Tx, ids map[search.Name]int64, err error) {
	tx, err = s.engine.Temporary(ctx)
	if err != nil {
		return nil, nil, err
	}
	stmt := func(q *query) statement { return direct{tx, q.text(s.engine.Dialect)} }
	w := pendingWriter{planner: s.planner(ctx, stmt, tx), tx: tx, kinds: make(map[platen.Kind]bool), facets: make(map[platen.Facet]bool)}
	if err := w.fill(kind, names); err != nil {
		return nil, nil, errors.Join(err, ignoreDone(tx.Rollback()))
	}
	return tx, w.ids, nil
}

func (w *pendingWriter) fill(kind platen.Kind, names []search.Name) (err error) {
	if err := w.create(); err != nil {
		return err
	}
	if w.ids, err = nameIDs(w.planner, names); err != nil {
		return err
	}
	for i, name := range names {
		if name.Facet != platen.KeptFacts {
			w.kinds[name.Kind], w.facets[name.Facet] = true, true
			if w.ids[name] == 0 {
				w.ids[name] = -1 - int64(i)
			}
		}
	}
	kinds := slices.Collect(maps.Keys(w.kinds))
	for name := range w.updateTimes() {
		kinds = append(kinds, changing(name.Kind)...)
	}
	owners, err := w.dirtyOf(kinds, 0)
	if err != nil {
		return err
	}
	if len(w.facets) > 0 {
		imported, err := w.imported(kind, owners)
		if err != nil {
			return err
		}
		if err := w.lists(append(imported, owners...)); err != nil {
			return err
		}
	}
	return w.times(owners)
}

// create makes the temporary tables. A database that has none for us is no error to
// who searches.
func (w *pendingWriter) create() error {
	d := w.s.engine.Dialect
	for _, t := range pendingTables {
		if _, err := w.tx.ExecContext(w.ctx, d.CreateTemporary(t.name, t.columns, t.key)); err != nil {
			if w.ctx.Err() == nil && !w.s.isRetryable(err) {
				return errors.Join(errTooMuchPending, err)
			}
			return err
		}
	}
	_, err := w.tx.ExecContext(w.ctx, pendingIndex)
	return err
}

// dirtyOf returns the entities in find_stale that are of some kinds, or one.
func (p planner) dirtyOf(kinds []platen.Kind, one platen.ID) ([]owner, error) {
	owners, err := p.someDirtyOf(kinds, one, pendingEntities+1)
	if err == nil && len(owners) > pendingEntities {
		err = errTooMuchPending
	}
	return owners, err
}

// someDirtyOf is dirtyOf with another limit.
func (p planner) someDirtyOf(kinds []platen.Kind, one platen.ID, most int64) ([]owner, error) {
	numbers := make([]int64, len(kinds))
	for i, kind := range kinds {
		numbers[i] = int64(kind)
	}
	return p.owners(p.stmt(selectDirtyOf).QueryContext(p.ctx, p.s.engine.Dialect.IDs(numbers), int64(one), most))
}

// changedIn returns when something in a set changed last that is in find_stale, in
// microseconds since 1970; 0: nothing is. errTooMuchPending: there is more than most.
func (p planner) changedIn(set platen.ID, most int) (last int64, err error) {
	members, err := p.bounds(set)
	if err != nil {
		return 0, err
	}
	owners, err := p.owners(p.stmt(selectDirtyIn).QueryContext(p.ctx, int64(members.First), int64(members.Last), int64(set), most+1))
	if err == nil && len(owners) > most {
		err = errTooMuchPending
	}
	for _, o := range owners {
		if o.changed == 0 { // it is not known
			o.changed = p.s.now().UnixMicro()
		}
		last = max(last, o.changed)
	}
	return last, err
}

// bounds returns the range in which the members of a set are, and it itself. Others
// may be there, too.
func (p planner) bounds(set platen.ID) (platen.IDRange, error) {
	all := platen.IDRange{First: set, Last: set}
	for kind := platen.DataSet; kind <= platen.DocumentPage; kind++ {
		var of platen.IDRange
		if err := p.stmt(selectMemberBounds).QueryRowContext(p.ctx, int64(set), int64(kind)).Scan(&of.First, &of.Last); err != nil {
			return all, err
		}
		if of.First > 0 {
			all.First, all.Last = min(all.First, of.First), max(all.Last, of.Last)
		}
	}
	return all, nil
}

func (p planner) owners(rows *sql.Rows, err error) ([]owner, error) {
	owners, err := collect(rows, err, func(from scanner) (o owner, err error) {
		return o, from.Scan(&o.seq, &o.id, &o.changed)
	})
	p.s.writers.lastChanged(owners)
	return owners, err
}

// imported returns the entities in find_range that a search of a kind may find, and
// that are not among the others.
func (w *pendingWriter) imported(kind platen.Kind, others []owner) (owners []owner, err error) {
	seen := make(map[platen.ID]bool, len(others))
	for _, o := range others {
		seen[o.id] = true
	}
	rows, err := w.stmt(selectPendingRanges).QueryContext(w.ctx, flag(slices.Contains(ofJobs, kind)))
	ranges, err := collect(rows, err, func(from scanner) (one platen.IDRange, err error) {
		return one, from.Scan(&one.First, &one.Last)
	})
	if err != nil {
		return nil, err
	}
	if len(ranges) > pendingRanges {
		return nil, errTooMuchPending
	}
	left := pendingEntities // of rows that are read, many of which may be among the others
	for _, one := range ranges {
		rows, err := w.stmt(selectListed).QueryContext(w.ctx, int64(one.First), int64(one.Last), left+1)
		listed, err := collect(rows, err, func(from scanner) (o owner, err error) { return o, from.Scan(&o.id) })
		if err != nil {
			return nil, err
		}
		for _, o := range listed {
			if !seen[o.id] {
				seen[o.id], owners = true, append(owners, o)
			}
		}
		if left -= len(listed); left < 0 || len(seen) > pendingEntities {
			return nil, errTooMuchPending
		}
	}
	return owners, nil
}

// lists adds the values that lists have.
func (w *pendingWriter) lists(owners []owner) error {
	for owners := range slices.Chunk(owners, dirtyBatch) {
		kinds, err := w.planner.kinds(owners)
		if err != nil {
			return err
		}
		of := make(map[platen.Kind][]int64)
		for id, kind := range kinds {
			of[kind] = append(of[kind], int64(id))
		}
		for name, id := range w.ids {
			if name.Facet != platen.KeptFacts && len(of[name.Kind]) > 0 {
				if err := w.pairs(of[name.Kind], id); err != nil {
					return err
				}
			}
		}
		var found []pendingValue
		for facet := range w.facets {
			if found, err = w.read(facet, kinds, found); err != nil {
				return err
			}
		}
		if err := w.values(found); err != nil {
			return err
		}
	}
	return nil
}

// read appends the values of the names in lists. It holds one list at a time.
func (w *pendingWriter) read(facet platen.Facet, kinds map[platen.ID]platen.Kind, found []pendingValue) ([]pendingValue, error) {
	ids := make([]int64, 0, len(kinds))
	for id, kind := range kinds {
		if w.kinds[kind] {
			ids = append(ids, int64(id))
		}
	}
	if len(ids) == 0 {
		return found, nil
	}
	rows, err := w.stmt(selectListsAmong[facet]).QueryContext(w.ctx, w.s.engine.Dialect.IDs(ids))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	bytes := w.bytes
	for rows.Next() {
		var id platen.ID
		var list sql.RawBytes
		if err := rows.Scan(&id, &list); err != nil {
			return nil, err
		}
		if len(list) > largeBytes {
			if w.large += len(list); w.large > pendingLarge {
				return nil, errTooMuchPending
			}
		}
		pairs, err := platen.List(list).Decode()
		if err != nil {
			return nil, err
		}
		for _, pair := range pairs {
			if nameID := w.ids[search.Name{Kind: kinds[id], Facet: facet, Name: pair.Name}]; nameID != 0 {
				if bytes += len(pair.Value); bytes > pendingBytes {
					return nil, errTooMuchPending
				}
				found = append(found, pendingValue{nameID, id, newIndexed(strings.Clone(pair.Value))})
			}
		}
	}
	return found, rows.Err()
}

// updateTimes are those of the names that are when sets and jobs changed last. No other
// fact changes.
func (w *pendingWriter) updateTimes() map[search.Name]bool {
	wanted := make(map[search.Name]bool)
	for name := range w.ids {
		if name.Facet == platen.KeptFacts && name.Name == platen.UpdateTimeFact {
			wanted[name] = true
		}
	}
	return wanted
}

// times adds when jobs and sets changed, if that is one of the names.
func (w *pendingWriter) times(owners []owner) error {
	wanted := w.updateTimes()
	if len(wanted) == 0 {
		return nil
	}
	times, err := w.updated(owners)
	if err != nil {
		return err
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(times)), dirtyBatch) {
		some := make(map[platen.ID]int64, len(ids))
		for _, id := range ids {
			some[id] = times[id]
		}
		changes, err := w.planTimes(some)
		if err != nil {
			return err
		}
		of := make(map[int64][]int64)
		var found []pendingValue
		for _, change := range changes {
			if wanted[search.Name{Kind: change.name.kind, Facet: change.name.facet, Name: change.name.name}] {
				of[change.nameID] = append(of[change.nameID], int64(change.id))
				found = append(found, pendingValue{change.nameID, change.id, *change.is})
			}
		}
		for nameID, ids := range of {
			if err := w.pairs(ids, nameID); err != nil {
				return err
			}
		}
		if err := w.values(found); err != nil {
			return err
		}
	}
	return nil
}

// pairs adds entities to pending_pair with a name.
func (w *pendingWriter) pairs(ids []int64, nameID int64) error {
	d := w.s.engine.Dialect
	_, err := w.tx.ExecContext(w.ctx, `INSERT INTO pending_pair (name, entity) SELECT CAST($1 AS BIGINT), k.id FROM `+d.EachID("$2"), nameID, d.IDs(ids))
	return err
}

// A pendingValue is a value that the index does not have yet.
type pendingValue struct {
	nameID int64
	id     platen.ID
	indexed
}

// values adds values to the tables.
func (w *pendingWriter) values(found []pendingValue) error {
	values, longs := newDeferredRows(pendingValueTable.columns, false), newDeferredRows(pendingLongTable.columns, false)
	for _, v := range found {
		values.add([]any{v.nameID, v.head, int64(v.id), v.digest})
		if len(v.digest) > 0 {
			longs.add([]any{v.nameID, int64(v.id), []byte(v.long)})
		}
	}
	w.bytes += values.bytes + longs.bytes + pendingRowBytes*len(found)
	if w.bytes > pendingBytes {
		return errTooMuchPending
	}
	return errors.Join(w.insert(pendingValueTable, values), w.insert(pendingLongTable, longs))
}

func (w *pendingWriter) insert(to table, rows *deferredRows) error {
	if rows.count == 0 {
		return nil
	}
	if many := w.s.engine.Dialect.InsertMany(to.name, to.columns, ""); many != "" {
		_, err := w.tx.ExecContext(w.ctx, many, rows.args()...)
		return err
	}
	stmt, err := w.tx.PrepareContext(w.ctx, to.insert())
	if err != nil {
		return err
	}
	defer stmt.Close()
	for n := range rows.count {
		if _, err := stmt.ExecContext(w.ctx, rows.row(n)...); err != nil {
			return err
		}
	}
	return nil
}
