package platen_test

import (
	"fmt"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/costtest"
)

// TestLargeTable checks that a record costs as much as it has fields, whatever
// the number of columns, and a table as little as any other.
func TestLargeTable(t *testing.T) {
	check := func(n int) func() {
		fields := make([]platen.NameValue, n)
		columns := make([]platen.Column, n)
		for i := range fields {
			name := fmt.Sprint("f", i)
			columns[i] = platen.Column{Name: name, Type: platen.Integer}
			fields[i] = platen.NameValue{Name: name, Value: "7"}
		}
		return func() {
			table, open := &platen.Table{Columns: columns}, &platen.Table{}
			if err := table.Check(fields); err != nil {
				t.Fatal(err)
			}
			for i := range n {
				if name := fields[i].Name; open.Nested(name) == nil {
					open.Tables = append(open.Tables, &platen.Table{Name: name})
				}
			}
		}
	}
	// By the product it would be 20 times as long.
	costtest.AtMost(t, "500 columns, 10,000", 6, 20, check(500), check(10_000))
}

func TestTable(t *testing.T) {
	table := &platen.Table{
		Columns: []platen.Column{{Name: "a", Type: platen.Integer}, {Name: "a", Type: platen.Boolean}},
		Tables:  []*platen.Table{{Name: "t", Columns: []platen.Column{{Name: "first"}}}, {Name: "t"}},
	}
	for range 2 {
		if got := table.Type("a"); got != platen.Integer {
			t.Error("the first column of a name counts, not", got)
		}
		if got := table.Nested("t"); got != table.Tables[0] {
			t.Error("the first table of a name counts, not", got)
		}
		if table.Type("b") != platen.String || table.Nested("u") != nil || (*platen.Table)(nil).Nested("t") != nil {
			t.Error("what is not there is found")
		}
	}
	table.Columns = append(table.Columns, platen.Column{Name: "b", Type: platen.Float})
	table.Tables = append(table.Tables, &platen.Table{Name: "u"})
	if table.Type("b") != platen.Float || table.Nested("u") != table.Tables[2] {
		t.Error("what was added is not found")
	}
}
