package postgres

import (
	"context"
	"database/sql"
	"net/url"
	"testing"

	"github.com/platenhq/platen/internal/pgtest"
	"github.com/platenhq/platen/internal/sqlstore"
)

// TestIdleSoon checks for how long a transaction that stands still keeps each lock, by
// what the address says of the connection: others wait for as long.
func TestIdleSoon(t *testing.T) {
	address := pgtest.Database(t)
	store, err := Open(t.Context(), pgtest.Few(address)) // makes the tables
	if err == nil {
		err = store.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{"": "15s", transactionIdle: "15s", "16s": "15s", "15s": "15s", "2s": "2s", "0": "15s"} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if setting != "" {
			query := u.Query()
			query.Set("idle_in_transaction_session_timeout", setting)
			u.RawQuery = query.Encode()
		}
		db, err := sql.Open("pgx", u.String())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for name, take := range map[string]func(context.Context, *sql.Tx) error{
			"a group": func(ctx context.Context, tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, writers{}.BeginGroup())
				return err
			},
			"a change of sets": func(ctx context.Context, tx *sql.Tx) error {
				_, err := writers{}.Lock(ctx, tx, sqlstore.StructureLock)
				return err
			},
		} {
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			if err = take(t.Context(), tx); err == nil {
				err = tx.QueryRowContext(t.Context(), `SHOW idle_in_transaction_session_timeout`).Scan(&got)
			}
			if err != nil || got != want {
				t.Errorf("%s of a connection with the setting %q ends after %s, %v; want %s", name, setting, got, err, want)
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
