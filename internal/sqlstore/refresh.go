package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/platenhq/platen"
)

// A list that changes only leaves a note, in find_stale, so that a write costs
// little. A search first works off what is noted, and so does the indexer, now
// and then. Few lists are worked off at a time, and the writer is held only
// for what differs, a short time for each transaction, so that updates of
// others come in between.
//
// On SQLite one goroutine does it at a time (Store.refreshing). It reads beside
// the writer, and removes a note with the last of its changes, unless the list
// was noted again since its note was read. On PostgreSQL, where nobody waits
// for such a transaction but other searches, all is one transaction under a
// lock.
const (
	staleBatch = 2000                  // notes that are taken together
	planBytes  = 1 << 20               // of lists that are compared with the index together; one may be longer
	indexHold  = 40 * time.Millisecond // of one transaction, after which the rest is left to the next
	indexEvery = 2 * time.Second

	// On a shared database the index takes more from those who write, and a
	// note is of a whole group of entities.
	indexSharedEvery = 5 * time.Second
	staleSharedBatch = 100
)

// An owner is an entity in the index, with the note that asks for it.
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
	stmt  func(query) statement
	names map[searchName]int64 // that were looked up; 0: the index does not have it
}

func (s *Store) planner(ctx context.Context, stmt func(query) statement) planner {
	return planner{ctx, s, stmt, make(map[searchName]int64)}
}

// few returns how many of owners, from the first on, are compared together.
func (p planner) few(owners []owner) (int, error) {
	owners = owners[:min(len(owners), staleBatch)]
	sizes := make(map[platen.ID]int, len(owners))
	for _, facet := range []platen.Facet{platen.Properties, platen.Fields} {
		rows, err := p.stmt(selectSizes[facet]).QueryContext(p.ctx, p.ids(owners))
		_, err = collect(rows, err, func(from interface{ Scan(...any) error }) (_ struct{}, err error) {
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
	return p.s.engine.IDs(ids)
}

// plan returns what must change so that the index agrees with the lists of
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
	if err := p.lookUp(unknown); err != nil {
		return nil, err
	}
	return p.compare(owners, want)
}

// lookUp finds names in the index.
func (p planner) lookUp(names []searchName) error {
	if p.s.engine.Shared {
		return eachName(p.ctx, p.stmt(selectNames), names, func(name searchName, id int64) { p.names[name] = id })
	}
	for _, name := range names {
		var id int64
		err := p.stmt(selectNameID).QueryRowContext(p.ctx, int64(name.kind), int64(name.facet), []byte(name.name)).Scan(&id)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		p.names[name] = id
	}
	return nil
}

// compare returns how the index differs from what is wanted, in its order.
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
	all, err := collect(rows, err, func(from interface{ Scan(...any) error }) (r row, err error) {
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

// apply makes changes, until a time if that is not zero, and returns those
// that are left.
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

// flushStale works off what was noted up to now.
func (s *Store) flushStale(ctx context.Context, lock query) error {
	var last int64
	if err := s.read[selectStaleLast].QueryRowContext(ctx).Scan(&last); err != nil || last == 0 {
		return err
	}
	if !s.engine.Shared {
		return s.refreshBeside(ctx, last)
	}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.updateWith(ctx, lock, func(t *transaction) (err error) {
			more, err = t.refresh(last)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lockRefreshing keeps others from changing the index of entities that exist,
// where no other process does. On a shared database it does nothing.
func (s *Store) lockRefreshing(ctx context.Context) (release func(), err error) {
	if s.engine.Shared {
		return func() {}, nil
	}
	select {
	case s.refreshing <- struct{}{}:
		return func() { <-s.refreshing }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// refreshBeside works off what was noted up to last, mostly beside the writer.
func (s *Store) refreshBeside(ctx context.Context, last int64) error {
	release, err := s.lockRefreshing(ctx)
	if err != nil {
		return err
	}
	defer release()
	p := s.planner(ctx, s.reading)
	for after := int64(0); after < last; {
		var owners []owner
		err := s.updateWith(ctx, "", func(t *transaction) (err error) {
			s.forgetNoted()
			owners, err = t.stale(selectNotes, after, last, staleBatch)
			return err
		})
		if err != nil || len(owners) == 0 {
			return err
		}
		after = owners[len(owners)-1].seq
		for len(owners) > 0 {
			n, err := p.few(owners)
			if err != nil {
				return err
			}
			changes, err := p.plan(owners[:n])
			if err != nil {
				return err
			}
			if err := s.applyBeside(ctx, changes, owners[:n]); err != nil {
				return err
			}
			if len(p.names) > namesKept || len(changes) > 0 && changes[0].nameID == 0 {
				clear(p.names) // some are in the index now
			}
			owners = owners[n:]
		}
	}
	return nil
}

// applyBeside makes changes in short transactions, the last of which removes
// the notes.
func (s *Store) applyBeside(ctx context.Context, changes []indexChange, owners []owner) error {
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var left []indexChange
		err := s.updateWith(ctx, "", func(t *transaction) (err error) {
			x := indexer{t: t}
			if left, err = x.apply(changes, time.Now().Add(indexHold)); err != nil || len(left) > 0 {
				return err
			}
			var done []int64
			for _, o := range owners {
				if !s.notedAgain(o.id) {
					done = append(done, o.seq)
				}
			}
			return t.exec(deleteStale, s.engine.IDs(done))
		})
		if err != nil {
			return err
		}
		changes, more = left, len(left) > 0
	}
	return nil
}

// stale returns what a query of notes finds.
func (t *transaction) stale(q query, args ...any) ([]owner, error) {
	rows, err := t.stmt(q).QueryContext(t.ctx, args...)
	return collect(rows, err, func(from interface{ Scan(...any) error }) (o owner, err error) {
		return o, from.Scan(&o.seq, &o.id, &o.kind)
	})
}

// refresh works off some of what was noted, up to last, in one transaction.
// It reads the lists after the notes: what is noted later is another note.
func (t *transaction) refresh(last int64) (more bool, err error) {
	noted, err := t.stale(selectStale, last, staleSharedBatch)
	if err != nil || len(noted) == 0 {
		return false, err
	}
	var owners []owner
	seen := make(map[platen.ID]bool, len(noted))
	for _, o := range noted {
		if !seen[o.id] {
			seen[o.id] = true
			owners = append(owners, o)
		}
	}
	x := indexer{t: t}
	p := t.store.planner(t.ctx, t.stmt)
	start := time.Now()
	for len(owners) > 0 && time.Since(start) < indexHold {
		n, err := p.few(owners)
		if err != nil {
			return false, err
		}
		changes, err := p.plan(owners[:n])
		if err != nil {
			return false, err
		}
		if _, err := x.apply(changes, time.Time{}); err != nil {
			return false, err
		}
		maps.Copy(p.names, x.names)
		owners = owners[n:]
	}
	left := make(map[platen.ID]bool, len(owners))
	for _, o := range owners {
		left[o.id] = true
	}
	notes := make(map[int64]bool)
	for _, o := range noted {
		notes[o.seq] = true
	}
	return len(owners) > 0 || len(notes) == staleSharedBatch, t.removeNotes(noted, left)
}

// removeNotes removes notes, except that of an entity that is left.
func (t *transaction) removeNotes(noted []owner, left map[platen.ID]bool) error {
	var done []int64
	for len(noted) > 0 {
		seq := noted[0].seq
		var rest []int64
		n := 0
		for ; n < len(noted) && noted[n].seq == seq; n++ {
			if left[noted[n].id] {
				rest = append(rest, int64(noted[n].id))
			}
		}
		switch {
		case len(rest) == 0:
			done = append(done, seq)
		case len(rest) < n:
			if err := t.exec(updateStale, seq, rest); err != nil {
				return err
			}
		}
		noted = noted[n:]
	}
	if len(done) == 0 {
		return nil
	}
	return t.exec(deleteStale, t.store.engine.IDs(done))
}

// index works off what is noted from time to time, so that no search finds
// much of it. An error is no harm; the next one does it.
func (s *Store) index() {
	every := indexEvery
	if s.engine.Shared {
		every = indexSharedEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop.Done():
			return
		case <-ticker.C:
			_ = s.guarded("bringing the index up to date", func() error { return s.flushStale(s.stop, tryLockIndex) })
		}
	}
}
