// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// createConfig has ten objects that do not depend on each other, for two processes of the provider, and what reads.
const createConfig = acctest.RequiredProviders + `
provider "pouncet" {
  create        = true
  configuration = "shop"
}
provider "pouncet" {
  alias         = "second"
  create        = true
  configuration = "shop"
}
resource "pouncet_environment" "second" {
  provider = pouncet.second
  name     = "second"
}
resource "pouncet_environment" "e" {
  count = 9
  name  = "e${count.index}"
}
resource "pouncet_secret" "s" {
  name        = "s"
  environment = pouncet_environment.e[0].name
  value_wo    = "CANARY"
}
data "pouncet_environments" "before" {}
ephemeral "pouncet_secret_value" "s" {
  name        = "s"
  environment = pouncet_environment.e[0].name
  at_version  = pouncet_secret.s.version
}
`

// tree returns the files below a folder with their modes and times, without those that Terraform writes.
func tree(t *testing.T, folder string) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); name == "plan" || strings.HasPrefix(name, "terraform.tfstate") || path == folder {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		names = append(names, strings.Join([]string{path, info.Mode().String(), info.ModTime().String()}, " "))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// environments returns the names of the environments in the folder of a workspace.
func environments(t *testing.T, w *acctest.Workspace) []string {
	t.Helper()
	b, err := open.Open(context.Background(), open.Config{Path: w.Data()})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	page, err := b.Query(context.Background(), backend.Query{Kind: backend.KindEnvironment, Project: "default"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range page.Objects {
		names = append(names, o.Name)
	}
	return names
}

// A plan writes nothing to disk. An apply creates the backend once, also of a saved plan and with ten resources at a
// time. A state whose backend is gone is an error, and nothing is created.
func TestOnlyAnApplyCreatesTheBackend(t *testing.T) {
	w := acctest.NewWorkspace(t)
	w.Write("main.tf", createConfig)
	apply := []string{"apply", "-input=false", "-no-color", "-auto-approve"}

	before := tree(t, w.Dir)
	out := acctest.OneLine(w.Must("plan", "-input=false", "-no-color", "-out=plan"))
	if after := tree(t, w.Dir); !slices.Equal(before, after) {
		t.Fatalf("the plan changed the disk from\n%s\nto\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	for _, want := range []string{"11 to add", "Folder " + w.Data() + " does not contain a backend, and create is set"} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not print %q:\n%s", want, out)
		}
	}
	w.Must("apply", "-input=false", "-no-color", "-parallelism=10", "plan")
	if got := environments(t, w); len(got) != 10 {
		t.Errorf("the environments are %v", got)
	}
	if left, err := filepath.Glob(filepath.Join(w.Dir, ".data*")); err != nil || len(left) > 0 {
		t.Errorf("beside the backend are %v (%v)", left, err)
	}

	moved := w.Data() + ".moved"
	if err := os.Rename(w.Data(), moved); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{apply, {"plan", "-input=false", "-no-color", "-refresh=false"}} {
		out = acctest.OneLine(w.Fails(args...))
		if !strings.Contains(out, "The state belongs to deployment") || !strings.Contains(out, "but folder "+w.Data()) {
			t.Errorf("terraform %v does not name the deployment and the folder:\n%s", args, out)
		}
		if _, err := os.Stat(w.Data()); err == nil {
			t.Fatalf("terraform %v created a backend although the state has one", args)
		}
	}
	if err := os.Rename(moved, w.Data()); err != nil {
		t.Fatal(err)
	}
	w.Must("destroy", "-input=false", "-no-color", "-auto-approve")
	if got := environments(t, w); len(got) != 0 {
		t.Errorf("after destroy the environments are %v", got)
	}

	// The state is empty now, so that a new backend may be created.
	if err := os.RemoveAll(w.Data()); err != nil {
		t.Fatal(err)
	}
	w.Must(append(apply, "-parallelism=1")...)
	if got := environments(t, w); len(got) != 10 {
		t.Errorf("the environments are %v", got)
	}
	w.Must("plan", "-input=false", "-no-color", "-detailed-exitcode") // fails if the plan has changes
}

// One plan reports what is wrong with several provider blocks.
func TestProviderBlockNamesOneBackend(t *testing.T) {
	w := acctest.NewWorkspace(t)
	w.Env = append(w.Env, "POUNCET_HOME=")
	absent := filepath.Join(w.Dir, "mistyped")
	config := acctest.RequiredProviders + "variable \"endpoint\" {\n  default = \"\"\n}\n"
	for _, block := range []string{
		"", "endpoint = var.endpoint", `token = "t"`, `ca_cert_file = "ca.pem"`, `path = "mistyped"`,
		"path = \"mistyped/.pouncet\"\n  kms_key = \"aws-kms:///alias/shop\"",
		"endpoint = \"https://pouncet.example.com\"\n  token = \"t\"\n  create = true",
		"path = \"main.tf\"\n  create = true",
	} {
		name := string(rune('a' + strings.Count(config, "alias")))
		config += "provider \"pouncet\" {\n  alias = \"" + name + "\"\n  " + block + "\n}\n" +
			"data \"pouncet_environments\" \"" + name + "\" {\n  provider = pouncet." + name + "\n}\n"
	}
	w.Write("main.tf", config)
	before := tree(t, w.Dir)
	out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
	for _, want := range []string{
		"Folder " + filepath.Join(w.Dir, ".pouncet") + " does not contain a backend",
		"run pouncet init in " + w.Dir + ", or set create = true in the provider block",
		"The value of endpoint is empty",
		"token belongs to a server, but no endpoint is set",
		"ca_cert_file belongs to a server, but no endpoint is set",
		"Folder " + absent + " does not contain a backend",
		"run pouncet init with POUNCET_HOME=" + absent + ", or set create = true in the provider block",
		"run pouncet init --kms-key aws-kms:///alias/shop in " + absent + ", or set create = true",
		"create belongs to the embedded backend, but endpoint names a server",
		filepath.Join(w.Dir, "main.tf") + " is not a folder",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not print %q:\n%s", want, out)
		}
	}
	if after := tree(t, w.Dir); !slices.Equal(before, after) {
		t.Errorf("the plan changed the disk from %q to %q", before, after)
	}
}

// A plan with create reads an empty backend. What it would return of the project "default" does not exist yet.
func TestNewBackendHasNothingToRead(t *testing.T) {
	w := acctest.NewWorkspace(t)
	w.Write("main.tf", acctest.RequiredProviders+`
provider "pouncet" { create = true }
data "pouncet_secret_type" "built_in" { key = "password" }
data "pouncet_secrets" "none" {}
data "pouncet_project" "default" { name = "default" }
data "pouncet_projects" "all" {}
ephemeral "pouncet_secret_value" "s" {
  name        = "s"
  environment = "dev"
}
ephemeral "pouncet_token" "t" { role = "runtime" }
resource "pouncet_project" "default" { name = "default" }
resource "pouncet_project" "imported" { name = "default" }
import {
  to = pouncet_project.imported
  id = "default"
}
`)
	before := tree(t, w.Dir)
	out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
	for want, count := range map[string]int{
		`Project "default" has no id yet, because folder ` + w.Data() + " does not contain a backend": 2,
		"Nothing can be imported, because folder " + w.Data() + " does not contain a backend":         1,
		`Environment "dev" does not exist`:                            1,
		"The embedded backend in " + w.Data() + " does not exist yet": 1,
		`Project "default" already exists`:                            1,
		"Error: ":                                                     6,
	} {
		if got := strings.Count(out, want); got != count {
			t.Errorf("the plan prints %q %d times, want %d:\n%s", want, got, count, out)
		}
	}
	if after := tree(t, w.Dir); !slices.Equal(before, after) {
		t.Errorf("the plan changed the disk from %q to %q", before, after)
	}
}
