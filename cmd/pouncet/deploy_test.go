// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDeployFilesUseFlagsThatExist compares the flags in the files of deploy/ with those of the server.
func TestDeployFilesUseFlagsThatExist(t *testing.T) {
	server := (&app{}).serverCommand()
	for _, file := range []string{"pouncet.service", "Containerfile"} {
		text, err := os.ReadFile("../../deploy/" + file)
		if err != nil {
			t.Fatal(err)
		}
		_, command, ok := strings.Cut(string(text), "ExecStart=")
		if ok {
			command, _, _ = strings.Cut(command, "\nEnvironment=")
		} else {
			_, command, ok = strings.Cut(string(text), "CMD [")
		}
		if !ok {
			t.Fatalf("%s has no command", file)
		}
		flags := regexp.MustCompile(`--([a-z-]+)`).FindAllStringSubmatch(command, -1)
		if len(flags) < 4 {
			t.Errorf("%s: only the flags %v were found", file, flags)
		}
		for _, flag := range flags {
			if server.Flags().Lookup(flag[1]) == nil {
				t.Errorf("%s: the flag --%s does not exist", file, flag[1])
			}
		}
	}
}

// TestChartUsesFlagsThatExist compares the arguments in the Helm chart with those of the server.
func TestChartUsesFlagsThatExist(t *testing.T) {
	server := (&app{}).serverCommand()
	for file, command := range map[string]string{"deployment": "server", "migrate": "migrate"} {
		text, err := os.ReadFile("../../deploy/helm/pouncet/templates/" + file + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		in := server
		for _, c := range server.Commands() {
			if c.Name() == command {
				in = c
			}
		}
		flags := regexp.MustCompile(`(?:- |")--([a-z-]+)`).FindAllStringSubmatch(string(text), -1)
		if len(flags) < 2 || in.Name() != command {
			t.Errorf("%s: only the flags %v of %s were found", file, flags, in.Name())
		}
		for _, flag := range flags {
			if in.Flags().Lookup(flag[1]) == nil {
				t.Errorf("%s: the flag --%s does not exist", file, flag[1])
			}
		}
	}
}

// TestSystemdAcceptsTheUnit lets systemd verify the unit, and say how far it is exposed.
func TestSystemdAcceptsTheUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("SKIPPED: there is no systemd-analyze; it is in the package systemd")
	}
	text, err := os.ReadFile("../../deploy/pouncet.service")
	if err != nil {
		t.Fatal(err)
	}
	// The program is not installed here.
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "pouncet.service")
	for name, test := range map[string]struct {
		text string
		fine bool
	}{
		"unit":    {strings.Replace(string(text), "/usr/local/bin/pouncet", self, 1), true},
		"mistake": {strings.Replace(string(text), "UMask=", "UMusk=", 1), false},
	} {
		if err := os.WriteFile(unit, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", unit).CombinedOutput()
		if fine := err == nil && len(out) == 0; fine != test.fine {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	// The threshold is ten times the exposure level, which is from 0 to 10.
	out, err := exec.CommandContext(t.Context(), analyze, "security", "--no-pager", "--offline=true", "--threshold=20",
		"../../deploy/pouncet.service").CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
