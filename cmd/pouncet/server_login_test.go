// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
)

func TestEachClientOfAnIssuerHasItsSecret(t *testing.T) {
	in := func(name string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const one, other = "https://one.example.com", "https://other.example.com"
	s := clientSecrets{texts: []string{one + "#shop=" + in("of-shop"), one + "#wiki=" + in("of-wiki"),
		other + "=" + in("of-all"), other + "#wiki=" + in("of-other-wiki")}}
	if err := s.check(&cobra.Command{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ issuer, client, want string }{
		{one, "shop", "of-shop"}, {one, "wiki", "of-wiki"}, {one, "blog", ""}, {other, "blog", "of-all"},
		{other, "wiki", "of-other-wiki"}, {"https://evil.example.com", "shop", ""}, {one + "#shop", "", ""},
	} {
		// A trust cannot have an issuer with #, but nothing must depend on that.
		if got, err := s.read(c.issuer, c.client); got != c.want || err != nil {
			t.Errorf("client %q of %s: %q, %v, want %q", c.client, c.issuer, got, err, c.want)
		}
	}
}
