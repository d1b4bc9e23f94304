package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/platenhq/platen"
)

// findAtOnce is how many searches run at once; others wait, so that there are
// connections for short reads.
const findAtOnce = 2

// Find implements [storage.Searcher]. The search becomes one statement: entities
// come from where the index has the fewest that can fulfil the rule, or from
// all of the kind, and the rest of the rule is a condition on each.
func (s *Store) Find(ctx context.Context, search *platen.Search, yield func(int, *platen.Found) error) (err error) {
	ctx, done := s.observe(ctx, "find")
	defer func() { done(err) }()
	select {
	case s.finding <- struct{}{}:
		defer func() { <-s.finding }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := s.flushStale(ctx, lockIndex); err != nil {
		return s.error("find", err)
	}
	f := finder{s: s, ctx: ctx, db: s.engine.Reader, kind: search.Kind, sets: search.Sets, long: make(map[*platen.Rule]any)}
	if s.engine.PatternsInGo && hasPattern(&search.Rule) {
		// More than one statement, which must see the same.
		tx, err := s.engine.Reader.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
		if err != nil {
			return s.error("find", err)
		}
		defer func() { err = errors.Join(err, ignoreDone(tx.Rollback())) }()
		f.db = tx
	}
	return s.error("find", f.run(search, yield))
}

// statement returns the statement of a search.
func (f *finder) statement(search *platen.Search, keys []platen.SearchKey) (string, error) {
	driver := f.choose(&search.Rule)
	from := f.candidates(driver)
	columns := "c.id"
	for _, key := range keys {
		columns += ", " + f.keyValue(key)
	}
	where := f.test(&search.Rule, driver)
	text := "SELECT " + columns + " FROM (" + from + `) AS c WHERE c.root >= 0
		AND NOT ` + hiddenSet("c.root", "c.id") + f.inSets("c.root") + " AND " + where
	if len(keys) == 0 {
		text += " ORDER BY c.id"
	}
	return f.s.engine.Rebind(text), f.err
}

func (f *finder) run(search *platen.Search, yield func(int, *platen.Found) error) error {
	keys := slices.Concat(search.Group, search.Sort)
	text, err := f.statement(search, keys)
	if err != nil {
		return err
	}
	rows, err := f.db.QueryContext(f.ctx, text, f.args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if len(keys) == 0 {
		return yieldIDs(rows, yield)
	}
	hits, err := readHits(rows, keys)
	if err != nil {
		return err
	}
	return arrange(hits, search, yield)
}

// yieldIDs passes on what is found as the database sorted it.
func yieldIDs(rows *sql.Rows, yield func(int, *platen.Found) error) error {
	for rows.Next() {
		var found platen.Found
		if err := rows.Scan(&found.ID); err != nil {
			return err
		}
		if err := yield(0, &found); err != nil {
			return err
		}
	}
	return rows.Err()
}

// A hit is an entity with the values of its keys.
type hit struct {
	id   platen.ID
	keys []platen.SearchValue // of Group, then of Sort
}

// About what a hit takes in memory, besides the texts of its keys.
const (
	hitBytes    = 48
	keyBytes    = 24
	numberBytes = 120 // of a key that is compared as a number
)

// readHits reads what is found, within [platen.MaxSortBytes].
func readHits(rows *sql.Rows, keys []platen.SearchKey) ([]hit, error) {
	var hits []hit
	values := make([]sql.RawBytes, len(keys))
	left := platen.MaxSortBytes
	for rows.Next() {
		h := hit{keys: make([]platen.SearchValue, len(keys))}
		into := []any{&h.id}
		for i := range values {
			into = append(into, &values[i])
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		left -= hitBytes
		for i, value := range values {
			if left -= keyBytes + len(value); keys[i].Numeric {
				left -= numberBytes
			}
			h.keys[i] = keys[i].Value(string(value))
		}
		if left < 0 {
			return nil, platen.Errorf(platen.Invalid, "the search finds more than can be sorted or grouped, which is %d entities so far: "+
				"restrict it with setIds, or with rules that fewer entities fulfil, or leave out sort and group", len(hits)+1)
		}
		hits = append(hits, h)
	}
	return hits, rows.Err()
}

// arrange sorts hits, and passes them on in their groups.
func arrange(hits []hit, search *platen.Search, yield func(int, *platen.Found) error) error {
	keys := slices.Concat(search.Group, search.Sort)
	slices.SortFunc(hits, func(a, b hit) int {
		for i, key := range keys {
			if c := key.Compare(a.keys[i], b.keys[i]); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.id, b.id)
	})
	sameGroup := func(a, b hit) bool {
		for i := range search.Group {
			if a.keys[i].Text != b.keys[i].Text {
				return false
			}
		}
		return true
	}
	var sortKey strings.Builder
	group := 0
	for i, h := range hits {
		sortKey.Reset()
		for n, value := range h.keys[len(search.Group):] {
			if n > 0 {
				sortKey.WriteByte('|')
			}
			sortKey.WriteString(value.Text)
		}
		if i > 0 && !sameGroup(h, hits[i-1]) {
			group++
		}
		if err := yield(group, &platen.Found{ID: h.id, SortKey: sortKey.String()}); err != nil {
			return err
		}
	}
	return nil
}
