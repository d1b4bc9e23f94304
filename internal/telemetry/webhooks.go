package telemetry

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// WebhookAttempts adds the count of attempts to deliver events by their results,
// and returns what counts one. It is called once.
func (t *Telemetry) WebhookAttempts(results []string) (attempted func(result string)) {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "platen_webhook_attempts_total", Help: "Requests to the URLs of webhooks.",
	}, []string{"result"})
	for _, result := range results {
		total.WithLabelValues(result) // so that a rate is known from the first on
	}
	t.registry.MustRegister(total)
	return func(result string) { total.WithLabelValues(result).Inc() }
}

// WatchWebhooks adds how many webhooks there are of each state, and how far
// their delivery lags behind, which each scrape asks for. It is called once.
func (t *Telemetry) WatchWebhooks(count func(context.Context) (enabled, disabled int64, err error), lag func() time.Duration) {
	t.registry.MustRegister(&webhookCollector{count})
	t.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "platen_webhook_lag_seconds", Help: "Age of the oldest event that is not delivered to a webhook that is enabled; 0 where another process sends.",
	}, func() float64 { return lag().Seconds() }))
}

// A webhookCollector implements [prometheus.Collector].
type webhookCollector struct {
	count func(context.Context) (enabled, disabled int64, err error)
}

var webhookStates = describe("platen_webhooks", "Webhooks by their state.", "state")

// countWithin bounds a scrape's wait for the database.
const countWithin = 2 * time.Second

// Describe implements [prometheus.Collector].
func (c *webhookCollector) Describe(to chan<- *prometheus.Desc) { to <- webhookStates }

// Collect implements [prometheus.Collector].
func (c *webhookCollector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), countWithin)
	defer cancel()
	enabled, disabled, err := c.count(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(webhookStates, err)
		return
	}
	to <- prometheus.MustNewConstMetric(webhookStates, prometheus.GaugeValue, float64(enabled), "enabled")
	to <- prometheus.MustNewConstMetric(webhookStates, prometheus.GaugeValue, float64(disabled), "disabled")
}
