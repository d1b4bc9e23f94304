package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/platenhq/platen"
)

// Bounds of the list writes that share a transaction: how many, and the bytes
// of lists from which on no more are added. Writes of up to smallBytes do not
// share one with larger ones.
const (
	maxGroup   = 256
	groupBytes = 1 << 20
	smallBytes = 16 << 10
)

// A write is work for the committer: a list to replace, lists to merge, or
// anything else that wants a transaction of its own.
type write struct {
	kind  platen.Kind
	facet platen.Facet
	id    platen.ID   // replace: the entity
	list  platen.List // replace: its new list
	merge *merge      // merge: the changes

	alone func(*transaction) error // neither: run this, see [Store.update]

	ctx   context.Context // alone: ends the transaction
	taken atomic.Bool     // by the committer; or by the caller, who has left
	err   error
	done  chan struct{}
}

// bytes returns the bytes of the lists that w writes, as far as they are known.
func (w *write) bytes() int {
	if w.merge != nil {
		return max(w.merge.changes, w.merge.after)
	}
	return len(w.list)
}

// small reports whether w takes little time.
func (w *write) small() bool { return w.alone == nil && w.bytes() <= smallBytes }

var writes = sync.Pool{New: func() any { return &write{done: make(chan struct{}, 1)} }}

func newWrite() *write { return writes.Get().(*write) }

// A committer writes lists. Callers that come while a commit is on its way to
// the disk wait together for the next one, and are answered after it.
type committer struct {
	store *Store
	queue *batch[*write]
	ended sync.WaitGroup
	largeQueue
}

func newCommitter(s *Store) *committer {
	c := &committer{store: s, queue: newBatch[*write](maxGroup)}
	for range s.writers.lanes() {
		c.ended.Go(c.run)
	}
	return c
}

// do hands w to the committer, waits for its commit and returns its error. If
// ctx ends while w is queued, it is dropped; once w is under way do waits for
// its end.
func (c *committer) do(ctx context.Context, w *write) error {
	if !c.queue.put(w) {
		return errStopping
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		if w.taken.CompareAndSwap(false, true) {
			return context.Cause(ctx)
		}
		<-w.done
	}
	err := w.err
	*w = write{done: w.done}
	writes.Put(w)
	return err
}

var errStopping = platen.Errorf(platen.Unavailable, "the server is stopping")

// close lets the queue run empty, and refuses what comes after.
func (c *committer) close() {
	c.queue.close()
	c.ended.Wait()
}

func (c *committer) run() {
	var small []*write
	for {
		wait := !c.largeNext()
		taken := c.queue.take(wait)
		if taken == nil && wait {
			return
		}
		var large []*write
		for _, w := range taken {
			if w.small() {
				small = append(small, w)
			} else {
				large = append(large, w)
			}
		}
		c.addLarge(large)
		for len(small) > 0 {
			n := together(small)
			c.commit(small[:n])
			small = small[n:]
		}
		// One transaction, then what is small and has come meanwhile.
		if group := c.takeLarge(); len(group) > 0 {
			c.commit(group)
			c.endLarge()
		}
	}
}

// together returns how many writes, from the first on, go into one
// transaction.
func together(writes []*write) int {
	n := 0
	for bytes := 0; n < len(writes) && n < maxGroup && bytes < groupBytes && writes[n].alone == nil; n++ {
		bytes += writes[n].bytes()
	}
	return max(n, 1)
}

// A largeQueue has the large writes, which one lane at a time commits, so that
// another is there for small ones. That lane looks here again before it waits.
type largeQueue struct {
	mu     sync.Mutex
	writes []*write
	busy   bool
}

func (q *largeQueue) addLarge(writes []*write) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.writes = append(q.writes, writes...)
}

// largeNext reports whether takeLarge returns any.
func (q *largeQueue) largeNext() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.writes) > 0 && !q.busy
}

// takeLarge returns the writes of the next transaction, after which endLarge
// must follow; none if there are none or another lane is at it.
func (q *largeQueue) takeLarge() []*write {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.busy || len(q.writes) == 0 {
		return nil
	}
	q.busy = true
	n := together(q.writes)
	group := q.writes[:n:n]
	q.writes = q.writes[n:]
	return group
}

func (q *largeQueue) endLarge() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = false
}

// commit commits list writes together, or one write that is alone, and answers
// their callers. Writes whose callers have left are dropped.
func (c *committer) commit(group []*write) {
	group = slices.DeleteFunc(group, func(w *write) bool { return !w.taken.CompareAndSwap(false, true) })
	if len(group) == 0 {
		return
	}
	err := context.Cause(c.store.killed)
	if err == nil {
		err = c.store.guarded("committing", func() error {
			if w := group[0]; w.alone != nil {
				w.err = c.store.commitAlone(w.ctx, w.alone)
			} else {
				c.store.commitGroup(group)
			}
			return nil
		})
	}
	for _, w := range group {
		if err != nil {
			w.err = err
		}
		w.done <- struct{}{}
	}
}

// A transaction is a write transaction with its prepared statements.
type transaction struct {
	ctx   context.Context
	store *Store
	tx    *sql.Tx
	stmts map[*query]statement
	hides bool         // it hides entities, whose lists may be in the cache
	freed []platen.Run // data records of content items that it removed

	deferred    map[*query]*deferredRows // rows that are written together later
	deferredErr error                    // the first error of writing them
	flushedRows int64                    // deferred rows that were written
}

// begin begins a transaction that must end before ctx does.
func (s *Store) begin(ctx context.Context) (*transaction, error) {
	tx, err := s.engine.Writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	return &transaction{ctx: ctx, store: s, tx: tx, stmts: make(map[*query]statement)}, nil
}

// stmt returns q prepared for the transaction, after the deferred rows are
// written.
func (t *transaction) stmt(q *query) statement {
	t.flush()
	stmt := t.stmts[q]
	if stmt == nil {
		stmt = t.store.statements.writer[q.number].in(t.ctx, t.tx)
		t.stmts[q] = stmt
	}
	return stmt
}

// conn returns the transaction for a statement that is not a query, after the
// deferred rows are written.
func (t *transaction) conn() Conn {
	t.flush()
	return t.tx
}

// exec runs q, or defers it to be run for many rows at once.
func (t *transaction) exec(q *query, args ...any) error {
	if t.store.statements.batches[q.number] != "" {
		return t.deferExec(q, args)
	}
	_, err := t.stmt(q).ExecContext(t.ctx, args...)
	return err
}

// commit ends the transaction. After an error nothing is changed, unless it
// is [errInDoubt].
func (t *transaction) commit() error {
	if t.flush(); t.deferredErr != nil {
		return errors.Join(t.deferredErr, t.tx.Rollback())
	}
	return t.store.commitChecked(t.tx)
}

// run runs fn in the transaction, which it rolls back after an error or panic.
func (t *transaction) run(fn func(*transaction) error) error {
	err := t.store.guarded("changing entities", func() error { return fn(t) })
	if err != nil {
		return t.rollback(ended(t.ctx, err))
	}
	return nil
}

// rollback ends the transaction after err, and returns the error that it is
// for.
func (t *transaction) rollback(err error) error {
	if t.deferredErr != nil {
		err = t.deferredErr // err is what follows from it
	}
	return errors.Join(err, ignoreDone(t.tx.Rollback()))
}

// update runs fn in a transaction of its own, and waits for the commit.
func (s *Store) update(fn func(*transaction) error) error {
	return s.updateWith(context.Background(), NoLock, fn)
}

// change is update for what creates or removes entities: no other such change
// is under way meanwhile, in whatever process.
func (s *Store) change(ctx context.Context, fn func(*transaction) error) error {
	return s.updateWith(ctx, StructureLock, fn)
}

// changeSoon is change that waits for its turn for lockFor at most.
func (s *Store) changeSoon(ctx context.Context, fn func(*transaction) error) error {
	turn, cancel := context.WithTimeoutCause(ctx, lockFor, errLocked)
	defer cancel()
	return s.updateInTurn(ctx, turn, StructureLock, fn)
}

// updateWith is update that holds a lock of the database. If ctx ends the
// transaction is rolled back.
func (s *Store) updateWith(ctx context.Context, lock Lock, fn func(*transaction) error) error {
	return s.updateInTurn(ctx, ctx, lock, fn)
}

// updateInTurn is updateWith; turn bounds the time until it begins.
func (s *Store) updateInTurn(ctx, turn context.Context, lock Lock, fn func(*transaction) error) error {
	return s.writers.update(ctx, turn, lock, fn)
}

// commitAlone runs fn in a transaction, which is rolled back if ctx ends.
func (s *Store) commitAlone(ctx context.Context, fn func(*transaction) error) error {
	ctx, cancel := s.within(ctx)
	defer cancel()
	t, err := s.begin(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	if err := t.run(fn); err != nil {
		return err
	}
	if t.hides {
		s.cache.holdAll()
		defer s.cache.releaseAll()
	}
	return t.commit()
}

// commitGroup commits list writes together and sets the error of each. A
// write that names an unknown entity fails before anything is written, so it
// can not hurt the others; if the database refuses the group, each is tried
// alone.
func (s *Store) commitGroup(group []*write) {
	start := time.Now()
	err := s.tryGroup(group)
	for tries := 0; err != nil && tries < retries && s.isRetryable(err); tries++ {
		err = s.tryGroup(group)
	}
	s.observer.Group(len(group), time.Since(start), err)
	if err == nil {
		return
	}
	alone := len(group) > 1 && (s.engine.IsDataError(err) || errors.Is(err, errPanic))
	for _, w := range group {
		if alone {
			err = s.tryGroup([]*write{w})
		}
		if err != nil {
			w.err = err
		}
	}
}

// tryGroup returns an error if nothing was committed, or it is unknown
// whether. Otherwise the error of each write says what became of it.
func (s *Store) tryGroup(group []*write) (err error) {
	ctx, cancel := s.bounded(s.killed)
	defer cancel()
	t, err := s.begin(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	g := lists{
		t: t, now: make(map[listKey]cached, len(group)), changed: make(map[listKey]bool, len(group)),
		merged: make(map[listKey]*mergedList),
	}
	held := false
	defer func() {
		if err != nil {
			err = t.rollback(ended(ctx, err))
		}
		if held {
			for key := range g.changed {
				now := g.now[key]
				if err != nil {
					now.list = nil
				}
				s.cache.release(key, now)
			}
		}
	}()
	if err := s.guarded("updating lists", func() error { return g.applyAll(group) }); err != nil {
		return err
	}
	if len(g.changed) == 0 {
		return t.tx.Rollback()
	}
	g.encode()
	for _, key := range slices.SortedFunc(maps.Keys(g.changed), listKey.compare) {
		if err := t.writeList(key, g.now[key].list); err != nil {
			return err
		}
		if err := t.markDirty(g.now[key].kind, key); err != nil {
			return err
		}
	}
	for key := range g.changed {
		s.cache.hold(key)
	}
	held = true
	if err := t.commit(); err != nil {
		return err
	}
	s.writers.addDirty(g.changed)
	return nil
}

// writeList writes a list.
func (t *transaction) writeList(key listKey, list platen.List) error {
	if string(list) == string(platen.EmptyList) {
		return t.store.writers.writeEmpty(t, key)
	}
	return t.exec(upsertList[key.facet], int64(key.id), string(list))
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// lists are the lists of a group of writes, as they will be.
type lists struct {
	t       *transaction
	now     map[listKey]cached
	changed map[listKey]bool
	merged  map[listKey]*mergedList // those that were merged into, now follows at the end
	large   map[listKey]largeList   // those that now lacks, since readGroup has read a hash only
	worked  int                     // bytes that were merged into
}

// applyAll works out the writes of a group.
func (g *lists) applyAll(group []*write) (err error) {
	if err := g.t.store.writers.readGroup(g, group); err != nil {
		return err
	}
	for _, w := range group {
		if w.err, err = g.apply(w); err != nil {
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
	key := listKey{w.id, w.facet}
	now, err := g.get(key)
	if err != nil {
		return nil, err
	}
	if now.kind != w.kind {
		return platen.NotFoundError(platen.Ref{Kind: w.kind, ID: w.id}), nil
	}
	g.set(key, w.kind, w.list)
	return nil, nil
}

func (g *lists) set(key listKey, kind platen.Kind, list platen.List) {
	g.now[key] = cached{kind, list}
	g.changed[key] = true
	delete(g.merged, key)
	delete(g.large, key)
}

// get returns a list as the writes before left it. Its kind is 0 if there is
// no such entity.
func (g *lists) get(key listKey) (cached, error) {
	if now, ok := g.now[key]; ok {
		return now, nil
	}
	now, _ := g.t.store.cache.get(key)
	if now.list == nil {
		var err error
		now, err = g.t.store.selectList(g.t.ctx, g.t.stmt(selectList[key.facet]), key.id)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return cached{}, err
		}
	}
	g.now[key] = now
	return now, nil
}
