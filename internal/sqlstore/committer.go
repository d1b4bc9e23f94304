package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"sync"

	"github.com/platenhq/platen"
)

// maxGroup bounds how many list writes share a transaction.
const maxGroup = 256

// A write is work for the committer: a list to replace, lists to merge, or
// anything else that wants a transaction of its own.
type write struct {
	kind  platen.Kind
	facet platen.Facet
	id    platen.ID       // replace: the entity
	list  platen.List     // replace: its new list
	merge []platen.Update // merge: the changes

	alone func(*transaction) error // neither: run this, see [Store.update]

	err  error
	done chan struct{}
}

var writes = sync.Pool{New: func() any { return &write{done: make(chan struct{}, 1)} }}

func newWrite() *write { return writes.Get().(*write) }

// A committer is the one goroutine that writes. Callers that come while a
// commit is on its way to the disk wait together for the next one, and are
// answered after it.
type committer struct {
	store *Store

	mu     sync.Mutex
	wake   sync.Cond
	queue  []*write
	closed bool
	ended  chan struct{}
}

func newCommitter(s *Store) *committer {
	c := &committer{store: s, ended: make(chan struct{})}
	c.wake.L = &c.mu
	go c.run()
	return c
}

// do hands w to the committer, waits for its commit and returns its error. It
// waits even for a caller who is gone: the write is under way.
func (c *committer) do(w *write) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return platen.Errorf(platen.Unavailable, "the server is stopping")
	}
	c.queue = append(c.queue, w)
	c.mu.Unlock()
	c.wake.Signal()
	<-w.done
	err := w.err
	*w = write{done: w.done}
	writes.Put(w)
	return err
}

// close lets the queue run empty, and refuses what comes after.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.wake.Signal()
	<-c.ended
}

func (c *committer) run() {
	defer close(c.ended)
	for {
		taken := c.take()
		if taken == nil {
			return
		}
		for len(taken) > 0 {
			n := 0
			for n < len(taken) && n < maxGroup && taken[n].alone == nil {
				n++
			}
			if n > 0 {
				c.store.commitGroup(taken[:n])
			} else {
				n, taken[0].err = 1, c.store.commitAlone(taken[0].alone)
			}
			for _, w := range taken[:n] {
				w.done <- struct{}{}
			}
			taken = taken[n:]
		}
	}
}

// take waits for writes and returns all that are queued, or nil at the end.
// It sets no timer, but yields as long as that lets more callers queue: those
// just answered are about to come again, and two half groups cost two flushes.
func (c *committer) take() []*write {
	c.mu.Lock()
	for len(c.queue) == 0 && !c.closed {
		c.wake.Wait()
	}
	for quiet := 0; quiet < 2 && len(c.queue) < maxGroup && !c.closed; {
		before := len(c.queue)
		c.mu.Unlock()
		runtime.Gosched()
		c.mu.Lock()
		if quiet++; len(c.queue) > before {
			quiet = 0
		}
	}
	taken := c.queue
	c.queue = nil
	c.mu.Unlock()
	return taken
}

// A transaction is a write transaction with its prepared statements.
type transaction struct {
	ctx   context.Context
	store *Store
	tx    *sql.Tx
	stmts map[query]*sql.Stmt
	hides bool         // it hides entities, whose lists may be in the cache
	freed []platen.Run // data records of content items that it removed
}

func (s *Store) begin() (*transaction, error) {
	ctx := context.Background()
	tx, err := s.engine.Writer.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	return &transaction{ctx: ctx, store: s, tx: tx, stmts: make(map[query]*sql.Stmt)}, nil
}

// stmt returns q prepared for the transaction.
func (t *transaction) stmt(q query) *sql.Stmt {
	stmt := t.stmts[q]
	if stmt == nil {
		stmt = t.tx.StmtContext(t.ctx, t.store.write[q])
		t.stmts[q] = stmt
	}
	return stmt
}

func (t *transaction) exec(q query, args ...any) error {
	_, err := t.stmt(q).ExecContext(t.ctx, args...)
	return err
}

// update runs fn in a transaction of its own, and waits for the commit.
func (s *Store) update(fn func(*transaction) error) error {
	w := newWrite()
	w.alone = fn
	return s.committer.do(w)
}

func (s *Store) commitAlone(fn func(*transaction) error) error {
	t, err := s.begin()
	if err != nil {
		return err
	}
	if err := fn(t); err != nil {
		return errors.Join(err, t.tx.Rollback())
	}
	if t.hides {
		s.cache.holdAll()
		defer s.cache.releaseAll()
	}
	return t.tx.Commit()
}

// commitGroup commits list writes together and sets the error of each. A
// write that names an unknown entity fails before anything is written, so it
// can not hurt the others; if the database refuses the group, each is tried
// alone.
func (s *Store) commitGroup(group []*write) {
	err := s.tryGroup(group)
	if err == nil {
		return
	}
	for _, w := range group {
		if len(group) > 1 {
			err = s.tryGroup([]*write{w})
		}
		if err != nil {
			w.err = err
		}
	}
}

// tryGroup returns an error if nothing was committed. Otherwise the error of
// each write says what became of it.
func (s *Store) tryGroup(group []*write) (err error) {
	t, err := s.begin()
	if err != nil {
		return err
	}
	g := lists{t: t, now: make(map[listKey]cached, len(group)), changed: make(map[listKey]bool, len(group))}
	held := false
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreDone(t.tx.Rollback()))
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
	for _, w := range group {
		if w.err, err = g.apply(w); err != nil {
			return err
		}
	}
	if len(g.changed) == 0 {
		return t.tx.Rollback()
	}
	for key := range g.changed {
		if err := t.writeList(key, g.now[key].list); err != nil {
			return err
		}
		if err := t.note(g.now[key].kind, key); err != nil {
			return err
		}
	}
	for key := range g.changed {
		s.cache.hold(key)
	}
	held = true
	if err := t.tx.Commit(); err != nil {
		return err
	}
	s.noted(g.changed)
	return nil
}

// noted remembers whose changes are noted, so that the next one of the same
// need not be. With other writers on the database it can not be known.
func (s *Store) noted(changed map[listKey]bool) {
	const most = 1 << 17
	if s.engine.CacheBytes == 0 {
		return
	}
	if len(s.stale) > most {
		clear(s.stale)
	}
	for key := range changed {
		if key.facet != platen.Metadata {
			s.stale[key.id] = true
		}
	}
}

// writeList writes a list. An empty one has no row.
func (t *transaction) writeList(key listKey, list platen.List) error {
	if string(list) == string(platen.EmptyList) {
		return t.exec(deleteList[key.facet], int64(key.id))
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
}

// apply works out one write. refused is for its caller alone and leaves the
// lists as they were; err is the database's.
func (g *lists) apply(w *write) (refused, err error) {
	if w.merge == nil {
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
	for _, update := range w.merge {
		now, err := g.get(listKey{update.ID, w.facet})
		if err != nil {
			return nil, err
		}
		if now.kind != w.kind {
			return platen.NotFoundError(platen.Ref{Kind: w.kind, ID: update.ID}), nil
		}
	}
	before := make(map[listKey]cached, len(w.merge)) // for a write that is refused on the way
	for _, update := range w.merge {
		if len(update.Pairs) == 0 {
			continue
		}
		key := listKey{update.ID, w.facet}
		now := g.now[key]
		pairs, err := now.list.Decode()
		if err != nil {
			return nil, err
		}
		pairs = platen.MergeList(pairs, update.Pairs)
		if w.facet == platen.Fields && len(pairs) > platen.MaxFields {
			for key, list := range before {
				g.now[key] = list
			}
			return platen.Errorf(platen.Invalid, "data record %d would have %d fields; %d are the most", update.ID, len(pairs), platen.MaxFields), nil
		}
		if _, ok := before[key]; !ok {
			before[key] = now
		}
		g.set(key, w.kind, platen.EncodeList(pairs))
	}
	return nil, nil
}

func (g *lists) set(key listKey, kind platen.Kind, list platen.List) {
	g.now[key] = cached{kind, list}
	g.changed[key] = true
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
