package sqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/clock"
)

// Update runs fn in a transaction, as changes of users and operations do.
func (s *Store) Update(fn func() error) error {
	return s.update(func(*transaction) error { return fn() })
}

// ChangeSets runs fn as imports and deletions do.
func (s *Store) ChangeSets(ctx context.Context, fn func(context.Context) error) error {
	return s.change(ctx, func(t *transaction) error { return fn(t.ctx) })
}

// ReplaceFaulty queues an update of a list that panics in its group.
func (s *Store) ReplaceFaulty(ctx context.Context, job platen.ID) error {
	return s.committer.Do(ctx, write{kind: platen.Job, facet: 99, id: job})
}

// ClosesWithin is the longest that Close takes, in seconds.
const ClosesWithin = (closeFor + killFor) / 1e9

// Queued returns how many writes wait for the committer.
func (s *Store) Queued() int { return s.committer.Waiting() }

// Reader returns the pool of reads.
func (s *Store) Reader() *sql.DB { return s.engine.Reader }

// Writer returns the pool of writes.
func (s *Store) Writer() *sql.DB { return s.engine.Writer }

// CopiedColumns returns the columns that a copy knows, by table.
func CopiedColumns() map[string][]string {
	columns := make(map[string][]string)
	for _, t := range copiedTables {
		columns[t.name] = t.names()
	}
	return columns
}

// Statements returns the texts of all queries.
func (s *Store) Statements() []string {
	var texts []string
	for _, q := range queries {
		texts = append(texts, q.text(s.engine.Dialect))
		if batch := s.batches[q.number]; batch != "" {
			texts = append(texts, batch)
		}
	}
	return texts
}

// MarkDeleting is the first step of the deletion of a set that others use.
func (s *Store) MarkDeleting(ctx context.Context, ref platen.Ref) error {
	return s.markDeleted(ctx, ref, stateDeleting, "", nil)
}

// FinishUndone finishes what was left undone, as a server does every few seconds.
func (s *Store) FinishUndone(ctx context.Context) error { return s.finishUndone(ctx) }

// StateDeleting is the state of a set that is being deleted.
const StateDeleting = stateDeleting

// ID returns that of the process.
func (s *Store) ID() string { return s.id }

// ChangeDeleting runs fn in a transaction of a deletion that the store has begun.
func (s *Store) ChangeDeleting(ctx context.Context, set platen.Ref, fn func()) error {
	d, end, err := s.beginDeletion(ctx, leftSet{set, s.id})
	if err != nil {
		return err
	}
	defer end()
	return d.change(func(*transaction) error { fn(); return nil })
}

// SetClock gives the process a clock of its own.
func (s *Store) SetClock(own *clock.Clock) { s.engine.Clock = own }

// LeaseClean takes the lease of the clean-up.
func (s *Store) LeaseClean(ctx context.Context) (bool, error) { return s.tryLease(ctx, "clean") }

// Ended is [ended] for an error of a commit whose outcome is not known.
func Ended(ctx context.Context) error {
	return ended(ctx, (&Store{engine: Engine{
		DegradedCommits: func() int64 { return 0 }, ServerReplied: func(error) bool { return false },
	}}).commitChecked(func() error { return ctx.Err() }))
}

// LastDirty returns the largest number of a row of find_stale.
func (s *Store) LastDirty(ctx context.Context) (int64, error) {
	bound, err := s.dirtyBound(ctx, ofImportsAndLate, 0)
	return bound.rows, err
}

// CommitDespite commits a transaction in which a statement has failed.
func (s *Store) CommitDespite() error {
	return s.update(func(t *transaction) error {
		_, _ = t.conn().ExecContext(t.ctx, "this is no statement")
		return nil
	})
}

// LastRange returns the largest number of a row of find_range.
func (s *Store) LastRange(ctx context.Context) (int64, error) {
	bound, err := s.dirtyBound(ctx, ofImports, 0)
	return bound.ranges, err
}

// FlushInSteps brings the index up to date. It calls between once, after lists
// were read and before what differs is written.
func (s *Store) FlushInSteps(ctx context.Context, between func()) error {
	until, err := s.dirtyBound(ctx, ofImportsAndLate, 0)
	if err != nil {
		return err
	}
	called := false
	return s.flushUntil(ctx, until, pace{
		lock: IndexLock,
		hold: func() time.Duration {
			if called {
				return time.Minute
			}
			return 0
		},
		rest: func(time.Duration) {
			if !called {
				called = true
				between()
			}
		},
	})
}

// BlockFlush keeps the index as it is until release is called.
func (s *Store) BlockFlush(ctx context.Context) (release func(), err error) {
	return s.writers.blockFlush(ctx)
}

// DropDirty makes room among the entities that are known to be dirty, as too many do.
func (s *Store) DropDirty() {
	if w, ok := s.writers.(*oneWriter); ok {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.dropDirty()
	}
}

// FlushSteps brings the index up to date, and returns in how many steps.
func (s *Store) FlushSteps(ctx context.Context) (steps int, err error) {
	until, err := s.dirtyBound(ctx, ofImportsAndLate, 0)
	if err != nil {
		return 0, err
	}
	at := s.searchPace()
	at.rest = func(time.Duration) { steps++ }
	return steps, s.flushUntil(ctx, until, at)
}
