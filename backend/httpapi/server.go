// SPDX-License-Identifier: MPL-2.0

// Package httpapi carries backend.Service over HTTP. It has a handler that serves a Service and a client that is one.
//
//	POST /v1/query     {"kind", "project", …}           {"objects", "next"}
//	POST /v1/resolve   {"refs"}                         {"resolutions"}
//	POST /v1/resolve-one  {"environment", "name", …}    {"value", …}, or the error under its status
//	POST /v1/apply     {"changes", "dry_run"}           {"outcomes"}
//	GET  /healthz      the process runs
//	GET  /readyz       the store and the KMS can be used
//
// Every verb is a POST with a JSON body, so that no URL and no log on the way holds the name of a secret. The token is
// a bearer token (RFC 6750). An error is {"error": {"code", "message", "hint", …}}, with a status from a table that
// server and client share. A request with an unknown field is refused, so that an older server does not ignore a field
// of a newer client.
//
// # Limits
//
// A request has at most 64 MiB. A server with too many requests at the same time answers with status 429. The server
// speaks plain HTTP, so a proxy must add TLS. The client refuses plain HTTP to another machine.
package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

const maxBody = 64 << 20 // bytes, of a request and of a response

// Options configure a server.
type Options struct {
	Log         *slog.Logger                    // nil means no log
	Ready       func(ctx context.Context) error // nil means always ready
	MaxRequests int                             // at the same time; 0 means 256
	Grace       time.Duration                   // for running requests after a stop; 0 means 15 s
}

// Authenticate returns the principal of a token, or ErrUnauthenticated.
type Authenticate func(ctx context.Context, token string) (backend.Principal, error)

type server struct {
	service      backend.Service
	authenticate Authenticate
	options      Options
	slots        chan struct{}
}

// NewServer returns the handler of all routes.
func NewServer(service backend.Service, authenticate Authenticate, o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxRequests == 0 {
		o.MaxRequests = 256
	}
	s := &server{service, authenticate, o, make(chan struct{}, o.MaxRequests)}
	mux := http.NewServeMux()
	mux.Handle("POST /v1/query", handle(s, s.query))
	mux.Handle("POST /v1/resolve", handle(s, s.resolve))
	mux.Handle("POST /v1/resolve-one", handle(s, s.resolveOne))
	mux.Handle("POST /v1/value", handle(s, s.resolveOne)) // the path in earlier releases
	mux.Handle("POST /v1/apply", handle(s, s.apply))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", s.ready)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, backend.Errorf(backend.CodeNotFound, "the route %s %s does not exist", r.Method, backend.Quote(r.URL.Path)).
			WithHint("check POUNCET_ENDPOINT, and that the server is not older than its client"))
	})
	return s.guard(mux)
}

func (s *server) query(ctx context.Context, in queryRequest) (backend.Page, error) {
	q, err := in.query()
	if err != nil {
		return backend.Page{}, err
	}
	return s.service.Query(ctx, q)
}

func (s *server) resolve(ctx context.Context, in resolveRequest) (resolveResponse, error) {
	out, err := s.service.Resolve(ctx, refsFromWire(in))
	return resolutionsToWire(out), err
}

func (s *server) apply(ctx context.Context, in applyRequest) (applyResponse, error) {
	out, err := s.service.Apply(ctx, backend.ChangeSet{Changes: convert(in.Changes, fromWire), DryRun: in.DryRun,
		IdempotencyKey: in.IdempotencyKey, FingerprintKey: in.FingerprintKey})
	if out != nil && err != nil {
		// The outcomes hold the error of each change. The client makes the error
		// of the call from them.
		return applyResponse{Outcomes: out, Err: backend.AsError(err)}, nil
	}
	return applyResponse{Outcomes: out}, err
}

func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	if s.options.Ready != nil {
		if err := s.options.Ready(r.Context()); err != nil {
			e := *backend.AsError(err)
			answer(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "error": e})
			return
		}
	}
	answer(w, http.StatusOK, map[string]string{"status": "ready"})
}

// handle authenticates and decodes a request, calls the verb and writes its result. All verbs use it.
func handle[In, Out any](s *server, verb func(context.Context, In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(versionHeader, strconv.Itoa(WireVersion))
		if err := checkWireVersion(WireVersion, r.Header.Get(versionHeader)); err != nil {
			refuse(w, err)
			return
		}
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if !strings.EqualFold(scheme, "Bearer") {
			token = ""
		}
		principal, err := s.authenticate(r.Context(), token)
		if err != nil {
			refuse(w, err)
			return
		}
		requestLogFrom(r.Context()).principal = principal.Name
		var in In
		if err := decode(w, r, &in); err != nil {
			refuse(w, err)
			return
		}
		out, err := verb(backend.WithPrincipal(r.Context(), principal), in)
		if err != nil {
			refuse(w, err)
			return
		}
		answer(w, http.StatusOK, out)
	})
}

func decode(w http.ResponseWriter, r *http.Request, in any) error {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return backend.Errorf(backend.CodeInvalid, "content type %s is not supported", backend.Quote(kind)).
			WithHint("send application/json")
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(in)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return backend.Errorf(backend.CodeTooLarge, "the request has more than %d bytes", tooLarge.Limit).
			WithHint("send several smaller requests")
	case err != nil:
		// The message of the decoder may quote the request.
		return backend.Errorf(backend.CodeInvalid, "the request is not the JSON that this server understands").
			WithHint("is the client newer than the server?")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return backend.Errorf(backend.CodeInvalid, "the request has text after its JSON")
	}
	return nil
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // this is a defect: guard logs it and answers with an error
	}
	// With a known length, the client reads the body at once.
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // an error means that the client has disconnected
}

// envelope is the body of an error response.
type envelope struct {
	Error *backend.Error `json:"error"`
}

func refuse(w http.ResponseWriter, err error) {
	e := backend.AsError(err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e = backend.Errorf(backend.CodeUnavailable, "the request was cancelled or took too long")
	case e.Code == backend.CodeUnauthenticated:
		w.Header().Set("WWW-Authenticate", `Bearer realm="pouncet"`)
	}
	answer(w, statusOf(e.Code), envelope{e})
}

// requestLog holds what the handler of a request adds to the access log.
type requestLog struct{ principal string }

type requestLogKey struct{}

func requestLogFrom(ctx context.Context) *requestLog { return ctx.Value(requestLogKey{}).(*requestLog) }

// guard limits the number of requests, logs each request and recovers from panics. The log has no query, header or
// body.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, id, n := time.Now(), rand.Text(), &requestLog{}
		w.Header().Set("X-Request-Id", id)
		counted := &responseRecorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			if p := recover(); p != nil {
				// Only the stack is logged: the argument of panic may hold a value.
				s.options.Log.Error("panic", "request_id", id, "path", r.URL.Path, "stack", string(debug.Stack()))
				if !counted.begun {
					refuse(counted, backend.Errorf(backend.CodeInternal, "the server has a defect; see request %s in its log",
						id))
				}
			}
			s.options.Log.Info("request", "request_id", id, "method", r.Method, "path", r.URL.Path, "status", counted.status,
				"duration_ms", time.Since(start).Milliseconds(), "principal", n.principal)
		}()
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			w.Header().Set("Retry-After", "1")
			answer(counted, http.StatusTooManyRequests,
				envelope{backend.Errorf(backend.CodeUnavailable, "the server has too many requests at once").
					WithHint("try again in a second")})
			return
		}
		next.ServeHTTP(counted, r.WithContext(context.WithValue(r.Context(), requestLogKey{}, n)))
	})
}

type responseRecorder struct {
	http.ResponseWriter
	status int
	begun  bool
}

func (c *responseRecorder) WriteHeader(status int) {
	c.status, c.begun = status, true
	c.ResponseWriter.WriteHeader(status)
}

// Serve answers requests on l until ctx is done. Then it waits for running requests, for Options.Grace at most.
func Serve(ctx context.Context, l net.Listener, h http.Handler, o Options) error {
	if o.Grace == 0 {
		o.Grace = 15 * time.Second
	}
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      120 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	select {
	case err := <-failed:
		return backend.Errorf(backend.CodeUnavailable, "serving on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Grace)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		return backend.Errorf(backend.CodeUnavailable, "requests were still running %s after the stop: %w", o.Grace, err)
	}
	return nil
}
