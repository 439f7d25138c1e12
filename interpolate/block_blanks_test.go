// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// TestBlanksInABlockBesideATemplate checks values with blanks at their ends in a block that holds statements of another
// tool. The tool removes them, and a line that is blank then begins or ends the text of the block. A value that would
// lose its blanks is rejected. The others are written.
func TestBlanksInABlockBesideATemplate(t *testing.T) {
	const rejected = ""
	for _, c := range []struct{ text, value, want string }{
		{"a: |-\n  {% if t %}CALL{% endif %}\n", "l1\nl2\n", rejected},
		{"a: |-\n  {{ if t }}CALL{{ end }}\n", "l1\n", rejected},
		{"a: |-\n  CALL\n  {% set q = 1 %}\n", "l1\n", rejected},
		{"a: |\n  {% if t %}CALL{% endif %}\n", "l1\n\n", rejected},
		{"a: |-\n  {% set q = 1 %} CALL\n", "l1\nl2", rejected},
		{"a: >-\n  w w\n  {{ x }}CALL\n", " a\n b", rejected},
		{"a: >-\n  w\n  {{ x }}CALL\n  w\n", "", rejected},

		{"a: |\n  {% if t %}CALL{% endif %}\n", "l1\nl2", "a: |\n  {% if t %}l1\n  l2{% endif %}\n"},
		{"a: |\n  {% if t %}CALL{% endif %}\n", "l1\n", "a: |\n  {% if t %}l1\n  {% endif %}\n"},
		{"a: |+\n  {% if t %}CALL{% endif %}\n", "l1\n", "a: |+\n  {% if t %}l1\n  {% endif %}\n"},
		{"a: |\n  {{ x }} CALL\n", "l1\n l2", "a: |\n  {{ x }} l1\n   l2\n"},
		{"a: |\n  {{ x }}\n  CALL\n  w\n", "l1\n", "a: |\n  {{ x }}\n  l1\n\n  w\n"},
		{"a: |-\n  {% if t %}w CALL{% endif %}\n  w\n", "l1\n", "a: |-\n  {% if t %}w l1\n  {% endif %}\n  w\n"},
		{"a: >-\n  {{ x }} CALL\n  w\n", "b c", "a: >-\n  {{ x }} b c\n  w\n"},
	} {
		got, err := renderAs(t, interpolate.FormatYAML, withCalls(c.text), c.value)
		switch {
		case c.want == rejected && err == nil:
			t.Errorf("%q with %q: got %q, want an error", c.text, c.value, got)
		case c.want == rejected && !strings.Contains(err.Error(), "does not fit into the block"):
			t.Errorf("%q with %q: %v", c.text, c.value, err)
		case c.want != rejected && (err != nil || got != c.want):
			t.Errorf("%q with %q: got %q, %v, want %q", c.text, c.value, got, err, c.want)
		}
	}
}
