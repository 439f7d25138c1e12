// SPDX-License-Identifier: MPL-2.0

package kms_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
)

// wrap makes a data key in s, to be unwrapped under whatever befalls s next.
func wrap(t testing.TB, s *kmstest.Server) (k kms.Key, plaintext, wrapped []byte) {
	t.Helper()
	k = open(t, s.URI(t))
	plaintext, wrapped, err := k.GenerateDataKey(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	return k, plaintext, wrapped
}

func TestOpenDoesNotCall(t *testing.T) {
	s := kmstest.New(t)
	s.Down(true)
	open(t, s.URI(t))
	if n := s.Calls("GenerateDataKey") + s.Calls("Decrypt") + s.Calls(""); n != 0 {
		t.Errorf("opening a key made %d calls", n)
	}
}

func TestTroubleThatPasses(t *testing.T) {
	for name, trouble := range map[string]func(s *kmstest.Server){
		"throttled twice":    func(s *kmstest.Server) { s.Throttle(2) },
		"two server errors":  func(s *kmstest.Server) { s.Fail(2) },
		"two broken answers": func(s *kmstest.Server) { s.HangUp(2) },
	} {
		t.Run(name, func(t *testing.T) {
			s := kmstest.New(t)
			k, plaintext, wrapped := wrap(t, s)
			trouble(s)
			got, err := k.Decrypt(t.Context(), wrapped, place)
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Fatalf("unwrapping: %v", err)
			}
			if n := s.Calls("Decrypt"); n != 3 {
				t.Errorf("%d calls, want 3", n)
			}
		})
	}
}

func TestTroubleThatStays(t *testing.T) {
	for _, c := range []struct {
		name    string
		trouble func(s *kmstest.Server)
		want    error
		says    string // in the message or hint
		calls   int    // at most
	}{
		{"throttled", func(s *kmstest.Server) { s.Throttle(1000) }, backend.ErrUnavailable, "ThrottlingException", 5},
		{"server errors", func(s *kmstest.Server) { s.Fail(1000) }, backend.ErrUnavailable, "KMSInternalException", 5},
		{"broken answers", func(s *kmstest.Server) { s.HangUp(1000) }, backend.ErrUnavailable, "whole", 5},
		// The transport sends a request once more by itself when a kept-open
		// connection closes on it, so the server may see one more than the SDK sent.
		{"no answers", func(s *kmstest.Server) { s.Down(true) }, backend.ErrUnavailable, "out of reach", 6},
		{"disabled", func(s *kmstest.Server) { s.Disable(true) }, backend.ErrKeyUnusable, "enable-key", 1},
		{"deleted", func(s *kmstest.Server) { s.DropKey() }, backend.ErrKeyUnusable, "NotFoundException", 1},
		{"denied", func(s *kmstest.Server) { s.Deny(true) }, backend.ErrKeyUnusable, "kms:Decrypt", 1},
		{"alias points elsewhere", func(s *kmstest.Server) { s.Repoint() }, backend.ErrKeyUnusable, "point the alias back", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := kmstest.New(t)
			k, _, wrapped := wrap(t, s)
			c.trouble(s)
			got, err := k.Decrypt(t.Context(), wrapped, place)
			if got != nil || !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want.(*backend.Error).Code)
			}
			if !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), k.URI()) {
				t.Errorf("error %q names neither %q nor the key", err, c.says)
			}
			if n := s.Calls("Decrypt"); n < 1 || n > c.calls {
				t.Errorf("%d calls, want 1 to %d", n, c.calls)
			}
		})
	}
}

func TestSlowKMSIsCutOffByTheCaller(t *testing.T) {
	s := kmstest.New(t)
	k, _, wrapped := wrap(t, s)
	s.Slow(time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := k.Decrypt(ctx, wrapped, place)
	if !errors.Is(err, backend.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrUnavailable around context.DeadlineExceeded", err)
	}
}

func TestNobodyListens(t *testing.T) {
	uri := kmstest.New(t).URI(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	err = use(t, withEndpoint(t, uri, "http://"+address))
	if !errors.Is(err, backend.ErrUnavailable) || !strings.Contains(err.Error(), address) {
		t.Errorf("got %v, want ErrUnavailable that names %s", err, address)
	}
}

// The SDK's errors about an answer that does not read quote it, and a data key
// may be in it.
func TestUnreadableAnswerIsNotQuoted(t *testing.T) {
	const canary = "31415926535897932384"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"CiphertextBlob":"AAAA","Plaintext":` + canary + `}`))
	}))
	defer s.Close()
	err := use(t, withEndpoint(t, kmstest.New(t).URI(t), s.URL))
	if !errors.Is(err, backend.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.Contains(err.Error(), canary) {
			t.Errorf("%T quotes the answer", err)
		}
	}
}

// A proxy in between may refuse in its own words, or answer in the KMS's place.
func TestAnswersOfSomethingElse(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
		want       error
	}{
		{"a page that forbids", "<html>no</html>", http.StatusForbidden, backend.ErrUnavailable},
		{"a page that asks to sign in", "<html>hello</html>", http.StatusOK, backend.ErrUnavailable},
		{"a gateway's error", "", http.StatusBadGateway, backend.ErrUnavailable},
		{"too many requests", "{}", http.StatusTooManyRequests, backend.ErrUnavailable},
		{"an empty answer", "{}", http.StatusOK, backend.ErrKeyUnusable},
		{"a short key", `{"Plaintext":"AAAA","CiphertextBlob":"AAAA"}`, http.StatusOK, backend.ErrKeyUnusable},
		{"an error nobody has heard of", `{"__type":"FrobnicationException"}`, http.StatusBadRequest, backend.ErrKeyUnusable},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer s.Close()
			uri := withEndpoint(t, kmstest.New(t).URI(t), s.URL)
			if err := use(t, uri); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want.(*backend.Error).Code)
			}
			if _, err := open(t, uri).Decrypt(t.Context(), []byte("x"), place); !errors.Is(err, c.want) {
				t.Errorf("unwrapping: got %v, want %v", err, c.want.(*backend.Error).Code)
			}
		})
	}
}

func withEndpoint(t testing.TB, uri, endpoint string) string {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("endpoint", endpoint)
	u.RawQuery = q.Encode()
	return u.String()
}

func TestNoCredentials(t *testing.T) {
	s := kmstest.New(t)
	uri := s.URI(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	err := use(t, uri)
	if !errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("got %v, want ErrKeyUnusable that speaks of credentials", err)
	}
	if n := s.Calls("GenerateDataKey"); n != 0 {
		t.Errorf("%d calls without credentials", n)
	}
}

func TestBrokenAWSConfigurationCanBePutRight(t *testing.T) {
	uri := kmstest.New(t).URI(t)
	t.Setenv("AWS_PROFILE", "nobody")
	k := open(t, uri)
	_, _, err := k.GenerateDataKey(t.Context(), place)
	if !errors.Is(err, backend.ErrKeyUnusable) {
		t.Fatalf("got %v, want ErrKeyUnusable", err)
	}
	if err := os.Unsetenv("AWS_PROFILE"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.GenerateDataKey(t.Context(), place); err != nil {
		t.Errorf("after it was put right: %v", err)
	}
}

// Credentials that expire and cannot be renewed are an outage, not a refusal:
// what is cached stays readable.
func TestCredentialsThatCannotBeRenewed(t *testing.T) {
	uri := kmstest.New(t).URI(t)
	working := true
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !working {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		working = false
		_, _ = w.Write([]byte(`{"AccessKeyId":"AKIA","SecretAccessKey":"s","Token":"t","Expiration":"2001-01-01T00:00:00Z"}`))
	}))
	defer metadata.Close()
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", metadata.URL)

	k := open(t, uri)
	if _, _, err := k.GenerateDataKey(t.Context(), place); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.GenerateDataKey(t.Context(), place); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
}

func TestRegion(t *testing.T) {
	var signed string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signed = r.Header.Get("Authorization")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"AccessDeniedException"}`))
	}))
	defer s.Close()
	_ = kmstest.New(t).URI(t)
	endpoint := "endpoint=" + url.QueryEscape(s.URL)
	arn := "aws-kms:///arn:aws:kms:eu-south-1:111122223333:alias/pouncet?" + endpoint
	for _, c := range []struct{ name, uri, environment, want string }{
		{"of the URI", arn + "&region=ap-east-1", "us-east-1", "ap-east-1"},
		{"of the ARN", arn, "us-east-1", "eu-south-1"},
		{"of the environment", "aws-kms:///alias/pouncet?" + endpoint, "us-east-1", "us-east-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("AWS_REGION", c.environment)
			_ = use(t, c.uri)
			if !strings.Contains(signed, "/"+c.want+"/kms/") {
				t.Errorf("signed for %q, want region %s", signed, c.want)
			}
		})
	}
	t.Run("of nobody", func(t *testing.T) {
		err := use(t, "aws-kms:///alias/pouncet?"+endpoint)
		if !errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(err.Error(), "AWS_REGION") {
			t.Errorf("got %v, want ErrKeyUnusable that names AWS_REGION", err)
		}
	})
}

// BenchmarkFirstCall is what a process pays before it has its first data key:
// loading the AWS configuration, connecting, and one call.
func BenchmarkFirstCall(b *testing.B) {
	s := kmstest.New(b)
	_, _, wrapped := wrap(b, s)
	uri := s.URI(b)
	for b.Loop() {
		if _, err := open(b, uri).Decrypt(b.Context(), wrapped, place); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFileDecrypt(b *testing.B) {
	uri := "file://" + filepath.Join(b.TempDir(), "key")
	if err := kms.CreateFile(uri); err != nil {
		b.Fatal(err)
	}
	k := open(b, uri)
	_, wrapped, err := k.GenerateDataKey(b.Context(), place)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := k.Decrypt(b.Context(), wrapped, place); err != nil {
			b.Fatal(err)
		}
	}
}
