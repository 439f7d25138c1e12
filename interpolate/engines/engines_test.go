// SPDX-License-Identifier: MPL-2.0

package engines

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/valyala/fasttemplate"
	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// engine is a tool that reads the rendered file as a template.
type engine struct {
	name  string
	rest  []string // expressions of the tool; "F" is what foo stands for
	trims []string // the same, but they also remove the white space around them
	lines []string // control lines before and after the file
	// parsedFirst says that the tool parses YAML, and evaluates each string.
	parsedFirst bool
	// evaluate evaluates the texts. The error of a text becomes its result, which is no value of a test.
	evaluate func(t *testing.T, texts []string) []string
}

func engines() []engine {
	return []engine{
		{name: "go", rest: []string{"{{ .foo }}", `{{ .foo | default "x" | quote | trimAll "\"" }}`,
			"{{/* c */}}{{ .foo }}", "${{ .foo }}", "{{ literal_value('{') }}{ .foo }}"},
			trims: []string{"{{- .foo -}}"}, lines: []string{"{{- if .foo }}", "{{- end }}"}, evaluate: evaluateGo},
		{name: "argo", rest: []string{"{{foo}}", "{{=foo}}"}, evaluate: evaluateArgo},
		{name: "jinja", rest: []string{"{{ foo }}", "{{ foo|default('x') }}", "{# c #}F", "{% if foo %}F{% endif %}",
			"${{ foo }}", "{{ literal_value('{%') }} if foo %}F{% endif %}"},
			trims: []string{"{{- foo -}}", "{%- if foo -%}F{%- endif -%}"},
			lines: []string{"{% if foo %}", "{% endif %}"}, evaluate: evaluateWith("jinja")},
		{name: "ansible", rest: []string{"{{ foo }}", "{% if foo %}F{% endif %}", "${{ foo }}",
			"{{ literal_value('{') }}{ foo }}"}, parsedFirst: true,
			evaluate: evaluateWith("ansible")},
		{name: "actions", rest: []string{"${{ github.foo }}", "${{ format('{0}', github.foo) }}"}, parsedFirst: true,
			evaluate: evaluateWith("actions")},
		{name: "ejs", rest: []string{"<%= foo %>", "<%- foo -%><%# c %>"}, trims: []string{"<%_ _%>F<%_ _%>"},
			evaluate: evaluateWith("ejs")},
	}
}

// values are secrets. Some have a meaning to one of the engines.
var values = []string{
	"plain", " x", "x ", "a\r\nb", "a\rb", "x\n", "\nx", "\t",
	"{{ 7*7 }}", "{{7*7}}", "{{", "}}", "{", "}", "a{", "{% if true %}x{% endif %}", "{%", "%}", "{# c #}", "#}",
	"{% raw %}{{ x }}{% endraw %}", "${{ github.foo }}", "$", "${", "${{", "<%= 7*7 %>", "<%", "%>", "<", "% x", "#",
	`it's "quoted" \ here`, "l1\nl2\n", "-----BEGIN KEY-----\nabc\n-----END KEY-----\n", "{{`x`}}", "{{ .foo }}",
	"{{foo}}", "{{=1+1}}", "{{ include \"x\" . }}", "0123", "yes", " lead", "é", "{{'{{'}}", "{ { x } }", "[[ x ]]",
}

// around are files with a reference, and an expression of the engine beside it.
var around = []struct{ name, text string }{
	{"f.txt", "[RESTCALLREST]"},
	{"f.txt", "[REST\nCALL REST]"},
	{"f.yaml", "a: \"RESTCALLREST\"\n"},
	{"f.yaml", "a: RESTCALLREST\nb: 1\n"},
	{"f.yaml", "a: |-\n  RESTCALLREST\nb: 1\n"},
	{"f.yaml", "a: \"CALL\"\nb: \"REST\"\n"},
	{"f.yaml", "a: CALL\nb: x REST\n"},
	{"f.yaml", "b: 1 # REST\na: 'CALL'\n"},
	{"f.yaml", "b: \"REST\"\na: |-\n  CALL\n"},
	{"f.yaml", "b: \"REST\"\na: >-\n  CALL\n"},
	{"f.json", `{"a": "CALL", "b": "REST"}`},
	{"f.txt", "REST [CALL]"},
	{"f.yaml", "a: \"CALL\"\n---\nb: \"REST\"\n"},
	{"f.yaml", "b: \"REST\"\n---\na: \"CALL\"\n"},
}

type secret string

func (s secret) Resolve(_ context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out := make([]backend.Resolution, len(refs))
	for i := range out {
		out[i].Value = backend.PlaintextString(string(s))
	}
	return out, nil
}

const call = "{{ get_secret_value('s') }}"

// TestEnginesEvaluateNoValue checks that each value which is written is what the engine yields. All others are refused.
func TestEnginesEvaluateNoValue(t *testing.T) {
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			type rendered struct{ name, in, out, value, want string }
			var cases []rendered
			var texts []string
			refused, written := 0, map[string]bool{}
			add := func(name, text, rest, value string, beside bool) {
				text = strings.ReplaceAll(text, "REST", rest)
				in := strings.ReplaceAll(text, "CALL", call)
				out, err := render(t, name, in, value)
				switch {
				case errors.Is(err, backend.ErrInvalid):
					refused++
					return
				case err != nil:
					t.Fatalf("%q with %q: %v", in, value, err)
				}
				written[value] = true
				want, result := value, "F"
				if strings.HasPrefix(rest, "$") && e.name != "actions" {
					result = "$F"
				}
				switch {
				case strings.Contains(text, "]\n") || strings.Contains(in, "\n"+call+" "):
					want = result + "\n" + value + " " + result
				case beside:
					want = result + value + result
				}
				cases = append(cases, rendered{name, in, out, value, want})
				texts = append(texts, out)
			}
			for _, value := range values {
				for _, c := range around {
					if e.parsedFirst && (c.name != "f.yaml" || strings.Contains(c.text, separator)) {
						continue
					}
					beside := strings.Contains(c.text, "RESTCALL")
					for _, rest := range e.rest {
						if strings.Contains(c.text, "# REST") && strings.Contains(rest, "literal_value") {
							continue // a comment is not filled in
						}
						add(c.name, c.text, rest, value, beside)
					}
					if beside && !strings.Contains(c.text, "|-") { // elsewhere they would remove structure
						for _, rest := range e.trims {
							add(c.name, c.text, rest, value, beside)
						}
					}
					if e.lines != nil && c.name == "f.yaml" {
						add(c.name, e.lines[0]+"\n"+c.text+e.lines[1]+"\n", "F", value, strings.Contains(c.text, "RESTCALL"))
					}
				}
			}
			for i, out := range e.evaluate(t, texts) {
				c := cases[i]
				if got := valueIn(c.name, out); got != c.want {
					t.Errorf("%q with %q became %q, and then %q: the value is %q", c.in, c.value, c.out, out, got)
				}
			}
			t.Logf("%d written, %d refused", len(cases), refused)
			for _, value := range []string{"plain", "}}", "it's \"quoted\" \\ here", "0123", "l1\nl2\n"} {
				if !written[value] {
					t.Errorf("%q is never written", value)
				}
			}
			if refused == 0 {
				t.Error("nothing was refused")
			}
		})
	}
}

const separator = "\n---\n"

// render fills in a text, or the files of a stream that a separator divides.
func render(t *testing.T, name, text, value string) (string, error) {
	var files []interpolate.File
	for part := range strings.SplitSeq(text, separator) {
		files = append(files, interpolate.File{Name: name, Data: []byte(part + "\n")})
	}
	if len(files) == 1 {
		files[0].Data = []byte(text)
	}
	files, err := interpolate.Render(t.Context(), secret(value), files,
		interpolate.Options{Project: "p", Environment: "e", OneStream: len(files) > 1})
	if err != nil {
		return "", err
	}
	parts := make([]string, len(files))
	for i, f := range files {
		parts[i] = strings.TrimSuffix(string(f.Data), "\n")
	}
	if len(parts) == 1 {
		return string(files[0].Data), nil
	}
	return strings.Join(parts, separator), nil
}

// valueIn returns the value "a" of a file, or what stands in brackets in a text.
func valueIn(name, text string) string {
	if name == "f.txt" {
		_, text, _ = strings.Cut(text, "[")
		return text[:max(0, strings.LastIndex(text, "]"))]
	}
	var tree struct{ A any }
	for part := range strings.SplitSeq(text, separator) {
		if err := yaml.Unmarshal([]byte(part), &tree); err != nil { // JSON is YAML
			return "not YAML"
		}
	}
	s, _ := tree.A.(string)
	return s
}

func evaluateGo(t *testing.T, texts []string) []string {
	return each(texts, func(text string) (string, error) {
		tpl, err := template.New("t").Funcs(sprig.TxtFuncMap()).Parse(text)
		if err != nil {
			return "", err
		}
		var out bytes.Buffer
		err = tpl.Execute(&out, map[string]any{"foo": "F"})
		return out.String(), err
	})
}

// evaluateArgo replaces the tags of a text as Argo Workflows does. Argo evaluates {{=…}} with another language, but the
// tags are the same.
func evaluateArgo(t *testing.T, texts []string) []string {
	return each(texts, func(text string) (string, error) {
		tpl, err := fasttemplate.NewTemplate(text, "{{", "}}")
		if err != nil {
			return "", err
		}
		var out bytes.Buffer
		_, err = tpl.ExecuteFunc(&out, func(w io.Writer, tag string) (int, error) {
			if strings.TrimPrefix(strings.TrimSpace(tag), "=") == "foo" {
				return w.Write([]byte("F"))
			}
			return w.Write([]byte("EVALUATED"))
		})
		return out.String(), err
	})
}

func each(texts []string, evaluate func(string) (string, error)) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		var err error
		if out[i], err = evaluate(text); err != nil {
			out[i] = "the engine failed: " + err.Error()
		}
	}
	return out
}

// evaluateWith evaluates texts with a program in another language.
func evaluateWith(name string) func(*testing.T, []string) []string {
	return func(t *testing.T, texts []string) []string {
		var in bytes.Buffer
		encoder := json.NewEncoder(&in)
		for _, text := range texts {
			if err := encoder.Encode(map[string]string{"text": text}); err != nil {
				t.Fatal(err)
			}
		}
		cmd := program(t, name)
		cmd.Stdin = &in
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		answer, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
		out := make([]string, 0, len(texts))
		for line := range strings.Lines(string(answer)) {
			var result struct{ Out, Error string }
			if err := json.Unmarshal([]byte(line), &result); err != nil {
				t.Fatal(err)
			}
			if result.Error != "" {
				result.Out = "the engine failed: " + result.Error
			}
			out = append(out, result.Out)
		}
		if len(out) != len(texts) {
			t.Fatalf("%d answers for %d texts", len(out), len(texts))
		}
		return out
	}
}

// program returns the program of an engine, or skips.
func program(t *testing.T, name string) *exec.Cmd {
	modules, err := filepath.Abs("../testdata/parsers/node_modules")
	if err != nil {
		t.Fatal(err)
	}
	switch name {
	case "jinja", "ansible":
		module := map[string]string{"jinja": "jinja2", "ansible": "ansible"}[name]
		for _, python := range []string{"python3", "/usr/bin/python3"} { // Debian's packages belong to Debian's Python
			if exec.CommandContext(t.Context(), python, "-c", "import "+module).Run() == nil {
				return exec.CommandContext(t.Context(), python, "evaluate.py", name)
			}
		}
		t.Skipf("SKIPPED: %s is not installed: install python3-jinja2 and ansible-core", name)
	default:
		module := map[string]string{"actions": "@actions/expressions", "ejs": "ejs"}[name]
		if _, err := os.Stat(filepath.Join(modules, module)); err != nil {
			t.Skipf("SKIPPED: %s is not installed: run npm ci in interpolate/testdata/parsers", module)
		}
	}
	return exec.CommandContext(t.Context(), "node", "evaluate.mjs", name, modules)
}

// TestEnginesKeepStructure checks that a value stays one scalar in what the engine yields, where the reference is
// between statements of the engine. Each of "a" or "l" is the value, once or twice.
func TestEnginesKeepStructure(t *testing.T) {
	jinja := []string{
		"l: [{% for i in [1, 2] %}CALL,{% endfor %}]\n", "{% if foo %}a: CALL{% endif %}\n",
		"{% if foo %}{a: CALL}{% endif %}\n", "{% if foo %}\n{% if foo %}{a: CALL}\n{% endif %}{% endif %}\n",
		"l: {% if foo %}[CALL, CALL]{% endif %}\n", "a: CALL{% if foo %}\nb: 1{% endif %}\n",
		"a: {% if not foo %}b{% else %}'CALL'{% endif %}\n", "a: {% if foo %}CALL{% endif %}\n",
		"a: {% if foo %}\"CALL\"{% endif %}\n", "l: {# c #}[CALL]\n",
		"a: |-\n  {% if foo %}CALL{% endif %}\n", "a: |-\n  CALL{% if foo %}{% endif %}\n",
	}
	text := strings.NewReplacer("{% if foo %}", "{{ if .foo }}", "{% if not foo %}", "{{ if not .foo }}",
		"{% for i in [1, 2] %}", "{{ range list 1 2 }}", "{% else %}", "{{ else }}", "{% endif %}", "{{ end }}",
		"{% endfor %}", "{{ end }}", "{# c #}", "{{/* c */}}")
	for _, e := range engines() {
		if e.name != "go" && e.name != "jinja" {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			var texts, outs, wants []string
			for _, in := range jinja {
				if e.name == "go" {
					in = text.Replace(in)
				}
				for _, value := range append(values, "s3cr3t", "l1\nl2\n", "x, admin, y", "a: b", "x # y", "[x]", "") {
					out, err := render(t, "f.yaml", strings.ReplaceAll(in, "CALL", call), value)
					switch {
					case err == nil:
						texts, outs, wants = append(texts, in), append(outs, out), append(wants, value)
					case !errors.Is(err, backend.ErrInvalid):
						t.Fatal(err)
					case value == "s3cr3t":
						t.Errorf("%q is refused: %v", in, err)
					}
				}
			}
			for i, out := range e.evaluate(t, outs) {
				var tree struct {
					A *string
					L []string
				}
				if err := yaml.Unmarshal([]byte(out), &tree); err != nil {
					t.Errorf("%q became %q, and then %q: %v", texts[i], outs[i], out, err)
					continue
				}
				if tree.A != nil {
					tree.L = append(tree.L, *tree.A)
				}
				if len(tree.L) == 0 || len(tree.L) > 2 || tree.L[0] != wants[i] || tree.L[len(tree.L)-1] != wants[i] {
					t.Errorf("%q became %q, and then %q", texts[i], outs[i], out)
				}
			}
		})
	}
}
