// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"bytes"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// FuzzTemplate checks that a value in a template has the meaning that it has in YAML. If a text is YAML, rendering it
// as a template returns the same tree or an error.
func FuzzTemplate(f *testing.F) {
	for i, c := range contexts {
		f.Add(c.text, hardValues[i])
	}
	for _, line := range []string{
		`a: "x, ` + secretCall + `, y"`, `a: don't ` + secretCall + ` isn't`, `a: [1, ` + secretCall + `]`,
		`a: 0x` + secretCall, `? ` + secretCall,
		"a: |\n  # " + secretCall + "\n", "a: 'it''s " + secretCall + " it''s'", "- " + secretCall + " # don't",
		"a: \"\n " + secretCall + "\"", "-" + secretCall, "a: " + secretCall + ":", "{" + secretCall + ": 1}",
		"a: {{ x }}" + secretCall, secretCall + secretCall, "a: !!str " + secretCall, "a: &x" + secretCall,
		"a: 1" + secretCall + "e", "a: b " + secretCall + "\n  c",
	} {
		for _, value := range []string{"word", "0123", "e5", "true", "x:", "/", "2001-01-01", "1:30", "no"} {
			f.Add(line+"\n", value)
		}
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		lines := strings.Split(text, "\n")
		for _, line := range lines {
			if strings.HasPrefix(strings.TrimLeft(line, " \t"), "#") && strings.Contains(line, "{{") {
				return // in a block scalar, this line is not a comment, but a template cannot know that
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
		a, b := describeTrees(t, want), describeTrees(t, got)
		if a != b {
			t.Errorf("%q with %q\nas YAML:     %q\nas template: %q", text, value, want, got)
		}
	})
}

// describeTrees describes the trees of a text without styles, comments and positions.
func describeTrees(t *testing.T, text string) string {
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
