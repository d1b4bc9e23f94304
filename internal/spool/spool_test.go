package spool_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/transfer"
)

func list(name, value string) platen.List {
	return platen.EncodeList([]platen.NameValue{{Name: name, Value: value}})
}

// open closes a spool when the test ends.
func open[T interface{ Close() error }](t *testing.T, newSpool func() (T, error)) T {
	t.Helper()
	s, err := newSpool()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !t.Failed() {
			t.Log("close:", err) // it may be closed already
		}
	})
	return s
}

// wantReads checks what a source reads, more than once, also after a reader
// that gave up.
func wantReads[T any](t *testing.T, want []T, read func(func(T) error) error) {
	t.Helper()
	enough := errors.New("enough")
	if err := read(func(T) error { return enough }); len(want) > 0 && err != enough {
		t.Errorf("a reader that fails: got %v", err)
	}
	for range 2 {
		var got []T
		err := read(func(v T) error {
			got = append(got, v)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}

// keptRecords reads records that are good after the call, too.
func keptRecords(s *spool.DataSet) func(func(platen.SourceRecord) error) error {
	return func(yield func(platen.SourceRecord) error) error {
		return s.Read(func(record *platen.SourceRecord) error {
			kept := *record
			kept.Fields, kept.Properties = slices.Clone(kept.Fields), slices.Clone(kept.Properties)
			return yield(kept)
		})
	}
}

func wantGiven(t *testing.T, got platen.IDRange, first, last platen.ID) {
	t.Helper()
	if want := (platen.IDRange{First: first, Last: last}); got != want {
		t.Errorf("given identifiers are %v, want %v", got, want)
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDataSet(t *testing.T) {
	s := open(t, spool.Temp.NewDataSet)
	wantReads(t, nil, s.Read)
	wantGiven(t, s.ExplicitIDs(), 0, 0)

	long := strings.Repeat("long ", 20_000) // more than is buffered
	records := []platen.SourceRecord{
		{ID: 5001, Table: platen.RecordTable, Fields: []platen.NameValue{{Name: "City", Value: "Lyon"}, {Name: "empty"}}, Properties: list("p", long)},
		{Depth: 1, Table: "detail", Fields: []platen.NameValue{{Name: "long", Value: long}, {Name: long, Value: "é"}}},
		{Depth: 2, Table: "é", ID: platen.MaxID},
		{ID: 4999, Table: platen.RecordTable, Properties: platen.EmptyList, Offset: 1 << 40},
		{ID: 5000, Table: platen.RecordTable, Fields: []platen.NameValue{{Name: "City", Value: "Bron"}}, Properties: list("q", "")},
	}
	for i := range records {
		if err := s.Record(&records[i]); err != nil {
			t.Fatal(err)
		}
	}
	set := transfer.SourceSet{ID: 6000, Lists: [2]platen.List{platen.Properties: list("a", "b")}}
	schema := &platen.Table{Name: platen.RecordTable, Columns: []platen.Column{{Name: "City", Type: platen.String}}}
	if err := s.End(set, schema); err != nil {
		t.Fatal(err)
	}
	wantReads(t, records, keptRecords(s))
	if d := cmp.Diff(set, s.DataSet()); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(schema, s.Schema()); d != "" {
		t.Error(d)
	}
	wantGiven(t, s.ExplicitIDs(), 4999, 6000) // the largest identifier does not count
}

// The rest of a record is written after what is nested in it, and read before.
func TestDataSetRest(t *testing.T) {
	s := open(t, spool.Temp.NewDataSet)
	fields := []platen.NameValue{{Name: "a", Value: strings.Repeat("x", 70_000)}} // more than is buffered
	err := errors.Join(
		s.Record(&platen.SourceRecord{Table: platen.RecordTable, Fields: fields}),
		s.Record(&platen.SourceRecord{Depth: 1, ID: 11}),
		s.Record(&platen.SourceRecord{Depth: 2, Table: "t"}),
		s.Rest(&platen.SourceRecord{Depth: 1, Table: "late", Fields: fields}),
		s.Record(&platen.SourceRecord{Depth: 1, Table: "u"}),
		s.Rest(&platen.SourceRecord{ID: 10, Properties: list("p", "q")}),
		s.Record(&platen.SourceRecord{Table: platen.RecordTable}),
		s.End(transfer.SourceSet{}, nil),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []platen.SourceRecord{
		{ID: 10, Table: platen.RecordTable, Fields: fields, Properties: list("p", "q")},
		{ID: 11, Depth: 1, Table: "late", Fields: fields},
		{Depth: 2, Table: "t"},
		{Depth: 1, Table: "u"},
		{Table: platen.RecordTable},
	}
	wantReads(t, want, keptRecords(s))
	wantGiven(t, s.ExplicitIDs(), 10, 11)
}

func TestContentSet(t *testing.T) {
	s := open(t, spool.Temp.NewContentSet)
	wantReads(t, nil, s.Read)
	wantGiven(t, s.ExplicitIDs(), 0, 0)

	letter, card := []byte(`{"template":"letter"}`), []byte(`{"template":"card"}`)
	items := []transfer.SourceItem{
		{ID: 9001, Record: 5001, Properties: list("p", "1"), Details: letter},
		{Record: platen.MaxID},
		{ID: 9000, Record: 4000, Details: letter},
		{ID: platen.MaxID, Record: 5001, Details: card, Properties: platen.EmptyList},
		{Record: 5001, Details: card},
		{Record: 5002, Details: letter},
	}
	for i := range items {
		if err := s.Item(&items[i]); err != nil {
			t.Fatal(err)
		}
	}
	set := transfer.SourceSet{ID: 3999, Type: "print", Lists: [2]platen.List{platen.Metadata: list("a", "b")}}
	if err := s.End(set); err != nil {
		t.Fatal(err)
	}
	wantReads(t, items, func(yield func(transfer.SourceItem) error) error {
		return s.Read(func(item *transfer.SourceItem) error {
			kept := *item
			kept.Properties, kept.Details = slices.Clone(kept.Properties), slices.Clone(kept.Details)
			return yield(kept)
		})
	})
	if d := cmp.Diff(set, s.ContentSet()); d != "" {
		t.Error(d)
	}
	wantGiven(t, s.ExplicitIDs(), 3999, 9001)
}

// A visitor writes down what it is passed.
type visitor func(string) error

func (v visitor) NodeList(node int, facet platen.Facet, list platen.List) error {
	return v(fmt.Sprint(node, " ", facet, " ", string(list)))
}

func (v visitor) Page(set int, page *transfer.Page) error {
	return v(fmt.Sprintf("%d page %d item %d record %d %s %q", set, page.ID, page.Item, page.Record, page.Lists, page.Details))
}

func (v visitor) Document(document *transfer.SourceDocument) error {
	return v(fmt.Sprintf("%d document %d %s", document.Set, document.ID, document.Lists))
}

func TestJobSet(t *testing.T) {
	s := open(t, spool.Temp.NewJobSet)
	s.Begin(platen.JobSet)
	s.Begin(platen.Job)
	s.Begin(platen.JobSegment)
	s.Begin(platen.DocumentSet)
	metadata := [2]platen.List{platen.Metadata: list("m", "1")}
	err := errors.Join(
		s.Page(&transfer.Page{Item: 31, Record: 41, Details: []byte(`{"template":"t"}`)}),
		s.Page(&transfer.Page{Item: 30, Record: 42, Details: []byte(`{"template":"t"}`), ID: 77, Lists: metadata}),
		s.Page(&transfer.Page{Item: platen.MaxID}),
		s.Document(78, metadata),
		s.Document(0, [2]platen.List{}),
		s.End(20, metadata),
		s.End(0, [2]platen.List{}),
		s.End(0, [2]platen.List{platen.Properties: list("p", "2")}),
		s.End(21, [2]platen.List{}),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []transfer.Node{
		{Kind: platen.JobSet, Parent: -1, ID: 21},
		{Kind: platen.Job, Parent: 0},
		{Kind: platen.JobSegment, Parent: 1},
		{Kind: platen.DocumentSet, Parent: 2, ID: 20},
	}
	if d := cmp.Diff(want, s.Nodes()); d != "" {
		t.Error(d)
	}
	wantGiven(t, s.ExplicitIDs(), 20, 78)
	wantReads(t, []string{
		`3 page 0 item 31 record 41 [ ] "{\"template\":\"t\"}"`,
		`3 page 77 item 30 record 42 [ [{"name":"m","value":"1"}]] "{\"template\":\"t\"}"`,
		`3 page 0 item 9007199254740991 record 0 [ ] ""`,
		`3 document 78 [ [{"name":"m","value":"1"}]]`,
		`3 document 0 [ ]`,
		`3 metadata [{"name":"m","value":"1"}]`,
		`1 properties [{"name":"p","value":"2"}]`,
	}, func(yield func(string) error) error { return s.Read(visitor(yield)) })
}

// A directory for temporary files that is full, or gone, is for the operator.
func TestNoRoom(t *testing.T) {
	s := open(t, spool.Temp.NewDataSet)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// What is written reaches the file now, which is closed, or later.
	small := &platen.SourceRecord{Table: platen.RecordTable}
	if err := s.Record(small); err != nil {
		t.Fatal(err)
	}
	err := s.Read(func(*platen.SourceRecord) error { return nil })
	if platen.ErrorCode(err) != platen.Unavailable {
		t.Errorf("read: %v", err)
	}
	large := &platen.SourceRecord{Table: platen.RecordTable, Properties: list("p", strings.Repeat("x", 1<<20))}
	if err := s.Record(large); platen.ErrorCode(err) != platen.Unavailable {
		t.Errorf("write: %v", err)
	}

	t.Setenv("TMPDIR", t.TempDir()+"/gone")
	t.Setenv("TMP", t.TempDir()+"/gone")
	_, first := spool.Temp.NewJobSet()
	_, second := spool.Temp.NewDataSet()
	_, third := spool.Temp.NewContentSet()
	if first == nil || second == nil || third == nil {
		t.Errorf("without a directory: %v, %v, %v", first, second, third)
	}
}
