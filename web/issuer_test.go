// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc"
	"github.com/pouncet/terraform-provider-pouncet/backend/oidc/oidctest"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/web"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

// company is the dashboard of a server whose people sign in at an issuer.
type company struct {
	*dashboard
	issuer *oidctest.Issuer
	trust  string // its id
	secret atomic.Value
}

const ada = "ada@example.com"

// newCompany returns a dashboard with the trust "company", which gives each address of example.com all rights in dev.
func newCompany(t *testing.T) *company {
	t.Helper()
	config := open.Config{Path: filepath.Join(t.TempDir(), ".pouncet")}
	opentest.Init(t, config)
	parts, err := open.Embedded(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	c := &company{issuer: oidctest.New(), dashboard: &dashboard{T: t, service: parts.Engine, now: time.Now(),
		browser: newBrowser()}}
	t.Cleanup(c.issuer.Close)
	c.secret.Store("")
	clock := func() time.Time { return c.now }
	log := parts.Audited(access.Guard)
	c.audit = &recorder{next: log}
	logins := access.NewLogins(parts.Store, clock)
	logins.Sessions = parts.TokenCipher
	s := httptest.NewServer(web.New(site.Options{Service: log, Audit: c.audit, Rights: parts.Rights,
		Identity: site.Tokens{Logins: logins}, Cipher: parts.SessionCipher, Now: clock,
		Issuers: oidc.New(parts.Store, oidc.Options{Cipher: parts.TokenCipher, Record: audit.NewChanges(nil).LoggedIn,
			Now: clock, ClientSecret: func(issuer, _ string) (string, error) {
				if issuer != c.issuer.URL {
					return "", fmt.Errorf("the secret of issuer %s was asked for", issuer)
				}
				return c.secret.Load().(string), nil
			}})}))
	t.Cleanup(s.Close)
	c.url = s.URL
	c.must(environment("dev"), secret("dev", "db_password", canary))
	c.trust = c.must(c.trustChange(backend.OpCreate, nil), backend.Change{Op: backend.OpCreate, Kind: backend.KindBinding,
		Name: "company", Grant: &backend.Grant{Role: "admin", To: "trust:company", Where: backend.Where{
			Project: backend.DefaultProject}}})[0].Object.ID
	c.person(nil)
	return c
}

func (c *company) trustChange(op backend.Op, change func(*backend.Trust)) backend.Change {
	t := backend.Trust{Issuer: c.issuer.URL, Audience: "pouncet-server", Principal: backend.Person, Subject: "email",
		Claims: map[string]string{"email": "*@example.com"}}
	if change != nil {
		change(&t)
	}
	return backend.Change{Op: op, Kind: backend.KindTrust, Name: "company", Trust: &t}
}

// person makes Ada the person at the browser, and adds claims to her identity token.
func (c *company) person(more map[string]any) {
	claims := map[string]any{"sub": "1", "email": ada, "email_verified": true, "iat": c.now.Unix(),
		"exp": c.now.Add(5 * time.Minute).Unix()}
	for name, value := range more {
		claims[name] = value
	}
	c.issuer.SignIn(claims)
}

// start begins to sign in, and returns the address at the issuer.
func (c *company) start(form url.Values) *url.URL {
	c.Helper()
	if form == nil {
		form = url.Values{}
	}
	form.Set("trust", c.trust)
	got := c.post("/ui/sign-in/at", form).is(c.T, 200, "You sign in at company")
	m := regexp.MustCompile(`0;url=([^"]+)"`).FindStringSubmatch(got.body)
	if m == nil {
		c.Fatalf("the page does not lead to the issuer: %s", got.body)
	}
	to, err := url.Parse(html.UnescapeString(m[1]))
	if err != nil {
		c.Fatal(err)
	}
	return to
}

// back returns the address to which the issuer sends the browser back.
func (c *company) back(to *url.URL) *url.URL {
	c.Helper()
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := stay.Get(to.String())
	if err != nil {
		c.Fatal(err)
	}
	defer got.Body.Close()
	at, err := got.Location()
	if err != nil {
		c.Fatalf("the issuer does not lead back: %s", got.Status)
	}
	return at
}

// with returns an address with a changed parameter; "" removes it.
func with(at *url.URL, name, value string) *url.URL {
	changed, q := *at, at.Query()
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	changed.RawQuery = q.Encode()
	return &changed
}

// comes opens the address that the issuer sends the browser back to.
func (c *company) comes(at *url.URL) answer {
	c.Helper()
	r := c.request(http.MethodGet, at.Path+"?"+at.RawQuery, nil)
	r.URL.Path = at.Path // not below the path of a session
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	return c.send(r)
}

func (c *company) signedIn(got answer) {
	c.Helper()
	got.is(c.T, 200, "You are signed in")
	c.get("/ui/p/default/e/dev").is(c.T, 200, "db_password", "company/"+ada)
}

func TestPersonSignsInAtAnIssuer(t *testing.T) {
	c := newCompany(t)
	c.get("/ui/sign-in?next=/ui/p/default/matrix").is(t, 200, "Sign in with company", "or with a token")
	to := c.start(url.Values{"next": {"/ui/p/default/matrix"}})
	q := to.Query()
	for name, want := range map[string]string{"client_id": "pouncet-server", "response_type": "code",
		"code_challenge_method": "S256", "redirect_uri": c.url + "/ui/callback"} {
		if q.Get(name) != want {
			t.Errorf("%s is %q", name, q.Get(name))
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(q.Get(name)) < 26 {
			t.Errorf("%s is %q", name, q.Get(name))
		}
	}
	if q.Has("client_secret") || q.Has("code_verifier") {
		t.Error("the address has a secret")
	}
	got := c.comes(c.back(to))
	c.signedIn(got)
	got.is(t, 200, "/p/default/matrix")
	for _, cookie := range got.Cookies() {
		if strings.HasPrefix(cookie.Name, "pouncet-session") && cookie.SameSite != http.SameSiteStrictMode {
			t.Errorf("the cookie of the session: %s", cookie)
		}
		if strings.HasPrefix(cookie.Name, "pouncet-sign-in") && cookie.MaxAge >= 0 {
			t.Errorf("the flow is kept: %s", cookie)
		}
	}
	c.post("/ui/sign-out", nil).is(t, 200, "Sign in with company")
}

func TestCookieOfASignInBelongsToIt(t *testing.T) {
	c := newCompany(t)
	got := c.post("/ui/sign-in/at", url.Values{"trust": {c.trust}}).is(t, 200)
	text := got.Header.Get("Set-Cookie")
	for _, part := range []string{"Path=/ui/callback", "HttpOnly", "SameSite=Lax", "Max-Age=600"} {
		if !strings.Contains(text, part) {
			t.Errorf("the cookie lacks %s: %s", part, text)
		}
	}
	flow := got.Cookies()[0]
	r := c.request(http.MethodGet, "/ui/p/default/e/dev", nil) // a flow is no session
	r.AddCookie(&http.Cookie{Name: strings.Replace(flow.Name, "sign-in", "session", 1), Value: flow.Value})
	if got := c.send(r); got.at() != "/ui/sign-in" {
		t.Errorf("a flow opens %s", got.at())
	}
}

// TestHostileAnswersSignNobodyIn has answers of an issuer, and of a site that pretends to be the issuer.
func TestHostileAnswersSignNobodyIn(t *testing.T) {
	other := oidctest.New()
	t.Cleanup(other.Close)
	cases := map[string]struct {
		person map[string]any // claims of the identity token
		more   url.Values     // of the answer of the issuer
		change func(c *company, at *url.URL) *url.URL
		page   string
	}{
		"another state": {page: "began in another window",
			change: func(_ *company, at *url.URL) *url.URL { return with(at, "state", "AAAAAAAAAAAAAAAAAAAAAAAAAA") }},
		"no state": {page: "began in another window",
			change: func(_ *company, at *url.URL) *url.URL { return with(at, "state", "") }},
		"the state of another browser": {page: "began in another window", change: func(c *company, at *url.URL) *url.URL {
			c.browser = newBrowser()
			return at
		}},
		"a code of another sign-in": {page: "did not work", change: func(c *company, at *url.URL) *url.URL {
			stolen := c.back(c.start(nil)).Query().Get("code")
			return with(c.back(c.start(nil)), "code", stolen)
		}},
		"a code that was used": {page: "did not work", change: func(c *company, at *url.URL) *url.URL {
			c.comes(at).is(c.T, 200)
			c.browser, c.base = newBrowser(), ""
			return with(c.back(c.start(nil)), "code", at.Query().Get("code"))
		}},
		"no code": {page: "did not work",
			change: func(_ *company, at *url.URL) *url.URL { return with(at, "code", "") }},
		"a very long code": {page: "did not work", change: func(_ *company, at *url.URL) *url.URL {
			return with(at, "code", strings.Repeat("a", 5000))
		}},
		"another nonce":                   {page: "did not work", person: map[string]any{"nonce": "another"}},
		"another issuer":                  {page: "did not work", more: url.Values{"iss": {other.URL}}},
		"a token of another issuer":       {page: "does not let you in", person: map[string]any{"iss": other.URL}},
		"a token for another application": {page: "does not let you in", person: map[string]any{"aud": "wiki"}},
		"an address that is not verified": {page: "does not let you in", person: map[string]any{"email_verified": false}},
		"somebody else":                   {page: "does not let you in", person: map[string]any{"email": "eve@evil.example"}},
		"an error": {page: "did not work", more: url.Values{"error": {"server_error"},
			"error_description": {"call 555"}}},
		"a refusal": {page: "you have cancelled", more: url.Values{"error": {"access_denied"},
			"error_description": {"call 555"}}},
		"a deleted trust": {page: "does not exist any more", change: func(c *company, at *url.URL) *url.URL {
			c.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindTrust, Name: "company"})
			return at
		}},
		"a trust for workloads": {page: "does not exist any more", change: func(c *company, at *url.URL) *url.URL {
			c.must(c.trustChange(backend.OpUpdate, func(t *backend.Trust) { t.Principal = backend.Workload }))
			return at
		}},
		"too late": {page: "this sign-in is over", change: func(c *company, at *url.URL) *url.URL {
			c.now = c.now.Add(10 * time.Minute)
			return at
		}},
	}
	for name, h := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t)
			c.person(h.person)
			c.issuer.AnswerBrowsers(h.more)
			at := c.back(c.start(nil))
			if h.change != nil {
				at = h.change(c, at)
			}
			got := c.comes(at).is(t, 401, h.page)
			got.lacks(t, "call 555", "You are signed in")
			for _, cookie := range got.Cookies() {
				if strings.HasPrefix(cookie.Name, "pouncet-session") {
					t.Errorf("somebody is signed in: %s", cookie)
				}
			}
			if got := c.get("/ui/p/default/e/dev"); got.at() != "/ui/sign-in" {
				t.Errorf("the pages can be read: %s", got.Request.URL)
			}
		})
	}
}

// TestAnAnswerIsOfUseOnce replays an answer with a copy of the cookie.
func TestAnAnswerIsOfUseOnce(t *testing.T) {
	c := newCompany(t)
	at := c.back(c.start(nil))
	here, _ := url.Parse(c.url + "/ui/callback")
	copied := c.browser.Jar.Cookies(here)
	c.signedIn(c.comes(at))
	c.browser, c.base = newBrowser(), ""
	c.browser.Jar.SetCookies(here, copied)
	c.comes(at).is(t, 401, "this sign-in is over")
}

func TestOtherSitesStartNoSignIn(t *testing.T) {
	c := newCompany(t)
	r := c.request(http.MethodPost, "/ui/sign-in/at", url.Values{"trust": {c.trust}})
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if got := c.send(r); got.StatusCode != http.StatusForbidden || got.Header.Get("Set-Cookie") != "" {
		t.Errorf("another site starts a sign-in: %s", got.Status)
	}
	for _, next := range []string{"https://evil.example/", "//evil.example/", "/v1/query", "/ui/callback?code=x",
		"/ui/sign-out", `/ui/\evil.example`} {
		c.browser, c.base = newBrowser(), ""
		got := c.comes(c.back(c.start(url.Values{"next": {next}}))).is(t, 200, "You are signed in")
		if m := regexp.MustCompile(`0;url=/ui/~[a-z0-9]+/"`); !m.MatchString(got.body) {
			t.Errorf("%s leads on: %s", next, got.body)
		}
	}
}

func TestIssuerThatCannotBeUsedIsAKindError(t *testing.T) {
	c := newCompany(t)
	c.issuer.Answer(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	c.post("/ui/sign-in/at", url.Values{"trust": {c.trust}}).is(t, 503, "cannot be used to sign in now", `name="code"`)
	c.post("/ui/sign-in/at", url.Values{"trust": {"nothing"}}).is(t, 401, "does not exist any more")
}

func TestOnlyTrustsForPeopleAreOffered(t *testing.T) {
	c := newCompany(t)
	c.must(c.trustChange(backend.OpUpdate, func(t *backend.Trust) { t.Principal = backend.Workload }))
	c.get("/ui/sign-in").is(t, 200).lacks(t, "Sign in with", "or with a token")
	c.post("/ui/sign-in/at", url.Values{"trust": {c.trust}}).is(t, 401, "does not exist any more")
	c.must(c.trustChange(backend.OpUpdate, func(t *backend.Trust) { t.Keys = c.issuer.Keys() }))
	c.get("/ui/sign-in").is(t, 200).lacks(t, "Sign in with")
}

func TestClientSecretIsForTheIssuerOnly(t *testing.T) {
	c := newCompany(t)
	c.issuer.WantSecret("client-" + canary)
	c.comes(c.back(c.start(nil))).is(t, 401, "did not work")
	c.secret.Store("client-" + canary)
	to := c.start(nil)
	if strings.Contains(to.String(), canary) {
		t.Error("the address has the client secret")
	}
	c.signedIn(c.comes(c.back(to)))
}

// TestPersonOfAnIssuerConfirmsThere reveals a value when the last sign-in is too long ago.
func TestPersonOfAnIssuerConfirmsThere(t *testing.T) {
	c := newCompany(t)
	c.signedIn(c.comes(c.back(c.start(nil))))
	o := c.object(backend.KindSecret, "db_password")
	c.post(c.path(o, "/reveal"), nil).is(t, 200, canary)
	c.now = c.now.Add(11 * time.Minute)
	asked := c.post(c.path(o, "/reveal"), nil).is(t, 401, "Confirm with company")
	asked.lacks(t, canary, `name="code"`)
	form := url.Values{"again": {asked.field(t, "again")}, "next": {asked.field(t, "next")}}

	// The issuer says that the person did not have to sign in again.
	c.person(map[string]any{"auth_time": c.now.Add(-time.Hour).Unix()})
	to := c.start(form)
	if q := to.Query(); q.Get("prompt") != "login" || q.Get("max_age") != "0" {
		t.Errorf("the issuer is not asked for the credential: %s", to)
	}
	c.comes(c.back(to)).is(t, 401, "did not work")
	c.post(c.path(o, "/reveal"), nil).is(t, 401).lacks(t, canary)

	c.person(map[string]any{"auth_time": c.now.Unix()})
	c.signedIn(c.comes(c.back(c.start(form))).is(t, 200, site.EntryPath(o)[len("/ui"):]))
	c.post(c.path(o, "/reveal"), nil).is(t, 200, canary)

	// A person who signed in at the issuer long ago has not confirmed, even with a new session.
	c.person(map[string]any{"auth_time": c.now.Add(-time.Hour).Unix()})
	c.signedIn(c.comes(c.back(c.start(nil))))
	c.post(c.path(o, "/reveal"), nil).is(t, 401).lacks(t, canary)
}

// TestAnIssuerThatSaysWhenMustSayIt removes the parameters that ask for the credential from the address at the issuer.
func TestAnIssuerThatSaysWhenMustSayIt(t *testing.T) {
	c := newCompany(t)
	c.issuer.SaysWhen()
	c.signedIn(c.comes(c.back(c.start(nil)))) // it was not asked
	o := c.object(backend.KindSecret, "db_password")
	c.now = c.now.Add(11 * time.Minute)
	asked := c.post(c.path(o, "/reveal"), nil).is(t, 401, "Confirm with company")
	form := url.Values{"again": {asked.field(t, "again")}, "next": {asked.field(t, "next")}}
	c.person(nil)
	to := c.start(form)
	q := to.Query()
	q.Del("prompt")
	q.Del("max_age")
	to.RawQuery = q.Encode()
	c.comes(c.back(to)).is(t, 401, "did not work")
	c.post(c.path(o, "/reveal"), nil).is(t, 401).lacks(t, canary)
	c.person(map[string]any{"auth_time": c.now.Unix()})
	c.signedIn(c.comes(c.back(c.start(form))))
	c.post(c.path(o, "/reveal"), nil).is(t, 200, canary)
}

// TestAnswersWithoutACodeAreLimited sends one refusal of the issuer after the other.
func TestAnswersWithoutACodeAreLimited(t *testing.T) {
	c := newCompany(t)
	c.issuer.SignIn(nil)
	for n := 0; ; n++ {
		got := c.comes(c.back(c.start(nil)))
		if got.StatusCode == http.StatusTooManyRequests {
			return
		}
		got.is(t, 401, "you have cancelled")
		if n == 100 {
			t.Fatal("an address sends answers without a limit")
		}
	}
}

// A token would outlive the session.
func TestSessionOfAnIssuerOffersNoTokens(t *testing.T) {
	c := newCompany(t)
	c.signedIn(c.comes(c.back(c.start(nil))))
	c.get("/ui/tokens").is(t, 200, "creates no tokens").lacks(t, `name="role"`)
	c.post("/ui/tokens", url.Values{"name": {"kept"}, "role": {"viewer"}, "for": {"person"}, "where": {"default"}}).
		is(t, 422, "a session cannot create tokens")
}

// TestFormIsKeptThroughAnIssuer has a session that ends during an edit.
func TestFormIsKeptThroughAnIssuer(t *testing.T) {
	c := newCompany(t)
	c.signedIn(c.comes(c.back(c.start(nil))))
	c.now = c.now.Add(time.Hour)
	lost := c.post("/ui/p/default/e/dev/new", url.Values{"name": {"late"}, "value": {canary}}).is(t, 401,
		"Sign in with company", "is kept")
	lost.lacks(t, canary)
	c.base = ""
	c.person(nil)
	got := c.comes(c.back(c.start(url.Values{"to": {lost.field(t, "to")}, "kept.name": {lost.field(t, "kept.name")}})))
	got.is(t, 200, "Go back to your form", `value="late"`)
	c.base = ""
	c.start(url.Values{"to": {"/ui/p/default/e/dev/new"}, "kept.schema": {strings.Repeat("a", 9000)}})
}

// TestSessionOfAnIssuerEndsWithItsTrust changes the trust, which ends the session at once.
func TestSessionOfAnIssuerEndsWithItsTrust(t *testing.T) {
	c := newCompany(t)
	c.signedIn(c.comes(c.back(c.start(nil))))
	c.must(c.trustChange(backend.OpUpdate, func(t *backend.Trust) { t.SessionMinutes = 30 }))
	if got := c.get("/ui/p/default/e/dev"); got.at() != "/ui/sign-in" {
		t.Errorf("after a change of the trust: %s", got.Request.URL)
	}
}
