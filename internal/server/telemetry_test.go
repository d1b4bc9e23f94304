package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/auth"
	"github.com/platenhq/platen/internal/server"
	"github.com/platenhq/platen/internal/sqlstore"
	"github.com/platenhq/platen/internal/storage"
	"github.com/platenhq/platen/internal/telemetry"
)

// metric returns the value of a series in a scrape, "" for none.
func metric(scrape, series string) string {
	for line := range strings.Lines(scrape) {
		if value, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func (s *service) scrape() string {
	s.t.Helper()
	a := s.do("GET", "/metrics", "")
	if a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		s.t.Fatalf("metrics: %d %v %s", a.status, a.header, a.body)
	}
	return a.body
}

// TestMetrics checks that requests are counted by what there are few of.
func TestMetrics(t *testing.T) { onEach(t, testMetrics) }

func testMetrics(t *testing.T) {
	s := start(t, func(c *server.Config, _ *auth.Config) {
		c.Telemetry = telemetry.New(telemetry.Config{Version: "1.2.3", Log: c.Log})
		c.Telemetry.WatchStore(c.Store.(*sqlstore.Store).Stats)
	})
	s.importSet(`{"id":4242421,"jobs":[{"id":4242422}]}`)
	for range 3 {
		s.do("GET", entities+"/jobs/4242422/properties", "")
	}
	s.do("GET", entities+"/jobs/4242422/properties/", "")
	s.do("HEAD", entities+"/jobs/4242422/properties", "")
	s.do("GET", entities+"/jobs/4242499/properties", "")
	s.do("PUT", entities+"/jobs/4242422/properties", `{"id":4242422,"properties":[{"name":"secretname","value":"secretvalue"}]}`)
	s.do("DELETE", entities+"/jobs/4242422/properties", "")
	s.do("BREW-4242422", entities+"/jobs/4242422/properties", "")
	s.do("OPTIONS", entities+"/jobs/4242422/properties", "")
	s.do("GET", "/nothing/4242422", "")
	s.do("GET", "/nothing/4242422", "", none)
	s.do("GET", "/nothing//4242422", "")
	s.do("GET", entities+"/jobs/4242422/properties?secretquery=1", "", none)
	s.do("GET", "/", "")

	scrape := s.scrape()
	properties := func(method, status string) string {
		return fmt.Sprintf(`platen_http_requests_total{method=%q,route="/rest/serverengine/entity/jobs/{id}/properties",status=%q}`, method, status)
	}
	for series, want := range map[string]string{
		properties("GET", "200"):     "4",
		properties("GET", "404"):     "1",
		properties("GET", "401"):     "1",
		properties("HEAD", "200"):    "1",
		properties("PUT", "200"):     "1",
		properties("DELETE", "405"):  "1",
		properties("other", "405"):   "1",
		properties("OPTIONS", "204"): "1",
		`platen_http_requests_total{method="GET",route="unmatched",status="404"}`:                                                    "2",
		`platen_http_requests_total{method="GET",route="unmatched",status="401"}`:                                                    "1",
		`platen_http_requests_total{method="GET",route="/{$}",status="200"}`:                                                         "1",
		`platen_http_requests_total{method="POST",route="/api/v1/jobsets",status="201"}`:                                             "1",
		`platen_http_request_duration_seconds_count{method="GET",route="/rest/serverengine/entity/jobs/{id}/properties"}`:            "6",
		`platen_http_request_duration_seconds_bucket{method="GET",route="/rest/serverengine/entity/jobs/{id}/properties",le="+Inf"}`: "6",
		`platen_http_requests_in_flight`:        "1", // the scrape
		`platen_http_aborted_total`:             "0",
		`platen_operations_running`:             "0",
		`platen_ready`:                          "1",
		`platen_pool_wait_total{pool="reader"}`: "0",
	} {
		if got := metric(scrape, series); got != want {
			t.Errorf("%s is %q, want %s", series, got, want)
		}
	}
	s.eventually("platen_write_queue", "0") // work in the background has its turns, too
	// Where other processes write, too, nothing is cached.
	if hits := metric(scrape, "platen_cache_hits_total"); hits == "" || (hits == "0") != onPostgres(t) {
		t.Errorf("platen_cache_hits_total is %q after lists were read twice", hits)
	}
	for _, there := range []string{"go_goroutines", `platen_pool_connections{pool="writer",state="in_use"}`, "process_resident_memory_bytes", `platen_build_info{goversion="go`, `version="1.2.3"`} {
		if !strings.Contains(scrape, there) {
			t.Errorf("there is no %s", there)
		}
	}
	if found := regexp.MustCompile(`.*(42424|BREW|nothing|secret).*`).FindString(scrape); found != "" {
		t.Errorf("a metric has what a client made up: %s", found)
	}
}

// TestMetricsCredentials checks that the main listener does not show metrics
// to everybody.
func TestMetricsCredentials(t *testing.T) { onSQLite(t, testMetricsCredentials) }

func testMetricsCredentials(t *testing.T) {
	s := start(t)
	s.do("GET", "/metrics", "", none).isError(t, 401, "credentials")
	s.do("GET", "/metrics", "", none, basic(user, "wrong")).isError(t, 403, "wrong")
	s.do("POST", "/metrics", "x").isError(t, 405, "GET, HEAD")
	if a := s.do("GET", "/metrics", "", none, basic(user, password)); a.status != 200 {
		t.Errorf("with a password: %d %s", a.status, a.body)
	}
	for _, with := range [][]option{nil, {header("Accept-Encoding", "gzip")}, {header("Accept", "application/openmetrics-text")}} {
		get, head := s.do("GET", "/metrics", "", with...), s.do("HEAD", "/metrics", "", with...)
		if head.status != 200 || head.body != "" {
			t.Errorf("HEAD: %v", head)
		}
		for _, name := range []string{"Content-Type", "Content-Encoding", "Vary"} {
			if got, want := head.header.Values(name), get.header.Values(name); !slices.Equal(got, want) {
				t.Errorf("HEAD has the %s %q, and GET %q", name, got, want)
			}
		}
	}
	if log := s.log.String(); strings.Contains(log, `"level":"ERROR"`) {
		t.Error(log)
	}
	documented := described().document.Paths.Value("/metrics").Get.Responses.Value("200").Value.Content
	if sent := s.do("GET", "/metrics", "").header.Get("Content-Type"); documented[sent] == nil {
		t.Errorf("the document does not have %q", sent)
	}
}

// A brokenStore does not answer.
type brokenStore struct{ storage.Store }

func (brokenStore) Ping(context.Context) error { return platen.Errorf(platen.Unavailable, "broken") }

// TestMetricsNotReady checks that a store which fails is in the metrics, and
// does not keep them from being read.
func TestMetricsNotReady(t *testing.T) { onSQLite(t, testMetricsNotReady) }

func testMetricsNotReady(t *testing.T) {
	s := start(t, func(c *server.Config, _ *auth.Config) { c.Store = brokenStore{c.Store} })
	s.do("GET", "/readyz", "").isError(t, 503, "broken")
	if got := metric(s.scrape(), "platen_ready"); got != "0" {
		t.Errorf("platen_ready is %q", got)
	}
}

const (
	sentTrace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	sentSpan   = "00f067aa0ba902b7"
	sentParent = "00-" + sentTrace + "-" + sentSpan + "-01"
)

// logged returns the trace in the log line of a request.
func (s *service) logged(request string) string {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		for line := range strings.Lines(s.log.String()) {
			var entry struct{ Msg, Request, Trace string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "request" && entry.Request == request {
				return entry.Trace
			}
		}
	}
	s.t.Fatalf("request %s is not in the log", request)
	return ""
}

// TestTraceparent checks that a trace is taken up and given back, also by a
// server that sends no traces.
func TestTraceparent(t *testing.T) { onSQLite(t, testTraceparent) }

func testTraceparent(t *testing.T) {
	s := start(t)
	for i, test := range []struct {
		sent      []string
		back, log string
	}{
		{nil, "", ""},
		{[]string{sentParent}, sentParent, sentTrace},
		{[]string{"00-" + sentTrace + "-" + sentSpan + "-00"}, "00-" + sentTrace + "-" + sentSpan + "-00", sentTrace},
		{[]string{"cc-" + sentTrace + "-" + sentSpan + "-01-what-is-to-come"}, sentParent, sentTrace},
		{[]string{"ff-" + sentTrace + "-" + sentSpan + "-01"}, "", ""},
		{[]string{sentParent + "-more"}, "", ""},
		{[]string{strings.ToUpper(sentParent)}, "", ""},
		{[]string{"00-" + strings.Repeat("0", 32) + "-" + sentSpan + "-01"}, "", ""},
		{[]string{"00-" + sentTrace + "-" + strings.Repeat("0", 16) + "-01"}, "", ""},
		{[]string{"x"}, "", ""},
		{[]string{""}, "", ""},
		{[]string{sentParent, sentParent}, "", ""},
	} {
		id := fmt.Sprintf("traced-%d", i)
		a := s.do("GET", entities+"/jobs/1/properties", "", header("X-Request-Id", id), func(r *http.Request) {
			if test.sent != nil {
				r.Header["Traceparent"] = test.sent
			}
		})
		if got := a.header.Get("traceparent"); got != test.back {
			t.Errorf("%q is answered with %q, want %q", test.sent, got, test.back)
		}
		if got := s.logged(id); got != test.log {
			t.Errorf("%q: the log has the trace %q, want %q", test.sent, got, test.log)
		}
	}
}

// A fakeCollector takes spans by OTLP.
type fakeCollector struct {
	*httptest.Server
	mu       sync.Mutex
	spans    map[string]*tracepb.Span // by name
	resource []*commonpb.KeyValue
	bad      []error
}

func newCollector(t *testing.T) *fakeCollector {
	c := &fakeCollector{spans: make(map[string]*tracepb.Span)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var sent collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &sent)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil || r.Method != "POST" || r.URL.Path != "/v1/traces" {
			c.bad = append(c.bad, fmt.Errorf("%s %s: %w", r.Method, r.URL, err))
		}
		for _, of := range sent.ResourceSpans {
			c.resource = of.Resource.Attributes
			for _, scope := range of.ScopeSpans {
				for _, span := range scope.Spans {
					c.spans[span.Name] = span
				}
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// attributes writes attributes as text, for comparing.
func attributes(list []*commonpb.KeyValue) map[string]string {
	values := make(map[string]string)
	for _, one := range list {
		switch value := one.Value.Value.(type) {
		case *commonpb.AnyValue_StringValue:
			values[one.Key] = value.StringValue
		case *commonpb.AnyValue_IntValue:
			values[one.Key] = fmt.Sprint(value.IntValue)
		}
	}
	return values
}

// tracing returns a telemetry that sends spans to an address, and is closed
// by the test, at its end at the latest.
func tracing(t *testing.T, address string, log *slog.Logger) *telemetry.Telemetry {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
	measured := telemetry.New(telemetry.Config{Version: "1.2.3", Log: log})
	if err := measured.Trace(t.Context(), os.Getenv); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(measured.Close) // also if the test ends early
	return measured
}

// TestTracing checks what a collector gets.
func TestTracing(t *testing.T) { oneByOne(t, testTracing) }

func testTracing(t *testing.T) {
	c := newCollector(t)
	measured := tracing(t, c.URL, slog.New(slog.DiscardHandler))
	s := startOn(t, openStore(t, sqlstore.ObservedBy(measured.Store())), func(config *server.Config, _ *auth.Config) {
		config.Telemetry = measured
	})
	s.importSet(`{"id":4242421,"jobs":[{"id":4242422}]}`)
	a := s.do("GET", entities+"/jobs/4242422/properties?secretquery=1", "", header("traceparent", sentParent), header("X-Request-Id", "one"))
	missing := s.do("GET", entities+"/jobs/4242423/metadata", "", header("traceparent", "00-"+sentTrace+"-"+sentSpan+"-00"))
	s.do("BREW-4242422", "/nothing/4242422", "")
	s.do("GET", entities+"/contentsets", "", header("traceparent", sentParent), none)
	s.do("GET", entities+"/datasets", "", none)
	scrape := s.scrape()
	measured.Close()

	if len(c.bad) > 0 {
		t.Error(c.bad)
	}
	if got := attributes(c.resource); got["service.name"] != "platen" || got["service.version"] != "1.2.3" {
		t.Errorf("the spans are of %v", got)
	}
	request := c.spans["GET /rest/serverengine/entity/jobs/{id}/properties"]
	call := c.spans["store list"]
	if request == nil || call == nil {
		t.Fatalf("a span is missing: %v", c.spans)
	}
	if got := fmt.Sprintf("%x", request.TraceId); got != sentTrace {
		t.Errorf("the request is in the trace %s, want %s", got, sentTrace)
	}
	if got := fmt.Sprintf("%x", request.ParentSpanId); got != sentSpan {
		t.Errorf("the request's parent is %s, want %s", got, sentSpan)
	}
	if want, got := fmt.Sprintf("00-%s-%x-01", sentTrace, request.SpanId), a.header.Get("traceparent"); got != want {
		t.Errorf("traceparent %q, want %q", got, want)
	}
	if s.logged("one") != sentTrace {
		t.Error("the trace is not in the log")
	}
	if string(call.ParentSpanId) != string(request.SpanId) || string(call.TraceId) != string(request.TraceId) {
		t.Errorf("the call of the store is no child of the request: %v", call)
	}
	if request.Kind != tracepb.Span_SPAN_KIND_SERVER || call.Kind != tracepb.Span_SPAN_KIND_INTERNAL {
		t.Errorf("kinds %v and %v", request.Kind, call.Kind)
	}
	got := attributes(request.Attributes)
	for key, want := range map[string]string{
		"http.request.method": "GET", "http.route": "/rest/serverengine/entity/jobs/{id}/properties",
		"http.response.status_code": "200", "http.response.body.size": "2", "url.scheme": "http", "network.protocol.version": "1.1",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	// A stranger's wish to be sampled does not count; without one it is
	// sampled as others are.
	if c.spans["GET /rest/serverengine/entity/contentsets"] != nil {
		t.Error("a stranger's request was sampled because it said so")
	}
	if c.spans["GET /rest/serverengine/entity/datasets"] == nil {
		t.Error("a stranger's request is not sampled like others")
	}
	// Not sampled by the client, and so not here.
	if c.spans["GET /rest/serverengine/entity/jobs/{id}/metadata"] != nil {
		t.Error("a request that was not sampled was sent")
	}
	if back := missing.header.Get("traceparent"); !strings.HasPrefix(back, "00-"+sentTrace+"-") || !strings.HasSuffix(back, "-00") {
		t.Errorf("traceparent of what is not sampled: %q", back)
	}
	other := c.spans["HTTP"]
	if other == nil {
		t.Fatalf("no span of an unknown method: %v", c.spans)
	}
	if got := attributes(other.Attributes)["http.request.method"]; got != "_OTHER" {
		t.Errorf("an unknown method is %q", got)
	}
	for _, span := range c.spans {
		if text := span.String(); regexp.MustCompile(`42424|BREW|nothing|secret`).MatchString(text) {
			t.Errorf("a span has what a client made up: %s", text)
		}
	}
	for series, want := range map[string]string{
		`platen_store_calls_total{call="list",result="ok"}`:        "1",
		`platen_store_calls_total{call="list",result="not_found"}`: "1",
		`platen_store_calls_total{call="list",result="error"}`:     "0",
		`platen_store_call_duration_seconds_count{call="list"}`:    "2",
	} {
		if got := metric(scrape, series); got != want {
			t.Errorf("%s is %q, want %s", series, got, want)
		}
	}
}

// TestNoCollector checks that requests are answered whatever the collector
// does: it refuses, is not there, or never answers.
func TestNoCollector(t *testing.T) { t.Run("SQLite", testNoCollector) }

func testNoCollector(t *testing.T) {
	long(t)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "5")
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
	over := make(chan struct{})
	t.Cleanup(func() { close(over) }) // runs after those of the subtests
	for name, handler := range map[string]http.HandlerFunc{
		"refuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) },
		"busy":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"hangs": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // so that the client's leaving is seen
			select {
			case <-r.Context().Done():
			case <-over:
			}
		},
		"gone": nil,
	} {
		t.Run(name, func(t *testing.T) {
			c := httptest.NewServer(handler)
			if handler == nil {
				c.Close()
			} else {
				t.Cleanup(func() { c.CloseClientConnections(); c.Close() })
			}
			var measured *telemetry.Telemetry
			s := start(t, func(config *server.Config, _ *auth.Config) {
				measured = tracing(t, c.URL, config.Log)
				config.Telemetry = measured
			})
			for range 100 {
				if a := s.do("GET", entities+"/jobs", ""); a.status != 200 {
					t.Fatalf("%d %s", a.status, a.body)
				}
			}
			closed := make(chan struct{})
			go func() { measured.Close(); close(closed) }()
			select {
			case <-closed:
			case <-time.After(30 * time.Second):
				t.Fatal("the end waits for the collector")
			}
			if n := strings.Count(s.log.String(), "traces can not be sent"); n > 1 {
				t.Errorf("%d lines of errors in the log", n)
			}
		})
	}
}
