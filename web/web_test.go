// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/web"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

const canary = "CANARY-value-of-a-secret"

// dashboard is a dashboard over a new embedded backend, with a browser that has no JavaScript.
type dashboard struct {
	*testing.T
	service backend.Service
	codes   *site.Codes
	url     string
	base    string // of the last session, such as /ui/~x; "" before the first
	browser *http.Client
	now     time.Time
	audit   *recorder // of a server
}

// newDashboard returns a dashboard with the environments dev and prod and a secret in dev. It may change the options.
func newDashboard(t *testing.T, change ...func(*site.Options)) *dashboard {
	t.Helper()
	b := opentest.Open(t)
	d := &dashboard{T: t, service: b, now: time.Now()}
	d.codes = site.NewCodes(open.LocalUser(), func() time.Time { return d.now })
	o := site.Options{Service: b, Identity: d.codes, Audit: b.Log(), Rights: b.Rights, CheckHost: true,
		SignInFromFile: true, Now: func() time.Time { return d.now },
		Cipher: cipherOf(make([]byte, 32))}
	for _, c := range change {
		c(&o)
	}
	s := httptest.NewServer(web.New(o))
	t.Cleanup(s.Close)
	d.url, d.browser = s.URL, newBrowser()
	d.must(environment("dev"), environment("prod"), secret("dev", "db_password", canary))
	return d
}

// cipherOf returns a cipher for sessions under a key.
func cipherOf(key []byte) site.Cipher {
	return func(context.Context) (cipher.AEAD, error) {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		return cipher.NewGCMWithRandomNonce(block)
	}
}

func newBrowser() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar}
}

func environment(name string) backend.Change {
	return backend.Change{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: name}
}

func secret(environment, name, value string) backend.Change {
	return backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: backend.DefaultProject,
		Environment: environment, Name: name, Value: backend.PlaintextString(value)}
}

func (d *dashboard) must(changes ...backend.Change) []backend.Outcome {
	d.Helper()
	out, err := d.service.Apply(context.Background(), backend.ChangeSet{Changes: changes})
	if err != nil {
		d.Fatal(err)
	}
	return out
}

// object returns an entry of dev.
func (d *dashboard) object(kind backend.Kind, name string) backend.Object {
	d.Helper()
	page, err := d.service.Query(context.Background(), backend.Query{Kind: kind, Project: backend.DefaultProject,
		Environment: "dev", Name: name})
	if err != nil || len(page.Objects) != 1 {
		d.Fatalf("%d objects are called %s: %v", len(page.Objects), name, err)
	}
	return page.Objects[0]
}

// answer is an answer to a browser.
type answer struct {
	*http.Response
	body string
}

func (d *dashboard) send(r *http.Request) answer {
	d.Helper()
	got, err := d.browser.Do(r)
	if err != nil {
		d.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		d.Fatal(err)
	}
	if m := regexp.MustCompile("^(/ui/~[a-z0-9]+)/").FindStringSubmatch(got.Request.URL.Path); m != nil {
		d.base = m[1]
	}
	if m := regexp.MustCompile("0;url=(/ui/~[a-z0-9]+)/").FindStringSubmatch(string(body)); m != nil {
		d.base = m[1]
	}
	return answer{got, string(body)}
}

// at returns the path of the page without the path of the session.
func (a answer) at() string {
	return regexp.MustCompile("^/ui/~[a-z0-9]+/").ReplaceAllString(a.Request.URL.Path, "/ui/")
}

func (d *dashboard) request(method, path string, form url.Values) *http.Request {
	d.Helper()
	if rest, ok := strings.CutPrefix(path, "/ui/"); ok && d.base != "" && !strings.HasPrefix(rest, "sign-in") {
		path = d.base + "/" + rest
	}
	r, err := http.NewRequest(method, d.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		d.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	return r
}

func (d *dashboard) get(path string) answer { return d.send(d.request(http.MethodGet, path, nil)) }

func (d *dashboard) post(path string, form url.Values) answer {
	return d.send(d.request(http.MethodPost, path, form))
}

func (d *dashboard) signIn() {
	d.Helper()
	got := d.post("/ui/sign-in", url.Values{"code": {d.codes.New()}})
	if got.StatusCode != http.StatusOK || !strings.Contains(got.body, "Sign out") {
		d.Fatalf("signing in: %s\n%s", got.Status, got.body)
	}
}

// is checks the status of an answer and that its page has texts.
func (a answer) is(t *testing.T, status int, texts ...string) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: %s, want %d\n%s", a.Request.Method, a.Request.URL.Path, a.Status, status, a.body)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Fatalf("%s %s does not have %q:\n%s", a.Request.Method, a.Request.URL.Path, text, a.body)
		}
	}
	return a
}

func (a answer) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			t.Fatalf("%s %s has %q:\n%s", a.Request.Method, a.Request.URL.Path, text, a.body)
		}
	}
}

// field returns the value of a hidden field of a page.
func (a answer) field(t *testing.T, name string) string {
	t.Helper()
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("the page has no field %s:\n%s", name, a.body)
	}
	return m[1]
}

func (d *dashboard) path(o backend.Object, more string) string { return site.EntryPath(o) + more }

func TestCodeSignsInOnceAndForAMinute(t *testing.T) {
	d := newDashboard(t)
	if got := d.get("/ui/p/default/e/dev"); got.at() != "/ui/sign-in" {
		t.Fatalf("without a session: %s", got.Request.URL)
	}
	code := d.codes.New()
	d.post("/ui/sign-in", url.Values{"code": {code}}).is(t, 200, "Sign out")
	d.browser = newBrowser()
	d.post("/ui/sign-in", url.Values{"code": {code}}).is(t, 401, "was used already")
	late := d.codes.New()
	d.now = d.now.Add(time.Minute)
	d.post("/ui/sign-in", url.Values{"code": {late}}).is(t, 401, "has expired")
	d.post("/ui/sign-in", url.Values{}).is(t, 401, "not valid")
}

// TestNobodyIsLockedOutOfALocalDashboard sends wrong codes, as any page of the web can.
func TestNobodyIsLockedOutOfALocalDashboard(t *testing.T) {
	d := newDashboard(t)
	for range 30 {
		d.post("/ui/sign-in", url.Values{"code": {"wrong"}}).is(t, 401)
	}
	d.signIn()
	r := d.request(http.MethodPost, "/ui/sign-in", url.Values{"code": {d.codes.New()}})
	r.Header.Set("Origin", "https://a.example")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	d.send(r).is(t, 403, "comes from another site")
}

func TestSessionEnds(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	for range 3 {
		d.now = d.now.Add(20 * time.Minute) // each request keeps it
		d.get("/ui/p/default/e/dev").is(t, 200, "db_password")
	}
	d.now = d.now.Add(31 * time.Minute)
	if got := d.get("/ui/p/default/e/dev"); got.at() != "/ui/sign-in" {
		t.Errorf("after half an hour: %s", got.Request.URL)
	}
	d.signIn()
	for range 36 {
		d.now = d.now.Add(20 * time.Minute)
		d.get("/ui/p/default/e/dev")
	}
	if got := d.get("/ui/p/default/e/dev"); got.at() != "/ui/sign-in" {
		t.Errorf("after twelve hours: %s", got.Request.URL)
	}
	// A form that is sent then changes nothing.
	d.post("/ui/p/default/e/dev/new", url.Values{"name": {"late"}, "value": {"v"}}).is(t, 401, "nothing was changed")
}

func TestSignOutEndsTheSessionAlsoForACopyOfItsCookie(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	at, _ := url.Parse(d.url + d.base + "/")
	cookies := d.browser.Jar.Cookies(at)
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	d.post("/ui/sign-out", nil).is(t, 200, "Sign in")
	d.browser.Jar.SetCookies(at, cookies)
	if got := d.get("/ui/"); got.at() != "/ui/sign-in" {
		t.Errorf("the copy is at %s", got.Request.URL)
	}
}

func TestCookieIsSealedAndForThisHostOnly(t *testing.T) {
	d := newDashboard(t)
	d.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	got := d.post("/ui/sign-in", url.Values{"code": {d.codes.New()}})
	cookie := got.Header.Get("Set-Cookie")
	here, _ := url.Parse(d.url)
	for _, part := range []string{"pouncet-session-" + here.Port() + "=", "Path=/ui/~", "HttpOnly", "SameSite=Strict"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie lacks %s: %s", part, cookie)
		}
	}
	if strings.Contains(cookie, "Max-Age") || strings.Contains(cookie, "Expires") {
		t.Errorf("the browser writes the cookie to its disk: %s", cookie)
	}
	c := got.Cookies()[0]
	d.base = strings.TrimSuffix(c.Path, "/")
	at, _ := url.Parse(d.url + c.Path)
	// A cookie of the same name for a longer path, which comes first, does not lock anybody out.
	longer := c.Path + "p/"
	d.browser.Jar.SetCookies(at, []*http.Cookie{{Name: c.Name, Value: "x", Path: longer}})
	d.get("/ui/p/default/e/dev").is(t, 200)
	d.browser.Jar.SetCookies(at, []*http.Cookie{{Name: c.Name, Path: longer, MaxAge: -1}})
	for _, changed := range []string{"", "x", c.Value[:len(c.Value)-2] + "AA", strings.Repeat("A", 5000)} {
		d.browser.Jar.SetCookies(at, []*http.Cookie{{Name: c.Name, Value: changed, Path: c.Path}})
		d.get("/ui/p/default/e/dev").is(t, 303)
	}
	d.browser.Jar.SetCookies(at, []*http.Cookie{c})
	c2 := d.post("/ui/sign-in", url.Values{"code": {d.codes.New()}}).Cookies()[0]
	if c2.Value == c.Value || c2.Path == c.Path {
		t.Error("signing in again keeps the session")
	}
}

// TestSessionIsAtAPathThatNobodyCanGuess is what protects a session from who can listen on another port: the browser
// sends the cookie to no path that they know, and no page without it tells one.
func TestSessionIsAtAPathThatNobodyCanGuess(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	if !regexp.MustCompile("^/ui/~[a-z2-7]{26}$").MatchString(d.base) {
		t.Fatalf("the pages are at %q", d.base)
	}
	here, _ := url.Parse(d.url + d.base + "/")
	cookie := d.browser.Jar.Cookies(here)[0]
	for _, path := range []string{"", "/", "/ui", "/ui/", "/ui/p/default/e/dev", "/ui/sign-in", "/ui/~x/", "/one"} {
		at, _ := url.Parse(d.url + path)
		if len(d.browser.Jar.Cookies(at)) > 0 {
			t.Errorf("the browser sends the cookie to %q", path)
		}
		// Nor does it work there, and the answer to who has no cookie does not tell the path.
		for _, copied := range []bool{false, true} {
			r, _ := http.NewRequest(http.MethodGet, d.url+path, nil)
			if copied {
				r.AddCookie(cookie)
			}
			got, err := (&http.Client{}).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(got.Body)
			got.Body.Close()
			if text := string(body) + got.Request.URL.String(); strings.Contains(text, "db_password") ||
				strings.Contains(text, d.base) {
				t.Errorf("%q has the path of the session or a page of it", path)
			}
		}
	}
	// Every link of every page stays with the session.
	o := d.object(backend.KindSecret, "db_password")
	d.must(backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: backend.DefaultProject,
		Environment: "dev", Name: "region", JSON: []byte("1")})
	seen := map[string]bool{}
	links := regexp.MustCompile(`(?:href|action|hx-get|hx-post|data-leave)="(/[^"]*)"`)
	queue := []string{"/ui/p/default/e/dev", d.path(o, "/edit"), d.path(o, "/delete")}
	for len(queue) > 0 && len(seen) < 100 {
		path := strings.ReplaceAll(queue[0], "&amp;", "&")
		queue = queue[1:]
		if seen[path] || strings.Contains(path, "sign-out") {
			continue
		}
		seen[path] = true
		for _, m := range links.FindAllStringSubmatch(d.get(path).body, -1) {
			rest, ok := strings.CutPrefix(m[1], d.base)
			if !ok && !strings.HasPrefix(m[1], "/ui/static/") {
				t.Fatalf("%s leads to %s, out of the session", path, m[1])
			}
			if ok && !strings.Contains(m[0], "action=") && !strings.Contains(m[0], "hx-") {
				queue = append(queue, "/ui"+rest)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d pages were read", len(seen))
	}
}

// TestLinksFromElsewhereNeedNoNewSignIn follows links as a browser does that keeps back the cookie.
func TestLinksFromElsewhereNeedNoNewSignIn(t *testing.T) {
	elsewhere := func(r *http.Request) *http.Request {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", "navigate")
		r.Header.Set("Sec-Fetch-Dest", "document")
		return r
	}
	d := newDashboard(t)
	d.signIn()
	browser := d.browser
	d.browser = &http.Client{} // which keeps back the cookie
	page := "/ui/p/default/e/dev?q=pass"
	d.send(elsewhere(d.request(http.MethodGet, page, nil))).
		is(t, 200, `content="0;url=`+d.base+`/p/default/e/dev?q=pass"`).lacks(t, "db_password")
	// Without the path of the session, the script of the page finds it.
	base := d.base
	d.base = ""
	got := d.send(elsewhere(d.request(http.MethodGet, page, nil)))
	got.is(t, 200, `data-next="/ui/p/default/e/dev?q=pass"`, "signin.js").lacks(t, base)
	// A session that has ended leads to no loop.
	d.base = base
	d.get(page).is(t, 200, "Sign in").lacks(t, "data-next=")
	d.browser = browser
	d.get(page).is(t, 200, "db_password")

	// Over TLS the path is the same for everybody.
	s := newDashboard(t, func(o *site.Options) { o.CheckHost, o.BehindTLS = false, true })
	r := func(path string) *http.Request {
		r := s.request(http.MethodGet, path, nil)
		r.Host = "pouncet.example.com"
		return r
	}
	s.send(elsewhere(r(page))).is(t, 200, `content="0;url=/ui/p/default/e/dev?q=pass"`)
	in := s.request(http.MethodPost, "/ui/sign-in", url.Values{"code": {s.codes.New()}})
	in.Host = "pouncet.example.com"
	s.browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	cookie := s.send(in).Cookies()[0]
	if cookie.Name != "__Host-pouncet-session" || cookie.Path != "/" || !cookie.Secure {
		t.Errorf("the cookie is %v", cookie)
	}
	for path, want := range map[string]string{"/ui/sign-in?next=/ui/doctor": "/ui/doctor", "/ui/sign-in": "/ui/"} {
		with := r(path)
		with.AddCookie(cookie)
		if to := s.send(with).Header.Get("Location"); to != want {
			t.Errorf("%s leads somebody who has signed in to %q", path, to)
		}
	}
	with := r("/ui/~x/doctor")
	with.AddCookie(cookie)
	if to := s.send(with).Header.Get("Location"); !strings.HasPrefix(to, "/ui/sign-in") {
		t.Errorf("the path of another session leads to %q", to)
	}
}

func TestEveryAnswerIsProtected(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	asset := regexp.MustCompile(`href="(/ui/static/[^"]+\.css)"`).FindStringSubmatch(d.get("/ui/").body)[1]
	for _, path := range []string{"/ui/", "/ui/p/default/e/dev", "/ui/p/nowhere", "/ui/sign-in", "/ui/nothing", asset} {
		got := d.get(path)
		policy := got.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") ||
			!strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s has the policy %q", path, policy)
		}
		if path != asset && got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be stored", path)
		}
		for header, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
			"Cross-Origin-Opener-Policy": "same-origin"} {
			if got.Header.Get(header) != want {
				t.Errorf("%s has %s %q", path, header, got.Header.Get(header))
			}
		}
		for _, inline := range []string{"<script>", "<style", " style=", " onclick=", "javascript:"} {
			if path != asset && strings.Contains(got.body, inline) {
				t.Errorf("%s has %s", path, inline)
			}
		}
	}
}

func TestRequestsOfOtherSitesAreRefused(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	for name, change := range map[string]func(*http.Request){
		"another site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
		"a sibling":    func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") },
		"another origin": func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "https://a.example")
		},
	} {
		r := d.request(http.MethodPost, "/ui/p/default/e/dev/new", url.Values{"name": {"forged"}, "value": {"v"}})
		change(r)
		if got := d.send(r); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", name, got.Status)
		}
	}
	r := d.request(http.MethodGet, "/ui/", nil)
	r.Host = "attacker.example"
	if got := d.send(r); got.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another host: %s", got.Status)
	}
	page, err := d.service.Query(context.Background(), backend.Query{Kind: backend.KindSecret,
		Project: backend.DefaultProject, Name: "forged"})
	if err != nil || len(page.Objects) != 0 {
		t.Errorf("the forged secrets are %v: %v", page.Objects, err)
	}
}

func TestCodeOfALocalFileSignsIn(t *testing.T) {
	d := newDashboard(t)
	r := d.request(http.MethodPost, "/ui/sign-in", url.Values{"code": {d.codes.New()}})
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Origin", "null")
	d.send(r).is(t, 200, `http-equiv="refresh" content="0;url=/ui/~`)
	d.get("/ui/").is(t, 200, "db_password")
	for _, next := range []string{"https://a.example", "//a.example/ui/", `\\a.example`, "/other", "/ui/../x"} {
		r := d.request(http.MethodPost, "/ui/sign-in", url.Values{"code": {d.codes.New()}, "next": {next}})
		if got := d.send(r); !strings.HasPrefix(got.Request.URL.String(), d.url) {
			t.Errorf("next %q leads to %s", next, got.Request.URL)
		}
	}
}

func TestEntriesAreListedSearchedAndSorted(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.must(secret("dev", "api_key", "v"), secret("*", "shared_key", "v"), secret("prod", "only_prod", "v"))
	d.get("/ui/p/default/e/dev").is(t, 200, "Add Secret", "api_key", "db_password", "shared_key", "1–3 of 3").
		lacks(t, "only_prod", canary)
	d.get("/ui/p/default/e/dev?q=API").is(t, 200, "api_key", "1–1 of 1").lacks(t, ">db_password<")
	d.get("/ui/p/default/e/dev?q=zzz").is(t, 200, "Nothing matches", "Show all")
	d.get("/ui/p/default/e/dev?sort=version&order=down").is(t, 200, `aria-sort="descending"`)
	d.get("/ui/p/default/e/dev?sort=value").is(t, 400, "cannot be sorted by")
	d.get("/ui/p/default/e/nowhere").is(t, 404, "does not exist")
	r := d.request(http.MethodGet, "/ui/p/default/e/dev?q=api", nil)
	r.Header.Set("HX-Request", "true")
	r.Header.Set("HX-Target", "results")
	d.send(r).is(t, 200, "api_key").lacks(t, "<html", "Add Secret")
	d.get("/ui/switch?project=default&environment=prod").is(t, 200, "only_prod")
	d.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindProject, Name: "empty"})
	d.get("/ui/p/empty").is(t, 200, "no environment yet")
	d.post("/ui/projects", url.Values{"project": {"empty"}, "name": {"dev"}}).is(t, 200, "has no secrets yet", "Created.")
	d.post("/ui/projects", url.Values{"project": {"empty"}, "name": {"dev"}}).is(t, 422, "already exists")
}

func TestSecretIsCreatedAndEditedWithTheExactTexts(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	form := func(path string, more url.Values) url.Values {
		page := d.get(path).is(t, 200)
		v := url.Values{"form": {page.field(t, "form")}, "edition": {page.field(t, "edition")}}
		for k, values := range more {
			v[k] = values
		}
		return v
	}
	const add = "/ui/p/default/e/dev/new"
	d.post(add, form(add, url.Values{"value": {canary}, "description": {"kept"}})).
		is(t, 422, "Secret key is required", "kept").lacks(t, canary)
	d.post(add, form(add, url.Values{"name": {"new_key"}, "description": {"kept"}})).
		is(t, 422, "Secret value is required", `value="new_key"`, "kept")
	d.post(add, form(add, url.Values{"name": {"no spaces"}, "value": {canary}})).
		is(t, 422, "is not valid").lacks(t, canary)
	d.post(add, form(add, url.Values{"name": {"new_key"}, "value": {canary}, "visibility": {"masked"}})).
		is(t, 200, "Created.", "new_key").lacks(t, canary)
	o := d.object(backend.KindSecret, "new_key")
	edit := d.path(o, "/edit")
	d.post(edit, form(edit, url.Values{"name": {"new_key"}, "visibility": {"masked"}})).is(t, 422, "No changes to save")
	d.post(edit, form(edit, url.Values{"name": {"new_key"}, "description": {"text"}})).is(t, 200, "Saved.", "text")
	if now := d.object(backend.KindSecret, "new_key"); now.Version != 1 || now.Description != "text" {
		t.Errorf("an empty value did not keep the present one: %+v", now)
	}
	d.post(edit, form(edit, url.Values{"name": {"renamed"}, "description": {"text"}, "value": {"second"}})).
		is(t, 200, "Saved.", "renamed")
	if now := d.object(backend.KindSecret, "renamed"); now.Version != 2 || now.ID != o.ID {
		t.Errorf("after a rename with a new value: %+v", now)
	}
}

func TestFormThatIsSentTwiceIsAppliedOnce(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	o := d.object(backend.KindSecret, "db_password")
	page := d.get(d.path(o, "/edit"))
	v := url.Values{"form": {page.field(t, "form")}, "edition": {page.field(t, "edition")}, "name": {o.Name},
		"value": {"second"}}
	d.post(d.path(o, "/edit"), v).is(t, 200, "Saved.")
	d.post(d.path(o, "/edit"), v).is(t, 200, "Saved.")
	if now := d.object(backend.KindSecret, "db_password"); now.Version != 2 {
		t.Errorf("the version is %d", now.Version)
	}
}

func TestSecondOfTwoEditorsIsTold(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	o := d.object(backend.KindSecret, "db_password")
	first, second := d.get(d.path(o, "/edit")), d.get(d.path(o, "/edit"))
	v := func(a answer, description string) url.Values {
		return url.Values{"form": {a.field(t, "form")}, "edition": {a.field(t, "edition")}, "name": {o.Name},
			"description": {description}, "value": {canary}}
	}
	d.post(d.path(o, "/edit"), v(first, "by the first")).is(t, 200, "Saved.")
	again := d.post(d.path(o, "/edit"), v(second, "by the second")).
		is(t, 422, "Somebody else has changed this entry", "by the first", "by the second")
	again.lacks(t, canary)
	if now := d.object(backend.KindSecret, "db_password"); now.Description != "by the first" {
		t.Errorf("the description is %q", now.Description)
	}
	d.post(d.path(o, "/edit"), v(again, "by the second")).is(t, 200, "Saved.", "by the second")
}

// What the second editor did not touch stays as the first one has made it.
func TestSecondOfTwoEditorsKeepsWhatTheFirstHasChanged(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	o := d.object(backend.KindSecret, "db_password")
	first, second := d.get(d.path(o, "/edit")), d.get(d.path(o, "/edit"))
	sent := func(a answer, changed url.Values) url.Values {
		v := url.Values{"name": {o.Name}, "description": {""}, "visibility": {string(o.Visibility)}, "expires": {""},
			"rotation": {""}}
		for _, hidden := range []string{"form", "edition", "was"} {
			v.Set(hidden, html.UnescapeString(a.field(t, hidden)))
		}
		maps.Copy(v, changed)
		return v
	}
	theirs := url.Values{"protected": {"yes"}, "expires": {"2099-01-31"}, "rotation": {"30"}}
	d.post(d.path(o, "/edit"), sent(first, theirs)).is(t, 200, "Saved.")
	mine := url.Values{"description": {"by the second"}}
	again := d.post(d.path(o, "/edit"), sent(second, mine)).
		is(t, 422, "Changed by others: Expires, Rotation, Protected from deletion.", "by the second", `value="2099-01-31"`)
	// The browser sends back the fields of the form as they are now.
	now := maps.Clone(mine)
	maps.Copy(now, theirs)
	d.post(d.path(o, "/edit"), sent(again, now)).is(t, 200, "Saved.")
	got := d.object(backend.KindSecret, "db_password")
	if !got.Protected || got.RotationDays != 30 || got.ExpiresAt.IsZero() || got.Description != "by the second" {
		t.Errorf("the secret is %+v", got.Attributes)
	}
	// A form that was opened before, and that nobody asked about, changes nothing else either.
	d.post(d.path(o, "/edit"), sent(second, url.Values{"description": {"again"}})).is(t, 422)
	if now := d.object(backend.KindSecret, "db_password"); !now.Protected || now.Description != "by the second" {
		t.Errorf("the secret is %+v", now.Attributes)
	}
}

func TestTypedSecretHasAFormOfItsFields(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	const add = "/ui/p/default/e/dev/new?type=database_connection"
	page := d.get(add).is(t, 200, `name="value.password" type="text" class="mono masked"`, `name="value.host"`)
	v := url.Values{"form": {page.field(t, "form")}, "type": {"database_connection"}, "name": {"db"},
		"value.host": {"db.internal"}, "value.password": {canary}}
	d.post(add, v).is(t, 422, "username", `value="db.internal"`).mistake(t, "value.username", "This field is required.")
	v["value.username"], v["value.port"] = []string{"shop"}, []string{"five"}
	d.post(add, v).is(t, 422).mistake(t, "value.port", "write a number")
	v["value.port"] = []string{"70000"} // the backend says what is wrong with the whole value
	d.post(add, v).is(t, 422, `<fieldset aria-describedby="value-error"`,
		`id="value-error" role="alert" tabindex="-1" autofocus`).
		lacks(t, canary, "This field is required.")
	v["value.port"] = []string{"5432"}
	check := url.Values{"environment": {"dev"}}
	for k, values := range v {
		check[k] = values
	}
	d.post("/ui/p/default/check", check).is(t, 200, "fits the type").lacks(t, canary)
	d.post(add, v).is(t, 200, "Created.")
	got, err := d.service.Resolve(context.Background(), []backend.Ref{{Kind: backend.KindSecret,
		Project: backend.DefaultProject, Environment: "dev", Name: "db", Field: "port"}})
	if err != nil || got[0].Err != nil || string(got[0].Value.Expose()) != "5432" {
		t.Errorf("the port is %v: %v", got, err)
	}
}

func TestValueIsRevealedForAMoment(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	o := d.object(backend.KindSecret, "db_password")
	d.get(d.path(o, "")).is(t, 200, "Show", "share your screen").lacks(t, canary)
	got := d.post(d.path(o, "/reveal"), nil).is(t, 200, canary, "Hide now")
	if got.Header.Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(got.Header.Get("Refresh"), "30; url="+d.base+"/p/") ||
		got.Header.Get("Content-Encoding") != "" {
		t.Errorf("the page with the value has the headers %v", got.Header)
	}
	d.get(d.path(o, "/reveal")).lacks(t, canary) // a link reveals nothing
	// Some time later the credential is asked for again.
	d.now = d.now.Add(11 * time.Minute)
	d.get("/ui/p/default/e/dev").is(t, 200)
	d.post(d.path(o, "/reveal"), nil).is(t, 401, "A new code").lacks(t, canary)
	d.post(d.path(o, "/reveal"), url.Values{"code": {"wrong"}}).is(t, 401, "not valid").lacks(t, canary)
	d.post(d.path(o, "/reveal"), url.Values{"code": {d.codes.New()}}).is(t, 200, canary)
	r := d.request(http.MethodPost, d.path(o, "/reveal"), nil)
	r.Header.Set("Accept", "application/json")
	d.send(r).is(t, 200, `{"binary":false,"seconds":30,"value":"`+canary+`"}`)
	restricted := secret("dev", "restricted", canary)
	restricted.Visibility = new(backend.Visibility)
	*restricted.Visibility = backend.Restricted
	o = d.must(restricted)[0].Object
	d.get(d.path(o, "")).is(t, 200, "No person sees its value").lacks(t, ">Show<")
	d.post(d.path(o, "/reveal"), nil).is(t, 403).lacks(t, canary)
}

func TestVersionsAreComparedAndRolledBack(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.must(secret("dev", "db_password", "second"))
	o := d.object(backend.KindSecret, "db_password")
	page := d.get(d.path(o, "?compare=1")).is(t, 200, "Version 1 has another value than version 2.")
	page.lacks(t, canary)
	v := url.Values{"version": {"1"}, "expect": {"2"}, "form": {page.field(t, "form")}}
	d.post(d.path(o, "/rollback"), v).is(t, 200, "Rolled back")
	d.post(d.path(o, "/rollback"), url.Values{"version": {"1"}, "expect": {"2"}}).is(t, 409, "version")
	d.get(d.path(o, "?compare=1")).is(t, 200, "Version 1 has the same value as version 3.")
}

func TestDeletionAsksForTheKeyAndNamesWhoUsesIt(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	link := backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: backend.DefaultProject,
		Environment: "dev", Name: "db_link", Link: &backend.Link{Secret: "db_password"}}
	d.must(link)
	o := d.object(backend.KindSecret, "db_password")
	d.get(d.path(o, "/delete")).is(t, 200, "Type the key to confirm")
	form := d.get(d.path(o, "/delete")).form(t, "/delete", "")
	form.Set("key", "db_passwor")
	d.post(d.path(o, "/delete"), form).is(t, 422, "This is not the key")
	form.Set("key", "db_password")
	form = d.post(d.path(o, "/delete"), form).is(t, 422, "Do this first", "db_link", "Delete it nevertheless").
		form(t, "/delete", "")
	form.Set("force", "yes")
	d.post(d.path(o, "/delete"), form).is(t, 200, "Deleted.")
	d.get("/ui/p/default/deleted").is(t, 200, "db_password", "Restore")
	d.post("/ui/p/default/deleted", url.Values{"kind": {"secret"}, "id": {o.ID}}).is(t, 200, "Restored.", "db_password")
	d.post("/ui/p/default/deleted", url.Values{"kind": {"secret"}, "id": {o.ID}}).is(t, 422, "does not exist")
}

func TestScopedValuesAreCreatedAndEdited(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	const add = "/ui/p/default/e/dev/new-value"
	d.post(add, url.Values{"name": {"region"}, "as": {"json"}, "json": {"eu"}}).is(t, 422, "invalid JSON", "eu</textarea>")
	d.post(add, url.Values{"name": {"region"}, "as": {"json"}, "json": {`"eu"`}}).is(t, 200, "Created.", "eu")
	o := d.object(backend.KindScopedValue, "region")
	edition := d.get(d.path(o, "/edit")).field(t, "edition")
	d.post(d.path(o, "/edit"), url.Values{"name": {"region"}, "as": {"json"}, "json": {`"eu"`}, "edition": {edition}}).
		is(t, 422, "No changes to save")
	d.post(d.path(o, "/edit"), url.Values{"name": {"region"}, "as": {"link"}, "secret": {"db_password"},
		"edition": {edition}}).is(t, 200, "Saved.", "Linked to the secret")
}

func TestDraftIsReviewedAndDeployed(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	const add = "/ui/p/default/e/dev/new"
	d.post(add, url.Values{"name": {"new_key"}, "value": {canary}, "draft": {"release-7"}}).
		is(t, 200, "Review and deploy release-7", "Added to the draft.", "new_key", "create").lacks(t, canary)
	d.get("/ui/p/default/drafts").is(t, 200, "release-7")
	d.get("/ui/p/default/matrix").is(t, 200, "new_key", ">draft<")
	page := d.get("/ui/p/default/drafts/release-7")
	old := page.form(t, "/release-7", `value="deploy"`)
	old.Set("do", "deploy")
	d.post(add, url.Values{"name": {"later"}, "value": {canary}, "draft": {"release-7"}}).is(t, 200, "later")
	d.post("/ui/p/default/drafts/release-7", old).
		is(t, 422, "Somebody else has made a change")
	page = d.get("/ui/p/default/drafts/release-7")
	deploy := page.form(t, "/release-7", `value="deploy"`)
	deploy.Set("do", "deploy")
	d.post("/ui/p/default/drafts/release-7", deploy).is(t, 200, "Deployed", "No draft waits")
	d.object(backend.KindSecret, "new_key")
	d.get("/ui/p/default/drafts/release-7").is(t, 404, "does not exist")
}

func TestMatrixShowsHolesAndDifferences(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.must(secret("dev", "both", "a"), secret("prod", "both", "b"), secret("*", "shared", "v"))
	d.get("/ui/p/default/matrix").is(t, 200, "missing", "/e/prod/new?name=db_password", ">shared<").lacks(t, canary)
	d.get("/ui/p/default/matrix?only=holes").is(t, 200, "db_password").lacks(t, ">both<")
	d.get("/ui/p/default/matrix?only=different").is(t, 200, ">both<", ">set v1<", ">different v1<").
		lacks(t, ">db_password<", ">same")
}

func TestTypeIsCreatedAndTriedWithAnExample(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	v := url.Values{"key": {"login"}, "schema": {`{"type": "object", "required": ["user"]}`}, "example": {`{"user": "a"}`}}
	d.post("/ui/p/default/check-type", v).is(t, 200, "The schema is valid")
	v["example"] = []string{`{}`}
	d.post("/ui/p/default/check-type", v).is(t, 200, "user").lacks(t, "The schema is valid", "check_of")
	d.post("/ui/p/default/new-type", v).is(t, 422, `id="example-error"`, "user").lacks(t, "Saved.")
	v["schema"] = []string{`{"type": `}
	d.post("/ui/p/default/new-type", v).is(t, 422, "invalid JSON")
	v["schema"] = []string{`{"type": "object"}`}
	d.post("/ui/p/default/new-type", v).is(t, 200, "Saved.", "login")
	d.post("/ui/p/default/types/login", v).is(t, 422, "No changes to save")
	d.get("/ui/p/default/types/password").is(t, 200, "cannot be changed")
}

func TestQuotaIsShownAndRaised(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.get("/ui/p/default/quotas").is(t, 200, "1 of 100 secrets")
	v := url.Values{"max_secrets": {"1"}, "max_value_bytes": {"65536"}, "max_name_length": {"256"},
		"recovery_days": {"7"}, "max_versions": {"0"}, "version_days": {"0"}}
	d.post("/ui/p/default/quotas", v).is(t, 200, "The quota is used up")
	d.post("/ui/p/default/e/dev/new", url.Values{"name": {"one_more"}, "value": {"v"}}).is(t, 422, "quota")
	d.post("/ui/p/default/quotas", v).is(t, 422, "No changes to save")
	v["max_secrets"] = []string{"many"}
	d.post("/ui/p/default/quotas", v).is(t, 422, "the number is not valid", `value="many"`)
}

func TestTokenIsCreatedAndShownOnce(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	v := url.Values{"name": {"pipelines"}, "role": {"runtime"}, "for": {"workload"}}
	d.post("/ui/tokens", v).is(t, 200, "cannot be shown again", "pnct_", "pipelines")
	page := d.get("/ui/tokens").is(t, 200, "pipelines")
	page.lacks(t, ">pnct_")
	d.post("/ui/tokens", v).is(t, 422, "already exists")
	d.now = d.now.Add(11 * time.Minute)
	d.post("/ui/tokens", url.Values{"name": {"later"}, "role": {"viewer"}, "for": {"person"}}).is(t, 401, "A new code")
}

// TestTokenIsDeletedAfterItsNameIsTyped tries to delete a token without its name, and with another one.
func TestTokenIsDeletedAfterItsNameIsTyped(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	_, id := d.newToken("nightly", backend.RoleViewer, backend.Workload)
	before := d.everything()
	d.get("/ui/tokens").is(t, 200, "/tokens/"+id+"/delete", "Delete nightly")
	d.post("/ui/tokens", url.Values{"delete": {id}}).is(t, 422) // the form of earlier releases
	at := "/ui/tokens/" + id + "/delete"
	page := d.get(at).is(t, 200, "Type the name", "viewer", "workload")
	for _, typed := range []string{"", "night", "NIGHTLY", "nightly "} {
		form := page.form(t, "/delete", "")
		form.Set("name", typed)
		d.post(at, form).is(t, 422, "This is not the name. Type nightly")
	}
	if d.everything() != before {
		t.Fatal("a token was deleted without its name")
	}
	form := page.form(t, "/delete", "")
	form.Set("name", "nightly")
	d.post(at, form).is(t, 200, "Deleted.").lacks(t, id)
	d.post(at, form).is(t, 200, "Deleted.") // as by a double click
	d.get(at).is(t, 404, "does not exist")
}

func TestReportsAndHealthAreShown(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.must(secret("dev", "twin", canary))
	d.get("/ui/p/default/reports").is(t, 200, "same value", "twin", "missing").lacks(t, canary)
	d.get("/ui/p/default/reports?only=same-value").is(t, 200, "twin").lacks(t, ">missing</span></td>")
	d.get("/ui/p/default/reports?only=x").is(t, 400, "does not exist")
	d.get("/ui/doctor").is(t, 200, "The backend has no problem")
}

// TestHostileTextsAreOnlyTexts shows entries whose texts try to be markup or to reverse the text around them.
func TestHostileTextsAreOnlyTexts(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	c := secret("dev", strings.Repeat("n", 256), "v")
	text := `<script>alert(1)</script>"'><img src=x onerror=alert(1)> {{.}} 🙂`
	c.Description, c.Labels = &text, map[string]string{`"><b>`: `</dd><script>`}
	o := d.must(c)[0].Object
	for _, path := range []string{"/ui/p/default/e/dev", d.path(o, ""), d.path(o, "/edit"), d.path(o, "/delete"),
		"/ui/p/default/e/dev?q=" + url.QueryEscape(text), "/ui/p/" + url.PathEscape(text), "/ui/sign-in?next=" +
			url.QueryEscape(text)} {
		d.get(path).lacks(t, "<script>alert", "<img", "<b>", "</dd><script>")
	}
	reversed := secret("dev", "r", "v")
	reversed.Note = new(string)
	d.must(reversed)
	d.get("/ui/p/default/e/dev?done=%3Cscript%3E").lacks(t, "<script>")
}

// TestRoles looks at the dashboard as each role: nothing is offered that is then refused.
func TestRoles(t *testing.T) {
	for _, role := range backend.Roles {
		if role == backend.RoleNone {
			continue // it sees nothing without bindings
		}
		var codes *site.Codes
		d := newDashboard(t, func(o *site.Options) {
			codes = site.NewCodes(backend.Principal{ID: "1", Name: "somebody", Role: role}, nil)
			o.Service, o.Identity = access.Guard(o.Service), codes
		})
		d.post("/ui/sign-in", url.Values{"code": {codes.New()}}).is(t, 200, "db_password")
		o := d.object(backend.KindSecret, "db_password")
		page := d.get("/ui/p/default/e/dev")
		entry := d.get(d.path(o, ""))
		changes := role == backend.RoleAdmin || role == backend.RoleEditor
		reveals := role == backend.RoleAdmin || role == backend.RoleRevealer
		for text, page := range map[string]answer{"Add Secret": page, "/edit": page, `/delete"`: page, "/reveal": entry} {
			want := changes
			if text == "/reveal" {
				want = reveals
			}
			if strings.Contains(page.body, text) != want {
				t.Errorf("role %s is offered %s: %t", role, text, !want)
			}
		}
		if !reveals {
			d.post(d.path(o, "/reveal"), nil).is(t, 403).lacks(t, canary)
		}
		if changes {
			continue
		}
		d.post("/ui/p/default/e/dev/new", url.Values{"name": {"n"}, "value": {"v"}}).is(t, 422, "permission denied")
		d.post(d.path(o, "/delete"), url.Values{"key": {"db_password"}, "edition": {"1"}}).
			is(t, 422, "permission denied")
		d.object(backend.KindSecret, "db_password")
	}
}

// TestFirstPageIsSmall measures what the browser loads for the first page, compressed.
func TestFirstPageIsSmall(t *testing.T) {
	d := newDashboard(t)
	d.signIn()
	d.must(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
		Policy: &backend.PolicyChange{MaxSecrets: ptr(10_000)}})
	var many []backend.Change
	for i := range 1000 {
		c := secret("dev", fmt.Sprintf("secret_number_%04d", i), "v")
		c.Description = ptr(fmt.Sprintf("what secret %d is for, in some words", i))
		many = append(many, c)
	}
	d.must(many...)
	size := 0
	load := func(path string) string {
		r := d.request(http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", "gzip") // set here, the answer is not unpacked
		got := d.send(r)
		size += len(got.body)
		return got.body
	}
	load("/ui/p/default/e/dev")
	files := regexp.MustCompile(`"(/ui/static/[^"]+)"`)
	for _, m := range files.FindAllStringSubmatch(d.get("/ui/p/default/e/dev").body, -1) {
		load(m[1])
	}
	if size > 60_000 {
		t.Errorf("the first page has %d bytes on the wire; the limit is 60000", size)
	}
	t.Logf("the first page has %d bytes on the wire", size)
}

func ptr[T any](v T) *T { return &v }
