package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/platenhq/platen/internal/clock"
	"github.com/platenhq/platen/internal/search"
	"github.com/platenhq/platen/internal/storage"
)

// An Engine is an open database, with its migrations done, for a [Store].
type Engine struct {
	Writer *sql.DB // for writes
	Reader *sql.DB // for reads, some of them long

	// Lookup is for reads of few rows, so that none of them waits for a long
	// read. Control is for what keeps the server itself going (users,
	// readiness, heartbeats), so that no request can hold it up.
	Lookup, Control *sql.DB

	// Dialect is the SQL that differs. Unprepared says that the driver prepares
	// statements itself, for each connection, and gets texts.
	Dialect    Dialect
	Unprepared bool

	// Replicas is how the processes that serve the database know of each other;
	// [OneProcess] if there is never more than one.
	Replicas Replicas
	// ManyWriters is for a database in which transactions write at the same
	// time, some of them of other processes. Nil: Writer has one connection,
	// which keeps transactions apart.
	ManyWriters ManyWriters
	// Timeout bounds what is short, from its first statement to its last, on a
	// database that can be out of reach without an error. Zero: no bound.
	Timeout time.Duration
	// ReadLanes is how many statements read lists at once, each for all callers
	// that wait; for a database where every statement is a network round trip.
	// Zero: each caller reads its own.
	ReadLanes int

	// Translate turns errors of the driver into [platen.Error], by number.
	Translate func(err error) error
	// IsDataError reports whether an error may be due to the values of a
	// statement, and not to the database. Nil: always.
	IsDataError func(err error) bool
	// ServerReplied reports whether an error is the answer of the database
	// itself, which then did nothing. Nil: always.
	ServerReplied func(err error) bool
	// IsRetryable reports whether a statement had no effect for a reason that
	// may be gone already, such as a connection that was cut. Nil: never.
	IsRetryable func(err error) bool
	// IsDamage reports whether an error is that rows or indexes of the database
	// do not fit together. Nil: never.
	IsDamage func(err error) bool
	// DegradedCommits counts commits that were acknowledged without their
	// synchronous standby. Nil: none.
	DegradedCommits func() int64

	// Ready returns an error unless the database takes writes. An error of the
	// driver is one.
	Ready func(ctx context.Context) error
	// Snapshot begins a transaction that reads the database as it is now, for
	// as long as that takes.
	Snapshot func(ctx context.Context) (*sql.Tx, error)
	// Temporary begins a transaction that reads the database as it is now, and may
	// make temporary tables, which are gone with its rollback.
	Temporary func(ctx context.Context) (*sql.Tx, error)
	// Compact gives a little of the room that is free in the database back to the
	// disk, in a transaction, and reports whether there is more. Nil: the database
	// does that by itself, or can not.
	Compact func(ctx context.Context, tx Conn) (more bool, err error)
	// Size returns the bytes of the database on the disk, and how many of these are
	// free; negative: that is not known.
	Size func(ctx context.Context) (bytes, free int64, err error)
	// LastBackup returns when the last backup was made, the zero time for never.
	// Nil: that is not known.
	LastBackup func() time.Time
	// AfterInserts is called when many rows were added, so that the planner
	// knows. Nil: it need not be told.
	AfterInserts func(ctx context.Context) error
	// AfterCopy is called in the transaction that ends a copy into the
	// database, whose rows came with their numbers. Nil: nothing depends on
	// those.
	AfterCopy func(ctx context.Context, tx Conn) error

	// Clock is the time of what is recorded, where the database has no clock of
	// its own for that. Nil: the real one.
	Clock *clock.Clock
	// CacheBytes bounds the cache of lists. Zero turns it off, as it must be
	// when another process may write lists.
	CacheBytes int
	// Close closes all pools and whatever else belongs to the database.
	Close func() error
}

// withDefaults sets the functions that may be nil, and are called without a check.
func (e *Engine) withDefaults() {
	if e.IsDataError == nil {
		e.IsDataError = func(error) bool { return true }
	}
	if e.ServerReplied == nil {
		e.ServerReplied = func(error) bool { return true }
	}
	if e.IsRetryable == nil {
		e.IsRetryable = func(error) bool { return false }
	}
	if e.DegradedCommits == nil {
		e.DegradedCommits = func() int64 { return 0 }
	}
}

// A Conn runs statements, in a transaction or on any connection of a pool.
type Conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// A Dialect writes the SQL that differs between databases. It does no I/O. In
// a text the parameters $1, $2, … must first appear in this order.
type Dialect interface {
	search.Dialect

	// EachEntity is the table of the ids k of a parameter made by IDs, joined with the
	// rows e of entity that have them.
	EachEntity(parameter string) string
	// SameText is the condition that a column of texts of any length equals a
	// parameter, as its index serves it.
	SameText(column, parameter string) string
	// Gone is the condition that the process with the id in a column has ended.
	Gone(process string) string
	// OfKind is the condition of the rows of entity that are of a kind, and whose first
	// identifier is >=, > or <= another. The index by kind serves it, in the order by kind
	// and first identifier or the opposite one.
	OfKind(kind, operator, first string) string
	// ListsBetween selects (id, list) of the lists in a table whose ids are $1
	// to $2, in order. It may leave out those after so many bytes of lists.
	ListsBetween(table string, bytes int) string
	// Dirty selects (seq, id, changed) of the entities in find_stale whose seq is
	// up to $1, in the order of seq, and of $2 rows at most.
	Dirty() string
	// DirtyEntities is the table dirty (seq, id, changed) of each entity in
	// find_stale once, with its last row and change.
	DirtyEntities() string
	// DirtyCount is how many entities are in find_stale, each as often as it is there.
	DirtyCount() string
	// InsertDirty inserts an entity in find_stale, whose id and kind are $1 and
	// $2, and when it was changed is $3; many is that of InsertMany. With one writer $1
	// is a parameter of IDs, and the entities are all of the kind. The kind is not
	// read any more; it goes with the next version that breaks rolling updates.
	InsertDirty() (one, many string)

	// Clock is the time in µs since 1970. NextBlock selects (number, time, position)
	// of the next block of changes; time is 0 if it is that of the server, position
	// NULL if it is given later. InsertChanges inserts a block with the number
	// $1, the time $2, the position $3 and the first part $4. If many write, $1 and
	// $2 may be NULL, for the next one and now, and it returns both.
	Clock() string
	NextBlock() string
	InsertChanges() string

	// LockLog locks the row of change_log until the end of a transaction.
	LockLog() string

	// CreateTemporary makes a temporary table, whose key is the first columns, until
	// the end of a transaction.
	CreateTemporary(table string, columns []Column, key int) string

	// Empty removes all rows of a table.
	Empty(table string) string

	// InsertMany inserts many rows, with an array of each column as a
	// parameter; conflict is the end of the statement. DeleteMany removes rows
	// by their keys. Both return "" if a statement for each row is as good.
	InsertMany(table string, columns []Column, conflict string) string
	DeleteMany(table string, key []Column) string
}

// A Lock is what a transaction holds from its begin to its end, to keep other
// transactions from doing the same.
type Lock int

// The locks, in the order in which a transaction may take them.
const (
	NoLock        Lock = iota
	StructureLock      // to create or remove entities
	IndexLock          // to change the search index of entities that exist
	TryIndexLock       // IndexLock, unless another process holds it
)

// ManyWriters is what a store does on a database in which transactions write
// at the same time.
type ManyWriters interface {
	// Lock takes a lock until the end of a transaction, which may then take its
	// time. held: a lock that is not waited for is another's.
	Lock(ctx context.Context, tx Conn, lock Lock) (held bool, err error)
	// Pipeline runs statements, all in one network round trip: in their order, up
	// to the first that fails.
	Pipeline(ctx context.Context, on *sql.Conn, statements []Pipelined) error
	// BeginGroup is a statement that tells WaitForGroups of a transaction that
	// writes lists, until its end.
	BeginGroup() string
	// WaitForGroups waits for the transactions that write lists and have begun. Others
	// begin meanwhile. ExcludeGroups does, too, and lets none begin until the end of
	// the transaction; it waits for a moment only, and then returns an error.
	WaitForGroups(ctx context.Context, on Conn) error
	ExcludeGroups(ctx context.Context, tx Conn) error
	// AddLists is a statement that adds an empty list to a table for those of the
	// entities $1 that have none, and returns (id, kind, set) of those that exist,
	// as the query kinds finds them, whose parameter is $1, too.
	AddLists(table, kinds string) string
	// LockLists is a statement that locks the lists of the entities $1 in a table
	// until the end of a transaction. It returns (id, bytes, list, hash, change) of
	// each: the list is NULL if it is over large bytes, otherwise its SHA-256 is.
	LockLists(table string, large int) string
	// RemoveLists is a statement that removes the lists of the ranges of entities from
	// $1 to $2, which are arrays, from a table.
	RemoveLists(table string) string
	// FindNames returns (id, kind, facet, name) of those names that are in the
	// table find_name. AddNames adds those that are not, and returns all.
	FindNames(ctx context.Context, on Conn, kinds, facets []int64, names [][]byte) (*sql.Rows, error)
	AddNames(ctx context.Context, on Conn, kinds, facets []int64, names [][]byte) (*sql.Rows, error)
}

// A Pipelined statement is one of those that are sent together.
type Pipelined struct {
	Text string
	Args []any
	Row  func(scanner) error // gets each row that it returns; nil: none is wanted
}

// Replicas is what the processes that serve one database tell each other. All
// times are by the clock of the database.
type Replicas interface {
	// Heartbeat says that a process lives. One that has not said so for some
	// seconds is taken for dead. Leave says that it has ended.
	Heartbeat(ctx context.Context, process string) error
	Leave(ctx context.Context, process string) error
	// Alive returns the processes that live.
	Alive(ctx context.Context) ([]string, error)
	// Forget forgets processes that have long been dead, and failed logins that
	// are older than an age.
	Forget(ctx context.Context, age time.Duration) error
	// TryLease reports whether a process may do a task for all, for some time
	// after which it has to ask again.
	TryLease(ctx context.Context, task, process string, keep time.Duration) (bool, error)

	// ReportOperation says how far a running operation is. found: it runs.
	ReportOperation(ctx context.Context, id string, percent int) (found bool, err error)
	// ShareFailures records failed logins of a process, and returns those that
	// others recorded after a number, with the number to go on from.
	ShareFailures(ctx context.Context, process string, mine []storage.LoginFailure, after int64) (others []storage.LoginFailure, last int64, err error)
	// ForgetFailures forgets failed logins of a user at an address; an empty
	// one stands for all.
	ForgetFailures(ctx context.Context, tx Conn, failure storage.LoginFailure) error
	// Now returns the time by the clock that all processes share.
	Now(ctx context.Context) (time.Time, error)
}

// OneProcess is the [Replicas] of a database that one process serves.
type OneProcess struct{ Clock *clock.Clock }

var _ Replicas = OneProcess{}

// Heartbeat implements [Replicas].
func (OneProcess) Heartbeat(context.Context, string) error { return nil }

// Leave implements [Replicas].
func (OneProcess) Leave(context.Context, string) error { return nil }

// Alive implements [Replicas]. The process does not ask for itself.
func (OneProcess) Alive(context.Context) ([]string, error) { return nil, nil }

// Forget implements [Replicas].
func (OneProcess) Forget(context.Context, time.Duration) error { return nil }

// TryLease implements [Replicas].
func (OneProcess) TryLease(context.Context, string, string, time.Duration) (bool, error) {
	return true, nil
}

// ReportOperation implements [Replicas]. The process itself knows.
func (OneProcess) ReportOperation(context.Context, string, int) (bool, error) { return true, nil }

// ShareFailures implements [Replicas].
func (OneProcess) ShareFailures(context.Context, string, []storage.LoginFailure, int64) ([]storage.LoginFailure, int64, error) {
	return nil, 0, nil
}

// ForgetFailures implements [Replicas].
func (OneProcess) ForgetFailures(context.Context, Conn, storage.LoginFailure) error { return nil }

// Now implements [Replicas].
func (o OneProcess) Now(context.Context) (time.Time, error) { return o.Clock.Now(), nil }
