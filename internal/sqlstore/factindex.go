package sqlstore

import (
	"github.com/platenhq/platen"
)

// The index also has the facts of sets and jobs, for listings. None
// becomes another after a set is made or counted, but the times of the last change:
// who changes something else marks a range anew, and the times follow with the
// lists.

// What find_range.late says of a range.
const lateFacts = 2 // only its facts are not in the index

var (
	selectMemberBounds = onLookup.query(`SELECT coalesce(min(first), 0), coalesce((SELECT last FROM entity WHERE root = $1 AND kind = $2 ORDER BY first DESC LIMIT 1), 0)
		FROM entity WHERE root = $1 AND kind = $2`)
	selectJobRows = onReader.queryFor(func(d Dialect) string {
		return `SELECT first, last FROM entity WHERE ` + d.OfKind("$1", ">=", firstUpTo(d, "$1", "$2")) + ` AND first <= $3 ORDER BY kind, first LIMIT $4`
	})
)

// markFacts marks the facts of a set and its jobs for the index.
func (t *transaction) markFacts(set platen.Ref) error {
	if err := t.exec(insertRange, int64(set.ID), int64(set.ID), int64(set.ID), int64(lateFacts)); err != nil || set.Kind != platen.JobSet {
		return err
	}
	var first, last int64
	if err := t.stmt(selectMemberBounds).QueryRowContext(t.ctx, int64(set.ID), int64(platen.Job)).Scan(&first, &last); err != nil || first == 0 {
		return err
	}
	return t.exec(insertRange, first, last, int64(set.ID), int64(lateFacts))
}

// factOwners returns the first sets or jobs of a range of facts.
func (p planner) factOwners(of dirtyRange, most int) (owners []owner, err error) {
	if of.First == of.root {
		return []owner{{id: of.root}}, nil
	}
	rows, err := p.stmt(selectJobRows).QueryContext(p.ctx, int64(platen.Job), int64(of.First), int64(of.Last), most+1)
	runs, err := collect(rows, err, func(from scanner) (run platen.IDRange, err error) {
		return run, from.Scan(&run.First, &run.Last)
	})
	for _, run := range runs {
		for id := max(run.First, of.First); id <= min(run.Last, of.Last) && len(owners) < most; id++ {
			owners = append(owners, owner{id: id})
		}
	}
	return owners, err
}

// changes returns the changes that bring the index up to date with some of d, and
// when the jobs and sets that these are in changed.
func (p planner) changes(d *dirty, owners []owner) ([]indexChange, map[platen.ID]int64, error) {
	if d.ofFacts() {
		changes, err := p.planFacts(owners)
		return changes, nil, err
	}
	changes, err := p.plan(owners)
	if err != nil {
		return nil, nil, err
	}
	times, err := p.updated(owners)
	if err != nil || len(times) == 0 {
		return changes, times, err
	}
	more, err := p.planTimes(times)
	return append(changes, more...), times, err
}

// planFacts returns the changes that bring the index up to date with facts.
func (p planner) planFacts(owners []owner) ([]indexChange, error) {
	ids := make([]platen.ID, len(owners))
	for i, o := range owners {
		ids[i] = o.id
	}
	rows, err := rowsOf(p.ctx, p.stmt(selectRowsOf), p.s.engine.Dialect.IDs, ids)
	if err != nil {
		return nil, err
	}
	r := newFactReader(p.ctx, p.stmt)
	updated, err := r.updated(p.ids(owners))
	if err != nil {
		return nil, err
	}
	var want []indexChange
	for _, id := range ids {
		found := rows[id]
		if found.importing || !hasFacts(found.kind) { // those of a deleted set are indexed, since it can come back
			continue
		}
		ref := platen.Ref{Kind: found.kind, ID: id}
		f, err := r.of(ref, found)
		if err != nil {
			return nil, err
		}
		if f == nil {
			continue // they are marked again when they are known
		}
		setUpdated(f, updated[id])
		for _, pair := range platen.IndexedFacts(ref.Kind, f) {
			is := newIndexed(pair.Value)
			want = append(want, indexChange{id: id, name: searchName{ref.Kind, platen.KeptFacts, pair.Name}, is: &is})
		}
	}
	if err := p.findNamesOf(want); err != nil {
		return nil, err
	}
	return p.compare(owners, want, selectFacts)
}

// planTimes returns the changes of the times in the index. An entity whose facts are
// not in the index yet gets its time with them.
func (p planner) planTimes(times map[platen.ID]int64) ([]indexChange, error) {
	owners := make([]owner, 0, len(times))
	for id := range times {
		owners = append(owners, owner{id: id})
	}
	kinds, err := p.kinds(owners)
	if err != nil {
		return nil, err
	}
	var changes []indexChange
	for id, at := range times {
		if hasFacts(kinds[id]) {
			is := newIndexed(platen.SortableNumber(at))
			changes = append(changes, indexChange{id: id, name: searchName{kinds[id], platen.KeptFacts, platen.UpdateTimeFact}, is: &is})
		}
	}
	if err := p.findNamesOf(changes); err != nil {
		return nil, err
	}
	have, err := p.values(owners, selectFacts)
	if err != nil {
		return nil, err
	}
	known := changes[:0]
	for _, change := range changes {
		change.nameID = p.names[change.name]
		was, ok := have[valueKey{change.id, change.nameID}]
		if ok && string(was.head) < string(change.is.head) {
			change.was = &was
			known = append(known, change)
		}
	}
	return known, nil
}

// findNamesOf looks up the names of changes that were not looked up yet.
func (p planner) findNamesOf(changes []indexChange) error {
	var unknown []searchName
	for _, change := range changes {
		if _, ok := p.names[change.name]; !ok {
			p.names[change.name] = 0
			unknown = append(unknown, change.name)
		}
	}
	return p.s.writers.findNames(p, unknown)
}
