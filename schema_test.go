package platen

import (
	"slices"
	"strings"
	"testing"
)

// orders returns a table with a table within it.
func orders() *Table {
	return &Table{Name: RecordTable, Columns: []Column{{"paid", Boolean}, {"since", DateTime}},
		Tables: []*Table{{Name: "detail", Columns: []Column{{"n", Integer}}}}}
}

// TestTableCheck brings fields into the form of their types.
func TestTableCheck(t *testing.T) {
	fields := []NameValue{{"paid", "true"}, {"since", "2026-01-01T01:00:00+01:00"}, {"unknown", " as it is "}}
	if err := orders().Check(fields); err != nil {
		t.Fatal(err)
	}
	if want := []NameValue{{"paid", "true"}, {"since", "2026-01-01T00:00:00Z"}, {"unknown", " as it is "}}; !slices.Equal(fields, want) {
		t.Errorf("got %v, want %v", fields, want)
	}
	var none *Table
	if err := none.Check([]NameValue{{"paid", "perhaps"}}); err != nil {
		t.Error("without a table:", err)
	}
	for says, fields := range map[string][]NameValue{
		`field "paid": "perhaps" is no BOOLEAN: true or false`: {{"a", "b"}, {"paid", "perhaps"}},
		"10000 are the most": make([]NameValue, MaxFields+1),
	} {
		if err := orders().Check(fields); ErrorCode(err) != Invalid || err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want Invalid with %q", err, says)
		}
	}
	if err := none.Check(make([]NameValue, MaxFields+1)); ErrorCode(err) != Invalid {
		t.Error("too many fields without a table:", err)
	}
}

// TestTableEqual compares tables by what they say.
func TestTableEqual(t *testing.T) {
	var none *Table
	if !orders().Equal(orders()) || !none.Equal(nil) || none.Equal(orders()) || orders().Equal(nil) {
		t.Error("equal tables are not, or a table is like none")
	}
	for name, change := range map[string]func(*Table){
		"name":    func(t *Table) { t.Name = "x" },
		"type":    func(t *Table) { t.Columns[0].Type = String },
		"order":   func(t *Table) { slices.Reverse(t.Columns) },
		"nested":  func(t *Table) { t.Tables[0].Columns = nil },
		"another": func(t *Table) { t.Tables = append(t.Tables, &Table{Name: "x"}) },
	} {
		other := orders()
		change(other)
		if orders().Equal(other) || other.Equal(orders()) {
			t.Errorf("a table with another %s is equal", name)
		}
	}
	looked := orders()
	looked.Type("paid")
	looked.Nested("detail")
	if !looked.Equal(orders()) {
		t.Error("a table that was looked at is another one")
	}
}
