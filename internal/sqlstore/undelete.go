package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/block"
)

// A deleted set comes back by the removal of its row in deleted_set. Two things
// have to be seen to:
//
//   - What it uses of others must be there. A set that was deleted after it took
//     no account of it, so such a set has to come back first. The clean-up takes
//     sets in the order of their deletion, so what was deleted later is still
//     there.
//   - Members that others use were taken out of a data set or content set. The
//     table detached has their places. No clean-up of others removes them meanwhile,
//     also when these no longer use them: that of their own set does. They are put
//     back in short transactions, while the set is again one that is being deleted:
//     if that breaks off, the deletion is finished anew.

// Deleted implements [storage.Sets].
func (s *Store) Deleted(ctx context.Context, after platen.DeletedSet, most int) (_ []platen.DeletedSet, err error) {
	ctx, done := s.observe(ctx, "deleted")
	defer func() { done(err) }()
	var marked int64
	if after.ID != 0 {
		marked = after.Deleted.Unix()
	}
	rows, err := s.on(selectDeletedSets).QueryContext(ctx, marked, int64(after.ID), most)
	sets, err := collect(rows, err, func(from scanner) (set platen.DeletedSet, err error) {
		var marked, state, begun int64
		err = from.Scan(&set.ID, &set.Kind, &marked, &state, &begun, &set.By)
		set.Deleted, set.Final = time.Unix(marked, 0), begun != 0
		return set, err
	})
	return sets, s.error("list deleted sets", err)
}

// Undelete implements [storage.Sets].
func (s *Store) Undelete(ctx context.Context, id platen.ID) (_ platen.Ref, err error) {
	ctx, done := s.observe(ctx, "undelete")
	defer func() { done(err) }()
	ref, err := s.undelete(ctx, id)
	return ref, s.error("undelete", err)
}

// A deletedSet is a row of deleted_set.
type deletedSet struct {
	kind          platen.Kind
	marked, state int64
	begun         bool
}

func (s *Store) undelete(ctx context.Context, id platen.ID) (platen.Ref, error) {
	if _, here := s.deleting.LoadOrStore(id, true); here {
		return platen.Ref{}, platen.Errorf(platen.Unavailable, "%d is being deleted, or comes back just now: try again", id)
	}
	defer s.deleting.Delete(id)
	for {
		now, err := s.deletedSet(ctx, s.on(selectDeletedSet), id)
		if err != nil {
			return platen.Ref{}, err
		}
		ref := platen.Ref{Kind: now.kind, ID: id}
		known, err := s.needed(ctx, ref, now)
		if err != nil {
			return ref, err
		}
		err = s.changeSoon(ctx, func(t *transaction) error { return t.undelete(ref, now, known) })
		if errors.Is(err, errDeletedSince) {
			continue
		}
		if err != nil || ref.Kind == platen.JobSet {
			return ref, err
		}
		err = s.putBack(context.WithoutCancel(ctx), ref)
		if err != nil && platen.ErrorCode(err) != platen.Conflict {
			err = &platen.Error{Code: platen.Unavailable, Message: "it was interrupted, and the set stays deleted: try again", Err: s.error("undelete", err)}
		}
		return ref, err
	}
}

// deletedSet returns what became of a set that was deleted. NotFound: there is none of
// that ID. Conflict: it is not deleted, or can not come back.
func (s *Store) deletedSet(ctx context.Context, on statement, id platen.ID) (now deletedSet, err error) {
	err = ignoreNoRows(on.QueryRowContext(ctx, int64(id)).Scan(&now.kind, &now.marked, &now.state, &now.begun))
	switch {
	case err != nil:
		return now, err
	case now.kind == 0 || now.state == stateImporting || now.marked == 0:
		found, err := selectRow(ctx, s.on(selectEntity), id)
		if ref := (platen.Ref{Kind: found.kind, ID: id}); err == nil && found.shows(ref) {
			if found.First == found.root {
				return now, platen.Errorf(platen.Conflict, "%s %d is not deleted", found.kind, id).About(id.String())
			}
			return now, platen.Errorf(platen.Conflict, "%d is a %s: only sets are deleted, and come back, as a whole", id, found.kind).About(id.String())
		}
		if err == nil {
			err = platen.Errorf(platen.NotFound, "there is no deleted set %d; it was never there, or the clean-up has removed it", id).About(id.String())
		}
		return now, err
	case now.state == stateDeleting:
		return now, busyError(platen.Ref{Kind: now.kind, ID: id})
	case now.begun:
		return now, platen.Errorf(platen.Conflict, "%s %d can not come back: the clean-up has begun to remove it", now.kind, id).About(id.String())
	}
	return now, nil
}

func busyError(set platen.Ref) *platen.Error {
	return platen.Errorf(platen.Unavailable, "%s %d is being deleted, or comes back just now: try again", set.Kind, set.ID)
}

// others are sets, by ID, that were deleted after the one that comes back, and when.
type others map[platen.ID]int64

var errDeletedSince = errors.New("the set, or one that it may use, was deleted since it was looked at")

// needed returns the sets that were deleted since and have what the set may use.
// Conflict: it does use something of one.
func (s *Store) needed(ctx context.Context, ref platen.Ref, now deletedSet) (others, error) {
	if err := s.checkDetached(ctx, ref); err != nil {
		return nil, err
	}
	of := neededKind(ref.Kind)
	if of == 0 {
		return nil, nil
	}
	known, err := deletedSince(ctx, s.on(selectDeletedSince), of, now.marked)
	if err != nil || len(known) == 0 {
		return known, err
	}
	if ref.Kind == platen.ContentSet {
		return known, s.checkRecords(ctx, ref)
	}
	return known, s.checkItems(ctx, ref)
}

// neededKind returns the kind of sets whose members a set of some kind uses, 0 for
// none.
func neededKind(kind platen.Kind) platen.Kind {
	switch kind {
	case platen.JobSet:
		return platen.ContentSet
	case platen.ContentSet:
		return platen.DataSet
	}
	return 0
}

// deletedSince returns the sets of a kind that were deleted at a time or later.
func deletedSince(ctx context.Context, on statement, kind platen.Kind, marked int64) (others, error) {
	rows, err := on.QueryContext(ctx, int64(kind), marked)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make(others)
	for rows.Next() {
		var id platen.ID
		var at, state int64
		if err := rows.Scan(&id, &at, &state); err != nil {
			return nil, err
		}
		if state == stateDeleting {
			return nil, busyError(platen.Ref{Kind: kind, ID: id})
		}
		found[id] = at
	}
	return found, rows.Err()
}

// checkItems checks that the content items of the jobs of a set are there.
func (s *Store) checkItems(ctx context.Context, ref platen.Ref) error {
	jobs, err := s.children(ctx, ref.ID, platen.Job, nil)
	if err != nil {
		return err
	}
	var contents []platen.Content
	for _, run := range jobs {
		for job, seq := run.First, int64(-1); ; {
			rows, err := s.on(selectContentBlocks).QueryContext(ctx, int64(job), seq+1, int64(run.Last))
			blocks, err := collect(rows, err, func(from scanner) (b fetchedBlock, err error) {
				return b, from.Scan(&b.job, &b.seq, &b.pairs, &b.pages)
			})
			if err != nil {
				return err
			}
			for _, one := range blocks {
				job, seq = one.job, one.seq
				if contents, err = block.AppendContents(contents[:0], one.pairs); err != nil {
					return err
				}
				items := make([]platen.ID, len(contents))
				for i, content := range contents {
					items[i] = content.Item
				}
				if err := s.checkUsed(ctx, ref, platen.ContentItem, runsFromEnd(items)); err != nil {
					return err
				}
			}
			if len(blocks) < blockFetch {
				break
			}
		}
	}
	return nil
}

// checkRecords checks that the data records of the items of a content set are
// there.
func (s *Store) checkRecords(ctx context.Context, ref platen.Ref) error {
	return s.eachRow(ctx, ref.ID, platen.ContentItem, nil, func(page []row) error {
		var records []platen.IDRange
		for _, items := range page {
			if items.record != 0 {
				records = append(records, items.records())
			}
		}
		return s.checkUsed(ctx, ref, platen.DataRecord, records)
	})
}

// checkUsed checks that runs of entities that user uses are there. Each look-up is
// of the first entities of all runs.
func (s *Store) checkUsed(ctx context.Context, user platen.Ref, kind platen.Kind, runs []platen.IDRange) error {
	for len(runs) > 0 {
		firsts := make([]platen.ID, len(runs))
		for i, run := range runs {
			firsts[i] = run.First
		}
		found, err := rowsOf(ctx, s.on(selectRowsOf), s.engine.Dialect.IDs, firsts)
		if err != nil {
			return err
		}
		var rest []platen.IDRange // what is in other rows
		for _, run := range runs {
			have := found[run.First]
			if err := checkUse(user, have, platen.Ref{Kind: kind, ID: run.First}); err != nil {
				return err
			}
			if have.Last < run.Last {
				rest = append(rest, platen.IDRange{First: have.Last + 1, Last: run.Last})
			}
		}
		runs = rest
	}
	return nil
}

// checkUse checks that the row that should hold what user uses does.
func checkUse(user platen.Ref, found row, used platen.Ref) error {
	switch {
	case found.shows(used):
		return nil
	case found.kind == used.Kind && found.Last >= used.ID && found.hidden && found.set() != 0:
		return platen.Errorf(platen.Conflict, "%s %d uses %s %d of set %d, which is deleted as well: undelete that first", user.Kind, user.ID, used.Kind, used.ID, found.root)
	}
	return platen.Errorf(platen.Conflict, "%s %d can not come back: %s %d, which it uses, is gone", user.Kind, user.ID, used.Kind, used.ID)
}

// undelete shows a job set again, or begins to put the members of another set
// back. errDeletedSince: known is no longer true.
func (t *transaction) undelete(ref platen.Ref, seen deletedSet, known others) error {
	s := t.store
	now, err := s.deletedSet(t.ctx, t.stmt(selectDeletedSet), ref.ID)
	if err != nil {
		return err
	}
	if of := neededKind(ref.Kind); of != 0 {
		again, err := deletedSince(t.ctx, t.stmt(selectDeletedSince), of, seen.marked)
		if err != nil {
			return err
		}
		for id, marked := range again {
			if known[id] != marked {
				return errDeletedSince
			}
		}
	}
	if now.marked != seen.marked {
		return errDeletedSince
	}
	if ref.Kind != platen.JobSet {
		return t.exec(updateReturning, s.id, int64(ref.ID))
	}
	return t.showAgain(ref)
}

// putBack puts the members that were taken out of a set back, and shows it.
func (s *Store) putBack(ctx context.Context, ref platen.Ref) error {
	d, end, err := s.beginDeletion(ctx, leftSet{ref, s.id})
	if err != nil {
		return err
	}
	defer end()
	for more := true; more; {
		if err := d.change(func(t *transaction) (err error) {
			more, err = t.reattach(ref)
			return err
		}); err != nil {
			return err
		}
	}
	return d.change(func(t *transaction) error { return t.showAgain(ref) })
}

// showAgain ends the deletion of a set whose members are all in their places.
func (t *transaction) showAgain(set platen.Ref) error {
	t.hides = true // the cache may have those that were taken out as members of nothing
	return errors.Join(
		t.logSet(platen.Undeleted, set),
		t.exec(upsertUndeleted, int64(set.ID), t.store.now().UnixMicro()),
		t.exec(deleteDeleted, int64(set.ID)),
	)
}

// keepPlace records where the members of a set are that are taken out of it.
func (t *transaction) keepPlace(set platen.ID, members row) error {
	return t.exec(insertDetached, int64(set), int64(members.First), int64(members.Last), int64(members.parent), members.ord, 0)
}

// A detached is the place of members that were taken out of a set. They are a row
// of entity of their own.
type detached struct {
	platen.IDRange
	parent platen.ID
	ord    int64
}

// detachedOf returns the next members that were taken out of a set, with their rows.
// Conflict: some are gone.
func (s *Store) detachedOf(ctx context.Context, stmt func(*query) statement, set platen.Ref, after platen.ID) ([]detached, []row, error) {
	rows, err := stmt(selectDetached).QueryContext(ctx, int64(set.ID), int64(after), detachBatch)
	places, err := collect(rows, err, func(from scanner) (d detached, err error) {
		return d, from.Scan(&d.First, &d.Last, &d.parent, &d.ord)
	})
	if err != nil || len(places) == 0 {
		return nil, nil, err
	}
	members, err := collectRows(ctx, stmt(selectRowsAmong), s.engine.Dialect.IDs(firstsOf(places)))
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(members, func(a, b row) int { return cmp.Compare(a.First, b.First) })
	for i, place := range places {
		if i >= len(members) || members[i].IDRange != place.IDRange || members[i].set() != 0 || members[i].kind != set.Kind.Info().Child {
			return nil, nil, platen.Errorf(platen.Conflict, "%d can not come back: %d to %d, which were in it, are gone", set.ID, place.First, place.Last)
		}
	}
	return places, members, nil
}

func firstsOf(places []detached) []int64 {
	firsts := make([]int64, len(places))
	for i, place := range places {
		firsts[i] = int64(place.First)
	}
	return firsts
}

// checkDetached checks that the members that were taken out of a set are there.
func (s *Store) checkDetached(ctx context.Context, set platen.Ref) error {
	for after := platen.ID(0); ; {
		places, _, err := s.detachedOf(ctx, s.on, set, after)
		if err != nil || len(places) == 0 {
			return err
		}
		after = places[len(places)-1].First
	}
}

// reattach puts some members back. more: there may be others.
func (t *transaction) reattach(set platen.Ref) (more bool, err error) {
	places, members, err := t.store.detachedOf(t.ctx, t.stmt, set, 0)
	if err != nil || len(places) == 0 {
		return false, err
	}
	firsts := firstsOf(places)
	if err := t.exec(deleteEntities, t.store.engine.Dialect.IDs(firsts)); err != nil {
		return false, err
	}
	for i, member := range members {
		member.parent, member.ord, member.root = places[i].parent, places[i].ord, set.ID
		if err := t.insertRow(member); err != nil {
			return false, err
		}
	}
	return true, t.exec(deleteDetached, int64(set.ID), firsts[len(firsts)-1])
}

// cleanDetached removes some of the places of the members of a set, which can not come
// back any more, and of these members what a clean-up of others left for its sake. more:
// there are other places.
func (t *transaction) cleanDetached(set platen.ID) (more bool, err error) {
	rows, err := t.stmt(selectFreed).QueryContext(t.ctx, int64(set))
	freed, err := collect(rows, err, func(from scanner) (run platen.IDRange, err error) {
		return run, from.Scan(&run.First, &run.Last)
	})
	if err != nil {
		return false, err
	}
	for left := int64(cleanCost); left > 0 && len(freed) > 0; {
		run := &freed[0]
		first := run.First
		part := platen.IDRange{First: max(first, run.Last-platen.ID(left)+1), Last: run.Last}
		cost, err := t.removeUnused(part)
		if err != nil {
			return false, err
		}
		left -= max(cost, part.Len())
		if run.Last = part.First - 1; run.Last < first {
			freed = freed[1:]
		}
		// What is left of the run comes next; of none that is nothing.
		if err := t.exec(updateFreed, int64(run.Last), flag(run.Last >= first), int64(set), int64(first)); err != nil {
			return false, err
		}
		more = true
	}
	if more {
		return true, nil
	}
	var last int64
	if err := t.stmt(selectDetachedLast).QueryRowContext(t.ctx, int64(set), cleanCost).Scan(&last); err != nil || last == 0 {
		return false, err
	}
	return true, t.exec(deleteDetached, int64(set), last)
}

// leave reports whether the row of entity that begins with an entity was taken out of a
// set that can come back, and if so records that nothing else uses it: it is left to the
// clean-up of that set.
func (t *transaction) leave(first platen.ID) (bool, error) {
	if !t.placesKnown {
		t.placesKnown = true
		if err := t.stmt(selectAnyDetached).QueryRowContext(t.ctx).Scan(&t.places); err != nil {
			return false, err
		}
	}
	if !t.places {
		return false, nil
	}
	return changed(t, updateLeft, int64(first))
}

// removeUnused removes the content items and data records of a range that belong to
// nothing and that nothing uses, and returns what that costs.
func (t *transaction) removeUnused(all platen.IDRange) (cost int64, err error) {
	for all.First <= all.Last {
		have, err := selectRow(t.ctx, t.stmt(selectEntity), all.Last)
		if err != nil || have.Last < all.First {
			return cost, err
		}
		run := platen.IDRange{First: max(all.First, have.First), Last: min(all.Last, have.Last)}
		var used []platen.IDRange
		switch {
		case !have.belongsToNothing():
			used = []platen.IDRange{run}
		case have.kind == platen.ContentItem:
			var items []platen.ID
			var blocks int
			blocks, err = t.eachUsed(run, func(item platen.ID) { items = append(items, item) })
			used, cost = runsFromEnd(items), cost+int64(blocks)*blockCost
		case have.kind == platen.DataRecord:
			used, err = t.usedRecords(run)
		}
		if err != nil {
			return cost, err
		}
		for _, free := range without(run, used) {
			if err := t.removeFree(have.kind, free); err != nil {
				return cost, err
			}
			cost += runCost
		}
		all.Last, cost = run.First-1, cost+runCost
	}
	return cost, nil
}
