// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/certificate"
	"github.com/pouncet/terraform-provider-pouncet/backend/certificate/certificatetest"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// serveOn serves a scripted Service until the test ends, and returns the URL.
func serveOn(t *testing.T, o httpapi.ListenOptions) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l, url, err := httpapi.Listen(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		ended <- httpapi.Serve(ctx, l, httpapi.NewServer(&scripted{}, authenticate, httpapi.Options{}), httpapi.Options{})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return url
}

// tlsFiles makes an authority and the certificates of two servers and a client. It returns the folder.
func tlsFiles(t *testing.T) string {
	t.Helper()
	a, err := certificatetest.NewAuthority(t.TempDir(), "ca")
	for _, name := range []string{"one", "two", "client"} {
		if err == nil {
			_, _, err = a.IssueForADay(name)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return a.Folder
}

// query makes one query with a new client, and so with a new connection.
func query(o httpapi.ClientOptions) error {
	o.Token, o.RetryMax = goodToken, -1
	c, err := httpapi.NewClient(o)
	if err == nil {
		_, err = c.Query(context.Background(), backend.Query{})
	}
	return err
}

func TestTheServerSpeaksTLS13AndHTTP2(t *testing.T) {
	dir := tlsFiles(t)
	s, err := certificate.NewServer(certificate.Files{
		Cert: filepath.Join(dir, "one.pem"), Key: filepath.Join(dir, "one.key")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	url := serveOn(t, httpapi.ListenOptions{Address: "127.0.0.1:0", TLS: s.Config()})
	pool, err := certificate.Authorities(filepath.Join(dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	get := func(config *tls.Config) (string, error) {
		transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DisableKeepAlives: true}
		resp, err := (&http.Client{Transport: transport}).Get(url + "/healthz")
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		return resp.Proto + " " + tls.VersionName(resp.TLS.Version), nil
	}
	if got, err := get(&tls.Config{RootCAs: pool}); got != "HTTP/2.0 TLS 1.3" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := get(&tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("the server speaks TLS 1.2")
	}
	if err := query(httpapi.ClientOptions{Endpoint: url}); err == nil ||
		!strings.Contains(backend.AsError(err).Hint, "POUNCET_CACERT") {
		t.Errorf("without the authority: %v", err)
	}
}

// The authority of an expired certificate is known, so the hint is another one.
func TestAnExpiredCertificateOfTheServer(t *testing.T) {
	authority, err := certificatetest.NewAuthority(t.TempDir(), "ca")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := authority.Issue("one", time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s, err := certificate.NewServer(certificate.Files{Cert: cert, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	url := serveOn(t, httpapi.ListenOptions{Address: "127.0.0.1:0", TLS: s.Config()})
	err = query(httpapi.ClientOptions{Endpoint: url, CACertFile: authority.File})
	const hint = "renew the certificate of the server, or correct the clock of this machine"
	if err == nil || backend.AsError(err).Hint != hint {
		t.Errorf("%v", err)
	}
}

// TestACertificateIsReplacedUnderLoad replaces both files again and again while 32 clients open a connection for each
// request. No request may fail.
func TestACertificateIsReplacedUnderLoad(t *testing.T) {
	const clients, requests = 32, 20
	dir := tlsFiles(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	replace := func(name string) {
		for _, kind := range []string{".pem", ".key"} {
			text, err := os.ReadFile(in(name + kind))
			if err == nil {
				err = os.WriteFile(in("new"), text, 0o600)
			}
			if err == nil {
				err = os.Rename(in("new"), in("live"+kind))
			}
			if err != nil {
				t.Error(err)
			}
		}
	}
	replace("one")
	s, err := certificate.NewServer(certificate.Files{Cert: in("live.pem"), Key: in("live.key")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	url := serveOn(t, httpapi.ListenOptions{Address: "127.0.0.1:0", TLS: s.Config()})
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for range requests {
				if err := query(httpapi.ClientOptions{Endpoint: url, CACertFile: in("ca.pem")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { all.Wait(); close(done) }()
	for swaps := 0; ; swaps++ {
		select {
		case <-done:
			if swaps < 5 {
				t.Errorf("the certificate was replaced only %d times", swaps)
			}
			return
		default:
			replace([]string{"two", "one"}[swaps%2])
			s.Reload()
		}
	}
}

func TestTheClientShowsItsCertificate(t *testing.T) {
	dir := tlsFiles(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	s, err := certificate.NewServer(certificate.Files{
		Cert: in("one.pem"), Key: in("one.key"), ClientCA: in("ca.pem")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	url := serveOn(t, httpapi.ListenOptions{Address: "127.0.0.1:0", TLS: s.Config()})
	with := httpapi.ClientOptions{Endpoint: url, CACertFile: in("ca.pem"), ClientCertFile: in("client.pem"),
		ClientKeyFile: in("client.key")}
	if err := query(with); err != nil {
		t.Error(err)
	}
	without := with
	without.ClientCertFile, without.ClientKeyFile = "", ""
	if err := query(without); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("without a certificate: %v", err)
	}
	for want, o := range map[string]httpapi.ClientOptions{
		"POUNCET_CLIENT_KEY":  {ClientCertFile: in("client.pem")},
		"POUNCET_CLIENT_CERT": {ClientKeyFile: in("client.key")},
		"was requested":       {ClientCertFile: in("client.pem"), ClientKeyFile: in("one.key")},
	} {
		o.Endpoint = url
		if err := query(o); !errors.Is(err, backend.ErrInvalid) || !strings.Contains(backend.AsError(err).Hint, want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestPlainHTTPForOtherMachinesIsRefused(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0"} {
		_, _, err := httpapi.Listen(t.Context(), httpapi.ListenOptions{Address: address})
		if !errors.Is(err, backend.ErrInvalid) || !strings.Contains(backend.AsError(err).Hint, "--tls-cert") ||
			!strings.Contains(backend.AsError(err).Hint, "--insecure-behind-proxy") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, o := range []httpapi.ListenOptions{
		{Address: "0.0.0.0:0", InsecureBehindProxy: true}, {Address: "localhost:0"}, {Address: "127.0.0.1:0"},
	} {
		l, url, err := httpapi.Listen(t.Context(), o)
		if err != nil || !strings.HasPrefix(url, "http://") {
			t.Errorf("%+v: %s, %v", o, url, err)
			continue
		}
		_ = l.Close()
	}
}

// socketFolder returns a new folder with a short path, because the path of a socket has at most 107 bytes.
func socketFolder(t *testing.T) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: no Unix sockets with a mode on Windows")
	}
	dir, err := os.MkdirTemp("", "p")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func TestAUnixSocketIsForItsUserOnly(t *testing.T) {
	path := filepath.Join(socketFolder(t), "p.sock")
	url := serveOn(t, httpapi.ListenOptions{Address: "unix://" + path})
	if url != "unix://"+path {
		t.Errorf("the URL is %s", url)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if err := query(httpapi.ClientOptions{Endpoint: url}); err != nil {
		t.Error(err)
	}
	c, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: url, Token: goodToken})
	if err == nil {
		_, err = httpapi.Problems(t.Context(), c)
	}
	if err != nil {
		t.Error(err)
	}
	if err := query(httpapi.ClientOptions{Endpoint: "unix://" + path + "x"}); !errors.Is(err, backend.ErrUnavailable) ||
		!strings.Contains(err.Error(), "the server unix://"+path+"x cannot be reached") {
		t.Errorf("without a server: %v", err)
	}
}

func TestOnlyAnAbandonedSocketIsReplaced(t *testing.T) {
	dir := socketFolder(t)
	listen := func(path string) (net.Listener, error) {
		l, _, err := httpapi.Listen(t.Context(), httpapi.ListenOptions{Address: "unix://" + path})
		return l, err
	}
	path := filepath.Join(dir, "p.sock")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listen(path); !errors.Is(err, backend.ErrUnavailable) ||
		!strings.Contains(err.Error(), "another process listens on "+path) {
		t.Errorf("a socket in use: %v", err)
	}
	old.SetUnlinkOnClose(false) // as after a kill
	_ = old.Close()
	l, err := listen(path)
	if err != nil {
		t.Fatalf("an abandoned socket: %v", err)
	}
	_ = l.Close()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays after the end of the server: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(file); !errors.Is(err, backend.ErrInvalid) || !strings.Contains(err.Error(), "is not a socket") {
		t.Errorf("a file: %v", err)
	}
	if text, err := os.ReadFile(file); string(text) != "text" {
		t.Errorf("the file has changed: %q, %v", text, err)
	}
	if _, err := listen("p.sock"); !errors.Is(err, backend.ErrInvalid) {
		t.Errorf("a relative path: %v", err)
	}
	withTLS := httpapi.ListenOptions{Address: "unix://" + path, TLS: &tls.Config{}}
	if _, _, err := httpapi.Listen(t.Context(), withTLS); !errors.Is(err, backend.ErrInvalid) {
		t.Errorf("TLS on a socket: %v", err)
	}
}

// TestOnlyOneOfManyStartersGetsTheSocket starts listeners at the same time on an abandoned socket.
func TestOnlyOneOfManyStartersGetsTheSocket(t *testing.T) {
	path := filepath.Join(socketFolder(t), "p.sock")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	_ = old.Close()
	got := make(chan net.Listener, 16)
	var all sync.WaitGroup
	for range cap(got) {
		all.Go(func() {
			if l, _, err := httpapi.Listen(t.Context(), httpapi.ListenOptions{Address: "unix://" + path}); err == nil {
				got <- l
			}
		})
	}
	all.Wait()
	close(got)
	n := len(got)
	for l := range got {
		_ = l.Close()
	}
	if n != 1 {
		t.Errorf("%d listeners have the socket", n)
	}
}
