// SPDX-License-Identifier: MPL-2.0

package acctest

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

// Workspace is a folder with a configuration, the built provider, and the real
// CLI to work on it, as a user has them.
type Workspace struct {
	Dir string
	Env []string // beside the process's own
	t   testing.TB
	cli string
}

// NewWorkspace makes an empty one with the provider of this repository, or skips the test where there is no CLI.
func NewWorkspace(t testing.TB) *Workspace {
	t.Helper()
	return NewWorkspaceWith(t, programtest.Dir(t))
}

// NewWorkspaceWith makes a workspace with the provider in a folder.
func NewWorkspaceWith(t testing.TB, bin string) *Workspace {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("TF_ACC is not set: this runs Terraform")
	}
	cli, err := exec.LookPath(cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform"))
	if err != nil {
		t.Skip("there is no terraform on PATH, nor at TF_ACC_TERRAFORM_PATH")
	}
	w := &Workspace{Dir: t.TempDir(), t: t, cli: cli}
	w.Write("rc", fmt.Sprintf("provider_installation {\n  dev_overrides { \"pouncet/pouncet\" = %q }\n  direct {}\n}\n", bin))
	w.Env = []string{
		"TF_CLI_CONFIG_FILE=" + filepath.Join(w.Dir, "rc"), "POUNCET_HOME=" + filepath.Join(w.Dir, "data"),
		"POUNCET_ENDPOINT=", "POUNCET_TOKEN=", "POUNCET_PROJECT=", "POUNCET_KMS_KEY=", "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1",
	}
	return w
}

// Write puts a file into the folder.
func (w *Workspace) Write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.Dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// Command is a call of the CLI in the folder.
func (w *Workspace) Command(args ...string) *exec.Cmd {
	c := exec.CommandContext(w.t.Context(), w.cli, args...)
	c.Dir, c.Env = w.Dir, append(os.Environ(), w.Env...)
	return c
}

// Must runs the CLI and returns what it prints.
func (w *Workspace) Must(args ...string) string {
	w.t.Helper()
	out, err := w.Command(args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}
