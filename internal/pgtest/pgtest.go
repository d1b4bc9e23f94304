// Package pgtest gives tests a PostgreSQL: that which PLATEN_TEST_POSTGRES
// names, or a private one from the installed binaries, as Debian's package
// postgresql has them.
package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	"go.uber.org/goleak"
)

// Variable names the address of a server for tests, whose user may make
// databases.
const Variable = "PLATEN_TEST_POSTGRES"

var shared struct {
	once    sync.Once
	address string
	err     error
	cluster *Cluster
	admin   *sql.DB // makes and drops databases
	create  string  // what follows the name of a database that is made
	count   atomic.Int64

	mu      sync.Mutex
	poolers map[string]*pooler // by the host and port of their server
}

// Main runs the tests of a package as [RunTests] does, and ends the process.
func Main(m *testing.M) { os.Exit(RunTests(m)) }

// RunTests runs tests, stops what they shared, and fails if a goroutine of theirs
// goes on. It returns the exit code.
func RunTests(m interface{ Run() int }) int {
	code := m.Run()
	stop()
	http.DefaultClient.CloseIdleConnections()
	if code == 0 {
		// net/http closes some connections half a second late, which is longer than Find waits.
		if err := goleak.Find(goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait")); err != nil {
			fmt.Fprintln(os.Stderr, "after the tests:", err)
			code = 1
		}
	}
	return code
}

// stop stops the poolers and the server that tests shared, if there are any.
func stop() {
	for _, pooler := range shared.poolers {
		if err := pooler.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop PgBouncer:", err)
		}
	}
	if shared.admin != nil {
		if err := shared.admin.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "leave PostgreSQL:", err)
		}
	}
	if shared.cluster != nil {
		if err := shared.cluster.Remove(); err != nil {
			fmt.Fprintln(os.Stderr, "stop PostgreSQL:", err)
		}
	}
	shared.poolers, shared.admin, shared.cluster = nil, nil, nil
}

// Missing says why there is no PostgreSQL for tests here; "" if there is.
func Missing() string {
	if os.Getenv(Variable) != "" {
		return ""
	}
	if _, err := binaries(); err != nil {
		return err.Error()
	}
	return ""
}

// require skips a test that has no PostgreSQL, unless nothing may be skipped.
func require(t testing.TB) {
	t.Helper()
	reason := Missing()
	switch {
	case testing.Short():
		t.Skip("with -short nothing runs on PostgreSQL")
	case reason == "":
	case os.Getenv("PLATEN_TEST_ALL") != "":
		t.Fatal(reason)
	default:
		t.Skip(reason)
	}
}

// Database returns the address of a new, empty database, which is dropped
// after the test.
func Database(t testing.TB) string {
	t.Helper()
	require(t)
	shared.once.Do(startShared)
	if shared.err != nil {
		t.Fatal("start PostgreSQL:", shared.err)
	}
	name := fmt.Sprintf("platen_test_%d_%d", os.Getpid(), shared.count.Add(1))
	admin := func(text string) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if _, err := shared.admin.ExecContext(ctx, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	admin("CREATE DATABASE " + name + shared.create)
	t.Cleanup(func() { admin("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") })
	return WithDatabase(t, shared.address, name)
}

// startShared starts the server of all tests. Its databases and connections are many,
// so it makes them in the cheapest way that it has: SCRAM costs both sides much on
// purpose, and [NewCluster] has it.
func startShared() {
	if shared.address = os.Getenv(Variable); shared.address == "" {
		shared.cluster, shared.err = start("md5", []string{"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"})
		if shared.err != nil {
			return
		}
		shared.address = shared.cluster.Address("postgres")
	}
	version := 0
	if shared.admin, shared.err = sql.Open("pgx", shared.address); shared.err == nil {
		shared.err = shared.admin.QueryRow("SELECT current_setting('server_version_num')::int").Scan(&version)
	}
	shared.create = " TEMPLATE template0 ENCODING 'UTF8'"
	if version >= 150000 {
		shared.create += " STRATEGY file_copy"
	}
}

// WithDatabase returns an address with another database in it.
func WithDatabase(t testing.TB, address, name string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

// Few returns the address for a store that opens its connections only when it needs
// them. To open one costs a server of tests, which many stores share, more than most
// tests.
func Few(address string) string {
	separator := "?"
	if strings.Contains(address, "?") {
		separator = "&"
	}
	return address + separator + "pool_min_conns=0"
}

// Exec runs statements at an address.
func Exec(t testing.TB, address string, statements ...string) {
	t.Helper()
	if err := Run(address, statements...); err != nil {
		t.Fatal(err)
	}
}

// Run is Exec outside of a test.
func Run(address string, statements ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	for _, text := range statements {
		if _, err = db.ExecContext(ctx, text); err != nil {
			err = fmt.Errorf("%s: %w", text, err)
			break
		}
	}
	return errors.Join(err, db.Close())
}

// Query reads one value at an address.
func Query(address, text string, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	db, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	return errors.Join(db.QueryRowContext(ctx, text).Scan(into), db.Close())
}
