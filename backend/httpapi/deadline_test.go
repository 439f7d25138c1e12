// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// watchedListener remembers the deadline of the last read of its connections.
type watchedListener struct {
	net.Listener
	mu       sync.Mutex
	deadline time.Time
	accepted int
}

func (l *watchedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted++
	return &watchedConn{c, l}, err
}

type watchedConn struct {
	net.Conn
	listener *watchedListener
}

func (c *watchedConn) SetReadDeadline(t time.Time) error {
	c.listener.mu.Lock()
	c.listener.deadline = t
	c.listener.mu.Unlock()
	return c.Conn.SetReadDeadline(t)
}

func (c *watchedConn) SetDeadline(t time.Time) error {
	c.listener.mu.Lock()
	c.listener.deadline = t
	c.listener.mu.Unlock()
	return c.Conn.SetDeadline(t)
}

// watching is a Service that asks for the deadline of its connection while it serves a call.
type watching struct {
	scripted
	listener *watchedListener
	seen     chan time.Time
}

func (s *watching) Query(context.Context, backend.Query) (backend.Page, error) {
	s.listener.mu.Lock()
	defer s.listener.mu.Unlock()
	s.seen <- s.listener.deadline
	return backend.Page{}, nil
}

// TestNoDeadlineOfAConnectionEndsACall makes calls over one connection. If a deadline to read passes during a call,
// net/http cancels the call as if the client had gone, before the time of a call is over.
func TestNoDeadlineOfAConnectionEndsACall(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener := &watchedListener{Listener: l}
	s := &watching{listener: listener, seen: make(chan time.Time, 1)}
	ctx, stop := context.WithCancel(context.Background())
	o := httpapi.Options{Allow: access.Allow}
	served := make(chan error, 1)
	go func() { served <- httpapi.Serve(ctx, listener, httpapi.NewServer(s, authenticate, o), o) }()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	send := func(body io.Reader, status int) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, "http://"+l.Addr().String()+"/v1/query", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+goodToken)
		r.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != status {
			t.Fatalf("status %d, %s, %v; want status %d", answer.StatusCode, text, err, status)
		}
	}
	for name, body := range map[string]func() io.Reader{
		"with a length": func() io.Reader { return strings.NewReader("{}") },
		"in chunks":     func() io.Reader { return struct{ io.Reader }{strings.NewReader("{}")} },
		"with a space":  func() io.Reader { return strings.NewReader("{} \n") },
		"of many reads": func() io.Reader { return strings.NewReader("{" + strings.Repeat(" ", 100_000) + "}") },
	} {
		send(body(), http.StatusOK)
		// A call has 30 s. It has no deadline to read, or the deadline of the whole request.
		if at := <-s.seen; !at.IsZero() && time.Until(at) < 30*time.Second {
			t.Errorf("a body %s: a read of the connection fails in %s, and ends the call", name, time.Until(at))
		}
		send(strings.NewReader(`{"other":1}`), http.StatusBadRequest)
	}
	if listener.accepted != 1 {
		t.Errorf("the calls needed %d connections, want 1", listener.accepted)
	}
	client.CloseIdleConnections()
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
