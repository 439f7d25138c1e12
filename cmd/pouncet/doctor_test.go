// SPDX-License-Identifier: MPL-2.0

package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
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

func TestDoctorNamesWhatUsesADeletedObject(t *testing.T) {
	b, err := open.Open(t.Context(), open.Config{Path: filepath.Join(t.TempDir(), "data"), CreateIfAbsent: true})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	owner, key := "terraform:shop", "t"
	change := func(c backend.Change) backend.Object {
		c.Project, c.ManagedBy, c.SameOwner = backend.DefaultProject, &owner, true
		out, err := b.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{c}})
		if err != nil {
			t.Fatal(err)
		}
		return out[0].Object
	}
	typ := change(backend.Change{
		Op: backend.OpCreate, Kind: backend.KindSecretType, Name: key, Schema: json.RawMessage(`{"type":"string"}`),
	})
	change(backend.Change{
		Op: backend.OpCreate, Kind: backend.KindSecret, Environment: "*", Name: "s", Type: &key,
		Value: backend.PlaintextString("v"),
	})
	change(backend.Change{Op: backend.OpDelete, Kind: backend.KindSecretType, ID: typ.ID})
	page, err := b.Query(t.Context(), backend.Query{Kind: backend.KindSecretType, ID: typ.ID})
	if err != nil {
		t.Fatal(err)
	}
	text := heldText(page.Objects[0], usersOf(t.Context(), b, page.Objects[0])...)
	if want := "it was deleted while secret s in * uses it"; !strings.Contains(text, want) {
		t.Errorf("the text does not have %q: %s", want, text)
	}
}
