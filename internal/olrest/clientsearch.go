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
	grammar Grammar
	b       []byte
	err     error
}

// AppendSearch appends Search Parameters (api-facts 8), with which
// [ReadSearch] gives the same search. Invalid: the search has something that
// can not be said in the grammar.
func AppendSearch(b []byte, search *platen.Search, grammar Grammar) ([]byte, error) {
	e := &searchEncoder{grammar: grammar, b: b}
	e.open()
	word(e, "entity", searchKinds, search.Kind, "a search for a "+search.Kind.String())
	e.key("search")
	e.rule(&search.Rule)
	e.order("sort", search.Sort)
	e.order("group", search.Group)
	if len(search.Sets) > 0 {
		e.key("setIds")
		e.b = appendList(e.b, search.Sets, appendID)
	}
	e.b = append(e.b, '}')
	return e.b, e.err
}

// lacks says that the grammar has no word for something.
func (e *searchEncoder) lacks(what string) {
	if e.err == nil {
		e.err = platen.Errorf(platen.Invalid, "%s can not be written as Search Parameters%s", what,
			[...]string{NewGrammar: "", OldGrammar: " of before 2019.2"}[e.grammar])
	}
}

func (e *searchEncoder) open() { e.b = append(e.b, '{') }

func (e *searchEncoder) key(key string) {
	if e.b[len(e.b)-1] != '{' {
		e.b = append(e.b, ',')
	}
	e.b = append(platen.AppendString(e.b, key), ':')
}

func (e *searchEncoder) text(key, text string) {
	e.key(key)
	e.b = platen.AppendString(e.b, text)
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
	e.b = appendList(e.b, keys, func(b []byte, k platen.SearchKey) []byte {
		e.b = b
		e.open()
		word(e, "type", keyTypes, k.Facet, "a "+key+" key on "+k.Facet.String())
		e.text("name", k.Name)
		word(e, "order", orders, k.Descending, "")
		if k.Numeric {
			e.key("numeric")
			e.b = append(e.b, "true"...)
		}
		return append(e.b, '}')
	})
}

// rule writes a rule, and those in it.
func (e *searchEncoder) rule(rule *platen.Rule) {
	e.open()
	switch {
	case rule.Type < platen.Text:
		e.set(rule)
	case e.grammar == OldGrammar:
		e.oldLeaf(rule)
	default:
		e.newLeaf(rule)
	}
	e.b = append(e.b, '}')
}

func (e *searchEncoder) set(rule *platen.Rule) {
	if e.grammar == OldGrammar {
		word(e, "operator", operators, rule.Type, "a set of rules that is negated")
	} else {
		e.text("ruleType", "RULESET")
		word(e, "condition", joins, rule.Type, "")
	}
	e.key("rules")
	e.b = appendList(e.b, rule.Rules, func(b []byte, inner platen.Rule) []byte {
		e.b = b
		e.rule(&inner)
		return e.b
	})
}

func (e *searchEncoder) newLeaf(rule *platen.Rule) {
	switch rule.Type {
	case platen.Text:
		switch rule.Facet {
		case platen.Fields:
			e.text("ruleType", "VALUE")
			e.text("fieldName", rule.Name)
			e.condition(newConditions, rule)
			e.operand("value1", rule)
		case platen.Properties:
			e.text("ruleType", "PROPERTY")
			e.text("property", rule.Name)
			e.condition(newConditions, rule)
			e.operand("value", rule)
		default:
			e.lacks("a rule on " + rule.Facet.String())
		}
	case platen.IDs:
		e.text("ruleType", "ID")
		e.condition(newConditions[comparing:among], rule)
		e.identifiers(rule)
	case platen.Size:
		e.text("ruleType", "DOCSIZE")
		word(e, "entity", units, rule.Unit, "a size in unknown units")
		e.condition(newConditions[:comparing], rule)
		e.number("value", rule.Number)
	case platen.Duplex:
		e.text("ruleType", "DUPLEX")
		word(e, "condition", duplexes, rule.Value, "a rule on duplex that is neither true nor false")
	case platen.Template:
		e.name("ruleType", "TEMPLATE", "name", newConditions, rule)
	case platen.MediaName:
		e.name("ruleType", "MEDIA", "name", newConditions, rule)
	default:
		e.lacks("a rule of an unknown type")
	}
}

func (e *searchEncoder) oldLeaf(rule *platen.Rule) {
	switch rule.Type {
	case platen.Text:
		word(e, "type", choices[platen.Facet]{{"value", platen.Fields}, {"property", platen.Properties}}, rule.Facet,
			"a rule on "+rule.Facet.String())
		e.text("name", rule.Name)
		e.condition(oldConditions, rule)
		if rule.Other != "" {
			e.lacks("a comparison with another name")
		}
		e.operand("value", rule)
	case platen.IDs:
		word(e, "type", oldConditions[comparing:among], rule.Condition, conditionOf(rule))
		e.identifiers(rule)
	case platen.Size:
		if rule.Unit != platen.Pages {
			e.lacks("a size in other than pages")
		}
		e.text("type", "doclength")
		e.condition(oldConditions[:comparing], rule)
		e.number("value", rule.Number)
	case platen.Duplex:
		e.text("type", "finishing")
		if rule.Value != "true" && rule.Value != "false" {
			e.lacks("a rule on duplex that is neither true nor false")
		}
		e.key("duplex")
		e.b = append(e.b, rule.Value...)
	case platen.Template:
		e.name("type", "templatename", "template", oldConditions, rule)
	case platen.MediaName:
		e.name("type", "finishing", "medianame", oldConditions, rule)
	default:
		e.lacks("a rule of an unknown type")
	}
}

func conditionOf(rule *platen.Rule) string {
	return "condition " + strconv.Itoa(int(rule.Condition)) + " in a rule of this type"
}

func (e *searchEncoder) condition(from choices[platen.Condition], rule *platen.Rule) {
	word(e, "condition", from, rule.Condition, conditionOf(rule))
}

// operand writes what a text is compared with.
func (e *searchEncoder) operand(key string, rule *platen.Rule) {
	e.key(key)
	lookup := rule.Condition == platen.In || rule.Condition == platen.NotIn
	switch {
	case !lookup && len(rule.Values) > 0, lookup && rule.Value+rule.Other != "", rule.Value != "" && rule.Other != "":
		e.lacks("a rule on " + strconv.Quote(rule.Name) + " whose condition does not go with its values")
	case lookup:
		e.b = appendList(e.b, rule.Values, platen.AppendString)
	case rule.Other != "":
		e.b = append(platen.AppendString(append(e.b, `{"type":"FIELD","value":`...), rule.Other), '}')
	default:
		e.b = platen.AppendString(e.b, rule.Value)
	}
}

func (e *searchEncoder) identifiers(rule *platen.Rule) {
	e.key("identifiers")
	e.b = appendList(e.b, rule.IDs, appendID)
}

func (e *searchEncoder) number(key string, number int64) {
	e.key(key)
	e.b = strconv.AppendInt(e.b, number, 10)
}

func (e *searchEncoder) name(typeKey, ruleType, key string, from choices[platen.Condition], rule *platen.Rule) {
	e.text(typeKey, ruleType)
	e.condition(from[:equality], rule)
	e.text(key, rule.Value)
}
