// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
	"github.com/pouncet/terraform-provider-pouncet/docs/pagetest"
)

// TestOpenTofu runs the quickstart and guides with OpenTofu in place of Terraform.
func TestOpenTofu(t *testing.T) {
	if os.Getenv("POUNCET_TEST_PARTS") == "" {
		t.Skip("SKIPPED: this test runs OpenTofu: set POUNCET_TEST_PARTS, or run make test-parts")
	}
	tofu, err := exec.LookPath("tofu")
	if err != nil {
		t.Skip("SKIPPED: tofu is not on PATH, so nothing is tested with OpenTofu: install OpenTofu 1.11 or later, " +
			"or run make tofu")
	}
	if tofu, err = filepath.Abs(tofu); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TERRAFORM", tofu)
	t.Setenv("TF_ACC", "1")

	t.Run("quickstart", func(t *testing.T) {
		root := t.TempDir()
		quickstart := filepath.Join(root, "examples/quickstart")
		if err := os.MkdirAll(quickstart, 0o755); err != nil {
			t.Fatal(err)
		}
		// Other files in the folder are what an earlier run left there.
		for _, name := range []string{"io_config.yaml", "main.tf", "run.sh", "values.tfvars.json"} {
			text, err := os.ReadFile(filepath.Join("../examples/quickstart", name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(quickstart, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		// The script expects the programs where make builds them.
		if err := os.Symlink(programtest.Dir(t), filepath.Join(root, "bin")); err != nil {
			t.Fatal(err)
		}
		for _, plan := range []string{"Plan: ", "No changes."} {
			out, err := exec.CommandContext(t.Context(), "bash", filepath.Join(quickstart, "run.sh")).CombinedOutput()
			if err != nil || !strings.Contains(string(out), plan) {
				t.Fatalf("the quickstart does not print %q: %v\n%s", plan, err, out)
			}
		}
	})
	for guide, commands := range map[string]string{"opentofu": "tofu", "pass-on": "terraform"} {
		t.Run(guide, func(t *testing.T) {
			s := pagetest.Run(t, "../docs/guides/"+guide+".md", pagetest.Options{})
			if out := s.Sh(commands + " version"); !strings.Contains(out, "OpenTofu") {
				t.Fatalf("the guide ran with another program:\n%s", out)
			}
			if out := s.Sh(commands + " plan -input=false -no-color"); !strings.Contains(out, "No changes") {
				t.Errorf("planned again:\n%s", out)
			}
			if guide == "opentofu" {
				wantUnknownRejected(t, s)
			}
			s.Sh(commands + " destroy -input=false -auto-approve")
		})
	}
}

// wantUnknownRejected checks what the documentation says about ephemeral_values = "unknown": OpenTofu rejects the
// results of ephemeral resources, and plans everything else.
func wantUnknownRejected(t *testing.T, s *pagetest.Session) {
	t.Helper()
	const plan = "tofu plan -input=false -no-color 2>&1 || true"
	s.Sh(`
pouncet secret set unread --env dev --generate
echo 'provider "pouncet" { ephemeral_values = "unknown" }' > unknown.tf`)
	if out := s.Sh(plan); !strings.Contains(out, "No changes") {
		t.Errorf("without ephemeral resources, the plan is:\n%s", out)
	}
	s.Sh(`cat >> unknown.tf <<'TF'
ephemeral "pouncet_secret_value" "v" {
  environment = "dev"
  name        = "unread"
}
resource "pouncet_secret" "copy" {
  environment = "dev"
  name        = "copy"
  value_wo    = ephemeral.pouncet_secret_value.v.value
}
TF`)
	if out := s.Sh(plan); !strings.Contains(out, "not wholly known") {
		t.Errorf("with an ephemeral resource, the plan is:\n%s", out)
	}
	s.Sh("rm unknown.tf; pouncet secret delete unread")
}
