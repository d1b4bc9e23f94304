package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/changelog"
	"github.com/platenhq/platen/internal/listcache"
	"github.com/platenhq/platen/internal/storage"
)

// An update of many entities is worked out without a transaction: the entities are
// found a chunk at a time, their lists are read, and then the rule is tested once
// more, so that it holds for the lists that were read or for later ones. The
// transaction is a [swap]: it compares the lists with those that were read, and
// writes the new ones. If some are others, only those are worked out anew.
const (
	bulkChunk = 1000 // entities that are read together, and are a part
	bulkPage  = 10 * bulkChunk
	bulkTries = 8
	bulkFree  = 1 << 20 // bytes of lists: who holds more waits until no other does
)

// A bulk works out an update.
type bulk struct {
	s      *Store
	ctx    context.Context
	asked  *platen.BulkUpdate
	permit func(platen.KindSet) error // nil: it has been asked, or need not be

	preview bool              // nothing is changed
	release func()            // see hold
	facets  []platen.Facet    // those that are read
	places  map[platen.ID]int // of asked.Entities
	kinds   platen.KindSet    // that permit was asked about
	lookup  schemas
	checked map[*platen.Table][]platen.NameValue // asked.Set of fields, as the types of a table have them
}

func (s *Store) newBulk(ctx context.Context, asked *platen.BulkUpdate, permit func(platen.KindSet) error) *bulk {
	b := &bulk{s: s, ctx: ctx, asked: asked, permit: permit, release: func() {}, lookup: s.schemas(ctx, false), checked: make(map[*platen.Table][]platen.NameValue)}
	var read [len(facets)]bool
	ofRule(&asked.Rule, func(facet platen.Facet) {
		if slices.Contains(facetsOf(asked.Kind), facet) {
			read[facet] = true
		}
	})
	if asked.Entities != nil {
		b.places = make(map[platen.ID]int, len(asked.Entities))
	}
	for i := range asked.Entities {
		b.places[asked.Entities[i].ID] = i
		for facet, match := range asked.Entities[i].Match {
			read[facet] = read[facet] || match != nil
		}
	}
	for _, facet := range facets {
		if read[facet] || asked.Changes(facet) {
			b.facets = append(b.facets, facet)
		}
	}
	return b
}

// ofRule calls see with the facets of what a rule compares.
func ofRule(rule *platen.Rule, see func(platen.Facet)) {
	if rule.Type == platen.Text {
		see(rule.Facet)
	}
	for i := range rule.Rules {
		ofRule(&rule.Rules[i], see)
	}
}

// chunks yields the entities a chunk at a time, with about how many there are.
func (b *bulk) chunks(yield func(ids []platen.ID, total int64) error) error {
	if len(b.facets) == 0 {
		return platen.Errorf(platen.Invalid, "there is nothing to change")
	}
	if b.asked.Entities != nil {
		for some := range slices.Chunk(b.asked.Entities, bulkChunk) {
			ids := make([]platen.ID, len(some))
			for i := range some {
				ids[i] = some[i].ID
			}
			if err := yield(ids, int64(len(b.asked.Entities))); err != nil {
				return err
			}
		}
		return nil
	}
	listing := platen.Listing{Kind: b.asked.Kind, Rule: b.asked.Rule, Size: bulkPage}
	for {
		page, err := b.s.ListPage(b.ctx, &listing)
		if err != nil {
			return err
		}
		ids := make([]platen.ID, len(page.Entities))
		for i, e := range page.Entities {
			ids[i] = e.ID
		}
		if len(ids) > 0 {
			if err := yield(ids, page.Total); err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		listing.After = page.Next
	}
}

// A bulkEntity is what an update does to one entity: entries of a [swap].
type bulkEntity struct {
	ref     platen.Ref
	entries []swapEntry
	bytes   int
}

// changes reports whether some list becomes another.
func (e *bulkEntity) changes() bool {
	return slices.ContainsFunc(e.entries, func(one swapEntry) bool { return len(one.spans) > 0 })
}

// read works out what the update does to some entities.
func (b *bulk) read(ids []platen.ID) ([]bulkEntity, error) {
	var lists [len(facets)]map[platen.ID]listcache.Entry
	var tables map[platen.ID]*platen.Table
	for _, facet := range b.facets {
		var err error
		if lists[facet], err = b.lists(facet, ids); err != nil {
			return nil, err
		}
	}
	kinds := lists[b.facets[0]]
	if err := b.check(ids, kinds); err != nil {
		return nil, err
	}
	holds, err := b.holds(ids)
	if err != nil {
		return nil, err
	}
	var records []platen.Update
	var there []platen.ID
	for _, id := range ids {
		if kinds[id].Kind == 0 || holds != nil && !holds[id] {
			continue
		}
		there = append(there, id)
		if len(b.asked.Set[platen.Fields]) > 0 {
			records = append(records, platen.Update{ID: id})
		}
	}
	if len(records) > 0 {
		tables = make(map[platen.ID]*platen.Table)
		if err := b.s.fieldTables(&b.lookup, tables, records); err != nil {
			return nil, err
		}
	}
	read := make([]bulkEntity, 0, len(there))
	for _, id := range there {
		e := bulkEntity{ref: platen.Ref{Kind: kinds[id].Kind, ID: id}}
		for _, facet := range b.facets {
			now := lists[facet][id]
			if now.Kind != e.ref.Kind {
				now.List = platen.EmptyList // it is being removed just now, as the transaction will see
			}
			if err := b.add(&e, facet, now.List, tables[id]); err != nil {
				return nil, b.failed(e.ref, err)
			}
		}
		read = append(read, e)
	}
	return read, b.ctx.Err()
}

// each works out what the update does to entities, so many at a time as have lists
// of pageBytes, or one.
func (b *bulk) each(ids []platen.ID, yield func([]bulkEntity) error) error {
	sizes := bulkReader{s: b.s, ctx: b.ctx}
	for _, facet := range b.facets {
		sizes.parts.Lists[facet] = true
	}
	for len(ids) > 0 {
		n, err := sizes.few(ids[:min(len(ids), bulkChunk)])
		if err != nil {
			return err
		}
		read, err := b.read(ids[:n])
		if err != nil {
			return err
		}
		if err := yield(read); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// lists reads the lists of some entities from the database or the cache.
func (b *bulk) lists(facet platen.Facet, ids []platen.ID) (map[platen.ID]listcache.Entry, error) {
	all := make(map[platen.ID]listcache.Entry, len(ids))
	for some := range slices.Chunk(ids, readTogether) {
		read, err := b.s.readLists(b.ctx, facet, some, !b.preview, func(platen.List) error { return nil })
		if err != nil {
			return nil, err
		}
		maps.Copy(all, read)
	}
	return all, nil
}

// check checks entities that were named: that they are there, may be changed by the
// caller, and have the lists.
func (b *bulk) check(ids []platen.ID, now map[platen.ID]listcache.Entry) error {
	if b.asked.Entities == nil {
		return nil
	}
	var kinds platen.KindSet
	for _, id := range ids {
		kind := now[id].Kind
		if kind == 0 {
			err := platen.Errorf(platen.NotFound, "at /entities/%d: entity %d not found", b.places[id], id)
			err.Param = id.String()
			return err
		}
		kinds |= platen.KindsOf(kind)
	}
	if b.permit != nil && kinds&^b.kinds != 0 {
		b.kinds |= kinds
		if err := b.permit(kinds); err != nil {
			return err
		}
	}
	for _, id := range ids {
		kind := now[id].Kind
		for _, facet := range b.facets {
			named := b.asked.Changes(facet) || b.asked.Entities[b.places[id]].Match[facet] != nil
			if named && !slices.Contains(facetsOf(kind), facet) {
				return b.failed(platen.Ref{Kind: kind, ID: id}, platen.Errorf(platen.Invalid, "a %s has no %s", kind, facet))
			}
		}
	}
	return nil
}

// failed says which entity an error is about.
func (b *bulk) failed(ref platen.Ref, err error) error {
	shown, ok := errors.AsType[*platen.Error](err)
	if !ok {
		return err
	}
	about := *shown
	about.Message = fmt.Sprintf("%s %d: %s", ref.Kind, ref.ID, shown.Message)
	if b.asked.Entities != nil {
		about.Message = fmt.Sprintf("at /entities/%d: %s", b.places[ref.ID], about.Message)
	}
	about.Param = ref.ID.String()
	return &about
}

// holds returns for which of some entities the rule holds after their lists were
// read; nil: there is no rule.
func (b *bulk) holds(ids []platen.ID) (holds map[platen.ID]bool, err error) {
	if b.asked.Entities != nil {
		return nil, nil
	}
	find := func(pending bool) (err error) {
		holds, err = b.holdsIn(ids, pending)
		return err
	}
	if indexed, of := usesIndex(b.asked.Rule, platen.ListingOrder{}); indexed {
		err = b.s.indexed(b.ctx, b.asked.Kind, of, find)
	} else {
		err = find(false)
	}
	return holds, err
}

func (b *bulk) holdsIn(ids []platen.ID, pending bool) (_ map[platen.ID]bool, err error) {
	plan, err := b.s.plan(b.ctx, &platen.Search{Kind: b.asked.Kind, Rule: b.asked.Rule}, pending)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, plan.end()) }()
	if err := plan.decide(b.ctx); err != nil {
		return nil, err
	}
	l := lister{plan: plan, walk: walk{s: b.s, ctx: b.ctx, kind: b.asked.Kind, indexReader: plan.indexReader}}
	found := make([]platen.Position, len(ids))
	for i, id := range ids {
		found[i] = platen.Position{ID: id}
	}
	return l.holds(found)
}

// add works out one list of an entity.
func (b *bulk) add(e *bulkEntity, facet platen.Facet, now platen.List, table *platen.Table) error {
	one := swapEntry{key: listcache.Key{ID: e.ref.ID, Facet: facet}, kind: e.ref.Kind, before: now, after: now}
	if b.asked.Entities != nil {
		switch match := b.asked.Entities[b.places[e.ref.ID]].Match[facet]; {
		case match != nil:
			if tag := platen.TagOf(now); !match.Has(tag) {
				err := platen.ChangedError(e.ref, facet.String(), tag)
				err.Message = fmt.Sprintf("its %s have the tag %s now, which is not that of the update; read them again", facet, tag)
				return err
			}
		case !b.asked.Changes(facet):
			return nil
		}
	}
	if b.asked.Changes(facet) {
		var err error
		if one.after, err = b.after(facet, now, table); err != nil {
			return err
		}
		one.spans = changelog.Diff(now, one.after)
	}
	e.entries = append(e.entries, one)
	if e.bytes += len(now); len(one.spans) > 0 {
		e.bytes += len(one.after)
	}
	return nil
}

// after returns a list as the update leaves it.
func (b *bulk) after(facet platen.Facet, now platen.List, table *platen.Table) (platen.List, error) {
	pairs, err := now.Decode()
	if err != nil {
		return nil, err
	}
	names := len(pairs)
	if pairs, err = b.apply(facet, pairs, table); err != nil {
		return nil, err
	}
	list := platen.EncodeList(pairs)
	if bytes.Equal(list, now) {
		return now, nil
	}
	return list, platen.CheckGrowth(names, len(now), len(pairs), len(list))
}

// apply changes pairs. Fields get the form of their types.
func (b *bulk) apply(facet platen.Facet, pairs []platen.NameValue, table *platen.Table) ([]platen.NameValue, error) {
	if facet != platen.Fields || table == nil || len(table.Columns) == 0 || len(b.asked.Set[facet]) == 0 {
		return b.asked.Apply(facet, pairs), nil
	}
	set, ok := b.checked[table]
	if !ok {
		set = slices.Clone(b.asked.Set[facet])
		if err := table.Check(set); err != nil {
			return nil, err
		}
		b.checked[table] = set
	}
	of := *b.asked
	of.Set[facet] = set
	return of.Apply(facet, pairs), nil
}

// UpdateBulk implements [storage.BulkUpdater].
func (s *Store) UpdateBulk(ctx context.Context, asked *platen.BulkUpdate, permit func(platen.KindSet) error) (result platen.BulkResult, err error) {
	ctx, done := s.observe(ctx, "update_bulk")
	defer func() { done(err) }()
	b := s.newBulk(ctx, asked, permit)
	defer func() { b.release() }()
	ids, err := b.all()
	if err == nil {
		all, size := make([]bulkEntity, 0, len(ids)), 0
		err = b.each(ids, func(some []bulkEntity) (err error) {
			before := size
			for i := range some {
				size += some[i].bytes
			}
			switch {
			case size > platen.MaxBulkBytes:
				return &storage.LargeError{Entities: int64(len(ids))}
			case before <= bulkFree && size > bulkFree:
				if err = b.hold(); err != nil {
					return err
				}
			}
			all = append(all, some...)
			return nil
		})
		if err == nil {
			result, err = b.commit(all, nil)
		}
	}
	return result, s.error("update", err)
}

// hold waits until no other update holds much. It ends with release.
func (b *bulk) hold() error {
	release, err := take(b.ctx, b.s.bulks)
	if err == nil {
		b.release = release
	}
	return err
}

// all returns the entities, if they are not too many for one transaction.
func (b *bulk) all() (ids []platen.ID, err error) {
	err = b.chunks(func(some []platen.ID, total int64) error {
		if ids = append(ids, some...); len(ids) > platen.MaxBulkIDs {
			return &storage.LargeError{Entities: max(total, int64(len(ids)))}
		}
		return nil
	})
	return ids, err
}

// commit makes the changes of some entities in one transaction. They are worked out
// anew if their lists are changed by others.
func (b *bulk) commit(all []bulkEntity, part *bulkPart) (result platen.BulkResult, err error) {
	for range bulkTries {
		result = platen.BulkResult{Matched: int64(len(all))}
		work := swap{change: platen.Updated, part: part}
		for i := range all {
			work.entries = append(work.entries, all[i].entries...)
			work.bytes += all[i].bytes
			if all[i].changes() {
				result.Changed++
			}
		}
		if len(work.entries) == 0 {
			return result, nil
		}
		slices.SortFunc(work.entries, func(x, y swapEntry) int { return x.key.Compare(y.key) })
		if part != nil {
			part.result = result
		}
		err := b.s.committer.Do(b.ctx, write{swap: &work, origin: storage.OriginOf(b.ctx)})
		if err == nil && result.Changed > 0 && work.made != 0 {
			result.Changes = []int64{work.made}
		}
		if !errors.Is(err, errSwap) {
			return result, err
		}
		if all, err = b.again(all, work.stale); err != nil {
			return result, err
		}
	}
	return result, platen.Errorf(platen.Unavailable, "the lists were changed by others all the while; send it again")
}

// again works out anew what the update does to some of the entities.
func (b *bulk) again(all []bulkEntity, stale []platen.ID) ([]bulkEntity, error) {
	slices.Sort(stale) // of which an entity with several lists may be more than one
	stale = slices.Compact(stale)
	dropped := make(map[platen.ID]bool, len(stale))
	for _, id := range stale {
		dropped[id] = true
	}
	all = slices.DeleteFunc(all, func(e bulkEntity) bool { return dropped[e.ref.ID] })
	err := b.each(stale, func(some []bulkEntity) error {
		all = append(all, some...)
		return nil
	})
	return all, err
}

// PreviewBulk implements [storage.BulkUpdater].
func (s *Store) PreviewBulk(ctx context.Context, asked *platen.BulkUpdate, permit func(platen.KindSet) error, most int) (result platen.BulkResult, previews []platen.BulkPreview, err error) {
	ctx, done := s.observe(ctx, "preview_bulk")
	defer func() { done(err) }()
	b := s.newBulk(ctx, asked, permit)
	b.preview = true
	size := 0
	err = b.chunks(func(ids []platen.ID, _ int64) error {
		return b.each(ids, func(some []bulkEntity) error {
			for i := range some {
				result.Matched++
				if !some[i].changes() {
					continue
				}
				if result.Changed++; len(previews) < most && size < shownBytes {
					previews = append(previews, some[i].preview())
					size += some[i].bytes
				}
			}
			return nil
		})
	})
	return result, previews, s.error("preview update", err)
}

func (e *bulkEntity) preview() platen.BulkPreview {
	p := platen.BulkPreview{Ref: e.ref}
	for _, one := range e.entries {
		if len(one.spans) > 0 {
			p.Before[one.key.Facet], p.After[one.key.Facet] = one.before, one.after
		}
	}
	return p
}
