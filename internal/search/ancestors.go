package search

import (
	"fmt"

	"github.com/platenhq/platen"
)

func testIdentifier(w *writer, rule *platen.Rule) string {
	return "c.id " + w.operator(rule.Condition) + " " + w.arg(rule.Number)
}

// levels returns the kinds from below an ancestor down to the kind of the search.
// None: the ancestor is named by its place, not by its kind, or it is the set.
func (w *writer) levels(rule *platen.Rule) []platen.Kind {
	if len(rule.IDs) != 1 {
		w.fail(fmt.Errorf("%d ancestors in a rule", len(rule.IDs)))
		return nil
	}
	if rule.Kind == 0 || rule.Kind.Info().Set {
		return nil
	}
	var kinds []platen.Kind
	for kind := rule.Kind.Info().Child; kind != 0; kind = kind.Info().Child {
		if kinds = append(kinds, kind); kind == w.plan.search.Kind {
			return kinds
		}
	}
	w.fail(platen.Errorf(platen.Invalid, "a %s is in no %s", w.plan.search.Kind, rule.Kind))
	return nil
}

// findBelow is the statement of the entities that are in an ancestor.
func findBelow(w *writer, rule *platen.Rule) string {
	const columns = "SELECT e.first, e.last, coalesce(e.root, 0) AS root FROM "
	kinds := w.levels(rule)
	if w.err != nil {
		return "SELECT 0 AS id"
	}
	id := w.arg(int64(rule.IDs[0]))
	var rows string
	switch {
	case rule.Kind == 0:
		rows = columns + "entity AS e WHERE e.parent = " + id
	case kinds == nil:
		rows = columns + "entity AS e WHERE e.root = " + id + " AND e.first <> e.root"
	}
	for i, kind := range kinds {
		if i == 0 {
			rows = columns + "entity AS e WHERE e.parent = " + id
		} else {
			rows = columns + "(" + w.plan.dialect.Expand(rows) + ") AS p JOIN entity AS e ON e.parent = p.id"
			rows += " WHERE 1 = 1"
		}
		rows += " AND e.kind = " + w.arg(int64(kind))
	}
	if kinds == nil {
		rows += " AND e.kind = " + w.arg(int64(w.plan.search.Kind))
	}
	return "SELECT b.id FROM (" + w.plan.dialect.Expand(rows) + ") AS b"
}

// testBelow is the condition that the candidate c is in an ancestor.
func testBelow(w *writer, rule *platen.Rule) string {
	kinds := w.levels(rule)
	if w.err != nil {
		return "1 = 0"
	}
	id := w.arg(int64(rule.IDs[0]))
	if rule.Kind.Info().Set {
		return "(c.root = " + id + " AND c.id <> c.root)"
	}
	above := rowOf("c.id", "coalesce(e.parent, 0)")
	for i := 1; i < len(kinds); i++ {
		above = rowOf(above, "coalesce(e.parent, 0)")
	}
	return above + " = " + id
}

// ofSet is the condition that the set root fulfils a Text rule.
func ofSet(root string) func(*writer, *platen.Rule) string {
	return func(w *writer, rule *platen.Rule) string {
		if len(rule.Rules) != 1 || rule.Rules[0].Type != platen.Text {
			w.fail(fmt.Errorf("the rule about a set is not about one name"))
			return "1 = 0"
		}
		text, kind := &rule.Rules[0], w.kind
		w.kind = rule.Kind
		condition := root + " IN (SELECT v.entity FROM " + w.values() + " AS v WHERE v.name = " + w.name(text.Facet, text.Name) + " AND " + w.condition(text) + ")"
		w.kind = kind
		return condition
	}
}
