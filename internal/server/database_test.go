package server_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
)

// onPostgres says which database the tests run on now.
var onPostgres bool

// TestMain runs all tests on SQLite, then on PostgreSQL.
func TestMain(m *testing.M) {
	code := m.Run()
	switch missing := pgtest.Missing(); {
	case code != 0:
	case missing == "":
		fmt.Println("the same on PostgreSQL:")
		onPostgres = true
		code = m.Run()
		pgtest.Stop()
	case os.Getenv("PLATEN_TEST_ALL") != "":
		fmt.Println("FAIL:", missing)
		code = 1
	default:
		fmt.Println("skipped on PostgreSQL:", missing)
	}
	os.Exit(code)
}

// openStore opens an empty store.
func openStore(t testing.TB, options ...sqlstore.Option) storage.Store {
	t.Helper()
	if onPostgres {
		return openAt(t, pgtest.Database(t), options...)
	}
	s, err := sqlite.Open(t.Context(), t.TempDir(), 1<<20, options...)
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
	s, err := postgres.Open(t.Context(), address, options...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), "gone"); err != nil {
		t.Fatal(err)
	}
	return s
}
