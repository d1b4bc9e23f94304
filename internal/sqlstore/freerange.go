package sqlstore

import "github.com/platenhq/platen"

// gapsKept is how many gaps a builder knows at once: one for the sequence, and
// some for what a source interleaves.
const gapsKept = 8

// A gap is neighbouring identifiers that are all free, and the row below them.
// Nobody else creates entities meanwhile, so what was free stays so until the
// builder takes it. Thus a source with identifiers here and there costs no
// look at the database for each.
type gap struct {
	platen.Run
	below row
}

// below returns the last run that begins at or below id: the one that holds
// id, if any does. With none its Last is 0.
func (b *builder) below(id platen.ID) (row, error) {
	for i, g := range b.gaps {
		if g.First <= id && id <= g.Last {
			copy(b.gaps[1:], b.gaps[:i]) // what was of use last comes first
			b.gaps[0] = g
			return g.below, nil
		}
	}
	found, err := selectRow(b.t.ctx, b.t.stmt(selectEntity), id)
	if err != nil || found.Last >= id {
		return found, err
	}
	var above platen.ID
	if err := b.t.stmt(selectAbove).QueryRowContext(b.t.ctx, int64(id)).Scan(&above); err != nil {
		return found, err
	}
	b.keep(gap{platen.Run{First: found.Last + 1, Last: above - 1}, found})
	return found, nil
}

// keep remembers a gap, instead of the one that was of no use for longest.
func (b *builder) keep(g gap) {
	if len(b.gaps) < gapsKept {
		b.gaps = append(b.gaps, gap{})
	}
	copy(b.gaps[1:], b.gaps)
	b.gaps[0] = g
}

// take takes identifiers out of the gap that they are in. Of what is left the
// part above is the one that sources go on in.
func (b *builder) take(taken row) {
	for i, g := range b.gaps {
		if taken.Last < g.First || g.Last < taken.First {
			continue
		}
		b.gaps[i] = gap{platen.Run{First: taken.Last + 1, Last: g.Last}, taken}
		if g.First < taken.First && len(b.gaps) < gapsKept {
			b.gaps = append(b.gaps, gap{platen.Run{First: g.First, Last: taken.First - 1}, g.below})
		}
		return
	}
}
