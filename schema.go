package platen

import (
	"slices"
)

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
