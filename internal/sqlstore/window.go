package sqlstore

import (
	"sort"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/block"
)

// A window is some members of a set, ascending, with a bit for each ID that
// says whether others use it.
type window struct {
	runs    []platen.IDRange
	parents []platen.ID // of runs
	starts  []int64     // the bit of the first ID of each of runs
	size    int64       // IDs
	bits    []uint64
	last    platen.ID // First of the last row that was read; 0: none was
}

func (w *window) add(one row) {
	w.runs, w.parents, w.starts = append(w.runs, one.IDRange), append(w.parents, one.parent), append(w.starts, w.size)
	w.size += one.Len()
}

// mark marks the members of the window that are in a run.
func (w *window) mark(run platen.IDRange) {
	i := sort.Search(len(w.runs), func(i int) bool { return w.runs[i].Last >= run.First })
	for ; i < len(w.runs) && w.runs[i].First <= run.Last; i++ {
		from := w.starts[i] + int64(max(run.First, w.runs[i].First)-w.runs[i].First)
		to := w.starts[i] + int64(min(run.Last, w.runs[i].Last)-w.runs[i].First)
		for bit := from; bit <= to; bit++ {
			w.bits[bit>>6] |= 1 << (bit & 63)
		}
	}
}

// parts returns the marked parts of run i, the last part first.
func (w *window) parts(i int) []platen.IDRange {
	var parts []platen.IDRange
	run := w.runs[i]
	for id := run.Last; id >= run.First; id-- {
		bit := w.starts[i] + int64(id-run.First)
		if w.bits[bit>>6]>>(bit&63)&1 == 0 {
			continue
		}
		if n := len(parts); n > 0 && parts[n-1].First == id+1 {
			parts[n-1].First = id
			continue
		}
		parts = append(parts, platen.IDRange{First: id, Last: id})
	}
	return parts
}

// spans yields ranges of IDs that cover all runs. Runs that are further apart than
// distance are in different ranges.
func (w *window) spans(distance platen.ID, yield func(platen.IDRange) error) error {
	for i := 0; i < len(w.runs); {
		span := w.runs[i]
		for i++; i < len(w.runs) && w.runs[i].First-span.Last <= distance; i++ {
			span.Last = w.runs[i].Last
		}
		if err := yield(span); err != nil {
			return err
		}
	}
	return nil
}

// usedItems marks the content items that are in blocks of jobs that are not
// deleted. Each block is read once.
func (d *deletion) usedItems(w *window) error {
	if len(w.runs) == 0 {
		return nil
	}
	all := platen.IDRange{First: w.runs[0].First, Last: w.runs[len(w.runs)-1].Last}
	if err := d.usedIn(w, 1, 0, all); err != nil {
		return err
	}
	return w.spans(block.Narrow, func(span platen.IDRange) error { return d.usedIn(w, 0, span.First-block.Narrow, span) })
}

// usedIn reads the blocks that begin at or after an ID and overlap a span.
func (d *deletion) usedIn(w *window, wide int, from platen.ID, span platen.IDRange) error {
	type usedBlock struct {
		first, last, job, seq int64
		pairs                 []byte
	}
	var contents []platen.Content
	at := usedBlock{first: int64(from), last: -1, job: -1, seq: -1}
	for {
		rows, err := d.s.on(selectUsedBlocks).QueryContext(d.ctx, wide, int64(span.Last), int64(span.First), at.first, at.last, at.job, at.seq)
		blocks, err := collect(rows, err, func(from scanner) (b usedBlock, err error) {
			return b, from.Scan(&b.first, &b.last, &b.job, &b.seq, &b.pairs)
		})
		if err != nil || len(blocks) == 0 {
			return err
		}
		for _, at = range blocks {
			if contents, err = block.AppendContents(contents[:0], at.pairs); err != nil {
				return err
			}
			run := platen.IDRange{First: 1}
			for _, content := range contents {
				if content.Item == run.Last+1 {
					run.Last = content.Item
					continue
				}
				w.mark(run)
				run = platen.IDRange{First: content.Item, Last: content.Item}
			}
			w.mark(run)
		}
	}
}

// usedRecords marks the data records of content items that are not deleted.
func (d *deletion) usedRecords(w *window) error {
	return w.spans(longestItemRun, func(span platen.IDRange) error {
		for after := int64(span.First) - longestItemRun - 1; ; {
			rows, err := d.s.on(selectUsedRecords).QueryContext(d.ctx, after, int64(span.Last), int64(span.First), pageRows)
			used, err := collect(rows, err, func(from scanner) (run platen.IDRange, err error) {
				err = from.Scan(&run.First, &run.Last)
				return run, err
			})
			if err != nil {
				return err
			}
			for _, run := range used {
				after = int64(run.First)
				w.mark(run)
			}
			if len(used) < pageRows {
				return nil
			}
		}
	})
}
