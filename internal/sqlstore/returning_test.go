package sqlstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/sqlstore"
)

// importContents imports a data set with the record 11, and a content set of its own
// items 21 and 22.
func importContents(t *testing.T, s *sqlstore.Store) (content platen.Ref) {
	t.Helper()
	records, err := spool.Temp.NewDataSet()
	if err != nil {
		t.Fatal(err)
	}
	defer records.Close()
	items, err := spool.Temp.NewContentSet()
	if err != nil {
		t.Fatal(err)
	}
	defer items.Close()
	err = errors.Join(
		olrest.ReadDataSet(strings.NewReader(`{"id":10,"records":[{"id":11}]}`), records),
		olrest.ReadContentSet(strings.NewReader(`{"id":20,"contentitems":[{"id":21,"datarecord":11},{"id":22,"datarecord":11}]}`), items))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateDataSet(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateContentSet(t.Context(), items); err != nil {
		t.Fatal(err)
	}
	return platen.Ref{Kind: platen.ContentSet, ID: 20}
}

// pagesWith is a job set whose first page has a content item; so many more have items
// and records of their own.
func pagesWith(set, item platen.ID, more int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":%d,"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":%d}`, set, item)
	for i := range more {
		fmt.Fprintf(&b, `,{"contentitem":%d,"datarecord":%d}`, 100_000+i, 300_000+i)
	}
	b.WriteString(`]}]}]}]}]}`)
	return b.String()
}

// cleanAll cleans up all that is deleted.
func cleanAll(t *testing.T, s *sqlstore.Store, before time.Time) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = s.Clean(t.Context(), before); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReturning cleans up a job set that uses an item of a content set, while the
// content set is deleted: it comes back with the item, or its own clean-up removes it.
func TestReturning(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		content, item := importContents(t, s), platen.Ref{Kind: platen.ContentItem, ID: 21}
		importJobs(t, s, pagesWith(30, item.ID, 0))
		remove := func(ref platen.Ref) {
			t.Helper()
			if err := s.Delete(t.Context(), ref); err != nil {
				t.Fatal(err)
			}
		}
		remove(platen.Ref{Kind: platen.JobSet, ID: 30})
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1100 * time.Millisecond))) // deletions have whole seconds
		between := time.Now().Add(-time.Second)
		remove(content)
		cleanAll(t, s, between)
		if _, err := s.KindOf(t.Context(), 30); platen.ErrorCode(err) != platen.NotFound {
			t.Fatalf("the job set is not cleaned up: %v", err)
		}
		if _, err := s.Undelete(t.Context(), content.ID); err != nil {
			t.Errorf("the content set can not come back: %v", err)
		}
		if items, err := s.Children(t.Context(), content); err != nil || len(items) != 1 || items[0].Len() != 2 {
			t.Errorf("it has %v, %v; want two items", items, err)
		}

		importJobs(t, s, pagesWith(30, item.ID, 0))
		remove(platen.Ref{Kind: platen.JobSet, ID: 30})
		remove(content)
		cleanAll(t, s, time.Now().Add(time.Hour))
		for _, id := range []platen.ID{20, 21, 22, 30} {
			if kind, err := s.KindOf(t.Context(), id); platen.ErrorCode(err) != platen.NotFound {
				t.Errorf("%s %d is left: %v", kind, id, err)
			}
		}
		if kind, err := s.KindOf(t.Context(), 11); kind != platen.DataRecord {
			t.Errorf("the data record of both: %v, %v", kind, err)
		}
		left := 0
		if err := s.Reader().QueryRowContext(t.Context(), "SELECT count(*) FROM detached").Scan(&left); err != nil || left > 0 {
			t.Errorf("%d places are left: %v", left, err)
		}
	})
}

// TestReturningAfterImport breaks off an import that uses an item of a content set, which
// is deleted meanwhile: it can come back, with the item; or else its clean-up removes it.
func TestReturningAfterImport(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		content := importContents(t, s)
		broken := errors.New("broken off")
		_, err := importJobsThen(t, s, pagesWith(30, 21, 60_000), func() error {
			return errors.Join(s.Delete(t.Context(), content), broken)
		})
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) { // what it left is removed
			if _, err := s.KindOf(t.Context(), 100_001); platen.ErrorCode(err) == platen.NotFound {
				if _, err := s.Clean(t.Context(), time.Now().Add(-time.Hour)); err != nil {
					t.Fatal(err)
				}
				left := 0
				if err := s.Reader().QueryRowContext(t.Context(), "SELECT count(*) FROM content_block").Scan(&left); err != nil {
					t.Fatal(err)
				}
				if left == 0 {
					break
				}
			}
			if time.Now().After(end) {
				t.Fatal("what the import left is not removed")
			}
		}
		if _, err := s.Undelete(t.Context(), content.ID); err != nil {
			t.Errorf("the content set can not come back: %v", err)
		}

		_, err = importJobsThen(t, s, pagesWith(30, 21, 60_000), func() error {
			return errors.Join(s.Delete(t.Context(), content), broken)
		})
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		cleanAll(t, s, time.Now().Add(time.Hour))
		for _, id := range []platen.ID{20, 21, 22} {
			if kind, err := s.KindOf(t.Context(), id); platen.ErrorCode(err) != platen.NotFound {
				t.Errorf("%s %d is left: %v", kind, id, err)
			}
		}
	})
}

// TestStagedRecords reads and changes data records that a large import made, in several
// transactions, and that are in no set.
func TestStagedRecords(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		importJobs(t, s, pagesWith(30, 21, 9_000))
		if err := s.UpdateFields(t.Context(), []platen.Update{{ID: 300_005, Pairs: []platen.NameValue{{Name: "a", Value: "1"}}}}); err != nil {
			t.Error("update of fields:", err)
		}
		asked := &platen.BulkUpdate{Entities: []platen.BulkEntity{{ID: 300_005}}}
		asked.Set[platen.Fields] = []platen.NameValue{{Name: "b", Value: "2"}}
		if _, err := s.UpdateBulk(t.Context(), asked, nil); err != nil {
			t.Error("update of many:", err)
		}
		var fields string
		err := s.Records(t.Context(), []platen.ID{300_005}, false, func(r *platen.Record) error {
			fields = string(r.Fields)
			return nil
		})
		if want := `[{"name":"a","value":"1"},{"name":"b","value":"2"}]`; err != nil || fields != want {
			t.Errorf("fields %s, %v; want %s", fields, err, want)
		}
	})
}

// TestReturningBesideDeletion deletes a data set while a server reads what a content set
// that comes back uses: it is read anew.
func TestReturningBesideDeletion(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		importRecords := func(document string) platen.Ref {
			t.Helper()
			records, err := spool.Temp.NewDataSet()
			if err != nil {
				t.Fatal(err)
			}
			defer records.Close()
			if err := olrest.ReadDataSet(strings.NewReader(document), records); err != nil {
				t.Fatal(err)
			}
			made, err := s.CreateDataSet(t.Context(), records)
			if err != nil {
				t.Fatal(err)
			}
			return platen.Ref{Kind: platen.DataSet, ID: made.ID}
		}
		earlier, later := importRecords(`{"records":[{}]}`), importRecords(`{"records":[{}]}`)
		importRecords(`{"records":[{"id":300001},{"id":300002}]}`)
		// Each item is a row of its own, so that it takes some time to read them.
		items, err := spool.Temp.NewContentSet()
		if err != nil {
			t.Fatal(err)
		}
		defer items.Close()
		document := `{"id":200000,"contentitems":[{"id":200001,"datarecord":300001}`
		for i := range 12_000 {
			document += fmt.Sprintf(`,{"id":%d,"datarecord":%d}`, 200_002+i, 300_002-i%2)
		}
		if err := olrest.ReadContentSet(strings.NewReader(document+`]}`), items); err != nil {
			t.Fatal(err)
		}
		if _, err := s.CreateContentSet(t.Context(), items); err != nil {
			t.Fatal(err)
		}
		content := platen.Ref{Kind: platen.ContentSet, ID: 200_000}
		undelete := func(set platen.Ref) {
			t.Helper()
			for {
				_, err := s.Undelete(t.Context(), set.ID)
				if err == nil {
					return
				}
				if platen.ErrorCode(err) != platen.Unavailable { // another is being deleted just then
					t.Fatalf("%s %d does not come back: %v", set.Kind, set.ID, err)
				}
			}
		}
		for round := range 10 {
			for _, set := range []platen.Ref{content, earlier} {
				if err := s.Delete(t.Context(), set); err != nil {
					t.Fatal(err)
				}
			}
			deleted := make(chan error)
			go func() {
				time.Sleep(time.Duration(round) * time.Millisecond) // the reading has to have begun
				deleted <- s.Delete(t.Context(), later)
			}()
			undelete(content)
			if err := <-deleted; err != nil {
				t.Fatal(err)
			}
			undelete(earlier)
			undelete(later)
		}
	})
}
