package sqlstore

import (
	"bytes"
	"crypto/sha256"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/changelog"
	"github.com/platenhq/platen/internal/listcache"
)

// lists are the lists of a group of writes, as they will be.
type lists struct {
	t       *transaction
	known   map[listcache.Key]*groupList
	unused  []groupList  // room for the next ones
	changed []*groupList // in the order of their keys at the end
	worked  int          // bytes that were merged into
	at      int64        // when they are written, in microseconds since 1970
	index   int          // of the change under way in the log

	recorded bool // the outcome of an operation was written
}

// A groupList is one list, as the writes before left it. Its kind is 0 if there is no
// such entity.
type groupList struct {
	listcache.Entry
	g       *lists
	key     listcache.Key
	changed bool
	dirty   bool        // its entity has got a row in find_stale
	large   *largeList  // instead of List, if readGroup has read a hash only
	merged  *mergedList // what List becomes by encode, nil if nothing was merged into it
}

// A largeList is what a group knows of a list that it has not read.
type largeList struct {
	bytes  int
	digest [sha256.Size]byte
}

// newLists returns lists for a group that needs about so many.
func newLists(t *transaction, many int) *lists {
	return &lists{t: t, known: make(map[listcache.Key]*groupList, many), unused: make([]groupList, many)}
}

// add adds a list that was read.
func (g *lists) add(key listcache.Key, now listcache.Entry) *groupList {
	if len(g.unused) == 0 {
		g.unused = make([]groupList, max(len(g.known), 1))
	}
	l := &g.unused[0]
	g.unused = g.unused[1:]
	*l = groupList{Entry: now, g: g, key: key}
	g.known[key] = l
	return l
}

// cached returns a list that the group knows or the cache has, nil if neither.
func (g *lists) cached(key listcache.Key) *groupList {
	if l := g.known[key]; l != nil {
		return l
	}
	if now, _ := g.t.store.cache.Get(key); now.List != nil {
		return g.add(key, now)
	}
	return nil
}

// get returns a list, and reads it if it must.
func (g *lists) get(key listcache.Key) (*groupList, error) {
	if l := g.cached(key); l != nil {
		return l, nil
	}
	now, err := g.t.store.selectList(g.t.ctx, g.t.stmt(selectList[key.Facet]), key.ID)
	return g.add(key, now), ignoreNoRows(err)
}

// read reads many lists of entities that the group does not know. It calls check with
// each before it reads the next.
func (g *lists) read(facet platen.Facet, ids []int64, check func(platen.List) error) error {
	rows, err := g.t.stmt(selectListsOf[facet]).QueryContext(g.t.ctx, g.t.store.engine.Dialect.IDs(ids))
	return eachList(rows, err, func(id platen.ID, now listcache.Entry) error {
		g.add(listcache.Key{ID: id, Facet: facet}, now)
		return check(now.List)
	})
}

// set replaces the list.
func (l *groupList) set(list platen.List) {
	l.List, l.Tag, l.merged, l.large = list, nil, nil, nil
	l.change()
}

// change says that the list is to be written.
func (l *groupList) change() {
	if !l.changed {
		l.changed = true
		l.g.changed = append(l.g.changed, l)
	}
}

// record logs what a write does to the list, unless it is nothing.
func (l *groupList) record(spans []changelog.Span) error {
	log := l.g.t.log()
	switch {
	case len(spans) == 0:
		return nil
	case log == nil:
		l.Change = 0
		return nil
	}
	err := log.w.Add(&changelog.Entry{
		Facet: l.key.Facet, Ref: platen.Ref{Kind: l.Kind, ID: l.key.ID}, Set: max(l.Set, 0), Previous: l.Change, Spans: spans,
	})
	l.Change = changelog.Here(l.g.index)
	return err
}

// isMerged reports whether List lacks something that was merged into it.
func (l *groupList) isMerged() bool { return l.merged != nil && l.merged.changed }

// bytes returns the length of the list.
func (l *groupList) bytes() int {
	if l.large != nil {
		return l.large.bytes
	}
	return len(l.List)
}

// stored returns the list without what was merged into it. A large one is read.
func (l *groupList) stored() (platen.List, error) {
	if l.large == nil {
		return l.List, nil
	}
	t := l.g.t
	now, err := t.store.selectList(t.ctx, t.stmt(selectList[l.key.Facet]), l.key.ID)
	return now.List, err
}

// whole returns the list with what was merged into it.
func (l *groupList) whole() (platen.List, error) {
	if l.isMerged() {
		return platen.EncodeList(l.merged.pairs), nil
	}
	return l.stored()
}

// is reports whether the list is just that one.
func (l *groupList) is(list platen.List) (bool, error) {
	if l.large != nil && !l.isMerged() {
		return l.large.bytes == len(list) && l.large.digest == sha256.Sum256(list), nil
	}
	now, err := l.whole()
	return bytes.Equal(now, list), err
}

// tag returns the tag of the list.
func (l *groupList) tag() platen.Tag {
	switch {
	case l.isMerged():
		return platen.TagOf(platen.EncodeList(l.merged.pairs))
	case l.large != nil:
		return platen.Tag(l.large.digest[:len(platen.Tag{})])
	}
	return platen.TagOf(l.List)
}

// checkMatch returns Changed unless match, which may be nil, has the tag of the list.
func (l *groupList) checkMatch(kind platen.Kind, match *platen.Match) error {
	if match == nil {
		return nil
	}
	if now := l.tag(); !match.Has(now) {
		return platen.ChangedError(platen.Ref{Kind: kind, ID: l.key.ID}, l.key.Facet.String(), now)
	}
	return nil
}

// write writes the list, but not that its entity is dirty.
func (l *groupList) write() error {
	q, args := l.g.t.setList(l.key, l.List, l.Change)
	err := l.g.t.exec(q, args...)
	if err == nil {
		err = l.markChanged()
	}
	return err
}

// encode encodes what was merged into the list.
func (l *groupList) encode() {
	if l.isMerged() {
		l.List, l.Tag = platen.EncodeList(l.merged.pairs), nil
	}
}
