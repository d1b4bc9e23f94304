package platen_test

import (
	"math"
	"strconv"
	"testing"

	"github.com/platenhq/platen"
)

func TestParseID(t *testing.T) {
	for text, want := range map[string]platen.ID{
		"1": 1, "1000": 1000, "9007199254740991": platen.MaxID,
		"": 0, "0": 0, "01": 0, "-1": 0, "+1": 0, " 1": 0, "1 ": 0, "1.0": 0, "1e3": 0, "0x10": 0,
		"9007199254740992": 0, "9223372036854775808": 0, "99999999999999999999": 0, "١": 0,
	} {
		if id, ok := platen.ParseID(text); ok != (want != 0) || ok && id != want {
			t.Errorf("ParseID(%q) = %d, %t; want %d", text, id, ok, want)
		}
	}
}

func FuzzParseID(f *testing.F) {
	for _, text := range []string{"1", "0", "9007199254740991", "00", "-5", "12a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := platen.ParseID(text)
		if !ok {
			return
		}
		if !id.Valid() || id.String() != text {
			t.Errorf("%q was read as %d", text, id)
		}
		if n, err := strconv.ParseInt(text, 10, 64); err != nil || platen.ID(n) != id {
			t.Errorf("%q was read as %d, which is %d, %v", text, id, n, err)
		}
	})
}

func TestRunLength(t *testing.T) {
	for run, want := range map[platen.IDRange]int64{
		{First: 1, Last: 1}:                  1,
		{First: 5, Last: 9}:                  5,
		{First: 1, Last: 0}:                  0,
		{First: 1, Last: platen.MaxID}:       math.MaxInt64 >> 10,
		{First: platen.MaxID, Last: 1 << 53}: 2,
	} {
		if n := run.Len(); n != want {
			t.Errorf("%v has %d identifiers; want %d", run, n, want)
		}
	}
}
