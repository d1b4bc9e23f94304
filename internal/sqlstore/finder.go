package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
)

// What bounds the statement of a search.
const (
	findArgs    = 30_000 // parameters; SQLite takes 32,766
	driversMost = 100    // parts of the union that candidates come from; SQLite takes 500
)

// oneRow ends the query of an EXISTS. Without it PostgreSQL makes a join of
// each, and plans so many joins for minutes, in which it can not be interrupted.
const oneRow = " LIMIT 1 OFFSET 0"

// probeRows is how far the hits of rules are counted to choose the best: most
// often few are enough to tell.
var probeRows = [...]int{100, 10_000}

// A querier reads: the pool, or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// A finder writes the statement of one search.
type finder struct {
	s    *Store
	ctx  context.Context
	db   querier
	kind platen.Kind
	sets []platen.ID

	args []any
	long map[*platen.Rule]any // see finder.pattern
	err  error                // the first
}

// arg adds a parameter and returns its place.
func (f *finder) arg(value any) string {
	f.args = append(f.args, value)
	if len(f.args) > findArgs && f.err == nil {
		f.err = platen.Errorf(platen.Invalid, "the search names more than %d values", findArgs)
	}
	return "$" + strconv.Itoa(len(f.args))
}

// joined joins conditions as a balanced tree: databases bound the depth of an
// expression.
func joined(parts []string, operator, none string) string {
	switch n := len(parts); n {
	case 0:
		return none
	case 1:
		return parts[0]
	default:
		return "(" + joined(parts[:n/2], operator, none) + operator + joined(parts[n/2:], operator, none) + ")"
	}
}

// rowOf is an expression over the row of the entity id.
func rowOf(id, expression string) string {
	return "(SELECT " + expression + " FROM entity AS e WHERE e.first <= " + id + " ORDER BY e.first DESC LIMIT 1)"
}

// inSets limits root to the sets of the search.
func (f *finder) inSets(root string) string {
	if f.sets == nil {
		return ""
	}
	return " AND " + root + " IN (" + f.ids(f.sets) + ")"
}

func (f *finder) ids(ids []platen.ID) string {
	places := make([]string, len(ids))
	for i, id := range ids {
		places[i] = f.arg(int64(id))
	}
	return strings.Join(places, ", ")
}

// candidates returns the statement that yields the entities (id, root) that
// the drivers find; with none, all of the kind. root is -1 for what is none
// of that kind.
func (f *finder) candidates(drivers []*platen.Rule) string {
	var byID []string
	var byRow []string // conditions on rows of the table entity
	for _, rule := range drivers {
		switch rule.Type {
		case platen.Text:
			byID = append(byID, f.textDriver(rule))
		case platen.IDs:
			values := make([]string, len(rule.IDs))
			for i, id := range rule.IDs {
				values[i] = "(CAST(" + f.arg(int64(id)) + " AS BIGINT))"
			}
			byID = append(byID, "SELECT column1 AS id FROM (VALUES "+strings.Join(values, ", ")+") AS v")
		default:
			byRow = append(byRow, f.detailsTest(rule, "coalesce(e.details, 0)"))
		}
	}
	if len(drivers) == 0 {
		byRow = append(byRow, "1 = 1")
	}
	var parts []string
	if len(byRow) > 0 {
		parts = append(parts, f.s.engine.Expand("SELECT e.first, e.last, coalesce(e.root, 0) AS root FROM entity AS e WHERE e.kind = "+
			f.arg(int64(f.kind))+f.inSets("e.root")+" AND ("+joined(byRow, " OR ", "1 = 0")+")"))
	}
	if len(byID) > 0 {
		parts = append(parts, "SELECT i.id, "+rowOf("i.id", "CASE WHEN e.last >= i.id AND e.kind = "+f.arg(int64(f.kind))+
			" THEN coalesce(e.root, 0) ELSE -1 END")+" AS root FROM ("+strings.Join(byID, " UNION ")+") AS i")
	}
	return strings.Join(parts, " UNION ")
}

// choose returns the rules that together find all candidates with the fewest
// others: none if only a look at all entities does.
func (f *finder) choose(rule *platen.Rule) []*platen.Rule {
	options := f.options(rule)
	if len(options) < 2 {
		return slices.Concat(options...)
	}
	var best []*platen.Rule
	for _, limit := range probeRows {
		least := limit + 1
		for _, option := range options {
			if hits := f.probe(option, limit); hits < least {
				best, least = option, hits
			}
		}
		if least < limit || f.err != nil {
			break
		}
	}
	return best
}

// options are the ways to drive a rule. Each is a set of leaves, one of which
// holds wherever the rule holds.
func (f *finder) options(rule *platen.Rule) [][]*platen.Rule {
	switch rule.Type {
	case platen.All:
		var all [][]*platen.Rule
		for i := range rule.Rules {
			all = append(all, f.options(&rule.Rules[i])...)
		}
		return all
	case platen.Any:
		var together []*platen.Rule
		for i := range rule.Rules {
			parts := f.options(&rule.Rules[i])
			if len(parts) == 0 {
				return nil
			}
			together = append(together, parts[0]...)
		}
		if len(together) == 0 || len(together) > driversMost {
			return nil
		}
		return [][]*platen.Rule{together}
	case platen.NotAll, platen.NotAny:
		return nil
	case platen.IDs:
		if rule.Condition != platen.In || len(rule.IDs) == 0 {
			return nil
		}
	}
	return [][]*platen.Rule{{rule}}
}

// probe counts how many candidates rules find, up to limit.
func (f *finder) probe(rules []*platen.Rule, limit int) int {
	p := finder{s: f.s, ctx: f.ctx, db: f.db, kind: f.kind, sets: f.sets, long: f.long}
	text := "SELECT count(*) FROM (SELECT 1 FROM (" + p.candidates(rules) + ") AS c LIMIT " + strconv.Itoa(limit) + ") AS n"
	var hits int
	if err := errors.Join(p.err, f.err); err != nil {
		f.err = err
		return 0
	}
	f.err = f.db.QueryRowContext(f.ctx, f.s.engine.Rebind(text), p.args...).Scan(&hits)
	return hits
}

// owner returns the kind whose lists have a name that entities of the kind
// searched are asked for: the fields of a content item are its data record's.
func (f *finder) owner(facet platen.Facet) platen.Kind {
	if facet == platen.Fields {
		return platen.DataRecord
	}
	return f.kind
}

// ownerOf is the expression of the entity that has the list.
func (f *finder) ownerOf(facet platen.Facet, id string) string {
	if f.owner(facet) == f.kind {
		return id
	}
	return rowOf(id, "e.record + "+id+" - e.first")
}

// name returns the id of a name in the index, as a parameter; 0 if it is not
// there, which no entity has then.
func (f *finder) name(facet platen.Facet, name string) string {
	var id int64
	err := f.s.read[selectNameID].QueryRowContext(f.ctx, int64(f.owner(facet)), int64(facet), []byte(nameKey(name))).Scan(&id)
	if err != nil && !errors.Is(err, sql.ErrNoRows) && f.err == nil {
		f.err = err
	}
	return f.arg(id)
}

// keyValue is the expression of what is sorted or grouped by. Here and in
// other places the plus before a column keeps the planner on the index by
// entity, since it takes a name to be rarer than it is.
func (f *finder) keyValue(key platen.SearchKey) string {
	return "(SELECT " + f.s.engine.Concat("v.value", "v.rest") + " FROM find_value AS v WHERE v.entity = " +
		f.ownerOf(key.Facet, "c.id") + " AND +v.name = " + f.name(key.Facet, key.Name) + ")"
}

// textDriver yields the entities for which a Text rule holds, from the index.
func (f *finder) textDriver(rule *platen.Rule) string {
	from := "SELECT v.entity AS id FROM find_value AS v WHERE v.name = " + f.name(rule.Facet, rule.Name) + " AND " + f.condition(rule)
	if f.owner(rule.Facet) == f.kind {
		return from
	}
	return "SELECT e.first + o.id - e.record AS id FROM (" + from + `) AS o JOIN entity AS e
		ON e.record BETWEEN o.id - ` + strconv.Itoa(groupPages) + " AND o.id AND e.record + e.last - e.first >= o.id"
}

// test is the condition that a rule is, on the candidate c. What drives alone
// holds already.
func (f *finder) test(rule *platen.Rule, drivers []*platen.Rule) string {
	if len(drivers) == 1 && drivers[0] == rule {
		return "1 = 1"
	}
	switch rule.Type {
	case platen.All, platen.NotAll:
		return f.tests(rule, drivers, " AND ", "1 = 1", rule.Type == platen.NotAll)
	case platen.Any, platen.NotAny:
		return f.tests(rule, nil, " OR ", "1 = 0", rule.Type == platen.NotAny)
	case platen.Text:
		return "EXISTS (SELECT 1 FROM find_value AS v WHERE v.entity = " + f.ownerOf(rule.Facet, "c.id") +
			" AND +v.name = " + f.name(rule.Facet, rule.Name) + " AND " + f.condition(rule) + oneRow + ")"
	case platen.IDs:
		if len(rule.IDs) == 0 {
			return map[bool]string{true: "1 = 0", false: "1 = 1"}[rule.Condition == platen.In]
		}
		not := ""
		if rule.Condition == platen.NotIn {
			not = "NOT "
		}
		return "c.id " + not + "IN (" + f.ids(rule.IDs) + ")"
	}
	return f.detailsTest(rule, rowOf("c.id", "coalesce(e.details, 0)"))
}

func (f *finder) tests(rule *platen.Rule, drivers []*platen.Rule, join, none string, not bool) string {
	if not {
		drivers = nil
	}
	parts := make([]string, len(rule.Rules))
	for i := range rule.Rules {
		parts[i] = f.test(&rule.Rules[i], drivers)
	}
	text := "(" + joined(parts, join, none) + ")"
	if not {
		return "NOT " + text
	}
	return text
}

// operators are the conditions that are one of SQL.
var operators = map[platen.Condition]string{
	platen.Equal: "=", platen.NotEqual: "<>",
	platen.Less: "<", platen.Greater: ">", platen.LessOrEqual: "<=", platen.GreaterOrEqual: ">=",
}

// detailsTest is the condition that page details, by their id, fulfil a rule.
// A content item without details, id 0, is one of no pages and no template.
func (f *finder) detailsTest(rule *platen.Rule, id string) string {
	operator, ok := operators[rule.Condition]
	if !ok {
		f.err = cmp.Or(f.err, error(platen.Errorf(platen.Invalid, "the search compares what is no text as text")))
		return ""
	}
	var column string
	var value any
	switch rule.Type {
	case platen.Size:
		column = [...]string{"pages", "sheets", "sections"}[rule.Unit]
		value = rule.Number
	case platen.Duplex:
		column, operator, value = "duplex", "=", int64(0)
		if rule.Value == "true" {
			value = int64(1)
		}
	case platen.Template:
		column, value = "template", rule.Value
	case platen.MediaName:
		not := ""
		if rule.Condition == platen.NotEqual {
			not = "NOT "
		}
		return id + " " + not + "IN (SELECT details FROM details_media WHERE name = " + f.arg(rule.Value) + ")"
	default:
		f.err = cmp.Or(f.err, error(fmt.Errorf("unknown rule type %d", rule.Type)))
	}
	zero := map[string]string{"template": "''"}[column]
	if zero == "" {
		zero = "0"
	}
	test := operator + " " + f.arg(value)
	return "(" + id + " IN (SELECT id FROM details WHERE " + column + " " + test + ") OR " + id + " = 0 AND " + zero + " " + test + ")"
}

// full is the whole of a value in the index.
func (f *finder) full(v string) string {
	return "CASE WHEN length(" + v + ".value) < " + strconv.Itoa(valueBytes) + " THEN " + v + ".value ELSE " +
		f.s.engine.Concat(v+".value", v+".rest") + " END"
}

// condition is that of a Text rule on the value v.
func (f *finder) condition(rule *platen.Rule) string {
	if f.s.engine.PatternsInGo && isPattern(rule) {
		return f.pattern(rule)
	}
	if rule.Other != "" {
		return "EXISTS (SELECT 1 FROM find_value AS o WHERE o.entity = v.entity AND +o.name = " +
			f.name(rule.Facet, rule.Other) + " AND " + f.compare(rule.Condition, f.full("v"), f.full("o")) + oneRow + ")"
	}
	switch rule.Condition {
	case platen.In, platen.NotIn:
		var short, long, parts []string
		for _, value := range rule.Values {
			head, rest := splitValue(value)
			if len(head) < valueBytes {
				short = append(short, f.arg(head))
				continue
			}
			long = append(long, "("+f.s.engine.Bytes(f.arg(head))+", "+f.s.engine.Bytes(f.arg(rest))+")")
		}
		if len(short) > 0 {
			parts = append(parts, "v.value IN ("+strings.Join(short, ", ")+")")
		}
		if len(long) > 0 {
			parts = append(parts, "(v.value, v.rest) IN (VALUES "+strings.Join(long, ", ")+")")
		}
		text := "(" + joined(parts, " OR ", "1 = 0") + ")"
		if rule.Condition == platen.NotIn {
			text = "NOT " + text
		}
		return text
	case platen.StartsWith:
		return f.startsWith(rule.Value)
	case platen.Contains, platen.NotContains, platen.EndsWith, platen.Like, platen.NotLike:
		return f.compare(rule.Condition, f.full("v"), f.s.engine.Bytes(f.arg([]byte(rule.Value))))
	}
	return f.order(rule.Condition, rule.Value)
}

// order compares with a value in a way that the index serves.
func (f *finder) order(condition platen.Condition, value string) string {
	head, rest := splitValue(value)
	operator := operators[condition]
	if len(head) < valueBytes { // then no rest can decide
		return "v.value " + operator + " " + f.arg(head)
	}
	h, r := f.arg(head), f.arg(rest)
	same := "v.value = " + h + " AND v.rest " + operator + " " + r
	switch condition {
	case platen.Equal:
		return "(" + same + ")"
	case platen.NotEqual:
		return "NOT (v.value = " + h + " AND v.rest = " + r + ")"
	}
	return "(v.value " + operator[:1] + " " + h + " OR " + same + ")"
}

func (f *finder) startsWith(value string) string {
	head, rest := splitValue(value)
	if len(rest) > 0 {
		return "(v.value = " + f.arg(head) + " AND substr(v.rest, 1, " + strconv.Itoa(len(rest)) + ") = " + f.arg(rest) + ")"
	}
	text := "v.value >= " + f.arg(head)
	// The smallest text that is larger than all with that start.
	for n := len(head); n > 0; n-- {
		if head[n-1] < 0xff {
			next := slices.Clone(head[:n])
			next[n-1]++
			return "(" + text + " AND v.value < " + f.arg(next) + ")"
		}
	}
	return text
}

// compare is a condition between two expressions.
func (f *finder) compare(condition platen.Condition, a, b string) string {
	switch condition {
	case platen.Contains, platen.NotContains, platen.StartsWith, platen.EndsWith:
		// Databases differ in what a part of nothing is.
		part := "length(" + b + ") = 0 OR "
		switch condition {
		case platen.StartsWith:
			part += "substr(" + a + ", 1, length(" + b + ")) = " + b
		case platen.EndsWith:
			part += "length(" + a + ") >= length(" + b + ") AND substr(" + a + ", length(" + a + ") - length(" + b + ") + 1) = " + b
		default:
			part += f.s.engine.Contains(a, b)
		}
		if condition == platen.NotContains {
			return "NOT (" + part + ")"
		}
		return "(" + part + ")"
	case platen.Like:
		return f.s.engine.Like(a, b)
	case platen.NotLike:
		return "NOT " + f.s.engine.Like(a, b)
	}
	operator, ok := operators[condition]
	if !ok {
		f.err = cmp.Or(f.err, error(platen.Errorf(platen.Invalid, "the search compares two values in a way that needs a list")))
	}
	return a + " " + operator + " " + b
}
