// Package telemetry is what can be measured of a running server: metrics in
// the format of Prometheus, and traces that go to a collector by OTLP.
//
// A [Telemetry] has a registry of its own; nothing is registered globally.
// Metrics are labelled by what there are few of: routes, methods, statuses,
// calls of the store. An identifier or a name is never a label, nor is it in
// a span.
package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/platenhq/platen/internal/admission"
	"github.com/platenhq/platen/internal/sqlstore"
)

// Path is where metrics are served.
const Path = "/metrics"

// Config says what a [Telemetry] tells of the program that it is in.
type Config struct {
	Version string // of the program
	Commit  string // that it was built from, "" if nobody knows
	Log     *slog.Logger
}

// Telemetry measures one server. Its metrics are on from the beginning,
// tracing from [Telemetry.Trace].
type Telemetry struct {
	config   Config
	registry *prometheus.Registry
	handler  http.Handler
	requests requests
	store    storeObserver
	refused  *prometheus.CounterVec
	byRule   prometheus.Counter

	provider *sdktrace.TracerProvider // nil: tracing is off
	tracer   trace.Tracer             // nil: tracing is off
	exporter *otlpClient              // nil: tracing is off
}

// New returns a telemetry without tracing.
func New(config Config) *Telemetry {
	t := &Telemetry{config: config, registry: prometheus.NewRegistry()}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "platen_build_info", Help: "The version of platen, the commit, and the Go that it was built with. Always 1.",
	}, []string{"version", "revision", "goversion"})
	build.WithLabelValues(config.Version, config.Commit, runtime.Version()).Set(1)
	t.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build,
	)
	t.requests.register(t.registry)
	t.store.telemetry = t
	t.store.register(t.registry)
	t.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "platen_refused_total", Help: "Requests and connections that were refused because a limit was reached.",
	}, []string{"reason"})
	for _, reason := range admission.Reasons {
		t.refused.WithLabelValues(string(reason)) // so that a rate is known from the first on
	}
	t.byRule = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "platen_retention_deleted_sets_total", Help: "Sets that this server has deleted by a rule of retention.",
	})
	t.registry.MustRegister(t.refused, t.byRule)
	t.handler = promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
		ErrorLog:       slog.NewLogLogger(config.Log.Handler(), slog.LevelError),
		ErrorHandling:  promhttp.ContinueOnError, // one figure that fails hides no other
		CoalesceGather: true,                     // scrapes at once ask the store once
	})
	return t
}

// Refused counts a refusal.
func (t *Telemetry) Refused(reason admission.Reason) { t.refused.WithLabelValues(string(reason)).Inc() }

// DeletedByRule counts a set that a rule of retention has deleted.
func (t *Telemetry) DeletedByRule() { t.byRule.Inc() }

// Gauge adds a figure that each scrape asks for. Names are added once.
func (t *Telemetry) Gauge(name, help string, value func() int64) {
	t.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
		func() float64 { return float64(value()) }))
}

// Handler returns the handler of a scrape. It checks no credentials.
func (t *Telemetry) Handler() http.Handler { return t.handler }

// Store returns the observer of the store's calls.
func (t *Telemetry) Store() sqlstore.Observer { return &t.store }

// Serve answers scrapes at the listener until ctx ends, and finishes those
// under way. It checks no credentials.
func (t *Telemetry) Serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET "+Path, t.handler)
	secured := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
	server := &http.Server{
		Handler:           secured,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(t.config.Log.Handler(), slog.LevelDebug),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve metrics: %w", err)
	case <-ctx.Done():
	}
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(stopping) != nil {
		return server.Close()
	}
	return nil
}
