package sqlstore

import (
	"context"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/changelog"
)

// A bulkPart is a part of an update that an operation makes.
type bulkPart struct {
	operation string
	before    platen.BulkResult // what the parts before it did
	result    platen.BulkResult // what it does
}

// UpdateInParts implements [storage.BulkUpdater].
func (s *Store) UpdateInParts(ctx context.Context, asked *platen.BulkUpdate, permit func(platen.KindSet) error, operation string, done func(int)) (total platen.BulkResult, err error) {
	ctx, observed := s.observe(ctx, "update_in_parts")
	defer func() { observed(err) }()
	b := s.newBulk(ctx, asked, permit)
	err = b.chunks(func(ids []platen.ID, _ int64) error {
		return b.each(ids, func(some []bulkEntity) error {
			made, err := b.commit(some, &bulkPart{operation: operation, before: total})
			if err != nil {
				return err
			}
			total = total.With(made)
			done(len(some))
			return ctx.Err()
		})
	})
	if err == nil {
		err = s.update(func(t *transaction) error { return t.endUpdate(operation, total) })
	}
	return total, s.error("update in parts", err)
}

// errEnded says that an operation has ended before its work was done.
var errEnded = platen.Errorf(platen.Conflict, "the operation was ended before it was done")

// recordPart adds a part to the outcome of its operation. It is refused if the
// operation has ended.
func (t *transaction) recordPart(s *swap) (refused, err error) {
	made := s.part.result
	if log := t.log(); log != nil && made.Changed > 0 {
		if err := log.reserve(); err != nil {
			return nil, err
		}
		made.Changes = []int64{changelog.ChangeID(log.block, s.index)}
	}
	text, err := encodeOutcome(s.part.before.With(made))
	if err != nil {
		return nil, err
	}
	ok, err := changed(t, updateOutcome, text, s.part.operation)
	if err == nil && !ok {
		return errEnded, nil
	}
	return nil, err
}

// endUpdate ends the operation of an update.
func (t *transaction) endUpdate(operation string, result platen.BulkResult) error {
	text, err := encodeOutcome(result)
	if err != nil {
		return err
	}
	ok, err := changed(t, updateUpdated, time.Now().UnixMilli(), text, operation)
	if err == nil && !ok {
		err = errEnded
	}
	return err
}
