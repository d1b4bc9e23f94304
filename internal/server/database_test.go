package server_test

import (
	"strings"
	"testing"

	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/sqlitetest"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// onEach runs a test on each database, which the names of its parts say, and
// beside others.
func onEach(t *testing.T, test func(t *testing.T)) {
	t.Parallel()
	for _, database := range []string{"SQLite", "PostgreSQL"} {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// onSQLite runs a test beside others, of what is the same on each database.
func onSQLite(t *testing.T, test func(t *testing.T)) {
	t.Parallel()
	t.Run("SQLite", test)
}

// oneByOne runs a test on each database that measures, or changes what all
// tests share, and so runs beside no other.
func oneByOne(t *testing.T, test func(t *testing.T)) {
	t.Run("SQLite", test)
	t.Run("PostgreSQL", test)
}

// onPostgres reports whether a part of onEach is that on PostgreSQL.
func onPostgres(t testing.TB) bool { return strings.Contains(t.Name()+"/", "/PostgreSQL/") }

// long skips a test that takes long with -short.
func long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
}

// needsPostgres skips what is about several servers on one database.
func needsPostgres(t testing.TB) {
	t.Helper()
	if !onPostgres(t) {
		t.Skip("a database of SQLite has one server")
	}
}

// openStore opens an empty store on the database that the test's name says.
func openStore(t testing.TB, options ...sqlstore.Option) storage.Store {
	t.Helper()
	if onPostgres(t) {
		return openAt(t, pgtest.Database(t), options...)
	}
	if !strings.Contains(t.Name()+"/", "/SQLite/") {
		t.Fatal("a test that opens a store is run by onEach, onSQLite or oneByOne")
	}
	s, err := sqlitetest.Open(t.Context(), t.TempDir(), 1<<20, options...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	return s
}

// openAt opens the store at an address of PostgreSQL.
func openAt(t testing.TB, address string, options ...sqlstore.Option) storage.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), pgtest.Few(address), options...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	return s
}
