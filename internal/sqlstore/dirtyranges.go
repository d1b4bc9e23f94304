package sqlstore

import (
	"cmp"
	"slices"

	"github.com/platenhq/platen"
)

// An import marks the entities whose lists it writes as dirty, by ranges in the
// table find_range. A range may have entities that are not dirty, or none at all
// any more.
const (
	rangesKept    = 1024 // ranges that a transaction collects before it writes them
	rangesGrowing = 8    // ranges that may grow: entities of several levels take turns
	joinDistance  = 64   // identifiers between two ranges that are joined
)

// A dirtyRange is a row of find_range.
type dirtyRange struct {
	platen.IDRange
	seq  int64
	root platen.ID // the set that is imported, or 0
	late int       // see find_range.late
}

// dirtyRanges collects what an import marks in one transaction.
type dirtyRanges struct {
	t      *transaction
	ranges []dirtyRange
}

// add marks an entity in a set.
func (d *dirtyRanges) add(root, id platen.ID) error {
	for i := len(d.ranges) - 1; i >= max(0, len(d.ranges)-rangesGrowing); i-- {
		at := &d.ranges[i]
		if at.root == root && at.First <= id && id <= at.Last+joinDistance {
			at.Last = max(at.Last, id)
			return nil
		}
	}
	if len(d.ranges) >= rangesKept {
		d.join()
		if len(d.ranges) > rangesKept/2 {
			if err := d.flush(); err != nil {
				return err
			}
		}
	}
	d.ranges = append(d.ranges, dirtyRange{IDRange: platen.IDRange{First: id, Last: id}, root: root})
	return nil
}

// join joins ranges that are close to each other.
func (d *dirtyRanges) join() {
	slices.SortFunc(d.ranges, func(a, b dirtyRange) int {
		return cmp.Or(cmp.Compare(a.root, b.root), cmp.Compare(a.First, b.First))
	})
	joined := d.ranges[:0]
	for _, next := range d.ranges {
		if n := len(joined); n > 0 && joined[n-1].root == next.root && next.First <= joined[n-1].Last+joinDistance {
			joined[n-1].Last = max(joined[n-1].Last, next.Last)
			continue
		}
		joined = append(joined, next)
	}
	d.ranges = joined
}

// flush writes the ranges.
func (d *dirtyRanges) flush() error {
	d.join()
	for _, one := range d.ranges {
		if err := d.t.exec(insertRange, int64(one.First), int64(one.Last), int64(one.root), int64(0)); err != nil {
			return err
		}
	}
	d.ranges = d.ranges[:0]
	return nil
}
