// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"crypto/tls"
	"net"
	"strings"

	"golang.org/x/net/netutil"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// unixScheme begins the address of a Unix socket, for server and client.
const unixScheme = "unix://"

// maxConnections limits the open connections of a listener, which includes those that have not finished the handshake
// of TLS. Others wait until one closes. A connection without a request closes after 10 s.
const maxConnections = 4096

// connectionLimit returns how many connections a process with this limit of open files accepts. The other half of the
// files is for the database: without it, connections that send nothing would stop all calls.
func connectionLimit(files uint64) int { return int(max(min(files/2, maxConnections), 1)) }

// ListenOptions say how a server listens.
type ListenOptions struct {
	// Address is a host and a port, or unix:// and the absolute path of a socket.
	Address string
	// TLS is nil for plain HTTP.
	TLS *tls.Config
	// InsecureBehindProxy allows plain HTTP that other machines can reach.
	InsecureBehindProxy bool
}

// Listen opens the listener of a server, and returns it with its URL. A Unix socket has mode 0600. It replaces one that
// nobody listens on any more.
func Listen(ctx context.Context, o ListenOptions) (net.Listener, string, error) {
	if path, ok := strings.CutPrefix(o.Address, unixScheme); ok {
		if o.TLS != nil {
			return nil, "", backend.Errorf(backend.CodeInvalid, "a Unix socket does not use TLS").
				WithHint("remove --tls-cert, or listen on a host and a port")
		}
		l, err := listenUnix(ctx, path)
		if err != nil {
			return nil, "", err
		}
		return netutil.LimitListener(l, connectionLimit(openFiles())), o.Address, nil
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Address)
	if err != nil {
		return nil, "", backend.Errorf(backend.CodeUnavailable, "listening on %s: %w", o.Address, err).
			WithHint("choose another address with --listen")
	}
	if at, ok := l.Addr().(*net.TCPAddr); o.TLS == nil && !o.InsecureBehindProxy && (!ok || !at.IP.IsLoopback()) {
		_ = l.Close()
		return nil, "", backend.Errorf(backend.CodeInvalid,
			"other machines can reach %s, and the server would speak plain HTTP there", o.Address).
			WithHint("use --tls-cert and --tls-key, or --insecure-behind-proxy if a proxy with TLS is in front of it")
	}
	address := l.Addr().String()
	l = netutil.LimitListener(l, connectionLimit(openFiles()))
	if o.TLS == nil {
		return l, "http://" + address, nil
	}
	// http.Server ends a handshake that takes more than 10 s, its ReadHeaderTimeout.
	return tls.NewListener(l, o.TLS), "https://" + address, nil
}
