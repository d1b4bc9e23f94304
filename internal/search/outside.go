package search

import (
	"context"

	"github.com/platenhq/platen"
)

// PostgreSQL looks for a text or pattern in time that is the product of both,
// and can not be interrupted meanwhile. That is no harm for values that are in
// the index whole, which are short. The entities whose longer values match are
// found outside the database, and given to the statement as a list.

// An Outside is a rule that looks for a text or a pattern, decided outside the
// database for long values. It is for one goroutine.
type Outside struct {
	// Values yields the values to decide: the entity, its value, and the other
	// value that it is compared with, which is empty if there is none.
	Values Statement
	// Entities is what IDs of the dialect makes of the entities for which Holds
	// is true.
	Entities any

	rule    *platen.Rule
	pattern *Pattern // the last one
}

// isPattern reports whether a rule looks for a text or a pattern.
func isPattern(rule *platen.Rule) bool {
	switch rule.Condition {
	case platen.Contains, platen.NotContains, platen.Like, platen.NotLike:
		return rule.Type == platen.Text
	}
	return false
}

// findOutside collects the rules that are decided outside the database.
func (p *Plan) findOutside(rule *platen.Rule) error {
	rules := subRules(rule)
	for i := range rules {
		if err := p.findOutside(&rules[i]); err != nil {
			return err
		}
	}
	if !isPattern(rule) || p.outside[rule] != nil {
		return nil
	}
	w := writer{plan: p}
	values, err := w.longValues(rule)
	if err != nil {
		return err
	}
	outside := &Outside{Values: values, rule: rule}
	p.outside[rule] = outside
	p.Outside = append(p.Outside, outside)
	return nil
}

// longValues is the statement of the values that a rule is decided for outside.
func (w *writer) longValues(rule *platen.Rule) (Statement, error) {
	from, where := "v.value, CAST('' AS BYTEA) FROM "+w.plan.options.Longs+" AS v", ""
	if rule.Other != "" { // either of the two values is long
		from = w.full("v") + ", " + w.full("o") + " FROM " + w.values() + " AS v JOIN " + w.values() + " AS o ON o.entity = v.entity AND o.name = " +
			w.name(rule.Facet, rule.Other)
		where = " AND (length(v.digest) > 0 OR length(o.digest) > 0)"
	}
	text := "SELECT v.entity, " + from + " WHERE v.name = " + w.name(rule.Facet, rule.Name) + where
	if w.owns(rule.Facet) {
		text += w.inSets(rowOf("v.entity", "e.root"))
	}
	return w.statement(text)
}

// Holds reports whether the rule holds for a value, and the other value that
// it is compared with. The error is that of ctx, which it looks at now and then.
func (o *Outside) Holds(ctx context.Context, value, other []byte) (bool, error) {
	if o.rule.Other == "" {
		other = []byte(o.rule.Value)
	}
	switch o.rule.Condition {
	case platen.Contains, platen.NotContains:
		has, err := Contains(ctx, value, other)
		return has == (o.rule.Condition == platen.Contains), err
	}
	if !o.pattern.Is(other) {
		o.pattern = NewPattern(other)
	}
	like, err := o.pattern.Match(ctx, value)
	return like == (o.rule.Condition == platen.Like), err
}

// shortPattern is the condition of such a rule on the value v: the database
// decides for short values.
func (w *writer) shortPattern(o *Outside) string {
	rule := o.rule
	among := w.plan.dialect.Among("v.entity", w.arg(o.Entities))
	if rule.Other == "" {
		short := w.compare(rule.Condition, "v.value", w.plan.dialect.Bytes(w.arg([]byte(rule.Value))))
		return "CASE WHEN length(v.digest) = 0 THEN " + short + " ELSE " + among + " END"
	}
	return "EXISTS (SELECT 1 FROM " + w.values() + " AS o WHERE o.entity = v.entity AND +o.name = " + w.name(rule.Facet, rule.Other) +
		" AND CASE WHEN length(v.digest) = 0 AND length(o.digest) = 0 THEN " + w.compare(rule.Condition, "v.value", "o.value") + " ELSE " + among + " END" + oneRow + ")"
}
