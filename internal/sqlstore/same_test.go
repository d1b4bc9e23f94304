package sqlstore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
)

// TestSameList checks that a list that is stored so already is not written
// again: its entity does not become dirty. A list that differs is written,
// whatever else is in its group.
func TestSameList(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		s := open(sqlstore.WithIndexWait(time.Minute))
		defer s.Close()
		ctx := context.Background()
		jobs := createJobs(t, s, 20).Children
		all := func(value func(i int) string) {
			t.Helper()
			var wg sync.WaitGroup
			for i, job := range jobs {
				wg.Go(func() {
					if err := replace(ctx, s, job, value(i)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		dirty := func() int64 {
			t.Helper()
			last, err := s.LastDirty(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return last
		}
		flush := func() {
			t.Helper()
			if err := s.Find(ctx, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Value: "v"}}, func(int, *platen.Found) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		all(func(int) string { return "v" })
		flush()
		before := dirty()
		all(func(int) string { return "v" })
		if now := dirty(); now != before {
			t.Errorf("the same lists again: the last dirty row was %d, and is %d", before, now)
		}
		all(func(i int) string { return []string{"v", "w"}[i%2] })
		if now := dirty(); now == before {
			t.Error("other lists made no entity dirty")
		}
		for i, job := range jobs {
			list, err := s.List(ctx, platen.Ref{Kind: platen.Job, ID: job}, platen.Properties)
			if want := []string{"v", "w"}[i%2]; err != nil || string(list) != string(platen.EncodeList([]platen.NameValue{{Name: "n", Value: want}})) {
				t.Errorf("job %d has %s, %v; want %s", i, list, err, want)
			}
		}
	})
}
