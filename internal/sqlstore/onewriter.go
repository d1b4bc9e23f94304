package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/listcache"
)

// oneWriter is the writers of a database with one connection that writes. All
// transactions run in the committer's one goroutine, so none needs a lock, and the
// store knows what was committed last.
type oneWriter struct {
	s *Store

	// The entities that are known to be in find_stale, so that the next write
	// of the same need not insert it. dirtyLost: some that were here are no
	// longer. Both are used in transactions only.
	dirty     map[platen.ID]bool
	dirtyLost bool

	flushing chan struct{} // holds an element while the index is brought up to date
}

var _ writers = (*oneWriter)(nil)

// dirtyMost is how many entities dirty has.
const dirtyMost = 1 << 17

func newOneWriter(s *Store) *oneWriter {
	return &oneWriter{s: s, dirty: make(map[platen.ID]bool), flushing: make(chan struct{}, 1)}
}

func (w *oneWriter) lanes() int { return 1 }

func (w *oneWriter) flushEvery() time.Duration { return 2 * time.Second }

func (w *oneWriter) update(ctx, turn context.Context, _ Lock, fn func(*transaction) error) error {
	return w.s.committer.Do(turn, write{ctx: ctx, alone: fn})
}

// readGroup implements [writers]. Lists are read, or taken from the cache, as
// they are needed: no other transaction changes them meanwhile.
func (w *oneWriter) readGroup(*lists, []*listWrite) error { return nil }

// keepsEmpty implements [writers].
func (w *oneWriter) keepsEmpty() bool { return false }

func (w *oneWriter) waitForGroups(context.Context) error { return nil }

func (w *oneWriter) isDirty(id platen.ID) bool { return w.dirty[id] }

func (w *oneWriter) addDirty(changed map[listcache.Key]bool) {
	if len(w.dirty) > dirtyMost {
		clear(w.dirty)
		w.dirtyLost = true
	}
	for key := range changed {
		if key.Facet != platen.Metadata {
			w.dirty[key.ID] = true
		}
	}
}

// forgetDirty forgets dirty, before find_stale is read.
func (w *oneWriter) forgetDirty() {
	clear(w.dirty)
	w.dirtyLost = false
}

// isDirtyAgain reports whether an entity may have been changed since
// forgetDirty.
func (w *oneWriter) isDirtyAgain(id platen.ID) bool { return w.dirtyLost || w.dirty[id] }

func (w *oneWriter) blockFlush(ctx context.Context) (release func(), err error) {
	select {
	case w.flushing <- struct{}{}:
		return func() { <-w.flushing }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (w *oneWriter) lockIndex(*transaction) error { return nil }

// flushDirty implements [writers]. It compares beside the writer, and writes
// what differs in short transactions.
func (w *oneWriter) flushDirty(ctx context.Context, _ Lock, last int64) error {
	release, err := w.blockFlush(ctx)
	if err != nil {
		return err
	}
	defer release()
	p := w.s.planner(ctx, w.s.on, w.s.engine.Reader)
	for after := int64(0); after < last; {
		var owners []owner
		err := w.s.updateWith(ctx, NoLock, func(t *transaction) (err error) {
			w.forgetDirty()
			owners, err = t.dirty(after, last, dirtyBatch)
			return err
		})
		if err != nil || len(owners) == 0 {
			return err
		}
		after = owners[len(owners)-1].seq
		for len(owners) > 0 {
			n, err := p.few(owners)
			if err != nil {
				return err
			}
			changes, err := p.plan(owners[:n])
			if err != nil {
				return err
			}
			if err := w.apply(ctx, changes, owners[:n]); err != nil {
				return err
			}
			if len(p.names) > namesKept || len(changes) > 0 && changes[0].nameID == 0 {
				clear(p.names) // some are in the index now
			}
			owners = owners[n:]
		}
	}
	return nil
}

// apply makes changes in short transactions, the last of which removes the
// owners from find_stale, except those that were changed again.
func (w *oneWriter) apply(ctx context.Context, changes []indexChange, owners []owner) error {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var left []indexChange
		err := w.s.updateWith(ctx, NoLock, func(t *transaction) (err error) {
			x := indexer{t: t}
			if left, err = x.apply(changes, time.Now().Add(indexHold)); err != nil || len(left) > 0 {
				return err
			}
			var done []int64
			for _, o := range owners {
				if !w.isDirtyAgain(o.id) {
					done = append(done, o.seq)
				}
			}
			return t.exec(deleteDirty, w.s.engine.Dialect.IDs(done))
		})
		if err != nil {
			return err
		}
		changes, more = left, len(left) > 0
	}
	return nil
}

func (w *oneWriter) findNames(p planner, names []searchName) error {
	for _, name := range names {
		var id int64
		err := p.stmt(selectNameID).QueryRowContext(p.ctx, int64(name.kind), int64(name.facet), []byte(name.name)).Scan(&id)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		p.names[name] = id
	}
	return nil
}

func (w *oneWriter) addNames(*indexer, []searchName) error { return nil }
