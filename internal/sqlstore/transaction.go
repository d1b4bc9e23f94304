package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/platenhq/platen"
)

// A transaction is a write transaction with its prepared statements.
type transaction struct {
	ctx   context.Context
	store *Store
	tx    *sql.Tx
	stmts map[query]statement
	off   map[query]*rowsPutOff // shared: what is written together later
	wrote int64                 // rows that were put off, and are written
	first error                 // of what was put off
	hides bool                  // it hides entities, whose lists may be in the cache
	freed []platen.Run          // data records of content items that it removed
}

// begin begins a transaction that must end before ctx does.
func (s *Store) begin(ctx context.Context) (*transaction, error) {
	tx, err := s.engine.Writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	return &transaction{ctx: ctx, store: s, tx: tx, stmts: make(map[query]statement)}, nil
}

// stmt returns q prepared for the transaction, in which all that was put off
// is written.
func (t *transaction) stmt(q query) statement {
	t.flush()
	stmt := t.stmts[q]
	if stmt == nil {
		stmt = t.store.write[q].in(t.ctx, t.tx)
		t.stmts[q] = stmt
	}
	return stmt
}

// exec runs q, or puts it off to be run with others.
func (t *transaction) exec(q query, args ...any) error {
	if t.store.engine.Shared && bulks[q].text != "" {
		return t.putOff(q, args)
	}
	_, err := t.stmt(q).ExecContext(t.ctx, args...)
	return err
}

// commit ends the transaction. After an error nothing is changed, unless it
// is [errInDoubt].
func (t *transaction) commit() error {
	if t.flush(); t.first != nil {
		return errors.Join(t.first, t.tx.Rollback())
	}
	return t.store.settle(t.tx)
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
	if t.first != nil {
		err = t.first // err is what follows from it
	}
	return errors.Join(err, ignoreDone(t.tx.Rollback()))
}

// update runs fn in a transaction of its own, and waits for the commit.
func (s *Store) update(fn func(*transaction) error) error {
	return s.updateWith(context.Background(), "", fn)
}

// change is update for what creates or removes entities: no other such change
// is under way meanwhile, in whatever process.
func (s *Store) change(ctx context.Context, fn func(*transaction) error) error {
	return s.updateWith(ctx, lockStructure, fn)
}

// changeSoon is change that waits for its turn for lockFor at most.
func (s *Store) changeSoon(ctx context.Context, fn func(*transaction) error) error {
	turn, cancel := context.WithTimeoutCause(ctx, lockFor, errLocked)
	defer cancel()
	return s.updateInTurn(ctx, turn, lockStructure, fn)
}

// updateWith is update that holds a lock of a shared database. If ctx ends the
// transaction is rolled back.
func (s *Store) updateWith(ctx context.Context, lock query, fn func(*transaction) error) error {
	return s.updateInTurn(ctx, ctx, lock, fn)
}

// updateInTurn is updateWith; turn bounds the time until it begins.
func (s *Store) updateInTurn(ctx, turn context.Context, lock query, fn func(*transaction) error) error {
	if s.engine.Shared {
		return s.updateShared(ctx, turn, lock, fn)
	}
	return s.committer.Do(turn, write{ctx: ctx, alone: fn})
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
	if t.hides {
		s.cache.InvalidateAll()
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
