// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// TestStatementsStay checks that a reference in a statement of another tool is reported once, and stays.
func TestStatementsStay(t *testing.T) {
	for name, text := range map[string]string{
		"f.yaml": "a: {% if get_secret_value('s') %}x{% endif %}\nb: CALL\n",
		"q.yaml": "a: \"{% if get_secret_value('s') %}x{% endif %}\"\nb: CALL\n",
		"f.json": "{\"a\": \"{% if get_secret_value('s') %}x{% endif %}\", \"b\": \"CALL\"}",
		"f.txt":  "{% if get_secret_value('s') %}x{% endif %} CALL",
	} {
		f := interpolate.File{Name: name, Data: []byte(withCalls(text))}
		d, err := interpolate.Scan(f)
		if err != nil || len(d.Warnings()) != 1 || len(d.References()) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := renderDialect(t, f, everySecret("v"), interpolate.MissingError)
		if err != nil || !strings.Contains(got, "{% if get_secret_value('s') %}x{% endif %}") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// TestInputThatIsNotYAML checks that a script on standard input is not rewritten as YAML by chance.
func TestInputThatIsNotYAML(t *testing.T) {
	for text, refused := range map[string]bool{
		"#!/bin/sh\necho \"a: CALL\"\n": true, "echo 'a: x CALL'\n": true, "x: 1\nb \"c: CALL\"\n": true,
		"a: CALL\n": false, "\"a\": CALL\n": false, "don't: CALL\n": false, "a: 5\" CALL\n": false,
	} {
		f := interpolate.File{Name: interpolate.StandardInput, Data: []byte(withCalls(text))}
		got, err := renderDialect(t, f, everySecret("v"), interpolate.MissingError)
		if (err != nil) != refused {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// TestQuotesStayOutOfStatements checks that no quote is written between the statements of another tool, or around
// structure that such a statement writes. Only values without a meaning are written there.
func TestQuotesStayOutOfStatements(t *testing.T) {
	for text, want := range map[string]string{
		"l: [{% for i in l %}CALL,{% endfor %}]\n":       "l: [{% for i in l %}VALUE,{% endfor %}]\n",
		"l: [{{ range .l }}CALL,{{ end }}]\n":            "l: [{{ range .l }}VALUE,{{ end }}]\n",
		"{{ if .x }}a: CALL{{ end }}\n":                  "{{ if .x }}a: VALUE{{ end }}\n",
		"{% if x %}a: CALL{% endif %}\n":                 "{% if x %}a: VALUE{% endif %}\n",
		"{{#if x}}a: CALL{{/if}}\n":                      "{{#if x}}a: VALUE{{/if}}\n",
		"<% if x %>a: CALL<% end %>\n":                   "<% if x %>a: VALUE<% end %>\n",
		"<% if (x) { %>a: CALL<% } %>\n":                 "<% if (x) { %>a: VALUE<% } %>\n",
		"{% if x %}{a: CALL}{% endif %}\n":               "{% if x %}{a: VALUE}{% endif %}\n",
		"{% if x %}\n{% if y %}{a: CALL}\n{% endif %}\n": "{% if x %}\n{% if y %}{a: VALUE}\n{% endif %}\n",
		"{{ x }}{a: 1,\nb: CALL,\nc: 2}\n":               "{{ x }}{a: 1,\nb: VALUE,\nc: 2}\n",
		"x: {% if x %}[CALL, 1]{% endif %}\n":            "x: {% if x %}[VALUE, 1]{% endif %}\n",
		"x: {% if x %}b{% else %}[CALL]{% endif %}\n":    "x: {% if x %}b{% else %}[VALUE]{% endif %}\n",
		"x: {% if x %}'CALL'{% endif %}\n":               "x: {% if x %}'VALUE'{% endif %}\n",
		"- b\n{% if x %}- z CALL\n{% endif %}\n":         "- b\n{% if x %}- z VALUE\n{% endif %}\n",
		"a: CALL{% if x %}\nb: 1{% endif %}\n":           "a: VALUE{% if x %}\nb: 1{% endif %}\n",
		"a: {%- raw %}CALL{% endraw %}CALL{% if x %}\n{% endif %}": "a: {%- raw %}CALL{% endraw %}VALUE{% if x %}\n" +
			"{% endif %}",
		// Both statements are in the value.
		"a: {{ if .x }}CALL{{ else }}b{{ end }}\n":          "a: \"{{ if .x }}VALUE{{ else }}b{{ end }}\"\n",
		"a: {% for i in l %}CALL,x{% endfor %}\n":           "a: \"{% for i in l %}VALUE,x{% endfor %}\"\n",
		"a: b {% if x %}[CALL]{% endif %}\n":                "a: \"b {% if x %}[VALUE]{% endif %}\"\n",
		"a: {% set y = 1 %}CALL {{ y }}\n":                  "a: \"{% set y = 1 %}VALUE {{ y }}\"\n",
		"a: {{#x}}CALL{{/x}} <% if x %>z<% end %>\n":        "a: \"{{#x}}VALUE{{/x}} <% if x %>z<% end %>\"\n",
		"{\"{{ x }}\": \"a\", b: CALL z, c: \"{{ x }}\"}\n": "{\"{{ x }}\": \"a\", b: \"VALUE z\", c: \"{{ x }}\"}\n",
	} {
		for _, d := range []interpolate.Dialect{interpolate.DialectNone, interpolate.DialectMage, interpolate.DialectJinja} {
			in := strings.Replace(withCalls(text), "raw %}"+secretCall, "raw %}CALL", 1)
			f := interpolate.File{Name: "f.yaml", Data: []byte(in), Dialect: d}
			got, err := renderDialect(t, f, everySecret("s3cr3t"), interpolate.MissingError)
			if want := strings.ReplaceAll(want, "VALUE", "s3cr3t"); err != nil || got != want {
				t.Errorf("%q, dialect %q\n got %q, %v\nwant %q", text, d, got, err, want)
			}
			written := strings.Contains(want, "\"VALUE") || strings.Contains(want, "\"{") || strings.Contains(want, "\"b {")
			for _, value := range []string{"x, admin, y", "a: b", "it's", "\"", "5 # x", ""} {
				got, err := renderDialect(t, f, everySecret(value), interpolate.MissingError)
				if (err == nil) != written || err != nil && !errors.Is(err, backend.ErrInvalid) {
					t.Errorf("%q with %q: %q, %v", text, value, got, err)
				}
			}
		}
	}
	for text, value := range map[string]string{
		"A=CALL{% if x %}\nB=1{% endif %}\n": "it\"s", "A={% if x %}CALL\n{% endif %}\n": "a b",
	} {
		f := interpolate.File{Name: "f.env", Data: []byte(withCalls(text))}
		got, err := renderDialect(t, f, everySecret(value), interpolate.MissingError)
		if !errors.Is(err, backend.ErrInvalid) {
			t.Errorf("%q with %q: %q, %v", text, value, got, err)
		}
		if _, err := renderDialect(t, f, everySecret("s3cr3t"), interpolate.MissingError); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
