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
		err = x.t.stmt(insertName).QueryRowContext(x.t.ctx, args...).Scan(&id)
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

// refresh makes the index agree with the lists of an entity.
func (x *indexer) refresh(id platen.ID, kind platen.Kind) error {
	want := make(map[int64]indexed)
	for _, facet := range []platen.Facet{platen.Properties, platen.Fields} {
		if facet == platen.Fields && kind != platen.DataRecord {
			continue
		}
		found, err := x.t.store.selectList(x.t.ctx, x.t.stmt(selectList[facet]), id)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		pairs, err := found.list.Decode()
		if err != nil {
			return err
		}
		for _, pair := range pairs {
			name, err := x.nameID(searchName{kind, facet, pair.Name})
			if err != nil {
				return err
			}
			head, rest := splitValue(pair.Value)
			want[name] = indexed{head, rest}
		}
	}
	type row struct {
		name int64
		indexed
	}
	rows, err := x.t.stmt(selectValues).QueryContext(x.t.ctx, int64(id))
	have, err := collect(rows, err, func(from interface{ Scan(...any) error }) (r row, err error) {
		return r, from.Scan(&r.name, &r.head, &r.rest)
	})
	if err != nil {
		return err
	}
	for _, r := range have {
		if now, ok := want[r.name]; ok && bytes.Equal(now.head, r.head) && bytes.Equal(now.rest, r.rest) {
			delete(want, r.name)
			continue
		}
		if err := x.t.exec(deleteValue, r.name, r.head, int64(id)); err != nil {
			return err
		}
	}
	for name, value := range want {
		if err := x.t.exec(insertValue, name, value.head, int64(id), value.rest); err != nil {
			return err
		}
	}
	return nil
}

// flushStale works off what was noted up to now.
func (s *Store) flushStale(ctx context.Context) error {
	var last int64
	if err := s.read[selectStaleLast].QueryRowContext(ctx).Scan(&last); err != nil || last == 0 {
		return err
	}
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := s.update(func(t *transaction) (err error) {
			more, err = t.refreshSome(last)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// refreshSome works off a batch of what was noted, up to last.
func (t *transaction) refreshSome(last int64) (more bool, err error) {
	type note struct{ seq, id, kind int64 }
	rows, err := t.stmt(selectStale).QueryContext(t.ctx, last, staleBatch)
	notes, err := collect(rows, err, func(from interface{ Scan(...any) error }) (n note, err error) {
		return n, from.Scan(&n.seq, &n.id, &n.kind)
	})
	if err != nil {
		return false, err
	}
	clear(t.store.stale) // if the commit fails, that only costs a statement
	x := indexer{t: t}
	for _, n := range notes {
		if err := x.refresh(platen.ID(n.id), platen.Kind(n.kind)); err != nil {
			return false, err
		}
		if err := t.exec(deleteStale, n.seq); err != nil {
			return false, err
		}
	}
	return len(notes) == staleBatch, nil
}

// index works off what is noted from time to time, so that no search finds
// much of it. An error is no harm; the next one does it.
func (s *Store) index() {
	defer close(s.indexed)
	ticker := time.NewTicker(indexEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop.Done():
			return
		case <-ticker.C:
			_ = s.flushStale(s.stop)
		}
	}
}
