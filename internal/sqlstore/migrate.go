package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
)

// Migrations are the steps to the newest schema of one database: files named
// NNNN_what.sql in the directory migrations, numbered from 1 without a gap.
type Migrations struct {
	Files embed.FS
	// Tables counts all tables, and those named migration.
	Tables string
	// Create creates the table migration (version, name, checksum, applied).
	Create string
	// Elsewhere says where a person can keep the database, if that which is
	// named is not platen's.
	Elsewhere string
}

// Apply applies the migrations that the database lacks. The caller holds a
// lock that keeps others from doing the same. The error is a
// [platen.Conflict] if a newer platen wrote the database, or it is not
// platen's.
func (m Migrations) Apply(ctx context.Context, tx *sql.Tx) error {
	var tables, ours int
	if err := tx.QueryRowContext(ctx, m.Tables).Scan(&tables, &ours); err != nil {
		return err
	}
	if ours == 0 {
		if tables > 0 {
			return m.foreign()
		}
		if _, err := tx.ExecContext(ctx, m.Create); err != nil {
			return err
		}
	}
	applied, err := m.known(ctx, tx)
	if err != nil {
		return err
	}
	return m.applyAll(ctx, tx, applied)
}

// Outlook returns the schema that the database has, 0 for an empty one, and the
// one that Apply would give it, and changes nothing. Its errors are those of
// Apply.
func (m Migrations) Outlook(ctx context.Context, tx *sql.Tx) (has, wants int, err error) {
	var tables, ours int
	if err := tx.QueryRowContext(ctx, m.Tables).Scan(&tables, &ours); err != nil {
		return 0, 0, err
	}
	wants = len(m.Names())
	if ours == 0 {
		if tables > 0 {
			err = m.foreign()
		}
		return 0, wants, err
	}
	applied, err := m.known(ctx, tx)
	if err != nil {
		return 0, wants, err
	}
	for _, name := range m.Names() {
		one, err := m.read(name)
		if err == nil {
			_, err = one.isIn(applied, m.Elsewhere)
		}
		if err != nil {
			return 0, wants, err
		}
	}
	return len(applied), wants, nil
}

// Current checks that the database has all migrations, and changes nothing.
// The error is NotFound if it is empty, and a [platen.Conflict] if it lacks some,
// a newer platen wrote it, or it is not platen's.
func (m Migrations) Current(ctx context.Context, tx *sql.Tx) error {
	var tables, ours int
	if err := tx.QueryRowContext(ctx, m.Tables).Scan(&tables, &ours); err != nil {
		return err
	}
	if ours == 0 {
		if tables == 0 {
			return platen.Errorf(platen.NotFound, "the database is empty: start the server once, which makes what it needs there, or %s", m.Elsewhere)
		}
		return m.foreign()
	}
	applied, err := m.known(ctx, tx)
	if err != nil {
		return err
	}
	if has, wants := len(applied), len(m.Names()); has < wants {
		return platen.Errorf(platen.Conflict, "the database has schema %d, and this platen works with %d: start the server once with this version, which brings it up to date", has, wants)
	}
	return m.applyAll(ctx, tx, applied) // compares them
}

// known is applied, of a database that no newer platen wrote.
func (m Migrations) known(ctx context.Context, tx *sql.Tx) (map[int]string, error) {
	applied, err := m.applied(ctx, tx)
	if err != nil {
		return nil, err
	}
	if newest, known := len(applied), len(m.Names()); newest > known {
		return nil, platen.Errorf(platen.Conflict, "the database has schema %d, this platen knows up to %d: run the newer platen that wrote it, or restore the backup from before its start", newest, known)
	}
	return applied, nil
}

func (m Migrations) applyAll(ctx context.Context, tx *sql.Tx, applied map[int]string) error {
	for _, name := range m.Names() {
		if err := m.ApplyOne(ctx, tx, name, applied); err != nil {
			return fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return nil
}

// Names returns the names of the files, by number.
func (m Migrations) Names() []string {
	names, err := fs.Glob(m.Files, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	return names
}

func (m Migrations) foreign() error {
	return platen.Errorf(platen.Conflict, "this is the database of another program; %s", m.Elsewhere)
}

// applied returns the checksums of the migrations that the database has.
func (m Migrations) applied(ctx context.Context, tx *sql.Tx) (map[int]string, error) {
	rows, err := tx.QueryContext(ctx, `SELECT version, checksum FROM migration`)
	if err != nil {
		return nil, m.foreign() // its table migration is not ours
	}
	defer rows.Close()
	applied := make(map[int]string)
	for rows.Next() {
		var version int
		var checksum string
		if err := rows.Scan(&version, &checksum); err != nil {
			return nil, m.foreign()
		}
		applied[version] = checksum
	}
	return applied, rows.Err()
}

// A migration is one of the files.
type migration struct {
	name, text, checksum string
	version              int
}

func (m Migrations) read(name string) (migration, error) {
	text, err := fs.ReadFile(m.Files, name)
	if err != nil {
		return migration{}, err
	}
	base := path.Base(name)
	number, _, _ := strings.Cut(base, "_")
	version, err := strconv.Atoi(number)
	sum := sha256.Sum256(text)
	return migration{name: base, text: string(text), checksum: hex.EncodeToString(sum[:]), version: version}, err
}

// isIn reports whether a migration was applied, and returns a Conflict if it was
// another then.
func (one migration) isIn(applied map[int]string, elsewhere string) (bool, error) {
	was, ok := applied[one.version]
	if ok && was != one.checksum {
		return true, platen.Errorf(platen.Conflict, "the database was made by a development version whose schema differs; start with an empty one: %s", elsewhere)
	}
	return ok, nil
}

// ApplyOne applies one migration, or checks that what was applied is the same.
func (m Migrations) ApplyOne(ctx context.Context, tx *sql.Tx, name string, applied map[int]string) error {
	one, err := m.read(name)
	if err != nil {
		return err
	}
	if there, err := one.isIn(applied, m.Elsewhere); there || err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, one.text); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO migration (version, name, checksum) VALUES ($1, $2, $3)`, one.version, one.name, one.checksum)
	return err
}
