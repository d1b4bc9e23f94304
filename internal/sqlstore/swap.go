package sqlstore

import (
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
	all, err := g.readSwap(s)
	if err != nil {
		return nil, err
	}
	for i, l := range all {
		e := &s.entries[i]
		same := false
		if l != nil && l.Kind == e.kind {
			if same, err = l.is(e.before); err != nil {
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
	for i, l := range all {
		e := &s.entries[i]
		if len(e.spans) == 0 {
			continue
		}
		if err := l.record(e.spans); err != nil {
			return nil, err
		}
		l.set(e.after)
	}
	return nil, nil
}

// readSwap returns the lists of a swap as the writes before left them, nil for an entity
// that is gone. It reads those that are neither known nor cached, many together.
func (g *lists) readSwap(s *swap) ([]*groupList, error) {
	all := make([]*groupList, len(s.entries))
	var missing [len(facets)][]int64
	for i := range s.entries {
		key := s.entries[i].key
		if all[i] = g.cached(key); all[i] == nil {
			missing[key.Facet] = append(missing[key.Facet], int64(key.ID))
		}
	}
	for facet, ids := range missing {
		for some := range slices.Chunk(ids, readTogether) {
			if err := g.read(platen.Facet(facet), some, func(platen.List) error { return nil }); err != nil {
				return nil, err
			}
		}
	}
	for i := range all {
		if all[i] == nil {
			all[i] = g.known[s.entries[i].key]
		}
	}
	return all, nil
}
