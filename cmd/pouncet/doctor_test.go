// SPDX-License-Identifier: MPL-2.0

package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Each command that doctor names for a held object exists.
func TestDoctorNamesCommands(t *testing.T) {
	paths := map[string]bool{}
	for _, c := range allCommands() {
		paths[c.CommandPath()] = true
	}
	command := regexp.MustCompile(`pouncet \w+ (delete|restore)`)
	for _, kind := range []backend.Kind{backend.KindProject, backend.KindEnvironment, backend.KindSecretType,
		backend.KindSecret, backend.KindScopedValue} {
		for _, held := range []string{backend.HeldDisplaced, backend.HeldReplaced, backend.HeldInUse} {
			text := heldText(backend.Object{Kind: kind, ID: "01", Was: "x", Held: held})
			named := command.FindAllString(text, -1)
			for _, path := range named {
				if !paths[path] {
					t.Errorf("%s, %s: there is no command %q: %s", kind, held, path, text)
				}
			}
			if len(named) == 0 || !strings.Contains(text, kind.String()) {
				t.Errorf("%s, %s: the text names no command, or not the object: %s", kind, held, text)
			}
		}
	}
}
