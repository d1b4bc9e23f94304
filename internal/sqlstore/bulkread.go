package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/counts"
)

var (
	// When entities changed.
	selectUpdatedAmong = onReader.queryFor(func(d Dialect) string {
		return `SELECT id, updated FROM entity_updated WHERE ` + d.Among("id", "$1")
	})
	selectJobCountsAmong = onReader.queryFor(func(d Dialect) string {
		return `SELECT seq, body FROM job_count WHERE job_set = $1 AND ` + d.Among("seq", "$2")
	})
)

// A bulkReader reads entities of one kind, each statement for all of them.
type bulkReader struct {
	s     *Store
	ctx   context.Context
	kind  platen.Kind
	parts platen.EntityParts
	times map[platen.ID]int64 // see pendingTimes
}

// few returns how many of the first entities are read together: one, or as many as
// have lists of pageBytes.
func (r bulkReader) few(ids []platen.ID) (int, error) {
	sizes := make(map[platen.ID]int)
	for facet, wanted := range r.parts.Lists {
		if !wanted || len(ids) == 0 {
			continue
		}
		rows, err := r.s.on(selectSizes[facet]).QueryContext(r.ctx, r.s.idsOf(ids))
		_, err = collect(rows, err, func(from scanner) (id platen.ID, err error) {
			var size int
			err = from.Scan(&id, &size)
			sizes[id] += size
			return id, err
		})
		if err != nil {
			return 0, err
		}
	}
	bytes := 0
	for n, id := range ids {
		if bytes += sizes[id]; bytes > pageBytes && n > 0 {
			return n, nil
		}
	}
	return len(ids), nil
}

// read reads the entities. Those that are gone are left out.
func (r bulkReader) read(ids []platen.ID) ([]*platen.Entity, error) {
	all := make([]*platen.Entity, 0, len(ids))
	if len(ids) == 0 {
		return all, nil
	}
	rows, err := rowsOf(r.ctx, r.s.on(selectRowsOf), r.s.engine.Dialect.IDs, ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		ref := platen.Ref{Kind: r.kind, ID: id}
		if row, ok := rows[id]; ok && row.shows(ref) {
			all = append(all, &platen.Entity{Ref: ref, Position: -1})
		}
	}
	if r.parts.Places {
		if err := r.places(all, rows); err != nil {
			return nil, err
		}
	}
	if r.parts.Facts && hasFacts(r.kind) {
		if err := r.facts(all, rows); err != nil {
			return nil, err
		}
	}
	return all, r.lists(all)
}

// places fills in where entities are.
func (r bulkReader) places(all []*platen.Entity, rows map[platen.ID]row) error {
	above := make(map[platen.ID]row) // rows of what entities are in
	var next []platen.ID
	for _, e := range all {
		found := rows[e.ID]
		if found.parent > 0 {
			e.Position = found.ord + int64(e.ID-found.First)
			next = append(next, found.parent)
		}
		if found.record != 0 {
			e.Record = found.record + e.ID - found.First
		}
	}
	for len(next) > 0 {
		found, err := rowsOf(r.ctx, r.s.on(selectRowsOf), r.s.engine.Dialect.IDs, next)
		if err != nil {
			return err
		}
		next = nil
		for id, parent := range found {
			if _, ok := above[id]; !ok && parent.parent > 0 {
				next = append(next, parent.parent)
			}
			above[id] = parent
		}
	}
	for _, e := range all {
		for parent := rows[e.ID].parent; parent > 0; {
			up := platen.Ref{Kind: above[parent].kind, ID: parent}
			if !above[parent].shows(up) {
				break // it is being removed just now
			}
			e.Ancestors = append(e.Ancestors, up)
			parent = above[parent].parent
		}
	}
	return nil
}

// facts fills in the facts of sets and jobs, as far as they are known.
func (r bulkReader) facts(all []*platen.Entity, rows map[platen.ID]row) error {
	facts := newFactReader(r.ctx, r.s.on)
	if err := facts.preload(r.s.engine.Dialect, all, rows); err != nil {
		return err
	}
	ids := make([]platen.ID, len(all))
	for i, e := range all {
		found := rows[e.ID]
		var err error
		if e.Facts, err = facts.of(e.Ref, found); err != nil {
			return err
		}
		ids[i] = e.ID
	}
	updated, err := facts.updated(r.s.idsOf(ids))
	for _, e := range all {
		setUpdated(e.Facts, max(updated[e.ID], r.times[e.ID]))
	}
	return err
}

// lists fills in the lists that are wanted and that the kind has.
func (r bulkReader) lists(all []*platen.Entity) error {
	ids := make([]platen.ID, len(all))
	for i, e := range all {
		ids[i] = e.ID
	}
	for _, facet := range facetsOf(r.kind) {
		if !r.parts.Lists[facet] {
			continue
		}
		lists, err := scanLists(r.s.on(selectListsAmong[facet]).QueryContext(r.ctx, r.s.idsOf(ids)))
		if err != nil {
			return err
		}
		for _, e := range all {
			e.Lists[facet] = platen.EmptyList
			if list := lists[e.ID]; list != nil {
				e.Lists[facet] = list
			}
		}
	}
	return nil
}

// A factReader reads facts of many entities. It keeps those of sets, and some
// blocks of counts of jobs.
type factReader struct {
	ctx    context.Context
	stmt   func(*query) statement
	sets   map[platen.ID]*platen.Facts // nil: not known
	blocks map[jobBlock][]byte
}

// A jobBlock is a row of job_count.
type jobBlock struct {
	set platen.ID
	seq int64
}

// blocksKept is how many blocks a factReader keeps.
const blocksKept = 1024

func newFactReader(ctx context.Context, stmt func(*query) statement) *factReader {
	return &factReader{ctx: ctx, stmt: stmt, sets: make(map[platen.ID]*platen.Facts), blocks: make(map[jobBlock][]byte)}
}

// of returns the facts of a set or job, without the time of its last change. Nil:
// they are not known yet.
func (r *factReader) of(ref platen.Ref, found row) (*platen.Facts, error) {
	set, err := r.set(found.set())
	if err != nil || set == nil {
		return nil, err
	}
	f := *set
	if ref.Kind != platen.Job {
		return &f, nil
	}
	position := found.ord + int64(ref.ID-found.First)
	body, err := r.block(jobBlock{found.set(), position / counts.JobsInBlock})
	if err != nil || body == nil {
		return nil, err // it is being removed just now
	}
	f.Counts, err = counts.DecodeJob(body, int(position%counts.JobsInBlock))
	return &f, err
}

// preload reads the blocks of jobs, those of a set together.
func (r *factReader) preload(d Dialect, all []*platen.Entity, rows map[platen.ID]row) error {
	sets := make(map[platen.ID][]int64)
	for _, e := range all {
		if found := rows[e.ID]; e.Kind == platen.Job {
			sets[found.set()] = append(sets[found.set()], (found.ord+int64(e.ID-found.First))/counts.JobsInBlock)
		}
	}
	for set, numbers := range sets {
		slices.Sort(numbers)
		rows, err := r.stmt(selectJobCountsAmong).QueryContext(r.ctx, int64(set), d.IDs(slices.Compact(numbers)))
		_, err = collect(rows, err, func(from scanner) (at jobBlock, err error) {
			at.set = set
			var body []byte
			err = from.Scan(&at.seq, &body)
			r.blocks[at] = body
			return at, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *factReader) set(id platen.ID) (*platen.Facts, error) {
	if f, ok := r.sets[id]; ok {
		return f, nil
	}
	f, err := scanFacts(r.stmt(selectSetFacts).QueryRowContext(r.ctx, int64(id)))
	if errors.Is(err, sql.ErrNoRows) {
		f, err = nil, nil
	}
	r.sets[id] = f
	return f, err
}

func (r *factReader) block(at jobBlock) ([]byte, error) {
	if body, ok := r.blocks[at]; ok {
		return body, nil
	}
	var body []byte
	err := r.stmt(selectJobCounts).QueryRowContext(r.ctx, int64(at.set), at.seq).Scan(&body)
	if err != nil {
		return nil, ignoreNoRows(err)
	}
	if len(r.blocks) >= blocksKept {
		clear(r.blocks)
	}
	r.blocks[at] = body
	return body, nil
}

// updated returns when entities changed, in microseconds since 1970, as far as they
// did.
func (r *factReader) updated(ids any) (map[platen.ID]int64, error) {
	times := make(map[platen.ID]int64)
	rows, err := r.stmt(selectUpdatedAmong).QueryContext(r.ctx, ids)
	_, err = collect(rows, err, func(from scanner) (id platen.ID, err error) {
		var at int64
		err = from.Scan(&id, &at)
		times[id] = at
		return id, err
	})
	return times, err
}

// scanFacts reads the columns of selectSetFacts.
func scanFacts(from scanner) (*platen.Facts, error) {
	var f platen.Facts
	var created int64
	c := &f.Counts
	err := from.Scan(&created, &f.CreatedBy, &f.Token, &f.How,
		&c.Jobs, &c.JobSegments, &c.DocumentSets, &c.Documents, &c.ContentItems, &c.Pages, &c.Sheets, &c.DataRecords)
	if created != 0 {
		f.CreateTime = time.UnixMicro(created).UTC()
	}
	return &f, err
}
