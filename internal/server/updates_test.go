package server_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen"
)

type shownUpdate struct {
	Change           int64
	Matched, Changed int64
	Preview          []struct {
		Kind                 string
		ID                   platen.ID
		Properties, Metadata *struct {
			Before, After []platen.NameValue
		}
	}
}

type shownOperation struct {
	ID, Type, State, Error string
	Progress               int
	StartTime, EndTime     time.Time
	Result                 struct {
		Matched, Changed int64
		Changes          []int64
		JobSet           platen.ID
	}
}

const updates, operations = native + "/updates", native + "/operations"

func (s *service) updated(body string) (u shownUpdate) {
	s.t.Helper()
	s.do("POST", updates, body).decoded(s.t, 200, &u)
	return u
}

// ended waits until an operation has ended.
func (s *service) ended(id string) (o shownOperation) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		o = shownOperation{}
		if s.do("GET", operations+"/"+id, "").decoded(s.t, 200, &o); o.State != "running" {
			return o
		}
	}
	s.t.Fatalf("the operation does not end: %+v", o)
	return o
}

// TestUpdates updates by filters and by ids, as a preview and for real.
func TestUpdates(t *testing.T) { onEach(t, testUpdates) }

func testUpdates(t *testing.T) {
	s := start(t)
	jobs := jobsOf(s, 3)
	s.put(jobs[0], `[{"name":"shift","value":"day"},{"name":"checked","value":"1"}]`)
	s.put(jobs[1], `[{"name":"shift","value":"day"}]`)
	body := `{"kind":"job","filter":"properties.shift = day","set":[{"name":"properties.shift","value":"night"},{"name":"metadata.by","value":"q"}],"unset":["properties.checked"]%s}`
	got := s.updated(fmt.Sprintf(body, `,"validateOnly":true`))
	if got.Matched != 2 || got.Changed != 2 || got.Change != 0 || len(got.Preview) != 2 || got.Preview[0].ID != jobs[0] || got.Preview[0].Kind != "job" ||
		len(got.Preview[0].Properties.Before) != 2 || len(got.Preview[0].Properties.After) != 1 || got.Preview[0].Metadata.After[0].Value != "q" {
		t.Errorf("preview: %+v", got)
	}
	list := func(job platen.ID, list, want string) {
		t.Helper()
		if a := s.do("GET", fmt.Sprintf("%s/entities/%d/%s", native, job, list), ""); a.body != want {
			t.Errorf("%s of %d: %s, want %s", list, job, a.body, want)
		}
	}
	list(jobs[1], "properties", `[{"name":"shift","value":"day"}]`)
	got = s.updated(fmt.Sprintf(body, ""))
	if got.Matched != 2 || got.Changed != 2 || got.Change == 0 {
		t.Errorf("%+v", got)
	}
	list(jobs[0], "properties", `[{"name":"shift","value":"night"}]`)
	list(jobs[0], "metadata", `[{"name":"by","value":"q"}]`)
	list(jobs[2], "properties", `[]`)
	var change shownChange
	s.do("GET", fmt.Sprintf("%s/changes/%d", native, got.Change), "").decoded(t, 200, &change)
	if change.Type != "update" || len(change.Entries) != 4 || change.User != user {
		t.Errorf("%+v", change)
	}
	if got := s.updated(fmt.Sprintf(body, "")); got.Matched+got.Changed+got.Change != 0 {
		t.Errorf("the same again: %+v", got)
	}
	all := `{"kind":"job","all":true,"set":[{"name":"properties.shift","value":"night"}]}`
	if got := s.updated(all); got.Matched != 3 || got.Changed != 1 {
		t.Errorf("all: %+v", got)
	}
	if got := s.updated(all); got.Matched != 3 || got.Changed != 0 || got.Change != 0 {
		t.Errorf("all again: %+v", got)
	}

	// By ids, one with a tag.
	tag := s.do("GET", fmt.Sprintf("%s/entities/%d/properties", native, jobs[1]), "").header.Get("Etag")
	byID := fmt.Sprintf(`{"entities":[{"id":%d},{"id":%d,"tags":{"properties":%q}}],"set":[{"name":"properties.\"a name.\"","value":"1"}]}`, jobs[0], jobs[1], tag)
	if got := s.updated(byID); got.Matched != 2 || got.Changed != 2 {
		t.Errorf("by ids: %+v", got)
	}
	list(jobs[1], "properties", `[{"name":"shift","value":"night"},{"name":"a name.","value":"1"}]`)
	now := s.do("GET", fmt.Sprintf("%s/entities/%d/properties", native, jobs[1]), "").header.Get("Etag")
	a := s.do("POST", updates, strings.Replace(byID, `"value":"1"`, `"value":"2"`, 1))
	a.isError(t, 412, "at /entities/1")
	if a.header.Get("Etag") != now {
		t.Errorf("the tag that is there now is %q, not %q", a.header.Get("Etag"), now)
	}
	s.do("POST", updates, byID, header("If-Match", now)).isError(t, 400, `the body takes tags, as in {"entities":`)
	s.do("POST", updates, byID, header("If-None-Match", now)).isError(t, 400, "If-None-Match is for GET")
	list(jobs[0], "properties", `[{"name":"shift","value":"night"},{"name":"a name.","value":"1"}]`)

	// A token for some kinds.
	s.do("POST", native+"/tokens", `{"name":"jobs","role":"editor","kinds":["job"]}`)
	token := s.makeToken(`{"name":"sets","role":"editor","kinds":["jobset"]}`)
	for _, body := range []string{all, byID, strings.Replace(byID, `{"entities"`, `{"inParts":false,"entities"`, 1)} {
		if a := s.do("POST", updates, strings.ReplaceAll(body, tag[1:len(tag)-1], now[1:len(now)-1]), bearer(token)...); a.status != 403 {
			t.Errorf("%s with a token for job sets: %d %s", body, a.status, a.body)
		}
	}
}

// TestBadUpdates sends updates with something wrong in the body.
func TestBadUpdates(t *testing.T) { onSQLite(t, testBadUpdates) }

func testBadUpdates(t *testing.T) {
	s := start(t)
	job := jobsOf(s, 1)[0]
	set := `"set":[{"name":"properties.a","value":"1"}]`
	many := strings.Repeat(`{"id":1},`, 2)
	for _, bad := range []struct {
		body    string
		status  int
		message string
	}{
		{``, 400, "empty"},
		{`[]`, 400, "must be an object"},
		{`{"kind":"job","filter":"",` + set + `}`, 400, `"all":true`},
		{`{"kind":"job","filter":"  ",` + set + `}`, 400, `"all":true`},
		{`{"kind":"job",` + set + `}`, 400, "which entities"},
		{`{"kind":"job","all":false,` + set + `}`, 400, "which entities"},
		{`{"kind":"job","all":true,"filter":"id = 1",` + set + `}`, 400, "exclude each other"},
		{`{"all":true,` + set + `}`, 400, "kind is missing"},
		{`{"kind":"tree","all":true,` + set + `}`, 400, "kind must be one of"},
		{`{"kind":"job","entities":[{"id":1}],` + set + `}`, 400, "leave kind out"},
		{`{"entities":[],` + set + `}`, 400, "empty"},
		{`{"entities":[` + many + `{"id":2}],` + set + `}`, 400, "at /entities/1: the entity 1 is named twice"},
		{`{"entities":[{}],` + set + `}`, 400, "no id"},
		{`{"entities":[{"id":0}],` + set + `}`, 400, "no identifier"},
		{`{"entities":[{"id":1,"name":"x"}],` + set + `}`, 400, `no key "name"`},
		{`{"entities":[{"id":1,"tags":{"properties":"abc"}}],` + set + `}`, 400, "at /entities/0/tags/properties"},
		{`{"entities":[{"id":1,"tags":{"pages":"abc"}}],` + set + `}`, 400, `no key "pages"`},
		{`{"kind":"job","all":true}`, 400, "nothing to change"},
		{`{"kind":"job","all":true,"set":[],"unset":[]}`, 400, "nothing to change"},
		{`{"kind":"job","all":true,"set":[{"name":"properties.a"}]}`, 400, "no value"},
		{`{"kind":"job","all":true,"set":[{"value":"a"}]}`, 400, "no name"},
		{`{"kind":"job","all":true,"set":[{"name":"properties.a","value":null}]}`, 400, "must be text"},
		{`{"kind":"job","all":true,"set":[{"name":"properties.a","value":"\u0000"}]}`, 400, "U+0000"},
		{`{"kind":"job","all":true,` + set + `,"unset":["properties.a"]}`, 400, "unset/0, at character 1: properties.a is named twice"},
		{`{"kind":"job","all":true,"unset":["properties.a","properties.a"]}`, 400, "unset/1, at character 1: properties.a is named twice"},
		{`{"kind":"job","all":true,"unset":["properties"]}`, 400, "there are properties.NAME, metadata.NAME"},
		{`{"kind":"job","all":true,"unset":["createTime"]}`, 400, `no "createTime" that can be set`},
		{`{"kind":"job","all":true,"unset":["fields.a"]}`, 400, `no "fields.a" that can be set`},
		{`{"kind":"contentitem","all":true,"unset":["fields.a"]}`, 400, `no "fields.a" that can be set`},
		{`{"kind":"document","all":true,` + set + `}`, 400, "there are metadata.NAME"},
		{`{"kind":"job","all":true,"unset":["properties.a, properties.b"]}`, 400, "expected one name"},
		{`{"kind":"job","all":true,"unset":["properties.\"a"]}`, 400, "unset/0, at character"},
		{`{"kind":"job","filter":"properties.a =","unset":["properties.a"]}`, 400, "filter, at character"},
		{`{"kind":"job","filter":"shape = 1","unset":["properties.a"]}`, 400, `a job has no "shape"`},
		{`{"kind":"job","all":true,` + set + `,"dryRun":true}`, 400, `no key "dryRun"`},
		{`{"entities":[{"id":999999}],` + set + `}`, 404, "at /entities/0: entity 999999 not found"},
		{fmt.Sprintf(`{"entities":[{"id":%d}],"unset":["fields.a"]}`, job), 400, "a job has no fields"},
		{fmt.Sprintf(`{"entities":[{"id":%d,"tags":{"properties":"\"%032x\""}}],"inParts":true,%s}`, job, 1, set), 413, "one transaction"},
	} {
		t.Run(bad.body, func(t *testing.T) { s.do("POST", updates, bad.body).isError(t, bad.status, bad.message) })
	}
	var ids strings.Builder
	for id := range platen.MaxBulkIDs + 1 {
		if fmt.Fprintf(&ids, `{"id":%d},`, id+1); ids.Len() > 1<<20 {
			break
		}
	}
	s.do("POST", updates, `{"entities":[`+ids.String()+`{"id":9999999}],`+set+`}`).isError(t, 413, "limit")
	s.do("POST", updates+"?all=true", `{}`).isError(t, 400, "no query parameter")
	s.do("GET", updates, "").isError(t, 405, "")
	s.do("GET", operations+"/none", "").isError(t, 404, "not found")
	s.do("POST", operations+"/none/cancel", "").isError(t, 404, "not found")
}

// TestUpdateInParts makes an update by an operation, and cancels others.
func TestUpdateInParts(t *testing.T) { onEach(t, testUpdateInParts) }

func testUpdateInParts(t *testing.T) {
	const many = 2500
	s := start(t)
	jobsOf(s, many)
	begin := func(value string) shownOperation {
		t.Helper()
		var o shownOperation
		a := s.do("POST", updates, `{"kind":"job","filter":"id >= 1","inParts":true,"set":[{"name":"properties.n","value":"`+value+`"}]}`)
		a.decoded(t, 202, &o)
		if o.State != "running" || o.Type != "update" || a.header.Get("Location") != operations+"/"+o.ID {
			t.Errorf("%d %v %s", a.status, a.header, a.body)
		}
		return o
	}
	begun := begin("1")
	o := s.ended(begun.ID)
	if o.State != "done" || o.Progress != 100 || o.Result.Matched != many || o.Result.Changed != many || len(o.Result.Changes) < 3 || o.EndTime.IsZero() || o.Error != "" || o.StartTime != begun.StartTime {
		t.Errorf("%+v after %+v", o, begun)
	}
	for _, id := range o.Result.Changes {
		var change shownChange
		s.do("GET", fmt.Sprintf("%s/changes/%d", native, id), "").decoded(t, 200, &change)
		if change.Type != "update" || change.User != user {
			t.Errorf("%+v", change)
		}
	}
	s.do("POST", operations+"/"+o.ID+"/cancel", "").isError(t, 404, "has ended")
	s.do("POST", "/rest/serverengine/workflow/jobcreation/getResult/"+o.ID, "").isError(t, 404, "an update")

	// Cancelled, it says how far it came; it may have ended just before.
	second := begin("2")
	a := s.do("POST", operations+"/"+second.ID+"/cancel", "")
	if a.status != 200 && a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	o = s.ended(second.ID)
	found := s.updated(`{"kind":"job","filter":"properties.n = 2","unset":["properties.n"],"validateOnly":true}`)
	want := map[int]string{200: "cancelled", 404: "done"}[a.status]
	if o.State != want || o.Result.Changed != found.Matched || len(found.Preview) != int(min(found.Matched, 100)) {
		t.Errorf("%+v, and %d jobs are changed", o, found.Matched)
	}
	if want == "cancelled" && (o.Error != "it was cancelled by "+user || o.Result.Changed == many) {
		t.Errorf("%+v", o)
	}
	var running struct{ Operations []shownOperation }
	if s.do("GET", operations, "").decoded(t, 200, &running); len(running.Operations) != 0 {
		t.Errorf("%+v", running)
	}

	// One that fails in a part: the parts before it stay.
	last := jobsOf(s, 1)[0]
	s.put(last, `[{"name":"long","value":"`+strings.Repeat("l", 1<<19)+`"}]`)
	s.do("POST", updates, fmt.Sprintf(`{"entities":[{"id":%d}],"set":[{"name":"properties.long2","value":"%s"}]}`, last, strings.Repeat("l", 1<<19-200))).decoded(t, 200, &shownUpdate{})
	o = s.ended(begin(strings.Repeat("3", 200)).ID)
	found = s.updated(`{"kind":"job","filter":"properties.n = ` + strings.Repeat("3", 200) + `","unset":["properties.n"],"validateOnly":true}`)
	if o.State != "failed" || !strings.Contains(o.Error, "a list would be") || o.Result.Changed == 0 || o.Result.Changed != found.Matched {
		t.Errorf("%+v, and %d jobs are changed", o, found.Matched)
	}
}
