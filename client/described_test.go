package client_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/client"
	"github.com/platenhq/platen/internal/apidoc"
	"github.com/platenhq/platen/internal/olrest"
)

// operations returns what the API document says of each route, by method and path.
func operations(t *testing.T) map[string]*openapi3.Operation {
	t.Helper()
	document := must[*openapi3.T](t)(openapi3.NewLoader().LoadFromData(apidoc.Document("0.0.0")))
	all := make(map[string]*openapi3.Operation)
	for _, route := range olrest.Routes() {
		item := document.Paths.Value(route.Path)
		operation := item.GetOperation(route.Method)
		operation.Parameters = append(operation.Parameters, item.Parameters...)
		all[route.Method+" "+route.Path] = operation
	}
	return all
}

// unsent is what a request may have that no method sends, and why.
var unsent = map[string]string{
	"query pageToken":      "lists are ranged over: TestPages",
	"query pageSize":       "the same",
	"header If-None-Match": "a transport with a cache sends it",
	"query explicitTypes":  "an older word for outputFormat",

	"GET /api/v1/views/{view} header If-Match": "the caller can compare the Revision",

	"POST /rest/serverengine/entity/datasets/{id}/delete header If-Match":    "DeleteEntity sends it",
	"POST /rest/serverengine/entity/contentsets/{id}/delete header If-Match": "the same",
	"POST /rest/serverengine/entity/jobsets/{id}/delete header If-Match":     "the same",

	"POST /api/v1/sandbox/faults body matched":       "counts of a fault are ignored",
	"POST /api/v1/sandbox/faults body hits":          "the same",
	"PUT /api/v1/sandbox/faults body faults.matched": "the same",
	"PUT /api/v1/sandbox/faults body faults.hits":    "the same",
}

// TestSent calls each method of the client with something in each argument and each of
// their fields, for each kind and list, and checks that what it sends has, all together,
// each parameter that the API document has, and each member of bodies of platen's own API
// but of what is imported.
func TestSent(t *testing.T) {
	sent := make(map[string]bool)
	mux := http.NewServeMux()
	for _, route := range olrest.Routes() {
		mux.Handle(route.Method+" "+route.Path, http.NotFoundHandler())
	}
	c := must[*client.Client](t)(client.New("http://platen.test", "", ""))
	c.HTTP = &http.Client{Transport: transport(func(r *http.Request) *http.Response {
		_, pattern := mux.Handler(r)
		for name := range r.URL.Query() {
			sent[pattern+" query "+name] = true
		}
		for name := range r.Header {
			sent[pattern+" header "+name] = true
		}
		var body any
		if r.Body != nil && json.NewDecoder(r.Body).Decode(&body) == nil {
			members(body, "", func(name string) { sent[pattern+" body "+name] = true })
		}
		return reply(400, "")
	})}
	methods := reflect.ValueOf(c)
	for kind := range entityOf {
		for _, facet := range []platen.Facet{platen.Properties, platen.Metadata, platen.Fields} {
			for i := range methods.NumMethod() {
				method := methods.Method(i)
				if method.Type().NumIn() == 0 || method.Type().In(0) != reflect.TypeFor[context.Context]() {
					continue // it sends nothing
				}
				arguments := []reflect.Value{reflect.ValueOf(t.Context())}
				for j := 1; j < method.Type().NumIn(); j++ {
					arguments = append(arguments, filled(reflect.Zero(method.Type().In(j)), kind, facet, 0))
				}
				call := method.Call
				if method.Type().IsVariadic() {
					call = method.CallSlice
				}
				for _, result := range call(arguments) {
					if result.Kind() == reflect.Func {
						for range result.Seq2() {
							break
						}
					}
				}
			}
		}
	}
	_ = drain(c.EventsSeq(t.Context(), client.EventQuery{After: "1"})) // with Follow it is a header
	all := operations(t)
	for _, route := range olrest.Routes() {
		pattern := route.Method + " " + route.Path
		check := func(name string) {
			if !sent[pattern+" "+name] && unsent[name] == "" && unsent[pattern+" "+name] == "" {
				t.Errorf("%s: no method sends the %s", pattern, name)
			}
		}
		for _, parameter := range all[pattern].Parameters {
			switch p := parameter.Value; p.In {
			case "query":
				check("query " + p.Name)
			case "header":
				check("header " + http.CanonicalHeaderKey(p.Name))
			}
		}
		if body := all[pattern].RequestBody; body != nil && route.Native() && route.Action != olrest.Import {
			described(body.Value.Content["application/json"].Schema, "", func(name string) { check("body " + name) })
		}
	}
}

// members calls add with the names of all members of a value of JSON.
func members(value any, prefix string, add func(string)) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			members(element, prefix, add)
		}
	case map[string]any:
		for name, member := range value {
			add(prefix + name)
			members(member, prefix+name+".", add)
		}
	}
}

// described calls add with the names of all members that a schema has.
func described(schema *openapi3.SchemaRef, prefix string, add func(string)) {
	if schema == nil {
		return
	}
	s := schema.Value
	for _, part := range slices.Concat(s.AllOf, s.OneOf, s.AnyOf) {
		described(part, prefix, add)
	}
	described(s.Items, prefix, add)
	for _, name := range s.Required {
		if s.Properties[name] == nil { // an additional one
			add(prefix + name)
		}
	}
	for name, member := range s.Properties {
		add(prefix + name)
		described(member, prefix+name+".", add)
	}
}

// unread is what an answer has that no method returns, and why.
var unread = map[string]string{
	"nextPageToken": "lists are ranged over: TestPages",
	"totalEstimate": "EstimateTotal returns it; what a rule would delete can be counted",
	"total":         "the children can be counted",
	"after":         "EventsSeq goes on by it",
	"before":        "the same",

	"events.specversion":     "the Body of an event has it",
	"events.source":          "the same",
	"events.datacontenttype": "the same",
}

// answers has, for the routes whose answer has a body, what the client reads that into.
var answers = map[olrest.Action]any{
	olrest.ListEntities:   map[string]any{"entities": []client.Entity{}},
	olrest.ReadEntity:     client.Entity{},
	olrest.EntityChildren: map[string]any{"children": []client.Child{}},
	olrest.EntityPages:    map[string]any{"pages": []client.EntityPage{}},
	olrest.Undelete:       client.Ref{},
	olrest.ListDeleted:    map[string]any{"sets": []client.DeletedSet{}},
	olrest.EntityHistory:  map[string]any{"changes": []client.Change{}},
	olrest.ReadListAt:     []platen.NameValue{},
	olrest.ReadChange:     client.Change{},
	olrest.RevertChange:   map[string]int64{"change": 0},
	olrest.ReadEvents:     map[string]any{"events": []plainEvent{}},
	olrest.UpdateMany:     client.Updated{},

	olrest.ListOperations:  map[string]any{"operations": []client.OperationState{}},
	olrest.ReadOperation:   client.OperationState{},
	olrest.CancelOperation: client.OperationState{},

	olrest.ReadServer: client.About{},
	olrest.ListNames:  map[string]any{"names": []client.ListName{}},
	olrest.ReadIntake: client.Intake{},

	olrest.ListRequests:   map[string]any{"requests": []client.Request{}},
	olrest.CountRequests:  map[string]int{"count": 0},
	olrest.DeleteRequests: map[string]int{"deleted": 0},
	olrest.ReadRequest:    client.Request{},
	olrest.DeleteRequest:  map[string]int{"deleted": 0},

	olrest.ReadMe:        client.Me{},
	olrest.ListUsers:     map[string]any{"users": []client.User{}},
	olrest.AddUser:       client.User{},
	olrest.DescribeUser:  client.User{},
	olrest.ChangeUser:    client.User{},
	olrest.ListTokens:    map[string]any{"tokens": []client.Token{}},
	olrest.AddToken:      client.Token{},
	olrest.DescribeToken: client.Token{},
	olrest.ChangeToken:   client.Token{},

	olrest.ListWebhooks:    map[string]any{"webhooks": []client.Webhook{}},
	olrest.AddWebhook:      client.Webhook{},
	olrest.DescribeWebhook: client.Webhook{},
	olrest.ChangeWebhook:   client.Webhook{},
	olrest.ListAttempts:    map[string]any{"attempts": []client.Attempt{}},
	olrest.TestWebhook:     client.Attempt{},
	olrest.ReplayWebhook:   client.Webhook{},
	olrest.RotateWebhook:   client.Webhook{},

	olrest.ListRules:    map[string]any{"rules": []client.RetentionRule{}},
	olrest.AddRule:      client.RetentionRule{},
	olrest.DescribeRule: client.RetentionRule{},
	olrest.ChangeRule:   client.RetentionRule{},
	olrest.PreviewRule:  map[string]any{"entities": []client.Entity{}},

	olrest.ListViews:    map[string]any{"views": []client.View{}},
	olrest.AddView:      client.View{},
	olrest.DescribeView: client.View{},
	olrest.ReplaceView:  client.View{},

	olrest.DescribeSandbox: client.Sandbox{},
	olrest.ResetSandbox:    client.Sandbox{},
	olrest.ReadClock:       client.Clock{},
	olrest.SetClock:        client.Clock{},
	olrest.ListFaults:      map[string]any{"faults": []client.Fault{}},
	olrest.ReplaceFaults:   map[string]any{"faults": []client.Fault{}},
	olrest.AddFault:        client.Fault{},
	olrest.DescribeFault:   client.Fault{},
	olrest.AddInstance:     client.SandboxInstance{},
}

// plainEvent is an event that encodes by its fields, not as it was sent.
type plainEvent client.Event

// TestAnswers checks that the types of answers of platen's own API have all members that
// the API document has.
func TestAnswers(t *testing.T) {
	all := operations(t)
	for _, route := range olrest.Routes() {
		if !route.Native() || route.Action == olrest.Export || route.Action == olrest.Import {
			continue // what is in sets is the caller's
		}
		pattern := route.Method + " " + route.Path
		for status, answer := range all[pattern].Responses.Map() {
			content := answer.Value.Content["application/json"]
			if status[0] != '2' || content == nil {
				continue
			}
			into := answers[route.Action]
			if status == "202" {
				into = client.OperationState{}
			}
			if into == nil {
				t.Errorf("%s: into what is its answer read?", pattern)
				continue
			}
			value := filled(reflect.ValueOf(into), platen.Job, platen.Properties, 0)
			var body any
			text := must[[]byte](t)(json.Marshal(value.Interface()))
			if err := json.Unmarshal(text, &body); err != nil {
				t.Fatal(err)
			}
			has := make(map[string]bool)
			members(body, "", func(name string) { has[name] = true })
			described(content.Schema, "", func(name string) {
				if !has[name] && unread[name] == "" {
					t.Errorf("%s: %T has no %s", pattern, into, name)
				}
			})
		}
	}
}

// filled returns a value of the type of another one that has something in each of its
// fields. Of a map, it fills what is there.
func filled(of reflect.Value, kind platen.Kind, facet platen.Facet, depth int) reflect.Value {
	value := reflect.New(of.Type()).Elem()
	switch of.Type() {
	case reflect.TypeFor[platen.Kind]():
		return reflect.ValueOf(kind)
	case reflect.TypeFor[platen.Facet]():
		return reflect.ValueOf(facet)
	case reflect.TypeFor[platen.Role]():
		return reflect.ValueOf(platen.Admin)
	case reflect.TypeFor[time.Time]():
		return reflect.ValueOf(time.Unix(1, 0))
	case reflect.TypeFor[time.Duration]():
		return reflect.ValueOf(time.Hour)
	case reflect.TypeFor[io.Reader]():
		return reflect.ValueOf(strings.NewReader("{}"))
	case reflect.TypeFor[io.Writer]():
		return reflect.ValueOf(io.Discard)
	}
	if depth++; depth > 10 { // some types are in themselves
		return value
	}
	switch of.Kind() {
	case reflect.Struct:
		for i := range of.NumField() {
			if value.Field(i).CanSet() {
				value.Field(i).Set(filled(of.Field(i), kind, facet, depth))
			}
		}
	case reflect.Pointer:
		value.Set(reflect.New(of.Type().Elem()))
		value.Elem().Set(filled(value.Elem(), kind, facet, depth))
	case reflect.Interface:
		if !of.IsNil() {
			value.Set(filled(of.Elem(), kind, facet, depth))
		}
	case reflect.Slice:
		value.Set(reflect.MakeSlice(of.Type(), 1, 1))
		value.Index(0).Set(filled(value.Index(0), kind, facet, depth))
	case reflect.Map:
		value.Set(reflect.MakeMap(of.Type()))
		for _, key := range of.MapKeys() {
			value.SetMapIndex(key, filled(of.MapIndex(key), kind, facet, depth))
		}
		if of.Type() == reflect.TypeFor[map[string]string]() { // the tags of a BulkEntity
			value.SetMapIndex(reflect.ValueOf(facet.String()), reflect.ValueOf("x"))
		}
	case reflect.String:
		value.SetString("1") // which is an event and a status, too
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Float64:
		value.SetFloat(1)
	default:
		switch {
		case value.CanInt():
			value.SetInt(1)
		case value.CanUint():
			value.SetUint(1)
		}
	}
	return value
}
