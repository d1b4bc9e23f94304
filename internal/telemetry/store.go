package telemetry

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/platenhq/platen"
)

// The results of a call that are not those of [results].
const (
	resultOK       = "ok"
	resultError    = "error"    // ours: what the log has as a failed request
	resultCanceled = "canceled" // the caller has left
	resultTimeout  = "timeout"  // the time of the call was over
)

// results names the codes of errors.
var results = [...]string{
	platen.Internal:         resultError,
	platen.Invalid:          "invalid",
	platen.Mismatch:         "mismatch",
	platen.NotFound:         "not_found",
	platen.Conflict:         "conflict",
	platen.Changed:          "changed",
	platen.Unauthenticated:  "unauthenticated",
	platen.Expired:          "expired",
	platen.Forbidden:        "forbidden",
	platen.TooManyAttempts:  "too_many_attempts",
	platen.TooLarge:         "too_large",
	platen.UnsupportedMedia: "unsupported_media",
	platen.MethodNotAllowed: "method_not_allowed",
	platen.Timeout:          resultTimeout,
	platen.Unavailable:      "unavailable",
	platen.Failed:           "failed",
}

// A storeObserver implements [sqlstore.Observer].
type storeObserver struct {
	telemetry *Telemetry
	calls     table[string, call]
	ended     table[endedKey, prometheus.Counter]

	total         *prometheus.CounterVec
	duration      *prometheus.HistogramVec
	groupSize     prometheus.Histogram
	groupDuration prometheus.Histogram
	groupsFailed  prometheus.Counter
}

// A call is what is known of a call of the store beforehand.
type call struct {
	name     string
	span     string // the name of its spans
	duration prometheus.Observer
}

// An endedKey is what calls that have ended are told apart by.
type endedKey struct{ call, result string }

func (o *storeObserver) register(registry *prometheus.Registry) {
	o.total = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "platen_store_calls_total", Help: "Calls of the store that have ended.",
	}, []string{"call", "result"})
	o.duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "platen_store_call_duration_seconds", Help: "Time of calls of the store, with what they wait for.",
		Buckets: buckets,
	}, []string{"call"})
	o.groupSize = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "platen_commit_group_size", Help: "List updates that shared a transaction.",
		Buckets: prometheus.ExponentialBuckets(1, 2, 9), // to 256
	})
	o.groupDuration = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "platen_commit_duration_seconds", Help: "Time of the transaction of a group of list updates, to its commit.",
		Buckets: buckets,
	})
	o.groupsFailed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "platen_commits_failed_total", Help: "Transactions of list updates that were not committed.",
	})
	o.calls.made = func(name string) call {
		o.total.WithLabelValues(name, resultOK) // so that a rate is known from the first error on
		o.total.WithLabelValues(name, resultError)
		return call{name: name, span: "store " + name, duration: o.duration.WithLabelValues(name)}
	}
	o.ended.made = func(key endedKey) prometheus.Counter { return o.total.WithLabelValues(key.call, key.result) }
	registry.MustRegister(o.total, o.duration, o.groupSize, o.groupDuration, o.groupsFailed)
}

// Call implements [sqlstore.Observer].
func (o *storeObserver) Call(ctx context.Context, name string) (context.Context, func(error)) {
	call := o.calls.get(name)
	start := time.Now()
	// Only what belongs to a request has a span: the store's own chores
	// would be traces of a single span each.
	if tracer := o.telemetry.tracer; tracer != nil && trace.SpanContextFromContext(ctx).IsSampled() {
		inner, span := tracer.Start(ctx, call.span)
		return inner, func(err error) { endSpan(span, o.end(inner, call, start, err)) }
	}
	return ctx, func(err error) { o.end(ctx, call, start, err) }
}

// Group implements [sqlstore.Observer].
func (o *storeObserver) Group(size int, took time.Duration, err error) {
	if err != nil {
		o.groupsFailed.Inc()
		return
	}
	o.groupSize.Observe(float64(size))
	o.groupDuration.Observe(took.Seconds())
}

// Panic implements [sqlstore.Observer].
func (o *storeObserver) Panic(doing string, value any, stack []byte) {
	o.telemetry.config.Log.Error("panic in the store", "doing", doing, "panic", value, "stack", string(stack))
}

// Rebuild implements [sqlstore.Observer].
func (o *storeObserver) Rebuild(why string) {
	o.telemetry.config.Log.Warn("the search index is rebuilt; searches wait until that is done", "why", why)
}

// end counts a call and returns its result.
func (o *storeObserver) end(ctx context.Context, call call, start time.Time, err error) string {
	call.duration.Observe(time.Since(start).Seconds())
	result := resultOf(ctx, err)
	o.ended.get(endedKey{call.name, result}).Inc()
	return result
}

// resultOf names the error of a call.
func resultOf(ctx context.Context, err error) string {
	if err == nil {
		return resultOK
	}
	code := platen.ErrorCode(err)
	if code != platen.Internal && int(code) < len(results) {
		return results[code]
	}
	if errors.Is(err, http.ErrBodyNotAllowed) {
		return resultCanceled // HEAD, which wants no more than the beginning
	}
	// Drivers say in many ways that a call was interrupted.
	switch cause := ctx.Err(); {
	case errors.Is(cause, context.DeadlineExceeded):
		return resultTimeout
	case cause != nil:
		return resultCanceled
	}
	return resultError
}

// endSpan ends the span of a call. The error itself stays out of it: it may
// have ids and names.
func endSpan(span trace.Span, result string) {
	span.SetAttributes(attribute.String("platen.result", result))
	switch result {
	case resultError, resultTimeout, results[platen.Unavailable]:
		span.SetStatus(codes.Error, result)
	}
	span.End()
}
