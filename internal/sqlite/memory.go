package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/mvcc"

	"github.com/platenhq/platen/internal/clock"
	"github.com/platenhq/platen/internal/sqlstore"
)

// A Snapshot is a database in memory as it was after one commit. To take one
// copies nothing: pages are shared with the database until they change there.
type Snapshot struct{ pages mvcc.Snapshot }

// A Memory is a database in memory, of which nothing is left after Close. One
// [sqlstore.Store] at a time is open on it; between two of them it can become as
// it was.
type Memory struct {
	name   string
	engine sqlstore.Engine
	pools  []*sql.DB
	last   *sqlstore.Store // whose statements the next one uses
}

// memoryOptions are those of all connections to a database in memory: there is no
// disk to wait for, and its pages need no large cache. The journal of a
// transaction is in memory as well.
const memoryOptions = "&_pragma=journal_mode(memory)&_pragma=synchronous(off)&_pragma=foreign_keys(on)&_pragma=temp_store(memory)&_pragma=cache_size(-2048)"

// NewMemory makes an empty database with the newest schema. What is recorded in
// it has the time of a clock. cacheBytes bounds the cache of lists.
func NewMemory(ctx context.Context, at *clock.Clock, cacheBytes int) (*Memory, error) {
	m := &Memory{name: rand.Text()}
	mvcc.Create(m.name, mvcc.Snapshot{})
	each := func(c *sqlite3.Conn) error {
		return errors.Join(functions(c), c.CreateFunction("clock_micros", 0, 0, func(ctx sqlite3.Context, _ ...sqlite3.Value) {
			ctx.ResultInt64(at.Now().UnixMicro())
		}))
	}
	const reads = "&_pragma=query_only(on)"
	for _, pool := range []struct {
		options     string
		connections int
	}{
		{newOptions, 1}, {reads, sqlstore.SearchConnections() + readers}, {reads, lookupers}, {reads, 1}, {"&_txlock=deferred", sqlstore.SearchConnections()},
	} {
		db, err := driver.Open("file:/"+m.name+"?vfs=mvcc&"+busyTimeout+memoryOptions+pool.options, each)
		if err != nil {
			return nil, errors.Join(err, m.Close())
		}
		db.SetMaxOpenConns(pool.connections)
		db.SetMaxIdleConns(pool.connections)
		m.pools = append(m.pools, db)
	}
	err := migrate(ctx, m.pools[0])
	if err == nil { // the migration has the real time
		_, err = m.pools[0].ExecContext(ctx, `UPDATE change_log SET since = $1`, at.Now().UnixMicro())
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	rest(m.pools[4])
	m.engine = engine(m.pools[0], m.pools[1], m.pools[2], m.pools[3], m.pools[4])
	m.engine.Dialect = memoryDialect{}
	m.engine.Replicas = sqlstore.OneProcess{Clock: at}
	m.engine.Clock, m.engine.CacheBytes = at, cacheBytes
	m.engine.Compact = nil
	m.engine.Close = func() error { return nil } // the pools are for the next store, too
	return m, nil
}

// Open opens a store on the database. The one before it is closed.
func (m *Memory) Open(ctx context.Context, options ...sqlstore.Option) (*sqlstore.Store, error) {
	if m.last != nil {
		options = append(options, sqlstore.With(m.last))
	}
	store, err := sqlstore.Open(ctx, m.engine, options...)
	if err == nil {
		m.last = store
	}
	return store, err
}

// Close closes the connections. The last store is closed.
func (m *Memory) Close() (err error) {
	for _, pool := range m.pools {
		err = errors.Join(err, pool.Close())
	}
	mvcc.Delete(m.name)
	return err
}

// Snapshot returns the database after the last commit.
func (m *Memory) Snapshot() Snapshot { return Snapshot{mvcc.TakeSnapshot(m.name)} }

// resetFor bounds how long Reset waits for a transaction that writes.
const resetFor = 5 * time.Second

// Where the header of a database has the number of the last change, which tells
// connections that what they have cached may be old.
const (
	changeCounter = 24
	validFor      = 92
	headerBytes   = 100
)

// Reset makes the database as it was in a snapshot of it, in one transaction: it
// writes the pages that differ, past SQLite. The schema stays as it is, so
// connections keep their prepared statements. No store is open.
func (m *Memory) Reset(to Snapshot) (err error) {
	file, _, err := vfs.Find("mvcc").Open("/"+m.name, vfs.OPEN_MAIN_DB|vfs.OPEN_READWRITE)
	if err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }() // without an Unlock nothing is changed
	end := time.Now().Add(resetFor)
	for {
		if err = lockAll(file); err == nil || time.Now().After(end) {
			break
		}
		if err := file.Unlock(vfs.LOCK_NONE); err != nil {
			return err
		}
	}
	if err != nil {
		return fmt.Errorf("reset: a transaction has not ended: %w", err)
	}
	var header [headerBytes]byte
	if _, err := file.ReadAt(header[:], 0); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	counter := binary.BigEndian.Uint32(header[changeCounter:]) + 1
	if err := writePages(file, m.Snapshot(), to, counter); err != nil {
		return fmt.Errorf("reset: %w", err)
	}
	return file.Unlock(vfs.LOCK_NONE)
}

// lockAll takes the locks of a transaction that writes.
func lockAll(file vfs.File) error {
	for _, lock := range []vfs.LockLevel{vfs.LOCK_SHARED, vfs.LOCK_RESERVED, vfs.LOCK_EXCLUSIVE} {
		if err := file.Lock(lock); err != nil {
			return err
		}
	}
	return nil
}

// writePages writes what differs between two snapshots, with a number of the change.
func writePages(file vfs.File, from, to Snapshot, counter uint32) error {
	for offset, page := range to.pages.Ascend() {
		if now, ok := from.pages.Get(offset); ok && now == page && offset > 0 { // mostly the same string
			continue
		}
		bytes := []byte(page)
		if offset == 0 {
			if len(bytes) < headerBytes {
				return errors.New("the first page has no header")
			}
			binary.BigEndian.PutUint32(bytes[changeCounter:], counter)
			binary.BigEndian.PutUint32(bytes[validFor:], counter)
		}
		if _, err := file.WriteAt(bytes, offset); err != nil {
			return err
		}
	}
	last := to.pages.Max()
	return file.Truncate(last.Key() + int64(len(last.Value())))
}

// A memoryDialect is that of a database whose clock may stand still.
type memoryDialect struct{ Dialect }

// Clock implements [sqlstore.Dialect].
func (memoryDialect) Clock() string { return "clock_micros()" }
