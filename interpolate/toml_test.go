// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// readTOML reads texts with the standard library of Python.
func readTOML(t *testing.T, texts []string) []map[string]any {
	t.Helper()
	const program = `import sys, json, tomllib
json.dump([tomllib.loads(text) for text in json.load(sys.stdin)], sys.stdout)`
	needsReader(t, "Python 3.11", "install python3", "python3", "-c", "import tomllib")
	var out []map[string]any
	readBy(t, &out, texts, "python3", "-c", program)
	return out
}

// readBy runs a program that reads in as JSON and prints out as JSON.
func readBy(t *testing.T, out any, in any, program ...string) {
	t.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program[0], program[1:]...)
	c.Stdin = strings.NewReader(string(data))
	var stderr strings.Builder
	c.Stderr = &stderr
	answer, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v: %.2000s", program[0], err, stderr.String())
	}
	if err := json.Unmarshal(answer, out); err != nil {
		t.Fatal(err)
	}
}

// TestReadersOfTOMLSeeEveryValue writes values at every position of a document, and reads it with another library.
func TestReadersOfTOMLSeeEveryValue(t *testing.T) {
	const call = "{{ get_secret_value('s') }}"
	const text = "# " + call + "\n" +
		`basic = "x{{ get_secret_value(\"s\") }}y` + call + `"` + " # c\r\n" +
		`literal = '{{ get_secret_value("s") }}'` + "\n" +
		`both = 'a"\b {{ get_secret_value("s") }} {{ .Values.x }}'` + "\n" +
		"lines = \"\"\"\n \\u0041 \\\n  " + call + "\"\n" + call + "\"\"\"\n" +
		"lits = '''\n\\d\n" + call + "'" + call + "'''\n" +
		"bare = " + call + "\nother={{ .Values.n }}\n" +
		`a.b."c d" = {x = ` + call + `, y = [` + call + ", \n \"" + call + "\", # " + call + "\n 1_000, 0x1F, nan]}\n" +
		"uri = 'pouncet://-/-/s'\nsay = 'see pouncet://-/-/s'\n" +
		"[[t]]\nv = \"" + call + "\"\n[[t]]\nd = 1979-05-27T07:32:00Z\n"
	var texts, values []string
	for _, value := range trickyValues {
		out, err := renderAs(t, interpolate.FormatTOML, text, value)
		if isRefusedTemplate(t, value, err) {
			continue
		}
		if err != nil {
			t.Fatalf("%.40q: %v", value, err)
		}
		for _, untouched := range []string{"# " + call + "\nbasic = \"x", "\" # c\r\n", "\n {{ .Values.n }}"[2:],
			"# " + call + "\n 1_000, 0x1F, nan]}\n", "\nsay = 'see ", "\n[[t]]\nd = 1979-05-27T07:32:00Z\n"} {
			if !strings.Contains(out, untouched) {
				t.Errorf("%.40q: %q has changed: %.400s", value, untouched, out)
			}
		}
		values = append(values, value)
		texts = append(texts,
			strings.NewReplacer("{{ .Values.n }}", "1", "1979-05-27T07:32:00Z", "1", "nan", "2.5").Replace(out))
	}
	for i, got := range readTOML(t, texts) {
		v := values[i]
		want := map[string]any{"basic": "x" + v + "y" + v, "literal": v, "both": `a"\b ` + v + ` {{ .Values.x }}`,
			"lines": " A " + v + "\"\n" + v, "lits": "\\d\n" + v + "'" + v,
			"bare": v, "other": 1.,
			"a": map[string]any{
				"b": map[string]any{"c d": map[string]any{"x": v, "y": []any{v, v, 1000., 31., 2.5}}}},
			"uri": v, "say": "see pouncet://-/-/s", "t": []any{map[string]any{"v": v}, map[string]any{"d": 1.}}}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%.40q:\nread %.900q\nwant %.900q", v, got, want)
		}
	}
}

func TestTOMLWritesTypes(t *testing.T) {
	for text, want := range map[string]string{
		`p = "{{ get_secret_value('s') | int }}"`:                        `p = 5432`,
		`p = {{ get_secret_value('s') | int }}`:                          `p = 5432`,
		`p = '{{ get_secret_value("s") | float }}' # x`:                  `p = 5432.0 # x`,
		`p = """{{ get_value('n') | default(true) }}"""`:                 `p = """true"""`,
		`p = [{{ get_value('n', default=true) | bool }},]`:               `p = [true,]`,
		`p = "x{{ get_secret_value('s') | int }}"`:                       `p = "x5432"`,
		`p = '''{{ get_secret_value('s') }}'''`:                          `p = '''5432'''`,
		"\ufeffp = '{{ get_secret_value(\"s\") }}'\r\nq=1":               "\ufeffp = '5432'\r\nq=1",
		`p = "\u007b{ get_secret_value('s') }}"`:                         `p = "\u007b{ get_secret_value('s') }}"`,
		`p = {{ get_value('n', default=none) | default(2)}}`:             "TOML files have no null",
		`p = "{{ get_value('n', default=none) }}"`:                       "TOML files have no null",
		`p = {{ get_value('n', default='18446744073709551615') | int }}`: "not a valid TOML integer",
		`"{{ get_secret_value('s') }}" = 1`:                              "a key cannot hold a reference",
		`[x.'{{ get_secret_value("s") }}']`:                              "a key cannot hold a reference",
		`p = {"{{ get_secret_value('s') }}" = 1}`:                        "a key cannot hold a reference",
		"p = '{{ get_secret_value(\"s\") }}'\n\n\np = 1":                 "in.yaml:4:",
		"p = '{{ get_secret_value(\"s\") }}'\n\nq = x":                   "in.yaml:3:",
		"p = '{{ get_secret_value(\"s\") }}\nq = 'x'":                    "in.yaml:1:",
	} {
		got, err := renderAs(t, interpolate.FormatTOML, text, "5432")
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s\nis  %s\nnot %s", text, got, want)
		}
	}
}

// TestTOMLWithManyKeys checks that a file which the library would read for minutes is refused.
func TestTOMLWithManyKeys(t *testing.T) {
	text := func(tables int) string {
		var b strings.Builder
		b.WriteString("a = \"{{ get_secret_value('s') }}\"\n")
		for i := range tables {
			fmt.Fprintf(&b, "[t%d]\nx = 1\n", i)
		}
		return b.String()
	}
	if _, err := renderAs(t, interpolate.FormatTOML, text(1000), "v"); err != nil {
		t.Error(err)
	}
	_, err := renderAs(t, interpolate.FormatTOML, text(500_000), "v")
	if !errors.Is(err, backend.ErrTooLarge) || !strings.Contains(err.Error(), "1000001 keys; the limit") {
		t.Errorf("%v", err)
	}
}
