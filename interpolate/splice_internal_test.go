// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

type one string

func (o one) Resolve(context.Context, []backend.Ref) ([]backend.Resolution, error) {
	return []backend.Resolution{{Value: backend.PlaintextString(string(o))}}, nil
}

// TestWrongSpliceIsRefused makes the splice go wrong in every way that a defect
// could, and expects that nothing is given out and no value is told.
func TestWrongSpliceIsRefused(t *testing.T) {
	const text = "a: {{ get_secret_value('s') }}\nb: c\nd: |\n  e\nf: '{{ get_secret_value(''s'') }}'\n"
	for name, sabotage := range map[string]func(d *Document){
		"nothing":         nil,
		"begins early":    func(d *Document) { d.scalars[1].start-- },
		"ends early":      func(d *Document) { d.scalars[1].end-- },
		"ends late":       func(d *Document) { d.scalars[0].end++ },
		"takes a line":    func(d *Document) { d.scalars[1].start -= len("f: ") },
		"another value":   func(d *Document) { d.scalars[1].node.Value, d.scalars[1].node = "x", d.roots[0].Content[0].Content[3] },
		"another tag":     func(d *Document) { d.roots[0].Content[0].Tag = "!x" },
		"another anchor":  func(d *Document) { d.roots[0].Content[0].Anchor = "x" },
		"lost node":       func(d *Document) { m := d.roots[0].Content[0]; m.Content = m.Content[:6] },
		"lost document":   func(d *Document) { d.roots = append(d.roots, d.roots[0]) },
		"becomes no YAML": func(d *Document) { d.parserInput = append(d.parserInput, "]: secret-canary"...) },
	} {
		t.Run(name, func(t *testing.T) {
			d := &Document{file: File{Name: "f", Data: []byte(text)}, alwaysParse: true}
			if problems := d.scan(); len(problems) > 0 {
				t.Fatal(problems)
			}
			v, err := resolveAll(t.Context(), one("secret-canary: x"), []*Document{d}, Options{Project: "p", Environment: "e"})
			if err != nil {
				t.Fatal(err)
			}
			if sabotage != nil {
				sabotage(d)
			}
			data, problems := d.fill(v)
			if sabotage == nil {
				if len(problems) > 0 || strings.Count(string(data), "secret-canary") != 2 {
					t.Fatalf("got %s, %v", data, problems)
				}
				return
			}
			if data != nil || !errors.Is(problems, backend.ErrInternal) || strings.Contains(problems.Error(), "canary") {
				t.Errorf("got %s, %v", data, problems)
			}
		})
	}
}
