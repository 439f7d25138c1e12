// SPDX-License-Identifier: MPL-2.0

package site

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc"
)

// People sign in at an OpenID Connect issuer in two steps. startAtIssuer leads the browser there, with a cookie that
// holds the flow, sealed. The issuer sends the browser to callbackPath, which takes the flow from the cookie: so an
// answer is of use in the browser only that has begun, once, and for ten minutes.

const (
	startPath    = Root + "sign-in/at"
	callbackPath = Root + "callback"
	// maxFlow is the longest cookie of a flow, in bytes, with which browsers still keep it.
	maxFlow = 3800
)

// flow is a sign-in that has begun. The browser keeps it.
type flow struct {
	ID string `json:"id"`
	oidc.Flow
	Next   string      `json:"next"`
	Kept   []keptField `json:"kept,omitempty"`
	To     string      `json:"to,omitempty"`
	Before string      `json:"before,omitempty"` // the session that the browser had
}

// issuersOf returns the trusts that the page to sign in offers.
func (s *Site) issuersOf(r *http.Request) []oidc.Issuer {
	if s.Issuers == nil {
		return nil
	}
	all, err := s.Issuers.Issuers(r.Context())
	if err != nil {
		// People with a token can sign in nevertheless, or get the error.
		s.Log.Error("listing the issuers of the page to sign in", "error", backend.AsError(err).Message)
	}
	return all
}

// startAtIssuer leads somebody to an issuer. The page goes there by itself: browsers refuse that a form is redirected
// to another site.
func (s *Site) startAtIssuer(w http.ResponseWriter, r *http.Request) {
	if s.Issuers == nil {
		s.refuse(w, r, backend.Errorf(backend.CodeNotFound, "the page does not exist"))
		return
	}
	again := r.PostFormValue("again") != ""
	address, began, err := s.Issuers.Begin(r.Context(), r.PostFormValue("trust"), s.callbackURL(r), again)
	if err != nil {
		s.signInFailed(w, r, err)
		return
	}
	f := flow{ID: NewForm(), Flow: began, Next: next(r), Kept: keptAgain(r), To: pageAt(r.PostFormValue("to"))}
	if again && len(f.Kept) == 0 {
		// A form asks for the confirmation. Its own fields are kept, and it is shown again afterwards.
		if f.Kept = keptOf(r, f.Next, ""); len(f.Kept) > 0 {
			f.To = f.Next
		}
	}
	if before, err := s.session(r); err == nil && before != nil {
		f.Before = before.ID
	}
	if err := s.keepFlow(w, r, f); err != nil {
		s.refuse(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, signInPage, Page{Title: Text("signin.title"),
		Data: signInData{Next: address, Leads: true, Issuer: began.Name}})
}

// callbackURL is where the issuer sends the browser. The issuer knows it, and sends it nowhere else.
func (s *Site) callbackURL(r *http.Request) string {
	scheme := "http"
	if s.isSecure(r) {
		scheme = "https"
	}
	return (&url.URL{Scheme: scheme, Host: r.Host, Path: callbackPath}).String()
}

// flowCookie returns the cookie of a flow. The browser sends it along when the issuer leads it here, so it is not
// SameSite=Strict.
func (s *Site) flowCookie(r *http.Request, value string, age time.Duration) *http.Cookie {
	c := &http.Cookie{Name: s.flowName(r), Value: value, Path: "/", MaxAge: int(age / time.Second), HttpOnly: true,
		Secure: s.isSecure(r), SameSite: http.SameSiteLaxMode}
	if !c.Secure {
		c.Path = callbackPath
	}
	return c
}

func (s *Site) flowName(r *http.Request) string {
	if s.isSecure(r) {
		return "__Host-pouncet-sign-in"
	}
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		return "pouncet-sign-in-" + port
	}
	return "pouncet-sign-in"
}

// flowData is authenticated with a sealed flow, so that a flow is no session.
func (s *Site) flowData() []byte {
	return append([]byte("sign-in at an issuer, form 1\x00"), s.data...)
}

// keepFlow gives a flow to the browser. What was typed into a form is left out if it is too long for a cookie, and then
// the page that was wanted. What is left is too long only if the name of the host is.
func (s *Site) keepFlow(w http.ResponseWriter, r *http.Request, f flow) error {
	aead, err := s.Cipher(r.Context())
	if err != nil {
		return err
	}
	for {
		text, err := json.Marshal(f)
		if err != nil {
			return backend.Errorf(backend.CodeInternal, "sealing a sign-in: %w", err)
		}
		sealed := base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, text, s.flowData()))
		switch {
		case len(sealed) <= maxFlow:
			http.SetCookie(w, s.flowCookie(r, sealed, oidc.FlowTime))
			return nil
		case len(f.Kept) > 0:
			f.Kept, f.Next = nil, f.To
		case f.Next != Root || f.To != "":
			f.Next, f.To = Root, ""
		default:
			return backend.Errorf(backend.CodeTooLarge, "the request is too large for a sign-in").
				WithHint("open the dashboard by its own address")
		}
	}
}

// flowOf returns the flow of an answer of an issuer; false if the browser has none with its state.
func (s *Site) flowOf(r *http.Request) (flow, bool, error) {
	aead, err := s.Cipher(r.Context())
	if err != nil {
		return flow{}, false, err
	}
	cookies := r.CookiesNamed(s.flowName(r))
	for _, c := range cookies[:min(len(cookies), maxCookies)] {
		sealed, err := base64.RawURLEncoding.DecodeString(c.Value)
		if err != nil || len(c.Value) > maxCookie {
			continue
		}
		text, err := aead.Open(nil, nil, sealed, s.flowData())
		var f flow
		if err == nil && json.Unmarshal(text, &f) == nil && f.State != "" && f.State == r.URL.Query().Get("state") {
			return f, true, nil
		}
	}
	return flow{}, false, nil
}

// callback signs somebody in with the answer of an issuer.
func (s *Site) callback(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || s.Issuers == nil {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	f, ok, err := s.flowOf(r)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if !ok {
		// Any page can lead a browser here. The cookie stays: it may be of a sign-in that has not come back yet.
		s.signInFailed(w, r, oidc.ErrOver)
		return
	}
	http.SetCookie(w, s.flowCookie(r, "", -time.Second))
	session, err := s.finish(r, f)
	if err != nil {
		s.signInFailedAt(w, r, err, f)
		return
	}
	if err := s.write(r, w, session); err != nil {
		s.refuse(w, r, err)
		return
	}
	if len(f.Kept) > 0 {
		s.showSignIn(w, r, http.StatusOK, signInData{Kept: f.Kept, To: withPart(session.Part, f.To), Restores: true})
		return
	}
	// The issuer has led the browser here, so it would not send the new cookie along with a redirect.
	s.showSignIn(w, r, http.StatusOK, signInData{Next: withPart(session.Part, pageAt(f.Next)), Done: true})
}

// finish returns the session of who has signed in at an issuer. A flow is finished once, even if it fails.
func (s *Site) finish(r *http.Request, f flow) (*Session, error) {
	ctx, now, address := r.Context(), s.Now(), addressOf(r)
	if !s.throttle.take(address, now) {
		return nil, errThrottled()
	}
	if !s.spent.add(f.ID, now) {
		return nil, oidc.ErrOver
	}
	got, who, gave, err := s.Issuers.Finish(ctx, f.Flow, r.URL.Query())
	// An answer without a code counts too: anyone can make one, and each takes a place among the flows that are over.
	if !errors.Is(err, backend.ErrUnauthenticated) {
		s.throttle.giveBack(address, now) // it was no guess
	}
	var signedIn backend.Principal
	if err == nil {
		signedIn, err = s.signedIn(r, got.Token)
	}
	if err != nil {
		if who.ID != "" {
			who.Kind = backend.Person
			ctx = backend.WithPrincipal(ctx, who)
		}
		s.Audit.Refused(ctx, backend.VerbSignIn, err)
		s.Log.Warn("sign-in refused", "address", address, "trust", f.Name, "error", backend.AsError(err).Message)
		return nil, err
	}
	if f.Before != "" {
		if err := s.end(ctx, f.Before); err != nil {
			return nil, err
		}
	}
	session := newSession(got.Token, now, s.isSecure(r))
	session.Trust = f.Trust
	if !gave.IsZero() && gave.Before(now) {
		session.Confirmed = gave
	}
	s.noteForAll(r, session, signedIn)
	return session, nil
}

// signInFailedAt shows the page to sign in after an attempt at an issuer, with what the person wanted.
func (s *Site) signInFailedAt(w http.ResponseWriter, r *http.Request, err error, f flow) {
	status := statusOf(err)
	if errors.Is(err, errTooMany) {
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "60")
	}
	s.showSignIn(w, r, status, signInData{Next: pageAt(f.Next), Failed: backend.AsError(forPage(err)), Kept: f.Kept,
		To: f.To})
}

// ConfirmsAt returns the trust at whose issuer the person confirms, or nil for a person who types a credential.
func (v view) ConfirmsAt() *oidc.Issuer {
	if v.q == nil || v.q.Session == nil || v.q.Session.Trust == "" {
		return nil
	}
	name, _, _ := strings.Cut(v.Principal.Name, "/")
	return &oidc.Issuer{ID: v.q.Session.Trust, Name: name}
}

// ConfirmsFor returns the page to come back to after the confirmation.
func (v view) ConfirmsFor() string { return pageAt(v.q.R.URL.Path) }

// isSignIn reports whether a path belongs to signing in, so that nobody is led there afterwards.
func isSignIn(path string) bool {
	return strings.HasPrefix(path, Root+"sign-") || slices.Contains([]string{callbackPath, callbackPath + "/"}, path)
}
