package block_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/block"
	"github.com/platenhq/platen/internal/transfer"
)

// A part is what one call of [block.Builder.Document] is given.
type part struct {
	pages     []transfer.Page
	continued bool
}

// pack returns the rows of a job.
func pack(t testing.TB, parts []part) []block.Row {
	var rows []block.Row
	b := block.NewBuilder(7, func(row *block.Row) error {
		kept := *row
		kept.Pairs, kept.Pages = append([]byte{}, row.Pairs...), append([]byte{}, row.Pages...)
		rows = append(rows, kept)
		return nil
	})
	for _, p := range parts {
		if err := b.Document(p.pages, p.continued); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
	return rows
}

var errEnd = errors.New("no more rows")

// readerOf returns a reader of rows, whose error at the end is errEnd.
func readerOf(rows []block.Row) *block.Reader {
	return block.NewReader(func() (pairs, pages []byte, err error) {
		if len(rows) == 0 {
			return nil, nil, errEnd
		}
		pairs, pages, rows = rows[0].Pairs, rows[0].Pages, rows[1:]
		return pairs, pages, nil
	})
}

// documents reads the documents of rows back.
func documents(rows []block.Row) (all [][]transfer.Page, err error) {
	r := readerOf(rows)
	for {
		var pages []transfer.Page
		err := r.Document(func(page transfer.Page) error {
			pages = append(pages, page)
			return nil
		})
		if err == errEnd && pages == nil {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, pages)
	}
}

// random returns parts of documents, and the documents that they make.
func random(rnd *rand.Rand, n int) (parts []part, want [][]transfer.Page) {
	next := platen.ID(1000)
	for range n {
		var document []transfer.Page
		for more := true; more; {
			var pages []transfer.Page
			for range rnd.IntN(4) {
				page := transfer.Page{Item: next, Record: next + 5_000_000}
				switch rnd.IntN(8) {
				case 0:
					page.Item = platen.ID(1 + rnd.Int64N(int64(platen.MaxID)))
				case 1:
					page.Item, page.Record = 1000, 5_001_000 // again and again
				case 2:
					page.ID = platen.ID(1 + rnd.Int64N(1<<40))
				case 3:
					page.Lists[rnd.IntN(2)] = platen.List(`[{"name":"a","value":"b"}]`)
				}
				next += platen.ID(1 + rnd.IntN(2))
				pages = append(pages, page)
			}
			more = rnd.IntN(5) == 0
			parts = append(parts, part{pages, more})
			document = append(document, pages...)
		}
		want = append(want, document)
	}
	return parts, want
}

func TestRoundTrip(t *testing.T) {
	seeds := uint64(8)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 0))
			parts, want := random(rnd, 1+rnd.IntN(6000))
			rows := pack(t, parts)
			got, err := documents(rows)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			checkContents(t, rows, want)
			checkSkips(t, rnd, rows, want)
		})
	}
}

// checkSkips passes over documents, which may have pages of all forms or be in
// several rows, and reads what follows them.
func checkSkips(t *testing.T, rnd *rand.Rand, rows []block.Row, want [][]transfer.Page) {
	for range 5 {
		r := readerOf(rows)
		for at := 0; at < len(want); at++ {
			skip := rnd.IntN(len(want) - at)
			if err := r.Skip(int64(skip)); err != nil {
				t.Fatal(err)
			}
			at += skip
			var got []transfer.Page
			if err := r.Document(func(page transfer.Page) error { got = append(got, page); return nil }); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[at], got); diff != "" {
				t.Fatalf("document %d of %d: %s", at, len(want), diff)
			}
		}
		if err := r.Skip(1); err != errEnd {
			t.Error("after the last document:", err)
		}
	}
}

// checkContents checks that the pairs of rows are the content items of
// documents, each once, and that the other columns say what is in them.
func checkContents(t *testing.T, rows []block.Row, want [][]transfer.Page) {
	seen := make(map[platen.ID]bool)
	var wanted, got []platen.Content
	for _, pages := range want {
		for _, page := range pages {
			if !seen[page.Item] {
				seen[page.Item] = true
				wanted = append(wanted, platen.Content{Item: page.Item, Record: page.Record})
			}
		}
	}
	for i, row := range rows {
		contents, err := block.AppendContents(nil, row.Pairs)
		if err != nil {
			t.Fatal(err)
		}
		var digits int64
		var items platen.IDRange
		for n, content := range contents {
			digits += int64(len(content.Item.String()) + len(content.Record.String()))
			if n == 0 {
				items.First = content.Item
			}
			items.First, items.Last = min(items.First, content.Item), max(items.Last, content.Item)
		}
		if row.Job != 7 || row.Seq != int64(i) || row.Count != int64(len(contents)) || row.Digits != digits || row.Items != items {
			t.Errorf("row %d says %+v; it has %d items %v, %d digits", i, row, len(contents), items, digits)
		}
		again := block.Pack(7, int64(i), contents)
		if diff := cmp.Diff(row.Pairs, again.Pairs); diff != "" || again.Digits != digits || again.Items != items {
			t.Errorf("packed again, row %d differs: %s", i, diff)
		}
		got = append(got, contents...)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
}

// TestStoredRows reads rows as they are in databases, of each version of the
// format. What these versions wrote must be read for ever.
func TestStoredRows(t *testing.T) {
	want := [][]transfer.Page{
		{{Item: 1000, Record: 2000}, {Item: 1001, Record: 2001}},
		{},
		{{ID: 77, Item: 1000, Record: 2000, Lists: [2]platen.List{nil, platen.List(`[{"name":"a","value":"b"}]`)}}, {Item: 999, Record: 0}},
	}
	const pairs = "d00fa01f020203a11f"
	for name, pages := range map[string]string{
		"two lists":       "080009" + "03e807d00f4d001a5b7b226e616d65223a2261222c2276616c7565223a2262227d5d" + "00",
		"number of lists": "080009" + "05e807d00f4d02001a5b7b226e616d65223a2261222c2276616c7565223a2262227d5d" + "00",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := documents([]block.Row{{Pairs: unhex(t, pairs), Pages: unhex(t, pages)}})
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				if got[i] == nil {
					got[i] = []transfer.Page{}
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	// What is written now is the second of these.
	rows := pack(t, []part{{pages: want[0]}, {}, {pages: want[2]}})
	if len(rows) != 1 || hex.EncodeToString(rows[0].Pairs) != pairs ||
		hex.EncodeToString(rows[0].Pages) != "08000905e807d00f4d02001a5b7b226e616d65223a2261222c2276616c7565223a2262227d5d00" {
		t.Errorf("the format has changed: %x %x", rows[0].Pairs, rows[0].Pages)
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWide(t *testing.T) {
	for _, test := range []struct {
		first, last platen.ID
		wide        bool
	}{{1, 1, false}, {1, block.Narrow, false}, {1, block.Narrow + 1, true}, {1, platen.MaxID, true}} {
		row := block.Pack(1, 0, []platen.Content{{Item: test.last}, {Item: test.first}})
		if row.Wide() != test.wide {
			t.Errorf("items %d and %d: wide is %t", test.first, test.last, row.Wide())
		}
	}
}

// FuzzRead checks that no stored bytes make a reader panic or go on for ever.
func FuzzRead(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 2))
	parts, _ := random(rnd, 20)
	for _, row := range pack(f, parts) {
		f.Add(row.Pairs, row.Pages)
	}
	f.Add([]byte{}, []byte{0x80})
	f.Add([]byte{0xd0}, []byte{5, 7, 1, 1, 1, 200, 1})
	f.Fuzz(func(t *testing.T, pairs, pages []byte) {
		n := 0
		err := block.EachPage(pairs, pages, func(transfer.Page) error {
			n++
			return nil
		})
		if err != nil && !errors.Is(err, block.ErrDamaged) {
			t.Error(err)
		}
		if n > len(pairs)+len(pages) {
			t.Errorf("%d pages in %d bytes", n, len(pairs)+len(pages))
		}
		err = readerOf([]block.Row{{Pairs: pairs, Pages: pages}}).Skip(math.MaxInt64)
		if err != errEnd && !errors.Is(err, block.ErrDamaged) {
			t.Error("passed over:", err)
		}
	})
}
