// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// TestHCLHoldsEveryValue writes values at every position of a file, and reads it with the library of Terraform.
func TestHCLHoldsEveryValue(t *testing.T) {
	const text = "# CALL\nwhole = \"CALL\" // CALL\r\ntext = \"{a\\u0041 %CALL{ %CALL\\\"\"\nbare = CALL\n" +
		"list = [CALL, \"CALLCALL\", { k = CALL, \"j\" : \"CALL\" }]\nuri = \"pouncet://-/-/s\"\n" +
		"say = \"see pouncet://-/-/s\"\nhere = <<EOT\n  a CALL\n\nCALL\n$${x}\nEOT\n" +
		"block \"l\" {\n  flush = <<-EOT\n    CALL\n      b\"CALL\\n\n    EOT\n}\n"
	values := append([]string{
		"${x}", "%{x}", "$${x}", "%%{x}", "$$${x}", "%$%{", "${", "{", "{x}", "$", "%", "$$", "$\"", "%\"", "$\\", "$\n",
		"a${b}c$", "EOT", "OT", "  EOT", "\nEOT\n", "$é", "-----BEGIN-----\nab\n-----END-----\n",
	}, trickyValues...)
	for _, v := range values {
		got, err := renderAs(t, interpolate.FormatHCL, withCalls(text), v)
		if v == "" { // TestHCLWritesValues has the other positions of an empty value
			if err == nil || !strings.Contains(err.Error(), "cannot stand after") {
				t.Errorf("empty: %v", err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%.40q: %v", v, err)
		}
		for _, untouched := range []string{withCalls("# CALL\nwhole = \""), withCalls("\" // CALL\r\ntext = \"{a\\u0041 %"),
			"{ %", "\\\"\"\nbare = ", "\nsay = \"see pouncet://-/-/s\"\nhere = <<EOT\n  a ", "\n$${x}\nEOT\n"} {
			if !strings.Contains(got, untouched) {
				t.Errorf("%.40q: %q has changed: %.500s", v, untouched, got)
			}
		}
		want := map[string]any{
			"whole": v, "text": "{aA %" + v + "{ %" + v + `"`, "bare": v, "uri": v, "say": "see pouncet://-/-/s",
			"list":  []any{v, v + v, map[string]any{"k": v, "j": v}},
			"here":  "  a " + v + "\n\n" + v + "\n${x}\n",
			"block": []any{1, map[string]any{"flush": v + "\n  b\"" + v + "\\n\n"}},
		}
		if tree, err := readHCLByLibrary(got); err != nil || !reflect.DeepEqual(tree, want) {
			t.Errorf("%.40q: %v\nread %.900q\nwant %.900q\nin %.900s", v, err, tree, want, got)
		}
	}
}

func TestHCLWritesValues(t *testing.T) {
	const typed = "{{ get_secret_value('s') | int }}"
	for _, c := range []struct{ text, value, want string }{
		{`a = "CALL"`, "x${y}", `a = "x$${y}"`},
		{`a = "CALL"`, "%{y}", `a = "%%{y}"`},
		{`a = "%CALL"`, "{y}", `a = "%\u007By}"`},
		{`a = "CALL{"`, "y$", `a = "y\u0024{"`},
		{"a = <<E\nCALL\nE\n", "b \"c\" \\", "a = <<E\nb \"c\" \\\nE\n"},
		{"a = <<E\nCALL\nE\n", "b\nc${d}", "a = <<E\n${\"b\\nc$${d}\"}\nE\n"},
		{"a = <<E\n%CALL\nE\n", "b\nc", "cannot stand after"},
		{"a = \"%CALL{x}\"", "", "cannot stand after"},
		{"a = \"\\u0025CALL{x}\"", "", "a = \"\\u0025{x}\""},
		{"a = <<E\n%CALL\nE\n", "b", "a = <<E\n%b\nE\n"},
		{"a = \"CALL\"", "a\u0301", "Unicode normalization form C"},
		{"a = \"CALL\"", "\u0301", "Unicode normalization form C"},
		{"a = \"" + typed + "\"\nb = " + typed + "\n", "-7", "a = -7\nb = -7\n"},
		{"a = \"x" + typed + "\"\nb = \"${x}" + typed + "\"\n", "7", "a = \"x7\"\nb = \"${x}7\"\n"},
		{"a = <<E\n" + typed + "\nE\n", "7", "a = <<E\n7\nE\n"},
		{"a = {{ get_value('n', default='no') | bool }}\n", "", "a = false\n"},
		{"a = {{ get_value('n', default=none) }}\n", "", "a = null\n"},
		{"a = \"${b == \"CALL\" ? \"CALL\" : c}CALL\"\n", "v\"", `a = "${b == "v\"" ? "v\"" : c}v\""` + "\n"},
		{"a = b(CALL)\n", "v", "cannot be parsed as HCL"},
		{"a = \"${CALL}\"\n", "v", "must be a whole value, or stand in quotes"},
		{"a = 1CALL\n", "v", "cannot be parsed as HCL"},
		{"CALL = 1\n", "v", "must be a whole value, or stand in quotes"},
		{"a = { \"CALL\" = 1 }\n", "v", "a key cannot hold a reference"},
		{"b \"CALL\" {\n}\n", "v", "a key cannot hold a reference"},
		{"a = 1\na = \"CALL\"\n", "v", ":2:1: the file has references and cannot be parsed as HCL"},
		{"/* CALL */ a = \"CALL\"\n", "v", "/* {{ get_secret_value('s') }} */ a = \"v\"\n"},
	} {
		got, err := renderAs(t, interpolate.FormatHCL, withCalls(c.text), c.value)
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
			t.Errorf("%s with %q\nis  %s\nnot %s", c.text, c.value, got, c.want)
		}
	}
}
