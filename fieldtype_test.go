package platen_test

import (
	"strings"
	"testing"

	"github.com/platenhq/platen"
)

func TestFieldTypes(t *testing.T) {
	const refused = "\x00"
	for _, test := range []struct {
		of          platen.FieldType
		value, want string
	}{
		{platen.String, "anything\n", "anything\n"},
		{platen.HTMLString, "<b>", "<b>"},
		{platen.Boolean, "true", "true"},
		{platen.Boolean, "True", refused},
		{platen.Boolean, "1", refused},
		{platen.Integer, "-9223372036854775808", "-9223372036854775808"},
		{platen.Integer, "9223372036854775808", refused},
		{platen.Integer, "1.5", refused},
		{platen.Float, "1.5e3", "1.5e3"},
		{platen.Float, "1e999", refused},
		{platen.Float, "NaN", refused},
		{platen.Float, "0x1p4", refused},
		{platen.Float, "1_000", refused},
		{platen.Currency, "1234567890.1234", "1234567890.1234"},
		{platen.Currency, "12,50", refused},
		{platen.Currency, "1e5", refused},
		{platen.Currency, "--1", refused},
		{platen.DateTime, "2026-11-24T08:00:00Z", "2026-11-24T08:00:00Z"},
		{platen.DateTime, "2026-11-24T09:00:00+01:00", "2026-11-24T08:00:00Z"},
		{platen.DateTime, "0", "1970-01-01T00:00:00Z"},
		{platen.DateTime, "2026-11-24", refused},
		{platen.DateTime, "99999999999999", refused},
		{platen.DateTime, "253402300799", "9999-12-31T23:59:59Z"},
		{platen.DateTime, "253402300800", refused},
		{platen.DateTime, "9999-12-31T23:59:59-01:00", refused},
		{platen.DateTime, "-62167219200", "0000-01-01T00:00:00Z"},
		{platen.DateTime, "-62167219201", refused},
		{platen.DateTime, "0000-01-01T00:00:00+23:00", refused},
	} {
		got, err := test.of.Normal(test.value)
		if test.want == refused {
			if err == nil {
				t.Errorf("%s %q was taken as %q", test.of, test.value, got)
			} else if _, form, _ := strings.Cut(err.Error(), string(test.of)+": "); form == "" {
				t.Errorf("%s %q: %q does not say what is one", test.of, test.value, err)
			}
			continue
		}
		if err != nil || got != test.want {
			t.Errorf("%s %q: %q, %v; want %q", test.of, test.value, got, err, test.want)
		}
	}
	for _, of := range platen.FieldTypes {
		if got, err := of.Normal(""); got != "" || err != nil {
			t.Errorf("%s: the empty text became %q, %v", of, got, err)
		}
	}
}

// FuzzNormal checks that a normal form is the normal form of itself.
func FuzzNormal(f *testing.F) {
	for _, value := range []string{"true", "1", "-1.5", "2026-11-24T08:00:00+02:00", "86400", "1e5", "+0012"} {
		for i := range platen.FieldTypes {
			f.Add(i, value)
		}
	}
	f.Fuzz(func(t *testing.T, i int, value string) {
		if i < 0 || i >= len(platen.FieldTypes) {
			t.Skip()
		}
		of := platen.FieldTypes[i]
		once, err := of.Normal(value)
		if err != nil {
			return
		}
		if twice, err := of.Normal(once); err != nil || twice != once {
			t.Errorf("%s: %q became %q, and that %q, %v", of, value, once, twice, err)
		}
	})
}

func TestSearchKeys(t *testing.T) {
	for _, test := range []struct {
		key  platen.SearchKey
		a, b string
		want int
	}{
		{platen.SearchKey{}, "10", "9", -1},
		{platen.SearchKey{Numeric: true}, "10", "9", 1},
		{platen.SearchKey{Numeric: true}, "1.0", "1", 1}, // equal numbers go by their text
		{platen.SearchKey{Numeric: true}, "none", "1", -1},
		{platen.SearchKey{Numeric: true}, "1", "none", 1},
		{platen.SearchKey{Numeric: true}, "1e3", "2", -1}, // exponents are no numbers
		{platen.SearchKey{Numeric: true, Descending: true}, "10", "9", -1},
		{platen.SearchKey{Descending: true}, "a", "b", 1},
		{platen.SearchKey{}, "a", "a", 0},
		{platen.SearchKey{}, "", "a", -1},
	} {
		if got := test.key.Compare(test.key.Value(test.a), test.key.Value(test.b)); got != test.want {
			t.Errorf("%+v: %q and %q compare as %d; want %d", test.key, test.a, test.b, got, test.want)
		}
	}
}

func TestDetails(t *testing.T) {
	details := platen.Details{Template: "letter", Pages: []platen.PageCount{{Count: 3, Duplex: true, Media: platen.Media{Name: "Plain"}}, {Count: 3}}}
	const want = `{"pages":[{"count":3,"duplex":true,"media":{"name":"Plain"}},{"count":3}],"template":"letter"}`
	if b := details.Encode(); string(b) != want {
		t.Errorf("stored as %s, want %s: equal details must be equal bytes in all versions", b, want)
	}
	if got := details.Pages[0].Sheets() + details.Pages[1].Sheets(); got != 2+3 {
		t.Errorf("%d sheets, want 5", got)
	}
	if none, err := platen.DecodeDetails(nil); err != nil || len(none.Pages) != 0 {
		t.Errorf("nil: %v, %v", none, err)
	}
}
