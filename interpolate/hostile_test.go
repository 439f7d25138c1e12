// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// Render must handle a hostile file in linear time: it returns the result, or an error that names a limit or a
// position. The tests measure no time. Each file has so many parts that an algorithm with quadratic time would reach
// the timeout.

const million = 1_000_000

const (
	hostileCall = "{{ get_secret_value('plain') }}"
	hostileLine = "v: " + hostileCall + "\n"
)

func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

var hostile = []struct {
	name, text string
	want       string // the last problem; "" if the file renders
}{
	{"flow sequences, 100,000 deep", hostileLine + "a: " + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000),
		"f.yaml:2:10004: the file has references and more than 10000 nested mappings and sequences; move the nested data " +
			"to a file without references"},
	{"flow mappings, 100,000 deep", hostileLine + "a: " + strings.Repeat("{a: ", 100_000),
		"f.yaml:2:40004: the file has references and more than 10000 nested mappings"},
	{"block sequences, 100,000 deep", strings.Repeat("- ", 100_000) + "x\n" + "- " + hostileCall,
		"f.yaml:1:20001: the file has references and more than 10000 nested mappings"},
	{"block mappings, 100,000 deep", hostileLine + strings.Repeat("? ", 100_000),
		"f.yaml:2:20001: the file has references and more than 10000 nested mappings"},
	{"aliases that contain themselves", "&a [*a, &b {x: *a, y: *b}, " + hostileCall + "]\n", ""},
	{"a key that is an alias of a reference", "a: &a " + hostileCall + "\n*a : 1\n",
		"f.yaml:2:1: a key is an alias of a value with a reference"},
	{"aliases of aliases", "a0: &a0 [" + hostileCall + "]\n" + func() string {
		var b strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9))
		}
		return b.String()
	}(), ""},
	{"an alias without an anchor", hostileLine + "a: *b\n",
		"f.yaml:2:4: the file has references and cannot be parsed as YAML: unknown anchor 'b' referenced"},
	{"anchors", hostileLine + numbered(100_000, "a%[1]d: &a%[1]d x\n"), ""},
	{"aliases", hostileLine + "a: &a x\n" + numbered(100_000, "a%d: *a\n"), ""},
	{"merged keys", "a: &a {x: 1}\n" + hostileLine + strings.Repeat("b: {<<: *a}\n", 100_000), ""},
	{"documents", strings.Repeat("---\n"+hostileLine, 100_000), ""},
	{"documents without an outline", strings.Repeat("--- {v: "+hostileCall+"}\n", 50_000), ""},
	{"tags", hostileLine + "x: " + strings.Repeat("!a ", million),
		"f.yaml:2:7: the file has references and cannot be parsed as YAML"},
	{"directives", strings.Repeat("%TAG !a! b\n", million) + "---\n" + hostileLine,
		"f.yaml:2:1: the file has references and cannot be parsed as YAML: found duplicate %TAG directive"},
	{"an expression of megabytes", "v: {{ get_secret_value('" + strings.Repeat("x", 10*million) + "') }}\n",
		"f.yaml:1:4: {{: the expression has no closing braces in the same value; add \"}}\" within 4096 bytes"},
	{"opening braces without closing braces", hostileLine + "b: '" + strings.Repeat("{{ ", million) + "'\n", ""},
	{"unclosed calls", hostileLine + strings.Repeat("- {{ get_value(\n", million),
		"f.yaml:2:1: the file has references and cannot be parsed as YAML"},
	{"unclosed calls in quotes", strings.Repeat("- \"{{ get_value(\"\n", 200_000),
		"f.yaml:1001:4: the file has more than 1000 problems; the others are not listed; correct the problems above first"},
	{"opening braces", hostileLine + "b: '" + strings.Repeat("{", 10*million) + "'\n", ""},
	{"closing braces", hostileLine + "b: '" + strings.Repeat("}}", million) + "'\n", ""},
	{"opening statements", hostileLine + "b: '" + strings.Repeat("{%", million) + "'\n", ""},
	{"statements", hostileLine + "b: '" + strings.Repeat("{%x%}", million) + "'\n", ""},
	{"short foreign expressions", hostileLine + "b: '" + strings.Repeat("{{x}}", million) + "'\n", ""},
	{"short foreign expressions on their own lines", hostileLine + strings.Repeat("# {{x}}\n", million), ""},
	{"expressions on lines", strings.Repeat("- "+hostileCall+"\n", 100_000), ""},
	{"expressions in a scalar", "v: \"" + strings.Repeat(hostileCall, 100_000) + "\"\n", ""},
	{"expressions in a literal", "v: |\n" + strings.Repeat("  "+hostileCall+"\n", 100_000), ""},
	{"expressions in a plain scalar", "v:\n" + strings.Repeat("  "+hostileCall+"\n", 100_000), ""},
	{"expressions in comments", hostileLine + strings.Repeat("# "+hostileCall+"\n", million), ""},
	{"foreign expressions that span lines",
		strings.Repeat("- '{{ \"get_value(1)\"\n  }}'\n", 50_000) + "- " + hostileCall, ""},
	{"braces across lines that are not a pair", strings.Repeat("\"{{ \" # get_value(\n}} ", 50_000) + hostileLine,
		"cannot be parsed as YAML"},
	{"parentheses", "_va {{" + strings.Repeat("(", million) + "}}" + strings.Repeat(" (", million), ""},
	{"names before parentheses", numbered(100_000, "a: {{ x%d() }}\n"), ""},
	{"quotes", hostileLine + "b: " + strings.Repeat("'\"", million) + "\n",
		"f.yaml:2:7: the file has references and cannot be parsed as YAML"},
	{"near misses", strings.Repeat("- {{ get_secret_valu('x') }}\n", 100_000), ""},
	{"invalid URIs", strings.Repeat("- pouncet://x\n", 200_000),
		"f.yaml:1001:3: the file has more than 1000 problems"},
	{"missing references", strings.Repeat("- {{ get_secret_value('x') }}\n", 100_000),
		"f.yaml:1001:3: the file has more than 1000 problems"},
	{"a long line", hostileLine + "b: " + strings.Repeat("x", 10*million) + "\n", ""},
	{"a long line of words", hostileLine + "b: {" + strings.Repeat("x ", million) + "}\n", ""},
	{"a key of 10 MB", hostileLine + strings.Repeat("k", 10*million) + ": 1\n", ""},
	{"a plain scalar that spans lines", hostileLine + "b: x\n" + strings.Repeat("  y\n", million), ""},
	{"blank lines", hostileLine + "b: |\n" + strings.Repeat("\n", 10*million), ""},
	{"comments", "a:\n" + strings.Repeat("  # c\n", million) + "  b: {}\n" + hostileLine, ""},
	{"a wide mapping", "{v: " + hostileCall + numbered(200_000, ", k%[1]d: %[1]d") + "}\n", ""},
	{"CR LF", strings.Repeat("- "+hostileCall+"\r\n", 100_000), ""},
}

func TestHostileFiles(t *testing.T) {
	if os.Getenv("POUNCET_TEST_PARTS") == "" {
		t.Skip("SKIPPED: hostile files of up to 10 MB: run make test-parts")
	}
	for _, c := range hostile {
		t.Run(c.name, func(t *testing.T) {
			o := devOptions()
			o.Warn = func(interpolate.Problem) {}
			out, err := interpolate.Render(t.Context(), testResolver(),
				[]interpolate.File{{Name: "f.yaml", Data: []byte(c.text)}}, o)
			if c.want == "" {
				if err != nil || len(out[0].Data) == 0 {
					t.Fatalf("got %.300s", fmt.Sprint(err))
				}
				return
			}
			ps := problems(t, err)
			last := ps[len(ps)-1].Error()
			if len(ps) > 1 && len(ps) != interpolate.MaxProblems+1 || !strings.Contains(last, c.want) {
				t.Errorf("got %d problems, the last of them %.300s; want %s", len(ps), last, c.want)
			}
		})
	}
}

// TestManyProblemsKeepTheirCode checks that a file with too many missing references reports no other code.
func TestManyProblemsKeepTheirCode(t *testing.T) {
	_, err := render(t, strings.Repeat("- {{ get_secret_value('x') }}\n", 2*interpolate.MaxProblems), devOptions())
	ps := problems(t, err)
	if len(ps) != interpolate.MaxProblems+1 {
		t.Errorf("%d problems", len(ps))
	}
	for _, p := range ps {
		if p.Err.Code != backend.CodeNotFound {
			t.Fatalf("got %v", p)
		}
	}
}

// TestTortureLarge renders files that are too large for the usual tests.
func TestTortureLarge(t *testing.T) {
	if os.Getenv("POUNCET_TORTURE") == "" {
		t.Skip("NOT TESTED: files of 100 MB and more; run make torture")
	}
	for name, text := range map[string]string{
		"a line of 100 MB": hostileLine + "b: " + strings.Repeat("x", 100*million) + "\n",
		"2,000,000 keys":   "{v: " + hostileCall + numbered(2*million, ", k%[1]d: %[1]d") + "}\n",
		"the largest file": hostileLine +
			strings.Repeat("key: a value of the usual length # and a comment\n",
				(interpolate.MaxFileBytes-len(hostileLine))/49),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := render(t, text, devOptions())
			if want := strings.Replace(text, hostileCall, `"s3cr3t"`, 1); err != nil || got != want {
				t.Errorf("got %.200q, %v", got, err)
			}
		})
	}
}
