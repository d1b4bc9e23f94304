package olrest

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/filter"
)

// What filters and orders of a kind can name: its lists, its identifier, what it is
// in, and its facts.

// A factType is what the values of a fact are.
type factType uint8

const (
	factText factType = iota
	factTime
	factNumber
	factCreation
)

// A fact is one of [platen.Facts] with its name. own: a job has one of its own,
// rather than that of its set.
type fact struct {
	name  string
	holds factType
	own   bool
	of    func(platen.Kind) bool
}

// facts are those that can be named. The store keeps them in its index by these
// names.
var facts = makeFacts()

func makeFacts() []fact {
	known := is(platen.DataSet, platen.ContentSet, platen.JobSet, platen.Job)
	all := []fact{
		{"createTime", factTime, false, known},
		{"createdBy", factText, false, known},
		{"createdToken", factText, false, known},
		{"createdHow", factCreation, false, known},
		{"updateTime", factTime, true, known},
	}
	for _, row := range countRows {
		all = append(all, fact{"counts." + row.key, factNumber, true, row.of})
	}
	return all
}

// setOf returns the kind of the set that entities of a kind belong to.
func setOf(kind platen.Kind) platen.Kind {
	if above := ancestorsOf(kind); len(above) > 0 {
		return above[len(above)-1]
	}
	return kind
}

// ancestorsOf returns the kinds that contain a kind, from the next on.
func ancestorsOf(kind platen.Kind) (above []platen.Kind) {
	for _, s := range slices.Backward(services) {
		if s.kind.Info().Child == kind {
			above = append(above, s.kind)
			kind = s.kind
		}
	}
	return above
}

// A named is what a name in a filter, an order, or the parameter fields stands for.
type named struct {
	facet    platen.Facet
	name     string // of a list; "": the list itself
	fact     *fact
	id       bool
	parent   bool
	ancestor platen.Kind
}

// names resolves names of a kind.
type names struct {
	parameter string // that has them
	kind      platen.Kind
}

// failed is the error of a place in the parameter.
func (n names) failed(at int, format string, args ...any) error {
	return parameterError(n.parameter, "%s, at character %d: "+format, append([]any{n.parameter, at}, args...)...)
}

// syntax is the error of a parameter that does not parse.
func (n names) syntax(err error) error {
	if wrong, ok := errors.AsType[*filter.Error](err); ok && wrong.Found != "" {
		// What is found may be a value.
		return parameterError(n.parameter, "%s, at character %d: %s, found %s", n.parameter, wrong.At, wrong.Message, platen.Hidden(wrong.Found))
	}
	return parameterError(n.parameter, "%s, %v", n.parameter, err)
}

// facets returns the lists that entities of the kind have, or that are those of
// their data records.
func (n names) facets() []platen.Facet {
	facets := n.kind.Info().Facets
	if n.kind == platen.DataRecord || n.kind == platen.ContentItem {
		facets = append(slices.Clone(facets), platen.Fields)
	}
	return facets
}

// resolve returns what a name stands for.
func (n names) resolve(segments []string, at int) (named, error) {
	for _, facet := range n.facets() {
		if segments[0] == facet.String() {
			return named{facet: facet, name: strings.Join(segments[1:], ".")}, nil
		}
	}
	name := strings.Join(segments, ".")
	for i := range facts {
		if facts[i].name == name && facts[i].of(n.kind) {
			return named{facet: platen.KeptFacts, name: name, fact: &facts[i]}, nil
		}
	}
	switch above := ancestorsOf(n.kind); {
	case name == "id":
		return named{id: true}, nil
	case len(above) == 0:
	case name == "parent":
		return named{parent: true}, nil
	case name == "set":
		return named{ancestor: setOf(n.kind)}, nil
	default:
		for _, kind := range above {
			if name == KindName(kind) {
				return named{ancestor: kind}, nil
			}
		}
	}
	return named{}, n.failed(at, "a %s has no %q; there are %s", n.kind, name, strings.Join(n.known(), ", "))
}

// known lists what there is, for messages: in an order only what readOrder takes.
func (n names) known() []string {
	known := []string{"id"}
	ordered := n.parameter == orderByParameter
	for _, facet := range n.facets() {
		if !ordered || facet != platen.Fields || n.kind == platen.DataRecord {
			known = append(known, facet.String()+".NAME")
		}
	}
	if above := ancestorsOf(n.kind); len(above) > 0 && !ordered {
		known = append(known, "set", "parent")
		for _, kind := range above {
			known = append(known, KindName(kind))
		}
	}
	for _, one := range facts {
		if one.of(n.kind) {
			known = append(known, one.name)
		}
	}
	return known
}

// rule makes a filter a rule.
func (n names) rule(node *filter.Node) (platen.Rule, error) {
	rule := platen.Rule{Type: platen.All}
	switch node.Type {
	case filter.Restriction:
		return n.restriction(node)
	case filter.Or:
		rule.Type = platen.Any
	case filter.Not:
		rule.Type = platen.NotAny
	}
	for i := range node.Nodes {
		part, err := n.rule(&node.Nodes[i])
		if err != nil {
			return rule, err
		}
		rule.Rules = append(rule.Rules, part)
	}
	return rule, nil
}

var filterConditions = map[filter.Operator]platen.Condition{
	filter.Equal: platen.Equal, filter.NotEqual: platen.NotEqual,
	filter.Less: platen.Less, filter.LessOrEqual: platen.LessOrEqual,
	filter.Greater: platen.Greater, filter.GreaterOrEqual: platen.GreaterOrEqual,
}

func (n names) restriction(node *filter.Node) (platen.Rule, error) {
	of, err := n.resolve(node.Name, node.At)
	if err != nil {
		return platen.Rule{}, err
	}
	switch {
	case of.id, of.parent, of.ancestor != 0:
		return n.identifier(node, of)
	case of.fact != nil:
		return n.fact(node, of.fact)
	case len(node.Name) == 1:
		if node.Operator != filter.Has {
			return platen.Rule{}, n.failed(node.At, "%s is a list: compare one of its names, as in %s.NAME %s …, or ask for a name, as in %s:NAME",
				of.facet, of.facet, node.Operator, of.facet)
		}
		if node.Value.Prefix || node.Value.Suffix {
			return platen.Rule{}, n.failed(node.Value.At, "a name can have no wildcard")
		}
		return platen.Rule{Type: platen.Text, Facet: of.facet, Name: node.Value.Text, Condition: platen.StartsWith}, nil
	}
	return n.text(node, of.facet, of.name)
}

// identifier is a restriction of the entity's own identifier, or of one of those that
// it is in.
func (n names) identifier(node *filter.Node, of named) (platen.Rule, error) {
	condition, ok := filterConditions[node.Operator]
	id, isID := platen.ParseID(node.Value.Text)
	switch {
	case !ok, !of.id && condition > platen.NotEqual:
		operators := "= or !="
		if of.id {
			operators = "=, !=, <, <=, > or >="
		}
		return platen.Rule{}, n.failed(node.At, "%s is compared by %s", strings.Join(node.Name, "."), operators)
	case !isID, node.Value.Prefix, node.Value.Suffix:
		return platen.Rule{}, n.failed(node.Value.At, "expected an id, which is a whole number from 1 to %d", platen.MaxID)
	case of.id && condition > platen.NotEqual:
		return platen.Rule{Type: platen.Identifier, Condition: condition, Number: int64(id)}, nil
	case of.id:
		in := map[platen.Condition]platen.Condition{platen.Equal: platen.In, platen.NotEqual: platen.NotIn}[condition]
		return platen.Rule{Type: platen.IDs, Condition: in, IDs: []platen.ID{id}}, nil
	}
	rule := platen.Rule{Type: platen.Ancestor, Kind: of.ancestor, IDs: []platen.ID{id}}
	if condition == platen.NotEqual {
		rule = platen.Rule{Type: platen.NotAny, Rules: []platen.Rule{rule}}
	}
	return rule, nil
}

// fact is a restriction of a fact.
func (n names) fact(node *filter.Node, of *fact) (rule platen.Rule, err error) {
	text, value := node.Value.Text, node.Value
	switch of.holds {
	case factText:
		rule, err = n.text(node, platen.KeptFacts, of.name)
	case factTime, factNumber:
		var number int64
		if of.holds == factTime {
			at, failed := ParseTime(of.name, text)
			number, err = at.UnixMicro(), failed
		} else {
			number, err = strconv.ParseInt(text, 10, 64)
		}
		if err != nil || value.Prefix || value.Suffix {
			expected := map[factType]string{factTime: "a time such as 2026-01-31T12:00:00Z", factNumber: "a whole number"}[of.holds]
			return rule, n.failed(value.At, "expected %s", expected)
		}
		condition, ok := filterConditions[node.Operator]
		if !ok {
			return rule, n.failed(node.At, "%s is compared by =, !=, <, <=, > or >=", of.name)
		}
		rule = platen.Rule{Type: platen.Text, Facet: platen.KeptFacts, Name: of.name, Condition: condition, Value: platen.SortableNumber(number)}
	case factCreation:
		if condition, ok := filterConditions[node.Operator]; !ok || condition > platen.NotEqual {
			return rule, n.failed(node.At, "%s is compared by = or !=", of.name)
		}
		if text != creationWords[platen.ByImport] && text != creationWords[platen.ByJobCreation] || value.Prefix || value.Suffix {
			return rule, n.failed(value.At, "expected %s or %s", creationWords[platen.ByImport], creationWords[platen.ByJobCreation])
		}
		rule, err = n.text(node, platen.KeptFacts, of.name)
	}
	if err == nil && !of.own && !n.kind.Info().Set {
		rule = ofSet(rule, setOf(n.kind))
	}
	return rule, err
}

// ofSet makes the Text rules of a rule rules about the set.
func ofSet(rule platen.Rule, kind platen.Kind) platen.Rule {
	if rule.Type == platen.Text {
		return platen.Rule{Type: platen.OfSet, Kind: kind, Rules: []platen.Rule{rule}}
	}
	for i := range rule.Rules {
		rule.Rules[i] = ofSet(rule.Rules[i], kind)
	}
	return rule
}

// text is a restriction of a value that is a text.
func (n names) text(node *filter.Node, facet platen.Facet, name string) (platen.Rule, error) {
	value := node.Value
	rule := platen.Rule{Type: platen.Text, Facet: facet, Name: name, Value: value.Text}
	wild := value.Prefix || value.Suffix
	switch {
	case wild && value.Text == "": // a lone wildcard is any value
		rule.Condition = platen.StartsWith
	case wild && node.Operator == filter.Has:
		return rule, n.failed(value.At, "the operator : looks for a part of a value, without wildcards; %s:* asks whether there is one", strings.Join(node.Name, "."))
	case value.Prefix && value.Suffix, node.Operator == filter.Has:
		rule.Condition = platen.Contains
	case value.Prefix:
		rule.Condition = platen.StartsWith
	case value.Suffix:
		rule.Condition = platen.EndsWith
	default:
		rule.Condition = filterConditions[node.Operator]
		rule.Numeric = !value.Quoted && rule.Condition > platen.NotEqual && isNumber(value.Text)
	}
	if rule.Condition == platen.Contains && len(rule.Value) > platen.MaxPattern {
		return rule, n.failed(value.At, "the part to look for is longer than %d bytes", platen.MaxPattern)
	}
	if !wild {
		return rule, nil
	}
	switch node.Operator {
	case filter.Equal, filter.Has:
		return rule, nil
	case filter.NotEqual: // it has the name, and another value
		any := platen.Rule{Type: platen.Text, Facet: facet, Name: name, Condition: platen.StartsWith}
		return platen.Rule{Type: platen.All, Rules: []platen.Rule{any, {Type: platen.NotAny, Rules: []platen.Rule{rule}}}}, nil
	}
	return rule, n.failed(value.At, "a wildcard can be compared by = and != only")
}

func isNumber(text string) bool {
	_, ok := platen.ParseNumber(text)
	return ok
}
