// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// TestLiteralForms checks the forms of other tools in which an expression is not filled in.
func TestLiteralForms(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a comment of Jinja", "{# {{ get_secret_value('s') }} #}\na: CALL\n",
			"{# {{ get_secret_value('s') }} #}\na: \"v\"\n"},
		{"a comment of Jinja over lines", "{#\n  CALL: [\n#}\na: CALL\n", "{#\n  CALL: [\n#}\na: \"v\"\n"},
		{"a comment of Jinja over lines in a block", "a: |\n  {#\n  CALL\n  #}\n  CALL\n", "a: |\n  {#\n  CALL\n  #}\n  v\n"},
		{"a comment of Go", "{{/* CALL */}}\na: CALL\n", "{{/* CALL */}}\na: \"v\"\n"},
		{"a comment of Go over lines", "{{- /* CALL\n CALL */ -}}\na: CALL\n", "{{- /* CALL\n CALL */ -}}\na: \"v\"\n"},
		{"a string of Go", "a: CALL\nb: \"{{`CALL`}} CALL\"\n", "a: \"v\"\nb: \"{{`CALL`}} v\"\n"},
		{"raw on lines", "{% raw %}\na: \"CALL\"\n{% endraw %}\nb: CALL\n",
			"{% raw %}\na: \"CALL\"\n{% endraw %}\nb: \"v\"\n"},
		{"raw on one line", "{%- raw -%}a: \"CALL\"{% endraw %}\n", "{%- raw -%}a: \"CALL\"{% endraw %}\n"},
		{"raw in a value", "a: \"{% raw %}CALL{% endraw %} CALL\"\n", "a: \"{% raw %}CALL{% endraw %} v\"\n"},
		{"raw without an end", "a: \"{% raw %}CALL\"\n", "a: \"{% raw %}v\"\n"},
		{"the length of an array in a shell", "a: \"${#x[@]} CALL #}\"\n", "a: \"${#x[@]} v #}\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, d := range []interpolate.Dialect{interpolate.DialectNone, interpolate.DialectMage} {
				f := interpolate.File{Name: "f.yaml", Data: []byte(withCalls(c.text)), Dialect: d}
				got, err := renderDialect(t, f, everySecret("v"), interpolate.MissingError)
				if want := withCalls(c.want); err != nil || got != want {
					t.Errorf("dialect %q: %q\n got %q, %v\nwant %q", d, c.text, got, err, want)
				}
			}
		})
	}
}

// TestCommentsBesideValues checks that a comment at the end of a value stays outside its quotes, if a tool removes it.
// The empty text means an error: the white space before the comment would become a part of the value.
func TestCommentsBesideValues(t *testing.T) {
	for _, c := range []struct{ text, value, none, jinja, mage string }{
		{"a: CALL {# note #}\n", "v", "", "a: \"v\" {# note #}\n", "a: \"v\" {# note #}\n"},
		{"a: CALL {# note #}\n", "5432", "", "a: \"5432\" {# note #}\n", "a: 5432 {# note #}\n"},
		{"a: {# n #} CALL\nb: 1\n", "5432", "", "a: {# n #} \"5432\"\nb: 1\n", "a: {# n #} 5432\nb: 1\n"},
		{"- {# a #}{# b #}x CALL{# c #} {# d #} # e\n", "v", "",
			"- {# a #}{# b #}\"x v\"{# c #} {# d #} # e\n", "- {# a #}{# b #}\"x v\"{# c #} {# d #} # e\n"},
		same("a: x{# n #}CALL\n", "a: \"x{# n #}v\"\n"),
		same("a: x {# n #} CALL\n", "a: \"x {# n #} v\"\n"),
		{"a: CALL{# n #}\n", "v", "a: \"v{# n #}\"\n", "a: \"v\"{# n #}\n", "a: \"v\"{# n #}\n"},
		{"a: [{# n #} CALL, CALL {# m #}]\n", "v", "", "a: [{# n #} \"v\", \"v\" {# m #}]\n",
			"a: [{# n #} \"v\", \"v\" {# m #}]\n"},
		{"a: {# c #}[CALL]\n", "v", "a: {# c #}[v]\n", "a: {# c #}[\"v\"]\n", "a: {# c #}[\"v\"]\n"},
		same("a: \"CALL {# n #}\"\n", "a: \"v {# n #}\"\n"),
		same("a: |\n  CALL {# n #}\n", "a: |\n  v {# n #}\n"),
		same("a: {{ x }} {# n #}\nb: CALL\n", "a: {{ x }} {# n #}\nb: \"v\"\n"),
		// Only Go has these.
		same("a: CALL {{/* n */}}\n", "a: \"v\" {{/* n */}}\n"),
		same("a: {{/* n */}} CALL # c\n", "a: {{/* n */}} \"v\" # c\n"),
		same("a: [CALL {{/* n */}}, {{/* m */}} CALL]\n", "a: [\"v\" {{/* n */}}, {{/* m */}} \"v\"]\n"),
		same("a: CALL {{- /* n */}}\n", "a: \"v {{- /* n */}}\"\n"),
	} {
		for d, want := range map[interpolate.Dialect]string{
			interpolate.DialectNone: c.none, interpolate.DialectJinja: c.jinja, interpolate.DialectMage: c.mage,
		} {
			f := interpolate.File{Name: "f.yaml", Data: []byte(withCalls(c.text)), Dialect: d}
			got, err := renderDialect(t, f, everySecret(c.value), interpolate.MissingError)
			if (err == nil) != (want != "") || got != want {
				t.Errorf("%q, dialect %q\n got %q, %v\nwant %q", c.text, d, got, err, want)
			}
		}
	}
}

// same returns a case of TestCommentsBesideValues with one result in all dialects.
func same(text, want string) (c struct{ text, value, none, jinja, mage string }) {
	c.text, c.value, c.none, c.jinja, c.mage = text, "v", want, want, want
	return c
}

// TestCommentsInDotenv checks that quotes never hold the white space beside a comment, which a reader drops otherwise.
func TestCommentsInDotenv(t *testing.T) {
	for text, want := range map[string]string{
		"A=CALL {# n #}\n": "", "A={# n #} CALL\n": "", "A=CALL {{/* n */}}\n": "",
		"A='CALL {# n #}'\n": "A='v {# n #}'\n", "{# n #}\nA=CALL\n": "{# n #}\nA=v\n",
	} {
		f := interpolate.File{Name: "f.env", Data: []byte(withCalls(text))}
		got, err := renderDialect(t, f, everySecret("v"), interpolate.MissingError)
		if (err == nil) != (want != "") || got != want {
			t.Errorf("%q\n got %q, %v\nwant %q", text, got, err, want)
		}
	}
}

// TestWhiteSpaceControl checks that the marks of white-space control remove the white space within the value.
func TestWhiteSpaceControl(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"f.yaml", "a: {{- get_secret_value('s') }}\n", "a: \"v\"\n"},
		{"f.yaml", "a: x  {{- get_secret_value('s') -}}  z\n", "a: \"xvz\"\n"},
		{"f.yaml", "a: \"x {{- get_secret_value('s') -}} z\"\n", "a: \"xvz\"\n"},
		{"f.yaml", "a: \"x\\t {{- get_secret_value('s') -}} \\tz\"\n", "a: \"x\\tv\\tz\"\n"},
		{"f.yaml", "a: 'x {{- get_secret_value(\"s\") }}'\n", "a: \"xv\"\n"},
		{"f.yaml", "a: |\n  x\n  {{- get_secret_value('s') -}}\n  z\nb: 1\n", "a: |\n  xvz\nb: 1\n"},
		{"f.yaml", "a: |\n  {{- get_secret_value('s') -}}\nb: 1\n", "a: |\n  v\nb: 1\n"},
		{"f.yaml", "a: \"x\n  {{- get_secret_value('s') -}}\n  z\"\nb: 1\n", "a: \"xvz\"\nb: 1\n"},
		{"f.yaml", "a: x {{- b -}} {{- get_secret_value('s') -}} {{ c }}\n", "a: \"x {{- b -}}v{{ c }}\"\n"},
		{"f.json", `{"a": "x {{- get_secret_value('s') -}} z"}`, `{"a": "xvz"}`},
		{"f.toml", "a = \"x {{- get_secret_value('s') -}} z\"\n", "a = \"xvz\"\n"},
		{"f.env", "A=x{{- get_secret_value('s') -}}z\n", "A=xvz\n"},
		{"f.properties", "a = x {{- get_secret_value('s') -}} z\n", "a = xvz\n"},
		{"f.txt", "x \n{{- get_secret_value('s') -}}\n z\n", "xvz\n"},
	} {
		f := interpolate.File{Name: c.name, Data: []byte(c.text)}
		got, err := renderDialect(t, f, everySecret("v"), interpolate.MissingError)
		if err != nil || got != c.want {
			t.Errorf("%q\n got %q, %v\nwant %q", c.text, got, err, c.want)
		}
	}
}

// withCalls replaces CALL with an expression.
func withCalls(text string) string { return strings.ReplaceAll(text, "CALL", secretCall) }

// TestLiteralReference writes a reference as text, in each format and dialect.
func TestLiteralReference(t *testing.T) {
	const literal = `{{ literal_value("{") }}{ get_secret_value(0) }}`
	for name, text := range map[string]string{
		"f.yaml": "a: 'LIT CALL'\n", "f.json": "{\"a\": \"CALL\", \"b\": LIT}", "f.toml": "a = 'LIT'\nb = \"CALL\"\n",
		"f.env": "A='LIT CALL'\n", "f.properties": "a=LIT CALL\n", "f.txt": "LIT CALL",
	} {
		for _, d := range append(interpolate.Dialects, interpolate.DialectNone) {
			in := strings.ReplaceAll(text, "LIT", literal)
			if name == "f.json" {
				in = strings.ReplaceAll(text, "LIT", `"`+strings.ReplaceAll(literal, `"`, "'")+`"`)
			}
			f := interpolate.File{Name: name, Data: []byte(withCalls(in)), Dialect: d}
			got, err := renderDialect(t, f, everySecret("v"), interpolate.MissingError)
			if err != nil || strings.Count(got, "{{ get_secret_value(0) }}") != 1 || !strings.Contains(got, "v") {
				t.Errorf("%s, dialect %q: %q, %v", in, d, got, err)
			}
		}
	}
}

// TestExpressionsBesideKeepTheirBytes checks that text of other tools keeps its bytes when a scalar changes its style.
func TestExpressionsBesideKeepTheirBytes(t *testing.T) {
	const refused = "the quotes of the expression beside it would have to change"
	const unfit = "the value does not fit into the block, and the expression of another tool in it cannot move into quotes"
	for _, c := range []struct{ text, value, want string }{
		{"a: |\n  {{ default \"x\" .y }} CALL\n", "l1\n l2\nl3", "a: |\n  {{ default \"x\" .y }} l1\n   l2\n  l3\n"},
		{"a: |\r\n  {{ default \"x\" .y }} CALL z\r\n", "l1\n\nl2\n",
			"a: |\r\n  {{ default \"x\" .y }} l1\r\n\r\n  l2\r\n   z\r\n"},
		{"a: |\n  {{ default \"x\" .y }} CALL", "l1\nl2", "a: |\n  {{ default \"x\" .y }} l1\n  l2"},
		{"a: |\n  {{ default \"x\" .y }} CALL\n", "l1\nl2\n", "a: |+\n  {{ default \"x\" .y }} l1\n  l2\n\n"},
		{"a: |2 # c\n  {{ .x }}\n  CALL\nb: 1\n", "l1\nl2\n", "a: |2+ # c\n  {{ .x }}\n  l1\n  l2\n\nb: 1\n"},
		{"a: |-\n  {{ .x }}\n  CALL\nb: 1\n", "l1\nl2\n", "a: |\n  {{ .x }}\n  l1\n  l2\n\nb: 1\n"},
		{"a: |-2\r\n  {{ .x }}\r\n  CALL\r\n", "l1\n", "a: |2\r\n  {{ .x }}\r\n  l1\r\n\r\n"},
		{"a: |+\n  {{ .x }}\n  CALL\n\nb: 1\n", "l1\n", "a: |+\n  {{ .x }}\n  l1\n\n\nb: 1\n"},
		{"a: |\n  {{- .x -}} CALL\n", "", "a: |\n  {{- .x -}} \n"},
		// Where a block cannot hold the value, the expression beside it would move into quotes.
		{"a: |\n  {{ .x }}\n  CALL\n\nb: 1\n", "l1\n", unfit},
		{"a: |\n  CALL\n  {{ .x }}\n", " l1", unfit},
		{"a: >\n  {{ .x }} CALL\n", "l1\nl2", unfit},
		{".env: |\n  A=CALL\n  B={{ .x }}\n", "\x01", unfit},
		{"a: {{ default \"x\" .y }} CALL\n", "l1\nl2", refused},
		{"a: {{ default \"x\" .y }} CALL\n", "l1 'l2'", "a: '{{ default \"x\" .y }} l1 ''l2'''\n"},
		{"a: {{ default 'x' .y }} CALL\n", "l1\nl2", "a: \"{{ default 'x' .y }} l1\\nl2\"\n"},
		{"a: {{ f 'x' \"y\" }} CALL\n", "v", refused},
	} {
		f := interpolate.File{Name: "f.yaml", Data: []byte(withCalls(c.text))}
		got, err := renderDialect(t, f, everySecret(c.value), interpolate.MissingError)
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%q with %q\n got %q\nwant %q", c.text, c.value, got, c.want)
		}
	}
}

// TestDirectives checks that a directive keeps its bytes, and that text which looks like one is text.
func TestDirectives(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"%YAML 1.2\n---\na: CALL\n", "%YAML 1.2\n---\na: \"v\"\n"},
		{"%YAML 1.2 # c\n---\na: CALL\n", "%YAML 1.2 # c\n---\na: \"v\"\n"},
		{"\ufeff# c\n\n%YAML  1.3\r\n%TAG !e! tag:x,2000:\r\n--- !e!x\r\na: CALL\r\n",
			"\ufeff# c\n\n%YAML  1.3\r\n%TAG !e! tag:x,2000:\r\n--- !e!x\r\na: \"v\"\r\n"},
		{"%FOO bar\n---\na: CALL\n...\n%FOO {{ x }}\n%YAML 1.2\n---\nb: CALL\n",
			"%FOO bar\n---\na: \"v\"\n...\n%FOO {{ x }}\n%YAML 1.2\n---\nb: \"v\"\n"},
		{"---\nfoo\n%YAML 1.2\nCALL\n", "---\n\"foo %YAML 1.2 v\"\n"},
		{"--- |\n%YAML 1.2\nCALL\n", "--- \"%YAML 1.2\\nv\\n\"\n"},
		{"--- |2\n  a\n  %YAML 1.2\n  CALL\n", "--- |2\n  a\n  %YAML 1.2\n  v\n"},
		{"%YAML 2.0\n---\na: CALL\n", "cannot be parsed as YAML"},
		{"%YAML 1.2\n%TAG ! tag:x\n%TAG ! tag:x\n---\na: CALL\n", "cannot be parsed as YAML"},
	} {
		f := interpolate.File{Name: "f.yaml", Format: interpolate.FormatYAML, Data: []byte(withCalls(c.text))}
		got, err := renderDialect(t, f, everySecret("v"), interpolate.MissingError)
		if err != nil {
			got = err.Error()
		}
		if want := withCalls(c.want); got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%q\n got %q\nwant %q", c.text, got, want)
		}
	}
}

// TestValuesDoNotOpenTemplates checks that a value which the next tool would evaluate is refused, in each format, and
// that every other value is written.
func TestValuesDoNotOpenTemplates(t *testing.T) {
	texts := []struct{ name, text string }{
		{"f.yaml", "a: CALL\nb: REST\n"}, {"f.yaml", "a: CALL\nb: 1 # REST\n"}, {"f.yaml", "a: |\n  CALL REST\n"},
		{"f.yaml", "REST\na: CALL\n"}, {"f.yaml", "a: 'REST CALL'\n"}, {"f.yaml", "REST: 1\na: [CALL]\n"},
		{"f.json", `{"a": "CALL", "b": "REST"}`}, {"f.json", `{"REST": [CALL]}`},
		{"f.toml", "a = \"CALL\"\nb = 'REST'\n"}, {"f.env", "A=CALL\n# REST\n"},
		{"f.properties", "a=CALL\nb=REST\n"}, {"f.txt", "CALL REST\n"},
	}
	for rest, values := range map[string][]string{
		"{{ .Values.a }}":           {"{{ 7*7 }}", "{{", "x{{y", "{% x %}", "{# x", "${{ x }}"},
		"{{=sprig.date('x')}}":      {"{{=1}}"},
		"{% if true %}":             {"{{ 7*7 }}", "{% raw %}"},
		"{# note #}":                {"{{ 7*7 }}"},
		"${{ github.token }}":       {"${{ github.token }}"},
		"<%= erb %>":                {"<%= 7*7 %>", "<%"},
		"{{ a }} <% b %> ${{ c }}%": {"{{", "<%", "${{"},
	} {
		for _, c := range texts {
			if strings.HasPrefix(c.text, "REST\n") && !strings.HasPrefix(rest, "{%") && !strings.HasPrefix(rest, "{#") {
				continue // not a control line, and not YAML
			}
			f := interpolate.File{Name: c.name, Data: []byte(withCalls(strings.ReplaceAll(c.text, "REST", rest)))}
			for _, value := range values {
				got, err := renderDialect(t, f, everySecret(value), interpolate.MissingError)
				if err == nil || !errors.Is(err, backend.ErrInvalid) || strings.Contains(err.Error(), "7*7") {
					t.Errorf("%s with %q: %q, %v", f.Data, value, got, err)
				}
			}
			for _, value := range []string{"plain", "}}", "a}b", "50%", "100"} {
				if _, err := renderDialect(t, f, everySecret(value), interpolate.MissingError); err != nil {
					t.Errorf("%s with %q: %v", f.Data, value, err)
				}
			}
		}
	}
	for _, c := range []struct{ text, value string }{
		{"a: \"{CALL\"\nb: {{ c }}\n", "{ x }}"}, // together with the text before it
		{"a: \"CALL{\"\nb: {{ c }}\n", "x{"},
		{"a: \"CALLCALL\"\nb: {{ c }}\n", "{"},
		{"a: \"{CALL{ 7*7 }}\"\nb: {{ c }}\n", ""},
		{"a: $CALL\nb: ${{ c }}\n", "{{ x }}"},
		{"a: '<% x(\"CALL\") %>'\n", "\") + evil(\""},
		{"a: |\n  {{ tpl\n    CALL }}\n", "x }} y"},
	} {
		f := interpolate.File{Name: "f.yaml", Data: []byte(withCalls(c.text))}
		if got, err := renderDialect(t, f, everySecret(c.value), interpolate.MissingError); err == nil {
			t.Errorf("%s with %q: %q", c.text, c.value, got)
		}
	}
	// In plain text, each expression is its own scalar, even if the text came without a file name.
	for _, name := range []string{"f.txt", "-", ""} {
		for _, text := range []string{"CALL{ 7*7 }} {{ c }}", "CALLCALL 7*7 }} {{ c }}", "{{ c }} {CALL"} {
			f := interpolate.File{Name: name, Data: []byte(withCalls(text))}
			if got, err := renderDialect(t, f, everySecret("{"), interpolate.MissingError); err == nil {
				t.Errorf("%s in %q: %q", text, name, got)
			}
		}
	}
	for _, d := range []interpolate.Dialect{interpolate.DialectMage, interpolate.DialectJinja} {
		f := interpolate.File{Name: "f.yaml", Data: []byte("a: \"$" + secretCall + "\"\n"), Dialect: d}
		if got, err := renderDialect(t, f, everySecret("{{ 7*7 }}"), interpolate.MissingError); err == nil {
			t.Errorf("dialect %s: %q", d, got)
		}
		if got, err := renderDialect(t, f, everySecret("v"), interpolate.MissingError); err != nil || got != "a: \"$v\"\n" {
			t.Errorf("dialect %s: %q, %v", d, got, err)
		}
	}
}

// TestCarriageReturns checks that no carriage return is written where Jinja would change it.
func TestCarriageReturns(t *testing.T) {
	for _, c := range []struct {
		name, text string
		dialect    interpolate.Dialect
		refused    bool
	}{
		{"f.txt", "{{ x }}\r\nCALL", interpolate.DialectNone, true}, {"f.txt", "CALL", interpolate.DialectJinja, true},
		{"-", "{% if x %} CALL {% endif %}", interpolate.DialectNone, true}, {"f.txt", "CALL", interpolate.DialectMage, true},
		{"f.txt", "CALL", interpolate.DialectNone, false}, {"f.txt", "<%= x %> CALL", interpolate.DialectNone, false},
		{"f.yaml", "b: {{ x }}\na: CALL\n", interpolate.DialectNone, false},
		{"f.yaml", "a: {{ x }}CALL\n", interpolate.DialectNone, true},
		{"f.yaml", "b: {{ x }}\na: |\n  x CALL\n", interpolate.DialectNone, false},
		{"f.json", `{"a": "CALL {{ x }}"}`, interpolate.DialectJinja, true},
		{"f.json", `{"a": "CALL", "b": "{{ x }}"}`, interpolate.DialectJinja, false},
		{"f.toml", "a = \"CALL {{ x }}\"\n", interpolate.DialectNone, true},
		{"f.toml", "a = \"CALL <%= x %>\"\nb = \"{{ x }}\"\n", interpolate.DialectNone, false},
		{"f.properties", "a=CALL${{ x }}\n", interpolate.DialectNone, true},
		{".github/f.yaml", "a: CALL ${{ x }}\n", interpolate.DialectNone, false},
		{"f.xml", "<a>CALL{{ x }}</a>", interpolate.DialectNone, true},
	} {
		for _, value := range []string{"a\r\nb", "a\rb"} {
			f := interpolate.File{Name: c.name, Data: []byte(withCalls(c.text)), Dialect: c.dialect}
			got, err := renderDialect(t, f, everySecret(value), interpolate.MissingError)
			kept := err == nil && c.name != "f.txt" && strings.Contains(got, "\r")
			if errors.Is(err, backend.ErrInvalid) != c.refused || kept {
				t.Errorf("%s: %q, dialect %q: %q, %v", c.name, c.text, c.dialect, got, err)
			}
		}
	}
}

// TestOtherStoresAreReported checks that the calls of Mage for other stores are not ignored.
func TestOtherStoresAreReported(t *testing.T) {
	for _, call := range []string{"aws_secret_var('a')", "azure_secret_var('a')", "gcp_secret_var('a')",
		"vault_secret_var('a', 'b')", "x | vault_secret_var ('a')"} {
		for _, d := range []interpolate.Dialect{interpolate.DialectNone, interpolate.DialectMage} {
			text := "a: \"{{ " + call + " }}\"\n"
			doc, err := interpolate.Scan(interpolate.File{Name: "f.yaml", Data: []byte(text), Dialect: d})
			if err != nil || len(doc.Warnings()) != 1 ||
				!strings.Contains(doc.Warnings()[0].Error(), "f.yaml:1:5: {{ "+call+" }}: ") ||
				!strings.Contains(doc.Warnings()[0].Error(), "reads another store of secrets") {
				t.Errorf("%s: %v, %v", text, doc, err)
			}
		}
	}
	for text, want := range map[string]string{
		"{% set x = aws_secret_var('x') %}\na: 1\n":                "the statement stays as it is",
		"a: \"{% if vault_secret_var('x') %}y{% endif %}\"\n":      "the statement stays as it is",
		"{# {% set x = aws_secret_var('x') %} #}\na: 1\n":          "",
		"a: \"{{ json_value(gcp_secret_var('x'), 'y') }}\"\n":      "gcp_secret_var reads another store of secrets",
		"a: \"{{ get_value('a', default=aws_secret_var('x')) }}\"": "aws_secret_var reads another store",
	} {
		doc, err := interpolate.Scan(interpolate.File{Name: "f.yaml", Data: []byte(text)})
		got := ""
		switch {
		case err != nil:
			got = err.Error()
		case len(doc.Warnings()) == 1:
			got = doc.Warnings()[0].Error()
		}
		if want == "" && err == nil && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q", text, got)
		}
	}
	for _, text := range []string{"a: x.vault_secret_var('a')\n", "a: \"{{ x.vault_secret_var('a') }}\"\n",
		"a: \"{{ 'vault_secret_var(1)' }}\"\n", "{# {{ vault_secret_var('a') }} #}\na: \"{{ vault_secret_var }}\"\n"} {
		doc, err := interpolate.Scan(interpolate.File{Name: "f.yaml", Data: []byte(text)})
		if err != nil || len(doc.Warnings()) > 0 {
			t.Errorf("%s: %v, %v", text, doc.Warnings(), err)
		}
	}
}

// TestMentionIsNoReference checks that a file which only mentions a reference without braces does not have to be valid.
func TestMentionIsNoReference(t *testing.T) {
	for _, c := range []struct {
		text    string
		dialect interpolate.Dialect
		valid   bool
	}{
		{"# see pouncet://\nx [ {\n", interpolate.DialectNone, true},
		{"Write pouncet://-/-/x, or (pouncet://).\n\t{", interpolate.DialectNone, true},
		{"x: %%foo\n", interpolate.DialectAtlas, true},
		{"x: %%values.a\n", interpolate.DialectAtlas, false},
		{"x [ {\na: &b pouncet://-/-/a\n", interpolate.DialectNone, false},
		{"x [ {\na: \"pouncet://-/-/a\"\n", interpolate.DialectNone, false},
		{"pouncet://-/-/a: [\n", interpolate.DialectNone, false},
	} {
		f := interpolate.File{Name: "f.yaml", Data: []byte(c.text), Dialect: c.dialect}
		if _, err := interpolate.Scan(f); (err == nil) != c.valid {
			t.Errorf("%q: %v", c.text, err)
		}
	}
}

// TestEscapedTemplates checks that signs of templates count which are written with escapes, in the text around values.
func TestEscapedTemplates(t *testing.T) {
	for _, c := range []struct{ name, text, value string }{
		{"f.yaml", "b: \"{{ x }}\"\na: \"{\\\n  { CALL }}\"\n", "7*7"},
		{"f.yaml", "b: \"{{ x }}\"\na: \"{\\x7b CALL }}\"\n", "7*7"},
		{"f.yaml", "a: \"{\\x25 set q = CALL %}\"\n", "7*7"},
		{"f.yaml", "b: \"{{ x }}\"\na: \"{\\x7b 7*7 CALL\"\n", "}}"},
		{"f.yaml", "b: \"{{ x }}\"\na: \"{{ 7*7 CALL\"\n", "}}"},
		{"f.yaml", "g: \"\\x7b\\x7b host }}\"\na: \"CALL\"\n", "{{ 7*7 }}"},
		{"f.yaml", "g: \"{\\\n  { x }}\"\na: \"CALL\"\n", "{{ 7*7 }}"},
		{"f.yaml", "b: '{{ x }}'\na: \"{{ literal_value('{') }}{ CALL }}\"\n", "7*7"},
		{"f.json", `{"b": "<%= x %>", "a": "\u003c%= CALL %\u003e"}`, "7*7"},
		{"f.json", `{"g": "\u003c%= name %\u003e", "a": "CALL"}`, "<%= 7*7 %>"},
		{"f.json", `{"g": "{\u007B x }}", "a": "CALL"}`, "{{ 7*7 }}"},
		{"f.toml", "g = \"{\\u007b x }}\"\na = \"CALL\"\n", "{{ 7*7 }}"},
		{"f.xml", "<r g='&lt;%= x %&gt;'>CALL</r>", "<%= 7*7 %>"},
		{"f.xml", "<r><g>&#123;{ x }}</g>CALL</r>", "{{ 7*7 }}"},
		{"f.xml", "<r><g>&#x7B;&#x07b; x &#125;}</g>CALL</r>", "{{ 7*7 }}"},
		{"f.xml", "<r><g>&#36;{{ x }}</g>CALL</r>", "${{ 7*7 }}"},
		{"f.xml", "<r><g>&#60;&#37;= x %></g>CALL</r>", "<%= 7*7 %>"},
		{"f.properties", "g={\\\n{ x }}\na=CALL\n", "{{ 7*7 }}"},
		{"f.properties", "g=\\{\\{ x }}\na=CALL\n", "{{ 7*7 }}"},
		{"f.properties", "g=\\u007b{ x }}\na=CALL\n", "{{ 7*7 }}"},
	} {
		f := interpolate.File{Name: c.name, Data: []byte(withCalls(c.text))}
		if got, err := renderDialect(t, f, everySecret(c.value), interpolate.MissingError); err == nil {
			t.Errorf("%q with %q: %q", c.text, c.value, got)
		}
		if _, err := renderDialect(t, f, everySecret("plain"), interpolate.MissingError); err != nil {
			t.Errorf("%q with a plain value: %v", c.text, err)
		}
	}
}

// TestValuesInsideTemplates checks each value inside an expression of another tool, and not only the first one. The
// problem is about the reference to that value.
func TestValuesInsideTemplates(t *testing.T) {
	const a, b = "{{ get_secret_value('a') }}", "{{ get_secret_value('b') }}"
	r := &resolver{secrets: map[string]string{"dev/a": "inert", "dev/b": "') + evil('"}}
	for _, c := range []struct{ name, text, want string }{
		{"f.yaml", "a: \"<% x('A', 'B') %>\"\n", "f.yaml:1:42: "},
		{"f.yaml", "a: '<% x('\nb: A\nc: B\nd: ') %>'\n", "f.yaml:3:4: "},
		{"f.txt", "<% x('A', 'B') %>\n", "f.txt:1:38: "},
		{"f.txt", "see {{ <% x('B') %>\n", "f.txt:1:14: "}, // "{{" means nothing to the tool that knows "<%"
		{"f.txt", "{{ x <% }} x('B') %>\n", "f.txt:1:15: "},
		{"f.yaml", "a: \"<% x('A', 'A') %> B\"\n", ""},
		{"f.yaml", "# see {{\na: 'A'\nb: \"B\"\n", ""},
	} {
		text := strings.NewReplacer("A", a, "B", b).Replace(c.text)
		got, err := renderDialect(t, interpolate.File{Name: c.name, Data: []byte(text)}, r, interpolate.MissingError)
		want := c.want + b + ": the reference is inside an expression of another tool"
		if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
}
