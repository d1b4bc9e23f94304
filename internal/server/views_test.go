package server_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/platenhq/platen"
)

const viewsPath = native + "/views"

type viewAnswer struct {
	ID                                            int64
	Name, Kind, Filter, OrderBy, Fields, Revision string
	Shared                                        bool
	Owner, CreateTime, UpdateTime                 string
}

// viewNames returns the names of the views that a caller sees.
func (s *service) viewNames(with []option) string {
	s.t.Helper()
	var all struct{ Views []viewAnswer }
	s.do("GET", viewsPath, "", with...).decoded(s.t, 200, &all)
	var names []string
	for _, view := range all.Views {
		names = append(names, view.Name+" of "+view.Owner)
	}
	return strings.Join(names, ", ")
}

// TestViews saves views by users of each role: own ones are seen by their owner
// alone, shared ones by all and changed by owner and admins.
func TestViews(t *testing.T) { onEach(t, testViews) }

func testViews(t *testing.T) {
	long(t)
	s := start(t)
	as := make(map[string][]option)
	for name, role := range map[string]platen.Role{"viewer": platen.Viewer, "editor": platen.Editor, "admin": platen.Admin} {
		s.addUser(name, role)
		as[name] = authToken(s.loginAs(name))
	}
	add := func(who, name, more string) viewAnswer {
		t.Helper()
		a := s.do("POST", viewsPath, fmt.Sprintf(`{"name":%q,"kind":"job"%s}`, name, more), as[who]...)
		var view viewAnswer
		a.decoded(t, 201, &view)
		if a.header.Get("Location") != fmt.Sprint(viewsPath, "/", view.ID) || a.header.Get("ETag") != `"`+view.Revision+`"` {
			t.Error(a.header)
		}
		return view
	}
	at := func(v viewAnswer) string { return fmt.Sprint(viewsPath, "/", v.ID) }
	own := add("viewer", "own", `,"filter":"properties.shift = night","orderBy":"updateTime desc","fields":"ancestors,properties.\"due date\",counts.pages"`)
	shared := add("editor", "shared", `,"shared":true`)
	s.do("POST", viewsPath, `{"name":"x","kind":"job","shared":true}`, as["viewer"]...).isError(t, 403, "this needs the role editor")
	s.do("POST", viewsPath, `{"name":"own","kind":"job"}`, as["viewer"]...).isError(t, 409, "already")
	for who, want := range map[string]string{"viewer": "own of viewer, shared of editor", "editor": "shared of editor", "admin": "shared of editor"} {
		if got := s.viewNames(as[who]); got != want {
			t.Errorf("%s sees %s, not %s", who, got, want)
		}
	}
	token := bearer(s.makeToken(`{"name":"t","user":"viewer","role":"viewer","kinds":["job"]}`))
	if got := s.viewNames(token); got != "own of viewer, shared of editor" {
		t.Error("a token of the viewer sees", got)
	}

	for _, who := range []string{"editor", "admin"} {
		s.do("GET", at(own), "", as[who]...).isError(t, 404, "no view")
		s.do("PUT", at(own), `{"name":"mine","kind":"job"}`, as[who]...).isError(t, 404, "no view")
		s.do("DELETE", at(own), "", as[who]...).isError(t, 404, "no view")
	}
	s.do("PUT", at(shared), `{"name":"mine","kind":"job"}`, as["viewer"]...).isError(t, 403, "that of editor")
	s.do("DELETE", at(shared), "", as["viewer"]...).isError(t, 403, "that of editor")
	s.do("PUT", at(own), `{"name":"own","kind":"job","shared":true}`, as["viewer"]...).isError(t, 403, "editor")

	tag := s.do("GET", at(own), "", as["viewer"]...).header.Get("ETag")
	if a := s.do("GET", at(own), "", append(as["viewer"], header("If-None-Match", tag))...); a.status != 304 {
		t.Error(a.status, a.body)
	}
	var changed viewAnswer
	s.do("PUT", at(own), `{"name":"renamed","kind":"jobset"}`, append(as["viewer"], header("If-Match", tag))...).decoded(t, 200, &changed)
	if changed.Name != "renamed" || changed.Kind != "jobset" || changed.Filter != "" || changed.Owner != "viewer" || changed.ID != own.ID || changed.CreateTime != own.CreateTime {
		t.Errorf("%+v", changed)
	}
	for _, method := range []string{"PUT", "DELETE"} {
		body := map[string]string{"PUT": `{"name":"again","kind":"job"}`}[method]
		a := s.do(method, at(own), body, append(as["viewer"], header("If-Match", tag))...)
		a.isError(t, 412, "the tag "+`"`+changed.Revision+`"`)
		if a.header.Get("ETag") != `"`+changed.Revision+`"` {
			t.Error(a.header)
		}
	}
	s.do("PUT", at(shared), `{"name":"by an admin","kind":"job","shared":true}`, as["admin"]...).decoded(t, 200, &changed)
	if changed.Owner != "editor" {
		t.Errorf("%+v", changed)
	}
	if a := s.do("DELETE", at(shared), "", as["admin"]...); a.status != 204 {
		t.Error(a.status, a.body)
	}
	s.do("GET", at(shared), "", as["editor"]...).isError(t, 404, "no view")

	add("editor", "goes with its user", "")
	add("editor", "stays", `,"shared":true`)
	if a := s.do("DELETE", native+"/users/editor", ""); a.status != 204 {
		t.Fatal(a.status, a.body)
	}
	s.addUser("editor", platen.Editor)
	as["editor"] = authToken(s.loginAs("editor"))
	if got := s.viewNames(as["editor"]); got != "stays of editor" {
		t.Error("a new user of an old name sees", got)
	}
}

// TestBadViews refuses what no listing would take, and what is too large.
func TestBadViews(t *testing.T) { onSQLite(t, testBadViews) }

func testBadViews(t *testing.T) {
	s := start(t)
	long, _ := json.Marshal("properties.a = " + strings.Repeat("x", platen.MaxViewBytes))
	for body, says := range map[string]string{
		`{"kind":"job"}`:                                                            "the name is missing",
		`{"name":" ","kind":"job"}`:                                                 "the name is missing",
		`{"name":"x"}`:                                                              "the kind is missing",
		`{"name":"x","kind":"sheet"}`:                                               "kind must be one of",
		`{"name":"x","kind":"job","owner":"y"}`:                                     `no key "owner"`,
		`{"name":"x","kind":"job","filter":"properties.a ="}`:                       "filter, at character 15: expected a value",
		`{"name":"x","kind":"job","orderBy":"color"}`:                               `orderBy, at character 1`,
		`{"name":"x","kind":"job","fields":"id,color"}`:                             `fields, at character 4`,
		`{"name":"x","kind":"job","shared":1}`:                                      "must be a boolean",
		`{"name":"x\u0000","kind":"job"}`:                                           "the name ",
		`{"name":"` + strings.Repeat("é", platen.MaxViewName+1) + `","kind":"job"}`: "longer than 100 characters",
		`{"name":"x","kind":"job","filter":` + string(long) + `}`:                   "they can have 8192",
	} {
		s.do("POST", viewsPath, body).isError(t, 400, says)
	}
	s.do("GET", viewsPath+"?all=1", "").isError(t, 400, `no query parameter "all"`)
	s.do("GET", viewsPath+"/x", "").isError(t, 404, `view "x" not found`)
	s.do("DELETE", viewsPath+"/1?x=1", "").isError(t, 400, "no query parameter")
	s.do("PUT", viewsPath+"/1", `{"name":"x","kind":"job"}`, header("If-Match", "x")).isError(t, 400, "If-Match must be")
}

// TestNames lists the names that there are to filter by, in pages.
func TestNames(t *testing.T) { onEach(t, testNames) }

func testNames(t *testing.T) {
	s := start(t)
	long := strings.Repeat("x", 600)
	s.importSet(`{"jobs":[{"properties":[{"name":"shift","value":"a"},{"name":"due date","value":"b"},{"name":"` + long + `","value":"c"}],"metadata":[{"name":"m","value":""}]}]}`)
	names := func(query string) (names, next string) {
		t.Helper()
		var page struct {
			Names         []struct{ List, Name string }
			NextPageToken string
		}
		s.do("GET", native+"/names?"+query, "").decoded(t, 200, &page)
		for _, one := range page.Names {
			names += one.List + "." + one.Name + ";"
		}
		return names, page.NextPageToken
	}
	all := "properties.due date;properties.shift;metadata.m;"
	if got, next := names("kind=job"); got != all || next != "" {
		t.Errorf("%s, %s", got, next)
	}
	found, token := "", ""
	for range 3 {
		got, next := names("kind=job&pageSize=1" + token)
		found, token = found+got, "&pageToken="+next
		if next == "" {
			break
		}
	}
	if found != all || token != "&pageToken=" {
		t.Error(found, token)
	}
	if got, _ := names("kind=dataset"); got != "" {
		t.Error(got)
	}
	s.do("GET", native+"/names", "").isError(t, 400, "kind must be one of")
	s.do("GET", native+"/names?kind=job&pageToken=x", "").isError(t, 400, "not one that this server has given")
	token = s.makeToken(`{"name":"t","role":"viewer","kinds":["jobset"]}`)
	s.do("GET", native+"/names?kind=job", "", bearer(token)...).isError(t, 403, "restricted to the kinds jobset")
}
