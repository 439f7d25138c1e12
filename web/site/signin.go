// SPDX-License-Identifier: MPL-2.0

package site

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc"
)

// signInData is what the page to sign in shows.
type signInData struct {
	Token bool   // a token is asked for, and not a code
	Error string // why the last attempt has failed
	// Failed is why the last attempt at an issuer has failed.
	Failed  *backend.Error
	Issuers []oidc.Issuer // where people can sign in
	Issuer  string        // the page leads to the issuer of this trust
	Note    string
	Done    bool // the person has signed in, and the page leads on
	Leads   bool // the page leads on, because the browser kept the cookie from a link of another site
	// Restores means that the person has signed in, and the page leads back to the form.
	Restores bool
	MayKnow  bool   // the browser may know the path of a session
	Next     string // the path to go on with
	// Kept is what was typed into a form that was sent without a session, except secrets. To is the path of the form.
	Kept []keptField
	To   string
}

// signIn shows the page to sign in, and signs people in.
func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		s.askForCredential(w, r)
		return
	case http.MethodPost:
	default:
		w.Header().Set("Allow", "GET, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	now, address := s.Now(), addressOf(r)
	kept, err := s.credential(r.Context(), address, r.PostFormValue("code"))
	var who backend.Principal
	if err == nil {
		who, err = s.signedIn(r, kept)
	} else {
		s.Audit.Refused(r.Context(), backend.VerbSignIn, err)
		s.Log.Warn("sign-in refused", "address", address, "error", backend.AsError(err).Message)
	}
	if err != nil {
		s.signInFailed(w, r, err)
		return
	}
	// A new session, also for a browser that has one: nobody can choose the session of somebody else.
	if before, err := s.session(r); err == nil && before != nil {
		if err := s.end(r.Context(), before.ID); err != nil {
			s.refuse(w, r, err)
			return
		}
	}
	session := newSession(kept, now, s.isSecure(r))
	s.noteForAll(r, session, who)
	if err := s.write(r, w, session); err != nil {
		s.refuse(w, r, err)
		return
	}
	to := withPart(session.Part, next(r))
	if kept := keptAgain(r); len(kept) > 0 {
		s.showSignIn(w, r, http.StatusOK, signInData{Kept: kept, To: withPart(session.Part, pageAt(r.PostFormValue("to"))),
			Restores: true})
		return
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "none" || r.Header.Get("Origin") == "null" {
		// The browser does not send the new cookie along with a redirect of a form from elsewhere, such as a local file. It
		// does with a request that this page makes.
		s.showSignIn(w, r, http.StatusOK, signInData{Next: to, Done: true})
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// askForCredential shows the page to sign in, or leads somebody on who has a session. Without TLS the browser does not
// send the cookie here, but a script of the page knows where the session is.
func (s *Site) askForCredential(w http.ResponseWriter, r *http.Request) {
	switch session, err := s.session(r); {
	case err != nil:
		s.refuse(w, r, err)
	case session != nil:
		http.Redirect(w, r, withPart(session.Part, next(r)), http.StatusSeeOther)
	case s.keepsCookie(r):
		s.lead(w, r, (&url.URL{Path: r.URL.Path, RawQuery: r.URL.RawQuery}).String())
	default:
		s.showSignIn(w, r, http.StatusOK,
			signInData{Next: next(r), MayKnow: !s.isSecure(r) && r.URL.Query().Get("again") == ""})
	}
}

// signedIn records that somebody has signed in, before the session leaves. It returns who.
func (s *Site) signedIn(r *http.Request, kept string) (backend.Principal, error) {
	_, p, _, err := s.Identity.Principal(r.Context(), kept)
	if err != nil {
		return p, err
	}
	p.Kind = backend.Person
	if err := s.Audit.SignedIn(backend.WithPrincipal(r.Context(), p)); err != nil {
		return p, err
	}
	s.SignedIn(r.Context(), p.Name)
	s.Log.Info("sign-in", "address", addressOf(r), "principal", p.Name)
	return p, nil
}

// credential checks what a person has typed, and limits failed attempts.
func (s *Site) credential(ctx context.Context, address, typed string) (kept string, err error) {
	now := s.Now()
	// Nobody guesses a code, which has 130 random bits and a minute. With a limit, any page of the web could send wrong
	// ones from the browser of the person, and so keep the person out.
	limited := s.Identity.AsksForToken()
	if limited && !s.throttle.take(address, now) {
		return "", errThrottled()
	}
	kept, err = s.Identity.SignIn(ctx, typed)
	if limited && !errors.Is(err, backend.ErrUnauthenticated) {
		s.throttle.giveBack(address, now)
	}
	return kept, err
}

// keepsCookie reports whether the browser keeps back the cookie of a session, because a link of another site has led to
// the page. It sends it with a request that a page of the dashboard makes.
func (s *Site) keepsCookie(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Site") == "cross-site" &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" &&
		(s.isSecure(r) || partOf(r) != "") && len(r.CookiesNamed(cookieName(s.isSecure(r), r.Host))) == 0
}

// lead answers with a page that asks for another one.
func (s *Site) lead(w http.ResponseWriter, r *http.Request, to string) {
	s.showSignIn(w, r, http.StatusOK, signInData{Next: withPart(partOf(r), to), Leads: true})
}

func (s *Site) signInFailed(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	e := backend.AsError(forPage(err))
	if e.Code == backend.CodeUnavailable && errors.Is(err, errTooMany) {
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "60")
	}
	d := signInData{Next: next(r), Error: e.Error(), Kept: keptAgain(r), To: pageAt(r.PostFormValue("to"))}
	if canonical(r.URL.Path) != Root+"sign-in" {
		d.Error, d.Failed = "", e // it is not about the field
	}
	s.showSignIn(w, r, status, d)
}

var errTooMany = errors.New("too many failed attempts to sign in")

func errThrottled() error {
	return backend.Errorf(backend.CodeUnavailable, "%w", errTooMany).WithHint("wait a minute, then try again")
}

func (s *Site) showSignIn(w http.ResponseWriter, r *http.Request, status int, d signInData) {
	d.Token = s.Identity.AsksForToken()
	if !d.Done && !d.Leads && !d.Restores {
		d.Issuers = s.issuersOf(r)
	}
	s.show(w, r, status, signInPage, Page{Title: Text("signin.title"), Data: d})
}

// askToSignIn leads a request without a session to the page to sign in. The answer to a form is that page itself,
// because the form is lost.
func (s *Site) askToSignIn(w http.ResponseWriter, r *http.Request, note string) {
	if s.keepsCookie(r) {
		s.lead(w, r, pageOf(r))
		return
	}
	if r.Header.Get("HX-Request") == "true" {
		at, _ := url.Parse(r.Header.Get("HX-Current-URL"))
		if at == nil {
			at = &url.URL{Path: Root}
		}
		w.Header().Set("HX-Redirect", signInFor(r, pageAt((&url.URL{Path: at.Path, RawQuery: at.RawQuery}).String())))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodGet {
		if note == "" {
			note = Text("signin.lost")
		}
		d := signInData{Note: note, Next: Root, Kept: keptOf(r, canonical(r.URL.Path), "")}
		if len(d.Kept) > 0 {
			d.To = canonical(r.URL.Path)
			if note == Text("signin.lost") {
				d.Note = Text("signin.kept")
			}
		}
		s.showSignIn(w, r, http.StatusUnauthorized, d)
		return
	}
	http.Redirect(w, r, signInFor(r, pageOf(r)), http.StatusSeeOther)
}

// signInFor returns the address of the page to sign in, with the page to go on with. A request for a page of a session
// that has ended is asked for the credential at once.
func signInFor(r *http.Request, page string) string {
	v := url.Values{}
	if page != Root {
		v.Set("next", page)
	}
	if partOf(r) != "" {
		v.Set("again", "yes")
	}
	if len(v) == 0 {
		return Root + "sign-in"
	}
	return Root + "sign-in?" + v.Encode()
}

// refuse answers with the page of an error to somebody who may not have signed in.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.show(w, r, statusOf(err), errorPage, Page{Title: Text("error.title"), Data: backend.AsError(forPage(err))})
}

func (s *Site) show(w http.ResponseWriter, r *http.Request, status int, t Template, p Page) {
	q := &Request{Site: s, W: w, R: r}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	q.draw(t, "layout", p)
}

// signOut ends the session. If other servers cannot learn that, this browser has no session nevertheless.
func signOut(q *Request) error {
	setCookie(q.W, q.R, "", q.Session.Part, q.isSecure(q.R))
	if err := q.end(q.Context(), q.Session.ID); err != nil {
		return err
	}
	q.W.Header().Set("Location", signInFor(q.R, Root))
	q.W.WriteHeader(http.StatusSeeOther)
	return nil
}

// addressOf returns the address that a request comes from.
func addressOf(r *http.Request) string {
	if origin := backend.OriginFrom(r.Context()); origin.Address != "" {
		return origin.Address
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}
