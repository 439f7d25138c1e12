// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"errors"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// TestNamesAndTextsAreChecked tries every name and text of every kind of object with characters that none may have.
func TestNamesAndTextsAreChecked(t *testing.T) {
	s := limited(t)
	role := backend.RoleViewer
	base := map[backend.Kind]backend.Change{
		backend.KindProject: {}, backend.KindEnvironment: {Project: project},
		backend.KindSecretType:  {Project: project, Schema: []byte("{}")},
		backend.KindSecret:      {Project: project, Environment: "dev", Value: backend.PlaintextString("v")},
		backend.KindScopedValue: {Project: project, Environment: "dev", JSON: []byte("1")},
		backend.KindToken:       {Role: &role, TokenHash: make([]byte, 32)},
	}
	characters := []string{"\x1b", "\r", "\x00", "\x7f", "\u009b", "\u202e", "\u2066", "\u2028", "\xff", "\xed\xa0\xbd"}
	inNames := append([]string{"\n", "\t", "\u200b", "\u200d", "\u200e", "\ufeff", "é", ":"}, characters...)
	refused := func(c backend.Change, what, text string) {
		t.Helper()
		_, err := s.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{c}})
		if e := backend.AsError(err); e == nil || e.Code != backend.CodeInvalid {
			t.Errorf("%s %s: %+q gives %v", c.Kind, what, text, err)
		}
	}
	for kind, c := range base {
		c.Op, c.Kind = backend.OpCreate, kind
		for _, character := range inNames {
			bad := c
			bad.Name = "a" + character
			refused(bad, "name", character)
		}
		for _, character := range characters {
			text := "a" + character
			for what, set := range map[string]func(*backend.Change){
				"description": func(c *backend.Change) { c.Description = &text },
				"label key":   func(c *backend.Change) { c.Labels = map[string]string{text: "v"} },
				"label value": func(c *backend.Change) { c.Labels = map[string]string{"k": text} },
				"managed_by":  func(c *backend.Change) { c.ManagedBy = &text },
			} {
				bad := c
				bad.Name = "x"
				set(&bad)
				refused(bad, what, character)
			}
		}
		text, c := "one\n\ttwo", c
		c.Name, c.Description = "x", &text
		c.Labels = map[string]string{"k": text}
		id := apply(t, s, c)[0].Object.ID
		for _, character := range inNames {
			name := "b" + character
			if kind != backend.KindToken {
				refused(backend.Change{Op: backend.OpUpdate, Kind: kind, ID: id, Project: c.Project, Rename: &name}, "rename",
					character)
			}
		}
	}
	for _, character := range characters {
		text := "a" + character
		refused(backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: project, Environment: "dev",
			Name: "x", Value: backend.PlaintextString("w"), Note: &text}, "note", character)
		refused(backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecretType, Project: project, Name: "x",
			DisplayName: &text}, "display_name", character)
		refused(backend.Change{Op: backend.OpUpdate, Kind: backend.KindEnvironment, Project: project, Name: "x",
			KMSKey: &text}, "kms_key", character)
		refused(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: "x",
			Policy: &backend.PolicyChange{NamePattern: &text}}, "name_pattern", character)
		usage := backend.Usage{Kind: backend.KindSecret, Name: "x", Environment: "dev", File: "a.yaml"}
		refused(backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: text,
			Usages: []backend.Usage{usage}}, "source", character)
		usage.File = text
		refused(backend.Change{Op: backend.OpSet, Kind: backend.KindUsage, Project: project, Name: "source",
			Usages: []backend.Usage{usage}}, "file", character)
	}
	// A source that an earlier version registered can be removed.
	for _, c := range []backend.Change{{Op: backend.OpSet, Usages: []backend.Usage{}}, {Op: backend.OpDelete}} {
		c.Kind, c.Project, c.Name = backend.KindUsage, project, "old\u202e"
		_, err := s.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{c}})
		if errors.Is(err, backend.ErrInvalid) {
			t.Errorf("%s of an old source: %v", c.Op, err)
		}
	}
}
