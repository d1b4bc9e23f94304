package sqlstore_test

import (
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/transfer"
)

// A few records, each with one nested in it.
type fewRecords struct{ first platen.ID }

func (f fewRecords) DataSet() transfer.SourceSet { return transfer.SourceSet{ID: f.first} }
func (f fewRecords) Schema() *platen.Table       { return nil }
func (f fewRecords) ExplicitIDs() platen.IDRange {
	return platen.IDRange{First: f.first, Last: f.first + 20}
}
func (f fewRecords) Read(yield func(*platen.SourceRecord) error) error {
	for id := f.first + 2; id < f.first+20; id += 2 {
		if err := yield(&platen.SourceRecord{ID: id}); err != nil {
			return err
		}
		if err := yield(&platen.SourceRecord{ID: id + 1, Depth: 1, Table: "detail"}); err != nil {
			return err
		}
	}
	return nil
}

// TestInventory counts what there is, without what is deleted.
func TestInventory(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open()
		defer s.Close()
		check := func(what string, want map[platen.Kind]int64, deleted int64) {
			t.Helper()
			have, err := s.Inventory(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			maps.DeleteFunc(have.Entities, func(_ platen.Kind, n int64) bool { return n == 0 })
			if !maps.Equal(have.Entities, want) || have.DeletedSets != deleted || have.Bytes < 8192 || !have.LastBackup.IsZero() {
				t.Errorf("%s: %+v", what, have)
			}
			if sqlite := strings.Contains(t.Name(), "SQLite"); sqlite != (have.FreeBytes >= 0) {
				t.Errorf("%s: %d bytes are free", what, have.FreeBytes)
			}
		}
		check("empty", map[platen.Kind]int64{}, 0)
		for _, first := range []platen.ID{100, 200} {
			if _, err := s.CreateDataSet(t.Context(), fewRecords{first}); err != nil {
				t.Fatal(err)
			}
		}
		check("two sets", map[platen.Kind]int64{platen.DataSet: 2, platen.DataRecord: 36}, 0)
		if err := s.Delete(t.Context(), platen.Ref{Kind: platen.DataSet, ID: 100}); err != nil {
			t.Fatal(err)
		}
		one := map[platen.Kind]int64{platen.DataSet: 1, platen.DataRecord: 18}
		check("one of them deleted", one, 1)
		for more := true; more; {
			var err error
			if more, err = s.Clean(t.Context(), time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		check("one of them gone", one, 0)

		// Of a log that is looked at here and there.
		const writes = 300
		for n := range writes {
			pairs := []platen.NameValue{{Name: "n", Value: strconv.Itoa(n)}}
			if err := s.Replace(t.Context(), platen.DataSet, platen.Properties, platen.Update{ID: 200, Pairs: pairs}); err != nil {
				t.Fatal(err)
			}
		}
		have, err := s.Inventory(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var bytes int64
		if err := s.Reader().QueryRow(`SELECT sum(octet_length(body)) FROM change_block`).Scan(&bytes); err != nil {
			t.Fatal(err)
		}
		if n := have.Transactions - writes; n < 3 || n > 6 || have.LogBytes < bytes*9/10 || have.LogBytes > bytes*11/10 || time.Since(have.OldestChange) > time.Hour {
			t.Errorf("the log of %d bytes: %+v", bytes, have)
		}
	})
}
