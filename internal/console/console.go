// Package console is the page on which people look at what a server has, and
// change it: the files, and where they are. It uses the public API alone, so
// what it can do a program can do, and it adds no route but its own.
//
// The files in assets are served as they are written, without a build step.
// Those in lib were published by others.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html"
	"io"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/platenhq/platen/internal/demo"
	"github.com/platenhq/platen/internal/webpage"
)

// The paths, as patterns of [http.ServeMux]. The page itself is at "/".
const (
	Session = "/console/session" // POST logs in, PUT goes on with the session, DELETE logs out
	Files   = prefix + "{file}"
	prefix  = "/console/"

	WaysIn   = "/console/login"     // GET says by what one can log in
	OpenID   = "/console/openid"    // GET sends a browser to the provider of identities
	Callback = OpenID + "/callback" // where that sends it back to
)

//go:embed assets lib
var embedded embed.FS

// A file is something served.
type file struct {
	contentType string
	plain, gzip []byte
	etag        string
}

const index = "index.html"

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".json": "application/json",
}

// files returns all files by their names.
var files = sync.OnceValue(func() map[string]file {
	files := make(map[string]file)
	for _, dir := range []string{"assets", "lib"} {
		entries, err := embedded.ReadDir(dir)
		if err != nil {
			panic(err) // it is not embedded
		}
		for _, entry := range entries {
			content, err := embedded.ReadFile(dir + "/" + entry.Name())
			if err != nil {
				panic(err)
			}
			add(files, entry.Name(), content)
		}
	}
	run := demo.MailRun()
	for name, write := range map[string]func(io.Writer) error{
		"demo-datasets.json": run.DataSet, "demo-contentsets.json": run.ContentSet, "demo-jobsets.json": run.JobSet,
	} {
		var content bytes.Buffer
		if err := write(&content); err != nil {
			panic(err) // a buffer takes everything
		}
		add(files, name, content.Bytes())
	}
	for page, view := range pages {
		add(files, page, preloading(files, view))
	}
	return files
})

// pages are the page at "/" with links to the modules of a view.
var pages = map[string]string{index: "", "overview.html": "overview.js", "list.html": "list.js", "entity.html": "entity.js"}

// pageOf returns the page for the state in an address, as the console keeps it.
func pageOf(state url.Values) string {
	switch {
	case state.Has("id"):
		return "entity.html"
	case state.Has("view"):
		return index
	case state.Has("kind"):
		return "list.html"
	}
	return "overview.html"
}

// imported matches a static import of a module that is served here.
var imported = regexp.MustCompile(`(?:^|\n|;)(?:import|export)\b[^;"]*?from ?"\./([^"]+)"`)

// preloading returns the page with a link to each module that the frame and a view
// import, at whatever depth. The browser then asks for all of them at once, and
// not for those that a module imports only after it has read that module.
func preloading(files map[string]file, view string) []byte {
	names := []string{"main.js"}
	var links bytes.Buffer
	if view != "" {
		names = append(names, view)
		links.WriteString(`<link rel="modulepreload" href="` + prefix + view + "\">\n")
	}
	for i := 0; i < len(names); i++ {
		for _, found := range imported.FindAllSubmatch(files[names[i]].plain, -1) {
			name := string(found[1])
			if !slices.Contains(names, name) {
				names = append(names, name)
				links.WriteString(`<link rel="modulepreload" href="` + prefix + name + "\">\n")
			}
		}
	}
	page, err := embedded.ReadFile("assets/" + index)
	if err != nil {
		panic(err) // it is not embedded
	}
	end := []byte("</head>")
	return bytes.Replace(page, end, append(links.Bytes(), end...), 1)
}

// add compresses a file and adds it. Those without a content type are
// for developers, and not served.
func add(files map[string]file, name string, content []byte) {
	contentType := contentTypes[path.Ext(name)]
	if strings.HasPrefix(name, "LICENSE") {
		contentType = "text/plain; charset=utf-8"
	}
	if contentType == "" {
		return
	}
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(err) // a buffer takes everything
	}
	sum := sha256.Sum256(content)
	files[name] = file{contentType, content, compressed.Bytes(), hex.EncodeToString(sum[:16])}
}

// policy lets the page load what is here, and call this server, and no more.
// No text becomes a script or markup, whatever the page does with it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; form-action 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// Serve answers GET and HEAD of the page at "/" and of its files. It reports
// false, and answers nothing, for every other path.
func Serve(w http.ResponseWriter, r *http.Request) bool {
	name, ok := strings.CutPrefix(r.URL.Path, prefix)
	if r.URL.Path == "/" {
		name, ok = pageOf(r.URL.Query()), true
	}
	f, found := files()[name]
	if !ok || !found {
		return false
	}
	header := w.Header()
	webpage.SetHeaders(header, f.contentType, policy, "no-cache") // kept, but asked for each time
	header.Add("Vary", "Accept-Encoding")
	content := f.plain
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		header.Set("Content-Encoding", "gzip")
		content = f.gzip
		header.Set("ETag", `"`+f.etag+`-gzip"`)
	} else {
		header.Set("ETag", `"`+f.etag+`"`)
	}
	r.Header.Del("Range") // a range that a file does not have would be answered in plain text
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	return true
}

// problem is what a browser shows that was at a provider of identities in vain.
const problem = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Not logged in – platen</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="/console/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/console/console.css">
</head>
<body>
<main class="front"><h1>Not logged in</h1>
<div class="login"><p class="problem" role="alert">PROBLEM</p>
<a href="/">Back to the login</a></div></main>
</body>
</html>
`

// ServeProblem answers with a page that says why somebody is not logged in.
func ServeProblem(w http.ResponseWriter, status int, message string) {
	webpage.SetHeaders(w.Header(), contentTypes[".html"], policy, "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, strings.Replace(problem, "PROBLEM", html.EscapeString(message), 1)) // an error: the client has left
}

// acceptsGzip reports whether a header Accept-Encoding names gzip.
func acceptsGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, parameter, _ := strings.Cut(strings.TrimSpace(coding), ";")
		weight := strings.ReplaceAll(parameter, " ", "")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") && weight != "q=0" && !strings.HasPrefix(weight, "q=0.0") {
			return true
		}
	}
	return false
}
