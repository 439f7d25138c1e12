// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Proxies are addresses and networks of reverse proxies.
type Proxies []netip.Prefix

// ParseProxies parses addresses such as 192.0.2.1 and networks such as 10.0.0.0/8.
func ParseProxies(texts []string) (Proxies, error) {
	var all Proxies
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if a, addressErr := netip.ParseAddr(text); addressErr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, backend.Errorf(backend.CodeInvalid, "trusted proxy %s is not valid", backend.Quote(text)).
				WithHint("use an IP address such as 192.0.2.1, or a network such as 10.0.0.0/8")
		}
		all = append(all, p)
	}
	return all, nil
}

func (p Proxies) contains(a netip.Addr) bool {
	return slices.ContainsFunc(p, func(one netip.Prefix) bool { return one.Contains(a.WithZone("")) })
}

// address returns the IP address that a request came from. Each proxy adds the address of its client at the end of
// X-Forwarded-For, so the last address that is no trusted proxy is the client. What is before it, the client may have
// invented.
func (p Proxies) address(r *http.Request) string {
	client, err := peer(r)
	if err != nil {
		return ""
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, text := range slices.Backward(forwarded) {
		before, err := netip.ParseAddr(strings.TrimSpace(text))
		if err != nil || !p.contains(client) {
			break
		}
		client = before.Unmap()
	}
	return client.String()
}

// peer returns the address of the other end of the connection of a request.
func peer(r *http.Request) (netip.Addr, error) {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	a, err := netip.ParseAddr(host)
	return a.Unmap(), err
}

// headersOfProxies are headers that proxies add to the requests of their clients.
var headersOfProxies = []string{"Forwarded", "Via", "X-Forwarded-For", "X-Real-Ip"}

// forwarded reports whether a proxy has sent a request: a trusted one, or one that says so in a header.
func (p Proxies) forwarded(r *http.Request) bool {
	from, err := peer(r)
	return err == nil && p.contains(from) || slices.ContainsFunc(headersOfProxies, func(name string) bool {
		_, ok := r.Header[name]
		return ok
	})
}
