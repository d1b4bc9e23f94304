package olrest

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/platenhq/platen"
)

// A decoder reads JSON from outside. Beneath is a strict one: it refuses
// invalid UTF-8, a key that is given twice, trailing data, and nesting beyond
// 10,000 levels. Errors are [platen.Invalid] and say where.
type decoder struct {
	*jsontext.Decoder
	names map[string]bool    // used by list
	pairs []platen.NameValue // used by list
	base  jsontext.Pointer   // where what it reads stands in the body
	added int                // records of ReadNewRecords, so far
}

var decoders = sync.Pool{New: func() any { return &decoder{Decoder: jsontext.NewDecoder(bytes.NewReader(nil))} }}

// decode runs fn over body, which holds one JSON value.
func decode(body []byte, fn func(*decoder) error) error {
	d := decoders.Get().(*decoder)
	defer decoders.Put(d)
	d.Reset(bytes.NewBuffer(body))
	d.base = ""
	if len(bytes.TrimSpace(body)) == 0 {
		return platen.Errorf(platen.Invalid, "the body is empty; it must be JSON")
	}
	return d.whole(fn)
}

// whole runs fn, and checks that nothing follows.
func (d *decoder) whole(fn func(*decoder) error) error {
	if err := fn(d); err != nil {
		return err
	}
	if _, err := d.ReadToken(); err != io.EOF {
		if err == nil {
			return d.fail("there is more after the end of the JSON value")
		}
		return d.syntax(err)
	}
	return nil
}

// position returns where the decoder stands in the body.
func (d *decoder) position() jsontext.Pointer { return d.base + d.StackPointer() }

// fail says what is wrong where the decoder stands.
func (d *decoder) fail(format string, args ...any) error {
	return failAt(d.position(), format, args...)
}

// failAt says what is wrong at a place in the body.
func failAt(at jsontext.Pointer, format string, args ...any) error {
	if at != "" {
		format, args = "at %s: "+format, append([]any{shorten([]byte(at))}, args...)
	}
	return platen.Errorf(platen.Invalid, format, args...)
}

// syntax turns an error of the decoder beneath into one that says where.
func (d *decoder) syntax(err error) error {
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		what := shorten([]byte(s.Err.Error()))
		switch {
		case errors.Is(s.Err, io.ErrUnexpectedEOF):
			what = "it ends too early"
		case s.ByteOffset <= 1 && (strings.Contains(what, `'\x`) || strings.Contains(what, `'\u`)):
			what += "; the body must be UTF-8 without a byte order mark, and not compressed"
		}
		if s.JSONPointer != "" {
			what += " at " + shorten([]byte(s.JSONPointer))
		}
		var quoted any = what
		if strings.Contains(what, "`") { // an escape in a value, with what follows it
			quoted = platen.Hidden(what)
		}
		return platen.Errorf(platen.Invalid, "malformed JSON after byte %d: %s", s.ByteOffset, quoted)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return platen.Errorf(platen.Invalid, "malformed JSON: it ends too early")
	}
	return err // of the reader
}

// Words for what stands where something else should.
var kindNames = map[jsontext.Kind]string{
	'n': "null", 'f': "a boolean", 't': "a boolean", '"': "text", '0': "a number", '{': "an object", '[': "a list",
}

// open reads the { or [ of a value, which must be there.
func (d *decoder) open(kind jsontext.Kind, what string) error {
	got := d.PeekKind()
	if got == kind {
		_, err := d.ReadToken()
		return d.syntax(err)
	}
	if name := kindNames[got]; name != "" {
		if err := d.SkipValue(); err != nil {
			return d.syntax(err)
		}
		return d.fail("%s must be %s, not %s", what, kindNames[kind], name)
	}
	_, err := d.ReadToken()
	return d.syntax(err)
}

// more reports whether an element or key follows; if not, it reads the end.
func (d *decoder) more() (bool, error) {
	switch d.PeekKind() {
	case '}', ']':
		_, err := d.ReadToken() // of a list that ends with }, an error
		return false, d.syntax(err)
	case jsontext.KindInvalid:
		_, err := d.ReadToken()
		return false, d.syntax(err)
	}
	return true, nil
}

// each runs fn at each element of a list.
func (d *decoder) each(what string, fn func() error) error {
	if err := d.open('[', what); err != nil {
		return err
	}
	for {
		ok, err := d.more()
		if !ok || err != nil {
			return err
		}
		if err := fn(); err != nil {
			return err
		}
	}
}

// members runs fn at the value of each key of an object.
func (d *decoder) members(what string, fn func(key string) error) error {
	if err := d.open('{', what); err != nil {
		return err
	}
	for {
		ok, err := d.more()
		if !ok || err != nil {
			return err
		}
		key, err := d.key()
		if err != nil {
			return err
		}
		if err := fn(key); err != nil {
			return err
		}
	}
}

// key reads a key of an object.
func (d *decoder) key() (string, error) {
	raw, err := d.ReadValue()
	if err != nil {
		return "", d.syntax(err)
	}
	return unquote(raw), nil
}

// unquote returns the text of a JSON string that the decoder has checked.
func unquote(raw jsontext.Value) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return string(raw)
	}
	return string(text)
}

// skip reads over a value.
func (d *decoder) skip() error {
	if err := d.SkipValue(); err != nil {
		return d.syntax(err)
	}
	return nil
}

// text reads a name, which must be text, or a value, which may also be a
// number or a boolean: of those it returns the source.
func (d *decoder) text(what string, scalars bool) (string, error) {
	kind := d.PeekKind()
	raw, err := d.ReadValue()
	if err != nil {
		return "", d.syntax(err)
	}
	switch {
	case kind == '"':
		text := unquote(raw)
		if wrong := platen.CheckText(text); wrong != "" {
			return "", d.fail("the %s %s", what, wrong)
		}
		return text, nil
	case scalars && (kind == '0' || kind == 't' || kind == 'f'):
		return string(raw), nil
	}
	form := "text"
	if scalars {
		form = "text, a number or a boolean"
	}
	return "", d.fail("the %s must be %s, not %s", what, form, kindNames[kind])
}

// id reads an identifier as it stands in JSON: a whole number. null is none.
// What can be no identifier (0, below it, or too large) becomes -1, which no
// entity has; source is how it was written.
func (d *decoder) id() (id platen.ID, source string, err error) {
	kind := d.PeekKind()
	raw, err := d.ReadValue()
	if err != nil {
		return 0, "", d.syntax(err)
	}
	if kind == 'n' {
		return 0, "", nil
	}
	if kind != '0' {
		return 0, "", d.fail("the id must be a number, not %s", kindNames[kind])
	}
	if bytes.ContainsAny(raw, ".eE") {
		return 0, "", d.fail("the id must be a whole number in plain digits, not %s", shorten(raw))
	}
	id, ok := platen.ParseID(string(raw))
	if !ok {
		id = -1
	}
	return id, string(raw), nil
}

// entityID reads an identifier that must be one.
func (d *decoder) entityID() (platen.ID, error) {
	id, source, err := d.id()
	if err == nil && id <= 0 {
		if source == "" {
			source = "null"
		}
		err = d.fail("%s is no identifier: they go from 1 to %d", shorten([]byte(source)), platen.MaxID)
	}
	return id, err
}

// shorten keeps what a client sent from filling the message about it.
func shorten(raw []byte) string {
	const most = 120
	if len(raw) > most {
		return string(bytes.ToValidUTF8(raw[:most], nil)) + "…"
	}
	return string(raw)
}

// list reads a name/value list (properties only).
func (d *decoder) list(what string) ([]platen.NameValue, error) {
	// Lists are collected in one place and copied without room to spare, since
	// there may be many.
	pairs := d.pairs[:0]
	defer func() {
		d.pairs = pairs[:0]
		clear(pairs)
	}()
	d.forgetNames()
	err := d.each(what, func() error {
		pair, err := d.pair(false)
		switch {
		case err != nil:
			return err
		case d.given(pairs, pair.Name):
			return d.fail("the name %q is given twice", shorten([]byte(pair.Name)))
		case len(pairs) == platen.MaxNames:
			return d.fail("a list has more than %d names", platen.MaxNames)
		}
		pairs = append(pairs, pair)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return append(make([]platen.NameValue, 0, len(pairs)), pairs...), nil
}

// forgetNames makes given begin anew. Room for many names is not kept, since
// to clear it takes as long as it is large.
func (d *decoder) forgetNames() {
	const most = 256
	if len(d.names) > most {
		d.names = nil
	}
	clear(d.names)
}

// given reports whether a name is among pairs.
func (d *decoder) given(pairs []platen.NameValue, name string) bool {
	const few = 16
	if len(pairs) < few {
		for i := range pairs {
			if pairs[i].Name == name {
				return true
			}
		}
		return false
	}
	if d.names == nil {
		d.names = make(map[string]bool)
	}
	if len(pairs) == few {
		for i := range pairs {
			d.names[pairs[i].Name] = true
		}
	}
	if d.names[name] {
		return true
	}
	d.names[name] = true
	return false
}

// value reads a value. nulls: null is the empty text.
func (d *decoder) value(nulls bool) (string, error) {
	if nulls && d.PeekKind() == 'n' {
		return "", d.skip()
	}
	return d.text("value", true)
}

func (d *decoder) pair(nulls bool) (pair platen.NameValue, err error) {
	var name, value bool
	err = d.members("an entry", func(key string) (err error) {
		switch key {
		case "name":
			name = true
			if pair.Name, err = d.text("name", false); err == nil && pair.Name == "" {
				err = d.fail("the name is empty")
			}
		case "value":
			value = true
			pair.Value, err = d.value(nulls)
		default:
			err = d.skip()
		}
		return err
	})
	switch {
	case err != nil:
		return pair, err
	case !name:
		return pair, d.fail("the entry has no name")
	case !value:
		return pair, d.fail("the entry has no value")
	}
	return pair, nil
}

// A pairsKey is the key at which an entry of a PUT has its pairs.
type pairsKey struct {
	name  string
	alias string // stands for name where that is missing; "": nothing does
	read  func(d *decoder, what string) ([]platen.NameValue, error)
}

var propertiesKey = pairsKey{name: "properties", read: (*decoder).list}

// update reads one entry {id, properties}, or with another key in the place
// of properties. source is the id as written, "" for none.
func (d *decoder) update(pairs pairsKey) (u platen.Update, source string, err error) {
	var alias jsontext.Value
	var aliasAt jsontext.Pointer
	err = d.members("an entry", func(key string) (err error) {
		switch {
		case key == "id":
			u.ID, source, err = d.id()
		case key == pairs.name:
			u.Pairs, err = pairs.read(d, key)
		case pairs.alias != "" && key == pairs.alias:
			// Kept for the end: beside the name it may hold anything.
			if alias, err = d.ReadValue(); err != nil {
				return d.syntax(err)
			}
			alias, aliasAt = alias.Clone(), d.position()
		default:
			err = d.skip()
		}
		return err
	})
	if err != nil {
		return u, "", err
	}
	if u.Pairs == nil && alias != nil {
		err := decode(alias, func(d *decoder) (err error) {
			d.base = aliasAt
			u.Pairs, err = pairs.read(d, pairs.alias)
			return err
		})
		return u, source, err
	}
	if u.Pairs == nil {
		return u, "", d.fail("%s are missing", pairs.name)
	}
	return u, source, nil
}

// ReadUpdate reads the body of a single PUT: {id, properties}, or a list of
// one of these, as the specification draws it. Mismatch: the id is not that
// of ref, or is missing.
func ReadUpdate(body []byte, ref platen.Ref) (platen.Update, error) {
	return readUpdate(body, ref, propertiesKey)
}

func readUpdate(body []byte, ref platen.Ref, pairs pairsKey) (platen.Update, error) {
	var update platen.Update
	var source string
	err := decode(body, func(d *decoder) (err error) {
		if d.PeekKind() != '[' {
			if kind := d.PeekKind(); kind != '{' && kindNames[kind] != "" {
				return d.open('{', "the body")
			}
			update, source, err = d.update(pairs)
			return err
		}
		n := 0
		err = d.each("the body", func() (err error) {
			if n++; n > 1 {
				return platen.Errorf(platen.Invalid, "the body must be one object, or a list of exactly one")
			}
			update, source, err = d.update(pairs)
			return err
		})
		if err == nil && n == 0 {
			err = platen.Errorf(platen.Invalid, "the body must be one object, or a list of exactly one, not an empty list")
		}
		return err
	})
	if err != nil {
		return platen.Update{}, err
	}
	if update.ID == ref.ID {
		return update, nil
	}
	mismatch := platen.Errorf(platen.Mismatch, "the id in the JSON (%s) is not that of the %s in the path (%d)", shorten([]byte(source)), ref.Kind, ref.ID)
	if source == "" {
		mismatch = platen.Errorf(platen.Mismatch, "the JSON has no id; it must repeat that of the %s in the path (%d)", ref.Kind, ref.ID)
	}
	mismatch.Param = ref.ID.String()
	return platen.Update{}, mismatch
}

// ReadUpdates reads the body of a multi PUT: a list of {id, properties}.
func ReadUpdates(body []byte, kind platen.Kind) ([]platen.Update, error) {
	return readUpdates(body, kind, propertiesKey)
}

func readUpdates(body []byte, kind platen.Kind, pairs pairsKey) ([]platen.Update, error) {
	updates := []platen.Update{}
	var unknown *platen.Error // the first id that can be none
	err := decode(body, func(d *decoder) error {
		return d.each("the body", func() error {
			update, source, err := d.update(pairs)
			if err != nil {
				return err
			}
			if source == "" {
				return d.fail("the entry has no id")
			}
			if update.ID < 0 && unknown == nil {
				unknown = platen.Errorf(platen.NotFound, "%s %s not found", kind, shorten([]byte(source)))
				unknown.Param = shorten([]byte(source))
			}
			if len(updates) == cap(updates) {
				updates = slices.Grow(updates, max(1, len(updates))) // twice as many: append would copy more in all
			}
			updates = append(updates, update)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if unknown != nil {
		return nil, unknown
	}
	return updates, nil
}
