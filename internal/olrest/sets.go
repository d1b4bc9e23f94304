package olrest

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// A DataSetSink takes a data set document apart, in its order.
type DataSetSink interface {
	// Record is a data record, which comes before those that are nested in it.
	// What it is passed is good during the call only.
	Record(record *platen.SourceRecord) error
	// End is what there is besides the records. schema is nil if the document
	// has none, or one that says nothing.
	End(set transfer.SourceSet, schema *platen.Table) error
}

// A ContentSetSink takes a content set document apart, in its order.
type ContentSetSink interface {
	// Item is a content item. What it is passed is good during the call only.
	Item(item *transfer.SourceItem) error
	// End is what there is besides the items.
	End(set transfer.SourceSet) error
}

// ReadDataSet reads a data set document from r into sink, in memory that does
// not grow with the document: only one record at the top is held, with all
// that is nested in it. An error of r itself is returned as it is.
func ReadDataSet(r io.Reader, sink DataSetSink) error {
	return readSet(r, platen.DataSet, func(d *setDecoder) error {
		var (
			set     transfer.SourceSet
			schema  *platen.Table
			records []platen.SourceRecord
			below   bool
		)
		d.source.mark = d.InputOffset()
		err := d.members("a data set", func(key string) (err error) {
			switch key {
			case "schema":
				schema, err = d.table(platen.RecordTable, 0)
			case "records":
				below = true
				err = d.parts(key, func() error {
					records, err = d.record(records[:0], 0)
					for i := range records {
						if err == nil {
							err = sink.Record(&records[i])
						}
					}
					clear(records)
					return err
				})
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

// ReadContentSet reads a content set document from r into sink, in memory that
// does not grow with the document. An error of r itself is returned as it is.
func ReadContentSet(r io.Reader, sink ContentSetSink) error {
	return readSet(r, platen.ContentSet, func(d *setDecoder) error {
		var (
			set   transfer.SourceSet
			below bool
		)
		d.source.mark = d.InputOffset()
		err := d.members("a content set", func(key string) (err error) {
			switch key {
			case "type":
				set.Type, err = d.contentType()
			case "contentitems":
				below = true
				err = d.parts(key, func() error {
					item, err := d.item()
					if err == nil {
						err = sink.Item(&item)
					}
					return err
				})
			default:
				err = d.head(&set, key)
			}
			return err
		})
		if err == nil && !below {
			err = d.fail("the content set has no list of contentitems")
		}
		if err != nil {
			return err
		}
		return sink.End(set)
	})
}

// parts runs fn at each element of a list of any length.
func (d *setDecoder) parts(key string, fn func() error) error {
	return d.each(key, func() error {
		d.source.mark = d.InputOffset()
		err := fn()
		d.source.mark = d.InputOffset()
		return err
	})
}

// head reads the value of a key that all sets have, or skips it.
func (d *setDecoder) head(set *transfer.SourceSet, key string) (err error) {
	switch key {
	case "id":
		set.ID, err = d.entityID()
	case "properties":
		set.Lists[platen.Properties], err = d.encodedList(key)
	case "metadata":
		set.Lists[platen.Metadata], err = d.encodedList(key)
	default:
		err = d.skip()
	}
	return err
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

// record appends a record, then what is nested in it.
func (d *setDecoder) record(records []platen.SourceRecord, depth int) ([]platen.SourceRecord, error) {
	if depth == platen.MaxRecordDepth {
		return records, d.fail("records are nested in more than %d levels", platen.MaxRecordDepth)
	}
	// The place is taken now, since nested records may come before the rest.
	place := len(records)
	record := platen.SourceRecord{Depth: depth}
	records = append(records, record)
	var (
		known   bool // there are fields or records
		unknown string
	)
	err := d.members("a data record", func(key string) (err error) {
		switch key {
		case "id":
			record.ID, err = d.entityID()
		case "table":
			record.Table, err = d.tableName()
		case "fields":
			known = true
			if record.Fields, err = d.fields(key); len(record.Fields) == 0 {
				record.Fields = nil
			}
		case "properties":
			record.Properties, err = d.encodedList(key)
		case "records":
			known = true
			err = d.each(key, func() (err error) {
				records, err = d.record(records, depth+1)
				return err
			})
		case "tables":
			// So do records look in the answers of the REST API. To skip it
			// would lose all below.
			err = d.fail("nested records stand in a list of records, each with its table, not in tables")
		default:
			if unknown == "" {
				unknown = key
			}
			err = d.skip()
		}
		return err
	})
	switch {
	case err != nil:
		return records, err
	case depth > 0 && record.Table == "":
		return records, d.fail("the nested record has no table")
	case depth == 0 && record.Table != "" && record.Table != platen.RecordTable:
		return records, d.fail("the table of a record that is in no other is %q, not %q", platen.RecordTable, shorten([]byte(record.Table)))
	case !known && unknown != "":
		// Most likely a slip of the pen, as in job sets.
		return records, d.fail("the data record has neither fields nor records, but an unknown key %q", shorten([]byte(unknown)))
	}
	if depth == 0 {
		record.Table = platen.RecordTable
	}
	records[place] = record
	return records, nil
}

// contentTypes are the types of content sets.
var contentTypes = []string{"print", "email", "default"}

func (d *setDecoder) contentType() (string, error) {
	text, err := d.text("type", false)
	if err == nil && !slices.Contains(contentTypes, text) {
		err = d.fail("the type must be one of %s, not %q", strings.Join(contentTypes, ", "), shorten([]byte(text)))
	}
	return text, err
}

func (d *setDecoder) item() (item transfer.SourceItem, err error) {
	var details details
	err = d.members("a content item", func(key string) (err error) {
		switch {
		case key == "id":
			item.ID, err = d.entityID()
		case key == "datarecord":
			item.Record, err = d.entityID()
		case key == "properties":
			item.Properties, err = d.encodedList(key)
		case detailsKeys[key]:
			err = d.details(key, &details)
		default:
			err = d.skip()
		}
		return err
	})
	if err == nil && item.Record == 0 {
		err = d.fail("the content item has no datarecord")
	}
	item.Details = details.encode()
	return item, err
}

// A SetWriter writes a data set or content set, as [storage.Exporter.ReadDataSet]
// and [storage.Exporter.ReadContentSet] yield them, as a document. It writes to
// the writer beneath only when there is much to write, and in Close.
type SetWriter struct {
	w     io.Writer
	buf   []byte
	begun bool   // a record at the top, or an item, is written
	open  []bool // the last record and those around it: whether its list of records is open
}

// NewSetWriter returns a writer of one document.
func NewSetWriter(w io.Writer) *SetWriter {
	return &SetWriter{w: w, buf: make([]byte, 0, flushBytes+4096)}
}

// BeginDataSet begins the document of a data set. Record and Close follow.
func (w *SetWriter) BeginDataSet(set transfer.SourceSet, schema *platen.Table) error {
	w.begin(set)
	if described(schema) {
		w.key("schema")
		w.table(schema)
	}
	w.key("records")
	w.buf = append(w.buf, '[')
	return w.flush()
}

// BeginContentSet begins the document of a content set. Item and Close follow.
func (w *SetWriter) BeginContentSet(set transfer.SourceSet) error {
	w.begin(set)
	if set.Type != "" {
		w.key("type")
		w.buf = platen.AppendString(w.buf, set.Type)
	}
	w.key("contentitems")
	w.buf = append(w.buf, '[')
	return w.flush()
}

func (w *SetWriter) begin(set transfer.SourceSet) {
	w.buf = append(w.buf, '{')
	w.id("id", set.ID)
	for _, facet := range platen.Facets {
		w.list(facet, set.Lists[facet])
	}
}

// Record adds a data record. What is nested in one comes next after it.
func (w *SetWriter) Record(record *platen.Record) error {
	if record.Depth < 0 || record.Depth > len(w.open) {
		return fmt.Errorf("data record %d at depth %d, where none can be", record.ID, record.Depth)
	}
	w.end(record.Depth)
	if record.Depth == 0 {
		w.next()
	} else if outer := &w.open[record.Depth-1]; *outer {
		w.buf = append(w.buf, ',')
	} else {
		*outer = true
		w.key("records")
		w.buf = append(w.buf, '[')
	}
	w.buf = append(w.buf, '{')
	w.id("id", record.ID)
	if record.Depth > 0 {
		w.key("table")
		w.buf = platen.AppendString(w.buf, record.Table)
	}
	w.key("fields")
	if len(record.Fields) == 0 {
		w.buf = append(w.buf, platen.EmptyList...)
	}
	w.buf = append(w.buf, record.Fields...)
	w.list(platen.Properties, record.Lists[platen.Properties])
	w.open = append(w.open, false)
	return w.flush()
}

// Item adds a content item.
func (w *SetWriter) Item(item *transfer.SourceItem) error {
	w.next()
	w.buf = append(w.buf, '{')
	w.id("id", item.ID)
	w.id("datarecord", item.Record)
	w.list(platen.Properties, item.Properties)
	w.buf = append(appendDetails(w.buf, item.Details), '}')
	return w.flush()
}

// next begins a record at the top, or an item.
func (w *SetWriter) next() {
	if w.begun {
		w.buf = append(w.buf, ',')
	}
	w.begun = true
}

// end ends the open records from a depth on.
func (w *SetWriter) end(depth int) {
	for last := len(w.open) - 1; last >= depth; last-- {
		if w.open[last] {
			w.buf = append(w.buf, ']')
		}
		w.buf = append(w.buf, '}')
		w.open = w.open[:last]
	}
}

// key begins a member of an object, which has one before it unless its { is
// the last that was written.
func (w *SetWriter) key(key string) {
	if w.buf[len(w.buf)-1] != '{' {
		w.buf = append(w.buf, ',')
	}
	w.buf = append(platen.AppendString(w.buf, key), ':')
}

func (w *SetWriter) id(key string, id platen.ID) {
	if id != 0 {
		w.key(key)
		w.buf = strconv.AppendInt(w.buf, int64(id), 10)
	}
}

func (w *SetWriter) list(facet platen.Facet, list platen.List) {
	if len(list) > len(platen.EmptyList) {
		w.key(facet.String())
		w.buf = append(w.buf, list...)
	}
}

func (w *SetWriter) table(table *platen.Table) {
	w.buf = append(w.buf, '{')
	if len(table.Columns) > 0 {
		w.key("columns")
		w.buf = append(w.buf, '{')
		for _, column := range table.Columns {
			w.key(column.Name)
			w.buf = platen.AppendString(w.buf, string(column.Type))
		}
		w.buf = append(w.buf, '}')
	}
	if len(table.Tables) > 0 {
		w.key("tables")
		w.buf = append(w.buf, '{')
		for _, nested := range table.Tables {
			w.key(nested.Name)
			w.table(nested)
		}
		w.buf = append(w.buf, '}')
	}
	w.buf = append(w.buf, '}')
}

func (w *SetWriter) flush() error {
	if len(w.buf) <= flushBytes {
		return nil
	}
	// The last byte stays, for key to look at.
	last := len(w.buf) - 1
	_, err := w.w.Write(w.buf[:last])
	w.buf = append(w.buf[:0], w.buf[last])
	return err
}

// Close writes what is left.
func (w *SetWriter) Close() error {
	w.end(0)
	w.buf = append(w.buf, "]}\n"...)
	_, err := w.w.Write(w.buf)
	return err
}
