// SPDX-License-Identifier: MPL-2.0

package pagetest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// Options describe the machine of the reader.
type Options struct {
	// Env are variables, as NAME=value, in addition to the variables of this process.
	Env []string
	// StandIns are shell scripts, by the name of the program that each replaces: for a program that needs an account
	// or a network. $BUILT is the folder with the built programs.
	StandIns map[string]string
	// NotInstalled leaves out the programs that a page about installation installs: pouncet on PATH, and the provider
	// in the folder of plugins.
	NotInstalled bool
	// Files are written to the empty folder before the page runs.
	Files map[string]string
	// Section is the heading at which the run starts; "" for the whole page.
	Section string
}

// A Session holds what a page left behind when it ran: its folder and its environment.
type Session struct {
	Dir    string
	Home   string
	Output string // what all blocks printed, on both streams
	// Complete says that no program was absent, so that the whole page ran.
	Complete bool

	t   *testing.T
	env []string
}

// Run runs the blocks of the page at path. It fails the test if a command fails or prints something else than the page
// says. If a program is absent, it runs the blocks before the first call of the program, and a subtest that skips names
// the program.
func Run(t *testing.T, path string, o Options) *Session {
	t.Helper()
	if testing.Short() {
		t.Skip("SKIPPED: builds the programs and runs a page: run without -short")
	}
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("SKIPPED: bash is not on PATH, so that no page can run")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	if o.Section != "" {
		above, _, ok := strings.Cut(page, "\n"+o.Section+"\n")
		if !ok {
			t.Fatalf("%s has no section %q", path, o.Section)
		}
		page = strings.Repeat("\n", strings.Count(above, "\n")+1) + page[len(above)+1:]
	}
	all, err := blocks(page)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	s := newSession(t, o)
	run, absent := split(steps(all), s.env)
	var script strings.Builder
	for i, st := range run {
		fmt.Fprintf(&script, "printf '\\n%s\\n'\n%s", marker(i), st.script)
	}
	fmt.Fprintf(&script, "export -p > '%s'\n", s.exported())
	out, runErr := s.bash(script.String())
	s.Output = out
	printed := strings.Split(out, "\n@@ block ")
	for i, p := range printed[1:] {
		_, p, _ = strings.Cut(p, " @@\n")
		if line := missingLine(run[i].want, p); line != "" && (runErr == nil || i < len(printed)-2) {
			t.Errorf("%s:%d: the page shows the line %q, and the output is:\n%s", path, run[i].line, line, p)
		}
	}
	if runErr != nil {
		t.Fatalf("%s:%d: %v\n%s", path, run[max(len(printed)-2, 0)].line, runErr, out)
	}
	if absent != "" {
		t.Run(fmt.Sprintf("from line %d on", steps(all)[len(run)].line), func(t *testing.T) {
			t.Skipf("SKIPPED: the rest of %s, since %s", path, absent)
		})
	}
	s.Complete = absent == ""
	return s
}

func marker(i int) string { return fmt.Sprintf("@@ block %d @@", i) }

// split returns the steps before the first one that calls an absent program, and why that step cannot run.
func split(all []step, env []string) (run []step, absent string) {
	i := slices.IndexFunc(all, func(st step) bool {
		for _, p := range calls(st.script) {
			switch {
			case p == "terraform" && os.Getenv("TF_ACC") == "":
				absent = "TF_ACC is not set and the page runs Terraform"
			case !onPath(p, env):
				absent = p + " is not on PATH"
			}
		}
		return absent != ""
	})
	if i < 0 {
		return all, ""
	}
	return all[:i], absent
}

func onPath(program string, env []string) bool {
	for _, v := range slices.Backward(env) {
		if path, ok := strings.CutPrefix(v, "PATH="); ok {
			return slices.ContainsFunc(filepath.SplitList(path), func(dir string) bool {
				info, err := os.Stat(filepath.Join(dir, program))
				return err == nil && !info.IsDir()
			})
		}
	}
	return false
}

// newSession prepares the machine of the reader: an empty folder, a home, and programs on PATH.
func newSession(t *testing.T, o Options) *Session {
	t.Helper()
	root, programs := t.TempDir(), programtest.Dir(t)
	s := &Session{t: t, Dir: filepath.Join(root, "empty"), Home: filepath.Join(root, "home")}
	tools := filepath.Join(root, "tools")
	for _, dir := range []string{s.Dir, s.Home, tools} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := []string{tools}
	if !o.NotInstalled {
		path = append(path, programs)
		s.installProvider(programs)
	}
	if cli, err := exec.LookPath(cmp.Or(os.Getenv("TERRAFORM"), os.Getenv("TF_ACC_TERRAFORM_PATH"),
		"terraform")); err == nil {
		if cli, err = filepath.Abs(cli); err != nil {
			t.Fatal(err)
		}
		s.write(filepath.Join(tools, "terraform"), "#!/bin/sh\nexec '"+cli+"' \"$@\"\n", 0o755)
	}
	for name, script := range o.StandIns {
		s.write(filepath.Join(tools, name), "#!/usr/bin/env bash\nset -euo pipefail\n"+script+"\n", 0o755)
	}
	for name, text := range o.Files {
		s.write(filepath.Join(s.Dir, name), text, 0o644)
	}
	s.env = append(environ(), o.Env...)
	s.env = append(s.env, "HOME="+s.Home, "BUILT="+programs, "CHECKPOINT_DISABLE=1",
		"PATH="+strings.Join(append(path, os.Getenv("PATH")), string(os.PathListSeparator)))
	return s
}

// installProvider puts the provider where Terraform and OpenTofu look for one before they ask a registry.
func (s *Session) installProvider(programs string) {
	s.t.Helper()
	for _, host := range []string{"registry.terraform.io", "registry.opentofu.org"} {
		dir := filepath.Join(s.Home, ".terraform.d/plugins", host, "pouncet/pouncet", programtest.Version,
			runtime.GOOS+"_"+runtime.GOARCH)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			s.t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(programs, "terraform-provider-pouncet"),
			filepath.Join(dir, "terraform-provider-pouncet_v"+programtest.Version)); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *Session) write(path, text string, mode os.FileMode) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		s.t.Fatal(err)
	}
}

// exported returns the file with the variables that the page exported.
func (s *Session) exported() string { return filepath.Join(filepath.Dir(s.Dir), "exported") }

// Sh runs a script in the folder that the page left behind, with the variables that it exported, and returns what the
// script prints.
func (s *Session) Sh(script string) string {
	s.t.Helper()
	out, err := s.bash(". '" + s.exported() + "'\ncd '" + s.Dir + "'\n" + script)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return out
}

// bash runs a script. Programs that it left running end with it.
func (s *Session) bash(script string) (string, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c",
		"trap 'kill $(jobs -p) 2> /dev/null || true' EXIT\n"+script)
	cmd.Dir, cmd.Env, cmd.WaitDelay = s.Dir, s.env, 10*time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}
