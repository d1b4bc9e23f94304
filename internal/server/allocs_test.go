//go:build !race

package server_test

import (
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/journal"
	"github.com/platenhq/platen/internal/logwriter"
	"github.com/platenhq/platen/internal/olrest"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/sqlite"
)

// What the hot paths may allocate: all that happens between net/http and the
// database, in whatever goroutine, and what database/sql and the driver of
// SQLite allocate. Neither the machine nor its load has a part in it, a version
// of Go or of the driver may.
const (
	allocsOfGet      = 7   // GET of properties that are in the cache
	allocsOfPut      = 64  // PUT of properties
	allocsOfPage     = 6.0 // a page of an import, the only one of its document, with a content item of its own
	allocsOfDocument = 0   // a document of an export, with a page
)

// bytesOfContents bounds what an answer with the contents of a job allocates, however
// many they are: the memory that it takes is that of the answer before.
const bytesOfContents = 24 << 10

// A sink takes an answer.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

// allocations returns how many objects are allocated while fn runs.
func allocations(fn func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs - before.Mallocs)
}

// fewest returns the least that fn returns so many times: what goes on in the
// background allocates now and then.
func fewest(times int, fn func() float64) float64 {
	least := fn()
	for range times - 1 {
		least = min(least, fn())
	}
	return least
}

// An allocator does requests without a connection.
type allocator struct {
	t      testing.TB
	server *server.Server
	token  string
}

func newAllocator(t testing.TB, kept *journal.Journal) *allocator {
	store, err := sqlite.Open(t.Context(), t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.AddUser(t.Context(), auth.CheapUser(user, password)); err != nil {
		t.Fatal(err)
	}
	log := slog.New(logwriter.NewText(io.Discard, slog.LevelInfo))
	guard, err := auth.NewGuard(t.Context(), auth.Config{Store: store, TokenTTL: time.Hour, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		guard.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	a := &allocator{t: t, server: server.New(server.Config{Store: store, Guard: guard, Log: log, MaxBody: 1 << 20, Journal: kept})}
	r := httptest.NewRequest(http.MethodPost, login, nil)
	r.SetBasicAuth(user, password)
	w := httptest.NewRecorder()
	a.server.ServeHTTP(w, r)
	a.token = w.Body.String()
	return a
}

// request returns a function that does a request, with the next body each time.
func (a *allocator) request(method, path string, body func() string) func() {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set(olrest.TokenHeader, a.token)
	r.Header.Set("Content-Type", "application/json")
	to := &sink{header: make(http.Header)}
	return func() {
		if body != nil {
			text := body()
			r.ContentLength, r.Body = int64(len(text)), io.NopCloser(strings.NewReader(text))
		}
		to.status = http.StatusOK
		clear(to.header)
		a.server.ServeHTTP(to, r)
		if to.status/100 != 2 {
			a.t.Fatal(method, path, to.status)
		}
	}
}

// documentsOf returns a job set with one job, whose identifier is the next one,
// and so many documents.
func documentsOf(id, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"documentpages":[{"contentitem":%d}]},`, id*100_000_000+i)
	}
	return fmt.Sprintf(`{"id":%d,"jobs":[{"id":%d,"properties":[{"name":"a","value":"b"}],"segments":[{"documentsets":[{"documents":[%s]}]}]}]}`,
		id, id+1, strings.TrimSuffix(b.String(), ","))
}

func TestLargeAllocations(t *testing.T) {
	long(t)
	a := newAllocator(t, nil)
	// What a request allocates however large it is counts for neither.
	const few, many = 16_384, 32_768 // documents
	id := 0
	imported := func(n int) float64 {
		return fewest(3, func() float64 {
			id += 2
			body := documentsOf(id, n)
			request := a.request(http.MethodPost, native+"/jobsets", func() string { return body })
			return allocations(request)
		})
	}
	exported := func(id int) float64 {
		request := a.request(http.MethodGet, fmt.Sprint(native, "/jobsets/", id), nil)
		return fewest(3, func() float64 { return allocations(request) })
	}
	pages := (imported(many) - imported(few)) / (many - few)
	documents := (exported(2) - exported(id)) / (many - few) // those of the first and of the last import

	path := entities + "/jobs/3/properties"
	put := 0
	get, replace := a.request(http.MethodGet, path, nil), a.request(http.MethodPut, path, func() string {
		put++
		return fmt.Sprintf(`{"id":3,"properties":[{"name":"a","value":"%d"}]}`, put%10)
	})
	for _, path := range []struct {
		what        string
		allocations float64
		budget      float64
	}{
		{"a GET of properties", fewest(300, func() float64 { return allocations(get) }), allocsOfGet},
		{"a PUT of properties", fewest(300, func() float64 { return allocations(replace) }), allocsOfPut},
		{"a page of an import", math.Round(pages*2) / 2, allocsOfPage},
		{"a document of an export", math.Round(documents*2) / 2, allocsOfDocument},
	} {
		switch {
		case path.allocations > path.budget:
			t.Errorf("%s allocates %v objects, and %v are its budget: find what is new with -memprofile and -memprofilerate 1, or say in the commit why it is worth it", path.what, path.allocations, path.budget)
		case path.allocations < path.budget:
			t.Errorf("%s allocates %v objects, less than its budget of %v: well done, lower the constant to that", path.what, path.allocations, path.budget)
		}
	}
}

func TestContentsAllocations(t *testing.T) {
	a := newAllocator(t, nil)
	body := documentsOf(2, 32_768)
	a.request(http.MethodPost, native+"/jobsets", func() string { return body })()
	contents := a.request(http.MethodGet, entities+"/jobs/3/contents", nil)
	contents()
	if got := fewest(10, func() float64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		contents()
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc - before.TotalAlloc)
	}); got > bytesOfContents {
		t.Errorf("contents allocate %v bytes, more than %d", got, bytesOfContents)
	}
}

// BenchmarkJournal is a GET of properties without and with the journal.
func BenchmarkJournal(b *testing.B) {
	for _, kept := range []*journal.Journal{nil, journal.New(journal.Config{Requests: 1000, Body: 8 << 10, Bytes: 16 << 20})} {
		b.Run(fmt.Sprint(kept != nil), func(b *testing.B) {
			a := newAllocator(b, kept)
			body := documentsOf(2, 1)
			a.request(http.MethodPost, native+"/jobsets", func() string { return body })()
			get := a.request(http.MethodGet, entities+"/jobs/3/properties", nil)
			b.ReportAllocs()
			for b.Loop() {
				get()
			}
		})
	}
}
