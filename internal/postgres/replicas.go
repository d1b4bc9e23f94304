package postgres

import (
	"context"
	"database/sql"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
)

// replicas implements [sqlstore.Replicas] in the tables replica, lease and
// login_failure.
type replicas struct{ db *sql.DB }

var _ sqlstore.Replicas = replicas{}

const (
	upsertReplica = `INSERT INTO replica (id, seen) VALUES ($1, ` + now + `)
		ON CONFLICT (id) DO UPDATE SET seen = excluded.seen`
	deleteReplica  = `DELETE FROM replica WHERE id = $1`
	deleteReplicas = `DELETE FROM replica WHERE seen < ` + now + ` - 86400000`
	selectAlive    = `SELECT id FROM replica WHERE ` + alive

	updateLease = `UPDATE lease SET owner = $2, until = ` + now + ` + $3
		WHERE name = $1 AND (owner = $2 OR until < ` + now + `)`
	updatePercent = `UPDATE operation SET percent = $2 WHERE id = $1 AND ended IS NULL`

	// The numbers are given under a lock, which ends with the statement, so
	// that rows become visible in the order of their numbers.
	insertFailures = `WITH turn AS (SELECT name FROM lease WHERE name = 'failures' FOR UPDATE)
		INSERT INTO login_failure (at, owner, address, name) SELECT ` + now + `, $1, f.address, f.name
		FROM turn, unnest($2::bytea[], $3::bytea[]) AS f (address, name)`
	selectFailures = `SELECT seq, address, name FROM login_failure WHERE seq > $1 AND owner <> $2 ORDER BY seq LIMIT 1000`
	deleteFailures = `DELETE FROM login_failure WHERE at < ` + now + ` - $1`
	// Of a user, or of an address: an empty one stands for all.
	deleteFailuresOf = `DELETE FROM login_failure
		WHERE (name = $1 OR length($1) = 0) AND (address = $2 OR length($2) = 0)`

	selectNow      = `SELECT ` + now + ` FROM users_version`
	selectReadOnly = `SELECT current_setting('transaction_read_only') FROM users_version`
)

// change runs a statement, and returns how many rows it changed.
func (r replicas) change(ctx context.Context, text string, args ...any) (int64, error) {
	result, err := r.db.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Heartbeat implements [sqlstore.Replicas].
func (r replicas) Heartbeat(ctx context.Context, process string) error {
	_, err := r.change(ctx, upsertReplica, process)
	return err
}

// Leave implements [sqlstore.Replicas].
func (r replicas) Leave(ctx context.Context, process string) error {
	_, err := r.change(ctx, deleteReplica, process)
	return err
}

// Alive implements [sqlstore.Replicas].
func (r replicas) Alive(ctx context.Context) (processes []string, err error) {
	rows, err := r.db.QueryContext(ctx, selectAlive)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var process string
		if err := rows.Scan(&process); err != nil {
			return nil, err
		}
		processes = append(processes, process)
	}
	return processes, rows.Err()
}

// Forget implements [sqlstore.Replicas].
func (r replicas) Forget(ctx context.Context, age time.Duration) error {
	if _, err := r.change(ctx, deleteReplicas); err != nil {
		return err
	}
	_, err := r.change(ctx, deleteFailures, age.Milliseconds())
	return err
}

// TryLease implements [sqlstore.Replicas].
func (r replicas) TryLease(ctx context.Context, task, process string, keep time.Duration) (bool, error) {
	n, err := r.change(ctx, updateLease, task, process, keep.Milliseconds())
	return n > 0, err
}

// ReportOperation implements [sqlstore.Replicas].
func (r replicas) ReportOperation(ctx context.Context, id string, percent int) (bool, error) {
	n, err := r.change(ctx, updatePercent, id, int64(percent))
	return n == 1, err
}

// ShareFailures implements [sqlstore.Replicas].
func (r replicas) ShareFailures(ctx context.Context, process string, mine []storage.LoginFailure, after int64) (others []storage.LoginFailure, last int64, err error) {
	if len(mine) > 0 {
		addresses, users := make([][]byte, len(mine)), make([][]byte, len(mine))
		for i, failure := range mine {
			addresses[i], users[i] = []byte(failure.Address), []byte(failure.User)
		}
		if _, err := r.change(ctx, insertFailures, process, addresses, users); err != nil {
			return nil, after, err
		}
	}
	others, last, err = r.failures(ctx, process, after)
	if err != nil {
		// Mine are recorded. The next call reads those of others.
		return nil, after, nil
	}
	return others, last, nil
}

func (r replicas) failures(ctx context.Context, process string, after int64) (others []storage.LoginFailure, last int64, err error) {
	last = after
	rows, err := r.db.QueryContext(ctx, selectFailures, after, process)
	if err != nil {
		return nil, after, err
	}
	defer rows.Close()
	for rows.Next() {
		var address, user []byte
		if err := rows.Scan(&last, &address, &user); err != nil {
			return nil, after, err
		}
		others = append(others, storage.LoginFailure{Address: string(address), User: string(user)})
	}
	return others, last, rows.Err()
}

// ForgetFailures implements [sqlstore.Replicas].
func (replicas) ForgetFailures(ctx context.Context, tx sqlstore.Conn, failure storage.LoginFailure) error {
	_, err := tx.ExecContext(ctx, deleteFailuresOf, []byte(failure.User), []byte(failure.Address))
	return err
}

// Now implements [sqlstore.Replicas].
func (r replicas) Now(ctx context.Context) (time.Time, error) {
	var now int64
	err := r.db.QueryRowContext(ctx, selectNow).Scan(&now)
	return time.UnixMilli(now), err
}

// ready is [sqlstore.Engine.Ready].
func (d *Database) ready(ctx context.Context) error {
	var readOnly string
	err := d.Control.QueryRowContext(ctx, selectReadOnly).Scan(&readOnly)
	if err == nil && readOnly != "off" {
		err = platen.Errorf(platen.Unavailable, "the database is read-only")
	}
	return err
}
