package sqlstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/search"
)

// The entities of a listing in their order, a chunk at a time. Each statement reads
// an index from a position on, and never more than a chunk.

// A direction is in which an index is read.
type direction struct {
	ascending, descending *query
}

func (d direction) of(descending bool) *query {
	if descending {
		return d.descending
	}
	return d.ascending
}

func queryNamed(after, way string) indexQuery {
	return queryIndex(func(_ Dialect, values string) string {
		return `SELECT value, entity FROM ` + values + ` AS v WHERE name = $1 AND (value, entity) ` + after + ` ($2, $3)
			ORDER BY value` + way + `, entity` + way + ` LIMIT $4`
	})
}

var (
	// The rows of a kind from the one of identifier $2 on.
	selectKindRows = direction{
		onReader.queryFor(func(d Dialect) string {
			return `SELECT first, last FROM entity WHERE ` + d.OfKind("$1", ">=", firstUpTo(d, "$1", "$2")) + ` ORDER BY kind, first LIMIT $3`
		}),
		onReader.queryFor(func(d Dialect) string {
			return `SELECT first, last FROM entity WHERE ` + d.OfKind("$1", "<=", "$2") + ` ORDER BY kind DESC, first DESC LIMIT $3`
		}),
	}
	// The same in a set.
	selectSetRows = direction{
		onReader.query(`SELECT first, last FROM entity WHERE root = $1 AND kind = $2
			AND first >= coalesce((SELECT max(first) FROM entity WHERE root = $1 AND kind = $2 AND first <= $3), 0) ORDER BY first LIMIT $4`),
		onReader.query(`SELECT first, last FROM entity WHERE root = $1 AND kind = $2 AND first <= $3 ORDER BY first DESC LIMIT $4`),
	}
	// What has a name after a position, ascending and descending.
	selectNamed = [...]indexQuery{queryNamed(">", ""), queryNamed("<", " DESC")}
	// Of which of the entities $1 to $2 a name has a value. The plus keeps the
	// planner on the index by entity.
	selectHaving = queryIndex(func(_ Dialect, values string) string {
		return `SELECT entity FROM ` + values + ` AS v WHERE entity BETWEEN $1 AND $2 AND +name = $3`
	})
	// The values of a name of entities, or of their sets.
	selectNamedAmong = queryIndex(func(d Dialect, values string) string {
		return `SELECT k.id, v.entity, v.value FROM ` + d.EachID("$1") + ` JOIN ` + values + ` AS v ON v.entity = k.id AND +v.name = $2`
	})
	selectNamedOfSets = queryIndex(func(d Dialect, values string) string {
		return `SELECT k.id, v.entity, v.value FROM ` + d.EachID("$1") + ` JOIN ` + values + ` AS v ON v.entity =
			(SELECT e.root FROM entity AS e WHERE e.first <= k.id ORDER BY e.first DESC LIMIT 1) AND +v.name = $2`
	})

	selectKindCount = onReader.queryFor(func(d Dialect) string {
		return `SELECT count(*), CAST(coalesce(sum(last - first + 1), 0) AS BIGINT), coalesce(min(first), 0), coalesce(max(last), 0)
			FROM (SELECT first, last FROM entity WHERE ` + d.OfKind("$1", ">", "0") + ` AND NOT ` + hiddenSet("root", "first") + `
			ORDER BY kind, first LIMIT ` + decimal(countedRows) + `) AS counted`
	})
	selectKindBounds = onReader.queryFor(func(d Dialect) string {
		return `SELECT coalesce((SELECT first FROM entity WHERE ` + d.OfKind("$1", ">", "0") + ` ORDER BY kind, first LIMIT 1), 0),
			coalesce((SELECT last FROM entity WHERE ` + d.OfKind("$1", "<=", decimal(platen.MaxID)) + ` ORDER BY kind DESC, first DESC LIMIT 1), 0)`
	})
)

// firstUpTo is where the last row of a kind begins that begins at an identifier or
// below; 0 for none.
func firstUpTo(d Dialect, kind, id string) string {
	return `coalesce((SELECT first FROM entity WHERE ` + d.OfKind(kind, "<=", id) + ` ORDER BY kind DESC, first DESC LIMIT 1), 0)`
}

// countedRows is how many rows of a kind are counted; if there are more, the rest is
// estimated.
const countedRows = 4096

// countKind returns about how many entities of a kind there are.
func (w *walk) countKind() (int64, error) {
	var rows, count, first, last, begin, end int64
	if err := w.stmt(selectKindCount).QueryRowContext(w.ctx, int64(w.kind)).Scan(&rows, &count, &first, &last); err != nil {
		return 0, err
	}
	if rows < countedRows {
		return count, nil
	}
	if err := w.stmt(selectKindBounds).QueryRowContext(w.ctx, int64(w.kind)).Scan(&begin, &end); err != nil {
		return 0, err
	}
	return int64(float64(count) * float64(end-begin+1) / float64(last-first+1)), nil
}

// A walk reads the entities of a kind in an order.
type walk struct {
	s     *Store
	ctx   context.Context
	kind  platen.Kind
	order platen.ListingOrder
	name  int64 // of the order in the index; 0: nothing has it
	indexReader

	// What the rule says of the values of the order: all that it finds are from
	// low to high, where these are not nil. has: all have the name.
	low, high []byte
	has       bool
}

// bound takes from a rule what it says of the values of the order.
func (w *walk) bound(rule *platen.Rule) {
	switch {
	case rule.Type == platen.All:
		for i := range rule.Rules {
			w.bound(&rule.Rules[i])
		}
		return
	case w.order.OfSet != 0 && rule.Type == platen.OfSet && rule.Kind == w.order.OfSet:
		rule = &rule.Rules[0]
	case w.order.OfSet != 0:
		return
	}
	if rule.Type != platen.Text || rule.Facet != w.order.Facet || rule.Name != w.order.Name {
		return
	}
	w.has = true
	if rule.Other != "" || rule.Numeric {
		return
	}
	head, _ := search.IndexKey(rule.Value)
	low, high := head, head
	switch rule.Condition {
	case platen.Equal:
	case platen.Less, platen.LessOrEqual:
		low = nil
	case platen.Greater, platen.GreaterOrEqual:
		high = nil
	case platen.StartsWith:
		high = append(slices.Clone(head), 0xff)
	default:
		return
	}
	if low != nil && bytes.Compare(low, w.low) > 0 {
		w.low = low
	}
	if high != nil && (w.high == nil || bytes.Compare(high, w.high) < 0) {
		w.high = high
	}
}

// within cuts off what is beyond the bounds, and reports whether something was.
func (w *walk) within(found []platen.Position) ([]platen.Position, bool) {
	n := slices.IndexFunc(found, func(at platen.Position) bool {
		if w.order.Descending {
			return bytes.Compare(at.Value, w.low) < 0
		}
		return w.high != nil && bytes.Compare(at.Value, w.high) > 0
	})
	if n < 0 {
		return found, false
	}
	return found[:n], true
}

// aboveAll is greater than all identifiers.
const aboveAll = platen.MaxID + 1

// start is the position before all others.
func (w *walk) start() platen.Position {
	at := platen.Position{Missing: w.order.Name == ""}
	if w.order.Descending {
		// No value has this byte, since it is UTF-8.
		at.Value, at.Set, at.ID = []byte{0xff}, aboveAll, aboveAll
		if w.high != nil {
			at.Value = w.high
		}
	} else {
		at.Value = w.low
	}
	return at
}

// compare orders positions.
func (w *walk) compare(a, b *platen.Position) int {
	if a.Missing != b.Missing {
		if a.Missing {
			return 1
		}
		return -1
	}
	c := cmp.Or(bytes.Compare(a.Value, b.Value), cmp.Compare(a.Set, b.Set), cmp.Compare(a.ID, b.ID))
	if w.order.Descending {
		return -c
	}
	return c
}

// next returns most entities after a position, or fewer; and where it stopped
// looking, which is nil at the end of all.
func (w *walk) next(after platen.Position, most int) (found []platen.Position, stopped *platen.Position, err error) {
	switch {
	case after.Missing:
		found, stopped, err = w.missing(after, most)
	case w.order.OfSet != 0:
		found, stopped, err = w.bySet(after, most)
	default:
		found, err = w.named(after, most)
		if len(found) == most {
			stopped = &found[most-1]
		}
	}
	if within, cut := w.within(found); cut && !after.Missing {
		return within, nil, err
	}
	if err == nil && stopped == nil && !after.Missing && !w.has {
		first := w.start()
		stopped = &platen.Position{Missing: true, ID: first.ID}
	}
	return found, stopped, err
}

// named returns what has the name.
func (w *walk) named(after platen.Position, most int) ([]platen.Position, error) {
	value, id := after.Value, after.ID
	if w.order.OfSet != 0 {
		id = after.Set
	}
	if value == nil {
		value = []byte{}
	}
	rows, err := w.index(selectNamed[flag(w.order.Descending)]).QueryContext(w.ctx, w.name, value, int64(id), most)
	return collect(rows, err, func(from scanner) (at platen.Position, err error) {
		return at, from.Scan(&at.Value, &at.ID)
	})
}

// setsAtOnce is how many sets are looked up together.
const setsAtOnce = 64

// bySet returns the members of the sets that have the name.
func (w *walk) bySet(after platen.Position, most int) (found []platen.Position, stopped *platen.Position, err error) {
	members := func(set platen.Position, from platen.ID) error {
		ids, err := w.ids(selectSetRows, []any{int64(set.ID)}, from, most-len(found))
		for _, id := range ids {
			found = append(found, platen.Position{Value: set.Value, Set: set.ID, ID: id})
		}
		return err
	}
	at := platen.Position{Value: after.Value, Set: after.Set, ID: after.Set}
	if after.Set != 0 && after.Set != aboveAll { // the rest of a set
		if err := members(at, after.ID); err != nil {
			return nil, nil, err
		}
	}
	start := w.start()
	for len(found) < most {
		sets, err := w.named(at, setsAtOnce)
		if err != nil || len(sets) == 0 {
			return found, nil, err
		}
		for _, set := range sets {
			at = platen.Position{Value: set.Value, Set: set.ID, ID: set.ID}
			if err := members(set, start.ID); err != nil {
				return nil, nil, err
			}
			if len(found) >= most {
				return found, &found[len(found)-1], nil
			}
		}
		if len(found) == 0 { // many sets without members
			at.ID = endOf(w.order.Descending)
			return nil, &at, nil
		}
	}
	return found, &found[len(found)-1], nil
}

// endOf is behind all identifiers of a set.
func endOf(descending bool) platen.ID {
	if descending {
		return 0
	}
	return platen.MaxID
}

// ids returns most identifiers after one, from rows of the table entity.
func (w *walk) ids(rows direction, of []any, after platen.ID, most int) ([]platen.ID, error) {
	args := append(of, int64(w.kind), int64(after), most+1)
	result, err := w.stmt(rows.of(w.order.Descending)).QueryContext(w.ctx, args...)
	runs, err := collect(result, err, func(from scanner) (run platen.IDRange, err error) {
		return run, from.Scan(&run.First, &run.Last)
	})
	if err != nil {
		return nil, err
	}
	var ids []platen.ID
	for _, run := range runs {
		if w.order.Descending {
			for id := min(run.Last, after-1); id >= run.First && len(ids) < most; id-- {
				ids = append(ids, id)
			}
			continue
		}
		for id := max(run.First, after+1); id <= run.Last && len(ids) < most; id++ {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// missing returns what does not have the name, in the order of identifiers. It
// looks at more entities than it returns: with a name most have it.
func (w *walk) missing(after platen.Position, most int) (found []platen.Position, stopped *platen.Position, err error) {
	read := most
	if w.name != 0 {
		read = min(8*most, missingRead)
	}
	ids, err := w.ids(selectKindRows, nil, after.ID, read)
	if err != nil || len(ids) == 0 {
		return nil, nil, err
	}
	having, err := w.having(ids)
	if err != nil {
		return nil, nil, err
	}
	for i, id := range ids {
		at := platen.Position{Missing: true, ID: id}
		if !having[id] {
			found = append(found, at)
		}
		if i == len(ids)-1 && len(ids) < read {
			return found, nil, nil
		}
		if stopped = &at; len(found) == most {
			break
		}
	}
	return found, stopped, nil
}

const (
	missingRead = 8192 // entities that are read together for some that do not have a name
	sparse      = 8    // how many times as many identifiers there may be between them, to be read as a range
)

// having returns which entities have the name, themselves or in their set.
func (w *walk) having(ids []platen.ID) (map[platen.ID]bool, error) {
	if w.name == 0 {
		return nil, nil
	}
	having := make(map[platen.ID]bool, len(ids))
	first, last := min(ids[0], ids[len(ids)-1]), max(ids[0], ids[len(ids)-1])
	if w.order.OfSet != 0 || int(last-first) > sparse*len(ids) {
		values, err := w.values(ids)
		for id := range values {
			having[id] = true
		}
		return having, err
	}
	rows, err := w.index(selectHaving).QueryContext(w.ctx, int64(first), int64(last), w.name)
	_, err = collect(rows, err, func(from scanner) (id platen.ID, err error) {
		err = from.Scan(&id)
		having[id] = true
		return id, err
	})
	return having, err
}

// values returns the positions of those entities that have the name.
func (w *walk) values(ids []platen.ID) (map[platen.ID]platen.Position, error) {
	q := selectNamedAmong
	if w.order.OfSet != 0 {
		q = selectNamedOfSets
	}
	found := make(map[platen.ID]platen.Position, len(ids))
	rows, err := w.index(q).QueryContext(w.ctx, w.s.idsOf(ids), w.name)
	_, err = collect(rows, err, func(from scanner) (at platen.Position, err error) {
		err = from.Scan(&at.ID, &at.Set, &at.Value)
		if w.order.OfSet == 0 {
			at.Set = 0
		}
		found[at.ID] = at
		return at, err
	})
	return found, err
}

// sorted returns the positions of entities in their order.
func (w *walk) sorted(ids []platen.ID) ([]platen.Position, error) {
	var values map[platen.ID]platen.Position
	if w.name != 0 {
		var err error
		if values, err = w.values(ids); err != nil {
			return nil, err
		}
	}
	all := make([]platen.Position, len(ids))
	for i, id := range ids {
		at, ok := values[id]
		if !ok {
			at = platen.Position{Missing: true, ID: id}
		}
		all[i] = at
	}
	slices.SortFunc(all, func(a, b platen.Position) int { return w.compare(&a, &b) })
	return all, nil
}

// idsOf makes identifiers a parameter.
func (s *Store) idsOf(ids []platen.ID) any {
	numbers := make([]int64, len(ids))
	for i, id := range ids {
		numbers[i] = int64(id)
	}
	return s.engine.Dialect.IDs(numbers)
}
