package sqlstore

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
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
	updatePositions = onWriter.query(`UPDATE change_block SET position = (SELECT position FROM change_log) +
		(SELECT count(*) FROM change_block AS b WHERE b.position IS NULL AND b.part = 0 AND b.id <= change_block.id)
		WHERE part = 0 AND position IS NULL AND id <= $1`)
	// The last of the next blocks that have no position, and how many these are.
	selectUnplaced = onLookup.query(`SELECT coalesce(max(id), 0), count(*) FROM
		(SELECT id FROM change_block WHERE position IS NULL AND part = 0 ORDER BY id LIMIT ` + decimal(placedMost) + `) AS new`)
	updateLastPosition = onWriter.query(`UPDATE change_log SET position = position + $1`)
	selectPlaced       = onReader.query(`SELECT id, position FROM change_block WHERE position > $1 ORDER BY position LIMIT ` + decimal(blockFetch))
	selectPlacedAt     = onReader.query(`SELECT id FROM change_block WHERE position = $1`)
	selectLastPlaced   = onLookup.query(`SELECT coalesce(max(position), 0) FROM change_block`)
	selectFirstPlaced  = onLookup.query(`SELECT coalesce(min(position), 0) FROM change_block`)
)

const (
	placedMost = 256                   // blocks get positions in one transaction
	placeEvery = time.Second           // in the background
	lookEvery  = 75 * time.Millisecond // for what other processes have logged
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
		every = lookEvery
	}
	return s.logged.wait(), every
}

// LastEvent implements [storage.Changes].
func (s *Store) LastEvent(ctx context.Context) (last storage.EventID, err error) {
	ctx, done := s.observe(ctx, "last_event")
	defer func() { done(err) }()
	if _, err := s.logOn(ctx); err != nil {
		return last, s.error("read the log", err)
	}
	if err := s.place(ctx); err != nil {
		return last, s.error("read the log", err)
	}
	position, err := s.lastPosition(ctx)
	return storage.EventID{Position: position, Entry: lastEntry}, s.error("read the log", err)
}

// lastEntry is after all entries of a block.
const lastEntry = 1<<31 - 1

// lastPosition returns the last position that a block has or had.
func (s *Store) lastPosition(ctx context.Context) (last int64, err error) {
	state, err := s.logState(ctx)
	if err == nil {
		err = s.on(selectLastPlaced).QueryRowContext(ctx).Scan(&last)
	}
	return max(last, state.prunedPosition), err
}

// Events implements [storage.Changes].
func (s *Store) Events(ctx context.Context, after storage.EventID, limit int, yield func(*storage.Event) error) (last storage.EventID, err error) {
	ctx, done := s.observe(ctx, "events")
	defer func() { done(err) }()
	last = after
	if err := s.checkAfter(ctx, after); err != nil {
		return last, s.error("read the log", err)
	}
	// The block that after is in may have more.
	if after.Position > 0 && after.Entry < lastEntry {
		var id int64
		err := s.on(selectPlacedAt).QueryRowContext(ctx, after.Position).Scan(&id)
		if err == nil {
			err = s.eventsOf(ctx, id, after.Position, &last, &limit, yield)
		}
		if err := ignoreNoRows(err); err != nil || limit == 0 {
			return last, s.error("read the log", err)
		}
	}
	type placed struct{ id, position int64 }
	for limit > 0 {
		rows, err := s.on(selectPlaced).QueryContext(ctx, last.Position)
		blocks, err := collect(rows, err, func(from scanner) (one placed, err error) { return one, from.Scan(&one.id, &one.position) })
		if err != nil || len(blocks) == 0 {
			return last, s.error("read the log", err)
		}
		for _, one := range blocks {
			if limit == 0 {
				break
			}
			next := storage.EventID{Position: one.position}
			if err := s.eventsOf(ctx, one.id, one.position, &next, &limit, yield); err != nil {
				return last, s.error("read the log", err)
			}
			last = next
		}
	}
	return last, nil
}

// checkAfter returns Gone if what comes after an event is no longer there, and
// Invalid if the event was not yet.
func (s *Store) checkAfter(ctx context.Context, after storage.EventID) error {
	state, err := s.logOn(ctx)
	if err == nil {
		err = s.place(ctx)
	}
	if err != nil {
		return err
	}
	last, err := s.lastPosition(ctx)
	switch {
	case err != nil:
		return err
	case after.Position > last:
		err := platen.Errorf(platen.Invalid, "there was no event %s yet", formatEvent(after))
		err.Param = formatEvent(after)
		return err
	case after.Position < state.prunedPosition && after != (storage.EventID{}):
		return gone("event "+formatEvent(after), "event "+formatEvent(storage.EventID{Position: state.prunedPosition, Entry: lastEntry})+"; begin again after that one")
	}
	return nil
}

func formatEvent(id storage.EventID) string {
	return strconv.FormatInt(id.Position, 10) + "-" + strconv.FormatInt(id.Entry, 10)
}

// eventsOf yields the events of a block after last, and takes them from limit.
func (s *Store) eventsOf(ctx context.Context, id, position int64, last *storage.EventID, limit *int, yield func(*storage.Event) error) error {
	b, err := s.openBlock(ctx, id)
	if err != nil {
		return err // it was removed meanwhile, or the database failed
	}
	for n := int64(0); ; {
		header, index, err := b.Next()
		if err == io.EOF {
			last.Entry = lastEntry // so that the next call does not look here again
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
			if n++; n <= last.Entry {
				continue
			}
			if *limit == 0 {
				return nil
			}
			*limit--
			shown, err := shownEntry(e)
			if err != nil {
				return err
			}
			event := storage.Event{ID: storage.EventID{Position: position, Entry: n}, Change: b.shown(header, index)}
			event.Change.Entries = []storage.ChangeEntry{shown}
			if err := yield(&event); err != nil {
				return err
			}
			last.Entry = n
		}
	}
}
