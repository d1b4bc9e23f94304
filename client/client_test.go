package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

// all returns what an iterator yields.
func all[T any](t *testing.T, from iter.Seq2[T, error]) []T {
	t.Helper()
	var list []T
	for value, err := range from {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, value)
	}
	return list
}

// is returns a function that compares what a method returned.
func is[T any](t *testing.T, want T) func(got T, err error) {
	return func(got T, err error) {
		t.Helper()
		if err == nil && reflect.DeepEqual(got, want) {
			return // cmp takes a second for a thousand events
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Errorf("%v\n%s", err, d)
		}
	}
}

// fails checks the code of an error, and that it names the request if it is an
// answer of the server.
func fails(t *testing.T, err error, code platen.Code, inMessage string) {
	t.Helper()
	if err == nil || platen.ErrorCode(err) != code || !strings.Contains(err.Error(), inMessage) {
		t.Errorf("got %v, code %d; want code %d with %q", err, platen.ErrorCode(err), code, inMessage)
	}
	if answer, ok := errors.AsType[*client.Error](err); ok {
		if answer.RequestID == "" || answer.Status < 400 || answer.Method == "" || !strings.HasPrefix(answer.Path, "/") || !strings.Contains(err.Error(), answer.RequestID) {
			t.Errorf("got %#v", answer)
		}
	}
}

func pairs(text ...string) []platen.NameValue {
	list := []platen.NameValue{}
	for i := 0; i < len(text); i += 2 {
		list = append(list, platen.NameValue{Name: text[i], Value: text[i+1]})
	}
	return list
}

func TestLists(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	ctx, job := t.Context(), platen.Ref{Kind: platen.Job, ID: 101}
	is(t, pairs("zip", "00420"))(c.List(ctx, job, platen.Properties))
	is(t, pairs("m", "x"))(c.List(ctx, job, platen.Metadata))
	odd := pairs("Zoë <&> \"\\", "\u0001\n 印 ", "empty", "")
	if err := c.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: 101, Pairs: odd}); err != nil {
		t.Fatal(err)
	}
	is(t, odd)(c.List(ctx, job, platen.Properties))
	if err := c.Merge(ctx, platen.Job, []platen.Update{{ID: 101, Pairs: pairs("empty", "no more", "new", "1")}}); err != nil {
		t.Fatal(err)
	}
	is(t, append(odd[:1:1], pairs("empty", "no more", "new", "1")...))(c.List(ctx, job, platen.Properties))

	_, err := c.List(ctx, platen.Ref{Kind: platen.Job, ID: 7}, platen.Properties)
	fails(t, err, platen.NotFound, "job 7 not found")
	_, err = c.List(ctx, platen.Ref{Kind: platen.Document, ID: 104}, platen.Properties)
	fails(t, err, platen.MethodNotAllowed, "document")
	fails(t, c.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: 101, Pairs: pairs("", "x")}), platen.Invalid, "the name is empty")
	fails(t, c.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: 101, Pairs: pairs("\xff", "x")}), platen.Invalid, "UTF-8")
	fails(t, c.Replace(ctx, platen.Job, platen.Properties, platen.Update{ID: 101, Pairs: pairs("n", strings.Repeat("x", 2<<20))}), platen.TooLarge, "over the limit")
	err = c.Merge(ctx, platen.Job, []platen.Update{{ID: 101, Pairs: pairs("empty", "again")}, {ID: 8}})
	fails(t, err, platen.NotFound, "job 8 not found")
	if shown, ok := errors.AsType[*platen.Error](err); !ok || shown.Param != "8" {
		t.Errorf("got %#v", err)
	}
}

func TestSets(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	ctx := t.Context()
	is(t, "2025.2.0")(c.Version(ctx))
	is(t, []platen.ID{300})(c.Entities(ctx, platen.DataSet))
	is(t, []platen.ID{700})(c.ContentSets(ctx, ""))
	is(t, []platen.ID{700})(c.ContentSets(ctx, "print"))
	is(t, []platen.ID{})(c.ContentSets(ctx, "email"))
	_, err := c.ContentSets(ctx, "fax")
	fails(t, err, platen.Invalid, "type must be one of")
	is(t, []platen.ID{5001, 5002})(c.Children(ctx, platen.Ref{Kind: platen.DataSet, ID: 300}))
	is(t, []platen.ID{103})(c.Children(ctx, platen.Ref{Kind: platen.JobSegment, ID: 102}))
	contents := []platen.Content{{Item: 9001, Record: 5001}, {Item: 9002, Record: 5002}}
	is(t, contents)(c.Contents(ctx, platen.Ref{Kind: platen.Job, ID: 101}))
	is(t, contents)(c.Contents(ctx, platen.Ref{Kind: platen.ContentSet, ID: 700}))
	for content, err := range c.ContentsSeq(ctx, platen.Ref{Kind: platen.ContentSet, ID: 700}) {
		is(t, contents[0])(content, err)
		break
	}
	is(t, platen.ID(5002))(c.RecordOf(ctx, 9002))
	a4 := platen.Media{Name: "Plain A4", Width: "210mm", Height: "297mm"}
	is(t, []platen.PageCount{{Count: 3, Media: a4}})(c.Pages(ctx, 700))
	is(t, []platen.ItemPages{{Item: 9001, Pages: []platen.PageCount{{Count: 3, Duplex: true, Media: a4}}}, {Item: 9002}})(all(t, c.ItemPagesSeq(ctx, 700)), nil)

	for _, ref := range []platen.Ref{{Kind: platen.DataSet, ID: 300}, {Kind: platen.ContentSet, ID: 700}, {Kind: platen.JobSet, ID: 100}} {
		var document bytes.Buffer
		if err := c.Export(ctx, ref, &document); err != nil || !json.Valid(document.Bytes()) {
			t.Errorf("%s: %v %s", ref.Kind, err, document.Bytes())
		}
		_, err := c.Import(ctx, ref.Kind, &document)
		fails(t, err, platen.Conflict, "taken")
		if err := c.Delete(ctx, ref); err != nil {
			t.Error(err)
		}
		fails(t, c.Delete(ctx, ref), platen.NotFound, "not found")
		fails(t, c.Export(ctx, ref, &document), platen.NotFound, "not found")
	}
	_, err = c.Import(ctx, platen.JobSet, strings.NewReader(`{"jobs":[`))
	fails(t, err, platen.Invalid, "it ends too early")
	fails(t, c.Delete(ctx, platen.Ref{Kind: platen.Job, ID: 101}), platen.MethodNotAllowed, "job")
	for _, err := range c.ContentsSeq(ctx, platen.Ref{Kind: platen.Job, ID: 7}) {
		fails(t, err, platen.NotFound, "job 7 not found")
	}
}

func TestRecords(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	ctx := t.Context()
	list := func(text ...string) platen.List { return platen.EncodeList(pairs(text...)) }
	nice := list("City", "Nice", "Paid", "true", "Since", "2025-11-24T16:00:00Z")
	whole := []platen.Record{
		{ID: 5001, DataSet: 300, Table: "record", Fields: nice},
		{ID: 5100, Parent: 5001, Table: "detail", Depth: 1, Fields: list("Qty", "3")},
	}
	other := platen.Record{ID: 5002, DataSet: 300, Table: "record", Fields: list("City", "Lyon")}
	recursive := client.RecordOptions{Recursive: true}
	is(t, whole[:1])(c.Record(ctx, 5001, client.RecordOptions{}))
	is(t, whole)(c.Record(ctx, 5001, recursive))
	is(t, append([]platen.Record{other}, whole...))(all(t, c.RecordsSeq(ctx, []platen.ID{5002, 5001}, recursive)), nil)
	is(t, append([]platen.Record{other}, whole...))(all(t, c.QueryRecordsSeq(ctx, []platen.ID{5002, 5001}, recursive)), nil)
	recursive.Optimized = true
	is(t, append(whole[:2:2], other))(all(t, c.QueryRecordsSeq(ctx, []platen.ID{5002, 5001, 5002}, recursive)), nil)

	typed, err := c.Record(ctx, 5001, client.RecordOptions{Recursive: true, Format: client.TypedRecords})
	if err != nil || len(typed) != 2 {
		t.Fatal(typed, err)
	}
	if typed[0].Schema.Type("Since") != platen.DateTime || typed[0].Schema.Type("Paid") != platen.Boolean || typed[1].Schema.Type("Qty") != platen.Integer {
		t.Errorf("got %+v", typed)
	}
	typed[0].Schema, typed[1].Schema = nil, nil
	is(t, whole)(typed, nil)

	simple, err := c.Record(ctx, 5001, client.RecordOptions{Recursive: true, Format: client.SimplifiedRecords})
	is(t, []platen.Record{{ID: 5001, Fields: nice}, whole[1]})(simple, err)

	type detail struct{ Qty int }
	type recipient struct {
		ID     platen.ID `json:"__recordid"`
		City   string
		Paid   *bool
		Since  time.Time
		Detail []detail `json:"detail"`
	}
	yes := true
	is(t, []recipient{{5001, "Nice", &yes, time.Unix(1764000000, 0).UTC(), []detail{{3}}}, {ID: 5002, City: "Lyon"}})(
		all(t, client.RecordsAs[recipient](ctx, c, []platen.ID{5001, 5002}, client.RecordOptions{Recursive: true})), nil)
	for _, err := range client.RecordsAs[struct{ City int }](ctx, c, []platen.ID{5001}, client.RecordOptions{}) {
		if _, ok := errors.AsType[*json.UnmarshalTypeError](err); !ok {
			t.Errorf("got %v", err)
		}
	}
	for range client.RecordsAs[recipient](ctx, c, []platen.ID{5001, 5002}, client.RecordOptions{}) {
		break
	}

	for name, seq := range map[string]iter.Seq2[platen.Record, error]{
		"GET":  c.RecordsSeq(ctx, []platen.ID{5001, 7}, client.RecordOptions{}),
		"POST": c.QueryRecordsSeq(ctx, []platen.ID{5001, 7}, client.RecordOptions{}),
	} {
		for record, err := range seq {
			t.Log(name)
			fails(t, err, platen.NotFound, "data record 7 not found")
			is(t, platen.Record{})(record, nil)
		}
	}
	_, err = c.Record(ctx, 7, client.RecordOptions{})
	fails(t, err, platen.NotFound, "7 not found")
}

func TestRecordsWritten(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	ctx := t.Context()
	added := []platen.NewRecords{
		{DataSet: 300, Records: []platen.SourceRecord{{Fields: pairs("City", "Pau", "Paid", "false")}, {Depth: 1, Table: "detail", Fields: pairs("Qty", "7")}}},
		{Parent: 5002, Table: "detail", Records: []platen.SourceRecord{{Fields: pairs("Qty", "1")}}},
	}
	if err := c.AddRecords(ctx, added); err != nil {
		t.Fatal(err)
	}
	records, err := c.Children(ctx, platen.Ref{Kind: platen.DataSet, ID: 300})
	if err != nil || len(records) != 3 {
		t.Fatal(records, err)
	}
	if err := c.UpdateRecord(ctx, platen.Update{ID: 5002, Pairs: pairs("Since", "1764000000")}); err != nil {
		t.Fatal(err)
	}
	if err := c.UpdateRecords(ctx, []platen.Update{{ID: records[2], Pairs: pairs("City", "Dax")}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for record, err := range c.QueryRecordsSeq(ctx, records[1:], client.RecordOptions{Recursive: true}) {
		got = append(got, fmt.Sprint(record.Depth, record.Table, string(record.Fields), err))
	}
	is(t, []string{
		`0record[{"name":"City","value":"Lyon"},{"name":"Since","value":"2025-11-24T16:00:00Z"}]<nil>`,
		`1detail[{"name":"Qty","value":"1"}]<nil>`,
		`0record[{"name":"City","value":"Dax"},{"name":"Paid","value":"false"}]<nil>`,
		`1detail[{"name":"Qty","value":"7"}]<nil>`,
	})(got, nil)
	fails(t, c.UpdateRecord(ctx, platen.Update{ID: 5001, Pairs: pairs("Paid", "perhaps")}), platen.Invalid, "BOOLEAN")
	fails(t, c.UpdateRecords(ctx, []platen.Update{{ID: 7}}), platen.NotFound, "7 not found")
	fails(t, c.AddRecords(ctx, []platen.NewRecords{{DataSet: 301}}), platen.NotFound, "301 not found")
	fails(t, c.AddRecords(ctx, []platen.NewRecords{{DataSet: 300, Records: []platen.SourceRecord{{ID: 7}}}}), platen.Invalid, "the server gives the one")
}

// TestMatched: an update with a Match is done only if it is met, or is refused where
// that can not be said to the server.
func TestMatched(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	ctx := t.Context()
	_, tag, err := c.ListTagged(ctx, 5001, platen.Fields)
	if err != nil {
		t.Fatal(err)
	}
	update := platen.Update{ID: 5001, Pairs: pairs("City", "Oslo"), Match: &platen.Match{Tags: []platen.Tag{tag}}}
	for _, many := range []error{c.UpdateRecords(ctx, []platen.Update{update}), c.Merge(ctx, platen.DataRecord, []platen.Update{{ID: 5002}, update})} {
		fails(t, many, platen.Invalid, "5001 has a Match")
	}
	if err := c.UpdateRecord(ctx, update); err != nil {
		t.Error(err)
	}
	update.Pairs = pairs("City", "Rome")
	fails(t, c.UpdateRecord(ctx, update), platen.Changed, "read them again")
	update.Match = new(platen.Match)
	fails(t, c.UpdateRecord(ctx, update), platen.Changed, "read them again")
	fields, tag, err := c.ListTagged(ctx, 5001, platen.Fields)
	is(t, "Oslo")(fields[0].Value, err)

	// What may have been done is not sent again: a Changed could not be told from that
	// of somebody else's change.
	c.HTTP, c.RetryFor = &http.Client{Transport: &forgetting{RoundTripper: c.HTTP.Transport, method: "PUT"}}, time.Minute
	update.Match.Tags = []platen.Tag{tag}
	fails(t, c.UpdateRecord(ctx, update), platen.Unreachable, "")
	fields, _, err = c.ListTagged(ctx, 5001, platen.Fields)
	is(t, "Rome")(fields[0].Value, err)
}

func TestFind(t *testing.T) {
	c, sent := connect(t)
	fill(t, c)
	ctx := t.Context()
	night := platen.Rule{Type: platen.Text, Name: "shift", Value: "night"}
	for _, legacy := range []bool{false, true} {
		c.LegacySearch = legacy
		is(t, [][]platen.Found{{{ID: 9001}}})(c.Find(ctx, &platen.Search{Kind: platen.ContentItem, Rule: night}))
		is(t, [][]platen.Found{})(c.Find(ctx, &platen.Search{Kind: platen.Job, Rule: night}))
		is(t, [][]platen.Found{{{ID: 9001}}})(c.Find(ctx, &platen.Search{Kind: platen.ContentItem, Rule: platen.Rule{Type: platen.Any, Rules: []platen.Rule{
			{Type: platen.Size, Condition: platen.Greater, Number: 2}, {Type: platen.Duplex, Value: "true"}, {Type: platen.Template, Value: "letter"}, {Type: platen.MediaName, Value: "Plain A4"},
		}}}))
	}
	grouped := &platen.Search{
		Kind:  platen.DataRecord,
		Rule:  platen.Rule{Type: platen.Text, Facet: platen.Fields, Name: "City", Condition: platen.In, Values: []string{"Nice", "Lyon"}},
		Sort:  []platen.SearchKey{{Facet: platen.Fields, Name: "City", Descending: true}},
		Group: []platen.SearchKey{{Facet: platen.Fields, Name: "City"}},
		Sets:  []platen.ID{300},
	}
	fails(t, second(c.Find(ctx, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.NotAny, Rules: []platen.Rule{night}}})), platen.Invalid, "before 2019.2")
	c.LegacySearch = false
	is(t, [][]platen.Found{{{ID: 5002, SortKey: "Lyon"}}, {{ID: 5001, SortKey: "Nice"}}})(c.Find(ctx, grouped))
	is(t, []client.Match{{Found: platen.Found{ID: 5002, SortKey: "Lyon"}, Group: 0}, {Found: platen.Found{ID: 5001, SortKey: "Nice"}, Group: 1}})(all(t, c.FindSeq(ctx, grouped)), nil)

	_, err := c.Find(ctx, &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Duplex, Value: "true"}})
	fails(t, err, platen.Invalid, "JOBS")
	before := len(sent.requests())
	_, err = c.Find(ctx, &platen.Search{Kind: platen.Document})
	fails(t, err, platen.Invalid, "document")
	if len(sent.requests()) != before {
		t.Error("a search that can not be written was sent")
	}
}

func TestStatistics(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	ctx := t.Context()
	a4 := platen.MediaCount{Media: platen.Media{Name: "Plain A4", Width: "210mm", Height: "297mm"}, Pages: 3}
	head := platen.Statistics{JobSet: 100, Names: []string{"tag"}, Documents: 2, Sheets: 3, Pages: 4, Media: []platen.MediaCount{a4}}
	documents := []platen.DocumentStatistics{
		{Document: 104, Item: 9001, Record: 5001, Metadata: pairs("tag", "a"), Sheets: 2, Pages: 3, ByMedia: map[int]int64{0: 3}},
		{Document: 105, Item: 9002, Record: 5002, Sheets: 1, Pages: 1},
	}
	set := platen.DocumentSetStatistics{DocumentSet: 103, Metadata: pairs("region", "south"), Sheets: 3, Pages: 4, ByMedia: map[int]int64{0: 3}}
	want := head
	want.ByDocument = documents
	is(t, &want)(c.Statistics(ctx, 100, client.Documents))
	want = head
	want.ByDocumentSet = []platen.DocumentSetStatistics{set}
	is(t, &want)(c.Statistics(ctx, 100, client.DocumentSets))
	set.ByDocument = documents
	want.ByDocumentSet = []platen.DocumentSetStatistics{set}
	is(t, &want)(c.Statistics(ctx, 100, client.DocumentSetsDocuments))
	_, err := c.Statistics(ctx, 7, client.Documents)
	fails(t, err, platen.NotFound, "job set 7 not found")
}

// TestUnknownChoices: what the API does not have is for the server to refuse.
func TestUnknownChoices(t *testing.T) {
	c, _ := connect(t)
	fill(t, c)
	_, err := c.Statistics(t.Context(), 100, 7)
	fails(t, err, platen.Invalid, "levelMode")
	_, err = c.Record(t.Context(), 5001, client.RecordOptions{Format: 7})
	fails(t, err, platen.Invalid, "outputFormat")
	for _, err := range c.QueryRecordsSeq(t.Context(), []platen.ID{5001}, client.RecordOptions{Format: 7}) {
		fails(t, err, platen.Invalid, "outputFormat")
	}
	fails(t, c.Handshake(t.Context(), "FaxRestService"), platen.Invalid, "FaxRestService")
	if client.ServiceOf(platen.Job) != "JobEntityRestService" || client.ServiceOf(platen.DocumentPage) != "" {
		t.Error("services of kinds are mixed up")
	}
}
