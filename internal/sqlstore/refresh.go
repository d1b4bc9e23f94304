package sqlstore

import (
	"bytes"
	"cmp"
	"context"
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
// On SQLite one goroutine does it at a time (Store.refreshing). It marks notes
// as taken, so that a list that changes from then on is noted anew; reads
// beside the writer; and removes a note with the last of its changes. On
// PostgreSQL, where nobody waits for such a transaction but other searches,
// all of that is one transaction under a lock.
const (
	staleBatch    = 2000                  // notes that are taken together
	planBytes     = 1 << 20               // of lists that are compared with the index together; one may be longer
	indexHold     = 40 * time.Millisecond // of one transaction, after which the rest is left to the next
	indexEvery    = 2 * time.Second
	applyTogether = 16 // changes, between looks at the clock

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
	id   platen.ID
	name searchName
	was  *storedValue // nil: there is none
	is   *indexed     // nil: there must be none
}

// A storedValue is a value in the database.
type storedValue struct {
	nameID int64
	indexed
}

// A planner compares lists with the index, in or beside a transaction.
type planner struct {
	ctx  context.Context
	s    *Store
	stmt func(query) statement
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

// A valueOf names a value of an entity.
type valueOf struct {
	id   platen.ID
	name searchName
}

// plan returns what must change so that the index agrees with the lists of
// owners.
func (p planner) plan(owners []owner) ([]indexChange, error) {
	kinds := make(map[platen.ID]platen.Kind, len(owners))
	for _, o := range owners {
		kinds[o.id] = o.kind
	}
	want := make(map[valueOf]indexed)
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
				head, rest := splitValue(pair.Value)
				want[valueOf{id, searchName{kinds[id], facet, nameKey(pair.Name)}}] = indexed{head, rest}
			}
		}
	}
	return p.compare(owners, want)
}

// compare returns how the index differs from what is wanted, in its order.
func (p planner) compare(owners []owner, want map[valueOf]indexed) (changes []indexChange, err error) {
	type row struct {
		valueOf
		storedValue
	}
	rows, err := p.stmt(selectValues).QueryContext(p.ctx, p.ids(owners))
	have, err := collect(rows, err, func(from interface{ Scan(...any) error }) (r row, err error) {
		var name []byte
		err = from.Scan(&r.id, &r.nameID, &r.head, &r.rest, &r.name.kind, &r.name.facet, &name)
		r.name.name = string(name)
		return r, err
	})
	if err != nil {
		return nil, err
	}
	for _, r := range have {
		change := indexChange{id: r.id, name: r.name, was: &r.storedValue}
		if now, ok := want[r.valueOf]; ok {
			delete(want, r.valueOf)
			if bytes.Equal(now.head, r.head) && bytes.Equal(now.rest, r.rest) {
				continue
			}
			change.is = &now
		}
		changes = append(changes, change)
	}
	for of, now := range want {
		changes = append(changes, indexChange{id: of.id, name: of.name, is: &now})
	}
	slices.SortFunc(changes, func(a, b indexChange) int {
		return cmp.Or(a.name.compare(b.name), cmp.Compare(a.id, b.id))
	})
	return changes, nil
}

// apply makes changes, until a time if that is not zero, and returns those
// that are left.
func (x *indexer) apply(changes []indexChange, until time.Time) ([]indexChange, error) {
	var names []searchName
	for _, change := range changes {
		if change.is != nil && change.was == nil {
			names = append(names, change.name)
		}
	}
	if err := x.resolve(names); err != nil {
		return nil, err
	}
	for i, change := range changes {
		if i%applyTogether == 0 && !until.IsZero() && time.Now().After(until) {
			return changes[i:], nil
		}
		var nameID int64
		if change.was != nil {
			nameID = change.was.nameID
			if err := x.t.exec(deleteValue, nameID, change.was.head, int64(change.id)); err != nil {
				return nil, err
			}
		}
		if change.is == nil {
			continue
		}
		if nameID == 0 {
			var err error
			if nameID, err = x.nameID(change.name); err != nil {
				return nil, err
			}
		}
		if err := x.t.exec(insertValue, nameID, change.is.head, int64(change.id), change.is.rest); err != nil {
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
	some := s.refreshBeside
	if s.engine.Shared {
		some = func(ctx context.Context, last int64) (more bool, err error) {
			err = s.updateWith(ctx, lock, func(t *transaction) (err error) {
				more, err = t.refresh(last)
				return err
			})
			return more, err
		}
	} else {
		release, err := s.lockRefreshing(ctx)
		if err != nil {
			return err
		}
		defer release()
	}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if more, err = some(ctx, last); err != nil {
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

// refreshBeside works off some of what was noted, up to last, mostly beside
// the writer.
func (s *Store) refreshBeside(ctx context.Context, last int64) (more bool, err error) {
	var owners []owner
	err = s.update(func(t *transaction) (err error) {
		if err := t.exec(takeStale, last, staleBatch); err != nil {
			return err
		}
		s.forgetNoted() // if the commit fails, that only costs a statement
		owners, err = t.stale(selectTaken, last, staleBatch)
		return err
	})
	if err != nil || len(owners) == 0 {
		return false, err
	}
	more = len(owners) == staleBatch
	p := planner{ctx, s, s.reading}
	for len(owners) > 0 {
		n, err := p.few(owners)
		if err != nil {
			return false, err
		}
		changes, err := p.plan(owners[:n])
		if err != nil {
			return false, err
		}
		if err := s.applyBeside(ctx, changes, owners[:n]); err != nil {
			return false, err
		}
		owners = owners[n:]
	}
	return more, nil
}

// applyBeside makes changes in short transactions, the last of which removes
// the notes.
func (s *Store) applyBeside(ctx context.Context, changes []indexChange, owners []owner) error {
	seqs := make([]int64, len(owners))
	for i, o := range owners {
		seqs[i] = o.seq
	}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var left []indexChange
		err := s.update(func(t *transaction) (err error) {
			x := indexer{t: t}
			if left, err = x.apply(changes, time.Now().Add(indexHold)); err != nil || len(left) > 0 {
				return err
			}
			return t.exec(deleteStale, s.engine.IDs(seqs))
		})
		if err != nil {
			return err
		}
		changes, more = left, len(left) > 0
	}
	return nil
}

// stale returns what is noted, up to last.
func (t *transaction) stale(q query, last int64, most int) ([]owner, error) {
	rows, err := t.stmt(q).QueryContext(t.ctx, last, most)
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
	p := planner{t.ctx, t.store, t.stmt}
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
