package olrest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

func TestFoundWriter(t *testing.T) {
	many := make([]platen.Found, 20_000)
	for i := range many {
		many[i] = platen.Found{ID: platen.ID(i + 1), SortKey: `a"b`}
	}
	for _, test := range []struct {
		groups [][]platen.Found
		want   string
	}{
		{nil, `[]`},
		{[][]platen.Found{}, `[]`},
		{[][]platen.Found{{}}, `[]`},
		{[][]platen.Found{{}, nil, {}}, `[]`},
		{[][]platen.Found{{}, {{ID: platen.MaxID}}, {}}, `[[{"identifier":9007199254740991,"sortkey":""}]]`},
		{[][]platen.Found{{{ID: 1, SortKey: "\"a\"|\\b\n"}}}, `[[{"identifier":1,"sortkey":"\"a\"|\\b\n"}]]`},
		{[][]platen.Found{{{ID: 5, SortKey: "QC|Ada"}, {ID: 6}}, {}, {{ID: 7, SortKey: "é"}}}, `[[{"identifier":5,"sortkey":"QC|Ada"},{"identifier":6,"sortkey":""}],[{"identifier":7,"sortkey":"é"}]]`},
		{[][]platen.Found{many}, ""},
	} {
		w := &bytes.Buffer{}
		if err := writeFound(w, test.groups); err != nil {
			t.Fatal(err)
		}
		if got := w.String(); test.want != "" && got != test.want {
			t.Errorf("got %s", got)
		}
		var back [][]struct {
			Identifier platen.ID
			SortKey    string
		}
		if err := json.Unmarshal(w.Bytes(), &back); err != nil {
			t.Fatal(err)
		}
		if test.want == "" && (len(back[0]) != len(many) || back[0][len(many)-1].SortKey != `a"b`) {
			t.Error("many are not all there")
		}
	}
}

// writeFound writes what a search found, in groups.
func writeFound(w io.Writer, groups [][]platen.Found) error {
	to := olrest.NewFoundWriter(w)
	for n, group := range groups {
		for i := range group {
			if err := to.Write(n, &group[i]); err != nil {
				return err
			}
		}
	}
	return to.Close()
}

// A response notes the pieces of a reply, and fails once there were so many.
type response struct {
	pieces
	most int
}

func (r *response) Write(b []byte) (int, error) {
	if r.most > 0 && len(r.sizes) == r.most {
		return 0, errors.New("no more room")
	}
	return r.pieces.Write(b)
}

// TestFoundWriterStreams has groups that end at all places of the pieces.
func TestFoundWriterStreams(t *testing.T) {
	type entry struct {
		Identifier platen.ID `json:"identifier"`
		SortKey    string    `json:"sortkey"`
	}
	var groups [][]platen.Found
	var want [][]entry
	for i := range 3_000 {
		var group []platen.Found
		var entries []entry
		for j := range i % 5 {
			found := platen.Found{ID: platen.ID(10*i + j + 1), SortKey: strings.Repeat(`"`, i%97)}
			group, entries = append(group, found), append(entries, entry{found.ID, found.SortKey})
		}
		if groups = append(groups, group); entries != nil {
			want = append(want, entries)
		}
	}
	w := &response{}
	if err := writeFound(w, groups); err != nil {
		t.Fatal(err)
	}
	var got [][]entry
	if err := json.Unmarshal(w.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if n := slices.Max(w.sizes); len(w.sizes) < 5 || n > 80<<10 {
		t.Errorf("%d pieces, the largest of %d bytes", len(w.sizes), n)
	}

	left := &response{most: 2}
	if err := writeFound(left, groups); err == nil || len(left.sizes) != 2 || !strings.HasPrefix(w.String(), left.String()) {
		t.Errorf("%d pieces where there is room for two", len(left.sizes))
	}
}
