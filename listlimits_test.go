package platen

import (
	"strings"
	"testing"
)

// TestNewList checks that a list is made up to its limits and no further.
func TestNewList(t *testing.T) {
	frame := len(EncodeList([]NameValue{{Name: "n"}}))
	for _, test := range []struct {
		name  string
		pairs []NameValue
		says  string
	}{
		{"none", nil, ""},
		{"most names", make([]NameValue, MaxNames), ""},
		{"too many names", make([]NameValue, MaxNames+1), "10001 names; 10000 are the most"},
		{"most bytes", []NameValue{{"n", strings.Repeat("x", MaxListBytes-frame)}}, ""},
		{"too many bytes", []NameValue{{"n", strings.Repeat("x", MaxListBytes-frame+1)}}, "1048576 are the most"},
		{"an escape too many", []NameValue{{"n", strings.Repeat("x", MaxListBytes-frame-1) + `"`}}, "1048576 are the most"},
	} {
		list, err := NewList(test.pairs)
		switch {
		case test.says == "" && (err != nil || string(list) != string(EncodeList(test.pairs))):
			t.Errorf("%s: %v", test.name, err)
		case test.says != "" && (ErrorCode(err) != Invalid || err == nil || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
}

// TestCheckGrowth checks that a list which is over the limits may stay and
// shrink, and none may grow over them.
func TestCheckGrowth(t *testing.T) {
	const names, bytes = MaxNames, MaxListBytes
	for _, test := range []struct {
		before, after [2]int // names and bytes
		ok            bool
	}{
		{[2]int{0, 2}, [2]int{names, bytes}, true},
		{[2]int{0, 2}, [2]int{names + 1, bytes}, false},
		{[2]int{0, 2}, [2]int{names, bytes + 1}, false},
		{[2]int{names + 5, bytes + 5}, [2]int{names + 5, bytes + 5}, true},
		{[2]int{names + 5, bytes + 5}, [2]int{names + 4, bytes + 1}, true},
		{[2]int{names + 5, bytes}, [2]int{names + 6, bytes}, false},
		{[2]int{names, bytes + 5}, [2]int{1, bytes + 6}, false},
	} {
		err := CheckGrowth(test.before[0], test.before[1], test.after[0], test.after[1])
		if (err == nil) != test.ok || err != nil && ErrorCode(err) != Invalid {
			t.Errorf("from %v to %v: %v", test.before, test.after, err)
		}
	}
}
