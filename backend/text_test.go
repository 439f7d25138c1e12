// SPDX-License-Identifier: MPL-2.0

package backend_test

import (
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func TestPlural(t *testing.T) {
	for _, c := range []struct {
		n    int
		noun string
		want string
	}{
		{0, "secret", "0 secrets"}, {1, "secret", "1 secret"}, {2, "secret", "2 secrets"},
		{1, "entry", "1 entry"}, {2, "entry", "2 entries"}, {2, "key", "2 keys"}, {2, "day", "2 days"},
	} {
		if got := backend.Plural(c.n, c.noun); got != c.want {
			t.Errorf("Plural(%d, %q) = %q, want %q", c.n, c.noun, got, c.want)
		}
	}
}

func TestEnumerate(t *testing.T) {
	letters := strings.Split("abcdefghijkl", "")
	for want, names := range map[string][]string{
		"none": nil, "a": letters[:1], "a, b": letters[:2],
		"a, b, c, d, e, f, g, h, i, j":              letters[:10],
		"a, b, c, d, e, f, g, h, i, j and 1 other":  letters[:11],
		"a, b, c, d, e, f, g, h, i, j and 2 others": letters,
	} {
		if got := backend.Enumerate(names); got != want {
			t.Errorf("Enumerate(%q) = %q, want %q", names, got, want)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"": false, "10.0.0.1": false, "localhost.example.com": false, "example.com": false, "0.0.0.0": false,
	} {
		if got := backend.IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) = %v, want %v", host, got, want)
		}
	}
}
