// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// TestRefusalReachesAClientThatSendsFirst sends whole requests and reads the answer only then, as the HTTP clients of
// several languages do. The server refuses each of them before its end.
func TestRefusalReachesAClientThatSendsFirst(t *testing.T) {
	who := func(_ context.Context, token string) (backend.Principal, error) {
		if token != "valid" {
			return backend.Principal{}, backend.ErrUnauthenticated
		}
		return backend.Principal{ID: "1", Name: "p", Role: backend.RoleViewer}, nil
	}
	server := httptest.NewServer(httpapi.NewServer(&scripted{}, who, httpapi.Options{Allow: access.Allow}))
	defer server.Close()
	long := strings.Repeat("x", 33<<20)
	for _, c := range []struct {
		name, path, token, body string
		chunked                 bool
		status                  int
	}{
		{"more values than are allowed", "/v1/query", "valid", `{"changes":[` + strings.Repeat("{},", 8<<20) + "{}]}", false,
			http.StatusRequestEntityTooLarge},
		{"larger than is allowed", "/v1/query", "valid", `{"name":"` + long + `"}`, false,
			http.StatusRequestEntityTooLarge},
		{"larger than is allowed, in chunks", "/v1/query", "valid", `{"name":"` + long + `"}`, true,
			http.StatusRequestEntityTooLarge},
		{"an unknown token", "/v1/query", "other", `{"name":"` + long + `"}`, false, http.StatusUnauthorized},
		{"no right", "/v1/apply", "valid", `{"changes":"` + long + `"}`, false, http.StatusForbidden},
		{"not JSON", "/v1/query", "valid", long, false, http.StatusBadRequest},
		{"no such route", "/v2/query", "valid", long, false, http.StatusNotFound},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			r, err := http.NewRequest(http.MethodPost, server.URL+c.path, io.Reader(struct{ io.Reader }{
				strings.NewReader(c.body)}))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+c.token)
			r.Header.Set("Content-Type", "application/json")
			if r.ContentLength = int64(len(c.body)); c.chunked {
				r.ContentLength = -1
			}
			if err := r.Write(conn); err != nil {
				t.Fatalf("the connection ended while the request was sent: %v", err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(conn), r)
			if err != nil {
				t.Fatalf("the connection ended before the answer: %v", err)
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != c.status || !strings.Contains(string(text), `"error"`) {
				t.Errorf("status %d, %.200s, %v; want status %d", answer.StatusCode, text, err, c.status)
			}
		})
	}
}

// TestRestOfARefusedRequestIsLimited leaves requests unfinished after their refusal. The server reads the rest of some
// of them, and answers all others as before.
func TestRestOfARefusedRequestIsLimited(t *testing.T) {
	who := func(context.Context, string) (backend.Principal, error) {
		return backend.Principal{}, backend.ErrUnauthenticated
	}
	server := httptest.NewServer(httpapi.NewServer(&scripted{}, who, httpapi.Options{}))
	defer server.Close()
	for i := range 3 * httpapi.UnreadRequests {
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		fmt.Fprintf(conn, "POST /v1/query HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{")
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusUnauthorized {
			t.Fatalf("request %d: status %d", i, answer.StatusCode)
		}
	}
}
