// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// report is one call of Options.Refused.
type report struct {
	principal backend.Principal
	origin    backend.Origin
	verb      backend.Verb
	err       error
}

func TestRefusedRequestsAreReported(t *testing.T) {
	var reports []report
	role := backend.RoleViewer
	handler := httpapi.NewServer(&scripted{}, func(ctx context.Context, token string) (backend.Principal, error) {
		p, err := authenticate(ctx, token)
		p.Role = role
		return p, err
	}, httpapi.Options{Allow: access.Allow, Refused: func(ctx context.Context, verb backend.Verb, err error) {
		p, _ := backend.PrincipalFrom(ctx)
		reports = append(reports, report{p, backend.OriginFrom(ctx), verb, err})
	}})
	send := func(verb, token string) *httptest.ResponseRecorder {
		reports = nil
		r := request(verb, strings.NewReader("{}"))
		r.Header.Set("Authorization", "Bearer "+token)
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, r)
		return response
	}
	for _, verb := range []string{"query", "resolve", "resolve-one", "value", "apply"} {
		response := send(verb, "wrong")
		if response.Code != http.StatusUnauthorized || len(reports) != 1 {
			t.Fatalf("%s with a wrong token: status %d, %d reports", verb, response.Code, len(reports))
		}
		origin := backend.Origin{Address: "192.0.2.1", RequestID: response.Header().Get("X-Request-Id")}
		if r := reports[0]; r.origin != origin || r.principal != (backend.Principal{}) ||
			!errors.Is(r.err, backend.ErrUnauthenticated) {
			t.Errorf("%s with a wrong token: report %+v, want origin %+v", verb, r, origin)
		}
	}
	for verb, want := range map[string]backend.Verb{"resolve": backend.VerbResolve, "apply": backend.VerbApply} {
		response := send(verb, goodToken)
		if response.Code != http.StatusForbidden || len(reports) != 1 {
			t.Fatalf("%s as a viewer: status %d, %d reports", verb, response.Code, len(reports))
		}
		if r := reports[0]; r.verb != want || r.principal.ID != "1" || !errors.Is(r.err, backend.ErrDenied) {
			t.Errorf("%s as a viewer: report %+v", verb, r)
		}
	}
	if response := send("query", goodToken); response.Code != http.StatusOK || len(reports) != 0 {
		t.Errorf("an allowed request: status %d, %d reports", response.Code, len(reports))
	}
}

// originOf is a Service that keeps the origin of its last call.
type originOf struct {
	scripted
	origin backend.Origin
}

func (s *originOf) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	s.origin = backend.OriginFrom(ctx)
	return s.scripted.Query(ctx, q)
}

func TestCallsHaveAnOrigin(t *testing.T) {
	s := &originOf{}
	handler := httpapi.NewServer(s, authenticate, httpapi.Options{})
	for _, from := range []struct{ address, want string }{
		{"192.0.2.7:1", "192.0.2.7"}, {"[2001:db8::1]:2", "2001:db8::1"},
	} {
		r := request("query", strings.NewReader("{}"))
		r.RemoteAddr = from.address
		r.Header.Set("X-Request-Id", "chosen by the caller")
		r.Header.Set("X-Forwarded-For", "198.51.100.1")
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, r)
		want := backend.Origin{Address: from.want, RequestID: response.Header().Get("X-Request-Id")}
		if s.origin != want || len(want.RequestID) < 20 {
			t.Errorf("origin %+v, want %+v", s.origin, want)
		}
	}
}

func TestTrustedProxiesNameTheirClient(t *testing.T) {
	proxies, err := httpapi.ParseProxies([]string{"10.0.0.0/8", "192.0.2.9", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	s := &originOf{}
	handler := httpapi.NewServer(s, authenticate, httpapi.Options{TrustedProxies: proxies})
	for _, c := range []struct {
		name, from string
		forwarded  []string
		want       string
	}{
		{"no proxy", "198.51.100.1:1", nil, "198.51.100.1"},
		{"a client that is no proxy invents an address", "198.51.100.1:1", []string{"203.0.113.1"}, "198.51.100.1"},
		{"a proxy", "10.1.2.3:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"a proxy without the header", "10.1.2.3:1", nil, "10.1.2.3"},
		{"a client invents an address before the proxy", "10.1.2.3:1", []string{"203.0.113.1, 198.51.100.1"}, "198.51.100.1"},
		{"two headers", "10.1.2.3:1", []string{"203.0.113.1", "198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.1.2.3:1", []string{"203.0.113.1, 198.51.100.1, 192.0.2.9"}, "198.51.100.1"},
		{"all are proxies", "10.1.2.3:1", []string{"10.9.9.9, 192.0.2.9"}, "10.9.9.9"},
		{"no address", "10.1.2.3:1", []string{"203.0.113.1, <script>"}, "10.1.2.3"},
		{"an IPv4 proxy over IPv6", "[::ffff:10.1.2.3]:1", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"an IPv6 proxy", "[2001:db8::1]:1", []string{"2a00::1"}, "2a00::1"},
	} {
		r := request("query", strings.NewReader("{}"))
		r.RemoteAddr = c.from
		r.Header["X-Forwarded-For"] = c.forwarded
		handler.ServeHTTP(httptest.NewRecorder(), r)
		if s.origin.Address != c.want {
			t.Errorf("%s: address %s, want %s", c.name, s.origin.Address, c.want)
		}
	}
	for _, bad := range []string{"", "proxy", "10.0.0.0/33", "10.0.0.1:80"} {
		if _, err := httpapi.ParseProxies([]string{bad}); !errors.Is(err, backend.ErrInvalid) {
			t.Errorf("proxy %q: %v", bad, err)
		}
	}
}

// TestTheCertificateOfAProxyDoesNotCount has requests over connections with a client certificate.
func TestTheCertificateOfAProxyDoesNotCount(t *testing.T) {
	proxies, err := httpapi.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	s, own := &originOf{}, &x509.Certificate{}
	handler := httpapi.NewServer(s, authenticate, httpapi.Options{TrustedProxies: proxies,
		ClientCertificate: func(*tls.ConnectionState) *x509.Certificate { return own }})
	for _, c := range []struct {
		name, from, header string
		want               *x509.Certificate
	}{
		{"a client", "198.51.100.1:1", "User-Agent", own},
		{"a trusted proxy", "10.1.2.3:1", "User-Agent", nil},
		{"a trusted proxy over IPv6", "[::ffff:10.1.2.3]:1", "User-Agent", nil},
		{"a trusted proxy with a header", "10.1.2.3:1", "X-Forwarded-For", nil},
		{"another proxy", "198.51.100.1:1", "X-Forwarded-For", nil},
		{"one with the standard header", "198.51.100.1:1", "Forwarded", nil},
		{"one that names itself", "198.51.100.1:1", "Via", nil},
		{"one of nginx", "198.51.100.1:1", "X-Real-IP", nil},
	} {
		for _, value := range []string{"203.0.113.1", ""} {
			r := request("query", strings.NewReader("{}"))
			r.RemoteAddr = c.from
			r.Header.Set(c.header, value)
			handler.ServeHTTP(httptest.NewRecorder(), r)
			if s.origin.Certificate != c.want {
				t.Errorf("%s, with %s: %q: a certificate: %t", c.name, c.header, value, s.origin.Certificate != nil)
			}
		}
	}
}
