package sqlstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/batch"
	"github.com/platenhq/platen/internal/changelog"
	"github.com/platenhq/platen/internal/listcache"
	"github.com/platenhq/platen/internal/storage"
)

// Bounds of the list writes that share a transaction: how many, and the bytes
// of lists from which on no more are added. Writes of up to smallBytes do not
// share one with larger ones.
const (
	maxGroup   = 256
	groupBytes = 1 << 20
	smallBytes = 16 << 10
)

// A write is work for the committer: a list to replace, lists to merge or to swap, or
// anything else that wants a transaction of its own.
type write struct {
	kind  platen.Kind
	facet platen.Facet
	id    platen.ID     // replace: the entity
	list  platen.List   // replace: its new list
	match *platen.Match // replace: see [platen.Update]
	merge *merge        // merge: the changes

	swap *swap // lists to put in the place of others

	origin storage.Origin // of all but alone

	alone func(*transaction) error // neither: run this, see [Store.update]
	ctx   context.Context          // alone: ends the transaction
}

// A listWrite is a write that the committer has taken.
type listWrite = batch.Request[write]

// size returns the bytes of the lists that w writes, as far as they are known,
// and whether it wants a transaction of its own.
func (w *write) size() (bytes int, alone bool) {
	if w.merge != nil {
		return max(w.merge.changes, w.merge.after), false
	}
	if w.swap != nil {
		return w.swap.size(), false
	}
	return len(w.list), w.alone != nil
}

// eachKey yields the lists that w may change.
func (w *write) eachKey(yield func(listcache.Key)) {
	switch {
	case w.merge != nil:
		for i := range w.merge.entries {
			yield(listcache.Key{ID: w.merge.entries[i].id, Facet: w.facet})
		}
	case w.swap != nil:
		for i := range w.swap.entries {
			yield(w.swap.entries[i].key)
		}
	default:
		yield(listcache.Key{ID: w.id, Facet: w.facet})
	}
}

// newCommitter returns what commits the writes of the store: callers that come
// while a commit is on its way to the disk share the next one.
func newCommitter(s *Store) *batch.Batcher[write] {
	return batch.New(batch.Config[write]{
		Limits:  batch.Limits{Requests: maxGroup, Bytes: groupBytes, Small: smallBytes},
		Workers: s.writers.lanes(),
		Size:    (*write).size,
		Run:     s.commitWrites,
		Closed:  errStopping,
	})
}

var errStopping = platen.Errorf(platen.Unavailable, "the server is stopping")

// commitWrites commits list writes together, or one write that is alone, and
// sets the error of each. A list write that names an unknown entity fails before
// anything is written, so it does not hurt the others; if the database refuses
// the group, each is tried singly.
func (s *Store) commitWrites(group []*listWrite) {
	err := context.Cause(s.killed)
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked("committing", p)
		}
		if err != nil {
			for _, w := range group {
				w.Err = err
			}
		}
	}()
	if err != nil {
		return
	}
	if w := group[0]; w.Work.alone != nil {
		w.Err = s.commitAlone(w.Work.ctx, w.Work.alone)
		return
	}
	start := time.Now()
	s.wroteAt.Store(start.UnixNano())
	err = s.tryGroup(group)
	for tries := 0; err != nil && tries < retries && s.isRetryable(err); tries++ {
		err = s.tryGroup(group)
	}
	s.observer.Group(len(group), time.Since(start), err)
	if len(group) > 1 && err != nil && (s.engine.IsDataError(err) || errors.Is(err, errPanic)) {
		err = nil
		for _, w := range group {
			if failed := s.tryGroup([]*listWrite{w}); failed != nil {
				w.Err = failed
			}
		}
	}
}

// entriesOf returns how many lists the swaps of a group have.
func entriesOf(group []*listWrite) (n int) {
	for _, w := range group {
		if w.Work.swap != nil {
			n += len(w.Work.swap.entries)
		}
	}
	return n
}

// tryGroup returns an error if nothing was committed, or it is unknown
// whether. Otherwise the error of each write says what became of it.
func (s *Store) tryGroup(group []*listWrite) (err error) {
	swapped := entriesOf(group)
	ctx, cancel := s.boundedFor(s.killed, swapped)
	defer cancel()
	t, err := s.beginLater(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	g := newLists(t, len(group)+swapped)
	held := false
	defer func() {
		if p := recover(); p != nil {
			err = s.panicked("updating lists", p)
		}
		if err != nil {
			err = t.rollback(ended(ctx, err))
		}
		if held {
			for _, l := range g.changed {
				if err != nil {
					l.List = nil
				}
				s.cache.Publish(l.key, l.Entry)
			}
		}
	}()
	if err := g.applyAll(group); err != nil {
		return err
	}
	if len(g.changed) == 0 && !g.recorded {
		return t.rollbackTx()
	}
	slices.SortFunc(g.changed, func(x, y *groupList) int { return x.key.Compare(y.key) })
	for _, l := range g.changed {
		l.encode()
	}
	if err := g.endLog(); err != nil {
		return err
	}
	if g.at, err = t.time(); err != nil {
		return err
	}
	for _, l := range g.changed {
		if err := l.write(); err != nil {
			return err
		}
	}
	if err := s.writers.markDirty(g); err != nil {
		return err
	}
	for _, l := range g.changed {
		s.cache.Invalidate(l.key)
	}
	held = true
	if err := t.commit(); err != nil {
		return err
	}
	s.writers.addDirty(g)
	for _, w := range group {
		if w.Work.swap != nil && t.changes != nil {
			w.Work.swap.made = changelog.ChangeID(t.changes.block, w.Work.swap.index)
		}
	}
	return nil
}

// setList returns the statement that stores a list, and which change wrote it. An
// empty list has a row if it has a history.
func (t *transaction) setList(key listcache.Key, list platen.List, change int64) (q *query, args []any) {
	if string(list) == string(platen.EmptyList) && change == 0 && !t.store.writers.keepsEmpty() {
		return deleteList[key.Facet], []any{int64(key.ID)}
	}
	return upsertList[key.Facet], []any{int64(key.ID), string(list), change}
}

// applyAll works out the writes of a group.
func (g *lists) applyAll(group []*listWrite) (err error) {
	if err := g.t.store.writers.readGroup(g, group); err != nil {
		return err
	}
	for _, w := range group {
		g.beginChange(&w.Work)
		if w.Err, err = g.apply(&w.Work); err != nil {
			return err
		}
	}
	return nil
}

// apply works out one write. refused is for its caller alone and leaves the
// lists as they were; err is the database's.
func (g *lists) apply(w *write) (refused, err error) {
	if w.merge != nil {
		return g.applyMerge(w.merge)
	}
	if w.swap != nil {
		return g.applySwap(w.swap)
	}
	l, err := g.get(listcache.Key{ID: w.id, Facet: w.facet})
	if err != nil {
		return nil, err
	}
	if l.Kind != w.kind {
		return platen.NotFoundError(platen.Ref{Kind: w.kind, ID: w.id}), nil
	}
	if err := l.checkMatch(w.kind, w.match); err != nil {
		return err, nil
	}
	if same, err := l.is(w.list); same || err != nil {
		return nil, err
	}
	if g.t.log() != nil {
		before, err := l.whole()
		if err != nil {
			return nil, err
		}
		if err := l.record(changelog.Diff(before, w.list)); err != nil {
			return nil, err
		}
	}
	l.set(w.list)
	return nil, nil
}
