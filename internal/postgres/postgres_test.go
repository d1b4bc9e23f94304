package postgres_test

import (
	"database/sql"
	"testing"

	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// direct returns what opens the stores of tests on databases of their own.
func direct(t *testing.T) storetest.Open { return at(pgtest.Database(t)) }

// at opens the store at an address.
func at(address string) storetest.Open {
	return func(t *testing.T) storage.Store {
		s, err := postgres.Open(t.Context(), pgtest.Few(address))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// TestStoreUnraced runs without the race detector, with which TestStore runs on
// SQLite: what is of PostgreSQL alone are its statements and locks, and the tests of
// servers on it run with the race detector. The tests that it lacks run behind a
// pooler (TestPooler), and those of servers do the same without one.
func TestStoreUnraced(t *testing.T) { storetest.RunOthers(t, direct) }

func TestLarge(t *testing.T) { storetest.RunLarge(t, direct) }

// TestPooler runs behind a pooler that lends a connection for a transaction.
func TestPooler(t *testing.T) {
	storetest.RunCached(t, func(t *testing.T) storetest.Open {
		return at(pgtest.Bouncer(t, pgtest.Database(t)) + "?default_query_exec_mode=exec")
	})
}

func TestSmallReads(t *testing.T) {
	s, err := postgres.Open(t.Context(), pgtest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	storetest.SmallReads(t, s)
}

func TestCounts(t *testing.T) {
	address := pgtest.Database(t)
	s, err := postgres.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("pgx", address)
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
	address := pgtest.Database(t)
	s, err := postgres.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := sql.Open("pgx", address)
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
