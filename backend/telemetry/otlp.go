// SPDX-License-Identifier: MPL-2.0

package telemetry

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/certificate"
	"github.com/pouncet/terraform-provider-pouncet/backend/trace"
)

// OTLP over HTTP with protobuf: https://opentelemetry.io/docs/specs/otlp/. The numbers are the numbers of the fields in
// https://github.com/open-telemetry/opentelemetry-proto.

// scopeName is the name of the instrumentation.
const scopeName = "github.com/pouncet/terraform-provider-pouncet"

// message is an encoded message.
type message []byte

func (m message) bytes(field protowire.Number, b []byte) message {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), b)
}

func (m message) text(field protowire.Number, s string) message {
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), s)
}

func (m message) varint(field protowire.Number, n uint64) message {
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), n)
}

func (m message) fixed64(field protowire.Number, n uint64) message {
	return protowire.AppendFixed64(protowire.AppendTag(m, field, protowire.Fixed64Type), n)
}

func (m message) fixed32(field protowire.Number, n uint32) message {
	return protowire.AppendFixed32(protowire.AppendTag(m, field, protowire.Fixed32Type), n)
}

// encode returns an ExportTraceServiceRequest.
func encode(resource []trace.Attribute, spans []trace.Span) []byte {
	var about message // a Resource
	for _, a := range resource {
		about = about.bytes(1, attribute(a))
	}
	scoped := message{}.bytes(1, message{}.text(1, scopeName)) // a ScopeSpans
	for i := range spans {
		scoped = scoped.bytes(2, span(&spans[i]))
	}
	return message{}.bytes(1, message{}.bytes(1, about).bytes(2, scoped))
}

// span returns a Span.
func span(s *trace.Span) message {
	const failed = 2 // the code of a Status
	m := message{}.bytes(1, s.TraceID[:]).bytes(2, s.SpanID[:])
	if s.Parent != [8]byte{} {
		m = m.bytes(4, s.Parent[:])
	}
	m = m.text(5, s.Name).varint(6, uint64(s.Kind)).fixed64(7, nanos(s.Start)).fixed64(8, nanos(s.End))
	for _, a := range s.Attributes {
		m = m.bytes(9, attribute(a))
	}
	if s.ErrorType != "" {
		m = m.bytes(9, attribute(trace.Attribute{Name: "error.type", Text: s.ErrorType}))
	}
	if s.Failed {
		m = m.bytes(15, message{}.varint(3, failed))
	}
	if s.Sampled {
		m = m.fixed32(16, 1)
	}
	return m
}

func nanos(t time.Time) uint64 { return uint64(max(t.UnixNano(), 0)) }

// attribute returns a KeyValue.
func attribute(a trace.Attribute) message {
	value := message{}.varint(3, uint64(a.Number))
	if a.Text != "" {
		value = message{}.text(1, a.Text)
	}
	return message{}.text(1, a.Name).bytes(2, value)
}

// rejectedSpans returns the number in the partial_success of an ExportTraceServiceResponse.
func rejectedSpans(response []byte) int {
	partial, _ := field(response, 1, protowire.BytesType)
	_, n := field(partial, 1, protowire.VarintType)
	return int(min(n, maxQueuedSpans))
}

// field returns the last value of a field, or nothing if the message is not valid.
func field(m []byte, want protowire.Number, kind protowire.Type) (text []byte, number uint64) {
	for len(m) > 0 {
		got, of, n := protowire.ConsumeTag(m)
		if n < 0 {
			return nil, 0
		}
		m = m[n:]
		size := protowire.ConsumeFieldValue(got, of, m)
		if size < 0 {
			return nil, 0
		}
		if got == want && of == kind {
			text, _ = protowire.ConsumeBytes(m)
			number, _ = protowire.ConsumeVarint(m)
		}
		m = m[size:]
	}
	return text, number
}

const (
	exportAttempts = 4
	firstRetry     = time.Second // doubled each time
	maxExportWait  = 10 * time.Second
	maxExportReply = 64 << 10
)

// newSender returns a function that sends a request to a collector, and repeats it if the specification says that this
// can help.
func newSender(s TraceSettings) (func(ctx context.Context, body []byte) (int, error), error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CAFile != "" {
		pool, err := certificate.Authorities(s.CAFile)
		if err != nil {
			return nil, err
		}
		settings.RootCAs = pool
	}
	if s.CertFile != "" {
		if _, err := certificate.Load(s.CertFile, s.KeyFile); err != nil {
			return nil, err
		}
		settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return certificate.Load(s.CertFile, s.KeyFile) // it may be renewed
		}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = settings
	client := &http.Client{Transport: transport, Timeout: s.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return func(ctx context.Context, body []byte) (int, error) {
		wait := s.retry()
		for n := 1; ; n++ {
			rejected, asked, again, err := post(ctx, client, s, body)
			if err == nil || !again || n == exportAttempts {
				return rejected, err
			}
			select {
			case <-ctx.Done():
				return 0, err
			case <-time.After(min(max(wait, asked), maxExportWait)):
			}
			wait *= 2
		}
	}, nil
}

// post makes one attempt. asked is how long the collector asks to wait before the next one.
func post(
	ctx context.Context, client *http.Client, s TraceSettings, body []byte,
) (rejected int, asked time.Duration, again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, 0, false, collectorError(s, errors.New("the URL is not valid"))
	}
	for name, value := range s.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	response, err := client.Do(r)
	if err != nil {
		var wrapped *url.Error // repeats the URL
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return 0, 0, true, collectorError(s, err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, maxExportReply))
	switch response.StatusCode {
	case http.StatusOK:
		return rejectedSpans(text), 0, false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		asked = min(time.Duration(seconds)*time.Second, maxExportWait)
	}
	return 0, asked, again, collectorError(s, fmt.Errorf("status %d", response.StatusCode))
}

func collectorError(s TraceSettings, cause error) error {
	return backend.Errorf(backend.CodeUnavailable, "sending traces to %s: %w", s.Host(), cause).
		WithHint("check OTEL_EXPORTER_OTLP_ENDPOINT and the collector")
}
