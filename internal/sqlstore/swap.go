package sqlstore

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/changelog"
	"github.com/platenhq/platen/internal/listcache"
)

// A swap puts lists in the place of others, if these are still what they were: all
// or none. It is worked out before its transaction, which only compares and writes.
type swap struct {
	entries []swapEntry
	bytes   int               // of all lists
	change  platen.ChangeType // that it makes
	reverts int64             // the change that it reverts, 0 for none
	part    *bulkPart         // of an update in parts; nil: it is of none

	index int         // of the change that it makes, in its block
	made  int64       // that change, 0 if nothing is logged
	stale []platen.ID // errSwap: the entities whose lists are others
}

// A swapEntry is one list of a swap.
type swapEntry struct {
	key           listcache.Key
	kind          platen.Kind
	before, after platen.List
	spans         []changelog.Span // what differs; none: the list is only compared
}

// errSwap says that a list is no longer what it was.
var errSwap = errors.New("a list was changed meanwhile")

// swapCost is what a list costs a transaction besides its bytes, in bytes.
const swapCost = 256

// size returns the cost of the swap.
func (s *swap) size() int { return s.bytes + swapCost*len(s.entries) }

// applySwap writes the lists of a swap.
func (g *lists) applySwap(s *swap) (refused, err error) {
	s.index, s.stale = g.index, nil
	if err := g.readSwap(s); err != nil {
		return nil, err
	}
	for i := range s.entries {
		e := &s.entries[i]
		same := false
		if g.now[e.key].Kind == e.kind {
			if same, err = g.same(e.key, e.before); err != nil {
				return nil, err
			}
		}
		if n := len(s.stale); !same && (n == 0 || s.stale[n-1] != e.key.ID) {
			s.stale = append(s.stale, e.key.ID)
		}
	}
	if len(s.stale) > 0 {
		return errSwap, nil
	}
	if s.part != nil {
		if refused, err := g.t.recordPart(s); refused != nil || err != nil {
			return refused, err
		}
		g.recorded = true
	}
	for i := range s.entries {
		e := &s.entries[i]
		if len(e.spans) == 0 {
			continue
		}
		if err := g.record(e.key, e.spans); err != nil {
			return nil, err
		}
		g.set(e.key, e.kind, e.after)
	}
	return nil, nil
}

// readSwap reads the lists that are neither in g nor cached, many together.
func (g *lists) readSwap(s *swap) error {
	var missing [len(facets)][]int64
	for i := range s.entries {
		key := s.entries[i].key
		if _, ok := g.now[key]; ok {
			continue
		}
		if now, _ := g.t.store.cache.Get(key); now.List != nil {
			g.now[key] = now
			continue
		}
		missing[key.Facet] = append(missing[key.Facet], int64(key.ID))
	}
	for facet, ids := range missing {
		for some := range slices.Chunk(ids, readTogether) {
			rows, err := g.t.stmt(selectListsOf[facet]).QueryContext(g.t.ctx, g.t.store.engine.Dialect.IDs(some))
			err = eachList(rows, err, func(id platen.ID, now listcache.Entry) error {
				g.now[listcache.Key{ID: id, Facet: platen.Facet(facet)}] = now
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// same reports whether a list is just that.
func (g *lists) same(key listcache.Key, list platen.List) (bool, error) {
	if large, ok := g.large[key]; ok && g.merged[key] == nil {
		return large.bytes == len(list) && large.digest == sha256.Sum256(list), nil
	}
	now, err := g.whole(key)
	return bytes.Equal(now, list), err
}
