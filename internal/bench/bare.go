package main

import (
	"context"
	"database/sql"
	"errors"
	"time"

	_ "github.com/ncruces/go-sqlite3/driver" // the driver that platen uses
)

// bareInsert inserts as many rows as there are document pages with the bare
// driver, in one transaction, and returns how long that took. A row is a
// number and a text of 20 bytes.
func bareInsert(ctx context.Context, path string, rows int) (took time.Duration, err error) {
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
		if _, err := insert.ExecContext(ctx, id+1, "a value of 20 bytes."); err != nil {
			return 0, err
		}
	}
	err = tx.Commit()
	return time.Since(started), err
}
