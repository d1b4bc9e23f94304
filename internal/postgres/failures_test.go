package postgres_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/postgres"
	"github.com/platenhq/platen/internal/storage"
)

// TestFailureOrder has a server that is slow to commit a failed login: none of
// what others have recorded meanwhile makes a reader pass over it.
func TestFailureOrder(t *testing.T) {
	address := pgtest.Database(t)
	open := func() storage.Store {
		s, err := postgres.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	quick, reader := open(), open()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	slow, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Rollback()
	for _, statement := range []string{
		`SELECT name FROM lease WHERE name = 'failures' FOR UPDATE`, // as sqlstore's insertFailures does
		`INSERT INTO login_failure (at, owner, address, name) VALUES (9999999999999, 'slow', 'slow', 'u')`,
	} {
		if _, err := slow.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	recorded := make(chan error, 1)
	go func() {
		_, err := quick.ShareFailures(t.Context(), []storage.LoginFailure{{Address: "quick", User: "u"}, {Address: "quick", User: "v"}})
		recorded <- err
	}()
	seen := make(map[string]int)
	read := func() {
		t.Helper()
		others, err := reader.ShareFailures(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, failure := range others {
			seen[failure.Address]++
		}
	}
	// Until the quick one waits for the slow one, or has passed it.
	for waiting := 0; waiting == 0 && len(recorded) == 0; time.Sleep(10 * time.Millisecond) {
		if err := db.QueryRow(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	read()
	read()
	if err := slow.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-recorded; err != nil {
		t.Fatal(err)
	}
	read()
	read()
	if seen["slow"] != 1 || seen["quick"] != 2 {
		t.Errorf("the reader saw %v, want 1 of the slow server and 2 of the quick one", seen)
	}
}

// TestFailuresPooler shares failed logins behind a pooler, where no statement
// is prepared.
func TestFailuresPooler(t *testing.T) {
	address := pgtest.Database(t)
	one, err := postgres.Open(t.Context(), pgtest.Bouncer(t, address)+"?default_query_exec_mode=exec")
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	two, err := postgres.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	failure := storage.LoginFailure{Address: "\x00a", User: "\xff"}
	if _, err := one.ShareFailures(t.Context(), []storage.LoginFailure{failure}); err != nil {
		t.Fatal(err)
	}
	others, err := two.ShareFailures(t.Context(), nil)
	if err != nil || len(others) != 1 || others[0] != failure {
		t.Errorf("%q %v, want %q", others, err, failure)
	}
	if err := one.Unlock(t.Context(), "", "", failure); err != nil {
		t.Fatal(err)
	}
	three, err := postgres.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer three.Close()
	if others, err := three.ShareFailures(t.Context(), nil); err != nil || len(others) != 0 {
		t.Errorf("after an unlock: %q %v", others, err)
	}
}
