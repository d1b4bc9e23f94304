package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// samplers are those that the library has.
var samplers = []string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}

// serviceName is what traces say that they are of, unless OTEL_SERVICE_NAME
// or OTEL_RESOURCE_ATTRIBUTES say something else.
const serviceName = "platen"

// flushFor bounds how long the end of the process waits for the collector.
const flushFor = 2 * time.Second

// protocol is the one protocol that traces are sent by.
const protocol = "http/protobuf"

// Trace turns tracing on if the variables of OpenTelemetry ask for it, which
// are read with getenv. What they say about batches and sampling the SDK reads
// from the process itself.
//
// It is called before there are requests, and [Telemetry.Close] after them.
func (t *Telemetry) Trace(ctx context.Context, getenv func(string) string) error {
	on, err := wanted(getenv)
	if err != nil || !on {
		return err
	}
	// The SDK reports to whoever is set for the process, by default to
	// standard error in a format of its own.
	otel.SetLogger(logr.FromSlogHandler(t.config.Log.Handler()))
	otel.SetErrorHandler(&exportErrors{log: t.config.Log, now: time.Now})
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(serviceName), semconv.ServiceVersion(t.config.Version)),
		resource.WithFromEnv(), // last: it holds
	)
	if err != nil {
		return fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	client, err := newOTLPClient(getenv)
	if err != nil {
		return err
	}
	exporter, err := otlptrace.New(ctx, client)
	if err != nil {
		return fmt.Errorf("exporter of traces: %w", err)
	}
	t.exporter = client
	// The batcher never blocks: when its queue is full, spans are dropped.
	t.provider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(noStrangers{sdktrace.NewBatchSpanProcessor(exporter)}), sdktrace.WithResource(about))
	t.tracer = t.provider.Tracer("github.com/platenhq/platen")
	return nil
}

// strangerKey marks spans of requests without good credentials.
const strangerKey = attribute.Key("platen.stranger")

// noStrangers leaves out the spans of strangers that say that they belong to a
// trace: a sampler that heeds the caller would let anybody fill the collector.
// Those that say nothing are sampled like others.
type noStrangers struct{ sdktrace.SpanProcessor }

// OnEnd implements [sdktrace.SpanProcessor].
func (n noStrangers) OnEnd(span sdktrace.ReadOnlySpan) {
	if span.Parent().IsRemote() && slices.ContainsFunc(span.Attributes(), func(a attribute.KeyValue) bool { return a.Key == strangerKey }) {
		return
	}
	n.SpanProcessor.OnEnd(span)
}

// Close sends what has been traced and ends tracing. It gives the collector
// a short time, after which the rest is lost.
func (t *Telemetry) Close() {
	if t.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushFor)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.config.Log.Warn("the last traces could not be sent", "error", err)
	}
	_ = t.exporter.Stop(ctx) // what is still on its way ends with it
}

// wanted reports whether the environment asks for tracing. The error is of
// what it asks for and can not have.
func wanted(getenv func(string) string) (bool, error) {
	get := func(names ...string) (name, value string) { return firstSet(getenv, names...) }
	if _, disabled := get("OTEL_SDK_DISABLED"); strings.EqualFold(disabled, "true") {
		return false, nil
	}
	endpointName, endpoint := get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	switch _, exporter := get("OTEL_TRACES_EXPORTER"); exporter {
	case "otlp":
	case "none":
		return false, nil
	case "":
		if endpoint == "" {
			return false, nil
		}
	default:
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER is %q: platen has otlp, or none", exporter)
	}
	// The library would go on with another one, and only say so.
	if _, sampler := get("OTEL_TRACES_SAMPLER"); sampler != "" && !slices.Contains(samplers, strings.ToLower(sampler)) {
		return false, fmt.Errorf("OTEL_TRACES_SAMPLER=%s is no sampler: want %s", sampler, strings.Join(samplers, ", "))
	}
	if name, value := get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); name != "" && value != protocol {
		return false, fmt.Errorf("%s is %q: platen sends traces by %s only", name, value, protocol)
	}
	if endpoint != "" {
		// The exporter would fall back to its default without a word.
		at, err := url.Parse(endpoint)
		if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
			return false, fmt.Errorf("%s is no http or https URL: want one like http://localhost:4318", endpointName)
		}
	}
	return true, nil
}

// firstSet returns the first of the variables that is set, "" if none is.
func firstSet(getenv func(string) string, names ...string) (name, value string) {
	for _, name := range names {
		if value := strings.TrimSpace(getenv(name)); value != "" {
			return name, value
		}
	}
	return "", ""
}

// exportErrors logs the errors of the SDK: mostly a collector that can not be
// reached, which it finds out every few seconds.
type exportErrors struct {
	log *slog.Logger
	now func() time.Time

	mu         sync.Mutex
	logged     time.Time // the last one
	suppressed int       // since then
}

// exportErrorsEvery is the least time between two lines in the log.
const exportErrorsEvery = time.Minute

// Handle implements [otel.ErrorHandler].
func (e *exportErrors) Handle(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	if !e.logged.IsZero() && now.Sub(e.logged) < exportErrorsEvery {
		e.suppressed++
		return
	}
	e.log.Warn("traces can not be sent; requests are not held up", "error", err, "suppressed", e.suppressed)
	e.logged, e.suppressed = now, 0
}
