package sqlstore

import (
	"context"
	"errors"
)

var (
	// The oldest blocks: number, time and position.
	selectOldBlocks = onReader.query(`SELECT id, at, coalesce(position, 0) FROM change_block ORDER BY id LIMIT ` + decimal(prunedMost))
	selectParts     = onReader.query(`SELECT count(*) FROM change_part WHERE id = $1`)
	deleteParts     = onWriter.query(`DELETE FROM change_part WHERE id <= $1`)
	deleteBlocks    = onWriter.query(`DELETE FROM change_block WHERE id <= $1`)
	updatePruned    = onWriter.query(`UPDATE change_log SET pruned_id = $1, pruned_at = $2, pruned_position = $3
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
	err = s.updateWith(ctx, NoLock, func(t *transaction) error {
		var state logState
		if err := t.stmt(selectLog).QueryRowContext(t.ctx).Scan(&state.since, &state.position, &state.prunedID, &state.prunedPosition, &state.pruneAt, &state.now); err != nil {
			return err
		}
		before := state.now - s.historyFor.Microseconds()
		rows, err := t.stmt(selectOldBlocks).QueryContext(t.ctx)
		type old struct{ id, at, position int64 }
		blocks, err := collect(rows, err, func(from scanner) (one old, err error) { return one, from.Scan(&one.id, &one.at, &one.position) })
		if err != nil {
			return err
		}
		id, parts := int64(0), 0
		for _, one := range blocks {
			if one.at >= before || one.position == 0 || parts >= prunedParts && id != 0 {
				break
			}
			var n int
			if err := t.stmt(selectParts).QueryRowContext(t.ctx, one.id).Scan(&n); err != nil {
				return err
			}
			parts += n
			id, state.pruneAt = one.id, max(state.pruneAt, one.at)
			state.prunedPosition = max(state.prunedPosition, one.position)
		}
		if id == 0 {
			return nil
		}
		more = true
		if err := t.exec(updatePruned, id, state.pruneAt, state.prunedPosition); err != nil {
			return err
		}
		return errors.Join(t.exec(deleteParts, id), t.exec(deleteBlocks, id))
	})
	return more && err == nil, err
}
