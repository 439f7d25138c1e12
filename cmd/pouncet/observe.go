// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/telemetry"
)

// observeFlags are the flags about what a server shows of itself, and the limit of its callers.
type observeFlags struct {
	logFormat, rate, metrics, pprof string
	limit                           httpapi.RateLimit // what rate says
}

const (
	logJSON = "json"
	logText = "text"
)

func (f *observeFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.logFormat, "log-format", logJSON, "`format` of the log: json or text")
	c.Flags().StringVar(&f.rate, "rate-limit", "",
		"requests per second of one token and how many may come at once: `RATE[:BURST]`, such as 50:100 (default no limit)")
	c.Flags().StringVar(&f.metrics, "metrics-listen", "",
		"`address` for /metrics, /healthz and /readyz in plain HTTP; a port alone means 127.0.0.1 (default off)")
	c.Flags().StringVar(&f.pprof, "pprof-listen", "",
		"loopback `address` for profiles under /debug/pprof/; a port alone means 127.0.0.1 (default off)")
}

// check checks the flags, and parses them.
func (f *observeFlags) check() error {
	if f.logFormat != logJSON && f.logFormat != logText {
		return &usageError{backend.Errorf(backend.CodeInvalid, "--log-format %s is not valid", backend.Quote(f.logFormat)).
			WithHint("use json or text")}
	}
	if f.rate == "" {
		return nil
	}
	perSecond, burst, hasBurst := strings.Cut(f.rate, ":")
	rate, err := strconv.ParseFloat(perSecond, 64)
	f.limit = httpapi.RateLimit{PerSecond: rate, Burst: int(min(max(2*rate, 1), maxRate))}
	if hasBurst && err == nil {
		f.limit.Burst, err = strconv.Atoi(burst)
	}
	if err != nil || !(rate > 0 && rate <= maxRate) || f.limit.Burst < 1 || f.limit.Burst > maxRate {
		return &usageError{backend.Errorf(backend.CodeInvalid, "--rate-limit %s is not valid", backend.Quote(f.rate)).
			WithHint("write the requests per second and the burst, such as 50:100; both are at most %d", maxRate)}
	}
	return nil
}

// maxRate is the largest limit; more than a server answers.
const maxRate = 1_000_000

// logger returns the log of a server.
func (f *observeFlags) logger(to io.Writer) *slog.Logger {
	if f.logFormat == logText {
		return slog.New(slog.NewTextHandler(to, nil))
	}
	return slog.New(slog.NewJSONHandler(to, nil))
}

// observed holds the metrics, the profiles and the traces of a server.
type observed struct {
	metrics            *telemetry.Metrics // nil if they are off
	metricsAt, pprofAt net.Listener       // nil if they are off
	traces             traces
}

// listen opens the listeners of metrics and profiles.
func (o *observed) listen(ctx context.Context, f observeFlags) (err error) {
	if f.metrics != "" {
		o.metricsAt, err = telemetry.Listen(ctx, "--metrics-listen", f.metrics)
	}
	if f.pprof != "" && err == nil {
		o.pprofAt, err = telemetry.ListenOnLoopback(ctx, "--pprof-listen", f.pprof)
	}
	if err != nil && o.metricsAt != nil {
		_ = o.metricsAt.Close()
	}
	return err
}

// watch adds what the metrics show of a backend and of its server.
func (o *observed) watch(parts *open.Parts, logins *access.Logins, health *httpapi.Health, at *listening) {
	if o.metrics == nil {
		return
	}
	o.traces.watch(o.metrics)
	o.metrics.Health(health)
	o.metrics.Cache("token", &logins.Lookups)
	counters := parts.Counters()
	for name, c := range counters.Caches {
		o.metrics.Cache(name, c)
	}
	for log, c := range counters.Commits {
		o.metrics.Commits(log, c)
	}
	o.metrics.Gauge("pouncet_read_records_waiting", func() float64 { return float64(counters.Waiting()) })
	if counters.Replica != nil {
		o.watchReplica(counters)
	}
	if at.certificate != nil {
		o.metrics.Gauge("pouncet_tls_certificate_expiry_timestamp_seconds", func() float64 {
			return float64(at.certificate.Expires().Unix())
		})
	}
}

// watchReplica adds what the metrics show of a replica.
func (o *observed) watchReplica(counters open.Counters) {
	o.metrics.Gauge("pouncet_replica_used", func() float64 {
		if counters.ReplicaProblem() != nil {
			return 0
		}
		return 1
	})
	for outcome, n := range map[string]*atomic.Int64{
		"served": &counters.Replica.Served, "behind": &counters.Replica.Behind, "failed": &counters.Replica.Failed,
		"changed": &counters.Replica.Changed,
	} {
		o.metrics.Counter(`pouncet_replica_reads_total{outcome="`+outcome+`"}`, n.Load)
	}
}

// serve serves metrics and profiles until ctx ends, and says where.
func (o *observed) serve(ctx context.Context, a *app, ready func(context.Context) error, run func(func())) {
	if o.metricsAt != nil {
		a.notef("metrics on http://%s/metrics", o.metricsAt.Addr())
		run(func() { telemetry.Serve(ctx, o.metricsAt, o.metrics.Handler(ready)) })
	}
	o.traces.serve(ctx, a, run)
	if o.pprofAt != nil {
		a.notef("profiles on http://%s/debug/pprof/", o.pprofAt.Addr())
		run(func() { telemetry.Serve(ctx, o.pprofAt, telemetry.Profiles()) })
	}
}
