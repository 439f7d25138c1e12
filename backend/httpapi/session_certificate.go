// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"crypto/tls"
	"net/http"
	"sync/atomic"

	"github.com/pouncet/terraform-provider-pouncet/backend/certificate"
)

// A session that began with a client certificate is accepted over connections with this certificate only.
// The files can hold a renewed certificate for each new connection. So each login begins new connections, which all
// have the certificate of the login, and its session is used over these.

// sessionTransport sends the requests of a client that logs in with its certificate.
type sessionTransport struct {
	current atomic.Pointer[http.Transport] // of the session
}

type transportKey struct{}

// RoundTrip sends a login over its own transport, and other requests over the transport of the session.
func (t *sessionTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if own, ok := r.Context().Value(transportKey{}).(*http.Transport); ok {
		return own.RoundTrip(r)
	}
	return t.current.Load().RoundTrip(r)
}

// loginWithCertificate exchanges the certificate in the files for a session.
func (c *client) loginWithCertificate(ctx context.Context) (out LoginSession, err error) {
	own, err := certificate.Load(c.options.ClientCertFile, c.options.ClientKeyFile)
	if err != nil {
		return out, err
	}
	config := c.tls.Clone()
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
	connections := transport(config, "")
	err = callWith(context.WithValue(ctx, transportKey{}, connections), c, "v1/login", "",
		loginRequest{Trust: c.options.Identity.Trust}, &out)
	if err == nil && out.Token == "" {
		err = c.unexpected("without a session")
	}
	if err != nil {
		connections.CloseIdleConnections()
		return out, err
	}
	if before := c.connections.current.Swap(connections); before != nil {
		before.CloseIdleConnections()
	}
	return out, nil
}
