package olrest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// answered returns the body of what reply answers.
func answered(reply func(http.ResponseWriter)) *bytes.Buffer {
	recorder := httptest.NewRecorder()
	reply(recorder)
	return recorder.Body
}

// TestReadRecordValues: what a RecordWriter writes is read as what the format
// says of it.
func TestReadRecordValues(t *testing.T) {
	records := family()
	for format, forget := range map[olrest.RecordFormat]func(*platen.Record){
		olrest.DefaultFormat: func(r *platen.Record) {
			r.Schema = nil
			if r.Parent != 0 {
				r.DataSet = 0
			}
		},
		olrest.ExplicitTypes: func(r *platen.Record) {
			r.Schema = nil // compared below
			if r.Parent != 0 {
				r.DataSet = 0
			}
			if r.Depth == 0 && r.DataSet == 0 {
				r.Table, r.Parent = "", 0
			}
		},
		olrest.Simplified: func(r *platen.Record) {
			r.Schema, r.DataSet = nil, 0
			if r.Depth == 0 {
				r.Table, r.Parent = "", 0
			}
		},
	} {
		var got, want []platen.Record
		for _, record := range records {
			expected := *record
			if expected.Fields == nil {
				expected.Fields = platen.EmptyList
			}
			forget(&expected)
			want = append(want, expected)
		}
		types := make(map[platen.ID]*platen.Table)
		err := olrest.ReadRecordValues(strings.NewReader(writeRecords(t, format, true, records...)), format, true, func(r platen.Record) bool {
			types[r.ID] = r.Schema
			r.Schema = nil
			got = append(got, r)
			return true
		})
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("format %d: %v\n%s", format, err, d)
		}
		if format == olrest.ExplicitTypes {
			if types[5001].Type("Since") != platen.DateTime || types[5100].Type("Qty") != platen.Integer || types[5200].Type("Weight") != platen.Float || types[5102].Type("Text") != platen.String {
				t.Errorf("got the types %v", types)
			}
		}
		var one []platen.ID
		err = olrest.ReadRecordValues(strings.NewReader(writeRecords(t, format, false, records[0], records[1])), format, false, func(r platen.Record) bool {
			one = append(one, r.ID)
			return true
		})
		if d := cmp.Diff([]platen.ID{5001, 5100}, one); err != nil || d != "" {
			t.Errorf("format %d, one record: %v\n%s", format, err, d)
		}
	}
}

// TestNewRecordsBothWays: what is written is read as the same.
func TestNewRecordsBothWays(t *testing.T) {
	named := func(name, value string) []platen.NameValue { return []platen.NameValue{{Name: name, Value: value}} }
	lists := []platen.NewRecords{
		{DataSet: 300, Records: []platen.SourceRecord{
			{Table: "record", Fields: named("City", "Lyon \"2\"")},
			{Table: "detail", Depth: 1, Fields: named("Qty", "3")},
			{Table: "part", Depth: 2},
			{Table: "part", Depth: 2, Fields: named("W", "")},
			{Table: "note", Depth: 1},
			{Table: "record"},
		}},
		{Parent: 5001, Table: "detail", Records: []platen.SourceRecord{{Table: "detail"}, {Table: "part", Depth: 1}}},
		{DataSet: 301},
	}
	body, err := olrest.AppendNewRecords(nil, lists)
	if err != nil {
		t.Fatal(err)
	}
	read, err := olrest.ReadNewRecords(body)
	if d := cmp.Diff(lists, read, cmpopts.EquateEmpty()); err != nil || d != "" {
		t.Errorf("%v\n%s\n%s", err, d, body)
	}
	for name, wrong := range map[string]platen.NewRecords{
		"in neither":            {},
		"in both":               {DataSet: 1, Parent: 2},
		"with an id":            {DataSet: 1, Records: []platen.SourceRecord{{ID: 7}}},
		"with properties":       {DataSet: 1, Records: []platen.SourceRecord{{Properties: platen.EmptyList}}},
		"nested in none":        {DataSet: 1, Records: []platen.SourceRecord{{Depth: 1}}},
		"with a level left out": {DataSet: 1, Records: []platen.SourceRecord{{}, {Depth: 2}}},
		"at a negative depth":   {DataSet: 1, Records: []platen.SourceRecord{{Depth: -1}}},
	} {
		_, err := olrest.AppendNewRecords(nil, []platen.NewRecords{wrong})
		if platen.ErrorCode(err) != platen.Invalid || err == nil {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestRequestsBothWays: what the client writes is what the server reads.
func TestRequestsBothWays(t *testing.T) {
	for _, query := range []olrest.RecordQuery{
		{IDs: []platen.ID{1, 9007199254740991}, Recursive: true, Format: olrest.Simplified, Optimized: true},
		{IDs: []platen.ID{}, Format: olrest.ExplicitTypes},
	} {
		read, err := olrest.ReadRecordQuery(query.Append(nil))
		if d := cmp.Diff(query, read); err != nil || d != "" {
			t.Errorf("%v\n%s", err, d)
		}
		query.Optimized = false // for POST only
		read, err = olrest.ParseRecordQuery(query.Values())
		if d := cmp.Diff(query, read, cmpopts.EquateEmpty()); err != nil || d != "" {
			t.Errorf("%v\n%s", err, d)
		}
	}
	for _, level := range []olrest.StatisticsLevel{olrest.DocumentOnly, olrest.DocumentSetOnly, olrest.DocumentSetAll} {
		if read, err := olrest.ParseStatisticsLevel(level.Values()); err != nil || read != level {
			t.Errorf("level %d: got %d, %v", level, read, err)
		}
	}
	update := platen.Update{ID: 7, Pairs: []platen.NameValue{{Name: "a", Value: "\"b"}}}
	if read, err := olrest.ReadFieldUpdate(olrest.AppendFieldUpdate(nil, update), platen.Ref{Kind: platen.DataRecord, ID: 7}); err != nil || !cmp.Equal(read, update) {
		t.Errorf("got %v, %v", read, err)
	}
	updates := []platen.Update{update, {ID: 8, Pairs: []platen.NameValue{}}}
	if read, err := olrest.ReadUpdates(olrest.AppendUpdates(nil, updates), platen.Job); err != nil || !cmp.Equal(read, updates) {
		t.Errorf("got %v, %v", read, err)
	}
	if read, err := olrest.ReadFieldUpdates(olrest.AppendFieldUpdates(nil, updates)); err != nil || !cmp.Equal(read, updates) {
		t.Errorf("got %v, %v", read, err)
	}
	body, err := olrest.AppendIdentifiers(nil, []platen.ID{700, 701}, map[string]any{"copies": 2, "tag": "A", "duplex": true})
	if want := `{"identifiers":[700,701],"parameters":{"copies":2,"duplex":true,"tag":"A"}}`; err != nil || string(body) != want {
		t.Errorf("got %s, %v", body, err)
	}
	if read, err := olrest.ReadIdentifiersBody(body); err != nil || !cmp.Equal(read, []platen.ID{700, 701}) {
		t.Errorf("got %v, %v", read, err)
	}
	if _, err := olrest.AppendIdentifiers(nil, nil, map[string]any{"x": []int{1}}); platen.ErrorCode(err) != platen.Invalid {
		t.Errorf("a parameter that is a list: %v", err)
	}
}

// TestAnswersBothWays: what the server writes is what the client reads.
func TestAnswersBothWays(t *testing.T) {
	groups := `[[{"identifier":1,"sortkey":"a|b"},{"identifier":2,"sortkey":""}],[],[{"identifier":3,"sortkey":"\""}]]`
	type match struct {
		Group int
		Found platen.Found
	}
	var matches []match
	err := olrest.ReadFound(strings.NewReader(groups), func(group int, found platen.Found) bool {
		matches = append(matches, match{group, found})
		return true
	})
	if d := cmp.Diff([]match{{0, platen.Found{ID: 1, SortKey: "a|b"}}, {0, platen.Found{ID: 2}}, {1, platen.Found{ID: 3, SortKey: "\""}}}, matches); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}

	started := time.UnixMilli(1764000000000)
	running := []olrest.RunningOperation{{Operation: platen.Operation{ID: "0f8b", Type: olrest.JobCreation, Started: started, Percent: 40}, Doing: "Creating"}}
	operations, err := olrest.ReadOperations(answered(func(w http.ResponseWriter) { olrest.ReplyOperations(w, running) }))
	if d := cmp.Diff(running, operations); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}

	ids, err := olrest.ReadIdentifiers(strings.NewReader(`{"identifiers":[` + strings.Repeat("7,", 20_000) + `9007199254740991]}`))
	if err != nil || len(ids) != 20_001 || ids[19_999] != 7 || ids[20_000] != platen.MaxID {
		t.Errorf("got %d identifiers, %v", len(ids), err)
	}

	for kind, children := range map[platen.Kind][]platen.ID{platen.JobSet: {2, 3}, platen.ContentSet: {4}, platen.DataSet: {}} {
		made, err := olrest.ReadCreated(answered(func(w http.ResponseWriter) {
			olrest.ReplyCreated(w, kind, platen.Created{ID: 1, Children: children})
		}))
		if d := cmp.Diff(platen.Created{ID: 1, Children: children}, made); err != nil || d != "" {
			t.Errorf("%s: %v\n%s", kind, err, d)
		}
	}

	var each, sum bytes.Buffer
	details := platen.Details{Pages: []platen.PageCount{{Count: 3, Duplex: true, Media: platen.Media{Name: "Plain", Width: "210mm"}}}}
	for into, detail := range map[*bytes.Buffer]bool{&each: true, &sum: false} {
		w := olrest.NewPagesWriter(into, detail)
		if err := errors.Join(w.Write(platen.IDRange{First: 9001, Last: 9002}, details.Encode()), w.Write(platen.IDRange{First: 9003, Last: 9003}, nil), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	pages, err := olrest.ReadPages(&sum)
	if d := cmp.Diff([]platen.PageCount{{Count: 6, Media: details.Pages[0].Media}}, pages); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	var items []platen.ItemPages
	err = olrest.ReadItemPages(&each, func(item platen.ItemPages) bool {
		items = append(items, item)
		return len(items) < 2 // no more is wanted
	})
	if d := cmp.Diff([]platen.ItemPages{{Item: 9001, Pages: details.Pages}, {Item: 9002, Pages: details.Pages}}, items); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
}

// TestForeignAnswers: answers of OL Connect have keys that platen's have not.
func TestForeignAnswers(t *testing.T) {
	var records []platen.Record
	err := olrest.ReadRecordValues(strings.NewReader(`[{"records":[{"parentrecordid":5001,"id":5100,"table":"detail","fields":[]}],"boundaries":{"start":0,"end":41},"id":5001,"table":"record","datasetid":300,"fields":[{"name":"City","value":"Lyon"}]}]`),
		olrest.DefaultFormat, true, func(r platen.Record) bool { records = append(records, r); return true })
	if err != nil || len(records) != 2 || records[0].ID != 5001 || records[1].Parent != 5001 || records[1].Depth != 1 {
		t.Errorf("got %+v, %v", records, err)
	}
	s, err := olrest.ReadJobSetStatistics(strings.NewReader(`{"jobSetId":4100,"counts":{"sheets":2,"pages":3,"new":{}},"media":[{"name":"Plain A4","type":"plain","size":{"width":"210mm","height":"297mm"},"color":null,"weight":"80gsm","count":3}],
		"documents":[{"documentId":77,"contentItemId":9001,"dataRecordId":5001,"properties":{"tag":"x"},"counts":{"sheets":2,"pages":3},"media":{"0":3}}],"later":[1]}`))
	want := &platen.Statistics{
		JobSet: 4100, Sheets: 2, Pages: 3,
		Media:      []platen.MediaCount{{Media: platen.Media{Name: "Plain A4", Type: "plain", Width: "210mm", Height: "297mm", Weight: "80gsm"}, Pages: 3}},
		ByDocument: []platen.DocumentStatistics{{Document: 77, Item: 9001, Record: 5001, Metadata: []platen.NameValue{{Name: "tag", Value: "x"}}, Sheets: 2, Pages: 3, ByMedia: map[int]int64{0: 3}}},
	}
	if d := cmp.Diff(want, s); err != nil || d != "" {
		t.Errorf("%v\n%s", err, d)
	}
	found := 0
	if err := olrest.ReadFound(strings.NewReader(`[[]]`), func(int, platen.Found) bool { found++; return true }); err != nil || found != 0 {
		t.Errorf("got %d, %v", found, err)
	}
}

// TestReadError: what an answer says is told, whoever has sent it.
func TestReadError(t *testing.T) {
	for name, test := range map[string]struct {
		status            int
		contentType, body string
		header            [2]string
		want              platen.Error
	}{
		"of the dialect":    {404, "application/json", `{"error":{"status":404,"message":"job 7 not found","parameter":"7"}}`, [2]string{}, platen.Error{Code: platen.NotFound, Message: "job 7 not found", Param: "7"}},
		"a number":          {404, "application/json", `{"error":{"message":"m","parameter":7}}`, [2]string{}, platen.Error{Code: platen.NotFound, Message: "m", Param: "7"}},
		"missing resource":  {400, "application/json", `{"error":{"message":"The specified Data Record passed into this method refers to a missing resource."}}`, [2]string{}, platen.Error{Code: platen.NotFound, Message: "The specified Data Record passed into this method refers to a missing resource."}},
		"to wait":           {503, "application/json", `{"error":{"message":"m"}}`, [2]string{"Retry-After", "7"}, platen.Error{Code: platen.Unavailable, Message: "m", RetryAfter: 7 * time.Second}},
		"to wait till then": {503, "application/json", `{"error":{"message":"m"}}`, [2]string{"Retry-After", "Mon, 02 Jan 2006 15:04:05 GMT"}, platen.Error{Code: platen.Unavailable, Message: "m"}},
		"to wait for ever":  {429, "application/json", `{"error":{"message":"m"}}`, [2]string{"Retry-After", "99999999999999999999"}, platen.Error{Code: platen.TooManyAttempts, Message: "m"}},
		"empty":             {500, "", "", [2]string{}, platen.Error{Code: platen.Internal, Message: "the server answered 500 Internal Server Error"}},
		"text":              {500, "text/plain", "no disk\n", [2]string{}, platen.Error{Code: platen.Internal, Message: "the server answered 500 Internal Server Error: no disk"}},
		"a page":            {502, "text/html; charset=utf-8", "<h1>Bad", [2]string{}, platen.Error{Code: platen.Unavailable, Message: "the server answered 502 Bad Gateway, with text/html: a proxy before the server may have sent it"}},
		"an empty 504":      {504, "", "", [2]string{}, platen.Error{Code: platen.Unavailable, Message: "the server answered 504 Gateway Timeout"}},
		"JSON of others":    {403, "application/json", `{"error":"denied"}`, [2]string{}, platen.Error{Code: platen.Forbidden, Message: "the server answered 403 Forbidden"}},
		"unknown status":    {418, "", "", [2]string{}, platen.Error{Code: platen.Invalid, Message: "the server answered 418 I'm a teapot"}},
		"redirect":          {301, "", "", [2]string{"Location", "https://elsewhere/"}, platen.Error{Code: platen.NotFound, Message: `the server answered 301 Moved Permanently, with "https://elsewhere/": the API never redirects; if the server is there now, use that address`}},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{"Content-Type": {test.contentType}}
			if test.header[0] != "" {
				header.Set(test.header[0], test.header[1])
			}
			got := olrest.ReadError(&http.Response{
				StatusCode: test.status, Status: fmt.Sprint(test.status, " ", http.StatusText(test.status)), Header: header, Body: io.NopCloser(strings.NewReader(test.body)),
			})
			if d := cmp.Diff(test.want, *got, cmp.AllowUnexported(platen.Error{})); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestReadAnswers: an answer that can not be read is no error of the caller.
func TestReadAnswers(t *testing.T) {
	lost := errors.New("connection reset")
	for name, read := range map[string]func(io.Reader) error{
		"identifiers": func(r io.Reader) error { _, err := olrest.ReadIdentifiers(r); return err },
		"pairs":       func(r io.Reader) error { _, err := olrest.ReadPairs(r); return err },
		"created":     func(r io.Reader) error { _, err := olrest.ReadCreated(r); return err },
		"record":      func(r io.Reader) error { _, err := olrest.ReadRecordOf(r); return err },
		"pages":       func(r io.Reader) error { _, err := olrest.ReadPages(r); return err },
		"statistics":  func(r io.Reader) error { _, err := olrest.ReadJobSetStatistics(r); return err },
		"operations":  func(r io.Reader) error { _, err := olrest.ReadOperations(r); return err },
		"contents":    func(r io.Reader) error { return olrest.ReadContents(r, func(platen.Content) bool { return true }) },
		"found":       func(r io.Reader) error { return olrest.ReadFound(r, func(int, platen.Found) bool { return true }) },
		"values":      func(r io.Reader) error { return olrest.ReadValues(r, func([]byte) error { return nil }) },
	} {
		for _, body := range []string{"", "<html>", "null", "7", `{"identifiers":`, `[{"id":`, "[[{"} {
			err := read(strings.NewReader(body))
			if err == nil || platen.ErrorCode(err) != platen.Internal {
				t.Errorf("%s, %q: got %v", name, body, err)
			}
		}
		for _, body := range []string{"", "{", "[", " [{", "nul"} {
			err := read(io.MultiReader(strings.NewReader(body), iotest.ErrReader(lost)))
			if !errors.Is(err, lost) || platen.ErrorCode(err) != platen.Internal {
				t.Errorf("%s, %q cut off: got %v", name, body, err)
			}
		}
	}
	if _, err := olrest.ReadText(strings.NewReader(strings.Repeat("x", 1<<20))); err == nil {
		t.Error("a text of a megabyte was taken")
	}
	for body, good := range map[string]bool{"true": true, "": true, "false": false, "true\n": false} {
		if err := olrest.ReadTrue(strings.NewReader(body)); (err == nil) != good || err != nil && platen.ErrorCode(err) != platen.Failed {
			t.Errorf("%q: got %v", body, err)
		}
	}
}
