// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"bytes"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// FuzzTemplate holds that what goes into a template would have gone into YAML
// with the same meaning: where a text is YAML already, reading it as a template gives
// the same tree, or an error. Braces of others are digits in the end, the worst
// that they can become here.
func FuzzTemplate(f *testing.F) {
	for i, c := range contexts {
		f.Add(c.text, hardValues[i])
	}
	for _, line := range []string{
		`a: "x, ` + secretCall + `, y"`, `a: don't ` + secretCall + ` isn't`, `a: [1, ` + secretCall + `]`, `a: 0x` + secretCall, `? ` + secretCall,
		"a: |\n  # " + secretCall + "\n", "a: 'it''s " + secretCall + " it''s'", "- " + secretCall + " # don't", "a: \"\n " + secretCall + "\"", "-" + secretCall, "a: " + secretCall + ":", "{" + secretCall + ": 1}",
		"a: {{ x }}" + secretCall, secretCall + secretCall, "a: !!str " + secretCall, "a: &x" + secretCall, "a: 1" + secretCall + "e", "a: b " + secretCall + "\n  c",
	} {
		for _, value := range []string{"word", "0123", "e5", "true", "x:", "/", "2001-01-01", "1:30", "no"} {
			f.Add(line+"\n", value)
		}
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		lines := strings.Split(text, "\n")
		for _, line := range lines {
			if strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") && strings.Contains(line, "{{") {
				return // not a comment in a block, which a template cannot know
			}
		}
		got, err := renderAs(t, interpolate.FormatTemplate, text, value)
		if err != nil {
			return
		}
		want, err := renderAs(t, interpolate.FormatYAML, text, value)
		if err != nil {
			return
		}
		a, b := trees(t, want), trees(t, got)
		if a != b {
			t.Errorf("%q with %q\nas YAML:     %q\nas template: %q", text, value, want, got)
		}
	})
}

// trees is what the parser makes of a text, without styles, comments and places.
func trees(t *testing.T, text string) string {
	t.Helper()
	roots, err := parseAll([]byte(text))
	if err != nil {
		return "not YAML"
	}
	var out bytes.Buffer
	var show func(n *yaml.Node)
	show = func(n *yaml.Node) {
		out.WriteString(string(rune('0'+n.Kind)) + n.Tag + " " + n.Anchor + " " + n.Value + "\n")
		for _, c := range n.Content {
			show(c)
		}
		out.WriteString(".\n")
	}
	for _, r := range roots {
		show(r)
	}
	return out.String()
}
