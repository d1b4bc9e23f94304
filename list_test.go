package platen_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
)

func pairs(text ...string) []platen.NameValue {
	var list []platen.NameValue
	for i := 0; i < len(text); i += 2 {
		list = append(list, platen.NameValue{Name: text[i], Value: text[i+1]})
	}
	return list
}

func TestMergeList(t *testing.T) {
	for _, test := range []struct {
		name                string
		have, changes, want []platen.NameValue
	}{
		{"nothing into nothing", nil, nil, nil},
		{"into nothing", nil, pairs("a", "1", "b", "2"), pairs("a", "1", "b", "2")},
		{"nothing into a list", pairs("a", "1"), nil, pairs("a", "1")},
		{"a name that is there keeps its place", pairs("a", "1", "b", "2", "c", "3"), pairs("b", "9"), pairs("a", "1", "b", "9", "c", "3")},
		{"new names go to the end, in order", pairs("b", "1"), pairs("z", "2", "a", "3"), pairs("b", "1", "z", "2", "a", "3")},
		{"both", pairs("a", "1"), pairs("n", "2", "a", "3", "m", "4"), pairs("a", "3", "n", "2", "m", "4")},
		{"the last of two changes counts", pairs("a", "1"), pairs("a", "2", "a", "3"), pairs("a", "3")},
		{"a new name twice is there once", nil, pairs("a", "1", "a", "2"), pairs("a", "2")},
		{"names heed case", pairs("a", "1"), pairs("A", "2"), pairs("a", "1", "A", "2")},
		{"an empty value is a value", pairs("a", "1"), pairs("a", ""), pairs("a", "")},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := platen.MergeList(slices.Clone(test.have), test.changes)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestListGolden(t *testing.T) {
	list := platen.EncodeList(pairs("a", "1", `q"\`, "\n\r\t\x01\x1f", "ü€😀", "</script>\u2028"))
	const want = `[{"name":"a","value":"1"},{"name":"q\"\\","value":"\n\r\t\u0001\u001f"},{"name":"ü€😀","value":"</script>` + "\u2028" + `"}]`
	if string(list) != want {
		t.Errorf("the list is\n%s\nwant\n%s", list, want)
	}
	if empty := platen.EncodeList(nil); string(empty) != string(platen.EmptyList) {
		t.Errorf("an empty list is %s", empty)
	}
}

func TestDecodeList(t *testing.T) {
	for _, text := range []string{"", "[]"} {
		if got, err := platen.List(text).Decode(); err != nil || len(got) != 0 {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	whole := string(platen.EncodeList(pairs("a\"\\", "1\n\r\t\x01", "b", "2")))
	damaged := []string{"{", "]", `[{"name":1}]`, `"x"`, `[{"name":"a","value":"\x"}]`, `[{"name":"a","value":"\u00e4"}]`, whole + " ", whole + whole}
	for n := range whole {
		if n > 0 {
			damaged = append(damaged, whole[:n], whole[:n]+"!"+whole[n+1:])
		}
	}
	for _, text := range damaged {
		if got, err := platen.List(text).Decode(); err == nil && string(platen.EncodeList(got)) != text {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

// FuzzList checks that what is encoded is read back byte for byte, by us and
// by the standard library.
func FuzzList(f *testing.F) {
	f.Add("name", "value")
	f.Add("", "\x00\x1f\"\\/")
	f.Add("\u2028<>&", "ü€😀")
	f.Fuzz(func(t *testing.T, name, value string) {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			t.Skip()
		}
		want := pairs(name, value, "second", value)
		list := platen.EncodeList(want)
		got, err := list.Decode()
		if err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v %s", list, err, cmp.Diff(want, got))
		}
		var standard []platen.NameValue
		if err := json.Unmarshal(list, &standard); err != nil || cmp.Diff(want, standard) != "" {
			t.Errorf("%s: %v %s", list, err, cmp.Diff(want, standard))
		}
	})
}

func TestCheckText(t *testing.T) {
	for text, good := range map[string]bool{
		"": true, "plain": true, "ü€😀": true, "\n": true, "a\x00": false, "\xff": false, "\xed\xa0\x80": false,
	} {
		if said := platen.CheckText(text); (said == "") != good {
			t.Errorf("%q: %q", text, said)
		}
	}
}

func BenchmarkListDecode(b *testing.B) {
	var list []platen.NameValue
	for i := range 10 {
		list = append(list, platen.NameValue{Name: fmt.Sprintf("name%d", i), Value: fmt.Sprintf("the \"value\" of %d", i)})
	}
	encoded := platen.EncodeList(list)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := encoded.Decode(); err != nil {
			b.Fatal(err)
		}
	}
}
