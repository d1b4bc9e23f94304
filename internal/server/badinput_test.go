package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestBadInput is design section 2, row by row: what comes back, and that
// nothing changes.
func TestBadInput(t *testing.T) { onEach(t, testBadInput) }

func testBadInput(t *testing.T) {
	s := start(t)
	made := s.importSet(twoJobs)
	job, other := made.Children[0].String(), made.Children[1].String()
	fill := strings.NewReplacer("JOB", job, "OTHER", other, "SET", made.ID.String())
	export := func() string { return s.do("GET", "/api/v1/jobsets/"+made.ID.String(), "").body }
	before := export()
	name := func(list string) string { return `{"id":JOB,"properties":` + list + `}` }
	deep := strings.Repeat("[", 20_000)

	type request struct {
		name, method, path, body string
		status                   int
		message                  string
	}
	var requests []request
	for body, message := range map[string]string{
		"":                                    "empty",
		" ":                                   "empty",
		"{":                                   "ends too early",
		`{"id":JOB,"properties":[]`:           "ends too early",
		`{"id":JOB,"properties":[]} x`:        "",
		`{"id":JOB,"properties":[]}{}`:        "after the end",
		`{'id':JOB}`:                          "malformed",
		`{id:JOB,properties:[]}`:              "malformed",
		`[id:JOB, properties:[]]`:             "malformed",
		`{"id":JOB,"properties":[],}`:         "malformed",
		`{"id":JOB,"id":JOB,"properties":[]}`: "duplicate",
		`{"id":JOB}`:                          "properties are missing",
		`{"id":JOB,"properties":null}`:        "not null",
		`{"id":JOB,"properties":{}}`:          "not an object",
		`{"id":JOB,"properties":"x"}`:         "not text",
		`{"id":"JOB","properties":[]}`:        "not text",
		`{"id":JOB.5,"properties":[]}`:        "whole number",
		`{"id":JOB.0,"properties":[]}`:        "whole number",
		`{"id":1e3,"properties":[]}`:          "whole number",
		`{"id":0JOB,"properties":[]}`:         "malformed",
		`{"id":true,"properties":[]}`:         "not a boolean",
		`null`:                                "not null",
		`true`:                                "not a boolean",
		`"x"`:                                 "not text",
		`[]`:                                  "empty list",
		`[[]]`:                                "not a list",
		`[` + name(`[]`) + `,` + name(`[]`) + `]`: "exactly one",
		name(`[null]`):                                "not null",
		name(`[1]`):                                   "not a number",
		name(`[[]]`):                                  "not a list",
		name(`[{}]`):                                  "no name",
		name(`[{"name":"a"}]`):                        "no value",
		name(`[{"value":"a"}]`):                       "no name",
		name(`[{"Name":"a","Value":"b"}]`):            "no name",
		name(`[{"name":"","value":"b"}]`):             "empty",
		name(`[{"name":1,"value":"b"}]`):              "name must be text",
		name(`[{"name":null,"value":"b"}]`):           "name must be text",
		name(`[{"name":"a","value":null}]`):           "not null",
		name(`[{"name":"a","value":{}}]`):             "not an object",
		name(`[{"name":"a","value":[]}]`):             "not a list",
		name(`[{"name":"a","value":0042}]`):           "malformed",
		name(`[{"name":"a","value":+1}]`):             "malformed",
		name(`[{"name":"a","value":NaN}]`):            "malformed",
		name(`[{"name":"a","value":"\u0000"}]`):       "U+0000",
		name(`[{"name":"a\u0000","value":""}]`):       "U+0000",
		name(`[{"name":"a","value":"\ud800"}]`):       "malformed",
		name("[{\"name\":\"a\",\"value\":\"\xff\"}]"): "malformed",
		name("[{\"name\":\"a\",\"value\":\"\x00\"}]"): "malformed",
		name("[{\"name\":\"a\",\"value\":\"\n\"}]"):   "malformed",
		name(`[{"name":"a","value":"1"},{"name":"b","value":"1"},{"name":"a","value":"2"}]`): "at /properties/2: the name \"a\" is given twice",
		"\ufeff" + name(`[]`):                "malformed",
		deep:                                 "malformed",
		`{"id":JOB,"x":` + deep:              "malformed",
		name(`[{"name":"a","value":` + deep): "",
		name(many(20, 20)):                   "given twice",
	} {
		for _, facet := range []string{"properties", "metadata"} {
			requests = append(requests, request{"single " + shorten(body), "PUT", entities + "/jobs/JOB/" + facet, body, 400, message})
		}
	}
	for body, message := range map[string]string{
		"":                                 "empty",
		"[":                                "ends too early",
		`{}`:                               "not an object",
		`null`:                             "not null",
		name(`[{"name":"a","value":"1"}]`): "not an object",
		`[{"properties":[]}]`:              "no id",
		`[{"id":null,"properties":[]}]`:    "no id",
		`[{"id":"JOB","properties":[]}]`:   "not text",
		`[{"id":JOB}]`:                     "properties are missing",
		`[{"id":JOB,"properties":[{"name":"a","value":"1"}]},{"id":JOB}]`: "at /1: properties are missing",
		`[{"id":JOB,"properties":[{"name":"a","value":"1"}]},null]`:       "not null",
		`[{"id":JOB,"properties":[{"name":"a","value":"1"}]}] []`:         "after the end",
		`[{"id":5,"properties":[{"name":"","value":"1"}]}]`:               "empty",
	} {
		requests = append(requests, request{"multi " + shorten(body), "PUT", entities + "/jobs/properties", body, 400, message})
	}
	for body, message := range map[string]string{
		"":                                     "empty",
		`{}`:                                   "no list of jobs",
		`[]`:                                   "not a list",
		`{"jobs":null}`:                        "not null",
		`{"jobs":{}}`:                          "not an object",
		`{"jobs":[1]}`:                         "not a number",
		`{"jobs":[{"segment":[]}]}`:            `unknown key "segment"`,
		`{"jobs":[{"segments":[`:               "ends too early",
		`{"jobs":[{"id":0,"segments":[]}]}`:    "no identifier",
		`{"jobs":[{"id":-1,"segments":[]}]}`:   "no identifier",
		`{"jobs":[{"id":null,"segments":[]}]}`: "no identifier",
		`{"jobs":[{"id":"7","segments":[]}]}`:  "not text",
		`{"jobs":[{"id":9007199254740992}]}`:   "no identifier",
		`{"jobs":[{"properties":[{"name":""}]}]}`: "name is empty",
		`{"jobs":[]} x`:    "",
		`{"jobs":[` + deep: "",
		`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"datarecord":1}]}]}]}]}]}`:                                            "no contentitem",
		`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":"1"}]}]}]}]}]}`:                                         "not text",
		`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":1,"pages":[{}]}]}]}]}]}]}`:                              "no count",
		`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":1,"pages":[{"count":1.5}]}]}]}]}]}]}`:                   "whole number",
		`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":1,"pages":[{"count":1,"media":[]}]}]}]}]}]}]}`:          "not a list",
		`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[{"contentitem":1,"pages":[{"count":1,"media":{"name":[]}}]}]}]}]}]}]}`: "must be text",
	} {
		requests = append(requests, request{"import " + shorten(body), "POST", "/api/v1/jobsets", body, 400, message})
	}
	good := name(`[{"name":"new","value":"1"}]`)
	requests = append(requests, []request{
		{"another id", "PUT", entities + "/jobs/JOB/properties", `{"id":OTHER,"properties":[]}`, 500, "is not that of the job in the path"},
		{"no id", "PUT", entities + "/jobs/JOB/properties", `{"properties":[]}`, 500, "no id"},
		{"id null", "PUT", entities + "/jobs/JOB/metadata", `{"id":null,"properties":[]}`, 500, "no id"},
		{"id negative", "PUT", entities + "/jobs/JOB/metadata", `{"id":-JOB,"properties":[]}`, 500, "is not that"},
		{"id huge", "PUT", entities + "/jobs/JOB/metadata", `{"id":99999999999999999999999,"properties":[]}`, 500, "is not that"},
		{"mismatch before existence", "PUT", entities + "/jobs/5/properties", `{"id":6,"properties":[]}`, 500, "is not that"},
		{"malformed before existence", "PUT", entities + "/jobs/5/properties", `{"id":6}`, 400, "missing"},
		{"unknown job", "PUT", entities + "/jobs/5/properties", `{"id":5,"properties":[]}`, 404, "job 5 not found"},
		{"unknown among many", "PUT", entities + "/jobs/properties", `[{"id":JOB,"properties":[{"name":"n","value":"1"}]},{"id":7,"properties":[]}]`, 404, "job 7 not found"},
		{"impossible among many", "PUT", entities + "/jobs/properties", `[{"id":JOB,"properties":[{"name":"n","value":"1"}]},{"id":-7,"properties":[]}]`, 404, "job -7 not found"},
		{"a job set among jobs", "PUT", entities + "/jobs/properties", `[{"id":SET,"properties":[]}]`, 404, "not found"},
		{"unknown job", "GET", entities + "/jobs/5", "", 404, "job 5 not found"},
		{"unknown job's contents", "GET", entities + "/jobs/5/contents", "", 404, "job 5 not found"},
		{"unknown job's metadata", "GET", entities + "/jobs/5/metadata", "", 404, "job 5 not found"},
		{"unknown job set", "GET", entities + "/jobsets/5", "", 404, "job set 5 not found"},
		{"unknown job set", "GET", "/api/v1/jobsets/5", "", 404, "job set 5 not found"},
		{"a job set as a job", "GET", entities + "/jobs/SET/properties", "", 404, "not found"},
		{"a job as a job set", "GET", entities + "/jobsets/JOB", "", 404, "not found"},
		{"id taken", "POST", "/api/v1/jobsets", `{"jobs":[{"id":JOB}]}`, 409, "taken"},
		{"method", "POST", entities + "/jobs/JOB/properties", good, 405, "not allowed"},
		{"method", "DELETE", entities + "/jobs/JOB", "", 405, "not allowed"},
		{"method", "PATCH", "/api/v1/jobsets/SET", good, 405, "not allowed"},
		{"method", "BREW", entities + "/jobs", "", 405, "not allowed"},
		{"GET of many", "GET", entities + "/jobs/properties", "", 405, "PUT"},
		{"PUT of a job", "PUT", entities + "/jobs/JOB", good, 405, "GET, HEAD"},
		{"no such resource", "GET", entities + "/documents/JOB", "", 404, ""},
		{"no such resource", "GET", entities + "/jobsegments/JOB/properties", "", 404, ""},
		{"no such resource", "GET", entities + "/jobs/JOB/contents/x", "", 404, ""},
		{"no such resource", "GET", "/rest/serverengine", "", 404, ""},
		{"no such resource", "GET", "/nothing", "", 404, ""},
		{"double slash", "GET", entities + "//jobs", "", 404, ""},
		{"two slashes at the end", "GET", entities + "/jobs//", "", 404, ""},
		{"dots", "GET", entities + "/jobs/../jobs", "", 404, ""},
		{"encoded dots", "GET", entities + "/jobs/%2e%2e/%2e%2e", "", 404, ""},
		{"encoded slash", "GET", entities + "/jobs/JOB%2Fproperties", "", 404, ""},
		{"case", "GET", entities + "/Jobs/JOB", "", 404, ""},
	}...)
	for _, id := range []string{"0", "-1", "+1", "01", "1.0", "1e3", "9007199254740992", "99999999999999999999", "abc", "1;DROP TABLE entity", "1'--", "%00", "1%20", "%EF%BC%91", "null", strings.Repeat("9", 3000), "%F0%9F%96%A8"} {
		requests = append(requests,
			request{"path id " + shorten(id), "GET", entities + "/jobs/" + strings.ReplaceAll(id, " ", "%20"), "", 404, ""},
			request{"path id " + shorten(id), "PUT", entities + "/jobs/" + strings.ReplaceAll(id, " ", "%20") + "/properties", good, 404, ""})
	}
	for _, test := range requests {
		t.Run(test.name, func(t *testing.T) {
			a := s.do(test.method, fill.Replace(test.path), fill.Replace(test.body))
			a.isError(t, test.status, test.message)
			if test.status == 405 && a.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
			if len(a.body) > 1000 {
				t.Errorf("the error is %d bytes long", len(a.body))
			}
		})
	}
	t.Run("encodings", func(t *testing.T) {
		for name, body := range map[string]string{
			"byte order mark": "\ufeff{}", "UTF-16": "{\x00}\x00", "UTF-16, the other order": "\x00{\x00}",
			"UTF-16 with its mark": "\xff\xfe{\x00}\x00", "gzip": "\x1f\x8b\x08\x00",
		} {
			t.Run(name, func(t *testing.T) {
				const message = "the body must be UTF-8 without a byte order mark, and not compressed"
				s.do("PUT", fill.Replace(entities+"/jobs/OTHER/properties"), body).isError(t, 400, message)
				s.do("POST", native+"/jobsets", body).isError(t, 400, message)
			})
		}
	})
	t.Run("content types", func(t *testing.T) {
		path, body := fill.Replace(entities+"/jobs/OTHER/properties"), fill.Replace(`{"id":OTHER,"properties":[]}`)
		for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "x", "application/json5"} {
			s.do("PUT", path, body, header("Content-Type", media)).isError(t, 415, "application/json")
			s.do("PUT", path, "", header("Content-Type", media)).isError(t, 400, "the body is empty")
			inChunks := func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("")), -1 }
			s.do("PUT", path, "", header("Content-Type", media), inChunks).isError(t, 400, "the body is empty")
		}
		s.do("PUT", path, body, header("Content-Encoding", "gzip")).isError(t, 415, "Content-Encoding")
		s.do("POST", "/api/v1/jobsets", `{"jobs":[]}`, header("Content-Type", "text/xml")).isError(t, 415, "application/json")
		for _, media := range []string{"", "application/json", "application/json; charset=utf-8", "Application/JSON", "application/json;x"} {
			set := header("Content-Type", media)
			if media == "" {
				set = func(r *http.Request) { r.Header.Del("Content-Type") }
			}
			if a := s.do("PUT", path, body, set); a.status != 200 {
				t.Errorf("%q: %d %s", media, a.status, a.body)
			}
		}
	})
	if after := export(); after != before {
		t.Errorf("a refusal changed the job set:\n%s\nbefore:\n%s", after, before)
	}
	if sets := s.do("GET", entities+"/jobsets", ""); sets.body != fmt.Sprintf(`{"identifiers":[%d]}`, made.ID) {
		t.Errorf("a refusal left a job set: %s", sets.body)
	}
	if strings.Contains(s.log.String(), `"level":"ERROR"`) {
		t.Errorf("bad input was logged as our error:\n%s", s.log)
	}
}

// TestParameters checks what errors say is at fault.
func TestParameters(t *testing.T) { onSQLite(t, testParameters) }

func testParameters(t *testing.T) {
	s := start(t)
	s.chain()
	s.makeToken(`{"name":"taken","role":"viewer"}`)
	long := strings.Repeat("x", 200)
	for _, c := range []struct {
		method, path, body string
		status             int
		parameter          string
	}{
		{"GET", "/users/bob", "", 404, "bob"},
		{"GET", "/users/" + long, "", 404, long[:120] + "…"},
		{"PATCH", "/users/bob", `{"role":"viewer"}`, 404, "bob"},
		{"PATCH", "/users/bob", `{"disabled":true}`, 404, "bob"},
		{"DELETE", "/users/bob", "", 404, "bob"},
		{"DELETE", "/users/" + user, "", 409, user}, // the last admin
		{"POST", "/users", `{"name":"` + user + `","password":"long enough","role":"viewer"}`, 409, user},
		{"GET", "/tokens/bob", "", 404, "bob"},
		{"DELETE", "/tokens/bob", "", 404, "bob"},
		{"POST", "/tokens", `{"name":"x","role":"viewer","user":"bob"}`, 404, "bob"},
		{"POST", "/tokens", `{"name":"taken","role":"viewer"}`, 409, "taken"},
		{"GET", "/retention/bob", "", 404, "bob"},
		{"PATCH", "/retention/bob", `{"days":1}`, 404, "bob"},
		{"DELETE", "/retention/bob", "", 404, "bob"},
		{"POST", "/retention", `{"name":"old","kind":"jobset","days":1}`, 201, ""},
		{"POST", "/retention", `{"name":"old","kind":"jobset","days":1}`, 409, "old"},
		{"GET", "/views/99", "", 404, "99"},
		{"PUT", "/views/99", `{"name":"x","kind":"job"}`, 404, "99"},
		{"DELETE", "/views/99", "", 404, "99"},
		{"POST", "/views", `{"name":"x","kind":"job"}`, 201, ""},
		{"POST", "/views", `{"name":"x","kind":"job"}`, 409, "x"},
		{"POST", "/entities/4100/undelete", "", 409, "4100"},
		{"POST", "/entities/4101/undelete", "", 409, "4101"},
		{"POST", "/entities/1/undelete", "", 404, "1"},
		{"POST", "/changes/4096/revert", "", 409, "4096"},
		{"GET", "/changes/99999999", "", 404, "99999999"},
		{"GET", "/webhooks/99", "", 404, "99"},
		{"GET", "/operations/none", "", 404, "none"},

		// In the dialect the value of a query is at fault, not its name.
		{"GET", entities + "/contentsets?type=Fax", "", 400, "Fax"},
		{"GET", entities + "/contentsets/700/pages?detail=some", "", 400, "some"},
		{"GET", entities + "/datarecords/5001/values?recursive=yes", "", 400, "yes"},
		{"GET", entities + "/datarecords/5001/values?explicitTypes=1", "", 400, "1"},
		{"GET", entities + "/datarecords/values?id=5001&outputFormat=xml", "", 400, "xml"},
		{"POST", entities + "/datarecords/values", `{"recordids":[5001],"outputFormat":"xml"}`, 400, "xml"},
		{"GET", statistics + "4100?levelMode=all", "", 400, "all"},
	} {
		if !strings.HasPrefix(c.path, "/rest/") {
			c.path = native + c.path
		}
		var got struct{ Error struct{ Parameter string } }
		a := s.do(c.method, c.path, c.body)
		if err := json.Unmarshal([]byte(a.body), &got); a.status != c.status || err != nil || got.Error.Parameter != c.parameter {
			t.Errorf("%s %.80s %s: %d %s, want %d about %s", c.method, c.path, c.body, a.status, a.body, c.status, c.parameter)
		}
		if _, value, ok := strings.Cut(c.path, "="); ok && !strings.Contains(a.body, `not \"`+value) && !strings.Contains(value, "=") {
			t.Errorf("%s: %s does not name the value", c.path, a.body)
		}
	}
}

// TestShortErrors: an error quotes the beginning of what was sent, whatever its length.
func TestShortErrors(t *testing.T) { onSQLite(t, testShortErrors) }

func testShortErrors(t *testing.T) {
	s := start(t)
	s.chain()
	long, body := strings.Repeat("x", 20_000), strings.Repeat("\x7f", 200_000)
	for _, c := range []struct {
		method, path, body string
		status             int
		options            []option
	}{
		{"GET", native + "/entities?kind=" + long, "", 400, nil},
		{"GET", native + "/entities/4101/properties?readTime=" + long, "", 400, nil},
		{"GET", native + "/intake?from=" + long, "", 400, nil},
		{"GET", native + "/changes/" + long, "", 404, nil},
		{"GET", native + "/operations/" + long, "", 404, nil},
		{"DELETE", native + "/tokens/" + long, "", 404, nil},
		{"POST", jobCreation + "/" + long, "", 404, nil},
		{"GET", jobCreation + "/getProgress/" + long, "", 404, nil},
		{"POST", native + "/tokens", `{"name":"x","role":"viewer","kinds":["` + body + `"]}`, 400, nil},
		{"POST", native + "/tokens", `{"name":"x","role":"viewer","expireTime":"` + body + `"}`, 400, nil},
		{"POST", native + "/views", `{"name":"x","kind":"` + body + `"}`, 400, nil},
		{"POST", native + "/datasets", `{"schema":{"tables":{"t":{"columns":{"a":"STRING"}}}},"records":[{"records":[{"table":"` + body + `"}]}]}`, 400, nil},
		{"PUT", entities + "/jobs/4101/properties", "{}", 415, []option{header("Content-Type", long)}},
		{"PUT", entities + "/jobs/4101/properties", "{}", 415, []option{header("Content-Encoding", long)}},
	} {
		if a := s.do(c.method, c.path, c.body, c.options...); a.status != c.status || len(a.body) > 1200 {
			t.Errorf("%s %.60s %.60s: %d, %d bytes: %.300s", c.method, c.path, c.body, a.status, len(a.body), a.body)
		}
	}
}

// many is a list of n names, of which the last repeats another if twice.
func many(n, last int) string {
	var b strings.Builder
	b.WriteString("[")
	for i := range n {
		fmt.Fprintf(&b, `{"name":"n%d","value":""},`, i)
	}
	fmt.Fprintf(&b, `{"name":"n%d","value":""}]`, last-1)
	return b.String()
}

func shorten(s string) string {
	if len(s) > 30 {
		return s[:30]
	}
	return s
}
