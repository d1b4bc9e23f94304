package platen

import "strconv"

// An ID identifies an entity. One sequence serves all kinds, from [FirstID]
// up; an ID is never used twice.
type ID int64

const (
	// FirstID is the first identifier that a new store gives.
	FirstID ID = 1000
	// MaxID is the largest identifier: 2^53−1, the largest integer that a
	// JavaScript client reads without loss.
	MaxID ID = 1<<53 - 1
)

// String returns the identifier in decimal digits.
func (id ID) String() string { return strconv.FormatInt(int64(id), 10) }

// Valid reports whether id can name an entity: 1 to [MaxID].
func (id ID) Valid() bool { return 0 < id && id <= MaxID }

// ParseID reads an identifier as it stands in a path: decimal digits with
// neither sign nor leading zero, from 1 to [MaxID].
func ParseID(s string) (ID, bool) {
	if s == "" || len(s) > 16 || s[0] == '0' {
		return 0, false
	}
	var n ID
	for i := range len(s) {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = n*10 + ID(c)
	}
	return n, n.Valid()
}

// A Ref names one entity: the kind that the caller takes it for, and its ID.
type Ref struct {
	Kind Kind
	ID   ID
}

// An IDRange is the identifiers First to Last, both included. Lists of identifiers
// are kept and passed as ranges, since neighbours are mostly made together.
type IDRange struct {
	First, Last ID
}

// Len returns how many identifiers the range has.
func (r IDRange) Len() int64 { return int64(r.Last - r.First + 1) }

// Digits returns the decimal digits of all identifiers of the range together.
func (r IDRange) Digits() (n int64) {
	for first := r.First; first <= r.Last; {
		digits, bound := int64(1), ID(10)
		for ; bound <= first; bound *= 10 {
			digits++
		}
		last := min(r.Last, bound-1)
		n += digits * int64(last-first+1)
		first = last + 1
	}
	return n
}
