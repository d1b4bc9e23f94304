// Package search compiles a [platen.Search] into SQL over the search index. It
// does no I/O. Who runs a search
//
//   - looks up the ids of [Names] in the index, and calls [Compile] with them;
//   - decides each of [Plan.Outside], if there are any;
//   - chooses among [Plan.Drivers], of which [Plan.Probe] counts the hits;
//   - runs [Plan.Statement] with the driver that was chosen.
//
// What a type of rule is in SQL is a row of the table in rules.go.
package search

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
)

// What bounds a statement.
const (
	maxArgs    = 30_000 // parameters; SQLite takes 32,766
	maxDrivers = 100    // parts of the union that candidates come from; SQLite takes 500
)

// A Dialect writes the expressions that differ between databases.
type Dialect interface {
	// Placeholder is the place of the argument n, which counts from 1.
	Placeholder(n int) string
	// Contains and Like are conditions on byte strings that are UTF-8: that
	// text has part in it; that text is like pattern, as [Pattern] says.
	Contains(text, part string) string
	Like(text, pattern string) string
	// PatternsOutside reports whether Contains and Like take time in proportion
	// to the product of text and pattern and can not be interrupted. Then the
	// database sees short texts only, see [Outside].
	PatternsOutside() bool
	// Bytes is the expression of a parameter that is a byte string.
	Bytes(parameter string) string
	// Among is the condition that a column is one of the ids of a parameter
	// made by IDs.
	Among(column, parameter string) string
	IDs(ids []int64) any
	// JoinItems joins the rows e of entity whose data records begin at a data record or
	// at one of so many before it.
	JoinItems(record string, before int) string
	// EachID is the table k (id) of the ids of a parameter made by IDs.
	EachID(parameter string) string
	// Number is the number that the bytes of an expression are, or NULL if they
	// are none, as [platen.ParseNumber] says.
	Number(bytes string) string
	// Expand is a statement that yields (id, root) for each id of the rows
	// (first, last, root) that rows yields.
	Expand(rows string) string
}

// Options are what statements need to know of the stored rows.
type Options struct {
	// Hidden is the condition that root, the set that the entity id belongs
	// to, hides it.
	Hidden func(root, id string) string
	// LongestRun is the most content items that are one row of entity.
	LongestRun int
	// Values and Longs have the rows of the tables find_value and find_long: they are
	// tables, or queries in parentheses. "": these two tables.
	Values, Longs string
}

// A Statement is SQL with its arguments, in the order of its placeholders.
type Statement struct {
	Text string
	Args []any
}

// A Name is a name in the search index, of the lists of a kind and facet.
type Name struct {
	Kind  platen.Kind
	Facet platen.Facet
	Name  string
}

// Names returns the names that a search refers to, each once.
func Names(search *platen.Search) []Name {
	var names []Name
	seen := make(map[Name]bool)
	add := func(name Name) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	var walk func(rule *platen.Rule)
	walk = func(rule *platen.Rule) {
		if rule.Type == platen.Text {
			add(nameOf(search.Kind, rule.Facet, rule.Name))
			if rule.Other != "" {
				add(nameOf(search.Kind, rule.Facet, rule.Other))
			}
		}
		if rule.Type == platen.OfSet && len(rule.Rules) == 1 {
			of := *search
			of.Kind, of.Rule, of.Sort, of.Group = rule.Kind, rule.Rules[0], nil, nil
			for _, name := range Names(&of) {
				add(name)
			}
		}
		rules := subRules(rule)
		for i := range rules {
			walk(&rules[i])
		}
	}
	walk(&search.Rule)
	for _, key := range Keys(search) {
		add(nameOf(search.Kind, key.Facet, key.Name))
	}
	return names
}

// Keys returns the keys whose values the statement of a search yields after
// the id: those of Group, then those of Sort.
func Keys(search *platen.Search) []platen.SearchKey {
	return slices.Concat(search.Group, search.Sort)
}

// nameOf returns the name in the index that entities of a kind are asked for:
// the fields of a content item are those of its data record.
func nameOf(kind platen.Kind, facet platen.Facet, name string) Name {
	if facet == platen.Fields {
		kind = platen.DataRecord
	}
	return Name{kind, facet, name}
}

// A Driver is one or more leaves of a rule, at least one of which holds
// wherever the rule holds: the candidates are the entities that they find. The
// empty driver is all entities of the kind, or those in the sets of the search.
type Driver []*platen.Rule

// A Plan is a search that was compiled. It refers to the search, which must
// not change.
type Plan struct {
	// Drivers are those to choose from. None: only the empty driver will do.
	Drivers []Driver
	// Outside are the rules that are in part decided outside the database. All
	// must be decided before Probe and Statement are called.
	Outside []*Outside

	search  *platen.Search
	names   map[Name]int64
	dialect Dialect
	options Options
	outside map[*platen.Rule]*Outside
}

// Compile compiles a search. names has the ids of [Names]; one that is not in
// the index is not in the map, or 0. The error is Invalid for a search that
// is too large.
func Compile(search *platen.Search, names map[Name]int64, dialect Dialect, options Options) (*Plan, error) {
	options.Values, options.Longs = cmp.Or(options.Values, "find_value"), cmp.Or(options.Longs, "find_long")
	p := &Plan{search: search, names: names, dialect: dialect, options: options}
	var err error
	if p.Drivers, err = drivers(&search.Rule); err != nil {
		return nil, err
	}
	if len(p.Drivers) > 0 && len(search.Sets) > 0 {
		p.Drivers = append(p.Drivers, Driver{})
	}
	if dialect.PatternsOutside() {
		p.outside = make(map[*platen.Rule]*Outside)
		if err := p.findOutside(&search.Rule); err != nil {
			return nil, err
		}
	}
	return p, p.limit()
}

// limit leaves out the drivers whose statements would have too many arguments.
// The error is for a search that has no statement that has not. It is known
// before any statement runs: probes of thousands of values take long.
func (p *Plan) limit() error {
	without := writer{plan: p}
	if without.rest(); without.err != nil {
		return without.err
	}
	if 2*len(without.args) < maxArgs-10 {
		return nil // candidates have the arguments of conditions, and a few
	}
	fits := func(driver Driver) bool {
		from := writer{plan: p, driver: driver}
		from.candidates(from.found())
		n := len(without.args) + len(from.args)
		if len(driver) == 1 { // which is not tested again
			alone := writer{plan: p}
			alone.test(driver[0])
			n -= len(alone.args)
		}
		return n <= maxArgs
	}
	had := len(p.Drivers)
	p.Drivers = slices.DeleteFunc(p.Drivers, func(driver Driver) bool { return !fits(driver) })
	if len(p.Drivers) == 0 && (had > 0 || !fits(nil)) {
		return errTooLarge
	}
	return nil
}

// Probe returns the statement that counts the candidates of a driver, up to
// limit. The error is Invalid for a search that is too large.
func (p *Plan) Probe(driver Driver, limit int) (Statement, error) {
	w := writer{plan: p, driver: driver}
	most := " LIMIT " + strconv.Itoa(limit)
	rows, byID := w.found()
	few := ""
	// SQLite reads all rows before it expands the first of them. PostgreSQL takes a row for a
	// thousand entities, and would look for the rows of a set among all others.
	if len(byID) == 0 {
		few = "WITH few AS MATERIALIZED (" + rows + most + ") "
		rows = "SELECT first, last, root FROM few"
	}
	return w.statement(few + "SELECT count(*) FROM (SELECT 1 FROM (" + w.candidates(rows, byID) + ") AS c" + most + ") AS n")
}

// Statement returns the statement that yields what the search finds: the id,
// and the value of each of [Keys]. Without keys it is ordered by id. The error
// is Invalid for a search that is too large.
func (p *Plan) Statement(driver Driver) (Statement, error) {
	w := writer{plan: p, driver: driver}
	from := w.candidates(w.found())
	columns, where := w.rest()
	text := "SELECT c.id" + columns + " FROM (" + from + `) AS c WHERE c.root IS NOT NULL
		AND NOT ` + p.options.Hidden("c.root", "c.id") + where
	if len(Keys(p.search)) == 0 {
		text += " ORDER BY c.id"
	}
	return w.statement(text)
}

// Among returns the statement that yields those of some entities that the search
// finds, whatever its drivers, in no order. ids is made by IDs of the dialect.
func (p *Plan) Among(ids any) (Statement, error) {
	w := writer{plan: p}
	from := w.withRoot("k.id", w.plan.dialect.EachID(w.arg(ids)))
	_, where := w.rest()
	return w.statement("SELECT c.id FROM (" + from + ") AS c WHERE c.root IS NOT NULL AND NOT " +
		p.options.Hidden("c.root", "c.id") + where)
}

// A writer writes one statement.
type writer struct {
	plan   *Plan
	driver Driver
	kind   platen.Kind // of the entities that names are of, if it is not that of the search

	args []any
	err  error // the first
}

func (w *writer) statement(text string) (Statement, error) {
	return Statement{text, w.args}, w.err
}

// values is where the values are.
func (w *writer) values() string { return w.plan.options.Values }

// arg adds an argument and returns its placeholder.
func (w *writer) arg(value any) string {
	w.args = append(w.args, value)
	if len(w.args) == maxArgs+1 {
		w.fail(errTooLarge)
	}
	return w.plan.dialect.Placeholder(len(w.args))
}

var errTooLarge = platen.Errorf(platen.Invalid, "the search names more than %d values", maxArgs)

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// ids adds an argument for each id.
func (w *writer) ids(ids []platen.ID) string {
	places := make([]string, len(ids))
	for i, id := range ids {
		places[i] = w.arg(int64(id))
	}
	return strings.Join(places, ", ")
}

// name adds the id of a name as an argument: 0, which no entity has, if it is
// not in the index.
func (w *writer) name(facet platen.Facet, name string) string {
	return w.arg(w.plan.names[nameOf(cmp.Or(w.kind, w.plan.search.Kind), facet, name)])
}

// inSets limits root to the sets of the search.
func (w *writer) inSets(root string) string {
	if w.plan.search.Sets == nil {
		return ""
	}
	return " AND " + root + " IN (" + w.ids(w.plan.search.Sets) + ")"
}

// rest returns what a statement has besides its candidates: the columns of the
// keys, and the conditions.
func (w *writer) rest() (columns, where string) {
	for _, key := range Keys(w.plan.search) {
		columns += ", " + w.keyValue(key)
	}
	rule := w.test(&w.plan.search.Rule)
	return columns, w.inSets("c.root") + " AND " + rule
}

// found returns the statements that yield what the driver finds: the one of rows
// (first, last, root), if it finds any, and those of entities (id).
func (w *writer) found() (rows string, byID []string) {
	var byRow []string
	for _, rule := range w.driver {
		if row := table[rule.Type].row; row != nil {
			byRow = append(byRow, row(w, rule))
		} else {
			byID = append(byID, table[rule.Type].find(w, rule))
		}
	}
	if len(w.driver) == 0 {
		byRow = append(byRow, "1 = 1")
	}
	if len(byRow) > 0 {
		rows = "SELECT e.first, e.last, coalesce(e.root, 0) AS root FROM entity AS e WHERE e.kind = " +
			w.arg(int64(w.plan.search.Kind)) + w.inSets("e.root") + " AND (" + joined(byRow, " OR ", "1 = 0") + ")"
	}
	return rows, byID
}

// candidates returns the statement that yields the entities (id, root) of what was
// found. root is NULL for entities of other kinds.
func (w *writer) candidates(rows string, byID []string) string {
	var parts []string
	if rows != "" {
		parts = append(parts, w.plan.dialect.Expand(rows))
	}
	if len(byID) > 0 {
		parts = append(parts, w.withRoot("i.id", "("+strings.Join(byID, " UNION ")+") AS i"))
	}
	return strings.Join(parts, " UNION ")
}

// withRoot is the statement that yields (id, root) of ids.
func (w *writer) withRoot(id, from string) string {
	return "SELECT " + id + ", " + rowOf(id, "CASE WHEN e.last >= "+id+" AND e.kind = "+w.arg(int64(w.plan.search.Kind))+
		" THEN coalesce(e.root, 0) END") + " AS root FROM " + from
}

// test is a rule as a condition on the candidate c, for which a rule that
// drives alone holds already.
func (w *writer) test(rule *platen.Rule) string {
	if len(w.driver) == 1 && w.driver[0] == rule {
		return "1 = 1"
	}
	row := table[rule.Type]
	if row.group == nil {
		return row.test(w, rule)
	}
	parts := make([]string, len(rule.Rules))
	for i := range rule.Rules {
		parts[i] = w.test(&rule.Rules[i])
	}
	return row.group.not + "(" + joined(parts, row.group.operator, row.group.none) + ")"
}

// keyValue is the expression of the value that is sorted or grouped by. Here
// and in other places the plus before a column keeps the planner on the index
// by entity, since it takes a name to be rarer than it is.
func (w *writer) keyValue(key platen.SearchKey) string {
	return "(SELECT " + w.full("v") + " FROM " + w.values() + " AS v WHERE v.entity = " +
		w.ownerOf(key.Facet, "c.id") + " AND +v.name = " + w.name(key.Facet, key.Name) + ")"
}

// owns reports whether the entities searched have the lists of a facet
// themselves.
func (w *writer) owns(facet platen.Facet) bool {
	kind := w.plan.search.Kind
	return nameOf(kind, facet, "").Kind == kind
}

// ownerOf is the expression of the entity that has the list of the entity id.
func (w *writer) ownerOf(facet platen.Facet, id string) string {
	if w.owns(facet) {
		return id
	}
	return rowOf(id, "e.record + "+id+" - e.first")
}

// rowOf is an expression over the row of the entity id.
func rowOf(id, expression string) string {
	return "(SELECT " + expression + " FROM entity AS e WHERE e.first <= " + id + " ORDER BY e.first DESC LIMIT 1)"
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
