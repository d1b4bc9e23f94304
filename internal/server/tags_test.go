package server_test

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/pgtest"
)

// TestTags is what the headers ETag, If-Match and If-None-Match do.
func TestTags(t *testing.T) { onEach(t, testTags) }

func testTags(t *testing.T) {
	s := start(t)
	job := jobsOf(s, 1)[0]
	path := fmt.Sprint(entities, "/jobs/", job, "/properties")
	put := func(value string, options ...option) answer {
		return s.do("PUT", path, fmt.Sprintf(`{"id":%d,"properties":[{"name":"n","value":%q}]}`, job, value), options...)
	}
	first := s.do("GET", path, "").header.Get("ETag")
	if tag, ok := platen.ParseTag(first); !ok || tag != platen.TagOf(platen.EmptyList) {
		t.Fatalf("the tag of an empty list is %q", first)
	}
	if got := put("1", header("If-Match", `"x", W/`+first+`,`+first)); got.status != 200 || got.body != "true" {
		t.Fatal("a change of what is there:", got.status, got.body)
	}
	now := s.do("GET", path, "").header.Get("ETag")
	if s.do("GET", path, "").header.Get("ETag") != now || now == first {
		t.Errorf("the tags are %s, %s", first, now)
	}
	for _, match := range []string{first, "W/" + now, `"x"`, `""`, strings.Repeat(first+",", 100) + first} {
		got := put("2", header("If-Match", match))
		got.isError(t, 412, "they have the tag "+now)
		if got.header.Get("ETag") != now {
			t.Errorf("%.80s: the answer has the tag %q", match, got.header.Get("ETag"))
		}
	}
	for _, bad := range []string{"", "x", `"x`, `"a""b"`, `"a" "b"`, "*, *", `*,"a"`, ",", "w/" + now} {
		put("2", header("If-Match", bad)).isError(t, 400, "If-Match must be * or tags")
		got := s.do("GET", path, "", header("If-None-Match", bad))
		got.isError(t, 400, "If-None-Match must be * or tags")
		if tag := got.header.Get("ETag"); tag != "" {
			t.Errorf("an error has the tag %s", tag)
		}
	}
	put("2", header("If-None-Match", "*")).isError(t, 400, "If-None-Match is for GET")
	s.do("PUT", entities+"/jobs/properties", fmt.Sprintf(`[{"id":%d,"properties":[]}]`, job), header("If-Match", now)).isError(t, 400, "one at a time")
	if got := s.do("PUT", entities+"/jobs/properties", fmt.Sprintf(`[{"id":%d,"properties":[]}]`, job), header("If-Match", "*")); got.status != 200 {
		t.Error("any of many:", got.status, got.body)
	}
	if got := s.do("GET", path, ""); got.body != `[{"name":"n","value":"1"}]` || got.header.Get("Content-Length") != strconv.Itoa(len(got.body)) {
		t.Error("what is refused changed it:", got.body, got.header)
	}
	for _, same := range []string{now, "W/" + now, `"x" , ` + now, "*"} {
		for _, method := range []string{"GET", "HEAD"} {
			got := s.do(method, path, "", header("If-None-Match", same))
			if got.status != 304 || got.body != "" || got.header.Get("ETag") != now {
				t.Errorf("%s with %s: %d %s %v", method, same, got.status, got.body, got.header)
			}
		}
	}
	if got := s.do("GET", path, "", header("If-None-Match", first)); got.status != 200 || got.body == "" {
		t.Error("a list that the client does not have:", got.status)
	}
	own := fmt.Sprint(native, "/entities/", job, "/properties")
	if got := s.do("GET", own, ""); got.header.Get("ETag") != now {
		t.Errorf("platen's own API has the tag %q, not %q", got.header.Get("ETag"), now)
	}
	if got := s.do("GET", own, "", header("If-None-Match", now)); got.status != 304 {
		t.Error("platen's own API does not know that the list is the same:", got.status)
	}
	s.do("GET", path, "", header("If-Match", first)).isError(t, 412, "does not have the tag")
	if got := put("3", header("If-Match", "*")); got.status != 200 {
		t.Error("any list:", got.status, got.body)
	}
	missing := entities + "/jobs/7/properties"
	s.do("PUT", missing, `{"id":7,"properties":[]}`, header("If-Match", "*")).isError(t, 404, "job 7 not found")
	s.do("GET", missing, "", header("If-None-Match", "*")).isError(t, 404, "job 7 not found")
}

// TestRecordTags: the values of a data record have a tag, too.
func TestRecordTags(t *testing.T) { onEach(t, testRecordTags) }

func testRecordTags(t *testing.T) {
	s := start(t)
	if got := s.do("POST", native+"/datasets", `{"id":300,"records":[{"id":301,"fields":[{"name":"City","value":"A"}]}]}`); got.status != 201 {
		t.Fatal(got.status, got.body)
	}
	path := entities + "/datarecords/301/values"
	old := s.do("GET", path, "").header.Get("ETag")
	change := func(value string) answer {
		return s.do("PUT", path, `{"id":301,"fields":[{"name":"City","value":"`+value+`"}]}`, header("If-Match", old))
	}
	if got := change("B"); got.status != 200 {
		t.Fatal(got.status, got.body)
	}
	now := s.do("GET", path, "").header.Get("ETag")
	if now == old || s.do("GET", path, "", header("If-None-Match", now)).status != 304 {
		t.Errorf("the tags are %s, %s", old, now)
	}
	if got := change("C"); got.status != 412 || got.header.Get("ETag") != now {
		t.Error("a change of old values:", got.status, got.body)
	}
}

// TestOtherKind: what is not found since it is of another kind.
func TestOtherKind(t *testing.T) { onEach(t, testOtherKind) }

func testOtherKind(t *testing.T) {
	s := start(t)
	made := s.importSet(`{"jobs":[{"segments":[]}]}`)
	job := made.Children[0]
	set := fmt.Sprintf(`: %d is a job set`, made.ID)
	for _, c := range []struct{ method, path, body string }{
		{"GET", fmt.Sprint(entities, "/jobs/", made.ID, "/properties"), ""},
		{"PUT", fmt.Sprint(entities, "/jobs/", made.ID, "/properties"), fmt.Sprintf(`{"id":%d,"properties":[]}`, made.ID)},
		{"PUT", entities + "/jobs/properties", fmt.Sprintf(`[{"id":%d,"properties":[]},{"id":%d,"properties":[]}]`, job, made.ID)},
		{"GET", fmt.Sprint(entities, "/jobs/", made.ID), ""},
		{"GET", fmt.Sprint(entities, "/jobs/", made.ID, "/contents"), ""},
		{"GET", fmt.Sprint(entities, "/datarecords/", made.ID, "/values"), ""},
		{"POST", fmt.Sprint(entities, "/datasets/", made.ID, "/delete"), ""},
		{"GET", fmt.Sprint(native, "/contentsets/", made.ID), ""},
	} {
		s.do(c.method, c.path, c.body).isError(t, 404, set)
	}
	s.do("POST", fmt.Sprint(entities, "/jobsets/", made.ID, "/delete"), "")
	got := s.do("GET", fmt.Sprint(entities, "/jobs/", made.ID, "/properties"), "")
	got.isError(t, 404, fmt.Sprintf("job %d not found", made.ID))
	if strings.Contains(got.body, "job set") {
		t.Error("a deleted set is told of:", got.body)
	}
}

// TestTagsOfReplicas lets clients of two servers count in one list.
func TestTagsOfReplicas(t *testing.T) { onEach(t, testTagsOfReplicas) }

func testTagsOfReplicas(t *testing.T) {
	needsPostgres(t)
	all := replicas(t, pgtest.Database(t), 2)
	job := jobsOf(all[0], 1)[0]
	path := fmt.Sprint(entities, "/jobs/", job, "/properties")
	const writers, each = 4, 15
	var group sync.WaitGroup
	for i := range writers {
		s := all[i%2]
		group.Go(func() {
			for done := 0; done < each; {
				now := s.do("GET", path, "")
				n := 0
				if _, err := fmt.Sscanf(now.body, `[{"name":"n","value":"%d"}]`, &n); err != nil && now.body != "[]" {
					t.Error(errors.Join(err, errors.New(now.body)))
				}
				body := fmt.Sprintf(`{"id":%d,"properties":[{"name":"n","value":"%d"}]}`, job, n+1)
				switch got := s.do("PUT", path, body, header("If-Match", now.header.Get("ETag"))); got.status {
				case http.StatusOK:
					done++
				case http.StatusPreconditionFailed:
				default:
					t.Error(got.status, got.body)
					return
				}
			}
		})
	}
	group.Wait()
	if got, want := all[0].do("GET", path, "").body, fmt.Sprintf(`[{"name":"n","value":"%d"}]`, writers*each); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestNoTags sends the headers of tags to each route of platen's own API: where the
// document has neither, both are refused. The dialect ignores them there.
func TestNoTags(t *testing.T) { onSQLite(t, testNoTags) }

func testNoTags(t *testing.T) {
	s := start(t)
	s.chain()
	for _, route := range olrest.Routes() {
		operation := described().document.Paths.Value(route.Path).GetOperation(route.Method)
		if operation.Parameters.GetByInAndName("header", "If-None-Match") != nil && operation.Responses.Value("200").Value.Headers["ETag"] == nil {
			t.Errorf("the document has If-None-Match for %s %s, and no ETag", route.Method, route.Path)
		}
		if !route.Native() {
			continue
		}
		takes := route.Action == olrest.UpdateMany // has a message of its own
		for _, name := range []string{"If-Match", "If-None-Match"} {
			takes = takes || operation.Parameters.GetByInAndName("header", name) != nil
		}
		path := strings.NewReplacer("{id}", "1", "{", "", "}", "").Replace(route.Path)
		for _, name := range []string{"If-Match", "If-None-Match"} {
			a := s.do(route.Method, path, "", header(name, `"x"`))
			if refused := strings.Contains(a.body, name+" is for what has an ETag"); refused == takes || refused && a.status != 400 {
				t.Errorf("%s %s with %s: %d %s", route.Method, route.Path, name, a.status, a.body)
			}
		}
	}
	s.wants("POST", entities+"/datarecords", "[]", "", header("If-None-Match", `"x"`))
}
