package olrest_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/counts"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/transfer"
)

var updateGolden = flag.Bool("update", false, "write the golden files anew")

func pairsOf(pairs ...string) platen.List {
	var list []platen.NameValue
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, platen.NameValue{Name: pairs[i], Value: pairs[i+1]})
	}
	return platen.EncodeList(list)
}

// elements yields a job set of so many documents in each of two document sets.
func elements(documents int, yield func(*transfer.Element) error) error {
	id := platen.ID(1000)
	element := func(kind platen.Kind, change func(*transfer.Element)) error {
		id++
		e := &transfer.Element{Kind: kind, Page: transfer.Page{ID: id}}
		if change != nil {
			change(e)
		}
		return yield(e)
	}
	names := func(e *transfer.Element) {
		e.Lists = [2]platen.List{platen.Properties: pairsOf("a\"b", "ü\n\u2028"), platen.Metadata: pairsOf("m", e.ID.String())}
	}
	err := errors.Join(element(platen.JobSet, names), element(platen.Job, nil), element(platen.Job, names), element(platen.JobSegment, nil))
	for range 2 {
		err = errors.Join(err, element(platen.DocumentSet, names))
		for i := range documents {
			err = errors.Join(err, element(platen.Document, names))
			for range i % 3 {
				err = errors.Join(err, element(platen.DocumentPage, func(e *transfer.Element) {
					e.Item, e.Record = e.ID+100_000, e.ID+200_000
					if i%2 == 0 {
						e.Details = platen.Details{Template: "t", Pages: []platen.PageCount{{Count: 3, Duplex: true, Media: platen.Media{Name: "A4", Width: "210mm"}}}}.Encode()
					}
				}))
			}
		}
	}
	return errors.Join(err, element(platen.Job, nil))
}

// countElements yields the counts of elements, with the metadata of document
// sets.
func countElements(documents int, yield func(*transfer.Counts) error) error {
	lists := make(map[platen.ID]platen.List)
	counter := counts.NewBuilder(func(_ int64, block *counts.Block) error {
		for i := range block.DocumentSets {
			block.DocumentSets[i].Metadata = lists[block.DocumentSets[i].ID]
		}
		return yield(&block.Counts)
	})
	return errors.Join(elements(documents, func(e *transfer.Element) error {
		lists[e.ID] = e.Lists[platen.Metadata]
		return counter.Element(e)
	}), counter.Finish())
}

var goldenSchema = &platen.Table{Name: platen.RecordTable,
	Columns: []platen.Column{{Name: "n", Type: platen.Integer}, {Name: "d", Type: platen.DateTime}, {Name: "f\"", Type: platen.Float}},
	Tables:  []*platen.Table{{Name: "detail", Columns: []platen.Column{{Name: "b", Type: platen.Boolean}}}, {Name: "other"}},
}

// records yields data records, some nested.
func records(n int, yield func(*platen.Record) error) (err error) {
	id := platen.ID(5000)
	for i := range n {
		id++
		err = errors.Join(err, yield(&platen.Record{ID: id, DataSet: 7, Table: platen.RecordTable, Schema: goldenSchema,
			Fields: pairsOf("n", fmt.Sprint(i), "d", "2026-01-02T03:04:05Z", "f\"", "1.50", "detail", "x"), Lists: [2]platen.List{platen.Properties: pairsOf("p", "q")}}))
		parent := id
		for j := range i % 3 {
			id++
			table := []string{"detail", "other"}[j]
			err = errors.Join(err, yield(&platen.Record{ID: id, Parent: parent, Depth: 1, Table: table, Schema: goldenSchema.Nested(table), Fields: pairsOf("b", "true")}))
		}
		if i == 2 {
			id++
			err = errors.Join(err, yield(&platen.Record{ID: id, Parent: id - 1, Depth: 2, Table: "deep", Fields: platen.EmptyList}))
		}
	}
	return err
}

// goldenAnswers makes answers of all kinds, with lists of about n elements.
func goldenAnswers(t *testing.T, n int) map[string]func(w http.ResponseWriter) error {
	media := func(i int) []byte {
		return platen.Details{Pages: []platen.PageCount{{Count: int64(1 + i%2), Media: platen.Media{Name: "A4", Color: "<&>"}}, {Count: 2, Duplex: true}}}.Encode()
	}
	answers := map[string]func(w http.ResponseWriter) error{
		"jobset": func(w http.ResponseWriter) error {
			jobs := olrest.NewJobSetWriter(w)
			return errors.Join(elements(n, jobs.Write), jobs.Close())
		},
		"dataset": func(w http.ResponseWriter) error {
			set := olrest.NewSetWriter(w)
			return errors.Join(set.BeginDataSet(transfer.SourceSet{ID: 7, Lists: [2]platen.List{pairsOf("a", "b"), pairsOf("c", "d")}}, goldenSchema), records(n, set.Record), set.Close())
		},
		"contentset": func(w http.ResponseWriter) error {
			set := olrest.NewSetWriter(w)
			err := set.BeginContentSet(transfer.SourceSet{ID: 8, Type: "print"})
			for i := range n {
				item := &transfer.SourceItem{ID: platen.ID(9000 + i), Record: platen.ID(5000 + i)}
				if i%2 == 0 {
					item.Properties, item.Details = pairsOf("a", "b"), media(i)
				}
				err = errors.Join(err, set.Item(item))
			}
			return errors.Join(err, set.Close())
		},
		"found": func(w http.ResponseWriter) error {
			found := olrest.NewFoundWriter(w)
			var err error
			for i := range n {
				err = errors.Join(err, found.Write(i/3, &platen.Found{ID: platen.ID(1 + i), SortKey: fmt.Sprintf("k\"%d", i)}))
			}
			return errors.Join(err, found.Close())
		},
		"identifiers": func(w http.ResponseWriter) error {
			olrest.ReplyIdentifiers(w, []platen.IDRange{{First: 1, Last: 3}, {First: 9, Last: platen.ID(9 + n)}})
			return nil
		},
		"contents": func(w http.ResponseWriter) error {
			contents := &transfer.Contents{Count: int64(n), Blocks: func(yield func([]platen.Content, error) bool) {
				for i := range n {
					if !yield([]platen.Content{{Item: platen.ID(1000 + i), Record: platen.ID(100_000 + i)}}, nil) {
						return
					}
				}
			}}
			for i := range n {
				contents.Digits += int64(len(fmt.Sprint(1000+i)) + len(fmt.Sprint(100_000+i)))
			}
			return olrest.ReplyContents(w, contents)
		},
		"operations": func(w http.ResponseWriter) error {
			olrest.ReplyOperations(w, []olrest.RunningOperation{
				{Operation: platen.Operation{ID: "one", Type: "T", Started: time.UnixMilli(7), Percent: 3}, Doing: "Creating"},
				{Operation: platen.Operation{ID: "two", Type: "T", Started: time.UnixMilli(8)}, Doing: "\"\\"}})
			return nil
		},
		"created": func(w http.ResponseWriter) error {
			olrest.ReplyCreated(w, platen.JobSet, platen.Created{ID: 1, Children: []platen.ID{2, 3}})
			return nil
		},
		"error": func(w http.ResponseWriter) error {
			olrest.ReplyError(w, &platen.Error{Code: platen.NotFound, Message: "no \"such\" thing", Param: "7"})
			return nil
		},
	}
	for _, each := range []bool{false, true} {
		answers[fmt.Sprint("pages-", each)] = func(w http.ResponseWriter) error {
			pages := olrest.NewPagesWriter(w, each)
			var err error
			for i := range n {
				err = errors.Join(err, pages.Write(platen.IDRange{First: platen.ID(10 * i), Last: platen.ID(10*i + i%3)}, media(i)))
			}
			return errors.Join(err, pages.Write(platen.IDRange{First: 1, Last: 1}, nil), pages.Close())
		}
	}
	for format, name := range map[olrest.RecordFormat]string{olrest.DefaultFormat: "default", olrest.ExplicitTypes: "explicit", olrest.Simplified: "simplified"} {
		answers["records-"+name] = func(w http.ResponseWriter) error {
			list := olrest.NewRecordWriter(w, format, true)
			return errors.Join(records(n, list.Write), list.Close())
		}
	}
	for level := olrest.DocumentOnly; level <= olrest.DocumentSetAll; level++ {
		answers[fmt.Sprint("statistics-", level)] = func(w http.ResponseWriter) error {
			counts := olrest.NewStatistics()
			if err := countElements(n, counts.Count); err != nil {
				return err
			}
			statistics, err := counts.Writer(w, 1001, level)
			if err != nil {
				return err
			}
			if level == olrest.DocumentSetOnly {
				return errors.Join(countElements(n, statistics.WriteCounts), statistics.Close())
			}
			return errors.Join(elements(n, statistics.Write), statistics.Close())
		}
	}
	return answers
}

// TestGolden compares answers byte for byte with those that were written once:
// short ones whole, long ones, which are written in parts, by their hash.
func TestGolden(t *testing.T) {
	for _, n := range []int{0, 4, 7000} {
		for name, write := range goldenAnswers(t, n) {
			t.Run(fmt.Sprint(name, "/", n), func(t *testing.T) {
				w := httptest.NewRecorder()
				if err := write(w); err != nil && !(n == 0 && strings.HasPrefix(name, "records")) {
					t.Fatal(err)
				}
				got := w.Body.Bytes()
				if n > 4 {
					got = fmt.Appendf(nil, "%d bytes, sha256 %x", len(got), sha256.Sum256(got))
				}
				if length := w.Header().Get("Content-Length"); length != "" && length != fmt.Sprint(w.Body.Len()) {
					t.Errorf("Content-Length %s, but %d bytes", length, w.Body.Len())
				}
				file := filepath.Join("testdata", "golden", fmt.Sprintf("%s-%d.json", name, n))
				if *updateGolden {
					if err := os.WriteFile(file, append(bytes.TrimSuffix(got, []byte("\n")), '\n'), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(strings.TrimSuffix(string(want), "\n"), strings.TrimSuffix(string(got), "\n")); d != "" {
					t.Error(d)
				}
			})
		}
	}
}
