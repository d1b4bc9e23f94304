package sqlstore

import (
	"context"
	"errors"

	"github.com/platenhq/platen"
)

// RebuildIndex empties the search index and marks all entities as dirty, so that
// it is made anew from their lists. It returns before that is done: the next search
// waits for it. why is for the observer.
func (s *Store) RebuildIndex(ctx context.Context, why string) error {
	release, err := s.writers.blockFlush(ctx)
	if err != nil {
		return err
	}
	defer release()
	err = s.updateWith(ctx, IndexLock, (*transaction).rebuildIndex)
	if err != nil {
		return s.error("rebuild the search index", err)
	}
	s.observer.Rebuild(why)
	return nil
}

func (t *transaction) rebuildIndex() error {
	for _, table := range []table{findValueTable, findLongTable} {
		if _, err := t.conn().ExecContext(t.ctx, t.store.engine.Dialect.Empty(table.name)); err != nil {
			return err
		}
	}
	return errors.Join(t.exec(insertAllRanges, int64(platen.Document)), t.exec(insertAllFacts))
}

// rebuildLost rebuilds an index of which only the names are left.
func (s *Store) rebuildLost(ctx context.Context) error {
	var lost bool
	if err := s.on(selectIndexLost).QueryRowContext(ctx).Scan(&lost); err != nil || !lost {
		return s.error("look at the search index", err)
	}
	return s.RebuildIndex(ctx, "it is empty, and there are lists that belong in it")
}

// rebuildDamaged rebuilds the index after an error that says that it is damaged,
// once in a process: if that does not help, the damage is elsewhere. done: it
// did.
func (s *Store) rebuildDamaged(ctx context.Context, err error) (done bool) {
	if s.engine.IsDamage == nil || !s.engine.IsDamage(err) || !s.rebuilt.CompareAndSwap(false, true) {
		return false
	}
	return s.RebuildIndex(ctx, "it is damaged: "+err.Error()) == nil
}
