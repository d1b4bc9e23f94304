package sqlstore_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
)

// rebuilds remembers what an observer is told of.
type rebuilds struct {
	sqlstore.Unobserved
	mu  sync.Mutex
	why []string
}

func (r *rebuilds) Rebuild(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why = append(r.why, why)
}

// TestRebuildIndex loses and damages the search index. It is rebuilt by
// itself, and the observer is told why.
func TestRebuildIndex(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		ctx := t.Context()
		var observer rebuilds
		s := open(sqlstore.ObservedBy(&observer), sqlstore.WithIndexWait(time.Minute))
		jobs := createJobs(t, s, 3).Children
		long := strings.Repeat("l", 600)
		put := func(value string) {
			t.Helper()
			for _, job := range jobs {
				if err := replace(ctx, s, job, value); err != nil {
					t.Fatal(err)
				}
			}
		}
		finds := func(value string, want int) {
			t.Helper()
			n := 0
			err := s.Find(ctx, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Value: value}},
				func(int, *platen.Found) error { n++; return nil })
			if err != nil || n != want {
				t.Errorf("%d found, not %d: %v", n, want, err)
			}
		}
		exec := func(text string) {
			t.Helper()
			if _, err := s.Writer().ExecContext(ctx, text); err != nil {
				t.Fatal(err)
			}
		}
		told := func(why string) {
			t.Helper()
			if len(observer.why) != 1 || !strings.Contains(observer.why[0], why) {
				t.Errorf("the observer was told %q, not %q", observer.why, why)
			}
			observer.why = nil
		}

		put("a")
		finds("a", 3)
		exec(`DELETE FROM find_value`)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(sqlstore.ObservedBy(&observer), sqlstore.WithIndexWait(time.Minute))
		defer func() { s.Close() }()
		if err := s.Start(ctx, "gone"); err != nil {
			t.Fatal(err)
		}
		told("empty")
		finds("a", 3)

		// A long value that belongs to no row of find_value.
		exec(`INSERT INTO find_long (name, entity, value) SELECT name, entity, value FROM find_value`)
		put(long)
		finds(long, 3)
		told("damaged")
		finds("a", 0)
	})
}

// TestLateRanges checks that a search does not wait for metadata and facts that are
// not in the index, and that a listing which asks for them does.
func TestLateRanges(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		ctx := t.Context()
		s := open(sqlstore.WithIndexWait(time.Minute))
		defer s.Close()
		job := createJobs(t, s, 1).Children[0]
		late := func() (n int) {
			t.Helper()
			if err := s.Reader().QueryRowContext(ctx, `SELECT count(*) FROM find_range WHERE late > 0`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		byMetadata := platen.Listing{Kind: platen.Job, Size: 1, Order: platen.ListingOrder{Facet: platen.Metadata, Name: "n"}}
		// The background work may come in between, which it does every few seconds.
		for tries := 0; ; tries++ {
			if _, err := s.Writer().ExecContext(ctx, `INSERT INTO find_range (first, last, root, late) VALUES ($1, $1, 0, 1)`, int64(job)); err != nil {
				t.Fatal(err)
			}
			err := s.Find(ctx, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Value: "v"}}, func(int, *platen.Found) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			if late() > 0 {
				break
			}
			if tries == 5 {
				t.Fatal("a search has brought metadata up to date")
			}
		}
		if _, err := s.ListPage(ctx, &byMetadata); err != nil || late() != 0 {
			t.Errorf("%d ranges are left after a listing by metadata: %v", late(), err)
		}
	})
}
