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
	kind  string   // what is searched, "" until that is known
	asked []demand // before it was
	rules int      // so far
}

// A demand is something in a search that only some kinds can be asked.
type demand struct {
	kinds []string
	what  string
	at    jsontext.Pointer
}

// wrong is fail, for the first error.
func (d *searchDecoder) wrong(format string, args ...any) {
	if d.err == nil {
		d.err = d.fail(format, args...)
	}
}

// only refuses what other kinds can not be asked, at once if the kind is known
// by now.
func (d *searchDecoder) only(kinds []string, what string) {
	if slices.Contains(kinds, d.kind) {
		return
	}
	asked := demand{kinds, what, d.position()}
	if d.kind == "" {
		d.asked = append(d.asked, asked)
	} else {
		d.check(asked)
	}
}

// check refuses a demand that the kind can not fulfil.
func (d *searchDecoder) check(asked demand) {
	if d.err == nil && !slices.Contains(asked.kinds, d.kind) {
		d.err = failAt(asked.at, "%s can not be asked of %s, only of %s", asked.what, d.kind, strings.Join(asked.kinds, " and "))
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

// value is String for an operand that may be a value of somebody.
func (o operand) value() any {
	if o.kind == '"' || o.kind == '0' {
		return platen.Hidden(o.String())
	}
	return o.String()
}

// operand reads what stands at a key. Only values can be more than a word or a text.
func (d *searchDecoder) operand(key string) (o operand) {
	o.kind = d.PeekKind()
	if (o.kind == '{' || o.kind == '[') && key != "value" && key != "value1" {
		d.err = d.skip()
		return o
	}
	switch o.kind {
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
	keys  map[string]operand
	rules []platen.Rule // nil: missing
	ids   []platen.ID   // nil: missing
}

// object reads an object; special reads what stands at keys of its own.
func (d *searchDecoder) object(what string, special func(o *searchObject, key string) bool) *searchObject {
	o := &searchObject{searchDecoder: d, keys: make(map[string]operand, 4)}
	d.each('{', what, func(key string) {
		switch {
		case special != nil && special(o, key):
		case slices.Contains(operandKeys, key):
			o.keys[key] = d.operand(key)
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
		o.wrong("%s is %s; it must be text that is not empty", key, text.value())
	}
	return text.text
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
	var rule platen.Rule
	switch word := strings.ToUpper(o.keys["ruleType"].text); {
	case strings.Contains(word, "BINDING"), strings.Contains(word, "COATING"), slices.ContainsFunc(absentKeys, o.has):
		o.wrong("platen keeps no binding and no coating of documents, so nothing can be found by them")
	case o.has("ruleType"):
		rule = newForms.read(o)
	case o.has("type"):
		rule = oldForms.read(o)
	case o.rules == nil:
		o.wrong("rules are missing, and so are ruleType (%s) and type (%s)", newForms, oldForms)
	default:
		rule = o.set()
	}
	if d.err != nil {
		return platen.Rule{}, d.err
	}
	return rule, nil
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

// ReadSearch reads Search Parameters. Each rule may be in the
// grammar of 2019.2 and later, or in the one before.
func ReadSearch(body []byte) (*platen.Search, error) {
	search := &platen.Search{}
	err := decode(body, func(d *decoder) error { return (&searchDecoder{decoder: d}).search(search) })
	if err != nil {
		return nil, err
	}
	return search, nil
}

func (d *searchDecoder) search(search *platen.Search) error {
	var inner platen.Search
	found := false
	body := d.object("the body", func(o *searchObject, key string) bool {
		switch {
		case key == "entity":
			o.keys[key] = d.operand(key)
			d.know(o.keys[key])
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
	search.Kind = choose(body, searchKinds, "entity")
	for _, asked := range d.asked {
		d.check(asked)
	}
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

// know takes up the kind that is searched, if it is one.
func (d *searchDecoder) know(entity operand) {
	word := strings.ToUpper(entity.text)
	if entity.kind == '"' && slices.ContainsFunc(searchKinds, func(c choice[platen.Kind]) bool { return c.word == word }) {
		d.kind = word
	}
}

// A FoundWriter writes identifier lists with sort key.
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
