// Package sqlstore is the one implementation of [platen.Store]: SQL with $n
// parameters over database/sql. What differs between databases comes in an
// [Engine], from internal/sqlite.
//
// All writes go through one goroutine, the committer: list updates that wait
// together share one transaction and one flush to disk (committer.go). Reads
// go to a pool, and the lists of entities through a cache (cache.go).
// Entities are kept as runs of identifiers, the contents of jobs as packed
// blocks (internal/block).
package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/platenhq/platen"
)

// An Engine is an open database, with its migrations done, for a [Store].
type Engine struct {
	Writer *sql.DB // for writes
	Reader *sql.DB // for reads

	// Shared says that the database is a server of its own, to which other
	// processes write too. Then arrays are parameters, so that few statements
	// do much; locks are the database's; and nothing is cached (shared.go).
	// Otherwise there is one writer, and Writer has one connection.
	Shared bool

	// Rebind turns $1, $2, … into what the driver wants.
	Rebind func(query string) string
	// Translate turns errors of the driver into [platen.Error], by number.
	Translate func(err error) error
	// Data reports whether an error may be due to what was written, and not to
	// the database. Nil: always.
	Data func(err error) bool
	// Refused reports whether the database itself answered with an error.
	// Nil: always.
	Refused func(err error) bool
	// Lost reports whether a statement had no effect for a reason that may be
	// gone already, such as a connection that was cut. Nil: never.
	Lost func(err error) bool
	// Warned counts commits that the database called done without what was
	// asked of it, such as a copy on its standby. Nil: none.
	Warned func() int64

	// Concat, Contains and Like are expressions over byte strings that are
	// UTF-8: a followed by b; whether text has part in it; whether text is
	// like pattern, as [Like] says.
	Concat, Contains, Like func(a, b string) string
	// Bytes is the expression of a parameter that is a byte string.
	Bytes func(parameter string) string
	// Among is the condition that a column is one of the ids of a parameter
	// made by IDs.
	Among func(column, parameter string) string
	IDs   func(ids []int64) any
	// Expand is a statement that yields (id, root) for each id of the rows
	// (first, last, root) that rows yields.
	Expand func(rows string) string

	// CacheBytes bounds the cache of lists. Zero turns it off, as it must be
	// when another process may write lists.
	CacheBytes int
	// Close closes both pools and whatever else belongs to the database.
	Close func() error
}

// Store implements [platen.Store].
type Store struct {
	engine    Engine
	id        string // of this process among those that share the database
	cache     *cache
	read      map[query]prepared
	write     map[query]prepared
	committer *committer
	gatherer  *gatherer // shared: reads of lists

	stale   map[platen.ID]bool // entities known to be in find_stale; the committer's
	stop    context.Context    // ends with Close
	cancel  context.CancelFunc
	entry   sync.Mutex     // guards running against Close
	running sync.WaitGroup // what ends after stop
	locks   locks          // shared

	observer     atomic.Pointer[Observer]
	failuresSeen atomic.Int64  // login_failure.seq of the last one that was read
	finding      chan struct{} // holds an element for each search under way
}

var _ platen.Store = (*Store)(nil)

// Open returns the store on engine, which it closes with itself.
func Open(ctx context.Context, engine Engine) (*Store, error) {
	s := &Store{
		engine: engine,
		id:     rand.Text(),
		cache:  newCache(engine.CacheBytes),
		read:   make(map[query]prepared),
		write:  make(map[query]prepared),

		stale:   make(map[platen.ID]bool),
		finding: make(chan struct{}, findAtOnce),
	}
	s.Observe(Unobserved{})
	s.stop, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if s.engine.Data == nil {
		s.engine.Data = func(error) bool { return true }
	}
	if s.engine.Refused == nil {
		s.engine.Refused = func(error) bool { return true }
	}
	if s.engine.Lost == nil {
		s.engine.Lost = func(error) bool { return false }
	}
	if s.engine.Warned == nil {
		s.engine.Warned = func() int64 { return 0 }
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	s.committer = newCommitter(s)
	s.running.Go(s.index)
	if engine.Shared {
		s.locks, s.gatherer = newLocks(), newGatherer(s)
	}
	return s, nil
}

// prepare fills read and write.
func (s *Store) prepare(ctx context.Context) error {
	all := queries
	if s.engine.Shared {
		all = slices.Concat(queries, sharedQueries)
	}
	for _, q := range all {
		for _, at := range []struct {
			db    *sql.DB
			stmts map[query]prepared
		}{{s.engine.Reader, s.read}, {s.engine.Writer, s.write}} {
			if at.db == s.engine.Reader && q.writes() {
				continue
			}
			stmt, err := s.prepareOne(ctx, at.db, q)
			if err != nil {
				return fmt.Errorf("prepare %q: %w", q, err)
			}
			at.stmts[q] = stmt
		}
	}
	return nil
}

var among = regexp.MustCompile(`AMONG\((\w+)\)`)

func (s *Store) prepareOne(ctx context.Context, db *sql.DB, q query) (prepared, error) {
	if other, ok := sharedText[q]; ok && s.engine.Shared {
		q = other
	}
	text := s.engine.Rebind(among.ReplaceAllStringFunc(string(q), func(condition string) string {
		return s.engine.Among(among.FindStringSubmatch(condition)[1], "$1")
	}))
	if !s.engine.Shared {
		stmt, err := db.PrepareContext(ctx, text)
		return prepared{statement: stmt, stmt: stmt}, err
	}
	return prepared{statement: direct{db, text}, text: text}, nil
}

// Close implements [platen.Store].
func (s *Store) Close() error {
	s.entry.Lock()
	s.cancel()
	s.entry.Unlock()
	s.running.Wait()
	s.committer.close()
	if s.gatherer != nil {
		s.gatherer.close()
	}
	return s.engine.Close()
}

// Ping implements [platen.Store].
func (s *Store) Ping(ctx context.Context) (err error) {
	ctx, done := s.observe(ctx, "ping")
	defer func() { done(err) }()
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if s.engine.Shared {
		return s.error("ping", s.writable(ctx))
	}
	var n int64
	return s.error("ping", s.read[selectUsersVersion].QueryRowContext(ctx).Scan(&n))
}

// error wraps what the driver returned, unless it is nil or for the caller.
func (s *Store) error(doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*platen.Error](err); ok {
		return err
	}
	if err := s.engine.Translate(err); err != nil {
		if _, ok := errors.AsType[*platen.Error](err); ok {
			return err
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// List implements [platen.Store].
func (s *Store) List(ctx context.Context, ref platen.Ref, facet platen.Facet) (_ platen.List, err error) {
	ctx, done := s.observe(ctx, "list")
	defer func() { done(err) }()
	key := listKey{ref.ID, facet}
	found, epoch := s.cache.get(key)
	if found.list == nil {
		var err error
		if s.engine.Shared {
			found, err = s.gatherer.get(ctx, key)
		} else {
			found, err = s.selectList(ctx, s.read[selectList[facet]], ref.ID)
		}
		if errors.Is(err, sql.ErrNoRows) {
			return nil, platen.NotFoundError(ref)
		}
		if err != nil {
			return nil, s.error("read "+facet.String(), err)
		}
		s.cache.fill(key, found, epoch)
	}
	if found.kind != ref.Kind {
		return nil, platen.NotFoundError(ref)
	}
	return found.list, nil
}

// selectList reads one list with the kind of its entity.
func (s *Store) selectList(ctx context.Context, stmt statement, id platen.ID) (cached, error) {
	var found cached
	var list []byte
	err := stmt.QueryRowContext(ctx, int64(id)).Scan(&found.kind, &list)
	if err != nil {
		return cached{}, err
	}
	found.list = platen.EmptyList
	if list != nil {
		found.list = list
	}
	return found, nil
}

// Replace implements [platen.Store].
func (s *Store) Replace(ctx context.Context, kind platen.Kind, facet platen.Facet, update platen.Update) (err error) {
	_, done := s.observe(ctx, "replace")
	defer func() { done(err) }()
	w := newWrite()
	w.kind, w.facet = kind, facet
	w.id, w.list = update.ID, platen.EncodeList(update.Pairs)
	return s.error("replace "+facet.String(), s.committer.do(w))
}

// Merge implements [platen.Store].
func (s *Store) Merge(ctx context.Context, kind platen.Kind, facet platen.Facet, updates []platen.Update) (err error) {
	_, done := s.observe(ctx, "merge")
	defer func() { done(err) }()
	if len(updates) == 0 {
		return nil
	}
	w := newWrite()
	w.kind, w.facet, w.merge = kind, facet, updates
	return s.error("merge "+facet.String(), s.committer.do(w))
}

// Entities implements [platen.Store].
func (s *Store) Entities(ctx context.Context, kind platen.Kind, contentType string) (_ []platen.Run, err error) {
	ctx, done := s.observe(ctx, "entities")
	defer func() { done(err) }()
	if contentType != "" {
		runs, err := s.runs(s.read[selectContentSets].QueryContext(ctx, contentType))
		return runs, s.error("list", err)
	}
	runs, err := s.children(ctx, 0, kind)
	return runs, s.error("list", err)
}

// Children implements [platen.Store].
func (s *Store) Children(ctx context.Context, ref platen.Ref) (_ []platen.Run, err error) {
	ctx, done := s.observe(ctx, "children")
	defer func() { done(err) }()
	if err := s.exists(ctx, ref); err != nil {
		return nil, err
	}
	runs, err := s.children(ctx, ref.ID, ref.Kind.Info().Child)
	return runs, s.error("list children", err)
}

// children reads the children of one kind below parent, in order.
func (s *Store) children(ctx context.Context, parent platen.ID, kind platen.Kind) ([]platen.Run, error) {
	return s.runs(s.read[selectChildren].QueryContext(ctx, int64(parent), int64(kind)))
}

// runs reads runs of identifiers, and joins neighbours.
func (s *Store) runs(rows *sql.Rows, err error) ([]platen.Run, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var runs []platen.Run
	for rows.Next() {
		var run platen.Run
		if err := rows.Scan(&run.First, &run.Last); err != nil {
			return nil, err
		}
		if n := len(runs); n > 0 && runs[n-1].Last+1 == run.First {
			runs[n-1].Last = run.Last
			continue
		}
		runs = append(runs, run)
	}
	return runs, rows.Err()
}

// exists returns NotFound unless there is an entity ref.
func (s *Store) exists(ctx context.Context, ref platen.Ref) error {
	_, err := s.visible(ctx, ref)
	return err
}

// visible returns the row that holds ref. NotFound: there is none, or it is
// hidden.
func (s *Store) visible(ctx context.Context, ref platen.Ref) (row, error) {
	found, err := selectRow(ctx, s.read[selectEntity], ref.ID)
	if err != nil {
		return row{}, s.error("look up "+ref.Kind.String(), err)
	}
	if !found.shows(ref) {
		return row{}, platen.NotFoundError(ref)
	}
	return found, nil
}

// A row is a row of the table entity.
type row struct {
	platen.Run
	kind    platen.Kind
	parent  platen.ID // 0: a set; -1: belongs to nothing
	ord     int64     // place of First in parent
	record  platen.ID // content items: data record of First; 0 for none
	details int64     // content items: page details; data records: table; 0 for none
	root    platen.ID // the set that it belongs to, 0 for none
	hidden  bool      // that set is deleted
}

// shows reports whether the row holds ref and is not hidden.
func (r row) shows(ref platen.Ref) bool {
	return r.First <= ref.ID && ref.ID <= r.Last && r.kind == ref.Kind && !r.hidden
}

// selectRow returns the last run that begins at or below id: the one that
// holds id, if any does. With none its Last is 0.
func selectRow(ctx context.Context, stmt statement, id platen.ID) (row, error) {
	r, err := scanRow(stmt.QueryRowContext(ctx, int64(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return row{}, nil
	}
	return r, err
}

// scanRow reads rowColumns.
func scanRow(from interface{ Scan(...any) error }) (r row, err error) {
	err = from.Scan(&r.First, &r.Last, &r.kind, &r.parent, &r.ord, &r.record, &r.details, &r.root, &r.hidden)
	return r, err
}

// collect reads all rows of a result.
func collect[T any](rows *sql.Rows, err error, scan func(interface{ Scan(...any) error }) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
