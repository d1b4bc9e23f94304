package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
)

//go:embed migrations/*.sql
var embedded embed.FS

var migrations = sqlstore.Migrations{
	Files: embedded,
	Tables: `SELECT count(*), count(*) FILTER (WHERE table_name = 'migration')
		FROM information_schema.tables WHERE table_schema = current_schema()`,
	Create: `CREATE TABLE migration (
		version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL,
		applied TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP)`,
	Elsewhere: "name another one with --database",
}

// migrate brings the schema up to date in one transaction. Others that want
// to do the same wait for its lock, and then find it done.
func (d *Database) migrate(ctx context.Context) error {
	tx, err := d.Writer.BeginTx(ctx, nil)
	if err != nil {
		return translate(err)
	}
	if err := migrateIn(ctx, tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return translate(tx.Commit())
}

func migrateIn(ctx context.Context, tx *sql.Tx) error {
	// The number is platen's own among the database's advisory locks.
	for _, text := range []string{
		`SELECT set_config('statement_timeout', '0', true)`,
		`SELECT pg_advisory_xact_lock(7528360050)`,
	} {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return explainMigration(err)
		}
	}
	if err := checkEncoding(ctx, tx); err != nil {
		return err
	}
	return explainMigration(migrations.Apply(ctx, tx))
}

// current returns an error unless the schema is that of this version, and changes
// nothing.
func (d *Database) current(ctx context.Context) error {
	tx, err := d.Control.BeginTx(ctx, nil)
	if err != nil {
		return translate(err)
	}
	defer tx.Rollback() // it has changed nothing
	if err := migrations.Current(ctx, tx); err != nil {
		return explainMigration(err)
	}
	return nil
}

// Outlook returns the schema that the database at an address has, and the one that
// the next start would give it. It changes nothing. The error says why a start
// would fail.
func Outlook(ctx context.Context, address string) (has, wants int, err error) {
	d, err := Connect(ctx, address)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	tx, err := d.Control.BeginTx(ctx, nil)
	if err != nil {
		return 0, 0, translate(err)
	}
	defer tx.Rollback() // it has changed nothing
	if err := checkEncoding(ctx, tx); err != nil {
		return 0, 0, err
	}
	if has, wants, err = migrations.Outlook(ctx, tx); err != nil {
		return 0, 0, explainMigration(err)
	}
	var may bool
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)`).Scan(&may); err != nil {
		return 0, 0, explainMigration(err)
	}
	if !may && has < wants {
		return 0, 0, platen.Errorf(platen.Conflict, "the database's user may not make tables; make it the owner of the database: ALTER DATABASE … OWNER TO …")
	}
	if has < wants {
		return has, wants, nil
	}
	users, err := OpenUsers(ctx, address)
	if err != nil {
		return 0, 0, err
	}
	return has, wants, sqlstore.LookAt(ctx, users)
}

// checkEncoding returns a Conflict unless the database takes any text.
func checkEncoding(ctx context.Context, tx *sql.Tx) error {
	var encoding string
	if err := tx.QueryRowContext(ctx, `SELECT current_setting('server_encoding')`).Scan(&encoding); err != nil {
		return explainMigration(err)
	}
	if encoding != "UTF8" {
		return platen.Errorf(platen.Conflict, "the database has the encoding %s; platen wants UTF8: createdb -E UTF8 -T template0", encoding)
	}
	return nil
}

// explainMigration says what a person can do about an error of migrating.
func explainMigration(err error) error {
	switch code(err) {
	case noPrivilege, unknownSchema:
		return platen.Errorf(platen.Conflict, "the database's user may not make tables: %s; make it the owner of the database: ALTER DATABASE … OWNER TO …", serverMessage(err))
	case diskFull:
		return platen.Errorf(platen.Conflict, "the disk of the database is full: make room there, and start again")
	case readOnlyTransaction:
		return platen.Errorf(platen.Conflict, "the database is read-only; name the primary in the address")
	}
	return translate(err)
}
