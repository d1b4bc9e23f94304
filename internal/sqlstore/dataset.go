package sqlstore

import (
	"context"
	"encoding/json"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

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
	err = s.importSet(ctx, platen.DataSet, source.ExplicitIDs(), func(w *entityWriter) error {
		c := dataSetWriter{recordWriter{entityWriter: w, made: []platen.ID{}}, source, check.table}
		check.at = nil // counted anew
		err := source.Read(func(source *platen.SourceRecord) error {
			record, err := check.record(source)
			if err != nil {
				return err
			}
			if c.full() { // also within a record, as any number may be nested in one
				if err := c.store(false); err != nil {
					return err
				}
			}
			c.add(record)
			return nil
		})
		if err == nil {
			err = c.store(true)
		}
		made = platen.Created{ID: w.root, Children: c.made}
		return err
	})
	if err != nil {
		return platen.Created{}, s.error("create data set", err)
	}
	return made, nil
}

// A dataSetWriter writes a data set and its data records.
type dataSetWriter struct {
	recordWriter
	source transfer.DataSetSource
	table  *platen.Table
}

// store writes what was collected, in a transaction of its own; last: and the schema.
// The first one creates the set.
func (w *dataSetWriter) store(last bool) error {
	return w.write(last, func() error {
		if w.root == 0 {
			if err := w.createSet(platen.DataSet, w.source.DataSet()); err != nil {
				return err
			}
			w.at.parent = w.root
		}
		if err := w.flush(); err != nil || !last {
			return err
		}
		return w.createSchema(w.table)
	})
}

// createSchema stores the schema of the data set.
func (w *entityWriter) createSchema(table *platen.Table) error {
	body, err := json.Marshal(table)
	if err != nil {
		return err
	}
	return w.t.exec(insertSchema, int64(w.root), string(body))
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
		err = intact() // the nested records were read after the pages were checked
	}
	return s.error("read data set", err)
}

// set returns the id and the lists of a set.
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
