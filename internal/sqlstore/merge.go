package sqlstore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"slices"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/changelog"
	"github.com/platenhq/platen/internal/listcache"
	"github.com/platenhq/platen/internal/storage"
)

// A merge into large lists is prepared by its caller, who reads the lists and
// encodes the new ones; the committer writes them if the stored lists have not
// changed since. The committer computes small merges itself, and merges whose
// lists change again and again.
const (
	insideBytes  = 512 << 10 // of lists and changes that one group computes
	insideIDs    = 64        // of a merge that a group may compute
	mergeTries   = 8         // of preparing a merge; then its group computes the lists that have changed since
	mergeAtOnce  = 1         // merges are prepared; others wait, since each may hold MaxUpdateBytes twice, and a processor
	mergeTurns   = 1024      // turns at lists; those of many entities share one
	readTogether = 256       // lists are asked for in one statement
)

var errTooManyIDs = platen.Errorf(platen.TooLarge, "the update names more than %d entities; split it", platen.MaxUpdateIDs)

// errPrepare says that a merge is too much for the committer.
var errPrepare = errors.New("the merge must be prepared first")

// A merge is one update of many lists.
type merge struct {
	kind    platen.Kind
	facet   platen.Facet
	entries []mergeEntry
	changes int  // bytes of all changes
	after   int  // bytes of all lists that are prepared
	last    bool // it is not prepared again
}

// A mergeEntry is what changes in one list.
type mergeEntry struct {
	id      platen.ID
	changes []platen.NameValue // each name once
	match   *platen.Match      // see [platen.Update]

	before, after platen.List // of a merge that is prepared; nil: not known
	spans         []changelog.Span
	digest        [sha256.Size]byte
}

// newMerge collects what changes in each list, in the order of the updates.
// TooLarge: it names too many entities.
func newMerge(kind platen.Kind, facet platen.Facet, updates []platen.Update) (*merge, error) {
	m := &merge{kind: kind, facet: facet, entries: make([]mergeEntry, 0, min(len(updates), platen.MaxUpdateIDs))}
	var places map[platen.ID]int
	if len(updates) > 1 {
		places = make(map[platen.ID]int, cap(m.entries))
	}
	for _, update := range updates {
		place, ok := places[update.ID]
		if !ok {
			if place = len(m.entries); place == platen.MaxUpdateIDs {
				return nil, errTooManyIDs
			}
			if places != nil {
				places[update.ID] = place
			}
			m.entries = append(m.entries, mergeEntry{id: update.ID, match: update.Match})
		} else if update.Match != nil {
			return nil, platen.Errorf(platen.Invalid, "%s %d is named more than once, and not the first time only with tags of its list; name it once", kind, update.ID)
		}
		entry := &m.entries[place]
		if entry.changes == nil {
			entry.changes = slices.Clip(update.Pairs)
		} else {
			entry.changes = append(entry.changes, update.Pairs...)
		}
	}
	for i := range m.entries {
		entry := &m.entries[i]
		entry.changes = lastOfEach(entry.changes)
		for _, change := range entry.changes {
			m.changes += len(change.Name) + len(change.Value)
		}
	}
	return m, nil
}

// lastOfEach returns changes with each name once.
func lastOfEach(changes []platen.NameValue) []platen.NameValue {
	const few = 16
	twice := len(changes) > few
	for i := 0; i < len(changes) && !twice; i++ {
		for j := range i {
			twice = twice || changes[i].Name == changes[j].Name
		}
	}
	if !twice {
		return changes
	}
	return platen.MergeList(nil, changes)
}

// merge writes m. Unavailable: other writers change its lists again and again.
func (s *Store) merge(ctx context.Context, m *merge) error {
	if m.changes <= insideBytes && len(m.entries) <= insideIDs {
		if err := s.commitMerge(ctx, m); err != errPrepare {
			return err
		}
	}
	release, err := s.mergeTurn(ctx, m)
	if err != nil {
		return err
	}
	defer release()
	for tries := 1; ; tries++ {
		if err := s.prepareMerge(ctx, m); err != nil {
			return err
		}
		m.last = tries == mergeTries
		if err := s.commitMerge(ctx, m); err != errPrepare {
			return err
		}
	}
}

// mergeTurn waits until this process prepares no other merge of the same lists,
// and fewer than mergeAtOnce of other lists.
func (s *Store) mergeTurn(ctx context.Context, m *merge) (release func(), err error) {
	var turns []int
	for _, entry := range m.entries {
		turns = append(turns, int(entry.id%mergeTurns))
	}
	slices.Sort(turns) // all take them in this order, so none waits in a circle
	var taken []chan struct{}
	release = func() {
		for _, turn := range taken {
			<-turn
		}
	}
	take := func(turn chan struct{}) error {
		select {
		case turn <- struct{}{}:
			taken = append(taken, turn)
			return nil
		case <-ctx.Done():
			release()
			return ctx.Err()
		}
	}
	for _, turn := range slices.Compact(turns) {
		if err := take(s.mergeTurns[turn]); err != nil {
			return nil, err
		}
	}
	return release, take(s.merging)
}

func (s *Store) commitMerge(ctx context.Context, m *merge) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.committer.Do(ctx, write{kind: m.kind, facet: m.facet, merge: m, origin: storage.OriginOf(ctx)})
}

// prepareMerge reads the lists of m, and encodes the new ones where the list has
// changed since the last call. TooLarge: they are too much for one
// transaction.
func (s *Store) prepareMerge(ctx context.Context, m *merge) error {
	total := 0
	m.after = 0
	for some := range slices.Chunk(m.entries, readTogether) {
		ids := make([]platen.ID, len(some))
		for i := range some {
			ids[i] = some[i].id
		}
		read := 0
		lists, err := s.readLists(ctx, m.facet, ids, true, func(list platen.List) error {
			read += len(list)
			return checkMerged(total + read)
		})
		if err != nil {
			return err
		}
		for i := range some {
			entry := &some[i]
			now := lists[entry.id]
			if now.Kind != m.kind {
				return platen.NotFoundError(platen.Ref{Kind: m.kind, ID: entry.id})
			}
			if err := errors.Join(ctx.Err(), entry.prepare(m.kind, now.List, s.engine.ManyWriters != nil)); err != nil {
				return err
			}
			m.after += len(entry.after)
			total += max(len(now.List), len(entry.after))
			if err := checkMerged(total); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkMerged(bytes int) error {
	if bytes > platen.MaxUpdateBytes {
		return platen.Errorf(platen.TooLarge, "the lists that the update names are over %d bytes together; split it", platen.MaxUpdateBytes)
	}
	return nil
}

// prepare encodes the new list. digest: it also hashes a large old list, since
// the group may have only its hash to compare with.
func (e *mergeEntry) prepare(kind platen.Kind, list platen.List, digest bool) error {
	if len(e.changes) == 0 || e.after != nil && bytes.Equal(e.before, list) {
		return nil
	}
	merged, err := mergeInto(list)
	if err != nil {
		return err
	}
	if err := merged.check(kind, e); err != nil {
		return err
	}
	e.spans = merged.spans(e.changes)
	merged.set(e.changes)
	e.before, e.after = list, platen.EncodeList(merged.pairs)
	if digest && len(list) > largeBytes {
		e.digest = sha256.Sum256(list)
	}
	return nil
}

// readLists returns the lists of the entities that exist among ids. keep: they go into
// the cache, for the transaction that is to change them. It calls check with each list
// from the database, before it reads the next.
func (s *Store) readLists(ctx context.Context, facet platen.Facet, ids []platen.ID, keep bool, check func(platen.List) error) (map[platen.ID]listcache.Entry, error) {
	found := make(map[platen.ID]listcache.Entry, len(ids))
	var missing []int64
	epochs := make(map[platen.ID]uint64)
	for _, id := range ids {
		now, epoch := s.cache.Get(listcache.Key{ID: id, Facet: facet})
		if now.List != nil {
			found[id] = now
			continue
		}
		missing = append(missing, int64(id))
		if keep {
			epochs[id] = epoch
		}
	}
	if len(missing) == 0 {
		return found, nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return found, s.retry(func() error {
		rows, err := s.on(selectListsOf[facet]).QueryContext(ctx, s.engine.Dialect.IDs(missing))
		return eachList(rows, err, func(id platen.ID, now listcache.Entry) error {
			found[id] = now
			if keep {
				s.cache.Fill(listcache.Key{ID: id, Facet: facet}, now, epochs[id])
			}
			return check(now.List)
		})
	})
}

// eachList yields what a query of selectListsOf finds.
func eachList(rows *sql.Rows, err error, yield func(platen.ID, listcache.Entry) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id platen.ID
		found := listcache.Entry{List: platen.EmptyList}
		var list []byte
		if err := rows.Scan(&id, &found.Kind, &list, &found.Set, &found.Change); err != nil {
			return err
		}
		if list != nil {
			found.List = list
		}
		if err := yield(id, found); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A mergedList is a list that is merged into.
type mergedList struct {
	pairs   []platen.NameValue
	places  map[string]int // in pairs, by name
	bytes   int            // encoded
	after   int            // encoded, once the entry that was checked last is set
	changed bool           // since mergeInto
	scratch []byte
}

func mergeInto(list platen.List) (*mergedList, error) {
	pairs, err := list.Decode()
	if err != nil {
		return nil, err
	}
	m := &mergedList{pairs: pairs, places: make(map[string]int, len(pairs)), bytes: len(list)}
	for i := range pairs {
		m.places[pairs[i].Name] = i
	}
	return m, nil
}

// encoded returns the length of a text in a list.
func (m *mergedList) encoded(text string) int {
	m.scratch = platen.AppendString(m.scratch[:0], text)
	return len(m.scratch)
}

// grown returns how many names and bytes the list has with changes.
func (m *mergedList) grown(changes []platen.NameValue) (names, bytes int) {
	names, bytes = len(m.pairs), m.bytes
	for _, change := range changes {
		bytes += m.encoded(change.Value)
		if place, ok := m.places[change.Name]; ok {
			bytes -= m.encoded(m.pairs[place].Value)
			continue
		}
		if bytes += len(`{"name":,"value":}`) + m.encoded(change.Name); names > 0 {
			bytes++ // the comma
		}
		names++
	}
	return names, bytes
}

// check returns Invalid if an entry would make the list too large. If not, set
// may follow.
func (m *mergedList) check(kind platen.Kind, e *mergeEntry) error {
	names, bytes := m.grown(e.changes)
	m.after = bytes
	err := platen.CheckGrowth(len(m.pairs), m.bytes, names, bytes)
	if err == nil {
		return nil
	}
	refused := platen.Errorf(platen.Invalid, "%s %d: %v", kind, e.id, err)
	refused.Param = e.id.String()
	return refused
}

// spans returns what set would change; none: nothing.
func (m *mergedList) spans(changes []platen.NameValue) (spans []changelog.Span) {
	type place struct{ at, n int }
	var changed []place
	var added []byte
	for n, change := range changes {
		switch at, ok := m.places[change.Name]; {
		case !ok:
			if len(added) > 0 {
				added = append(added, ',')
			}
			added = changelog.Element(added, change)
		case m.pairs[at].Value != change.Value:
			changed = append(changed, place{at, n})
		}
	}
	slices.SortFunc(changed, func(a, b place) int { return a.at - b.at })
	next := 0
	for _, one := range changed {
		spans = append(spans, changelog.Span{
			Skip:   one.at - next,
			Before: changelog.Element(nil, m.pairs[one.at]), After: changelog.Element(nil, changes[one.n]),
		})
		next = one.at + 1
	}
	if len(added) > 0 {
		spans = append(spans, changelog.Span{Skip: len(m.pairs) - next, After: added})
	}
	return spans
}

// set sets the names of changes that were checked.
func (m *mergedList) set(changes []platen.NameValue) {
	m.bytes = m.after
	for _, change := range changes {
		if place, ok := m.places[change.Name]; ok {
			m.pairs[place].Value = change.Value
			continue
		}
		m.places[change.Name] = len(m.pairs)
		m.pairs = append(m.pairs, change)
	}
	m.changed = true
}

// applyMerge computes one merge. It changes nothing if the merge is refused.
func (g *lists) applyMerge(m *merge) (refused, err error) {
	if err := g.readMerge(m); err == errPrepare {
		return err, nil
	} else if err != nil {
		return nil, err
	}
	all := make([]*groupList, len(m.entries))
	inside := make([]bool, len(m.entries)) // it is computed here
	worked, many := g.worked, false
	for i := range m.entries {
		entry := &m.entries[i]
		l := g.known[listcache.Key{ID: entry.id, Facet: m.facet}]
		if l == nil || l.Kind != m.kind {
			return platen.NotFoundError(platen.Ref{Kind: m.kind, ID: entry.id}), nil
		}
		if err := l.checkMatch(m.kind, entry.match); err != nil {
			return err, nil
		}
		all[i] = l
		if len(entry.changes) == 0 || l.prepared(entry) {
			continue
		}
		if inside[i], many = true, true; l.merged == nil {
			worked += l.bytes()
		}
	}
	if many {
		switch worked += m.changes; {
		case !m.last && worked > insideBytes:
			return errPrepare, nil
		case m.last && worked-g.worked-m.changes > platen.MaxListBytes:
			return platen.Errorf(platen.Unavailable, "the lists were changed by others all the while; send the update again"), nil
		}
	}
	for i, l := range all {
		if !inside[i] {
			continue
		}
		if err := l.open(); err != nil {
			return nil, err
		}
		if refused := l.merged.check(m.kind, &m.entries[i]); refused != nil {
			return refused, nil
		}
	}
	g.worked = worked
	for i, l := range all {
		entry := &m.entries[i]
		spans := entry.spans
		switch {
		case len(entry.changes) == 0:
			continue
		case inside[i]:
			if spans = l.merged.spans(entry.changes); len(spans) > 0 {
				l.merged.set(entry.changes)
				l.change()
			}
		case len(spans) > 0:
			l.set(entry.after)
		}
		if err := l.record(spans); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// prepared reports whether an entry was prepared from the list as it is.
func (l *groupList) prepared(e *mergeEntry) bool {
	switch {
	case e.after == nil || l.isMerged():
		return false
	case l.large != nil:
		return l.large.bytes == len(e.before) && l.large.digest == e.digest
	}
	return bytes.Equal(l.List, e.before)
}

// open makes the list ready to be merged into.
func (l *groupList) open() error {
	if l.merged != nil {
		return nil
	}
	list, err := l.stored()
	if err == nil {
		l.merged, err = mergeInto(list)
	}
	return err
}

// readMerge reads the lists of a merge that are neither known nor cached. For a merge
// that is not prepared it stops with errPrepare at insideBytes.
func (g *lists) readMerge(m *merge) error {
	var missing []int64
	for i := range m.entries {
		if id := m.entries[i].id; g.cached(listcache.Key{ID: id, Facet: m.facet}) == nil {
			missing = append(missing, int64(id))
		}
	}
	read := 0
	for some := range slices.Chunk(missing, readTogether) {
		err := g.read(m.facet, some, func(list platen.List) error {
			if read += len(list); read > insideBytes && m.after == 0 {
				return errPrepare
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
