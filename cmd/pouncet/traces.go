// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/telemetry"
)

// traces sends the traces of a server to a collector.
type traces struct {
	tracer *telemetry.Tracer // nil if no traces are sent
	to     string            // the host of the collector
}

// tracesFromEnvironment returns what the variables of OpenTelemetry switch on.
func tracesFromEnvironment(log *slog.Logger) (traces, error) {
	settings, on, err := telemetry.TraceSettingsFrom(os.Getenv, version)
	if err != nil || !on {
		return traces{}, err
	}
	tracer, err := telemetry.NewTracer(settings, atMostOnceAMinute(func(err error) {
		log.Error("sending traces", "error", err.Error())
	}, time.Now))
	return traces{tracer, settings.Host()}, err
}

// watch adds what the metrics show of the traces.
func (t traces) watch(m *telemetry.Metrics) {
	if t.tracer != nil {
		m.Traces(t.tracer)
	}
}

// serve sends traces until ctx ends, and says where.
func (t traces) serve(ctx context.Context, a *app, run func(func())) {
	if t.tracer != nil {
		a.notef("traces to %s", t.to)
		run(func() { t.tracer.Keep(ctx) })
	}
}

// observer returns what the flags and the variables of OpenTelemetry switch on.
func (f *observeFlags) observer(log *slog.Logger) (*observed, error) {
	o := &observed{}
	if f.metrics != "" {
		o.metrics = telemetry.NewMetrics(version)
	}
	var err error
	o.traces, err = tracesFromEnvironment(log)
	return o, err
}

// kmsObserver returns what sees the calls of the KMS, or nil.
func (o *observed) kmsObserver() kms.Observer {
	var all kms.Observers
	if o.metrics != nil {
		all = append(all, o.metrics)
	}
	if o.traces.tracer != nil {
		all = append(all, o.traces.tracer)
	}
	if all == nil {
		return nil
	}
	return all
}

// observe adds what sees the requests.
func (o *observed) observe(to *httpapi.Options) {
	var all httpapi.Observers
	if o.metrics != nil {
		all = append(all, o.metrics)
	}
	if t := o.traces.tracer; t != nil {
		all = append(all, t)
		to.Sample, to.Spans = t.Sample, t
	}
	if all != nil {
		to.Observer = all
	}
}

// guard returns the guard of the calls, which have spans if traces are sent.
func (o *observed) guard(next backend.Service) backend.Service {
	if o.traces.tracer != nil {
		next = telemetry.Calls(next)
	}
	return access.Guard(next)
}
