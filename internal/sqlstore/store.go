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
}

var _ platen.Store = (*Store)(nil)

// Open returns the store on engine, which it closes with itself.
func Open(ctx context.Context, engine Engine) (*Store, error) {
	s := &Store{
		engine: engine,
		cache:  newCache(engine.CacheBytes),
		read:   make(map[query]*sql.Stmt),
		write:  make(map[query]*sql.Stmt),
	}
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
	return s, nil
}

// Close implements [platen.Store].
func (s *Store) Close() error {
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
func (s *Store) Entities(ctx context.Context, kind platen.Kind) ([]platen.Run, error) {
	runs, err := s.runs(ctx, 0, kind)
	return runs, s.error("list", err)
}

// Children implements [platen.Store].
func (s *Store) Children(ctx context.Context, ref platen.Ref) ([]platen.Run, error) {
	if err := s.exists(ctx, ref); err != nil {
		return nil, err
	}
	runs, err := s.runs(ctx, ref.ID, ref.Kind.Info().Child)
	return runs, s.error("list children", err)
}

// runs reads the children of one kind below parent, in order.
func (s *Store) runs(ctx context.Context, parent platen.ID, kind platen.Kind) ([]platen.Run, error) {
	rows, err := s.read[selectChildren].QueryContext(ctx, int64(parent), int64(kind))
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
	row, err := selectRow(ctx, s.read[selectEntity], ref.ID)
	if err != nil {
		return s.error("look up "+ref.Kind.String(), err)
	}
	if row.Last < ref.ID || row.kind != ref.Kind {
		return platen.NotFoundError(ref)
	}
	return nil
}

// A row is a row of the table entity.
type row struct {
	platen.Run
	kind    platen.Kind
	record  platen.ID // 0 for none
	details int64     // 0 for none
}

// selectRow returns the last run that begins at or below id: the one that
// holds id, if any does. With none its Last is 0.
func selectRow(ctx context.Context, stmt *sql.Stmt, id platen.ID) (row, error) {
	var r row
	err := stmt.QueryRowContext(ctx, int64(id)).Scan(&r.First, &r.Last, &r.kind, &r.record, &r.details)
	if errors.Is(err, sql.ErrNoRows) {
		return row{}, nil
	}
	return r, err
}
