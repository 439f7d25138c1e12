// SPDX-License-Identifier: MPL-2.0

package telemetry

import (
	"cmp"
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/trace"
)

// The limits of the spans that wait for the collector: the defaults of OpenTelemetry.
const (
	maxQueuedSpans = 2048
	maxBatch       = 512
	batchDelay     = 5 * time.Second
)

// Tracer sends the spans of recorded traces to a collector. Its methods never wait for the collector: a span that the
// queue has no place for is dropped and counted.
type Tracer struct {
	settings TraceSettings
	queue    chan trace.Span
	send     func(ctx context.Context, body []byte) (rejected int, err error)
	report   func(error)

	sent, queueFull, failed, rejected atomic.Int64
}

var (
	_ httpapi.Observer = (*Tracer)(nil)
	_ kms.Observer     = (*Tracer)(nil)
	_ trace.Recorder   = (*Tracer)(nil)
)

// NewTracer returns a Tracer with these settings. Keep sends the spans. report is called with each error of an export.
func NewTracer(s TraceSettings, report func(error)) (*Tracer, error) {
	send, err := newSender(s)
	if err != nil {
		return nil, err
	}
	return &Tracer{settings: s, queue: make(chan trace.Span, maxQueuedSpans), send: send, report: report}, nil
}

// Record implements trace.Recorder.
func (t *Tracer) Record(s trace.Span) {
	select {
	case t.queue <- s:
	default:
		t.queueFull.Add(1)
	}
}

// Sample implements httpapi.Options.Sample.
func (t *Tracer) Sample(traceID [16]byte, caller *trace.Context) bool {
	return t.settings.Sampler(traceID, caller)
}

// Began implements httpapi.Observer.
func (t *Tracer) Began() {}

// Ended implements httpapi.Observer. The names of the attributes are those of the semantic conventions for HTTP servers
// (https://opentelemetry.io/docs/specs/semconv/http/http-spans/). A path without a route is left out. A
// probe has a span only if its caller records a trace.
func (t *Tracer) Ended(e httpapi.Exchange) {
	isProbe := e.Route == "/healthz" || e.Route == "/readyz"
	if !e.Trace.Sampled || isProbe && e.Trace.Parent == [8]byte{} {
		return
	}
	s := trace.Span{Context: e.Trace, Kind: trace.Server, Name: e.Method, Start: e.Start, End: e.Start.Add(e.Duration),
		Failed: e.Status >= 500}
	scheme := "http"
	if e.TLS {
		scheme = "https"
	}
	s.Attributes = []trace.Attribute{
		{Name: "http.request.method", Text: e.Method},
		{Name: "url.scheme", Text: scheme},
		{Name: "http.response.status_code", Number: int64(e.Status)},
		{Name: "http.request.body.size", Number: e.RequestBytes},
		{Name: "http.response.body.size", Number: e.ResponseBytes},
		{Name: "pouncet.request_id", Text: e.ID},
	}
	if e.Route != httpapi.OtherRoute {
		s.Name += " " + e.Route
		s.Attributes = append(s.Attributes, trace.Attribute{Name: "http.route", Text: e.Route},
			trace.Attribute{Name: "url.path", Text: e.Route})
	}
	if e.Status >= 400 {
		s.ErrorType = cmp.Or(e.Refused, strconv.Itoa(e.Status))
	}
	t.Record(s)
}

// Called implements kms.Observer.
func (t *Tracer) Called(ctx context.Context, operation string, start time.Time, err error) {
	above, ok := trace.From(ctx)
	if !ok || !above.Sampled {
		return
	}
	s := trace.Span{Context: above.Child(), Kind: trace.Client, Name: "kms." + operation, Start: start, End: time.Now(),
		Attributes: []trace.Attribute{{Name: "rpc.method", Text: operation}}}
	s.ErrorType, s.Failed = trace.Outcome(err)
	t.Record(s)
}

// stopTime is how long a stopping server tries to send what is left.
const stopTime = time.Second

// Keep sends the spans until ctx ends, and then what is left, for stopTime at most.
func (t *Tracer) Keep(ctx context.Context) {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopTime, cancel) })()
	for {
		batch, more := t.next(ctx)
		t.export(sending, batch)
		if !more {
			break
		}
	}
	for len(t.queue) > 0 && sending.Err() == nil {
		t.export(sending, t.waiting(nil))
	}
}

// next returns the spans that come within batchDelay of the first of them. more is false if ctx has ended.
func (t *Tracer) next(ctx context.Context) (batch []trace.Span, more bool) {
	select {
	case <-ctx.Done():
		return t.waiting(nil), false
	case s := <-t.queue:
		batch = append(batch, s)
	}
	full := time.NewTimer(t.settings.delay())
	defer full.Stop()
	for len(batch) < maxBatch {
		select {
		case <-ctx.Done():
			return t.waiting(batch), false
		case <-full.C:
			return batch, true
		case s := <-t.queue:
			batch = append(batch, s)
		}
	}
	return batch, true
}

// waiting adds the spans that wait to a batch.
func (t *Tracer) waiting(batch []trace.Span) []trace.Span {
	for len(batch) < maxBatch {
		select {
		case s := <-t.queue:
			batch = append(batch, s)
		default:
			return batch
		}
	}
	return batch
}

func (t *Tracer) export(ctx context.Context, batch []trace.Span) {
	if len(batch) == 0 {
		return
	}
	rejected, err := t.send(ctx, encode(t.settings.Resource, batch))
	if err != nil {
		t.failed.Add(int64(len(batch)))
		t.report(err)
		return
	}
	rejected = min(max(rejected, 0), len(batch))
	t.rejected.Add(int64(rejected))
	t.sent.Add(int64(len(batch) - rejected))
}

// Traces adds the spans of a Tracer to the metrics.
func (m *Metrics) Traces(t *Tracer) {
	for outcome, n := range map[string]*atomic.Int64{"sent": &t.sent, "queue_full": &t.queueFull, "failed": &t.failed,
		"rejected": &t.rejected} {
		m.onScrape("pouncet_trace_spans_total"+labels("outcome", outcome), n.Load)
	}
}
