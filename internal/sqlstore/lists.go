package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/listcache"
	"github.com/platenhq/platen/internal/storage"
)

// Lists of neighbours are read together: those of so many entities, or of fewer
// if their lists are so long.
const (
	listChunk = 512
	listBytes = 1 << 20
)

// entityLists are the lists of one entity, by facet; nil for an empty one, and
// for one that was not asked for.
type entityLists [len(facets)]platen.List

var justProperties = []platen.Facet{platen.Properties}

// eachWithLists yields the entities of a run with their lists of some facets,
// in short queries. No connection is held while yield runs.
func (s *Store) eachWithLists(ctx context.Context, run platen.IDRange, of []platen.Facet, yield func(platen.ID, entityLists) error) error {
	for first := run.First; first <= run.Last; {
		chunk := platen.IDRange{First: first, Last: min(run.Last, first+listChunk-1)}
		var found [len(facets)]map[platen.ID]platen.List
		for _, facet := range of {
			var err error
			if found[facet], chunk.Last, err = s.lists(ctx, facet, chunk); err != nil {
				return err
			}
		}
		for id := chunk.First; id <= chunk.Last; id++ {
			var lists entityLists
			for _, facet := range of {
				lists[facet] = found[facet][id]
			}
			if err := yield(id, lists); err != nil {
				return err
			}
		}
		first = chunk.Last + 1
	}
	return nil
}

// lists returns the lists of the entities of a run up to last, which is the end
// of the run, or before it if the lists are long. Empty lists are left out.
func (s *Store) lists(ctx context.Context, facet platen.Facet, run platen.IDRange) (lists map[platen.ID]platen.List, last platen.ID, err error) {
	rows, err := s.on(selectLists[facet]).QueryContext(ctx, int64(run.First), int64(run.Last))
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	for bytes := 0; bytes < listBytes; {
		if !rows.Next() {
			return lists, run.Last, rows.Err()
		}
		var list []byte
		if err := rows.Scan(&last, &list); err != nil {
			return nil, 0, err
		}
		bytes += len(list) // as the statement counts them
		if string(list) == string(platen.EmptyList) {
			continue
		}
		if lists == nil {
			lists = make(map[platen.ID]platen.List)
		}
		lists[last] = list
	}
	return lists, last, nil
}

// scanLists reads lists by their entity. An empty one is none.
func scanLists(rows *sql.Rows, err error) (map[platen.ID]platen.List, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var lists map[platen.ID]platen.List
	for rows.Next() {
		var id platen.ID
		var list []byte
		if err := rows.Scan(&id, &list); err != nil {
			return nil, err
		}
		if string(list) == string(platen.EmptyList) {
			continue
		}
		if lists == nil {
			lists = make(map[platen.ID]platen.List)
		}
		lists[id] = list
	}
	return lists, rows.Err()
}

// List implements [storage.Lists].
func (s *Store) List(ctx context.Context, ref platen.Ref, facet platen.Facet) (_ platen.List, err error) {
	list, _, err := s.Tagged(ctx, ref, facet)
	return list, err
}

// Tagged implements [storage.Lists]. The tag of a list is made when it is first
// asked for. Only what is not in the cache is observed: with the rest, that would be
// most of the work.
func (s *Store) Tagged(ctx context.Context, ref platen.Ref, facet platen.Facet) (_ platen.List, tag []string, err error) {
	key := listcache.Key{ID: ref.ID, Facet: facet}
	found, epoch := s.cache.Get(key)
	if found.List == nil {
		ctx, done := s.observe(ctx, "list")
		defer func() { done(err) }()
		if s.batcher != nil {
			found, err = s.batcher.get(ctx, key)
		} else {
			found, err = s.selectList(ctx, s.on(selectList[facet]), ref.ID)
		}
		if errors.Is(err, sql.ErrNoRows) {
			return nil, nil, platen.NotFoundError(ref)
		}
		if err != nil {
			return nil, nil, s.error("read "+facet.String(), err)
		}
		s.cache.Fill(key, found, epoch)
	}
	if found.Kind != ref.Kind {
		return nil, nil, platen.NotFoundError(ref)
	}
	if found.Tag == nil {
		found.Tag = []string{platen.TagOf(found.List).String()}
		s.cache.SetTag(key, found.List, found.Tag)
	}
	return found.List, found.Tag, nil
}

// selectList reads one list with the kind of its entity.
func (s *Store) selectList(ctx context.Context, stmt statement, id platen.ID) (listcache.Entry, error) {
	var found listcache.Entry
	var list []byte
	err := stmt.QueryRowContext(ctx, int64(id)).Scan(&found.Kind, &list, &found.Set, &found.Change)
	if err != nil {
		return listcache.Entry{}, err
	}
	found.List = platen.EmptyList
	if list != nil {
		found.List = list
	}
	return found, nil
}

// Replace implements [storage.Lists]. A list that is stored so already is not
// written again.
func (s *Store) Replace(ctx context.Context, kind platen.Kind, facet platen.Facet, update platen.Update) (err error) {
	ctx, done := s.observe(ctx, "replace")
	defer func() { done(err) }()
	list, err := platen.NewList(update.Pairs)
	if err != nil {
		return err
	}
	now, _ := s.cache.Get(listcache.Key{ID: update.ID, Facet: facet})
	if now.Kind == kind && now.List != nil && update.Match == nil && bytes.Equal(now.List, list) {
		return nil
	}
	w := write{kind: kind, facet: facet, id: update.ID, list: list, match: update.Match, origin: storage.OriginOf(ctx)}
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
