package sqlstore_test

import (
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/sqlstore"
)

// TestLeavingRecords changes data records while their data set is being
// deleted: those that exist can be changed, and none can be added.
func TestLeavingRecords(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		set, err := spool.Temp.NewDataSet()
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		if err := olrest.ReadDataSet(strings.NewReader(`{"records":[{"fields":[{"name":"n","value":"1"}]}]}`), set); err != nil {
			t.Fatal(err)
		}
		made, err := s.CreateDataSet(t.Context(), set)
		if err != nil {
			t.Fatal(err)
		}
		record := made.Children[0]
		if err := s.MarkDeleting(t.Context(), platen.Ref{Kind: platen.DataSet, ID: made.ID}); err != nil {
			t.Fatal(err)
		}
		pairs := []platen.NameValue{{Name: "n", Value: "2"}}
		if err := s.UpdateFields(t.Context(), []platen.Update{{ID: record, Pairs: pairs}}); err != nil {
			t.Error("change a record:", err)
		}
		list, err := s.List(t.Context(), platen.Ref{Kind: platen.DataRecord, ID: record}, platen.Fields)
		if err != nil || !strings.Contains(string(list), `"2"`) {
			t.Errorf("the record has %s: %v", list, err)
		}
		err = s.AddRecords(t.Context(), []platen.NewRecords{{Parent: record, Table: "record", Records: []platen.SourceRecord{{Fields: pairs}}}})
		if code := platen.ErrorCode(err); code != platen.Invalid && code != platen.Unavailable {
			t.Errorf("add a record: %v, want Invalid or Unavailable", err)
		}
	})
}
