package sqlstore

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"database/sql"
	"errors"
	"slices"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/listcache"
	"github.com/platenhq/platen/internal/search"
)

// Searches read the values in the table find_value, and long ones in find_long,
// not the lists. An import writes all; for lists that change see refresh.go.
const (
	addedMost = 100_000 // values that are inserted together
	namesKept = 4096    // ids of names that a transaction remembers
)

// searched reports whether searches look at a list.
func searched(kind platen.Kind, facet platen.Facet) bool {
	return platen.DataSet <= kind && kind <= platen.Job && facet != platen.Metadata
}

// nameKey returns a name as the index has it.
func nameKey(name string) string {
	if len(name) <= nameBytes {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:nameBytes] + string(sum[:])
}

// A searchName is a name in the index.
type searchName struct {
	kind  platen.Kind
	facet platen.Facet
	name  string // its nameKey
}

func (n searchName) compare(other searchName) int {
	return cmp.Or(cmp.Compare(n.kind, other.kind), cmp.Compare(n.facet, other.facet), cmp.Compare(n.name, other.name))
}

// An indexed is a value as the index has it.
type indexed struct {
	head, digest []byte // as of search.IndexKey
	long         string // the value, if it is longer than head
}

func newIndexed(value string) indexed {
	head, digest := search.IndexKey(value)
	v := indexed{head: head, digest: digest}
	if len(digest) > 0 {
		v.long = value
	}
	return v
}

// insertValue adds a value to the index.
func (t *transaction) insertValue(nameID int64, id platen.ID, v *indexed) error {
	if err := t.exec(insertValue, nameID, v.head, int64(id), v.digest); err != nil || len(v.digest) == 0 {
		return err
	}
	return t.exec(insertLong, nameID, int64(id), []byte(v.long))
}

// deleteValue removes a value from the index.
func (t *transaction) deleteValue(nameID int64, id platen.ID, v *indexed) error {
	if err := t.exec(deleteValue, nameID, v.head, int64(id)); err != nil || len(v.digest) == 0 {
		return err
	}
	return t.exec(deleteLong, nameID, int64(id))
}

// removeValues removes the values of entities from the index.
func (t *transaction) removeValues(of platen.IDRange) error {
	removed, err := t.stmt(deleteValues).ExecContext(t.ctx, int64(of.First), int64(of.Last))
	if err != nil {
		return err
	}
	if n, err := removed.RowsAffected(); err != nil || n == 0 {
		return err // no long ones either
	}
	return t.exec(deleteLongs, int64(of.First), int64(of.Last))
}

// An indexer changes the index, in one transaction.
type indexer struct {
	t     *transaction
	names map[searchName]int64 // ids of names
	added []newValue
	bytes int // of values in added
}

// A newValue is not yet in the database.
type newValue struct {
	name searchName
	id   platen.ID
	indexed

	nameID int64
}

// nameID returns the id of a name, which it adds if need be.
func (x *indexer) nameID(name searchName) (int64, error) {
	if id, ok := x.names[name]; ok {
		return id, nil
	}
	var id int64
	args := []any{int64(name.kind), int64(name.facet), []byte(name.name)}
	err := x.t.stmt(selectNameID).QueryRowContext(x.t.ctx, args...).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		err = x.t.stmt(insertName).QueryRowContext(x.t.ctx, args...).Scan(&id)
	}
	if err != nil {
		return 0, err
	}
	x.remember(name, id)
	return id, nil
}

func (x *indexer) remember(name searchName, id int64) {
	if x.names == nil {
		x.names = make(map[searchName]int64)
	}
	x.names[name] = id
}

// resolve finds or adds the ids of names, if that is better done for many at
// once than for each by nameID.
func (x *indexer) resolve(names []searchName) error {
	if len(x.names) > namesKept {
		clear(x.names)
	}
	names = slices.DeleteFunc(names, func(name searchName) bool { return x.names[name] != 0 })
	slices.SortFunc(names, searchName.compare)
	return x.t.store.writers.addNames(x, slices.Compact(names))
}

// add keeps the values of a list of a new entity for flush.
func (x *indexer) add(kind platen.Kind, id platen.ID, facet platen.Facet, list platen.List) error {
	if !searched(kind, facet) {
		return nil
	}
	pairs, err := list.Decode()
	if err != nil {
		return err
	}
	for _, pair := range pairs {
		x.added = append(x.added, newValue{name: searchName{kind, facet, nameKey(pair.Name)}, id: id, indexed: newIndexed(pair.Value)})
		x.bytes += len(pair.Name) + len(pair.Value)
	}
	if len(x.added) < addedMost && x.bytes < 8<<20 {
		return nil
	}
	return x.flush()
}

// flush inserts the values that were added, in the order of the index, so that
// each page of the index is changed once.
func (x *indexer) flush() error {
	if len(x.added) == 0 {
		return nil
	}
	names := make([]searchName, 0, len(x.added))
	for i := range x.added {
		if name := x.added[i].name; x.names[name] == 0 {
			names = append(names, name)
		}
	}
	if err := x.resolve(names); err != nil {
		return err
	}
	for i := range x.added {
		var err error
		if x.added[i].nameID, err = x.nameID(x.added[i].name); err != nil {
			return err
		}
	}
	slices.SortFunc(x.added, func(a, b newValue) int {
		return cmp.Or(cmp.Compare(a.nameID, b.nameID), bytes.Compare(a.head, b.head), cmp.Compare(a.id, b.id))
	})
	for i := range x.added {
		v := &x.added[i]
		if err := x.t.insertValue(v.nameID, v.id, &v.indexed); err != nil {
			return err
		}
	}
	clear(x.added)
	x.added, x.bytes = x.added[:0], 0
	return nil
}

// markDirty adds the entity of a list that changes to find_stale.
func (t *transaction) markDirty(kind platen.Kind, key listcache.Key) error {
	if !searched(kind, key.Facet) || t.store.writers.isDirty(key.ID) {
		return nil
	}
	return t.exec(insertDirty, int64(key.ID), int64(kind))
}
