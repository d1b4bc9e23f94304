package sqlstore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

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

// importSet imports a document with a data set or a content set.
func importSet(t *testing.T, s *sqlstore.Store, document string) error {
	t.Helper()
	if strings.Contains(document, `"records"`) {
		set, err := spool.Temp.NewDataSet()
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		if err := olrest.ReadDataSet(strings.NewReader(document), set); err != nil {
			t.Fatal(err)
		}
		_, err = s.CreateDataSet(t.Context(), set)
		return err
	}
	set, err := spool.Temp.NewContentSet()
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if err := olrest.ReadContentSet(strings.NewReader(document), set); err != nil {
		t.Fatal(err)
	}
	_, err = s.CreateContentSet(t.Context(), set)
	return err
}

// TestNestedRecordUsed removes a data record in which another one is nested that a
// content item uses. The nested one stays as long as the item does.
func TestNestedRecordUsed(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		err := errors.Join(
			importSet(t, s, `{"id":10,"records":[{"id":12,"records":[{"id":13,"table":"x","fields":[{"name":"n","value":"1"}]},{"id":14,"table":"x"},{"id":15,"table":"x","records":[{"id":16,"table":"y"}]}]}]}`),
			importSet(t, s, `{"id":20,"contentitems":[{"id":21,"datarecord":12}]}`),
			importSet(t, s, `{"id":30,"contentitems":[{"id":31,"datarecord":13},{"id":32,"datarecord":16}]}`),
		)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			set  platen.Ref
			left []platen.ID
		}{
			{platen.Ref{Kind: platen.DataSet, ID: 10}, []platen.ID{12, 13, 14, 15, 16}},
			{platen.Ref{Kind: platen.ContentSet, ID: 20}, []platen.ID{13, 16}},
			{platen.Ref{Kind: platen.ContentSet, ID: 30}, nil},
		} {
			if err := s.Delete(t.Context(), step.set); err != nil {
				t.Fatal(err)
			}
			cleanAll(t, s, time.Now().Add(time.Hour))
			var left []platen.ID
			for id := platen.ID(12); id <= 16; id++ {
				if _, err := s.KindOf(t.Context(), id); err == nil {
					left = append(left, id)
				}
			}
			if !slices.Equal(left, step.left) {
				t.Errorf("without %s %d there are the records %d, not %d", step.set.Kind, step.set.ID, left, step.left)
			}
		}
	})
}

// TestSameSetTwice imports a set whose identifier another import has that is under way:
// it can be tried again.
func TestSameSetTwice(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		var second error
		_, err := importJobsThen(t, s, `{"id":600,"jobs":[`+strings.Repeat(`{"properties":[{"name":"n","value":"v"}]},`, 5000)+`{}]}`, func() error {
			_, second = importJobsThen(t, s, `{"id":600,"jobs":[]}`, func() error { return nil })
			return nil
		})
		if err != nil || platen.ErrorCode(second) != platen.Unavailable {
			t.Errorf("%v, %v; want no error for the first and Unavailable for the second", err, second)
		}
	})
}
