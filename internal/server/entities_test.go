package server_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
)

// An entityAnswer is what GET of an entity answers.
type entityAnswer struct {
	Kind      string
	ID        platen.ID
	Ancestors []struct {
		Kind string
		ID   platen.ID
	}
	Position                        *int64
	DataRecord                      platen.ID
	CreatedBy, CreatedHow, Revision string
	CreateTime, UpdateTime          time.Time
	Counts                          map[string]int64
	Properties, Metadata, Fields    []platen.NameValue
}

func (s *service) entity(t *testing.T, id platen.ID) (e entityAnswer) {
	t.Helper()
	got := s.do("GET", fmt.Sprint(native, "/entities/", id), "")
	if err := json.Unmarshal([]byte(got.body), &e); err != nil || got.status != 200 {
		t.Fatal(got.status, got.body, err)
	}
	if tag := got.header.Get("ETag"); tag != `"`+e.Revision+`"` {
		t.Errorf("the tag is %s, the revision %s", tag, e.Revision)
	}
	return e
}

// TestEntity reads entities of all kinds by their ids alone.
func TestEntity(t *testing.T) { onEach(t, testEntity) }

func testEntity(t *testing.T) {
	s := start(t)
	made := s.importSet(`{"id":100,"properties":[{"name":"a","value":"1"}],"jobs":[{"id":110,"segments":[]},{"id":120,"metadata":[{"name":"m","value":"2"}],"segments":[{"id":130,"documentsets":[{"id":140,"documents":[{"id":150,"documentpages":[{"contentitem":9001,"datarecord":5001},{"id":160,"contentitem":9001}]}]}]}]}]}`)
	set := s.entity(t, made.ID)
	if set.Kind != "jobset" || set.CreatedBy != user || set.CreatedHow != "import" || time.Since(set.CreateTime) > time.Hour ||
		!set.UpdateTime.Equal(set.CreateTime) || len(set.Ancestors) > 0 || set.Position != nil || len(set.Properties) != 1 || set.Metadata == nil {
		t.Errorf("%+v", set)
	}
	if got, want := fmt.Sprint(set.Counts), "map[contentitems:1 documents:1 documentsets:1 jobs:2 jobsegments:1 pages:2 sheets:2]"; got != want {
		t.Errorf("counts %s, not %s", got, want)
	}
	job := s.entity(t, 120)
	if job.Kind != "job" || *job.Position != 1 || job.Counts["documents"] != 1 || len(job.Counts) != 6 || !job.CreateTime.Equal(set.CreateTime) {
		t.Errorf("%+v", job)
	}
	document := s.entity(t, 150)
	if got, want := fmt.Sprint(document.Kind, document.Ancestors), "document[{documentset 140} {jobsegment 130} {job 120} {jobset 100}]"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if page := s.entity(t, 160); page.Kind != "documentpage" {
		t.Errorf("%+v", page)
	}
	if item := s.entity(t, 9001); item.Kind != "contentitem" || item.DataRecord != 5001 || item.Counts != nil {
		t.Errorf("%+v", item)
	}
	if record := s.entity(t, 5001); record.Kind != "datarecord" || record.Fields == nil || record.Properties == nil || record.Metadata != nil {
		t.Errorf("%+v", record)
	}
	path := native + "/entities/100"
	if got := s.do("GET", path, "", header("If-None-Match", `"`+set.Revision+`"`)); got.status != 304 {
		t.Error("an entity that the client has:", got.status)
	}
	s.setProperties(platen.Job, 110, platen.NameValue{Name: "n", Value: "1"})
	if now := s.entity(t, 100); now.Revision == set.Revision || !now.UpdateTime.After(set.CreateTime) {
		t.Errorf("after a change below: %+v", now)
	}
	s.do("GET", native+"/entities/7", "").isError(t, 404, "entity 7 not found")
	s.do("GET", native+"/entities/x", "").isError(t, 404, `"x" not found`)
	s.do("GET", path+"?a=1", "").isError(t, 400, `no query parameter "a"`)
	s.do("DELETE", native+"/entities/120", "").isError(t, 400, "120 is a job")
	s.do("DELETE", native+"/entities/7", "").isError(t, 404, "7 not found")
	old := header("If-Match", `"`+set.Revision+`"`)
	s.do("DELETE", path, "", old).isError(t, 412, "100")
	s.do("POST", entities+"/jobsets/100/delete", "", old).isError(t, 412, "100")
	now := s.entity(t, 100)
	if got := s.do("DELETE", path, "", header("If-Match", `"`+now.Revision+`"`)); got.status != 204 || got.body != "" {
		t.Error("deleting:", got.status, got.body)
	}
	s.do("GET", path, "").isError(t, 404, "entity 100 not found")
}

// TestChildrenPages reads children a page at a time, and sends tokens that are none.
func TestChildrenPages(t *testing.T) { onEach(t, testChildrenPages) }

func testChildrenPages(t *testing.T) {
	s := start(t)
	jobs := jobsOf(s, 250)
	set := s.entity(t, jobs[0]).Ancestors[0].ID
	path := fmt.Sprint(native, "/entities/", set, "/children")
	var tokens []string
	var got []platen.ID
	for token := ""; ; {
		at := path + "?pageSize=70"
		if token != "" {
			at += "&pageToken=" + token
		}
		var page struct {
			Children []struct {
				Kind     string
				ID       platen.ID
				Position int
			}
			NextPageToken string
		}
		answer := s.do("GET", at, "")
		if err := json.Unmarshal([]byte(answer.body), &page); err != nil {
			t.Fatal(answer.status, answer.body)
		}
		for _, child := range page.Children {
			if child.Position != len(got) || child.Kind != "job" {
				t.Errorf("%+v at %d", child, len(got))
			}
			got = append(got, child.ID)
		}
		if token = page.NextPageToken; token == "" {
			break
		}
		tokens = append(tokens, token)
	}
	if fmt.Sprint(got) != fmt.Sprint(jobs) || len(tokens) != 3 {
		t.Errorf("%d children in %d pages", len(got), len(tokens)+1)
	}
	for query, message := range map[string]string{
		"?pageSize=0": "from 1 to 1000", "?pageSize=1001": "from 1 to 1000", "?pageSize=x": "from 1 to 1000", "?pageToken=": "not one that",
		"?pageToken=!": "not one that", "?pageToken=AQAAAAAAAAAAAA": "another query or was changed", "?pageToken=" + tokens[0][:len(tokens[0])-2]: "",
		"?pageToken=" + tokens[0] + "AAA": "", "?size=1": "no query parameter", "?pageSize=1&pageSize=2": "more than once",
	} {
		s.do("GET", path+query, "").isError(t, 400, message)
	}
	other := fmt.Sprint(native, "/entities/", jobs[0], "/children")
	s.do("GET", other+"?pageToken="+tokens[0], "").isError(t, 400, "another query")
	if got := s.do("GET", other, ""); got.body != `{"children":[],"total":0}` {
		t.Error("a job with nothing in it:", got.body)
	}
	want := fmt.Sprintf(`{"children":[{"kind":"job","id":%d,"position":249}],"total":250}`, jobs[249])
	if got := s.do("GET", path+"?position=249", ""); got.body != want {
		t.Error("from a position on:", got.body)
	}
	for _, position := range []int64{999, int64(platen.MaxID)} {
		if got := s.do("GET", fmt.Sprint(path, "?position=", position), ""); got.body != `{"children":[],"total":250}` {
			t.Error("from a position beyond the last on:", got.body)
		}
	}
	for _, query := range []string{
		"?position=-1", "?position=x", "?position=1&pageToken=" + tokens[0],
		fmt.Sprint("?position=", platen.MaxID+1), fmt.Sprint("?position=", math.MaxInt64),
	} {
		s.do("GET", path+query, "").isError(t, 400, "position must be a whole number")
	}
	s.do("GET", native+"/entities/7/children", "").isError(t, 404, "entity 7 not found")
	if strings.Contains(tokens[0], "=") {
		t.Error("a token that must be escaped:", tokens[0])
	}
}

// TestEntityPages reads the pages of documents, wherever they are in their set.
func TestEntityPages(t *testing.T) { onEach(t, testEntityPages) }

func testEntityPages(t *testing.T) {
	s := start(t)
	type page struct {
		Position, ContentItem, DataRecord int64
		Template                          string
		Pages                             []platen.PageCount
		Properties                        []platen.NameValue
	}
	var b strings.Builder
	b.WriteString(`{"id":100,"jobs":[`)
	item, document := int64(1_000_000), int64(500_000)
	want := make(map[int64][]page)
	for job := range 2 {
		fmt.Fprintf(&b, `%s{"segments":[`, strings.Repeat(",", min(job, 1)))
		for segment := range 2 {
			fmt.Fprintf(&b, `%s{"documentsets":[`, strings.Repeat(",", segment))
			for set := range 2 {
				fmt.Fprintf(&b, `%s{"documents":[`, strings.Repeat(",", set))
				for i := range 700 {
					document--
					fmt.Fprintf(&b, `%s{"id":%d,"documentpages":[`, strings.Repeat(",", min(i, 1)), document)
					for n := range i % 4 {
						item++
						fmt.Fprintf(&b, `%s{"contentitem":%d,"datarecord":%d,"properties":[{"name":"n","value":"%d"}],"pages":[{"count":%d,"duplex":true,"media":{"name":"A4"}}]}`,
							strings.Repeat(",", min(n, 1)), item, item+1_000_000, n, i%5+1)
						want[document] = append(want[document], page{int64(n), item, item + 1_000_000, "", []platen.PageCount{{Count: int64(i%5) + 1, Duplex: true, Media: platen.Media{Name: "A4"}}},
							[]platen.NameValue{{Name: "n", Value: fmt.Sprint(n)}}})
					}
					b.WriteString("]}")
				}
				b.WriteString("]}")
			}
			b.WriteString("]}")
		}
		b.WriteString("]}")
	}
	b.WriteString("]}")
	s.importSet(b.String())
	read := func(path string) (pages []page, token string) {
		t.Helper()
		var answer struct {
			Pages         []page
			NextPageToken string
		}
		if got := s.do("GET", path, ""); json.Unmarshal([]byte(got.body), &answer) != nil || got.status != 200 || answer.Pages == nil {
			t.Fatal(path, got.status, got.body)
		}
		return answer.Pages, answer.NextPageToken
	}
	for id := document; id < 500_000; id += 411 {
		path := fmt.Sprint(native, "/entities/", id, "/pages")
		if got, token := read(path); fmt.Sprint(got) != fmt.Sprint(want[id]) || token != "" {
			t.Errorf("%d has %v %q, not %v", id, got, token, want[id])
		}
		if len(want[id]) < 2 {
			continue
		}
		first, token := read(path + "?pageSize=1")
		rest, _ := read(path + "?pageToken=" + token)
		again, _ := read(path + "?position=1")
		if fmt.Sprint(append(first, rest...)) != fmt.Sprint(want[id]) || fmt.Sprint(again) != fmt.Sprint(want[id][1:]) {
			t.Errorf("%d in parts has %v, %v and %v, not %v", id, first, rest, again, want[id])
		}
	}
	of := fmt.Sprint(native, "/entities/", item, "/pages")
	last := want[document][len(want[document])-1]
	last.Position, last.Properties = 0, nil
	if got, _ := read(of); len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint(last) {
		t.Errorf("the content item has %v, not %v", got, last)
	}
	s.do("GET", native+"/entities/100/pages", "").isError(t, 400, "only documents and content items")
	s.do("GET", native+"/entities/7/pages", "").isError(t, 404, "entity 7 not found")
	s.do("GET", of+"?pageSize=0", "").isError(t, 400, "from 1 to 1000")
	s.do("GET", fmt.Sprint(of, "?position=", math.MaxInt64), "").isError(t, 400, "position must be a whole number")
}
