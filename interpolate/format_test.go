// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

func TestFormatOf(t *testing.T) {
	for name, want := range map[string]interpolate.Format{
		"a.yaml": interpolate.FormatYAML, "a": interpolate.FormatByName, "-": interpolate.FormatYAML,
		"": interpolate.FormatYAML, "main.tf": interpolate.FormatByName, "Dockerfile": interpolate.FormatByName,
		"dir/a.JSON": interpolate.FormatJSON,
		".env":       interpolate.FormatDotenv, "dir/.env.prod": interpolate.FormatDotenv,
		`dir\prod.env`:   interpolate.FormatDotenv,
		"pyproject.toml": interpolate.FormatTOML, "application.properties": interpolate.FormatProperties,
		"notes.txt":        interpolate.FormatText,
		"prod.auto.tfvars": interpolate.FormatHCL, "terragrunt.hcl": interpolate.FormatHCL,
		"a.tfvars.json":   interpolate.FormatJSON,
		"dir/pom.XML":     interpolate.FormatXML,
		"environment.yml": interpolate.FormatYAML, "my.env.d/x": interpolate.FormatByName,
	} {
		if got := interpolate.FormatOf(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// trickyValues are values that have a meaning in one of the formats.
var trickyValues = []string{
	"", " ", "plain", "0123", "yes", "null", "~", "1e3", "2001-01-01", `"`, `'`, `\`, `\\`, `\"`, `\n`, "a\nb",
	"a\r\nb", "\n", "\ta\t", " a ", "a: b", "a #b", "# a",
	"${HOME}", "$HOME", "$(id)", "`id`", "%s", "a=b", "=", ":", ";", "!a", "<!--", "<b/>", "&amp;", "]]>", "a,b", "]", "}",
	"{{ get_secret_value('other') }}", "}}", "{{", `"""`, "'''", `", "admin": true, "x": "`,
	"\x00", "\x01", "\x1b[31m", "\x7f", "\u0080", "\u0085", "\u00a0", "\u2028", "\u2029", "\ufeff", "\ufffe", "é", "漢字",
	"😀", "it's $5 `now` \\ \"so\"",
	strings.Repeat("x", 65_536), "ĀāĂ", "\u0100" + "0x" + "\u0101",
}

// everySecret returns a resolver that has the same value for every name.
func everySecret(value string) *resolver {
	r := &resolver{secrets: map[string]string{}}
	for _, name := range []string{"s", "other"} {
		r.secrets["dev/"+name] = value
	}
	return r
}

func renderAs(t *testing.T, format interpolate.Format, text, value string) (string, error) {
	t.Helper()
	out, err := interpolate.Render(t.Context(), everySecret(value),
		[]interpolate.File{{Name: "in.yaml", Data: []byte(text), Format: format}}, devOptions())
	if err != nil {
		return "", err
	}
	return string(out[0].Data), nil
}

// isRefusedTemplate reports whether a value begins a template of another tool, or holds a carriage return, which such a
// tool changes, and err refuses it for that reason.
func isRefusedTemplate(t *testing.T, value string, err error) bool {
	t.Helper()
	const refusal = "expressions of another tool remain in the file, and it could read this value as one"
	if strings.Contains(value, "\r") && err != nil && strings.Contains(err.Error(), "the value has a carriage return") {
		return true
	}
	opens := strings.Contains(value, "{{") || strings.Contains(value, "{%") || strings.Contains(value, "{#")
	if refused := err != nil && strings.Contains(err.Error(), refusal); refused != opens {
		t.Errorf("%.40q: %v", value, err)
		return refused
	}
	return opens
}

// TestJSONHoldsEveryValue writes values at every position of a document, and reads it with another library.
func TestJSONHoldsEveryValue(t *testing.T) {
	const text = `{"a": "{{ get_secret_value('s') }}",` +
		` "b": ["x{{ get_secret_value(\"s\") }}y{{ get_secret_value('s') }}", {{ get_secret_value('s') }}],` + "\n" +
		` "uri" : "pouncet://-/-/s", "foreign": "{{ .Values.x }} {{ get_secret_value('s') }}", "n": {{ .Values.n }},` +
		` "say": "see pouncet://-/-/s", "k\"": 1.50}` + "\n"
	for _, value := range trickyValues {
		out, err := renderAs(t, interpolate.FormatJSON, text, value)
		if isRefusedTemplate(t, value, err) {
			continue
		}
		if err != nil {
			t.Fatalf("%.40q: %v", value, err)
		}
		whole := strings.Replace(out, "{{ .Values.n }}", "null", 1)
		var got map[string]any
		if err := json.Unmarshal([]byte(whole), &got); err != nil {
			t.Fatalf("%.40q: %v in\n%.400s", value, err, whole)
		}
		want := map[string]any{"a": value, "b": []any{"x" + value + "y" + value, value}, "uri": value,
			"foreign": "{{ .Values.x }} " + value, "n": nil, "say": "see pouncet://-/-/s", `k"`: 1.5}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%.40q: read %.400v", value, got)
		}
		if !strings.HasSuffix(out, `"k\"": 1.50}`+"\n") || !strings.Contains(out, ` "uri" : "`) {
			t.Errorf("%.40q: other bytes changed: %.400s", value, out)
		}
	}
}

func TestJSONWritesTypes(t *testing.T) {
	for text, want := range map[string]string{
		`{"p": "{{ get_secret_value('s') | int }}"}`:       `{"p": 5432}`,
		`{"p": {{ get_secret_value('s') | int }}}`:         `{"p": 5432}`,
		`{"p": "x{{ get_secret_value('s') | int }}"}`:      `{"p": "x5432"}`,
		"\ufeff{\"p\": \"{{ get_secret_value('s') }}\"}":   "\ufeff{\"p\": \"5432\"}",
		"{\"p\": \"pouncet://-/-/s\"}\n{\"p\": 1}\n":       "{\"p\": \"5432\"}\n{\"p\": 1}\n",
		`{"p": "\u007b{ get_secret_value('s') }}", "q":1}`: `{"p": "\u007b{ get_secret_value('s') }}", "q":1}`,
	} {
		if got, err := renderAs(t, interpolate.FormatJSON, text, "5432"); err != nil || got != want {
			t.Errorf("%s\nis  %s (%v)\nnot %s", text, got, err, want)
		}
	}
}

// TestTemplateTakesOnlyInertValues renders files that become YAML later. A value that means the same in every
// position is written, and every other value is an error with a reason.
func TestTemplateTakesOnlyInertValues(t *testing.T) {
	const quotes, meaning = "can be read as a number, a date or a keyword",
		"has characters that mean something else in some of them"
	for _, c := range []struct{ line, value, want string }{
		{`a: "{{ get_secret_value('s') }}"`, "p4ss/word+x=", `a: "p4ss/word+x="`},
		{`a: "{{ get_secret_value('s') }}"`, "0123", `a: "0123"`},
		{`a: '{{ get_secret_value("s") }}'`, "yes", `a: 'yes'`},
		{`a: {{ get_secret_value('s') }}`, "word", `a: word`},
		{`a: {{ get_secret_value('s') }}`, "0123", quotes},
		{`a: {{ get_secret_value('s') }}`, "No", quotes},
		{`a: {{ get_secret_value('s') | int }}`, "42", `a: 42`},
		{`a: 1{{ get_secret_value('s') }}`, "e5", quotes},
		{`a: {{ .Values.x }}{{ get_secret_value('s') }}`, "e5", quotes},
		{`- {{ get_secret_value('s') }}`, "2001-01-01", quotes},
		{`a: [1, {{ get_secret_value('s') }}, 2]`, "7", quotes},
		{`a: "x, {{ get_secret_value('s') }}, y"`, "7", quotes}, // the quotes may not belong to a string
		{`a: https://{{ get_secret_value('s') }}:80/x`, "10.0.0.1", `a: https://10.0.0.1:80/x`},
		{`a: "{{ get_secret_value('s') }}"`, "a b", meaning},
		{`a: "{{ get_secret_value('s') }}"`, `a"b`, meaning},
		{`a: "{{ get_secret_value('s') }}"`, "a\nb", meaning},
		{`a: "{{ get_secret_value('s') }}"`, "a:", meaning},
		{`a: "{{ get_secret_value('s') }}"`, "{{x}}", meaning},
		{`a: "{{ get_secret_value('s') }}"`, "é", meaning},
		{`a: "{{ get_secret_value('s') }}"`, "", "is empty"},
		{`  # {{ get_secret_value('s') }}`, "a b", `  # {{ get_secret_value('s') }}`},
		{`a: pouncet://-/-/s`, "x", "write {{ }} around the URI"},
		{`a: "{{ pouncet://-/-/s }}"`, "x", `a: "x"`},
	} {
		// A condition on a line with other text cannot be parsed as YAML.
		const head, tail = "x:\n{{ if .Values.on }} y: [\n", "\n{{ end }}\n"
		got, err := renderAs(t, interpolate.FormatByName, head+c.line+tail, c.value)
		switch {
		case err != nil && !strings.Contains(err.Error(), c.want), err == nil && got != head+c.want+tail:
			t.Errorf("%s with %q:\n got %q, %v\nwant %q", c.line, c.value, got, err, c.want)
		case err != nil && !strings.HasPrefix(err.Error(), "in.yaml:3:"):
			t.Errorf("%s: wrong position: %v", c.line, err)
		case err != nil && len(c.value) > 4 && strings.Contains(err.Error(), c.value):
			t.Errorf("%s: the error holds the value: %v", c.line, err)
		}
	}
}

// TestJSONTemplateNeedsQuotes checks that a template of JSON accepts no expression without quotes.
func TestJSONTemplateNeedsQuotes(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": {% if x %} "{{ get_secret_value('s') }}" {% endif %}}`:   `{"a": {% if x %} "word" {% endif %}}`,
		`{"a": {% if x %} {{ get_secret_value('s') }} {% endif %}}`:     "write the expression in quotes",
		`{"a": {% if x %} https://{{ get_secret_value('s') }} {% x %}}`: "write the expression in quotes",
		"\ufeff# {{ get_secret_value('s') }}\n{{ .x }} {": "\ufeff# {{ get_secret_value('s') }}\n" +
			"{{ .x }} {",
	} {
		out, err := interpolate.Render(t.Context(), everySecret("word"),
			[]interpolate.File{{Name: "a.json", Data: []byte(text)}}, devOptions())
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && string(out[0].Data) != want {
			t.Errorf("%s: %v, %v, want %s", text, out, err, want)
		}
	}
}

// TestBrokenFileIsNotReadAsTemplate checks that a file with a syntax error is an error, and not read as a template.
func TestBrokenFileIsNotReadAsTemplate(t *testing.T) {
	const broken = "x: [\ny: \"{{ get_secret_value('s') }}\"\n"
	for _, c := range []struct {
		format     interpolate.Format
		text, want string
	}{
		{interpolate.FormatByName, broken, "cannot be parsed as YAML"},
		{interpolate.FormatYAML, broken + "{{ .Values.x }}\n", "cannot be parsed as YAML"},
		{interpolate.FormatJSON, `{"a": "{{ get_secret_value('s') }}"`, "cannot be parsed as JSON"},
		{interpolate.FormatJSON, `{"a": "{{ get_secret_value('s') }}",}`, "cannot be parsed as JSON"},
		{interpolate.FormatJSON, "{\"a\": \"{{ get_secret_value('s') }}\",\n \"b\": nil}", "in.yaml:2:"},
		{interpolate.FormatJSON, `{"{{ get_secret_value('s') }}": 1}`, "a key cannot hold a reference"},
		{interpolate.FormatJSON, "{\"a\": \"{{ get_secret_value(\n's') }}\"}", "spans lines"},
		{"csv", "{{ get_secret_value('s') }}", `format "csv" is not supported`},
	} {
		if got, err := renderAs(t, c.format, c.text, "v"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s:\n got %q, %v\nwant %s", c.text, got, err, c.want)
		}
	}
}

// TestTextHoldsEveryValue checks that plain text takes every value as it is.
func TestTextHoldsEveryValue(t *testing.T) {
	for _, value := range trickyValues {
		got, err := renderAs(t, interpolate.FormatText, "# {{ get_secret_value('s') }}|{{ x }}", value)
		if isRefusedTemplate(t, value, err) {
			got, err = renderAs(t, interpolate.FormatText, "# {{ get_secret_value('s') }}|{ x }}", value)
			got = strings.TrimSuffix(got, "{ x }}") + "{{ x }}"
		}
		if want := fmt.Sprintf("# %s|{{ x }}", value); err != nil || got != want {
			t.Errorf("%.40q: %.80q, %v", value, got, err)
		}
	}
}

// TestForeignCallThatSpansLines checks that an expression of another tool stays as it is, even in formats that cannot
// have a reference on several lines.
func TestForeignCallThatSpansLines(t *testing.T) {
	const text = "\"{{ x.get_value(\n1) }}\": \"{{ get_secret_value('s') }}\"\n"
	for _, format := range []interpolate.Format{interpolate.FormatText, interpolate.FormatTemplate} {
		got, err := renderAs(t, format, text, "v")
		if want := "\"{{ x.get_value(\n1) }}\": \"v\"\n"; err != nil || got != want {
			t.Errorf("%s: %q, %v", format, got, err)
		}
	}
}

// TestUnnamedText checks that a text that is no file is YAML or plain text.
func TestUnnamedText(t *testing.T) {
	for text, want := range map[string]string{"a: CALL\n": "a: \"v\"\n", "x CALL": "x v", "CALL": "v"} {
		f := interpolate.File{Name: "content", Unnamed: true, Data: []byte(strings.ReplaceAll(text, "CALL", secretCall))}
		if got, err := renderDialect(t, f, everySecret("v"), interpolate.MissingError); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// TestFileWithoutFormat checks that a file is never written in a format that its name does not say.
func TestFileWithoutFormat(t *testing.T) {
	const unknown, scalar = "its name belongs to no format", "all of it is one scalar of YAML"
	for _, c := range []struct{ name, text, want string }{
		{".pgpass", "host:5432:db:user:CALL\n", unknown}, {"nginx.conf", "set $a \"CALL\";\n", unknown},
		{".netrc", "machine x password CALL\n", unknown}, {"x.sql", "SELECT 'CALL';\n", unknown},
		{"x.sh", "A=CALL\n", unknown}, {"main.tf", "a = \"CALL\"\n", unknown}, {"Dockerfile", "ENV A=CALL\n", unknown},
		{"id", "a: CALL\n", unknown}, {"x.yaml.tpl", "a: CALL\n", unknown},
		{"x.sql", "SELECT '{{ x }}';\n", "SELECT '{{ x }}';\n"}, // no reference
		{"x.yaml", "host password CALL\n", scalar}, {"x.yaml", "one\nCALL\n", scalar}, {"x.yml", "'a CALL'\n", scalar},
		{"x.yaml", "CALL\n", "\"v\"\n"}, {"x.yaml", "pouncet://-/-/s\n", "\"v\"\n"}, {"x.yaml", "- CALL\n", "- \"v\"\n"},
		{"-", "host password CALL\n", "host password v\n"}, {"-", "CALL", "v"}, {"-", "a: CALL\n", "a: \"v\"\n"},
		{"", "one\n\"CALL\"\n", "one\n\"v\"\n"},
	} {
		f := interpolate.File{Name: c.name, Data: []byte(strings.ReplaceAll(c.text, "CALL", secretCall))}
		got, err := renderDialect(t, f, everySecret("v"), interpolate.MissingError)
		if err != nil {
			got = err.Error()
		}
		if got != c.want && (err == nil || !strings.Contains(got, c.want) || !strings.Contains(got, "--file-format")) {
			t.Errorf("%s: %q\n got %q\nwant %q", c.name, c.text, got, c.want)
		}
	}
}
