// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// The results must mean the same to every parser, and not only to the one that this package uses. So this test writes
// values into every style of scalar in many surroundings. Parsers in Go, Python and JavaScript then read the results.

const call = "CALL" // marks the reference in the styles below

// scalarStyles are scalars that hold a reference. All lines after the first are indented two columns more than the
// surroundings.
var scalarStyles = []string{
	`CALL`, `a CALL`, `CALL b`, `a CALL b`, "a\nCALL\nb", "a\n\n\nCALL",
	`"CALL"`, `"a CALL b"`, `" \tCALL\u00e9\x41 "`, "\"a\nCALL\n\n  b\"", "\"a\\\n\\  CALL b\"",
	`'CALL'`, `'it''s CALL "b"'`, "'a\nCALL\n\n  b'",
	"|\nCALL", "|\na: CALL # b\n\nc\n\n", "|-\nCALL", "|-\n- CALL\n", "|+\nCALL\n\n", "|+\nb\n  CALL\n\n",
	"|2\nCALL", "|2-\n   CALL b", "|-2\nCALL", "|2+\n a\nCALL\n\n", "|+2\nCALL",
	">\nCALL", ">\na\nCALL\nb\n\nc\n", ">-\na CALL\nb", ">+\nCALL\n\n", ">2\n  a\n CALL\nb", ">2-\nCALL",
	">-2\na\nCALL",
	"|\nCALL\nCALL and CALL", `CALLCALL`, `"CALL, CALL"`,
	"pouncet://-/-/s", `"pouncet://-/-/s"`, `'pouncet://-/-/s'`, "|-\npouncet://-/-/s", ">-\npouncet://-/-/s",
}

// surroundings are texts that hold one scalar, with its indentation.
var surroundings = []struct {
	name, text string
	indent     int
	flow       bool // block scalars are not allowed
}{
	{"mapping", "v: %s\nnext: 1\n", 0, false},
	{"end of file", "before: [1, two]\nv: %s", 0, false},
	{"deep", "no: &no 1\na:\n  b:\n    - x: yes\n      v: %s\n      next: *no # c\n", 6, false},
	{"sequence", "- 1\n- %s\n- next\n", 0, false},
	{"nested sequence", "- - %s\n  - - next\n", 2, false},
	{"anchor", "# c\nv: &a %s\nnext: [*a, *a]\n", 0, false},
	{"tag", "v: !!str %s\nnext: !!int 1\n", 0, false},
	{"anchor and tag", "v: &a !!str %s\nnext: *a\n", 0, false},
	{"tag and anchor", "v: !!str &a %s\nnext: *a\n", 0, false},
	{"complex key", "? k\n: %s\n? [a, b]\n: 1\n", 0, false},
	{"comment", "v: %s # c: \"{'\n# d\nnext: 1\n", 0, true},
	{"flow mapping", "{a: 1, v: %s, \"next\": 1}\n", 0, true},
	{"flow sequence", "v: [%s, next, {x: y}]\n", 0, true},
	{"flow at the end", "v: {x: {y: [%s]}}", 0, true},
	{"byte order mark", "\ufeffv: %s\nnext: 1\n", 0, false},
	{"documents", "%%YAML 1.1\n---\na: 1\n--- # c\nv: %s\n...\n---\nnext\n", 0, false},
	{"root", "--- %s\n", 0, false},
}

// scalarIn returns a scalar in surroundings, or false if it is not allowed there.
func scalarIn(style string, s int) (string, bool) {
	around := surroundings[s]
	header, content, _ := strings.Cut(style, "\n")
	block := strings.ContainsAny(header[:1], "|>")
	numbered := block && strings.Contains(header, "2")
	switch {
	case around.flow && (block || content != ""):
		return "", false
	case block && around.name == "root", numbered && (around.name == "nested sequence" || around.name == "complex key"):
		return "", false // the parsers disagree on the indentation of the content
	case block && around.name == "end of file" && !strings.HasSuffix(style, "\n") && !strings.Contains(header, "-"):
		return "", false // the parsers disagree on the line break at the end of the file
	}
	lines := strings.Split(style, "\n")
	for i := 1; i < len(lines); i++ {
		if lines[i] != "" {
			lines[i] = strings.Repeat(" ", around.indent+2) + lines[i]
		}
	}
	return fmt.Sprintf(around.text, strings.Join(lines, "\n")), true
}

type parserCase struct {
	Name     string `json:"name"`
	Template string `json:"template"`
	Rendered string `json:"rendered"`
	Value    string `json:"value"`
}

// parserCases renders every value in every style, and every style with some values in all surroundings.
func parserCases(t *testing.T) []parserCase {
	values := append([]string{
		`\ud800`, `\uD83D\uDE00`, `\x00`, "\ud7ff\ue000", "190:20:30", "685_230.15", "2001-12-14t21:59:43.10-05:00",
		"0b1010", "1e5", "0.", "+.inf",
		"TRUE", "Yes", "Off", "N", "NULL", " ", "\t", "\t\t x", "x \t", "  ", " #", ": ", "a: b: c", "---\na",
		"a\n---\nb", "...\n", "%YAML 1.2\n---", "{{ x }}", "{%- x -%}",
		"\u0085", "a\u0085b", "\ufeff---", "<<: *a", "&a *a", "!!binary x", "a\\", `\`, `"\`, "a\r\n", "\r", "\x1b[31m",
		"$&$1$$",
	}, hardValues...)
	var out []parserCase
	add := func(style, s, v int, crlf bool) {
		text, ok := scalarIn(scalarStyles[style], s)
		if !ok {
			return
		}
		name := fmt.Sprintf("%q in %q, %s", values[v][:min(len(values[v]), 20)], scalarStyles[style],
			surroundings[s].name)
		if crlf {
			name, text = name+", CR LF", strings.ReplaceAll(text, "\n", "\r\n")
		}
		spelled := secretCall
		if strings.HasPrefix(scalarStyles[style], "'") {
			spelled = `{{ get_secret_value("s") }}`
		}
		r := &resolver{secrets: map[string]string{"dev/s": values[v]}}
		data := []byte(strings.ReplaceAll(text, call, spelled))
		in := []interpolate.File{{Name: "f.yaml", Format: interpolate.FormatYAML, Data: data}}
		rendered, err := interpolate.Render(t.Context(), r, in, devOptions())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		template := strings.ReplaceAll(strings.ReplaceAll(text, call, placeholder), "pouncet://-/-/s", placeholder)
		out = append(out, parserCase{name, template, string(rendered[0].Data), values[v]})
	}
	for style := range scalarStyles {
		for v := range values {
			add(style, 0, v, false)
		}
		for s := range surroundings {
			for i := range 7 {
				add(style, s, (7*style+13*s+11*i)%len(values), i%3 == 0)
			}
		}
	}
	return out
}

func TestReadersOfYAMLAgree(t *testing.T) {
	cases := parserCases(t)
	if len(cases) < 5000 {
		t.Fatalf("only %d cases", len(cases))
	}
	var lines bytes.Buffer
	encoder := json.NewEncoder(&lines)
	for _, c := range cases {
		if err := encoder.Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "cases.jsonl")
	if err := os.WriteFile(path, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs("testdata/parsers")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("go", func(t *testing.T) {
		t.Parallel()
		readByGo(t, cases)
	})
	t.Run("python", func(t *testing.T) {
		t.Parallel()
		needsReader(t, "PyYAML", "install python3-yaml", "python3", "-c", "import yaml")
		readByOthers(t, len(cases), exec.Command("python3", filepath.Join(folder, "check.py"), path))
	})
	t.Run("javascript", func(t *testing.T) {
		t.Parallel()
		needsReader(t, "Node.js with the package yaml", "install nodejs, and run npm ci in interpolate/testdata/parsers",
			"node", "-e", "require('"+filepath.Join(folder, "node_modules", "yaml")+"')")
		readByOthers(t, len(cases), exec.Command("node", filepath.Join(folder, "check.mjs"), path))
	})
}

func readByGo(t *testing.T, cases []parserCase) {
	for _, c := range cases {
		want, err := parseAll([]byte(c.Template))
		if err != nil {
			t.Errorf("%s: the template: %v", c.Name, err)
			continue
		}
		got, err := parseAll([]byte(c.Rendered))
		if err != nil || len(got) != len(want) {
			t.Errorf("%s: %v, %d documents for %d in %.200q", c.Name, err, len(got), len(want), c.Rendered)
			continue
		}
		for i := range want {
			if !equalExceptValues(want[i], got[i], c.Value) {
				t.Errorf("%s: the trees differ in %.200q", c.Name, c.Rendered)
			}
		}
	}
}

// readByOthers runs a parser in another language over all cases. The parser prints one line per case that it reads
// differently, and at the end the number of cases.
func readByOthers(t *testing.T, cases int, parser *exec.Cmd) {
	var stderr bytes.Buffer
	parser.Stderr = &stderr
	out, err := parser.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, fmt.Sprintf("read %d with ", cases)) {
		t.Errorf("the parser did not read %d cases: %s", cases, last)
	}
	t.Log(last)
	for i, line := range lines[:len(lines)-1] {
		if i == 20 {
			t.Fatalf("and %d more", len(lines)-1-i)
		}
		t.Error(line)
	}
}
