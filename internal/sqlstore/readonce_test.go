package sqlstore_test

import (
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlitetest"
)

// TestPreviewKeepsNothing previews an update of many: its lists do not go into the cache
// in the place of those that are asked for.
func TestPreviewKeepsNothing(t *testing.T) {
	s, err := sqlitetest.Open(t.Context(), t.TempDir(), 16<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	createJobs(t, s, 300)
	asked := &platen.BulkUpdate{Kind: platen.Job, Rule: platen.Rule{Type: platen.All}}
	asked.Set[platen.Properties] = []platen.NameValue{{Name: "n", Value: "v"}}
	result, _, err := s.PreviewBulk(t.Context(), asked, nil, 10)
	if err != nil || result.Changed != 300 {
		t.Fatal(result, err)
	}
	if n := s.Stats().CacheEntries; n > 0 {
		t.Errorf("the cache has %d lists", n)
	}
}

// TestReadOnce changes many lists that are not in the cache. They are read before the
// transaction that all other writers wait for, and not once more in it.
func TestReadOnce(t *testing.T) {
	const jobs = 300
	pairs := []platen.NameValue{{Name: "n", Value: "v"}}
	s, err := sqlitetest.Open(t.Context(), t.TempDir(), 16<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, test := range []struct {
		name  string
		write func(ids []platen.ID) error
	}{
		{"an update of many", func(ids []platen.ID) error {
			asked := &platen.BulkUpdate{Kind: platen.Job}
			asked.Set[platen.Properties] = pairs
			for _, id := range ids {
				asked.Entities = append(asked.Entities, platen.BulkEntity{ID: id})
			}
			_, err := s.UpdateBulk(t.Context(), asked, nil)
			return err
		}},
		{"a merge", func(ids []platen.ID) error {
			var updates []platen.Update
			for _, id := range ids {
				updates = append(updates, platen.Update{ID: id, Pairs: pairs})
			}
			return s.Merge(t.Context(), platen.Job, platen.Properties, updates)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ids := createJobs(t, s, jobs).Children
			before := s.Stats().CacheMisses
			if err := test.write(ids); err != nil {
				t.Fatal(err)
			}
			if got := s.Stats().CacheMisses - before; got != jobs {
				t.Errorf("%d lists were not in the cache when they were needed; want %d, each the first time", got, jobs)
			}
		})
	}
}
