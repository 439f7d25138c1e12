// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/certificate"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// listenFlags are the flags that say how a server listens.
type listenFlags struct {
	address             string
	files               certificate.Files
	insecureBehindProxy bool
}

func (f *listenFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.address, "listen", "127.0.0.1:8420",
		"`address` and port to listen on, a port of 127.0.0.1, or unix:///PATH for a Unix socket")
	c.Flags().StringVar(&f.files.Cert, "tls-cert", "", "`file` with the certificate of the server and its chain (PEM)")
	c.Flags().StringVar(&f.files.Key, "tls-key", "",
		"`file` with the private key of the certificate (PEM); other users must not be able to read it")
	c.Flags().StringVar(&f.files.ClientCA, "client-ca", "",
		"`file` with authorities (PEM); every client needs a certificate of one of them, besides its token")
	c.Flags().BoolVar(&f.insecureBehindProxy, "insecure-behind-proxy", false,
		"speak plain HTTP on an address that other machines can reach, because a proxy with TLS is in front of it")
}

// check returns an error if flags do not fit together.
func (f *listenFlags) check() error {
	var e *backend.Error
	switch {
	case f.files.Cert != "" && f.files.Key == "":
		e = backend.Errorf(backend.CodeInvalid, "--tls-cert is given without --tls-key").
			WithHint("name the file with the private key of the certificate: --tls-key FILE")
	case f.files.Cert == "" && f.files.Key != "":
		e = backend.Errorf(backend.CodeInvalid, "--tls-key is given without --tls-cert").
			WithHint("name the file with the certificate of the key: --tls-cert FILE")
	case f.files.ClientCA != "" && f.files.Cert == "":
		e = backend.Errorf(backend.CodeInvalid, "--client-ca is given without --tls-cert").
			WithHint("clients show certificates only over TLS: add --tls-cert and --tls-key")
	case f.insecureBehindProxy && f.files.Cert != "":
		e = backend.Errorf(backend.CodeInvalid, "--insecure-behind-proxy is given with --tls-cert").
			WithHint("remove one of them")
	case !validListenAddress(f.address):
		e = backend.Errorf(backend.CodeInvalid, "the value %s of --listen is not a valid address", backend.Quote(f.address)).
			WithHint("use HOST:PORT, a port from 0 to 65535, or unix:///PATH")
	default:
		return nil
	}
	return &usageError{e}
}

// listenAddress returns the address to listen on. A port alone is reachable from this machine only.
func listenAddress(given string) string {
	if _, err := strconv.ParseUint(given, 10, 16); err == nil {
		return net.JoinHostPort("127.0.0.1", given)
	}
	return given
}

// validListenAddress reports whether an address can be listened on, as far as its form tells. A port can be the name of
// a service, such as https.
func validListenAddress(given string) bool {
	if strings.HasPrefix(given, "unix://") {
		return true
	}
	_, port, err := net.SplitHostPort(listenAddress(given))
	number, notNumber := strconv.Atoi(port)
	return err == nil && port != "" && (notNumber != nil || number >= 0 && number <= 65535)
}

// listening is the listener of a server, with its certificate.
type listening struct {
	net.Listener
	url         string
	certificate *certificate.Server // nil without TLS
}

// open starts to listen. The log gets a line for each certificate that replaces another one.
func (f *listenFlags) open(ctx context.Context, log *slog.Logger) (*listening, error) {
	l := &listening{}
	var config *tls.Config
	if f.files.Cert != "" {
		var err error
		l.certificate, err = certificate.NewServer(f.files, func(expires time.Time) {
			log.Info("the certificate was replaced", "file", f.files.Cert, "expires", expires.UTC())
		})
		if err != nil {
			return l, err
		}
		config = l.certificate.Config()
	}
	var err error
	l.Listener, l.url, err = httpapi.Listen(ctx, httpapi.ListenOptions{
		Address: listenAddress(f.address), TLS: config, InsecureBehindProxy: f.insecureBehindProxy,
	})
	return l, err
}

// close closes the listener of a server that does not start.
func (l *listening) close() {
	if l != nil && l.Listener != nil {
		_ = l.Close()
	}
}

// client returns the certificate of the client of a connection, or nil.
func (l *listening) client(state *tls.ConnectionState) *x509.Certificate {
	if l.certificate == nil {
		return nil
	}
	return l.certificate.Client(state)
}

// keep follows the files of the certificate until ctx ends.
func (l *listening) keep(ctx context.Context) {
	if l.certificate != nil {
		l.certificate.Keep(ctx, certificate.CheckInterval)
	}
}

// withProblems adds the problems of the certificate to those that a check finds. The server stays ready with them.
func (l *listening) withProblems(check httpapi.Check) httpapi.Check {
	if l.certificate == nil {
		return check
	}
	return func(ctx context.Context) ([]error, error) {
		problems, err := check(ctx)
		return append(problems, l.certificate.Problems()...), err
	}
}
