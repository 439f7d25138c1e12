// SPDX-License-Identifier: MPL-2.0

package oidc_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/certificate"
	"github.com/pouncet/terraform-provider-pouncet/backend/certificate/certificatetest"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// tlsServers are the servers of a fixture with TLS and client certificates.
type tlsServers struct {
	*fixture
	folder      string
	authority   *certificatetest.Authority // of clients, in the file clients.pem
	certificate *certificate.Server
	servers     [2]*httptest.Server
	ca          *x509.CertPool
	caFile      string
}

func (f *fixture) clientCertificate(state *tls.ConnectionState) *x509.Certificate {
	if f.tls == nil {
		return nil
	}
	return f.tls.certificate.Client(state)
}

// withTLS starts servers with TLS for the handlers of a fixture.
func (f *fixture) withTLS() *tlsServers {
	f.Helper()
	t := &tlsServers{fixture: f, folder: f.TempDir()}
	t.authority = t.newAuthority("clients")
	own := t.newAuthority("servers")
	cert, key, err := own.IssueForADay("server")
	f.fail(err)
	t.certificate, err = certificate.NewServer(certificate.Files{Cert: cert, Key: key, ClientCA: t.authority.File}, nil)
	f.fail(err)
	t.caFile = own.File
	t.ca, err = certificate.Authorities(own.File)
	f.fail(err)
	for i, s := range f.servers {
		t.servers[i] = httptest.NewUnstartedServer(s.Config.Handler)
		t.servers[i].TLS = t.certificate.Config()
		t.servers[i].Config.ErrorLog = log.New(io.Discard, "", 0)
		t.servers[i].StartTLS()
		f.Cleanup(t.servers[i].Close)
	}
	f.tls = t
	return t
}

func (f *fixture) fail(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (t *tlsServers) newAuthority(name string) *certificatetest.Authority {
	t.Helper()
	a, err := certificatetest.NewAuthority(t.folder, name)
	t.fail(err)
	return a
}

// caller is a client with a certificate, and its connections.
type caller struct {
	*tlsServers
	http      *http.Client
	cert, key string
	header    string // of a proxy; "" for none
}

func (t *tlsServers) caller(by *certificatetest.Authority, names ...string) *caller {
	t.Helper()
	cert, key, err := by.IssueClient("client", time.Now().Add(24*time.Hour), names...)
	t.fail(err)
	return t.callerWith(cert, key)
}

// callerWithKey is a caller with another certificate for a key.
func (t *tlsServers) callerWithKey(by *certificatetest.Authority, key string, names ...string) *caller {
	t.Helper()
	cert, err := by.IssueForKey("for-key", key, names...)
	t.fail(err)
	return t.callerWith(cert, key)
}

func (t *tlsServers) callerWith(cert, key string) *caller {
	t.Helper()
	c := &caller{tlsServers: t, cert: cert, key: key}
	config := &tls.Config{RootCAs: t.ca, MinVersion: tls.VersionTLS13}
	if cert != "" {
		own, err := certificate.Load(cert, key)
		t.fail(err)
		// It is sent although the server names other authorities.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
	}
	transport := &http.Transport{TLSClientConfig: config}
	t.Cleanup(transport.CloseIdleConnections)
	c.http = &http.Client{Transport: transport}
	return c
}

// post sends a request, and returns the status and the body. The status is 0 if there is no answer.
func (c *caller) post(server int, path, token string, body any) (int, string) {
	c.Helper()
	text, err := json.Marshal(body)
	c.fail(err)
	req, err := http.NewRequestWithContext(c.Context(), http.MethodPost, c.servers[server].URL+path,
		bytes.NewReader(text))
	c.fail(err)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	// What a proxy would send counts for nothing.
	req.Header.Set("X-Forwarded-Client-Cert", "URI=spiffe://acme.example/ns/shop/pay")
	if c.header != "" {
		req.Header.Set(c.header, "203.0.113.7")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	c.fail(err)
	return resp.StatusCode, string(out)
}

func (c *caller) login(server int, trust string) (int, string, httpapi.LoginSession) {
	c.Helper()
	status, text := c.post(server, "/v1/login", "", map[string]string{"trust": trust})
	var s httpapi.LoginSession
	if status == http.StatusOK {
		c.fail(json.Unmarshal([]byte(text), &s))
	}
	return status, text, s
}

func (c *caller) mustLogin(trust string) httpapi.LoginSession {
	c.Helper()
	status, text, s := c.login(0, trust)
	if status != http.StatusOK {
		c.Fatalf("status %d: %s\n%s", status, text, c.logged())
	}
	return s
}

// resolves reports whether a session resolves the secret over the connections of a caller.
func (c *caller) resolves(server int, session string) bool {
	c.Helper()
	status, text := c.post(server, "/v1/resolve-one", session, map[string]string{"project": backend.DefaultProject,
		"environment": "dev", "name": "db"})
	if status != http.StatusOK && status != http.StatusUnauthorized {
		c.Fatalf("status %d: %s", status, text)
	}
	return status == http.StatusOK
}

const meshURI = "spiffe://acme.example/ns/shop/pay"

// mesh creates a trust in certificates.
func (f *fixture) mesh(name string, change func(*backend.Trust)) {
	f.Helper()
	f.trust(name, func(t *backend.Trust) {
		*t = backend.Trust{Certificate: true, Principal: backend.Workload,
			Claims: map[string]string{backend.ClaimURI: "spiffe://acme.example/ns/shop/*"}}
		if change != nil {
			change(t)
		}
	})
}

func TestACertificateLogsIn(t *testing.T) {
	onBoth(t, func(f *fixture) {
		f.mesh("mesh", nil)
		c := f.withTLS().caller(f.tls.authority, "uri:"+meshURI, "dns:pay.acme.example")
		s := c.mustLogin("mesh")
		if s.Principal != "mesh/"+meshURI || s.Kind != backend.Workload {
			t.Errorf("the principal is %q, a %s", s.Principal, s.Kind)
		}
		for server := range c.servers {
			for range 2 { // the second time, the server remembers the session
				if !c.resolves(server, s.Token) {
					t.Errorf("server %d refuses the session", server)
				}
			}
		}
		if s := c.mustLogin(""); s.Principal != "mesh/"+meshURI { // a certificate is used again and again
			t.Errorf("the principal is %q", s.Principal)
		}
		leaf, err := certificate.Load(c.cert, c.key)
		f.fail(err)
		records := f.loginRecords()
		if len(records) != 2 || !strings.Contains(records[0], backend.CertificateFingerprint(leaf.Leaf)) ||
			!strings.Contains(records[0], meshURI) {
			t.Errorf("the records of the logins are %v", records)
		}
	})
}

// loginRecords returns the lines of the records of logins.
func (f *fixture) loginRecords() (lines []string) {
	f.Helper()
	all, err := backend.ListAll(f.Context(), f.parts[0].Engine, backend.Query{Kind: backend.KindRecord})
	f.fail(err)
	for _, o := range all {
		if o.Record.Parse().Verb == "login" {
			lines = append(lines, o.Record.Line)
		}
	}
	return lines
}

// TestHostileCertificates logs in with certificates that the trust does not let in.
func TestHostileCertificates(t *testing.T) {
	onBoth(t, func(f *fixture) {
		f.mesh("mesh", nil)
		f.mesh("names", func(t *backend.Trust) {
			t.Subject, t.Claims = backend.ClaimDNS, map[string]string{backend.ClaimDNS: "*.acme.example"}
		})
		f.mesh("both", func(t *backend.Trust) { t.Claims[backend.ClaimDNS] = "*.acme.example" })
		f.mesh("names-in-shop", func(t *backend.Trust) { t.Subject = backend.ClaimDNS })
		f.trust("ci", nil)
		s := f.withTLS()
		for name, c := range map[string]struct {
			trust  string
			names  []string
			reason string
		}{
			"no name":             {"mesh", nil, "it has 0 names of the form san_uri"},
			"another kind":        {"mesh", []string{"dns:" + meshURI}, "it has 0 names of the form san_uri"},
			"an e-mail address":   {"mesh", []string{"email:" + meshURI}, "it has 0 names of the form san_uri"},
			"an IP address":       {"names", []string{"ip:127.0.0.1"}, "it has 0 names of the form san_dns"},
			"two names":           {"mesh", []string{"uri:" + meshURI, "uri:spiffe://acme.example/ns/shop/b"}, "has 2 names"},
			"the same name twice": {"mesh", []string{"uri:" + meshURI, "uri:" + meshURI}, "has 2 names"},
			"an empty name":       {"mesh", []string{"uri:"}, "must be a name of one line"},
			"a wildcard":          {"names", []string{"dns:*.acme.example"}, "without *"},
			"a wildcard in a URI": {"mesh", []string{"uri:spiffe://acme.example/ns/shop/*"}, "without *"},
			"another namespace":   {"mesh", []string{"uri:spiffe://acme.example/ns/hr/x"}, "the trust requires"},
			"another domain":      {"mesh", []string{"uri:spiffe://evil.example/ns/shop/x"}, "the trust requires"},
			"another case":        {"mesh", []string{"uri:spiffe://ACME.example/ns/shop/x"}, "the trust requires"},
			"a dot segment":       {"mesh", []string{"uri:spiffe://acme.example/ns/shop/../hr/x"}, "dot segment"},
			"a percent sign":      {"mesh", []string{"uri:spiffe://acme.example/ns/shop/%2e%2e/hr"}, "dot segment"},
			"a query":             {"mesh", []string{"uri:spiffe://acme.example/ns/shop/x?a"}, "its san_uri has a user"},
			"an empty fragment":   {"mesh", []string{"uri:spiffe://acme.example/ns/shop/x#"}, "its san_uri has a user"},
			"a user":              {"mesh", []string{"uri:spiffe://a@acme.example/ns/shop/x"}, "its san_uri has a user"},
			"a long name": {"mesh", []string{"uri:spiffe://acme.example/ns/shop/" + strings.Repeat("x", 255)},
				"at most 255 bytes"},
			"a constructed URI": {"mesh", []string{"constructed-uri:" + meshURI}, "the handshake has not checked"},
			"a constructed DNS name": {"names", []string{"constructed-dns:pay.acme.example"},
				"the handshake has not checked"},
			"a constructed name too": {"mesh", []string{"uri:" + meshURI, "constructed-dns:pay.acme.example"},
				"the handshake has not checked"},
			"no name of a condition":    {"both", []string{"uri:" + meshURI}, "its san_dns is missing"},
			"a wildcard of a condition": {"both", []string{"uri:" + meshURI, "dns:*.acme.example"}, "without *"},
			"a wildcard beside a name": {"both", []string{"uri:" + meshURI, "dns:pay.acme.example", "dns:*.acme.example"},
				"without *"},
			"a dot segment of a condition": {"names-in-shop",
				[]string{"dns:pay.acme.example", "uri:spiffe://acme.example/ns/shop/../hr/x"}, "dot segment"},
			"a percent sign of a condition": {"names-in-shop",
				[]string{"dns:pay.acme.example", "uri:spiffe://acme.example/ns/shop/%2e%2e/hr/x"}, "dot segment"},
			"a wildcard in a URI of a condition": {"names-in-shop",
				[]string{"dns:pay.acme.example", "uri:spiffe://acme.example/ns/shop/*"}, "without *"},
			"a query of a condition": {"names-in-shop", []string{"dns:pay.acme.example", "uri:" + meshURI + "?a"},
				"its san_uri has a user, a query"},
			"another trust": {"names", []string{"uri:" + meshURI}, "it has 0 names of the form san_dns"},
			"no such trust": {"none", []string{"uri:" + meshURI}, "0 trusts accept certificates"},
			"an issuer":     {"ci", []string{"uri:" + meshURI}, "0 trusts accept certificates"},
		} {
			status, text, _ := s.caller(s.authority, c.names...).login(0, c.trust)
			if status != http.StatusUnauthorized || !strings.Contains(text, "the client certificate is not accepted") ||
				strings.Contains(text, "acme") {
				t.Errorf("%s: status %d: %s", name, status, text)
			}
			lines := strings.Split(strings.TrimSpace(f.logged()), "\n")
			if last := lines[len(lines)-1]; !strings.Contains(last, c.reason) {
				t.Errorf("%s: the log says %q, want %q", name, last, c.reason)
			}
		}
		if records := f.loginRecords(); len(records) > 0 {
			t.Errorf("a refused certificate has a record of a login: %v", records)
		}
	})
}

// TestNameConstraintsOfAnAuthorityCount has an authority that may sign names of hr.example only.
func TestNameConstraintsOfAnAuthorityCount(t *testing.T) {
	f := newFixture(t, sqlite)
	f.mesh("mesh", nil)
	f.mesh("hr", func(t *backend.Trust) { t.Claims[backend.ClaimURI] = "spiffe://hr.example/*" })
	s := f.withTLS()
	limited, err := s.authority.Limited("hr", "hr.example")
	f.fail(err)
	for name, want := range map[string]struct {
		trust  string
		status int // 0 for a refused handshake
	}{
		"uri:spiffe://hr.example/x":  {"hr", http.StatusOK},
		"uri:" + meshURI:             {"mesh", 0},
		"constructed-uri:" + meshURI: {"mesh", http.StatusUnauthorized},
	} {
		if status, text, _ := s.caller(limited, name).login(0, want.trust); status != want.status {
			t.Errorf("%s: status %d: %s", name, status, text)
		}
	}
}

// TestCertificatesOfTheHandshake has certificates that open no connection.
func TestCertificatesOfTheHandshake(t *testing.T) {
	f := newFixture(t, sqlite)
	f.mesh("mesh", nil)
	s := f.withTLS()
	other := s.newAuthority("others")
	expired, expiredKey, err := s.authority.IssueClient("expired", time.Now().Add(-time.Minute), "uri:"+meshURI)
	f.fail(err)
	for name, c := range map[string]*caller{
		"no certificate":     s.callerWith("", ""),
		"another authority":  s.caller(other, "uri:"+meshURI),
		"an expired one":     s.callerWith(expired, expiredKey),
		"one for a server":   s.serverOnly(),
		"one of the servers": s.callerWith(s.folder+"/server.pem", s.folder+"/server.key"),
	} {
		if status, text, _ := c.login(0, "mesh"); status != 0 {
			t.Errorf("%s: status %d: %s", name, status, text)
		}
	}
	// Without TLS, as behind a proxy, there is no certificate, whatever a header says.
	plain := &caller{tlsServers: &tlsServers{fixture: f, servers: f.servers}, http: http.DefaultClient}
	if status, text, _ := plain.login(0, "mesh"); status != http.StatusBadRequest ||
		!strings.Contains(text, "a login requires an identity token or a client certificate") {
		t.Errorf("without TLS: status %d: %s", status, text)
	}
}

// serverOnly is a caller whose certificate is not for clients.
func (t *tlsServers) serverOnly() *caller {
	t.Helper()
	cert, key, err := t.authority.IssueServer("server-only", "uri:"+meshURI)
	t.fail(err)
	return t.callerWith(cert, key)
}

// TestASessionBelongsToItsCertificate uses a stolen session.
func TestASessionBelongsToItsCertificate(t *testing.T) {
	onBoth(t, func(f *fixture) {
		f.mesh("mesh", nil)
		s := f.withTLS()
		c := s.caller(s.authority, "uri:"+meshURI)
		session := c.mustLogin("mesh").Token
		if !c.resolves(0, session) {
			t.Fatal("the session is refused")
		}
		renewed := s.callerWithKey(s.authority, c.key, "uri:"+meshURI)
		renamed := s.callerWithKey(s.authority, c.key, "uri:spiffe://acme.example/ns/hr/x")
		thief := s.caller(s.authority, "uri:"+meshURI) // the same name, another key
		plain := &caller{tlsServers: &tlsServers{fixture: f, servers: f.servers}, http: http.DefaultClient}
		for name, other := range map[string]*caller{"another key": thief, "no TLS": plain,
			"another certificate": renewed, "another name": renamed} {
			for range 2 { // with and without the memory of the server
				if other.resolves(0, session) || other.resolves(1, session) {
					t.Errorf("%s: the session is accepted", name)
				}
			}
		}
		if !c.resolves(0, session) || !c.resolves(1, session) {
			t.Error("the session of the caller has ended")
		}
	})
}

// TestASessionEndsWithItsAuthority has a certificate of another authority for the same key.
func TestASessionEndsWithItsAuthority(t *testing.T) {
	f := newFixture(t, sqlite)
	f.mesh("mesh", nil)
	s := f.withTLS()
	c := s.caller(s.authority, "uri:"+meshURI)
	session := c.mustLogin("mesh").Token
	other := s.newAuthority("clients") // the same file, without the authority of the session
	s.certificate.Reload()
	if s.callerWithKey(other, c.key, "uri:spiffe://acme.example/ns/hr/x").resolves(0, session) {
		t.Error("the session is accepted for a certificate of another authority")
	}
}

// TestTheCertificateOfAProxyLetsNobodyIn has a proxy that ends TLS and has its own certificate.
func TestTheCertificateOfAProxyLetsNobodyIn(t *testing.T) {
	f := newFixture(t, sqlite)
	f.mesh("mesh", nil)
	s := f.withTLS()
	c := s.caller(s.authority, "uri:spiffe://acme.example/ns/shop/ingress")
	session := c.mustLogin("mesh").Token // of the proxy itself
	for _, c.header = range []string{"X-Forwarded-For", "Forwarded"} {
		if status, text, _ := c.login(0, ""); status != http.StatusBadRequest ||
			!strings.Contains(text, "a login requires an identity token or a client certificate") {
			t.Errorf("%s: status %d: %s", c.header, status, text)
		}
		for range 2 { // with and without the memory of the server
			if c.resolves(0, session) || c.resolves(1, session) {
				t.Errorf("%s: the session of the proxy is accepted", c.header)
			}
		}
	}
	if c.header = ""; !c.resolves(0, session) {
		t.Error("the session of the proxy is refused")
	}
}

// TestACertificateSessionEnds ends the access of a certificate in each way, over a connection that stays open.
func TestACertificateSessionEnds(t *testing.T) {
	for name, end := range map[string]func(f *fixture){
		"the trust is deleted": func(f *fixture) {
			f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindTrust, Name: "mesh"})
		},
		"the trust is changed": func(f *fixture) {
			f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindTrust, Name: "mesh", Trust: &backend.Trust{
				Certificate: true, Principal: backend.Workload,
				Claims: map[string]string{backend.ClaimURI: "spiffe://acme.example/ns/hr/*"}}})
		},
		"the trust is one in an issuer": func(f *fixture) {
			f.must(backend.Change{Op: backend.OpSet, Kind: backend.KindTrust, Name: "mesh", Trust: &backend.Trust{
				Issuer: f.issuer.URL, Audience: audience, Principal: backend.Workload, AnySubject: true}})
		},
		"the authority is replaced": func(f *fixture) {
			f.tls.newAuthority("clients") // the same file
			f.tls.certificate.Reload()
		},
		"the certificate expires": func(f *fixture) { f.pass(2 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(f *fixture) {
				f.mesh("mesh", func(t *backend.Trust) { t.SessionMinutes = 12 * 60 })
				s := f.withTLS()
				ends := time.Now().Add(90 * time.Minute)
				cert, key, err := s.authority.IssueClient("client", ends, "uri:"+meshURI)
				f.fail(err)
				c := s.callerWith(cert, key)
				session := c.mustLogin("mesh")
				if session.ExpiresAt.After(ends) {
					t.Errorf("the session ends at %s, after the certificate", session.ExpiresAt)
				}
				if !c.resolves(0, session.Token) || !c.resolves(1, session.Token) {
					t.Fatal("the session is refused")
				}
				end(f)
				for server := range c.servers {
					if c.resolves(server, session.Token) {
						t.Errorf("server %d accepts the session", server)
					}
					if status, text, _ := c.login(server, "mesh"); status == http.StatusOK {
						t.Errorf("server %d lets the certificate in: %s", server, text)
					}
				}
			})
		})
	}
}

// TestTrustsInCertificatesAreForNoTokens has identity tokens, and people at the page to sign in.
func TestTrustsInCertificatesAreForNoTokens(t *testing.T) {
	f := newFixture(t, sqlite)
	f.mesh("mesh", func(t *backend.Trust) { t.Principal = backend.Person })
	for name, token := range map[string]string{
		"no issuer":    f.issuer.Token(audience, meshURI, map[string]any{"iss": ""}),
		"the issuer":   f.issuer.Token(audience, meshURI, nil),
		"a null claim": f.issuer.Token(audience, meshURI, map[string]any{"iss": nil}),
	} {
		for _, trust := range []string{"", "mesh"} {
			f.refusedBecause(name, f.login(0, trust, token), "no trust fits its issuer")
		}
	}
	all, err := f.logins.Issuers(t.Context())
	if err != nil || len(all) > 0 {
		t.Errorf("the page to sign in offers %v, %v", all, err)
	}
}

// TestAllConditionsOnACertificateCount has a trust with conditions on both forms of names.
func TestAllConditionsOnACertificateCount(t *testing.T) {
	f := newFixture(t, sqlite)
	f.mesh("both", func(t *backend.Trust) { t.Claims[backend.ClaimDNS] = "*.acme.example" })
	s := f.withTLS()
	for _, c := range []struct {
		names  []string
		status int
	}{
		{[]string{"uri:" + meshURI, "dns:pay.acme.example"}, http.StatusOK},
		{[]string{"uri:" + meshURI, "dns:pay.example", "dns:pay.acme.example"}, http.StatusOK}, // one of the names fits
		{[]string{"uri:" + meshURI, "dns:pay.example"}, http.StatusUnauthorized},
		{[]string{"uri:spiffe://acme.example/ns/hr/x", "dns:pay.acme.example"}, http.StatusUnauthorized},
	} {
		if status, text, _ := s.caller(s.authority, c.names...).login(0, "both"); status != c.status {
			t.Errorf("%v: status %d: %s", c.names, status, text)
		}
	}
}

func TestSeveralTrustsAcceptACertificate(t *testing.T) {
	f := newFixture(t, sqlite)
	f.mesh("mesh", nil)
	f.mesh("other", nil)
	s := f.withTLS()
	c := s.caller(s.authority, "uri:"+meshURI)
	if status, text, _ := c.login(0, ""); status != http.StatusBadRequest ||
		!strings.Contains(text, "several trusts accept the client certificate: mesh, other") {
		t.Errorf("status %d: %s", status, text)
	}
	c.mustLogin("other")
}

// TestAClientRenewsItsCertificate replaces the files while a client is open: it logs in again with the new key.
func TestAClientRenewsItsCertificate(t *testing.T) {
	f := newFixture(t, sqlite)
	f.mesh("mesh", nil)
	s := f.withTLS()
	first := s.caller(s.authority, "uri:"+meshURI)
	client, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: s.servers[0].URL, CACertFile: s.caFile,
		ClientCertFile: first.cert, ClientKeyFile: first.key, Identity: &httpapi.Identity{Trust: "mesh"}, RetryMax: 3})
	f.fail(err)
	resolve := func() error {
		out, err := client.Resolve(t.Context(), []backend.Ref{{Kind: backend.KindSecret, Project: backend.DefaultProject,
			Environment: "dev", Name: "db"}})
		if err == nil && out[0].Err != nil {
			err = out[0].Err
		}
		return err
	}
	if err := errors.Join(resolve(), resolve()); err != nil {
		t.Fatal(err)
	}
	s.caller(s.authority, "uri:"+meshURI) // the same files
	s.servers[0].CloseClientConnections()
	if err := errors.Join(resolve(), resolve()); err != nil {
		t.Errorf("after the renewal: %v", err)
	}
	if n := len(f.loginRecords()); n < 1 || n > 2 {
		t.Errorf("the client has logged in %d times", n)
	}
	f.pass(time.Hour) // the session ends
	if err := resolve(); err != nil {
		t.Errorf("after the end of the session: %v", err)
	}
	// The trust ends: the client says so.
	f.must(backend.Change{Op: backend.OpDelete, Kind: backend.KindTrust, Name: "mesh"})
	if err := resolve(); !errors.Is(err, backend.ErrUnauthenticated) ||
		!strings.Contains(err.Error(), "the client certificate is not accepted") {
		t.Errorf("without the trust: %v", err)
	}
	// A certificate that is gone is named.
	f.fail(os.Remove(first.cert))
	if err := resolve(); !errors.Is(err, backend.ErrInvalid) {
		t.Errorf("without the file: %v", err)
	}
}

// TestACertificateLoginNeedsACertificate has clients that cannot log in so.
func TestACertificateLoginNeedsACertificate(t *testing.T) {
	for _, endpoint := range []string{"http://127.0.0.1:1", "unix:///run/pouncet.sock", "https://127.0.0.1:1"} {
		_, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: endpoint, Identity: &httpapi.Identity{Trust: "mesh"}})
		if !errors.Is(err, backend.ErrUnauthenticated) {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
}
