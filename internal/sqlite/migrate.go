package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate applies the migrations that the database lacks, in one transaction,
// which also keeps a second process from doing the same. It refuses a
// database that a newer platen wrote, or that is not platen's.
func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil) // immediate: the lock
	if err != nil {
		return translate(err)
	}
	if err := migrateIn(ctx, tx); err != nil {
		return errors.Join(translate(err), tx.Rollback())
	}
	return tx.Commit()
}

func migrateIn(ctx context.Context, tx *sql.Tx) error {
	var tables, ours int
	err := tx.QueryRowContext(ctx, `SELECT count(*), coalesce(sum(name = 'migration'), 0)
		FROM sqlite_schema WHERE type = 'table'`).Scan(&tables, &ours)
	if err != nil {
		return err
	}
	if ours == 0 {
		if tables > 0 {
			return platen.Errorf(platen.Conflict, "this is the database of another program; name another directory with --data")
		}
		_, err := tx.ExecContext(ctx, `CREATE TABLE migration (
			version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
			applied TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) STRICT`)
		if err != nil {
			return err
		}
	}
	var newest int
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(version), 0) FROM migration`).Scan(&newest); err != nil {
		return err
	}
	files, err := migrations.ReadDir("migrations") // sorted by name, so by number
	if err != nil {
		return err
	}
	if newest > len(files) {
		return platen.Errorf(platen.Conflict, "the database has schema %d, this platen knows up to %d: run the newer platen that wrote it", newest, len(files))
	}
	for _, file := range files {
		if err := apply(ctx, tx, file.Name(), newest); err != nil {
			return fmt.Errorf("migration %s: %w", file.Name(), err)
		}
	}
	return nil
}

// apply applies one migration, or checks that what was applied is the same.
func apply(ctx context.Context, tx *sql.Tx, name string, newest int) error {
	text, err := migrations.ReadFile("migrations/" + name)
	if err != nil {
		return err
	}
	number, _, _ := strings.Cut(name, "_")
	version, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(text)
	checksum := hex.EncodeToString(sum[:])
	if version <= newest {
		var applied string
		err := tx.QueryRowContext(ctx, `SELECT checksum FROM migration WHERE version = ?`, version).Scan(&applied)
		if err != nil {
			return err
		}
		if applied != checksum {
			return platen.Errorf(platen.Conflict, "the database was made by a development version whose schema differs; start with an empty directory")
		}
		return nil
	}
	if _, err := tx.ExecContext(ctx, string(text)); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO migration (version, name, checksum) VALUES (?, ?, ?)`, version, name, checksum)
	return err
}
