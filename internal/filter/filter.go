// Package filter reads filters as https://google.aip.dev/160 has them: text in,
// tree out. It knows no names and does no I/O.
//
//	expression = sequence {"AND" sequence}
//	sequence   = factor {factor}            both must hold, as with AND
//	factor     = term {"OR" term}           OR binds more tightly than AND
//	term       = ["NOT" | "-"] simple
//	simple     = restriction | "(" expression ")"
//	restriction = name operator value
//	name       = segment {"." segment}      a segment may be quoted
//	operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":"
package filter

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// What bounds a filter.
const (
	MaxBytes        = 16 << 10 // of text
	MaxDepth        = 32       // of parentheses and NOT
	MaxRestrictions = 256
)

// A Type is what a [Node] is.
type Type uint8

// The types of nodes.
const (
	And Type = iota // every one of Nodes holds; so does none
	Or              // at least one of Nodes holds
	Not             // the one of Nodes does not hold
	Restriction
)

// A Node is a filter, or a part of one.
type Node struct {
	Type  Type
	Nodes []Node // And, Or, Not

	Name     []string // Restriction: the segments of the name, without quotes
	Operator Operator
	Value    Value
	At       int // Restriction: the character of the filter, from 1, where the name begins
}

// An Operator compares.
type Operator string

// The operators.
const (
	Equal          Operator = "="
	NotEqual       Operator = "!="
	Less           Operator = "<"
	LessOrEqual    Operator = "<="
	Greater        Operator = ">"
	GreaterOrEqual Operator = ">="
	Has            Operator = ":"
)

// operators are in an order in which none is the beginning of a later one.
var operators = []Operator{LessOrEqual, GreaterOrEqual, NotEqual, Equal, Less, Greater, Has}

// A Value is what is compared with.
type Value struct {
	Text   string // without quotes and escapes
	Quoted bool
	At     int // the character of the filter, from 1, where it begins
	// Prefix and Suffix say that there was a wildcard after Text, so that it is the
	// beginning of what is meant, or before it. Text is without them.
	Prefix, Suffix bool
}

// An Error says where in a filter something is wrong, and what.
type Error struct {
	At      int // the character, from 1
	Message string
	Found   string // what is there instead, in quotes if it is text; "" for no more than Message says
}

// Error implements error.
func (e *Error) Error() string {
	text := fmt.Sprintf("at character %d: %s", e.At, e.Message)
	if e.Found != "" {
		text += ", found " + e.Found
	}
	return text
}

// Parse reads a filter. One of nothing but spaces is an And of none, which holds
// for everything. The error is an [*Error].
func Parse(text string) (Node, error) {
	if err := check(text); err != nil {
		return Node{}, err
	}
	p := parser{text: text}
	if p.space(); p.end() {
		return Node{Type: And}, nil
	}
	node, err := p.expression()
	if err != nil {
		return Node{}, err
	}
	if !p.end() { // only a parenthesis ends an expression before the end
		return Node{}, p.expected("AND, OR or the end", p.at)
	}
	return node, nil
}

// check returns an error for what is not read at all.
func check(text string) error {
	if len(text) > MaxBytes {
		return &Error{At: 1, Message: fmt.Sprintf("it is longer than %d bytes", MaxBytes)}
	}
	if !utf8.ValidString(text) {
		return &Error{At: 1, Message: "it is not UTF-8"}
	}
	return nil
}

// A parser reads from at on.
type parser struct {
	text         string
	at           int // in bytes
	depth        int
	restrictions int
}

func (p *parser) end() bool { return p.at == len(p.text) }

func (p *parser) rest() string { return p.text[p.at:] }

func (p *parser) space() {
	p.at = len(p.text) - len(strings.TrimLeftFunc(p.rest(), unicode.IsSpace))
}

// character returns the number of the character at a byte.
func (p *parser) character(at int) int { return utf8.RuneCountInString(p.text[:at]) + 1 }

func (p *parser) failed(at int, format string, args ...any) error {
	return &Error{At: p.character(at), Message: fmt.Sprintf(format, args...)}
}

// expected is the error that what is at a place is none of what may be there.
func (p *parser) expected(what string, at int) error {
	found := "the end"
	if rest := strings.TrimSpace(p.text[at:]); rest != "" {
		found, _, _ = strings.Cut(rest, " ")
		if runes := []rune(found); len(runes) > 20 {
			found = string(runes[:20]) + "…"
		}
		found = fmt.Sprintf("%q", found)
	}
	return &Error{At: p.character(at), Message: "expected " + what, Found: found}
}

// keyword takes a word if it comes next, with a space or parenthesis after it.
func (p *parser) keyword(word string) bool {
	rest, ok := strings.CutPrefix(p.rest(), word)
	if !ok {
		return false
	}
	if next, _ := utf8.DecodeRuneInString(rest); rest != "" && next != '(' && !unicode.IsSpace(next) {
		return false
	}
	p.at += len(word)
	p.space()
	return true
}

// deeper enters parentheses or a NOT.
func (p *parser) deeper(read func() (Node, error)) (Node, error) {
	if p.depth++; p.depth > MaxDepth {
		return Node{}, p.failed(p.at, "more than %d parentheses and NOTs are in each other", MaxDepth)
	}
	defer func() { p.depth-- }()
	return read()
}

// joined is a node of one or more.
func joined(of Type, nodes []Node) Node {
	if len(nodes) == 1 {
		return nodes[0]
	}
	return Node{Type: of, Nodes: nodes}
}

// expression reads sequences with AND between them, up to a closing parenthesis
// or the end. Factors side by side mean the same, so both are one loop.
func (p *parser) expression() (Node, error) {
	var nodes []Node
	for {
		node, err := p.factor()
		if err != nil {
			return Node{}, err
		}
		nodes = append(nodes, node)
		if p.end() || p.rest()[0] == ')' {
			return joined(And, nodes), nil
		}
		p.keyword("AND")
	}
}

func (p *parser) factor() (Node, error) {
	var nodes []Node
	for {
		node, err := p.term()
		if err != nil {
			return Node{}, err
		}
		if nodes = append(nodes, node); !p.keyword("OR") {
			return joined(Or, nodes), nil
		}
	}
}

func (p *parser) term() (Node, error) {
	minus := strings.HasPrefix(p.rest(), "-")
	if minus {
		p.at++
	}
	if !minus && !p.keyword("NOT") {
		return p.simple()
	}
	node, err := p.deeper(p.simple)
	return Node{Type: Not, Nodes: []Node{node}}, err
}

func (p *parser) simple() (Node, error) {
	begin := p.at
	if !strings.HasPrefix(p.rest(), "(") {
		return p.restriction()
	}
	p.at++
	p.space()
	node, err := p.deeper(p.expression)
	if err != nil {
		return Node{}, err
	}
	if p.end() {
		return Node{}, p.failed(begin, "the parenthesis is not closed")
	}
	p.at++
	p.space()
	return node, nil
}

func (p *parser) restriction() (Node, error) {
	if p.restrictions++; p.restrictions > MaxRestrictions {
		return Node{}, p.failed(p.at, "the filter has more than %d comparisons", MaxRestrictions)
	}
	node := Node{Type: Restriction, At: p.character(p.at)}
	var err error
	if node.Name, err = p.name(); err != nil {
		return Node{}, err
	}
	p.space()
	for _, operator := range operators {
		if strings.HasPrefix(p.rest(), string(operator)) {
			node.Operator = operator
			p.at += len(operator)
			break
		}
	}
	if node.Operator == "" {
		return Node{}, p.expected("an operator (= != < <= > >= :) after "+strings.Join(node.Name, "."), p.at)
	}
	p.space()
	node.Value, err = p.value()
	p.space()
	return node, err
}

// name reads a name, segment by segment.
func (p *parser) name() (segments []string, err error) {
	for {
		segment, err := p.segment()
		if err != nil {
			return nil, err
		}
		segments = append(segments, segment)
		if !strings.HasPrefix(p.rest(), ".") {
			return segments, nil
		}
		p.at++
	}
}

// segment reads a segment of a name.
func (p *parser) segment() (string, error) {
	if text, ok, err := p.quoted(nil); ok || err != nil {
		return text, err
	}
	text := p.until(".,()\"':=!<>*")
	if text == "" || text[0] == '-' || text == "AND" || text == "OR" || text == "NOT" {
		return "", p.expected("a name", p.at-len(text))
	}
	return text, nil
}

// until takes text up to one of some characters or a space.
func (p *parser) until(stops string) string {
	rest := p.rest()
	n := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(stops, r) })
	if n < 0 {
		n = len(rest)
	}
	p.at += n
	return rest[:n]
}

// value reads what is compared with. Unquoted it goes on to the next space or
// parenthesis, so that times and numbers need no quotes.
func (p *parser) value() (v Value, err error) {
	begin := p.at
	v.At = p.character(begin)
	var stars []int // in Text
	if v.Text, v.Quoted, err = p.quoted(&stars); err != nil {
		return v, err
	}
	if !v.Quoted {
		if v.Text = p.until(",()\"'"); v.Text == "" {
			return v, p.expected("a value", begin)
		}
		for i := range len(v.Text) {
			if v.Text[i] == '*' {
				stars = append(stars, i)
			}
		}
	}
	if !p.end() && !strings.ContainsAny(p.rest()[:1], " \t\r\n)") {
		return v, p.expected("a space or the end after the value", p.at)
	}
	end := len(v.Text)
	for _, i := range stars {
		switch i {
		case end - 1:
			v.Prefix = true
		case 0:
			v.Suffix = true
		default:
			return v, p.failed(begin, "a wildcard * can be at the beginning and at the end of a value only; write \"\\*\" for the character")
		}
	}
	if v.Prefix {
		v.Text = v.Text[:end-1]
	}
	if v.Suffix {
		v.Text = v.Text[1:]
	}
	return v, nil
}

// escapes are the characters that a backslash in quotes may precede, and what
// they stand for. An escaped * is no wildcard.
var escapes = map[byte]byte{'\\': '\\', '"': '"', '\'': '\'', '*': '*', 'n': '\n', 'r': '\r', 't': '\t'}

// quoted takes a text in quotes, if one comes next. stars, unless nil, gets the
// places of wildcards in it.
func (p *parser) quoted(stars *[]int) (text string, ok bool, err error) {
	begin := p.at
	if p.end() || p.rest()[0] != '"' && p.rest()[0] != '\'' {
		return "", false, nil
	}
	quote := p.rest()[0]
	var b strings.Builder
	for p.at++; !p.end(); p.at++ {
		c := p.text[p.at]
		switch {
		case c == quote:
			p.at++
			return b.String(), true, nil
		case c == '\\':
			if p.at++; p.end() {
				return "", false, p.failed(begin, "the quotes are not closed")
			}
			stands, known := escapes[p.text[p.at]]
			if !known {
				return "", false, p.failed(p.at-1, `a backslash in quotes must precede one of \ " ' * n r t`)
			}
			c = stands
		case c == '*' && stars != nil:
			*stars = append(*stars, b.Len())
		}
		b.WriteByte(c)
	}
	return "", false, p.failed(begin, "the quotes are not closed")
}
