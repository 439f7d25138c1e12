// SPDX-License-Identifier: MPL-2.0

package acctest

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// Workspace is a folder with a Terraform configuration, in which a real Terraform runs with a built provider.
type Workspace struct {
	Dir       string
	Env       []string // in addition to the environment of this process
	t         testing.TB
	cli       string
	inProcess *testing.T // the test whose process serves the provider, or nil for the built one
}

// InProcess returns an empty workspace whose provider runs in the process of the test. It skips the test if Terraform
// is missing. The test runs in parallel with others. The configuration has one provider block at most: Terraform starts
// a process for each block, but connects all of them to a provider that runs already.
func InProcess(t *testing.T) *Workspace {
	t.Helper()
	parallel(t)
	return inProcess(t)
}

func inProcess(t *testing.T) *Workspace {
	t.Helper()
	return &Workspace{
		Dir: t.TempDir(), t: t, cli: terraform(t), inProcess: t,
		Env: []string{"CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_CONFIG_FILE=" + os.DevNull},
	}
}

// NewWorkspace returns an empty workspace with the built provider, which Terraform starts. It skips the test if
// Terraform is missing. The test runs in parallel with others.
func NewWorkspace(t testing.TB) *Workspace {
	t.Helper()
	cli := terraform(t)
	if t, ok := t.(*testing.T); ok {
		parallel(t)
	}
	return newWorkspace(t, cli, programtest.Dir(t))
}

// NewWorkspaceWith is NewWorkspace with the provider in the folder bin.
func NewWorkspaceWith(t testing.TB, bin string) *Workspace {
	t.Helper()
	return newWorkspace(t, terraform(t), bin)
}

func terraform(t testing.TB) string {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("SKIPPED: this test runs Terraform: set TF_ACC=1, or run make test")
	}
	cli, err := exec.LookPath(cmp.Or(os.Getenv("TF_ACC_TERRAFORM_PATH"), "terraform"))
	if err != nil {
		t.Skip("SKIPPED: there is no terraform on PATH or at TF_ACC_TERRAFORM_PATH: run make terraform")
	}
	return cli
}

func newWorkspace(t testing.TB, cli, bin string) *Workspace {
	t.Helper()
	w := &Workspace{Dir: t.TempDir(), t: t, cli: cli}
	w.Write("rc", fmt.Sprintf("provider_installation {\n  dev_overrides { %q = %q }\n  direct {}\n}\n",
		"pouncet/pouncet", bin))
	w.Env = []string{
		"TF_CLI_CONFIG_FILE=" + filepath.Join(w.Dir, "rc"), "POUNCET_HOME=" + w.Data(), "POUNCET_ENDPOINT=",
		"POUNCET_TOKEN=", "POUNCET_PROJECT=", "POUNCET_KMS_KEY=", "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1",
	}
	return w
}

// Data returns the folder of the embedded backend.
func (w *Workspace) Data() string { return filepath.Join(w.Dir, "data") }

// Init creates the embedded backend in Data, as pouncet init does.
func (w *Workspace) Init() {
	w.t.Helper()
	if _, err := open.Init(w.t.Context(), open.Config{Path: w.Data()}); err != nil {
		w.t.Fatal(err)
	}
}

// Copy copies the contents of a folder into the workspace.
func (w *Workspace) Copy(folder string) {
	w.t.Helper()
	if err := os.CopyFS(w.Dir, os.DirFS(folder)); err != nil {
		w.t.Fatal(err)
	}
}

// RequiredProviders is the configuration block that requires the provider.
const RequiredProviders = `
terraform {
  required_providers {
    pouncet = { source = "pouncet/pouncet" }
  }
}
`

// Write writes a file into the workspace.
func (w *Workspace) Write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.Dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// Command returns a call of Terraform in the workspace.
func (w *Workspace) Command(args ...string) *exec.Cmd {
	c := exec.CommandContext(w.t.Context(), w.cli, args...)
	c.Dir, c.Env = w.Dir, append(os.Environ(), w.Env...)
	return c
}

// Must runs Terraform and returns its output. It fails the test if Terraform fails.
func (w *Workspace) Must(args ...string) string {
	w.t.Helper()
	return w.run(true, args)
}

// Fails runs Terraform and returns its output. It fails the test if Terraform succeeds.
func (w *Workspace) Fails(args ...string) string {
	w.t.Helper()
	return w.run(false, args)
}

// Tries runs Terraform and returns its output, and whether it succeeds.
func (w *Workspace) Tries(args ...string) (string, bool) {
	w.t.Helper()
	out, err := w.try(args...)
	return out, err == nil
}

func (w *Workspace) run(succeeds bool, args []string) string {
	w.t.Helper()
	out, err := w.try(args...)
	if (err == nil) != succeeds {
		w.t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// try runs Terraform and returns its output. An error contains what Terraform printed as its errors.
func (w *Workspace) try(args ...string) (string, error) {
	w.t.Helper()
	c := w.Command(args...)
	if w.inProcess != nil {
		config, _ := os.ReadFile(filepath.Join(w.Dir, "main.tf"))
		if bytes.Count(config, []byte(`provider "pouncet"`)) > 1 {
			w.t.Fatal("a configuration with two provider blocks needs acctest.NewWorkspace")
		}
		state, _ := os.ReadFile(filepath.Join(w.Dir, stateFile)) // a resource that is removed still needs its provider
		variable, stop := serve(w.inProcess, string(config)+string(state))
		defer stop()
		c.Env = append(c.Env, variable)
	}
	var stdout, stderr bytes.Buffer
	var both synced // the two outputs are copied at the same time
	c.Stdout, c.Stderr = io.MultiWriter(&stdout, &both), io.MultiWriter(&stderr, &both)
	if err := c.Run(); err != nil {
		return both.String(), fmt.Errorf("terraform %s: %w\n%s", args[0], err, stderr.String())
	}
	if args[0] == "show" {
		return stdout.String(), nil // without warnings, so that it is JSON
	}
	return both.String(), nil
}

// synced is a buffer that several goroutines may write to.
type synced struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *synced) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *synced) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// stateFile is where Terraform keeps the state of a workspace.
const stateFile = "terraform.tfstate"

// hasState reports whether Terraform has written a state.
func (w *Workspace) hasState() bool {
	_, err := os.Stat(filepath.Join(w.Dir, stateFile))
	return err == nil
}

// OneLine returns the output of Terraform in one line, without the frames and line breaks of its diagnostics.
func OneLine(output string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(output)), " ")
}
