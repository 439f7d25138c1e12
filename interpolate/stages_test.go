// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// TestAllProblemsComeAtOnce checks that a file that cannot be parsed, a reference that is not valid and a missing one
// are reported by one call, in the order of the files and positions.
func TestAllProblemsComeAtOnce(t *testing.T) {
	files := []interpolate.File{
		{Name: "1.yaml", Data: []byte("a: [\nb: \"{{ get_secret_value('plain') }}\"\n")},
		{Name: "2.yaml", Data: []byte("a: {{ get_secret_value('none') }}\nb: {{ get_secret_value(plain) }}\n" +
			"c: {{ get_secret_value('plain') }}\nd: {{ get_secret_value('none') }}\n")},
		{Name: "3.yaml", Data: []byte("a: {{ get_secret_value('none') }}\nb: pouncet://-/-/plain and more\n")},
	}
	r := testResolver()
	o := devOptions()
	o.Strict = true
	_, err := interpolate.Render(t.Context(), r, files, o)
	var problems interpolate.Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	want := []string{
		"1.yaml:3:1: the file has references and cannot be parsed as YAML",
		`2.yaml:1:4: {{ get_secret_value('none') }}: secret "none" does not exist`,
		`2.yaml:2:24: {{ get_secret_value(plain) }}: "plain" is neither a call nor in quotes`,
		`2.yaml:4:4: {{ get_secret_value('none') }}: secret "none" does not exist`,
		`3.yaml:1:4: {{ get_secret_value('none') }}: secret "none" does not exist`,
		"3.yaml:2:4: pouncet://-/-/plain and more: a reference without braces must be the whole value",
	}
	if len(problems) != len(want) || r.calls != 1 {
		t.Fatalf("%d problems and %d calls:\n%v", len(problems), r.calls, err)
	}
	for i, p := range problems {
		if !strings.HasPrefix(p.Error(), want[i]) {
			t.Errorf("problem %d is %v, want %s", i, p, want[i])
		}
	}

	// A reference without an environment is a problem like the others.
	o.Environment = ""
	_, err = interpolate.Render(t.Context(), r, files[1:2], o)
	if !errors.As(err, &problems) || len(problems) != 4 || r.calls != 1 {
		t.Errorf("%d calls:\n%v", r.calls, err)
	}
}

// brokenResolver is a Resolver without a backend.
type brokenResolver struct{}

func (*brokenResolver) Resolve(_ context.Context, _ []backend.Ref) ([]backend.Resolution, error) {
	return nil, backend.Errorf(backend.CodeUnavailable, "no connection")
}

// TestProblemsOfFilesNeedNoBackend checks that an error of the backend does not hide problems of a file.
func TestProblemsOfFilesNeedNoBackend(t *testing.T) {
	good := interpolate.File{Name: "1.yaml", Data: []byte("a: {{ get_secret_value('plain') }}\n")}
	bad := interpolate.File{Name: "2.yaml", Data: []byte("a: {{ get_secret_value(plain) }}\n")}
	_, err := interpolate.Render(t.Context(), &brokenResolver{}, []interpolate.File{good, bad}, devOptions())
	if !errors.As(err, new(interpolate.Problems)) || strings.Contains(err.Error(), "no connection") {
		t.Errorf("got %v, want the problem of the file", err)
	}
	_, err = interpolate.Render(t.Context(), &brokenResolver{}, []interpolate.File{good}, devOptions())
	if !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("got %v, want the error of the backend", err)
	}
}

// TestStrictRefusesNoneInText checks that no file silently gets the word None.
func TestStrictRefusesNoneInText(t *testing.T) {
	for _, c := range []struct {
		format  interpolate.Format
		text    string
		refused bool
	}{
		{interpolate.FormatYAML, "a: {{ get_secret_value('none') }}\n", false},
		{interpolate.FormatYAML, "a: x {{ get_secret_value('none') }}\n", true},
		{interpolate.FormatYAML, "a: x {{ get_secret_value('none') | default('y') }}\n", false},
		{interpolate.FormatYAML, "a: |\n  x {{ get_secret_value('none') }}\n", true},
		{interpolate.FormatYAML, "c.json: |\n  {\"a\": \"x {{ get_secret_value('none') }}\"}\n", true},
		{interpolate.FormatJSON, `{"a": "{{ get_secret_value('none') }}"}`, false},
		{interpolate.FormatJSON, `{"a": "x {{ get_secret_value('none') }}"}`, true},
		{interpolate.FormatText, "{{ get_secret_value('none') }}", true},
	} {
		file := []interpolate.File{{Name: "f", Data: []byte(c.text), Format: c.format}}
		o := devOptions()
		o.Missing = interpolate.MissingNull
		if _, err := interpolate.Render(t.Context(), testResolver(), file, o); err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		o.Strict = true
		_, err := interpolate.Render(t.Context(), testResolver(), file, o)
		var problems interpolate.Problems
		refused := errors.As(err, &problems)
		if refused != c.refused || refused && !problems[0].Err.IsMissingReference() {
			t.Errorf("strict: %s: %v", c.text, err)
		}
	}
}

// TestDialectThatOnlySaysTemplate checks that the error names the dialect if no other tool shows in the file.
func TestDialectThatOnlySaysTemplate(t *testing.T) {
	const only = "the dialect jinja means that the file is read as a template next"
	for text, want := range map[string]string{
		"a: \"{{ get_secret_value('s') }}\"\n":                 only,
		"a: \"{{ get_secret_value('s') }}\"\nb: \"{{ x }}\"\n": "expressions of another tool remain in the file",
	} {
		file := interpolate.File{Name: "f.yaml", Data: []byte(text), Dialect: interpolate.DialectJinja}
		_, err := interpolate.Render(t.Context(), everySecret("{{ 1 }}"), []interpolate.File{file}, devOptions())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// TestReferencesInStatements checks that a reference in a statement of another tool is reported, once, and stays.
func TestReferencesInStatements(t *testing.T) {
	for text, want := range map[string]int{
		"{% set x = \"{{ get_secret_value('s') }}\" %}\na: {{ x }}\n":      1,
		"{% set x = get_secret_value('s') %}\na: {{ x }}\n":                1,
		"a: {% if get_value('s') %}b{% endif %}\n":                         1,
		"c.yaml: |\n  {% set x = get_secret_value('s') %}\n  a: CALL\n":    1,
		"{% raw %}{% set x = get_secret_value('s') %}{% endraw %}\n":       0,
		"{% set x = y %}\na: CALL\n":                                       0,
		"{% set x = pouncet_secret %}\n":                                   0,
		"{# {% set x = get_secret_value('s') %} #}\na: \"CALL {{ x }}\"\n": 0,
	} {
		file := interpolate.File{Name: "f.yaml", Data: []byte(withCalls(text))}
		d, err := interpolate.Scan(file)
		if err != nil || len(d.Warnings()) != want {
			t.Errorf("%s: %v, %v, want %d warnings", text, d.Warnings(), err, want)
			continue
		}
		out, err := interpolate.Render(t.Context(), everySecret("v"), []interpolate.File{file}, devOptions())
		if err != nil || want > 0 && !strings.Contains(string(out[0].Data), "{%") {
			t.Errorf("%s: %v, %v", text, out, err)
		}
	}
}

// TestBracesInAString checks that the error names the braces, and that its hint is right.
func TestBracesInAString(t *testing.T) {
	render := func(text string) (string, error) { return renderAs(t, interpolate.FormatYAML, text, "v") }
	_, err := render("a: {{ get_secret_value('s', default='{{ x') }}\n")
	if err == nil || !strings.Contains(err.Error(), `a string in the expression holds "{{"`) {
		t.Error(err)
	}
	if got, err := render(`a: {{ literal_value('{\x7b x') }}` + "\n"); err != nil || got != "a: \"{{ x\"\n" {
		t.Errorf("%q, %v", got, err)
	}
	_, err = render("a: {{ get_secret_value('s') {{ x }}\n")
	if err == nil || !strings.Contains(err.Error(), "no closing braces") {
		t.Error(err)
	}
}

// TestHintForStandardInput checks that the hint for a text that is not YAML names the formats.
func TestHintForStandardInput(t *testing.T) {
	file := interpolate.File{Name: interpolate.StandardInput, Data: []byte(withCalls("[a]\nb = \"CALL\"\n"))}
	_, err := interpolate.Scan(file)
	if err == nil || !strings.Contains(err.Error(), "name its format with --file-format: yaml, json, ") {
		t.Error(err)
	}
}

func TestHoldsReference(t *testing.T) {
	for text, want := range map[string]bool{
		"CALL": true, "{{ pouncet://-/-/s }}": true, "see pouncet://-/-/s": false, "{{ x }} get_secret_value": false,
		"{% raw %}CALL{% endraw %}": false, "{{ upper(CALL": true, "{{ get_secret_value('s')": false, "\x00\xff CALL": true,
	} {
		if got := interpolate.HoldsReference([]byte(withCalls(text))); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
