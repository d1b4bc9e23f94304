package transfer

import (
	"testing"

	"github.com/platenhq/platen"
)

// TestWiden checks which identifiers the range of the given ones has.
func TestWiden(t *testing.T) {
	const first = platen.ID(1 << 52)
	for _, test := range []struct {
		given platen.Run
		ids   []platen.ID
		want  platen.Run
	}{
		{platen.Run{}, nil, platen.Run{}},
		{platen.Run{}, []platen.ID{0, -3}, platen.Run{}},
		{platen.Run{}, []platen.ID{7}, platen.Run{First: 7, Last: 7}},
		{platen.Run{}, []platen.ID{9, 0, 3, 5}, platen.Run{First: 3, Last: 9}},
		{platen.Run{First: 5, Last: 8}, []platen.ID{6}, platen.Run{First: 5, Last: 8}},
		{platen.Run{First: 5, Last: 8}, []platen.ID{4, 9}, platen.Run{First: 4, Last: 9}},
		{platen.Run{First: 5, Last: 8}, []platen.ID{first, platen.MaxID}, platen.Run{First: 5, Last: 8}},
		{platen.Run{}, []platen.ID{first - 1}, platen.Run{First: first - 1, Last: first - 1}},
	} {
		if got := Widen(test.given, test.ids...); got != test.want {
			t.Errorf("%v and %v: %v, want %v", test.given, test.ids, got, test.want)
		}
	}
}
