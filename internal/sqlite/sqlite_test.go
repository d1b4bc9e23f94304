package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlitetest"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// onDisk returns what opens the stores of tests, with so many bytes of cache.
func onDisk(cacheBytes int, options ...sqlstore.Option) func(*testing.T) storetest.Open {
	return func(t *testing.T) storetest.Open {
		dir := t.TempDir()
		return func(t *testing.T) storage.Store {
			s, err := sqlitetest.Open(t.Context(), dir, cacheBytes, options...)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
}

func TestStore(t *testing.T) {
	t.Run("cached", func(t *testing.T) { storetest.Run(t, onDisk(1<<20)) })
	t.Run("not cached", func(t *testing.T) { storetest.RunCached(t, onDisk(0)) })
	t.Run("hardly cached", func(t *testing.T) { storetest.RunCached(t, onDisk(64*300)) })
}

func TestLarge(t *testing.T) { storetest.RunLarge(t, onDisk(1<<20)) }

// TestPending is about searches that do not wait for the index.
func TestPending(t *testing.T) {
	storetest.RunSearching(t, onDisk(1<<20, sqlstore.WithIndexWait(0)))
}

func TestCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, sqlite.FileName)+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(text string) {
		if _, err := db.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	count := func(table string) (n int) {
		if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	storetest.Counts(t, s, exec, count)
	storetest.Facts(t, s, exec, count)
}

func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir, 1<<20, sqlstore.WithIndexWait(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	storetest.Leftovers(t, s, func(table string) (n int) {
		if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	})
}

// TestIndexPending counts what the index lacks, when the store is opened and until
// the index has all.
func TestIndexPending(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() *sqlstore.Store {
		s, err := sqlite.Open(t.Context(), dir, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if err := open().Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO find_stale (id, kind) VALUES (1, 4), (2, 4), (3, 4), (4, 4), (5, 4);
		INSERT INTO find_range (first, last, root, late) VALUES (10, 19, 10, 0)`); err != nil {
		t.Fatal(err)
	}
	s := open()
	defer s.Close()
	storetest.IndexPending(t, func() int64 { return s.Stats().IndexPending }, 15)
}
