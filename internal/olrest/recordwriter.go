package olrest

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/platenhq/platen"
)

// A RecordWriter writes data records that come depth first, those of one
// table next to each other, in one of the formats.
type RecordWriter struct {
	jsonWriter
	format  RecordFormat
	many    bool
	begun   bool         // a record is written
	open    []openRecord // the last record, and those around it
	schemas map[*platen.Table]*schema
}

// An openRecord is a record to which nested ones can still come.
type openRecord struct {
	nested bool   // it has some
	table  string // of the last of them
	fields []platen.NameValue
	keys   map[string]bool // where tables are keys: those that are taken
}

// A schema is what is needed of a [platen.Table], made once.
type schema struct {
	types   map[string]platen.FieldType
	columns []byte // {"City":"STRING" without the end, so that more can follow
	tables  []byte // {"Order":{…}}, nil for none
}

// NewRecordWriter returns a writer of a list of records, or of one record
// with what is nested in it. Nothing reaches w before there is much of it, or
// before Close.
func NewRecordWriter(w io.Writer, format RecordFormat, list bool) *RecordWriter {
	writer := &RecordWriter{jsonWriter: jsonWriter{w: w}, format: format, many: list, schemas: make(map[*platen.Table]*schema)}
	if list {
		writer.list()
	}
	return writer
}

// Write adds a record.
func (w *RecordWriter) Write(r *platen.Record) error {
	if r.Depth < 0 || r.Depth > len(w.open) || r.Depth == 0 && w.begun && !w.many {
		return fmt.Errorf("data record %d at depth %d, where none can be", r.ID, r.Depth)
	}
	record := openRecord{}
	if w.format != DefaultFormat {
		var err error
		if record.fields, err = r.Fields.Decode(); err != nil {
			return err
		}
	}
	w.endFrom(r.Depth)
	if r.Depth > 0 {
		w.nest(r.Table)
	}
	w.begun = true
	w.element()
	switch w.format {
	case ExplicitTypes:
		w.explicit(r, record.fields)
	case Simplified:
		w.simplified(r, record.fields)
	default:
		w.plain(r)
	}
	w.open = append(w.open, record)
	return w.flush()
}

func (w *RecordWriter) plain(r *platen.Record) {
	w.id("id", r.ID)
	w.text("table", r.Table)
	if r.Parent == 0 {
		w.id("datasetid", r.DataSet)
	}
	w.id("parentrecordid", r.Parent)
	w.key("fields")
	w.buf = append(w.buf, cmp.Or(string(r.Fields), "[]")...)
}

func (w *RecordWriter) explicit(r *platen.Record, fields []platen.NameValue) {
	schema := w.schema(r.Schema)
	if r.Depth == 0 {
		w.key("schema")
		w.object()
		w.raw("columns", schema.columns)
		for _, field := range fields {
			if _, ok := schema.types[field.Name]; !ok {
				w.text(field.Name, string(platen.String))
			}
		}
		w.end()
		if schema.tables != nil {
			w.raw("tables", schema.tables)
		}
		w.end()
	}
	w.id("id", r.ID)
	if r.Parent == 0 {
		w.id("datasetid", r.DataSet)
	}
	w.key("fields")
	w.object()
	for _, field := range fields {
		w.key(field.Name)
		w.buf = appendValue(w.buf, schema.types[field.Name], field.Value, true)
	}
	w.end()
}

// recordKey is the key of the identifier in the simplified format.
const recordKey = "__recordid"

func (w *RecordWriter) simplified(r *platen.Record, fields []platen.NameValue) {
	schema := w.schema(r.Schema)
	w.id(recordKey, r.ID)
	for _, field := range fields {
		if field.Name != recordKey {
			w.key(field.Name)
			w.buf = appendValue(w.buf, schema.types[field.Name], field.Value, false)
		}
	}
}

// nest goes on in the last record, to where one nested in it begins.
func (w *RecordWriter) nest(table string) {
	outer := &w.open[len(w.open)-1]
	if outer.nested && (outer.table == table || w.format == DefaultFormat) {
		return
	}
	if w.format == DefaultFormat {
		outer.nested = true
		w.key("records")
		w.list()
		return
	}
	if outer.keys == nil {
		outer.keys = make(map[string]bool)
		if w.format == Simplified {
			outer.keys[recordKey] = true
			for _, field := range outer.fields {
				outer.keys[field.Name] = true
			}
		}
	}
	if outer.nested {
		w.endList()
	} else if w.format == ExplicitTypes {
		w.key("tables")
		w.object()
	}
	outer.nested, outer.table = true, table
	// The simplified format has fields and tables side by side. The field is
	// written by now, and no key may come twice.
	for outer.keys[table] {
		table += "_"
	}
	outer.keys[table] = true
	w.key(table)
	w.list()
}

// endFrom ends the open records from a depth on.
func (w *RecordWriter) endFrom(depth int) {
	for len(w.open) > depth {
		last := len(w.open) - 1
		if w.open[last].nested {
			w.endList()
			if w.format == ExplicitTypes {
				w.end()
			}
		}
		w.end()
		w.open = w.open[:last]
	}
}

func (w *RecordWriter) schema(table *platen.Table) *schema {
	made := w.schemas[table]
	if made == nil {
		const most = 1000 // in case that each record comes with its own
		if len(w.schemas) == most {
			clear(w.schemas)
		}
		made = newSchema(table)
		w.schemas[table] = made
	}
	return made
}

func newSchema(table *platen.Table) *schema {
	types := make(map[string]platen.FieldType)
	columns := &jsonWriter{}
	columns.object()
	if table == nil {
		return &schema{types: types, columns: columns.buf}
	}
	for _, column := range table.Columns {
		if _, ok := types[column.Name]; !ok {
			types[column.Name] = column.Type
			columns.text(column.Name, string(column.Type))
		}
	}
	tables := &jsonWriter{}
	for _, nested := range table.Tables {
		if table.Nested(nested.Name) != nested {
			continue
		}
		if tables.buf == nil {
			tables.object()
		}
		within := newSchema(nested)
		tables.key(nested.Name)
		tables.object()
		tables.raw("columns", within.columns)
		tables.end()
		if within.tables != nil {
			tables.raw("tables", within.tables)
		}
		tables.end()
	}
	if tables.buf != nil {
		tables.end()
	}
	return &schema{types: types, columns: columns.buf, tables: tables.buf}
}

// appendValue appends a value in the form of its type. What is not in the
// form that is stored goes out as text.
func appendValue(b []byte, t platen.FieldType, value string, seconds bool) []byte {
	switch t {
	case platen.String, platen.HTMLString, "":
		return platen.AppendString(b, value)
	}
	if value == "" {
		return append(b, "null"...)
	}
	switch t {
	case platen.Boolean:
		if value == "true" || value == "false" {
			return append(b, value...)
		}
	case platen.Integer:
		if n, err := strconv.ParseInt(value, 10, 64); err == nil {
			return strconv.AppendInt(b, n, 10)
		}
	case platen.Float:
		f, err := strconv.ParseFloat(value, 64)
		switch raw := jsontext.Value(value); {
		case err != nil || math.IsInf(f, 0) || math.IsNaN(f):
		case raw.Kind() == '0' && raw.IsValid():
			return append(b, value...) // all its digits
		default:
			return strconv.AppendFloat(b, f, 'g', -1, 64)
		}
	case platen.DateTime:
		if at, err := time.Parse(time.RFC3339, value); err == nil && seconds {
			return strconv.AppendInt(b, at.Unix(), 10)
		}
	}
	return platen.AppendString(b, value)
}

// Close writes what is left.
func (w *RecordWriter) Close() error {
	w.endFrom(0)
	if w.many {
		w.endList()
	} else if !w.begun {
		return errors.New("there is no data record to write")
	}
	return w.close()
}
