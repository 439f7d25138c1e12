// SPDX-License-Identifier: MPL-2.0

// Package httpapi carries backend.Service over HTTP. It has a handler that serves a Service and a client that is one.
//
//	POST /v1/query     {"kind", "project", …}           {"objects", "next"}
//	POST /v1/resolve   {"refs"}                         {"resolutions"}
//	POST /v1/resolve-one  {"environment", "name", …}    {"value", …}, or the error under its status
//	POST /v1/apply     {"changes", "dry_run"}           {"outcomes"}
//	POST /v1/login     {"trust", "token"}               {"token", "expires_at", …}: a session for an identity token or,
//	                                                    without a token, for the client certificate of the connection
//	GET  /healthz      the process runs
//	GET  /readyz       the store and the KMS can be used; with a token, also the problems
//	GET  /v1/openapi.json  what is above, as an OpenAPI document
//
// The answer to a POST has a revision token, which later requests present: see revisions.go.
//
// Every verb is a POST with a JSON body, so that no URL and no log on the way holds the name of a secret. The token is
// a bearer token (RFC 6750). An error is {"error": {"code", "message", "hint", …}}, with a status from a table that
// server and client share. A request with an unknown field is refused, so that an older server does not ignore a field
// of a newer client.
//
// # Limits
//
// A request has at most 32 MiB and 10,000 changes or 20,000 references; see body.go. A server with too many requests at
// the same time answers with status 429, except for /healthz and /readyz.
// Listen refuses plain HTTP for other machines, and so does the client.
package httpapi

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/trace"
)

const maxBody = 64 << 20 // bytes of a response that the client reads

// Options configure a server.
type Options struct {
	Log   *slog.Logger                    // nil means no log
	Quiet bool                            // log no line for a request, only defects of the server
	Ready func(ctx context.Context) error // nil means always ready
	// Problems returns what GET /readyz reports to a caller with a token. Nil reports the error of Ready only.
	Problems    func() []error
	MaxRequests int           // at the same time; 0 means 256
	MaxCaller   int           // of one principal at the same time; 0 means half of MaxRequests
	Grace       time.Duration // for running requests after a stop; 0 means 15 s
	CallTimeout time.Duration // for one call; 0 means 30 s
	// Allow decides from the principal and the verb of a request, before the server reads its body. The server answers
	// with an error from Allow, and leaves the body unread. Nil allows every request. The Service checks each call too.
	Allow func(p backend.Principal, verb backend.Verb) error
	// RateLimit limits the requests of each principal.
	RateLimit RateLimit
	// Observer sees all requests. Nil means nobody does.
	Observer Observer
	// Sample decides whether the trace of a request is recorded. caller is the span of the caller, or nil if the request
	// names none. Nil follows the caller, and records no other trace.
	Sample func(traceID [16]byte, caller *trace.Context) bool
	// Spans gets the spans inside the requests whose traces are recorded. The Observer sees the requests themselves. Nil
	// means that nobody does.
	Spans trace.Recorder
	// TrustedProxies are the addresses whose header X-Forwarded-For says where a request came from.
	TrustedProxies Proxies
	// Remembered returns the principal of a token from memory, and the context of its call. If verified then reports that
	// the call has not verified the token itself, the server authenticates the token before it answers. A nil verified
	// means that the token is not in memory. A nil Remembered remembers none.
	Remembered func(ctx context.Context, token string) (call context.Context, p backend.Principal, verified func() bool)
	// Places are the folders that no answer names.
	Places *Places
	// Begin begins the call of a request with revision tokens. Nil makes no tokens.
	Begin Begin
	// Refused is called for each request that makes no call because its token is not valid or Allow has refused it. err
	// says why. ctx has the origin of the request and, if it is known, its principal.
	Refused func(ctx context.Context, verb backend.Verb, err error)
	// ClientCertificate returns the certificate of the client of a connection, or nil. Nil knows none. Its argument is nil
	// for a connection without TLS. No header names a certificate. It is not called for the request of a proxy.
	ClientCertificate func(*tls.ConnectionState) *x509.Certificate
	// Login lets callers in who have an identity token or a client certificate. Nil accepts none.
	Login LoginFunc
	// Pages serves the paths below /ui/, which are for people. It authenticates them itself. Nil serves none.
	Pages http.Handler
}

// Authenticate returns the principal of a token, or ErrUnauthenticated. ErrDenied means that the principal, which it
// returns too, may not call from this address.
type Authenticate func(ctx context.Context, token string) (backend.Principal, error)

type server struct {
	service      backend.Service
	authenticate Authenticate
	options      Options
	slots        chan struct{} // of the calls that run
	logins       chan struct{} // of the requests whose token is checked
	exchanges    chan struct{} // of the identity tokens that are checked
	unread       chan struct{} // of the refused requests whose rest is read
	callers      *callers
	rates        rateLimiter
	loginRates   rateLimiter
}

// NewServer returns the handler of all routes.
func NewServer(service backend.Service, authenticate Authenticate, o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxRequests == 0 {
		o.MaxRequests = 256
	}
	if o.CallTimeout == 0 {
		o.CallTimeout = 30 * time.Second
	}
	if o.Allow == nil {
		o.Allow = func(backend.Principal, backend.Verb) error { return nil }
	}
	if o.Refused == nil {
		o.Refused = func(context.Context, backend.Verb, error) {}
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.ClientCertificate == nil {
		o.ClientCertificate = func(*tls.ConnectionState) *x509.Certificate { return nil }
	}
	o.MaxCaller = cmp.Or(o.MaxCaller, max(o.MaxRequests/2, 1))
	s := &server{service: o.Places.Service(service), authenticate: o.Places.authenticate(authenticate), options: o,
		slots: make(chan struct{}, o.MaxRequests), logins: make(chan struct{}, o.MaxRequests),
		exchanges: make(chan struct{}, maxExchanges),
		unread:    make(chan struct{}, unreadRequests), callers: newCallers(o.MaxCaller),
		rates: rateLimiter{limit: o.RateLimit}, loginRates: rateLimiter{limit: loginRate}}
	mux := http.NewServeMux()
	for _, r := range routes(s) {
		mux.Handle(r.method+" "+r.path, r.handler)
		mux.HandleFunc(r.path, func(w http.ResponseWriter, got *http.Request) {
			w.Header().Set("Allow", r.method)
			answer(w, http.StatusMethodNotAllowed, envelope{backend.Errorf(backend.CodeInvalid,
				"method %s is not supported for %s", backend.Quote(got.Method), r.path).WithHint("use %s", r.method)})
		})
	}
	if o.Pages != nil {
		mux.Handle(pagesPath, s.pages(o.Pages))
		mux.Handle("GET /{$}", http.RedirectHandler(pagesPath, http.StatusSeeOther))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, backend.Errorf(backend.CodeNotFound, "the route %s %s does not exist", r.Method, backend.Quote(r.URL.Path)).
			WithHint("check POUNCET_ENDPOINT, and that the server is not older than its client"))
	})
	return s.guard(mux)
}

// endpoint is one route with the types of its request and of its answer. The type is nil for a route without a request,
// and for one whose answer is text.
type endpoint struct {
	method, path string
	handler      http.Handler
	body, answer reflect.Type
}

func routes(s *server) []endpoint {
	return []endpoint{
		post(s, "/v1/query", route{verb: backend.VerbQuery}, s.query),
		post(s, "/v1/resolve", route{backend.VerbResolve, backend.MaxRefs}, s.resolve),
		post(s, "/v1/resolve-one", route{verb: backend.VerbResolve}, s.resolveOne),
		post(s, "/v1/value", route{verb: backend.VerbResolve}, s.resolveOne), // the path in earlier releases
		post(s, "/v1/apply", route{backend.VerbApply, backend.MaxChanges}, s.apply),
		{http.MethodPost, "/v1/login", http.HandlerFunc(s.login), reflect.TypeFor[loginRequest](),
			reflect.TypeFor[LoginSession]()},
		get("/healthz", reflect.TypeFor[liveness](), func(w http.ResponseWriter, _ *http.Request) {
			answer(w, http.StatusOK, liveness{Status: "ok"})
		}),
		get("/readyz", reflect.TypeFor[readiness](), s.ready),
		get("/v1/openapi.json", nil, func(w http.ResponseWriter, _ *http.Request) {
			send(w, http.StatusOK, []byte(openAPI))
		}),
	}
}

func get(path string, answer reflect.Type, handler http.HandlerFunc) endpoint {
	return endpoint{http.MethodGet, path, handler, nil, answer}
}

func post[In weigher, Out any](
	s *server, path string, to route, verb func(context.Context, In) (Out, error),
) endpoint {
	return endpoint{http.MethodPost, path, handle(s, to, verb), reflect.TypeFor[In](), reflect.TypeFor[Out]()}
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
	set := backend.ChangeSet{Changes: convert(in.Changes, fromWire), DryRun: in.DryRun,
		IdempotencyKey: in.IdempotencyKey, FingerprintKey: in.FingerprintKey}
	if in.Draft != nil {
		if set.Draft = *in.Draft; set.Draft == "" {
			return applyResponse{}, backend.Errorf(backend.CodeInvalid, "the name of the draft is empty").
				WithHint("leave it out to make the changes without a draft").At("draft")
		}
	}
	out, err := s.service.Apply(ctx, set)
	if out != nil && err != nil {
		// The outcomes hold the error of each change.
		return applyResponse{Outcomes: out, Err: backend.AsError(err)}, nil
	}
	return applyResponse{Outcomes: out}, err
}

// liveness is the response of GET /healthz.
type liveness struct {
	Status string `json:"status"`
}

// readiness is the response of GET /readyz. Only a caller with a token gets the problems: they name files and KMS keys.
type readiness struct {
	Status   string           `json:"status"`
	Problems []*backend.Error `json:"problems,omitempty"`
}

const (
	statusReady    = "ready"
	statusNotReady = "not ready"
)

func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	status, out := http.StatusOK, readiness{Status: statusReady}
	var problems []error
	if s.options.Ready != nil {
		if err := s.options.Ready(r.Context()); err != nil {
			status, out.Status = http.StatusServiceUnavailable, statusNotReady
			problems = []error{err}
		}
	}
	if s.options.Problems != nil {
		known := s.options.Problems()
		problems = slices.Concat(without(problems, known), known)
	}
	if len(problems) > 0 && r.Header.Get("Authorization") != "" {
		ctx, cancel := context.WithTimeout(r.Context(), loginTime)
		defer cancel()
		// A problem can name any object, and a token with bindings may see only some.
		if p, err := s.principal(ctx, r); err == nil && p.Role != backend.RoleNone {
			for _, p := range problems {
				out.Problems = append(out.Problems, backend.AsError(s.options.Places.HideProblem(p)))
			}
		}
	}
	answer(w, status, out)
}

// loginTime limits the check of a token for GET /readyz, which answers even if the database does not.
const loginTime = 2 * time.Second

// weigher is a request that can say how many bytes its call may need.
type weigher interface{ weight() int64 }

func (in queryRequest) weight() int64 { return 2 * backend.MaxPageBytes }

// A reference reads up to 64 kB, which are decrypted and encoded.
func (in resolveRequest) weight() int64 {
	return 3 * min(int64(len(in.Refs))*backend.DefaultMaxValueBytes, backend.MaxResolveBytes)
}

func (in ref) weight() int64 { return 3 * backend.DefaultMaxValueBytes }

func (in applyRequest) weight() int64 {
	if in.Draft != nil || slices.ContainsFunc(in.Changes, func(c change) bool { return c.Op == backend.OpDeploy }) {
		return 2*backend.MaxOutcomeBytes + backend.MaxDraftBytes // all changes of the draft are made, or tried
	}
	return 2 * min(int64(len(in.Changes))*backend.DefaultMaxValueBytes, backend.MaxOutcomeBytes)
}

// withStatus is a response whose status is not 200.
type withStatus interface{ status() int }

// route is how handle serves one verb.
type route struct {
	verb    backend.Verb
	maxList int // items of the list in a request
}

// handle is the handler of every verb. It authenticates the caller, asks Options.Allow, reads and decodes the body,
// calls the verb and writes the result.
func handle[In weigher, Out any](s *server, to route, verb func(context.Context, In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(versionHeader, strconv.Itoa(WireVersion))
		if err := checkWireVersion(WireVersion, r.Header.Get(versionHeader)); err != nil {
			refuse(w, err)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.options.CallTimeout)
		defer cancel()
		ctx, principal, verified, err := s.remembered(ctx, r)
		if err == nil || errors.Is(err, backend.ErrDenied) { // a refusal is recorded with its principal
			requestLogFrom(ctx).principal = principal.Name
			ctx = backend.WithPrincipal(ctx, principal)
		}
		if err == nil {
			err = s.allow(principal, to.verb, r)
		}
		if err != nil {
			s.deny(ctx, w, r, to.verb, err)
			return
		}
		if wait := s.rates.wait(principal.Budget(), time.Now()); wait > 0 {
			because(w, refusedRateLimited)
			tryLater(w, backend.Errorf(backend.CodeUnavailable, "%s has more than %v requests per second", principal.Label(),
				s.options.RateLimit.PerSecond).WithHint("try again in %d s", seconds(wait)), seconds(wait))
			return
		}
		caller := s.callers.enter(principal)
		if caller == nil {
			busy(w, backend.Errorf(backend.CodeUnavailable, "%s has too many requests at once", principal.Label()))
			return
		}
		defer caller.leave()
		body := &limitedBody{from: r.Body, control: http.NewResponseController(w), start: time.Now(), caller: caller,
			maxList: to.maxList}
		defer body.release()
		var in In
		if err := decode(body, r.Header.Get("Content-Type"), &in); err != nil {
			refuse(w, err)
			return
		}
		// A request whose body arrives slowly, or that waits for memory, has no slot.
		release, err := caller.acquire(ctx, in.weight()+3*body.read)
		if err != nil {
			busy(w, backend.Errorf(backend.CodeUnavailable, "the server has too many large calls at once"))
			return
		}
		defer release()
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			busy(w, backend.Errorf(backend.CodeUnavailable, "the server has too many requests at once"))
			return
		}
		ctx, token, err := s.begin(ctx, r)
		if err != nil {
			refuse(w, err)
			return
		}
		out, err := verb(ctx, in)
		if revision := token(); revision != "" {
			w.Header().Set(revisionHeader, revision)
		}
		if !verified() {
			if _, denied := s.principal(ctx, r); denied != nil {
				s.deny(ctx, w, r, to.verb, denied)
				return
			}
		}
		if err != nil {
			refuse(w, err)
			return
		}
		status := http.StatusOK
		if c, ok := any(out).(withStatus); ok {
			status = c.status()
		}
		answer(w, status, out)
	})
}

// Serve answers requests on l until ctx is done. Then it waits for running requests, for Options.Grace at most, even if
// one of them is stuck.
func Serve(ctx context.Context, l net.Listener, h http.Handler, o Options) error {
	if o.Grace == 0 {
		o.Grace = 15 * time.Second
	}
	calls, endCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer endCalls()
	s := &http.Server{
		Handler:           h,
		BaseContext:       func(net.Listener) context.Context { return calls },
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
	// Most of the time is for the calls to finish, and the rest for them to notice that their context has ended.
	for _, part := range []time.Duration{o.Grace * 4 / 5, o.Grace / 5} {
		waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), part)
		err := s.Shutdown(waiting)
		cancel()
		if err == nil {
			return nil
		}
		endCalls()
	}
	_ = s.Close() // ends the connections of the calls that are stuck
	return backend.Errorf(backend.CodeUnavailable, "requests were still running %s after the stop", o.Grace)
}
