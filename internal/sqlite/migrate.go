package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"strings"

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

// Outlook returns the schema that the database of a directory has, and the one
// that the next start would give it. It changes nothing. The error is that of
// [Present], or says why a start would fail.
func Outlook(ctx context.Context, dir string) (has, wants int, err error) {
	if err := Present(dir); err != nil {
		return 0, 0, err
	}
	path, err := databasePath(dir)
	if err != nil {
		return 0, 0, explainOpen(err, dir)
	}
	db, err := open(path, readerOptions, 1, functions)
	if err != nil {
		return 0, 0, explainOpen(err, dir)
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return 0, 0, explainOpen(err, dir)
	}
	has, wants, err = migrations.Outlook(ctx, tx)
	if err == nil {
		err = readSmall(ctx, tx)
	}
	if err = errors.Join(err, tx.Rollback()); err != nil || has < wants {
		return has, wants, explainOpen(err, dir)
	}
	users, err := openUsers(ctx, dir, func() {})
	if err == nil {
		err = sqlstore.LookAt(ctx, users)
	}
	return has, wants, explainOpen(err, dir)
}

// small are the tables that a start reads and that are small however large the
// database is.
const small = `('secret', 'sequence', 'server_user', 'users_version', 'user_change', 'named_token', 'known_login',
	'operation', 'change_log', 'last_setting', 'webhook', 'retention_rule')`

// readSmall reads these tables, as far as the database has them, so that damage in
// them is found.
func readSmall(ctx context.Context, tx *sql.Tx) error {
	var names string
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(group_concat(name), '') FROM sqlite_schema WHERE type = 'table' AND name IN `+small).Scan(&names); err != nil {
		return err
	}
	for name := range strings.SplitSeq(names, ",") {
		if name == "" {
			continue
		}
		rows, err := tx.QueryContext(ctx, `SELECT * FROM `+name)
		if err != nil {
			return err
		}
		for rows.Next() {
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}
