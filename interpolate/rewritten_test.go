// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// TestRewrittenKeepsExpressions checks that a string keeps the bytes of another tool's expressions if it is written
// again in another style, or is refused. A value that needs no other style is written.
func TestRewrittenKeepsExpressions(t *testing.T) {
	for _, c := range []struct{ name, text, value, want string }{
		{"f.toml", "a = '{{ x | default(\"q\") }} CALL'\n", "it's", ""},
		{"f.toml", "a = '{{ x | default(\"q\") }} CALL'\n", "l1\nl2", ""},
		{"f.toml", "a = '{{ x | default(\"q\") }} CALL'\n", "\x01", ""},
		{"f.toml", "a = '{{ x | f(\\d) }} CALL'\n", "it's", ""},
		{"f.toml", "a = '{{ x\t}} CALL'\n", "it's", ""},
		{"f.toml", "a = '{{ x | default(\"q\") }} CALL'\n", "v", "a = '{{ x | default(\"q\") }} v'\n"},
		{"f.toml", "a = '{{ x }} CALL'\n", "it's", "a = \"{{ x }} it's\"\n"},
		{"f.toml", "a = '''{{ x | f(\"q\") }}\nCALL'''\n", "it's", ""},
		{"f.toml", "a = \"{{ x | default('q') }} CALL\"\n", "\"", "a = \"{{ x | default('q') }} \\\"\"\n"},
		{"f.yaml", "a: 'x\n  {{ f(''q'') }} CALL'\n", "v", ""},
		{"f.yaml", "a: {{ x\u00a0}} CALL\n", "v", ""},
		{"f.yaml", "a: {{ x }} CALL\n", "it's", "a: \"{{ x }} it's\"\n"},
		{"f.properties", "a={{ x == \"\\n\" }}CALL\n", "", "a={{ x == \"\\n\" }}\n"},
		{"f.properties", "a={{ x }}CALL\n", "", "a={{ x }}\n"},
		{"f.env", "A='{{ x | f(\"q\") }} CALL'\n", "it's", ""},
		{"f.env", "A='{{ x }} CALL'\n", "it's", "A=\"{{ x }} it's\"\n"},
		{"f.xml", "<a><![CDATA[{{ x && y }} CALL]]></a>", "a]b", "<a><![CDATA[{{ x && y }} a]b]]></a>"},
		{"f.tfvars", "a = \"{{ x }} CALL\"\n", "it's \"", "a = \"{{ x }} it's \\\"\"\n"},
	} {
		f := interpolate.File{Name: c.name, Data: []byte(withCalls(c.text))}
		got, err := renderDialect(t, f, everySecret(c.value), interpolate.MissingError)
		if c.want == "" && !errors.Is(err, backend.ErrInvalid) || c.want != "" && (err != nil || got != c.want) {
			t.Errorf("%s: %q with %q\n got %q, %v\nwant %q", c.name, c.text, c.value, got, err, c.want)
		}
		if err != nil && c.value != "" && len(c.value) > 1 && strings.Contains(err.Error(), c.value) {
			t.Errorf("the error holds the value: %v", err)
		}
	}
}
