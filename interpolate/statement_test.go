// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"strings"
	"testing"

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
