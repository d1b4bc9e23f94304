package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/storetest"
)

func TestStore(t *testing.T) {
	for _, cache := range []struct {
		name  string
		bytes int
		run   func(*testing.T, func(*testing.T) storetest.Open)
	}{
		{"cached", 1 << 20, storetest.Run},
		{"not cached", 0, storetest.RunCached},
		{"hardly cached", 64 * 300, storetest.RunCached},
	} {
		t.Run(cache.name, func(t *testing.T) {
			cache.run(t, func(t *testing.T) storetest.Open {
				dir := t.TempDir()
				return func(t *testing.T) storage.Store {
					s, err := sqlite.Open(t.Context(), dir, cache.bytes)
					if err != nil {
						t.Fatal(err)
					}
					return s
				}
			})
		})
	}
}

func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir, 1<<20)
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
