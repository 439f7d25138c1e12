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

// wrap makes a data key with s.
func wrap(t testing.TB, s *kmstest.Server) (k kms.Key, plaintext, wrapped []byte) {
	t.Helper()
	k = open(t, s.URI(t))
	plaintext, wrapped, err := k.GenerateDataKey(t.Context(), keyContext)
	if err != nil {
		t.Fatal(err)
	}
	return k, plaintext, wrapped
}

func TestOpenDoesNotCallTheKMS(t *testing.T) {
	s := kmstest.New(t)
	s.Down(true)
	open(t, s.URI(t))
	if n := s.Calls("GenerateDataKey") + s.Calls("Decrypt") + s.Calls(""); n != 0 {
		t.Errorf("opening a key made %d calls", n)
	}
}

func TestTransientErrorsAreRetried(t *testing.T) {
	for name, trouble := range map[string]func(s *kmstest.Server){
		"throttled twice":   func(s *kmstest.Server) { s.Throttle(2) },
		"two server errors": func(s *kmstest.Server) { s.Fail(2) },
		"two cut responses": func(s *kmstest.Server) { s.HangUp(2) },
	} {
		t.Run(name, func(t *testing.T) {
			s := kmstest.New(t)
			k, plaintext, wrapped := wrap(t, s)
			trouble(s)
			got, err := k.Decrypt(t.Context(), wrapped, keyContext)
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Fatalf("unwrapping: %v", err)
			}
			if n := s.Calls("Decrypt"); n != 3 {
				t.Errorf("%d calls, want 3", n)
			}
		})
	}
}

func TestPermanentErrorsNameTheNextStep(t *testing.T) {
	for _, c := range []struct {
		name    string
		trouble func(s *kmstest.Server)
		want    error
		text    string // a part of the message or hint
		calls   int    // the maximum
	}{
		{"throttled", func(s *kmstest.Server) { s.Throttle(1000) }, backend.ErrUnavailable, "ThrottlingException", 5},
		{"server errors", func(s *kmstest.Server) { s.Fail(1000) }, backend.ErrUnavailable, "KMSInternalException", 5},
		{"cut responses", func(s *kmstest.Server) { s.HangUp(1000) }, backend.ErrUnavailable, "incomplete", 5},
		// The HTTP transport repeats a request when a reused connection closes, so the server may see one request more
		// than the SDK sent.
		{"no responses", func(s *kmstest.Server) { s.Down(true) }, backend.ErrUnavailable, "cannot be reached", 6},
		{"disabled", func(s *kmstest.Server) { s.Disable(true) }, backend.ErrKeyUnusable, "enable-key", 1},
		{"deleted", func(s *kmstest.Server) { s.DropKey() }, backend.ErrKeyUnusable, "NotFoundException", 1},
		{"denied", func(s *kmstest.Server) { s.Deny(true) }, backend.ErrKeyUnusable, "kms:Decrypt", 1},
		{"alias moved", func(s *kmstest.Server) { s.Repoint() }, backend.ErrKeyUnusable, "point the alias back", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := kmstest.New(t)
			k, _, wrapped := wrap(t, s)
			c.trouble(s)
			got, err := k.Decrypt(t.Context(), wrapped, keyContext)
			if got != nil || !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want.(*backend.Error).Code)
			}
			if !strings.Contains(err.Error(), c.text) || !strings.Contains(err.Error(), k.URI()) {
				t.Errorf("error %q does not contain both %q and the URI", err, c.text)
			}
			if n := s.Calls("Decrypt"); n < 1 || n > c.calls {
				t.Errorf("%d calls, want 1 to %d", n, c.calls)
			}
		})
	}
}

func TestDeadlineEndsASlowCall(t *testing.T) {
	s := kmstest.New(t)
	k, _, wrapped := wrap(t, s)
	s.Slow(time.Minute)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := k.Decrypt(ctx, wrapped, keyContext)
	if !errors.Is(err, backend.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want ErrUnavailable around context.DeadlineExceeded", err)
	}
}

func TestErrorNamesAnUnreachableAddress(t *testing.T) {
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

// The SDK's errors quote a response that they cannot parse, and it may hold a data key.
func TestUnreadableResponseIsNotQuoted(t *testing.T) {
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
			t.Errorf("%T quotes the response", err)
		}
	}
}

// A proxy may refuse the request, or answer instead of the KMS.
func TestResponsesOfAProxy(t *testing.T) {
	for _, c := range []struct {
		name, body string
		status     int
		want       error
	}{
		{"forbidden page", "<html>no</html>", http.StatusForbidden, backend.ErrUnavailable},
		{"sign-in page", "<html>hello</html>", http.StatusOK, backend.ErrUnavailable},
		{"gateway error", "", http.StatusBadGateway, backend.ErrUnavailable},
		{"too many requests", "{}", http.StatusTooManyRequests, backend.ErrUnavailable},
		{"empty response", "{}", http.StatusOK, backend.ErrKeyUnusable},
		{"short key", `{"Plaintext":"AAAA","CiphertextBlob":"AAAA"}`, http.StatusOK, backend.ErrKeyUnusable},
		{"unknown error", `{"__type":"FrobnicationException"}`, http.StatusBadRequest, backend.ErrKeyUnusable},
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
			if _, err := open(t, uri).Decrypt(t.Context(), []byte("x"), keyContext); !errors.Is(err, c.want) {
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

func TestMissingCredentialsAreAnError(t *testing.T) {
	s := kmstest.New(t)
	uri := s.URI(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	err := use(t, uri)
	if !errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("got %v, want ErrKeyUnusable that mentions credentials", err)
	}
	if n := s.Calls("GenerateDataKey"); n != 0 {
		t.Errorf("%d calls without credentials", n)
	}
}

func TestAWSConfigurationIsLoadedAgainAfterAnError(t *testing.T) {
	uri := kmstest.New(t).URI(t)
	t.Setenv("AWS_PROFILE", "nobody")
	k := open(t, uri)
	_, _, err := k.GenerateDataKey(t.Context(), keyContext)
	if !errors.Is(err, backend.ErrKeyUnusable) {
		t.Fatalf("got %v, want ErrKeyUnusable", err)
	}
	if err := os.Unsetenv("AWS_PROFILE"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.GenerateDataKey(t.Context(), keyContext); err != nil {
		t.Errorf("after AWS_PROFILE was unset: %v", err)
	}
}

// An outage, unlike a refusal, keeps the cached environment keys.
func TestCredentialsThatCannotBeRenewedAreAnOutage(t *testing.T) {
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
	if _, _, err := k.GenerateDataKey(t.Context(), keyContext); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.GenerateDataKey(t.Context(), keyContext); !errors.Is(err, backend.ErrUnavailable) {
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
		{"from the URI", arn + "&region=ap-east-1", "us-east-1", "ap-east-1"},
		{"from the ARN", arn, "us-east-1", "eu-south-1"},
		{"from the environment", "aws-kms:///alias/pouncet?" + endpoint, "us-east-1", "us-east-1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("AWS_REGION", c.environment)
			_ = use(t, c.uri)
			if !strings.Contains(signed, "/"+c.want+"/kms/") {
				t.Errorf("signed for %q, want region %s", signed, c.want)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		err := use(t, "aws-kms:///alias/pouncet?"+endpoint)
		if !errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(err.Error(), "AWS_REGION") {
			t.Errorf("got %v, want ErrKeyUnusable that names AWS_REGION", err)
		}
	})
}

// BenchmarkFirstCall measures the time until a process has its first data key: it loads the AWS configuration, connects
// and makes one call.
func BenchmarkFirstCall(b *testing.B) {
	s := kmstest.New(b)
	_, _, wrapped := wrap(b, s)
	uri := s.URI(b)
	for b.Loop() {
		if _, err := open(b, uri).Decrypt(b.Context(), wrapped, keyContext); err != nil {
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
	_, wrapped, err := k.GenerateDataKey(b.Context(), keyContext)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := k.Decrypt(b.Context(), wrapped, keyContext); err != nil {
			b.Fatal(err)
		}
	}
}
