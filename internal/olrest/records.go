package olrest

import (
	"net/url"
	"slices"
	"strings"

	"github.com/platenhq/platen"
)

// ReadNewRecords reads New Record Lists: a list of
// {datasetid, records} and {recordid, table, records}. Nested records stand
// in `records` with a table, as in the default form of reading, or under
// their table in `tables`, as in the explicit form.
func ReadNewRecords(body []byte) ([]platen.NewRecords, error) {
	all := []platen.NewRecords{}
	err := decode(body, func(d *decoder) error {
		d.added = 0
		return d.each("the body", func() error {
			added, err := d.newRecords()
			if err == nil && len(all) == maxNewRecords {
				err = d.fail("there are more than %d lists of records in the body; POST them in several requests", maxNewRecords)
			}
			all = append(all, added)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// maxNewRecords bounds the records of a body, and the lists of them, since small
// ones take far more memory than their JSON.
const maxNewRecords = 100_000

func (d *decoder) newRecords() (added platen.NewRecords, err error) {
	given := false
	err = d.members("an entry", func(key string) (err error) {
		switch key {
		case "datasetid":
			added.DataSet, err = d.entityID()
		case "recordid":
			added.Parent, err = d.entityID()
		case "table":
			added.Table, err = d.tableName()
		case "records":
			given = true
			err = d.each(key, func() error { return d.record(&added.Records, 0, "") })
		default:
			err = d.skip()
		}
		return err
	})
	if err != nil {
		return added, err
	}
	switch {
	case added.DataSet != 0 && added.Parent != 0:
		return added, d.fail("the entry has both a datasetid and a recordid")
	case added.DataSet == 0 && added.Parent == 0:
		return added, d.fail("the entry has neither a datasetid nor a recordid")
	case !given:
		return added, d.fail("the entry has no records")
	case added.Parent != 0 && added.Table == "":
		return added, d.fail("the entry has a recordid, but no table")
	case added.DataSet != 0 && added.Table != "" && added.Table != platen.RecordTable:
		return added, d.fail("the table of the records of a data set is %q, not %q", platen.RecordTable, shorten([]byte(added.Table)))
	}
	table := added.Table
	if added.DataSet != 0 {
		table, added.Table = platen.RecordTable, ""
	}
	for i := range added.Records {
		record := &added.Records[i]
		if record.Depth > 0 {
			continue
		}
		if record.Table != "" && record.Table != table {
			return added, d.fail("the table of the entry is %q, that of a record in it is %q", shorten([]byte(table)), shorten([]byte(record.Table)))
		}
		record.Table = table
	}
	return added, nil
}

func (d *decoder) tableName() (string, error) {
	name, err := d.text("table", false)
	if err == nil {
		err = d.checkName("table", name)
	}
	return name, err
}

// checkName checks a name that stands as a key.
func (d *decoder) checkName(what, name string) error {
	if wrong := platen.CheckText(name); wrong != "" {
		return d.fail("the %s %s", what, wrong)
	}
	if name == "" {
		return d.fail("the %s is empty", what)
	}
	return nil
}

// record appends a record, then what is nested in it. table is the one under
// whose name it stands, or "".
func (d *decoder) record(records *[]platen.SourceRecord, depth int, table string) error {
	if depth == platen.MaxRecordDepth {
		return d.fail("records are nested in more than %d levels", platen.MaxRecordDepth)
	}
	// The place is taken now, since `fields` may come after `records`.
	place := len(*records)
	if d.added++; d.added > maxNewRecords {
		return d.fail("there are more than %d records in the body; POST them in several requests, or import a data set", maxNewRecords)
	}
	*records = append(*records, platen.SourceRecord{Depth: depth})
	var fields []platen.NameValue
	under := table
	err := d.members("a record", func(key string) (err error) {
		switch key {
		case "fields":
			fields, err = d.fields(key)
		case "table":
			table, err = d.tableName()
			if err == nil && under != "" && table != under {
				err = d.fail("the table of a record under %q is %q", shorten([]byte(under)), shorten([]byte(table)))
			}
		case "records":
			err = d.each(key, func() error { return d.record(records, depth+1, "") })
		case "tables":
			err = d.members(key, func(name string) error {
				if err := d.checkName("table", name); err != nil {
					return err
				}
				return d.each("the records of a table", func() error { return d.record(records, depth+1, name) })
			})
		default:
			err = d.skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	if depth > 0 && table == "" {
		return d.fail("the nested record has no table")
	}
	(*records)[place].Table, (*records)[place].Fields = table, fields
	return nil
}

// fields reads the fields of a record: a name/value list, or an object. The
// value null is the empty text, as the official client has it.
func (d *decoder) fields(what string) (fields []platen.NameValue, err error) {
	fields = []platen.NameValue{} // without room to spare: records may be many, and small
	add := func(field platen.NameValue) error {
		if len(fields) == platen.MaxFields {
			return d.fail("a record has more than %d fields", platen.MaxFields)
		}
		fields = append(fields, field)
		return nil
	}
	switch kind := d.PeekKind(); {
	case kind == '{':
		err = d.members(what, func(name string) error {
			if err := d.checkName("name", name); err != nil {
				return err
			}
			value, err := d.value(true)
			if err != nil {
				return err
			}
			return add(platen.NameValue{Name: name, Value: value})
		})
	case kind != '[' && kindNames[kind] != "":
		if err = d.skip(); err == nil {
			err = d.fail("%s must be a list or an object, not %s", what, kindNames[kind])
		}
	default:
		d.forgetNames()
		err = d.each(what, func() error {
			field, err := d.pair(true)
			if err != nil {
				return err
			}
			if d.given(fields, field.Name) {
				return d.fail("the name %q is given twice", shorten([]byte(field.Name)))
			}
			return add(field)
		})
	}
	return fields, err
}

// fieldsKey: the reference prints `records` where all else has `fields`.
var fieldsKey = pairsKey{name: "fields", alias: "records", read: (*decoder).fields}

// ReadFieldUpdate reads new values for fields of one data record: {id,
// fields}. The rest is as in [ReadUpdate].
func ReadFieldUpdate(body []byte, ref platen.Ref) (platen.Update, error) {
	update, err := readUpdate(body, ref, fieldsKey)
	return update, err
}

// ReadFieldUpdates reads new values for fields of many data records: a list
// of {id, fields}. The rest is as in [ReadUpdates].
func ReadFieldUpdates(body []byte) ([]platen.Update, error) {
	updates, err := readUpdates(body, platen.DataRecord, fieldsKey)
	return updates, err
}

// A RecordFormat is a form in which data records are written.
type RecordFormat uint8

// The formats.
const (
	DefaultFormat RecordFormat = iota // lists of names and values; all is text
	ExplicitTypes                     // objects with typed values, and a schema
	Simplified                        // one object for a record and all in it
)

// recordFormats are the names of the formats.
var recordFormats = []string{DefaultFormat: "default", ExplicitTypes: "explicitTypes", Simplified: "simplified"}

func parseRecordFormat(name string) (RecordFormat, error) {
	if i := slices.Index(recordFormats, name); i >= 0 {
		return RecordFormat(i), nil
	}
	return 0, wrongParameter("outputFormat", strings.Join(recordFormats, ", "), name)
}

// wrongParameter is an error of a query parameter of the dialect, or of its like in a
// body. There the value is what is at fault, other than under [parameterError].
func wrongParameter(name, choice, text string) error {
	text = shorten([]byte(text))
	return platen.Errorf(platen.Invalid, "%s must be one of %s, not %q", name, choice, text).About(text)
}

// A RecordQuery says which data records to read, and how to write them.
type RecordQuery struct {
	IDs       []platen.ID
	Recursive bool // with all that is nested in them
	Format    RecordFormat
	Optimized bool // each once, ascending, whatever was asked for
}

// maxRecordIDs is how many data records one request may ask for.
const maxRecordIDs = 100_000

// UnknownRecord says that a data record was asked for that does not exist.
// Clients match the message.
func UnknownRecord(idText string) error {
	idText = shorten([]byte(idText))
	err := platen.Errorf(platen.Invalid, "The specified Data Record passed into this method refers to a missing resource: data record %s not found", idText)
	err.Param = idText
	return err
}

// ReadRecordQuery reads a Data Record Identifier List with Parameters.
func ReadRecordQuery(body []byte) (RecordQuery, error) {
	var (
		query    RecordQuery
		unknown  error // the first id that can be none
		explicit bool
		format   string
	)
	err := decode(body, func(d *decoder) error {
		err := d.members("the body", func(key string) (err error) {
			switch key {
			case "recordids":
				query.IDs, unknown, err = d.recordIDs(key)
			case "recursive":
				query.Recursive, err = d.flag(key)
			case "explicitTypes":
				explicit, err = d.flag(key)
			case "optimized":
				query.Optimized, err = d.flag(key)
			case "outputFormat":
				if format, err = d.text(key, false); err == nil {
					query.Format, err = parseRecordFormat(format)
				}
			case "batchsize":
				// Of no use, since all is streamed, but checked.
				raw, err := d.ReadValue()
				if err != nil {
					return d.syntax(err)
				}
				if _, ok := platen.ParseID(string(raw)); !ok {
					return d.fail("batchsize must be a whole number from 1 up, not %s", shorten(raw))
				}
			default:
				err = d.skip()
			}
			return err
		})
		if err == nil && query.IDs == nil {
			err = d.fail("recordids are missing")
		}
		return err
	})
	if err == nil {
		err = unknown
	}
	if err != nil {
		return RecordQuery{}, err
	}
	if explicit && format == "" {
		query.Format = ExplicitTypes
	}
	if query.Optimized {
		slices.Sort(query.IDs)
		query.IDs = slices.Compact(query.IDs)
	}
	return query, nil
}

func (d *decoder) recordIDs(what string) (ids []platen.ID, unknown, err error) {
	ids = []platen.ID{}
	err = d.each(what, func() error {
		id, source, err := d.id()
		switch {
		case err != nil:
			return err
		case source == "":
			return d.fail("the id must be a number, not null")
		case len(ids) == maxRecordIDs:
			return d.fail("there are more than %d ids", maxRecordIDs)
		case id < 0 && unknown == nil:
			unknown = UnknownRecord(source)
		}
		ids = append(ids, id)
		return nil
	})
	return ids, unknown, err
}

// flag reads a boolean.
func (d *decoder) flag(what string) (bool, error) {
	kind := d.PeekKind()
	raw, err := d.ReadValue()
	if err != nil {
		return false, d.syntax(err)
	}
	if kind != 't' && kind != 'f' {
		return false, d.fail("%s must be true or false, not %s", what, shorten(raw))
	}
	return kind == 't', nil
}

// ParseRecordQuery reads what stands in the address where data records are
// read with GET. IDs are those of `id`, none where the path has it.
func ParseRecordQuery(values url.Values) (query RecordQuery, err error) {
	if query.Recursive, err = ParseFlag(values, "recursive"); err != nil {
		return RecordQuery{}, err
	}
	explicit, err := ParseFlag(values, "explicitTypes")
	if err != nil {
		return RecordQuery{}, err
	}
	if explicit {
		query.Format = ExplicitTypes
	}
	if values.Has("outputFormat") {
		if query.Format, err = parseRecordFormat(values.Get("outputFormat")); err != nil {
			return RecordQuery{}, err
		}
	}
	if len(values["id"]) > maxRecordIDs {
		return RecordQuery{}, platen.Errorf(platen.Invalid, "there are more than %d ids", maxRecordIDs)
	}
	for _, text := range values["id"] {
		id, ok := platen.ParseID(text)
		if !ok {
			text = shorten([]byte(text))
			err := platen.Errorf(platen.NotFound, "data record %q not found", text)
			err.Param = text
			return RecordQuery{}, err
		}
		query.IDs = append(query.IDs, id)
	}
	return query, nil
}

// ParseFlag reads a query parameter that is true or false; without it, it is
// false.
func ParseFlag(values url.Values, name string) (bool, error) {
	text := values.Get(name)
	switch {
	case strings.EqualFold(text, "true"):
		return true, nil
	case strings.EqualFold(text, "false") || !values.Has(name):
		return false, nil
	}
	return false, wrongParameter(name, "true, false", text)
}
