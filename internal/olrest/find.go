package olrest

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/platenhq/platen"
)

// Limits of a search, so that a small body can not become a query that keeps
// the database busy for hours.
const (
	maxRuleDepth      = 64     // rule sets within each other
	maxRules          = 1_000  // rules in all, sets included
	maxPatternPercent = 32     // % in a LIKE pattern
	maxAmong          = 10_000 // values or identifiers of one IN, and setIds
	maxSearchKeys     = 16     // of sort, and of group
)

// choices are the words that may stand somewhere, and what they mean.
type choices[T any] []struct {
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

// A ruleForm makes a rule of what a ruleType or type stands for.
type ruleForm func(*searchObject) platen.Rule

// The rule types of 2019.2 and later, and those before.
var (
	newForms = choices[ruleForm]{
		{"VALUE", textRule(platen.Fields, "fieldName", "value1", "value")},
		{"PROPERTY", textRule(platen.Properties, "property", "value", "value1")},
		{"ID", amongRule("condition")}, {"IN", amongRule("ruleType")}, {"NOT IN", amongRule("ruleType")},
		{"DOCSIZE", (*searchObject).size},
		{"DUPLEX", func(o *searchObject) platen.Rule { return o.duplex(duplexes, "condition") }},
		{"TEMPLATE", nameRule(platen.Template, "the template", "name")},
		{"MEDIA", nameRule(platen.MediaName, "the medium", "name")},
		{"RULESET", (*searchObject).set},
	}
	oldForms = choices[ruleForm]{
		{"value", textRule(platen.Fields, "name", "value", "value")},
		{"property", textRule(platen.Properties, "name", "value", "value")},
		{"IN", amongRule("type")}, {"NOT IN", amongRule("type")},
		{"finishing", (*searchObject).finishing},
		{"doclength", (*searchObject).size},
		{"templatename", nameRule(platen.Template, "the template", "template")},
	}
)

// The keys that hold words, names and values. Those of absentKeys are about
// what is not stored.
var (
	absentKeys  = []string{"frontcoating", "backcoating", "bindingstyle", "bindingedge", "bindingtype", "bindingangle"}
	operandKeys = append([]string{
		"ruleType", "type", "condition", "operator", "fieldName", "property", "name", "value", "value1",
		"entity", "template", "medianame", "duplex", "numeric", "order",
	}, absentKeys...)
)

// A searchDecoder reads Search Parameters. Its first error stays.
type searchDecoder struct {
	*decoder
	err   error
	kind  string // what is searched
	rules int    // so far
}

// wrong is fail, for the first error.
func (d *searchDecoder) wrong(format string, args ...any) {
	if d.err == nil {
		d.err = d.fail(format, args...)
	}
}

// only refuses what other kinds can not be asked.
func (d *searchDecoder) only(kinds []string, what string) {
	if !slices.Contains(kinds, d.kind) {
		d.wrong("%s can not be asked of %s, only of %s", what, d.kind, strings.Join(kinds, " and "))
	}
}

// each reads a list or an object: fn reads what stands in the list, or at a
// key. It reports whether there is one; null is none.
func (d *searchDecoder) each(kind jsontext.Kind, what string, fn func(key string)) bool {
	if d.PeekKind() == 'n' {
		d.err = d.skip()
		return false
	}
	d.err = d.open(kind, what)
	for d.err == nil {
		var ok bool
		var key string
		if ok, d.err = d.more(); !ok {
			break
		}
		if kind == '{' {
			key, d.err = d.key()
		}
		if d.err == nil {
			fn(key)
		}
	}
	return true
}

// elements reads a list of at most so many elements. It is nil if there is none.
func elements[T any](d *searchDecoder, what string, most int, read func() (T, error)) []T {
	list := []T{}
	if !d.each('[', what, func(string) {
		if len(list) == most {
			d.wrong("there are more than %d %s, which is the limit", most, what)
			return
		}
		var element T
		element, d.err = read()
		list = append(list, element)
	}) {
		return nil
	}
	return list
}

// An operand is what stands at a key. The zero operand is none.
type operand struct {
	kind jsontext.Kind
	text string   // the text, the source of a number or boolean, or the name of a field
	list []string // the same, of a list
}

// String says what it is, for messages.
func (o operand) String() string {
	switch o.kind {
	case 0:
		return "missing"
	case '"', '0':
		return strconv.Quote(shorten([]byte(o.text)))
	}
	return kindNames[o.kind]
}

func (d *searchDecoder) operand() (o operand) {
	switch o.kind = d.PeekKind(); o.kind {
	case '{': // {"type":"FIELD","value":"name"}
		field := d.object("the value", nil)
		choose(field, operands, "type")
		o.text = field.text("value")
	case '[':
		o.list = elements(d, "values", maxAmong, func() (string, error) { return d.text("value", true) })
	case 'n':
		o.kind, d.err = 0, d.skip()
	default:
		o.text, d.err = d.text("value", true)
	}
	return o
}

// A searchObject is an object of Search Parameters. Its keys come in any
// order, so they are collected first.
type searchObject struct {
	*searchDecoder
	conditions choices[platen.Condition] // of a rule
	keys       map[string]operand
	rules      []platen.Rule // nil: missing
	ids        []platen.ID   // nil: missing
}

// object reads an object; special reads what stands at keys of its own.
func (d *searchDecoder) object(what string, special func(o *searchObject, key string) bool) *searchObject {
	o := &searchObject{searchDecoder: d, keys: make(map[string]operand, 4)}
	d.each('{', what, func(key string) {
		switch {
		case special != nil && special(o, key):
		case slices.Contains(operandKeys, key):
			o.keys[key] = d.operand()
		default:
			d.err = d.skip()
		}
	})
	return o
}

func (o *searchObject) has(key string) bool { return o.keys[key].kind != 0 }

// choose returns what the word at a key means, in upper or lower case.
func choose[T any](o *searchObject, from choices[T], key string) (none T) {
	word := o.keys[key]
	for _, choice := range from {
		if strings.EqualFold(choice.word, word.text) && word.kind != '{' {
			return choice.is
		}
	}
	o.wrong("%s is %s; it must be one of %s", key, word, from)
	return none
}

// text returns the text at a key, which must not be empty.
func (o *searchObject) text(key string) string {
	text := o.keys[key]
	if text.kind != '"' || text.text == "" {
		o.wrong("%s is %s; it must be text that is not empty", key, text)
	}
	return text.text
}

// textRule makes rules that compare text with what stands at key, or else at
// another that is easily taken for it.
func textRule(facet platen.Facet, name, key, other string) ruleForm {
	return func(o *searchObject) platen.Rule {
		rule := platen.Rule{Type: platen.Text, Facet: facet, Name: o.text(name), Condition: choose(o, o.conditions, "condition")}
		if facet == platen.Fields {
			o.only(withRecord, "a rule on a field of the data record")
		}
		value := o.keys[key]
		if value.kind == 0 {
			value = o.keys[other]
		}
		lookup := rule.Condition == platen.In || rule.Condition == platen.NotIn
		switch {
		case value.kind == 0, value.kind == '{' && lookup, value.kind == '[' && !lookup:
			o.wrong("%s is %s, which does not fit the condition %s", key, value, o.keys["condition"].text)
		case value.kind == '{':
			rule.Other = value.text
		case value.kind == '[':
			rule.Values = value.list
		case lookup:
			rule.Values = []string{value.text}
		default:
			rule.Value = value.text
		}
		o.pattern(&rule)
		return rule
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

// nameRule makes rules that ask whether something has a name or not.
func nameRule(kind platen.RuleType, what, key string) ruleForm {
	return func(o *searchObject) platen.Rule {
		o.only(withPages, "a rule on "+what)
		return platen.Rule{Type: kind, Condition: choose(o, o.conditions[:equality], "condition"), Value: o.text(key)}
	}
}

// amongRule makes rules on the identifier, with the condition at key.
func amongRule(key string) ruleForm {
	return func(o *searchObject) platen.Rule {
		if o.ids == nil {
			o.wrong("identifiers are missing")
		}
		return platen.Rule{Type: platen.IDs, Condition: choose(o, o.conditions[comparing:among], key), IDs: o.ids}
	}
}

// size makes a rule on the length of a document: once, that was in pages only.
func (o *searchObject) size() platen.Rule {
	o.only(withPages, "a rule on the document length")
	rule := platen.Rule{Type: platen.Size, Condition: choose(o, o.conditions[:comparing], "condition")}
	if o.has("ruleType") {
		rule.Unit = choose(o, units, "entity")
	}
	value := o.keys["value"]
	n, err := strconv.ParseUint(value.text, 10, 63)
	if value.kind != '0' || err != nil {
		o.wrong("value is %s; it must be a whole number from 0 up in plain digits", value)
	}
	rule.Number = int64(n)
	return rule
}

func (o *searchObject) duplex(words choices[string], key string) platen.Rule {
	o.only(withPages, "a rule on duplex")
	return platen.Rule{Type: platen.Duplex, Value: choose(o, words, key)}
}

// finishing makes a rule on one of the things that were called so.
func (o *searchObject) finishing() platen.Rule {
	if o.has("medianame") == o.has("duplex") {
		o.wrong("a rule on the finishing must have either medianame or duplex")
	} else if o.has("medianame") {
		return nameRule(platen.MediaName, "the medium", "medianame")(o)
	}
	return o.duplex(booleans, "duplex")
}

// set makes a set of rules.
func (o *searchObject) set() platen.Rule {
	rule := platen.Rule{Rules: o.rules}
	if o.rules == nil {
		o.wrong("rules are missing")
	} else if o.has("condition") && o.has("operator") {
		o.wrong("a set of rules must have either a condition or an operator")
	} else if o.has("operator") {
		rule.Type = choose(o, operators, "operator")
	} else if o.has("condition") || len(o.rules) > 0 { // without rules there is nothing to join
		rule.Type = choose(o, joins, "condition")
	}
	return rule
}

// rule reads a rule. search takes what else may stand in the outermost one.
func (d *searchDecoder) rule(depth int, search *platen.Search) (platen.Rule, error) {
	if depth > maxRuleDepth {
		return platen.Rule{}, d.fail("the rules are nested deeper than %d levels, which is the limit", maxRuleDepth)
	}
	if d.rules++; d.rules > maxRules+1 { // the outermost does not count
		return platen.Rule{}, d.fail("there are more than %d rules in all, which is the limit", maxRules)
	}
	o := d.object("a rule", func(o *searchObject, key string) bool {
		switch key {
		case "rules":
			o.rules = elements(d, key, maxRules, func() (platen.Rule, error) { return d.rule(depth+1, nil) })
		case "identifiers":
			o.ids = elements(d, key, maxAmong, d.entityID)
		default:
			return search != nil && d.order(search, key)
		}
		return true
	})
	form := (*searchObject).set
	switch word := strings.ToUpper(o.keys["ruleType"].text); {
	case strings.Contains(word, "BINDING"), strings.Contains(word, "COATING"), slices.ContainsFunc(absentKeys, o.has):
		o.wrong("platen keeps no binding and no coating of documents, so nothing can be found by them")
	case o.has("ruleType"):
		o.conditions, form = newConditions, choose(o, newForms, "ruleType")
	case o.has("type"):
		o.conditions, form = oldConditions, choose(o, oldForms, "type")
	case o.rules == nil:
		o.wrong("rules are missing, and so are ruleType (%s) and type (%s)", newForms, oldForms)
	}
	if d.err != nil {
		return platen.Rule{}, d.err
	}
	return form(o), d.err
}

// order reads sort and group, which some documents draw inside search.
func (d *searchDecoder) order(search *platen.Search, key string) bool {
	switch key {
	case "sort":
		search.Sort = elements(d, key+" keys", maxSearchKeys, d.searchKey)
	case "group":
		search.Group = elements(d, key+" keys", maxSearchKeys, d.searchKey)
	}
	return key == "sort" || key == "group"
}

func (d *searchDecoder) searchKey() (platen.SearchKey, error) {
	o := d.object("an entry", nil)
	key := platen.SearchKey{Facet: choose(o, keyTypes, "type"), Name: o.text("name")}
	if o.has("order") {
		key.Descending = choose(o, orders, "order")
	}
	if o.has("numeric") {
		key.Numeric = choose(o, booleans, "numeric") == "true"
	}
	if key.Facet == platen.Fields {
		d.only(withRecord, "a field of the data record")
	} else if key.Numeric {
		d.wrong("numeric is for the type value only, not for property")
	}
	return key, d.err
}

// ReadSearch reads Search Parameters (api-facts 8). Each rule may be in the
// grammar of 2019.2 and later, or in the one before.
func ReadSearch(body []byte) (*platen.Search, error) {
	search, d := &platen.Search{}, &searchDecoder{}
	// The kind says what else is allowed, and may come last.
	err := decode(body, func(plain *decoder) error {
		d.decoder = plain
		o := d.object("the body", nil)
		search.Kind, d.kind = choose(o, searchKinds, "entity"), strings.ToUpper(o.keys["entity"].text)
		return d.err
	})
	if err == nil {
		err = decode(body, func(plain *decoder) error {
			d.decoder = plain
			return d.search(search)
		})
	}
	if err != nil {
		return nil, err
	}
	return search, nil
}

func (d *searchDecoder) search(search *platen.Search) error {
	var inner platen.Search
	found := false
	d.object("the body", func(_ *searchObject, key string) bool {
		switch {
		case key == "search" && d.PeekKind() != 'n':
			found = true
			search.Rule, d.err = d.rule(1, &inner)
		case key == "setIds": // clients send an empty list by default, which becomes nil
			search.Sets = append(search.Sets, elements(d, key, maxAmong, d.entityID)...)
		default:
			return d.order(search, key)
		}
		return true
	})
	search.Sort, search.Group = append(search.Sort, inner.Sort...), append(search.Group, inner.Group...)
	if !found {
		d.wrong("search is missing")
	} else if len(search.Sort) > maxSearchKeys || len(search.Group) > maxSearchKeys {
		d.wrong("there are more than %d sort keys or group keys, which is the limit", maxSearchKeys)
	}
	if search.Rule.Type < platen.Text && len(search.Rule.Rules) == 0 {
		search.Rule = platen.Rule{} // no rules, so all are admitted
	}
	return d.err
}

// A FoundWriter writes identifier lists with sort key (api-facts 2.9).
type FoundWriter struct {
	jsonWriter
	begun bool
	group int // of the last one
}

// NewFoundWriter returns a writer to w.
func NewFoundWriter(w io.Writer) *FoundWriter {
	f := &FoundWriter{jsonWriter: jsonWriter{w: w}}
	f.list()
	return f
}

// Write writes the next entity, which is in the group with that number or, if
// it is another than that of the last one, begins a group.
func (f *FoundWriter) Write(group int, found *platen.Found) error {
	if !f.begun || group != f.group {
		if f.begun {
			f.endList()
		}
		f.comma()
		f.list()
	}
	f.begun, f.group = true, group
	f.element()
	f.number("identifier", int64(found.ID))
	f.text("sortkey", found.SortKey)
	f.end()
	return f.flush()
}

// Close writes the end.
func (f *FoundWriter) Close() error {
	if f.begun {
		f.endList()
	}
	f.endList()
	return f.close()
}
