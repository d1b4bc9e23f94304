package sqlstore_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlitetest"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
)

// TestNoIndexAwaited reads entities of an import that the index does not have yet,
// which must not wait for it, as a search must not. A listing by a fact does.
func TestNoIndexAwaited(t *testing.T) {
	s, err := sqlitetest.Open(context.Background(), t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	release, err := s.BlockFlush(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	made := createJobs(t, s, 8)
	all := platen.Listing{Kind: platen.Job, Size: 10, Parts: platen.EntityParts{Places: true, Facts: true, Lists: [3]bool{true, true}}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if e, err := s.Entity(ctx, made.Children[3]); err != nil || e.Facts.CreateTime.IsZero() {
		t.Errorf("an entity: %+v (%v)", e, err)
	}
	if page, err := s.ListPage(ctx, &all); err != nil || len(page.Entities) != 8 || page.Entities[0].Facts.CreateTime.IsZero() {
		t.Errorf("a listing by id: %+v (%v)", page, err)
	}
	set := platen.Ref{Kind: platen.JobSet, ID: made.ID}
	tag := func() platen.Match {
		t.Helper()
		e, err := s.Entity(ctx, set.ID)
		if err != nil {
			t.Fatal(err)
		}
		return platen.Match{Tags: []platen.Tag{e.Tag()}}
	}
	before := tag()
	job := made.Children[2]
	if err := s.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: job, Pairs: []platen.NameValue{{Name: "n", Value: "1"}}}); err != nil {
		t.Fatal(err)
	}
	for what, rule := range map[string]platen.Rule{"a search": {Type: platen.Text, Name: "n", Value: "1"}, "a search by id": {Type: platen.IDs, Condition: platen.In, IDs: []platen.ID{job}}} {
		var found []platen.ID
		err := s.Find(ctx, &platen.Search{Kind: platen.Job, Rule: rule}, func(_ int, one *platen.Found) error {
			found = append(found, one.ID)
			return nil
		})
		if err != nil || len(found) != 1 || found[0] != job {
			t.Errorf("%s: %v (%v)", what, found, err)
		}
	}
	if err := s.DeleteIf(ctx, set, &before); platen.ErrorCode(err) != platen.Changed {
		t.Errorf("a deletion of what has changed: %v", err)
	}
	now := tag()
	soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	all.Order = platen.ListingOrder{Name: platen.UpdateTimeFact, Facet: platen.KeptFacts}
	if _, err := s.ListPage(soon, &all); !errors.Is(soon.Err(), context.DeadlineExceeded) || !errors.Is(err, storage.ErrIndexBehind) {
		t.Errorf("a listing by a fact did not wait for the index: %v", err)
	}
	if err := s.DeleteIf(ctx, set, &now); err != nil {
		t.Errorf("a deletion of what has not changed: %v", err)
	}
}

// TestLargeAwaited updates large lists while the index can not follow: a search reads
// some of them, and waits for the index when they are more, since each search beside
// them would read all of them again.
func TestLargeAwaited(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	s, err := sqlitetest.Open(context.Background(), t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	release, err := s.BlockFlush(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	made := createJobs(t, s, 3)
	pairs := []platen.NameValue{{Name: "n", Value: "1"}}
	for i := range 900 {
		pairs = append(pairs, platen.NameValue{Name: "large" + strconv.Itoa(i), Value: strings.Repeat("x", 1000)})
	}
	for i, job := range made.Children {
		if err := s.Replace(t.Context(), platen.Job, platen.Properties, platen.Update{ID: job, Pairs: pairs}); err != nil {
			t.Fatal(err)
		}
		found := 0
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if i == 2 { // nothing else can tell that it would wait
			ctx, cancel = context.WithTimeout(t.Context(), 2*time.Second)
		}
		err := s.Find(ctx, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Value: "1"}}, func(int, *platen.Found) error {
			found++
			return nil
		})
		cancel()
		if i < 2 && (err != nil || found != i+1) || i == 2 && !errors.Is(err, storage.ErrIndexBehind) {
			t.Errorf("with %d large lists: found %d (%v)", i+1, found, err)
		}
	}
}

// taggedRecords are data records with a property.
type taggedRecords struct{ fewRecords }

func (r taggedRecords) Read(yield func(*platen.SourceRecord) error) error {
	return r.fewRecords.Read(func(record *platen.SourceRecord) error {
		record.Properties = platen.EncodeList([]platen.NameValue{{Name: "n", Value: "1"}})
		return yield(record)
	})
}

// TestOtherIndexNotAwaited searches jobs after an import of a data set, whose index a
// search of data records waits for, and one of jobs does not.
func TestOtherIndexNotAwaited(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open(sqlstore.WithIndexWait(time.Minute))
		defer s.Close()
		if _, err := s.CreateDataSet(t.Context(), taggedRecords{fewRecords{5000}}); err != nil {
			t.Fatal(err)
		}
		made := createJobs(t, s, 8)
		if err := replace(t.Context(), s, made.Children[3], "1"); err != nil {
			t.Fatal(err)
		}
		// find returns how many a search finds, and whether there are imports that
		// the index does not have.
		find := func(kind platen.Kind) (found int, left bool) {
			t.Helper()
			rule := platen.Rule{Type: platen.Text, Facet: platen.Properties, Name: "n", Condition: platen.Equal, Value: "1"}
			err := s.Find(t.Context(), &platen.Search{Kind: kind, Rule: rule}, func(int, *platen.Found) error {
				found++
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			last, err := s.LastRange(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return found, last > 0
		}
		if found, left := find(platen.Job); found != 1 || !left {
			t.Errorf("a search of jobs finds %d; the index of data records is left: %v", found, left)
		}
		if found, left := find(platen.DataRecord); found != 18 || left {
			t.Errorf("a search of data records finds %d; their index is left: %v", found, left)
		}
	})
}
