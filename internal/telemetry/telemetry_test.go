package telemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/sqlite"
	"github.com/platenhq/platen/internal/sqlstore"
)

func quiet() *Telemetry {
	return New(Config{Version: "1.2.3", Log: slog.New(slog.DiscardHandler)})
}

// serve serves metrics on a port of their own, and returns how to get there
// and how to end it.
func serve(t *testing.T, measured *Telemetry) (url string, stop func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- measured.Serve(ctx, listener) }()
	stop = func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
	return "http://" + listener.Addr().String(), stop
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// TestServe checks the listener of metrics alone, and with all metrics in
// use that their names and helps are as Prometheus wants them.
func TestServe(t *testing.T) {
	measured := quiet()
	store, err := sqlite.Open(t.Context(), t.TempDir(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	measured.WatchStore(store.Stats)
	measured.Gauge("platen_operations_running", "Operations under way in this process.", func() int64 { return 7 })
	measured.WatchReady(store.Ping)
	have, err := store.Inventory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	have.LastBackup = time.Unix(1_700_000_000, 0)
	measured.WatchInventory(func() *platen.Inventory { return have }, []string{t.TempDir()})
	observer := measured.Store()
	_, end := observer.Call(t.Context(), "list")
	end(nil)
	for _, size := range []int{1, 2, 200, 300} {
		observer.Group(size, time.Millisecond, nil)
	}
	observer.Group(5, time.Millisecond, errors.New("no"))
	r := httptest.NewRequest("GET", "/x", nil)
	_, request := measured.Begin(r)
	request.End(Outcome{Pattern: "GET /x/{id}", Method: "GET", Took: time.Millisecond, Aborted: true})

	url, stop := serve(t, measured)
	status, scrape := get(t, url+"/metrics")
	if status != 200 {
		t.Fatalf("%d %s", status, scrape)
	}
	for _, path := range []string{"/metrics", "/nothing"} {
		answer, err := http.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.Header.Get("X-Content-Type-Options") != "nosniff" || answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("%s: %v", path, answer.Header)
		}
	}
	for _, want := range []string{
		"platen_operations_running 7",
		"platen_ready 1",
		`platen_entities{kind="job segment"} 0`,
		"platen_deleted_sets 0",
		"platen_history_transactions 0",
		"platen_history_bytes 0",
		"platen_retention_deleted_sets_total 0",
		"platen_last_backup_timestamp_seconds 1.7e+09",
		`platen_commit_group_size_bucket{le="1"} 1`,
		`platen_commit_group_size_bucket{le="2"} 2`,
		`platen_commit_group_size_bucket{le="256"} 3`,
		"platen_commit_group_size_count 4",
		"platen_commit_duration_seconds_count 4",
		"platen_commits_failed_total 1",
		"platen_http_aborted_total 1",
		`platen_http_requests_total{method="GET",route="/x/{id}",status="none"} 1`,
		`platen_http_request_duration_seconds_bucket{method="GET",route="/x/{id}",le="0.00025"} 0`,
		`platen_http_request_duration_seconds_bucket{method="GET",route="/x/{id}",le="60"} 1`,
	} {
		if !strings.Contains(scrape, "\n"+want+"\n") {
			t.Errorf("there is no %s", want)
		}
	}
	problems, err := promlint.New(strings.NewReader(scrape)).Lint()
	if err != nil {
		t.Error(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
	for path, want := range map[string]int{"/": 404, "/metrics/x": 404, "/healthz": 404} {
		if status, _ := get(t, url+path); status != want {
			t.Errorf("%s: %d, want %d", path, status, want)
		}
	}
	stop()
	if _, err := http.Get(url + "/metrics"); err == nil {
		t.Error("it answers after its end")
	}
}

// TestServeFails checks that the end of a listener is an error.
func TestServeFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := quiet().Serve(t.Context(), listener); err == nil {
		t.Error("no error of a closed listener")
	}
}

// TestResults checks what an error is counted as.
func TestResults(t *testing.T) {
	here := t.Context()
	gone, leave := context.WithCancel(here)
	leave()
	late, cancel := context.WithTimeout(here, 0)
	defer cancel()
	for _, test := range []struct {
		ctx  context.Context
		err  error
		want string
	}{
		{here, nil, "ok"},
		{gone, nil, "ok"},
		{here, errors.New("x"), "error"},
		{here, platen.Errorf(platen.Internal, "x"), "error"},
		{here, fmt.Errorf("x: %w", platen.Errorf(platen.NotFound, "y")), "not_found"},
		{gone, platen.Errorf(platen.Conflict, "x"), "conflict"},
		{here, platen.Errorf(platen.Changed, "x"), "changed"},
		{here, platen.Errorf(platen.Invalid, "x"), "invalid"},
		{here, platen.Errorf(platen.Unavailable, "x"), "unavailable"},
		{here, platen.Errorf(platen.Failed, "x"), "failed"},
		{here, platen.Errorf(platen.Code(200), "x"), "error"},
		{gone, errors.New("interrupted"), "canceled"},
		{late, errors.New("interrupted"), "timeout"},
	} {
		if got := resultOf(test.ctx, test.err); got != test.want {
			t.Errorf("%v is counted as %s, want %s", test.err, got, test.want)
		}
	}
	for code := platen.Internal; code <= platen.Failed; code++ {
		if results[code] == "" {
			t.Errorf("code %d has no name", code)
		}
	}
}

// TestRequestsAllocateNothing checks that what every request pays is small.
func TestRequestsAllocateNothing(t *testing.T) {
	measured := quiet()
	r := httptest.NewRequest("GET", "/x", nil)
	if n := testing.AllocsPerRun(100, func() {
		_, request := measured.Begin(r)
		request.Answer(nil)
		if request.TraceID() != "" {
			t.Error("there is a trace")
		}
		request.End(Outcome{Pattern: "/x", Method: "GET", Status: 200, Took: time.Millisecond})
	}); n != 0 {
		t.Errorf("%v allocations for each request", n)
	}
}

// TestRoutes checks what patterns are called.
func TestRoutes(t *testing.T) {
	for pattern, want := range map[string]string{
		"": "unmatched", "/": "unmatched", "/{$}": "/{$}", "GET /x/{id}": "/x/{id}", "/x/{id}": "/x/{id}", "GET  /x": "/x", "GET /": "unmatched",
	} {
		if got := routeOf(pattern); got != want {
			t.Errorf("%q is %q, want %q", pattern, got, want)
		}
	}
}

// TestWanted checks when there is tracing, and what is refused.
func TestWanted(t *testing.T) {
	const at = "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318"
	for _, test := range []struct {
		set   string // names and values, apart by spaces
		on    bool
		error string
	}{
		{"", false, ""},
		{at, true, ""},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://otel.example/v1/traces", true, ""},
		{"OTEL_TRACES_EXPORTER=otlp", true, ""},
		{"OTEL_TRACES_EXPORTER=none " + at, false, ""},
		{"OTEL_SDK_DISABLED=true " + at, false, ""},
		{"OTEL_SDK_DISABLED=TRUE OTEL_TRACES_EXPORTER=otlp", false, ""},
		{"OTEL_SDK_DISABLED=false " + at, true, ""},
		{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc", false, ""}, // no tracing is asked for
		{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_SDK_DISABLED=true " + at, false, ""},
		{"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf " + at, true, ""},
		{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc " + at, false, `OTEL_EXPORTER_OTLP_PROTOCOL is "grpc": platen sends traces by http/protobuf only`},
		{"OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf " + at, true, ""},
		{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/json " + at, false, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"},
		{"OTEL_TRACES_EXPORTER=zipkin", false, `OTEL_TRACES_EXPORTER is "zipkin"`},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4318", false, "OTEL_EXPORTER_OTLP_ENDPOINT is no http or https URL"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://", false, "OTEL_EXPORTER_OTLP_ENDPOINT is no http or https URL"},
	} {
		env := make(map[string]string)
		for set := range strings.FieldsSeq(test.set) {
			name, value, _ := strings.Cut(set, "=")
			env[name] = value
		}
		on, err := wanted(func(name string) string { return env[name] })
		if on != test.on || (err == nil) != (test.error == "") || err != nil && !strings.Contains(err.Error(), test.error) {
			t.Errorf("%s: %v, %v; want %v, %q", test.set, on, err, test.on, test.error)
		}
	}
}

// TestExportErrors checks that a collector that is away does not fill the log.
func TestExportErrors(t *testing.T) {
	var log bytes.Buffer
	now := time.Now()
	e := &exportErrors{log: slog.New(slog.NewTextHandler(&log, nil)), now: func() time.Time { return now }}
	for range 5 {
		e.Handle(errors.New("refused"))
		now = now.Add(10 * time.Second)
	}
	if n := strings.Count(log.String(), "refused"); n != 1 {
		t.Errorf("%d lines in a minute: %s", n, &log)
	}
	now = now.Add(10 * time.Second)
	e.Handle(errors.New("refused"))
	if n := strings.Count(log.String(), "refused"); n != 2 || !strings.Contains(log.String(), "suppressed=4") {
		t.Errorf("%d lines after a minute: %s", n, &log)
	}
}

// TestUnobserved checks the observer of those who measure nothing.
func TestUnobserved(t *testing.T) {
	var observer sqlstore.Observer = sqlstore.Unobserved{}
	ctx, end := observer.Call(t.Context(), "list")
	end(errors.New("x"))
	observer.Group(1, 0, nil)
	if ctx != t.Context() {
		t.Error("the context is another")
	}
}
