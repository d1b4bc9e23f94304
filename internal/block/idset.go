package block

import "github.com/platenhq/platen"

// An IDSet is a set of identifiers: a word for each 64 neighbours.
type IDSet map[platen.ID]uint64

// Add reports whether id was not in the set.
func (s IDSet) Add(id platen.ID) bool {
	word, bit := s[id>>6], uint64(1)<<(id&63)
	if word&bit != 0 {
		return false
	}
	s[id>>6] = word | bit
	return true
}

// Has reports whether id is in the set.
func (s IDSet) Has(id platen.ID) bool { return s[id>>6]>>(id&63)&1 != 0 }
