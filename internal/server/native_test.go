package server_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/server"
)

func TestUndelete(t *testing.T) { onEach(t, testUndelete) }

func testUndelete(t *testing.T) {
	s := start(t)
	s.chain()
	sets := []struct {
		path, kind string
		of         platen.Kind
		id         platen.ID
	}{
		{"/jobsets/4100", "jobset", platen.JobSet, 4100},
		{"/contentsets/700", "contentset", platen.ContentSet, 700},
		{"/datasets/300", "dataset", platen.DataSet, 300},
	}
	var before []string
	for _, set := range sets {
		before = append(before, s.exported(set.of, set.id))
		s.wants("POST", entities+set.path+"/delete", "", "true")
	}
	type page struct {
		Sets []struct {
			ID                    platen.ID
			Kind, DeletedBy       string
			DeleteTime, PurgeTime time.Time
			Final                 bool
		}
		NextPageToken string
	}
	var listed []platen.ID
	for query := "?pageSize=2"; ; {
		var got page
		if err := json.Unmarshal([]byte(s.do("GET", native+"/deleted"+query, "").body), &got); err != nil {
			t.Fatal(err)
		}
		for _, set := range got.Sets {
			listed = append(listed, set.ID)
			if set.Final || set.DeletedBy == "" || set.PurgeTime.Before(set.DeleteTime) || time.Since(set.DeleteTime) > time.Hour {
				t.Errorf("listed: %+v", set)
			}
		}
		if got.NextPageToken == "" {
			break
		}
		query = "?pageToken=" + got.NextPageToken
	}
	if len(listed) != 3 {
		t.Errorf("listed: %v", listed)
	}
	undelete := func(id string) string { return native + "/entities/" + id + "/undelete" }
	s.do("POST", undelete("4100"), "").isError(t, 409, "undelete that first")
	s.do("POST", undelete("700"), "").isError(t, 409, "undelete that first")
	s.do("POST", undelete("300"), `{"validateOnly":true}`).isError(t, 400, `there is no key "validateOnly" here; there are none`)
	s.do("POST", undelete("300"), `x`).isError(t, 400, "malformed")
	s.do("POST", native+"/operations/1/cancel", `{"force":true}`).isError(t, 400, `there is no key "force" here; there are none`)
	for i := len(sets) - 1; i >= 0; i-- {
		id := sets[i].id.String()
		s.wants("POST", undelete(id), "", `{"id":`+id+`,"kind":"`+sets[i].kind+`"}`)
		s.do("POST", undelete(id), "").isError(t, 409, "is not deleted")
	}
	for i, set := range sets {
		if now := s.exported(set.of, set.id); now != before[i] {
			t.Errorf("%s came back as %s, and was %s", set.path, now, before[i])
		}
	}
	s.wants("GET", native+"/deleted", "", `{"sets":[]}`)

	s.do("POST", undelete("4101"), "").isError(t, 409, "a job: only sets")
	s.do("POST", undelete("4101"), "", header("Content-Type", "application/x-www-form-urlencoded")).isError(t, 409, "a job: only sets")
	s.do("POST", undelete("1"), "").isError(t, 404, "no deleted set 1")
	s.do("POST", undelete("x"), "").isError(t, 404, "an id is a whole number")
	s.do("POST", undelete("4100")+"?now=1", "").isError(t, 400, `no query parameter "now"`)
	s.do("GET", undelete("4100"), "").isError(t, 405, "POST")
	for query, says := range map[string]string{
		"pageSize=0": "1 to 1000", "pageSize=1001": "1 to 1000", "pageToken=1": "not one that this server has given",
		"pageToken=1-2x": "not one that this server has given", "page=1": `no query parameter "page"`, "pageSize=1&pageSize=2": "more than once",
	} {
		s.do("GET", native+"/deleted?"+query, "").isError(t, 400, says)
	}
}

// TestServerFacts reads what a server says of itself, before and after it was
// counted what there is.
func TestServerFacts(t *testing.T) { onSQLite(t, testServerFacts) }

func testServerFacts(t *testing.T) {
	facts := olrest.ServerFacts{Database: "/data", Settings: []olrest.Setting{{Name: "cache", Value: "64", Source: "default"}}}
	s := start(t, func(c *server.Config, _ *auth.Config) {
		c.Version = "1.2.3"
		c.About = func() olrest.ServerFacts { return facts }
	})
	const tail = `"disks":[],"cleanup":{},"settings":[{"name":"cache","value":"64","source":"default"}]}`
	var read struct{ StartTime time.Time }
	first := s.do("GET", native+"/server", "").body
	if err := json.Unmarshal([]byte(first), &read); err != nil || time.Since(read.StartTime) > time.Hour {
		t.Errorf("started %v: %v", read.StartTime, err)
	}
	head := `{"version":"1.2.3","apiVersion":"2025.2.0","startTime":"` + olrest.FormatTime(read.StartTime) + `","database":{"location":"/data"`
	s.wants("GET", native+"/server", "", head+`},`+tail)
	facts.Inventory = &platen.Inventory{At: time.Unix(1_700_000_010, 0), Schema: 14, Bytes: 4096, FreeBytes: -1, DeletedSets: 1, Transactions: 3, LogBytes: 99, OldestChange: time.Unix(1_700_000_000, 0), Entities: map[platen.Kind]int64{platen.Job: 2}}
	s.wants("GET", native+"/server", "", head+`,"schema":14,"bytes":4096},"counts":{"countTime":"2023-11-14T22:13:30.000000Z",`+
		`"dataset":0,"datarecord":0,"contentset":0,"contentitem":0,"jobset":0,"job":2,"jobsegment":0,"documentset":0,"document":0,"deletedSets":1},"history":{"transactions":3,"bytes":99,"oldestTime":"2023-11-14T22:13:20.000000Z"},`+tail)
	s.do("GET", native+"/server?all=1", "").isError(t, 400, `no query parameter "all" here; there are none`)
}

// TestUnknownParameters gives each route of platen's own API a query parameter that
// it does not have. None ignores it: who mistypes the name of one that changes what
// is done must not get something else done.
func TestUnknownParameters(t *testing.T) { onSQLite(t, testUnknownParameters) }

func testUnknownParameters(t *testing.T) {
	s := start(t)
	s.chain()
	ids := map[platen.Kind]string{platen.DataSet: "300", platen.ContentSet: "700"}
	for _, route := range olrest.Routes() {
		if !strings.HasPrefix(route.Path, olrest.NativePrefix) {
			continue
		}
		path := strings.NewReplacer("{id}", cmp.Or(ids[route.Kind], "4100"), "{facet}", "metadata", "{", "", "}", "").Replace(route.Path)
		got := s.do(route.Method, path+"?nonsense=1", "{}")
		named := got.status == 400 && strings.Contains(got.body, `no query parameter \"nonsense\"`)
		if !named && got.status != 404 && got.status != 409 { // what the path names is looked for first in places
			t.Errorf("%s %s: %d %s", route.Method, path, got.status, got.body)
		}
		s.do(route.Method, path+"?a=1&nonsense=100%", "{}").isError(t, 400, `the query can not be read: invalid URL escape "%"`)
	}
}

// TestDeleteBody: what a body asks of a DELETE is not done, and nothing else instead.
func TestDeleteBody(t *testing.T) { onSQLite(t, testDeleteBody) }

func testDeleteBody(t *testing.T) {
	s := start(t, withJournal)
	s.importSet(`{"id":9300,"jobs":[]}`)
	s.do("POST", native+"/views", `{"name":"v","kind":"job"}`)
	s.do("POST", native+"/users", `{"name":"ann","password":"a long password","role":"viewer"}`)
	s.do("POST", native+"/tokens", `{"name":"t","role":"viewer"}`)
	s.do("POST", native+"/retention", `{"name":"old","kind":"jobset","days":9}`)
	s.do("POST", native+"/webhooks", `{"url":"https://hooks.example/"}`)
	for _, path := range []string{"/entities/9300", "/views/1", "/users/ann", "/tokens/t", "/retention/old", "/webhooks/1", "/requests"} {
		for range 2 { // the second finds what the first has left
			s.do("DELETE", native+path, `{"validateOnly":true}`).isError(t, 400, `there is no key "validateOnly" here`)
		}
		s.do("DELETE", native+path, `validateOnly=true`, header("Content-Type", "application/x-www-form-urlencoded")).isError(t, 415, "application/json")
		if a := s.do("DELETE", native+path, `{}`); a.status/100 != 2 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
}

// TestMalformedQuery: what can not be read of a query is refused, where a filter would
// be left out otherwise. The dialect ignores it.
func TestMalformedQuery(t *testing.T) { onSQLite(t, testMalformedQuery) }

func testMalformedQuery(t *testing.T) {
	s := start(t, withJournal)
	job := jobsOf(s, 1)[0]
	for query, says := range map[string]string{
		"kind=job&filter=%zz":                    `invalid URL escape "%zz"`,
		"kind=job&filter=a;b":                    "; as %3B",
		"kind=job&%zz=1":                         "can not be read",
		"kind=job" + strings.Repeat("&", 20_000): "can not be read",
	} {
		a := s.do("GET", native+"/entities?"+query, "")
		a.isError(t, 400, says)
		if want := `"parameter":"filter"`; strings.Contains(query, "filter") && !strings.Contains(a.body, want) {
			t.Errorf("%s: %s lacks %s", query, a.body, want)
		}
	}
	s.do("DELETE", native+"/requests?path=/rest/100%", "").isError(t, 400, `invalid URL escape "%"`)
	if left := fromJSON[struct{ Requests []recorded }](t, s.do("GET", native+"/requests", "")); len(left.Requests) == 0 {
		t.Error("a malformed filter removed the whole journal")
	}
	s.wants("GET", fmt.Sprint(entities, "/jobs/", job, "/properties?x=%zz&a;b"), "", `[]`)
}

// TestNoText: a name in a path that is no text is not found, as what does not exist.
func TestNoText(t *testing.T) { onEach(t, testNoText) }

func testNoText(t *testing.T) {
	s := start(t, withJournal)
	for _, route := range olrest.Routes() {
		name := route.Parameter()
		if name == "" || name == olrest.IDParameter {
			continue
		}
		for text, says := range map[string]string{"%00": "it holds U+0000", "a%00b": "it holds U+0000", "%ff": "it is not valid UTF-8", "%ed%a0%80": "it is not valid UTF-8"} {
			s.do(route.Method, strings.Replace(route.Path, "{"+name+"}", text, 1), "").isError(t, 404, says)
		}
	}
}
