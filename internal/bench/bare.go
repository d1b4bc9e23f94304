package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver" // the driver that platen uses
)

// bareInsert makes rows in a new table without an index, in one transaction,
// and returns how long that took. A row is a number and a text. On SQLite it
// uses the bare driver, on PostgreSQL the copy protocol.
func (r *run) bareInsert(ctx context.Context, rows int, text func(n int) string) (time.Duration, error) {
	if r.cluster != nil {
		return bareCopy(ctx, r.cluster.Address("postgres"), rows, text)
	}
	path := filepath.Join(r.directory, "bare.db")
	took, err := bareSQLite(ctx, path, rows, text)
	return took, errors.Join(err, os.Remove(path))
}

func bareSQLite(ctx context.Context, path string, rows int, text func(n int) string) (took time.Duration, err error) {
	db, err := sql.Open("sqlite3", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, `CREATE TABLE bare (id INTEGER PRIMARY KEY, value TEXT) STRICT`); err != nil {
		return 0, err
	}
	started := time.Now()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() // after a commit it does nothing
	insert, err := tx.PrepareContext(ctx, `INSERT INTO bare (id, value) VALUES (?1, ?2)`)
	if err != nil {
		return 0, err
	}
	for id := range rows {
		if _, err := insert.ExecContext(ctx, id+1, text(id)); err != nil {
			return 0, err
		}
	}
	err = tx.Commit()
	return time.Since(started), err
}

// execSQLite executes a statement on a database that nobody else has open.
func execSQLite(ctx context.Context, path, statement string) error {
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

// bareUpdates writes lists with the bare driver, each in a transaction of its
// own that is on the disk before the next begins, and returns how many a
// second there were.
func (r *run) bareUpdates(ctx context.Context) (rate float64, err error) {
	path := filepath.Join(r.directory, "bare-updates.db")
	db, err := sql.Open("sqlite3", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close(), os.Remove(path)) }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `CREATE TABLE bare (id INTEGER PRIMARY KEY, list TEXT) STRICT`); err != nil {
		return 0, err
	}
	update, err := db.PrepareContext(ctx, `INSERT INTO bare (id, list) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET list = excluded.list`)
	if err != nil {
		return 0, err
	}
	defer update.Close()
	started := time.Now()
	for n := 1; ; n++ {
		if _, err := update.ExecContext(ctx, n%r.options.jobs+1, string(appendProperties(nil, uint64(n)))); err != nil {
			return 0, err
		}
		if elapsed := time.Since(started); elapsed >= r.duration() {
			return float64(n) / elapsed.Seconds(), nil
		}
	}
}
