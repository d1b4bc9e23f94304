package search

import (
	"fmt"
	"slices"
	"strings"

	"github.com/platenhq/platen"
)

// A ruleSQL is what a type of rule is in SQL. To add a type of leaf is to add
// its row to the table.
type ruleSQL struct {
	// drivers returns the drivers of a rule, given those of its sub-rules.
	drivers func(rule *platen.Rule, parts [][]Driver) []Driver
	// A leaf that drives has one of the two: find is the statement that yields
	// the entities (id) for which it holds, row the condition that it holds for
	// all entities of the row e.
	find func(w *writer, rule *platen.Rule) string
	row  func(w *writer, rule *platen.Rule) string
	// test is the condition that a leaf holds for the candidate c.
	test func(w *writer, rule *platen.Rule) string
	// group is nil for a leaf, whose Rules do not count.
	group *group
}

// A group is how the conditions of sub-rules become one.
type group struct{ not, operator, none string }

var table = map[platen.RuleType]ruleSQL{
	platen.All:    {drivers: each, group: &group{"", " AND ", "1 = 1"}},
	platen.Any:    {drivers: together, group: &group{"", " OR ", "1 = 0"}},
	platen.NotAll: {drivers: none, group: &group{"NOT ", " AND ", "1 = 1"}},
	platen.NotAny: {drivers: none, group: &group{"NOT ", " OR ", "1 = 0"}},

	platen.Text: {drivers: alone, find: findText, test: testText},
	platen.IDs:  {drivers: listed, find: findIDs, test: testIDs},

	platen.Size:      onDetails(column(size)),
	platen.Duplex:    onDetails(column(duplex)),
	platen.Template:  onDetails(column(template)),
	platen.MediaName: onDetails(media),

	platen.Identifier: {drivers: none, test: testIdentifier},
	platen.Ancestor:   {drivers: alone, find: findBelow, test: testBelow},
	platen.OfSet:      {drivers: alone, row: ofSet("e.root"), test: ofSet("c.root")},
}

// drivers returns the drivers of a rule. The error is for a type of rule that
// is not in the table.
func drivers(rule *platen.Rule) ([]Driver, error) {
	row, ok := table[rule.Type]
	if !ok {
		return nil, fmt.Errorf("unknown rule type %d", rule.Type)
	}
	rules := subRules(rule)
	parts := make([][]Driver, len(rules))
	for i := range rules {
		var err error
		if parts[i], err = drivers(&rules[i]); err != nil {
			return nil, err
		}
	}
	return row.drivers(rule, parts), nil
}

func subRules(rule *platen.Rule) []platen.Rule {
	if table[rule.Type].group == nil {
		return nil
	}
	return rule.Rules
}

func none(*platen.Rule, [][]Driver) []Driver { return nil }

func alone(rule *platen.Rule, _ [][]Driver) []Driver { return []Driver{{rule}} }

// each is for a rule that any of its parts can drive.
func each(_ *platen.Rule, parts [][]Driver) []Driver { return slices.Concat(parts...) }

// together is for a rule that needs a driver of each of its parts.
func together(_ *platen.Rule, parts [][]Driver) []Driver {
	var all Driver
	for _, part := range parts {
		if len(part) == 0 {
			return nil
		}
		all = append(all, part[0]...)
	}
	if len(all) == 0 || len(all) > maxDrivers {
		return nil
	}
	return []Driver{all}
}

// listed is the driver of identifiers, if there are any to find.
func listed(rule *platen.Rule, parts [][]Driver) []Driver {
	if rule.Condition != platen.In || len(rule.IDs) == 0 {
		return nil
	}
	return alone(rule, parts)
}

func findIDs(w *writer, rule *platen.Rule) string {
	ids := slices.Clone(rule.IDs)
	slices.Sort(ids)
	ids = slices.Compact(ids) // each entity is found once
	values := make([]string, len(ids))
	for i, id := range ids {
		values[i] = "(CAST(" + w.arg(int64(id)) + " AS BIGINT))"
	}
	return "SELECT column1 AS id FROM (VALUES " + strings.Join(values, ", ") + ") AS v"
}

func testIDs(w *writer, rule *platen.Rule) string {
	switch {
	case len(rule.IDs) > 0:
		return "c.id " + notIf(rule.Condition == platen.NotIn) + "IN (" + w.ids(rule.IDs) + ")"
	case rule.Condition == platen.In:
		return "1 = 0"
	}
	return "1 = 1"
}

func notIf(not bool) string {
	if not {
		return "NOT "
	}
	return ""
}

// onDetails is a rule about page details: condition is that those of an id
// fulfil it. All content items of a row have the same.
func onDetails(condition func(w *writer, rule *platen.Rule, id string) string) ruleSQL {
	const details = "coalesce(e.details, 0)"
	return ruleSQL{
		drivers: alone,
		row:     func(w *writer, rule *platen.Rule) string { return condition(w, rule, details) },
		test:    func(w *writer, rule *platen.Rule) string { return condition(w, rule, rowOf("c.id", details)) },
	}
}

// A comparison compares a column of the table details.
type comparison struct {
	column    string
	condition platen.Condition
	value     any // int64 or string
}

// column is the condition that a rule is on a column. A content item without
// details, id 0, is one of no pages and no template.
func column(of func(w *writer, rule *platen.Rule) comparison) func(*writer, *platen.Rule, string) string {
	return func(w *writer, rule *platen.Rule, id string) string {
		c := of(w, rule)
		zero := "0"
		if _, ok := c.value.(string); ok {
			zero = "''"
		}
		test := w.operator(c.condition) + " " + w.arg(c.value)
		return "(" + id + " IN (SELECT id FROM details WHERE " + c.column + " " + test + ") OR " + id + " = 0 AND " + zero + " " + test + ")"
	}
}

var units = map[platen.Unit]string{platen.Pages: "pages", platen.Sheets: "sheets", platen.Sections: "sections"}

func size(w *writer, rule *platen.Rule) comparison {
	column, ok := units[rule.Unit]
	if !ok {
		w.fail(fmt.Errorf("unknown unit %d", rule.Unit))
	}
	return comparison{column, rule.Condition, rule.Number}
}

func duplex(_ *writer, rule *platen.Rule) comparison {
	if rule.Value == "true" {
		return comparison{"duplex", platen.Equal, int64(1)}
	}
	return comparison{"duplex", platen.Equal, int64(0)}
}

func template(_ *writer, rule *platen.Rule) comparison {
	return comparison{"template", rule.Condition, rule.Value}
}

// media is the condition on the media of the pages.
func media(w *writer, rule *platen.Rule, id string) string {
	return id + " " + notIf(rule.Condition == platen.NotEqual) + "IN (SELECT details FROM details_media WHERE name = " + w.arg(rule.Value) + ")"
}

// operators are the conditions that are one of SQL.
var operators = map[platen.Condition]string{
	platen.Equal: "=", platen.NotEqual: "<>",
	platen.Less: "<", platen.Greater: ">", platen.LessOrEqual: "<=", platen.GreaterOrEqual: ">=",
}

// operator returns that of a condition between two values.
func (w *writer) operator(condition platen.Condition) string {
	operator, ok := operators[condition]
	if !ok {
		w.fail(platen.Errorf(platen.Invalid, "the search compares two values with a condition that is not for them"))
	}
	return operator
}
