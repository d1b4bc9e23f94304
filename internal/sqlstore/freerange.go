package sqlstore

import "github.com/platenhq/platen"

// freeRangesKept is how many free ranges an entityWriter remembers: one for the
// sequence, and some for a source whose own identifiers alternate between
// ranges.
const freeRangesKept = 8

// A freeRange is a range of unused identifiers, and the row before it. It stays
// valid because the transaction holds the structure lock; it saves one query
// for each identifier that a source gives.
type freeRange struct {
	platen.IDRange
	before row
}

// entityAtOrBelow returns the last row of entity that begins at or below id: the
// one that holds id, if any does. If there is none its Last is 0.
func (w *entityWriter) entityAtOrBelow(id platen.ID) (row, error) {
	for i, free := range w.freeRanges {
		if free.First <= id && id <= free.Last {
			copy(w.freeRanges[1:], w.freeRanges[:i]) // the one that was used last comes first
			w.freeRanges[0] = free
			return free.before, nil
		}
	}
	found, err := selectRow(w.t.ctx, w.t.stmt(selectEntity), id)
	if found.importing && w.hidden && (found.root == w.root || found.root == -w.stage) {
		found.hidden, found.importing = false, false // this import made it
	}
	if err != nil || found.Last >= id {
		return found, err
	}
	var above platen.ID
	if err := w.t.stmt(selectAbove).QueryRowContext(w.t.ctx, int64(id)).Scan(&above); err != nil {
		return found, err
	}
	w.remember(freeRange{platen.IDRange{First: found.Last + 1, Last: above - 1}, found})
	return found, nil
}

// remember adds a free range, in place of the one that was not used for the
// longest time if there are too many.
func (w *entityWriter) remember(free freeRange) {
	if len(w.freeRanges) < freeRangesKept {
		w.freeRanges = append(w.freeRanges, freeRange{})
	}
	copy(w.freeRanges[1:], w.freeRanges)
	w.freeRanges[0] = free
}

// use takes a new row out of the free range that it is in. The part above the
// row keeps the place of the range, since sources go on upwards.
func (w *entityWriter) use(created row) {
	for i, free := range w.freeRanges {
		if created.Last < free.First || free.Last < created.First {
			continue
		}
		w.freeRanges[i] = freeRange{platen.IDRange{First: created.Last + 1, Last: free.Last}, created}
		if free.First < created.First && len(w.freeRanges) < freeRangesKept {
			w.freeRanges = append(w.freeRanges, freeRange{platen.IDRange{First: free.First, Last: created.First - 1}, free.before})
		}
		return
	}
}
