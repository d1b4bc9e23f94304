package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
)

const (
	native      = "/api/v1"
	jobCreation = "/rest/serverengine/workflow/jobcreation"
	statistics  = "/rest/serverengine/statistics/jobset/"
)

// The chain from data to a job set, with identifiers of its own.
const (
	someData = `{"id":300,"properties":[{"name":"source","value":"crm"}],
		"schema":{"columns":{"Paid":"BOOLEAN","Since":"DATETIME"},"tables":{"detail":{"columns":{"Qty":"INTEGER"}}}},
		"records":[
		{"id":5001,"fields":[{"name":"City","value":"Lyon"},{"name":"Paid","value":true},{"name":"Since","value":"2025-11-24T16:00:00Z"}],
		 "records":[{"id":5101,"table":"detail","fields":[{"name":"Qty","value":3}]}]},
		{"id":5002,"fields":{"City":"Nice"},"properties":[{"name":"vip","value":"yes"}]}]}`
	someContent = `{"id":700,"type":"print","contentitems":[
		{"id":9001,"datarecord":5001,"template":"letter","pages":[{"count":3,"duplex":true,"media":{"name":"Plain A4","type":"plain","size":"A4","width":"210mm","height":"297mm","weight":"80gsm"}}]},
		{"id":9002,"datarecord":5002,"pages":[{"count":1,"media":{"name":"Plain A4","type":"plain","size":"A4","width":"210mm","height":"297mm","weight":"80gsm"}},{"count":2,"media":{"name":"Gold"}}]}]}`
	someJobs = `{"id":4100,"jobs":[{"id":4101,"properties":[{"name":"shift","value":"night"}],"segments":[{"documentsets":[
		{"id":4110,"metadata":[{"name":"fold","value":"z"}],"documents":[
		{"id":77,"metadata":[{"name":"tag","value":"x"}],"documentpages":[{"contentitem":9001}]},
		{"id":78,"documentpages":[{"contentitem":9002},{"contentitem":9003}]}]}]}]}]}`
)

func (s *service) chain() {
	s.t.Helper()
	for _, set := range []struct {
		kind     platen.Kind
		document string
		want     platen.Created
	}{
		{platen.DataSet, someData, platen.Created{ID: 300, Children: []platen.ID{5001, 5002}}},
		{platen.ContentSet, someContent, platen.Created{ID: 700, Children: []platen.ID{9001, 9002}}},
		{platen.JobSet, someJobs, platen.Created{ID: 4100, Children: []platen.ID{4101}}},
	} {
		if made := s.imported(set.kind, set.document); !cmp.Equal(made, set.want) {
			s.t.Fatalf("import of %s: %+v, want %+v", set.kind, made, set.want)
		}
	}
}

// wants checks an answer of 200.
func (s *service) wants(method, path, body, want string, options ...option) {
	s.t.Helper()
	if a := s.do(method, path, body, options...); a.status != 200 || a.body != want {
		s.t.Errorf("%s %s %s: %d\ngot  %s\nwant %s", method, path, body, a.status, a.body, want)
	}
}

func TestEveryService(t *testing.T) { onEach(t, testEveryService) }

func testEveryService(t *testing.T) {
	s := start(t)
	s.chain()
	kinds := map[platen.Kind]struct {
		segment, name string
		id            platen.ID
		children      string
	}{
		platen.DataSet:     {"datasets", "DataSetEntityRestService", 300, `{"identifiers":[5001,5002]}`},
		platen.DataRecord:  {"datarecords", "DataRecordEntityRestService", 5001, ""},
		platen.ContentSet:  {"contentsets", "ContentSetEntityRestService", 700, `{"identifiers":[{"item":9001,"record":5001},{"item":9002,"record":5002}]}`},
		platen.ContentItem: {"contentitems", "ContentItemEntityRestService", 9001, ""},
		platen.JobSet:      {"jobsets", "JobSetEntityRestService", 4100, `{"identifiers":[4101]}`},
		platen.Job:         {"jobs", "JobEntityRestService", 4101, "segments"},
		platen.JobSegment:  {"jobsegments", "JobSegmentEntityRestService", 0, `{"identifiers":[4110]}`},
		platen.DocumentSet: {"documentsets", "DocumentSetEntityRestService", 4110, `{"identifiers":[77,78]}`},
		platen.Document:    {"documents", "DocumentEntityRestService", 77, ""},
	}
	segments := s.children(platen.Job, 4101)
	if len(segments) != 1 {
		t.Fatal(segments)
	}
	s.wants("GET", entities+"/jobs/4101", "", fmt.Sprintf(`{"identifiers":[%d]}`, segments[0]))
	for kind, k := range kinds {
		base := entities + "/" + k.segment
		handshake := "Server Engine REST Service available: " + k.name
		if kind.Info().Set {
			s.wants("GET", base, "", fmt.Sprintf(`{"identifiers":[%d]}`, k.id))
			s.wants("GET", base, "", handshake, header("Accept", "text/plain"))
		} else {
			s.wants("GET", base, "", handshake)
		}
		s.wants("GET", base+"/version", "", "2025.2.0")
		if kind == platen.JobSegment {
			k.id = segments[0]
		}
		one := base + "/" + k.id.String()
		switch k.children {
		case "":
			s.do("GET", one, "").isError(t, 404, "nothing at this path")
		case "segments":
		default:
			s.wants("GET", one, "", k.children)
			s.do("GET", base+"/1", "").isError(t, 404, kind.String()+" 1 not found")
		}
		for _, facet := range platen.Facets {
			path := one + "/" + facet.String()
			served := false
			for _, f := range kind.Info().Facets {
				served = served || f == facet
			}
			if !served {
				s.do("GET", path, "").isError(t, 404, "nothing at this path")
				continue
			}
			s.wants("PUT", path, fmt.Sprintf(`{"id":%d,"properties":[{"name":"n","value":"00420"}]}`, k.id), "true")
			s.wants("GET", path, "", `[{"name":"n","value":"00420"}]`)
			s.do("PUT", path, `{"id":1,"properties":[]}`).isError(t, 500, "not that of the "+kind.String())
			s.do("GET", base+"/1/"+facet.String(), "").isError(t, 404, kind.String()+" 1 not found")
		}
		many := fmt.Sprintf(`[{"id":%d,"properties":[{"name":"m","value":"1"}]}]`, k.id)
		if kind.Info().Many {
			s.wants("PUT", base+"/properties", many, "")
			s.wants("GET", one+"/properties", "", `[{"name":"n","value":"00420"},{"name":"m","value":"1"}]`)
		} else if a := s.do("PUT", base+"/properties", many); a.status != 404 && a.status != 405 {
			t.Errorf("PUT %s/properties: %d", base, a.status)
		}
		if !kind.Info().Set {
			if a := s.do("POST", one+"/delete", ""); a.status != 404 {
				t.Errorf("POST %s/delete: %d", one, a.status)
			}
		}
	}
	s.wants("GET", entities, "", "Server Engine REST Service available: EntityRestService")
	s.wants("GET", entities+"/version", "", "2025.2.0")
	s.wants("GET", jobCreation, "", "Server Engine REST Service available: JobCreationRestService")
	s.wants("GET", jobCreation+"/version", "", "2025.2.0")
	s.wants("GET", entities+"/contentitems/9002/datarecord", "", `{"record":5002}`)
	s.do("GET", entities+"/contentitems/5002/datarecord", "").isError(t, 404, "content item 5002 not found")
	s.wants("GET", entities+"/contentsets?type=print", "", `{"identifiers":[700]}`)
	s.wants("GET", entities+"/contentsets?type=email", "", `{"identifiers":[]}`)
	s.do("GET", entities+"/contentsets?type=fax", "").isError(t, 400, "print, email, default")
	s.wants("GET", entities+"/contentsets/700/pages", "", `{"pages":[{"count":4,"media":{"name":"Plain A4","type":"plain","size":"A4","width":"210mm","height":"297mm","weight":"80gsm"}},{"count":2,"media":{"name":"Gold"}}]}`)
	s.wants("GET", entities+"/contentsets/700/pages?detail=true", "", `[{"id":9001,"pages":[{"count":3,"duplex":true,"media":{"name":"Plain A4","type":"plain","size":"A4","width":"210mm","height":"297mm","weight":"80gsm"}}]},`+
		`{"id":9002,"pages":[{"count":1,"media":{"name":"Plain A4","type":"plain","size":"A4","width":"210mm","height":"297mm","weight":"80gsm"}},{"count":2,"media":{"name":"Gold"}}]}]`)
	s.do("POST", native+"/contentsets", `{"id":705,"contentitems":[{"datarecord":5001,"pages":[{"count":2147483648}]},{"datarecord":5001,"pages":[{"count":1}]}]}`)
	s.wants("GET", entities+"/contentsets/705/pages", "", `{"pages":[{"count":2147483649}]}`)
	s.do("GET", entities+"/contentsets/700/pages?detail=maybe", "").isError(t, 400, "true, false")
	s.do("GET", entities+"/contentsets/701/pages", "").isError(t, 404, "content set 701 not found")
}

func TestRecordValues(t *testing.T) { onEach(t, testRecordValues) }

func testRecordValues(t *testing.T) {
	s := start(t)
	s.chain()
	records := entities + "/datarecords"
	lyon := `{"id":5001,"table":"record","datasetid":300,"fields":[{"name":"City","value":"Lyon"},{"name":"Paid","value":"true"},{"name":"Since","value":"2025-11-24T16:00:00Z"}]}`
	nice := `{"id":5002,"table":"record","datasetid":300,"fields":[{"name":"City","value":"Nice"}]}`
	s.wants("GET", records+"/5001/values", "", lyon)
	s.wants("GET", records+"/5001/values?recursive=true", "", strings.TrimSuffix(lyon, "}")+`,"records":[{"id":5101,"table":"detail","parentrecordid":5001,"fields":[{"name":"Qty","value":"3"}]}]}`)
	s.wants("GET", records+"/5001/values?explicitTypes=true&recursive=true", "", `{"schema":{"columns":{"Paid":"BOOLEAN","Since":"DATETIME","City":"STRING"},"tables":{"detail":{"columns":{"Qty":"INTEGER"}}}},`+
		`"id":5001,"datasetid":300,"fields":{"City":"Lyon","Paid":true,"Since":1764000000},"tables":{"detail":[{"id":5101,"fields":{"Qty":3}}]}}`)
	s.wants("GET", records+"/5001/values?outputFormat=simplified&recursive=true", "", `{"__recordid":5001,"City":"Lyon","Paid":true,"Since":"2025-11-24T16:00:00Z","detail":[{"__recordid":5101,"Qty":3}]}`)
	s.wants("GET", records+"/values?id=5002&id=5001", "", "["+nice+","+lyon+"]")
	s.wants("POST", records+"/values", `{"recordids":[5002,5001,5002]}`, "["+nice+","+lyon+","+nice+"]")
	s.wants("POST", records+"/values", `{"recordids":[5002,5001,5002],"optimized":true}`, "["+lyon+","+nice+"]")
	s.do("GET", records+"/300/values", "").isError(t, 404, "data record 300 not found")
	s.do("GET", records+"/values?id=5001&id=x", "").isError(t, 404, `"x"`)
	s.do("GET", records+"/values?"+strings.Repeat("id=5001&", 7_000)+"id=300", "").isError(t, 404, "data record 300")
	s.do("GET", records+"/values?"+strings.Repeat("id&", 10_001), "").isError(t, 400, "POST")
	s.do("GET", records+"/5001/values?outputFormat=xml", "").isError(t, 400, "simplified")
	s.do("POST", records+"/values", `{"recordids":[5001,300]}`).isError(t, 400, "The specified Data Record passed into this method refers to a missing resource")
	s.do("POST", records+"/values", `{"recordids":"5001"}`).isError(t, 400, "must be a list")

	s.wants("PUT", records+"/5001/values", `{"id":5001,"fields":[{"name":"City","value":"Metz"},{"name":"Since","value":1764003600}]}`, "")
	s.wants("PUT", records, `[{"id":5002,"fields":{"City":"Brest","New":7}},{"id":5101,"fields":[{"name":"Qty","value":4}]}]`, "")
	s.wants("POST", records+"/values", `{"recordids":[5001,5002,5101]}`, `[{"id":5001,"table":"record","datasetid":300,"fields":[{"name":"City","value":"Metz"},{"name":"Paid","value":"true"},{"name":"Since","value":"2025-11-24T17:00:00Z"}]},`+
		`{"id":5002,"table":"record","datasetid":300,"fields":[{"name":"City","value":"Brest"},{"name":"New","value":"7"}]},{"id":5101,"table":"detail","parentrecordid":5001,"fields":[{"name":"Qty","value":"4"}]}]`)
	s.do("PUT", records+"/5001/values", `{"id":5002,"fields":[]}`).isError(t, 500, "not that of the data record")
	s.do("PUT", records+"/5001/values", `{"id":5001,"fields":[{"name":"Paid","value":"maybe"}]}`).isError(t, 400, `data record 5001: field "Paid": "maybe" is no BOOLEAN: true or false`)
	s.do("PUT", records, `[{"id":5002,"fields":{"City":"X"}},{"id":5001,"fields":{"Since":"now"}}]`).isError(t, 400, `data record 5001: field "Since"`)
	s.do("PUT", records+"/300/values", `{"id":300,"fields":[]}`).isError(t, 404, "data record 300 not found")
	s.do("PUT", records, `[{"id":5002,"fields":{"City":"X"}},{"id":300,"fields":{}}]`).isError(t, 404, "data record 300 not found")

	s.wants("POST", records, `[{"datasetid":300,"records":[{"fields":[{"name":"City","value":"Sète"}]}]},{"recordid":5002,"table":"detail","records":[{"fields":[{"name":"Qty","value":"9"}]}]}]`, "")
	if a := s.do("GET", records+"/5002/values?recursive=true&outputFormat=simplified", ""); !strings.Contains(a.body, `"detail":[{"__recordid":`) || !strings.Contains(a.body, `"Qty":9}]`) {
		t.Error(a.body)
	}
	all := s.children(platen.DataSet, 300)
	if len(all) != 3 {
		t.Fatal(all)
	}
	var fields strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&fields, `,"f%d":""`, i)
	}
	for body, says := range map[string]string{
		`[{"datasetid":300,"records":[{"fields":[{"name":"City","value":"A"}]},{"records":[{"table":"other"}]}]}]`: `no table "other"`,
		`[{"recordid":5001,"table":"nothing","records":[{}]}]`:                                                     `no table "nothing"`,
		`[{"datasetid":300,"records":[]},{"datasetid":300,"records":[{},{"fields":{"Paid":1}}]}]`:                  `at /1/records/1: field "Paid": "1" is no BOOLEAN`,
		`[{"datasetid":300,"recordid":5001,"records":[]}]`:                                                         "datasetid",
		`[{"datasetid":300,"records":[{"fields":{` + fields.String()[1:] + `}}]}]`:                                 "10000",
		`[{"datasetid":300,"records":[` + strings.Repeat(`{},`, 100_000) + `{}]}]`:                                 "more than 100000 records",
		`{]`:                "malformed JSON",
		`{"datasetid":300}`: "must be a list",
		``:                  "empty",
	} {
		if len(body) > 1<<20 {
			s.do("POST", records, body).isError(t, 413, "limit")
			continue
		}
		s.do("POST", records, body).isError(t, 400, says)
	}
	s.do("POST", records, `[{"datasetid":301,"records":[]}]`).isError(t, 404, "data set 301 not found")
	if now := s.children(platen.DataSet, 300); !slices.Equal(now, all) {
		t.Errorf("something was added: %v, before %v", now, all)
	}
}

func TestSetDocuments(t *testing.T) { onEach(t, testSetDocuments) }

func testSetDocuments(t *testing.T) {
	s := start(t)
	s.chain()
	for _, set := range []struct {
		kind            platen.Kind
		segment, answer string
		id              platen.ID
	}{
		{platen.DataSet, "/datasets", `{"id":300,"records":[5001,5002]}`, 300},
		{platen.ContentSet, "/contentsets", `{"id":700,"contentitems":[9001,9002]}`, 700},
		{platen.JobSet, "/jobsets", `{"id":4100,"jobs":[4101]}`, 4100},
	} {
		document := s.exported(set.kind, set.id)
		s.do("POST", native+set.segment, document).isError(t, 409, "taken")
		other := start(t)
		if set.kind != platen.DataSet {
			other.imported(platen.DataSet, s.exported(platen.DataSet, 300))
		}
		if a := other.do("POST", native+set.segment, document); a.status != 201 || a.body != set.answer {
			t.Errorf("%s: %d %s", set.segment, a.status, a.body)
		}
		if again := other.exported(set.kind, set.id); again != document {
			t.Errorf("%s is not what it was:\n%s\n%s", set.segment, document, again)
		}
		s.do("GET", native+set.segment+"/1", "").isError(t, 404, "1 not found")
	}
	for _, bad := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/datasets", `{"records":[{"id":7,"fields":{}},{"id":7,"fields":{}}]}`, 409, "taken by a data record"},
		{"/datasets", `{"schema":{"columns":{"a":"INTEGER"}},"records":[{"fields":{"a":"b"}}]}`, 400, `at /records/0: field "a": "b" is no INTEGER: a whole number`},
		{"/datasets", `{"schema":{"tables":{"t":{"columns":{"a":"DATETIME"}}}},"records":[{"fields":{}},{"fields":{},"records":[{"table":"t","fields":{}},{"table":"t","fields":{"a":"now"}}]}]}`, 400,
			`at /records/1/records/1: field "a": "now" is no DATETIME: RFC 3339 such as 2026-01-31T12:00:00Z, or seconds since 1970`},
		{"/datasets", `{"schema":{"columns":{"a":"NUMBER"}},"records":[]}`, 400, "CURRENCY"},
		{"/datasets", `{"records":[{"fields":{}}`, 400, "ends too early"},
		{"/datasets", `{}`, 400, "no list of records"},
		{"/contentsets", `{"contentitems":[{"datarecord":300}]}`, 409, "taken by a data set"},
		{"/contentsets", `{"contentitems":[{"id":9001,"datarecord":1}]}`, 409, "taken by a content item"},
		{"/contentsets", `{"contentitems":[{}]}`, 400, "no datarecord"},
		{"/contentsets", `{"type":"fax","contentitems":[]}`, 400, "print, email, default"},
		{"/contentsets", `{"contentitems":[{"datarecord":1,"pages":[{"count":0}]}]}`, 400, "whole number"},
	} {
		s.do("POST", native+bad.path, bad.body).isError(t, bad.status, bad.says)
	}
	if got := s.do("POST", native+"/contentsets", `{"contentitems":[{"datarecord":1},{}]}`); !strings.Contains(got.body, `"parameter":"","offset":36}`) {
		t.Error("where the document is wrong:", got.body)
	}
	typed := `{"schema":{"columns":{"a":"INTEGER"}},"records":[{"fields":{"a":"1"}},{"fields":{"a":"b"}}`
	if got := s.do("POST", native+"/datasets", typed+`,{"fields":{}}]}`); !strings.Contains(got.body, fmt.Sprintf(`"offset":%d}`, len(typed))) {
		t.Errorf("a wrong type before byte %d of the document: %s", len(typed), got.body)
	}
	if data, contents := s.all(platen.DataSet), s.all(platen.ContentSet); !slices.Equal(data, []platen.ID{300}) || !slices.Equal(contents, []platen.ID{700}) {
		t.Error("something is left:", data, contents)
	}
}

// TestLargeSetDocument exports a data record with more in it than a record by
// itself may have, and imports it again.
func TestLargeSetDocument(t *testing.T) { onSQLite(t, testLargeSetDocument) }

func testLargeSetDocument(t *testing.T) {
	long(t)
	const nested, most = 20, 16 << 20
	one := `{"table":"t","fields":[{"name":"a","value":"` + strings.Repeat("x", 900_000) + `"}]}`
	s, other := start(t), start(t)
	made := s.imported(platen.DataSet, `{"records":[{"fields":[],"records":[`+strings.Repeat(one+",", nested-1)+one+`]}]}`)
	document := s.exported(platen.DataSet, made.ID)
	if len(document) <= most {
		t.Fatal("the export has only", len(document), "bytes")
	}
	if again := other.exported(platen.DataSet, other.imported(platen.DataSet, document).ID); again != document {
		t.Errorf("an export of %d bytes came back as one of %d", len(document), len(again))
	}
}

func TestDeleteSets(t *testing.T) { onEach(t, testDeleteSets) }

func testDeleteSets(t *testing.T) {
	s := start(t)
	s.chain()
	for _, set := range []struct{ path, name string }{
		{"/contentsets/700", "content set"}, {"/datasets/300", "data set"}, {"/jobsets/4100", "job set"},
	} {
		s.do("GET", entities+set.path+"/delete", "").isError(t, 405, "POST")
		s.wants("POST", entities+set.path+"/delete", "", "true")
		s.do("POST", entities+set.path+"/delete", "").isError(t, 404, set.name)
		s.do("GET", entities+set.path, "").isError(t, 404, set.name)
		s.do("GET", entities+set.path+"/properties", "").isError(t, 404, set.name)
		s.do("GET", native+set.path, "").isError(t, 404, set.name)
	}
	s.do("GET", entities+"/jobs/4101/properties", "").isError(t, 404, "job 4101")
	s.do("GET", statistics+"4100", "").isError(t, 404, "job set 4100")
	// What the job set used was not deleted with the content set.
	s.wants("GET", entities+"/contentitems/9001/datarecord", "", `{"record":5001}`)
	s.do("POST", native+"/jobsets", `{"id":4100,"jobs":[]}`).isError(t, 409, "clean-up")
	for more := true; more; {
		var err error
		if more, err = s.store.Clean(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	s.do("GET", entities+"/contentitems/9001/datarecord", "").isError(t, 404, "content item 9001")
	s.chain()
}

func TestFindEntities(t *testing.T) { onEach(t, testFindEntities) }

func testFindEntities(t *testing.T) {
	s := start(t)
	s.chain()
	find := entities + "/find"
	for body, want := range map[string]string{
		`{"entity":"JOBS","search":{"ruleType":"RULESET","condition":"ALL","rules":[{"ruleType":"PROPERTY","property":"shift","condition":"EQ","value":"night"}]}}`:                                                                                                        `[[{"identifier":4101,"sortkey":""}]]`,
		`{"entity":"JOBS","search":{"ruleType":"RULESET","condition":"ALL","rules":[{"ruleType":"PROPERTY","property":"shift","condition":"EQ","value":"day"}]}}`:                                                                                                          `[]`,
		`{"entity":"JOBSETS","search":{"ruleType":"RULESET","condition":"ALL","rules":[]}}`:                                                                                                                                                                                `[[{"identifier":4100,"sortkey":""}]]`,
		`{"entity":"DATARECORDS","search":{"ruleType":"RULESET","condition":"NOTANY","rules":[{"ruleType":"VALUE","fieldName":"City","condition":"STARTS_WITH","value1":"L"}]},"sort":[{"type":"value","name":"City","order":"DESC"}],"setIds":[300]}`:                     `[[{"identifier":5002,"sortkey":"Nice"},{"identifier":5101,"sortkey":""}]]`,
		`{"entity":"DATASETS","search":{"operator":"OR","rules":[{"type":"property","name":"source","condition":"LIKE","value":"c%"}]},"setIds":[300,301]}`:                                                                                                                `[[{"identifier":300,"sortkey":""}]]`,
		`{"entity":"CONTENTSETS","search":{"ruleType":"RULESET","condition":"ALL","rules":[]},"setIds":[300]}`:                                                                                                                                                             `[]`,
		`{"entity":"CONTENTITEMS","search":{"ruleType":"RULESET","condition":"ALL","rules":[{"ruleType":"DOCSIZE","entity":"SHEET","condition":"EQ","value":2},{"ruleType":"DUPLEX","condition":"HAS_DUPLEX"},{"ruleType":"TEMPLATE","condition":"EQ","name":"letter"}]}}`: `[[{"identifier":9001,"sortkey":""}]]`,
		`{"entity":"CONTENTITEMS","search":{"operator":"AND","rules":[{"type":"finishing","medianame":"Gold","condition":"EQUAL"}]}}`:                                                                                                                                      `[[{"identifier":9002,"sortkey":""}]]`,
		`{"entity":"CONTENTITEMS","search":{"ruleType":"RULESET","condition":"ALL","rules":[]},"setIds":[700],"group":[{"type":"value","name":"City","order":"DESC"}],"sort":[{"type":"property","name":"x"},{"type":"value","name":"City"}]}`:                             `[[{"identifier":9002,"sortkey":"|Nice"}],[{"identifier":9001,"sortkey":"|Lyon"}]]`,
	} {
		s.wants("PUT", find, body, want)
	}
	// A search sees all that was answered before it.
	change := platen.Update{ID: 4101, Pairs: []platen.NameValue{{Name: "shift", Value: "day"}}}
	if err := s.client().Merge(t.Context(), platen.Job, []platen.Update{change}); err != nil {
		t.Fatal(err)
	}
	s.wants("PUT", find, `{"entity":"JOBS","search":{"rules":[{"ruleType":"PROPERTY","property":"shift","condition":"EQ","value":"day"}],"condition":"ANY"}}`, `[[{"identifier":4101,"sortkey":""}]]`)
	for body, says := range map[string]string{
		`{"entity":{},"search":{"rules":[]}}`:                  "entity is an object; it must be one of DATARECORDS, ",
		`{"entity":[null],"search":{"rules":[]}}`:              "entity is a list; it must be one of DATARECORDS, ",
		`{"entity":null,"search":{"rules":[]}}`:                "entity is missing; it must be one of DATARECORDS, ",
		`{"entity":"JOBS","search":{"ruleType":{"a":[null]}}}`: "at /search: ruleType is an object; it must be one of VALUE, ",
		`{"entity":"JOBS","search":{"condition":"ALL","rules":[{"ruleType":"PROPERTY","property":"a","condition":"IN","value":[null]}]}}`:                                    "at /search/rules/0/value/0: the value must be text, a number or a boolean, not null",
		`{"entity":"JOBS","search":{"condition":"ALL","rules":[{"ruleType":"PROPERTY","property":{},"condition":"EQ","value":"x"}]}}`:                                        "property is an object; it must be text",
		`{"entity":"JOBS","search":` + nested(10_000) + `}`:                                                                                                                  "64",
		`{"entity":"JOBS","search":` + nested(4_000) + `}`:                                                                                                                   "64",
		`{"entity":"JOBS","search":{"condition":"ALL","rules":[{"ruleType":"PROPERTY","property":"a","condition":"LIKE","value":"` + strings.Repeat("%x", 400_000) + `"}]}}`: "pattern",
		`{"entity":"JOBS","search":{"condition":"ALL","rules":[{"ruleType":"COLOUR"}]}}`:                                                                                     "COLOUR",
		`{"entity":"JOBS","search":{"condition":"ALL","rules":[{"ruleType":"VALUE","fieldName":"City","condition":"EQ","value1":"x"}]}}`:                                     "JOBS",
		`{"entity":"DOCUMENTS","search":{"condition":"ALL","rules":[]}}`:                                                                                                     "DATARECORDS",
		`{"entity":"JOBS"}`: "search is missing",
	} {
		s.do("PUT", find, body).isError(t, 400, says)
	}
}

func TestStatistics(t *testing.T) { onEach(t, testStatistics) }

func testStatistics(t *testing.T) {
	s := start(t)
	s.chain()
	head := `{"jobSetId":4100,"properties":["tag"],"counts":{"documents":2,"sheets":6,"pages":7},"media":[` +
		`{"name":"Plain A4","type":"plain","size":{"width":"210mm","height":"297mm"},"color":null,"weight":"80gsm","count":4},` +
		`{"name":"Gold","type":null,"size":{"width":null,"height":null},"color":null,"weight":null,"count":2}],`
	if _, err := s.client().RecordOf(t.Context(), 9003); err != nil {
		t.Fatal(err)
	}
	documents := `"documents":[{"documentId":77,"contentItemId":9001,"dataRecordId":5001,"properties":{"tag":"x"},"counts":{"sheets":2,"pages":3},"media":{"0":3}},` +
		`{"documentId":78,"contentItemId":9002,"dataRecordId":5002,"properties":{},"counts":{"sheets":4,"pages":4},"media":{"0":1,"1":2}}]`
	set := `"documentSets":[{"documentSetId":4110,"properties":{"fold":"z"},`
	tail := `"counts":{"sheets":6,"pages":7},"media":{"0":4,"1":2}}]}`
	want := map[string]string{
		"":                           head + documents + "}",
		"?levelMode=DOCUMENTonly":    head + documents + "}",
		"?levelMode=documentSetOnly": head + set + tail,
		"?levelMode=documentsetall":  head + set + documents + "," + tail,
	}
	var group sync.WaitGroup
	for range 8 {
		for query, body := range want {
			group.Go(func() {
				if a := s.do("GET", statistics+"4100"+query, ""); a.body != body {
					t.Errorf("%s: %s", query, cmp.Diff(a.body, body))
				}
			})
		}
	}
	group.Wait()
	s.do("GET", statistics+"4100?levelMode=all", "").isError(t, 400, "documentSetOnly")
	s.do("GET", statistics+"4101", "").isError(t, 404, "job set 4101 not found")
}

// finish waits for the end of an operation and returns its result.
func (s *service) finish(a answer) string {
	s.t.Helper()
	operation := a.header.Get("operationId")
	for _, rel := range []string{"progress", "result", "cancel"} {
		if !strings.Contains(a.header.Get("Link"), operation+`>; rel="`+rel+`"`) {
			s.t.Errorf("Link: %s", a.header.Get("Link"))
		}
	}
	if a.status != http.StatusAccepted || operation == "" || a.body != "" {
		s.t.Fatalf("begun: %d %v %s", a.status, a.header, a.body)
	}
	for progress := ""; progress != "done"; {
		a := s.do("GET", jobCreation+"/getProgress/"+operation, "", header("Accept", "text/plain"))
		if progress = a.body; a.status != 200 {
			s.t.Fatal("progress:", a.status, a.body)
		}
	}
	a = s.do("POST", jobCreation+"/getResult/"+operation, "")
	if a.status != 200 {
		s.t.Fatal("result:", a.status, a.body)
	}
	s.wants("GET", jobCreation+"/getProgress/"+operation, "", "done")
	s.do("POST", jobCreation+"/cancel/"+operation, "").isError(s.t, 404, "ended")
	return a.body
}

func TestJobCreation(t *testing.T) { onEach(t, testJobCreation) }

func testJobCreation(t *testing.T) {
	s := start(t)
	s.chain()
	// made checks what a job set of one job segment consists of, and how many
	// documents each document set has.
	made := func(set platen.ID, documents []int, want ...platen.Content) {
		t.Helper()
		job := s.children(platen.JobSet, set)[0]
		contents, err := s.client().Contents(t.Context(), platen.Ref{Kind: platen.Job, ID: job})
		if err != nil || !slices.Equal(contents, want) {
			t.Errorf("job set %d has the contents %v, want %v: %v", set, contents, want, err)
		}
		var counts []int
		for _, documentSet := range s.children(platen.JobSegment, s.children(platen.Job, job)[0]) {
			counts = append(counts, len(s.children(platen.DocumentSet, documentSet)))
		}
		if !slices.Equal(counts, documents) {
			t.Errorf("job set %d has document sets of %v documents, want %v", set, counts, documents)
		}
	}
	first, second := platen.Content{Item: 9001, Record: 5001}, platen.Content{Item: 9002, Record: 5002}
	made(s.created(s.client().CreateJobSetOf(t.Context(), 700)), []int{2}, first, second)
	s.imported(platen.ContentSet, `{"id":710,"contentitems":[{"datarecord":5001}]}`)
	raw := s.finish(s.do("POST", jobCreation+"/default", `{"identifiers":[700,710],"parameters":{"copies":2}}`))
	two, ok := platen.ParseID(raw)
	if !ok {
		t.Fatal(raw)
	}
	counted, err := s.client().Statistics(t.Context(), two, client.DocumentSets)
	if err != nil || len(counted.ByDocumentSet) != 2 {
		t.Errorf("%+v %v", counted, err)
	}
	made(s.created(s.client().CreateJobSet(t.Context(), client.Structure{{{{{9002, 9001}}}}})), []int{1}, second, first)
	s.wants("GET", jobCreation+"/getOperations", "", "[]")

	before := s.all(platen.JobSet)
	s.do("POST", jobCreation+"/default/300", "").isError(t, 404, "Content Set")
	s.do("POST", jobCreation+"/default", `{"identifiers":[700,300]}`).isError(t, 400, "Content Set")
	s.do("POST", jobCreation+"/default", `{"identifiers":[]}`).isError(t, 400, "Content Set")
	s.do("POST", jobCreation+"/default", `[700]`).isError(t, 400, "must be an object")
	_, err = s.client().CreateJobSet(t.Context(), client.Structure{{{{{9002, 9999}}}}})
	failsWith(t, err, platen.NotFound, "content item 9999 not found")
	s.do("POST", jobCreation, `{"jobs":[{"segment":[]}]}`).isError(t, 400, "no list of segments")
	s.do("POST", jobCreation+"/invoices.OL-jobpreset", `{"identifiers":[700]}`).isError(t, 404, "no file store")
	s.do("POST", jobCreation+"/17", "").isError(t, 404, "no file store")
	for _, call := range []string{"GET /getProgress/x", "POST /getResult/x", "POST /cancel/x"} {
		method, path, _ := strings.Cut(call, " ")
		s.do(method, jobCreation+path, "").isError(t, 404, "operation")
	}
	s.hasJobSets(before...)
}

func TestCancelOperation(t *testing.T) { onEach(t, testCancelOperation) }

func testCancelOperation(t *testing.T) {
	s := start(t)
	if _, err := s.store.CreateContentSet(t.Context(), items{set: 7, n: 100_000, step: 1}); err != nil {
		t.Fatal(err)
	}
	// A creation may be over before it is cancelled.
	for range 50 {
		if cancelOperation(t, s, 7) {
			return
		}
	}
	t.Fatal("each creation was over before it was cancelled")
}

// cancelOperation cancels a job creation. cancelled: it was not over before.
func cancelOperation(t *testing.T, s *service, contentSet platen.ID) (cancelled bool) {
	t.Helper()
	ctx := t.Context()
	before := s.all(platen.JobSet)
	operation, err := s.client().CreateJobSetOf(ctx, contentSet)
	if err != nil {
		t.Fatal(err)
	}
	running, err := s.client().Operations(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, early := operation.Result(ctx)
	a := s.do("POST", jobCreation+"/cancel/"+operation.ID, "")
	if a.status == 404 {
		return false
	}
	if a.status != 204 || a.body != "" {
		t.Fatal(a)
	}
	if len(running) != 1 || running[0].ID != operation.ID || running[0].Started.Unix() < 1_700_000_000 {
		t.Errorf("%+v", running)
	}
	failsWith(t, early, platen.NotFound, "still running")
	_, _, err = operation.Progress(ctx)
	failsWith(t, err, platen.NotFound, "operation")
	failsWith(t, operation.Cancel(ctx), platen.NotFound, "operation")
	s.hasJobSets(before...)
	s.wants("GET", jobCreation+"/getOperations", "", "[]")
	return true
}

// nested are rule sets in each other.
func nested(depth int) string {
	return strings.Repeat(`{"ruleType":"RULESET","condition":"ALL","rules":[`, depth) + strings.Repeat(`]}`, depth)
}
