// Package apidoc is the API document: an OpenAPI description of everything
// that the server answers, and a page on which to read it and try it out.
//
// openapi.yaml is written by hand. The page is Swagger UI, which is kept
// here, in ui, so that the page asks nothing of any other server.
package apidoc

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// path is where the page is. The files are below it.
const path = "/serverengine/doc"

//go:embed openapi.yaml page ui
var embedded embed.FS

// A file is something served below path.
type file struct {
	source      string // in embedded
	contentType string
	content     []byte
	etag        string
}

// files returns all files, by the name below path. The page itself has none.
var files = sync.OnceValue(func() map[string]file {
	files := map[string]file{
		"":                                 {source: "page/index.html", contentType: "text/html; charset=utf-8"},
		"page.css":                         {source: "page/page.css", contentType: "text/css; charset=utf-8"},
		"page.js":                          {source: "page/page.js", contentType: "text/javascript; charset=utf-8"},
		"openapi.yaml":                     {source: "openapi.yaml", contentType: "application/yaml"},
		"openapi.json":                     {source: "openapi.yaml", contentType: "application/json"},
		"swagger-ui-bundle.js":             {source: "ui/swagger-ui-bundle.js", contentType: "text/javascript; charset=utf-8"},
		"swagger-ui.css":                   {source: "ui/swagger-ui.css", contentType: "text/css; charset=utf-8"},
		"favicon-32x32.png":                {source: "ui/favicon-32x32.png", contentType: "image/png"},
		"LICENSE":                          {source: "ui/LICENSE", contentType: "text/plain; charset=utf-8"},
		"swagger-ui-bundle.js.LICENSE.txt": {source: "ui/swagger-ui-bundle.js.LICENSE.txt", contentType: "text/plain; charset=utf-8"},
		"NOTICE":                           {source: "ui/NOTICE", contentType: "text/plain; charset=utf-8"},
	}
	for name, f := range files {
		content, err := embedded.ReadFile(f.source)
		if err != nil {
			panic(err) // a file that is named here is not embedded
		}
		if name == "openapi.json" {
			content = asJSON(content)
		}
		files[name] = f.with(content)
	}
	return files
})

// with returns the file with content, and its tag.
func (f file) with(content []byte) file {
	sum := sha256.Sum256(content)
	f.content, f.etag = content, `"`+hex.EncodeToString(sum[:16])+`"`
	return f
}

// asJSON returns the document as JSON.
func asJSON(document []byte) []byte {
	var content any
	if err := yaml.Unmarshal(document, &content); err != nil {
		panic(err) // what is embedded is tested
	}
	text, err := json.Marshal(content)
	if err != nil {
		panic(err)
	}
	return text
}

// level is the version of the API, which the document has.
var level = sync.OnceValue(func() string {
	_, after, _ := bytes.Cut(files()["openapi.yaml"].content, []byte("\n  version: "))
	text, _, _ := bytes.Cut(after, []byte("\n"))
	return string(text)
})

// policy lets the page load what is here, and call this server, and no more.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"

// Document returns the OpenAPI document, as YAML.
func Document() []byte { return bytes.Clone(files()["openapi.yaml"].content) }

// Serve answers GET and HEAD of the page at /serverengine/doc, with or without
// a slash at its end, and of its files below. It reports false, and answers
// nothing, for every other path. It neither redirects nor lists. The page shows the
// version of platen.
func Serve(w http.ResponseWriter, r *http.Request, version string) bool {
	f, ok := find(r.URL.Path)
	if !ok {
		return false
	}
	if f.source == "page/index.html" {
		text := strings.NewReplacer("{{version}}", html.EscapeString(version), "{{level}}", level()).Replace(string(f.content))
		f = f.with([]byte(text))
	}
	header := w.Header()
	header.Set("Content-Type", f.contentType)
	header.Set("Content-Security-Policy", policy)
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-cache") // kept, but asked for each time
	header.Set("ETag", f.etag)
	r.Header.Del("Range") // a range that a file does not have would be answered in plain text
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	return true
}

// find returns the file at a path.
func find(at string) (file, bool) {
	rest, ok := strings.CutPrefix(at, path)
	if !ok {
		return file{}, false
	}
	if rest == "" {
		return files()[""], true
	}
	name, ok := strings.CutPrefix(rest, "/")
	if !ok {
		return file{}, false
	}
	f, ok := files()[name]
	return f, ok
}
