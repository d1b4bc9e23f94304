package platen

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// A FieldType is the type of a field of data records. Values
// are kept as text, in one form for each type.
type FieldType string

// The field types. A field that the data set says nothing of is a String.
const (
	String     FieldType = "STRING"
	HTMLString FieldType = "HTMLSTRING"
	Boolean    FieldType = "BOOLEAN"  // true or false
	Integer    FieldType = "INTEGER"  // 64 bits
	Float      FieldType = "FLOAT"    // finite
	DateTime   FieldType = "DATETIME" // 2026-11-24T08:00:00Z
	Currency   FieldType = "CURRENCY" // decimal digits with a point, as text
)

// FieldTypes are all field types.
var FieldTypes = []FieldType{String, HTMLString, Boolean, Integer, Float, DateTime, Currency}

// fieldForms says which values the types take.
var fieldForms = map[FieldType]string{
	Boolean:  "true or false",
	Integer:  "a whole number of 64 bits, such as -17",
	Float:    "a number such as 1.5 or 1e6",
	DateTime: "RFC 3339 such as 2026-01-31T12:00:00Z, or seconds since 1970",
	Currency: "digits with a point, such as 12.50",
}

// Normal returns a value as it is kept. The empty text is no value and good
// for all types. DateTime also takes Unix seconds.
func (t FieldType) Normal(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	ok := true
	switch t {
	case Boolean:
		ok = value == "true" || value == "false"
	case Integer:
		_, err := strconv.ParseInt(value, 10, 64)
		ok = err == nil
	case Float:
		f, err := strconv.ParseFloat(value, 64)
		ok = err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) && !strings.ContainsAny(value, "_xX")
	case Currency:
		if ok = len(value) <= 100 && strings.Trim(value, "-+0123456789.") == ""; ok {
			_, ok = new(big.Rat).SetString(value)
		}
	case DateTime:
		at, err := time.Parse(time.RFC3339, value)
		if seconds, notNumber := strconv.ParseInt(value, 10, 64); notNumber == nil && -1<<40 < seconds && seconds < 1<<40 {
			at, err = time.Unix(seconds, 0), nil
		}
		at = at.UTC()
		if err == nil && 0 <= at.Year() && at.Year() <= 9999 { // others have no such form
			return at.Format(time.RFC3339), nil
		}
		ok = false
	}
	if !ok {
		return "", Errorf(Invalid, "%.60q is no %s: %s", Hidden(value), t, fieldForms[t])
	}
	return value, nil
}
