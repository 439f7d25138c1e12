// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
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

// An issuer, a client and a path can have =. The file that exists says which of them ends the issuer.
func TestEqualSignsInAClientSecretFile(t *testing.T) {
	folder := t.TempDir()
	file := func(name string) string {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("CANARY\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const issuer = "https://one.example.com"
	plain, equals := file("plain"), file("a=b/c=d")
	for text, want := range map[string]struct {
		client clientOf
		path   string
	}{
		issuer + "=" + plain:                      {clientOf{issuer, ""}, plain},
		issuer + "=" + equals:                     {clientOf{issuer, ""}, equals},
		issuer + "/realm=x=" + plain:              {clientOf{issuer + "/realm=x", ""}, plain},
		issuer + "/realm=x=" + equals:             {clientOf{issuer + "/realm=x", ""}, equals},
		issuer + "/realm=x#shop=" + plain:         {clientOf{issuer + "/realm=x", "shop"}, plain},
		issuer + "/realm=x#shop=1=" + equals:      {clientOf{issuer + "/realm=x", "shop=1"}, equals},
		issuer + "#c2hvcA===" + plain:             {clientOf{issuer, "c2hvcA=="}, plain},
		issuer + "=" + plain + "=missing":         {clientOf{issuer, ""}, plain + "=missing"},
		issuer + "/realm=x=" + plain + "=missing": {clientOf{issuer + "/realm", ""}, "x=" + plain + "=missing"},
	} {
		client, path, err := parseClientFile(&cobra.Command{}, text)
		if err != nil || client != want.client || path != want.path {
			t.Errorf("%s: %v, %q, %v, want %v, %q", text, client, path, err, want.client, want.path)
		}
	}
	for _, text := range []string{"", "=", issuer, issuer + "=", issuer + "#=" + plain, "one=" + plain, "=" + plain} {
		if client, path, err := parseClientFile(&cobra.Command{}, text); err == nil {
			t.Errorf("%q is %v, %q, not an error", text, client, path)
		}
	}
	t.Chdir(folder)
	for _, name := range []string{"f", "x=f"} {
		file(name)
	}
	const ambiguous = issuer + "/y=x=f"
	if _, _, err := parseClientFile(&cobra.Command{}, ambiguous); err == nil ||
		!strings.Contains(err.Error(), "can mean several files") {
		t.Errorf("two files: %v", err)
	}
	absolute := issuer + "/y=x=" + filepath.Join(folder, "f") // as the hint says
	if client, _, err := parseClientFile(&cobra.Command{}, absolute); err != nil || client.issuer != issuer+"/y=x" {
		t.Errorf("an absolute path: %v, %v", client, err)
	}
}
