package postgres_test

import (
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// direct returns what opens the stores of tests on databases of their own.
func direct(t *testing.T) storetest.Open { return at(pgtest.Database(t)) }

// at opens the store at an address.
func at(address string, options ...sqlstore.Option) storetest.Open {
	return func(t *testing.T) storage.Store {
		s, err := postgres.Open(t.Context(), pgtest.Few(address), options...)
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

// TestConnectionsAtStart counts the connections of a store that was just opened.
func TestConnectionsAtStart(t *testing.T) {
	t.Parallel()
	for setting, least := range map[string]int{"": 8, "pool_min_conns=4": 4, "pool_min_conns=0": 1} {
		address := pgtest.Database(t)
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		u.RawQuery = strings.Trim(u.RawQuery+"&"+setting, "&")
		s, err := postgres.Open(t.Context(), u.String())
		if err != nil {
			t.Fatal(err)
		}
		var n int
		if err := pgtest.Query(address, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`, &n); err != nil {
			t.Fatal(err)
		}
		if n < least || n >= least+4 {
			t.Errorf("with %q there are %d connections", setting, n)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
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
	s, err := postgres.Open(t.Context(), address, sqlstore.WithIndexWait(time.Minute))
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
