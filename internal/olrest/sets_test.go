package olrest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/spool"
	"github.com/platenhq/platen/internal/transfer"
)

var (
	_ olrest.JobSetSink     = (*spool.JobSet)(nil)
	_ olrest.DataSetSink    = (*spool.DataSet)(nil)
	_ olrest.ContentSetSink = (*spool.ContentSet)(nil)
)

// A set is what the tests need of each kind of set that has a document.
type set struct {
	// export reads a document into a spool, and what that gives into a
	// document. given are the identifiers in it.
	export func(t *testing.T, document io.Reader) (exported string, given platen.IDRange, err error)
}

var dataSets = set{func(t *testing.T, document io.Reader) (string, platen.IDRange, error) {
	source, err := spool.Temp.NewDataSet()
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if err := olrest.ReadDataSet(document, source); err != nil {
		return "", platen.IDRange{}, err
	}
	var b bytes.Buffer
	w := olrest.NewSetWriter(&b)
	err = errors.Join(
		w.BeginDataSet(source.DataSet(), source.Schema()),
		source.Read(func(r *platen.SourceRecord) error {
			record := &platen.Record{ID: r.ID, Table: r.Table, Depth: r.Depth, Fields: platen.EncodeList(r.Fields)}
			record.Lists[platen.Properties] = r.Properties
			return w.Record(record)
		}),
		w.Close(),
	)
	if err != nil {
		t.Fatal("export:", err)
	}
	return b.String(), source.ExplicitIDs(), nil
}}

var contentSets = set{func(t *testing.T, document io.Reader) (string, platen.IDRange, error) {
	source, err := spool.Temp.NewContentSet()
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if err := olrest.ReadContentSet(document, source); err != nil {
		return "", platen.IDRange{}, err
	}
	var b bytes.Buffer
	w := olrest.NewSetWriter(&b)
	if err := errors.Join(w.BeginContentSet(source.ContentSet()), source.Read(w.Item), w.Close()); err != nil {
		t.Fatal("export:", err)
	}
	return b.String(), source.ExplicitIDs(), nil
}}

// wantExport checks the export of a document, and that its import gives the
// same again.
func (s set) wantExport(t *testing.T, document, want string) {
	t.Helper()
	exported, given, err := s.export(t, strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want+"\n", exported); d != "" {
		t.Error(d)
	}
	again, givenAgain, err := s.export(t, strings.NewReader(exported))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(exported, again); d != "" {
		t.Error("the second export:", d)
	}
	if given != givenAgain {
		t.Errorf("identifiers from %v, after an export from %v", given, givenAgain)
	}
}

// wantRefused checks that a document is refused, and why.
func (s set) wantRefused(t *testing.T, document, message string) {
	t.Helper()
	_, _, err := s.export(t, strings.NewReader(document))
	if platen.ErrorCode(err) != platen.Invalid || !strings.Contains(fmt.Sprint(err), message) {
		t.Errorf("%s\n got: %v\nwant: %s", abridge(document), err, message)
	}
}

func abridge(document string) string {
	const most = 300
	if len(document) > most {
		return document[:most] + "…"
	}
	return document
}

const dataSet = `{"id":300,"properties":[{"name":"source","value":"a \"b\" ü"}],"metadata":[{"name":"m","value":""}],` +
	`"schema":{"columns":{"Zip":"STRING","City":"HTMLSTRING","Paid":"BOOLEAN"},"tables":{"detail":{"columns":{"Qty":"INTEGER","At":"DATETIME"},"tables":{"note":{},"a":{"columns":{"x":"FLOAT"}}}},"b":{"columns":{"y":"CURRENCY"}}}},` +
	`"records":[` +
	`{"id":5001,"fields":[{"name":"City","value":"Lyon"},{"name":"Paid","value":"true"}],"properties":[{"name":"p","value":"1"}],"records":[` +
	`{"id":5100,"table":"detail","fields":[{"name":"Qty","value":"2"}],"records":[{"id":4999,"table":"note","fields":[]}]},` +
	`{"id":5101,"table":"b","fields":[],"properties":[{"name":"q","value":"2"}]}]},` +
	`{"fields":[]},` +
	`{"fields":[{"name":"b","value":""},{"name":"a","value":"2.50"}],"records":[{"table":"é","fields":[]}]}]}`

func TestDataSets(t *testing.T) {
	for _, test := range []struct{ name, document, want string }{
		{"all that there is", dataSet, dataSet},
		{"the least", `{"records":[]}`, `{"records":[]}`},
		{"nothing in the lists", `{"properties":[],"schema":{"columns":{},"tables":{}},"records":[{"properties":[],"fields":{},"records":[]}]}`, `{"records":[{"fields":[]}]}`},
		{"the rest after the records",
			` { "records" : [ {"records":[{"records":[],"fields":{"x":1},"table":"t","id":7}],"properties":[{"name":"p","value":"q"}],"fields":{"y":2},"table":"record","id":6} ] , "schema":{"tables":{"t":{"columns":{"x":"INTEGER"}}}}, "id":5 } `,
			`{"id":5,"schema":{"tables":{"t":{"columns":{"x":"INTEGER"}}}},"records":[{"id":6,"fields":[{"name":"y","value":"2"}],"properties":[{"name":"p","value":"q"}],"records":[{"id":7,"table":"t","fields":[{"name":"x","value":"1"}]}]}]}`},
		{"fields of all forms",
			`{"records":[{"fields":{"text":"\u00e9","number":1.50e3,"boolean":false,"null":null,"empty":""}},{"fields":[{"name":"n","value":-0},{"value":null,"name":"z","more":{}}]}]}`,
			`{"records":[{"fields":[{"name":"text","value":"é"},{"name":"number","value":"1.50e3"},{"name":"boolean","value":"false"},{"name":"null","value":""},{"name":"empty","value":""}]},{"fields":[{"name":"n","value":"-0"},{"name":"z","value":""}]}]}`},
		{"unknown keys", `{"x":[{}],"schema":{"x":1},"records":[{"x":1,"fields":{}},{"x":1,"records":[]},{}]}`, `{"records":[{"fields":[]},{"fields":[]},{"fields":[]}]}`},
		{"every type", `{"schema":{"columns":{"g":"STRING","f":"HTMLSTRING","e":"BOOLEAN","d":"INTEGER","c":"FLOAT","b":"DATETIME","a":"CURRENCY"}},"records":[]}`,
			`{"schema":{"columns":{"g":"STRING","f":"HTMLSTRING","e":"BOOLEAN","d":"INTEGER","c":"FLOAT","b":"DATETIME","a":"CURRENCY"}},"records":[]}`},
		{"the deepest record", `{"records":[` + nestedLevels(platen.MaxRecordDepth) + `]}`, `{"records":[` + nestedLevels(platen.MaxRecordDepth) + `]}`},
	} {
		t.Run(test.name, func(t *testing.T) { dataSets.wantExport(t, test.document, test.want) })
	}
	_, given, err := dataSets.export(t, strings.NewReader(dataSet))
	if want := (platen.IDRange{First: 300, Last: 5101}); err != nil || given != want {
		t.Errorf("given identifiers are %v, %v, want %v", given, err, want)
	}
}

// nestedLevels is a record with others in it, one in the other.
func nestedLevels(depth int) string {
	return `{"fields":[]` + strings.Repeat(`,"records":[{"table":"t","fields":[]`, depth-1) + strings.Repeat(`}]`, depth-1) + `}`
}

// manyKeys is an object with that many keys.
func manyKeys(count int, value string) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, `,"k%d":%s`, i, value)
	}
	return `{` + b.String()[1:] + `}`
}

func TestDataSetsRefused(t *testing.T) {
	record := func(record string) string { return `{"records":[` + record + `]}` }
	schema := func(schema string) string { return `{"schema":` + schema + `,"records":[]}` }
	for document, message := range map[string]string{
		``:                                      "the body is empty; it must be a data set document",
		" \n":                                   "the body is empty",
		`[]`:                                    "a data set must be an object, not a list",
		`null`:                                  "a data set must be an object, not null",
		`{"id":300}`:                            "the data set has no list of records",
		`{"records":null}`:                      "records must be a list, not null",
		`{"records":{}}`:                        "records must be a list, not an object",
		`{"records":[`:                          "ends too early",
		`{"records":[{}]} {}`:                   "more after the end",
		`{"records":[],"records":[]}`:           "/records",
		`{"id":0,"records":[]}`:                 "0 is no identifier",
		`{"id":null,"records":[]}`:              "null is no identifier",
		`{"properties":{},"records":[]}`:        "properties must be a list",
		record(`7`):                             "at /records/0: a data record must be an object, not a number",
		record(`{"id":"7"}`):                    "the id must be a number, not text",
		record(`{"id":9007199254740992}`):       "is no identifier",
		record(`{"table":"detail"}`):            `the table of a record that is in no other is "record", not "detail"`,
		record(`{"table":""}`):                  "the table is empty",
		record(`{"table":"a\u0000"}`):           "the table holds U+0000",
		record(`{"field":{"a":"b"}}`):           `neither fields nor records, but an unknown key "field"`,
		record(`{"fields":{},"tables":{}}`):     "not in tables",
		record(`{"records":[{"fields":[]}]}`):   "at /records/0/records/0: the nested record has no table",
		record(`{"records":[{"table":""}]}`):    "the table is empty",
		record(`{"records":[{"table":7}]}`):     "the table must be text, not a number",
		record(`{"records":{}}`):                "records must be a list",
		record(`{"fields":null}`):               "fields must be a list or an object, not null",
		record(`{"fields":"x"}`):                "fields must be a list or an object, not text",
		record(`{"fields":{"a":[]}}`):           "the value must be text, a number or a boolean, not a list",
		record(`{"fields":{"":"x"}}`):           "the name is empty",
		record(`{"fields":{"a":1,"a":2}}`):      "duplicate",
		record(`{"fields":{"a\u0000":1}}`):      "the name holds U+0000",
		record(`{"fields":{"a":"\u0000"}}`):     "the value holds U+0000",
		record(`{"fields":[{"name":"a"}]}`):     "the entry has no value",
		record(`{"fields":[{"value":"a"}]}`):    "the entry has no name",
		record(`{"properties":[{"name":"a"}]}`): "the entry has no value",
		record("{\"fields\":{\"a\":\"\xff\"}}"): "invalid UTF-8",
		record(nestedLevels(51)):                "nested in more than 50 levels",
		record(`{"fields":[{"name":"a","value":1},{"name":"a","value":2}]}`): `the name "a" is given twice`,
		record(`{"fields":` + manyKeys(platen.MaxFields+1, `""`) + `}`):      "a record has more than 10000 fields",
		schema(`null`):                                                          "a table must be an object, not null",
		schema(`{"columns":[]}`):                                                "columns must be an object, not a list",
		schema(`{"columns":{"a":"TEXT"}}`):                                      `at /schema/columns/a: the type must be one of STRING, HTMLSTRING, BOOLEAN, INTEGER, FLOAT, DATETIME, CURRENCY, not "TEXT"`,
		schema(`{"columns":{"a":"string"}}`):                                    `not "string"`,
		schema(`{"columns":{"a":null}}`):                                        "the type must be text, not null",
		schema(`{"columns":{"":"STRING"}}`):                                     "the name is empty",
		schema(`{"columns":{"a":"STRING","a":"STRING"}}`):                       "duplicate",
		schema(`{"columns":` + manyKeys(platen.MaxColumns+1, `"STRING"`) + `}`): "the data set has more than 10000 columns",
		schema(`{"columns":` + manyKeys(platen.MaxColumns, `"STRING"`) + `,"tables":{"a":{"columns":{"b":"STRING"}}}}`): "the data set has more than 10000 columns",
		schema(`{"tables":` + manyKeys(platen.MaxTables+1, `{}`) + `}`):                                                 "the data set has more than 1000 tables",
		schema(`{"tables":{"a":{"tables":` + manyKeys(platen.MaxTables, `{}`) + `}}}`):                                  "the data set has more than 1000 tables",
		schema(`{"tables":[]}`):              "tables must be an object, not a list",
		schema(`{"tables":{"":{}}}`):         "the name is empty",
		schema(`{"tables":{"a":{},"a":{}}}`): "duplicate",
		schema(`{"tables":{"a":7}}`):         "a table must be an object, not a number",
		schema(strings.Repeat(`{"tables":{"a":`, 50) + `{}` + strings.Repeat(`}}`, 50)): "tables are nested in more than 50 levels",
	} {
		dataSets.wantRefused(t, document, message)
	}
}

const contentSet = `{"id":700,"properties":[{"name":"name","value":"letters"}],"metadata":[{"name":"m","value":"v"}],"type":"print","contentitems":[` +
	`{"id":9001,"datarecord":5001,"properties":[{"name":"p","value":"1"}],"pages":[{"count":2,"duplex":true,"media":{"name":"Plain A4","type":"plain","size":"A4","width":"210mm","height":"297mm","color":"white","weight":"80gsm"}},{"count":1}],"template":"letter.OL-template"},` +
	`{"datarecord":5000},` +
	`{"datarecord":5001,"template":"letter.OL-template"},` +
	`{"datarecord":5001,"template":"letter.OL-template"}]}`

func TestContentSets(t *testing.T) {
	for _, test := range []struct{ name, document, want string }{
		{"all that there is", contentSet, contentSet},
		{"the least", `{"contentitems":[]}`, `{"contentitems":[]}`},
		{"nothing in the lists", `{"properties":[],"contentitems":[{"datarecord":1,"properties":[],"pages":[]},{"datarecord":1,"template":""},{"datarecord":1,"pages":[{"count":1,"media":{}}]}]}`,
			`{"contentitems":[{"datarecord":1},{"datarecord":1},{"datarecord":1,"pages":[{"count":1}]}]}`},
		{"the rest after the items", `{"contentitems":[{"template":"t","pages":[{"media":{"name":"A"},"count":3}],"datarecord":2,"id":1}],"type":"email","id":3}`,
			`{"id":3,"type":"email","contentitems":[{"id":1,"datarecord":2,"pages":[{"count":3,"media":{"name":"A"}}],"template":"t"}]}`},
		{"media of all forms", `{"type":"default","contentitems":[{"datarecord":1,"pages":[{"count":1,"duplex":false,"media":{"name":null,"width":210,"weight":80.50,"color":"<é>","front":[]}}]}]}`,
			`{"type":"default","contentitems":[{"datarecord":1,"pages":[{"count":1,"media":{"name":"","width":"210","color":"\u003cé\u003e","weight":"80.50"}}]}]}`},
		{"unknown keys", `{"records":[],"contentitems":[{"x":{},"datarecord":1,"pages":[{"x":1,"count":1}]}]}`, `{"contentitems":[{"datarecord":1,"pages":[{"count":1}]}]}`},
	} {
		t.Run(test.name, func(t *testing.T) { contentSets.wantExport(t, test.document, test.want) })
	}
	_, given, err := contentSets.export(t, strings.NewReader(contentSet))
	if want := (platen.IDRange{First: 700, Last: 9001}); err != nil || given != want {
		t.Errorf("given identifiers are %v, %v, want %v", given, err, want)
	}
}

func TestContentSetsRefused(t *testing.T) {
	item := func(item string) string { return `{"contentitems":[` + item + `]}` }
	pages := func(pages string) string { return item(`{"datarecord":1,"pages":` + pages + `}`) }
	for document, message := range map[string]string{
		``:                                 "the body is empty; it must be a content set document",
		`"x"`:                              "a content set must be an object, not text",
		`{"type":"print"}`:                 "the content set has no list of contentitems",
		`{"contentitems":null}`:            "contentitems must be a list, not null",
		`{"contentitems":[]`:               "ends too early",
		`{"contentitems":[]}]`:             "malformed JSON",
		`{"id":-1,"contentitems":[]}`:      "-1 is no identifier",
		`{"type":"web","contentitems":[]}`: `the type must be one of print, email, default, not "web"`,
		`{"type":"","contentitems":[]}`:    `not ""`,
		`{"type":null,"contentitems":[]}`:  "the type must be text, not null",
		item(`[]`):                         "a content item must be an object, not a list",
		item(`{"id":1}`):                   "at /contentitems/0: the content item has no datarecord",
		item(`{"datarecord":null}`):        "null is no identifier",
		item(`{"datarecord":"1"}`):         "the id must be a number, not text",
		item(`{"datarecord":1.0}`):         "whole number",
		item(`{"datarecord":1,"id":0}`):    "0 is no identifier",
		item(`{"datarecord":1,"properties":[{"name":"","value":""}]}`): "the name is empty",
		item(`{"datarecord":1,"template":null}`):                       "the template must be text, not null",
		item(`{"datarecord":1,"template":"\u0000"}`):                   "the template holds U+0000",
		pages(`null`):                                    "pages must be a list, not null",
		pages(`[7]`):                                     "an entry of pages must be an object, not a number",
		pages(`[{}]`):                                    "at /contentitems/0/pages/0: the entry has no count",
		pages(`[{"count":0}]`):                           "the count must be a whole number from 1 up, not 0",
		pages(`[{"count":"1"}]`):                         "the count must be a whole number",
		pages(`[{"count":1.5}]`):                         "the count must be a whole number",
		pages(`[{"count":2147483649}]`):                  "the count must be a whole number",
		pages(`[{"count":1,"duplex":"true"}]`):           "duplex must be true or false",
		pages(`[{"count":1,"media":null}]`):              "media must be an object, not null",
		pages(`[{"count":1,"media":[]}]`):                "media must be an object, not a list",
		pages(`[{"count":1,"media":{"size":[]}}]`):       "the size must be text, not a list",
		pages(`[{"count":1,"media":{"color":true}}]`):    "the color must be text, not a boolean",
		pages(`[{"count":1,"media":{"name":"\u0000"}}]`): "the name holds U+0000",
	} {
		contentSets.wantRefused(t, document, message)
	}
}

// The keys of a record may come in any order, before and after those that are
// nested in it.
func TestDataSetKeyOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	id := 0
	// record returns a record with its keys in order, and in any order.
	var record func(depth int) (ordered, shuffled string)
	record = func(depth int) (string, string) {
		id++
		keys := []string{fmt.Sprintf(`"id":%d`, id)}
		if depth > 0 {
			keys = append(keys, fmt.Sprintf(`"table":"t%d"`, id%3))
		}
		keys = append(keys, fmt.Sprintf(`"fields":[{"name":"f","value":"%d"}]`, id))
		if random.IntN(2) == 0 {
			keys = append(keys, fmt.Sprintf(`"properties":[{"name":"p","value":"%d"}]`, id))
		}
		shuffledKeys := slices.Clone(keys)
		if depth < 4 && random.IntN(3) > 0 {
			var ordered, shuffled []string
			for range 1 + random.IntN(3) {
				a, b := record(depth + 1)
				ordered, shuffled = append(ordered, a), append(shuffled, b)
			}
			keys = append(keys, `"records":[`+strings.Join(ordered, ",")+`]`)
			shuffledKeys = append(shuffledKeys, `"records":[`+strings.Join(shuffled, ",")+`]`)
		}
		random.Shuffle(len(shuffledKeys), func(i, j int) { shuffledKeys[i], shuffledKeys[j] = shuffledKeys[j], shuffledKeys[i] })
		return `{` + strings.Join(keys, ",") + `}`, `{` + strings.Join(shuffledKeys, ",") + `}`
	}
	var ordered, shuffled []string
	for range 100 {
		a, b := record(0)
		ordered, shuffled = append(ordered, a), append(shuffled, b)
	}
	document := func(records []string) string { return `{"records":[` + strings.Join(records, ",") + `]}` }
	dataSets.wantExport(t, document(shuffled), document(ordered))
}

// A document may be of any size, and so what is nested in a record, but not a
// record or item by itself.
func TestSetsOfAnySize(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes long: not with -short")
	}
	const most = 16 << 20
	part := strings.Repeat("x", most*2/3)
	for _, test := range []struct {
		name, document string
		set            set
		tooLarge       bool
	}{
		{"many records", `{"records":[{},{"fields":{"a":"%s"}},{"fields":{"a":"%[1]s"}}]}`, dataSets, false},
		{"a record", `{"records":[{},{"fields":{"a":"%s","b":"%[1]s"}}]}`, dataSets, true},
		{"many records in one", `{"records":[{"fields":{"a":"%s"},"records":[{"table":"t","fields":{"a":"%[1]s"}},{"table":"t","fields":{"b":"%[1]s"}}]}]}`, dataSets, false},
		{"the rest after a nested record", `{"records":[{"records":[{"table":"t","fields":{"a":"%s"}}],"fields":{"a":"%[1]s"}},{}]}`, dataSets, false},
		{"a nested record", `{"records":[{"records":[{"table":"t","fields":{"a":"%s","b":"%[1]s"}}]}]}`, dataSets, true},
		{"unknown keys of records in each other", `{"records":[{"x":"%s","records":[{"table":"t","x":"%[1]s","records":[{"table":"t","fields":[],"x":"%[1]s"}]}]}]}`, dataSets, true},
		{"unknown keys of records beside each other", `{"records":[{"records":[{"table":"t","fields":[],"x":"%s"},{"table":"t","fields":[],"x":"%[1]s"},{"table":"t","fields":[],"x":"%[1]s"}]}]}`, dataSets, false},
		{"many items", `{"contentitems":[{"datarecord":1},{"datarecord":1,"template":"%s"},{"datarecord":1,"template":"%[1]s"}]}`, contentSets, false},
		{"an item", `{"contentitems":[{"datarecord":1},{"datarecord":1,"template":"%s","x":"%[1]s"}]}`, contentSets, true},
	} {
		_, _, err := test.set.export(t, strings.NewReader(fmt.Sprintf(test.document, part)))
		if test.tooLarge && (platen.ErrorCode(err) != platen.TooLarge || !strings.Contains(fmt.Sprint(err), "over 16 MiB")) || !test.tooLarge && err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// The errors of what a document is read from, and read into, are not ours.
func TestSetErrors(t *testing.T) {
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		set      set
		document string
	}{"data set": {dataSets, dataSet}, "content set": {contentSets, contentSet}} {
		for _, length := range []int{0, 1, 100, len(test.document) - 1} {
			_, _, err := test.set.export(t, io.MultiReader(strings.NewReader(test.document[:length]), iotest.ErrReader(broken)))
			if err != broken {
				t.Errorf("%s broken after %d bytes: %v", name, length, err)
			}
		}
	}
	if err := olrest.ReadDataSet(strings.NewReader(dataSet), fullDataSet{err: broken}); err != broken {
		t.Error("data set:", err)
	}
	if err := olrest.ReadContentSet(strings.NewReader(contentSet), fullContentSet{err: broken}); err != broken {
		t.Error("content set:", err)
	}
}

// These take nothing.
type (
	fullDataSet struct {
		olrest.DataSetSink
		err error
	}
	fullContentSet struct {
		olrest.ContentSetSink
		err error
	}
)

func (s fullDataSet) Record(*platen.SourceRecord) error  { return s.err }
func (s fullContentSet) Item(*transfer.SourceItem) error { return s.err }

func TestSetWriter(t *testing.T) {
	w := olrest.NewSetWriter(io.Discard)
	if err := w.BeginDataSet(transfer.SourceSet{}, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Record(&platen.Record{ID: 7, Depth: 1}); err == nil {
		t.Error("a nested record was written where there is none to nest it in")
	}

	// It writes as it goes, and says when that fails.
	var b bytes.Buffer
	w = olrest.NewSetWriter(&b)
	if err := w.BeginContentSet(transfer.SourceSet{ID: 7}); err != nil {
		t.Fatal(err)
	}
	item := &transfer.SourceItem{ID: 1, Record: 2, Properties: platen.EncodeList([]platen.NameValue{{Name: "n", Value: strings.Repeat("x", 1000)}})}
	for range 200 {
		if err := w.Item(item); err != nil {
			t.Fatal(err)
		}
	}
	if b.Len() == 0 {
		t.Error("nothing is written before the end")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	contentSets.wantExport(t, b.String(), strings.TrimSuffix(b.String(), "\n"))

	_, pipe := io.Pipe()
	broken := errors.New("broken")
	pipe.CloseWithError(broken)
	w = olrest.NewSetWriter(pipe)
	if err := errors.Join(w.BeginContentSet(transfer.SourceSet{}), w.Close()); err == nil {
		t.Error("a write has failed, and nobody says so")
	}
}

// Page details of document pages are those of content items.
func TestJobSetDetails(t *testing.T) {
	const (
		begin = `{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[`
		end   = `]}]}]}]}]}`
	)
	for pages, want := range map[string]string{
		`{"contentitem":1}`:                                                    `<nil>`,
		`{"contentitem":1,"pages":[]}`:                                         `{}`,
		`{"contentitem":1,"template":""}`:                                      `{}`,
		`{"contentitem":1,"template":"t"}`:                                     `{"template":"t"}`,
		`{"template":"t","pages":[{"duplex":true,"count":2}],"contentitem":1}`: `{"pages":[{"count":2,"duplex":true}],"template":"t"}`,
	} {
		source, err := spool.Temp.NewJobSet()
		if err != nil {
			t.Fatal(err)
		}
		defer source.Close()
		if err := olrest.ReadJobSet(strings.NewReader(begin+pages+end), source); err != nil {
			t.Fatal(pages, err)
		}
		var b bytes.Buffer
		w := olrest.NewJobSetWriter(&b)
		for _, kind := range []platen.Kind{platen.JobSet, platen.Job, platen.JobSegment, platen.DocumentSet, platen.Document} {
			if err := w.Write(&transfer.Element{Kind: kind}); err != nil {
				t.Fatal(err)
			}
		}
		err = source.Read(pageVisitor(func(page *transfer.Page) error {
			got := string(page.Details)
			if page.Details == nil {
				got = `<nil>`
			}
			if got != want {
				t.Errorf("%s has details %s, want %s", pages, got, want)
			}
			return w.Write(&transfer.Element{Kind: platen.DocumentPage, Page: *page})
		}))
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		written := `{"contentitem":1}`
		if len(want) > len(`<nil>`) {
			written = `{"contentitem":1,` + want[1:]
		}
		if got := b.String(); got != begin+written+end+"\n" {
			t.Errorf("%s came back as %s", pages, got)
		}
	}
}

// A pageVisitor looks at the pages of a job set.
type pageVisitor func(*transfer.Page) error

func (pageVisitor) NodeList(int, platen.Facet, platen.List) error { return nil }
func (v pageVisitor) Page(_ int, page *transfer.Page) error       { return v(page) }
func (pageVisitor) Document(*transfer.SourceDocument) error       { return nil }

// fuzz checks that what is accepted comes back as it was.
func (s set) fuzz(f *testing.F, more ...string) {
	for _, seed := range append(more, seeds...) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		exported, given, err := s.export(t, bytes.NewReader(body))
		if err != nil {
			allowed(t, err, platen.Invalid, platen.TooLarge)
			return
		}
		again, givenAgain, err := s.export(t, strings.NewReader(exported))
		if err != nil || again != exported || given != givenAgain {
			t.Errorf("%s\ncame back as\n%s\n%v, %v, %v", exported, again, err, given, givenAgain)
		}
	})
}

func FuzzReadDataSet(f *testing.F) {
	dataSets.fuzz(f, dataSet, `{"schema":{"columns":{"a":"INT"}},"records":[]}`, `{"records":[{"fields":{"a":null,"b":1e5},"records":[{"table":"t"}]}]}`)
}

func FuzzReadContentSet(f *testing.F) {
	contentSets.fuzz(f, contentSet, `{"type":"x","contentitems":[]}`, `{"contentitems":[{"datarecord":1,"pages":[{"count":1,"media":{"width":1}}]}]}`)
}

// An error says where in the document it is, however long that is.
func TestSetErrorOffset(t *testing.T) {
	long := `{"contentitems":[` + strings.Repeat(`{"datarecord":1},`+"\n", 100_000)
	for _, bad := range []string{`{"datarecord":"1"}`, `{"id":-1}`, `{]`, ``} {
		_, _, err := contentSets.export(t, strings.NewReader(long+bad))
		var e *platen.Error
		if !errors.As(err, &e) || e.Offset < int64(len(long))-2 || e.Offset > int64(len(long)+len(bad)) {
			t.Errorf("%s after %d bytes: %+v", bad, len(long), e)
		}
	}
}
