// SPDX-License-Identifier: MPL-2.0

// Package telemetry shows what a server does: as metrics in the text format of Prometheus, and as traces.
//
// No metric and no span holds a value, or the name of a secret, a project or a principal. The labels of a metric have
// few values, which the program chooses: no caller can add one.
package telemetry

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
)

// durations are the upper bounds of the buckets of times, in seconds.
var durations = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// Metrics are the metrics of one server.
type Metrics struct {
	set      *metrics.Set
	inFlight atomic.Int64
	copies   []func() // each copies a counter that is kept elsewhere
}

var (
	_ httpapi.Observer = (*Metrics)(nil)
	_ kms.Observer     = (*Metrics)(nil)
)

// NewMetrics returns the metrics of a server with this version.
func NewMetrics(version string) *Metrics {
	metrics.ExposeMetadata(true) // the type of each metric
	m := &Metrics{set: metrics.NewSet()}
	m.Gauge("pouncet_build_info"+labels("version", version, "goversion", runtime.Version()),
		func() float64 { return 1 })
	m.Gauge("pouncet_http_requests_in_flight", func() float64 { return float64(m.inFlight.Load()) })
	return m
}

// labels returns labels in braces, of names and values in turn.
func labels(pairs ...string) string {
	text := "{"
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			text += ","
		}
		text += pairs[i] + "=" + strconv.Quote(pairs[i+1])
	}
	return text + "}"
}

// Gauge adds a metric whose value is read for each scrape.
func (m *Metrics) Gauge(name string, value func() float64) { m.set.NewGauge(name, value) }

// Began implements httpapi.Observer.
func (m *Metrics) Began() { m.inFlight.Add(1) }

// Ended implements httpapi.Observer.
func (m *Metrics) Ended(e httpapi.Exchange) {
	m.inFlight.Add(-1)
	route := labels("route", e.Route)
	m.set.GetOrCreateCounter("pouncet_http_requests_total" +
		labels("route", e.Route, "code", strconv.Itoa(e.Status))).Inc()
	m.duration("pouncet_http_request_duration_seconds"+route, e.Duration)
	m.set.GetOrCreateCounter("pouncet_http_request_bytes_total" + route).AddInt64(e.RequestBytes)
	m.set.GetOrCreateCounter("pouncet_http_response_bytes_total" + route).AddInt64(e.ResponseBytes)
	if e.Refused != "" {
		m.set.GetOrCreateCounter("pouncet_http_refusals_total" + labels("reason", e.Refused)).Inc()
	}
}

// Called implements kms.Observer.
func (m *Metrics) Called(_ context.Context, operation string, start time.Time, err error) {
	m.set.GetOrCreateCounter("pouncet_kms_requests_total" +
		labels("operation", operation, "outcome", outcomeOf(err))).Inc()
	m.duration("pouncet_kms_request_duration_seconds"+labels("operation", operation), time.Since(start))
}

// outcomeOf returns "ok", or the code of an error of the KMS.
func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, backend.ErrUnavailable):
		return string(backend.CodeUnavailable)
	case errors.Is(err, backend.ErrKeyUnusable):
		return string(backend.CodeKeyUnusable)
	}
	return "error"
}

func (m *Metrics) duration(name string, d time.Duration) {
	m.set.GetOrCreatePrometheusHistogramExt(name, durations).Update(d.Seconds())
}

// Health adds the health: whether the server is ready, and how many problems it has.
func (m *Metrics) Health(h *httpapi.Health) {
	m.Gauge("pouncet_ready", func() float64 {
		if h.Ready(context.Background()) != nil {
			return 0
		}
		return 1
	})
	m.Gauge("pouncet_problems", func() float64 { return float64(len(h.Problems())) })
}

// Counter adds a counter whose value is read for each scrape.
func (m *Metrics) Counter(name string, value func() int64) { m.onScrape(name, value) }

// Cache adds the lookups in a cache.
func (m *Metrics) Cache(name string, c *backend.CacheCount) {
	m.onScrape("pouncet_cache_lookups_total"+labels("cache", name, "outcome", "hit"),
		func() int64 { hits, _ := c.Counts(); return hits })
	m.onScrape("pouncet_cache_lookups_total"+labels("cache", name, "outcome", "miss"),
		func() int64 { _, misses := c.Counts(); return misses })
}

// Commits adds the durable commits of a log. The calls divided by the commits are the mean size of a batch.
func (m *Metrics) Commits(log string, c *backend.CommitCount) {
	m.onScrape("pouncet_commits_total"+labels("log", log), func() int64 { commits, _ := c.Counts(); return commits })
	m.onScrape("pouncet_committed_calls_total"+labels("log", log), func() int64 { _, calls := c.Counts(); return calls })
}

// onScrape adds a counter that is kept elsewhere. Call it before the first scrape.
func (m *Metrics) onScrape(name string, value func() int64) {
	c := m.set.NewCounter(name)
	m.copies = append(m.copies, func() { c.Set(uint64(value())) })
}

// Write writes all metrics, including those of the process and of the Go runtime.
func (m *Metrics) Write(w io.Writer) {
	for _, refresh := range m.copies {
		refresh()
	}
	m.set.WritePrometheus(w)
	metrics.WriteProcessMetrics(w)
}
