package postgres_test

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storetest"
)

// TestPendingUnraced is about searches that do not wait for the index. It runs
// without the race detector, with which SQLite's does.
func TestPendingUnraced(t *testing.T) {
	storetest.RunSearching(t, func(t *testing.T) storetest.Open {
		return at(pgtest.Database(t), sqlstore.WithIndexWait(0))
	})
}

// TestManyMarks is about searches while one entity is marked as dirty very often.
func TestManyMarks(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	s := at(address, sqlstore.WithIndexWait(0))(t)
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `INSERT INTO find_stale (kind, ids) SELECT 4, ARRAY[1::bigint] FROM generate_series(1, 100000)`); err != nil {
		t.Fatal(err)
	}
	storetest.Searching(t, s)
}

// TestIndexPending counts what the index lacks, when the store is opened and until
// the index has all.
func TestIndexPending(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	if err := at(address)(t).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, text := range []string{
		`INSERT INTO find_stale (kind, ids) VALUES (4, '{1,2,3}'), (4, '{4,5}')`,
		`INSERT INTO find_range (first, last, root, late) VALUES (10, 19, 10, 0)`,
	} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	s := at(address)(t).(*sqlstore.Store)
	defer s.Close()
	storetest.IndexPending(t, func() int64 { return s.Stats().IndexPending }, 15)
}

// TestNoTemporaryTables is about a role that may not make temporary tables: its
// searches wait for the index.
func TestNoTemporaryTables(t *testing.T) {
	t.Parallel()
	address := pgtest.Database(t)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := strings.TrimPrefix(u.Path, "/")
	role := "poor_" + name
	password := rand.Text()
	for _, text := range []string{
		`CREATE ROLE ` + role + ` LOGIN PASSWORD '` + password + `'`,
		`GRANT ALL ON SCHEMA public TO ` + role,
		`REVOKE TEMPORARY ON DATABASE ` + name + ` FROM PUBLIC`,
	} {
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		db, err := sql.Open("pgx", address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, text := range []string{`DROP OWNED BY ` + role, `DROP ROLE ` + role} {
			if _, err := db.Exec(text); err != nil {
				t.Error(err)
			}
		}
	})
	u.User = url.UserPassword(role, password)
	storetest.Searching(t, at(u.String(), sqlstore.WithIndexWait(0))(t))
}
