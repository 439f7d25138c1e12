// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// blocking is a service whose queries wait until their client has gone.
type blocking struct {
	backend.Service
	began chan struct{}
}

func (s blocking) Query(ctx context.Context, _ backend.Query) (backend.Page, error) {
	s.began <- struct{}{}
	<-ctx.Done()
	return backend.Page{}, ctx.Err()
}

// subjects takes the token of a request as the principal: TRUST/SUBJECT, or FIRST:TOKEN for a token that another made.
func subjects(_ context.Context, token string) (backend.Principal, error) {
	p := backend.Principal{ID: token, Name: token, Role: backend.RoleNone}
	if trust, _, ok := strings.Cut(token, "/"); ok {
		p.Trust = trust
	}
	if first, _, ok := strings.Cut(token, ":"); ok {
		p.MadeBy = first
	}
	return p, nil
}

// queryAs sends a query, and returns the status and the text of the answer.
func queryAs(ctx context.Context, t *testing.T, url, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/query", strings.NewReader(`{"kind":"secret"}`))
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

// Somebody who can push a branch chooses the subject, and a token can make others.
func TestLimitsAreThoseOfATrustOrOfTheFirstToken(t *testing.T) {
	t.Run("requests per second", func(t *testing.T) {
		server := httptest.NewServer(httpapi.NewServer(empty{}, subjects,
			httpapi.Options{RateLimit: httpapi.RateLimit{PerSecond: 0.001, Burst: 1}}))
		defer server.Close()
		for i, c := range []struct {
			token string
			want  int
		}{{"t/a", 200}, {"t/b", 429}, {"u/a", 200}, {"first", 200}, {"first:made", 429}, {"other:made", 200}} {
			if got, text := queryAs(t.Context(), t, server.URL, c.token); got != c.want {
				t.Errorf("request %d, of %s: status %d, want %d: %s", i, c.token, got, c.want, text)
			}
		}
	})
	t.Run("requests at once", func(t *testing.T) {
		s := blocking{began: make(chan struct{})}
		server := httptest.NewServer(httpapi.NewServer(s, subjects, httpapi.Options{MaxCaller: 1}))
		defer server.Close()
		ctx, end := context.WithCancel(t.Context())
		defer end()
		go queryAs(ctx, t, server.URL, "t/a")
		<-s.began
		got, text := queryAs(t.Context(), t, server.URL, "t/b")
		if got != 429 || !strings.Contains(text, `\"t/b\" has too many`) {
			t.Errorf("another subject of the trust: status %d, %s", got, text)
		}
		go queryAs(ctx, t, server.URL, "u/a")
		<-s.began
	})
}

// empty is a service without objects.
type empty struct{ backend.Service }

func (empty) Query(context.Context, backend.Query) (backend.Page, error) { return backend.Page{}, nil }
