package sqlstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/transfer"
)

// An import that is larger than collectCost is stored in several transactions,
// so that none takes long. Nobody sees any of it before the last one:
//
//   - The first one adds two rows to deleted_set, in the state stateImporting.
//     One is the set, which hides all that is in it. The other is for content
//     items, data records and pages that the import makes and that belong to
//     nothing: their root is its id, which is negative, a number of the
//     sequence, and so never used again.
//   - The last one removes both rows, and so shows everything at once. The
//     negative roots stay: without a row in deleted_set they mean nothing.
//   - After an error both rows get the state stateDeleted, and the clean-up
//     removes what was stored (abandon). It does the same with the imports of
//     processes that have ended.
//
// What an import refers to is checked in the transaction that stores the
// reference. Between two transactions it remembers no row of the database.

// importSet runs an import, whose last transaction is for it to do, and removes
// what was stored if it fails.
func (s *Store) importSet(ctx context.Context, kind platen.Kind, given platen.IDRange, run func(*entityWriter) error) (err error) {
	w := &entityWriter{s: s, ctx: ctx, kind: kind, given: given, how: platen.Imported}
	defer func() {
		if w.stage == 0 {
			return
		}
		if err != nil {
			s.abandon(w.stage, w.root)
		}
		w.leave()
	}()
	err = s.guarded("importing", func() error { return run(w) })
	if err == nil && w.inserted >= insertsMany {
		s.afterImport()
	}
	return err
}

// write runs fn in the next transaction of an import. last: it shows the set.
func (w *entityWriter) write(last bool, fn func() error) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	first := w.stage == 0
	err := w.s.change(w.ctx, func(t *transaction) error {
		if err := w.begin(t); err != nil {
			return err
		}
		if err := w.checkStage(last); err != nil {
			return err
		}
		if err := fn(); err != nil {
			return err
		}
		if last && w.kind != 0 {
			if err := w.insertFacts(); err != nil {
				return err
			}
			if err := t.logSet(w.how, platen.Ref{Kind: w.kind, ID: w.root}); err != nil {
				return err
			}
		}
		switch {
		case last && !first:
			if err := errors.Join(t.exec(deleteDeleted, int64(w.root)), t.exec(deleteDeleted, -int64(w.stage))); err != nil {
				return err
			}
		case first && !last:
			if err := w.hide(); err != nil {
				return err
			}
		}
		return w.end()
	})
	if err != nil && first && !errors.Is(err, errInDoubt) {
		w.leave()
		w.stage = 0 // nothing is stored
	}
	w.hidden = err == nil && !last
	return err
}

// enter says that the import is under way in this process.
func (w *entityWriter) enter() {
	w.s.importing.Store(w.root, w)
	w.s.importing.Store(-w.stage, w)
}

// leave says that it is not any more. The set may be that of another import by now, and
// if the first transaction has failed, so may the stage.
func (w *entityWriter) leave() {
	w.s.importing.CompareAndDelete(w.root, w)
	w.s.importing.CompareAndDelete(-w.stage, w)
}

// begin forgets what was read by the last transaction.
func (w *entityWriter) begin(t *transaction) error {
	w.t = t
	w.freeRanges = w.freeRanges[:0]
	w.index = dirtyRanges{t: t}
	w.details, w.tables = make(map[string]int64), make(map[string]int64)
	if err := t.stmt(selectNext).QueryRowContext(t.ctx).Scan(&w.next); err != nil {
		return err
	}
	rows, err := t.stmt(selectGiven).QueryContext(t.ctx)
	w.taken, err = collect(rows, err, func(from scanner) (given platen.IDRange, err error) {
		return given, from.Scan(&given.First, &given.Last)
	})
	return err
}

// end marks what is left for the index, and writes the sequence.
func (w *entityWriter) end() error {
	err := errors.Join(w.index.flush(), w.t.exec(updateNext, int64(w.next)))
	w.t.flush()
	w.inserted += w.t.flushedRows
	return err
}

// checkStage begins the stage of an import that needs more than one
// transaction, or checks that it is still there.
func (w *entityWriter) checkStage(last bool) (err error) {
	if w.stage != 0 {
		var n int
		err := w.t.stmt(selectImporting).QueryRowContext(w.t.ctx, -int64(w.stage)).Scan(&n)
		if err == nil && n == 0 {
			err = platen.Errorf(platen.Unavailable, "another server took this one for lost and removed what was imported so far: send it again")
		}
		return err
	}
	if !last {
		w.stage, err = w.allocate(1)
	}
	return err
}

// givenMost is the length of the longest range of given identifiers that
// others keep out of: a longer one would use up the sequence.
const givenMost = 1 << 32

// hide adds the rows that hide the set and what belongs to nothing.
func (w *entityWriter) hide() error {
	given := w.given
	if given.Len() > givenMost {
		given = platen.IDRange{}
	}
	w.enter()
	now := w.s.now().Unix()
	return errors.Join(
		w.t.exec(insertImporting, int64(w.root), int64(w.kind), now, w.s.id, int64(given.First), int64(given.Last)),
		w.t.exec(insertImporting, -int64(w.stage), int64(w.kind), now, w.s.id, 0, 0))
}

// abandon removes what an import has stored. What it can not remove now is left
// to finishInBackground. An error is ignored for the same reason. If another server
// took the import for lost, the set may be that of another import by now.
func (s *Store) abandon(stage, root platen.ID) {
	err := s.change(s.stop, func(t *transaction) error {
		own, err := changed(t, updateAbandoned, -int64(stage), s.id)
		if err != nil || !own {
			return err
		}
		return t.exec(updateAbandoned, int64(root), s.id)
	})
	if err == nil {
		_ = s.cleanAbandoned(s.stop)
	}
}

// cleanAbandoned removes what is left of imports that were broken off: first
// what belongs to nothing, whose row has a negative id, and then the sets.
func (s *Store) cleanAbandoned(ctx context.Context) error {
	for {
		// Without a transaction, which would wait for the groups of list writes.
		var set platen.ID
		if err := s.on(selectAbandoned).QueryRowContext(ctx).Scan(&set); err != nil {
			return ignoreNoRows(err)
		}
		if _, err := s.cleanBatch(ctx, true, selectAbandoned); err != nil {
			return err
		}
	}
}

// abandonImports gives the imports that a query finds to the clean-up, unless they are
// under way in this process.
func (s *Store) abandonImports(ctx context.Context, which *query, args ...any) error {
	sets, err := s.leftSets(ctx, which, args...)
	sets = slices.DeleteFunc(sets, func(one leftSet) bool {
		_, here := s.importing.Load(one.ID)
		return here
	})
	if err != nil || len(sets) == 0 {
		return err
	}
	return s.change(ctx, func(t *transaction) error {
		for _, one := range sets {
			if err := t.exec(updateAbandoned, int64(one.ID), one.owner); err != nil {
				return err
			}
		}
		return nil
	})
}

// finishOwn finishes the deletions of this process that were interrupted, and gives
// its imports that were to the clean-up. No other process does that, since none knows
// which of them are under way.
func (s *Store) finishOwn(ctx context.Context) error {
	return errors.Join(s.finishDeletions(ctx, selectOwnDeleting, s.id), s.abandonImports(ctx, selectOwnImports, s.id))
}

// finishLeft finishes the deletions of processes that have ended, and removes what
// imports that were broken off have left. The process has the lease of the clean-up.
func (s *Store) finishLeft(ctx context.Context) error {
	return errors.Join(s.finishDeletions(ctx, selectLeftDeleting), s.abandonImports(ctx, selectLeftImports), s.cleanAbandoned(ctx))
}

// recoverEvery is how often a server looks for what processes that have ended
// left undone.
const recoverEvery = 5 * time.Second

// finishInBackground finishes, until Close, what processes that have ended left undone:
// imports, which it removes, and deletions. An error is ignored: the next time
// makes up for it.
func (s *Store) finishInBackground() {
	ticker := time.NewTicker(recoverEvery)
	defer ticker.Stop()
	for filled := false; ; {
		_ = s.guarded("finishing what was left undone", func() error { return s.finishUndone(s.stop) })
		if !filled {
			filled = s.guarded("counting what there is", func() error { return s.fillOnce(s.stop) }) == nil
		}
		select {
		case <-s.stop.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Store) finishUndone(ctx context.Context) error {
	var undone int
	if err := s.on(selectUndone).QueryRowContext(ctx).Scan(&undone); err != nil || undone == 0 {
		return err
	}
	if err := s.finishOwn(ctx); err != nil {
		return err
	}
	if mine, err := s.tryLease(ctx, "clean"); err != nil || !mine {
		return err
	}
	return s.finishLeft(ctx)
}

// A collection is what an import has read and not yet stored: how much it is, and
// its page details, each once.
type collection struct {
	details []string
	places  map[string]int
	cost    int // see collectCost
	bytes   int
}

// addDetails returns a number for page details, from 1; 0 for none.
func (c *collection) addDetails(body []byte) int {
	if body == nil {
		return 0
	}
	if place, ok := c.places[string(body)]; ok {
		return place
	}
	if c.places == nil {
		c.places = make(map[string]int)
	}
	c.details = append(c.details, string(body))
	c.places[c.details[len(c.details)-1]] = len(c.details)
	c.bytes += len(body)
	return len(c.details)
}

// addLists returns a copy of lists.
func (c *collection) addLists(lists [2]platen.List) [2]platen.List {
	for f, list := range lists {
		lists[f] = c.addList(list)
	}
	return lists
}

// addList returns a copy of a list.
func (c *collection) addList(list platen.List) platen.List {
	if list == nil {
		return nil
	}
	c.cost += rowCost
	c.bytes += len(list)
	return append(platen.List{}, list...)
}

func (c *collection) full() bool { return c.cost >= collectCost || c.bytes >= collectBytes }

// detailsIDs returns the ids of the page details, by their number.
func (w *entityWriter) detailsIDs(c *collection) ([]int64, error) {
	ids := make([]int64, len(c.details)+1)
	for i, body := range c.details {
		var err error
		if ids[i+1], err = w.detailsID([]byte(body)); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func (c *collection) clear() {
	clear(c.places)
	*c = collection{details: c.details[:0], places: c.places}
}

// createSet creates a set, with its lists.
func (w *entityWriter) createSet(kind platen.Kind, set transfer.SourceSet) error {
	w.root = set.ID
	if w.root == 0 {
		var err error
		if w.root, err = w.allocate(1); err != nil {
			return err
		}
	}
	if err := w.claim(kind, platen.IDRange{First: w.root, Last: w.root}, place{}); err != nil {
		return err
	}
	for f, list := range set.Lists {
		if list != nil {
			if err := w.list(w.root, platen.Facet(f), list); err != nil {
				return err
			}
		}
	}
	return nil
}
