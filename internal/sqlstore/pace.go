package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// The index is written in short transactions, since list updates wait for them,
// or for the disk that they keep busy. While lists are updated the background
// work also rests most of the time: the index may be behind as far as a search
// can make good before its caller gives up.
//
// Each transaction writes most pages of the index, however short it is, so the same
// work in fewer is much less of it. With one writer, while no list is updated, one
// goes on until somebody waits for it.
const (
	holdAlone  = 40 * time.Millisecond  // of a transaction while no list is updated
	holdSearch = 25 * time.Millisecond  // beside updates, for a search that waits
	holdBehind = 3 * time.Millisecond   // beside updates, in the background
	holdMost   = 200 * time.Millisecond // while no list is updated and nobody waits for it, with one writer

	updatesFor = 100 * time.Millisecond // after which an update no longer counts as one beside
	restTimes  = 16                     // how many times as long as it worked the background work rests beside updates
	yieldMost  = time.Second            // for which the background work leaves the index to searches that wait, before each batch
	behindMost = 500_000                // changes that are left, about, from which on it rests only as long as it worked
)

// ofJobs are the kinds of which all entities belong to a job set.
var ofJobs = []platen.Kind{platen.JobSet, platen.Job, platen.JobSegment, platen.DocumentSet, platen.Document}

// A pace is how fast the index is brought up to date.
type pace struct {
	lock Lock
	hold func() time.Duration // of the next transaction, without its commit
	most time.Duration        // with one writer, see holdMost; less than hold has no effect
	rest func(worked time.Duration)

	yield bool      // it leaves the index to others before each batch
	end   time.Time // no transaction begins after it, if it is not zero
}

// errStillBehind is that the end of a pace has come.
var errStillBehind = errors.New("the index is still behind")

// bounded is for what waits for a turn, until the end.
func (at pace) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if at.end.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, at.end, errStillBehind)
}

// flushChanged passes on when jobs and sets changed, for who reads only that. It
// does not wait for the index of what was imported.
func (s *Store) flushChanged(ctx context.Context) error { return s.flush(ctx, ofChanges, 0) }

// An awaited is how much of what is dirty is waited for.
type awaited int

const (
	ofChanges        awaited = iota // rows of find_stale
	ofImports                       // and those of find_range
	ofImportsAndLate                // late ones included
)

// flush brings the index up to date with the lists that were changed up to now, for
// a search of a kind that waits for it; 0: of any.
func (s *Store) flush(ctx context.Context, of awaited, kind platen.Kind) error {
	return s.flushTo(ctx, s.searchPace(), func(at pace) (dirtyBound, error) { return s.boundAfterFlush(ctx, of, kind, at) })
}

// flushImported is flush without the lists that were updated.
func (s *Store) flushImported(ctx context.Context, of awaited, kind platen.Kind) error {
	return s.flushTo(ctx, s.searchPace(), func(pace) (dirtyBound, error) {
		until, err := s.dirtyBound(ctx, of, kind)
		until.rows = 0
		return until, err
	})
}

// flushFor is flush for a short time, after which it waits for the late ones only.
// behind: something else is not in the index yet.
func (s *Store) flushFor(ctx context.Context, of awaited, kind platen.Kind) (behind bool, err error) {
	soon := s.searchPace()
	soon.lock, soon.end = TryIndexLock, time.Now().Add(s.indexWait)
	err = s.flushTo(ctx, soon, func(at pace) (dirtyBound, error) { return s.boundAfterFlush(ctx, of, kind, at) })
	if !errors.Is(err, errStillBehind) && !errors.Is(err, errHeld) {
		return false, err
	}
	if of < ofImportsAndLate {
		return true, nil
	}
	return true, s.flushTo(ctx, s.searchPace(), func(pace) (dirtyBound, error) {
		until, err := s.dirtyBound(ctx, of, kind)
		until.rows, until.ranges = 0, 0
		return until, err
	})
}

// flushTo brings the index up to date for who waits, up to a bound.
func (s *Store) flushTo(ctx context.Context, at pace, bound func(pace) (dirtyBound, error)) error {
	s.catchingUp.Add(1)
	defer s.catchingUp.Add(-1)
	until, err := bound(at)
	if err == nil && until.some() {
		err = s.flushUntil(ctx, until, at)
	}
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", storage.ErrIndexBehind, err)
	}
	return err
}

// searchPace is that of who waits.
func (s *Store) searchPace() pace {
	return pace{
		lock: IndexLock,
		hold: func() time.Duration {
			if s.updating() {
				return holdSearch
			}
			return holdAlone
		},
		most: holdMost,
		rest: func(time.Duration) {},
	}
}

// boundAfterFlush returns the bound when nothing is being flushed. What is may
// have read a list before an update that the search must see, and then leaves
// the entity in a row after it.
func (s *Store) boundAfterFlush(ctx context.Context, of awaited, kind platen.Kind, at pace) (dirtyBound, error) {
	if until, err := s.dirtyBound(ctx, of, kind); err != nil || !until.some() {
		return until, err
	}
	turn, cancel := at.bounded(ctx)
	defer cancel()
	release, err := s.writers.blockFlush(turn)
	if err != nil {
		return dirtyBound{}, err
	}
	defer release()
	return s.dirtyBound(ctx, of, kind)
}

// dirtyBound returns the bound for a search of a kind; 0: of any.
func (s *Store) dirtyBound(ctx context.Context, of awaited, kind platen.Kind) (until dirtyBound, err error) {
	err = s.on(selectDirtyLast).QueryRowContext(ctx).Scan(&until.rows, &until.ranges, &until.late)
	if of < ofImportsAndLate {
		until.late = 0
	}
	if of < ofImports {
		until.ranges = 0
	}
	until.jobs = slices.Contains(ofJobs, kind)
	return until, err
}

func (s *Store) flushUntil(ctx context.Context, until dirtyBound, at pace) error {
	for more := true; more; {
		if at.yield {
			s.yield()
		}
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if !at.end.IsZero() && time.Now().After(at.end) {
			return errStillBehind
		}
		var err error
		more, err = s.writers.flushSome(ctx, until, at)
		if err != nil && s.rebuildDamaged(ctx, err) {
			more = true
			of := ofImports
			if until.late > 0 {
				of = ofImportsAndLate
			}
			jobs := until.jobs
			until, err = s.dirtyBound(ctx, of, 0)
			until.jobs = jobs
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// updating reports whether lists are being updated.
func (s *Store) updating() bool {
	return time.Since(time.Unix(0, s.wroteAt.Load())) < updatesFor
}

// index brings the index up to date from time to time, so that little is left
// to a search. An error is ignored: the next time makes up for it.
func (s *Store) index() {
	ticker := time.NewTicker(s.writers.flushEvery())
	defer ticker.Stop()
	s.countBehind()
	for {
		select {
		case <-s.stop.Done():
			return
		case <-ticker.C:
			_ = s.guarded("bringing the index up to date", s.flushBehind)
			s.countBehind()
			s.analyzeDue()
		}
	}
}

// flushBehind brings the index up to date in the background.
func (s *Store) flushBehind() error {
	until, err := s.dirtyBound(s.stop, ofImportsAndLate, 0)
	if err != nil || !until.some() {
		return err
	}
	var times time.Duration
	var next time.Time // when it is counted again how much is left, which takes long if that is much
	at := pace{
		lock: TryIndexLock,
		hold: func() time.Duration {
			if s.updating() {
				return holdBehind
			}
			return holdAlone
		},
		most:  holdMost,
		yield: true,
		rest: func(worked time.Duration) {
			if start := time.Now(); start.After(next) {
				times = s.restTimes()
				next = time.Now().Add(max(time.Second, countRest*time.Since(start)))
			}
			s.rest(worked * times)
		},
	}
	return s.flushUntil(s.stop, until, at)
}

// countRest bounds the share of counting: after a count of what the index lacks, the next
// one comes no sooner than so many times as long as that took.
const countRest = 20

// restTimes returns how many times as long as it worked the background work
// rests now.
func (s *Store) restTimes() time.Duration {
	if s.countBehind()*max(1, s.changesEach.Load()) > behindMost {
		return 1
	}
	return restTimes
}

// countBehind returns how much is not in the index, an update of many lists once, and
// keeps the number of entities for [Stats]. It is 0 if that can not be had.
func (s *Store) countBehind() int64 {
	var behind, entities int64
	if err := s.on(selectBehind).QueryRowContext(s.stop).Scan(&behind, &entities); err != nil {
		return 0
	}
	s.pending.Store(entities)
	return behind
}

// yield waits while a search waits for the index of what it needs, which may be
// other entities than those that are next in the background.
func (s *Store) yield() {
	for end := time.Now().Add(yieldMost); time.Now().Before(end) && s.catchingUp.Load() > 0; {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-s.stop.Done():
			return
		}
	}
}

// rest waits beside updates, until a search waits for the index.
func (s *Store) rest(most time.Duration) {
	const step = 5 * time.Millisecond
	for end := time.Now().Add(most); time.Now().Before(end) && s.updating() && s.catchingUp.Load() == 0; {
		select {
		case <-time.After(min(step, time.Until(end))):
		case <-s.stop.Done():
			return
		}
	}
}
