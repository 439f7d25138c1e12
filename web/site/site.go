// SPDX-License-Identifier: MPL-2.0

// Package site is what all pages of the dashboard share: sessions, the headers that protect them, the layout, the texts
// and the calls of the backend. Each page is a separate package beside this one: a handler and a template.
//
// Every page works without JavaScript. With it, lists are filtered while typing, and values are revealed in place.
//
// # Safety
//
// A page is never stored and never framed, and loads nothing from elsewhere. It has no inline script or style. A
// request that changes something must come from the same origin. On a loopback address, a request must name that
// host: another name would mean that a page of the web has pointed its own name at this machine.
//
// # Limits
//
// A session is sealed in its cookie. It ends after 30 minutes without a request and after 12 hours, or with its token.
package site

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Root is the path of the dashboard.
const Root = "/ui/"

// Options configure a Site.
type Options struct {
	Service  backend.Service
	Identity Identity
	Cipher   Cipher
	// Ended remembers which sessions began, and which were ended early. Nil remembers them in this process.
	Ended Ended
	// Issuers lets people sign in at OpenID Connect issuers too. Nil knows none.
	Issuers *oidc.Logins
	// Rights returns what the principal of a context may do. It decides which buttons are shown, and nothing else: the
	// Service checks each call. Nil means everything.
	Rights func(ctx context.Context) (backend.Permissions, error)
	// CheckHost refuses requests that name another host than this machine. It is for a plain listener on a loopback
	// address.
	CheckHost bool
	// BehindTLS says that browsers use TLS, although the requests arrive without it.
	BehindTLS bool
	// SignInFromFile accepts the credential also from a page that is no page of this server, such as a local file.
	SignInFromFile bool
	// Audit records who signs in. Nil records nothing.
	Audit Audit
	// Problems returns what is wrong with the backend.
	Problems func(ctx context.Context) []error
	// SignedIn is called with the name of who makes a request, for a log. Nil means nobody asks.
	SignedIn func(ctx context.Context, name string)
	Log      *slog.Logger
	Now      func() time.Time
	Version  string
}

// Audit records who signs in, as audit.Log does.
type Audit interface {
	// SignedIn records a sign-in of the principal of a context. Without the record nobody gets a session.
	SignedIn(ctx context.Context) error
	// Refused records an attempt that was refused.
	Refused(ctx context.Context, verb backend.Verb, err error)
}

type unaudited struct{}

func (unaudited) SignedIn(context.Context) error               { return nil }
func (unaudited) Refused(context.Context, backend.Verb, error) {}

// Site serves pages.
type Site struct {
	Options
	mux      *http.ServeMux
	sections map[string]bool // the entries of the navigation
	spent    spent
	known    known
	throttle *throttle
	data     []byte // is authenticated with sealed sessions
}

// New returns a Site without pages.
func New(o Options) *Site {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Audit == nil {
		o.Audit = unaudited{}
	}
	if o.Problems == nil {
		o.Problems = func(context.Context) []error { return nil }
	}
	if o.SignedIn == nil {
		o.SignedIn = func(context.Context, string) {}
	}
	o.Service = hinted{o.Service}
	s := &Site{Options: o, mux: http.NewServeMux(), sections: map[string]bool{}, throttle: newThrottle(),
		data: []byte(stored.SessionData)}
	if o.CheckHost {
		// On a loopback address another user can take the port when this process has ended. Its sessions end with it.
		s.data = append(s.data, rand.Text()...)
	}
	if s.Ended == nil {
		s.Ended = inMemory{s}
	}
	s.mux.HandleFunc("GET "+Root+"static/{hash}/{file}", s.asset)
	s.mux.HandleFunc(Root+"sign-in", s.signIn)
	s.mux.HandleFunc("POST "+startPath, s.startAtIssuer)
	s.mux.HandleFunc(callbackPath, s.callback)
	s.Handle("POST "+Root+"sign-out", signOut)
	s.Handle(Root, func(q *Request) error {
		return backend.Errorf(backend.CodeNotFound, "the page does not exist").WithHint("choose one from the navigation")
	})
	return s
}

// Handle adds a page for people who have signed in.
func (s *Site) Handle(pattern string, page func(*Request) error) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, page) })
}

// Section adds an entry of the navigation.
func (s *Site) Section(id string) { s.sections[id] = true }

// Handler returns the handler of all pages, with what protects them.
func (s *Site) Handler() http.Handler {
	return s.guarded(unwrapped(s.sameOrigin(s.parsed(s.mux))))
}

// sameOrigin refuses forms of other sites.
func (s *Site) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A local file has no origin. The code in it is for one person and valid once, so nobody can sign somebody else in.
		fromFile := s.SignInFromFile && r.URL.Path == Root+"sign-in" && r.Header.Get("Origin") == "null"
		if protection.Check(r) != nil && !fromFile {
			s.refuse(w, r, backend.Errorf(backend.CodeDenied, "the request comes from another site").
				WithHint("open the dashboard itself, and try again"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// guarded sets the headers of every answer, checks the host and recovers from panics.
func (s *Site) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		if s.isSecure(r) {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		r = withOrigin(r)
		if s.CheckHost && !isLoopbackHost(r.Host) {
			w.WriteHeader(http.StatusMisdirectedRequest)
			_, _ = w.Write([]byte("the dashboard is at a loopback address: open it as http://127.0.0.1 or http://localhost\n"))
			return
		}
		defer func() {
			if p := recover(); p != nil {
				// Only the stack is logged: the argument of panic may hold a value.
				s.Log.Error("panic", "stack", string(debug.Stack()))
				s.refuse(w, r, backend.Errorf(backend.CodeInternal, "internal error; see the log of the server"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin") // no-referrer would make browsers send the origin "null" with a form
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), clipboard-read=()")
	h.Set("Cache-Control", "no-store")
}

// withOrigin adds the address of the caller, for the audit log, if nobody has added it before.
func withOrigin(r *http.Request) *http.Request {
	o := backend.OriginFrom(r.Context())
	if o.Address != "" {
		return r
	}
	o.Address, _, _ = net.SplitHostPort(r.RemoteAddr)
	return r.WithContext(backend.WithOrigin(r.Context(), o))
}

// isLoopbackHost reports whether the header Host names this machine.
func isLoopbackHost(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	return backend.IsLoopback(name)
}

// isSecure reports whether the browser uses TLS.
func (s *Site) isSecure(r *http.Request) bool {
	return r.TLS != nil || s.BehindTLS && !isLoopbackHost(r.Host)
}

// serve authenticates the request of a page, and answers with the page or with its error.
func (s *Site) serve(w http.ResponseWriter, r *http.Request, page func(*Request) error) {
	session, err := s.session(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if session == nil {
		s.askToSignIn(w, r, "")
		return
	}
	call, principal, verified, err := s.Identity.Principal(r.Context(), session.Kept)
	if err != nil {
		if backend.AsError(err).Code == backend.CodeUnauthenticated {
			s.askToSignIn(w, r, Text("signin.ended"))
			return
		}
		s.refuse(w, r, err)
		return
	}
	principal.Kind = backend.Person // who looks at a page
	s.SignedIn(r.Context(), principal.Name)
	now := s.Now()
	s.known.note(knownOf(session, principal, r, now))
	if now.Sub(session.Seen) > refreshAfter {
		session.Seen = now
		s.noteForAll(r, session, principal)
		if err := s.write(r, w, session); err != nil {
			s.refuse(w, r, err)
			return
		}
	}
	buffered := &answer{header: w.Header(), status: http.StatusOK}
	q := &Request{Site: s, W: buffered, R: r.WithContext(backend.WithPrincipal(call, principal)), Session: session,
		Principal: principal}
	if err := page(q); err != nil {
		buffered.body.Reset()
		q.fail(err)
	}
	if !verified() {
		// The call has used what the process remembered of the token. Nothing has left the server yet.
		if kept, err := s.Identity.SignIn(r.Context(), session.Kept); err != nil || kept != session.Kept {
			s.askToSignIn(w, r, Text("signin.ended"))
			return
		}
	}
	buffered.send(w, r)
}

// session returns the session of a request, or nil if there is none or it has ended. A page of another path or port of
// the host can have set a cookie of the same name, which comes first.
func (s *Site) session(r *http.Request) (*Session, error) {
	cookies := r.CookiesNamed(cookieName(s.isSecure(r), r.Host))
	if len(cookies) == 0 {
		return nil, nil
	}
	sealed, err := s.Cipher(r.Context())
	if err != nil {
		return nil, err
	}
	for _, c := range cookies[:min(len(cookies), maxCookies)] {
		session := openSession(sealed, c.Value, s.data)
		if session == nil || session.Part != partOf(r) || !session.isCurrent(s.Now()) {
			continue
		}
		if ended, err := s.hasEnded(r.Context(), session.ID); err != nil || !ended {
			return session, err
		}
	}
	return nil, nil
}

// maxCookies is how many cookies of one name are tried.
const maxCookies = 4

// write writes the cookie of a session.
func (s *Site) write(r *http.Request, w http.ResponseWriter, session *Session) error {
	sealed, err := s.Cipher(r.Context())
	if err != nil {
		return err
	}
	value, err := session.seal(sealed, s.data)
	if err == nil {
		setCookie(w, r, value, session.Part, s.isSecure(r))
	}
	return err
}
