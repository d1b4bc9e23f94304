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
	"sync"
	"time"
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
		sum := sha256.Sum256(content)
		f.content = content
		f.etag = `"` + hex.EncodeToString(sum[:16]) + `"`
		files[name] = f
	}
	return files
})

// policy lets the page load what is here, and call this server, and no more.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"

// Document returns the OpenAPI document, as YAML.
func Document() []byte { return bytes.Clone(files()["openapi.yaml"].content) }

// Serve answers GET and HEAD of the page at /serverengine/doc, with or without
// a slash at its end, and of its files below. It reports false, and answers
// nothing, for every other path. It neither redirects nor lists.
func Serve(w http.ResponseWriter, r *http.Request) bool {
	f, ok := find(r.URL.Path)
	if !ok {
		return false
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
