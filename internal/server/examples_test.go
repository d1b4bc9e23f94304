package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/apidoc"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/sandbox"
)

// What the examples of the API document refer to, and none of them makes.
var exampleData = []struct {
	kind     platen.Kind
	document string
}{
	{platen.DataSet, `{"id":4000,"records":[{"id":4001}]}`},
	{platen.ContentSet, `{"id":7000,"contentitems":[{"id":7001,"datarecord":4001},{"id":7002,"datarecord":4001},
		{"id":8001,"datarecord":4001,"pages":[{"count":2,"media":{"name":"Plain A4","size":"A4","width":"210mm","height":"297mm"}}]},{"id":8002,"datarecord":4001}]}`},
	{platen.JobSet, `{"id":8003,"jobs":[
		{"id":8004,"properties":[{"name":"shift","value":"day"}],"segments":[{"documentsets":[{"documents":[{"id":8006,"documentpages":[{"contentitem":8001}]}]}]}]},
		{"id":8005}]}`},
}

// examplePassword is the password of the example in which one is changed.
const examplePassword = "correct horse"

// An example is a request that the API document shows.
type example struct {
	method, path string // with parameters
	query, body  string
	success      []int // statuses that it promises
}

func (e example) String() string { return e.method + " " + e.path }

// makes reports whether the request makes something that other examples may be about.
func (e example) makes() bool { return slices.Contains(e.success, http.StatusCreated) }

// examples returns those of platen's own API, in the order of the document.
func examples(t *testing.T) (all []example) {
	paths := described().document.Paths.Map()
	text := string(apidoc.Document("0.0.0"))
	position := func(path string) int { return strings.Index(text, "\n  "+path+":\n") }
	inOrder := slices.SortedFunc(maps.Keys(paths), func(a, b string) int { return position(a) - position(b) })
	for _, path := range inOrder {
		if !strings.HasPrefix(path, olrest.NativePrefix+"/") {
			continue
		}
		operations := paths[path].Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			operation := operations[method]
			e := example{method: method, path: path, query: exampleQuery(paths[path], operation)}
			for code := range operation.Responses.Map() {
				var status int
				if _, err := fmt.Sscan(code, &status); err == nil && status/100 == 2 {
					e.success = append(e.success, status)
				}
			}
			bodies := exampleBodies(t, operation)
			if operation.RequestBody == nil {
				bodies = []string{""}
			} else if len(bodies) == 0 {
				t.Errorf("%s has a body, but no example of one", e)
			}
			for _, body := range bodies {
				e.body = body
				all = append(all, e)
			}
		}
	}
	return all
}

func exampleQuery(item *openapi3.PathItem, operation *openapi3.Operation) string {
	query := make(url.Values)
	for _, parameter := range slices.Concat(item.Parameters, operation.Parameters) {
		if p := parameter.Value; p.In == "query" && p.Example != nil {
			query.Set(p.Name, fmt.Sprint(p.Example))
		}
	}
	if len(query) == 0 {
		return ""
	}
	return "?" + query.Encode()
}

func exampleBodies(t *testing.T, operation *openapi3.Operation) (bodies []string) {
	if operation.RequestBody == nil {
		return nil
	}
	add := func(value any) {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(text))
	}
	for _, media := range operation.RequestBody.Value.Content {
		if media.Example != nil {
			add(media.Example)
		}
		for _, name := range slices.Sorted(maps.Keys(media.Examples)) {
			add(media.Examples[name].Value.Value)
		}
	}
	return bodies
}

// exampleServer runs examples at a sandbox that has what they are about.
type exampleServer struct {
	*service
	made map[string]string // where what an example has made is, by the path that made it
	hook string            // a receiver of webhooks
	own  option            // the credentials of what is done for examples
}

func (s *exampleServer) send(t *testing.T, method, path, body string, as option) answer {
	t.Helper()
	s.t = t
	return s.do(method, path, body, as)
}

// byPassword is how examples are sent. What is done for them goes by a token, since one
// of them changes the password.
var byPassword = basic(sandboxUser, examplePassword)

const sandboxUser = "ol-admin"

// must sends what an example needs to have been done before.
func (s *exampleServer) must(t *testing.T, method, path, body string) (object map[string]any) {
	t.Helper()
	a := s.send(t, method, path, body, s.own)
	if a.status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
	}
	_ = json.Unmarshal([]byte(a.body), &object) // some have no body
	return object
}

// TestExamples sends each example of platen's own API to a real server, with
// parameters in paths in whose place the server's own data stand. The answer has to be
// one of success, as the API document describes it.
func TestExamples(t *testing.T) {
	t.Parallel()
	box, err := sandbox.Open(t.Context(), sandbox.Config{User: sandboxUser, Password: examplePassword, Data: func(ctx context.Context, c *client.Client) error {
		for _, one := range exampleData {
			if _, err := c.Import(ctx, one.kind, strings.NewReader(one.document)); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer func() {
		transport.CloseIdleConnections()
		receiver.Close()
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	}()
	s := &exampleServer{service: &service{t: t, url: box.URL(), transport: transport}, made: make(map[string]string), hook: receiver.URL, own: byPassword}

	var making, others []example
	for _, e := range examples(t) {
		if e.makes() {
			making = append(making, e)
		} else {
			others = append(others, e)
		}
	}
	for _, e := range making {
		a := s.send(t, e.method, e.path+e.query, e.body, byPassword)
		if s.made[e.path] = a.header.Get("Location"); !slices.Contains(e.success, a.status) {
			t.Errorf("%s %s: %d %s", e, e.body, a.status, a.body)
		}
	}
	token := s.must(t, "POST", olrest.NativePrefix+"/tokens", `{"name":"own","role":"admin"}`)["token"]
	s.own = header("auth_token", fmt.Sprint(token))
	s.must(t, "PUT", olrest.SandboxPath+"/clock", `{"time":"2026-02-15T12:00:00Z"}`) // after the times in examples
	s.must(t, "PUT", olrest.SandboxPath+"/snapshots/imported", "")
	for _, e := range others {
		t.Run(e.String(), func(t *testing.T) {
			s.must(t, "POST", olrest.SandboxPath+"/reset", `{"snapshot":"imported"}`)
			a := s.send(t, e.method, s.fill(t, e)+e.query, e.body, byPassword)
			if !slices.Contains(e.success, a.status) {
				t.Errorf("%s%s %s: %d %s", e, e.query, e.body, a.status, a.body)
			}
		})
	}
}

// fill returns the path of an example with the server's own data in the place of its
// parameters. What has to be there for it is made.
func (s *exampleServer) fill(t *testing.T, e example) string {
	t.Helper()
	collection, name, ok := strings.Cut(e.path, "/{")
	if !ok {
		return e.path
	}
	name, rest, _ := strings.Cut(name, "}")
	at := func(value any) string { return fmt.Sprint(collection, "/", value, rest) }
	change := func(parts string) map[string]any {
		return s.must(t, "POST", olrest.NativePrefix+"/updates", `{"kind":"job","filter":"id = 8004","set":[{"name":"properties.shift","value":"late"}]`+parts+`}`)
	}
	switch name {
	case "id":
		return s.fillEntity(t, e, at)
	case "change":
		return at(fmt.Sprintf("%.0f", change("")["change"]))
	case "operation":
		s.must(t, "POST", olrest.SandboxPath+"/faults", `{"operationDelay":"1m"}`) // so that it runs
		return at(change(`,"inParts":true`)["id"])
	case "request":
		s.send(t, "GET", olrest.NativePrefix+"/entities/9999", "", s.own)
		return at(s.must(t, "GET", olrest.NativePrefix+"/requests?path=*/9999", "")["requests"].([]any)[0].(map[string]any)["requestId"])
	case "snapshot":
		s.must(t, "PUT", olrest.SandboxPath+"/snapshots/other", "")
		return at("other")
	case "fault": // a reset has removed it
		return at(s.must(t, "POST", collection, `{"status":503}`)["name"])
	case "webhook":
		s.must(t, "PATCH", s.made[collection], fmt.Sprintf(`{"url":%q}`, s.hook))
	}
	if s.made[collection] == "" {
		t.Fatalf("there is nothing to put in the place of {%s}", name)
	}
	return s.made[collection] + rest
}

func (s *exampleServer) fillEntity(t *testing.T, e example, at func(any) string) string {
	t.Helper()
	switch {
	case s.made[strings.TrimSuffix(e.path, "/{id}")] != "":
		return s.made[strings.TrimSuffix(e.path, "/{id}")]
	case e.method == "DELETE":
		return at(8003)
	case strings.HasSuffix(e.path, "/undelete"):
		s.must(t, "DELETE", olrest.NativePrefix+"/entities/8003", "")
		return at(8003)
	case strings.HasSuffix(e.path, "/pages"):
		return at(8006)
	case strings.HasSuffix(e.path, "/fields"):
		return at(4001)
	}
	return at(8004)
}
