package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/platenhq/platen"
)

// A builder creates entities in one transaction. Each kind of set has its own
// way to call it.
type builder struct {
	t     *transaction
	ctx   context.Context // of the caller, who may leave
	next  platen.ID       // the sequence
	given platen.Run      // identifiers that the source gives lie in here
	root  platen.ID       // the set that is created, or added to

	gaps    []gap // that are known
	index   indexer
	details map[string]int64 // details.id by body, some of them
	tables  map[string]int64 // record_table.id by name, some of them
}

// A place says where an entity belongs: to parent, from place ord on. parent
// 0 is for sets; -1 for what belongs to nothing.
type place struct {
	parent platen.ID
	ord    int64
}

var nowhere = place{parent: -1}

func newBuilder(ctx context.Context, t *transaction, given platen.Run) (*builder, error) {
	b := &builder{t: t, ctx: ctx, given: given, index: indexer{t: t}, details: make(map[string]int64), tables: make(map[string]int64)}
	return b, t.stmt(selectNext).QueryRowContext(t.ctx).Scan(&b.next)
}

// finish writes what is left, and the sequence back.
func (b *builder) finish() error {
	return errors.Join(b.index.flush(), b.t.exec(updateNext, int64(b.next)))
}

// allocate takes n neighbouring identifiers from the sequence, and returns the
// first; 0 if n is 0.
func (b *builder) allocate(n int) (platen.ID, error) {
	if n == 0 {
		return 0, nil
	}
	for {
		run := platen.Run{First: b.next, Last: b.next + platen.ID(n) - 1}
		if run.Last > platen.MaxID {
			return 0, platen.Errorf(platen.Conflict, "no identifiers are left: the sequence is at %d of %d", b.next, platen.MaxID)
		}
		if run.First <= b.given.Last && b.given.First <= run.Last {
			b.next = b.given.Last + 1
			continue
		}
		taken, err := b.below(run.Last)
		if err != nil {
			return 0, err
		}
		if taken.Last < run.First {
			b.next = run.Last + 1
			return run.First, nil
		}
		b.next = taken.Last + 1
	}
}

// insert adds a run of entities. record and details may be 0.
func (b *builder) insert(kind platen.Kind, run platen.Run, at place, record platen.ID, details int64) error {
	r := row{Run: run, kind: kind, parent: at.parent, ord: at.ord, record: record, details: details, root: b.rootOf(at)}
	b.take(r)
	return b.t.insertRow(r)
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

func (b *builder) rootOf(at place) platen.ID {
	if at.parent < 0 {
		return 0
	}
	return b.root
}

// claim adds a run of entities whose identifiers the source gave.
func (b *builder) claim(kind platen.Kind, run platen.Run, at place) error {
	return b.claimRow(kind, run, at, 0)
}

func (b *builder) claimRow(kind platen.Kind, run platen.Run, at place, details int64) error {
	taken, err := b.below(run.Last)
	if err != nil {
		return err
	}
	if taken.Last >= run.First {
		return takenError(kind, max(taken.First, run.First), taken)
	}
	return b.insert(kind, run, at, 0, details)
}

func takenError(kind platen.Kind, id platen.ID, by row) error {
	if by.leaving {
		err := platen.Errorf(platen.Unavailable, "%s %d belongs to a set that is being deleted: try again when that is done", by.kind, id)
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
	platen.Run
	record  platen.ID // data record of First, and so on; 0: not said
	details int64     // 0: not said
}

func itemConflict(id platen.ID, format string, args ...any) error {
	err := platen.Errorf(platen.Conflict, format, args...)
	err.Param = id.String()
	return err
}

// createItems creates a part of run, whose identifiers are free.
func (b *builder) createItems(run itemRun, part platen.Run, at place) (row, error) {
	records := platen.Run{}
	n := platen.ID(part.Len())
	if run.record == 0 {
		fresh, err := b.allocate(int(n))
		if err != nil {
			return row{}, err
		}
		records = platen.Run{First: fresh, Last: fresh + n - 1}
		if err := b.insert(platen.DataRecord, records, nowhere, 0, 0); err != nil {
			return row{}, err
		}
	} else {
		first := run.record + part.First - run.First
		records = platen.Run{First: first, Last: first + n - 1}
		if err := b.ensureRecords(records); err != nil {
			return row{}, err
		}
		// A data record may have taken what was free for the items.
		if records.First <= part.Last && part.First <= records.Last {
			return row{}, takenError(platen.ContentItem, max(records.First, part.First), row{kind: platen.DataRecord})
		}
	}
	err := b.insert(platen.ContentItem, part, at, records.First, run.details)
	return row{Run: part, kind: platen.ContentItem, record: records.First, details: run.details}, err
}

// ensureRecords creates those of the data records that do not exist.
func (b *builder) ensureRecords(run platen.Run) error {
	for last := run.Last; last >= run.First; {
		have, err := b.below(last)
		if err != nil {
			return err
		}
		if free := max(run.First, have.Last+1); free <= last {
			if err := b.insert(platen.DataRecord, platen.Run{First: free, Last: last}, nowhere, 0, 0); err != nil {
				return err
			}
			last = free - 1
			continue
		}
		if have.kind != platen.DataRecord || have.hidden || have.leaving {
			return takenError(platen.DataRecord, max(run.First, have.First), have)
		}
		last = have.First - 1
	}
	return nil
}

// detailsID returns the id of page details, which are stored once.
func (b *builder) detailsID(body []byte) (int64, error) {
	if id, ok := b.details[string(body)]; ok {
		return id, nil
	}
	var id int64
	err := b.t.stmt(selectDetailsID).QueryRowContext(b.t.ctx, string(body)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		id, err = b.insertDetails(body)
	}
	if err != nil {
		return 0, err
	}
	if len(b.details) >= 1024 {
		clear(b.details)
	}
	b.details[string(body)] = id
	return id, nil
}

// insertDetails stores page details, with what a search asks of them.
func (b *builder) insertDetails(body []byte) (id int64, err error) {
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
	err = b.t.stmt(insertDetails).QueryRowContext(b.t.ctx,
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
		if err := b.t.exec(insertDetailsMedia, id, part.Media.Name); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// tableID returns the id of the name of a table of data records.
func (b *builder) tableID(name string) (int64, error) {
	if id, ok := b.tables[name]; ok {
		return id, nil
	}
	var id int64
	err := b.t.stmt(selectTableID).QueryRowContext(b.t.ctx, name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = b.t.stmt(insertTable).QueryRowContext(b.t.ctx, name).Scan(&id)
	}
	if err == nil && len(b.tables) < 1024 {
		b.tables[name] = id
	}
	return id, err
}
