package changelog

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/s2"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/storage"
)

// texts are parts of names and values, some of which look like the text between
// elements.
var texts = []string{"a", "b", "due", `},{"name":"`, `"`, `\`, `"}]`, `,`, "é", "\n", `{"name":"a","value":"b"}`, ""}

func randomPairs(r *rand.Rand, most int) []platen.NameValue {
	var pairs []platen.NameValue
	for i := range r.IntN(most + 1) {
		pairs = append(pairs, platen.NameValue{Name: fmt.Sprint(texts[r.IntN(len(texts))], i), Value: texts[r.IntN(len(texts))]})
	}
	return pairs
}

func TestDiff(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		pairs := randomPairs(r, 6)
		before := platen.EncodeList(pairs)
		for range r.IntN(3) {
			switch n := len(pairs); {
			case n == 0 || r.IntN(4) == 0:
				pairs = append(pairs, platen.NameValue{Name: fmt.Sprint("new", r.IntN(3)), Value: texts[r.IntN(len(texts))]})
			case r.IntN(3) == 0:
				at := r.IntN(n)
				pairs = append(pairs[:at:at], pairs[at+1:]...)
			default:
				pairs[r.IntN(n)].Value += texts[r.IntN(len(texts))]
			}
		}
		after := platen.EncodeList(pairs)
		checkSpans(t, before, after, Diff(before, after))
		if t.Failed() {
			return
		}
	}
}

func checkSpans(t *testing.T, before, after platen.List, spans []Span) {
	t.Helper()
	undone, err := Undo(after, spans)
	if err != nil || !bytes.Equal(undone, before) {
		t.Errorf("%s undone with %v is %s, %v; want %s", after, spans, undone, err, before)
	}
	if _, err := Names(spans); err != nil {
		t.Errorf("names of %v: %v", spans, err)
	}
}

func TestDiffIsSmall(t *testing.T) {
	t.Parallel()
	var pairs []platen.NameValue
	for i := range 1000 {
		pairs = append(pairs, platen.NameValue{Name: fmt.Sprint("name", i), Value: "value"})
	}
	before := platen.EncodeList(pairs)
	pairs[500].Value = "another"
	want := []Span{{Skip: 500, Before: []byte(`{"name":"name500","value":"value"}`), After: []byte(`{"name":"name500","value":"another"}`)}}
	if diff := cmp.Diff(want, Diff(before, platen.EncodeList(pairs))); diff != "" {
		t.Error(diff)
	}
}

func TestUndoRefuses(t *testing.T) {
	t.Parallel()
	list := platen.List(`[{"name":"a","value":"1"}]`)
	for _, span := range []Span{{Skip: 2}, {After: []byte(`{"name":"a","value":"2"}`)}, {Skip: 1, After: []byte(`{"name":"b","value":"2"}`)}} {
		if got, err := Undo(list, []Span{span}); err == nil {
			t.Errorf("%v: %s, no error", span, got)
		}
	}
}

type full struct {
	Header
	Entries []*Entry
}

var block = []full{
	{Header{Type: platen.Updated, Origin: storage.Origin{User: "ol-admin", Token: "nightly", RequestID: "r-1"}}, []*Entry{
		{Facet: platen.Properties, Ref: platen.Ref{Kind: platen.Job, ID: 1002}, Set: 1001, Previous: ChangeID(3, 1), Spans: []Span{{Skip: 1, Before: []byte(`{"name":"a","value":"1"}`), After: []byte(`{"name":"a","value":"2"}`)}}},
		{Facet: platen.Metadata, Ref: platen.Ref{Kind: platen.Document, ID: 1005}, Set: 1001, Previous: Here(0)},
	}},
	{Header{Type: platen.Reverted, Reverts: 77}, []*Entry{{Facet: platen.Fields, Ref: platen.Ref{Kind: platen.DataRecord, ID: platen.MaxID}}}},
	{Header{Type: platen.Added}, []*Entry{{Facet: Structure, Ref: platen.Ref{Kind: platen.DataSet, ID: 1 << 20}, Set: 1 << 20, Previous: 5, Ranges: []platen.IDRange{{First: 10, Last: 12}, {First: 20, Last: 20}}}}},
}

func write(t *testing.T, changes []full) (parts [][]byte) {
	t.Helper()
	var w Writer
	w.Reset(func(part []byte) error {
		parts = append(parts, bytes.Clone(part))
		return nil
	})
	for _, change := range changes {
		w.Begin(Header{Type: platen.Updated}) // leaves nothing
		w.Begin(change.Header)
		for _, entry := range change.Entries {
			if err := w.Add(entry); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return parts
}

func read(t *testing.T, number int64, parts [][]byte) (changes []full) {
	t.Helper()
	r := NewReader(number, parted(parts...))
	for {
		header, index, err := r.Next()
		if err == io.EOF {
			return changes
		}
		if err != nil || index != len(changes) {
			t.Fatalf("change %d, want %d: %v", index, len(changes), err)
		}
		one := full{Header: header}
		for {
			entry, err := r.Entry()
			if err != nil {
				t.Fatal(err)
			}
			if entry == nil {
				break
			}
			one.Entries = append(one.Entries, entry)
		}
		changes = append(changes, one)
	}
}

func TestBlock(t *testing.T) {
	t.Parallel()
	got := read(t, 8, write(t, block))
	resolved := block[0].Entries[1]
	if got[0].Entries[1].Previous != ChangeID(8, 0) {
		t.Errorf("the change before is %d", got[0].Entries[1].Previous)
	}
	got[0].Entries[1].Previous = resolved.Previous
	if diff := cmp.Diff(block, got, cmp.Comparer(func(a, b []byte) bool { return bytes.Equal(a, b) })); diff != "" {
		t.Error(diff)
	}
	r := NewReader(8, parted(write(t, block)...))
	for i := range block { // the entries are passed over
		if header, _, err := r.Next(); err != nil || header != block[i].Header {
			t.Fatalf("%d: %v, %v", i, header, err)
		}
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	large := []full{{Header{Type: platen.Updated}, nil}}
	for i := range 5 {
		text := []byte(`{"name":"a","value":"` + strings.Repeat(fmt.Sprint(i), 600_000) + `"}`)
		large[0].Entries = append(large[0].Entries, &Entry{Ref: platen.Ref{Kind: platen.Job, ID: platen.ID(i)}, Spans: []Span{{Before: text, After: text}}})
	}
	parts := write(t, large)
	if len(parts) != 6 {
		t.Errorf("%d parts", len(parts))
	}
	if !reflect.DeepEqual(large, read(t, 1, parts)) {
		t.Error("the block differs")
	}
}

// TestFlushFails has the error of whoever keeps the parts.
func TestFlushFails(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	var w Writer
	entry := &Entry{Spans: []Span{{After: make([]byte, PartBytes)}}}
	w.Reset(func([]byte) error { return refused })
	if err := w.Add(entry); err != refused {
		t.Error("a full part:", err)
	}
	w.Reset(func([]byte) error { return refused })
	entry.Spans = nil
	if err := w.Add(entry); err != nil {
		t.Error("nothing is flushed:", err)
	}
	if err := w.Close(); err != refused {
		t.Error("the last part:", err)
	}
}

// TestCutOff reads blocks that lack their end.
func TestCutOff(t *testing.T) {
	t.Parallel()
	raw, err := s2.Decode(nil, write(t, block)[0][1:])
	if err != nil {
		t.Fatal(err)
	}
	whole := 0 // blocks that end with a change
	for n := 1; n < len(raw); n++ {
		for _, withEntries := range []bool{true, false} {
			r := NewReader(1, parted(append([]byte{version}, s2.Encode(nil, raw[:n])...)))
			_, _, err := r.Next()
			for err == nil {
				var entry *Entry
				for entry, err = r.Entry(); withEntries && entry != nil; entry, err = r.Entry() {
				}
				if err == nil {
					_, _, err = r.Next()
				}
			}
			if err == io.EOF {
				whole++
			} else if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
	}
	if whole != 2*(len(block)-1) {
		t.Errorf("%d blocks seem to be whole", whole)
	}
}

// TestGolden keeps the format from changing: blocks of earlier versions are in
// databases.
func TestGolden(t *testing.T) {
	t.Parallel()
	const want = "01086f6c2d61646d696e076e696768746c7903722d310001" +
		"06ea07e90782c00101" + "01187b226e616d65223a2261222c2276616c7565223a2231227d187b226e616d65223a2261222c2276616c7565223a2232227d" +
		"0209ed07e9070100" + "00" + "020000004d03"
	raw, err := s2.Decode(nil, write(t, block)[0][1:])
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(raw); !strings.HasPrefix(got, want) {
		t.Errorf("the format is now\n%s, it was\n%s", got, want)
	}
}

// FuzzReader reads parts that may be anything.
func FuzzReader(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 1, 1, 2, 3, 0, 0, 1, 0, 0, 0, 0})
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}) // a length
	f.Add([]byte{5, 0, 0, 0, 16, 2, 9, 9, 0, 1, 10, 3, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		part := append([]byte{version}, s2.Encode(nil, raw)...)
		for _, parts := range [][][]byte{{part}, {raw}, {append([]byte{version}, raw...)}} {
			r := NewReader(1, parted(parts...))
			for {
				if _, _, err := r.Next(); err != nil {
					break
				}
				for {
					entry, err := r.Entry()
					if err != nil || entry == nil {
						break
					}
					_, _ = Names(entry.Spans)
					_, _ = Undo(platen.List(`[{"name":"a","value":"1"}]`), entry.Spans)
				}
			}
		}
	})
}

// parted is the next of [NewReader] for parts that are in memory.
func parted(parts ...[]byte) func() ([]byte, error) {
	return func() ([]byte, error) {
		if len(parts) == 0 {
			return nil, io.EOF
		}
		part := parts[0]
		parts = parts[1:]
		return part, nil
	}
}
