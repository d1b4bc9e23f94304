package sqlstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/costtest"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlitetest"
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

// TestDamagedPages damages a page of the search index in a way that SQLite can not even
// empty it: nobody is told of a rebuild, lists are read and written, and a copy without
// the index is whole.
func TestDamagedPages(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	var observer rebuilds
	open := func(dir string) *sqlstore.Store {
		t.Helper()
		s, err := sqlitetest.Open(ctx, dir, 1<<20, sqlstore.ObservedBy(&observer), sqlstore.WithIndexWait(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	find := func(s *sqlstore.Store) (found []platen.ID, err error) {
		err = s.Find(ctx, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Value: "b"}},
			func(_ int, one *platen.Found) error { found = append(found, one.ID); return nil })
		return found, err
	}
	s := open(dir)
	job := createJobs(t, s, 1).Children[0]
	var root, size int64
	err := replace(ctx, s, job, "a")
	if err == nil {
		_, err = find(s) // the index has the value
	}
	err = errors.Join(err,
		s.Reader().QueryRowContext(ctx, `SELECT rootpage FROM sqlite_schema WHERE name = 'find_value'`).Scan(&root),
		s.Reader().QueryRowContext(ctx, `PRAGMA page_size`).Scan(&size),
		s.Close())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(dir, sqlite.FileName), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteAt(bytes.Repeat([]byte{0xff}, int(size)), (root-1)*size)
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	s = open(dir)
	defer s.Close()
	before := time.Now().Truncate(time.Microsecond)
	if err := replace(ctx, s, job, "b"); err != nil {
		t.Error(err)
	}
	if _, err := find(s); err == nil {
		t.Error("a search of a damaged index has no error")
	}
	if len(observer.why) > 0 {
		t.Errorf("a rebuild that failed is told: %q", observer.why)
	}
	to := open(t.TempDir())
	defer to.Close()
	if _, err := sqlstore.Copy(ctx, s, to, true, func(sqlstore.Progress) {}); err != nil {
		t.Fatal(err)
	}
	if found, err := find(to); err != nil || !slices.Equal(found, []platen.ID{job}) {
		t.Errorf("a search of the copy: %v %v", found, err)
	}
	if e, err := to.Entity(ctx, job); err != nil || e.Facts.UpdateTime.Before(before) {
		t.Errorf("the job changed after %v, and in the copy: %+v %v", before, e, err)
	}
}

// TestCopyWithoutIndex copies while the source brings its index up to date, which passes
// on when jobs and sets changed.
func TestCopyWithoutIndex(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		ctx := t.Context()
		s := open(sqlstore.WithIndexWait(time.Minute))
		defer s.Close()
		job := createJobs(t, s, 1).Children[0]
		if err := replace(ctx, s, job, "a"); err != nil {
			t.Fatal(err)
		}
		to, err := sqlitetest.Open(ctx, t.TempDir(), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		_, err = sqlstore.Copy(ctx, s, to, true, func(sqlstore.Progress) {
			none := func(int, *platen.Found) error { return nil }
			if err := s.Find(ctx, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Value: "a"}}, none); err != nil {
				t.Error(err)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		want, err := s.Entity(ctx, job)
		if err != nil {
			t.Fatal(err)
		}
		got, err := to.Entity(ctx, job)
		if err != nil {
			t.Fatal(err)
		}
		if !got.Facts.UpdateTime.Equal(want.Facts.UpdateTime) {
			t.Errorf("the job changed at %v, and in the copy at %v", want.Facts.UpdateTime, got.Facts.UpdateTime)
		}
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

// TestRebuiltFacts checks that facts that are to be indexed anew are a range for each
// set and one for its jobs, however many runs these are.
func TestRebuiltFacts(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		ctx := t.Context()
		s := open()
		defer s.Close()
		var runs []string
		for i := range 20 {
			runs = append(runs, fmt.Sprintf(`{"id":%d,"segments":[]}`, 1000+10*i))
		}
		importJobs(t, s, `{"id":990,"jobs":[`+strings.Join(runs, ",")+`]}`)
		if err := s.RebuildIndex(ctx, "test"); err != nil {
			t.Fatal(err)
		}
		var ranges int
		if err := s.Reader().QueryRowContext(ctx, `SELECT count(*) FROM find_range WHERE late > 0`).Scan(&ranges); err != nil {
			t.Fatal(err)
		}
		if ranges > 4 { // two are of the import; the background work may come in between
			t.Errorf("there are %d ranges", ranges)
		}
	})
}

// TestLargeRanges checks that a search waits as long for the ranges of others as for
// its own alone: to find the next one costs the same, however many there are.
func TestLargeRanges(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		ctx := t.Context()
		s := open(sqlstore.WithIndexWait(time.Minute))
		defer s.Close()
		set := createJobs(t, s, 1)
		data := set.ID + 1_000_000
		exec := func(text string, args ...any) {
			t.Helper()
			if _, err := s.Writer().ExecContext(ctx, text, args...); err != nil {
				t.Fatal(err)
			}
		}
		exec(`INSERT INTO entity (first, last, kind, parent, ord, root) VALUES ($1, $1, 1, 0, 0, $1)`, int64(data))
		mark := func(root platen.ID, ranges int) {
			exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
				INSERT INTO find_range (first, last, root) SELECT $2, $2, $2 FROM n`, ranges, int64(root))
		}
		find := func() {
			err := s.Find(ctx, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Value: "v"}}, func(int, *platen.Found) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
		}
		removeOthers := func() { exec(`DELETE FROM find_range WHERE root = $1`, int64(data)) }
		costtest.AtMost(t, "a search of jobs beside many ranges of data sets", 4, 1, func() {
			mark(set.ID, 200)
			mark(data, 20_000)
			removeOthers()
			find()
		}, func() {
			mark(set.ID, 200)
			mark(data, 20_000)
			find()
			removeOthers()
		})
	})
}

// TestLargeFactRanges checks that a search does not read the ranges of facts, which it
// does not wait for, to find those that it waits for.
func TestLargeFactRanges(t *testing.T) {
	onBoth(t, func(t *testing.T, open func(...sqlstore.Option) *sqlstore.Store) {
		ctx := t.Context()
		s := open(sqlstore.WithIndexWait(time.Minute))
		defer s.Close()
		set := createJobs(t, s, 1)
		importing := set.ID + 1_000_000
		exec := func(text string, args ...any) {
			t.Helper()
			if _, err := s.Writer().ExecContext(ctx, text, args...); err != nil {
				t.Fatal(err)
			}
		}
		exec(`INSERT INTO deleted_set (id, kind, marked, state, owner) VALUES ($1, 5, 1, 2, $2)`, int64(importing), s.ID()) // so that they stay
		add := func() {
			exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
				INSERT INTO find_range (first, last, root, late) SELECT $1, $1, $1, 2 FROM n`, int64(importing))
		}
		remove := func() { exec(`DELETE FROM find_range WHERE root = $1`, int64(importing)) }
		work := func() {
			for range 100 {
				exec(`INSERT INTO find_range (first, last, root) VALUES ($1, $1, $1)`, int64(set.ID))
				err := s.Find(ctx, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Name: "n", Value: "v"}}, func(int, *platen.Found) error { return nil })
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		costtest.Beside(t, "searches beside many ranges of facts", 2, add, remove, work)
	})
}
