package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/block"
	"github.com/platenhq/platen/internal/transfer"
)

// eachUsed yields the content items of a run that jobs have in their blocks, some
// more than once, and returns how many blocks it has read for that.
func (t *transaction) eachUsed(run platen.IDRange, yield func(platen.ID)) (read int, err error) {
	rows, err := t.stmt(selectBlocksWith).QueryContext(t.ctx, int64(run.First), int64(run.Last))
	blocks, err := collect(rows, err, func(from scanner) (pairs []byte, err error) {
		return pairs, from.Scan(&pairs)
	})
	if err != nil {
		return 0, err
	}
	var contents []platen.Content
	for _, pairs := range blocks {
		if contents, err = block.AppendContents(contents[:0], pairs); err != nil {
			return 0, err
		}
		for _, content := range contents {
			if run.First <= content.Item && content.Item <= run.Last {
				yield(content.Item)
			}
		}
	}
	return len(blocks), nil
}

// runsFromEnd returns ids as runs, the last one first.
func runsFromEnd(ids []platen.ID) []platen.IDRange {
	slices.Sort(ids)
	var runs []platen.IDRange
	for _, id := range slices.Backward(slices.Compact(ids)) {
		if n := len(runs); n > 0 && runs[n-1].First == id+1 {
			runs[n-1].First = id
			continue
		}
		runs = append(runs, platen.IDRange{First: id, Last: id})
	}
	return runs
}

// usedRecords returns the data records of a run that belong to content items,
// deleted ones too, the last run first.
func (t *transaction) usedRecords(run platen.IDRange) ([]platen.IDRange, error) {
	items, err := t.rows(selectItemsWith, int64(run.First-longestItemRun), int64(run.Last), int64(run.First))
	if err != nil {
		return nil, err
	}
	var used []platen.IDRange
	for _, item := range items {
		records := item.records()
		used = append(used, platen.IDRange{First: max(run.First, records.First), Last: min(run.Last, records.Last)})
	}
	return joinFromEnd(used), nil
}

// joinFromEnd sorts runs, the last one first, and joins those that touch.
func joinFromEnd(runs []platen.IDRange) []platen.IDRange {
	slices.SortFunc(runs, func(a, b platen.IDRange) int { return int(b.Last - a.Last) })
	joined := runs[:0]
	for _, run := range runs {
		if n := len(joined); n > 0 && joined[n-1].First <= run.Last+1 {
			joined[n-1].First = min(joined[n-1].First, run.First)
			continue
		}
		joined = append(joined, run)
	}
	return joined
}

// The cost of one batch of the clean-up. Its unit is the removal of an entity in
// a run.
const (
	cleanCost = 4096
	blockCost = 64 // of reading a block of contents
	runCost   = 8  // of removing a run, at least
	aloneCost = 2  // of removing a row of one entity together with others
)

// Clean implements [storage.Maintenance].
func (s *Store) Clean(ctx context.Context, before time.Time) (more bool, err error) {
	ctx, done := s.observe(ctx, "clean")
	defer func() { done(err) }()
	if err := s.finishOwn(ctx); err != nil {
		return false, s.error("clean up", err)
	}
	if mine, err := s.tryLease(ctx, "clean"); err != nil || !mine {
		return false, s.error("clean up", err)
	}
	if err := s.finishLeft(ctx); err != nil {
		return false, s.error("clean up", err)
	}
	more, err = s.cleanBatch(ctx, false, selectDeleted, before.Unix())
	for _, next := range []func(context.Context) (bool, error){s.sweepBatch, s.prune} {
		if err == nil && !more {
			more, err = next(ctx)
		}
	}
	if err == nil && !more && s.engine.Compact != nil {
		err = s.update(func(t *transaction) (err error) {
			more, err = s.engine.Compact(t.ctx, t.conn())
			return err
		})
	}
	return more && err == nil, s.error("clean up", err)
}

// cleanBatch removes a batch of the set that a query finds. more: there is one.
// imported: it is what an import has left, which nothing else refers to.
func (s *Store) cleanBatch(ctx context.Context, imported bool, next *query, args ...any) (more bool, err error) {
	return s.changeIndexed(ctx, func(t *transaction) (bool, error) {
		var set platen.ID
		if err := t.stmt(next).QueryRowContext(t.ctx, args...).Scan(&set); err != nil {
			return false, ignoreNoRows(err)
		}
		return true, errors.Join(t.exec(updateBegun, int64(set)), t.clean(set, imported), t.removeFreed())
	})
}

// sweepBatch removes a batch of unused rows, see [transaction.sweep].
func (s *Store) sweepBatch(ctx context.Context) (more bool, err error) {
	return s.changeIndexed(ctx, (*transaction).sweep)
}

// changeIndexed runs fn while nobody changes the index or begins to write lists.
func (s *Store) changeIndexed(ctx context.Context, fn func(*transaction) (bool, error)) (more bool, err error) {
	if err := s.writers.waitForGroups(ctx); err != nil {
		return false, err
	}
	s.catchingUp.Add(1)
	release, err := s.writers.blockFlush(ctx)
	s.catchingUp.Add(-1)
	if err != nil {
		return false, err
	}
	defer release()
	err = s.changeSoon(ctx, func(t *transaction) (err error) {
		if err := s.writers.lockIndex(t); err != nil {
			return err
		}
		more, err = fn(t)
		return err
	})
	return more && err == nil, err
}

// clean removes a batch of the entities of a deleted set, and with the last batch
// the set.
func (t *transaction) clean(set platen.ID, imported bool) error {
	for _, some := range []func(platen.ID) (bool, error){t.cleanCounts, t.cleanDetached} {
		if more, err := some(set); err != nil || more {
			return err
		}
	}
	for left := int64(cleanCost); left > 0; {
		rows, err := t.rows(selectRootSome, int64(set))
		if err != nil {
			return err
		}
		var alone []row // rows of one entity
		last := len(rows) == 0
		for _, one := range rows {
			if left <= 0 {
				break
			}
			switch {
			case one.kind == platen.Job:
				err = t.cleanJobs(one, &left, imported)
			case one.Len() == 1:
				alone = append(alone, one)
				left -= aloneCost
			default:
				err = t.removeSome(one, one.Last, &left)
			}
			if err != nil {
				return err
			}
			last = one.First == set // the set itself is the last of its rows
		}
		if err := t.removeAll(alone); err != nil {
			return err
		}
		if last {
			return t.removeSet(set)
		}
	}
	return nil
}

// removeAll removes rows of one entity each, whose set is removed as well.
func (t *transaction) removeAll(rows []row) error {
	if len(rows) == 0 {
		return nil
	}
	ids := make([]int64, len(rows))
	for i, one := range rows {
		ids[i] = int64(one.First)
		if one.kind == platen.ContentItem && one.root > 0 {
			t.freed = append(t.freed, one.records())
		}
	}
	among := t.store.engine.Dialect.IDs(ids)
	for _, q := range removeAmong {
		if err := t.exec(q, among); err != nil {
			return err
		}
	}
	return nil
}

// removeSet removes what is left of a set, all of whose entities were removed.
// From here on its identifier can be used again, so all that goes by it has to
// be removed, too.
func (t *transaction) removeSet(set platen.ID) error {
	t.store.sweep = sweep{due: true}
	for _, q := range []*query{deleteContentSet, deleteSchema, deleteSetFacts, deleteChangeSet, deleteUndeleted, deleteDeleted} {
		if err := t.exec(q, int64(set)); err != nil {
			return err
		}
	}
	return nil
}

// removeSome removes the entities of a row up to last, as many as left allows.
func (t *transaction) removeSome(from row, last platen.ID, left *int64) error {
	run := platen.IDRange{First: from.First, Last: min(last, from.First+platen.ID(*left)-1)}
	*left -= max(run.Len(), runCost)
	return t.remove(from, run)
}

// cleanJobs removes the jobs of a row in their order, each after its blocks.
func (t *transaction) cleanJobs(jobs row, left *int64, imported bool) error {
	for *left > 0 && jobs.First <= jobs.Last {
		var job, seq int64
		var pairs, pages []byte
		err := t.stmt(selectFirstBlock).QueryRowContext(t.ctx, int64(jobs.First), int64(jobs.Last)).Scan(&job, &seq, &pairs, &pages)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return t.removeSome(jobs, jobs.Last, left)
		case err != nil:
			return err
		case platen.ID(job) > jobs.First:
			if err := t.removeSome(jobs, platen.ID(job)-1, left); err != nil || *left <= 0 {
				return err
			}
			jobs = jobs.part(platen.IDRange{First: platen.ID(job), Last: jobs.Last})
		}
		if imported {
			// What the import made is removed already. A content set that was
			// deleted meanwhile may have left items for the import.
			pages = nil
			if free, err := t.hasFreeItems(pairs); err != nil {
				return err
			} else if !free {
				pairs = nil
			}
		}
		if err := t.cleanBlock(platen.ID(job), seq, pairs, pages, left); err != nil {
			return err
		}
	}
	return nil
}

// hasFreeItems reports whether there may be content items of a block that belong
// to nothing.
func (t *transaction) hasFreeItems(pairs []byte) (free bool, err error) {
	contents, err := block.AppendContents(nil, pairs)
	if err != nil || len(contents) == 0 {
		return false, err
	}
	span := spanOf(contents)
	err = t.stmt(selectFreeItem).QueryRowContext(t.ctx, int64(span.First-longestItemRun), int64(span.Last)).Scan(&free)
	return free, err
}

// spanOf returns the range from the smallest content item to the largest one.
func spanOf(contents []platen.Content) platen.IDRange {
	span := platen.IDRange{First: contents[0].Item, Last: contents[0].Item}
	for _, content := range contents {
		span.First, span.Last = min(span.First, content.Item), max(span.Last, content.Item)
	}
	return span
}

// cleanBlock removes a block, or a part of one, with the content items and pages
// that are in no other block.
func (t *transaction) cleanBlock(job platen.ID, seq int64, pairs, pages []byte, left *int64) error {
	*left -= blockCost
	if err := t.exec(deleteBlock, int64(job), seq); err != nil {
		return err
	}
	contents, err := block.AppendContents(nil, pairs)
	if err != nil {
		return err
	}
	if err := t.cleanPages(pairs, pages); err != nil {
		return err
	}
	kept, err := t.cleanItems(contents, left)
	if err != nil || len(kept) == 0 {
		return err
	}
	rest := block.Pack(job, seq, kept)
	return t.insertBlock(&rest)
}

// cleanItems removes the content items of a removed block that belong to nothing
// and are in no other block. It returns the items that are left for the next
// batch.
func (t *transaction) cleanItems(contents []platen.Content, left *int64) ([]platen.Content, error) {
	if len(contents) == 0 {
		return nil, nil
	}
	mine := make(block.IDSet)
	for _, content := range contents {
		mine.Add(content.Item)
	}
	used := make(block.IDSet)
	_, err := t.eachUsed(spanOf(contents), func(item platen.ID) {
		if mine.Has(item) {
			used.Add(item)
		}
	})
	if err != nil {
		return nil, err
	}
	var free []platen.ID
	for _, content := range contents {
		if !used.Has(content.Item) {
			free = append(free, content.Item)
		}
	}
	runs := runsFromEnd(free)
	for len(runs) > 0 && *left > 0 {
		if err := t.removeFree(platen.ContentItem, runs[0]); err != nil {
			return nil, err
		}
		runs = runs[1:]
		*left -= runCost
	}
	if len(runs) == 0 {
		return nil, nil
	}
	last := runs[0].Last
	return slices.DeleteFunc(contents, func(content platen.Content) bool {
		return content.Item > last || used.Has(content.Item)
	}), nil
}

// cleanPages removes the pages of a block that have an identifier.
func (t *transaction) cleanPages(pairs, pages []byte) error {
	return block.EachPage(pairs, pages, func(page transfer.Page) error {
		if page.ID == 0 {
			return nil
		}
		return t.removeFree(platen.DocumentPage, platen.IDRange{First: page.ID, Last: page.ID})
	})
}

// without returns the rest of a run without parts of it. Both are in descending
// order.
func without(run platen.IDRange, parts []platen.IDRange) []platen.IDRange {
	var left []platen.IDRange
	for _, part := range parts {
		if part.Last < run.Last {
			left = append(left, platen.IDRange{First: part.Last + 1, Last: run.Last})
		}
		run.Last = part.First - 1
	}
	if run.First <= run.Last {
		left = append(left, run)
	}
	return left
}

// removeFree removes the entities of a kind in a run that belong to nothing, but for
// those that were taken out of a set that can come back.
func (t *transaction) removeFree(kind platen.Kind, run platen.IDRange) error {
	for run.First <= run.Last {
		have, err := selectRow(t.ctx, t.stmt(selectEntity), run.Last)
		if err != nil || have.Last < run.First {
			return err
		}
		part := platen.IDRange{First: max(run.First, have.First), Last: min(run.Last, have.Last)}
		if have.kind == kind && have.belongsToNothing() {
			left, err := t.leave(have.First)
			if err == nil && !left {
				err = t.remove(have, part)
			}
			if err != nil {
				return err
			}
		}
		run.Last = part.First - 1
	}
	return nil
}

// remove removes a part of a row of entities, with their lists. With data records
// that belong to nothing it removes the records nested in them. The data records
// of content items are left to removeFreed.
func (t *transaction) remove(from row, part platen.IDRange) error {
	if from.root == 0 {
		t.removed = append(t.removed, part) // what is in a set, or was left by an import, is hidden, and so is not in the cache
	}
	for _, f := range facets {
		if err := t.exec(deleteLists[f], int64(part.First), int64(part.Last)); err != nil {
			return err
		}
	}
	if err := t.removeValues(part); err != nil {
		return err
	}
	if err := t.cut(from, part); err != nil {
		return err
	}
	if hasFacts(from.kind) {
		if err := t.exec(deleteUpdatedBetween, int64(part.First), int64(part.Last)); err != nil {
			return err
		}
	}
	switch from.kind {
	case platen.Document:
		return t.exec(deleteChangedBetween, int64(part.First), int64(part.Last))
	case platen.ContentItem:
		t.freed = append(t.freed, from.part(part).records())
	case platen.DataRecord:
		if from.set() != 0 {
			return nil // nested records have the same root, so clean finds them
		}
		nested, err := t.rows(selectNestedFree, int64(part.First), int64(part.Last), int64(from.root))
		if err != nil {
			return err
		}
		for _, one := range nested {
			if err := t.removeNested(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeNested removes a row of data records that are nested in removed ones. Those that
// content items use stay, and are nested in nothing from now on.
func (t *transaction) removeNested(from row) error {
	used, err := t.usedRecords(from.IDRange)
	if err != nil {
		return err
	}
	used = clip(used, from.IDRange)
	for _, free := range without(from.IDRange, used) {
		if err := t.remove(from, free); err != nil {
			return err
		}
		from.Last = free.First - 1 // the rest behind it is a row of its own
	}
	for _, kept := range used {
		from.IDRange, from.parent, from.ord = kept, -1, 0
		if err := errors.Join(t.exec(deleteEntity, int64(kept.First)), t.insertRow(from)); err != nil {
			return err
		}
	}
	return nil
}

// removeFreed removes the data records of removed content items, if they belong
// to nothing and no other content item has them. One query serves a span of
// neighbouring runs.
func (t *transaction) removeFreed() error {
	freed := joinFromEnd(t.freed)
	for len(freed) > 0 {
		n := 1
		for n < len(freed) && freed[n-1].First-freed[n].Last < longestItemRun {
			n++
		}
		used, err := t.usedRecords(platen.IDRange{First: freed[n-1].First, Last: freed[0].Last})
		if err != nil {
			return err
		}
		for _, run := range freed[:n] {
			for _, free := range without(run, clip(used, run)) {
				if err := t.removeFree(platen.DataRecord, free); err != nil {
					return err
				}
			}
		}
		freed = freed[n:]
	}
	t.freed = nil
	return nil
}

// clip returns the parts of runs that are in within. Runs are in descending
// order.
func clip(runs []platen.IDRange, within platen.IDRange) []platen.IDRange {
	start, _ := slices.BinarySearchFunc(runs, within.Last, func(run platen.IDRange, last platen.ID) int {
		return cmp.Compare(last, run.First) // the first that begins at or below
	})
	var clipped []platen.IDRange
	for _, run := range runs[start:] {
		if run.Last < within.First {
			break
		}
		clipped = append(clipped, platen.IDRange{First: max(run.First, within.First), Last: min(run.Last, within.Last)})
	}
	return clipped
}
