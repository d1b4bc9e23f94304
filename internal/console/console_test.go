package console

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, path string, header ...string) *http.Response {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	if !Serve(recorder, request) {
		recorder.WriteHeader(http.StatusTeapot)
	}
	return recorder.Result()
}

func TestServe(t *testing.T) {
	for path, contentType := range map[string]string{
		"/":                           "text/html; charset=utf-8",
		"/console/main.js":            "text/javascript; charset=utf-8",
		"/console/preact.js":          "text/javascript; charset=utf-8",
		"/console/console.css":        "text/css; charset=utf-8",
		"/console/icon.svg":           "image/svg+xml",
		"/console/demo-jobsets.json":  "application/json",
		"/console/LICENSE.preact":     "text/plain; charset=utf-8",
		"/console/demo-datasets.json": "application/json",
	} {
		for _, coding := range []string{"", "gzip"} {
			answer := get(t, path, "Accept-Encoding", coding)
			if answer.StatusCode != http.StatusOK {
				t.Errorf("%s: status %d", path, answer.StatusCode)
				continue
			}
			for key, want := range map[string]string{
				"Content-Type":            contentType,
				"Content-Encoding":        coding,
				"Content-Security-Policy": policy,
				"X-Content-Type-Options":  "nosniff",
				"Referrer-Policy":         "no-referrer",
				"Cache-Control":           "no-cache",
				"Vary":                    "Accept-Encoding",
			} {
				if got := answer.Header.Get(key); got != want {
					t.Errorf("%s: %s is %q, want %q", path, key, got, want)
				}
			}
			etag := answer.Header.Get("ETag")
			if again := get(t, path, "Accept-Encoding", coding, "If-None-Match", etag); etag == "" || again.StatusCode != http.StatusNotModified {
				t.Errorf("%s: asked for again with %q, status %d", path, etag, again.StatusCode)
			}
		}
	}
	for _, path := range []string{
		"/console", "/console/", "/console/index", "/console/renew", "/console/README.md", "/console/SHA256SUMS",
		"/console/console.go", "/console/lib/preact.js", "/console/../console.go", "/console/session", "/main.js",
	} {
		if answer := get(t, path); answer.StatusCode != http.StatusTeapot {
			t.Errorf("%s: status %d, and not left to others", path, answer.StatusCode)
		}
	}
}

// What is compressed is what is not.
func TestCompressed(t *testing.T) {
	for name, f := range files() {
		r, err := gzip.NewReader(bytes.NewReader(f.gzip))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(plain, f.plain) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for header, want := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.5": true, "deflate, gzip": true, "": false, "br": false, "gzip;q=0": false, "gzip; q=0.0": false, "xgzip": false,
	} {
		if acceptsGzip(header) != want {
			t.Errorf("Accept-Encoding %q: %v", header, !want)
		}
	}
}

// All that the page and its modules refer to is there, and the policy admits
// all that they say.
func TestReferences(t *testing.T) {
	page := files()[index].plain
	if inline := regexp.MustCompile(`<style|style=|<script>| on[a-z]+=`).Find(page); inline != nil {
		t.Errorf("the page has %q, which its policy refuses", inline)
	}
	for _, reference := range regexp.MustCompile(`(?:src|href)="(/console/[^"]*)"`).FindAllSubmatch(page, -1) {
		if answer := get(t, string(reference[1])); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", reference[1], answer.StatusCode)
		}
	}
	modules := regexp.MustCompile(`(?m)^(?:import|export) [^;]*from "([^"]*)";$`)
	refused := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|dangerouslySet|document\.write|\beval\(|new Function|style=`)
	preloaded := func(page, name string) bool {
		return bytes.Contains(files()[page].plain, []byte(`"/console/`+name+`"`))
	}
	for page := range pages {
		if !preloaded(page, "main.js") || !preloaded(page, "preact.js") || preloaded(page, "uplot.js") || preloaded(page, "list.js") != (page == "list.html") {
			t.Errorf("%s loads too much, or too little", page)
		}
	}
	for address, view := range map[string]string{"/": "overview.js", "/?kind=job": "list.js", "/?kind=job&id=1": "entity.js"} {
		body, err := io.ReadAll(get(t, address).Body)
		if err != nil || !bytes.Contains(body, []byte(view)) {
			t.Errorf("%s: %v, %s", address, err, body)
		}
	}
	err := fs.WalkDir(embedded, "assets", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".js") {
			return err
		}
		text, err := fs.ReadFile(embedded, path)
		for _, module := range modules.FindAllSubmatch(text, -1) {
			name, relative := strings.CutPrefix(string(module[1]), "./")
			if _, there := files()[name]; !relative || !there {
				t.Errorf("%s imports %q, which is not here", path, module[1])
			}
			for page := range pages {
				if preloaded(page, strings.TrimPrefix(path, "assets/")) && !preloaded(page, name) {
					t.Errorf("%s preloads %s, and not %s, which that imports", page, path, name)
				}
			}
		}
		if found := refused.Find(text); found != nil {
			t.Errorf("%s has %q, which its policy refuses", path, found)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What the first view loads, compressed, is small: all but the charts.
func TestSize(t *testing.T) {
	const most = 150_000 // bytes
	size := 0
	for name, f := range files() {
		if !strings.HasPrefix(name, "uplot") && !strings.HasSuffix(name, ".json") && !strings.HasPrefix(name, "LICENSE") {
			size += len(f.gzip)
		}
	}
	if size > most {
		t.Errorf("%d bytes, more than %d", size, most)
	}
}

// TestTexts checks that no text is named twice: the second one would take the place of
// the first.
func TestTexts(t *testing.T) {
	object := regexp.MustCompile(`(?ms)^export const (\w+) = \{\n(.*?)^\};`)
	quoted := regexp.MustCompile("(?m)^ *//.*$|`[^`]*`|\"[^\"]*\"")
	nested := regexp.MustCompile(`\([^()]*\)|\{[^{}]*\}|\[[^\[\]]*\]`)
	key := regexp.MustCompile(`(?:^|[,\s])([A-Za-z]\w*):`)
	for _, name := range []string{"texts.js", "admintexts.js", "sandboxtexts.js"} {
		for _, found := range object.FindAllSubmatch(files()[name].plain, -1) {
			text := quoted.ReplaceAllString(string(found[2]), "")
			for shorter := nested.ReplaceAllString(text, ""); shorter != text; shorter = nested.ReplaceAllString(text, "") {
				text = shorter
			}
			seen := make(map[string]bool)
			for _, one := range key.FindAllStringSubmatch(text, -1) {
				if seen[one[1]] {
					t.Errorf("%s: %s has two texts %s", name, found[1], one[1])
				}
				seen[one[1]] = true
			}
			if len(seen) == 0 {
				t.Errorf("%s: %s has no texts", name, found[1])
			}
		}
	}
}
