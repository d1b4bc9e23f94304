// Package sqlite opens the embedded database: a directory with platen.db in
// it, one connection that writes, a few that read, and a checkpointer beside
// them.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
)

// How many connections read, besides those of searches: exports and the like,
// and short reads. SQLite's writers slow down when far more connections read than
// there are cores.
const (
	readers   = 2
	lookupers = 2
)

// checkpointEvery is how often the checkpointer moves what was committed from
// the write-ahead log into the database, so that commits have to move little. Between
// two passes is a part of the time that one takes, at least: only then a commit that
// finds the log too long can move the rest and begin the log anew.
const (
	checkpointEvery      = 200 * time.Millisecond
	checkpointPauseParts = 4 // the pause is one of so many parts of the time
)

// busyTimeout is the first pragma: others read the database, which a connection
// that closes may hold.
const busyTimeout = "_pragma=busy_timeout(10000)"

// pragmas hold for every connection. synchronous=FULL makes each commit durable.
const pragmas = "_pragma=journal_mode(wal)" +
	"&_pragma=synchronous(full)&_pragma=foreign_keys(on)" +
	"&_pragma=wal_autocheckpoint(8000)&_pragma=journal_size_limit(67108864)"

// newOptions are those of a connection that makes a database: its free pages can
// be given back later. Nothing but a rewrite of the whole file changes that.
const newOptions = "&_pragma=auto_vacuum(incremental)&_txlock=immediate"

// The options of the connections that write, and of those that read.
const (
	writerOptions = "&_pragma=cache_size(-65536)&_txlock=immediate"
	readerOptions = "&_pragma=cache_size(-8192)&_pragma=query_only(on)"
	// Those of connections that read with temporary tables, which query_only would
	// refuse.
	temporaryOptions = "&_pragma=cache_size(-8192)&_pragma=temp_store(memory)&_txlock=deferred"
)

// Open opens the store in a directory, which it creates if need be, and
// brings its schema up to date. It takes no [Lock]: one process serves a
// directory, but others may change its users meanwhile. cacheBytes bounds the
// cache of lists. The error is that of [Present] if there was a database and
// it is gone.
func Open(ctx context.Context, dir string, cacheBytes int, options ...sqlstore.Option) (*sqlstore.Store, error) {
	if _, err := Protect(dir); err != nil {
		return nil, err
	}
	err := Present(dir)
	if platen.ErrorCode(err) == platen.NotFound {
		_, err = Create(ctx, dir)
	}
	if err != nil {
		return nil, err
	}
	store, err := openStore(ctx, dir, cacheBytes, options)
	return store, explainOpen(err, dir)
}

func openStore(ctx context.Context, dir string, cacheBytes int, options []sqlstore.Option) (*sqlstore.Store, error) {
	path, err := databasePath(dir)
	if err != nil {
		return nil, err
	}
	writer, err := open(path, writerOptions, 1, functions)
	if err != nil {
		return nil, err
	}
	err = migrate(ctx, writer)
	if err == nil {
		err = mark(dir)
	}
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	reader, err := open(path, readerOptions, sqlstore.SearchConnections()+readers, functions)
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	lookup, err := open(path, readerOptions, lookupers, functions)
	if err != nil {
		return nil, errors.Join(err, reader.Close(), writer.Close())
	}
	control, err := open(path, "&_pragma=cache_size(-256)&_pragma=query_only(on)", 1, functions)
	if err != nil {
		return nil, errors.Join(err, lookup.Close(), reader.Close(), writer.Close())
	}
	temporary, err := open(path, temporaryOptions, sqlstore.SearchConnections(), functions)
	if err != nil {
		return nil, errors.Join(err, control.Close(), lookup.Close(), reader.Close(), writer.Close())
	}
	rest(temporary)
	checkpoints, err := openCheckpoints(path)
	if err != nil {
		return nil, errors.Join(err, temporary.Close(), control.Close(), lookup.Close(), reader.Close(), writer.Close())
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go checkpoint(checkpoints, stop, stopped)
	e := engine(writer, reader, lookup, control, temporary)
	e.CacheBytes = cacheBytes
	e.LastBackup = func() time.Time { return lastBackup(dir) }
	disk := diskProbe{path: filepath.Join(dir, probeFile)}
	e.Ready = func(ctx context.Context) error {
		if err := readable(ctx, control); err != nil {
			return err
		}
		return disk.check()
	}
	e.Close = func() error {
		close(stop)
		<-stopped
		return errors.Join(checkpoints.Close(), temporary.Close(), control.Close(), lookup.Close(), reader.Close(), writer.Close())
	}
	return sqlstore.Open(ctx, e, options...)
}

// engine is what SQLite has of its own.
func engine(writer, reader, lookup, control, temporary *sql.DB) sqlstore.Engine {
	return sqlstore.Engine{
		Writer:    writer,
		Reader:    reader,
		Lookup:    lookup,
		Control:   control,
		Dialect:   Dialect{},
		Replicas:  sqlstore.OneProcess{},
		Translate: translate,
		IsDamage:  isDamage,
		Ready:     func(ctx context.Context) error { return readable(ctx, control) },
		Compact:   compact,
		Size:      func(ctx context.Context) (int64, int64, error) { return size(ctx, control) },
		Snapshot:  func(ctx context.Context) (*sql.Tx, error) { return reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) },
		Temporary: func(ctx context.Context) (*sql.Tx, error) { return temporary.BeginTx(ctx, nil) },
	}
}

// temporaryIdle is how long a connection with temporary tables is kept for the next
// search that needs one.
const temporaryIdle = 10 * time.Second

// rest closes connections that were not needed for a while.
func rest(pool *sql.DB) { pool.SetConnMaxIdleTime(temporaryIdle) }

// readable returns an error unless the database can be read.
func readable(ctx context.Context, db *sql.DB) error {
	var version int64
	return db.QueryRowContext(ctx, `SELECT version FROM users_version`).Scan(&version)
}

// What compact leaves: a step takes so many pages, and so many stay free for what
// comes next, and a share of all pages.
const (
	compactPages = 256
	freePages    = 1024
	freeShare    = 16
)

// compact gives some free pages back to the disk, with the next checkpoint. A
// database that an older platen has made has none that could be: a backup of it
// can.
func compact(ctx context.Context, tx sqlstore.Conn) (more bool, err error) {
	var mode, pages, free int64
	if err := tx.QueryRowContext(ctx, `SELECT (SELECT auto_vacuum FROM pragma_auto_vacuum), (SELECT page_count FROM pragma_page_count),
		(SELECT freelist_count FROM pragma_freelist_count)`).Scan(&mode, &pages, &free); err != nil {
		return false, err
	}
	surplus := free - freePages - pages/freeShare
	if mode == 0 || surplus < compactPages {
		return false, nil
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA incremental_vacuum(%d)`, compactPages))
	return surplus >= 2*compactPages, err
}

// size returns the bytes of a database, and how many of these are free.
func size(ctx context.Context, db *sql.DB) (bytes, free int64, err error) {
	err = db.QueryRowContext(ctx, `SELECT page_size * page_count, page_size * freelist_count
		FROM pragma_page_size, pragma_page_count, pragma_freelist_count`).Scan(&bytes, &free)
	return bytes, free, err
}

// databasePath returns the path of a database that is there and can be opened.
func databasePath(dir string) (string, error) {
	path, err := filepath.Abs(filepath.Join(dir, FileName))
	if err != nil {
		return "", err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	return path, file.Close()
}

// open opens a database with so many connections. each, unless nil, is called
// with each of them.
func open(path, options string, connections int, each func(*sqlite3.Conn) error) (*sql.DB, error) {
	return openOn(vfsName, path, options, connections, each)
}

// openCheckpoints opens a database for the checkpointer.
func openCheckpoints(path string) (*sql.DB, error) {
	return openOn(pacedVFS, path, "&_pragma=cache_size(-1024)", 1, functions)
}

// openOn is open on a file system layer.
func openOn(layer, path, options string, connections int, each func(*sqlite3.Conn) error) (*sql.DB, error) {
	registerVFS()
	db, err := driver.Open("file:"+(&url.URL{Path: path}).EscapedPath()+"?vfs="+layer+"&"+busyTimeout+options+"&"+pragmas, each)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// checkpoint runs passive checkpoints: they wait for nobody and hold up
// nobody. An error is no harm; the next one, or the writer's own, does it.
func checkpoint(db *sql.DB, stop <-chan struct{}, stopped chan<- struct{}) {
	defer close(stopped)
	for wait := checkpointEvery; ; {
		select {
		case <-stop:
			return
		case <-time.After(wait):
		}
		started := time.Now()
		_, _ = db.Exec(`PRAGMA wal_checkpoint(PASSIVE)`)
		took := time.Since(started)
		wait = max(checkpointEvery-took, took/checkpointPauseParts)
	}
}
