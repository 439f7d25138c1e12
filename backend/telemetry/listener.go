// SPDX-License-Identifier: MPL-2.0

package telemetry

import (
	"context"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Listen listens on an address that a flag names. A port alone means 127.0.0.1.
func Listen(ctx context.Context, flag, address string) (net.Listener, error) {
	if _, err := strconv.ParseUint(address, 10, 16); err == nil {
		address = net.JoinHostPort("127.0.0.1", address)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, backend.Errorf(backend.CodeUnavailable, "listening on %s: %w", address, err).
			WithHint("choose another address with %s", flag)
	}
	return l, nil
}

// ListenOnLoopback is Listen for an address that other machines must not reach.
func ListenOnLoopback(ctx context.Context, flag, address string) (net.Listener, error) {
	l, err := Listen(ctx, flag, address)
	if err != nil {
		return nil, err
	}
	if at, ok := l.Addr().(*net.TCPAddr); !ok || !at.IP.IsLoopback() {
		_ = l.Close()
		return nil, backend.Errorf(backend.CodeInvalid, "other machines can reach %s", address).
			WithHint("%s takes a port, or an address such as 127.0.0.1:6060", flag)
	}
	return l, nil
}

// Serve answers requests on l until ctx ends. Running requests are not waited for.
func Serve(ctx context.Context, l net.Listener, h http.Handler) {
	s := &http.Server{Handler: h, ReadTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	_ = s.Serve(l)
}

// Handler serves the metrics under /metrics, and the state of the server under /healthz and /readyz, so that probes
// need neither a certificate nor a token.
func (m *Metrics) Handler(ready func(context.Context) error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		m.Write(w)
	})
	state := func(w http.ResponseWriter, status int, text string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"status":"` + text + `"}`))
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { state(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if ready(r.Context()) != nil {
			state(w, http.StatusServiceUnavailable, "not ready")
			return
		}
		state(w, http.StatusOK, "ready")
	})
	return mux
}

// Profiles serves the profiles of the process under /debug/pprof/. It refuses requests for another host: a page in a
// browser on this machine could send them under a name that leads here.
func Profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if !backend.IsLoopback(strings.Trim(host, "[]")) {
			http.Error(w, "this host is not served", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
