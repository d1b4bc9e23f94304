package sqlstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
)

// A copiedTable is a table that [Copy] copies, row by row in the order of its
// key. What is in none of them is either one row, the sequence and the version
// of the users, or worth nothing elsewhere: replicas, leases, failed logins.
type copiedTable struct {
	name    string
	key     int      // so many of the columns, from the first on, are its key
	columns []string // "name type", as in PostgreSQL
	where   string   // of rows that count
}

var copiedTables = []copiedTable{
	{"entity", 1, []string{"first bigint", "last bigint", "kind bigint", "parent bigint", "ord bigint", "record bigint", "details bigint", "root bigint"}, ""},
	{"properties", 1, []string{"id bigint", "list text"}, "list <> '[]'"},
	{"metadata", 1, []string{"id bigint", "list text"}, "list <> '[]'"},
	{"fields", 1, []string{"id bigint", "list text"}, "list <> '[]'"},
	{"content_block", 2, []string{"job bigint", "seq bigint", "count bigint", "digits bigint", "pairs bytea", "pages bytea", "first_item bigint", "last_item bigint", "wide bigint"}, ""},
	{"data_schema", 1, []string{"dataset bigint", "body text"}, ""},
	{"record_table", 1, []string{"id bigint", "name text"}, ""},
	{"content_set", 1, []string{"id bigint", "type text"}, ""},
	{"details", 1, []string{"id bigint", "body text", "pages bigint", "sheets bigint", "sections bigint", "duplex bigint", "template text"}, ""},
	{"details_media", 2, []string{"details bigint", "name text"}, ""},
	{"deleted_set", 1, []string{"id bigint", "kind bigint", "marked bigint", "state bigint", "owner text"}, ""},
	{"find_name", 1, []string{"id bigint", "kind bigint", "facet bigint", "name bytea"}, ""},
	{"find_value", 3, []string{"name bigint", "value bytea", "entity bigint", "digest bytea"}, ""},
	{"find_long", 2, []string{"name bigint", "entity bigint", "value bytea"}, ""},
	{"operation", 1, []string{"id text", "type text", "started bigint", "ended bigint", "result bigint", "message text", "owner text", "percent bigint"}, ""},
	{"server_user", 1, []string{"name text", "password text", "epoch bigint", "changed bigint"}, ""},
	{"secret", 1, []string{"name text", "value bytea"}, "name <> '" + copyMark + "'"},
}

// copyMark is the name of a secret that says that a copy into this database
// was begun, and of what.
const copyMark = "unfinished-copy"

// copyBatch is how many rows are written to the target together.
const copyBatch = 4096

// Progress is how far a copy is.
type Progress struct {
	Doing string // "copied" or "compared"
	Table string
	Rows  int64
	Of    int64
}

// Unfinished returns a Conflict if a copy into the store was begun and not
// finished, or if it is being copied: nobody may write to it meanwhile.
func (s *Store) Unfinished(ctx context.Context) error {
	if err := s.unfinished(ctx); err != nil || !s.engine.Shared {
		return err
	}
	var copies int
	err := s.engine.Control.QueryRowContext(ctx, `SELECT count(*) FROM replica WHERE id LIKE '`+copyPrefix+`%' AND seen > `+nowText+` - 15000`).Scan(&copies)
	if err == nil && copies > 0 {
		err = platen.Errorf(platen.Conflict, "the database is being copied: wait until the copy has ended, and 15 seconds if it was killed")
	}
	return s.error("look for a copy", err)
}

// unfinished returns a Conflict if a copy into the store was begun and not
// finished.
func (s *Store) unfinished(ctx context.Context) error {
	var mark []byte
	err := s.read[selectSecret].QueryRowContext(ctx, copyMark).Scan(&mark)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err == nil {
		err = platen.Errorf(platen.Conflict, `a copy into this database was begun and not finished: run the same "platen copy" again`)
	}
	return s.error("look for an unfinished copy", err)
}

// Copy copies all that is in one store to another, which must be empty or the
// target of a copy of the same that was cut off, and compares them at the end.
// Identifiers, users and secrets stay the same. Nobody may write to either
// meanwhile. The error is a [platen.Conflict] if the target may not be written
// to, or the two differ at the end.
func Copy(ctx context.Context, from, to *Store, progress func(Progress)) (rows int64, err error) {
	// Said before it is asked who else is there, as servers do: of two that
	// start at once one sees the other.
	defer from.live(copyPrefix + from.id)()
	if err := errors.Join(from.unfinished(ctx), from.alone(ctx, "the source"), to.alone(ctx, "the target")); err != nil {
		return 0, err
	}
	if err := from.flushStale(ctx, lockIndex); err != nil {
		return 0, from.error("copy", err)
	}
	c := copier{ctx: ctx, from: from, to: to, progress: progress}
	for _, step := range []func() error{c.begin, c.targetAlone, c.copyTables, c.compare, c.finish} {
		if err := step(); err != nil {
			return 0, to.error("copy", errors.Join(err, c.end()))
		}
	}
	return c.of, c.end()
}

// copyPrefix begins the names of processes that copy a shared database.
const copyPrefix = "copy-"

// alone returns a Conflict if servers use a shared database.
func (s *Store) alone(ctx context.Context, which string) error {
	if !s.engine.Shared {
		return nil
	}
	var others int
	err := s.engine.Reader.QueryRowContext(ctx, `SELECT count(*) FROM replica WHERE id NOT LIKE '`+copyPrefix+`%' AND seen > `+nowText+` - 15000`).Scan(&others)
	if err == nil && others > 0 {
		err = platen.Errorf(platen.Conflict, "%s is in use by %d other processes: stop the servers that run on it", which, others)
	}
	return s.error("look for other servers", err)
}

// A copier copies. It reads the source as it was at one moment.
type copier struct {
	ctx      context.Context
	from, to *Store
	progress func(Progress)
	source   *sql.Tx
	done, of int64
}

// targetAlone looks again, now that the target is marked, and no server starts
// on it any more.
func (c *copier) targetAlone() error { return c.to.alone(c.ctx, "the target") }

// begin marks the target.
func (c *copier) begin() error {
	tx, err := c.from.snapshot(c.ctx)
	if err != nil {
		return err
	}
	c.source = tx
	identity, err := c.identity()
	if err != nil {
		return err
	}
	for _, table := range copiedTables {
		var n int64
		if err := tx.QueryRowContext(c.ctx, `SELECT count(*) FROM `+table.name+table.condition()).Scan(&n); err != nil {
			return err
		}
		c.of += n
	}
	return c.to.update(func(t *transaction) error {
		var mark []byte
		err := t.stmt(selectSecret).QueryRowContext(t.ctx, copyMark).Scan(&mark)
		switch {
		case err == nil && bytes.Equal(mark, identity):
			return nil
		case err == nil:
			return platen.Errorf(platen.Conflict, "a copy of another database into the target was begun and not finished: name an empty target")
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		for _, table := range copiedTables {
			var n int64
			if err := t.tx.QueryRowContext(t.ctx, `SELECT count(*) FROM `+table.name).Scan(&n); err != nil {
				return err
			}
			if n > 0 {
				return platen.Errorf(platen.Conflict, "the target is not empty: it has %d rows in the table %s; name an empty directory or database", n, table.name)
			}
		}
		return t.exec(insertSecret, copyMark, identity)
	})
}

// identity tells the source from others.
func (c *copier) identity() ([]byte, error) {
	var key []byte
	err := c.source.QueryRowContext(c.ctx, c.from.engine.Rebind(`SELECT value FROM secret WHERE name = $1`), "token-key").Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil // no server ever ran on it
	}
	sum := sha256.Sum256(key)
	return sum[:], err
}

// snapshot begins a transaction that sees the database as it is now.
func (s *Store) snapshot(ctx context.Context) (*sql.Tx, error) {
	options := &sql.TxOptions{ReadOnly: true}
	if s.engine.Shared {
		options.Isolation = sql.LevelRepeatableRead
	}
	tx, err := s.engine.Reader.BeginTx(ctx, options)
	if err == nil && s.engine.Shared {
		if _, failed := tx.ExecContext(ctx, string(noStatementTimeout)); failed != nil {
			err = errors.Join(failed, tx.Rollback())
		}
	}
	return tx, err
}

// end ends the reading of the source.
func (c *copier) end() error {
	if c.source == nil {
		return nil
	}
	return ignoreDone(c.source.Rollback())
}

// copyTables copies all tables, each from where the target ends.
func (c *copier) copyTables() error {
	for _, table := range copiedTables {
		if err := c.copyTable(table); err != nil {
			return fmt.Errorf("table %s: %w", table.name, err)
		}
	}
	return nil
}

func (c *copier) copyTable(table copiedTable) error {
	last, err := table.last(c.ctx, c.to)
	if err != nil {
		return err
	}
	if last != nil {
		var n int64
		if err := c.to.engine.Reader.QueryRowContext(c.ctx, `SELECT count(*) FROM `+table.name+table.condition()).Scan(&n); err != nil {
			return err
		}
		c.done += n
	}
	rows, err := c.source.QueryContext(c.ctx, c.from.engine.Rebind(table.sel(last != nil)), last...)
	if err != nil {
		return err
	}
	defer rows.Close()
	batch := make([][]any, 0, copyBatch)
	bytes := 0
	flush := func() error {
		if err := c.write(table, batch); err != nil {
			return err
		}
		c.done += int64(len(batch))
		c.progress(Progress{"copied", table.name, c.done, c.of})
		batch, bytes = batch[:0], 0
		return c.ctx.Err()
	}
	for rows.Next() {
		row, size, err := table.scan(rows)
		if err != nil {
			return err
		}
		batch, bytes = append(batch, row), bytes+size
		if len(batch) == copyBatch || bytes > putOffBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return errors.Join(rows.Err(), flush())
}

// write writes rows to the target in one transaction.
func (c *copier) write(table copiedTable, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	insert := table.insert()
	return c.to.update(func(t *transaction) error {
		if t.store.engine.Shared {
			types := make([]string, len(table.columns))
			for i, column := range table.columns {
				_, types[i], _ = strings.Cut(column, " ")
			}
			off := newRowsPutOff(inBulk(query(insert), types...))
			for _, row := range rows {
				off.add(row)
			}
			_, err := t.tx.ExecContext(t.ctx, off.text, off.args()...)
			return err
		}
		stmt, err := t.tx.PrepareContext(t.ctx, t.store.engine.Rebind(insert))
		if err != nil {
			return err
		}
		for _, row := range rows {
			if _, err := stmt.ExecContext(t.ctx, row...); err != nil {
				return errors.Join(err, stmt.Close())
			}
		}
		return stmt.Close()
	})
}

// compare reads both sides again, and refuses a difference.
func (c *copier) compare() error {
	target, err := c.to.snapshot(c.ctx)
	if err != nil {
		return err
	}
	defer target.Rollback()
	c.done = 0
	for _, table := range copiedTables {
		want, err := c.sum(table, c.from, c.source)
		if err != nil {
			return err
		}
		c.done += want.rows
		got, err := c.sum(table, c.to, target)
		if err != nil {
			return err
		}
		c.progress(Progress{"compared", table.name, c.done, c.of})
		if got != want {
			return platen.Errorf(platen.Conflict, "the copy differs from its source in the table %s: %d rows instead of %d, or others; if the source was changed since an earlier copy broke off, empty the target and begin again", table.name, got.rows, want.rows)
		}
	}
	return nil
}

// A sum is what two equal tables have in common.
type sum struct {
	rows int64
	hash [sha256.Size]byte
}

func (c *copier) sum(table copiedTable, of *Store, tx *sql.Tx) (s sum, err error) {
	rows, err := tx.QueryContext(c.ctx, of.engine.Rebind(table.sel(false)))
	if err != nil {
		return s, err
	}
	defer rows.Close()
	all := sha256.New()
	for rows.Next() {
		row, _, err := table.scan(rows)
		if err != nil {
			return s, err
		}
		for _, value := range row {
			hashValue(all, value)
		}
		s.rows++
	}
	all.Sum(s.hash[:0])
	return s, rows.Err()
}

// hashValue adds a value with its length, so that no two rows look alike.
func hashValue(to hash.Hash, value any) {
	var text []byte
	switch v := value.(type) {
	case nil:
		text = []byte{0}
	case int64:
		text = strconv.AppendInt(nil, v, 10)
	case string:
		text = []byte(v)
	case []byte:
		text = v
	}
	to.Write(binary.AppendUvarint(nil, uint64(len(text))))
	to.Write(text)
}

// finish copies what is one row, and takes the mark away.
func (c *copier) finish() error {
	var next, version int64
	if err := c.source.QueryRowContext(c.ctx, string(selectNext)).Scan(&next); err != nil {
		return err
	}
	if err := c.source.QueryRowContext(c.ctx, string(selectUsersVersion)).Scan(&version); err != nil {
		return err
	}
	err := c.to.update(func(t *transaction) error {
		if t.store.engine.Shared {
			for _, table := range []string{"record_table", "details", "find_name"} {
				_, err := t.tx.ExecContext(t.ctx, `SELECT setval(pg_get_serial_sequence('`+table+`', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM `+table+`), false)`)
				if err != nil {
					return err
				}
			}
		}
		for _, one := range []struct {
			text string
			arg  any
		}{
			{string(updateNext), next},
			{`UPDATE users_version SET version = $1`, version},
			{`DELETE FROM secret WHERE name = $1`, copyMark},
		} {
			if _, err := t.tx.ExecContext(t.ctx, t.store.engine.Rebind(one.text), one.arg); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && c.to.engine.Shared {
		c.to.analyze()
	}
	return err
}

// names returns the names of the columns.
func (table copiedTable) names() []string {
	names := make([]string, len(table.columns))
	for i, column := range table.columns {
		names[i], _, _ = strings.Cut(column, " ")
	}
	return names
}

func (table copiedTable) condition() string {
	if table.where == "" {
		return ""
	}
	return " WHERE " + table.where
}

// sel selects the rows in order; after a key, if its values are parameters.
func (table copiedTable) sel(after bool) string {
	key := strings.Join(table.names()[:table.key], ", ")
	conditions := slices.DeleteFunc([]string{table.where}, func(s string) bool { return s == "" })
	if after {
		conditions = append(conditions, "("+key+") > ("+places(table.key)+")")
	}
	where := ""
	if len(conditions) > 0 {
		where = " WHERE " + strings.Join(conditions, " AND ")
	}
	return "SELECT " + strings.Join(table.names(), ", ") + " FROM " + table.name + where + " ORDER BY " + key
}

func (table copiedTable) insert() string {
	return "INSERT INTO " + table.name + " (" + strings.Join(table.names(), ", ") + ") VALUES (" + places(len(table.columns)) + ")"
}

// places returns "$1, $2, …".
func places(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = "$" + strconv.Itoa(i+1)
	}
	return strings.Join(all, ", ")
}

// last returns the last key in the target; nil if the table is empty.
func (table copiedTable) last(ctx context.Context, to *Store) ([]any, error) {
	names := table.names()[:table.key]
	text := "SELECT " + strings.Join(names, ", ") + " FROM " + table.name + table.condition() +
		" ORDER BY " + strings.Join(names, " DESC, ") + " DESC LIMIT 1"
	rows, err := to.engine.Reader.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	key := table
	key.columns = table.columns[:table.key]
	row, _, err := key.scan(rows)
	return row, err
}

// scan reads a row: int64, string or []byte, or nil for NULL, by the types of
// the columns; and its size.
func (table copiedTable) scan(rows *sql.Rows) (row []any, size int, err error) {
	into := make([]any, len(table.columns))
	for i, column := range table.columns {
		switch _, kind, _ := strings.Cut(column, " "); kind {
		case "bigint":
			into[i] = new(sql.NullInt64)
		case "text":
			into[i] = new(string)
		default:
			into[i] = new([]byte)
		}
	}
	if err := rows.Scan(into...); err != nil {
		return nil, 0, err
	}
	row = make([]any, len(into))
	for i, value := range into {
		switch v := value.(type) {
		case *sql.NullInt64:
			if v.Valid {
				row[i] = v.Int64
			}
			size += 8
		case *string:
			row[i], size = *v, size+len(*v)
		case *[]byte:
			row[i], size = append([]byte{}, *v...), size+len(*v)
		}
	}
	return row, size, nil
}
