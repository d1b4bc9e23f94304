package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/listcache"
)

// manyWriters is the writers of a database in which transactions write at the
// same time, of this process and of others. Locks of the database keep them
// apart. Every statement is a network round trip, so few do much.
type manyWriters struct {
	s     *Store
	db    ManyWriters
	turns lockTurns
}

var _ writers = (*manyWriters)(nil)

// groupLanes is how many groups are on their way at once: while one waits for
// the database, the next is made up.
const groupLanes = 2

// lockFor bounds how long a client waits for other imports and deletions.
const lockFor = 25 * time.Second

// lockTurns limits, for each lock, how many goroutines wait for it: each holds
// a connection.
type lockTurns map[Lock]chan struct{}

func newManyWriters(s *Store) *manyWriters {
	return &manyWriters{s: s, db: s.engine.ManyWriters, turns: lockTurns{
		StructureLock: make(chan struct{}, 1),
		IndexLock:     make(chan struct{}, 2),
		TryIndexLock:  make(chan struct{}, 1),
		NoLock:        make(chan struct{}, 2),
	}}
}

// take waits for a turn at a lock.
func (l lockTurns) take(ctx context.Context, lock Lock) (release func(), err error) {
	return take(ctx, l[lock])
}

var errLocked = platen.Errorf(platen.Unavailable, "another import or deletion is under way, and this one's turn has not come: try again")

// errHeld is the error of a lock that another process holds and that is not
// waited for.
var errHeld = errors.New("another process does it")

func (w *manyWriters) lanes() int { return groupLanes }

// flushEvery implements [writers]. A flush takes more from those who write than
// with one writer.
func (w *manyWriters) flushEvery() time.Duration { return 5 * time.Second }

func (w *manyWriters) update(ctx, turn context.Context, lock Lock, fn func(*transaction) error) error {
	s := w.s
	if !s.beginWork() {
		return errStopping
	}
	defer s.running.Done()
	turn, stopWaiting := s.within(turn)
	defer stopWaiting()
	release, err := w.turns.take(turn, lock)
	if err != nil {
		return err
	}
	defer release()
	within, cancel := s.within(ctx)
	defer cancel()
	if lock == NoLock {
		within, cancel = s.bounded(within)
		defer cancel()
	}
	t, err := s.begin(within)
	for tries := 0; err != nil && tries < retries && s.isRetryable(err); tries++ {
		t, err = s.begin(within)
	}
	if err != nil {
		return ended(within, err)
	}
	if lock != NoLock {
		if err := w.lock(turn, t, lock); err != nil {
			return t.rollback(err)
		}
	}
	if err := t.run(fn); err != nil {
		return err
	}
	if err := t.commit(); err != nil {
		return err
	}
	if t.flushedRows >= insertsMany {
		s.afterInserts()
	}
	return nil
}

// insertsMany is how many new rows the planner must be told of.
const insertsMany = 10_000

// lock takes a lock of the database.
func (w *manyWriters) lock(ctx context.Context, t *transaction, lock Lock) error {
	held, err := w.db.Lock(ctx, t.tx, lock)
	switch {
	case ctx.Err() != nil:
		return errors.Join(context.Cause(ctx), err)
	case err != nil:
		return err
	case held:
		return errHeld
	}
	return nil
}

// readGroup implements [writers]. It reads the kinds of the entities, and their
// lists, which stay locked.
func (w *manyWriters) readGroup(g *lists, group []*listWrite) error {
	if err := w.db.BeginGroup(g.t.ctx, g.t.tx); err != nil {
		return err
	}
	seen := make(map[listcache.Key]bool, len(group))
	var ids [len(facets)][]int64
	for _, request := range group {
		request.Work.eachKey(func(key listcache.Key) {
			if !seen[key] {
				seen[key] = true
				ids[key.Facet] = append(ids[key.Facet], int64(key.ID))
			}
		})
	}
	for f, ids := range ids {
		if len(ids) == 0 {
			continue
		}
		there, err := w.addLists(g, platen.Facet(f), ids)
		if err != nil {
			return err
		}
		if len(there) > 0 {
			if err := w.lockLists(g, platen.Facet(f), there); err != nil {
				return err
			}
		}
	}
	return nil
}

// addLists reads the kinds of entities, and adds rows of lists that have none. It
// returns the entities that exist.
func (w *manyWriters) addLists(g *lists, facet platen.Facet, ids []int64) (there []int64, err error) {
	for _, id := range ids {
		g.now[listcache.Key{ID: platen.ID(id), Facet: facet}] = listcache.Entry{}
	}
	rows, err := w.db.AddLists(g.t.ctx, g.t.conn(), listTables[facet].name, selectKind+`, coalesce(e.root, 0)`+eachEntity(w.s.engine.Dialect, "$1"), ids)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id platen.ID
		now := listcache.Entry{List: platen.EmptyList}
		if err := rows.Scan(&id, &now.Kind, &now.Set); err != nil {
			return nil, err
		}
		if now.Kind != 0 {
			g.now[listcache.Key{ID: id, Facet: facet}] = now
			there = append(there, int64(id))
		}
	}
	return there, rows.Err()
}

// lockLists locks lists until the end of the transaction, and reads those that are
// not large.
func (w *manyWriters) lockLists(g *lists, facet platen.Facet, ids []int64) error {
	rows, err := w.db.LockLists(g.t.ctx, g.t.conn(), listTables[facet].name, ids, largeBytes)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id platen.ID
		var large largeList
		var list, digest []byte
		var change int64
		if err := rows.Scan(&id, &large.bytes, &list, &digest, &change); err != nil {
			return err
		}
		key := listcache.Key{ID: id, Facet: facet}
		now := g.now[key]
		now.List, now.Change = list, change
		g.now[key] = now
		if list == nil {
			copy(large.digest[:], digest)
			if g.large == nil {
				g.large = make(map[listcache.Key]largeList)
			}
			g.large[key] = large
		}
	}
	return rows.Err()
}

// largeBytes is the length from which on a group does not fetch a list that it
// locks, but its hash.
const largeBytes = 64 << 10

// A largeList is what a group knows of such a list.
type largeList struct {
	bytes  int
	digest [sha256.Size]byte
}

// keepsEmpty implements [writers]. The row stays, since other transactions may
// wait for its lock.
func (w *manyWriters) keepsEmpty() bool { return true }

func (w *manyWriters) waitForGroups(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lockFor, errLocked)
	defer cancel()
	return ended(ctx, w.db.WaitForGroups(ctx, w.s.engine.Writer))
}

// isDirty implements [writers]. What other processes have done is not known.
func (w *manyWriters) isDirty(platen.ID) bool { return false }

func (w *manyWriters) addDirty(map[listcache.Key]bool) {}

func (w *manyWriters) blockFlush(context.Context) (release func(), err error) {
	return func() {}, nil
}

func (w *manyWriters) lockIndex(t *transaction) error { return w.lock(t.ctx, t, IndexLock) }

// dirtyRows is how many rows of find_stale are taken together. One row is of a
// group of entities.
const dirtyRows = 100

// flushSome implements [writers]. Only other flushes wait for its transaction.
func (w *manyWriters) flushSome(ctx context.Context, until dirtyMark, at pace) (more bool, err error) {
	start := time.Now()
	err = w.s.updateWith(ctx, at.lock, func(t *transaction) (err error) {
		more, err = w.flush(t, until, at.hold())
		return err
	})
	at.rest(time.Since(start))
	return more && err == nil, err
}

// flush brings the index up to date with some dirty entities, in one
// transaction. It reads the lists after the rows that mark them: a later change
// adds another row.
func (w *manyWriters) flush(t *transaction, until dirtyMark, hold time.Duration) (more bool, err error) {
	p := w.s.planner(t.ctx, t.stmt, t.tx)
	d, err := p.dirty(until, dirtyRows)
	if d.of.seq != 0 && err == nil {
		d, err = p.dirty(until, dirtyBatch)
	}
	if err != nil || len(d.owners) == 0 && d.of.seq == 0 {
		return false, err
	}
	var owners []owner
	left := make(map[platen.ID]bool, len(d.owners))
	changed := make(map[platen.ID]int64, len(d.owners))
	for _, o := range d.owners {
		changed[o.id] = max(changed[o.id], o.changed)
		if !left[o.id] {
			left[o.id] = true
			owners = append(owners, o)
		}
	}
	for i := range owners {
		owners[i].changed = changed[owners[i].id]
	}
	x := indexer{t: t}
	start := time.Now()
	for len(owners) > 0 && time.Since(start) < hold {
		n, err := p.few(owners)
		if err != nil {
			return false, err
		}
		changes, times, err := p.changes(&d, owners[:n])
		if err != nil {
			return false, err
		}
		if _, err := x.apply(changes, func() bool { return false }); err != nil {
			return false, err
		}
		if err := t.markUpdated(times); err != nil {
			return false, err
		}
		maps.Copy(p.names, x.names)
		for _, o := range owners[:n] {
			delete(left, o.id)
		}
		owners = owners[n:]
	}
	if d.of.seq != 0 {
		return true, t.indexedUpTo(&d, len(d.owners)-len(owners))
	}
	return true, w.removeDirty(t, d.owners, left)
}

// removeDirty removes rows of find_stale, except for entities that are left.
func (w *manyWriters) removeDirty(t *transaction, dirty []owner, left map[platen.ID]bool) error {
	var done []int64
	for len(dirty) > 0 {
		seq := dirty[0].seq
		var rest []int64
		n := 0
		for ; n < len(dirty) && dirty[n].seq == seq; n++ {
			if left[dirty[n].id] {
				rest = append(rest, int64(dirty[n].id))
			}
		}
		switch {
		case len(rest) == 0:
			done = append(done, seq)
		case len(rest) < n:
			if err := w.db.KeepDirty(t.ctx, t.conn(), seq, rest); err != nil {
				return err
			}
		}
		dirty = dirty[n:]
	}
	if len(done) == 0 {
		return nil
	}
	return t.exec(deleteDirty, w.s.engine.Dialect.IDs(done))
}

// A namesFunc is a method of [ManyWriters] for many names.
type namesFunc func(ctx context.Context, on Conn, kinds, facets []int64, names [][]byte) (*sql.Rows, error)

// eachName yields the ids of names that of finds or adds.
func eachName(ctx context.Context, on Conn, of namesFunc, names []searchName, yield func(searchName, int64)) error {
	for names := range slices.Chunk(names, deferredMost) {
		kinds, facets, texts := make([]int64, len(names)), make([]int64, len(names)), make([][]byte, len(names))
		for i, name := range names {
			kinds[i], facets[i], texts[i] = int64(name.kind), int64(name.facet), []byte(name.name)
		}
		rows, err := of(ctx, on, kinds, facets, texts)
		_, err = collect(rows, err, func(from scanner) (name searchName, err error) {
			var id int64
			var text []byte
			err = from.Scan(&id, &name.kind, &name.facet, &text)
			name.name = string(text)
			yield(name, id)
			return name, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *manyWriters) findNames(p planner, names []searchName) error {
	return eachName(p.ctx, p.on, w.db.FindNames, names, func(name searchName, id int64) { p.names[name] = id })
}

// addNames implements [writers].
func (w *manyWriters) addNames(x *indexer, names []searchName) error {
	if err := eachName(x.t.ctx, x.t.conn(), w.db.FindNames, names, x.remember); err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name searchName) bool { return x.names[name] != 0 })
	// In a statement of its own: another transaction that adds the same name
	// does not wait for this one, and a name that is not used is no harm.
	return eachName(x.t.ctx, w.s.engine.Writer, w.db.AddNames, names, x.remember)
}
