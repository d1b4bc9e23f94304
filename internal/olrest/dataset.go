package olrest

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// A DataSetSink takes a data set document apart, in its order. Records that it
// is passed are good during the call only.
type DataSetSink interface {
	// Record is a data record, which comes before those that are nested in it.
	Record(record *platen.SourceRecord) error
	// Rest is what the document says of the last record of a depth after the list
	// of those that are nested in it.
	Rest(record *platen.SourceRecord) error
	// End is what there is besides the records. schema is nil if the document
	// has none, or one that says nothing.
	End(set transfer.SourceSet, schema *platen.Table) error
}

// ReadDataSet reads a data set document from r into sink, in memory that does
// not grow with the document: only one record is held, without what is nested
// in it. An error of r itself is returned as it is.
func ReadDataSet(r io.Reader, sink DataSetSink) error {
	return readSet(r, platen.DataSet, func(d *setDecoder) error {
		var (
			set    transfer.SourceSet
			schema *platen.Table
			below  bool
		)
		d.source.mark = d.InputOffset()
		err := d.members("a data set", func(key string) (err error) {
			switch key {
			case "schema":
				schema, err = d.table(platen.RecordTable, 0)
			case "records":
				below = true
				err = d.parts(key, func() error { return d.record(sink, 0) })
			default:
				err = d.head(&set, key)
			}
			return err
		})
		if err == nil && !below {
			err = d.fail("the data set has no list of records")
		}
		if err != nil {
			return err
		}
		if !described(schema) {
			schema = nil
		}
		return sink.End(set, schema)
	})
}

// described reports whether a table says more than its name.
func described(table *platen.Table) bool {
	return table != nil && (len(table.Columns) > 0 || len(table.Tables) > 0)
}

// table reads the description of a table: {columns, tables}.
func (d *setDecoder) table(name string, depth int) (*platen.Table, error) {
	if depth == platen.MaxRecordDepth {
		return nil, d.fail("tables are nested in more than %d levels", platen.MaxRecordDepth)
	}
	table := &platen.Table{Name: name}
	err := d.members("a table", func(key string) error {
		switch key {
		case "columns":
			return d.members(key, func(name string) error {
				if err := d.checkName("name", name); err != nil {
					return err
				}
				if d.columns++; d.columns > platen.MaxColumns {
					return d.fail("the data set has more than %d columns", platen.MaxColumns)
				}
				fieldType, err := d.fieldType()
				table.Columns = append(table.Columns, platen.Column{Name: name, Type: fieldType})
				return err
			})
		case "tables":
			return d.members(key, func(name string) error {
				if err := d.checkName("name", name); err != nil {
					return err
				}
				if d.tables++; d.tables > platen.MaxTables {
					return d.fail("the data set has more than %d tables", platen.MaxTables)
				}
				nested, err := d.table(name, depth+1)
				table.Tables = append(table.Tables, nested)
				return err
			})
		}
		return d.skip()
	})
	return table, err
}

func (d *setDecoder) fieldType() (platen.FieldType, error) {
	text, err := d.text("type", false)
	if err != nil {
		return "", err
	}
	if i := slices.Index(platen.FieldTypes, platen.FieldType(text)); i >= 0 {
		return platen.FieldTypes[i], nil
	}
	names := make([]string, len(platen.FieldTypes))
	for i, known := range platen.FieldTypes {
		names[i] = string(known)
	}
	return "", d.fail("the type must be one of %s, not %q", strings.Join(names, ", "), shorten([]byte(text)))
}

// record passes on a record, and then those nested in it.
func (d *setDecoder) record(sink DataSetSink, depth int) error {
	if depth == platen.MaxRecordDepth {
		return d.fail("records are nested in more than %d levels", platen.MaxRecordDepth)
	}
	var (
		record  = platen.SourceRecord{Depth: depth} // what the sink does not have yet
		table   string
		known   bool // there are fields or records
		unknown string
		passed  bool // the sink has the record, without its rest
	)
	if depth == 0 {
		record.Table = platen.RecordTable
	}
	// The decoder beneath keeps the keys of a record until its end, so unknown ones
	// also count for what is nested in the record.
	around := d.unknown
	d.source.mark -= around
	defer func() { d.unknown = around }()
	err := d.members("a data record", func(key string) (err error) {
		switch key {
		case "id":
			record.ID, err = d.entityID()
		case "table":
			if table, err = d.tableName(); depth > 0 {
				record.Table = table
			}
		case "fields":
			known = true
			if record.Fields, err = d.fields(key); len(record.Fields) == 0 {
				record.Fields = nil
			}
		case "properties":
			record.Properties, err = d.encodedList(key)
		case "records":
			known, passed = true, true
			record.Offset = d.InputOffset()
			if err = sink.Record(&record); err != nil {
				return err
			}
			record = platen.SourceRecord{Depth: depth}
			err = d.parts(key, func() error { return d.record(sink, depth+1) })
		case "tables":
			// So do records look in the answers of the REST API. To skip it
			// would lose all below.
			err = d.fail("nested records stand in a list of records, each with its table, not in tables")
		default:
			unknown = cmp.Or(unknown, key)
			begin := d.InputOffset() - int64(len(key))
			err = d.skip()
			d.unknown += d.InputOffset() - begin
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case depth > 0 && table == "":
		return d.fail("the nested record has no table")
	case depth == 0 && table != "" && table != platen.RecordTable:
		return d.fail("the table of a record that is in no other is %q, not %q", platen.RecordTable, shorten([]byte(table)))
	case !known && unknown != "":
		// Most likely it is mistyped, as in job sets.
		return d.fail("the data record has neither fields nor records, but an unknown key %q", shorten([]byte(unknown)))
	case !passed:
		record.Offset = d.InputOffset()
		return sink.Record(&record)
	case record.ID != 0 || record.Table != "" || record.Fields != nil || record.Properties != nil:
		return sink.Rest(&record)
	}
	return nil
}

// BeginDataSet begins the document of a data set. Record and Close follow.
func (w *SetWriter) BeginDataSet(set transfer.SourceSet, schema *platen.Table) error {
	w.begin(set)
	if described(schema) {
		w.key("schema")
		w.table(schema)
	}
	w.key("records")
	w.list()
	return w.flush()
}

// Record adds a data record. What is nested in one comes next after it.
func (w *SetWriter) Record(record *platen.Record) error {
	if record.Depth < 0 || record.Depth > len(w.open) {
		return fmt.Errorf("data record %d at depth %d, where none can be", record.ID, record.Depth)
	}
	w.endFrom(record.Depth)
	if record.Depth > 0 {
		if outer := &w.open[record.Depth-1]; !*outer {
			*outer = true
			w.key("records")
			w.list()
		}
	}
	w.element()
	w.id("id", record.ID)
	if record.Depth > 0 {
		w.text("table", record.Table)
	}
	if len(record.Fields) == 0 {
		w.raw("fields", platen.EmptyList)
	} else {
		w.raw("fields", record.Fields)
	}
	w.pairs(platen.Properties, record.Lists[platen.Properties])
	w.open = append(w.open, false)
	return w.flush()
}

// endFrom ends the open records from a depth on.
func (w *SetWriter) endFrom(depth int) {
	for last := len(w.open) - 1; last >= depth; last-- {
		if w.open[last] {
			w.endList()
		}
		w.end()
		w.open = w.open[:last]
	}
}

// table writes the description of a table.
func (w *SetWriter) table(table *platen.Table) {
	w.object()
	if len(table.Columns) > 0 {
		w.key("columns")
		w.object()
		for _, column := range table.Columns {
			w.text(column.Name, string(column.Type))
		}
		w.end()
	}
	if len(table.Tables) > 0 {
		w.key("tables")
		w.object()
		for _, nested := range table.Tables {
			w.key(nested.Name)
			w.table(nested)
		}
		w.end()
	}
	w.end()
}
