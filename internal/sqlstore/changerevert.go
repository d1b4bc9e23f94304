package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/changelog"
	"github.com/platenhq/platen/internal/listcache"
	"github.com/platenhq/platen/internal/storage"
)

// revertTries is how often a revert is worked out anew because its lists change.
const revertTries = 8

// Revert implements [storage.Changes].
func (s *Store) Revert(ctx context.Context, id int64, force bool) (made int64, err error) {
	ctx, done := s.observe(ctx, "revert")
	defer func() { done(err) }()
	entries, at, err := s.revertible(ctx, id)
	if err != nil {
		return 0, s.error("revert", err)
	}
	for range revertTries {
		r := reverting{s: s, ctx: ctx, id: id, at: at, force: force}
		for _, e := range entries {
			if err := r.add(e); err != nil {
				return 0, s.error("revert", err)
			}
		}
		if len(r.changed) > 0 {
			return 0, r.refused()
		}
		if !r.differs {
			return 0, platen.Errorf(platen.Conflict, "change %d is reverted already: all is as it was before", id).About(strconv.FormatInt(id, 10))
		}
		work := swap{entries: r.entries, bytes: r.bytes, change: platen.Reverted, reverts: id}
		err := s.committer.Do(ctx, write{swap: &work, origin: storage.OriginOf(ctx)})
		if err == nil {
			return work.made, nil
		}
		if !errors.Is(err, errSwap) {
			return 0, s.error("revert", err)
		}
	}
	return 0, platen.Errorf(platen.Unavailable, "the lists were changed by others all the while; send it again")
}

// notRevertible says what to do instead of reverting other changes than of lists.
var notRevertible = map[platen.ChangeType]string{
	platen.Imported:    "an import: delete the set",
	platen.JobsCreated: "the creation of a job set: delete the job set",
	platen.Added:       "the addition of data records: they go with their data set",
	platen.Deleted:     "a deletion: undelete the set while that is possible",
	platen.Undeleted:   "an undeletion: delete the set",
}

// revertible reads the entries of a change that can be reverted, and when it was, in
// microseconds since 1970.
func (s *Store) revertible(ctx context.Context, id int64) (entries []*changelog.Entry, at int64, err error) {
	b, header, err := s.openChange(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	if header.Type.Audit() {
		return nil, 0, platen.Errorf(platen.Conflict, "change %d is one of users, tokens or settings, which is not reverted", id).About(strconv.FormatInt(id, 10))
	}
	if instead, ok := notRevertible[header.Type]; ok {
		return nil, 0, platen.Errorf(platen.Conflict, "change %d is %s", id, instead).About(strconv.FormatInt(id, 10))
	}
	for bytes := 0; ; {
		e, err := b.Entry()
		if err != nil || e == nil {
			return entries, b.at, err
		}
		if bytes += e.Size(); bytes > platen.MaxBulkBytes || len(entries) == platen.MaxBulkIDs {
			return nil, 0, platen.Errorf(platen.TooLarge, "change %d is too large to be reverted at once", id)
		}
		entries = append(entries, e)
	}
}

// A reverting works out the lists of a revert.
type reverting struct {
	s     *Store
	ctx   context.Context
	id    int64 // of the change
	at    int64 // when it was
	force bool

	entries []swapEntry
	bytes   int
	differs bool     // from what there is now
	changed []string // lists that were changed since
	more    int      // others
}

// changedNamed is how many lists that were changed since are named.
const changedNamed = 10

// add works out one list.
func (r *reverting) add(e *changelog.Entry) error {
	key := listcache.Key{ID: e.Ref.ID, Facet: e.Facet}
	now, err := r.s.selectList(r.ctx, r.s.on(selectList[key.Facet]), key.ID)
	if err == nil && now.Kind != e.Ref.Kind || errors.Is(err, sql.ErrNoRows) {
		return platen.NotFoundError(e.Ref)
	}
	if err != nil {
		return err
	}
	after, since, err := r.since(key, now)
	if err != nil {
		return err
	}
	if after == nil {
		other, err := r.createdSince(now.Set)
		if err != nil {
			return err
		}
		if other {
			return platen.NotFoundError(e.Ref)
		}
	}
	one := swapEntry{key: key, kind: now.Kind, before: now.List}
	switch {
	case bytes.Equal(now.List, after):
		one.after, err = changelog.Undo(after, e.Spans)
	case r.force:
		one.after, err = undoNames(now.List, e.Spans)
	default:
		if len(r.changed) == changedNamed {
			r.more++
			return nil
		}
		r.changed = append(r.changed, fmt.Sprintf("%s of %s %d (change %d)", key.Facet, e.Ref.Kind, key.ID, since))
		return nil
	}
	if err != nil {
		return err
	}
	one.spans = changelog.Diff(one.before, one.after)
	r.differs = r.differs || len(one.spans) > 0
	r.entries = append(r.entries, one)
	if r.bytes += len(one.before) + len(one.after); r.bytes > platen.MaxBulkBytes {
		return platen.Errorf(platen.TooLarge, "the lists of change %d have become too large for it to be reverted at once", r.id)
	}
	return nil
}

func (r *reverting) refused() error {
	more := ""
	if r.more > 0 {
		more = fmt.Sprintf(" and %d more", r.more)
	}
	err := platen.Errorf(platen.Conflict, `changed since: %s%s; send {"force":true} to revert by name what is left of it`, strings.Join(r.changed, ", "), more)
	err.Param = strconv.FormatInt(r.id, 10)
	return err
}

// since returns a list as it was right after the change, and the last change since;
// nil if the list has no such history any more.
func (r *reverting) since(key listcache.Key, now listcache.Entry) (platen.List, int64, error) {
	list := now.List
	for c := (chain{facet: key.Facet, id: key.ID, next: now.Change}); c.next != r.id; {
		if c.next < r.id {
			return nil, now.Change, r.ctx.Err()
		}
		b, _, err := r.s.openLink(r.ctx, c.next)
		if err != nil || b == nil {
			return nil, now.Change, err
		}
		e, err := c.read(b)
		if err != nil || e == nil {
			return nil, now.Change, err
		}
		if list, err = changelog.Undo(list, e.Spans); err != nil {
			return nil, 0, err
		}
	}
	return list, now.Change, nil
}

// createdSince reports whether a set was created after the change, which then was of
// another entity that had the identifier. Of an entity that belongs to no set nothing
// says when it was created, so a change that is not in its history is taken for one of
// another.
func (r *reverting) createdSince(set platen.ID) (bool, error) {
	if set <= 0 {
		return true, nil
	}
	var change, created int64
	err := r.s.on(selectChangeSet).QueryRowContext(r.ctx, int64(set)).Scan(&change, &created)
	return created > r.at, ignoreNoRows(err)
}

// undoNames puts back, name by name, what was before a change.
func undoNames(list platen.List, spans []changelog.Span) (platen.List, error) {
	pairs, err := list.Decode()
	if err != nil {
		return nil, err
	}
	names, err := changelog.Names(spans)
	if err != nil {
		return nil, err
	}
	removed := make(map[string]bool)
	var set []platen.NameValue
	for _, name := range names {
		if name.Before == nil {
			removed[name.Name] = true
			continue
		}
		set = append(set, platen.NameValue{Name: name.Name, Value: *name.Before})
	}
	pairs = slices.DeleteFunc(pairs, func(pair platen.NameValue) bool { return removed[pair.Name] })
	return platen.EncodeList(platen.MergeList(pairs, set)), nil
}
