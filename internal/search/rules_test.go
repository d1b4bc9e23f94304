package search

import (
	"testing"

	"github.com/platenhq/platen"
)

// TestTable checks that each type of rule has a row, and each row what a rule
// of its kind needs.
func TestTable(t *testing.T) {
	if len(table) != int(platen.OfSet)+1 {
		t.Errorf("%d rows", len(table))
	}
	for kind := platen.All; kind <= platen.OfSet; kind++ {
		row, ok := table[kind]
		leaf := kind > platen.NotAny
		if !ok || row.drivers == nil || (row.group == nil) != leaf || (row.test != nil) != leaf || leaf && kind != platen.Identifier && (row.find != nil) == (row.row != nil) {
			t.Errorf("the row of rule type %d: %+v", kind, row)
		}
	}
}
