package sqlstore

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/platenhq/platen"
)

var (
	// The oldest blocks: number, time and position.
	selectOldBlocks = onReader.query(`SELECT id, at, coalesce(position, 0) FROM change_block ORDER BY id LIMIT ` + decimal(prunedMost))
	// The time of the first block after $1 whose time has come by $2.
	selectTimeAfter = onReader.query(`SELECT at FROM change_block WHERE id > $1 AND at <= $2 ORDER BY id LIMIT 1`)
	selectParts     = onReader.query(`SELECT count(*) FROM change_part WHERE id = $1`)
	deleteParts     = onWriter.query(`DELETE FROM change_part WHERE id <= $1`)
	deleteBlocks    = onWriter.query(`DELETE FROM change_block WHERE id <= $1`)
	updatePruned    = onWriter.query(`UPDATE change_log SET pruned_id = $1, pruned_at = $2, pruned_position = $3, pruned_event = $4
		WHERE pruned_id < $1`)
)

const (
	prunedMost  = 128 // blocks are removed in one transaction
	prunedParts = 16  // about so many parts
)

// prune removes a batch of the oldest blocks of the log that were written before
// what is kept. What a process that keeps no history finds it removes.
func (s *Store) prune(ctx context.Context) (more bool, err error) {
	if err := s.place(ctx); err != nil {
		return false, err
	}
	state, err := s.logState(ctx)
	if err != nil {
		return false, err
	}
	id, last, err := s.oldest(ctx, &state)
	if err != nil || id == 0 {
		return false, err
	}
	// Before the transaction, since a block may be long. One that is damaged is pruned
	// like others.
	if last != 0 {
		state.prunedEvent = 0
		if n, err := s.entries(ctx, last); err == nil {
			state.prunedEvent = platen.NewEventID(state.prunedPosition, n)
		} else if ctx.Err() != nil {
			return false, err
		}
	}
	err = s.updateWith(ctx, NoLock, func(t *transaction) error {
		return errors.Join(
			t.exec(updatePruned, id, state.pruneAt, state.prunedPosition, int64(state.prunedEvent)),
			t.exec(deleteParts, id), t.exec(deleteBlocks, id))
	})
	return err == nil, err
}

// oldest returns the block with the largest number of the next batch to prune, 0 for
// none, and the one whose position is pruned last, 0 if an earlier one is, and sets what
// state is to say then.
func (s *Store) oldest(ctx context.Context, state *logState) (id, last int64, err error) {
	before := state.now - s.historyFor.Microseconds()
	rows, err := s.on(selectOldBlocks).QueryContext(ctx)
	type old struct{ id, at, position int64 }
	blocks, err := collect(rows, err, func(from scanner) (one old, err error) { return one, from.Scan(&one.id, &one.at, &one.position) })
	if err != nil {
		return 0, 0, err
	}
	// A time that has not come is that of a clock that was ahead. Such a block is older than
	// the next one whose time has.
	next := state.now
	if n := len(blocks); n > 0 && blocks[n-1].at > state.now {
		if err := s.on(selectTimeAfter).QueryRowContext(ctx, blocks[n-1].id, state.now).Scan(&next); ignoreNoRows(err) != nil {
			return 0, 0, err
		}
	}
	for i, one := range slices.Backward(blocks) {
		if one.at > state.now {
			blocks[i].at = next
		} else {
			next = one.at
		}
	}
	parts := 0
	for _, one := range blocks {
		if one.at >= before || one.position == 0 || parts >= prunedParts && id != 0 {
			break
		}
		var n int
		if err := s.on(selectParts).QueryRowContext(ctx, one.id).Scan(&n); err != nil {
			return 0, 0, err
		}
		parts += n
		id, state.pruneAt = one.id, max(state.pruneAt, one.at)
		if one.position > state.prunedPosition {
			state.prunedPosition, last = one.position, one.id
		}
	}
	return id, last, nil
}

// entries returns how many entries a block has.
func (s *Store) entries(ctx context.Context, id int64) (n int64, err error) {
	b, err := s.openBlock(ctx, id)
	if err != nil {
		return 0, ignoreNoRows(err) // another process has pruned it
	}
	for {
		if _, _, err := b.Next(); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		for {
			e, err := b.Entry()
			if err != nil {
				return n, err
			}
			if e == nil {
				break
			}
			n++
		}
	}
}
