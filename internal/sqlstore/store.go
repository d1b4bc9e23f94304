// Package sqlstore is the one implementation of [platen.Store]: SQL with $n
// parameters over database/sql. What differs between databases comes in an
// [Engine], from internal/sqlite.
//
// All writes go through one goroutine, the committer: list updates that wait
// together share one transaction and one flush to disk (committer.go). Reads
// go to a pool, and the lists of entities through a cache (cache.go).
// Entities are kept as runs of identifiers, the contents of jobs as packed
// blocks (block.go).
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/platenhq/platen"
)

// An Engine is an open database, with its migrations done, for a [Store].
type Engine struct {
	Writer *sql.DB // for the committer; one connection is enough
	Reader *sql.DB // for reads

	// Rebind turns $1, $2, … into what the driver wants.
	Rebind func(query string) string
	// Translate turns errors of the driver into [platen.Error], by number.
	Translate func(err error) error
	// Concat, Contains and Like are expressions over byte strings that are
	// UTF-8: a followed by b; whether text has part in it; whether text is
	// like pattern, as [Like] says.
	Concat, Contains, Like func(a, b string) string
	// CacheBytes bounds the cache of lists. Zero turns it off, as it must be
	// when another process may write lists.
	CacheBytes int
	// Close closes both pools and whatever else belongs to the database.
	Close func() error
}

// Store implements [platen.Store].
type Store struct {
	engine    Engine
	cache     *cache
	read      map[query]*sql.Stmt
	write     map[query]*sql.Stmt
	committer *committer

	stale   map[platen.ID]bool // entities known to be in find_stale; the committer's
	stop    context.Context    // ends with Close
	cancel  context.CancelFunc
	indexed chan struct{} // closed when the indexer has ended
	finding chan struct{} // holds an element for each search under way
}

var _ platen.Store = (*Store)(nil)

// Open returns the store on engine, which it closes with itself.
func Open(ctx context.Context, engine Engine) (*Store, error) {
	s := &Store{
		engine: engine,
		cache:  newCache(engine.CacheBytes),
		read:   make(map[query]*sql.Stmt),
		write:  make(map[query]*sql.Stmt),

		stale:   make(map[platen.ID]bool),
		indexed: make(chan struct{}),
		finding: make(chan struct{}, findAtOnce),
	}
	s.stop, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, q := range queries {
		for _, at := range []struct {
			db    *sql.DB
			stmts map[query]*sql.Stmt
		}{{engine.Reader, s.read}, {engine.Writer, s.write}} {
			if at.db == engine.Reader && q.writes() {
				continue
			}
			stmt, err := at.db.PrepareContext(ctx, engine.Rebind(string(q)))
			if err != nil {
				return nil, errors.Join(fmt.Errorf("prepare %q: %w", q, err), engine.Close())
			}
			at.stmts[q] = stmt
		}
	}
	s.committer = newCommitter(s)
	go s.index()
	return s, nil
}

// Close implements [platen.Store].
func (s *Store) Close() error {
	s.cancel()
	<-s.indexed
	s.committer.close()
	return s.engine.Close()
}

// Ping implements [platen.Store].
func (s *Store) Ping(ctx context.Context) error {
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
func (s *Store) List(ctx context.Context, ref platen.Ref, facet platen.Facet) (platen.List, error) {
	key := listKey{ref.ID, facet}
	found, epoch := s.cache.get(key)
	if found.list == nil {
		var err error
		found, err = s.selectList(ctx, s.read[selectList[facet]], ref.ID)
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
func (s *Store) selectList(ctx context.Context, stmt *sql.Stmt, id platen.ID) (cached, error) {
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
func (s *Store) Replace(_ context.Context, kind platen.Kind, facet platen.Facet, update platen.Update) error {
	w := newWrite()
	w.kind, w.facet = kind, facet
	w.id, w.list = update.ID, platen.EncodeList(update.Pairs)
	return s.error("replace "+facet.String(), s.committer.do(w))
}

// Merge implements [platen.Store].
func (s *Store) Merge(_ context.Context, kind platen.Kind, facet platen.Facet, updates []platen.Update) error {
	if len(updates) == 0 {
		return nil
	}
	w := newWrite()
	w.kind, w.facet, w.merge = kind, facet, updates
	return s.error("merge "+facet.String(), s.committer.do(w))
}

// Entities implements [platen.Store].
func (s *Store) Entities(ctx context.Context, kind platen.Kind, contentType string) ([]platen.Run, error) {
	if contentType != "" {
		runs, err := s.runs(s.read[selectContentSets].QueryContext(ctx, contentType))
		return runs, s.error("list", err)
	}
	runs, err := s.children(ctx, 0, kind)
	return runs, s.error("list", err)
}

// Children implements [platen.Store].
func (s *Store) Children(ctx context.Context, ref platen.Ref) ([]platen.Run, error) {
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
func selectRow(ctx context.Context, stmt *sql.Stmt, id platen.ID) (row, error) {
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
