package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/platenhq/platen"
)

// What a search looks up is beside the lists, in the table find_value. What is
// imported is put in with it. A list that changes only leaves a note, in
// find_stale, so that a write costs little; a search first works off what is
// noted, and so does the indexer, now and then.
const (
	valueBytes = 512 // of a value in the index; the rest is beside it
	nameBytes  = 512 // a longer name is cut, and told apart by its hash
	staleBatch = 2000
	addedMost  = 100_000 // values that are put in together
	indexEvery = 2 * time.Second

	// On a shared database the index takes more from those who write, and a
	// note is of a whole group of entities.
	indexSharedEvery = 5 * time.Second
	staleSharedBatch = 100
)

// searched reports whether a search can ask for a list.
func searched(kind platen.Kind, facet platen.Facet) bool {
	return platen.DataSet <= kind && kind <= platen.Job && facet != platen.Metadata
}

// nameKey returns a name as the index has it.
func nameKey(name string) []byte {
	if len(name) <= nameBytes {
		return []byte(name)
	}
	sum := sha256.Sum256([]byte(name))
	return append([]byte(name[:nameBytes]), sum[:]...)
}

// splitValue returns the part of a value that is looked up, and the rest.
func splitValue(value string) (head, rest []byte) {
	b := []byte(value)
	if len(b) <= valueBytes {
		return b, []byte{}
	}
	return b[:valueBytes], b[valueBytes:]
}

// A searchName is a name in the index.
type searchName struct {
	kind  platen.Kind
	facet platen.Facet
	name  string
}

// An indexer changes the index, in one transaction.
type indexer struct {
	t     *transaction
	names map[searchName]int64
	added []newValue
	bytes int // of values in added
}

// A newValue is not yet in the database.
type newValue struct {
	name int64
	id   platen.ID
	indexed
}

// nameID returns the id of a name, which it adds if need be.
func (x *indexer) nameID(name searchName) (int64, error) {
	if id, ok := x.names[name]; ok {
		return id, nil
	}
	var id int64
	args := []any{int64(name.kind), int64(name.facet), nameKey(name.name)}
	err := x.t.stmt(selectNameID).QueryRowContext(x.t.ctx, args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		insert := x.t.stmt(insertName)
		if x.t.store.engine.Shared {
			// By itself: nobody else who comes upon the name should have to
			// wait for this transaction, and a name too many is no harm.
			insert = x.t.store.write[insertName]
		}
		err = insert.QueryRowContext(x.t.ctx, args...).Scan(&id)
	}
	if err != nil {
		return 0, err
	}
	if x.names == nil {
		x.names = make(map[searchName]int64)
	}
	if len(x.names) < 4096 {
		x.names[name] = id
	}
	return id, nil
}

// add takes the values of a list of a new entity, for flush to put in.
func (x *indexer) add(kind platen.Kind, id platen.ID, facet platen.Facet, list platen.List) error {
	if !searched(kind, facet) {
		return nil
	}
	pairs, err := list.Decode()
	if err != nil {
		return err
	}
	for _, pair := range pairs {
		name, err := x.nameID(searchName{kind, facet, pair.Name})
		if err != nil {
			return err
		}
		head, rest := splitValue(pair.Value)
		x.added = append(x.added, newValue{name, id, indexed{head, rest}})
		x.bytes += len(pair.Value)
	}
	if len(x.added) < addedMost && x.bytes < 8<<20 {
		return nil
	}
	return x.flush()
}

// flush puts in what was added, in the order of the index: neighbours go to
// one place, and what is far apart is visited once.
func (x *indexer) flush() error {
	slices.SortFunc(x.added, func(a, b newValue) int {
		return cmp.Or(cmp.Compare(a.name, b.name), bytes.Compare(a.head, b.head), cmp.Compare(a.id, b.id))
	})
	for _, v := range x.added {
		if err := x.t.exec(insertValue, v.name, v.head, int64(v.id), v.rest); err != nil {
			return err
		}
	}
	x.added, x.bytes = x.added[:0], 0
	return nil
}

// note remembers that a list changes.
func (t *transaction) note(kind platen.Kind, key listKey) error {
	if !searched(kind, key.facet) || t.store.stale[key.id] {
		return nil
	}
	return t.exec(insertStale, int64(key.id), int64(kind))
}

// An indexed is a value as the index has it.
type indexed struct{ head, rest []byte }

// An owner is an entity in the index.
type owner struct {
	id   platen.ID
	kind platen.Kind
}

// refresh makes the index agree with the lists of entities.
func (x *indexer) refresh(owners []owner) error {
	ids := make([]int64, len(owners))
	for i, o := range owners {
		ids[i] = int64(o.id)
	}
	want := make(map[platen.ID]map[int64]indexed, len(owners))
	for _, facet := range []platen.Facet{platen.Properties, platen.Fields} {
		lists, err := scanLists(x.t.stmt(selectListsAmong[facet]).QueryContext(x.t.ctx, x.t.store.engine.IDs(ids)))
		if err != nil {
			return err
		}
		for _, o := range owners {
			if err := x.wanted(want, o, facet, lists[o.id]); err != nil {
				return err
			}
		}
	}
	return x.replace(want, ids)
}

// wanted adds what the index should have of a list.
func (x *indexer) wanted(want map[platen.ID]map[int64]indexed, of owner, facet platen.Facet, list platen.List) error {
	if list == nil || facet == platen.Fields && of.kind != platen.DataRecord {
		return nil
	}
	pairs, err := list.Decode()
	if err != nil {
		return err
	}
	if want[of.id] == nil {
		want[of.id] = make(map[int64]indexed, len(pairs))
	}
	for _, pair := range pairs {
		name, err := x.nameID(searchName{of.kind, facet, pair.Name})
		if err != nil {
			return err
		}
		head, rest := splitValue(pair.Value)
		want[of.id][name] = indexed{head, rest}
	}
	return nil
}

// replace makes the index of entities what is wanted, with as few changes as
// it takes.
func (x *indexer) replace(want map[platen.ID]map[int64]indexed, ids []int64) error {
	rows, err := x.t.stmt(selectValues).QueryContext(x.t.ctx, x.t.store.engine.IDs(ids))
	have, err := collect(rows, err, func(from interface{ Scan(...any) error }) (v newValue, err error) {
		return v, from.Scan(&v.id, &v.name, &v.head, &v.rest)
	})
	if err != nil {
		return err
	}
	for _, v := range have {
		if now, ok := want[v.id][v.name]; ok && bytes.Equal(now.head, v.head) && bytes.Equal(now.rest, v.rest) {
			delete(want[v.id], v.name)
			continue
		}
		if err := x.t.exec(deleteValue, v.name, v.head, int64(v.id)); err != nil {
			return err
		}
	}
	for id, values := range want {
		for name, value := range values {
			x.added = append(x.added, newValue{name, id, value})
		}
	}
	return x.flush()
}

// flushStale works off what was noted up to now.
func (s *Store) flushStale(ctx context.Context, lock query) error {
	var last int64
	if err := s.read[selectStaleLast].QueryRowContext(ctx).Scan(&last); err != nil || last == 0 {
		return err
	}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		refresh := func(t *transaction) (err error) {
			more, err = t.refreshSome(last)
			return err
		}
		if err := s.updateWith(ctx, lock, refresh); err != nil {
			return err
		}
	}
	return nil
}

// refreshSome works off a batch of what was noted, up to last.
func (t *transaction) refreshSome(last int64) (more bool, err error) {
	type note struct {
		seq int64
		owner
	}
	batch := staleBatch
	if t.store.engine.Shared {
		batch = staleSharedBatch
	}
	rows, err := t.stmt(selectStale).QueryContext(t.ctx, last, batch)
	notes, err := collect(rows, err, func(from interface{ Scan(...any) error }) (n note, err error) {
		return n, from.Scan(&n.seq, &n.id, &n.kind)
	})
	if err != nil || len(notes) == 0 {
		return false, err
	}
	t.store.forgetNoted() // if the commit fails, that only costs a statement
	var seqs []int64
	var owners []owner
	seen := make(map[platen.ID]bool, len(notes))
	for _, n := range notes {
		if len(seqs) == 0 || seqs[len(seqs)-1] != n.seq {
			seqs = append(seqs, n.seq)
		}
		if !seen[n.id] {
			seen[n.id] = true
			owners = append(owners, n.owner)
		}
	}
	// Before the lists are read: what is noted later is another note.
	if err := t.exec(deleteStale, t.store.engine.IDs(seqs)); err != nil {
		return false, err
	}
	x := indexer{t: t}
	for some := range slices.Chunk(owners, staleBatch) {
		if err := x.refresh(some); err != nil {
			return false, err
		}
	}
	return len(seqs) == batch, nil
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
