package apidoc

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/platenhq/platen/internal/olrest"
)

func loadDocument(t *testing.T) *openapi3.T {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(Document("0.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func TestDocumentIsValid(t *testing.T) {
	document := loadDocument(t)
	if err := document.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	tags := make(map[string]bool)
	for _, tag := range document.Tags {
		tags[tag.Name] = true
	}
	ids := make(map[string]bool)
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			if operation.OperationID == "" || ids[operation.OperationID] {
				t.Errorf("%s %s: the operationId %q is missing or used twice", method, path, operation.OperationID)
			}
			ids[operation.OperationID] = true
			if operation.Summary == "" || operation.Description == "" {
				t.Errorf("%s %s: no summary, or no description", method, path)
			}
			if len(operation.Tags) != 1 || !tags[operation.Tags[0]] {
				t.Errorf("%s %s: the tags are %q, not one that is declared", method, path, operation.Tags)
			}
		}
	}
}

// Every route is described, and nothing is described that is no route.
func TestDocumentIsWhole(t *testing.T) {
	want := []string{"GET /healthz", "GET /readyz", "GET /metrics", "HEAD /rest/serverengine/authentication"}
	for _, route := range olrest.Routes() {
		want = append(want, route.Method+" "+route.Path)
	}
	var got []string
	for path, item := range loadDocument(t).Paths.Map() {
		for method := range item.Operations() {
			got = append(got, method+" "+path)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	for _, operation := range want {
		if !slices.Contains(got, operation) {
			t.Errorf("not described: %s", operation)
		}
	}
	for _, operation := range got {
		if !slices.Contains(want, operation) {
			t.Errorf("described, but no route: %s", operation)
		}
	}
}

var pages = New("1.2.3")

// The JSON is the YAML, and both name the version of platen.
func TestJSON(t *testing.T) {
	var documents []*openapi3.T
	for _, name := range []string{"openapi.yaml", "openapi.json"} {
		content := pages[name].content
		if !bytes.Contains(content, []byte("platen 1.2.3")) || bytes.Contains(content, []byte("VERSION-OF")) {
			t.Errorf("%s does not name the version", name)
		}
		document, err := openapi3.NewLoader().LoadFromData(content)
		if err != nil {
			t.Fatal(name, err)
		}
		documents = append(documents, document)
	}
	as := func(document *openapi3.T) string {
		text, err := json.MarshalIndent(document, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if !json.Valid(pages["openapi.json"].content) {
		t.Error("what is served as JSON is none")
	}
	if d := cmp.Diff(as(documents[0]), as(documents[1])); d != "" {
		t.Errorf("they differ (-YAML +JSON):\n%s", d)
	}
}

func get(t *testing.T, path string, header ...string) *http.Response {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	if !pages.Serve(recorder, request) {
		recorder.WriteHeader(http.StatusTeapot)
	}
	return recorder.Result()
}

func TestHandler(t *testing.T) {
	for path, contentType := range map[string]string{
		"/serverengine/doc":                      "text/html; charset=utf-8",
		"/serverengine/doc/":                     "text/html; charset=utf-8",
		"/serverengine/doc/openapi.yaml":         "application/yaml",
		"/serverengine/doc/openapi.json":         "application/json",
		"/serverengine/doc/page.js":              "text/javascript; charset=utf-8",
		"/serverengine/doc/page.css":             "text/css; charset=utf-8",
		"/serverengine/doc/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
		"/serverengine/doc/swagger-ui.css":       "text/css; charset=utf-8",
		"/serverengine/doc/favicon-32x32.png":    "image/png",
	} {
		answer := get(t, path)
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, answer.StatusCode)
			continue
		}
		for key, want := range map[string]string{
			"Content-Type":            contentType,
			"Content-Security-Policy": policy,
			"X-Content-Type-Options":  "nosniff",
			"Cache-Control":           "no-cache",
		} {
			if got := answer.Header.Get(key); got != want {
				t.Errorf("%s: %s is %q, want %q", path, key, got, want)
			}
		}
		etag := answer.Header.Get("ETag")
		if etag == "" {
			t.Errorf("%s: no ETag", path)
		}
		if again := get(t, path, "If-None-Match", etag); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s: asked for again, status %d", path, again.StatusCode)
		}
		if other := get(t, path, "If-None-Match", `"other"`); other.StatusCode != http.StatusOK {
			t.Errorf("%s: asked for with another ETag, status %d", path, other.StatusCode)
		}
	}
	for _, path := range []string{
		"/", "/serverengine", "/serverengine/document", "/serverengine/doc//", "/serverengine/doc/ui",
		"/serverengine/doc/ui/swagger-ui.css", "/serverengine/doc/index.html", "/serverengine/doc/apidoc.go",
		"/serverengine/doc/../doc", "/serverengine/doc/openapi.yaml/",
	} {
		if answer := get(t, path); answer.StatusCode != http.StatusTeapot {
			t.Errorf("%s: status %d, and not left to the next handler", path, answer.StatusCode)
		}
	}
}

// What the page loads is there, and its policy admits all that it says.
func TestPage(t *testing.T) {
	page := string(pages[""].content)
	references := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(references) == 0 {
		t.Fatal("the page refers to nothing")
	}
	for _, reference := range references {
		if answer := get(t, reference[1]); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", reference[1], answer.StatusCode)
		}
	}
	if inline := regexp.MustCompile(`<style|style=|<script>| on[a-z]+=`).FindString(page); inline != "" {
		t.Errorf("the page has %q, which its policy refuses", inline)
	}
}
