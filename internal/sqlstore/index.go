package sqlstore

import (
	"cmp"
	"crypto/sha256"
	"database/sql"
	"errors"
	"slices"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/search"
)

// Searches read the values in the table find_value, and long ones in find_long,
// not the lists. How the index follows the lists: refresh.go.

// namesKept is how many ids of names a transaction remembers.
const namesKept = 4096

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
