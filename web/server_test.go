// SPDX-License-Identifier: MPL-2.0

package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/onpostgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
	"github.com/pouncet/terraform-provider-pouncet/web"
	"github.com/pouncet/terraform-provider-pouncet/web/site"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// newServers returns the dashboards of two servers of one deployment.
func newServers(t *testing.T) (first, second *dashboard) {
	t.Helper()
	config := open.Config{Path: filepath.Join(t.TempDir(), ".pouncet")}
	opentest.Init(t, config)
	return serversOf(t, func() (*open.Parts, error) { return open.Embedded(t.Context(), config) })
}

// newServersOnPostgreSQL returns the dashboards of two servers on one PostgreSQL database.
func newServersOnPostgreSQL(t *testing.T) (first, second *dashboard) {
	t.Helper()
	config := open.ServerConfig{KMSKey: "file://" + filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key")),
		Database: onpostgres.Database(postgrestest.Database(t), "")}
	return serversOf(t, func() (*open.Parts, error) {
		parts, _, err := open.Server(t.Context(), config)
		return parts, err
	})
}

func serversOf(t *testing.T, start func() (*open.Parts, error)) (first, second *dashboard) {
	t.Helper()
	var out []*dashboard
	for range 2 {
		parts, err := start()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = parts.Close() })
		d := &dashboard{T: t, service: parts.Engine, now: time.Now(), browser: newBrowser()}
		log := parts.Audited(access.Guard)
		d.audit = &recorder{next: log}
		s := httptest.NewServer(web.New(site.Options{Service: log, Audit: d.audit, Rights: parts.Rights,
			Identity: site.Tokens{Logins: access.NewLogins(parts.Store, nil)},
			Ended:    access.NewSessions(parts.Store, func() time.Time { return d.now }),
			Cipher:   parts.SessionCipher, Now: func() time.Time { return d.now }}))
		t.Cleanup(s.Close)
		d.url = s.URL
		out = append(out, d)
	}
	out[0].must(environment("dev"), secret("dev", "db_password", canary))
	out[1].browser = out[0].browser // cookies do not depend on the port
	return out[0], out[1]
}

// newToken creates a token.
func (d *dashboard) newToken(name string, role backend.Role, kind backend.PrincipalKind) (token, id string) {
	d.Helper()
	token, hash := access.NewToken()
	out := d.must(backend.Change{Op: backend.OpCreate, Kind: backend.KindToken, Name: name, Role: &role, Principal: &kind,
		TokenHash: hash})
	return token, out[0].Object.ID
}

func TestTokenSignsInOnEachServer(t *testing.T) {
	first, second := newServers(t)
	first.newToken("other", backend.RoleAdmin, backend.Person) // the last admin token cannot be deleted
	token, id := first.newToken("ada", backend.RoleAdmin, backend.Person)
	got := first.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200, "db_password", "ada")
	got.lacks(t, token)
	at, _ := url.Parse(first.url + first.base + "/")
	for _, c := range first.browser.Jar.Cookies(at) {
		if strings.Contains(c.Value, token) {
			t.Error("the cookie has the token in plain text")
		}
	}
	first.balance(second)
	second.get("/ui/p/default/e/dev").is(t, 200, "db_password")
	o := first.object(backend.KindSecret, "db_password")
	second.post(second.path(o, "/reveal"), nil).is(t, 200, canary)

	// The deletion of the token ends its session on both servers, with the next request.
	first.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindToken, ID: id})
	for _, d := range []*dashboard{first, second} {
		if got := d.get("/ui/p/default/e/dev"); got.StatusCode == 200 && strings.Contains(got.body, "db_password") {
			t.Error("a session outlives its token")
		}
		d.post(d.path(o, "/reveal"), nil).is(t, 401).lacks(t, canary)
	}
}

// balance gives the browser of d the session that it has with another server: behind a load balancer both have the
// same port, which is in the name of the cookie.
func (d *dashboard) balance(other *dashboard) {
	d.Helper()
	at, _ := url.Parse(d.url + d.base + "/")
	there, _ := url.Parse(other.url + d.base + "/")
	other.base = d.base
	for _, c := range d.browser.Jar.Cookies(at) {
		c.Name = strings.Replace(c.Name, at.Port(), there.Port(), 1)
		other.browser.Jar.SetCookies(there, []*http.Cookie{c})
	}
}

// TestSessionEndsOnAllServers signs out at one server, and ends a session at the page of one. Copies of the cookies are
// of no use at the other.
func TestSessionEndsOnAllServers(t *testing.T) {
	for name, newTwo := range map[string]func(*testing.T) (_, _ *dashboard){"SQLite": newServers,
		"PostgreSQL": newServersOnPostgreSQL} {
		t.Run(name, func(t *testing.T) {
			first, second := newTwo(t)
			token, _ := first.newToken("ada", backend.RoleAdmin, backend.Person)
			for _, ends := range []func(){
				func() { first.post("/ui/sign-out", nil).is(t, 200, "Sign in") },
				func() {
					id := first.get("/ui/sessions").is(t, 200, "this one").field(t, "id")
					first.post("/ui/sessions", url.Values{"id": {id}})
				},
				func() { // over the session that the browser has
					r := first.request(http.MethodPost, "/ui/sign-in", url.Values{"code": {token}})
					r.URL.Path = first.base + "/sign-in"
					first.send(r)
				},
			} {
				first.base, first.browser = "", newBrowser()
				second.browser = newBrowser()
				first.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200)
				first.balance(second)
				id := second.get("/ui/sessions").is(t, 200, "this one").field(t, "id")
				at := first.base
				ends()
				second.base = at
				if got := second.get("/ui/p/default/e/dev"); got.at() != "/ui/sign-in" {
					t.Errorf("the other server answers with %s", got.Request.URL)
				}
				second.base, second.browser = "", newBrowser()
				second.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200)
				if second.get("/ui/sessions").is(t, 200, "this one"); strings.Contains(second.get("/ui/sessions").body, id) {
					t.Error("the other server lists a session that has ended")
				}
				second.post("/ui/sign-out", nil)
			}
		})
	}
}

func TestTokenIsAskedForAgain(t *testing.T) {
	d, _ := newServers(t)
	token, _ := d.newToken("ada", backend.RoleAdmin, backend.Person)
	other, _ := d.newToken("eve", backend.RoleAdmin, backend.Person)
	d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200)
	o := d.object(backend.KindSecret, "db_password")
	d.now = d.now.Add(11 * time.Minute)
	d.post(d.path(o, "/reveal"), nil).is(t, 401, "Your token, once more").lacks(t, canary)
	d.post(d.path(o, "/reveal"), url.Values{"code": {other}}).is(t, 401, "is not the one").lacks(t, canary)
	d.post(d.path(o, "/reveal"), url.Values{"code": {token}}).is(t, 200, canary)
}

// TestWorkloadAtThePagesIsAPerson signs in with the token of a workload, which may use restricted secrets elsewhere.
func TestWorkloadAtThePagesIsAPerson(t *testing.T) {
	d, _ := newServers(t)
	token, _ := d.newToken("ci", backend.RoleAdmin, backend.Workload)
	d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200)
	c, restricted := secret("dev", "restricted", canary), backend.Restricted
	c.Visibility = &restricted
	o := d.must(c)[0].Object
	d.post(d.path(o, "/reveal"), nil).is(t, 403).lacks(t, canary)
}

func TestFailedAttemptsAreThrottled(t *testing.T) {
	d, _ := newServers(t)
	token, _ := d.newToken("ada", backend.RoleAdmin, backend.Person)
	d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200)
	o := d.object(backend.KindSecret, "db_password")
	for n := range 10 {
		d.post("/ui/sign-in", url.Values{"code": {"wrong"}}).is(t, 401)
		if n < 9 {
			d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200) // costs nothing
		}
	}
	got := d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 429, "too many failed attempts")
	if got.Header.Get("Retry-After") == "" {
		t.Error("the answer does not say when to try again")
	}
	d.now = d.now.Add(time.Minute)
	d.post("/ui/sign-in", url.Values{"code": {token}}).is(t, 200)
	d.now = d.now.Add(11 * time.Minute)
	for range 10 {
		d.post(d.path(o, "/reveal"), url.Values{"code": {"wrong"}}).is(t, 401)
	}
	d.post(d.path(o, "/reveal"), url.Values{"code": {token}}).is(t, 429, "too many failed attempts").lacks(t, canary)
}

func TestSignInOfAnotherSiteIsRefused(t *testing.T) {
	d, _ := newServers(t)
	token, _ := d.newToken("eve", backend.RoleAdmin, backend.Person)
	r := d.request(http.MethodPost, "/ui/sign-in", url.Values{"code": {token}})
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if got := d.send(r); got.StatusCode != http.StatusForbidden || got.Header.Get("Set-Cookie") != "" {
		t.Errorf("another site signs somebody in: %s", got.Status)
	}
}

// BenchmarkFirstPage is the page of an environment with 1,000 and with 5,000 secrets, from request to answer. With
// 1,000 it has at most 60 kB on the wire and takes at most 50 ms. The limit is for the time of the processors, because
// other programs run at the same time.
func BenchmarkFirstPage(b *testing.B) {
	for name, n := range map[string]int{"1000": 1000, "5000": 5000} {
		b.Run(name, func(b *testing.B) {
			s, err := open.Open(context.Background(), open.Config{Path: filepath.Join(b.TempDir(), ".pouncet"),
				CreateIfAbsent: true})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			changes := []backend.Change{{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
				Policy: &backend.PolicyChange{MaxSecrets: ptr(10_000)}}, environment("dev")}
			for i := range n {
				c := secret("dev", fmt.Sprintf("secret_%04d", i), "v")
				c.Description = ptr("what the secret is for")
				changes = append(changes, c)
			}
			if _, err := s.Apply(context.Background(), backend.ChangeSet{Changes: changes}); err != nil {
				b.Fatal(err)
			}
			codes := site.NewCodes(open.LocalUser(), nil)
			block := make([]byte, 32)
			h := web.New(site.Options{Service: s, Identity: codes, Cipher: cipherOf(block)})
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/ui/sign-in", strings.NewReader("code="+codes.New()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			h.ServeHTTP(w, r)
			cookie, page := w.Result().Cookies()[0], w.Result().Header.Get("Location")+"p/default/e/dev"
			size := 0
			b.ResetTimer()
			start := processorTime(b)
			for range b.N {
				r := httptest.NewRequest(http.MethodGet, page, nil)
				r.AddCookie(cookie)
				r.Header.Set("Accept-Encoding", "gzip")
				w := httptest.NewRecorder()
				if h.ServeHTTP(w, r); w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
				size = w.Body.Len()
			}
			cpu := float64((processorTime(b) - start).Microseconds()) / 1000 / float64(b.N)
			b.ReportMetric(cpu, "ms-cpu")
			b.ReportMetric(float64(size)/1000, "kB")
			if n == 1000 && (cpu > 50 || size > 60_000) {
				b.Errorf("the page takes %.1f ms of the processors and %d bytes; the limits are 50 ms and 60 kB", cpu, size)
			}
		})
	}
}
