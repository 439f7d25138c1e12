// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// hardValues are values that break a tool which fills in text.
var hardValues = []string{
	"", " ", "x", " x ", "\tx\t", "x\n", "\nx", "\n\n", "a\nb: c\n", "a\r\nb", "a\rb", "a: b", "a #b", "# a", "- a",
	"-", "--- ", "---", "...",
	"*a", "&a", "!a", "!!int 1", "%a", "@a", "`a", "|", ">-", "?", "? a", ":", "a:", "{", "}", "[", "]", ",", "{a: b}",
	"[a]",
	`"`, `'`, `''`, `\`, `\n`, `\"`, `a"b'c\d`, `"; drop: table`, "'\nadmin: true\n'",
	"0123", "0o17", "0x1F", "1e3", "1_000", "12:30:45", ".5", "-1", "+1", ".inf", ".nan", "2001-12-14", "yes", "no",
	"on", "off",
	"true", "null", "Null", "~", "<<", "=", "y", "n",
	`{{ get_secret_value("x") }}`, "{{ get_secret_value('plain') }}", "pouncet://-/-/plain", "%%values.x", "${HOME}",
	"{{", "}}", "{% x %}",
	"\x00", "\x01\x02\x1f", "\a\b\v\f\x1b", "\x7f", "\u0080\u0084\u0085\u0086\u009f", "\u00a0", "\u00ad",
	"a\u2028b\u2029c", "\ufeff", "a\ufeffb",
	"\ufffd", "\ufffe", "\uffff", "\U0001fffe", "\U0010ffff", "\ufdd0", "\ue000", "é", "日本語", "😀", "a\u0301", "\u202e",
	"\u0100\u0101\u0102",
	strings.Repeat("x", 64<<10), strings.Repeat("a b ", 16<<10), strings.Repeat("\"\n", 32<<10),
	strings.Repeat("\u2028", 1000),
}

// contexts are texts in which the value of the key v holds a reference, between the texts before and after.
var contexts = []struct{ name, text, before, after string }{
	{"plain", "v: {{ get_secret_value('s') }}\nnext: 1\n", "", ""},
	{"plain comment", "v: {{ get_secret_value('s') }} # c\nnext: 1\n", "", ""},
	{"plain text", "v: a{{ get_secret_value('s') }}b\nnext: 1\n", "a", "b"},
	{"plain folded", "v: a\n  {{ get_secret_value('s') }}\n  b\nnext: 1\n", "a ", " b"},
	{"plain foreign", "v: {{ \"q\" }}{{ get_secret_value('s') }}\nnext: 1\n", `{{ "q" }}`, ""},
	{"double", "v: \"{{ get_secret_value('s') }}\"\nnext: 1\n", "", ""},
	{"double text", "v: \"\\ta {{ get_secret_value('s') }}\\u00e9\"\nnext: 1\n", "\ta ", "é"},
	{"double folded", "v: \"a\n  {{ get_secret_value('s') }}\n  b\"\nnext: 1\n", "a ", " b"},
	{"single", "v: '{{ get_secret_value(''s'') }}'\nnext: 1\n", "", ""},
	{"single foreign", "v: '{{ \"q\" }}it''s {{ get_secret_value(\"s\") }}'\nnext: 1\n", `{{ "q" }}it's `, ""},
	{"literal", "v: |\n  {{ get_secret_value('s') }}\nnext: 1\n", "", "\n"},
	{"literal text", "v: | # c\n  a\n    b: {{ get_secret_value('s') }}\n\n  c\n\nnext: 1\n", "a\n  b: ", "\n\nc\n"},
	{"literal keep", "v: |2+\n    {{ get_secret_value('s') }}\n\nnext: 1\n", "  ", "\n\n"},
	{"folded", "v: >-\n  a\n  {{ get_secret_value('s') }} b\n\n\nnext: 1\n", "a ", " b"},
	{"literal foreign", "v: |-\n  {{ \"q\" }} {{ get_secret_value('s') }}\nnext: 1\n", `{{ "q" }} `, ""},
	{"flow mapping", "{a: 1, v: {{ get_secret_value('s') }}, next: 1}\n", "", ""},
	{"flow quoted", "{a: 1, v: \"{{ get_secret_value('s') }}\", next: 1}\n", "", ""},
	{"anchor", "v: &a {{ get_secret_value('s') }}\nnext: *a\n", "", ""},
	{"tag", "v: !!str\n  {{ get_secret_value('s') }}\nnext: 1\n", "", ""},
	{"crlf", "v: {{ get_secret_value('s') }}\r\nnext: 1\r\n", "", ""},
	{"crlf literal", "v: |\r\n  a\r\n  {{ get_secret_value('s') }}\r\nnext: 1\r\n", "a\n", "\n"},
	{"no newline", "next: 1\nv: {{ get_secret_value('s') }}", "", ""},
	{"literal no newline", "next: 1\nv: |\n  {{ get_secret_value('s') }}", "", ""},
	{"uri", "v: pouncet://-/-/s\nnext: 1\n", "", ""},
	{"uri block", "v: |- # c\n  pouncet://-/-/s\nnext: 1\n", "", ""},
	{"uri quoted", "v: \"pouncet://-/-/s\"\nnext: 1\n", "", ""},
}

// TestYAMLHoldsEveryValue renders every value in every context, and parses the result.
func TestYAMLHoldsEveryValue(t *testing.T) {
	for _, c := range contexts {
		t.Run(c.name, func(t *testing.T) {
			for _, v := range hardValues {
				r := &resolver{secrets: map[string]string{"dev/s": v}}
				out, err := interpolate.Render(t.Context(), r,
					[]interpolate.File{{Name: "in.yaml", Data: []byte(c.text)}}, devOptions())
				if strings.Contains(c.name, "foreign") && isRefusedTemplate(t, v, err) {
					continue
				}
				if err != nil && strings.Contains(c.name, "foreign") && !format.IsPlainText(v) &&
					strings.Contains(err.Error(), "the quotes of the expression beside it would have to change") {
					continue
				}
				if err != nil && c.name == "literal foreign" && (!format.IsPlainText(v) || strings.TrimSpace(v) != v) &&
					strings.Contains(err.Error(), "the value does not fit into the block") {
					continue
				}
				if err != nil {
					t.Fatalf("%.40q: %v", v, err)
				}
				text := string(out[0].Data)
				n := value(t, text)
				if want := c.before + v + c.after; n.Value != want || n.ShortTag() != "!!str" {
					t.Errorf("%.40q: got %s %.60q, want %.60q, in %.80q", v, n.ShortTag(), n.Value, want, text)
				}
				if before, _, _ := strings.Cut(c.text, "v:"); !strings.HasPrefix(text, before) {
					t.Errorf("%.40q: the text before has changed: %.80q", v, text)
				}
				if i := strings.LastIndex(c.text, "next"); i > strings.Index(c.text, "v:") &&
					!strings.HasSuffix(text, c.text[i:]) {
					t.Errorf("%.40q: the text after has changed: %.80q", v, text)
				}
			}
		})
	}
}

func TestBinaryValueNeedsBase64(t *testing.T) {
	file := func(filter string) []interpolate.File {
		return []interpolate.File{{Name: "in.yaml", Data: []byte("v: {{ get_secret_value('s')" + filter + " }}\n")}}
	}
	r := &resolver{secrets: map[string]string{"dev/s": "CANARY\xff\xfe"}}
	for _, filter := range []string{"", " | trim", " | json"} {
		_, err := interpolate.Render(t.Context(), r, file(filter), devOptions())
		if ps := problems(t, err); !strings.Contains(ps.Error(), "is binary") ||
			!strings.Contains(ps.Error(), "b64encode") {
			t.Errorf("%s: got %v", filter, err)
		}
	}
	out, err := interpolate.Render(t.Context(), r, file(" | b64encode"), devOptions())
	if err != nil || string(out[0].Data) != "v: \"Q0FOQVJZ//4=\"\n" {
		t.Errorf("got %v, %v", out, err)
	}
}

// TestErrorsHoldNoValue makes every filter and path fail, and looks for the value in the error.
func TestErrorsHoldNoValue(t *testing.T) {
	const canary = "c4n4ry\xff: ["
	for _, expr := range []string{
		"| int", "| float", "| bool", "| b64decode", "| json", "| trim", ".field", "['f'][0]", "| urlencode | int",
	} {
		for _, form := range []string{"v: {{ get_secret_value('s') %s }}",
			"v: |\n  {{ json_value(get_secret_value('s'), 'a') %s }}", "v: !!int {{ get_secret_value('s') %s }}"} {
			r := &resolver{secrets: map[string]string{"dev/s": canary}, json: map[string]string{"dev/s": canary}}
			text := fmt.Sprintf(form, expr)
			_, err := interpolate.Render(t.Context(), r, []interpolate.File{{Name: "in.yaml", Data: []byte(text)}},
				devOptions())
			if err == nil {
				t.Errorf("%s: no error", text)
				continue
			}
			if all := fmt.Sprintf("%v %+v %#v", err, err, problems(t, err)); strings.Contains(all, "c4n4ry") {
				t.Errorf("%s: the error holds the value: %s", text, all)
			}
		}
	}
}

func TestFiltersSetTypes(t *testing.T) {
	for _, c := range []struct{ value, filter, tag, want string }{
		{"0123", "int", "!!int", "123"},
		{" -7\n", "int", "!!int", "-7"},
		{"+5", "int", "!!int", "5"},
		{"18446744073709551615", "int", "!!int", "18446744073709551615"},
		{"1e6", "float", "!!float", "1.0e+06"},
		{"-0", "float", "!!float", "-0.0"},
		{".5", "float", "!!float", "0.5"},
		{"5", "float", "!!float", "5.0"},
		{"Yes", "bool", "!!bool", "true"},
		{"0", "bool", "!!bool", "false"},
		{"0123", "trim", "!!str", "0123"},
		{"a", "json", "!!str", `"a"`},
		{"5", "int | json", "!!str", "5"},
		{"5", "int | default('x')", "!!int", "5"},
	} {
		for _, form := range []string{"v: {{ get_secret_value('s') | %s }}\n",
			"v: \"{{ get_secret_value('s') | %s }}\"\n", "v: >-\n  {{ get_secret_value('s') | %s }}\n",
			"v: [{{ get_secret_value('s') | %s }}]\n"} {
			r := &resolver{secrets: map[string]string{"dev/s": c.value}}
			out, err := interpolate.Render(t.Context(), r,
				[]interpolate.File{{Name: "in.yaml", Data: fmt.Appendf(nil, form, c.filter)}}, devOptions())
			if err != nil {
				t.Errorf("%q | %s: %v", c.value, c.filter, err)
				continue
			}
			n := value(t, string(out[0].Data))
			if len(n.Content) > 0 {
				n = n.Content[0]
			}
			if n.ShortTag() != c.tag || n.Value != c.want {
				t.Errorf("%q | %s: got %s %s in %s", c.value, c.filter, n.ShortTag(), n.Value, out[0].Data)
			}
		}
	}
	for _, c := range []struct{ value, filter string }{
		{"1.5", "int"}, {"x", "int"}, {"", "int"}, {"99999999999999999999", "int"}, {"1_0", "int"}, {"0x10", "int"},
		{"x", "float"}, {"inf", "float"}, {"nan", "float"}, {"0x1p2", "float"}, {"1e999", "float"},
		{"maybe", "bool"}, {"", "bool"}, {"%%%", "b64decode"},
	} {
		r := &resolver{secrets: map[string]string{"dev/s": c.value}}
		_, err := interpolate.Render(t.Context(), r,
			[]interpolate.File{
				{Name: "in.yaml", Data: fmt.Appendf(nil, "v: {{ get_secret_value('s') | %s }}", c.filter)}},
			devOptions())
		if ps := problems(t, err); len(ps) != 1 || ps[0].Err.Code != backend.CodeInvalid {
			t.Errorf("%q | %s: got %v", c.value, c.filter, err)
		}
	}
}

func TestTaggedValueCannotBeNull(t *testing.T) {
	o := devOptions()
	o.Missing = interpolate.MissingNull
	_, err := render(t, "v: !!str {{ get_secret_value('absent') }}\n", o)
	if ps := problems(t, err); !strings.Contains(ps.Error(), `the tag "!!str" cannot be null`) {
		t.Error(err)
	}
}
