package server_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	pathpkg "path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen/internal/apidoc"
	"github.com/platenhq/platen/internal/olrest"
)

// TestDocumentHasAllRoutes checks that the API document describes what is
// served, no more and no less.
func TestDocumentHasAllRoutes(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromData(apidoc.Document("0.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	described := make(map[string]bool)
	for path, item := range document.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	// What the server answers besides the routes, and HEAD where clients use it.
	served := map[string]bool{"GET /healthz": true, "GET /readyz": true, "GET /metrics": true, "HEAD /rest/serverengine/authentication": true}
	for _, route := range olrest.Routes() {
		served[route.Method+" "+route.Path] = true
	}
	sorted := func(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
	if d := cmp.Diff(sorted(served), sorted(described)); d != "" {
		t.Errorf("served and described differ (-served +described):\n%s", d)
	}
}

// described is the API document, with a mux that finds the path in it that a
// request is for.
var described = sync.OnceValue(func() (d struct {
	document *openapi3.T
	mux      *http.ServeMux
}) {
	document, err := openapi3.NewLoader().LoadFromData(apidoc.Document("0.0.0"))
	if err != nil {
		panic(err)
	}
	d.document, d.mux = document, http.NewServeMux()
	for path := range document.Paths.Map() {
		d.mux.Handle(path, http.NotFoundHandler())
	}
	return d
})

// bodiesChecked has the bodies that checkDescribed has checked, by what they answer.
var bodiesChecked sync.Map

// textsOfErrors are those that an error may have in any wording.
var textsOfErrors = regexp.MustCompile(`"(message|parameter)":"(?:[^"\\]|\\.)*"`)

// checkDescribed checks that an answer is one that the API document promises:
// its status, content type, headers and body. What stands at no path of the
// document must be an error. An error of a query of platen's own API names a
// parameter of it.
func checkDescribed(t *testing.T, r *http.Request, a answer) {
	t.Helper()
	d := described()
	plain := r.Clone(r.Context())
	sent := strings.TrimSuffix(plain.URL.EscapedPath(), "/")
	plain.URL.RawPath = sent
	plain.URL.Path, _ = url.PathUnescape(sent)
	_, path := d.mux.Handler(plain)
	if strings.HasPrefix(r.URL.Path, "/serverengine/doc") || strings.HasPrefix(r.URL.Path, "/console/") || r.URL.Path == "/" {
		return // pages for people
	}
	if sent != pathpkg.Clean(sent) {
		path = "" // the mux would clean it
	}
	item := d.document.Paths.Value(path)
	method := r.Method
	if item != nil && item.GetOperation(method) == nil && method == http.MethodHead {
		method = http.MethodGet
	}
	if item == nil || item.GetOperation(method) == nil {
		if a.status < 400 && r.Method != http.MethodOptions {
			t.Errorf("%s %s: answered with %d, but the API document does not have it", r.Method, r.URL, a.status)
		}
		return
	}
	if a.header.Get("Content-Encoding") == "" && !utf8.ValidString(a.body) {
		t.Errorf("%s %s: the answer is no UTF-8: %.500q", r.Method, r.URL, a.body)
	}
	if r.Method == http.MethodHead || len(a.body) > 1<<20 {
		return // it has no body to look at, or takes minutes to look at, element by element
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{
			Request: r,
			Route: &routers.Route{
				Spec: d.document, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method),
			},
		},
		Status:  a.status,
		Header:  a.header,
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	}
	// To check a body compiles its schema, so one that is the same is checked once, and
	// so are errors that differ in their texts alone.
	body := a.body
	if a.status >= 400 {
		body = textsOfErrors.ReplaceAllString(body, `"$1":""`)
	}
	same := strings.Join([]string{method, path, strconv.Itoa(a.status), a.header.Get("Content-Type"), body}, "\n")
	_, input.Options.ExcludeResponseBody = bodiesChecked.LoadOrStore(same, true)
	if strings.HasPrefix(path, native) && method == http.MethodGet && r.URL.RawQuery != "" && a.status == http.StatusBadRequest {
		var sent struct{ Error struct{ Parameter string } }
		err := json.Unmarshal([]byte(a.body), &sent)
		named := sent.Error.Parameter
		_, malformed := url.ParseQuery(r.URL.RawQuery)
		has := r.URL.Query().Has(named) || malformed != nil && strings.Contains(r.URL.RawQuery, named)
		if err != nil || !has && item.GetOperation(method).Parameters.GetByInAndName("query", named) == nil {
			t.Errorf("%s %s: the error names the parameter %q: %s, %v", r.Method, r.URL, named, a.body, err)
		}
	}
	input.SetBodyBytes([]byte(a.body))
	if err := openapi3filter.ValidateResponse(r.Context(), input); err != nil {
		t.Errorf("%s %s: answer %d is not as the API document says: %v\n%.500s", r.Method, r.URL, a.status, err, a.body)
	}
}
