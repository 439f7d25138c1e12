// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// link is a TCP proxy that can be cut. While it is cut, it keeps all connections and forwards nothing, as a network
// does that loses all packets. Afterwards it forwards what it has received, as TCP does when a network comes back.
type link struct {
	address string
	to      string
	ctx     context.Context // ends with the test

	mu    sync.Mutex
	whole chan struct{} // closed unless the link is cut
}

// newLink starts a proxy to an address.
func newLink(t *testing.T, to string) *link {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{address: listener.Addr().String(), to: to, ctx: t.Context(), whole: make(chan struct{})}
	close(l.whole)
	context.AfterFunc(t.Context(), func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go l.forward(c)
		}
	}()
	return l
}

// cut cuts the link, or repairs it.
func (l *link) cut(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.whole:
		if cut {
			l.whole = make(chan struct{})
		}
	default:
		if !cut {
			close(l.whole)
		}
	}
}

// wait waits until the link is whole.
func (l *link) wait() bool {
	l.mu.Lock()
	whole := l.whole
	l.mu.Unlock()
	select {
	case <-whole:
		return true
	case <-l.ctx.Done():
		return false
	}
}

func (l *link) forward(near net.Conn) {
	defer near.Close()
	if !l.wait() {
		return
	}
	far, err := (&net.Dialer{}).DialContext(l.ctx, "tcp", l.to)
	if err != nil {
		return
	}
	defer far.Close()
	ended := make(chan struct{}, 2)
	for _, c := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			l.copy(c[1], c[0])
			ended <- struct{}{}
		}()
	}
	select {
	case <-ended:
	case <-l.ctx.Done():
	}
}

func (l *link) copy(to io.Writer, from io.Reader) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if !l.wait() {
			return
		}
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}

// freeAddress returns an address on which nothing listens. Its port is below those that systems give to others.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprint("127.0.0.1:", 15000+rand.IntN(15000))
		if l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
