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
	"github.com/platenhq/platen/internal/listcache"
)

// manyWriters is the writers of a database in which transactions write at the
// same time, of this process and of others. Locks of the database keep them
// apart. Every statement is a network round trip, so few do much.
type manyWriters struct {
	s     *Store
	db    ManyWriters
	turns lockTurns

	indexing sync.Mutex // guards backlog
	backlog  *backlog   // of the index; nil: none was read
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
	if err != nil {
		return ended(within, err)
	}
	if lock == TryIndexLock { // which is not waited for
		turn = within
	}
	if lock != NoLock {
		if err := w.lock(turn, t, lock); err != nil {
			return t.rollback(err)
		}
	}
	err = t.run(func(t *transaction) error {
		if err := fn(t); err != nil || len(t.removed) == 0 {
			return err
		}
		return w.removeLists(t)
	})
	if err != nil {
		return err
	}
	if err := t.commit(); err != nil {
		return err
	}
	s.afterInserts(t.flushedRows)
	return nil
}

// removeLists removes the lists once more of entities that a transaction removes and that
// were not hidden: groups that began before it commits see them, and may have written
// some.
func (w *manyWriters) removeLists(t *transaction) error {
	if err := w.db.ExcludeGroups(t.ctx, t.conn()); err != nil {
		return err
	}
	var firsts, lasts []int64
	for _, run := range joinFromEnd(t.removed) {
		firsts, lasts = append(firsts, int64(run.First)), append(lasts, int64(run.Last))
	}
	for _, f := range facets {
		if _, err := t.conn().ExecContext(t.ctx, w.db.RemoveLists(listTables[f].name), firsts, lasts); err != nil {
			return err
		}
	}
	return nil
}

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
	var ids [len(facets)][]int64
	for _, request := range group {
		request.Work.eachKey(func(key listcache.Key) {
			if g.known[key] == nil {
				g.add(key, listcache.Entry{})
				ids[key.Facet] = append(ids[key.Facet], int64(key.ID))
			}
		})
	}
	statements := []Pipelined{{Text: w.db.BeginGroup()}}
	for f, ids := range ids {
		if len(ids) > 0 {
			statements = append(statements, w.addLists(g, platen.Facet(f), ids), w.lockLists(g, platen.Facet(f), ids))
		}
	}
	last := Pipelined{Text: selectClock.text(w.s.engine.Dialect), Row: func(row scanner) error { return row.Scan(&g.t.at) }}
	if log := g.t.log(); log != nil {
		last = Pipelined{
			Text: w.s.engine.Dialect.NextBlock(),
			Row:  func(row scanner) error { return row.Scan(&log.block, &log.at, &log.position) },
		}
	}
	return g.t.pipeline(append(append(g.t.take(), statements...), last))
}

// addLists reads the kinds of entities, and adds rows of lists that have none.
func (w *manyWriters) addLists(g *lists, facet platen.Facet, ids []int64) Pipelined {
	return Pipelined{
		Text: w.db.AddLists(listTables[facet].name, selectKind+`, coalesce(e.root, 0) FROM `+w.s.engine.Dialect.EachEntity("$1")),
		Args: []any{ids},
		Row: func(row scanner) error {
			var id platen.ID
			now := listcache.Entry{List: platen.EmptyList}
			err := row.Scan(&id, &now.Kind, &now.Set)
			if now.Kind != 0 {
				g.known[listcache.Key{ID: id, Facet: facet}].Entry = now
			}
			return err
		},
	}
}

// lockLists locks lists until the end of the transaction, and reads those that are
// not large.
func (w *manyWriters) lockLists(g *lists, facet platen.Facet, ids []int64) Pipelined {
	return Pipelined{
		Text: w.db.LockLists(listTables[facet].name, largeBytes),
		Args: []any{ids},
		Row: func(row scanner) error {
			var id platen.ID
			var large largeList
			var list, digest []byte
			var change int64
			if err := row.Scan(&id, &large.bytes, &list, &digest, &change); err != nil {
				return err
			}
			l := g.known[listcache.Key{ID: id, Facet: facet}]
			if l.Kind == 0 {
				return nil // the clean-up will remove it
			}
			l.List, l.Change = list, change
			if list == nil {
				copy(large.digest[:], digest)
				l.large = &large
			}
			return nil
		},
	}
}

// largeBytes is the length from which on a group does not fetch a list that it
// locks, but its hash.
const largeBytes = 64 << 10

// keepsEmpty implements [writers]. The row stays, since other transactions may
// wait for its lock.
func (w *manyWriters) keepsEmpty() bool { return true }

func (w *manyWriters) waitForGroups(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lockFor, errLocked)
	defer cancel()
	return ended(ctx, w.db.WaitForGroups(ctx, w.s.engine.Writer))
}

// markDirty implements [writers]. What other processes have done is not known, so each
// change has a row.
func (w *manyWriters) markDirty(g *lists) error {
	for _, l := range g.changed {
		if err := g.t.exec(insertDirty, int64(l.key.ID), int64(l.Kind), g.at); err != nil {
			return err
		}
	}
	return nil
}

func (w *manyWriters) addDirty(*lists) {}

// lastChanged implements [writers]. Each change has a row.
func (w *manyWriters) lastChanged([]owner) {}

// keepTimes implements [writers].
func (w *manyWriters) keepTimes() error { return nil }

func (w *manyWriters) blockFlush(context.Context) (release func(), err error) {
	return func() {}, nil
}

func (w *manyWriters) lockIndex(t *transaction) error { return w.lock(t.ctx, t, IndexLock) }

// flushSome implements [writers]. Only other flushes wait for its transaction.
func (w *manyWriters) flushSome(ctx context.Context, until dirtyBound, at pace) (more bool, err error) {
	start := time.Now()
	turn, cancel := at.bounded(ctx)
	defer cancel()
	begun := false
	err = w.update(ctx, turn, at.lock, func(t *transaction) (err error) {
		begun = true
		more, err = w.flush(t, until, at.hold())
		return err
	})
	if err != nil && begun {
		w.dropBacklog() // what it says is done may not be
	}
	at.rest(time.Since(start))
	return more && err == nil, err
}

// chunk is how many entities of the backlog are compared with the index together.
const chunk = 500

// flush brings the index up to date with some dirty entities, in one
// transaction. It reads the lists after the rows that mark them: a later change
// adds another row.
func (w *manyWriters) flush(t *transaction, until dirtyBound, hold time.Duration) (more bool, err error) {
	w.indexing.Lock() // the lock of the database keeps others out already
	defer w.indexing.Unlock()
	p := w.s.planner(t.ctx, t.stmt, t.tx)
	d := dirty{}
	if until.rows > 0 {
		d.owners, err = w.readBacklog(p, until.rows)
	}
	if err == nil && len(d.owners) == 0 {
		d, err = p.dirty(dirtyBound{ranges: until.ranges, late: until.late, jobs: until.jobs}, dirtyBatch)
	}
	if err != nil || len(d.owners) == 0 && len(d.ranges) == 0 {
		return false, err
	}
	x := indexer{t: t}
	owners := d.owners
	for start := time.Now(); len(owners) > 0 && time.Since(start) < hold; {
		n, err := p.few(owners[:min(chunk, len(owners))])
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
		owners = owners[n:]
	}
	n := len(d.owners) - len(owners)
	if len(d.ranges) > 0 {
		return true, t.indexedUpTo(&d, n)
	}
	if done := w.backlog.done(n); len(done) > 0 {
		err = t.exec(deleteDirty, w.s.engine.Dialect.IDs(done))
	}
	return true, err
}

// A backlog is rows of find_stale that were read together. An entity that is in
// many of them is compared with the index once, and a row is removed with the last
// of its entities.
type backlog struct {
	read   time.Time
	owners []owner               // those that are left, each once
	left   map[int64]int         // row: how many of its entities are
	rows   map[platen.ID][]int64 // entity: the rows that it is in
}

// What a backlog has at most; of entities the last row may bring more. After
// backlogFor it is read again, since other processes work at the same.
const (
	backlogRows     = 4000
	backlogEntities = 50_000
	backlogFor      = 10 * time.Second
)

// readBacklog returns what is left of the backlog. If nothing is, it first reads the
// next rows up to a bound.
func (w *manyWriters) readBacklog(p planner, until int64) ([]owner, error) {
	if b := w.backlog; b != nil && len(b.owners) > 0 && time.Since(b.read) < backlogFor {
		return b.owners, nil
	}
	w.backlog = nil
	b := &backlog{read: time.Now(), left: make(map[int64]int), rows: make(map[platen.ID][]int64)}
	rows, err := p.stmt(selectDirty).QueryContext(p.ctx, until, backlogRows)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	places := make(map[platen.ID]int)
	for n := 0; rows.Next(); n++ {
		var o owner
		if err := rows.Scan(&o.seq, &o.id, &o.changed); err != nil {
			return nil, err
		}
		if n >= backlogEntities && b.left[o.seq] == 0 {
			break // between two rows
		}
		b.left[o.seq]++
		b.rows[o.id] = append(b.rows[o.id], o.seq)
		if place, ok := places[o.id]; ok {
			b.owners[place].changed = max(b.owners[place].changed, o.changed)
			continue
		}
		places[o.id] = len(b.owners)
		b.owners = append(b.owners, o)
	}
	w.backlog = b
	return b.owners, rows.Err()
}

// done takes the first n entities out, and returns the rows that have none left.
func (b *backlog) done(n int) (rows []int64) {
	for _, o := range b.owners[:n] {
		for _, row := range b.rows[o.id] {
			if b.left[row]--; b.left[row] == 0 {
				rows = append(rows, row)
			}
		}
	}
	b.owners = b.owners[n:]
	return rows
}

func (w *manyWriters) dropBacklog() {
	w.indexing.Lock()
	defer w.indexing.Unlock()
	w.backlog = nil
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
