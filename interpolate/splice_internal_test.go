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

// TestWrongSpliceIsRefused breaks the splice in every way that a bug could. Render must then return no file, and an
// error without a value.
func TestWrongSpliceIsRefused(t *testing.T) {
	const text = "a: {{ get_secret_value('s') }}\nb: c\nd: |\n  e\nf: '{{ get_secret_value(''s'') }}'\n"
	for name, sabotage := range map[string]func(d *Document){
		"no change":       nil,
		"begins too soon": func(d *Document) { d.scalars[1].start-- },
		"ends too soon":   func(d *Document) { d.scalars[1].end-- },
		"ends too late":   func(d *Document) { d.scalars[0].end++ },
		"replaces a line": func(d *Document) { d.scalars[1].start -= len("f: ") },
		"wrong value": func(d *Document) {
			d.scalars[1].node.Value, d.scalars[1].node = "x",
				d.roots[0].Content[0].Content[3]
		},
		"wrong tag":        func(d *Document) { d.roots[0].Content[0].Tag = "!x" },
		"wrong anchor":     func(d *Document) { d.roots[0].Content[0].Anchor = "x" },
		"lost node":        func(d *Document) { m := d.roots[0].Content[0]; m.Content = m.Content[:6] },
		"lost document":    func(d *Document) { d.roots = append(d.roots, d.roots[0]) },
		"stops being YAML": func(d *Document) { d.parserInput = append(d.parserInput, "]: secret-canary"...) },
	} {
		t.Run(name, func(t *testing.T) {
			d := &Document{file: File{Name: "f", Data: []byte(text)}, alwaysParse: true}
			if problems := d.scan(); len(problems) > 0 {
				t.Fatal(problems)
			}
			v, err := resolveAll(t.Context(), one("secret-canary: x"), []*Document{d},
				Options{Project: "p", Environment: "e"})
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
			if data != nil || !errors.Is(problems, backend.ErrInternal) ||
				strings.Contains(problems.Error(), "canary") {
				t.Errorf("got %s, %v", data, problems)
			}
		})
	}
}
