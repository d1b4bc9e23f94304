package sqlstore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/listcache"
	"github.com/platenhq/platen/internal/transfer"
)

// createSet creates a set, with its lists.
func (b *builder) createSet(kind platen.Kind, set transfer.SourceSet) error {
	b.root = set.ID
	if b.root == 0 {
		var err error
		if b.root, err = b.allocate(1); err != nil {
			return err
		}
	}
	if err := b.claim(kind, platen.Run{First: b.root, Last: b.root}, place{}); err != nil {
		return err
	}
	for f, list := range set.Lists {
		if list != nil {
			if err := b.list(kind, b.root, platen.Facet(f), list); err != nil {
				return err
			}
		}
	}
	return nil
}

// list writes a list of a new entity.
func (b *builder) list(kind platen.Kind, id platen.ID, facet platen.Facet, list platen.List) error {
	if string(list) == string(platen.EmptyList) {
		return nil
	}
	return errors.Join(b.t.writeList(listcache.Key{ID: id, Facet: facet}, list), b.index.add(kind, id, facet, list))
}

// CreateDataSet implements [storage.Importer].
func (s *Store) CreateDataSet(ctx context.Context, source transfer.DataSetSource) (_ platen.Created, err error) {
	ctx, done := s.observe(ctx, "create_data_set")
	defer func() { done(err) }()
	check := recordCheck{table: source.Schema()}
	if check.table == nil {
		check.table, check.open = &platen.Table{Name: platen.RecordTable}, 1
	} else if err := source.Read(check.before(ctx)); err != nil {
		return platen.Created{}, s.error("create data set", err)
	}
	var made platen.Created
	err = s.change(ctx, func(t *transaction) error {
		b, err := newBuilder(ctx, t, source.Given())
		if err != nil {
			return err
		}
		if err := b.createSet(platen.DataSet, source.DataSet()); err != nil {
			return err
		}
		c := recordCreation{builder: b, at: place{parent: b.root}, made: []platen.ID{}}
		err = source.Read(func(source *platen.SourceRecord) error {
			record, err := check.record(source)
			if err != nil {
				return err
			}
			return c.add(record)
		})
		if err != nil {
			return err
		}
		if err := c.flush(); err != nil {
			return err
		}
		body, err := json.Marshal(check.table)
		if err != nil {
			return err
		}
		made = platen.Created{ID: b.root, Children: c.made}
		return errors.Join(t.exec(insertSchema, int64(b.root), string(body)), b.finish())
	})
	if err != nil {
		return platen.Created{}, s.error("create data set", err)
	}
	return made, nil
}

// A recordCreation creates the records of one data set, or those nested in
// one record.
type recordCreation struct {
	*builder
	at      place // of records at depth 0
	tableID int64 // their record_table.id; 0: not nested

	records []newRecord
	path    []int // the records that the last one is nested in, and itself
	bytes   int   // of their lists
	made    []platen.ID
}

// A newRecord is a record that is not yet in the database.
type newRecord struct {
	id                 platen.ID
	depth              int
	name               string // of its table, for depth > 0
	fields, properties platen.List

	parent  int // index, for depth > 0
	tableID int64
}

// add takes a record.
func (c *recordCreation) add(record newRecord) error {
	if record.depth == 0 && (len(c.records) >= groupPages || c.bytes > 4<<20) {
		if err := c.flush(); err != nil {
			return err
		}
	}
	record.tableID = c.tableID
	c.path = c.path[:record.depth]
	if record.depth > 0 {
		record.parent = c.path[record.depth-1]
		var err error
		if record.tableID, err = c.builder.tableID(record.name); err != nil {
			return err
		}
	}
	c.bytes += len(record.fields) + len(record.properties)
	c.path = append(c.path, len(c.records))
	c.records = append(c.records, record)
	return nil
}

// flush writes the records collected. Each level gets neighbouring
// identifiers.
func (c *recordCreation) flush() error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	deepest := 0
	for _, record := range c.records {
		deepest = max(deepest, record.depth)
	}
	for depth := range deepest + 1 {
		if err := c.level(depth); err != nil {
			return err
		}
	}
	for _, record := range c.records {
		if err := c.list(platen.DataRecord, record.id, platen.Fields, record.fields); err != nil {
			return err
		}
		if record.properties != nil {
			if err := c.list(platen.DataRecord, record.id, platen.Properties, record.properties); err != nil {
				return err
			}
		}
	}
	c.records, c.path, c.bytes = c.records[:0], c.path[:0], 0
	return nil
}

// level creates the records of one depth.
func (c *recordCreation) level(depth int) error {
	missing := 0
	for _, record := range c.records {
		if record.depth == depth && record.id == 0 {
			missing++
		}
	}
	fresh, err := c.allocate(missing)
	if err != nil {
		return err
	}
	var run platen.Run // collected, not yet in the database
	var of newRecord   // the first of it
	place := c.at
	flush := func() error {
		if run.First == 0 {
			return nil
		}
		err := c.claimRow(platen.DataRecord, run, place, of.tableID)
		place.ord += run.Len()
		return err
	}
	for i := range c.records {
		record := &c.records[i]
		if record.depth != depth {
			continue
		}
		if record.id == 0 {
			record.id, fresh = fresh, fresh+1
		}
		if depth == 0 {
			c.made = append(c.made, record.id)
		}
		if run.First != 0 && record.id == run.Last+1 && record.parent == of.parent && record.tableID == of.tableID {
			run.Last = record.id
			continue
		}
		if err := flush(); err != nil {
			return err
		}
		if parent := record.parent; depth > 0 && (run.First == 0 || parent != of.parent) {
			place.parent, place.ord = c.records[parent].id, 0
		}
		run, of = platen.Run{First: record.id, Last: record.id}, *record
	}
	err = flush()
	if depth == 0 {
		c.at = place
	}
	return err
}

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

// ReadDataSet implements [storage.Exporter].
func (s *Store) ReadDataSet(ctx context.Context, id platen.ID, begin func(transfer.SourceSet, *platen.Table) error, yield func(*platen.Record) error) (err error) {
	ctx, done := s.observe(ctx, "read_data_set")
	defer func() { done(err) }()
	set, err := s.set(ctx, platen.Ref{Kind: platen.DataSet, ID: id})
	if err != nil {
		return err
	}
	r := s.recordReader(ctx, true, yield)
	r.whole = true
	table, err := r.schemas.dataSet(id)
	if err != nil {
		return s.error("read data set", err)
	}
	if err := begin(set, table); err != nil {
		return err
	}
	intact := func() error { return s.exists(ctx, platen.Ref{Kind: platen.DataSet, ID: id}) }
	err = s.eachRow(ctx, id, platen.DataRecord, intact, func(page []row) error {
		for _, one := range page { // all are in the table at the top
			if err := r.run(one, 0, table); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = intact() // what is nested is there, too
	}
	return s.error("read data set", err)
}

// set returns what there is of a set besides what it contains.
func (s *Store) set(ctx context.Context, ref platen.Ref) (transfer.SourceSet, error) {
	set := transfer.SourceSet{ID: ref.ID}
	for f := range set.Lists {
		list, err := s.List(ctx, ref, platen.Facet(f))
		if err != nil {
			return set, err
		}
		if string(list) != string(platen.EmptyList) {
			set.Lists[f] = list
		}
	}
	return set, nil
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

// run yields the records of a row, and what is nested in each.
func (r *recordReader) run(rows row, depth int, table *platen.Table) error {
	name, err := r.schemas.name(rows.details)
	if err != nil {
		return err
	}
	record := platen.Record{DataSet: rows.root, Table: name, Depth: depth, Schema: table}
	if rows.parent > 0 && rows.parent != rows.root {
		record.Parent = rows.parent
	}
	facets := []platen.Facet{platen.Fields}
	if r.whole {
		facets = append(facets, platen.Properties)
	}
	return r.s.eachWithLists(r.ctx, rows.Run, facets, func(id platen.ID, lists entityLists) error {
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

// within yields the records in a data set or record, those of one table side
// by side.
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
		if _, ok := order[one.details]; !ok {
			order[one.details] = i
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { return order[a.details] - order[b.details] })
	for _, one := range rows {
		table := outer
		if one.details != 0 {
			name, err := r.schemas.name(one.details)
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
