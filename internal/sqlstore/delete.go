package sqlstore

import (
	"context"
	"errors"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// A set whose members other sets may use is deleted in three steps, so that no
// transaction takes long:
//
//  1. It is marked as being deleted (stateDeleting). From now on the set is
//     hidden, and no other set can begin to use its members.
//  2. The members that others use are found by reads, a window at a time, and
//     taken out of the set in short transactions.
//  3. It is marked as deleted (stateDeleted), which hides all members left.
//
// Each step can be done twice. So Clean continues an interrupted deletion with step 2,
// which its own process then leaves: the set may come back meanwhile, and be deleted
// again by others.

// Delete implements [storage.Sets]. Once the set is marked it goes on even if
// the caller leaves.
func (s *Store) Delete(ctx context.Context, ref platen.Ref) (err error) {
	return s.deleteSet(ctx, ref, nil)
}

// deleteSet deletes a set. check, unless it is nil, runs in the transaction that
// hides the set, before it is hidden.
func (s *Store) deleteSet(ctx context.Context, ref platen.Ref, check func(*transaction) error) (err error) {
	ctx, done := s.observe(ctx, "delete")
	defer func() { done(err) }()
	state := stateDeleted
	if ref.Kind == platen.DataSet || ref.Kind == platen.ContentSet {
		state = stateDeleting
		if _, here := s.deleting.LoadOrStore(ref.ID, true); !here {
			defer s.deleting.Delete(ref.ID)
		}
	}
	if err := s.markDeleted(ctx, ref, state, deleter(storage.OriginOf(ctx)), check); err != nil || state == stateDeleted {
		return s.error("delete", err)
	}
	err = s.finishDeletion(context.WithoutCancel(ctx), leftSet{ref, s.id})
	if err != nil {
		err = &platen.Error{Code: platen.Unavailable, Message: "the deletion was interrupted; the clean-up of the server goes on with it", Err: s.error("delete", err)}
	}
	return err
}

// deleter returns whom the list of deleted sets names: the user or, if there is
// none, the rule.
func deleter(origin storage.Origin) string {
	if origin.User == "" {
		return origin.Token
	}
	return origin.User
}

// markDeleted is the first step, and the only one for a set whose members no
// other set can use.
func (s *Store) markDeleted(ctx context.Context, ref platen.Ref, state int, by string, check func(*transaction) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, lockFor, errLocked)
	defer cancel()
	return s.change(ctx, func(t *transaction) error {
		set, err := selectRow(t.ctx, t.stmt(selectEntity), ref.ID)
		if err != nil {
			return err
		}
		if !set.shows(ref) {
			return platen.NotFoundError(ref)
		}
		if check != nil {
			if err := check(t); err != nil {
				return err
			}
		}
		t.hides = true
		if err := t.logSet(platen.Deleted, ref); err != nil {
			return err
		}
		now, err := t.deletionTime()
		if err != nil {
			return err
		}
		return t.exec(insertDeleted, int64(ref.ID), int64(ref.Kind), now, state, s.id, by)
	})
}

// deletionTime returns the time of a deletion. It is not before that of an earlier one,
// as it would be after the clock was set back, or beside a server whose clock is ahead:
// sets come back, and are removed, in the order of their deletion. The earlier ones keep
// theirs: by a clock that is behind for a while they would all be removed once it is not.
func (t *transaction) deletionTime() (int64, error) {
	var last int64
	err := t.stmt(selectLastDeletion).QueryRowContext(t.ctx).Scan(&last)
	return max(t.store.now().Unix(), last), err
}

// beginDeletion begins to change the members of a set that is being deleted, in
// steps that go on until the store closes, or end is called.
func (s *Store) beginDeletion(ctx context.Context, set leftSet) (d deletion, end func(), err error) {
	if !s.beginWork() {
		return d, nil, errStopping
	}
	ctx, cancel := context.WithCancel(ctx)
	leave := context.AfterFunc(s.stop, cancel)
	return deletion{s: s, ctx: ctx, set: set.ID, owner: set.owner, kind: set.Kind.Info().Child}, func() {
		leave()
		cancel()
		s.running.Done()
	}, nil
}

// finishDeletion is steps 2 and 3. It ends early only when the store closes.
func (s *Store) finishDeletion(ctx context.Context, set leftSet) error {
	d, end, err := s.beginDeletion(ctx, set)
	if err != nil {
		return err
	}
	defer end()
	steps := []func() error{func() error { return d.pass(d.usedItems, false) }}
	if set.Kind == platen.DataSet {
		steps = []func() error{
			func() error { return d.pass(d.usedRecords, false) },
			func() error { return d.pass(d.usedRecords, true) },
			func() error { return d.pass(nil, true) }, // records nested in those that the step before took out
		}
	}
	for _, step := range steps {
		if err := step(); err != nil && !errors.Is(err, errDeleted) {
			return err
		}
	}
	err = d.change(func(t *transaction) error {
		t.hides = true
		now, err := t.deletionTime()
		if err != nil {
			return err
		}
		return t.exec(updateDeleted, now, int64(set.ID))
	})
	if errors.Is(err, errDeleted) {
		return nil
	}
	return err
}

// errDeleted says that another process has finished the deletion, or goes on with it.
var errDeleted = errors.New("the deletion of the set is no longer that of this server")

// A leftSet is a set whose deletion or import a process has begun, its owner.
type leftSet struct {
	platen.Ref
	owner string
}

// leftSets returns the sets that a query finds.
func (s *Store) leftSets(ctx context.Context, which *query, args ...any) ([]leftSet, error) {
	rows, err := s.on(which).QueryContext(ctx, args...)
	return collect(rows, err, func(from scanner) (set leftSet, err error) {
		return set, from.Scan(&set.ID, &set.Kind, &set.owner)
	})
}

// finishDeletions finishes the deletions that a query finds, unless they are under way
// in this process.
func (s *Store) finishDeletions(ctx context.Context, which *query, args ...any) error {
	sets, err := s.leftSets(ctx, which, args...)
	if err != nil {
		return err
	}
	for _, set := range sets {
		if _, here := s.deleting.LoadOrStore(set.ID, true); !here {
			err = errors.Join(err, s.finishDeletion(ctx, set))
			s.deleting.Delete(set.ID)
		}
	}
	return err
}

// A deletion takes the members that other sets use out of a set.
type deletion struct {
	s     *Store
	ctx   context.Context
	set   platen.ID
	owner string      // the process that the deletion is of: this one after the first change
	kind  platen.Kind // of the members that others can use
}

// change runs fn in a short transaction, if the deletion is still under way and that of
// its owner. From then on it is that of this process. errDeleted: it is not.
func (d *deletion) change(fn func(*transaction) error) error {
	for {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeoutCause(d.ctx, lockFor, errLocked)
		err := d.s.change(ctx, func(t *transaction) error {
			ok, err := changed(t, updateDeleting, d.s.id, int64(d.set), d.owner)
			if err == nil && !ok {
				err = errDeleted
			}
			if err != nil {
				return err
			}
			return fn(t)
		})
		cancel()
		if err == nil {
			d.owner = d.s.id
		}
		if !errors.Is(err, errLocked) {
			return err
		}
	}
}

// What one transaction, and one window, has at most.
const (
	detachBatch   = 512 // rows and parts of rows
	windowRows    = 64 << 10
	windowMembers = 8 << 20
)

// pass takes the members that used marks out of the set, a window at a time.
// Without nested it looks at direct members of the set. With nested it looks at
// members of members: a member follows its parent out of the set.
func (d *deletion) pass(used func(*window) error, nested bool) error {
	for after := platen.ID(0); ; {
		w, err := d.window(after, nested)
		if err != nil || w.last == 0 {
			return err
		}
		after = w.last
		inside := map[int]bool{}
		if nested {
			if inside, err = d.inside(w); err != nil {
				return err
			}
		}
		if used != nil {
			if err := used(w); err != nil {
				return err
			}
		}
		if err := d.detach(w, inside); err != nil {
			return err
		}
	}
}

// window reads the next members after an ID.
func (d *deletion) window(after platen.ID, nested bool) (*window, error) {
	w := &window{last: after}
	for more := true; more && len(w.runs) < windowRows && w.size < windowMembers; {
		rows, err := d.s.on(selectMembers).QueryContext(d.ctx, int64(d.set), int64(d.kind), int64(w.last), pageRows)
		page, err := collect(rows, err, scanRow)
		if err != nil {
			return nil, err
		}
		for _, one := range page {
			w.last = one.First
			if (one.parent != d.set) == nested {
				w.add(one)
			}
		}
		more = len(page) == pageRows
	}
	if w.last == after {
		w.last = 0
	}
	w.bits = make([]uint64, (w.size+63)/64)
	return w, nil
}

// inside returns the members of a window, by index, whose parent was taken out of
// the set.
func (d *deletion) inside(w *window) (map[int]bool, error) {
	inside := make(map[int]bool)
	known := make(map[platen.ID]bool)
	for i, parent := range w.parents {
		out, ok := known[parent]
		for at, depth := parent, 0; !ok && at > 0 && at != d.set && depth <= platen.MaxRecordDepth; depth++ {
			outer, err := selectRow(d.ctx, d.s.on(selectEntity), at)
			if err != nil {
				return nil, err
			}
			if out = outer.set() == 0; out {
				break
			}
			at = outer.parent
		}
		known[parent] = out
		if out {
			inside[i] = true
		}
	}
	return inside, nil
}

// A detaching is a row of entity and the parts of it to take out of the set, the
// last one first. Without parts the whole row follows its parent.
type detaching struct {
	row   platen.IDRange
	parts []platen.IDRange
}

// detach takes the marked members of a window out of the set, in short
// transactions.
func (d *deletion) detach(w *window, inside map[int]bool) error {
	var batch []detaching
	count := 0
	add := func(one detaching) error {
		batch = append(batch, one)
		if count += max(1, len(one.parts)); count < detachBatch {
			return nil
		}
		err := d.change(func(t *transaction) error { return t.detachAll(d.set, batch) })
		batch, count = batch[:0], 0
		return err
	}
	for i, run := range w.runs {
		if inside[i] {
			if err := add(detaching{row: run}); err != nil {
				return err
			}
			continue
		}
		for parts := w.parts(i); len(parts) > 0; {
			n := min(len(parts), detachBatch-count)
			if err := add(detaching{run, parts[:n]}); err != nil {
				return err
			}
			parts = parts[n:]
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return d.change(func(t *transaction) error { return t.detachAll(d.set, batch) })
}

// detachAll takes parts of rows out of a set.
func (t *transaction) detachAll(set platen.ID, batch []detaching) error {
	firsts := make([]int64, len(batch))
	for i, one := range batch {
		firsts[i] = int64(one.row.First)
	}
	rows, err := t.rows(selectRowsAmong, t.store.engine.Dialect.IDs(firsts))
	if err != nil {
		return err
	}
	now := make(map[platen.ID]row, len(rows))
	for _, one := range rows {
		now[one.First] = one
	}
	var free, released []int64
	for _, one := range batch {
		have := now[one.row.First]
		switch {
		case have.root != set: // another process was faster
		case len(one.parts) == 0:
			released = append(released, int64(have.First))
			err = errors.Join(err, t.keepPlace(set, have))
		case one.parts[0] == have.IDRange:
			free = append(free, int64(have.First))
			err = errors.Join(err, t.keepPlace(set, have))
		default:
			if err := t.detach(have, clip(one.parts, have.IDRange)); err != nil {
				return err
			}
		}
	}
	if err != nil {
		return err
	}
	if len(free) > 0 {
		err = t.exec(updateFree, t.store.engine.Dialect.IDs(free))
	}
	if len(released) > 0 {
		err = errors.Join(err, t.exec(updateReleased, t.store.engine.Dialect.IDs(released)))
	}
	return err
}

// detach makes parts of a row, the last one first, belong to nothing.
func (t *transaction) detach(from row, parts []platen.IDRange) error {
	if len(parts) == 0 {
		return nil
	}
	if err := t.exec(deleteEntity, int64(from.First)); err != nil {
		return err
	}
	for _, part := range parts {
		if part.Last < from.Last {
			if err := t.insertRow(from.part(platen.IDRange{First: part.Last + 1, Last: from.Last})); err != nil {
				return err
			}
		}
		free := from.part(part)
		if err := t.keepPlace(from.root, free); err != nil {
			return err
		}
		free.parent, free.ord, free.root = -1, 0, 0
		if err := t.insertRow(free); err != nil {
			return err
		}
		from.Last = part.First - 1
	}
	if from.Last < from.First {
		return nil
	}
	return t.insertRow(from)
}
