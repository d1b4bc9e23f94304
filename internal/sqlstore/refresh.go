package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/platenhq/platen"
)

// A list update only adds its entity to find_stale, so that it costs little.
// The index is brought up to date with the entities in find_stale before each
// search, and in the background every flushEvery. A transaction is short, so
// that list updates come in between: it takes few entities, and changes only
// what differs in the index.
//
// With one writer one goroutine does it at a time. It compares beside the
// writer, and removes an entity from find_stale with the last of its changes,
// unless its list was changed again meanwhile (onewriter.go). With many writers
// all is one transaction under a lock, for which only searches wait
// (manywriters.go).
const (
	dirtyBatch = 2000                  // entities that are taken together
	planBytes  = 1 << 20               // of lists that are compared with the index together; one may be longer
	indexHold  = 40 * time.Millisecond // of one transaction, after which the rest is left to the next
)

// An owner is an entity in the index, with its row of find_stale.
type owner struct {
	seq  int64
	id   platen.ID
	kind platen.Kind
}

// An indexChange is how the index of one name of one entity must change.
type indexChange struct {
	id     platen.ID
	nameID int64      // 0: the index does not have the name
	name   searchName // if nameID is 0
	was    *indexed   // the value that is there, without long; nil: none is
	is     *indexed   // nil: none must be
}

// A planner compares lists with the index, in or beside a transaction.
type planner struct {
	ctx   context.Context
	s     *Store
	stmt  func(*query) statement
	on    Conn                 // where stmt runs
	names map[searchName]int64 // that were looked up; 0: the index does not have it
}

func (s *Store) planner(ctx context.Context, stmt func(*query) statement, on Conn) planner {
	return planner{ctx, s, stmt, on, make(map[searchName]int64)}
}

// few returns how many of the first owners are compared together.
func (p planner) few(owners []owner) (int, error) {
	owners = owners[:min(len(owners), dirtyBatch)]
	sizes := make(map[platen.ID]int, len(owners))
	for _, facet := range []platen.Facet{platen.Properties, platen.Fields} {
		rows, err := p.stmt(selectSizes[facet]).QueryContext(p.ctx, p.ids(owners))
		_, err = collect(rows, err, func(from scanner) (_ struct{}, err error) {
			var id platen.ID
			var size int
			err = from.Scan(&id, &size)
			sizes[id] += size
			return struct{}{}, err
		})
		if err != nil {
			return 0, err
		}
	}
	bytes := 0
	for n, o := range owners {
		if bytes += sizes[o.id]; bytes > planBytes && n > 0 {
			return n, nil
		}
	}
	return len(owners), nil
}

func (p planner) ids(owners []owner) any {
	ids := make([]int64, len(owners))
	for i, o := range owners {
		ids[i] = int64(o.id)
	}
	return p.s.engine.Dialect.IDs(ids)
}

// plan returns the changes that bring the index up to date with the lists of
// owners.
func (p planner) plan(owners []owner) ([]indexChange, error) {
	kinds := make(map[platen.ID]platen.Kind, len(owners))
	for _, o := range owners {
		kinds[o.id] = o.kind
	}
	var want []indexChange
	var unknown []searchName
	for _, facet := range []platen.Facet{platen.Properties, platen.Fields} {
		lists, err := scanLists(p.stmt(selectListsAmong[facet]).QueryContext(p.ctx, p.ids(owners)))
		if err != nil {
			return nil, err
		}
		for id, list := range lists {
			if !searched(kinds[id], facet) || facet == platen.Fields && kinds[id] != platen.DataRecord {
				continue
			}
			pairs, err := list.Decode()
			if err != nil {
				return nil, err
			}
			for _, pair := range pairs {
				name := searchName{kinds[id], facet, nameKey(pair.Name)}
				if _, ok := p.names[name]; !ok {
					p.names[name] = 0
					unknown = append(unknown, name)
				}
				is := newIndexed(pair.Value)
				want = append(want, indexChange{id: id, name: name, is: &is})
			}
		}
	}
	if err := p.s.writers.findNames(p, unknown); err != nil {
		return nil, err
	}
	return p.compare(owners, want)
}

// compare returns the differences between the index and want, in the order of
// the index.
func (p planner) compare(owners []owner, want []indexChange) (changes []indexChange, err error) {
	type key struct {
		id     platen.ID
		nameID int64
	}
	type row struct {
		key
		indexed
	}
	rows, err := p.stmt(selectValues).QueryContext(p.ctx, p.ids(owners))
	all, err := collect(rows, err, func(from scanner) (r row, err error) {
		return r, from.Scan(&r.id, &r.nameID, &r.head, &r.digest)
	})
	if err != nil {
		return nil, err
	}
	have := make(map[key]indexed, len(all))
	for _, r := range all {
		have[r.key] = r.indexed
	}
	for _, change := range want {
		if change.nameID = p.names[change.name]; change.nameID != 0 {
			if now, ok := have[key{change.id, change.nameID}]; ok {
				delete(have, key{change.id, change.nameID})
				if bytes.Equal(now.head, change.is.head) && bytes.Equal(now.digest, change.is.digest) {
					continue
				}
				change.was = &now
			}
			change.name = searchName{}
		}
		changes = append(changes, change)
	}
	for of, now := range have {
		changes = append(changes, indexChange{id: of.id, nameID: of.nameID, was: &now})
	}
	slices.SortFunc(changes, func(a, b indexChange) int {
		return cmp.Or(cmp.Compare(a.nameID, b.nameID), a.name.compare(b.name), cmp.Compare(a.id, b.id))
	})
	return changes, nil
}

// apply makes changes, until a time if that is not zero, and returns the rest.
func (x *indexer) apply(changes []indexChange, until time.Time) ([]indexChange, error) {
	var names []searchName
	for _, change := range changes {
		if change.nameID == 0 {
			names = append(names, change.name)
		}
	}
	if err := x.resolve(names); err != nil {
		return nil, err
	}
	for i, change := range changes {
		if !until.IsZero() && time.Now().After(until) {
			return changes[i:], nil
		}
		if change.was != nil {
			if err := x.t.deleteValue(change.nameID, change.id, change.was); err != nil {
				return nil, err
			}
		}
		if change.is == nil {
			continue
		}
		nameID := change.nameID
		if nameID == 0 {
			var err error
			if nameID, err = x.nameID(change.name); err != nil {
				return nil, err
			}
		}
		if err := x.t.insertValue(nameID, change.id, change.is); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// flushDirty brings the index up to date with the lists that were changed up
// to now.
func (s *Store) flushDirty(ctx context.Context, lock Lock) error {
	var last int64
	if err := s.on(selectDirtyLast).QueryRowContext(ctx).Scan(&last); err != nil || last == 0 {
		return err
	}
	return s.writers.flushDirty(ctx, lock, last)
}

// dirty returns the entities in find_stale after a number and up to another.
func (t *transaction) dirty(after, last int64, most int) ([]owner, error) {
	rows, err := t.stmt(selectDirty).QueryContext(t.ctx, after, last, most)
	return collect(rows, err, func(from scanner) (o owner, err error) {
		return o, from.Scan(&o.seq, &o.id, &o.kind)
	})
}

// index brings the index up to date from time to time, so that little is left
// to a search. An error is ignored: the next time makes up for it.
func (s *Store) index() {
	ticker := time.NewTicker(s.writers.flushEvery())
	defer ticker.Stop()
	for {
		select {
		case <-s.stop.Done():
			return
		case <-ticker.C:
			_ = s.guarded("bringing the index up to date", func() error { return s.flushDirty(s.stop, TryIndexLock) })
		}
	}
}
