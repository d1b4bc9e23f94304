// Package sqlstore is the one implementation of [storage.Store]: SQL with $n
// parameters over database/sql. What differs between databases comes in an
// [Engine], from internal/sqlite.
//
// All writes go through one goroutine, the committer: list updates that wait
// together share one transaction and one sync of the disk (listwrites.go). Reads
// go to a pool, and the lists of entities through a cache (internal/listcache).
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
	"strings"
	"sync"
	"sync/atomic"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/batch"
	"github.com/platenhq/platen/internal/listcache"
	"github.com/platenhq/platen/internal/search"
	"github.com/platenhq/platen/internal/storage"
)

// An Engine is an open database, with its migrations done, for a [Store].
type Engine struct {
	Writer *sql.DB // for writes
	Reader *sql.DB // for reads, some of them long

	// Lookup is for reads of single rows, so that none of them waits for a
	// long read. Control is for what keeps the server itself going (users,
	// readiness, signs of life), so that no request can hold it up.
	Lookup, Control *sql.DB

	// Shared says that the database is a server of its own, to which other
	// processes write too. Then arrays are parameters, so that few statements
	// do much; locks are the database's; and nothing is cached (shared.go).
	// Otherwise there is one writer, and Writer has one connection.
	Shared bool

	// Dialect has the expressions of SQL that differ, in searches and elsewhere.
	search.Dialect

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

	// Ready returns Unavailable if the database can be read, but not written
	// to. Nil: it can be.
	Ready func() error

	// CacheBytes bounds the cache of lists. Zero turns it off, as it must be
	// when another process may write lists.
	CacheBytes int
	// Close closes both pools and whatever else belongs to the database.
	Close func() error
}

// Store implements [storage.Store].
type Store struct {
	engine    Engine
	id        string // of this process among those that share the database
	cache     *listcache.Cache
	read      map[query]prepared
	write     map[query]prepared
	committer *batch.Batcher[write]
	gatherer  *gatherer // shared: reads of lists

	stale     map[platen.ID]bool // entities known to be in find_stale; the committer's
	staleLost bool               // some that were in stale are no longer; the committer's
	control   map[query]prepared
	stop      context.Context // ends with Close
	cancel    context.CancelFunc
	killed    context.Context // ends when Close waits no longer for what is under way
	kill      context.CancelCauseFunc
	entry     sync.Mutex     // guards running against Close
	running   sync.WaitGroup // what ends after stop
	locks     locks          // shared

	observer     Observer
	failuresSeen atomic.Int64  // login_failure.seq of the last one that was read
	finding      chan struct{} // holds an element for each search under way
	merging      chan struct{} // holds an element for each merge that is prepared
	mergeTurns   [mergeTurns]chan struct{}
	sweep        sweep         // the clean-up's
	refreshing   chan struct{} // not shared: holds an element while the index is brought up to date
	deleting     sync.Map      // sets whose deletion is under way in this process
}

var _ storage.Store = (*Store)(nil)

// An Option changes the store that [Open] returns.
type Option func(*Store)

// Open returns the store on engine, which it closes with itself. A server then
// calls [Store.Start].
func Open(ctx context.Context, engine Engine, options ...Option) (*Store, error) {
	s, err := newStore(ctx, engine, options...)
	if err != nil {
		return nil, err
	}
	s.running.Go(s.index)
	return s, nil
}

// newStore returns a store that does nothing by itself.
func newStore(ctx context.Context, engine Engine, options ...Option) (*Store, error) {
	s := &Store{
		engine: engine,
		id:     rand.Text(),
		cache:  listcache.New(engine.CacheBytes),
		read:   make(map[query]prepared),
		write:  make(map[query]prepared),

		control: make(map[query]prepared),
		stale:   make(map[platen.ID]bool),
		finding: make(chan struct{}, findAtOnce),
		merging: make(chan struct{}, mergeAtOnce),

		refreshing: make(chan struct{}, 1),
		sweep:      sweep{due: true},
		observer:   Unobserved{},
	}
	for _, option := range options {
		option(s)
	}
	for i := range s.mergeTurns {
		s.mergeTurns[i] = make(chan struct{}, 1)
	}
	s.stop, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.killed, s.kill = context.WithCancelCause(context.WithoutCancel(ctx))
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
	if s.engine.Ready == nil {
		s.engine.Ready = func() error { return nil }
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	s.committer = newCommitter(s)
	if engine.Shared {
		s.locks, s.gatherer = newLocks(), newGatherer(s)
	}
	return s, nil
}

// Start is what a server does before anything else. From here on until Close,
// other processes on the same database know that this one serves it. Start
// ends the operations of processes that are gone with a message. Conflict: a
// copy into the store was begun and not finished, or it is being copied.
func (s *Store) Start(ctx context.Context, message string) error {
	// First: of a server and a copy that begin at once, one sees the other.
	s.live(s.id)
	if err := s.Unfinished(ctx); err != nil {
		return err
	}
	return s.FailOperations(ctx, message)
}

// prepare fills read and write.
func (s *Store) prepare(ctx context.Context) error {
	all := slices.Concat(queries, aloneQueries)
	if s.engine.Shared {
		all = slices.Concat(queries, sharedQueries)
	}
	for _, q := range all {
		type pool struct {
			db    *sql.DB
			stmts map[query]prepared
		}
		pools := []pool{{s.engine.Writer, s.write}}
		switch {
		case q.writes():
		case lookups[q]:
			pools = append(pools, pool{s.engine.Lookup, s.read})
		default:
			pools = append(pools, pool{s.engine.Reader, s.read})
		}
		if controls[q] {
			pools = append(pools, pool{s.engine.Control, s.control})
		}
		for _, at := range pools {
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
	each := eachID
	if s.engine.Shared {
		each = sharedEachID
	}
	text := s.engine.Rebind(among.ReplaceAllStringFunc(strings.ReplaceAll(string(q), "EACH_ID", each), func(condition string) string {
		return s.engine.Among(among.FindStringSubmatch(condition)[1], "$1")
	}))
	if !s.engine.Shared {
		stmt, err := db.PrepareContext(ctx, text)
		return prepared{statement: stmt, stmt: stmt}, err
	}
	return prepared{statement: direct{db, text}, text: text}, nil
}

// Ping implements [storage.Maintenance].
func (s *Store) Ping(ctx context.Context) (err error) {
	ctx, done := s.observe(ctx, "ping")
	defer func() { done(err) }()
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if s.engine.Shared {
		return s.error("ping", s.writable(ctx))
	}
	var n int64
	if err := s.control[selectUsersVersion].QueryRowContext(ctx).Scan(&n); err != nil {
		return s.error("ping", err)
	}
	return s.engine.Ready()
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

// List implements [storage.Lists].
func (s *Store) List(ctx context.Context, ref platen.Ref, facet platen.Facet) (_ platen.List, err error) {
	ctx, done := s.observe(ctx, "list")
	defer func() { done(err) }()
	key := listcache.Key{ID: ref.ID, Facet: facet}
	found, epoch := s.cache.Get(key)
	if found.List == nil {
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
		s.cache.Fill(key, found, epoch)
	}
	if found.Kind != ref.Kind {
		return nil, platen.NotFoundError(ref)
	}
	return found.List, nil
}

// selectList reads one list with the kind of its entity.
func (s *Store) selectList(ctx context.Context, stmt statement, id platen.ID) (listcache.Entry, error) {
	var found listcache.Entry
	var list []byte
	err := stmt.QueryRowContext(ctx, int64(id)).Scan(&found.Kind, &list)
	if err != nil {
		return listcache.Entry{}, err
	}
	found.List = platen.EmptyList
	if list != nil {
		found.List = list
	}
	return found, nil
}

// Replace implements [storage.Lists].
func (s *Store) Replace(ctx context.Context, kind platen.Kind, facet platen.Facet, update platen.Update) (err error) {
	ctx, done := s.observe(ctx, "replace")
	defer func() { done(err) }()
	list, err := platen.NewList(update.Pairs)
	if err != nil {
		return err
	}
	w := write{kind: kind, facet: facet, id: update.ID, list: list}
	return s.error("replace "+facet.String(), s.committer.Do(ctx, w))
}

// Merge implements [storage.Lists].
func (s *Store) Merge(ctx context.Context, kind platen.Kind, facet platen.Facet, updates []platen.Update) (err error) {
	ctx, done := s.observe(ctx, "merge")
	defer func() { done(err) }()
	if len(updates) == 0 {
		return nil
	}
	m, err := newMerge(kind, facet, updates)
	if err != nil {
		return err
	}
	return s.error("merge "+facet.String(), s.merge(ctx, m))
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
	hidden  bool      // that set is deleted, or it is a set that is being deleted
	leaving bool      // that set is being deleted: it can not be used anew
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
	var fate int // see rowColumns
	err = from.Scan(&r.First, &r.Last, &r.kind, &r.parent, &r.ord, &r.record, &r.details, &r.root, &fate)
	r.hidden, r.leaving = fate == 1, fate == 2
	return r, err
}

// ignoreNoRows is for a query that may find nothing.
func ignoreNoRows(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
