package olrest

import (
	"strconv"

	"github.com/platenhq/platen"
)

// A Grammar is one of the two in which rules of a search are written.
type Grammar uint8

// The grammars.
const (
	NewGrammar Grammar = iota // of 2019.2 and later
	OldGrammar                // of 2019.1 and before
)

// A searchEncoder writes Search Parameters. Its first error stays.
type searchEncoder struct {
	jsonWriter
	grammar Grammar
	err     error
}

// AppendSearch appends Search Parameters, with which
// [ReadSearch] gives the same search. Invalid: the search has something that
// can not be said in the grammar.
func AppendSearch(b []byte, search *platen.Search, grammar Grammar) ([]byte, error) {
	e := &searchEncoder{jsonWriter: jsonWriter{buf: b}, grammar: grammar}
	e.object()
	word(e, "entity", searchKinds, search.Kind, "a search for a "+search.Kind.String())
	e.key("search")
	e.rule(&search.Rule)
	e.order("sort", search.Sort)
	e.order("group", search.Group)
	if len(search.Sets) > 0 {
		e.key("setIds")
		e.buf = appendList(e.buf, search.Sets, appendID)
	}
	e.end()
	return e.buf, e.err
}

// lacks says that the grammar has no word for something.
func (e *searchEncoder) lacks(what string) {
	if e.err == nil {
		e.err = platen.Errorf(platen.Invalid, "%s can not be written as Search Parameters%s", what,
			[...]string{NewGrammar: "", OldGrammar: " of before 2019.2"}[e.grammar])
	}
}

// word writes the first word that stands for something.
func word[T comparable](e *searchEncoder, key string, from choices[T], is T, what string) {
	for _, choice := range from {
		if choice.is == is {
			e.text(key, choice.word)
			return
		}
	}
	e.lacks(what)
}

func (e *searchEncoder) order(key string, keys []platen.SearchKey) {
	if len(keys) == 0 {
		return
	}
	e.key(key)
	e.list()
	for _, k := range keys {
		e.element()
		word(e, "type", keyTypes, k.Facet, "a "+key+" key on "+k.Facet.String())
		e.text("name", k.Name)
		word(e, "order", orders, k.Descending, "")
		if k.Numeric {
			e.raw("numeric", []byte("true"))
		}
		e.end()
	}
	e.endList()
}

// rule writes a rule, and those in it.
func (e *searchEncoder) rule(rule *platen.Rule) {
	e.object()
	switch {
	case rule.Type < platen.Text:
		e.set(rule)
	case e.grammar == OldGrammar:
		oldForms.write(e, rule)
	default:
		newForms.write(e, rule)
	}
	e.end()
}

func (e *searchEncoder) set(rule *platen.Rule) {
	if e.grammar == OldGrammar {
		word(e, "operator", operators, rule.Type, "a set of rules that is negated")
	} else {
		e.text("ruleType", "RULESET")
		word(e, "condition", joins, rule.Type, "")
	}
	e.key("rules")
	e.list()
	for i := range rule.Rules {
		e.comma()
		e.rule(&rule.Rules[i])
	}
	e.endList()
}

// operand writes what a text is compared with.
func (e *searchEncoder) operand(key string, rule *platen.Rule) {
	lookup := rule.Condition == platen.In || rule.Condition == platen.NotIn
	switch {
	case !lookup && len(rule.Values) > 0, lookup && rule.Value+rule.Other != "", rule.Value != "" && rule.Other != "":
		e.lacks("a rule on " + strconv.Quote(rule.Name) + " whose condition does not go with its values")
	case lookup:
		e.key(key)
		e.buf = appendList(e.buf, rule.Values, platen.AppendString)
	case rule.Other != "":
		e.key(key)
		e.object()
		e.text("type", operands[0].word)
		e.text("value", rule.Other)
		e.end()
	default:
		e.text(key, rule.Value)
	}
}
