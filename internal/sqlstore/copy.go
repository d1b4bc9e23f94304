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
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
)

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
	if err := s.unfinished(ctx); err != nil {
		return err
	}
	copies, err := s.alive(ctx, true)
	if copies > 0 {
		err = platen.Errorf(platen.Conflict, "the database is being copied: wait until the copy has ended, and 15 seconds if it was killed")
	}
	return s.error("look for a copy", err)
}

// unfinished returns a Conflict if a copy into the store was begun and not
// finished.
func (s *Store) unfinished(ctx context.Context) error {
	var mark []byte
	err := s.on(selectSecret).QueryRowContext(ctx, copyMark).Scan(&mark)
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
// Identifiers, users and secrets stay the same. Without the search index, which can be
// damaged while all else is whole, the target makes its own from the lists. Nobody may
// write to either meanwhile. The error is a [platen.Conflict] if the target may not be written
// to, or the two differ at the end.
func Copy(ctx context.Context, from, to *Store, withoutIndex bool, progress func(Progress)) (rows int64, err error) {
	// Said before it is asked who else is there, as servers do: of two that
	// start at once one sees the other.
	defer from.heartbeat(copyPrefix + from.id)()
	if err := errors.Join(from.unfinished(ctx), from.requireExclusive(ctx, "the source"), to.requireExclusive(ctx, "the target")); err != nil {
		return 0, err
	}
	c := copier{ctx: ctx, from: from, to: to, tables: copiedTables, withoutIndex: withoutIndex, progress: progress}
	if withoutIndex {
		c.tables = slices.DeleteFunc(slices.Clone(copiedTables), func(t table) bool {
			return t.name == findValueTable.name || t.name == findLongTable.name || t.name == findRangeTable.name
		})
	} else if err := from.flush(ctx, ofImportsAndLate, 0); err != nil {
		return 0, from.error("copy", err)
	}
	for _, step := range []func() error{c.begin, c.targetAlone, c.copyTables, c.compare, c.finish} {
		if err := step(); err != nil {
			return 0, to.error("copy", errors.Join(err, c.end()))
		}
	}
	return c.of, c.end()
}

// copyPrefix begins the ids of processes that copy a database.
const copyPrefix = "copy-"

// alive returns how many processes serve the database, or copy it.
func (s *Store) alive(ctx context.Context, copying bool) (n int, err error) {
	processes, err := s.engine.Replicas.Alive(ctx)
	for _, process := range processes {
		if strings.HasPrefix(process, copyPrefix) == copying {
			n++
		}
	}
	return n, err
}

// requireExclusive returns a Conflict if servers use the database.
func (s *Store) requireExclusive(ctx context.Context, which string) error {
	others, err := s.alive(ctx, false)
	if others > 0 {
		by := "another process"
		if others > 1 {
			by = fmt.Sprintf("%d other processes", others)
		}
		err = platen.Errorf(platen.Conflict, "%s is in use by %s: stop the servers that run on it", which, by)
	}
	return s.error("look for other servers", err)
}

// A copier copies. It reads the source as it was at one moment.
type copier struct {
	ctx          context.Context
	from, to     *Store
	tables       []table
	withoutIndex bool
	progress     func(Progress)
	source       *sql.Tx
	done, of     int64
}

// targetAlone looks again, now that the target is marked, and no server starts
// on it any more.
func (c *copier) targetAlone() error { return c.to.requireExclusive(c.ctx, "the target") }

// begin marks the target.
func (c *copier) begin() error {
	tx, err := c.from.engine.Snapshot(c.ctx)
	if err != nil {
		return err
	}
	c.source = tx
	identity, err := c.identity()
	if err != nil {
		return err
	}
	for _, table := range c.tables {
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
	err := c.source.QueryRowContext(c.ctx, `SELECT value FROM secret WHERE name = $1`, "token-key").Scan(&key)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil // no server ever ran on it
	}
	sum := sha256.Sum256(key)
	return sum[:], err
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
	for _, table := range c.tables {
		if err := c.copyTable(table); err != nil {
			return fmt.Errorf("table %s: %w", table.name, err)
		}
	}
	return nil
}

func (c *copier) copyTable(table table) error {
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
	rows, err := c.source.QueryContext(c.ctx, table.selectAll(last != nil), last...)
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
		if len(batch) == copyBatch || bytes > deferredBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return errors.Join(rows.Err(), flush())
}

// write writes rows to the target in one transaction.
func (c *copier) write(table table, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	return c.to.update(func(t *transaction) error {
		if many := c.to.engine.Dialect.InsertMany(table.name, table.columns, ""); many != "" {
			deferred := newDeferredRows(table.columns, false)
			for _, row := range rows {
				deferred.add(row)
			}
			_, err := t.tx.ExecContext(t.ctx, many, deferred.args()...)
			return err
		}
		stmt, err := t.one.PrepareContext(t.ctx, table.insert())
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
	target, err := c.to.engine.Snapshot(c.ctx)
	if err != nil {
		return err
	}
	defer target.Rollback()
	c.done = 0
	for _, table := range c.tables {
		want, err := c.sum(table, c.source)
		if err != nil {
			return err
		}
		c.done += want.rows
		got, err := c.sum(table, target)
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

func (c *copier) sum(table table, tx *sql.Tx) (s sum, err error) {
	rows, err := tx.QueryContext(c.ctx, table.selectAll(false))
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

// finish copies the tables of one row, and takes the mark away.
func (c *copier) finish() error {
	var next, version int64
	if err := c.source.QueryRowContext(c.ctx, `SELECT next FROM sequence`).Scan(&next); err != nil {
		return err
	}
	if err := c.source.QueryRowContext(c.ctx, `SELECT version FROM users_version`).Scan(&version); err != nil {
		return err
	}
	var log logState
	err := c.source.QueryRowContext(c.ctx, `SELECT since, coalesce((SELECT max(position) FROM change_block), position), pruned_id, pruned_position, pruned_event, pruned_at FROM change_log`).
		Scan(&log.since, &log.position, &log.prunedID, &log.prunedPosition, &log.prunedEvent, &log.pruneAt)
	if err != nil {
		return err
	}
	log.position = max(log.position, log.prunedPosition)
	var times map[platen.ID]int64
	if c.withoutIndex {
		if times, err = c.pendingTimes(); err != nil {
			return err
		}
	}
	err = c.to.update(func(t *transaction) error {
		if err := t.exec(updateLog, log.since, log.position, log.prunedID, log.prunedPosition, int64(log.prunedEvent), log.pruneAt); err != nil {
			return err
		}
		if after := c.to.engine.AfterCopy; after != nil {
			if err := after(t.ctx, t.tx); err != nil {
				return err
			}
		}
		if c.withoutIndex {
			if err := errors.Join(t.markUpdated(times), t.rebuildIndex()); err != nil {
				return err
			}
		}
		return errors.Join(t.exec(updateNext, next), t.exec(setUsersVersion, version), t.exec(deleteSecret, copyMark))
	})
	if err == nil {
		c.to.afterImport()
	}
	return err
}

// pendingTimes returns when jobs and sets changed, as far as the index of the source had
// not passed it on when the copy began: it may be brought up to date meanwhile.
func (c *copier) pendingTimes() (map[platen.ID]int64, error) {
	var kinds []platen.Kind
	for kind := platen.DataSet; kind <= platen.Document; kind++ {
		kinds = append(kinds, kind)
	}
	stmt := func(q *query) statement { return direct{c.source, q.text(c.from.engine.Dialect)} }
	p := c.from.planner(c.ctx, stmt, c.source)
	owners, err := p.someDirtyOf(kinds, 0, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	return p.updated(owners)
}

// last returns the last key in the target; nil if the table is empty.
func (t table) last(ctx context.Context, to *Store) ([]any, error) {
	names := t.names()[:t.key]
	text := "SELECT " + strings.Join(names, ", ") + " FROM " + t.name + t.condition() +
		" ORDER BY " + strings.Join(names, " DESC, ") + " DESC LIMIT 1"
	rows, err := to.engine.Reader.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
	}
	key := t
	key.columns = t.columns[:t.key]
	row, _, err := key.scan(rows)
	return row, err
}

// scan reads a row: int64, string or []byte, or nil for NULL, by the types of
// the columns; and its size.
func (t table) scan(rows *sql.Rows) (row []any, size int, err error) {
	into := make([]any, len(t.columns))
	for i, column := range t.columns {
		switch column.Type {
		case Integer:
			into[i] = new(sql.NullInt64)
		case Text:
			into[i] = new(string)
		case Bytes:
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
