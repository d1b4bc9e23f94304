package sqlstore

import (
	"bytes"
	"slices"

	"github.com/platenhq/platen"
)

// PostgreSQL looks for a text or pattern in time that is the product of both,
// and can not be interrupted meanwhile. That is no harm for values that are in
// the index whole, which are short. The entities whose longer values match are
// found here, and given to the statement as a list.

// isPattern reports whether a rule looks for a text or a pattern.
func isPattern(rule *platen.Rule) bool {
	switch rule.Condition {
	case platen.Contains, platen.NotContains, platen.Like, platen.NotLike:
		return rule.Type == platen.Text
	}
	return false
}

// hasPattern reports whether some rule does.
func hasPattern(rule *platen.Rule) bool {
	return isPattern(rule) || slices.ContainsFunc(rule.Rules, func(sub platen.Rule) bool { return hasPattern(&sub) })
}

// pattern is the condition of such a rule on the value v.
func (f *finder) pattern(rule *platen.Rule) string {
	if _, ok := f.long[rule]; !ok && f.err == nil {
		ids, err := f.longMatches(rule)
		if err != nil {
			f.err = err
			return ""
		}
		f.long[rule] = f.s.engine.IDs(ids)
	}
	among := f.s.engine.Among("v.entity", f.arg(f.long[rule]))
	if rule.Other == "" {
		short := f.compare(rule.Condition, "v.value", f.s.engine.Bytes(f.arg([]byte(rule.Value))))
		return "CASE WHEN length(v.rest) = 0 THEN " + short + " ELSE " + among + " END"
	}
	return "EXISTS (SELECT 1 FROM find_value AS o WHERE o.entity = v.entity AND +o.name = " + f.name(rule.Facet, rule.Other) +
		" AND CASE WHEN length(v.rest) = 0 AND length(o.rest) = 0 THEN " + f.compare(rule.Condition, "v.value", "o.value") + " ELSE " + among + " END" + oneRow + ")"
}

// longMatches returns the entities for which a rule on long values holds. The
// statement yields one value at a time, so it ends soon after its context.
func (f *finder) longMatches(rule *platen.Rule) ([]int64, error) {
	p := finder{s: f.s, ctx: f.ctx, db: f.db, kind: f.kind, sets: f.sets}
	columns, where := "v.entity, v.value, v.rest, CAST('' AS BYTEA), CAST('' AS BYTEA) FROM find_value AS v", "length(v.rest) > 0"
	if rule.Other != "" {
		columns = "v.entity, v.value, v.rest, o.value, o.rest FROM find_value AS v JOIN find_value AS o ON o.entity = v.entity AND o.name = " +
			p.name(rule.Facet, rule.Other)
		where = "(length(v.rest) > 0 OR length(o.rest) > 0)"
	}
	text := "SELECT " + columns + " WHERE " + where + " AND v.name = " + p.name(rule.Facet, rule.Name)
	if f.sets != nil && f.owner(rule.Facet) == f.kind {
		text += p.inSets(rowOf("v.entity", "e.root"))
	}
	if p.err != nil {
		return nil, p.err
	}
	rows, err := f.db.QueryContext(f.ctx, f.s.engine.Rebind(text), p.args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids, pattern := []int64{}, NewPattern([]byte(rule.Value))
	for rows.Next() {
		var id int64
		var value, rest, other, otherRest []byte
		if err := rows.Scan(&id, &value, &rest, &other, &otherRest); err != nil {
			return nil, err
		}
		part := []byte(rule.Value)
		if rule.Other != "" {
			part = append(other, otherRest...)
			if !pattern.Is(part) {
				pattern = NewPattern(part)
			}
		}
		value = append(value, rest...)
		holds := false
		switch rule.Condition {
		case platen.Contains, platen.NotContains:
			holds = bytes.Contains(value, part)
		default:
			holds = pattern.Match(value)
		}
		if holds == (rule.Condition == platen.Contains || rule.Condition == platen.Like) {
			ids = append(ids, id)
		}
	}
	return ids, rows.Err()
}
