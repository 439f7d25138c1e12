// SPDX-License-Identifier: MPL-2.0

package browser

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/pouncet/terraform-provider-pouncet/backend/oidc/oidctest"
)

// company is a server whose people sign in at an issuer. For a browser, the issuer is another site.
type company struct {
	*dashboard
	issuer *oidctest.Issuer
}

func newCompany(t *testing.T, tls bool) *company {
	t.Helper()
	d := newBackend(t)
	c := &company{d, oidctest.New()}
	t.Cleanup(c.issuer.Close)
	c.issuer.URL = strings.Replace(c.issuer.URL, "127.0.0.1", "localhost", 1)
	c.issuer.WantSecret("client-CANARY")
	d.run("shown-CANARY", "secret", "set", "db_password", "--env", "dev", "--stdin")
	d.run("", "trust", "set", "company", "--issuer", c.issuer.URL, "--audience", "pouncet-server", "--claim",
		"email=*@example.com", "--subject-claim", "email", "--for", "person")
	d.run("", "binding", "create", "company", "--role", "admin", "--to", "trust:company", "--project", "default")
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("client-CANARY\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--client-secret-file", c.issuer.URL + "=" + secret}
	scheme := "http"
	if tls {
		certificate, key := newCertificate(t)
		args, scheme = append(args, "--tls-cert", certificate, "--tls-key", key), "https"
	}
	d.startServer(scheme, args...)
	c.person("ada@example.com", nil)
	return c
}

// person makes somebody sit at each browser.
func (c *company) person(email string, more map[string]any) {
	claims := map[string]any{"sub": email, "email": email, "email_verified": true, "auth_time": time.Now().Unix()}
	for name, value := range more {
		claims[name] = value
	}
	c.issuer.SignIn(claims)
}

// newCertificate writes a certificate for 127.0.0.1, which the browser of the tests accepts.
func newCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der},
		"key.pem": {Type: "PRIVATE KEY", Bytes: raw}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}

// signInAt signs in at the issuer.
func (p *person) signInAt(path string) {
	p.Helper()
	p.base = ""
	p.open(path)
	p.sees("Sign in with company", "or with a token")
	p.click("form.issuer button")
	p.do(chromedp.WaitReady(chromedp.CSS(`.who`)))
	p.base, _, _ = strings.Cut(evaluate[string](p, `location.pathname`), "/p/")
}

// TestPersonSignsInAtAnIssuer signs in with a real browser, over TLS and without. The issuer is another site, so the
// browser keeps back cookies as it does for people.
func TestPersonSignsInAtAnIssuer(t *testing.T) {
	for name, tls := range map[string]bool{"without TLS": false, "with TLS": true} {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t, tls)
			p := c.dashboard.person()
			p.signInAt("/ui/p/default/matrix")
			p.sees("Matrix", "db_password", "company/ada@example.com")
			if at := evaluate[string](p, `location.href`); strings.Contains(at, "code=") {
				t.Errorf("the address is %s", at)
			}
			if kept := evaluate[string](p, `document.cookie`); kept != "" {
				t.Errorf("scripts can read %s", kept)
			}
			if strings.Contains(p.source(), "CANARY") {
				t.Error("the page has a secret")
			}
			p.open("/ui/p/default/e/dev")
			p.submit(`main a[href*="/secret/"]`)
			p.click("button[value=show]")
			p.waits(`document.querySelector("form[data-reveal] output").textContent === "shown-CANARY"`)

			// After signing out, the button Back and the address of the answer are of no use.
			p.submit(".who button")
			p.sees("Sign in with company")
			p.do(chromedp.NavigateBack())
			p.seesNot("CANARY", "db_password")
			p.signInAt("/ui/")
			p.sees("company/ada@example.com")
		})
	}
}

// TestPersonWhomTheIssuerRefusesIsTold signs in with a browser, and is refused.
func TestPersonWhomTheIssuerRefusesIsTold(t *testing.T) {
	c := newCompany(t, false)
	p := c.dashboard.person()
	refused := func(texts ...string) {
		p.Helper()
		p.open("/ui/p/default/matrix")
		p.click("form.issuer button")
		p.do(chromedp.WaitReady(chromedp.CSS(`[role=alert]`)))
		p.sees(append(texts, "Sign in with company")...)
		p.seesNot("Sign out", "db_password")
	}
	c.issuer.SignIn(nil)
	refused("you have cancelled")
	c.person("eve@evil.example", nil)
	refused("does not let you in")
	c.person("ada@example.com", map[string]any{"nonce": "another"})
	refused("did not work")
	c.person("ada@example.com", nil)
	c.issuer.AnswerBrowsers(url.Values{"state": {"another"}})
	refused("began in another window")
	c.issuer.AnswerBrowsers(url.Values{"iss": {"https://other.example"}})
	refused("did not work")
	c.issuer.AnswerBrowsers(nil)

	// The page that the person wanted is not lost by a mistake.
	c.person("eve@evil.example", nil)
	refused("does not let you in")
	c.person("ada@example.com", nil)
	p.click("form.issuer button")
	p.do(chromedp.WaitReady(chromedp.CSS(`.who`)))
	p.sees("Matrix", "db_password")
}

// TestPagesOfAnIssuerAreForEverybody looks at the pages that only people of an issuer see.
func TestPagesOfAnIssuerAreForEverybody(t *testing.T) {
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Skip("SKIPPED: axe-core is not installed: npm ci --prefix web/browser")
	}
	c := newCompany(t, false)
	p := c.dashboard.person()
	p.theme("light")
	p.open("/ui/")
	p.check("sign-in-issuer", string(axe))
	c.issuer.SignIn(nil)
	p.click("form.issuer button")
	p.do(chromedp.WaitReady(chromedp.CSS("[role=alert]")))
	p.check("sign-in-refused", string(axe))
	c.person("ada@example.com", map[string]any{"auth_time": time.Now().Add(-time.Hour).Unix()})
	p.signInAt("/ui/p/default/e/dev")
	p.submit(`main a[href*="/secret/"]`)
	entry := evaluate[string](p, `location.pathname`)
	p.click("button[value=show]")
	p.do(chromedp.WaitReady(chromedp.CSS(".confirm button")))
	p.check("confirm-issuer", string(axe))

	// The issuer asks for the credential, and leads back.
	c.person("ada@example.com", nil)
	p.click(".confirm button")
	p.do(chromedp.WaitReady(chromedp.CSS("button[value=show]")))
	_, was, _ := strings.Cut(entry, "/p/")
	if _, is, _ := strings.Cut(evaluate[string](p, `location.pathname`), "/p/"); is != was {
		t.Errorf("the person comes back to %s, not to %s", is, was)
	}
	p.click("button[value=show]")
	p.waits(`document.querySelector("form[data-reveal] output").textContent === "shown-CANARY"`)
}
