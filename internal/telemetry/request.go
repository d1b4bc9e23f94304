package telemetry

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// What labels say where there is no better word.
const (
	unmatched   = "unmatched" // route: none
	otherMethod = "other"     // method: none that HTTP knows
	unanswered  = "none"      // status: the client left before it was answered
)

// buckets are for times in seconds: from a cached list to a long import.
var buckets = []float64{
	.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60,
}

// requests are the metrics of requests.
type requests struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	aborted  prometheus.Counter
	browser  *prometheus.CounterVec
	series   table[seriesKey, series]
}

// A seriesKey is what requests are told apart by. Of each part there are few.
type seriesKey struct {
	pattern string // of the mux
	method  string // one of those known, or otherMethod
	status  int
}

// A series counts the requests with one key.
type series struct {
	total    prometheus.Counter
	duration prometheus.Observer
}

func (m *requests) register(registry *prometheus.Registry) {
	m.total = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "platen_http_requests_total", Help: "Requests that were answered.",
	}, []string{"route", "method", "status"})
	m.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "platen_http_request_duration_seconds", Help: "Time from a request's headers to the end of its answer.",
		Buckets: buckets,
	}, []string{"route", "method"})
	m.inFlight = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "platen_http_requests_in_flight", Help: "Requests that are being answered.",
	})
	m.aborted = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "platen_http_aborted_total", Help: "Answers that were broken off because of an error after they had begun.",
	})
	m.browser = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "platen_browser_requests_refused_total", Help: "Requests that a browser was not allowed to make, by reason: origin, host, media.",
	}, []string{"reason"})
	m.series.made = func(key seriesKey) series {
		route, status := routeOf(key.pattern), unanswered
		if key.status != 0 {
			status = strconv.Itoa(key.status)
		}
		return series{
			total:    m.total.WithLabelValues(route, key.method, status),
			duration: m.duration.WithLabelValues(route, key.method),
		}
	}
	registry.MustRegister(m.total, m.duration, m.inFlight, m.aborted, m.browser)
}

// BrowserRefused counts a request that a browser was not allowed to make.
func (t *Telemetry) BrowserRefused(reason string) {
	t.requests.browser.WithLabelValues(reason).Inc()
}

// Unreadable counts an answer to what could not be read as a request.
func (t *Telemetry) Unreadable(status int) {
	t.requests.series.get(seriesKey{"", otherMethod, status}).total.Inc()
}

// routeOf returns the path of a pattern. The pattern of all paths is none.
func routeOf(pattern string) string {
	if _, path, ok := strings.Cut(pattern, " "); ok {
		pattern = strings.TrimLeft(path, " ")
	}
	if pattern == "" || pattern == "/" {
		return unmatched
	}
	return pattern
}

// methodOf returns the method, if it is one that HTTP knows: clients can make
// up as many as they like.
func methodOf(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return otherMethod
}

// A Request is a request under way.
type Request struct {
	telemetry *Telemetry
	span      trace.Span        // nil: tracing is off
	context   trace.SpanContext // of the span; without one, what the client sent
}

// An Outcome is what became of a request.
type Outcome struct {
	Pattern string // of the mux, "" for none
	Method  string
	Status  int // 0: it was not answered
	Bytes   int64
	Took    time.Duration
	Aborted bool // the answer was broken off
	// Stranger: the request had no good credentials. What it says of being
	// sampled does not count.
	Stranger bool
}

// traceparent is the header of the W3C's Trace Context, in the form of the
// keys of [http.Header].
const traceparent = "Traceparent"

// Begin is told of a request when it comes in. The context is that of the
// request, with its span if tracing is on. [Request.End] must follow.
func (t *Telemetry) Begin(r *http.Request) (context.Context, Request) {
	t.requests.inFlight.Inc()
	ctx := r.Context()
	request := Request{telemetry: t}
	// More than one is none: nobody knows which holds.
	if sent := r.Header[traceparent]; len(sent) == 1 {
		remote := propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
		request.context = trace.SpanContextFromContext(remote)
		if t.tracer != nil {
			ctx = remote
		}
	}
	if t.tracer == nil {
		return ctx, request
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	method := methodOf(r.Method)
	if method == otherMethod {
		method = "_OTHER" // the word of the semantic conventions
	}
	ctx, request.span = t.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		semconv.HTTPRequestMethodKey.String(method),
		semconv.URLScheme(scheme),
		semconv.NetworkProtocolVersion(strings.TrimPrefix(r.Proto, "HTTP/")),
	))
	request.context = request.span.SpanContext()
	return ctx, request
}

// TraceID returns the id of the trace that the request belongs to, "" for
// none.
func (q *Request) TraceID() string {
	if !q.context.HasTraceID() {
		return ""
	}
	return q.context.TraceID().String()
}

// Answer sets the header of an answer that names the trace, if there is one:
// that of the server's span, or without tracing the one that was sent.
func (q *Request) Answer(header http.Header) {
	if c := q.context; c.IsValid() {
		header[traceparent] = []string{"00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + c.TraceFlags().String()}
	}
}

// End is told how a request ended.
func (q *Request) End(o Outcome) {
	method := methodOf(o.Method)
	m := &q.telemetry.requests
	m.inFlight.Dec()
	if o.Aborted {
		m.aborted.Inc()
	}
	series := m.series.get(seriesKey{o.Pattern, method, o.Status})
	series.total.Inc()
	series.duration.Observe(o.Took.Seconds())
	if q.span == nil {
		return
	}
	if q.span.IsRecording() {
		q.describe(method, o)
		if o.Stranger {
			q.span.SetAttributes(strangerKey.Bool(true))
		}
	}
	q.span.End()
}

// describe says in the span what was not known when it began.
func (q *Request) describe(method string, o Outcome) {
	if method == otherMethod {
		method = "HTTP" // so that names stay few; it is what the conventions say
	}
	if route := routeOf(o.Pattern); route != unmatched {
		q.span.SetName(method + " " + route)
		q.span.SetAttributes(semconv.HTTPRoute(route))
	} else {
		q.span.SetName(method)
	}
	attributes := []attribute.KeyValue{semconv.HTTPResponseBodySize(int(o.Bytes))}
	if o.Status != 0 {
		attributes = append(attributes, semconv.HTTPResponseStatusCode(o.Status))
	}
	switch {
	case o.Aborted:
		q.span.SetStatus(codes.Error, "the answer was broken off")
		attributes = append(attributes, semconv.ErrorTypeKey.String("aborted"))
	case o.Status >= 500:
		q.span.SetStatus(codes.Error, "")
		attributes = append(attributes, semconv.ErrorTypeKey.String(strconv.Itoa(o.Status)))
	}
	q.span.SetAttributes(attributes...)
}
