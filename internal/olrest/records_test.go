package olrest_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

func nv(pairs ...string) []platen.NameValue {
	list := []platen.NameValue{}
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, platen.NameValue{Name: pairs[i], Value: pairs[i+1]})
	}
	return list
}

// wantError checks the code, a part of the message and the parameter.
func wantError(t *testing.T, err error, code platen.Code, message, param string) {
	t.Helper()
	e, ok := errors.AsType[*platen.Error](err)
	if !ok {
		t.Fatalf("got %v, want a platen.Error", err)
	}
	if e.Code != code || !strings.Contains(e.Message, message) || e.Param != param {
		t.Errorf("got code %d, %q, parameter %q; want code %d, %q, parameter %q", e.Code, e.Message, e.Param, code, message, param)
	}
}

func TestReadNewRecords(t *testing.T) {
	body := `[
	 {"datasetid": 300, "records": [
	  {"fields": [{"name":"City","value":"Lyon"},{"name":"Zip","value":0042e0,"x":1},{"name":"Note","value":null}]},
	  {"records": [{"records": [{"table":"part","fields":{"Name":"bolt"}}], "table":"detail", "fields":{"Qty":3.50,"Paid":true,"None":null}},
	    {"table":"extra"}],
	   "tables": {"detail":[{"fields":[{"name":"Qty","value":"4"}],"tables":{"part":[{},{"table":"part"}]}}],"none":[]},
	   "table": "record", "id": 7, "properties": [5], "fields": {"City":"Nice"}}]},
	 {"records": [{"fields":[],"table":"detail"}, {}], "table": "detail", "recordid": 5001},
	 {"datasetid": 301, "table": "record", "records": []}]`
	body = strings.Replace(body, "0042e0", "42e0", 1) // as JSON has it
	want := []platen.NewRecords{
		{DataSet: 300, Records: []platen.SourceRecord{
			{Table: "record", Fields: nv("City", "Lyon", "Zip", "42e0", "Note", "")},
			{Table: "record", Fields: nv("City", "Nice")},
			{Depth: 1, Table: "detail", Fields: nv("Qty", "3.50", "Paid", "true", "None", "")},
			{Depth: 2, Table: "part", Fields: nv("Name", "bolt")},
			{Depth: 1, Table: "extra"},
			{Depth: 1, Table: "detail", Fields: nv("Qty", "4")},
			{Depth: 2, Table: "part"},
			{Depth: 2, Table: "part"},
		}},
		{Parent: 5001, Table: "detail", Records: []platen.SourceRecord{{Table: "detail", Fields: nv()}, {Table: "detail"}}},
		{DataSet: 301},
	}
	got, err := olrest.ReadNewRecords([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got, err := olrest.ReadNewRecords([]byte(`[]`)); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

// nestedRecords is a body with that many levels of records.
func nestedRecords(levels int) string {
	return `[{"datasetid":300,"records":[` + strings.Repeat(`{"table":"record","records":[`, levels-1) + `{"table":"record"}` +
		strings.Repeat(`]}`, levels-1) + `]}]`
}

// manyFields is a list, or an object, of n fields.
func manyFields(n int, list bool) string {
	var b strings.Builder
	for i := range n {
		if list {
			fmt.Fprintf(&b, `,{"name":"f%d","value":"v"}`, i)
		} else {
			fmt.Fprintf(&b, `,"f%d":"v"`, i)
		}
	}
	if list {
		return "[" + b.String()[1:] + "]"
	}
	return "{" + b.String()[1:] + "}"
}

func TestReadNewRecordsErrors(t *testing.T) {
	root := func(record string) string { return `[{"datasetid":300,"records":[` + record + `]}]` }
	for _, test := range []struct{ body, message string }{
		{``, "the body is empty"},
		{`{}`, "the body must be a list, not an object"},
		{`[7]`, "at /0: an entry must be an object, not a number"},
		{`[[]]`, "an entry must be an object, not a list"},
		{`[{"records":[]}]`, "at /0: the entry has neither a datasetid nor a recordid"},
		{`[{"records":[],"datasetid":1,"recordid":2,"table":"detail"}]`, "at /0: the entry has both a datasetid and a recordid"},
		{`[{"datasetid":1}]`, "the entry has no records"},
		{`[{"datasetid":1,"records":null}]`, "at /0/records: records must be a list, not null"},
		{`[{"datasetid":0,"records":[]}]`, "at /0/datasetid: 0 is no identifier"},
		{`[{"datasetid":"1","records":[]}]`, "the id must be a number, not text"},
		{`[{"recordid":-1,"records":[]}]`, "-1 is no identifier"},
		{`[{"recordid":2,"records":[]}]`, "the entry has a recordid, but no table"},
		{`[{"recordid":2,"table":"","records":[]}]`, "at /0/table: the table is empty"},
		{`[{"recordid":2,"table":7,"records":[]}]`, "the table must be text, not a number"},
		{`[{"recordid":2,"table":"a","records":[{"table":"b"}]}]`, `the table of the entry is "a", that of a record in it is "b"`},
		{`[{"datasetid":1,"table":"detail","records":[]}]`, `the table of the records of a data set is "record", not "detail"`},
		{root(`7`), "at /0/records/0: a record must be an object, not a number"},
		{root(`{"fields":null}`), "at /0/records/0/fields: fields must be a list or an object, not null"},
		{root(`{"fields":"x"}`), "fields must be a list or an object, not text"},
		{root(`{"fields":[7]}`), "an entry must be an object, not a number"},
		{root(`{"fields":[{"value":""}]}`), "the entry has no name"},
		{root(`{"fields":[{"name":"a"}]}`), "the entry has no value"},
		{root(`{"fields":[{"name":null,"value":""}]}`), "the name must be text, not null"},
		{root(`{"fields":[{"name":"","value":""}]}`), "the name is empty"},
		{root(`{"fields":[{"name":"a","value":[]}]}`), "the value must be text, a number or a boolean, not a list"},
		{root(`{"fields":[{"name":"a","value":""},{"name":"a","value":""}]}`), `the name "a" is given twice`},
		{root(`{"fields":{"":"x"}}`), "the name is empty"},
		{root(`{"fields":{"a\u0000":"x"}}`), "the name holds U+0000"},
		{root(`{"fields":{"a":{}}}`), "at /0/records/0/fields/a: the value must be text, a number or a boolean, not an object"},
		{root(`{"fields":{"a":"x","a":"y"}}`), "malformed JSON"},
		{root(`{"fields":{"a":"\u0000"}}`), "the value holds U+0000"},
		{root(`{"records":[{}]}`), "at /0/records/0/records/0: the nested record has no table"},
		{root(`{"records":[{"table":""}]}`), "the table is empty"},
		{root(`{"tables":{"":[]}}`), "the table is empty"},
		{root(`{"tables":{"a\u0000":[]}}`), "the table holds U+0000"},
		{root(`{"tables":[]}`), "tables must be an object, not a list"},
		{root(`{"tables":{"a":{}}}`), "the records of a table must be a list, not an object"},
		{root(`{"tables":{"a":[{"table":"b"}]}}`), `the table of a record under "a" is "b"`},
		{root(`{"fields":` + manyFields(100_000, true) + `}`), "a record has more than 10000 fields"},
		{root(`{"fields":` + manyFields(100_000, false) + `}`), "a record has more than 10000 fields"},
		{nestedRecords(60), "records are nested in more than 50 levels"},
		{nestedRecords(platen.MaxRecordDepth + 1), "records are nested in more than 50 levels"},
		{root(`{`), "malformed JSON"},
		{root(`{"fields":[}`), "malformed JSON"},
		{`[] []`, "there is more after the end"},
	} {
		_, err := olrest.ReadNewRecords([]byte(test.body))
		if err == nil {
			t.Errorf("%.80s was accepted", test.body)
			continue
		}
		wantError(t, err, platen.Invalid, test.message, "")
	}
}

func TestReadNewRecordsLimits(t *testing.T) {
	const none = `{"datasetid":1,"records":[]}`
	if got, err := olrest.ReadNewRecords([]byte("[" + strings.Repeat(none+",", 99_999) + none + "]")); err != nil || len(got) != 100_000 {
		t.Errorf("%d lists without records: %v", len(got), err)
	}
	_, err := olrest.ReadNewRecords([]byte("[" + strings.Repeat(none+",", 100_000) + none + "]"))
	wantError(t, err, platen.Invalid, "more than 100000 lists of records", "")
	got, err := olrest.ReadNewRecords([]byte(nestedRecords(platen.MaxRecordDepth)))
	if err != nil {
		t.Fatal(err)
	}
	if records := got[0].Records; len(records) != platen.MaxRecordDepth || records[len(records)-1].Depth != platen.MaxRecordDepth-1 {
		t.Errorf("got %d records", len(got[0].Records))
	}
	for _, list := range []bool{true, false} {
		got, err := olrest.ReadNewRecords([]byte(`[{"recordid":1,"table":"a","records":[{"fields":` + manyFields(platen.MaxFields, list) + `}]}]`))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(got[0].Records[0].Fields); n != platen.MaxFields {
			t.Errorf("got %d fields", n)
		}
	}
}

func TestReadRecordQuery(t *testing.T) {
	ids := func(ids ...platen.ID) []platen.ID { return append([]platen.ID{}, ids...) }
	for body, want := range map[string]olrest.RecordQuery{
		`{"recordids":[]}`: {IDs: ids()},
		`{"recordids":[3,1,3],"recursive":true,"outputFormat":"default","optimized":false,"batchsize":1000,"x":[]}`: {IDs: ids(3, 1, 3), Recursive: true},
		`{"optimized":true,"recordids":[3,1,3,9007199254740991],"batchsize":1}`:                                     {IDs: ids(1, 3, platen.MaxID), Optimized: true},
		`{"recordids":[1],"explicitTypes":true}`:                                                                    {IDs: ids(1), Format: olrest.ExplicitTypes},
		`{"recordids":[1],"explicitTypes":false}`:                                                                   {IDs: ids(1)},
		`{"recordids":[1],"outputFormat":"simplified","explicitTypes":true}`:                                        {IDs: ids(1), Format: olrest.Simplified},
		`{"recordids":[1],"explicitTypes":true,"outputFormat":"default"}`:                                           {IDs: ids(1)},
		`{"recordids":[1],"outputFormat":"explicitTypes"}`:                                                          {IDs: ids(1), Format: olrest.ExplicitTypes},
	} {
		got, err := olrest.ReadRecordQuery([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", body, d)
		}
	}

	refers := "The specified Data Record passed into this method refers to a missing resource: data record "
	many := strings.Repeat("1,", 100_000)
	if _, err := olrest.ReadRecordQuery([]byte(`{"recordids":[` + many[:len(many)-1] + `]}`)); err != nil {
		t.Error(err)
	}
	for _, test := range []struct{ body, message, param string }{
		{``, "the body is empty", ""},
		{`[]`, "the body must be an object, not a list", ""},
		{`{}`, "recordids are missing", ""},
		{`{"recordids":7}`, "at /recordids: recordids must be a list, not a number", ""},
		{`{"recordids":["7"]}`, "at /recordids/0: the id must be a number, not text", ""},
		{`{"recordids":[null]}`, "the id must be a number, not null", ""},
		{`{"recordids":[7.0]}`, "the id must be a whole number", ""},
		{`{"recordids":[5,0,-1]}`, refers + "0 not found", "0"},
		{`{"recordids":[-1]}`, refers + "-1 not found", "-1"},
		{`{"recordids":[9007199254740992]}`, refers + "9007199254740992 not found", "9007199254740992"},
		{`{"recordids":[0],"recursive":"yes"}`, "at /recursive: recursive must be true or false", ""},
		{`{"recordids":[` + many + `1]}`, "there are more than 100000 ids", ""},
		{`{"recordids":[1],"explicitTypes":1}`, "explicitTypes must be true or false, not 1", ""},
		{`{"recordids":[1],"optimized":null}`, "optimized must be true or false, not null", ""},
		{`{"recordids":[1],"outputFormat":"xml"}`, `outputFormat must be one of default, explicitTypes, simplified, not "xml"`, "xml"},
		{`{"recordids":[1],"outputFormat":""}`, `outputFormat must be one of default, explicitTypes, simplified, not ""`, ""},
		{`{"recordids":[1],"outputFormat":null}`, "the outputFormat must be text, not null", ""},
		{`{"recordids":[1],"batchsize":0}`, "at /batchsize: batchsize must be a whole number from 1 up, not 0", ""},
		{`{"recordids":[1],"batchsize":1.5}`, "not 1.5", ""},
		{`{"recordids":[1],"batchsize":"9"}`, `not "9"`, ""},
		{`{"recordids":[1],"recordids":[2]}`, "malformed JSON", ""},
		{`{"recordids":[1}`, "malformed JSON", ""},
	} {
		_, err := olrest.ReadRecordQuery([]byte(test.body))
		wantError(t, err, platen.Invalid, test.message, test.param)
	}
	wantError(t, olrest.UnknownRecord("5001"), platen.Invalid, refers+"5001 not found", "5001")
}

func TestParseRecordQuery(t *testing.T) {
	for text, want := range map[string]olrest.RecordQuery{
		"":                                   {},
		"recursive=TRUE&explicitTypes=False": {Recursive: true},
		"explicitTypes=true":                 {Format: olrest.ExplicitTypes},
		"explicitTypes=true&outputFormat=simplified": {Format: olrest.Simplified},
		"id=3&id=1&id=3&recursive=false":             {IDs: []platen.ID{3, 1, 3}},
		"Recursive=x&ID=x&outputformat=x&other=1":    {},
	} {
		values, err := url.ParseQuery(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := olrest.ParseRecordQuery(values)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", text, d)
		}
	}
	for _, test := range []struct {
		text    string
		code    platen.Code
		message string
		param   string
	}{
		{"recursive=", platen.Invalid, `recursive must be one of true, false, not ""`, ""},
		{"recursive=1", platen.Invalid, `recursive must be one of true, false, not "1"`, "1"},
		{"explicitTypes=yes", platen.Invalid, `explicitTypes must be one of true, false, not "yes"`, "yes"},
		{"outputFormat=Simplified", platen.Invalid, `outputFormat must be one of default, explicitTypes, simplified, not "Simplified"`, "Simplified"},
		{"outputFormat=", platen.Invalid, "outputFormat must be one of", ""},
		{"id=1&id=x", platen.NotFound, `data record "x" not found`, "x"},
		{"id=0", platen.NotFound, `data record "0" not found`, "0"},
		{"id=", platen.NotFound, `data record "" not found`, ""},
	} {
		values, err := url.ParseQuery(test.text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = olrest.ParseRecordQuery(values)
		wantError(t, err, test.code, test.message, test.param)
	}
	_, err := olrest.ParseRecordQuery(url.Values{"id": slices.Repeat([]string{"1"}, 100_001)})
	wantError(t, err, platen.Invalid, "there are more than 100000 ids", "")
}

func TestReadFieldUpdate(t *testing.T) {
	ref := platen.Ref{Kind: platen.DataRecord, ID: 5001}
	for body, want := range map[string][]platen.NameValue{
		`{"id":5001,"fields":[{"name":"City","value":"Nice"},{"name":"Since","value":1764000000}]}`: nv("City", "Nice", "Since", "1764000000"),
		`[{"fields":{"City":null,"Paid":false},"id":5001}]`:                                         nv("City", "", "Paid", "false"),
		`{"id":5001,"records":[{"name":"City","value":null}]}`:                                      nv("City", ""),
		`{"id":5001,"records":{"City":"Nice"}}`:                                                     nv("City", "Nice"),
		`{"id":5001,"records":[{"id":5100,"table":"detail"}],"fields":{"City":"Nice"}}`:             nv("City", "Nice"),
		`{"id":5001,"fields":[],"records":7}`:                                                       nv(),
	} {
		got, err := olrest.ReadFieldUpdate([]byte(body), ref)
		if err != nil {
			t.Errorf("%s: %v", body, err)
		} else if d := cmp.Diff(platen.Update{ID: 5001, Pairs: want}, got); d != "" {
			t.Errorf("%s: %s", body, d)
		}
	}
	for _, test := range []struct {
		body    string
		code    platen.Code
		message string
		param   string
	}{
		{`{"id":5001}`, platen.Invalid, "fields are missing", ""},
		{`{"id":5001,"properties":[]}`, platen.Invalid, "fields are missing", ""},
		{`{"id":5001,"fields":7}`, platen.Invalid, "at /fields: fields must be a list or an object, not a number", ""},
		{`[{"id":5001,"records":[{"name":"a","value":[]}]}]`, platen.Invalid, "at /0/records/0/value: the value must be text, a number or a boolean, not a list", ""},
		{`{"id":5001,"records":null}`, platen.Invalid, "at /records: records must be a list or an object, not null", ""},
		{`{"id":5001,"fields":` + manyFields(100_000, false) + `}`, platen.Invalid, "more than 10000 fields", ""},
		{`{"id":5002,"fields":[]}`, platen.Mismatch, "the id in the JSON (5002) is not that of the data record in the path (5001)", "5001"},
		{`{"fields":[]}`, platen.Mismatch, "the JSON has no id", "5001"},
		{`[]`, platen.Invalid, "not an empty list", ""},
		{`{]`, platen.Invalid, "malformed JSON", ""},
	} {
		_, err := olrest.ReadFieldUpdate([]byte(test.body), ref)
		wantError(t, err, test.code, test.message, test.param)
	}
	// What was read at another place before must not show in a later error.
	_, err := olrest.ReadFieldUpdate([]byte(`{"fields":7}`), ref)
	wantError(t, err, platen.Invalid, "at /fields: ", "")
}

func TestReadFieldUpdates(t *testing.T) {
	got, err := olrest.ReadFieldUpdates([]byte(`[{"id":1,"fields":{"a":"b"}},{"id":2,"records":[{"name":"c","value":null}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]platen.Update{{ID: 1, Pairs: nv("a", "b")}, {ID: 2, Pairs: nv("c", "")}}, got); d != "" {
		t.Error(d)
	}
	for _, test := range []struct {
		body    string
		code    platen.Code
		message string
		param   string
	}{
		{`{}`, platen.Invalid, "the body must be a list, not an object", ""},
		{`[{"fields":[]}]`, platen.Invalid, "the entry has no id", ""},
		{`[{"id":1}]`, platen.Invalid, "fields are missing", ""},
		{`[{"id":1,"fields":[}]`, platen.Invalid, "malformed JSON", ""},
		{`[{"id":0,"fields":[]}]`, platen.NotFound, "data record 0 not found", "0"},
		{`[{"id":1,"fields":[]},{"id":2,"records":7}]`, platen.Invalid, "at /1/records: records must be a list or an object, not a number", ""},
	} {
		_, err := olrest.ReadFieldUpdates([]byte(test.body))
		wantError(t, err, test.code, test.message, test.param)
	}
}

// recordSeeds are bodies about records that have to be thought of.
var recordSeeds = append([]string{
	`[{"datasetid":300,"records":[{"fields":[{"name":"City","value":null}],"records":[{"table":"detail","fields":{"Qty":3}}],"tables":{"part":[{}]}}]}]`,
	`[{"recordid":5001,"table":"detail","records":[{"fields":{"a":true,"b":1e9,"c":null}}]}]`,
	`{"recordids":[3,1,0,-1,9007199254740992],"recursive":true,"outputFormat":"simplified","explicitTypes":false,"optimized":true,"batchsize":1000}`,
	`{"id":7,"fields":{"a":null}}`, `[{"id":7,"records":[{"name":"a","value":null}]}]`, `{"records":{"a":[]},"id":7}`,
	nestedRecords(platen.MaxRecordDepth + 1),
}, seeds...)

func FuzzReadNewRecords(f *testing.F) {
	for _, seed := range recordSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := olrest.ReadNewRecords(body)
		if err != nil {
			allowed(t, err, platen.Invalid)
			return
		}
		for _, added := range all {
			if added.DataSet.Valid() == added.Parent.Valid() || added.Parent.Valid() == (added.Table == "") {
				t.Errorf("data set %d, record %d, table %q was accepted", added.DataSet, added.Parent, added.Table)
			}
			depth := -1
			for _, record := range added.Records {
				if record.Depth < 0 || record.Depth > depth+1 || record.Depth >= platen.MaxRecordDepth || record.Table == "" || platen.CheckText(record.Table) != "" {
					t.Errorf("table %q at depth %d after depth %d", record.Table, record.Depth, depth)
				}
				depth = record.Depth
				roundTrip(t, record.Fields)
			}
		}
	})
}

func FuzzReadRecordQuery(f *testing.F) {
	for _, seed := range recordSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		query, err := olrest.ReadRecordQuery(body)
		if err != nil {
			allowed(t, err, platen.Invalid)
			return
		}
		for i, id := range query.IDs {
			if !id.Valid() || query.Optimized && i > 0 && id <= query.IDs[i-1] {
				t.Errorf("ids %d were accepted", query.IDs)
			}
		}
	})
}

func FuzzReadFieldUpdate(f *testing.F) {
	for _, seed := range recordSeeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		update, err := olrest.ReadFieldUpdate(body, platen.Ref{Kind: platen.DataRecord, ID: 7})
		if err != nil {
			allowed(t, err, platen.Invalid, platen.Mismatch)
		} else {
			roundTrip(t, update.Pairs)
		}
		updates, err := olrest.ReadFieldUpdates(body)
		if err != nil {
			allowed(t, err, platen.Invalid, platen.NotFound)
		}
		for _, update := range updates {
			roundTrip(t, update.Pairs)
		}
	})
}
