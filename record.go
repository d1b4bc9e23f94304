package platen

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A FieldType is the type of a field of data records (api-facts 2.7). Values
// are kept as text, in one form for each type.
type FieldType string

// The field types. A field that the data set says nothing of is a String.
const (
	String     FieldType = "STRING"
	HTMLString FieldType = "HTMLSTRING"
	Boolean    FieldType = "BOOLEAN"  // true or false
	Integer    FieldType = "INTEGER"  // 64 bits
	Float      FieldType = "FLOAT"    // finite
	DateTime   FieldType = "DATETIME" // 2026-11-24T08:00:00Z
	Currency   FieldType = "CURRENCY" // decimal digits with a point, as text
)

// FieldTypes are all field types.
var FieldTypes = []FieldType{String, HTMLString, Boolean, Integer, Float, DateTime, Currency}

// RecordTable is the name of the table of records that are in no other record.
const RecordTable = "record"

// Limits of data records.
const (
	MaxFields      = MaxNames // fields of one record, which are a list
	MaxRecordDepth = 50       // levels of nested records
	MaxColumns     = 10_000   // columns of all tables of a data set
	MaxTables      = 1_000    // tables of a data set, without that at the top
)

// Normal returns a value as it is kept. The empty text is no value and good
// for all types. DateTime also takes Unix seconds.
func (t FieldType) Normal(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	ok := true
	switch t {
	case Boolean:
		ok = value == "true" || value == "false"
	case Integer:
		_, err := strconv.ParseInt(value, 10, 64)
		ok = err == nil
	case Float:
		f, err := strconv.ParseFloat(value, 64)
		ok = err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) && !strings.ContainsAny(value, "_xX")
	case Currency:
		if ok = len(value) <= 100 && strings.Trim(value, "-+0123456789.") == ""; ok {
			_, ok = new(big.Rat).SetString(value)
		}
	case DateTime:
		if seconds, err := strconv.ParseInt(value, 10, 64); err == nil && -1<<40 < seconds && seconds < 1<<40 {
			return time.Unix(seconds, 0).UTC().Format(time.RFC3339), nil
		}
		at, err := time.Parse(time.RFC3339, value)
		if err == nil {
			return at.UTC().Format(time.RFC3339), nil
		}
		ok = false
	}
	if !ok {
		return "", fmt.Errorf("%.60q is no %s", value, t)
	}
	return value, nil
}

// A Table describes the records of one table of a data set, and the tables
// within it. Its methods remember what they have looked up, so one goroutine
// at a time may call them.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns,omitempty"` // those with a type of their own, in their order
	Tables  []*Table `json:"tables,omitempty"`

	types  map[string]FieldType // of so many of Columns as typed says
	typed  int
	nested map[string]*Table // of so many of Tables as named says
	named  int
}

// A Column is a field with its type.
type Column struct {
	Name string    `json:"name"`
	Type FieldType `json:"type"`
}

// Type returns the type of a field. A nil table has only String.
func (t *Table) Type(field string) FieldType {
	if t == nil {
		return String
	}
	for ; t.typed < len(t.Columns); t.typed++ {
		if t.types == nil {
			t.types = make(map[string]FieldType, len(t.Columns))
		}
		column := t.Columns[t.typed]
		if _, ok := t.types[column.Name]; !ok { // the first one counts
			t.types[column.Name] = column.Type
		}
	}
	if kind, ok := t.types[field]; ok {
		return kind
	}
	return String
}

// Nested returns the table of that name within t, or nil.
func (t *Table) Nested(name string) *Table {
	if t == nil {
		return nil
	}
	for ; t.named < len(t.Tables); t.named++ {
		if t.nested == nil {
			t.nested = make(map[string]*Table, len(t.Tables))
		}
		table := t.Tables[t.named]
		if t.nested[table.Name] == nil {
			t.nested[table.Name] = table
		}
	}
	return t.nested[name]
}

// Equal reports whether two tables say the same.
func (t *Table) Equal(other *Table) bool {
	if t == nil || other == nil {
		return t == other
	}
	return t.Name == other.Name && slices.Equal(t.Columns, other.Columns) && slices.EqualFunc(t.Tables, other.Tables, (*Table).Equal)
}

// Check brings the values of fields into the form of their types, in place.
func (t *Table) Check(fields []NameValue) error {
	if len(fields) > MaxFields {
		return Errorf(Invalid, "a record has %d fields; %d are the most", len(fields), MaxFields)
	}
	if t == nil || len(t.Columns) == 0 {
		return nil
	}
	for i := range fields {
		value, err := t.Type(fields[i].Name).Normal(fields[i].Value)
		if err != nil {
			return Errorf(Invalid, "field %.60q: %v", fields[i].Name, err)
		}
		fields[i].Value = value
	}
	return nil
}

// A Record is a data record as it is read.
type Record struct {
	ID      ID
	DataSet ID     // 0: it belongs to no data set
	Parent  ID     // the record that it is nested in, or 0
	Table   string // RecordTable unless nested
	Depth   int    // 0: it was asked for; 1: nested in that; and so on
	Fields  List
	Lists   [2]List // only where a whole data set is read
	Schema  *Table  // describes Fields; nil: all are String
}

// A SourceRecord is a data record on its way into a store.
type SourceRecord struct {
	ID         ID  // 0: the store gives one
	Depth      int // 0 at the top; each record comes after the one that it is nested in
	Table      string
	Fields     []NameValue
	Properties List // nil for none
}

// NewRecords are records to add to a data set, or to a record.
type NewRecords struct {
	DataSet ID // 0: Parent says where
	Parent  ID
	Table   string         // of the records at depth 0, where Parent is set
	Records []SourceRecord // what is nested comes after what it is nested in
}

// A DataSetSource is a data set on its way into a store. It is read more than
// once and always gives the same.
type DataSetSource interface {
	// DataSet is what there is besides the records. Schema nil: it is made of
	// the tables that the records name.
	DataSet() SourceSet
	Schema() *Table
	Given() Run // as in [JobSetSource]
	// Read passes the records on in their order. What yield is passed is good
	// during the call only.
	Read(yield func(*SourceRecord) error) error
}

// A SourceSet is a data set or content set on its way into a store, or out
// of one, without what it contains.
type SourceSet struct {
	ID    ID // 0: the store gives one
	Lists [2]List
	Type  string // content sets: what they are for, such as "print"; "": not said
}

// A SourceItem is a content item of a content set, on its way into a store or
// out of one.
type SourceItem struct {
	ID         ID // 0: the store gives one
	Record     ID // its data record; created if there is none
	Properties List
	Details    []byte // see [Details]; nil: not said
}

// A ContentSetSource is a content set on its way into a store, as
// [DataSetSource].
type ContentSetSource interface {
	ContentSet() SourceSet
	Given() Run
	Read(yield func(*SourceItem) error) error
}
