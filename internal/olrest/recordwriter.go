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
	w       io.Writer
	format  RecordFormat
	list    bool
	begun   bool // a record is written
	buf     []byte
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
	tables  []byte // ,"tables":{…} or nothing
}

// NewRecordWriter returns a writer of a list of records, or of one record
// with what is nested in it. Nothing reaches w before there is much of it, or
// before Close.
func NewRecordWriter(w io.Writer, format RecordFormat, list bool) *RecordWriter {
	writer := &RecordWriter{w: w, format: format, list: list, schemas: make(map[*platen.Table]*schema)}
	if list {
		writer.buf = append(writer.buf, '[')
	}
	return writer
}

// Write adds a record.
func (w *RecordWriter) Write(r *platen.Record) error {
	if r.Depth < 0 || r.Depth > len(w.open) || r.Depth == 0 && w.begun && !w.list {
		return fmt.Errorf("data record %d at depth %d, where none can be", r.ID, r.Depth)
	}
	record := openRecord{}
	if w.format != DefaultFormat {
		var err error
		if record.fields, err = r.Fields.Decode(); err != nil {
			return err
		}
	}
	w.end(r.Depth)
	switch {
	case r.Depth > 0:
		w.nest(r.Table)
	case w.begun:
		w.buf = append(w.buf, ',')
	}
	w.begun = true
	w.buf = append(w.buf, '{')
	switch w.format {
	case ExplicitTypes:
		w.explicit(r, record.fields)
	case Simplified:
		w.simplified(r, record.fields)
	default:
		w.plain(r)
	}
	w.open = append(w.open, record)
	return w.flush(flushBytes)
}

// key begins a member of an object.
func (w *RecordWriter) key(key string) {
	if w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(platen.AppendString(w.buf, key), ':')
}

func (w *RecordWriter) id(key string, id platen.ID) {
	if id != 0 {
		w.key(key)
		w.buf = strconv.AppendInt(w.buf, int64(id), 10)
	}
}

func (w *RecordWriter) plain(r *platen.Record) {
	w.id("id", r.ID)
	w.key("table")
	w.buf = platen.AppendString(w.buf, r.Table)
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
		w.buf = append(append(w.buf, `"schema":{"columns":`...), schema.columns...)
		for _, field := range fields {
			if _, ok := schema.types[field.Name]; !ok {
				w.key(field.Name)
				w.buf = append(w.buf, `"STRING"`...)
			}
		}
		w.buf = append(append(append(w.buf, '}'), schema.tables...), '}')
	}
	w.id("id", r.ID)
	if r.Parent == 0 {
		w.id("datasetid", r.DataSet)
	}
	w.key("fields")
	w.buf = append(w.buf, '{')
	for _, field := range fields {
		w.key(field.Name)
		w.buf = appendValue(w.buf, schema.types[field.Name], field.Value, true)
	}
	w.buf = append(w.buf, '}')
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
		w.buf = append(w.buf, ',')
		return
	}
	if w.format == DefaultFormat {
		outer.nested = true
		w.buf = append(w.buf, `,"records":[`...)
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
		w.buf = append(w.buf, ']')
	} else if w.format == ExplicitTypes {
		w.buf = append(w.buf, `,"tables":{`...)
	}
	outer.nested, outer.table = true, table
	// The simplified format has fields and tables side by side. The field is
	// written by now, and no key may come twice.
	for outer.keys[table] {
		table += "_"
	}
	outer.keys[table] = true
	w.key(table)
	w.buf = append(w.buf, '[')
}

// end ends the open records from a depth on.
func (w *RecordWriter) end(depth int) {
	for len(w.open) > depth {
		last := len(w.open) - 1
		if w.open[last].nested {
			w.buf = append(w.buf, ']')
			if w.format == ExplicitTypes {
				w.buf = append(w.buf, '}')
			}
		}
		w.buf = append(w.buf, '}')
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
	made := &schema{types: make(map[string]platen.FieldType), columns: []byte{'{'}}
	if table == nil {
		return made
	}
	for _, column := range table.Columns {
		if _, ok := made.types[column.Name]; ok {
			continue
		}
		if len(made.types) > 0 {
			made.columns = append(made.columns, ',')
		}
		made.types[column.Name] = column.Type
		made.columns = append(platen.AppendString(made.columns, column.Name), ':')
		made.columns = platen.AppendString(made.columns, string(column.Type))
	}
	for _, nested := range table.Tables {
		if table.Nested(nested.Name) != nested {
			continue
		}
		if made.tables == nil {
			made.tables = append(made.tables, `,"tables":{`...)
		} else {
			made.tables = append(made.tables, ',')
		}
		within := newSchema(nested)
		made.tables = append(platen.AppendString(made.tables, nested.Name), `:{"columns":`...)
		made.tables = append(append(append(append(made.tables, within.columns...), '}'), within.tables...), '}')
	}
	if made.tables != nil {
		made.tables = append(made.tables, '}')
	}
	return made
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

func (w *RecordWriter) flush(above int) error {
	if len(w.buf) < above {
		return nil
	}
	// The last byte stays, for key to look at.
	last := len(w.buf) - 1
	_, err := w.w.Write(w.buf[:last])
	w.buf = append(w.buf[:0], w.buf[last])
	return err
}

// Close writes what is left.
func (w *RecordWriter) Close() error {
	w.end(0)
	if w.list {
		w.buf = append(w.buf, ']')
	} else if !w.begun {
		return errors.New("there is no data record to write")
	}
	_, err := w.w.Write(w.buf)
	return err
}
