// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Files are the PEM files of a server.
type Files struct {
	Cert, Key string
	ClientCA  string // the authorities of clients; "" asks for no certificate of a client
}

// CheckInterval is how often a server looks for changes of its files.
const CheckInterval = time.Second

// Server is the certificate of a server. It follows its files: each new connection gets the newest certificate
// that could be loaded, and open connections stay. A certificate that has expired replaces no valid one.
type Server struct {
	files    Files
	now      func() time.Time
	reloaded func(expires time.Time)
	current  atomic.Pointer[loaded]

	mu     sync.Mutex // of a reload
	failed string     // the error of the last reload; "" for none
	broken error      // an error that the last two reloads had
}

// loaded is the content of the two files at one time.
type loaded struct {
	config *tls.Config
	leaf   *x509.Certificate
	sum    [sha256.Size]byte // of the files
	// clientCAs are the authorities of clients, by their bytes.
	clientCAs map[string]bool
}

// NewServer loads the files. It calls reloaded, which may be nil, each time it has loaded changed files.
func NewServer(files Files, reloaded func(expires time.Time)) (*Server, error) {
	s := &Server{files: files, now: time.Now, reloaded: reloaded}
	if s.reloaded == nil {
		s.reloaded = func(time.Time) {}
	}
	first, err := s.load(nil)
	if err != nil {
		return nil, err
	}
	s.current.Store(first)
	return s, nil
}

// load loads the files. It returns known if they hold the same.
func (s *Server) load(known *loaded) (*loaded, error) {
	certText, err := read(s.files.Cert, "certificate")
	if err != nil {
		return nil, err
	}
	keyText, err := readKey(s.files.Key)
	if err != nil {
		return nil, err
	}
	var caText []byte
	if s.files.ClientCA != "" {
		if caText, err = read(s.files.ClientCA, "certificate authorities of clients"); err != nil {
			return nil, err
		}
	}
	sum := sumOf(certText, keyText, caText)
	if known != nil && known.sum == sum {
		return known, nil
	}
	both, err := pair(s.files.Cert, s.files.Key, certText, keyText)
	if err != nil {
		return nil, err
	}
	// No client accepts such a certificate. It replaces only one that no client accepts either.
	if known != nil && s.outOfTime(known.leaf) == nil {
		if err := s.outOfTime(both.Leaf); err != nil {
			return nil, err
		}
	}
	config := newConfig()
	config.Certificates = []tls.Certificate{*both}
	next := &loaded{config: config, leaf: both.Leaf, sum: sum, clientCAs: map[string]bool{}}
	if s.files.ClientCA != "" {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		if config.ClientCAs, err = authorities(s.files.ClientCA, caText); err != nil {
			return nil, err
		}
		eachCertificate(caText, func(der []byte) { next.clientCAs[string(der)] = true })
	}
	return next, nil
}

// Client returns the certificate of the client of a connection, or nil. A connection can be older than the newest file
// of authorities: without an authority of this file, it has no certificate any more.
func (s *Server) Client(state *tls.ConnectionState) *x509.Certificate {
	if state == nil {
		return nil
	}
	known := s.current.Load().clientCAs
	for _, chain := range state.VerifiedChains {
		if len(chain) > 0 && known[string(chain[len(chain)-1].Raw)] {
			return chain[0]
		}
	}
	return nil
}

func newConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{"h2", "http/1.1"},
		// A resumed session would skip a check of the client's certificate against new authorities.
		SessionTicketsDisabled: true,
	}
}

// sumOf returns one hash of several texts.
func sumOf(texts ...[]byte) [sha256.Size]byte {
	var all []byte
	for _, text := range texts {
		sum := sha256.Sum256(text)
		all = append(all, sum[:]...)
	}
	return sha256.Sum256(all)
}

// Config returns the configuration of a listener, which takes the newest certificate for each connection.
func (s *Server) Config() *tls.Config {
	c := newConfig()
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.current.Load().config, nil }
	return c
}

// Keep looks for changes after each interval, until ctx ends.
func (s *Server) Keep(ctx context.Context, interval time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
			s.Reload()
		}
	}
}

// Reload loads the files if they have changed. If they cannot be loaded, the server keeps what it has. A program that
// renews a certificate writes one file after the other, so an error becomes a problem only if two reloads in a row
// have it.
func (s *Server) Reload() {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.current.Load()
	next, err := s.load(known)
	if err != nil {
		if text := err.Error(); text == s.failed {
			s.broken = err
		} else {
			s.failed = text
		}
		return
	}
	s.failed, s.broken = "", nil
	if next != known {
		s.current.Store(next)
		s.reloaded(next.leaf.NotAfter)
	}
}

// Problems returns what is wrong with the certificate, for the health of the server.
func (s *Server) Problems() []error {
	var problems []error
	s.mu.Lock()
	if s.broken != nil {
		problems = append(problems, backend.Errorf(backend.CodeInvalid,
			"the server still uses its earlier certificate, because the new files cannot be used: %s",
			backend.AsError(s.broken).Message).WithHint("correct the files; the server uses them without a restart"))
	}
	s.mu.Unlock()
	leaf := s.current.Load().leaf
	if err := s.outOfTime(leaf); err != nil {
		return append(problems, err)
	}
	if leaf.NotAfter.Sub(s.now()) < leaf.NotAfter.Sub(leaf.NotBefore)/10 {
		problems = append(problems, backend.Errorf(backend.CodeInvalid, "the certificate %s expires on %s", s.files.Cert,
			leaf.NotAfter.UTC().Format(time.RFC3339)).WithHint(renewHint))
	}
	return problems
}

const renewHint = "renew it; the server uses the new files without a restart"

// outOfTime returns an error if a certificate has expired, or is not valid yet.
func (s *Server) outOfTime(leaf *x509.Certificate) error {
	now := s.now()
	switch {
	case now.Before(leaf.NotBefore):
		return backend.Errorf(backend.CodeInvalid, "the certificate %s is not valid before %s", s.files.Cert,
			leaf.NotBefore.UTC().Format(time.RFC3339)).WithHint("check the clock of this machine")
	case now.After(leaf.NotAfter):
		return backend.Errorf(backend.CodeInvalid, "the certificate %s expired on %s", s.files.Cert,
			leaf.NotAfter.UTC().Format(time.RFC3339)).WithHint(renewHint)
	}
	return nil
}

// Expires returns when the certificate expires.
func (s *Server) Expires() time.Time { return s.current.Load().leaf.NotAfter }
