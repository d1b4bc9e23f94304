package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"

	"github.com/platenhq/platen/internal/sqlstore"
)

//go:embed migrations/*.sql
var embedded embed.FS

var migrations = sqlstore.Migrations{
	Files:  embedded,
	Tables: `SELECT count(*), coalesce(sum(name = 'migration'), 0) FROM sqlite_schema WHERE type = 'table'`,
	Create: `CREATE TABLE migration (
		version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
		applied TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) STRICT`,
	Elsewhere: "name another directory with --data",
}

// migrate brings the schema up to date in one transaction, which also keeps a
// second process from doing the same.
func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil) // immediate: the lock
	if err != nil {
		return err
	}
	if err := migrations.Apply(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// current returns a Conflict unless the schema is that of this version.
func current(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	return errors.Join(migrations.Current(ctx, tx), tx.Rollback())
}
