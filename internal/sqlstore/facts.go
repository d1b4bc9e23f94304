package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/counts"
	"github.com/platenhq/platen/internal/storage"
)

// The facts of sets and jobs are written by what changes them: an import writes
// what it made, added data records are added, and a clean-up removes them
// with the set. What a job has in common with its set is kept with the set, and
// the counts of jobs, which never change, in blocks (internal/counts). When
// something last changed follows with the index: a write leaves its time with
// the mark of the entity, and the index passes it on to the job and the set
// that the entity is in (markUpdated).
//
// The parts of a set from before these facts are counted in the background, or
// when the set is asked for (fillfacts.go).

var (
	insertSetFacts = insertInto(setFactTable, ` ON CONFLICT (id) DO NOTHING`)
	selectSetFacts = onLookup.query(`SELECT coalesce(created, 0), created_by, created_token, how,
		jobs, segments, document_sets, documents, items, pages, sheets, records FROM set_fact WHERE id = $1`)
	addSetRecords  = onWriter.query(`UPDATE set_fact SET records = records + $1 WHERE id = $2`)
	deleteSetFacts = onWriter.query(`DELETE FROM set_fact WHERE id = $1`)

	insertJobCounts = insertInto(jobCountTable, ` ON CONFLICT (job_set, seq) DO UPDATE SET body = excluded.body`)
	selectJobCounts = onLookup.query(`SELECT body FROM job_count WHERE job_set = $1 AND seq = $2`)
	deleteJobCounts = onWriter.query(`DELETE FROM job_count WHERE job_set = $1 AND seq IN
		(SELECT seq FROM job_count WHERE job_set = $1 ORDER BY seq LIMIT ` + decimal(countsCleaned) + `)`)

	upsertUpdated = upsertInto(updatedTable, ` ON CONFLICT (id) DO UPDATE SET updated =
		CASE WHEN entity_updated.updated > excluded.updated THEN entity_updated.updated ELSE excluded.updated END`)
	selectUpdated        = onLookup.query(`SELECT coalesce(max(updated), 0) FROM entity_updated WHERE id = $1`)
	deleteUpdatedBetween = onWriter.query(`DELETE FROM entity_updated WHERE id BETWEEN $1 AND $2`)
)

// insertFacts writes the facts of the set that was imported.
func (w *entityWriter) insertFacts() error {
	origin := storage.OriginOf(w.ctx)
	how := platen.ByImport
	if w.how == platen.JobsCreated {
		how = platen.ByJobCreation
	}
	set := platen.Ref{Kind: w.kind, ID: w.root}
	at, err := w.t.time()
	if err := errors.Join(err, w.t.markFacts(set)); err != nil {
		return err
	}
	return w.t.insertSetFacts(set, &platen.Facts{
		CreateTime: timeOf(at), CreatedBy: origin.User, Token: origin.Token, How: how, Counts: w.counts,
	})
}

func (t *transaction) insertSetFacts(set platen.Ref, f *platen.Facts) error {
	var created any
	if !f.CreateTime.IsZero() {
		created = f.CreateTime.UnixMicro()
	}
	c := &f.Counts
	return t.exec(insertSetFacts, int64(set.ID), int64(set.Kind), created, f.CreatedBy, f.Token, int64(f.How),
		c.Jobs, c.JobSegments, c.DocumentSets, c.Documents, c.ContentItems, c.Pages, c.Sheets, c.DataRecords)
}

// addFacts adds data records to the facts of a set.
func (t *transaction) addFacts(set platen.ID, records int) error {
	if set <= 0 {
		return nil
	}
	at, err := t.time()
	return errors.Join(err, t.markFacts(platen.Ref{Kind: platen.DataSet, ID: set}), t.exec(addSetRecords, int64(records), int64(set)), t.exec(upsertUpdated, int64(set), at))
}

// insertJobCounts stores a block of counts of jobs.
func (t *transaction) insertJobCounts(set platen.ID, seq int64, body []byte) error {
	return t.exec(insertJobCounts, int64(set), seq, append([]byte{}, body...))
}

// markUpdated passes on when entities changed to the jobs and sets that they are in.
func (t *transaction) markUpdated(times map[platen.ID]int64) error {
	for id, at := range times {
		if err := t.exec(upsertUpdated, int64(id), at); err != nil {
			return err
		}
	}
	return nil
}

// updated returns when the jobs and sets that owners are in changed, as far as
// owners say. Those of a range have not changed since they were made.
func (p planner) updated(owners []owner) (map[platen.ID]int64, error) {
	at := make(map[platen.ID]int64, len(owners)) // of what is looked at
	now := p.s.now().UnixMicro()
	for _, o := range owners {
		if o.seq == 0 {
			continue
		}
		if o.changed == 0 {
			o.changed = now
		}
		at[o.id] = max(at[o.id], o.changed)
	}
	times := make(map[platen.ID]int64)
	for len(at) > 0 {
		ids := make([]platen.ID, 0, len(at))
		for id := range at {
			ids = append(ids, id)
		}
		rows, err := rowsOf(p.ctx, p.stmt(selectRowsOf), p.s.engine.Dialect.IDs, ids)
		if err != nil {
			return nil, err
		}
		above := make(map[platen.ID]int64)
		for id, changed := range at {
			r, ok := rows[id]
			if !ok || id > r.Last { // a deletion can be taken back, so it keeps the times
				continue
			}
			if set := r.set(); set != 0 {
				times[set] = max(times[set], changed)
			}
			if r.kind == platen.Job {
				times[id] = max(times[id], changed)
			}
			if platen.Job < r.kind && r.kind < platen.DocumentPage && r.parent > 0 {
				above[r.parent] = max(above[r.parent], changed)
			}
		}
		at = above
	}
	return times, nil
}

// changing returns the kinds whose changes are changes of a kind of sets, or of jobs:
// itself first, and what may be in it. Data records and content items are in sets of any
// kind.
func changing(kind platen.Kind) (kinds []platen.Kind) {
	for at := kind; at != 0; at = at.Info().Child {
		kinds = append(kinds, at)
	}
	if kind.Info().Set {
		kinds = append(kinds, platen.DataRecord, platen.ContentItem)
	}
	return kinds
}

// changeTimes waits for the index for a short time to pass on when entities of a kind
// that has facts changed. If it still has not, it returns the times of those that it
// has not passed on; of one of them if that is not 0.
func (s *Store) changeTimes(ctx context.Context, kind platen.Kind, one platen.ID) (map[platen.ID]int64, error) {
	behind, err := s.flushFor(ctx, ofChanges, 0)
	if err != nil || !behind {
		return nil, err
	}
	times, err := s.pendingTimes(ctx, kind, one)
	if errors.Is(err, errTooMuchPending) {
		return nil, s.flushChanged(ctx)
	}
	return times, err
}

// pendingTimes returns when entities of a kind changed that the index has not passed
// on yet; those of one of them if that is not 0. errTooMuchPending: what changed is too
// much.
func (s *Store) pendingTimes(ctx context.Context, kind platen.Kind, one platen.ID) (map[platen.ID]int64, error) {
	p := s.planner(ctx, s.on, s.engine.Reader)
	if one != 0 && kind.Info().Set {
		last, err := p.changedIn(one, pendingEntities)
		return map[platen.ID]int64{one: last}, err
	}
	kinds := changing(kind)
	if one != 0 { // others of the kind do not matter
		kinds = kinds[1:]
	}
	owners, err := p.dirtyOf(kinds, one)
	if err != nil {
		return nil, err
	}
	return p.updated(owners)
}

// Entity implements [storage.Entities].
func (s *Store) Entity(ctx context.Context, id platen.ID) (_ *platen.Entity, err error) {
	ctx, done := s.observe(ctx, "entity")
	defer func() { done(err) }()
	found, err := s.anyVisible(ctx, id)
	if err != nil {
		return nil, err
	}
	r := entityReader{s: s, ctx: ctx, stmt: s.on}
	if hasFacts(found.kind) {
		r.times, err = s.changeTimes(ctx, found.kind, id)
		if err := errors.Join(err, s.ensureFacts(ctx, found.set())); err != nil {
			return nil, s.error("read facts", err)
		}
	}
	e, err := r.entity(id)
	return e, s.error("read an entity", err)
}

func hasFacts(kind platen.Kind) bool { return kind.Info().Set || kind == platen.Job }

// An entityReader reads entities, in a transaction or not.
type entityReader struct {
	s     *Store
	ctx   context.Context
	stmt  func(*query) statement
	times map[platen.ID]int64 // see pendingTimes
}

// entity reads an entity. NotFound: there is none.
func (r entityReader) entity(id platen.ID) (*platen.Entity, error) {
	found, err := selectRow(r.ctx, r.stmt(selectEntity), id)
	ref := platen.Ref{Kind: found.kind, ID: id}
	if err != nil {
		return nil, err
	}
	if !found.shows(ref) {
		return nil, platen.NotFoundError(platen.Ref{ID: id})
	}
	e := &platen.Entity{Ref: ref, Position: -1}
	if found.parent > 0 {
		e.Position = found.ord + int64(id-found.First)
	}
	if found.record != 0 {
		e.Record = found.record + id - found.First
	}
	for parent := found.parent; parent > 0; {
		above, err := selectRow(r.ctx, r.stmt(selectEntity), parent)
		if err != nil {
			return nil, err
		}
		up := platen.Ref{Kind: above.kind, ID: parent}
		if !above.shows(up) {
			break // it is being removed just now
		}
		e.Ancestors = append(e.Ancestors, up)
		parent = above.parent
	}
	for _, facet := range facetsOf(ref.Kind) {
		list, err := r.s.selectList(r.ctx, r.stmt(selectList[facet]), id)
		if err != nil {
			return nil, err
		}
		e.Lists[facet] = list.List
	}
	if hasFacts(ref.Kind) {
		e.Facts, err = r.facts(e, found.set())
	}
	return e, err
}

// facetsOf returns the facets of a kind, fields included.
func facetsOf(kind platen.Kind) []platen.Facet {
	if kind == platen.DataRecord {
		return []platen.Facet{platen.Properties, platen.Fields}
	}
	return kind.Info().Facets
}

// setUpdated adds when something changed, in microseconds since 1970, to facts, if
// both are known. A time before the creation is that of an entity that had the
// identifier before.
func setUpdated(f *platen.Facts, at int64) {
	if f != nil && at != 0 && (f.CreateTime.IsZero() || at >= f.CreateTime.UnixMicro()) {
		f.UpdateTime = time.UnixMicro(at).UTC()
	}
}

// facts reads the facts of a set, or of a job in a set.
func (r entityReader) facts(e *platen.Entity, set platen.ID) (*platen.Facts, error) {
	var updated int64
	f, err := scanFacts(r.stmt(selectSetFacts).QueryRowContext(r.ctx, int64(set)))
	if err := ignoreNoRows(err); err != nil {
		return nil, err
	}
	if err := r.stmt(selectUpdated).QueryRowContext(r.ctx, int64(e.ID)).Scan(&updated); err != nil {
		return nil, err
	}
	setUpdated(f, max(updated, r.times[e.ID]))
	if e.Kind != platen.Job {
		return f, nil
	}
	f.Counts = platen.Counts{}
	var body []byte
	err = r.stmt(selectJobCounts).QueryRowContext(r.ctx, int64(set), e.Position/counts.JobsInBlock).Scan(&body)
	if err != nil {
		return f, ignoreNoRows(err)
	}
	jobs, err := counts.DecodeJobs(body)
	if at := int(e.Position % counts.JobsInBlock); at < len(jobs) {
		f.Counts = jobs[at]
	}
	return f, err
}

// DeleteIf implements [storage.Entities].
func (s *Store) DeleteIf(ctx context.Context, ref platen.Ref, match *platen.Match) error {
	if match == nil {
		return s.Delete(ctx, ref)
	}
	if err := s.passOnMany(ctx, ref.ID); err != nil {
		return s.error("delete", err)
	}
	return s.deleteSet(ctx, ref, func(t *transaction) error { return t.unchanged(ref, match) })
}

// passOnMany waits for the index if it has not passed on yet the changes of more
// entities of a set than a transaction may look at.
func (s *Store) passOnMany(ctx context.Context, set platen.ID) error {
	_, err := s.planner(ctx, s.on, s.engine.Reader).changedIn(set, changedMost)
	if errors.Is(err, errTooMuchPending) {
		return s.flushChanged(ctx)
	}
	return err
}

// changedMost is how many entities of a set may have been changed just now when it is
// deleted on a condition: a transaction looks at all of them.
const changedMost = 10_000

// unchanged returns Changed unless a set has a tag of match. The time of its last
// change may not be passed on yet. Unavailable: too much of the set was changed just
// now.
func (t *transaction) unchanged(set platen.Ref, match *platen.Match) error {
	last, err := t.store.planner(t.ctx, t.stmt, t.tx).changedIn(set.ID, changedMost)
	if errors.Is(err, errTooMuchPending) {
		return platen.Errorf(platen.Unavailable, "so much of %s %d was changed just now that it is not clear yet whether it is as you know it; try again", set.Kind, set.ID)
	}
	if err != nil {
		return err
	}
	r := entityReader{s: t.store, ctx: t.ctx, stmt: t.stmt, times: map[platen.ID]int64{set.ID: last}}
	e, err := r.entity(set.ID)
	if err != nil {
		return err
	}
	if !match.Has(e.Tag()) {
		return platen.ChangedError(set, "facts and lists", e.Tag())
	}
	return nil
}
