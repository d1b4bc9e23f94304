package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/platenhq/platen"
)

// A transaction is a write transaction with its prepared statements.
//
// With one writer it is a [sql.Tx]. With many each statement is a network round
// trip, so that statements are sent together as far as they can be, BEGIN and COMMIT
// as well: it is a connection, and what was not sent yet.
type transaction struct {
	ctx   context.Context
	store *Store
	tx    Conn
	stmts map[*query]statement
	one   *sql.Tx   // with one writer
	many  *sql.Conn // with many
	begun bool      // BEGIN was sent, or may have been

	hides   bool             // it hides entities, whose lists may be in the cache
	removed []platen.IDRange // entities that it removed and that were not hidden
	freed   []platen.IDRange // data records of content items that it removed

	at int64 // see time; 0: not asked for yet

	places, placesKnown bool // there are members that were taken out of a set; whether that is known

	queued      []Pipelined              // statements to be sent, before the deferred rows
	deferred    map[*query]*deferredRows // rows that are written together later
	deferredErr error                    // the first error of either
	flushedRows int64                    // deferred rows that were written

	changes *changeLog // nil: nothing is logged yet
}

// begin begins a transaction that must end before ctx does.
func (s *Store) begin(ctx context.Context) (*transaction, error) {
	t, err := s.beginLater(ctx)
	for tries := 0; err == nil && len(t.queued) > 0; tries++ {
		t.flush()
		if t.deferredErr == nil {
			break
		}
		err = errors.Join(t.deferredErr, t.rollbackTx())
		if s.isRetryable(err) && tries < retries {
			t, err = s.beginLater(ctx)
		}
	}
	return t, err
}

// beginLater is begin that, with many writers, sends BEGIN with the first
// statements.
func (s *Store) beginLater(ctx context.Context) (_ *transaction, err error) {
	t := &transaction{ctx: ctx, store: s, stmts: make(map[*query]statement)}
	if s.engine.ManyWriters == nil {
		t.one, err = s.engine.Writer.BeginTx(ctx, nil)
		t.tx = t.one
		return t, err
	}
	t.many, err = s.engine.Writer.Conn(ctx)
	t.tx = t.many
	t.queued = []Pipelined{{Text: "BEGIN"}}
	return t, err
}

// rollbackTx ends the transaction without a change.
func (t *transaction) rollbackTx() error {
	if t.one != nil {
		return ignoreDone(t.one.Rollback())
	}
	if t.begun {
		const most = 5 * time.Second
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.ctx), most)
		defer cancel()
		if _, err := t.many.ExecContext(ctx, "ROLLBACK"); err != nil {
			t.drop()
		}
	}
	t.release()
	return nil
}

// drop closes the connection, and so ends what may be under way on it.
func (t *transaction) drop() {
	_ = t.many.Raw(func(any) error { return driver.ErrBadConn })
}

// release gives the connection back.
func (t *transaction) release() {
	_ = t.many.Close() // an error says that it is closed already
}

// stmt returns q prepared for the transaction, after the deferred rows are
// written.
func (t *transaction) stmt(q *query) statement {
	t.flush()
	stmt := t.stmts[q]
	if stmt == nil {
		if p := t.store.statements.writer[q.number]; p.stmt == nil {
			stmt = direct{t.tx, p.text}
		} else {
			stmt = t.one.StmtContext(t.ctx, p.stmt)
		}
		t.stmts[q] = stmt
	}
	return stmt
}

// conn returns the transaction for a statement that is not a query, after the
// deferred rows are written.
func (t *transaction) conn() Conn {
	t.flush()
	return t.tx
}

// exec runs q, or defers it to be run for many rows at once.
func (t *transaction) exec(q *query, args ...any) error {
	if t.store.statements.batches[q.number] != "" {
		return t.deferExec(q, args)
	}
	_, err := t.stmt(q).ExecContext(t.ctx, args...)
	return err
}

// commit ends the transaction. After an error nothing is changed, unless it
// is [errInDoubt].
func (t *transaction) commit() error {
	logged, err := t.changes.end()
	if err != nil {
		return t.rollback(err)
	}
	commit := func() error { return t.one.Commit() }
	if t.many != nil {
		last := append(t.take(), Pipelined{Text: "COMMIT"})
		commit = func() error { return t.send(last) }
	}
	if t.deferredErr != nil {
		return errors.Join(t.deferredErr, t.rollbackTx())
	}
	err = t.store.commitChecked(commit)
	switch {
	case t.many == nil:
	case err != nil:
		err = errors.Join(err, t.rollbackTx())
	default:
		t.release()
	}
	if logged {
		t.store.logged.wake()
	}
	return err
}

// run runs fn in the transaction, which it rolls back after an error or panic.
func (t *transaction) run(fn func(*transaction) error) error {
	err := t.store.guarded("changing entities", func() error { return fn(t) })
	if err != nil {
		return t.rollback(ended(t.ctx, err))
	}
	return nil
}

// rollback ends the transaction after err, and returns the error that it is
// for.
func (t *transaction) rollback(err error) error {
	if t.deferredErr != nil {
		err = t.deferredErr // err is what follows from it
	}
	t.changes.discard()
	return errors.Join(err, t.rollbackTx())
}

// update runs fn in a transaction of its own, and waits for the commit.
func (s *Store) update(fn func(*transaction) error) error {
	return s.updateWith(context.Background(), NoLock, fn)
}

// change is update for what creates or removes entities: no other such change
// is under way meanwhile, in whatever process.
func (s *Store) change(ctx context.Context, fn func(*transaction) error) error {
	return s.updateWith(ctx, StructureLock, fn)
}

// changeSoon is change that waits for its turn for lockFor at most.
func (s *Store) changeSoon(ctx context.Context, fn func(*transaction) error) error {
	turn, cancel := context.WithTimeoutCause(ctx, lockFor, errLocked)
	defer cancel()
	return s.writers.update(ctx, turn, StructureLock, fn)
}

// updateWith is update that holds a lock of the database. If ctx ends the
// transaction is rolled back.
func (s *Store) updateWith(ctx context.Context, lock Lock, fn func(*transaction) error) error {
	return s.writers.update(ctx, ctx, lock, fn)
}

// commitAlone runs fn in a transaction, which is rolled back if ctx ends.
func (s *Store) commitAlone(ctx context.Context, fn func(*transaction) error) error {
	ctx, cancel := s.within(ctx)
	defer cancel()
	t, err := s.begin(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	if err := t.run(fn); err != nil {
		return err
	}
	switch {
	case t.hides:
		s.cache.InvalidateAll()
		defer s.cache.EndInvalidateAll()
	case len(t.removed) > 0:
		s.cache.InvalidateEntities(t.removed)
		defer s.cache.EndInvalidateAll()
	}
	return t.commit()
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// rows returns the rows that a query finds.
func (t *transaction) rows(q *query, args ...any) ([]row, error) {
	return collectRows(t.ctx, t.stmt(q), args...)
}

// collectRows returns the rows that a query finds.
func collectRows(ctx context.Context, stmt statement, args ...any) ([]row, error) {
	rows, err := stmt.QueryContext(ctx, args...)
	return collect(rows, err, scanRow)
}

// cut takes a part out of a row.
func (t *transaction) cut(from row, part platen.IDRange) error {
	if err := t.exec(deleteEntity, int64(from.First)); err != nil {
		return err
	}
	for _, rest := range []platen.IDRange{{First: from.First, Last: part.First - 1}, {First: part.Last + 1, Last: from.Last}} {
		if rest.First <= rest.Last {
			if err := t.insertRow(from.part(rest)); err != nil {
				return err
			}
		}
	}
	return nil
}

// insertRow adds a row to the table entity.
func (t *transaction) insertRow(r row) error {
	null := func(n int64) any {
		if n == 0 {
			return nil
		}
		return n
	}
	var parent any
	if r.parent >= 0 {
		parent = int64(r.parent)
	}
	return t.exec(insertEntity, int64(r.First), int64(r.Last), int64(r.kind), parent, r.ord,
		null(int64(r.record)), null(r.details), null(int64(r.root)))
}

// changed runs q and reports whether it changed a row.
func changed(t *transaction, q *query, args ...any) (bool, error) {
	result, err := t.stmt(q).ExecContext(t.ctx, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
