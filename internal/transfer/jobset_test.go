package transfer

import (
	"testing"

	"github.com/platenhq/platen"
)

// TestWiden checks which identifiers the range of the given ones has.
func TestWiden(t *testing.T) {
	const first = platen.ID(1 << 52)
	for _, test := range []struct {
		given platen.IDRange
		ids   []platen.ID
		want  platen.IDRange
	}{
		{platen.IDRange{}, nil, platen.IDRange{}},
		{platen.IDRange{}, []platen.ID{0, -3}, platen.IDRange{}},
		{platen.IDRange{}, []platen.ID{7}, platen.IDRange{First: 7, Last: 7}},
		{platen.IDRange{}, []platen.ID{9, 0, 3, 5}, platen.IDRange{First: 3, Last: 9}},
		{platen.IDRange{First: 5, Last: 8}, []platen.ID{6}, platen.IDRange{First: 5, Last: 8}},
		{platen.IDRange{First: 5, Last: 8}, []platen.ID{4, 9}, platen.IDRange{First: 4, Last: 9}},
		{platen.IDRange{First: 5, Last: 8}, []platen.ID{first, platen.MaxID}, platen.IDRange{First: 5, Last: 8}},
		{platen.IDRange{}, []platen.ID{first - 1}, platen.IDRange{First: first - 1, Last: first - 1}},
	} {
		if got := Widen(test.given, test.ids...); got != test.want {
			t.Errorf("%v and %v: %v, want %v", test.given, test.ids, got, test.want)
		}
	}
}
