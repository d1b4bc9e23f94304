package sqlstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
)

// writers is how a store keeps its write transactions apart: [oneWriter] or
// [manyWriters].
type writers interface {
	// lanes is how many groups of list writes are on their way at once.
	lanes() int
	// update runs fn in a transaction of its own, which holds a lock and is
	// rolled back if ctx ends. turn bounds the time until it begins.
	update(ctx, turn context.Context, lock Lock, fn func(*transaction) error) error

	// readGroup reads, and locks, what the writes of a group need to know.
	readGroup(g *lists, group []*listWrite) error
	// keepsEmpty reports whether an empty list has a row.
	keepsEmpty() bool
	// waitForGroups waits for the groups of list writes that have begun.
	waitForGroups(ctx context.Context) error

	// markDirty adds the entities of lists that change to find_stale: also if searches
	// do not look at the lists, for the times of jobs and sets. addDirty is told that
	// this was committed.
	markDirty(g *lists) error
	addDirty(g *lists)
	// lastChanged fills in when owners were changed last, as far as this process
	// knows.
	lastChanged(owners []owner)
	// keepTimes stores what lastChanged knows and the database does not, before the
	// store is closed.
	keepTimes() error
	// flushSome brings the index up to date with some of the dirty entities up
	// to a bound, at a pace. more: there may be more of them.
	flushSome(ctx context.Context, until dirtyBound, at pace) (more bool, err error)
	// flushEvery is how often the index is brought up to date in the background.
	flushEvery() time.Duration
	// blockFlush keeps flushSome of this process from running, until release;
	// lockIndex that of other processes, until the end of a transaction.
	blockFlush(ctx context.Context) (release func(), err error)
	lockIndex(t *transaction) error

	// findNames looks up names in the index. addNames adds those that are not
	// there, or leaves it to [indexer.nameID].
	findNames(p planner, names []searchName) error
	addNames(x *indexer, names []searchName) error
}

// errInDoubt is in the error of a commit whose outcome is not known.
var errInDoubt = errors.New("the outcome of the commit is not known")

var errTooSlow = platen.Errorf(platen.Unavailable, "the database did not answer in time")

// bounded limits the time of what is short, see [Engine.Timeout].
func (s *Store) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return s.boundedFor(ctx, 0)
}

// boundedFor is bounded for a transaction that writes many lists.
func (s *Store) boundedFor(ctx context.Context, lists int) (context.Context, context.CancelFunc) {
	const each = 10_000 // lists that may take a timeout
	if s.engine.Timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, s.engine.Timeout*time.Duration(1+lists/each), errTooSlow)
}

// commitChecked runs a commit. If the reply was lost, or the database warned that the
// commit has no synchronous copy, the error is Unavailable and wraps
// [errInDoubt].
func (s *Store) commitChecked(commit func() error) error {
	degraded := s.engine.DegradedCommits()
	err := commit()
	if err != nil && s.engine.ServerReplied(err) || err == nil && degraded == s.engine.DegradedCommits() {
		return err
	}
	return &platen.Error{
		Code:    platen.Unavailable,
		Message: "the database was lost while the change was stored: it may be there or not; look, or send it again",
		Err:     errors.Join(errInDoubt, err),
	}
}

// retries is how often a transaction or a read is tried again that had no
// effect through no fault of its own.
const retries = 2

// isRetryable reports whether what has failed may be tried again: it had no
// effect, for a reason that may be gone.
func (s *Store) isRetryable(err error) bool {
	return s.engine.IsRetryable(err) && !errors.Is(err, errInDoubt)
}

// retry runs fn, which only reads, and again if a connection was lost.
func (s *Store) retry(fn func() error) error {
	err := fn()
	for tries := 0; err != nil && tries < retries && s.isRetryable(err); tries++ {
		err = fn()
	}
	return err
}

// beginWork reports whether work may begin; Close waits for running.Done.
func (s *Store) beginWork() bool {
	s.entry.Lock()
	defer s.entry.Unlock()
	if s.stop.Err() != nil {
		return false
	}
	s.running.Add(1)
	return true
}

// analysisRest is how many times as long as it took the planner's analysis rests,
// unless an import wants it.
const analysisRest = 20

// insertsMany is how many new rows the planner must be told of.
const insertsMany = 10_000

// An analysis is when the planner was told of new rows.
type analysis struct {
	rows atomic.Int64 // new ones that it was not told of
	mu   sync.Mutex
	next time.Time // the next time
}

// afterInserts tells the planner of the new rows of a transaction if they are many, see
// [Engine.AfterInserts]. An error is ignored, since the next time does the same. Few
// rows, and those that come when it was told only just now, wait for analyzeDue.
func (s *Store) afterInserts(rows int64) {
	s.analysis.rows.Add(rows)
	if rows >= insertsMany {
		s.analyzeDue()
	}
}

// afterImport is afterInserts for rows that are searched next.
func (s *Store) afterImport() {
	s.analysis.mu.Lock()
	defer s.analysis.mu.Unlock()
	s.analyze()
}

// analyzeDue tells the planner of new rows if all together are many.
func (s *Store) analyzeDue() {
	s.analysis.mu.Lock()
	defer s.analysis.mu.Unlock()
	if s.analysis.rows.Load() >= insertsMany && time.Now().After(s.analysis.next) {
		s.analyze()
	}
}

func (s *Store) analyze() {
	if s.engine.AfterInserts == nil {
		return
	}
	start := time.Now()
	s.analysis.rows.Store(0)
	_ = s.engine.AfterInserts(s.stop)
	s.analysis.next = time.Now().Add(analysisRest * time.Since(start))
}
