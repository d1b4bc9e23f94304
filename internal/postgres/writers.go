package postgres

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/platenhq/platen/internal/sqlstore"
)

// writers implements [sqlstore.ManyWriters].
//
// Transactions that write lists lock the rows that they write, in one order.
// One that creates or removes entities holds the row of the sequence, so that
// one process does it at a time; one that changes the index holds a row of
// lease. A clean-up first waits for all transactions that write lists and began
// before it: those that begin later see that the set is deleted. One that removes
// entities of no set, which they see until it commits, excludes them at its end.
type writers struct{}

var _ sqlstore.ManyWriters = writers{}

// lockTexts are the statements of the locks.
var lockTexts = map[sqlstore.Lock]string{
	sqlstore.StructureLock: `SELECT next FROM sequence FOR UPDATE`,
	sqlstore.IndexLock:     `SELECT name FROM lease WHERE name = 'index' FOR UPDATE`,
	sqlstore.TryIndexLock:  `SELECT name FROM lease WHERE name = 'index' FOR UPDATE SKIP LOCKED`,
}

const (
	// The number is platen's own among the database's advisory locks. The setting is
	// for poolers, which take none of the connection, and for a process that is
	// stopped within a group: its locks end soon.
	beginGroup    = `SELECT ` + idleSoon + `, pg_advisory_xact_lock_shared(7528360051)`
	excludeGroups = `SELECT set_config('lock_timeout', '` + excludeTimeout + `', true), set_config('idle_in_transaction_session_timeout', '5s', true),
		pg_advisory_xact_lock(7528360051)`
	// The transactions that hold it. Nobody waits for the lock itself: whoever does has
	// all groups behind that begin later, which a group that stands still would stop.
	selectGroups = `SELECT virtualtransaction FROM pg_locks WHERE locktype = 'advisory' AND granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND classid = 7528360051 >> 32 AND objid = 7528360051 & 4294967295 AND objsubid = 1`

	// Behind a pooler there is no bound for a connection.
	ofSnapshot = `SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout',
		CASE current_setting('idle_in_transaction_session_timeout') WHEN '0' THEN '` + transactionIdle + `' ELSE current_setting('idle_in_transaction_session_timeout') END, true)`
	// A group ends after 10 s by itself, and who waits for another lock gives up later. A
	// transaction with a lock waits for nothing but the database.
	idleSoon = `set_config('idle_in_transaction_session_timeout', CASE
		WHEN current_setting('idle_in_transaction_session_timeout')::interval BETWEEN '1 ms' AND '15 s' THEN current_setting('idle_in_transaction_session_timeout')
		ELSE '15s' END, true)`
	ofStructure = `SELECT set_config('statement_timeout', '0', true), ` + idleSoon
	// What is compared with the index is in memory, since it was just written. And an
	// index scan remembers which entries are of rows that were removed; a bitmap
	// scan reads them each time, until a vacuum, which makes the index of lists
	// that change all the time slower and slower.
	ofIndex = ofStructure + `, set_config('random_page_cost', '1.1', true), set_config('enable_bitmapscan', 'off', true)`

	theseNames = `unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS w(kind, facet, name)`
	findNames  = `SELECT n.id, n.kind, n.facet, n.name FROM find_name AS n JOIN ` + theseNames + `
		ON n.kind = w.kind AND n.facet = w.facet AND n.name = w.name`
	addNames = `INSERT INTO find_name (kind, facet, name) SELECT kind, facet, name FROM ` + theseNames + `
		ORDER BY kind, facet, name
		ON CONFLICT (kind, facet, name) DO UPDATE SET name = excluded.name RETURNING id, kind, facet, name`

	// Of the tables that grow with what is stored.
	analyze = `ANALYZE entity, properties, metadata, fields, content_block, find_name, find_value, find_long,
		set_fact, job_count, count_block, content_set, deleted_set, entity_updated, change_set, change_block`
)

// Lock implements [sqlstore.ManyWriters].
func (writers) Lock(ctx context.Context, tx sqlstore.Conn, lock sqlstore.Lock) (held bool, err error) {
	settings := ofStructure
	if lock != sqlstore.StructureLock {
		settings = ofIndex
	}
	if _, err := tx.ExecContext(ctx, settings); err != nil {
		return false, err
	}
	result, err := tx.ExecContext(ctx, lockTexts[lock])
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 0, err
}

// Pipeline implements [sqlstore.ManyWriters].
func (writers) Pipeline(ctx context.Context, on *sql.Conn, statements []sqlstore.Pipelined) error {
	var batch pgx.Batch
	for _, statement := range statements {
		queued := batch.Queue(statement.Text, statement.Args...)
		if statement.Row == nil {
			queued.Exec(func(tag pgconn.CommandTag) error {
				if tag.String() == "ROLLBACK" { // the answer to COMMIT after a statement that failed
					return pgx.ErrTxCommitRollback
				}
				return nil
			})
			continue
		}
		queued.Query(func(rows pgx.Rows) error {
			defer rows.Close()
			for rows.Next() {
				if err := statement.Row(rows); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	}
	return on.Raw(func(driver any) error {
		return driver.(*stdlib.Conn).Conn().SendBatch(ctx, &batch).Close()
	})
}

// BeginGroup implements [sqlstore.ManyWriters].
func (writers) BeginGroup() string { return beginGroup }

// WaitForGroups implements [sqlstore.ManyWriters].
func (writers) WaitForGroups(ctx context.Context, on sqlstore.Conn) error {
	const most = 100 * time.Millisecond
	before, err := groups(ctx, on)
	for pause := time.Millisecond; err == nil && len(before) > 0; pause = min(2*pause, most) {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		var now map[string]bool
		now, err = groups(ctx, on)
		maps.DeleteFunc(before, func(group string, _ bool) bool { return !now[group] })
	}
	return err
}

// ExcludeGroups implements [sqlstore.ManyWriters].
func (writers) ExcludeGroups(ctx context.Context, tx sqlstore.Conn) error {
	_, err := tx.ExecContext(ctx, excludeGroups)
	return err
}

// groups returns the transactions that write lists.
func groups(ctx context.Context, on sqlstore.Conn) (map[string]bool, error) {
	rows, err := on.QueryContext(ctx, selectGroups)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(map[string]bool)
	for rows.Next() {
		var group string
		if err := rows.Scan(&group); err != nil {
			return nil, err
		}
		found[group] = true
	}
	return found, rows.Err()
}

// AddLists implements [sqlstore.ManyWriters]. Only a row can be locked, so each
// list gets one. Nearly all have one, and to find that by a conflict costs more than
// to look. A NOT EXISTS could become a join with the whole table; a subquery that
// returns a value can not.
func (writers) AddLists(table, kinds string) string {
	return `WITH k (id, kind, root) AS (` + kinds + `), new AS (INSERT INTO ` + table + ` (id, list)
		SELECT id, '[]' FROM k WHERE kind > 0 AND (SELECT 1 FROM ` + table + ` AS has WHERE has.id = k.id) IS NULL
		ORDER BY id ON CONFLICT DO NOTHING)
		SELECT id, kind, root FROM k`
}

// LockLists implements [sqlstore.ManyWriters]. ANY of a subquery would compare with its
// rows; by the outer CAST it is an array.
func (writers) LockLists(table string, large int) string {
	isLarge := `octet_length(list) > ` + strconv.Itoa(large)
	return `SELECT id, octet_length(list), CASE WHEN NOT ` + isLarge + ` THEN list END,
		CASE WHEN ` + isLarge + ` THEN sha256(convert_to(list, 'UTF8')) END, change
		FROM ` + table + ` WHERE id = ANY(CAST(` + anyNumber("$1") + ` AS BIGINT[])) ORDER BY id FOR UPDATE`
}

// RemoveLists implements [sqlstore.ManyWriters].
func (writers) RemoveLists(table string) string {
	return `DELETE FROM ` + table + ` AS l USING unnest($1::bigint[], $2::bigint[]) AS r (first, last) WHERE l.id BETWEEN r.first AND r.last`
}

// FindNames implements [sqlstore.ManyWriters].
func (writers) FindNames(ctx context.Context, on sqlstore.Conn, kinds, facets []int64, names [][]byte) (*sql.Rows, error) {
	return on.QueryContext(ctx, findNames, kinds, facets, names)
}

// AddNames implements [sqlstore.ManyWriters].
func (writers) AddNames(ctx context.Context, on sqlstore.Conn, kinds, facets []int64, names [][]byte) (*sql.Rows, error) {
	return on.QueryContext(ctx, addNames, kinds, facets, names)
}

// snapshot is [sqlstore.Engine.Snapshot].
func (d *Database) snapshot(ctx context.Context) (*sql.Tx, error) {
	tx, err := d.Reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, ofSnapshot); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
}

// temporary is [sqlstore.Engine.Temporary].
func (d *Database) temporary(ctx context.Context) (*sql.Tx, error) {
	return d.Reader.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead})
}

// analyze is [sqlstore.Engine.AfterInserts]. To the planner's statistics a
// table is empty until then, and its plans for an empty table read all of it.
func (d *Database) analyze(ctx context.Context) error {
	_, err := d.Writer.ExecContext(ctx, analyze)
	return err
}

// afterCopy is [sqlstore.Engine.AfterCopy]: the next numbers of the tables that
// give them are after those that were copied.
func afterCopy(ctx context.Context, tx sqlstore.Conn) error {
	for table, id := range map[string]string{
		"record_table": "id", "details": "id", "find_name": "id", "find_range": "seq", "webhook": "id", "webhook_attempt": "id", "saved_view": "id",
	} {
		_, err := tx.ExecContext(ctx, `SELECT setval(pg_get_serial_sequence('`+table+`', '`+id+`'), (SELECT coalesce(max(`+id+`), 0) + 1 FROM `+table+`), false)`)
		if err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `SELECT setval('change_block_id',
		(SELECT greatest(pruned_id, (SELECT coalesce(max(id), 0) FROM change_block)) + 1 FROM change_log), false)`)
	return err
}
