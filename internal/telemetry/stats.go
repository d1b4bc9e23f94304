package telemetry

import (
	"context"
	"database/sql"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/platenhq/platen/internal/sqlstore"
)

// WatchReady adds whether a server is ready, which each scrape asks for. It is
// called once.
func (t *Telemetry) WatchReady(ready func(context.Context) error) {
	t.Gauge("platen_ready", "Whether the server can do its work, as /readyz says: 1 or 0.", func() int64 {
		if ready(context.Background()) != nil {
			return 0
		}
		return 1
	})
}

// WatchCertificate adds the end of the TLS certificate in use, which each
// scrape asks for. It is called once.
func (t *Telemetry) WatchCertificate(expiry func() time.Time) {
	t.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "platen_tls_certificate_expiry_timestamp_seconds", Help: "When the TLS certificate in use expires, in seconds since 1970; 0: there is none yet.",
	}, func() float64 { return float64(max(0, expiry().Unix())) }))
}

// WatchStore adds what a store knows of itself, which each scrape asks for.
// It is called once.
func (t *Telemetry) WatchStore(stats func() sqlstore.Stats) {
	t.registry.MustRegister(&storeCollector{stats})
}

// A storeCollector implements [prometheus.Collector].
type storeCollector struct{ stats func() sqlstore.Stats }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	cacheHits     = describe("platen_cache_hits_total", "Lists that were found in the cache.")
	cacheMisses   = describe("platen_cache_misses_total", "Lists that were not found in the cache.")
	cacheBytes    = describe("platen_cache_bytes", "Memory that the cache of lists takes, about.")
	cacheEntries  = describe("platen_cache_entries", "Lists in the cache.")
	indexPending  = describe("platen_index_pending_entities", "Entities whose changes are not in the search index yet, about.")
	writeQueue    = describe("platen_write_queue", "Writes that wait for the next transaction.")
	poolConns     = describe("platen_pool_connections", "Connections to the database.", "pool", "state")
	poolMax       = describe("platen_pool_connections_max", "The most connections that the pool opens.", "pool")
	poolWaits     = describe("platen_pool_wait_total", "Times that a connection was waited for.", "pool")
	poolWaitTimes = describe("platen_pool_wait_seconds_total", "Time that connections were waited for.", "pool")
)

// Describe implements [prometheus.Collector].
func (c *storeCollector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		cacheHits, cacheMisses, cacheBytes, cacheEntries, indexPending, writeQueue, poolConns, poolMax, poolWaits, poolWaitTimes,
	} {
		to <- desc
	}
}

// Collect implements [prometheus.Collector].
func (c *storeCollector) Collect(to chan<- prometheus.Metric) {
	stats := c.stats()
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, kind, value, labels...)
	}
	send(cacheHits, prometheus.CounterValue, float64(stats.CacheHits))
	send(cacheMisses, prometheus.CounterValue, float64(stats.CacheMisses))
	send(cacheBytes, prometheus.GaugeValue, float64(stats.CacheBytes))
	send(cacheEntries, prometheus.GaugeValue, float64(stats.CacheEntries))
	send(indexPending, prometheus.GaugeValue, float64(stats.IndexPending))
	send(writeQueue, prometheus.GaugeValue, float64(stats.WriteQueue))
	for _, pool := range []struct {
		name  string
		stats sql.DBStats
	}{{"reader", stats.Reader}, {"lookup", stats.Lookup}, {"control", stats.Control}, {"writer", stats.Writer}} {
		send(poolConns, prometheus.GaugeValue, float64(pool.stats.InUse), pool.name, "in_use")
		send(poolConns, prometheus.GaugeValue, float64(pool.stats.Idle), pool.name, "idle")
		send(poolMax, prometheus.GaugeValue, float64(pool.stats.MaxOpenConnections), pool.name)
		send(poolWaits, prometheus.CounterValue, float64(pool.stats.WaitCount), pool.name)
		send(poolWaitTimes, prometheus.CounterValue, pool.stats.WaitDuration.Seconds(), pool.name)
	}
}
