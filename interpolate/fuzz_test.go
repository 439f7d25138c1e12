// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// parseAll parses every document of a text.
func parseAll(text []byte) ([]*yaml.Node, error) {
	var roots []*yaml.Node
	loader, err := yaml.NewLoader(strings.NewReader(string(text)))
	for err == nil {
		root := new(yaml.Node)
		if err = loader.Load(root); err == nil {
			roots = append(roots, root)
		}
	}
	if err.Error() == "EOF" {
		err = nil
	}
	return roots, err
}

// secretCall is the expression that the fuzz tests below check. The placeholder takes its place when a parser reads
// the original text.
const (
	secretCall  = "{{ get_secret_value('s') }}"
	placeholder = "PLACEHOLDER"
)

// equalExceptValues reports whether got equals want with v for every placeholder and every URI.
func equalExceptValues(want, got *yaml.Node, v string) bool {
	text, tag := strings.ReplaceAll(want.Value, placeholder, v), want.Tag
	if text == "pouncet://-/-/s" {
		text = v
	}
	if want.Kind == yaml.ScalarNode && text != want.Value && want.Style&yaml.TaggedStyle == 0 && tag != "!" {
		tag = "!!str"
	}
	if want.Kind != got.Kind || tag != got.Tag || text != got.Value || want.Anchor != got.Anchor ||
		len(want.Content) != len(got.Content) {
		return false
	}
	for i := range want.Content {
		if !equalExceptValues(want.Content[i], got.Content[i], v) {
			return false
		}
	}
	return true
}

// FuzzSplice checks three laws. A file whose expressions are all kept does not change. If a file is YAML with a
// placeholder for every reference, the result has the same tree, except for the values. No file makes the check of
// the result fail: every error is about the file, and not about an edit.
func FuzzSplice(f *testing.F) {
	inputs, _ := filepath.Glob("testdata/*.in.yaml")
	for _, path := range inputs {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data), "x: y")
	}
	for i, c := range contexts {
		f.Add(c.text, hardValues[i])
	}
	for _, text := range []string{
		"\ufeffa: \"" + secretCall + "\"\r\nb: &x !!str '" + secretCall + "'\u0085c: *x\u2028d: |\n  " + secretCall +
			"\n\n\n",
		"- !<tag:x> " + secretCall + "\n- ! \"" + secretCall + "\"\n-\t" + secretCall + "\n",
		"a: >1-\n   x " + secretCall + "\n\n    y\n  z\n# c\n...\n--- |\n " + secretCall + "\n---\n",
		"%YAML 1.2\n--- >\n " + secretCall + "\n{{- if x }}\n",
		"[\"" + secretCall + "\", {a: '" + secretCall + "'}, {{ x }}, pouncet://-/-/s]",
	} {
		f.Add(text, "v")
	}
	f.Fuzz(func(t *testing.T, text, v string) {
		file := []interpolate.File{{Name: "f.yaml", Data: []byte(text)}}
		o := interpolate.Options{Project: "p", Environment: "dev", Missing: interpolate.MissingKeep,
			LookupEnv: func(string) (string, bool) { return "", false }}

		kept, err := interpolate.Render(t.Context(), &resolver{}, file, o)
		if err == nil && string(kept[0].Data) != text && !strings.Contains(text, "default") &&
			!strings.Contains(text, "'") {
			t.Fatalf("a kept file has changed:\n%q\n%q", text, kept[0].Data)
		}

		o.Missing = interpolate.MissingError
		r := &resolver{secrets: map[string]string{"dev/s": v}}
		out, err := interpolate.Render(t.Context(), r, file, o)
		if err != nil {
			var own *backend.Error
			if !errors.As(err, &own) || errors.Is(err, backend.ErrInternal) ||
				strings.Contains(err.Error(), "cannot be located") {
				t.Fatalf("%v in %q with %q", err, text, v)
			}
			return
		}
		plain := strings.ReplaceAll(text, secretCall, placeholder)
		want, err := parseAll([]byte(plain))
		if err != nil || strings.Contains(text, placeholder) || strings.Contains(plain, "{{") ||
			strings.Contains(plain, "{%") ||
			strings.Count(text, "pouncet://") != strings.Count(text, "pouncet://-/-/s") ||
			strings.Contains(v, placeholder) {
			return // not YAML, or text that equalExceptValues does not support
		}
		got, err := parseAll(out[0].Data)
		if err != nil || len(want) != len(got) {
			t.Fatalf("%v: %d documents became %d\n%q\n%q", err, len(want), len(got), text, out[0].Data)
		}
		for i := range want {
			if !equalExceptValues(want[i], got[i], v) {
				t.Fatalf("the trees differ:\n%q\n%q", text, out[0].Data)
			}
		}
	})
}
