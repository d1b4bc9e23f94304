package platen

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// A Tag says which bytes a list or an answer had: two with the same tag are
// equal. It is the first half of their SHA-256.
type Tag [16]byte

// TagOf returns the tag of some bytes, such as a [List].
func TagOf(b []byte) Tag {
	sum := sha256.Sum256(b)
	return Tag(sum[:16])
}

// String returns the tag as HTTP has it: hexadecimal, in quotes.
func (t Tag) String() string {
	var b [2 + 2*len(t)]byte
	b[0], b[len(b)-1] = '"', '"'
	hex.Encode(b[1:], t[:])
	return string(b[:])
}

// ParseTag reads what String returns.
func ParseTag(s string) (t Tag, ok bool) {
	if len(s) != 2+2*len(t) || s[0] != '"' || s[len(s)-1] != '"' {
		return t, false
	}
	_, err := hex.Decode(t[:], []byte(s[1:len(s)-1]))
	return t, err == nil && t.String() == s
}

// A Match is a condition on a list or an entity: it must have one of the tags.
// None are a condition that nothing meets. A nil Match is none.
type Match struct{ Tags []Tag }

// Has reports whether what has a tag meets the condition.
func (m *Match) Has(now Tag) bool { return m == nil || slices.Contains(m.Tags, now) }

// ChangedError says that the list or entity ref is another than the one that a
// change was for. what is what now has the tag.
func ChangedError(ref Ref, what string, now Tag) *Error {
	err := Errorf(Changed, "the %s of %s %d are not those that If-Match names: they have the tag %s now; read them again", what, ref.Kind, ref.ID, now)
	err.Param, err.Tag = ref.ID.String(), now.String()
	return err
}
