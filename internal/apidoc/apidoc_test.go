package apidoc

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/platenhq/platen/internal/olrest"
)

// The files of Swagger UI are those that were published.
func TestSums(t *testing.T) {
	sums, err := os.ReadFile("ui/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	listed := []string{"README.md", "SHA256SUMS"}
	for line := range strings.Lines(string(sums)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			t.Fatalf("not a sum and a name: %q", line)
		}
		listed = append(listed, name)
		content, err := os.ReadFile("ui/" + name)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := sha256.Sum256(content); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s is not the file whose sum is listed", name)
		}
	}
	entries, err := os.ReadDir("ui")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !slices.Contains(listed, entry.Name()) {
			t.Errorf("%s has no sum", entry.Name())
		}
	}
}

func loadDocument(t *testing.T) *openapi3.T {
	t.Helper()
	document, err := openapi3.NewLoader().LoadFromData(Document())
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

func get(t *testing.T, path string, header ...string) *http.Response {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	if !Serve(recorder, request, "1.2.3") {
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
	page := string(files()[""].content)
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

// The document is the same in both forms, and the page says which versions there are.
func TestForms(t *testing.T) {
	document, err := openapi3.NewLoader().LoadFromData(files()["openapi.json"].content)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := document.Paths.Len(), loadDocument(t).Paths.Len(); got != want {
		t.Errorf("%d paths in JSON, %d in YAML", got, want)
	}
	page, err := io.ReadAll(get(t, "/serverengine/doc/").Body)
	if err != nil || !bytes.Contains(page, []byte("platen 1.2.3")) || !bytes.Contains(page, []byte("OL Connect "+document.Info.Version)) {
		t.Errorf("%s %v", page, err)
	}
}
