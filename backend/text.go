// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"fmt"
	"net"
	"strings"
)

// Plural returns a count with its noun: "1 secret", "2 secrets", "2 entries".
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok && !strings.HasSuffix(stem, "e") && !strings.HasSuffix(stem, "a") {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Enumerate joins names for a message: "a, b, c". It shows the first ten and
// counts the rest; no names are "none".
func Enumerate(names []string) string {
	const most = 10
	switch {
	case len(names) == 0:
		return "none"
	case len(names) <= most:
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + Plural(len(names)-most, "other")
}

// IsLoopback reports whether a host name or address, without port, is this
// machine, so that a plain HTTP connection to it crosses no network.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
