// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/certificate/certificatetest"
)

// files makes an authority and the certificates of two servers and a client.
func files(t *testing.T) (folder string) {
	t.Helper()
	a, err := certificatetest.NewAuthority(t.TempDir(), "ca")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "two", "client"} {
		if _, _, err := a.IssueForADay(name); err != nil {
			t.Fatal(err)
		}
	}
	return a.Folder
}

func replaceFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestErrorsOfFilesNameTheFile(t *testing.T) {
	dir := files(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) string {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return in(name)
	}
	encrypted := write("encrypted.key",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
	damagedKey := write("damaged.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
	damagedCert := write("damaged.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
	huge := write("huge.pem", strings.Repeat("x", maxFile+1))
	for _, c := range []struct{ name, cert, key, want string }{
		{"a key of another certificate", in("one.pem"), in("two.key"),
			"the private key " + in("two.key") + " does not belong to the certificate " + in("one.pem")},
		{"an absent certificate", in("none.pem"), in("one.key"), "reading the certificate: open " + in("none.pem")},
		{"an absent key", in("one.pem"), in("none.key"), "reading the private key: open " + in("none.key")},
		{"a key instead of a certificate", in("one.key"), in("one.key"), in("one.key") + " holds no certificate"},
		{"a certificate instead of a key", in("one.pem"), in("one.pem"), in("one.pem") + " holds no private key"},
		{"an encrypted key", in("one.pem"), encrypted, "the private key " + encrypted + " is encrypted"},
		{"a damaged key", in("one.pem"), damagedKey, "the private key " + damagedKey + " cannot be parsed"},
		{"a damaged certificate", damagedCert, in("one.key"), "the certificate " + damagedCert + " cannot be parsed"},
		{"a huge file", huge, in("one.key"), huge + " has more than 1048576 bytes"},
	} {
		_, err := Load(c.cert, c.key)
		if !errors.Is(err, backend.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := Load(in("one.pem"), in("one.key")); err != nil {
		t.Errorf("a certificate with its key: %v", err)
	}
}

func TestAKeyThatOthersCanReadIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: files have no such mode on Windows")
	}
	dir := files(t)
	cert, key := filepath.Join(dir, "one.pem"), filepath.Join(dir, "one.key")
	for mode, refused := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o644: true, 0o602: true} {
		if err := os.Chmod(key, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(cert, key); (err != nil) != refused {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

// handshake connects to a server with the configuration of s, and returns the name in its certificate.
func handshake(t *testing.T, s *Server, dir, client string) (string, error) {
	t.Helper()
	pool, err := Authorities(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{RootCAs: pool, ServerName: "localhost"}
	if client != "" {
		both, err := Load(filepath.Join(dir, client+".pem"), filepath.Join(dir, client+".key"))
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{*both}
	}
	here, there := net.Pipe()
	defer here.Close()
	accepted := make(chan error, 1)
	go func() {
		defer there.Close()
		accepted <- tls.Server(there, s.Config()).HandshakeContext(t.Context())
	}()
	c := tls.Client(here, config)
	if err := c.HandshakeContext(t.Context()); err != nil {
		return "", err
	}
	go func() { _, _ = c.Read(make([]byte, 1)) }() // the alert of a server that refuses
	if err := <-accepted; err != nil {
		return "", err
	}
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

func TestAServerFollowsItsFiles(t *testing.T) {
	dir := files(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	replaceFile(t, in("one.pem"), in("live.pem"))
	replaceFile(t, in("one.key"), in("live.key"))
	reloads := 0
	s, err := NewServer(Files{Cert: in("live.pem"), Key: in("live.key")}, func(time.Time) { reloads++ })
	if err != nil {
		t.Fatal(err)
	}
	expect := func(when, name string, count, problems int) {
		t.Helper()
		if got, err := handshake(t, s, dir, ""); got != name || err != nil {
			t.Errorf("%s: the server shows %q, %v", when, got, err)
		}
		if got := s.Problems(); reloads != count || len(got) != problems {
			t.Errorf("%s: %d reloads, problems %v", when, reloads, got)
		}
	}
	s.Reload()
	expect("without a change", "one", 0, 0)
	replaceFile(t, in("two.pem"), in("live.pem"))
	s.Reload()
	expect("with the new certificate and the old key", "one", 0, 0)
	s.Reload()
	expect("with the same half a change again", "one", 0, 1)
	if got := s.Problems()[0].Error(); !strings.Contains(got, "still uses its earlier certificate") ||
		!strings.Contains(got, "does not belong to the certificate") {
		t.Errorf("the problem is %q", got)
	}
	replaceFile(t, in("two.key"), in("live.key"))
	s.Reload()
	expect("with both new files", "two", 1, 0)
	for range 2 {
		if err := os.Remove(in("live.key")); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		s.Reload()
	}
	expect("without a key file", "two", 1, 1)
	replaceFile(t, in("two.key"), in("live.key"))
	s.Reload()
	expect("with the key file again", "two", 1, 0)
}

// Somebody copies the files of last year over those of this year.
func TestAnExpiredCertificateReplacesNoValidOne(t *testing.T) {
	dir := files(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	ca, err := certificatetest.NewAuthority(dir, "live-ca")
	if err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]time.Time{
		"old": time.Now().Add(-time.Minute), "older": time.Now().Add(-time.Hour), "new": time.Now().Add(time.Hour),
	} {
		if _, _, err := ca.Issue(name, end.Add(-2*time.Hour), end); err != nil {
			t.Fatal(err)
		}
	}
	use := func(name string) {
		replaceFile(t, in(name+".pem"), in("live.pem"))
		replaceFile(t, in(name+".key"), in("live.key"))
	}
	use("new")
	s, err := NewServer(Files{Cert: in("live.pem"), Key: in("live.key")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(when, name, problem string) {
		t.Helper()
		s.Reload()
		s.Reload()
		if got := s.current.Load().leaf.Subject.CommonName; got != name {
			t.Errorf("%s: the server shows %q", when, got)
		}
		if got := s.Problems(); len(got) != 1 || !strings.Contains(got[0].Error(), problem) {
			t.Errorf("%s: problems %v", when, got)
		}
	}
	use("old")
	expect("a valid one was replaced", "new",
		"the new files cannot be used: the certificate "+in("live.pem")+" expired on")
	start := time.Now()
	s.now = func() time.Time { return start.Add(2 * time.Hour) }
	expect("both have expired", "old", "expired on")
	use("older")
	expect("an expired one was replaced", "older", "expired on")
}

func TestAServerAsksForCertificatesOfItsAuthorities(t *testing.T) {
	dir := files(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	other, err := certificatetest.NewAuthority(dir, "other")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := other.IssueForADay("stranger"); err != nil {
		t.Fatal(err)
	}
	replaceFile(t, in("ca.pem"), in("clients.pem"))
	s, err := NewServer(Files{in("one.pem"), in("one.key"), in("clients.pem")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(client string, accepted bool) {
		t.Helper()
		if _, err := handshake(t, s, dir, client); (err == nil) != accepted {
			t.Errorf("client %q: %v", client, err)
		}
	}
	expect("client", true)
	expect("stranger", false)
	expect("", false)
	replaceFile(t, other.File, in("clients.pem"))
	s.Reload()
	expect("client", false)
	expect("stranger", true)
	replaceFile(t, in("one.key"), in("clients.pem"))
	s.Reload()
	s.Reload()
	if got := s.Problems(); len(got) != 1 || !strings.Contains(got[0].Error(), "holds no certificate") {
		t.Errorf("authorities that cannot be parsed: %v", got)
	}
	expect("", false)
}

func TestTheTimeOfACertificateIsAProblem(t *testing.T) {
	dir := files(t)
	s, err := NewServer(Files{Cert: filepath.Join(dir, "one.pem"), Key: filepath.Join(dir, "one.key")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for _, c := range []struct {
		after time.Duration
		want  string
	}{
		{0, ""}, {20 * time.Hour, ""}, {23 * time.Hour, "expires on"}, {25 * time.Hour, "expired on"},
		{-2 * time.Hour, "is not valid before"},
	} {
		s.now = func() time.Time { return start.Add(c.after) }
		problems := s.Problems()
		if c.want == "" && len(problems) == 0 {
			continue
		}
		if len(problems) != 1 || c.want == "" || !strings.Contains(problems[0].Error(), c.want) {
			t.Errorf("after %s: %v, want %q", c.after, problems, c.want)
		}
	}
	if left := s.Expires().Sub(start); left < 23*time.Hour || left > 24*time.Hour {
		t.Errorf("%v are left", left)
	}
}
