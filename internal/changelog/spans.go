package changelog

import (
	"bytes"
	"errors"

	"github.com/platenhq/platen"
)

// A Span is a part of a list that differs: so many elements after the end of the
// span before it are the same, and then come these. Elements are as they are
// encoded, with commas between them.
type Span struct {
	Skip          int
	Before, After []byte
}

// The text between two elements. It is not within a string, where quotes are
// escaped.
var between = []byte(`},{"name":"`)

// elements returns a list without its brackets.
func elements(list platen.List) []byte {
	if len(list) < 2 {
		return nil
	}
	return list[1 : len(list)-1]
}

// count returns how many elements a part of a list has.
func count(part []byte) int {
	if len(part) == 0 {
		return 0
	}
	return 1 + bytes.Count(part, between)
}

// Diff returns what differs between two lists: one span, from the first element
// that differs to the last one; none if they are the same. It refers to the bytes
// of the lists.
func Diff(before, after platen.List) []Span {
	if bytes.Equal(before, after) {
		return nil
	}
	b, a := elements(before), elements(after)
	start := commonStart(b, a)
	skip := count(bytes.TrimSuffix(b[:start], []byte(",")))
	b, a = b[start:], a[start:]
	b, a = bytes.TrimPrefix(b, []byte(",")), bytes.TrimPrefix(a, []byte(","))
	end := commonEnd(b, a)
	b, a = bytes.TrimSuffix(b[:len(b)-end], []byte(",")), bytes.TrimSuffix(a[:len(a)-end], []byte(","))
	return []Span{{Skip: skip, Before: b, After: a}}
}

// commonStart returns how many bytes the elements that both begin with have.
func commonStart(b, a []byte) int {
	same := 0
	for n := min(len(b), len(a)); same < n && b[same] == a[same]; same++ {
	}
	if same == len(b) || same == len(a) { // outside of strings, so at the end of an element
		return same
	}
	if at := bytes.LastIndex(b[:same], between); at >= 0 {
		return at + len(`},`)
	}
	return 0
}

// isNext reports whether what follows whole elements begins another one.
func isNext(rest []byte) bool { return len(rest) == 0 || bytes.HasPrefix(rest, between[1:]) }

// commonEnd returns how many bytes the elements that both end with have.
func commonEnd(b, a []byte) int {
	same := 0
	for n := min(len(b), len(a)); same < n && b[len(b)-1-same] == a[len(a)-1-same]; same++ {
	}
	if same == len(b) || same == len(a) { // which no string has, so this is where an element begins
		return same
	}
	if at := bytes.Index(b[len(b)-same:], between); at >= 0 {
		return same - at - len(`},`)
	}
	return 0
}

var errOther = errors.New("the log of changes does not fit the list")

// Undo returns a list as it was before a change, from the one after it.
func Undo(after platen.List, spans []Span) (platen.List, error) {
	rest := elements(after)
	out := append(make([]byte, 0, len(after)), '[')
	add := func(part []byte) {
		if len(part) > 0 {
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(out, part...)
		}
	}
	for i := range spans {
		var same []byte
		var ok bool
		if same, rest, ok = take(rest, spans[i].Skip); !ok {
			return nil, errOther
		}
		add(same)
		if from := spans[i].After; len(from) > 0 {
			if !bytes.HasPrefix(rest, from) || !isNext(rest[len(from):]) {
				return nil, errOther
			}
			rest = bytes.TrimPrefix(rest[len(from):], []byte(","))
		}
		add(spans[i].Before)
	}
	add(rest)
	return append(out, ']'), nil
}

// take cuts so many elements off.
func take(from []byte, n int) (taken, rest []byte, ok bool) {
	end := 0
	for ; n > 0; n-- {
		if end >= len(from) {
			return nil, nil, false
		}
		at := bytes.Index(from[end:], between)
		if at < 0 {
			if n > 1 {
				return nil, nil, false
			}
			return from, nil, true
		}
		end += at + len(`},`)
	}
	if end == 0 {
		return nil, from, true
	}
	return from[:end-1], from[end:], true
}

// Element returns an element as lists have it.
func Element(to []byte, pair platen.NameValue) []byte {
	to = platen.AppendString(append(to, `{"name":`...), pair.Name)
	to = platen.AppendString(append(to, `,"value":`...), pair.Value)
	return append(to, '}')
}

// Names returns what the spans say of each name: those that were there before in
// their order, then those that are new.
func Names(spans []Span) ([]platen.NameChange, error) {
	var names []platen.NameChange
	places := make(map[string]int)
	for i := range spans {
		pairs, err := decode(spans[i].Before)
		if err != nil {
			return nil, err
		}
		for j := range pairs {
			places[pairs[j].Name] = len(names)
			names = append(names, platen.NameChange{Name: pairs[j].Name, Before: &pairs[j].Value})
		}
	}
	for i := range spans {
		pairs, err := decode(spans[i].After)
		if err != nil {
			return nil, err
		}
		for j := range pairs {
			if at, ok := places[pairs[j].Name]; ok {
				names[at].After = &pairs[j].Value
				continue
			}
			names = append(names, platen.NameChange{Name: pairs[j].Name, After: &pairs[j].Value})
		}
	}
	kept := names[:0]
	for _, name := range names {
		if name.Before == nil || name.After == nil || *name.Before != *name.After {
			kept = append(kept, name)
		}
	}
	return kept, nil
}

// decode reads elements.
func decode(part []byte) ([]platen.NameValue, error) {
	list := append(append(append(make(platen.List, 0, len(part)+2), '['), part...), ']')
	return list.Decode()
}
