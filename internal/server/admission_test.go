package server_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/costtest"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/telemetry"
)

// limit starts a service with other limits.
func limit(t *testing.T, change func(*admission.Limits)) *service {
	return start(t, func(c *server.Config, _ *auth.Config) {
		c.Limits = admission.Defaults
		change(&c.Limits)
	})
}

// isRefused checks a refusal: that it says when to come again, and which
// setting it is for.
func (a answer) isRefused(t *testing.T, status int, setting string) {
	t.Helper()
	a.isError(t, status, setting)
	if (status == 503 || status == 429) && a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s has no Retry-After", a.status, a.body)
	}
}

// eventually waits until a series has a value.
func (s *service) eventually(series, want string) {
	s.t.Helper()
	got := ""
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if got = metric(s.scrape(), series); got == want {
			return
		}
	}
	s.t.Errorf("%s is %s, want %s", series, got, want)
}

// half sends a request whose body does not end, and returns its connection.
func (s *service) half(method, path string, length int, body string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\nContent-Length: %d\r\n\r\n%s", method, path, s.token, length, body); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// TestInFlightBytes fills the memory for bodies: further large ones are
// refused at once, small ones and all else go on, and it comes back.
func TestInFlightBytes(t *testing.T) { onSQLite(t, testInFlightBytes) }

func testInFlightBytes(t *testing.T) {
	s := limit(t, func(l *admission.Limits) { l.InFlightBytes = 4 << 20 })
	job := s.importSet(twoJobs).Children[0]
	path := fmt.Sprintf("%s/jobs/%d/properties", entities, job)
	large := func() string {
		return fmt.Sprintf(`{"id":%d,"properties":[{"name":"a","value":"%s"}]}`, job, strings.Repeat("x", 300_000))
	}
	if a := s.do("PUT", path, large()); a.status != 200 {
		t.Fatal(a.status, a.body)
	}
	// What there is to be read, of 800,000 bytes each: two lists, their changes, a page.
	value := func(letter string) string { return strings.Repeat(letter, 800_000) }
	other := s.importSet(`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"id":4242421,"documentpages":[{"contentitem":4242422,"properties":[{"name":"a","value":"` + value("a") + `"}]}]}]}]}]}]}`).Children[0]
	for _, letter := range []string{"a", "b"} {
		s.setProperties(platen.Job, other, platen.NameValue{Name: "a", Value: value(letter)})
	}
	of := fmt.Sprint(native, "/entities/", other)
	history, _ := s.history(of + "/history?pageSize=1")
	reads := []struct{ method, path, body string }{
		{"GET", fmt.Sprint(entities, "/jobs/", other, "/properties"), ""},
		{"GET", of + "/properties", ""},
		{"GET", of + "/history", ""},
		{"GET", fmt.Sprint(native, "/changes/", history[0].Change), ""},
		{"GET", native + "/entities/4242421/pages", ""},
		{"POST", native + "/updates", fmt.Sprintf(`{"entities":[{"id":%d}],"unset":["properties.a"],"validateOnly":true}`, other)},
	}
	var slow []net.Conn
	for range 3 {
		slow = append(slow, s.half("PUT", path, 400_000, `{"id":`)) // three times 6 times 400,000 is more than the large ones may have
	}
	refused := `platen_refused_total{reason="inflight_bytes"}`
	s.eventually(refused, "2")
	a := s.do("PUT", path, large())
	a.isRefused(t, 503, "--max-inflight-bytes")
	chunked := s.do("PUT", path, large(), func(r *http.Request) { r.ContentLength = -1 })
	chunked.isRefused(t, 503, "--max-inflight-bytes")
	for _, read := range reads {
		t.Run(read.path, func(t *testing.T) { s.do(read.method, read.path, read.body).isRefused(t, 503, "--max-inflight-bytes") })
	}
	small := platen.NameValue{Name: "a", Value: "b"}
	s.setProperties(platen.Job, job, small)
	if list := s.properties(platen.Job, job); len(list) != 1 || list[0] != small {
		t.Errorf("a small one: %v", list)
	}
	for _, conn := range slow {
		conn.Close()
	}
	s.eventually("platen_inflight_bytes", "0")
	for _, option := range []option{func(*http.Request) {}, func(r *http.Request) { r.ContentLength = -1 }} {
		if a := s.do("PUT", path, large(), option); a.status != 200 {
			t.Errorf("afterwards: %d %s", a.status, a.body)
		}
	}
	for _, read := range reads {
		if a := s.do(read.method, read.path, read.body); a.status != 200 {
			t.Errorf("%s afterwards: %d %.200s", read.path, a.status, a.body)
		}
	}
	// More than the memory, but within --max-body.
	body := fmt.Sprintf(`{"id":%d,"properties":[{"name":"a","value":"%s"}]}`, job, strings.Repeat("x", 1_000_000))
	if a := s.do("PUT", path, body); a.status != 200 {
		t.Errorf("one that is larger than the memory: %d %.200s", a.status, a.body)
	}
}

// TestImportLimits is each limit of imports.
func TestImportLimits(t *testing.T) { onSQLite(t, testImportLimits) }

func testImportLimits(t *testing.T) {
	long(t)
	s := start(t, func(c *server.Config, _ *auth.Config) {
		c.Limits = admission.Defaults
		c.Limits.Imports, c.Limits.ImportBytes, c.Limits.MinBodyRate = 2, 10_000, 1000
		c.Timeouts = server.Timeouts{Header: time.Second, Stall: time.Second, Idle: time.Minute, Find: time.Second, Stop: 5 * time.Second}
	})
	long := `{"jobs":[` + strings.Repeat("{},", 5000) + `{}]}`
	s.do("POST", "/api/v1/jobsets", long).isRefused(t, 413, "--max-import-bytes")
	s.do("POST", "/api/v1/jobsets", long, func(r *http.Request) { r.ContentLength = -1 }).isRefused(t, 413, "--max-import-bytes")

	// A length that is over the limit is refused before anything of the body comes.
	for _, path := range []string{"/api/v1/jobsets", "/api/v1/datasets", jobCreation} {
		head := "POST " + path + " HTTP/1.1\r\nHost: x\r\nauth_token: " + s.token + "\r\nContent-Type: application/json\r\nContent-Length: 10001\r\n"
		s.raw(head+"Expect: 100-continue\r\n\r\n").isRefused(t, 413, "--max-import-bytes")
		s.raw(head+"\r\n").isRefused(t, 413, "--max-import-bytes")
	}

	// Two that bring a little now and then hold the slots, until they are cut.
	for range 2 {
		conn := s.half("POST", "/api/v1/jobsets", 9000, `{"jobs":[`)
		go func() {
			for range 100 {
				if _, err := io.WriteString(conn, " "); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}()
	}
	s.eventually("platen_imports_running", "2")
	s.do("POST", "/api/v1/jobsets", twoJobs).isRefused(t, 503, "--max-imports")
	s.do("POST", jobCreation, twoJobs).isRefused(t, 503, "--max-imports")
	s.eventually("platen_imports_running", "0")
	s.eventually(`platen_refused_total{reason="body_rate"}`, "2")
	s.importSet(twoJobs)
	for reason, want := range map[string]string{"import_bytes": "8", "imports": "2"} {
		if got := metric(s.scrape(), `platen_refused_total{reason="`+reason+`"}`); got != want {
			t.Errorf("%s: %s, want %s", reason, got, want)
		}
	}
}

// TestFreeDisk has less room on the disk than is asked for: imports and job
// creations wait, all else goes on.
func TestFreeDisk(t *testing.T) { onSQLite(t, testFreeDisk) }

func testFreeDisk(t *testing.T) {
	s := start(t)
	made := s.importSet(twoJobs)
	s.imported(platen.ContentSet, `{"id":700,"contentitems":[{"datarecord":1}]}`)
	full := startOn(t, unclosed{s.store}, func(c *server.Config, _ *auth.Config) {
		c.Limits = admission.Defaults
		c.Limits.MinFreeDisk, c.Limits.Disks = 1<<60, []string{t.TempDir()}
	})
	full.do("POST", "/api/v1/jobsets", twoJobs).isRefused(t, 503, "--min-free-disk")
	full.do("POST", jobCreation, twoJobs).isRefused(t, 503, "--min-free-disk")
	full.do("POST", jobCreation+"/default", `{"identifiers":[700]}`).isRefused(t, 503, "--min-free-disk")
	full.setProperties(platen.Job, made.Children[0])
	if list := full.properties(platen.Job, made.Children[0]); len(list) != 0 {
		t.Errorf("after a small write there is %v", list)
	}
	if got := metric(full.scrape(), `platen_refused_total{reason="free_disk"}`); got != "3" {
		t.Errorf("refused %s, want 3", got)
	}
}

// unclosed is a store that another service closes.
type unclosed struct{ storage.Store }

func (unclosed) Close() error { return nil }

// TestSearchLimit sends more searches at once than may be.
func TestSearchLimit(t *testing.T) { onSQLite(t, testSearchLimit) }

func testSearchLimit(t *testing.T) {
	s := limit(t, func(l *admission.Limits) { l.Searches = 1 })
	s.importSet(`{"jobs":[` + strings.Repeat(`{"properties":[{"name":"a","value":"b"}]},`, 3000) + `{}]}`)
	var done, refused atomic.Int64
	search := &platen.Search{Kind: platen.Job, Rule: platen.Rule{Type: platen.Text, Facet: platen.Properties, Name: "a", Condition: platen.Contains, Value: "b"}}
	var clients sync.WaitGroup
	for range 16 {
		clients.Go(func() {
			for range 5 {
				groups, err := s.client().Find(t.Context(), search)
				switch {
				case err != nil:
					failsWith(t, err, platen.Unavailable, "--max-searches")
					refused.Add(1)
				case len(groups) != 1 || len(groups[0]) != 3000:
					t.Errorf("found %d groups", len(groups))
				default:
					done.Add(1)
				}
			}
		})
	}
	clients.Wait()
	if done.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d searches were answered, %d refused, want some of both", done.Load(), refused.Load())
	}
	s.eventually("platen_searches_running", "0")
}

// TestOperationLimit begins more operations than may be.
func TestOperationLimit(t *testing.T) { onSQLite(t, testOperationLimit) }

func testOperationLimit(t *testing.T) {
	long(t)
	s := limit(t, func(l *admission.Limits) { l.Operations = 1 })
	var items bytes.Buffer
	for i := range 3000 {
		fmt.Fprintf(&items, `,{"id":%d,"datarecord":1}`, 100_000+2*i)
	}
	s.imported(platen.ContentSet, `{"id":700,"contentitems":[`+items.String()[1:]+`]}`)
	begun, refused := 0, 0
	for range 20 {
		if _, err := s.client().CreateJobSetOf(t.Context(), 700); err != nil {
			failsWith(t, err, platen.Unavailable, "--max-operations")
			refused++
			continue
		}
		begun++
	}
	if begun == 0 || refused == 0 {
		t.Errorf("%d operations were begun, %d refused, want some of both", begun, refused)
	}
	s.eventually("platen_operations_running", "0")
}

// TestConnections opens more connections than may be. Those over it are told
// so at once, may ask whether the server is well, and hold up nobody. It is
// the same under TLS.
func TestConnections(t *testing.T) { onSQLite(t, testConnections) }

func testConnections(t *testing.T) {
	certificate := httptest.NewUnstartedServer(nil)
	certificate.StartTLS()
	defer certificate.Close()
	for _, test := range []struct {
		name   string
		tls    bool
		limits admission.Limits
		status int
		words  string
	}{
		{"all", false, admission.Limits{Connections: 4}, 503, "--max-connections"},
		{"one address", false, admission.Limits{Connections: 100, ConnectionsPerAddress: 4}, 429, "--max-connections-per-address"},
		{"TLS", true, admission.Limits{Connections: 4}, 503, "--max-connections"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t)
			measured := telemetry.New(telemetry.Config{Log: discard()})
			guard, err := auth.NewGuard(t.Context(), auth.Config{Store: s.store, TokenTTL: time.Hour, Log: discard()})
			if err != nil {
				t.Fatal(err)
			}
			defer guard.Close()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			limited := admission.Listen(listener, test.limits, nil, measured.Refused)
			outer := net.Listener(limited)
			dial := func() (net.Conn, error) { return net.Dial("tcp", listener.Addr().String()) }
			if test.tls {
				outer = tls.NewListener(limited, certificate.TLS)
				dial = func() (net.Conn, error) {
					return tls.Dial("tcp", listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
				}
			}
			ctx, stop := context.WithCancel(t.Context())
			served := make(chan error, 1)
			handler := server.New(server.Config{Store: s.store, Guard: guard, Log: discard(), APIVersion: "1", MaxBody: 1 << 20, Telemetry: measured})
			go func() { served <- handler.Serve(ctx, outer) }()

			send := func(conn net.Conn, path string) (*http.Response, string) {
				t.Helper()
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nauth_token: %s\r\n\r\n", path, s.token); err != nil {
					t.Fatal(err)
				}
				response, err := http.ReadResponse(newReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				return response, string(text)
			}
			var open []net.Conn
			for range 4 {
				conn, err := dial()
				if err != nil {
					t.Fatal(err)
				}
				open = append(open, conn)
				if response, text := send(conn, entities+"/jobsets"); response.StatusCode != 200 {
					t.Fatalf("within the limit: %d %s", response.StatusCode, text)
				}
			}
			for _, path := range []string{entities + "/jobsets", "/healthz", "/readyz", "/metrics"} {
				conn, err := dial()
				if err != nil {
					t.Fatal(err)
				}
				response, text := send(conn, path)
				conn.Close()
				if !response.Close {
					t.Errorf("%s: the connection is kept", path)
				}
				if path != entities+"/jobsets" {
					if response.StatusCode != 200 {
						t.Errorf("%s: %d %s", path, response.StatusCode, text)
					}
					continue
				}
				answer{response.StatusCode, response.Header, text}.isRefused(t, test.status, test.words)
			}
			// Those within the limit go on, and make room when they end.
			if response, text := send(open[0], entities+"/jobsets"); response.StatusCode != 200 {
				t.Errorf("one within the limit, later: %d %s", response.StatusCode, text)
			}
			for _, conn := range open {
				conn.Close()
			}
			for end := time.Now().Add(10 * time.Second); limited.Open() > 0; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d connections are open after all were closed", limited.Open())
				}
			}
			stop()
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGivenBack has clients that leave at any moment, and bodies that are
// wrong: nothing stays taken.
func TestGivenBack(t *testing.T) { onEach(t, testGivenBack) }

func testGivenBack(t *testing.T) {
	long(t)
	s := start(t)
	job := s.importSet(twoJobs).Children[0]
	path := fmt.Sprintf("%s/jobs/%d/properties", entities, job)
	var clients sync.WaitGroup
	for range 16 {
		clients.Go(func() {
			for i := range 20 {
				size := 1 + rand.IntN(200_000)
				body := fmt.Sprintf(`{"id":%d,"properties":[{"name":"a","value":"%s"}]}`, job, strings.Repeat("x", size))
				method, path := "PUT", path
				switch i % 4 {
				case 1:
					method, path, body = "POST", "/api/v1/jobsets", `{"jobs":[`+strings.Repeat("{},", size/3)+"{}"
				case 2:
					method, path, body = "PUT", entities+"/find", `{"entity":"JOBS","search":{"ruleType":"PROPERTY","property":"a","condition":"EQ","value":"b"}}`
				case 3:
					method, path, body = "GET", entities+"/jobs", ""
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(20_000))*time.Microsecond)
				r, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
				if err != nil {
					t.Error(err)
				}
				r.Header.Set("auth_token", s.token)
				if rand.IntN(2) == 0 {
					r.ContentLength = -1
				}
				if response, err := http.DefaultTransport.RoundTrip(r); err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
				cancel()
			}
		})
	}
	clients.Wait()
	for _, gauge := range []string{"platen_inflight_bytes", "platen_imports_running", "platen_searches_running", "platen_operations_running"} {
		s.eventually(gauge, "0")
	}
}

// TestLargeHeadIsShort checks that a HEAD of much costs little: it has the headers of a
// GET, and is not worked out to its end.
func TestLargeHeadIsShort(t *testing.T) { oneByOne(t, testHeadIsShort) }

func testHeadIsShort(t *testing.T) {
	long(t)
	s := start(t)
	var document bytes.Buffer
	document.WriteString(`{"jobs":[{"segments":[{"documentsets":[{"documents":[{"documentpages":[`)
	const items = 100_000
	for i := range items {
		if i > 0 {
			document.WriteByte(',')
		}
		fmt.Fprintf(&document, `{"contentitem":%d}`, 1_000_000+i)
	}
	document.WriteString(`]}]}]}]}]}`)
	made := s.importSet(document.String())
	path := fmt.Sprintf("%s/jobs/%d/contents", entities, made.Children[0])
	get := s.do("GET", path, "")
	head := s.do("HEAD", path, "")
	if head.status != 200 || head.body != "" || head.header.Get("Content-Length") != fmt.Sprint(len(get.body)) || head.header.Get("Content-Type") != get.header.Get("Content-Type") {
		t.Errorf("HEAD: %d %v, the body of GET has %d bytes", head.status, head.header, len(get.body))
	}
	costtest.AtMost(t, "GET, HEAD", 0.5, 1, func() { s.do("GET", path, "") }, func() { s.do("HEAD", path, "") })
	// A stream whose length is not known, and the rest of what can be asked.
	for _, path := range []string{fmt.Sprintf("/api/v1/jobsets/%d", made.ID), entities + "/jobsets", "/metrics", "/healthz", "/serverengine/doc/"} {
		if a := s.do("HEAD", path, ""); a.status != 200 || a.body != "" {
			t.Errorf("HEAD %s: %d %s", path, a.status, a.body)
		}
	}
	if strings.Contains(s.log.String(), "request failed") {
		t.Error("a HEAD was logged as failed")
	}
}
