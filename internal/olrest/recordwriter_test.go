package olrest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// partTable and those around it describe the records of the tests below.
var (
	partTable   = &platen.Table{Name: "part", Columns: []platen.Column{{Name: "Weight", Type: platen.Float}}}
	detailTable = &platen.Table{Name: "detail", Columns: []platen.Column{{Name: "Qty", Type: platen.Integer}}, Tables: []*platen.Table{partTable}}
	rootTable   = &platen.Table{
		Name:    platen.RecordTable,
		Columns: []platen.Column{{Name: "City", Type: platen.String}, {Name: "Paid", Type: platen.Boolean}, {Name: "Since", Type: platen.DateTime}},
		Tables:  []*platen.Table{detailTable, {Name: "note"}},
	}
)

func family() []*platen.Record {
	fields := func(pairs ...string) platen.List { return platen.EncodeList(nv(pairs...)) }
	return []*platen.Record{
		{ID: 5001, DataSet: 300, Table: "record", Fields: fields("City", "Nice", "Paid", "true", "Since", "2025-11-24T16:00:00Z", "Own", "5"), Schema: rootTable},
		{ID: 5100, DataSet: 300, Parent: 5001, Table: "detail", Depth: 1, Fields: fields("Qty", "3"), Schema: detailTable},
		{ID: 5200, DataSet: 300, Parent: 5100, Table: "part", Depth: 2, Fields: fields("Weight", "1.50"), Schema: partTable},
		{ID: 5201, DataSet: 300, Parent: 5100, Table: "part", Depth: 2, Fields: fields("Weight", ""), Schema: partTable},
		{ID: 5101, DataSet: 300, Parent: 5001, Table: "detail", Depth: 1, Schema: detailTable},
		{ID: 5102, DataSet: 300, Parent: 5001, Table: "note", Depth: 1, Fields: fields("Text", "a \"b\"")},
		{ID: 5002, Parent: 77, Table: "detail"},
	}
}

// writeRecords returns what a writer makes of records, which must be JSON.
func writeRecords(t *testing.T, format olrest.RecordFormat, list bool, records ...*platen.Record) string {
	t.Helper()
	var b bytes.Buffer
	w := olrest.NewRecordWriter(&b, format, list)
	for _, record := range records {
		if err := w.Write(record); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(b.Bytes()) {
		t.Fatalf("this is no JSON: %.2000s", b.String())
	}
	return b.String()
}

func TestRecordWriter(t *testing.T) {
	whole := map[olrest.RecordFormat][2]string{
		olrest.DefaultFormat: {
			`{"id":5001,"table":"record","datasetid":300,"fields":[{"name":"City","value":"Nice"},{"name":"Paid","value":"true"},{"name":"Since","value":"2025-11-24T16:00:00Z"},{"name":"Own","value":"5"}],"records":[` +
				`{"id":5100,"table":"detail","parentrecordid":5001,"fields":[{"name":"Qty","value":"3"}],"records":[` +
				`{"id":5200,"table":"part","parentrecordid":5100,"fields":[{"name":"Weight","value":"1.50"}]},` +
				`{"id":5201,"table":"part","parentrecordid":5100,"fields":[{"name":"Weight","value":""}]}]},` +
				`{"id":5101,"table":"detail","parentrecordid":5001,"fields":[]},` +
				`{"id":5102,"table":"note","parentrecordid":5001,"fields":[{"name":"Text","value":"a \"b\""}]}]}`,
			`{"id":5002,"table":"detail","parentrecordid":77,"fields":[]}`,
		},
		olrest.ExplicitTypes: {
			`{"schema":{"columns":{"City":"STRING","Paid":"BOOLEAN","Since":"DATETIME","Own":"STRING"},"tables":{` +
				`"detail":{"columns":{"Qty":"INTEGER"},"tables":{"part":{"columns":{"Weight":"FLOAT"}}}},"note":{"columns":{}}}},` +
				`"id":5001,"datasetid":300,"fields":{"City":"Nice","Paid":true,"Since":1764000000,"Own":"5"},"tables":{"detail":[` +
				`{"id":5100,"fields":{"Qty":3},"tables":{"part":[{"id":5200,"fields":{"Weight":1.50}},{"id":5201,"fields":{"Weight":null}}]}},` +
				`{"id":5101,"fields":{}}],"note":[{"id":5102,"fields":{"Text":"a \"b\""}}]}}`,
			`{"schema":{"columns":{}},"id":5002,"fields":{}}`,
		},
		olrest.Simplified: {
			`{"__recordid":5001,"City":"Nice","Paid":true,"Since":"2025-11-24T16:00:00Z","Own":"5","detail":[` +
				`{"__recordid":5100,"Qty":3,"part":[{"__recordid":5200,"Weight":1.50},{"__recordid":5201,"Weight":null}]},` +
				`{"__recordid":5101}],"note":[{"__recordid":5102,"Text":"a \"b\""}]}`,
			`{"__recordid":5002}`,
		},
	}
	for format, want := range whole {
		records := family()
		last := len(records) - 1
		if d := cmp.Diff(want[0], writeRecords(t, format, false, records[:last]...)); d != "" {
			t.Errorf("format %d: %s", format, d)
		}
		if d := cmp.Diff(want[1], writeRecords(t, format, false, records[last])); d != "" {
			t.Errorf("format %d: %s", format, d)
		}
		if d := cmp.Diff("["+want[0]+","+want[1]+","+want[0]+"]", writeRecords(t, format, true, append(family(), records[:last]...)...)); d != "" {
			t.Errorf("format %d: %s", format, d)
		}
		if got := writeRecords(t, format, true); got != "[]" {
			t.Errorf("format %d: %s for no records", format, got)
		}
	}
}

func TestRecordWriterValues(t *testing.T) {
	for _, test := range []struct {
		kind                        platen.FieldType
		value, explicit, simplified string // simplified "": the same
	}{
		{platen.String, "", `""`, ""},
		{platen.String, "007", `"007"`, ""},
		{platen.String, "é\n\"<", `"é\n\"<"`, ""},
		{platen.HTMLString, "", `""`, ""},
		{platen.HTMLString, "<b>&", `"<b>&"`, ""},
		{platen.Currency, "495.00", `"495.00"`, ""},
		{platen.Currency, "", `null`, ""},
		{platen.Boolean, "true", `true`, ""},
		{platen.Boolean, "false", `false`, ""},
		{platen.Boolean, "", `null`, ""},
		{platen.Boolean, "yes", `"yes"`, ""},
		{platen.Integer, "+5", `5`, ""},
		{platen.Integer, "007", `7`, ""},
		{platen.Integer, "-9223372036854775808", `-9223372036854775808`, ""},
		{platen.Integer, "9223372036854775808", `"9223372036854775808"`, ""},
		{platen.Integer, "", `null`, ""},
		{platen.Float, "1.50", `1.50`, ""},
		{platen.Float, "-0", `-0`, ""},
		{platen.Float, "1e-7", `1e-7`, ""},
		{platen.Float, "3.14159265358979323846264338327950288", `3.14159265358979323846264338327950288`, ""},
		{platen.Float, "+5", `5`, ""},
		{platen.Float, ".5", `0.5`, ""},
		{platen.Float, "-.5", `-0.5`, ""},
		{platen.Float, "1.", `1`, ""},
		{platen.Float, "007.25", `7.25`, ""},
		{platen.Float, "+1E30", `1e+30`, ""},
		{platen.Float, "NaN", `"NaN"`, ""},
		{platen.Float, "Inf", `"Inf"`, ""},
		{platen.Float, "1e999", `"1e999"`, ""},
		{platen.Float, "", `null`, ""},
		{platen.DateTime, "2025-11-24T16:00:00Z", `1764000000`, `"2025-11-24T16:00:00Z"`},
		{platen.DateTime, "1969-12-31T23:59:59Z", `-1`, `"1969-12-31T23:59:59Z"`},
		{platen.DateTime, "today", `"today"`, ""},
		{platen.DateTime, "", `null`, ""},
		{"OTHER", "x", `"x"`, ""},
	} {
		record := &platen.Record{
			ID: 5001, Table: "record", Fields: platen.EncodeList(nv("v", test.value)),
			Schema: &platen.Table{Columns: []platen.Column{{Name: "v", Type: test.kind}}},
		}
		want := fmt.Sprintf(`{"schema":{"columns":{"v":"%s"}},"id":5001,"fields":{"v":%s}}`, test.kind, test.explicit)
		if got := writeRecords(t, olrest.ExplicitTypes, false, record); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if test.simplified == "" {
			test.simplified = test.explicit
		}
		want = fmt.Sprintf(`{"__recordid":5001,"v":%s}`, test.simplified)
		if got := writeRecords(t, olrest.Simplified, false, record); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestRecordWriterKeys has tables and fields of the same name, which stand
// side by side in the simplified format.
func TestRecordWriterKeys(t *testing.T) {
	records := []*platen.Record{
		{ID: 1, Table: "record", Fields: platen.EncodeList(nv("__recordid", "9", "detail", "x", "detail_", "y"))},
		{ID: 2, Parent: 1, Depth: 1, Table: "detail", Fields: platen.EncodeList(nv("detail", "x"))},
		{ID: 3, Parent: 1, Depth: 1, Table: "detail"},
		{ID: 4, Parent: 1, Depth: 1, Table: "__recordid"},
		{ID: 5, Parent: 1, Depth: 1, Table: "other"},
		{ID: 6, Parent: 1, Depth: 1, Table: "detail"},
	}
	want := `{"__recordid":1,"detail":"x","detail_":"y","detail__":[{"__recordid":2,"detail":"x"},{"__recordid":3}],` +
		`"__recordid_":[{"__recordid":4}],"other":[{"__recordid":5}],"detail___":[{"__recordid":6}]}`
	if d := cmp.Diff(want, writeRecords(t, olrest.Simplified, false, records...)); d != "" {
		t.Error(d)
	}
	want = `{"schema":{"columns":{"__recordid":"STRING","detail":"STRING","detail_":"STRING"}},"id":1,` +
		`"fields":{"__recordid":"9","detail":"x","detail_":"y"},"tables":{"detail":[{"id":2,"fields":{"detail":"x"}},{"id":3,"fields":{}}],` +
		`"__recordid":[{"id":4,"fields":{}}],"other":[{"id":5,"fields":{}}],"detail_":[{"id":6,"fields":{}}]}}`
	if d := cmp.Diff(want, writeRecords(t, olrest.ExplicitTypes, false, records...)); d != "" {
		t.Error(d)
	}
	twice := &platen.Table{
		Columns: []platen.Column{{Name: "a", Type: platen.Integer}, {Name: "a", Type: platen.Float}},
		Tables:  []*platen.Table{{Name: "t"}, {Name: "t"}},
	}
	want = `{"schema":{"columns":{"a":"INTEGER"},"tables":{"t":{"columns":{}}}},"id":1,"fields":{}}`
	if got := writeRecords(t, olrest.ExplicitTypes, false, &platen.Record{ID: 1, Schema: twice}); got != want {
		t.Errorf("got %s", got)
	}
}

func TestRecordWriterErrors(t *testing.T) {
	write := func(format olrest.RecordFormat, list bool, records ...*platen.Record) (err error) {
		w := olrest.NewRecordWriter(&bytes.Buffer{}, format, list)
		for _, record := range records {
			if err = w.Write(record); err != nil {
				return err
			}
		}
		return w.Close()
	}
	root, deep := &platen.Record{ID: 1}, &platen.Record{ID: 2, Depth: 2}
	for name, err := range map[string]error{
		"a level left out": write(olrest.DefaultFormat, true, root, deep),
		"nested in none":   write(olrest.DefaultFormat, true, deep),
		"a negative depth": write(olrest.DefaultFormat, true, &platen.Record{ID: 1, Depth: -1}),
		"two for one":      write(olrest.Simplified, false, root, root),
		"none for one":     write(olrest.ExplicitTypes, false),
		"broken fields":    write(olrest.ExplicitTypes, true, &platen.Record{ID: 1, Fields: platen.List("[7]")}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A pieces notes how large the pieces are in which it is written.
type pieces struct {
	bytes.Buffer
	sizes []int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.sizes = append(p.sizes, len(b))
	return p.Buffer.Write(b)
}

// TestRecordWriterStreams writes more than is collected, with records that
// end at all places of the pieces, to 50 levels.
func TestRecordWriterStreams(t *testing.T) {
	t.Parallel()
	for format := olrest.DefaultFormat; format <= olrest.Simplified; format++ {
		p := &pieces{}
		w := olrest.NewRecordWriter(p, format, true)
		const roots = 300
		for i := range roots {
			for depth := range platen.MaxRecordDepth {
				fields := platen.EncodeList(nv("f", strings.Repeat("x", i%97)))
				if err := w.Write(&platen.Record{ID: platen.ID(i + 1), Depth: depth, Table: "t", Fields: fields, Schema: rootTable}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var got []any
		if err := json.Unmarshal(p.Bytes(), &got); err != nil || len(got) != roots {
			t.Fatalf("format %d: %d roots, %v", format, len(got), err)
		}
		if n := slices.Max(p.sizes); len(p.sizes) < 5 || n > 80<<10 {
			t.Errorf("format %d: %d pieces, the largest of %d bytes", format, len(p.sizes), n)
		}
	}
}
