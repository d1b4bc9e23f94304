package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/platenhq/platen"
)

// oneWriter is the writers of a database with one connection that writes. All
// transactions run in the committer's one goroutine, so none needs a lock, and the
// store knows what was committed last.
type oneWriter struct {
	s *Store

	// The entities that are known to be in find_stale, so that the next write
	// of the same need not insert it. dirtyLost: some that were here are no
	// longer. A flush takes entities out before it reads them, and leaves their
	// times in flushed until it has stored them: nobody may see an older one.
	mu        sync.Mutex
	dirty     map[platen.ID]dirtyTime
	dirtyLost bool
	dropAt    int // how many entities dirty had left when some were dropped last, twice
	flushed   map[platen.ID]int64

	most     int           // entities that a flush takes: about as many as one transaction may last for
	flushing chan struct{} // holds an element while the index is brought up to date
}

var _ writers = (*oneWriter)(nil)

// A dirtyTime is when an entity was written last, in microseconds since 1970.
type dirtyTime struct {
	at    int64
	again bool // its row in find_stale has an earlier time
}

// dirtyMost is how many entities dirty has.
const dirtyMost = 1 << 17

func newOneWriter(s *Store) *oneWriter {
	return &oneWriter{s: s, dirty: make(map[platen.ID]dirtyTime), flushed: make(map[platen.ID]int64), flushing: make(chan struct{}, 1), most: 64}
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

// markDirty implements [writers]. Entities that are known to be in find_stale are not
// added again.
func (w *oneWriter) markDirty(g *lists) error {
	var ids [platen.DocumentPage + 1][]int64 // by kind
	w.mu.Lock()
	for _, l := range g.changed {
		if l.dirty = w.dirty[l.key.ID].at == 0; l.dirty {
			ids[l.Kind] = append(ids[l.Kind], int64(l.key.ID))
		}
	}
	w.mu.Unlock()
	for kind, ids := range ids {
		if len(ids) > 0 {
			if err := g.t.exec(insertDirty, w.s.engine.Dialect.IDs(ids), int64(kind), g.at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *oneWriter) addDirty(g *lists) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.dirty) > max(dirtyMost, w.dropAt) {
		w.dropDirty()
	}
	for _, l := range g.changed {
		w.dirty[l.key.ID] = dirtyTime{at: g.at, again: !l.dirty}
	}
}

// dropDirty makes room in dirty. Those go first whose row has their time. The times of
// the others are lost only if they are very many.
func (w *oneWriter) dropDirty() {
	w.dirtyLost = true
	maps.DeleteFunc(w.dirty, func(_ platen.ID, last dirtyTime) bool { return !last.again })
	if len(w.dirty) > 4*dirtyMost {
		clear(w.dirty)
	}
	w.dropAt = 2 * len(w.dirty)
}

func (w *oneWriter) lastChanged(owners []owner) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range owners {
		owners[i].changed = w.lastOf(&owners[i])
	}
}

// lastOf returns when an owner was changed last.
func (w *oneWriter) lastOf(o *owner) int64 {
	return max(o.changed, w.dirty[o.id].at, w.flushed[o.id])
}

// forgetDirty forgets that owners are dirty, before their lists are read, and
// fills in when they were changed last.
func (w *oneWriter) forgetDirty(owners []owner) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range owners {
		o := &owners[i]
		if last := w.lastOf(o); last > o.changed {
			o.changed = last
			w.flushed[o.id] = last
		}
		delete(w.dirty, o.id)
	}
	w.dirtyLost = false
}

// storedTimes forgets the times of owners that are stored now.
func (w *oneWriter) storedTimes(owners []owner) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range owners {
		delete(w.flushed, o.id)
	}
}

// timesTogether is how many times a transaction of keepTimes writes.
const timesTogether = 1000

// keepTimes implements [writers].
func (w *oneWriter) keepTimes() error {
	w.mu.Lock()
	times := maps.Clone(w.flushed)
	for id, last := range w.dirty {
		if last.again {
			times[id] = max(times[id], last.at)
		}
	}
	w.mu.Unlock()
	for ids := range slices.Chunk(slices.Collect(maps.Keys(times)), timesTogether) {
		err := w.s.update(func(t *transaction) error {
			for _, id := range ids {
				if err := t.exec(updateDirtyTime, times[id], int64(id)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// changedAgain returns the rows of those owners that may have been changed
// since forgetDirty, and the rows of the others.
func (w *oneWriter) changedAgain(owners []owner) (again, done []int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range owners {
		if w.dirtyLost || w.dirty[o.id].at != 0 {
			again = append(again, o.seq)
		} else {
			done = append(done, o.seq)
		}
	}
	return again, done
}

func (w *oneWriter) blockFlush(ctx context.Context) (release func(), err error) {
	return take(ctx, w.flushing)
}

func (w *oneWriter) lockIndex(*transaction) error { return nil }

// flushSome implements [writers]. It compares beside the writer, and writes
// what differs in short transactions.
func (w *oneWriter) flushSome(ctx context.Context, until dirtyBound, at pace) (more bool, err error) {
	turn, cancel := at.bounded(ctx)
	defer cancel()
	release, err := w.blockFlush(turn)
	if err != nil {
		return false, err
	}
	defer release()
	p := w.s.planner(ctx, w.s.on, w.s.engine.Reader)
	d, err := p.dirty(until, w.most)
	if err != nil || len(d.owners) == 0 && len(d.ranges) == 0 {
		return false, err
	}
	n, err := p.few(d.owners)
	if err != nil {
		return false, err
	}
	if len(d.ranges) == 0 {
		w.forgetDirty(d.owners[:n])
	}
	changes, times, err := p.changes(&d, d.owners[:n])
	if err != nil {
		return false, err
	}
	return true, w.apply(ctx, changes, times, &d, n, at)
}

// apply makes changes in short transactions, the last of which removes the mark
// of the first n entities of d, except of those that were changed again, and
// passes on the times of their changes.
func (w *oneWriter) apply(ctx context.Context, changes []indexChange, times map[platen.ID]int64, d *dirty, n int, at pace) error {
	for first, more := true, true; more; first = false {
		if err := ctx.Err(); err != nil {
			return err
		}
		var start time.Time
		var took, most time.Duration
		var left []indexChange
		turn, cancel := at.bounded(ctx)
		err := w.update(ctx, turn, NoLock, func(t *transaction) (err error) {
			start = time.Now()
			hold := at.hold()
			if most = hold; !w.s.updating() {
				most = max(hold, at.most)
			}
			x := indexer{t: t}
			left, err = x.apply(changes, func() bool {
				took := time.Since(start)
				return took > most || took > hold && w.s.committer.Waiting() > 0
			})
			if took = time.Since(start); err != nil || len(left) > 0 {
				return err
			}
			if len(d.ranges) > 0 {
				return t.indexedUpTo(d, n)
			}
			if err := t.markUpdated(times); err != nil {
				return err
			}
			again, done := w.changedAgain(d.owners[:n])
			for _, seq := range again { // after all others, so that these have their turn
				if err := t.exec(updateDirtyAgain, seq); err != nil {
					return err
				}
			}
			return t.exec(deleteDirty, w.s.engine.Dialect.IDs(done))
		})
		cancel()
		if err != nil {
			return err
		}
		if changes, more = left, len(left) > 0; !more && len(d.ranges) == 0 {
			w.storedTimes(d.owners[:n])
		}
		switch {
		case first && more:
			w.most = max(n/2, 1)
		case first && took < most/2 && n == w.most:
			w.most = min(2*w.most, dirtyBatch)
		}
		at.rest(time.Since(start))
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
