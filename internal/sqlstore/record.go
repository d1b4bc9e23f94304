package sqlstore

import (
	"context"
	"slices"

	"github.com/platenhq/platen"
)

// Records implements [storage.Records].
func (s *Store) Records(ctx context.Context, ids []platen.ID, recursive bool, yield func(*platen.Record) error) (err error) {
	ctx, done := s.observe(ctx, "records")
	defer func() { done(err) }()
	r := s.recordReader(ctx, recursive, yield)
	var parts []row // runs of ids within a row
	var have row
	for _, id := range ids {
		ref := platen.Ref{Kind: platen.DataRecord, ID: id}
		if !have.shows(ref) {
			var err error
			if have, err = s.visible(ctx, ref); err != nil {
				return err
			}
		}
		if n := len(parts); n > 0 && parts[n-1].Last+1 == id && id <= have.Last && have.First < id {
			parts[n-1].Last = id
			continue
		}
		part := have
		part.First, part.Last = id, id
		parts = append(parts, part)
	}
	for _, part := range parts {
		table, err := r.schemas.row(part)
		if err == nil {
			err = r.run(part, 0, table)
		}
		if err != nil {
			return s.error("read data records", err)
		}
	}
	return nil
}

// A recordReader reads data records, in short queries.
type recordReader struct {
	s         *Store
	ctx       context.Context
	recursive bool
	whole     bool // with properties
	yield     func(*platen.Record) error
	schemas   schemas
}

func (s *Store) recordReader(ctx context.Context, recursive bool, yield func(*platen.Record) error) *recordReader {
	return &recordReader{s: s, ctx: ctx, recursive: recursive, yield: yield, schemas: s.schemas(ctx, false)}
}

// run yields the records of a row, each followed by the records nested in it.
func (r *recordReader) run(rows row, depth int, table *platen.Table) error {
	name, err := r.schemas.name(rows.tableID())
	if err != nil {
		return err
	}
	record := platen.Record{DataSet: rows.set(), Table: name, Depth: depth, Schema: table}
	if rows.parent > 0 && rows.parent != rows.set() {
		record.Parent = rows.parent
	}
	facets := []platen.Facet{platen.Fields}
	if r.whole {
		facets = append(facets, platen.Properties)
	}
	return r.s.eachWithLists(r.ctx, rows.IDRange, facets, func(id platen.ID, lists entityLists) error {
		one := record
		one.ID, one.Fields, one.Lists[platen.Properties] = id, lists[platen.Fields], lists[platen.Properties]
		if one.Fields == nil {
			one.Fields = platen.EmptyList
		}
		if err := r.yield(&one); err != nil {
			return err
		}
		if !r.recursive || table != nil && len(table.Tables) == 0 {
			return nil
		}
		return r.within(id, depth+1, table)
	})
}

// within yields the records in a data set or record, grouped by table.
func (r *recordReader) within(parent platen.ID, depth int, outer *platen.Table) error {
	var rows []row
	err := r.s.eachRow(r.ctx, parent, platen.DataRecord, nil, func(page []row) error {
		rows = append(rows, page...)
		return nil
	})
	if err != nil {
		return err
	}
	order := make(map[int64]int)
	for i, one := range rows {
		if _, ok := order[one.tableID()]; !ok {
			order[one.tableID()] = i
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return order[a.tableID()] - order[b.tableID()] })
	for _, one := range rows {
		table := outer
		if one.tableID() != 0 {
			name, err := r.schemas.name(one.tableID())
			if err != nil {
				return err
			}
			table = outer.Nested(name)
		}
		if err := r.run(one, depth, table); err != nil {
			return err
		}
	}
	return nil
}

// UpdateFields implements [storage.Records].
func (s *Store) UpdateFields(ctx context.Context, updates []platen.Update) (err error) {
	ctx, done := s.observe(ctx, "update_fields")
	defer func() { done(err) }()
	lookup := s.schemas(ctx, true)
	tables := make(map[platen.ID]*platen.Table)
	checked := make([]platen.Update, 0, len(updates))
	for some := range slices.Chunk(updates, readTogether) {
		if err := s.fieldTables(&lookup, tables, some); err != nil {
			return err
		}
		for _, update := range some {
			update.Pairs = slices.Clone(update.Pairs)
			if err := tables[update.ID].Check(update.Pairs); err != nil {
				wrong := platen.Errorf(platen.Invalid, "data record %d: %v", update.ID, err)
				wrong.Param = update.ID.String()
				return wrong
			}
			checked = append(checked, update)
		}
	}
	return s.Merge(ctx, platen.DataRecord, platen.Fields, checked)
}

// fieldTables adds the tables of the data records that updates name. NotFound
// names the first record that does not exist.
func (s *Store) fieldTables(lookup *schemas, tables map[platen.ID]*platen.Table, updates []platen.Update) error {
	if err := lookup.ctx.Err(); err != nil {
		return err
	}
	var ids []platen.ID
	for _, update := range updates {
		if _, ok := tables[update.ID]; !ok {
			ids = append(ids, update.ID)
		}
	}
	if len(tables) > platen.MaxUpdateIDs {
		return errTooManyIDs
	}
	holders, err := lookup.rows(ids)
	if err != nil {
		return s.error("look up data record", err)
	}
	var rows []row
	for _, id := range ids {
		ref := platen.Ref{Kind: platen.DataRecord, ID: id}
		if !holders[id].shows(ref) {
			return platen.NotFoundError(ref)
		}
		rows = append(rows, holders[id])
	}
	found, err := lookup.tables(rows)
	if err != nil {
		return s.error("read schema", err)
	}
	for _, id := range ids {
		tables[id] = found[holders[id].First]
	}
	return nil
}

// Record implements [storage.Records].
func (s *Store) Record(ctx context.Context, item platen.ID) (_ platen.ID, err error) {
	ctx, done := s.observe(ctx, "record")
	defer func() { done(err) }()
	found, err := s.visible(ctx, platen.Ref{Kind: platen.ContentItem, ID: item})
	return found.record + item - found.First, err
}
