// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/trace"
)

// OtherRoute is the route of a request for a path that does not exist.
const OtherRoute = "other"

// OtherMethod is the method of a request with an unknown one. OpenTelemetry gives it this name.
const OtherMethod = "_OTHER"

// Exchange is a request with its answer, for metrics and traces. It holds no principal, name or value, and each of its
// texts is one of a few.
type Exchange struct {
	ID            string // of the request
	Method        string // one that HTTP defines, or OtherMethod
	TLS           bool
	Route         string // the path of a route, or OtherRoute
	Status        int
	Refused       string // why the request was refused: the code of the error, "busy" or "rate_limited"; "" if it was not
	Start         time.Time
	Duration      time.Duration
	RequestBytes  int64 // that the server has read
	ResponseBytes int64
	Trace         trace.Context
}

// Observer sees all requests. Its methods are called concurrently and must not block.
type Observer interface {
	Began()
	Ended(e Exchange)
}

// Observers are several Observers.
type Observers []Observer

func (all Observers) Began() {
	for _, o := range all {
		o.Began()
	}
}

func (all Observers) Ended(e Exchange) {
	for _, o := range all {
		o.Ended(e)
	}
}

// The reasons of refusals that are no code of an error.
const (
	refusedBusy        = "busy"
	refusedRateLimited = "rate_limited"
)

// requestLog holds what the handler of a request adds to the access log.
type requestLog struct{ principal string }

type requestLogKey struct{}

func requestLogFrom(ctx context.Context) *requestLog { return ctx.Value(requestLogKey{}).(*requestLog) }

// guard logs and observes each request, and recovers from panics. The log has no query, header or body, and
// no path that a caller made up.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, id, n := time.Now(), rand.Text(), &requestLog{}
		span := s.span(r)
		w.Header().Set("X-Request-Id", id)
		w.Header().Set(trace.Header, span.String())
		ctx := backend.WithOrigin(context.WithValue(r.Context(), requestLogKey{}, n),
			backend.Origin{Address: s.options.TrustedProxies.address(r), RequestID: id,
				Client: backend.ClientName(r.UserAgent()), Certificate: s.certificate(r)})
		inner := r.WithContext(trace.Recording(ctx, span, s.options.Spans))
		body := &countedBody{ReadCloser: r.Body}
		inner.Body = body
		counted := &responseRecorder{ResponseWriter: w, status: http.StatusOK}
		s.options.Observer.Began()
		defer func() {
			if p := recover(); p != nil {
				// Only the stack is logged: the argument of panic may hold a value.
				stack := debug.Stack()
				if other, ok := p.(interface{ Stack() []byte }); ok {
					stack = other.Stack() // of the goroutine in which it began
				}
				s.options.Log.Error("panic", "request_id", id, "trace_id", span.Trace(), "path", routeOf(inner),
					"stack", string(stack))
				if !counted.begun {
					refuse(counted, backend.Errorf(backend.CodeInternal, "internal error; see request %s in the log of the server",
						id))
				}
			}
			took := time.Since(start)
			s.options.Observer.Ended(Exchange{ID: id, Method: methodOf(r), TLS: r.TLS != nil, Route: routeOf(inner),
				Status: counted.status, Refused: counted.refused, Start: start, Duration: took, RequestBytes: body.read,
				ResponseBytes: counted.written, Trace: span})
			if !s.options.Quiet {
				s.options.Log.Info("request", "request_id", id, "trace_id", span.Trace(), "method", short(r.Method), "path",
					routeOf(inner), "status", counted.status, "duration_ms", took.Milliseconds(),
					"principal", n.principal)
			}
			if counted.status >= http.StatusBadRequest {
				s.dropUnread(w, r)
			}
		}()
		next.ServeHTTP(counted, inner)
	})
}

// certificate returns the client certificate of the caller, or nil. Behind a proxy, the certificate of the connection
// belongs to the proxy, and not to the caller.
func (s *server) certificate(r *http.Request) *x509.Certificate {
	if s.options.TrustedProxies.forwarded(r) {
		return nil
	}
	return s.options.ClientCertificate(r.TLS)
}

// span returns the span of a request, below the span of its caller if the caller names one.
func (s *server) span(r *http.Request) trace.Context {
	caller, ok := trace.Parse(r.Header.Get(trace.Header))
	if !ok {
		span := trace.New(false)
		span.Sampled = s.options.Sample != nil && s.options.Sample(span.TraceID, nil)
		return span
	}
	span := caller.Child()
	if s.options.Sample != nil {
		span.Sampled = s.options.Sample(span.TraceID, &caller)
	}
	return span
}

// methodOf returns the method of a request if HTTP defines it, because a caller can send any text.
func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return r.Method
	}
	return OtherMethod
}

// routeOf returns the route of a request that the handler has served.
func routeOf(r *http.Request) string {
	pattern := r.Pattern
	if _, path, ok := strings.Cut(pattern, " "); ok {
		pattern = path
	}
	if pattern == "" || pattern == "/" {
		return OtherRoute
	}
	return pattern
}

// short cuts a text for the log: the caller chooses its length.
func short(text string) string { return text[:min(len(text), 200)] }

type countedBody struct {
	io.ReadCloser
	read int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	return n, err
}

// responseRecorder remembers what was answered.
type responseRecorder struct {
	http.ResponseWriter
	status  int
	begun   bool
	written int64
	refused string
}

// Unwrap lets http.ResponseController set deadlines.
func (c *responseRecorder) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *responseRecorder) WriteHeader(status int) {
	c.status, c.begun = status, true
	c.ResponseWriter.WriteHeader(status)
}

func (c *responseRecorder) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.written += int64(n)
	return n, err
}

// because notes why a request is refused.
func because(w http.ResponseWriter, reason string) {
	if c, ok := w.(*responseRecorder); ok {
		c.refused = reason
	}
}

// nobody observes nothing.
type nobody struct{}

func (nobody) Began()         {}
func (nobody) Ended(Exchange) {}
