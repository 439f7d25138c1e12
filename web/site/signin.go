// SPDX-License-Identifier: MPL-2.0

package site

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// signInData is what the page to sign in shows.
type signInData struct {
	Token bool   // a token is asked for, and not a code
	Error string // why the last attempt has failed
	Note  string
	Done  bool   // the person has signed in, and the page leads on
	Next  string // the path to go on with
}

// signIn shows the page to sign in, and signs people in.
func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		s.showSignIn(w, r, http.StatusOK, signInData{Next: next(r)})
		return
	case http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	now, address := s.Now(), addressOf(r)
	if !s.throttle.allows(address, now) {
		s.signInFailed(w, r, errThrottled())
		return
	}
	kept, err := s.Identity.SignIn(r.Context(), r.PostFormValue("code"))
	if err != nil {
		if errors.Is(err, backend.ErrUnauthenticated) {
			s.throttle.failed(address, now)
		}
		s.signInFailed(w, r, err)
		return
	}
	// A new session, also for a browser that has one: nobody can choose the session of somebody else.
	if before, err := s.session(r); err == nil && before != nil {
		s.ended.add(before.ID, now)
	}
	if err := s.write(r, w, newSession(kept, now)); err != nil {
		s.refuse(w, r, err)
		return
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "none" || r.Header.Get("Origin") == "null" {
		// The browser does not send the new cookie along with a redirect of a form from elsewhere, such as a local file. It
		// does with a request that this page makes.
		s.showSignIn(w, r, http.StatusOK, signInData{Next: next(r), Done: true})
		return
	}
	http.Redirect(w, r, next(r), http.StatusSeeOther)
}

// next returns the path in the field next, if it is one of the dashboard.
func next(r *http.Request) string {
	path := r.FormValue("next")
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, Root) || strings.Contains(path, "\\") {
		return Root
	}
	return path
}

func (s *Site) signInFailed(w http.ResponseWriter, r *http.Request, err error) {
	e := backend.AsError(err)
	status := statusOf(err)
	if e.Code == backend.CodeUnavailable && errors.Is(err, errTooMany) {
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "60")
	}
	s.showSignIn(w, r, status, signInData{Next: next(r), Error: e.Error()})
}

var errTooMany = errors.New("too many failed attempts to sign in")

func errThrottled() error {
	return backend.Errorf(backend.CodeUnavailable, "%w", errTooMany).WithHint("wait a minute, then try again")
}

func (s *Site) showSignIn(w http.ResponseWriter, r *http.Request, status int, d signInData) {
	d.Token = s.Identity.AsksForToken()
	s.show(w, r, status, signInPage, Page{Title: Text("signin.title"), Data: d})
}

// askToSignIn leads a request without a session to the page to sign in. The answer to a form is that page itself,
// because the form is lost.
func (s *Site) askToSignIn(w http.ResponseWriter, r *http.Request, note string) {
	if r.Header.Get("HX-Request") == "true" {
		w.Header().Set("HX-Redirect", Root+"sign-in")
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodGet {
		if note == "" {
			note = Text("signin.lost")
		}
		s.showSignIn(w, r, http.StatusUnauthorized, signInData{Note: note, Next: Root})
		return
	}
	to := Root + "sign-in"
	if r.URL.Path != Root {
		to += "?" + url.Values{"next": {r.URL.Path}}.Encode()
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// refuse answers with the page of an error to somebody who may not have signed in.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.show(w, r, statusOf(err), errorPage, Page{Title: Text("error.title"), Data: backend.AsError(err)})
}

func (s *Site) show(w http.ResponseWriter, r *http.Request, status int, t Template, p Page) {
	q := &Request{Site: s, W: w, R: r}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	q.draw(t, "layout", p)
}

// signOut ends the session.
func signOut(q *Request) error {
	q.ended.add(q.Session.ID, q.Now())
	setCookie(q.W, q.R, "", q.isSecure(q.R))
	return q.Redirect(Root+"sign-in", "")
}

// addressOf returns the address that a request comes from.
func addressOf(r *http.Request) string {
	if origin := backend.OriginFrom(r.Context()); origin.Address != "" {
		return origin.Address
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}
