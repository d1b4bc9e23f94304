package olrest

import (
	"io"
	"net/url"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/platenhq/platen"
)

// AppendFieldUpdate appends new values for fields of one data record as a
// single PUT has them.
func AppendFieldUpdate(b []byte, update platen.Update) []byte {
	return appendPairs(b, update, fieldsKey.name)
}

// AppendFieldUpdates appends new values for fields of many data records.
func AppendFieldUpdates(b []byte, updates []platen.Update) []byte {
	return appendList(b, updates, AppendFieldUpdate)
}

// AppendNewRecords appends New Record Lists. Invalid: records
// that have an ID or properties, which can not be given, or are nested in none.
func AppendNewRecords(b []byte, lists []platen.NewRecords) ([]byte, error) {
	var err error
	b = appendList(b, lists, func(b []byte, added platen.NewRecords) []byte {
		if added.Parent != 0 {
			b = appendID(append(b, `{"recordid":`...), added.Parent)
			b = platen.AppendString(append(b, `,"table":`...), added.Table)
		} else {
			b = appendID(append(b, `{"datasetid":`...), added.DataSet)
		}
		if err == nil {
			err = checkNewRecords(added)
		}
		if err == nil {
			b = appendNewRecords(append(b, ','), added.Records, 0)
		}
		return append(b, '}')
	})
	return b, err
}

func checkNewRecords(added platen.NewRecords) error {
	if (added.Parent == 0) == (added.DataSet == 0) {
		return platen.Errorf(platen.Invalid, "new records must have either a data set or a parent")
	}
	depth := -1
	for _, record := range added.Records {
		switch {
		case record.ID != 0 || record.Properties != nil:
			return platen.Errorf(platen.Invalid, "a new record can have neither an id nor properties: the server gives the one, and the other are set later")
		case record.Depth < 0 || record.Depth > depth+1:
			return platen.Errorf(platen.Invalid, "a new record at depth %d can not follow one at depth %d", record.Depth, depth)
		}
		depth = record.Depth
	}
	return nil
}

// appendNewRecords appends the records of one level, each with what follows it
// on deeper ones.
func appendNewRecords(b []byte, records []platen.SourceRecord, depth int) []byte {
	b = append(b, `"records":[`...)
	for i := 0; i < len(records); {
		end := i + 1
		for end < len(records) && records[end].Depth > depth {
			end++
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		if table := records[i].Table; table != "" {
			b = append(platen.AppendString(append(b, `"table":`...), table), ',')
		}
		b = append(append(b, `"fields":`...), platen.EncodeList(records[i].Fields)...)
		if end > i+1 {
			b = appendNewRecords(append(b, ','), records[i+1:end], depth+1)
		}
		b = append(b, '}')
		i = end
	}
	return append(b, ']')
}

// Append appends the query as the body of a POST.
func (q RecordQuery) Append(b []byte) []byte {
	b = appendList(append(b, `{"recordids":`...), q.IDs, appendID)
	b = strconv.AppendBool(append(b, `,"recursive":`...), q.Recursive)
	b = strconv.AppendBool(append(b, `,"optimized":`...), q.Optimized)
	b = append(append(b, `,"outputFormat":"`...), nameOf(recordFormats, int(q.Format))...)
	return append(b, `"}`...)
}

// Values returns the query as it stands in an address.
func (q RecordQuery) Values() url.Values {
	values := url.Values{
		"recursive":    {strconv.FormatBool(q.Recursive)},
		"outputFormat": {nameOf(recordFormats, int(q.Format))},
	}
	for _, id := range q.IDs {
		values.Add("id", id.String())
	}
	return values
}

// ReadRecordValues reads data records in any format, a list or one,
// until yield returns false: each record, then what is nested in it, depth
// first. A record has what its format says of it.
func ReadRecordValues(r io.Reader, format RecordFormat, list bool, yield func(platen.Record) bool) error {
	return readAnswer(r, func(d *decoder) error {
		records := recordsDecoder{decoder: d, read: recordReaders[format]}
		if list {
			return d.each("the answer", func() error { return records.each(yield) })
		}
		return records.each(yield)
	})
}

// ReadValues reads a list, element by element as JSON, until fn returns an
// error, which is returned as it is.
func ReadValues(r io.Reader, fn func(value []byte) error) error {
	var stop error
	err := readAnswer(r, func(d *decoder) error {
		return d.each("the answer", func() error {
			value, err := d.ReadValue()
			if err != nil {
				return d.syntax(err)
			}
			if stop = fn(value); stop != nil {
				return errStopped
			}
			return nil
		})
	})
	if stop != nil {
		return stop
	}
	return err
}

// A recordsDecoder reads a record with all that is nested in it, since what
// describes it may come after it.
type recordsDecoder struct {
	*decoder
	read    func(d *recordsDecoder, depth int, table string) error
	records []platen.Record
	fields  [][]platen.NameValue // of records

	schemaText string // the last schema, which most records share
	schema     *platen.Table
}

// recordReaders read a record at a depth and append it with what is nested.
var recordReaders = [...]func(d *recordsDecoder, depth int, table string) error{
	DefaultFormat: (*recordsDecoder).plain,
	ExplicitTypes: (*recordsDecoder).explicit,
	Simplified:    (*recordsDecoder).simplified,
}

func (d *recordsDecoder) each(yield func(platen.Record) bool) error {
	d.records, d.fields = d.records[:0], d.fields[:0]
	if err := d.read(d, 0, ""); err != nil {
		return err
	}
	for i := range d.records {
		record := &d.records[i]
		normalDates(record.Schema, d.fields[i])
		record.Fields = platen.EncodeList(d.fields[i])
		if !yield(*record) {
			return errStopped
		}
	}
	return nil
}

// normalDates brings dates into the form in which they are kept: where types
// are said, they come as Unix seconds.
func normalDates(schema *platen.Table, fields []platen.NameValue) {
	if schema == nil {
		return
	}
	for i, field := range fields {
		if schema.Type(field.Name) == platen.DateTime {
			if value, err := platen.DateTime.Normal(field.Value); err == nil {
				fields[i].Value = value
			}
		}
	}
}

// begin takes the place of a record, which comes before what is nested in it.
func (d *recordsDecoder) begin(depth int, table string) (place int, err error) {
	if depth == platen.MaxRecordDepth {
		return 0, d.fail("records are nested in more than %d levels", platen.MaxRecordDepth)
	}
	d.records = append(d.records, platen.Record{Depth: depth, Table: table})
	d.fields = append(d.fields, []platen.NameValue{})
	return len(d.records) - 1, nil
}

// end gives what is nested in a record its parent.
func (d *recordsDecoder) end(place int) {
	outer := d.records[place]
	for i := range d.records[place+1:] {
		if inner := &d.records[place+1+i]; inner.Depth == outer.Depth+1 && inner.Parent == 0 {
			inner.Parent = outer.ID
		}
	}
}

func (d *recordsDecoder) plain(depth int, table string) error {
	place, err := d.begin(depth, table)
	if err != nil {
		return err
	}
	err = d.members("a record", func(key string) (err error) {
		switch key {
		case "id":
			d.records[place].ID, err = d.anyID()
		case "table":
			d.records[place].Table, err = d.text(key, false)
		case "datasetid":
			d.records[place].DataSet, err = d.anyID()
		case "parentrecordid":
			d.records[place].Parent, err = d.anyID()
		case "fields":
			d.fields[place], err = d.decoder.fields(key)
		case "records":
			err = d.decoder.each(key, func() error { return d.plain(depth+1, "") })
		default:
			err = d.skip()
		}
		return err
	})
	d.end(place)
	return err
}

func (d *recordsDecoder) explicit(depth int, table string) error {
	place, err := d.begin(depth, table)
	if err != nil {
		return err
	}
	err = d.members("a record", func(key string) (err error) {
		switch key {
		case "id":
			d.records[place].ID, err = d.anyID()
		case "datasetid":
			d.records[place].DataSet, err = d.anyID()
		case "schema":
			err = d.readSchema(place)
		case "fields":
			d.fields[place], err = d.decoder.fields(key)
		case "tables":
			err = d.members(key, func(name string) error { return d.nested(depth, name) })
		default:
			err = d.skip()
		}
		return err
	})
	d.end(place)
	if depth == 0 {
		d.describe(place)
	}
	if d.records[place].DataSet != 0 { // only said of records that are in no other
		d.records[place].Table = platen.RecordTable
	}
	return err
}

// nested reads the records of a table within a record.
func (d *recordsDecoder) nested(depth int, table string) error {
	return d.decoder.each("the records of a table", func() error { return d.read(d, depth+1, table) })
}

// readSchema reads the description of a record.
func (d *recordsDecoder) readSchema(place int) error {
	raw, err := d.ReadValue()
	if err != nil {
		return d.syntax(err)
	}
	if d.schema == nil || d.schemaText != string(raw) {
		err := decode(raw, func(plain *decoder) (err error) {
			d.schema, err = (&setDecoder{decoder: *plain}).table("", 0)
			return err
		})
		if err != nil {
			return err
		}
		d.schemaText = string(raw)
	}
	d.records[place].Schema = d.schema
	return nil
}

// describe gives what is nested in a record its description.
func (d *recordsDecoder) describe(place int) {
	around := []*platen.Table{d.records[place].Schema}
	for i := range d.records[place+1:] {
		record := &d.records[place+1+i]
		around = around[:record.Depth]
		record.Schema = around[record.Depth-1].Nested(record.Table)
		around = append(around, record.Schema)
	}
}

func (d *recordsDecoder) simplified(depth int, table string) error {
	place, err := d.begin(depth, table)
	if err != nil {
		return err
	}
	err = d.members("a record", func(key string) (err error) {
		switch {
		case key == recordKey:
			d.records[place].ID, err = d.anyID()
		case d.PeekKind() == jsontext.KindBeginArray:
			err = d.nested(depth, key)
		default:
			var value string
			value, err = d.value(true)
			d.fields[place] = append(d.fields[place], platen.NameValue{Name: key, Value: value})
		}
		return err
	})
	d.end(place)
	return err
}
