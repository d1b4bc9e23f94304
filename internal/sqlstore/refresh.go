package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/platenhq/platen"
)

// A write only marks the entities of its lists as dirty, so that it costs
// little: an update those that it changes, in find_stale, an import all, by
// ranges (dirtyranges.go). The index is brought up to date with them in the
// background, and while a search waits for it, in short transactions (pace.go). What
// it still lacks then the search reads from the lists (pending.go). An entity is
// marked until its index is written. What belongs to an import that is under way
// is left until the import is done.
//
// With one writer one goroutine does it at a time. It compares beside the
// writer, and removes an entity from find_stale with the last of its changes,
// unless its list was changed again meanwhile (onewriter.go). With many writers
// all is one transaction under a lock, for which only searches wait
// (manywriters.go).
const (
	dirtyBatch = 2000    // entities that are taken together
	planBytes  = 1 << 20 // of lists that are compared with the index together; one may be longer
)

// An owner is an entity in the index, with its row of find_stale.
type owner struct {
	seq     int64 // 0: it is in a range
	id      platen.ID
	changed int64 // when, in microseconds since 1970; 0: not known
}

// A dirtyBound is up to which rows of find_stale and of find_range the index is
// to be brought up to date. late is for the rows of find_range of entities of which
// only metadata or facts are missing: only who asks for those waits. Of jobs and what is below them there are none in ranges of
// other sets.
type dirtyBound struct {
	rows, ranges, late int64
	jobs               bool // without the ranges of data sets and content sets
}

// some reports whether there is anything up to the bound.
func (b dirtyBound) some() bool { return b.rows > 0 || b.ranges > 0 || b.late > 0 }

// Dirty entities are some of those in find_stale, or the first of some ranges.
type dirty struct {
	owners []owner      // in the order of their rows; an entity of find_stale may have several
	ranges []takenRange // none if they are of find_stale
}

// A takenRange is a range whose first entities are taken.
type takenRange struct {
	dirtyRange
	end  int       // of its entities among the owners
	next platen.ID // where the others begin; 0: there are none
}

// An indexChange is how the index of one name of one entity must change.
type indexChange struct {
	id     platen.ID
	nameID int64      // 0: the index does not have the name
	name   searchName // if nameID is 0
	was    *indexed   // the value that is there, without long; nil: none is
	is     *indexed   // nil: none must be
}

// key returns where in the index of its name a change is.
func (c *indexChange) key() []byte {
	if c.is != nil {
		return c.is.head
	}
	return c.was.head
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
	for _, facet := range facets {
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

// dirty returns the next dirty entities up to a bound: those in most rows of
// find_stale, or most entities of some ranges.
func (p planner) dirty(until dirtyBound, most int) (d dirty, err error) {
	rows, err := p.stmt(selectDirty).QueryContext(p.ctx, until.rows, most)
	d.owners, err = collect(rows, err, func(from scanner) (o owner, err error) {
		return o, from.Scan(&o.seq, &o.id, &o.changed)
	})
	if err != nil || len(d.owners) > 0 {
		return d, err
	}
	d.ranges, err = p.ranges(until)
	taken := make(map[platen.ID]bool) // ranges may overlap
	for i := range d.ranges {
		one := &d.ranges[i]
		left := most - len(d.owners)
		found, err := p.dirtyIn(one.dirtyRange, left)
		if err != nil {
			return d, err
		}
		for _, o := range found {
			if !taken[o.id] {
				taken[o.id], d.owners = true, append(d.owners, o)
			}
		}
		one.end = len(d.owners)
		if len(found) == left {
			one.next = found[left-1].id + 1
			if len(d.owners) == most {
				d.ranges = d.ranges[:i+1]
				break
			}
		}
	}
	return d, err
}

// rangesTogether is how many ranges are taken together at most: imports of few entities,
// and those whose identifiers are far apart, leave very many. With many writers each is
// a network round trip.
const rangesTogether = 100

// ranges returns the first ranges up to a bound, all of the same lateness.
func (p planner) ranges(until dirtyBound) (ranges []takenRange, err error) {
	for late := 0; late <= lateFacts && len(ranges) == 0 && err == nil; late++ {
		last := until.late
		if late == 0 {
			last = until.ranges
		}
		if last == 0 {
			continue
		}
		rows, failed := p.stmt(selectRanges).QueryContext(p.ctx, late, last, flag(until.jobs), rangesTogether)
		ranges, err = collect(rows, failed, func(from scanner) (r takenRange, err error) {
			r.late = late
			return r, from.Scan(&r.seq, &r.First, &r.Last, &r.root)
		})
	}
	return ranges, err
}

// dirtyIn returns the first entities of a range.
func (p planner) dirtyIn(r dirtyRange, most int) ([]owner, error) {
	if r.late == lateFacts {
		return p.factOwners(r, most)
	}
	rows, err := p.stmt(selectListed).QueryContext(p.ctx, int64(r.First), int64(r.Last), most)
	return collect(rows, err, func(from scanner) (o owner, err error) {
		return o, from.Scan(&o.id)
	})
}

// ofFacts reports whether only facts of the entities are not in the index.
func (d *dirty) ofFacts() bool { return len(d.ranges) > 0 && d.ranges[0].late == lateFacts }

// indexedUpTo shortens or removes the ranges that d is of: the index has its
// first n entities.
func (t *transaction) indexedUpTo(d *dirty, n int) error {
	var done []int64
	for i := range d.ranges {
		one := &d.ranges[i]
		next := one.next
		if one.end > n {
			next = d.owners[n].id
		}
		if next != 0 {
			if err := t.exec(updateRange, int64(next), one.seq); err != nil {
				return err
			}
		} else {
			done = append(done, one.seq)
		}
		if one.end > n {
			break
		}
	}
	return t.exec(deleteRanges, t.store.engine.Dialect.IDs(done))
}

// kinds returns the kinds of entities; those that the index has not are left out.
func (p planner) kinds(owners []owner) (map[platen.ID]platen.Kind, error) {
	kinds := make(map[platen.ID]platen.Kind, len(owners))
	rows, err := p.stmt(selectIndexedKinds).QueryContext(p.ctx, p.ids(owners))
	_, err = collect(rows, err, func(from scanner) (_ struct{}, err error) {
		var id platen.ID
		var kind platen.Kind
		err = from.Scan(&id, &kind)
		kinds[id] = kind
		return struct{}{}, err
	})
	return kinds, err
}

// plan returns the changes that bring the index up to date with the lists of
// owners.
func (p planner) plan(owners []owner) ([]indexChange, error) {
	kinds, err := p.kinds(owners)
	if err != nil {
		return nil, err
	}
	var want []indexChange
	var unknown []searchName
	for _, facet := range facets {
		lists, err := scanLists(p.stmt(selectListsAmong[facet]).QueryContext(p.ctx, p.ids(owners)))
		if err != nil {
			return nil, err
		}
		for id, list := range lists {
			if kinds[id] == 0 || facet == platen.Fields && kinds[id] != platen.DataRecord {
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
	changes, err := p.compare(owners, want, selectValues)
	if err == nil && len(owners) > 0 {
		p.s.changesEach.Store((p.s.changesEach.Load() + int64(len(changes)/len(owners))) / 2)
	}
	return changes, err
}

// A valueKey is of the value of a name of an entity.
type valueKey struct {
	id     platen.ID
	nameID int64
}

// values returns the values that the index has of owners, of lists or facts.
func (p planner) values(owners []owner, of *query) (map[valueKey]indexed, error) {
	have := make(map[valueKey]indexed)
	queries := []*query{of, selectDigests}
	if of == selectFacts {
		queries = queries[:1]
	}
	for _, q := range queries {
		rows, err := p.stmt(q).QueryContext(p.ctx, p.ids(owners))
		_, err = collect(rows, err, func(from scanner) (_ struct{}, err error) {
			var key valueKey
			var value indexed
			into := []any{&key.id, &key.nameID, &value.head, &value.digest}
			if q == of {
				into = into[:3]
			}
			err = from.Scan(into...)
			have[key] = value
			return struct{}{}, err
		})
		if err != nil {
			return nil, err
		}
	}
	return have, nil
}

// compare returns the differences between the index and want, in the order of
// the index.
func (p planner) compare(owners []owner, want []indexChange, with *query) (changes []indexChange, err error) {
	have, err := p.values(owners, with)
	if err != nil {
		return nil, err
	}
	for _, change := range want {
		if change.nameID = p.names[change.name]; change.nameID != 0 {
			if now, ok := have[valueKey{change.id, change.nameID}]; ok {
				delete(have, valueKey{change.id, change.nameID})
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
		return cmp.Or(cmp.Compare(a.nameID, b.nameID), a.name.compare(b.name), bytes.Compare(a.key(), b.key()), cmp.Compare(a.id, b.id))
	})
	return changes, nil
}

// resolveMost is how many changes have their names looked up together.
const resolveMost = 256

// apply makes changes, one at least, until enough says so, and returns the rest.
func (x *indexer) apply(changes []indexChange, enough func() bool) ([]indexChange, error) {
	for i, change := range changes {
		if i > 0 && enough() {
			return changes[i:], nil
		}
		if i%resolveMost == 0 {
			if err := x.resolveSome(changes[i:min(i+resolveMost, len(changes))]); err != nil {
				return nil, err
			}
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

// resolveSome finds or adds the names of changes that the index does not have.
func (x *indexer) resolveSome(changes []indexChange) error {
	var names []searchName
	for _, change := range changes {
		if change.nameID == 0 {
			names = append(names, change.name)
		}
	}
	return x.resolve(names)
}
