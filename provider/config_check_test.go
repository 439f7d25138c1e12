// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// cli is the built provider and the real CLI in a copy of a folder of examples:
// an example that reads files beside it needs a provider that runs where
// Terraform runs.
type cli struct {
	t         *testing.T
	dir       string
	terraform string
}

func newCLI(t *testing.T, example string) *cli {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("TF_ACC is not set: this test runs Terraform")
	}
	terraform, err := exec.LookPath(cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform"))
	if err != nil {
		t.Fatal("terraform is not on PATH")
	}
	c := &cli{t, filepath.Join(t.TempDir(), "copy"), terraform}
	if err := os.CopyFS(c.dir, os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	c.write("../rc", fmt.Sprintf("provider_installation {\n  dev_overrides { \"pouncet/pouncet\" = %q }\n  direct {}\n}\n", programtest.Dir(t)))
	return c
}

func (c *cli) write(name, text string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, name), []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// run runs Terraform, and returns what it printed on one line, without the
// bars and breaks of its boxes.
func (c *cli) run(ok bool, args ...string) string {
	c.t.Helper()
	cmd := exec.Command(c.terraform, args...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+filepath.Join(c.dir, "../rc"), "POUNCET_HOME="+filepath.Join(c.dir, "../data"),
		"POUNCET_ENDPOINT=", "POUNCET_TOKEN=", "POUNCET_PROJECT=", "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_VAR_db_password=correct horse")
	out, err := cmd.CombinedOutput()
	if (err == nil) != ok {
		c.t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(string(out))), " ")
}

func TestConfigReferencesExample(t *testing.T) {
	c := newCLI(t, "../examples/data-sources/pouncet_config_references")
	c.write("providers.tf", "terraform {\n  required_providers {\n    pouncet = { source = \"pouncet/pouncet\" }\n  }\n}\n")
	c.run(true, "apply", "-no-color", "-input=false", "-auto-approve")
	if out := c.run(true, "plan", "-no-color", "-input=false"); !strings.Contains(out, "No changes") {
		t.Error(out)
	}
}

// TestConfigCheckGuide follows the guide: the plan fails before anything is
// made, passes once the secret is declared, and fails again when it is to go.
func TestConfigCheckGuide(t *testing.T) {
	c := newCLI(t, "../examples/guides/config-check")
	const all = `-var=api_key_environments=["dev","prod"]`
	const why = `pipelines/load.yaml:6:37: secret "api_key" does not exist in environment "prod"; it exists in dev`
	if out := c.run(false, "plan", "-no-color", "-input=false"); !strings.Contains(out, why) || strings.Contains(out, "db_password\" does not exist") {
		t.Error(out)
	}
	c.run(true, "apply", "-no-color", "-input=false", "-auto-approve", all)
	if out := c.run(true, "plan", "-no-color", "-input=false", all); !strings.Contains(out, "No changes") {
		t.Error(out)
	}
	if out := c.run(false, "plan", "-no-color", "-input=false"); !strings.Contains(out, why) {
		t.Error(out)
	}
	if out := c.run(true, "state", "pull"); strings.Contains(out, "correct horse") {
		t.Error("a value is in the state")
	}
	c.write("pipelines/load.yaml", "a: 1\n")
	if out := c.run(true, "plan", "-no-color", "-input=false"); !strings.Contains(out, "1 to destroy") {
		t.Error(out)
	}
}
