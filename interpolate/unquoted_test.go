// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// TestUnquotedExpressionBesideStrings renders expressions without quotes beside similar ones in strings and comments.
func TestUnquotedExpressionBesideStrings(t *testing.T) {
	for _, c := range []struct {
		format     interpolate.Format
		text, want string
	}{
		{interpolate.FormatTOML, "a = '''x: CALL\n'''\nb = CALL # = CALL\n",
			"a = '''x: v$\n'''\nb = \"v$\" # = CALL\n"},
		{interpolate.FormatTOML, "a = \"\"\"x: CALL\n\"\"\"\nb = [CALL,\nCALL]\n",
			"a = \"\"\"x: v$\n\"\"\"\nb = [\"v$\",\n\"v$\"]\n"},
		{interpolate.FormatTOML, "a = \"x: CALL, b\"\nb = {{x}}\nc = CALL", "a = \"x: v$, b\"\nb = {{x}}\nc = \"v$\""},
		{interpolate.FormatJSON, `{"a": "x:CALL,y", "b": CALL, "c": [{{x}}]}`,
			`{"a": "x:v$,y", "b": "v$", "c": [{{x}}]}`},
		{interpolate.FormatJSON, `{"a": "x:CALL,y", "b": CALL, "c": nil}`, "cannot be parsed as JSON"},
	} {
		got, err := renderAs(t, c.format, strings.ReplaceAll(c.text, "CALL", secretCall), "v$")
		if err != nil {
			got = err.Error()
		}
		if want := strings.ReplaceAll(c.want, "CALL", secretCall); got != want &&
			(err == nil || !strings.Contains(got, want)) {
			t.Errorf("%q\nis  %q\nnot %q", c.text, got, want)
		}
	}
}
