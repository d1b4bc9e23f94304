package server_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
)

// A listingAnswer is what GET /api/v1/entities answers.
type listingAnswer struct {
	Entities      []map[string]json.RawMessage
	NextPageToken string
	TotalEstimate int64
}

func listingPath(parameters ...string) string {
	values := make(url.Values)
	for i := 0; i < len(parameters); i += 2 {
		values.Add(parameters[i], parameters[i+1])
	}
	return native + "/entities?" + values.Encode()
}

// listIDs reads all pages of a listing, and returns the ids. total is the estimate,
// -1 if there is more than one page.
func (s *service) listIDs(t *testing.T, parameters ...string) (ids []string, total int64) {
	t.Helper()
	for token := ""; ; {
		path := listingPath(append(slices.Clone(parameters), "fields", "id")...)
		if token != "" {
			path += "&pageToken=" + url.QueryEscape(token)
		}
		got := s.do("GET", path, "")
		var page listingAnswer
		if err := json.Unmarshal([]byte(got.body), &page); err != nil || got.status != 200 {
			t.Fatal(path, got.status, got.body, err)
		}
		for _, e := range page.Entities {
			ids = append(ids, string(e["id"]))
		}
		if total = page.TotalEstimate; token != "" || page.NextPageToken != "" {
			total = -1
		}
		if token = page.NextPageToken; token == "" {
			return ids, total
		}
	}
}

// TestListing lists by filters and in orders.
func TestListing(t *testing.T) { onEach(t, testListing) }

func testListing(t *testing.T) {
	s := start(t)
	pairs := func(text string) string {
		var all []string
		for part := range strings.FieldsSeq(text) {
			name, value, _ := strings.Cut(part, "=")
			all = append(all, fmt.Sprintf(`{"name":%q,"value":%q}`, strings.ReplaceAll(name, "_", " "), value))
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	s.importSet(`{"id":100,"jobs":[
		{"id":110,"properties":` + pairs("pages=9 due_date=x shift=night") + `,"metadata":` + pairs("customer=smith") + `,"segments":[]},
		{"id":120,"properties":` + pairs("pages=10 shift=nightly") + `,"segments":[{"id":130,"documentsets":[{"id":140,"documents":[
			{"id":150,"metadata":` + pairs("customer=jones") + `,"documentpages":[]},{"id":151,"documentpages":[]}]}]}]}]}`)
	s.importSet(`{"id":200,"jobs":[{"id":210,"properties":` + pairs("pages=many shift=9*") + `,"segments":[]}]}`)
	for _, c := range []struct{ kind, filter, orderBy, want string }{
		{"job", "", "", "110 120 210"},
		{"job", "", "id desc", "210 120 110"},
		{"job", `properties."due date" = x`, "", "110"},
		{"job", "properties.shift = night*", "", "110 120"},
		{"job", "properties.shift != night*", "", "210"},
		{"job", `properties.shift = "9\*"`, "", "210"},
		{"job", "properties.shift = *ly", "", "120"},
		{"job", "properties.shift:igh", "", "110 120"},
		{"job", "properties.shift = *ight*", "", "110 120"},
		{"job", `properties:"due date"`, "", "110"},
		{"job", "NOT properties:'due date'", "", "120 210"},
		{"job", "properties.pages > 9", "", "120"},
		{"job", "properties.pages >= 9.0", "", "110 120"},
		{"job", `properties.pages > "9"`, "", "210"},
		{"job", "metadata.customer = smith", "", "110"},
		{"job", "metadata.customer:* OR id > 200", "", "110 210"},
		{"job", "set = 100 -id = 110", "", "120"},
		{"job", "set != 100", "", "210"},
		{"job", "jobset = 200 OR properties.pages = 9", "", "110 210"},
		{"job", "counts.documents > 0", "", "120"},
		{"job", "createdBy = " + user + " AND createdHow = import", "counts.documents desc", "120 210 110"},
		{"job", "createdHow = jobcreation", "", ""},
		{"job", "createTime < 2020-01-01T00:00:00Z", "", ""},
		{"job", "createTime > 2020-01-01T00:00:00Z", "createTime desc", "210 120 110"},
		{"job", "", "properties.pages", "120 110 210"},
		{"job", "", "properties.pages desc, id desc", "210 110 120"},
		{"job", "", `properties."due date"`, "110 120 210"},
		{"job", "", "updateTime", "110 120 210"},
		{"jobset", "counts.jobs = 2", "", "100"},
		{"jobset", "", "counts.jobs", "200 100"},
		{"document", "metadata.customer = jones", "", "150"},
		{"document", "job = 120 id != 150", "", "151"},
		{"document", "jobsegment = 130", "id desc", "151 150"},
		{"documentset", "parent = 130", "", "140"},
		{"datarecord", "", "", ""},
	} {
		for _, size := range []string{"1", "1000"} {
			ids, total := s.listIDs(t, "kind", c.kind, "filter", c.filter, "orderBy", c.orderBy, "pageSize", size)
			if got := strings.Join(ids, " "); got != c.want {
				t.Errorf("%s, filter %s, order %s: %s, not %s", c.kind, c.filter, c.orderBy, got, c.want)
			}
			if want := len(strings.Fields(c.want)); total >= 0 && total != int64(want) {
				t.Errorf("%s, filter %s: a total of %d, not %d", c.kind, c.filter, total, want)
			}
		}
	}

	// What was acknowledged is listed at once.
	s.do("PUT", entities+"/jobs/210/metadata", `{"id":210,"properties":[{"name":"customer","value":"smith"}]}`)
	if ids, _ := s.listIDs(t, "kind", "job", "filter", "metadata.customer = smith", "orderBy", "updateTime desc"); fmt.Sprint(ids) != "[210 110]" {
		t.Errorf("after a change: %v", ids)
	}

	// A row is what the entity is; or what was chosen of it.
	got := s.do("GET", listingPath("kind", "job", "filter", "id = 110"), "")
	row := strings.TrimSuffix(strings.TrimPrefix(got.body, `{"entities":[`), `],"totalEstimate":1}`)
	if one := s.do("GET", native+"/entities/110", ""); row != one.body {
		t.Errorf("the row is\n%s\nthe entity\n%s", row, one.body)
	}
	got = s.do("GET", listingPath("kind", "job", "filter", "id = 110", "fields", `id,properties."due date",metadata,counts.pages,createdHow`), "")
	if want := `{"entities":[{"id":110,"createdHow":"import","counts":{"pages":0},"properties":[{"name":"due date","value":"x"}],"metadata":[{"name":"customer","value":"smith"}]}],"totalEstimate":1}`; got.body != want {
		t.Errorf("got  %s\nwant %s", got.body, want)
	}
}

// TestBadListing refuses listings that can not be meant.
func TestBadListing(t *testing.T) { onEach(t, testBadListing) }

func testBadListing(t *testing.T) {
	s := start(t)
	var jobs []string
	for i := range 5 {
		jobs = append(jobs, fmt.Sprintf(`{"id":%d,"segments":[]}`, 110+i))
	}
	s.importSet(`{"id":100,"jobs":[` + strings.Join(jobs, ",") + `]}`)
	var page listingAnswer
	first := s.do("GET", listingPath("kind", "job", "pageSize", "2"), "")
	if err := json.Unmarshal([]byte(first.body), &page); err != nil || page.NextPageToken == "" {
		t.Fatal(first.body, err)
	}
	token := page.NextPageToken
	for _, c := range []struct{ query, says string }{
		{"", `kind must be one of dataset, datarecord, contentset, contentitem, jobset, job, jobsegment, documentset, document, not \"\"`},
		{"kind=page", "kind must be one of"},
		{"kind=job&kind=jobset", "more than once"},
		{"kind=job&sort=id", `there is no query parameter \"sort\"`},
		{"kind=job&filter=a", "filter, at character 2: expected an operator"},
		{"kind=job&filter=a+%3D+1", `filter, at character 1: a job has no \"a\"; there are id, properties.NAME, metadata.NAME, set, parent, jobset, createTime, `},
		{"kind=job&filter=(id+%3D+1", "filter, at character 1: the parenthesis is not closed"},
		{"kind=job&filter=id+%3D+x", "filter, at character 6: expected an id"},
		{"kind=job&filter=id:1", "filter, at character 1: id is compared by"},
		{"kind=job&filter=set+%3E+1", "filter, at character 1: set is compared by = or !="},
		{"kind=job&filter=document+%3D+1", `a job has no \"document\"`},
		{"kind=job&filter=fields.a+%3D+1", `a job has no \"fields.a\"`},
		{"kind=document&filter=properties.a+%3D+1", `a document has no \"properties.a\"`},
		{"kind=document&filter=createTime+%3D+1", `a document has no \"createTime\"`},
		{"kind=jobset&filter=set+%3D+1", `a job set has no \"set\"`},
		{"kind=job&filter=properties+%3D+1", "filter, at character 1: properties is a list"},
		{"kind=job&filter=properties:a*", "a name can have no wildcard"},
		{"kind=job&filter=properties.a:a*", "without wildcards"},
		{"kind=job&filter=properties.a+%3C+a*", "a wildcard can be compared by = and != only"},
		{"kind=job&filter=properties.a:" + strings.Repeat("x", 1025), "longer than 1024 bytes"},
		{"kind=job&filter=createTime+%3E+yesterday", "filter, at character 14: expected a time such as"},
		{"kind=job&filter=counts.documents+%3E+1.5", "filter, at character 20: expected a whole number"},
		{"kind=job&filter=counts.cows+%3E+1", `a job has no \"counts.cows\"`},
		{"kind=job&filter=createdHow+%3D+magic", "expected import or jobcreation"},
		{"kind=job&filter=" + strings.Repeat("(", 33) + "id", "parentheses"},
		{"kind=job&filter=" + strings.Repeat("id=1+", 257), "more than 256 comparisons"},
		{"kind=job&orderBy=a", `orderBy, at character 1: a job has no \"a\"; there are id, properties.NAME, metadata.NAME, createTime, `},
		{"kind=job&orderBy=properties", `\"properties\" is nothing to order by; there are id, properties.NAME, `},
		{"kind=job&orderBy=set", "nothing to order by"},
		{"kind=job&orderBy=parent", "nothing to order by"},
		{"kind=job&orderBy=id+up", "orderBy, at character 4: expected asc, desc"},
		{"kind=job&orderBy=properties.a,properties.b", "orderBy, at character 14: expected id or the end"},
		{"kind=job&orderBy=properties.a,id+desc", "id has the same direction"},
		{"kind=job&orderBy=id,id", "no two entities have the same id"},
		{"kind=contentitem&orderBy=fields.a", "content items are not ordered by fields"},
		{"kind=job&fields=id,cows", `fields, at character 4: a job has no \"cows\" to choose; there are id, kind, ancestors`},
		{"kind=job&fields=", "fields, at character 1: expected a name"},
		{"kind=job&fields=set", `a job has no \"set\" to choose`},
		{"kind=job&pageSize=0", "pageSize must be a whole number from 1 to 1000"},
		{"kind=job&pageSize=1001", "pageSize must be a whole number from 1 to 1000"},
		{"kind=job&pageToken=x", "pageToken"},
		{"kind=jobset&pageToken=" + token, "pageToken is of another query"},
		{"kind=job&filter=id>1&pageToken=" + token, "pageToken is of another query"},
		{"kind=job&orderBy=id+desc&pageToken=" + token, "pageToken is of another query"},
		{"kind=job&pageToken=" + token[:len(token)-2] + "AA", "pageToken is of another query or was changed"},
		{"kind=job&pageToken=" + "B" + token[1:], "pageToken is not one that this server has given"},
	} {
		got := s.do("GET", native+"/entities?"+strings.ReplaceAll(c.query, ">", "%3E"), "")
		if got.status != 400 || !strings.Contains(got.body, c.says) {
			t.Errorf("%.80s: %d %s, not %s", c.query, got.status, got.body, c.says)
		}
	}
	for kind := platen.DataSet; kind <= platen.Document; kind++ { // what is offered is taken
		path := native + "/entities?kind=" + olrest.KindName(kind) + "&orderBy="
		refused := s.do("GET", path+"a", "")
		refused.isError(t, 400, "orderBy")
		_, rest, _ := strings.Cut(refused.body, "there are ")
		offered, _, _ := strings.Cut(rest, `"`)
		for name := range strings.SplitSeq(offered, ", ") {
			if got := s.do("GET", path+name, ""); got.status != 200 {
				t.Errorf("%s: %s is offered: %d %s", kind, name, got.status, got.body)
			}
		}
	}
	if got := s.do("GET", listingPath("kind", "job", "pageSize", "3", "pageToken", token, "fields", "id"), ""); got.body != `{"entities":[{"id":112},{"id":113},{"id":114}],"totalEstimate":5}` {
		t.Errorf("the next page: %s", got.body)
	}
	if got := s.do("POST", native+"/entities?kind=job", "{}"); got.status != 405 {
		t.Errorf("POST: %d", got.status)
	}
}
