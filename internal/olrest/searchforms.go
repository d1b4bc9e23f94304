package olrest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/platenhq/platen"
)

// This file is how searches are written, for both directions: [ReadSearch] and
// [AppendSearch] go by the same tables.

// choices are the words that may stand somewhere, and what they mean.
type choices[T any] []choice[T]

type choice[T any] struct {
	word string
	is   T
}

// String lists the words.
func (c choices[T]) String() string {
	words := make([]string, len(c))
	for i := range c {
		words[i] = c[i].word
	}
	return strings.Join(words, ", ")
}

var (
	searchKinds = choices[platen.Kind]{
		{"DATARECORDS", platen.DataRecord}, {"DATASETS", platen.DataSet},
		{"CONTENTITEMS", platen.ContentItem}, {"CONTENTSETS", platen.ContentSet},
		{"JOBS", platen.Job}, {"JOBSETS", platen.JobSet},
	}
	withRecord = []string{"DATARECORDS", "CONTENTITEMS"} // the kinds that have a data record
	withPages  = []string{"CONTENTITEMS"}

	joins     = choices[platen.RuleType]{{"ALL", platen.All}, {"ANY", platen.Any}, {"NOTALL", platen.NotAll}, {"NOTANY", platen.NotAny}}
	operators = choices[platen.RuleType]{{"AND", platen.All}, {"OR", platen.Any}}
	units     = choices[platen.Unit]{{"PAGE", platen.Pages}, {"SHEET", platen.Sheets}, {"SECTION", platen.Sections}}
	duplexes  = choices[string]{{"HAS_DUPLEX", "true"}, {"SIMPLEX_ONLY", "false"}}
	booleans  = choices[string]{{"true", "true"}, {"false", "false"}}
	operands  = choices[bool]{{"FIELD", true}}
	keyTypes  = choices[platen.Facet]{{"property", platen.Properties}, {"value", platen.Fields}}
	orders    = choices[bool]{{"ASC", false}, {"DESC", true}}

	newConditions = choices[platen.Condition]{
		{"EQ", platen.Equal}, {"NE", platen.NotEqual}, {"LT", platen.Less}, {"GT", platen.Greater},
		{"LTE", platen.LessOrEqual}, {"GTE", platen.GreaterOrEqual},
		{"IN", platen.In}, {"NOT IN", platen.NotIn}, {"NOT_IN", platen.NotIn},
		{"CONTAINS", platen.Contains}, {"NOT_CONTAINS", platen.NotContains}, {"STARTS_WITH", platen.StartsWith},
		{"ENDS_WITH", platen.EndsWith}, {"LIKE", platen.Like}, {"NOT_LIKE", platen.NotLike},
	}
	oldConditions = choices[platen.Condition]{
		{"EQUAL", platen.Equal}, {"NOTEQUAL", platen.NotEqual}, {"LESS", platen.Less}, {"GREAT", platen.Greater},
		{"LESSEQUAL", platen.LessOrEqual}, {"GREATEQUAL", platen.GreaterOrEqual},
		{"IN", platen.In}, {"NOT IN", platen.NotIn}, {"NOT_IN", platen.NotIn},
		{"CONTAINS", platen.Contains}, {"STARTSWITH", platen.StartsWith}, {"ENDSWITH", platen.EndsWith},
		{"LIKE", platen.Like}, {"NLIKE", platen.NotLike},
	}
)

// Where the conditions end that fit names, numbers, and (from comparing on) lists.
const equality, comparing, among = 2, 6, 9

// A ruleForm is how a type of rule is written in a grammar. A new type of rule
// is a row of newForms.
type ruleForm struct {
	word  string // of ruleType or type
	when  string // the key that tells apart the forms of a word, if there are several
	is    platen.RuleType
	facet platen.Facet // of Text
	bare  bool         // the condition stands in the place of the word
	only  []string     // the kinds that can be asked; nil: all
	what  string       // it is a rule on, where only some can
	parts []rulePart
}

// A rulePart is a part of a rule: one of its keys, mostly.
type rulePart struct {
	read  func(o *searchObject, rule *platen.Rule)
	write func(e *searchEncoder, rule *platen.Rule)
}

// ruleForms are the forms of a grammar, of which the first that fits is
// written.
type ruleForms struct {
	key   string // that of the word
	forms []ruleForm
}

// The rule types of 2019.2 and later, and those before.
var (
	newForms = ruleForms{"ruleType", []ruleForm{
		{word: "VALUE", is: platen.Text, facet: platen.Fields, only: withRecord, what: "a field of the data record", parts: []rulePart{
			namePart("fieldName"), conditionPart("condition", newConditions), operandPart("value1", "value", true)}},
		{word: "PROPERTY", is: platen.Text, facet: platen.Properties, parts: []rulePart{
			namePart("property"), conditionPart("condition", newConditions), operandPart("value", "value1", true)}},
		{word: "ID", is: platen.IDs, parts: []rulePart{conditionPart("condition", newConditions[comparing:among]), identifiersPart}},
		{word: "IN", is: platen.IDs, bare: true, parts: []rulePart{conditionPart("ruleType", newConditions[comparing:among]), identifiersPart}},
		{word: "NOT IN", is: platen.IDs, bare: true, parts: []rulePart{conditionPart("ruleType", newConditions[comparing:among]), identifiersPart}},
		{word: "DOCSIZE", is: platen.Size, only: withPages, what: "the document length", parts: []rulePart{
			conditionPart("condition", newConditions[:comparing]), unitPart("entity"), numberPart("value")}},
		{word: "DUPLEX", is: platen.Duplex, only: withPages, what: "duplex", parts: []rulePart{flagPart("condition", duplexes)}},
		{word: "TEMPLATE", is: platen.Template, only: withPages, what: "the template", parts: []rulePart{
			conditionPart("condition", newConditions[:equality]), valuePart("name")}},
		{word: "MEDIA", is: platen.MediaName, only: withPages, what: "the medium", parts: []rulePart{
			conditionPart("condition", newConditions[:equality]), valuePart("name")}},
		{word: "RULESET", parts: []rulePart{{read: func(o *searchObject, rule *platen.Rule) { *rule = o.set() }}}}, // written by searchEncoder.set
	}}
	oldForms = ruleForms{"type", []ruleForm{
		{word: "value", is: platen.Text, facet: platen.Fields, only: withRecord, what: "a field of the data record", parts: []rulePart{
			namePart("name"), conditionPart("condition", oldConditions), operandPart("value", "value", false)}},
		{word: "property", is: platen.Text, facet: platen.Properties, parts: []rulePart{
			namePart("name"), conditionPart("condition", oldConditions), operandPart("value", "value", false)}},
		{word: "IN", is: platen.IDs, bare: true, parts: []rulePart{conditionPart("type", oldConditions[comparing:among]), identifiersPart}},
		{word: "NOT IN", is: platen.IDs, bare: true, parts: []rulePart{conditionPart("type", oldConditions[comparing:among]), identifiersPart}},
		{word: "finishing", when: "medianame", is: platen.MediaName, only: withPages, what: "the medium", parts: []rulePart{
			conditionPart("condition", oldConditions[:equality]), valuePart("medianame")}},
		{word: "finishing", when: "duplex", is: platen.Duplex, only: withPages, what: "duplex", parts: []rulePart{flagPart("duplex", booleans)}},
		{word: "doclength", is: platen.Size, only: withPages, what: "the document length", parts: []rulePart{
			conditionPart("condition", oldConditions[:comparing]), pagesPart, numberPart("value")}},
		{word: "templatename", is: platen.Template, only: withPages, what: "the template", parts: []rulePart{
			conditionPart("condition", oldConditions[:equality]), valuePart("template")}},
	}}
)

// String lists the words.
func (f ruleForms) String() string {
	var words []string
	for _, form := range f.forms {
		words = append(words, form.word)
	}
	return strings.Join(slices.Compact(words), ", ")
}

// read reads the rule that an object is.
func (f ruleForms) read(o *searchObject) (rule platen.Rule) {
	var form *ruleForm
	known, fits := false, 0
	word := o.keys[f.key]
	for i := range f.forms {
		candidate := &f.forms[i]
		if word.kind == '{' || !strings.EqualFold(candidate.word, word.text) {
			continue
		}
		known = true
		if candidate.when == "" || o.has(candidate.when) {
			form = candidate
			fits++
		}
	}
	switch {
	case !known:
		o.wrong("%s is %s; it must be one of %s", f.key, word, f)
	case fits != 1:
		o.wrong("a rule on the %s must have either %s", strings.ToLower(word.text), f.keysOf(word.text))
	default:
		rule = platen.Rule{Type: form.is, Facet: form.facet}
		if form.only != nil {
			o.only(form.only, "a rule on "+form.what)
		}
		for _, part := range form.parts {
			part.read(o, &rule)
		}
	}
	return rule
}

// keysOf lists the keys that tell the forms of a word apart.
func (f ruleForms) keysOf(word string) string {
	var keys []string
	for _, form := range f.forms {
		if strings.EqualFold(form.word, word) {
			keys = append(keys, form.when)
		}
	}
	return strings.Join(keys, " or ")
}

// write writes a rule that has no rules in it.
func (f ruleForms) write(e *searchEncoder, rule *platen.Rule) {
	for _, form := range f.forms {
		if form.is != rule.Type || rule.Type == platen.Text && form.facet != rule.Facet {
			continue
		}
		if !form.bare {
			e.text(f.key, form.word)
		}
		for _, part := range form.parts {
			part.write(e, rule)
		}
		return
	}
	if rule.Type == platen.Text {
		e.lacks("a rule on " + rule.Facet.String())
	} else {
		e.lacks("a rule of an unknown type")
	}
}

// namePart is the name of what is compared.
func namePart(key string) rulePart {
	return rulePart{
		func(o *searchObject, rule *platen.Rule) { rule.Name = o.text(key) },
		func(e *searchEncoder, rule *platen.Rule) { e.text(key, rule.Name) },
	}
}

// conditionPart is one of some conditions.
func conditionPart(key string, from choices[platen.Condition]) rulePart {
	return rulePart{
		func(o *searchObject, rule *platen.Rule) { rule.Condition = choose(o, from, key) },
		func(e *searchEncoder, rule *platen.Rule) {
			word(e, key, from, rule.Condition, "condition "+strconv.Itoa(int(rule.Condition))+" in a rule of this type")
		},
	}
}

// valuePart is text that is not empty.
func valuePart(key string) rulePart {
	return rulePart{
		func(o *searchObject, rule *platen.Rule) { rule.Value = o.text(key) },
		func(e *searchEncoder, rule *platen.Rule) { e.text(key, rule.Value) },
	}
}

// flagPart is "true" or "false", by some words. Those that are booleans of
// JSON are written so.
func flagPart(key string, words choices[string]) rulePart {
	return rulePart{
		func(o *searchObject, rule *platen.Rule) { rule.Value = choose(o, words, key) },
		func(e *searchEncoder, rule *platen.Rule) {
			if rule.Value == words[0].word || rule.Value == words[1].word {
				e.raw(key, []byte(rule.Value))
			} else {
				word(e, key, words, rule.Value, "a rule on duplex that is neither true nor false")
			}
		},
	}
}

// unitPart is what a size counts.
func unitPart(key string) rulePart {
	return rulePart{
		func(o *searchObject, rule *platen.Rule) { rule.Unit = choose(o, units, key) },
		func(e *searchEncoder, rule *platen.Rule) { word(e, key, units, rule.Unit, "a size in unknown units") },
	}
}

// pagesPart is for a grammar in which a size only counts pages.
var pagesPart = rulePart{
	func(*searchObject, *platen.Rule) {},
	func(e *searchEncoder, rule *platen.Rule) {
		if rule.Unit != platen.Pages {
			e.lacks("a size in other than pages")
		}
	},
}

// numberPart is a whole number.
func numberPart(key string) rulePart {
	return rulePart{
		func(o *searchObject, rule *platen.Rule) {
			value := o.keys[key]
			n, err := strconv.ParseUint(value.text, 10, 63)
			if value.kind != '0' || err != nil {
				o.wrong("%s is %s; it must be a whole number from 0 up in plain digits", key, value.value())
			}
			rule.Number = int64(n)
		},
		func(e *searchEncoder, rule *platen.Rule) { e.number(key, rule.Number) },
	}
}

// identifiersPart is identifiers.
var identifiersPart = rulePart{
	func(o *searchObject, rule *platen.Rule) {
		if rule.IDs = o.ids; o.ids == nil {
			o.wrong("identifiers are missing")
		}
	},
	func(e *searchEncoder, rule *platen.Rule) {
		e.key("identifiers")
		e.buf = appendList(e.buf, rule.IDs, appendID)
	},
}

// operandPart is what text is compared with: what stands at key, or else at
// another that is easily taken for it. fields: it can be written as the name of
// another field.
func operandPart(key, other string, fields bool) rulePart {
	return rulePart{
		func(o *searchObject, rule *platen.Rule) {
			value := o.keys[key]
			if value.kind == 0 {
				value = o.keys[other]
			}
			lookup := rule.Condition == platen.In || rule.Condition == platen.NotIn
			switch {
			case value.kind == 0, value.kind == '{' && lookup, value.kind == '[' && !lookup:
				o.wrong("%s is %s, which does not fit the condition %s", key, value.value(), o.keys["condition"].text)
			case value.kind == '{':
				rule.Other = value.text
			case value.kind == '[':
				rule.Values = value.list
			case lookup:
				rule.Values = []string{value.text}
			default:
				rule.Value = value.text
			}
			o.pattern(rule)
		},
		func(e *searchEncoder, rule *platen.Rule) {
			if rule.Other != "" && !fields {
				e.lacks("a comparison with another name")
			}
			e.operand(key, rule)
		},
	}
}

// pattern refuses what would take too long to look for.
func (o *searchObject) pattern(rule *platen.Rule) {
	switch rule.Condition {
	case platen.Like, platen.NotLike:
		percent := strings.Count(rule.Value, "%")
		if len(rule.Value) > platen.MaxPattern || percent > maxPatternPercent {
			o.wrong("the pattern has %d bytes and %d %%; the limits are %d and %d", len(rule.Value), percent, platen.MaxPattern, maxPatternPercent)
		}
	case platen.Contains, platen.NotContains:
		if len(rule.Value) > platen.MaxPattern {
			o.wrong("the text to look for has %d bytes; the limit is %d", len(rule.Value), platen.MaxPattern)
		}
	}
}
