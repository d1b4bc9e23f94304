package platen

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// A Search asks for entities of one kind. The zero Rule admits
// all of them.
type Search struct {
	Kind  Kind
	Rule  Rule
	Sort  []SearchKey // orders the result; each adds a part to the sort key
	Group []SearchKey // splits the result into lists
	Sets  []ID        // nil: anywhere; otherwise only what belongs to these sets
}

// A SearchKey is what a result is sorted or grouped by: the value of one name.
// An entity without that name has the empty text there.
type SearchKey struct {
	Facet      Facet // Properties or Fields
	Name       string
	Numeric    bool // compare as numbers; what is no number comes before all numbers
	Descending bool
}

// A SearchValue is a value of a [SearchKey], ready to be compared.
type SearchValue struct {
	Text   string
	number *big.Rat // nil for no number
}

// Value makes a text ready to be compared.
func (k SearchKey) Value(text string) SearchValue {
	v := SearchValue{Text: text}
	// Without exponents, which could ask for more digits than there is memory.
	const digits = 1000 // more are no number
	if k.Numeric && len(text) <= digits && strings.Trim(text, "-+0123456789.") == "" {
		if number, ok := new(big.Rat).SetString(text); ok {
			v.number = number
		}
	}
	return v
}

// Compare orders two values of the key.
func (k SearchKey) Compare(a, b SearchValue) int {
	var order int
	switch {
	case a.number != nil && b.number != nil:
		order = a.number.Cmp(b.number)
	case a.number != nil:
		order = 1
	case b.number != nil:
		order = -1
	}
	if order == 0 {
		order = strings.Compare(a.Text, b.Text)
	}
	if k.Descending {
		return -order
	}
	return order
}

// A RuleType says what a [Rule] looks at.
type RuleType uint8

// The rule types. All but the first four are leaves.
const (
	All        RuleType = iota // every one of Rules holds; so does none
	Any                        // at least one of Rules holds
	NotAll                     // not every one of Rules holds
	NotAny                     // none of Rules holds
	Text                       // compares the value of Name in the list Facet
	IDs                        // the identifier is among IDs (In), or is not (NotIn)
	Size                       // compares the number of Unit with Number
	Duplex                     // some page is duplex (Value "true"), or none is ("false")
	Template                   // compares the name of the template (Equal, NotEqual)
	MediaName                  // some page is on the medium of that name (Equal), or none is (NotEqual)
	Identifier                 // compares the identifier with Number
	Ancestor                   // it is in the entity IDs[0], which is of kind Kind (0: right in it, whatever its kind)
	OfSet                      // the set that it belongs to, of kind Kind, fulfils the Text rule that is in Rules
)

// A Rule is a condition on an entity. Text and MediaName rules about a name or
// medium that an entity does not have never hold for it, whatever the
// condition; MediaName with NotEqual is the one exception.
type Rule struct {
	Type  RuleType
	Rules []Rule // All, Any, NotAll, NotAny

	Facet     Facet // Text
	Name      string
	Numeric   bool // Text: Value is a number, and what is compared with it, too; a value that is none never fulfils it. See [ParseNumber]
	Kind      Kind // Ancestor, OfSet
	Condition Condition
	Value     string
	Other     string   // Text: compare with the value of this name in the same list, instead of Value
	Values    []string // Text with In or NotIn
	IDs       []ID
	Unit      Unit
	Number    int64
}

// numberPattern is what a value must be to be compared as a number.
var numberPattern = regexp.MustCompile(`^[-+]?[0-9]{1,200}(\.[0-9]{1,200})?$`)

// ParseNumber returns the number that a text is, of 64 bits as IEEE 754 has them.
// It has no exponent.
func ParseNumber(text string) (number float64, ok bool) {
	if !numberPattern.MatchString(text) {
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil
}

// MaxPattern is the most bytes of the text of Contains and NotContains and of
// the pattern of Like and NotLike. It bounds what a match costs for each byte
// of a value, which may have millions. A field that is compared with (Other)
// and is longer is like nothing.
const MaxPattern = 1024

// MaxSortBytes is the most memory that the entities found by a search that
// sorts or groups may take, with the values of their keys: they are sorted in
// memory. It is about a million entities by one key of ten bytes. Without Sort
// and Group there is no limit.
const MaxSortBytes = 96 << 20

// A Condition compares. Text is compared byte by byte as it is, never as a
// number; LIKE patterns have % for any text and _ for any character.
type Condition uint8

// The conditions.
const (
	Equal Condition = iota
	NotEqual
	Less
	Greater
	LessOrEqual
	GreaterOrEqual
	Contains
	NotContains
	StartsWith
	EndsWith
	Like
	NotLike
	In
	NotIn
)

// A Unit is what a Size rule counts.
type Unit uint8

// The units: pages, sheets of paper, and sections (entries of the page
// details).
const (
	Pages Unit = iota
	Sheets
	Sections
)

// Found is an entity that a search found.
type Found struct {
	ID      ID
	SortKey string // the values of Sort, joined with |
}
