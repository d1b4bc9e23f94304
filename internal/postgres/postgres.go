// Package postgres opens a PostgreSQL database, or another that speaks as it
// does: its address and pools, its errors, its migrations. Any number of
// processes may serve one database.
package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
)

// What holds unless the address says otherwise.
const (
	connections       = 20 // pool_max_conns
	leastConnections  = 8
	openAtFirst       = 8                // pool_min_conns: connections that are opened at the start
	connectTimeout    = 3 * time.Second  // connect_timeout, of each server in the address
	statementTimeout  = "30s"            // statement_timeout
	transactionIdle   = "60s"            // idle_in_transaction_session_timeout
	excludeTimeout    = "200ms"          // lock_timeout of who has all groups wait
	unansweredTimeout = 10 * time.Second // a connection whose data nobody acknowledges is cut
	shortTimeout      = 10 * time.Second // of what is short, from its first statement to its last
	readLanes         = 2                // statements that read lists at once
)

// IsAddress reports whether text is the address of a database server, and not
// a directory.
func IsAddress(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// A Database is an open database, which a store can be made on.
type Database struct {
	Writer, Reader, Lookup, Control *sql.DB

	atFirst  int          // connections for writes, and as many for single rows
	degraded atomic.Int64 // commits, see [sqlstore.Engine.DegradedCommits]
}

// Connect connects to the database at an address as libpq takes it, with the
// pool settings of pgxpool. It does not look at what is in it. The error
// names what was wrong, never the password.
func Connect(ctx context.Context, address string) (*Database, error) {
	if err := checkAddress(address); err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, unclear(address, err)
	}
	conn := config.ConnConfig
	most := int(config.MaxConns)
	if !strings.Contains(address, "pool_max_conns") {
		most = connections
	}
	if most < leastConnections {
		return nil, platen.Errorf(platen.Invalid, "pool_max_conns=%d in the database's address is too small: %d are the fewest", most, leastConnections)
	}
	d := &Database{atFirst: openAtFirst / 2}
	if strings.Contains(address, "pool_min_conns") {
		d.atFirst = int(config.MinConns) / 2
	}
	// Only the server that takes writes has what was written last.
	conn.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	conn.ConnectTimeout = cmp.Or(conn.ConnectTimeout, connectTimeout)
	conn.DialFunc = (&net.Dialer{
		Control:         control,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3},
	}).DialContext
	conn.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		// A commit that somebody stopped waiting for its standby counts as
		// done to the server. It is not, to those who were promised two copies.
		if notice.Routine == "SyncRepWaitForLSN" {
			d.degraded.Add(1)
		}
	}
	params := map[string]string{"application_name": "platen"}
	if !pooled(conn.DefaultQueryExecMode) {
		params["statement_timeout"] = statementTimeout
		// A search is one process of the database, and leaves the other processors
		// to those who read and write little.
		params["max_parallel_workers_per_gather"] = "0"
		params["idle_in_transaction_session_timeout"] = transactionIdle
		// It compiles the conditions of a search for minutes, in which the
		// server can not be interrupted.
		params["jit"] = "off"
	}
	for name, value := range params {
		if _, ok := conn.RuntimeParams[name]; !ok {
			conn.RuntimeParams[name] = value
		}
	}
	writers := max(4, min(8, most/3))
	controls := 1 + most/connections // what is left is for reads, a half of it for single rows
	lookups := (most - writers - controls) / 2
	d.Writer = pool(config, writers)
	d.Control = pool(config, controls)
	d.Lookup = pool(config, lookups)
	reads := config.Copy()
	// A search that takes long is ended and run anew: that need not cost its
	// connection.
	reads.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &canceller{conn: conn}
	}
	d.Reader = pool(reads, most-writers-controls-lookups)
	if err := d.Writer.PingContext(ctx); err != nil {
		return nil, errors.Join(explain(err, conn), d.Close())
	}
	return d, nil
}

// pooled reports whether statements must not stay prepared, since a pooler
// lends the connection to others between transactions. Such a pooler does not
// take settings of a connection either.
func pooled(mode pgx.QueryExecMode) bool {
	return mode == pgx.QueryExecModeExec || mode == pgx.QueryExecModeSimpleProtocol
}

func pool(config *pgxpool.Config, most int) *sql.DB {
	db := stdlib.OpenDB(*config.ConnConfig)
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	db.SetConnMaxLifetime(config.MaxConnLifetime)
	db.SetConnMaxIdleTime(config.MaxConnIdleTime)
	return db
}

// open opens some connections of a pool before they are needed: to open one
// takes a busy server a quarter of a second, for which a request would wait. An
// error is no harm; the request that needs the connection sees it.
func open(ctx context.Context, pool *sql.DB, n int) {
	var opened []*sql.Conn
	for range min(n, pool.Stats().MaxOpenConnections) {
		if conn, err := pool.Conn(ctx); err == nil {
			opened = append(opened, conn)
		}
	}
	for _, conn := range opened {
		_ = conn.Close() // it goes back to the pool
	}
}

// Close closes the connections.
func (d *Database) Close() error {
	return errors.Join(d.Control.Close(), d.Lookup.Close(), d.Reader.Close(), d.Writer.Close())
}

// Open opens the store at an address, and brings its schema up to date. Errors
// are of the kinds [Connect] and the migrations name, for a person to read.
func Open(ctx context.Context, address string, options ...sqlstore.Option) (*sqlstore.Store, error) {
	d, err := Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := d.migrate(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	for _, pool := range []*sql.DB{d.Writer, d.Lookup} {
		open(ctx, pool, d.atFirst)
	}
	return sqlstore.Open(ctx, d.engine(), options...)
}

// OpenUsers opens the users at an address, beside servers or without one, and does
// nothing else there. The error is that of [Connect], NotFound if the database is
// empty, or a Conflict if its schema is not that of this version.
func OpenUsers(ctx context.Context, address string) (sqlstore.UserStore, error) {
	d, err := Connect(ctx, address)
	if err != nil {
		return nil, err
	}
	if err := d.current(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return sqlstore.OpenUsers(ctx, d.engine())
}

// engine is what PostgreSQL has of its own.
func (d *Database) engine() sqlstore.Engine {
	return sqlstore.Engine{
		Writer:          d.Writer,
		Reader:          d.Reader,
		Lookup:          d.Lookup,
		Control:         d.Control,
		Dialect:         Dialect{},
		Unprepared:      true,
		Replicas:        replicas{d.Control},
		ManyWriters:     writers{},
		Timeout:         shortTimeout,
		ReadLanes:       readLanes,
		Translate:       translate,
		IsDataError:     isDataError,
		IsDamage:        isDamage,
		ServerReplied:   serverReplied,
		IsRetryable:     isRetryable,
		DegradedCommits: d.degraded.Load,
		Ready:           d.ready,
		Snapshot:        d.snapshot,
		Temporary:       d.temporary,
		Size:            d.size,
		AfterInserts:    d.analyze,
		AfterCopy:       afterCopy,
		Close:           d.Close,
	}
}

// size returns the bytes of the database. How many are free is not known.
func (d *Database) size(ctx context.Context) (bytes, free int64, err error) {
	err = d.Control.QueryRowContext(ctx, `SELECT pg_database_size(current_database())`).Scan(&bytes)
	return bytes, -1, err
}
