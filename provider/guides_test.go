// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/docs/pagetest"
)

// TestGuides follows every guide as printed, from an empty folder and with the real CLI. Then it plans what the guide
// left behind, which must show no changes, and destroys it.
func TestGuides(t *testing.T) {
	const connection = `{"host":"db","username":"loader","password":"pw"}`
	pages, err := filepath.Glob("../docs/guides/*.md")
	if err != nil || len(pages) < 8 {
		t.Fatal(err, pages)
	}
	for _, page := range pages {
		name := strings.TrimSuffix(filepath.Base(page), ".md")
		t.Run(name, func(t *testing.T) {
			s := pagetest.Run(t, page, pagetest.Options{StandIns: map[string]string{
				"vault":   `[ "$1 $2" = "kv get" ] && echo from-vault`,
				"aws":     `[ "$1 $2" = "secretsmanager get-secret-value" ] && echo '` + connection + `'`,
				"doppler": `[ "$1 $2" = "secrets get" ] && echo from-doppler`,
			}})
			if !s.Complete {
				return
			}
			terraform := "terraform"
			destroy := ""
			switch name {
			case "opentofu":
				terraform = "tofu"
			case "environments":
				destroy = "pouncet secret set db_password --env production --protected=false\n"
			case "moving":
				got := s.Sh("for name in db_password api_key db; do pouncet resolve $name --env prod; done")
				if got != "from-vaultfrom-doppler"+connection {
					t.Errorf("the moved values are %q", got)
				}
				s.Sh("terraform fmt -check -recursive")
				return
			}
			if out := s.Sh(terraform + " plan -input=false -no-color"); !strings.Contains(out, "No changes") {
				t.Errorf("planned again:\n%s", out)
			}
			s.Sh(destroy + terraform + " destroy -input=false -auto-approve")
		})
	}
}
