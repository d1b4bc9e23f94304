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
	"net/http"
	"strings"
	"time"

	"github.com/platenhq/platen/internal/webpage"
)

// path is where the page is. The files are below it.
const path = "/serverengine/doc"

//go:embed openapi.yaml page ui
var embedded embed.FS

// Pages are the page and its files.
type Pages map[string]file // by the name below path; the page itself has none

// A file is something served below path.
type file struct {
	contentType string
	content     []byte
	etag        string
}

// sources are the files that are served as they are embedded.
var sources = map[string]struct{ source, contentType string }{
	"":                                 {"page/index.html", "text/html; charset=utf-8"},
	"page.css":                         {"page/page.css", "text/css; charset=utf-8"},
	"page.js":                          {"page/page.js", "text/javascript; charset=utf-8"},
	"swagger-ui-bundle.js":             {"ui/swagger-ui-bundle.js", "text/javascript; charset=utf-8"},
	"swagger-ui.css":                   {"ui/swagger-ui.css", "text/css; charset=utf-8"},
	"favicon-32x32.png":                {"ui/favicon-32x32.png", "image/png"},
	"LICENSE":                          {"ui/LICENSE", "text/plain; charset=utf-8"},
	"swagger-ui-bundle.js.LICENSE.txt": {"ui/swagger-ui-bundle.js.LICENSE.txt", "text/plain; charset=utf-8"},
	"NOTICE":                           {"ui/NOTICE", "text/plain; charset=utf-8"},
}

// New returns the pages of a version of platen, which the document names beside the
// level of the API.
func New(version string) Pages {
	p := make(Pages, len(sources)+2)
	for name, of := range sources {
		p.add(name, of.contentType, embeddedFile(of.source))
	}
	document := Document(version)
	p.add("openapi.yaml", "application/yaml", document)
	p.add("openapi.json", "application/json", mustJSON(document))
	return p
}

func (p Pages) add(name, contentType string, content []byte) {
	sum := sha256.Sum256(content)
	p[name] = file{contentType, content, `"` + hex.EncodeToString(sum[:16]) + `"`}
}

func embeddedFile(name string) []byte {
	content, err := embedded.ReadFile(name)
	if err != nil {
		panic(err) // a file that is named here is not embedded
	}
	return content
}

// policy lets the page load what is here, and call this server, and no more.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"

// Document returns the OpenAPI document of a version of platen, as YAML.
func Document(version string) []byte {
	return bytes.ReplaceAll(embeddedFile("openapi.yaml"), []byte("VERSION-OF-PLATEN"), []byte(version))
}

// Serve answers GET and HEAD of the page at /serverengine/doc, with or without
// a slash at its end, and of its files below. It reports false, and answers
// nothing, for every other path. It neither redirects nor lists.
func (p Pages) Serve(w http.ResponseWriter, r *http.Request) bool {
	f, ok := p.find(r.URL.Path)
	if !ok {
		return false
	}
	header := w.Header()
	webpage.SetHeaders(header, f.contentType, policy, "no-cache") // kept, but asked for each time
	header.Set("ETag", f.etag)
	r.Header.Del("Range") // a range that a file does not have would be answered in plain text
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	return true
}

// find returns the file at a path.
func (p Pages) find(at string) (file, bool) {
	rest, ok := strings.CutPrefix(at, path)
	if !ok {
		return file{}, false
	}
	if rest == "" {
		return p[""], true
	}
	name, ok := strings.CutPrefix(rest, "/")
	if !ok {
		return file{}, false
	}
	f, ok := p[name]
	return f, ok
}
