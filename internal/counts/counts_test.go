package counts_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/counts"
	"github.com/platenhq/platen/internal/transfer"
)

// sample has something of all that a block can have.
var sample = counts.Block{
	Counts: transfer.Counts{
		Names: []string{"tag", "customer \"ü\""},
		Media: []platen.Media{{Name: "A4", Width: "210mm"}, {Name: "Gold"}},
		DocumentSets: []transfer.DocumentSetCounts{
			{ID: 4110, Job: 4101, Documents: 3, DocumentPages: 4, Sheets: 5, Pages: 6, ByMedia: []transfer.MediumCount{{Medium: 1, Pages: 2}, {Medium: 0, Pages: 300}}},
			{ID: 4109, Job: 4101},
			{ID: 9_000_000_000, Job: 4100, Documents: 1, DocumentPages: 1, Sheets: 1, Pages: 1},
		},
	},
	Documents: []platen.IDRange{{First: 77, Last: 79}, {First: 5, Last: 5}},
}

// stored is how version 1 stored it. It must be read for ever.
const stored = "01" + "02" + "03746167" + "0d637573746f6d65722022c3bc22" +
	"02" + "1d7b226e616d65223a224134222c227769647468223a223231306d6d227d" + "0f7b226e616d65223a22476f6c64227d" +
	"02" + "9a0102" + "930100" +
	"03" + "9c408a40" + "06080a0c" + "02" + "0104" + "00d804" + "0100" + "00000000" + "00" + "e6a788874301" + "02020202" + "00"

func TestStored(t *testing.T) {
	body, err := sample.Encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(body); got != stored {
		t.Errorf("stored as %s, want %s", got, stored)
	}
	used := counts.Block{Documents: make([]platen.IDRange, 9), Counts: transfer.Counts{Names: make([]string, 9)}}
	for _, into := range []*counts.Block{{}, &used} {
		if err := into.Decode(body); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(&sample, into); d != "" {
			t.Error(d)
		}
	}
	if got := sample.Span(); got != (platen.IDRange{First: 5, Last: 79}) {
		t.Errorf("documents %v", got)
	}
	if got := new(counts.Block).Span(); got.Last >= got.First {
		t.Errorf("documents %v of none", got)
	}
}

func TestDamaged(t *testing.T) {
	body, _ := hex.DecodeString(stored)
	var b counts.Block
	for n := range body {
		if err := b.Decode(body[:n]); !errors.Is(err, counts.ErrDamaged) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for _, bad := range [][]byte{append(body[:len(body):len(body)], 0), append([]byte{9}, body[1:]...)} {
		if err := b.Decode(bad); !errors.Is(err, counts.ErrDamaged) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	body, _ := hex.DecodeString(stored)
	f.Add(body)
	f.Fuzz(func(t *testing.T, body []byte) {
		var b, again counts.Block
		if b.Decode(body) != nil {
			return
		}
		encoded, err := b.Encode(nil)
		if err == nil {
			err = again.Decode(encoded)
		}
		if d := cmp.Diff(b, again); err != nil || d != "" {
			t.Error(err, d)
		}
	})
}

// TestBounds checks that a block is handed out before it is large, whatever
// makes it so, and that nothing is lost.
func TestBounds(t *testing.T) {
	const n = 20_000
	for name, add := range map[string]func(b *counts.Builder, i int) error{
		"documents": func(b *counts.Builder, i int) error { return b.Document(platen.ID(2*i), nil) },
		"sets":      func(b *counts.Builder, i int) error { return b.DocumentSet(2, platen.ID(2*i)) },
		"names": func(b *counts.Builder, i int) error {
			return b.Document(1, platen.EncodeList([]platen.NameValue{{Name: fmt.Sprint("a name of a document ", i)}}))
		},
		"media": func(b *counts.Builder, i int) error {
			return b.Page([]platen.PageCount{{Count: 1, Media: platen.Media{Name: fmt.Sprint("medium ", i), Color: "blue"}}})
		},
		"page details": func(b *counts.Builder, _ int) error {
			return b.Page([]platen.PageCount{{Count: 1, Media: platen.Media{Name: "one"}}})
		},
	} {
		blocks, sum, largest := int64(0), int64(0), 0
		b := counts.NewBuilder(func(seq int64, b *counts.Block) error {
			if seq != blocks {
				t.Errorf("%s: block %d, want %d", name, seq, blocks)
			}
			blocks++
			for _, set := range b.DocumentSets {
				sum += set.Documents + set.DocumentPages
				if name == "sets" && set.ID != 1 {
					sum++
				}
			}
			body, err := b.Encode(nil)
			largest = max(largest, len(body))
			return err
		})
		err := b.DocumentSet(2, 1)
		for i := 1; i <= n; i++ {
			err = errors.Join(err, add(b, i))
		}
		if err := errors.Join(err, b.Finish()); err != nil || sum != n {
			t.Errorf("%s: %d of %d are counted: %v", name, sum, n, err)
		}
		if largest > 128<<10 {
			t.Errorf("%s: a block of %d bytes", name, largest)
		}
		if blocks < 4 && name != "page details" {
			t.Errorf("%s: %d blocks", name, blocks)
		}
	}
}
