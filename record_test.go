package platen_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/platenhq/platen"
)

// TestTableCost checks that a record costs as much as it has fields, whatever
// the number of columns, and a table as little as any other.
func TestTableCost(t *testing.T) {
	took := func(n int) time.Duration {
		table := &platen.Table{}
		fields := make([]platen.NameValue, n)
		for i := range fields {
			name := fmt.Sprint("f", i)
			table.Columns = append(table.Columns, platen.Column{Name: name, Type: platen.Integer})
			fields[i] = platen.NameValue{Name: name, Value: "7"}
		}
		best := time.Hour
		for range 3 {
			start := time.Now()
			if err := table.Check(fields); err != nil {
				t.Fatal(err)
			}
			open := &platen.Table{}
			for i := range n {
				if name := fields[i].Name; open.Nested(name) == nil {
					open.Tables = append(open.Tables, &platen.Table{Name: name})
				}
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	took(100)
	// By the product it would be 400 times as long.
	if few, many := took(500), took(10_000); many > 100*few+50*time.Millisecond {
		t.Errorf("500 columns take %v, 10,000 take %v", few, many)
	}
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
