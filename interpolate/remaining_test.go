// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// TestDollarBeforeBraces checks that "${{" is also an opening of Go and Jinja, except in files of GitHub Actions.
func TestDollarBeforeBraces(t *testing.T) {
	for name, refused := range map[string]bool{
		"values.yaml": true, "action.yml": true, ".github/workflows/ci.yml": false, `x\.github\workflows\ci.yml`: false,
		".gitea/workflows/ci.yaml": false, "x.github/ci.yml": true,
	} {
		f := interpolate.File{Name: name, Data: []byte(withCalls("cost: \"${{ price }}\"\npw: \"CALL\"\n"))}
		_, err := renderDialect(t, f, everySecret("{{ 7*7 }}"), interpolate.MissingError)
		if errors.Is(err, backend.ErrInvalid) != refused {
			t.Errorf("%s: got %v, refused %t", name, err, refused)
		}
		if _, err := renderDialect(t, f, everySecret("${{ x }}"), interpolate.MissingError); err == nil {
			t.Errorf("%s: an expression of GitHub Actions was written", name)
		}
	}
}

// TestStreamIsOneFile checks that an expression of another tool in one file of a stream protects the values of all.
func TestStreamIsOneFile(t *testing.T) {
	for _, c := range []struct {
		files []string
		value string
	}{
		{[]string{"a: CALL\n", "b: {{ .Values.x }}\n"}, "{{ 7*7 }}"},
		{[]string{"b: {{ .Values.x }}\n", "a: CALL\n"}, "{{ 7*7 }}"},
		{[]string{"a: CALL\n", "b: 1\n", "{{- if .x }}\nb: 1\n{{- end }}\n"}, "{{ 7*7 }}"},
		{[]string{"b: \"\\x7b{ x }}\"\n", "a: CALL\n"}, "{{ 7*7 }}"},
		{[]string{"a: |\n  CALL\n  x\n", "b: <% x %>\n"}, "<%= 7 %>"},
		{[]string{"a: CALL\n", "b: ${{ x }}\n"}, "{{ 7*7 }}"},
		{[]string{"x: {\"b.yaml\": \"a: CALL\\nb: 1\"}\n", "b: {{ x }}\n"}, "{{ 7*7 }}"},
		{[]string{"# {{ x\n", "a: CALL\n", "b: 1 # }}\n"}, "a b"},
	} {
		var files []interpolate.File
		for _, text := range c.files {
			files = append(files, interpolate.File{Name: "f.yaml", Data: []byte(withCalls(text))})
		}
		o := devOptions()
		if _, err := interpolate.Render(t.Context(), everySecret(c.value), files, o); err != nil {
			t.Errorf("%q alone: %v", c.files, err)
		}
		o.OneStream = true
		if _, err := interpolate.Render(t.Context(), everySecret(c.value), files, o); !errors.Is(err, backend.ErrInvalid) {
			t.Errorf("%q as a stream: got %v", c.files, err)
		}
		if _, err := interpolate.Render(t.Context(), everySecret("plain"), files, o); err != nil {
			t.Errorf("%q with a plain value: %v", c.files, err)
		}
	}
}

// TestLiteralIsText checks that an expression of another tool can come from literal_value.
func TestLiteralIsText(t *testing.T) {
	for name, text := range map[string]string{
		"f.yaml":       "a: \"{{ literal_value('{') }}{ .Values.x }}\"\nb: CALL\n",
		"block.yaml":   "b: CALL\na: |\n  {{ literal_value('{%') }} if x %}\n",
		"nested.yaml":  "a.json: |\n  {\"p\": \"{{ literal_value(\\\"{\\\") }}{ .x }}\"}\nb: CALL\n",
		"trim.yaml":    "a: \"{ {{- literal_value('{ .x }') -}} }\"\nb: CALL\n",
		"f.json":       "{\"a\": \"{{ literal_value('{') }}{ x }}\", \"b\": \"CALL\"}",
		"f.toml":       "a = \"{{ literal_value('{') }}{ x }}\"\nb = \"CALL\"\n",
		"f.txt":        "{{ literal_value('{') }}{ x }} CALL",
		"f.properties": "a={{ literal_value('{') }}{ x }}\nb=CALL\n",
	} {
		for value, written := range map[string]bool{"{{ 7*7 }}": false, "plain": true} {
			f := interpolate.File{Name: name, Data: []byte(withCalls(text))}
			got, err := renderDialect(t, f, everySecret(value), interpolate.MissingError)
			if (err == nil) != written || err != nil && !errors.Is(err, backend.ErrInvalid) {
				t.Errorf("%s with %q: %q, %v", name, value, got, err)
			}
		}
	}
	f := interpolate.File{Name: "f.txt", Data: []byte(withCalls("{{ literal_value('{{') }} a CALL }}"))}
	if got, err := renderDialect(t, f, everySecret(`x" | y`), interpolate.MissingError); err == nil {
		t.Errorf("a value inside the expression of a literal was written: %q", got)
	}
}

// TestDefaultIsText checks that an expression of another tool can come from a default, or from one and the text next to
// it. The default itself is written.
func TestDefaultIsText(t *testing.T) {
	const expression, brace = `'{\x7b x }\x7d'`, "'{'"
	for _, call := range []string{"get_secret_value('no', default=TEXT)", "get_secret_value('no') | default(TEXT)",
		"env_var('NO', TEXT)", "env_var('NO', default=TEXT)", "get_value('no', default=TEXT)",
		"get_value('no', default=get_value('no')) | default(TEXT)", "get_secret_value('no').x | default(TEXT)",
		"get_value('no', default='e3sgeCB9fQ==') | b64decode"} {
		for name, text := range map[string]string{
			"f.yaml": "a: BESIDE\nb: CALL\n", "q.yaml": "a: \"BESIDE\"\nb: CALL\n", "b.yaml": "b: CALL\na: |\n  BESIDE\n",
			"n.yaml": "a.json: |\n  {\"p\": \"BESIDE\"}\nb: CALL\n", "f.json": `{"a": "BESIDE", "b": "CALL"}`,
			"f.toml": "a = \"BESIDE\"\nb = \"CALL\"\n", "f.txt": "BESIDE CALL", "f.properties": "a=BESIDE\nb=CALL\n",
		} {
			for beside, whole := range map[string]string{
				"{{ " + strings.Replace(call, "TEXT", expression, 1) + " }}":   "{{ x }}",
				"{{ " + strings.Replace(call, "TEXT", brace, 1) + " }}{ .x }}": "{{ .x }}",
			} {
				if strings.Contains(call, "b64") && !strings.HasSuffix(beside, ") | b64decode }}") {
					continue
				}
				if name == "f.properties" {
					beside = strings.ReplaceAll(beside, `\`, `\\`)
				}
				data := withCalls(strings.ReplaceAll(text, "BESIDE", beside))
				f := interpolate.File{Name: name, Data: []byte(data)}
				r := everySecret("{{ 7*7 }}")
				delete(r.secrets, "dev/no")
				got, err := renderDialect(t, f, r, interpolate.MissingError)
				if !errors.Is(err, backend.ErrInvalid) || strings.Contains(err.Error(), "7*7") {
					t.Errorf("%s: %s\n%q, %v", name, data, got, err)
				}
				r = everySecret("plain")
				delete(r.secrets, "dev/no")
				if got, err := renderDialect(t, f, r, interpolate.MissingError); err != nil || !strings.Contains(got, whole) {
					t.Errorf("%s: %s\n%q, %v", name, data, got, err)
				}
			}
		}
	}
	text := "{{ get_value('no', default='{{ tpl ') }}CALL }}"
	text = strings.Replace(text, "'{{", "'{\\x7b", 1)
	f := interpolate.File{Name: "f.txt", Data: []byte(withCalls(text))}
	if got, err := renderDialect(t, f, everySecret(`x" | y`), interpolate.MissingError); err == nil {
		t.Errorf("a value inside the expression of a default was written: %q", got)
	}
	files := []interpolate.File{
		{Name: "a.yaml", Data: []byte(withCalls("a: CALL\n"))},
		{Name: "b.yaml", Data: []byte("b: \"{{ get_value('no', default='{') }}{ x }}\"\n")},
	}
	o := devOptions()
	o.OneStream = true
	if _, err := interpolate.Render(t.Context(), everySecret("{{ 7*7 }}"), files, o); !errors.Is(err, backend.ErrInvalid) {
		t.Errorf("a stream: got %v", err)
	}
}

// TestKeptReferencesReadNoValue checks that no value becomes a reference when a file with kept references is rendered
// again.
func TestKeptReferencesReadNoValue(t *testing.T) {
	own := "{{ get_secret_value('other') }}"
	inBase64 := base64.StdEncoding.EncodeToString([]byte(own))
	secret := "kind: Secret\ndata:\n  p: VALUE\nx: {{ get_value('missing') }}\n"
	for _, c := range []struct{ name, text, value string }{
		{"f.yaml", "a: CALL\nb: {{ get_value('missing') }}\n", own},
		{"f.yaml", "a: CALL\nb: {{ get_value('missing') }}\n", "pouncet://-/-/other"},
		{"f.yaml", "a: \"CALL\"\nb: pouncet://-/-/missing\n", "pouncet://-/-/other"},
		{"f.yaml", "a: \"pounce{{ get_secret_value('s') }}\"\nb: {{ get_value('missing') }}\n", "t://-/-/other"},
		{"f.yaml", "a: CALL\nb: {{ get_value('missing') }}\n", "%%values.other"},
		{"f.yaml", "a: CALL\nb: {{ get_value('missing') }}\n", "%%environment.values.other"},
		{"f.yaml", "a.yaml: |\n  a: CALL\nb: {{ get_value('missing') }}\n", own},
		{"f.yaml", "b: CALL\na.yaml: |\n  a: {{ get_value('missing') }}\n", "pouncet://-/-/other"},
		{"f.yaml", strings.ReplaceAll(secret, "VALUE", "CALL"), inBase64},
		{"f.yaml", strings.ReplaceAll(secret, "VALUE", "{{ get_secret_value('s') | b64encode }}"), own},
		{"f.json", `{"a": "CALL", "b": "{{ get_value('missing') }}"}`, own},
		{"f.toml", "a = \"CALL\"\nb = \"{{ get_value('missing') }}\"\n", own},
		{"f.txt", "CALL {{ get_value('missing') }}", own},
	} {
		files := []interpolate.File{{Name: c.name, Data: []byte(withCalls(c.text))}}
		o := devOptions()
		o.Missing = interpolate.MissingKeep
		r := everySecret(c.value)
		delete(r.secrets, "dev/other")
		if _, err := interpolate.Render(t.Context(), r, files, o); !errors.Is(err, backend.ErrInvalid) {
			t.Errorf("%q with %q: got %v", c.text, c.value, err)
		}
		if _, err := interpolate.Render(t.Context(), everySecret("plain"), files, o); err != nil {
			t.Errorf("%q with a plain value: %v", c.text, err)
		}
	}
	// Files of one call are rendered again together.
	files := []interpolate.File{
		{Name: "a.yaml", Data: []byte(withCalls("a: CALL\n"))},
		{Name: "b.yaml", Data: []byte("b: {{ get_value('missing') }}\n")},
	}
	o := devOptions()
	o.Missing = interpolate.MissingKeep
	if _, err := interpolate.Render(t.Context(), everySecret(own), files, o); !errors.Is(err, backend.ErrInvalid) {
		t.Errorf("two files: got %v", err)
	}
	if _, err := interpolate.Render(t.Context(), everySecret(own), files[:1], o); err != nil {
		t.Errorf("without a kept reference: %v", err)
	}
}
