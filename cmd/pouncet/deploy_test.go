// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
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
