package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"time"

	"github.com/platenhq/platen"
)

// Readers of the log go by position. With one writer a block gets its position with
// its number. With many writers blocks are numbered before they are committed, so
// that a reader that goes by number would miss one that is committed late. There a
// block gets its position once it is committed: who does that holds the row of
// change_log, so that positions are given by one process at a time, in the order of
// numbers, and all that has a position below another one is there. A change that
// could be made only after another one was committed has a larger number, and so a
// larger position.

var (
	lockLog = onWriter.queryFor(Dialect.LockLog)
	// Positions for blocks that have none.
	updatePositions = onWriter.query(`UPDATE change_block SET position = (SELECT position FROM change_log) + new.n
		FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM change_block WHERE position IS NULL AND id <= $1) AS new
		WHERE change_block.id = new.id`)
	// The last of the next blocks that have no position, and how many these are.
	selectUnplaced = onLookup.query(`SELECT coalesce(max(id), 0), count(*) FROM
		(SELECT id FROM change_block WHERE position IS NULL ORDER BY id LIMIT ` + decimal(placedMost) + `) AS new`)
	updateLastPosition = onWriter.query(`UPDATE change_log SET position = position + $1`)
	selectPlaced       = onReader.query(`SELECT id, position FROM change_block WHERE position > $1 ORDER BY position LIMIT ` + decimal(blockFetch))
	selectPlacedAt     = onReader.query(`SELECT id FROM change_block WHERE position = $1`)
	selectLastPlaced   = onLookup.query(`SELECT coalesce(max(position), 0) FROM change_block`)
)

const (
	placedMost = 256                   // blocks get positions in one transaction
	placeEvery = time.Second           // in the background
	pollEvery  = 75 * time.Millisecond // for what other processes have logged
)

// place gives positions to blocks that are committed and have none.
func (s *Store) place(ctx context.Context) error {
	if s.engine.ManyWriters == nil {
		return nil
	}
	for n := placedMost; n == placedMost; {
		var last int64
		if err := s.on(selectUnplaced).QueryRowContext(ctx).Scan(&last, &n); err != nil || n == 0 {
			return err
		}
		err := s.updateWith(ctx, NoLock, func(t *transaction) error {
			if err := t.exec(lockLog); err != nil {
				return err
			}
			if err := t.stmt(selectUnplaced).QueryRowContext(t.ctx).Scan(&last, &n); err != nil || n == 0 {
				return err
			}
			result, err := t.stmt(updatePositions).ExecContext(t.ctx, last)
			if err != nil {
				return err
			}
			placed, err := result.RowsAffected() // some were committed since they were counted
			if err != nil {
				return err
			}
			return t.exec(updateLastPosition, placed)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// placeInBackground gives positions until Close, so that a reader that comes late
// need not do it for all that was logged. An error is ignored: the next time makes
// up for it.
func (s *Store) placeInBackground() {
	ticker := time.NewTicker(placeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop.Done():
			return
		case <-ticker.C:
		}
		_ = s.guarded("numbering changes", func() error {
			mine, err := s.tryLease(s.stop, "changes")
			if err != nil || !mine {
				return err
			}
			return s.place(s.stop)
		})
	}
}

// Logged implements [storage.Changes].
func (s *Store) Logged() (<-chan struct{}, time.Duration) {
	every := time.Duration(0)
	if s.engine.ManyWriters != nil {
		every = pollEvery
	}
	return s.logged.wait(), every
}

// LastEvent implements [storage.Changes].
func (s *Store) LastEvent(ctx context.Context) (last platen.EventID, err error) {
	ctx, done := s.observe(ctx, "last_event")
	defer func() { done(err) }()
	if _, err := s.logOn(ctx); err != nil {
		return last, s.error("read the log", err)
	}
	if err := s.place(ctx); err != nil {
		return last, s.error("read the log", err)
	}
	position, err := s.endOfLog(ctx)
	return platen.NewEventID(position, platen.LastEntry), s.error("read the log", err)
}

// endOfLog returns the last position that a block has or had.
func (s *Store) endOfLog(ctx context.Context) (last int64, err error) {
	state, err := s.logState(ctx)
	if err == nil {
		err = s.on(selectLastPlaced).QueryRowContext(ctx).Scan(&last)
	}
	return max(last, state.prunedPosition), err
}

// Events implements [storage.Changes].
func (s *Store) Events(ctx context.Context, after platen.EventID, limit int, yield func(*platen.Event) error) (last platen.EventID, err error) {
	ctx, done := s.observe(ctx, "events")
	defer func() { done(err) }()
	if err := s.checkAfter(ctx, after); err != nil {
		return after, s.error("read the log", err)
	}
	r := eventReader{s: s, ctx: ctx, last: after, left: limit, yield: yield}
	err = r.read()
	return r.last, s.error("read the log", err)
}

// checkAfter returns Gone if what comes after an event is no longer there, and
// Invalid if the event was not yet.
func (s *Store) checkAfter(ctx context.Context, after platen.EventID) error {
	state, err := s.logOn(ctx)
	if err == nil {
		err = s.place(ctx)
	}
	if err != nil {
		return err
	}
	last, err := s.endOfLog(ctx)
	position, _ := after.Split()
	switch {
	case err != nil:
		return err
	case position > last:
		err := platen.Errorf(platen.Invalid, "there was no event %s yet", after)
		err.Param = "after"
		return err
	}
	return state.checkKept(after)
}

// checkKept returns Gone if something that comes after an event was removed.
func (l logState) checkKept(after platen.EventID) error {
	position, _ := after.Split()
	last, _ := l.prunedEvent.Split() // of an older server, which does not write it, it is another block's
	if after == 0 || position > l.prunedPosition || position == l.prunedPosition && (last != position || after >= l.prunedEvent) {
		return nil
	}
	oldest := platen.NewEventID(l.prunedPosition, platen.LastEntry)
	err := platen.Errorf(platen.Gone, "events after %s are no longer kept: begin again with after=%s, or with after=0 for all that is kept", after, oldest)
	err.Param = oldest.String()
	return err
}

// An eventReader yields events.
type eventReader struct {
	s     *Store
	ctx   context.Context
	last  platen.EventID // that was yielded
	left  int            // events to yield
	yield func(*platen.Event) error
}

// read yields what is left of the block that last is in, and then the blocks after it.
func (r *eventReader) read() error {
	position, entry := r.last.Split()
	if position > 0 && entry < platen.LastEntry {
		var id int64
		err := r.s.on(selectPlacedAt).QueryRowContext(r.ctx, position).Scan(&id)
		if err == nil {
			err = r.block(id, position)
		}
		if err := r.orPruned(err); err != nil {
			return err
		}
	}
	type placed struct{ id, position int64 }
	for r.left > 0 {
		position, _ := r.last.Split()
		rows, err := r.s.on(selectPlaced).QueryContext(r.ctx, position)
		blocks, err := collect(rows, err, func(from scanner) (one placed, err error) { return one, from.Scan(&one.id, &one.position) })
		if err != nil || len(blocks) == 0 {
			return err
		}
		for _, one := range blocks {
			if r.left == 0 {
				return nil
			}
			if err := r.orPruned(r.block(one.id, one.position)); err != nil {
				return err
			}
		}
	}
	return nil
}

// orPruned returns the error of a block, for one that was pruned just now that of what
// is missing because of it.
func (r *eventReader) orPruned(err error) error {
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	state, err := r.s.logState(r.ctx)
	if err != nil {
		return err
	}
	return state.checkKept(r.last)
}

// block yields the events of a block that come after last.
func (r *eventReader) block(id, position int64) error {
	b, err := r.s.openBlock(r.ctx, id)
	if err != nil {
		return err
	}
	for n := int64(0); ; {
		header, index, err := b.Next()
		if err == io.EOF {
			r.last = platen.NewEventID(position, platen.LastEntry) // the next call need not look here again
			return nil
		}
		if err != nil {
			return err
		}
		for {
			e, err := b.Entry()
			if err != nil {
				return err
			}
			if e == nil {
				break
			}
			n++
			id := platen.NewEventID(position, n)
			if id <= r.last {
				continue
			}
			if r.left == 0 {
				return nil
			}
			shown, err := shownEntry(e)
			if err != nil {
				return err
			}
			event := platen.Event{ID: id, Change: b.shown(header, index)}
			event.Change.Entries = []platen.ChangeEntry{shown}
			if err := r.yield(&event); err != nil {
				return err
			}
			r.last = id
			r.left--
		}
	}
}
