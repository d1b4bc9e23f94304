package sqlstore

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/platenhq/platen"
)

// schemaBytes bounds the schemas that one request has in memory. The first is
// read whatever its length.
const schemaBytes = 16 << 20

// schemas finds the tables of data records. It reads each schema once.
type schemas struct {
	ctx    context.Context
	stmt   func(*query) statement
	ids    func([]int64) any
	strict bool // over schemaBytes: TooLarge, instead of dropping schemas and reading them again

	sets  map[platen.ID]*platen.Table
	bytes int // of sets, as they are stored
	names map[int64]string
}

func (s *Store) schemas(ctx context.Context, strict bool) schemas {
	return schemas{
		ctx: ctx, stmt: s.on, ids: s.engine.Dialect.IDs, strict: strict,
		sets: make(map[platen.ID]*platen.Table), names: make(map[int64]string),
	}
}

// dataSet returns the table of the records at the top of a data set; nil for
// data set 0.
func (s *schemas) dataSet(id platen.ID) (*platen.Table, error) {
	if table := s.sets[id]; table != nil || id == 0 {
		return table, nil
	}
	var body []byte
	err := s.stmt(selectSchema).QueryRowContext(s.ctx, int64(id)).Scan(&body)
	if err != nil {
		return nil, err
	}
	if s.bytes += len(body); s.bytes > schemaBytes && len(s.sets) > 0 {
		if s.strict {
			return nil, platen.Errorf(platen.TooLarge, "the request names data sets whose schemas are over %d MiB together; split it", schemaBytes>>20)
		}
		clear(s.sets)
		s.bytes = len(body)
	}
	table := new(platen.Table)
	if err := json.Unmarshal(body, table); err != nil {
		return nil, err
	}
	s.sets[id] = table
	return table, nil
}

// row returns the table that the records of a row are in.
func (s *schemas) row(r row) (*platen.Table, error) {
	tables, err := s.tables([]row{r})
	return tables[r.First], err
}

// tables returns the table that the records of each row are in, by its First.
func (s *schemas) tables(rows []row) (map[platen.ID]*platen.Table, error) {
	outer := make(map[platen.ID]row) // the row of the parent of nested records
	for level := rows; len(level) > 0; {
		var nested []row
		var parents []platen.ID
		for _, r := range level {
			if _, ok := outer[r.First]; !ok && r.tableID() != 0 && r.set() != 0 {
				nested, parents = append(nested, r), append(parents, r.parent)
			}
		}
		holders, err := s.rows(parents)
		if err != nil {
			return nil, err
		}
		level = level[:0:0]
		for _, r := range nested {
			outer[r.First] = holders[r.parent]
			level = append(level, holders[r.parent])
		}
	}
	tables := make(map[platen.ID]*platen.Table, len(rows))
	var find func(row) (*platen.Table, error)
	find = func(r row) (*platen.Table, error) {
		if table, ok := tables[r.First]; ok {
			return table, nil
		}
		table, err := s.dataSet(r.set())
		if err == nil && table != nil && r.tableID() != 0 {
			var name string
			if table, err = find(outer[r.First]); err == nil {
				name, err = s.name(r.tableID())
				table = table.Nested(name)
			}
		}
		tables[r.First] = table
		return table, err
	}
	for _, r := range rows {
		if _, err := find(r); err != nil {
			return nil, err
		}
	}
	return tables, nil
}

// rows returns the rows that hold ids, by id. Ids of no entity are left out.
func (s *schemas) rows(ids []platen.ID) (map[platen.ID]row, error) {
	return rowsOf(s.ctx, s.stmt(selectRowsOf), s.ids, ids)
}

// rowsOf returns the rows that hold ids, by id. Ids of no entity are left out.
func rowsOf(ctx context.Context, stmt statement, list func([]int64) any, ids []platen.ID) (map[platen.ID]row, error) {
	found := make(map[platen.ID]row, len(ids))
	ids = slices.Clone(ids)
	slices.Sort(ids)
	for some := range slices.Chunk(slices.Compact(ids), readTogether) {
		numbers := make([]int64, len(some))
		for i, id := range some {
			numbers[i] = int64(id)
		}
		rows, err := stmt.QueryContext(ctx, list(numbers))
		_, err = collect(rows, err, func(from scanner) (r row, err error) {
			var id platen.ID
			r, err = scanRowAfter(from, &id)
			found[id] = r
			return r, err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// name returns the name of a table of records; 0 is that at the top.
func (s *schemas) name(id int64) (name string, err error) {
	if id == 0 {
		return platen.RecordTable, nil
	}
	if name, ok := s.names[id]; ok {
		return name, nil
	}
	if err := s.stmt(selectTable).QueryRowContext(s.ctx, id).Scan(&name); err != nil {
		return "", err
	}
	if len(s.names) >= 1024 {
		clear(s.names)
	}
	s.names[id] = name
	return name, nil
}
