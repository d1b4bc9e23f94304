package platen

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A NameValue is one element of a list of properties, metadata or fields. Both
// halves are text and come back byte for byte; the name is not empty.
type NameValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A List is an encoded list of names and values: a JSON array of objects with
// name and value, in the order in which they were written. It is the one form
// in which a list is stored, cached and sent; nobody changes its bytes.
type List []byte

// An Update is a new list, or changes to one, for one entity.
type Update struct {
	ID    ID
	Pairs []NameValue

	// Match is what the list must be now; nil: anything.
	Match *Match
}

// EmptyList is the list with nothing in it.
var EmptyList = List("[]")

// Limits of lists: properties, metadata, and the fields of a data record. One
// list is read, merged, indexed and sent as a whole, so these bound what a
// small request can cost. Lists that are stored already may be larger: they
// stay readable, and may become smaller.
const (
	MaxNames     = 10_000  // names of one list
	MaxListBytes = 1 << 20 // bytes of one list, encoded
)

// Limits of one PUT that merges into lists of many entities (MergeLists), which is one
// transaction.
const (
	MaxUpdateIDs   = 10_000   // entities
	MaxUpdateBytes = 16 << 20 // bytes of their lists together, encoded, before it or after it
)

// NewList encodes pairs, as [EncodeList]. Invalid: the list is over the
// limits.
func NewList(pairs []NameValue) (List, error) {
	if len(pairs) > MaxNames {
		return nil, listError(len(pairs), 0)
	}
	list := EncodeList(pairs)
	if len(list) > MaxListBytes {
		return nil, listError(len(pairs), len(list))
	}
	return list, nil
}

// CheckGrowth returns Invalid if a list that had so many names and bytes would
// grow over the limits.
func CheckGrowth(names, bytes, newNames, newBytes int) error {
	if newNames > max(names, MaxNames) || newBytes > max(bytes, MaxListBytes) {
		return listError(newNames, newBytes)
	}
	return nil
}

func listError(names, bytes int) error {
	if names > MaxNames {
		return Errorf(Invalid, "a list would have %d names; %d are the most", names, MaxNames)
	}
	return Errorf(Invalid, "a list would be %d bytes of JSON; %d are the most", bytes, MaxListBytes)
}

// EncodeList encodes pairs. The strings must be valid UTF-8.
func EncodeList(pairs []NameValue) List {
	n := 2
	for i := range pairs {
		n += len(`{"name":"","value":""},`) + len(pairs[i].Name) + len(pairs[i].Value)
	}
	b := append(make([]byte, 0, n), '[')
	for i := range pairs {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"name":`...)
		b = AppendString(b, pairs[i].Name)
		b = append(b, `,"value":`...)
		b = AppendString(b, pairs[i].Value)
		b = append(b, '}')
	}
	return append(b, ']')
}

// The text between the strings of a list.
const (
	listBegin = `[{"name":"`
	listValue = `,"value":"`
	listNext  = `},{"name":"` // not within a string, where quotes are escaped
	listEnd   = `}]`
)

// Decode returns the names and values of the list. It fails on bytes that
// [EncodeList] did not make: it reads that form, not any JSON.
func (l List) Decode() ([]NameValue, error) {
	if len(l) == 0 {
		return nil, nil
	}
	if string(l) == string(EmptyList) {
		return []NameValue{}, nil
	}
	text := string(l) // of which the strings are parts
	pairs := make([]NameValue, 0, 1+strings.Count(text, listNext))
	rest, ok := strings.CutPrefix(text, listBegin)
	for ok {
		var pair NameValue
		if pair.Name, rest, ok = cutText(rest); !ok {
			break
		}
		if rest, ok = strings.CutPrefix(rest, listValue); !ok {
			break
		}
		if pair.Value, rest, ok = cutText(rest); !ok {
			break
		}
		pairs = append(pairs, pair)
		if rest == listEnd {
			return pairs, nil
		}
		rest, ok = strings.CutPrefix(rest, listNext)
	}
	return nil, fmt.Errorf("stored list: it is damaged %d bytes before its end", len(rest))
}

// cutText returns what stands before the end of a string that [AppendString]
// has made, and what comes after its quote.
func cutText(from string) (text, rest string, ok bool) {
	end := strings.IndexByte(from, '"')
	if end < 0 {
		return "", from, false
	}
	if strings.IndexByte(from[:end], '\\') < 0 {
		return from[:end], from[end+1:], true
	}
	var b []byte
	for i := 0; i < len(from); i++ {
		switch c := from[i]; c {
		case '"':
			return string(b), from[i+1:], true
		case '\\':
			c, n, ok := unescape(from[i:])
			if !ok {
				return "", from[i:], false
			}
			b = append(b, c)
			i += n - 1
		default:
			b = append(b, c)
		}
	}
	return "", "", false
}

// unescape reads one of the escapes that [AppendString] makes, and returns
// its length.
func unescape(from string) (c byte, n int, ok bool) {
	if len(from) < 2 {
		return 0, 0, false
	}
	switch from[1] {
	case '"', '\\':
		return from[1], 2, true
	case 'n':
		return '\n', 2, true
	case 'r':
		return '\r', 2, true
	case 't':
		return '\t', 2, true
	}
	const control = len(`\u0000`)
	if len(from) < control || !strings.HasPrefix(from, `\u00`) {
		return 0, 0, false
	}
	code, err := strconv.ParseUint(from[control-2:control], 16, 8)
	return byte(code), control, err == nil && code < 0x20
}

// MergeList sets the names of changes in pairs: a name that is there keeps
// its place, a new one goes to the end, names not mentioned stay.
func MergeList(pairs, changes []NameValue) []NameValue {
	place := make(map[string]int, len(pairs)+len(changes))
	for i := range pairs {
		place[pairs[i].Name] = i
	}
	for _, change := range changes {
		if i, ok := place[change.Name]; ok {
			pairs[i].Value = change.Value
			continue
		}
		place[change.Name] = len(pairs)
		pairs = append(pairs, change)
	}
	return pairs
}

// AppendString appends s as a JSON string with the fewest escapes that JSON
// allows: quotes, backslashes and control characters.
func AppendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		start = i + 1
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// CheckText says what is wrong with a name or value, or returns "": text must
// be valid UTF-8 without U+0000.
func CheckText(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] == 0 {
			return "holds U+0000"
		}
	}
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	return ""
}
