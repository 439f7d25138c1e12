// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

func TestScanListsReferences(t *testing.T) {
	d, err := interpolate.Scan(
		interpolate.File{Name: "f.yaml", Data: []byte("\ufeff# {{ get_secret_value('comment') }}\r\n" +
			"é: [é, \"{{ get_secret_value('a', env='prod').b[0] }}\"]\r\n" +
			"b: {{ get_value('v', default='x') }}-{{ env_var('E') | default('y') }}\r" +
			"c: pouncet://p/-/pipeline/load/n#f?version=7\n" +
			"d: |\n  text\n  {{ json_value(mage_secret_var('m', scope='app/x'), 'q') | default(get_value('w')) }}\n")})
	if err != nil {
		t.Fatal(err)
	}
	at := func(line, column int) interpolate.Position {
		return interpolate.Position{File: "f.yaml", Line: line, Column: column}
	}
	last := "{{ json_value(mage_secret_var('m', scope='app/x'), 'q') | default(get_value('w')) }}"
	ref := func(line, column int, expression, call string, target expr.Target, hasDefault bool) interpolate.Reference {
		return interpolate.Reference{Pos: at(line, column), Expression: expression,
			Reference: expr.Reference{Call: call, Target: target, HasDefault: hasDefault}}
	}
	want := []interpolate.Reference{
		ref(2, 9, "{{ get_secret_value('a', env='prod').b[0] }}", "get_secret_value",
			expr.Target{Kind: backend.KindSecret, Environment: "prod", Name: "a", Field: "b[0]"}, false),
		ref(3, 4, "{{ get_value('v', default='x') }}", "get_value",
			expr.Target{Kind: backend.KindScopedValue, Name: "v"}, true),
		ref(3, 38, "{{ env_var('E') | default('y') }}", "env_var", expr.Target{Name: "E"}, true),
		ref(4, 4, "pouncet://p/-/pipeline/load/n#f?version=7", "pouncet",
			expr.Target{Kind: backend.KindSecret, Project: "p", Scope: "pipeline/load", Name: "n", Field: "f",
				Version: "7"}, false),
		ref(7, 3, last, "mage_secret_var",
			expr.Target{Kind: backend.KindSecret, Scope: "app/x", Name: "m", Field: "q"}, true),
		ref(7, 3, last, "get_value", expr.Target{Kind: backend.KindScopedValue, Name: "w"}, false),
	}
	want[4].IsPath = true
	got := d.References()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("reference %d:\ngot  %+v\nwant %+v", i, got, want)
		}
	}
}

// TestProblemTexts checks the complete text of the problems.
func TestProblemTexts(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"key", "{{ get_secret_value('plain') }}: 1\n",
			"1:1: {{ get_secret_value('plain') }}: a key cannot hold a reference; use references in values only"},
		{"key in flow", "a: {\"x{{ get_value('limit') }}\": 1}\n",
			"1:7: {{ get_value('limit') }}: a key cannot hold a reference; use references in values only"},
		{"complex key", "? [a, {b: \"{{ get_value('limit') }}\"}]\n: 1\n",
			"1:12: {{ get_value('limit') }}: a key cannot hold a reference; use references in values only"},
		{"uri key", "pouncet://-/-/plain: 1\n",
			"1:1: pouncet://-/-/plain: a key cannot hold a reference; use references in values only"},
		{"alias key", "a: &x {{ get_secret_value('plain') }}\n*x : 1\n",
			"2:1: a key is an alias of a value with a reference; use references in values only"},
		{"trim marks", "a: {{- get_secret_value('plain') x -}}\n",
			`1:34: {{- get_secret_value('plain') x -}}: expected the end of the expression, got "x"; write a call, ` +
				`then fields, then filters: get_secret_value('name').field | urlencode`},
		{"github", "a: ${{ get_secret_value('plain') }}\n",
			`1:5: ${{ get_secret_value('plain') }}: "${{" begins an expression of GitHub Actions, which has no such ` +
				`call; remove the "$"; if it belongs to the text, write {{ literal_value('$') }} instead of it`},
		{"unclosed", "a: \"{{ get_secret_value('plain') }\"\nb: 1\n",
			"1:5: {{: the expression has no closing braces in the same value; add \"}}\" within 4096 bytes"},
		{"across values", "a: {{ get_value('limit')\nb: x }}\n",
			"1:4: {{: the expression has no closing braces in the same value; add \"}}\" within 4096 bytes"},
		{"across a block", "a: |\n  {{ get_value('limit')\nb: x}}\n",
			"2:3: {{: the expression has no closing braces in the same value; add \"}}\" within 4096 bytes"},
		{"unknown filter", "a: \"é{{ get_secret_value('plain') | b64enc }}\"\n",
			`1:37: {{ get_secret_value('plain') | b64enc }}: "b64enc" is not a valid filter; use one of b64decode, ` +
				`b64encode, bool, default, float, int, json, trim, urlencode`},
		{"near filter", "a: {{ get_secret_value('plain') | trimm }}\n",
			`1:35: {{ get_secret_value('plain') | trimm }}: "trimm" is not a valid filter; did you mean trim?`},
		{"wrapped", "a: {{ upper(get_secret_value('plain')) }}\n",
			`1:7: {{ upper(get_secret_value('plain')) }}: "upper" is not a valid call; use one of get_secret_value, ` +
				`mage_secret_var, get_value, env_var, json_value, literal_value`},
		{"keyword", "a: {{ get_secret_value('plain', environment='dev') }}\n",
			`1:33: {{ get_secret_value('plain', environment='dev') }}: get_secret_value has no argument ` +
				`environment=; did you mean env=?`},
		{"any environment", "a: {{ get_secret_value('plain', env='*') }}\n",
			`1:33: {{ get_secret_value('plain', env='*') }}: environment name "*" is not valid; use 1 to 256 ` +
				`letters, digits, "_" and "-", not beginning with "-"`},
		{"name", "a: {{ get_secret_value('') }}\n", "1:24: {{ get_secret_value('') }}: Secret key is required"},
		{"not literal", "a: {{ get_secret_value(get_value('limit')) }}\n",
			"1:24: {{ get_secret_value(get_value('limit')) }}: the name must be a string in quotes; write it in " +
				"quotes, so that the file shows what it refers to"},
		{"version of value", "a: {{ get_value('limit', version=2) }}\n",
			"1:26: {{ get_value('limit', version=2) }}: a scoped value has no versions; remove version="},
		{"bad uri", "a: pouncet://-/plain\n",
			"1:4: pouncet://-/plain: the URI has 2 parts; it needs a project, an environment and a name; write " +
				"pouncet://project/environment/name, with - for the current project or environment"},
		{"own variables", "a: {{ env_var('pouncet_token') }}\n",
			`1:15: {{ env_var('pouncet_token') }}: env_var cannot read "pouncet_token": the prefix POUNCET_ is ` +
				`reserved for settings of Pouncet; use a variable with another name`},
		{"not yaml", "a: {{ get_value('limit') }}\n b: [\n",
			"2:3: the file has references and cannot be parsed as YAML: mapping values are not allowed in this " +
				"context; correct the file; if another tool fills it in later, use --file-format template"},
		{"control", "a: {{ get_value('limit') }}\nb: \x01\n",
			"2:4: the file has references and a control character that YAML does not allow; write the character as " +
				"an escape in double quotes, such as \"\\x00\""},
		{"latin 1", "a: {{ get_value('limit') }}\nb: \xe9\n",
			"2:4: the text has references and is not valid UTF-8; convert it to UTF-8"},
		{"utf-16", "\xff\xfea\x00:\x00 \x00{\x00{\x00",
			"1:1: the file is UTF-16, which is not supported; save the file as UTF-8"},
		{"byte order mark", "\ufeffé: {{ get_value('') }}\n",
			"1:17: {{ get_value('') }}: scoped value name is required"},
		{"unindented block", "--- |\n{{ get_value('limit') }}\n...\n",
			"1:5: the value with the reference cannot be located; write it on one line, in double quotes"},
		{"several", "a: {{ get_value(1) }}\nb: {{ get_value('') }}\n",
			"1:17: {{ get_value(1) }}: the name must be a string in quotes; write it in quotes, so that the file " +
				"shows what it refers to\nin.yaml:2:17: {{ get_value('') }}: scoped value name is required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := interpolate.File{Name: "in.yaml", Data: []byte(c.text)}
			_, err := interpolate.Render(t.Context(), testResolver(), []interpolate.File{file}, devOptions())
			if err == nil || err.Error() != "in.yaml:"+c.want {
				t.Errorf("got:\n%v\nwant:\nin.yaml:%s", err, c.want)
			}
		})
	}
}

// TestErrorsKeepTheirCode checks that a caller can branch on the code of an error, and that defaults and
// Options.Missing apply only to missing entries.
func TestErrorsKeepTheirCode(t *testing.T) {
	hard := map[string]*backend.Error{
		"corrupt":     backend.Errorf(backend.CodeCorrupt, "does not open"),
		"denied":      backend.Errorf(backend.CodeDenied, "may not"),
		"unavailable": backend.Errorf(backend.CodeUnavailable, "out of reach"),
		"environment": backend.Errorf(backend.CodeNotFound, "environment does not exist").At("environment"),
	}
	for name, want := range hard {
		for _, mode := range []interpolate.Missing{interpolate.MissingError, interpolate.MissingNull,
			interpolate.MissingKeep} {
			r := &resolver{errs: map[string]*backend.Error{"dev/s": want}}
			o := devOptions()
			o.Missing = mode
			_, err := interpolate.Render(t.Context(), r,
				[]interpolate.File{
					{Name: "f.yaml", Data: []byte("a: {{ get_secret_value('s', default='d') | default('d') }}")}}, o)
			if !errors.Is(err, &backend.Error{Code: want.Code}) {
				t.Errorf("%s, mode %d: got %v", name, mode, err)
			}
		}
	}
	_, err := render(t, "a: {{ get_secret_value('plain') | int }}\nb: {{ get_secret_value('absent') }}\n", devOptions())
	if !errors.Is(err, backend.ErrNotFound) || !errors.Is(err, backend.ErrInvalid) ||
		errors.Is(err, backend.ErrDenied) {
		t.Errorf("got %v", err)
	}
	if len(problems(t, err)) != 2 {
		t.Errorf("got %d problems, want 2", len(problems(t, err)))
	}
}

func TestOptionsCompleteReferences(t *testing.T) {
	o := devOptions()
	o.LookupEnv = nil
	if _, err := render(t, "a: {{ env_var('HOME_REGION', 'd') }}", o); !errors.Is(err, backend.ErrDenied) {
		t.Errorf("env_var that is disabled: got %v", err)
	}
	o = devOptions()
	o.Environment = ""
	if _, err := render(t, "a: {{ get_secret_value('plain') }}", o); err == nil ||
		!strings.Contains(err.Error(), "an environment is required") {
		t.Errorf("no environment: got %v", err)
	}
	if got, err := render(t, "a: {{ get_secret_value('plain', env='prod') }}", o); err != nil ||
		got != "a: \"prod-s3cr3t\"" {
		t.Errorf("an environment in the reference: got %q, %v", got, err)
	}
	o.Environment, o.Project = "dev", ""
	if _, err := render(t, "a: {{ get_secret_value('plain') }}", o); err == nil ||
		!strings.Contains(err.Error(), "a project is required") {
		t.Errorf("no project: got %v", err)
	}
}

// TestAllFilesShareOneResolve checks that Render calls Resolve once, with distinct references.
func TestAllFilesShareOneResolve(t *testing.T) {
	r := testResolver()
	files := []interpolate.File{
		{Name: "a.yaml",
			Data: []byte("a: {{ get_secret_value('plain') }}\nb: {{ mage_secret_var('plain') }}\n" +
				"c: pouncet://shop/dev/plain\n")},
		{Name: "b.yaml", Data: []byte("nothing: here\n")},
		{Name: "c.yaml",
			Data: []byte(
				"a: {{ get_secret_value('plain', env='prod') }}\nb: {{ get_secret_value('db').user }} {{ " +
					"get_secret_value('db', field='user') }}\n")},
	}
	o := devOptions()
	o.Scope = "pipeline/load"
	out, err := interpolate.Render(t.Context(), r, files, o)
	if err != nil {
		t.Fatal(err)
	}
	ref := backend.Ref{Kind: backend.KindSecret, Project: "shop", Environment: "dev", Scope: "pipeline/load",
		Name: "plain"}
	prod, user := ref, ref
	prod.Environment = "prod"
	user.Name, user.Field = "db", "user"
	if want := []backend.Ref{ref, prod, user}; r.calls != 1 || !reflect.DeepEqual(r.asked, want) {
		t.Errorf("%d calls for %+v, want one for %+v", r.calls, r.asked, want)
	}
	if len(out) != 3 || out[1].Name != "b.yaml" || string(out[1].Data) != "nothing: here\n" {
		t.Errorf("got %v", out)
	}
	if _, err := interpolate.Render(t.Context(), nil, files[1:2], o); err != nil {
		t.Errorf("without references the resolver is not needed: %v", err)
	}
}

type failingResolver struct{ err error }

func (f failingResolver) Resolve(context.Context, []backend.Ref) ([]backend.Resolution, error) {
	return nil, f.err
}

func TestRenderReturnsErrorsOfTheCall(t *testing.T) {
	file := []interpolate.File{{Name: "f.yaml", Data: []byte("a: {{ get_secret_value('plain') }}")}}
	if _, err := interpolate.Render(t.Context(), failingResolver{backend.ErrUnavailable}, file,
		devOptions()); !errors.Is(err, backend.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := interpolate.Render(t.Context(), failingResolver{}, file, devOptions()); !errors.Is(err,
		backend.ErrInternal) {
		t.Errorf("a resolver that returns too few results: got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := interpolate.Render(ctx, testResolver(), file, devOptions()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	var many strings.Builder
	for i := range backend.MaxRefs + 1 {
		fmt.Fprintf(&many, "- {{ get_secret_value('s%d') }}\n", i)
	}
	if _, err := interpolate.Render(t.Context(), testResolver(),
		[]interpolate.File{{Name: "f.yaml", Data: []byte(many.String())}}, devOptions()); !errors.Is(err,
		backend.ErrTooLarge) {
		t.Errorf("too many references: got %v", err)
	}
}

// TestFilesWithoutReferencesStayUnchanged checks that a file without references does not change, whatever it contains,
// and that Render does not call the resolver.
func TestFilesWithoutReferencesStayUnchanged(t *testing.T) {
	for _, text := range []string{
		"", "\n", "not: [yaml", "\tx: {{ .Values.x }}\n", "a: {{ .x }}\n{{ if }}\n b", "\xff\xfe\x00", "a: \xff{{ x }}",
		"{{", "}}", "{{{{{{", "${{ a }}",
		"a: \"\\x7b{ get_secret_value('x') }}\"\n", "# get_secret_value('x')\n", "get_secret_value: x\n",
		"a: '{{ x.get_value(1) }}'\n",
		strings.Repeat("{", 100_000), strings.Repeat("{{ x }} ", 10_000),
		"a: {{ get_secret_valeu('x') }}\n  b: ]\n", // a misspelled call in a file that is not YAML
	} {
		out, err := interpolate.Render(t.Context(), nil, []interpolate.File{{Data: []byte(text)}},
			interpolate.Options{})
		if err != nil || string(out[0].Data) != text {
			t.Errorf("%.40q: got %v, %v", text, out, err)
		}
	}
	// References in comments and escapes do not count.
	for _, text := range []string{
		"# {{ get_secret_value('x') }}\na: 1 # {{ get_secret_value('y') }} pouncet://-/-/z\n",
		"# {{ get_secret_value('x')\nb: {c: {d: e}}\n# pouncet://-/-/z\n",
		"a: see pouncet://-/-/x\n", "a: |\n  x\n# {{ get_value('v') }}\nb: 1\n",
		"a: '{{ x.get_value(1) }} {{ \"get_value(1)\" }}'\n",
		"a: \"{{ 'get_value(1)'\n  }}\"\n",
	} {
		out, err := interpolate.Render(t.Context(), nil, []interpolate.File{{Data: []byte(text)}}, devOptions())
		if err != nil || string(out[0].Data) != text {
			t.Errorf("%q: got %v, %v", text, out, err)
		}
	}
}

// TestBracesWithSeveralReadings renders files in which braces can have more than one meaning.
func TestBracesWithSeveralReadings(t *testing.T) {
	const call = "{{ get_secret_value('plain') }}"
	for _, c := range []struct{ name, text, want string }{
		{"letters like delimiters", "a: \"Āā\" \nb: ĀāĂ " + call + "\n", "a: \"Āā\" \nb: \"ĀāĂ s3cr3t\"\n"},
		{"escapes like delimiters", "a: \"\\u0100 \\U00000101 \\u0102 " + call + "\"\n",
			"a: \"\\u0100 \\U00000101 \\u0102 s3cr3t\"\n"},
		{"flow mapping of a mapping", "x: {{a: {b: c}}: d}\ny: " + call + "\n", "x: {{a: {b: c}}: d}\ny: \"s3cr3t\"\n"},
		{"control within a value", "a: foo\n  {{- x }}\n  bar " + call + "\n", "a: \"foo {{- x }} bar s3cr3t\"\n"},
		{"control after a value", "a: " + call + "\n  {{- end }}\n", "a: \"s3cr3t\"\n  {{- end }}\n"},
		{"control in a block", "a: |\n  {{- if x }}\n  {{ get_secret_value('newline') }}\n  {{ end }}\n",
			"a: |\n  {{- if x }}\n  one\n  two: three\n\n  {{ end }}\n"},
		{"comment that opens", "m: # {{ get_value('a')\n  v: pouncet://-/-/plain # }}\n",
			"m: # {{ get_value('a')\n  v: \"s3cr3t\" # }}\n"},
		{"comment line that opens", "# {{ get_value('a')\nv: pouncet://-/-/plain # }}\n",
			"# {{ get_value('a')\nv: \"s3cr3t\" # }}\n"},
		{"comment that opens and a key that closes", "# {{ get_value('a')\nv }}: " + call + "\n",
			"# {{ get_value('a')\nv }}: \"s3cr3t\"\n"},
		{"comment that opens before an expression", "m: # {{ get_value('a')\n  v }} " + call + "\n",
			"m: # {{ get_value('a')\n  \"v }} s3cr3t\"\n"},
		{"control within a value and across lines",
			"a: foo\n  {{- x }}\n  bar\nb: {{ get_secret_value(\n  'plain') }}" + "\nc: " + call + "\n",
			"a: foo\n  {{- x }}\n  bar\nb: \"s3cr3t\"\nc: \"s3cr3t\"\n"},
		{"control within a value and a comment that opens",
			"a: foo\n  {{- f \"a: b\" }}\n  bar\nm: # {{ get_value('a')\n  v: pouncet://-/-/plain # }}\n",
			"a: foo\n  {{- f \"a: b\" }}\n  bar\nm: # {{ get_value('a')\n  v: \"s3cr3t\" # }}\n"},
		{"flow mapping of a mapping and a comment that opens",
			"x: {{a: {b: c}}: d}\nm: # {{ get_value('a')\n  v: pouncet://-/-/plain # }}\n",
			"x: {{a: {b: c}}: d}\nm: # {{ get_value('a')\n  v: \"s3cr3t\" # }}\n"},
		{"across lines in a block", "a: |\n  x {{ get_secret_value(\n    'plain') }} y\n", "a: |\n  x s3cr3t y\n"},
		{"across lines in a folded block", "a: >\n  x {{ get_secret_value(\n  'newline') }} y\n",
			"a: \"x one\\ntwo: three\\n y\\n\"\n"},
		{"foreign across lines", "a: |\n  {{ \"get_value(1)\"\n    }} " + call + "\n",
			"a: |\n  {{ \"get_value(1)\"\n    }} s3cr3t\n"},
		{"unindented block", "---\na: 1\n--- |\nx " + call + "\n  y\n", "---\na: 1\n--- \"x s3cr3t\\n  y\\n\"\n"},
		{"three braces", "a: '{\"k\":{{ get_secret_value(''plain'') | json }}}'\nb: {{{ x }}}\n",
			"a: \"{\\\"k\\\":\\\"s3cr3t\\\"}\"\nb: {{{ x }}}\n"},
		{"escaped dollar", "a: \"\\x24" + call + "\"\n", "a: \"\\x24s3cr3t\"\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := render(t, c.text, devOptions())
			if err != nil || got != c.want {
				t.Errorf("got %v\n%s\nwant\n%s", err, got, c.want)
			}
		})
	}
}

// TestEscapesSuitEveryReader checks the escapes themselves, because the parser of this package accepts some
// characters that other parsers reject.
func TestEscapesSuitEveryReader(t *testing.T) {
	const value = "\x00\t\n\r\x1b\"\\/'\x7f\u0080\u0085\u00a0\u00a1\u2027\u2028\u2029\u202a" +
		"\ufeff\ufffd\ufffe\uffff\U0001fffd\U0001ffff\U0010fffe😀"
	const want = `"\u0000\t\n\r\u001B\"\\/'\u007F\u0080\u0085\u00A0` + "\u00a1\u2027" + `\u2028\u2029` + "\u202a" +
		`\uFEFF` + "\ufffd" + `\uFFFE\uFFFF` + "\U0001fffd" + `\U0001FFFF\U0010FFFE` + "😀\"\n"
	for _, text := range []string{"{{ get_secret_value('s') }}\n", "'{{ get_secret_value(''s'') }}'\n",
		"\"{{ get_secret_value('s') }}\"\n"} {
		r := &resolver{secrets: map[string]string{"dev/s": value}}
		out, err := interpolate.Render(t.Context(), r, []interpolate.File{{Name: "f.yaml", Data: []byte(text)}},
			devOptions())
		if err != nil || string(out[0].Data) != want {
			t.Errorf("%s: got %v\n%s\nwant\n%s", text, err, out[0].Data, want)
		}
	}
}

func TestWarnings(t *testing.T) {
	var got []string
	o := devOptions()
	o.Warn = func(p interpolate.Problem) { got = append(got, p.Error()) }
	text := "# {{ get_secret_valeu('comment') }}\n" +
		"a: \"{{ get_secret_valeu('x') }} {{ set.get_values(1) }}\"\n" +
		"b: {{ get_secret_value 'x' }}\n" +
		"c: {{ block_output('x') }}\n" +
		"d: pouncet://-/-/plain and more\n" +
		"e: {{ get_secret_value('plain') }}\n"
	out, err := render(t, text, o)
	if want := strings.Replace(text, "{{ get_secret_value('plain') }}", `"s3cr3t"`, 1); err != nil || out != want {
		t.Errorf("got %s, %v", out, err)
	}
	d, err := interpolate.Scan(interpolate.File{Name: "in.yaml", Data: []byte(text)})
	if err != nil || len(d.Warnings()) != len(got) {
		t.Errorf("Scan warns of %v, %v, and Render of %v", d.Warnings(), err, got)
	}
	want := []string{
		"in.yaml:2:5: {{ get_secret_valeu('x') }}: \"get_secret_valeu\" is not a valid call, so the expression " +
			"stays as it is; did you mean get_secret_value?",
		"in.yaml:3:4: {{ get_secret_value 'x' }}: \"get_secret_value\" is not a valid call, so the expression stays " +
			"as it is; did you mean get_secret_value('name')?",
		"in.yaml:5:4: pouncet://-/-/plain and more: a reference without braces must be the whole value; write {{ }} " +
			"around the reference",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestAliasesAreNotFollowed renders documents whose aliases would fill the memory, or never end, if they were
// followed.
func TestAliasesAreNotFollowed(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [{{ get_secret_value('plain') }}]\n")
	for i := range 60 {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9))
	}
	for _, text := range []string{laughs.String(), "&a [*a, {{ get_secret_value('plain') }}, {x: *a}]\n"} {
		got, err := render(t, text, devOptions())
		if want := strings.Replace(text, "{{ get_secret_value('plain') }}", `"s3cr3t"`, 1); err != nil || got != want {
			t.Errorf("got %.80q, %v", got, err)
		}
	}
}

func TestNestingLimit(t *testing.T) {
	deep := func(n int) string {
		return strings.Repeat("[", n) + "{{ get_secret_value('plain') }}" + strings.Repeat("]", n)
	}
	if _, err := render(t, deep(5_000), devOptions()); err != nil {
		t.Error(err)
	}
	if _, err := render(t, deep(20_000), devOptions()); err == nil ||
		!strings.Contains(err.Error(), "in.yaml:1:10001: the file has references and more than 10000 nested mappings") {
		t.Errorf("got %v", err)
	}
}

func TestFileSizeLimit(t *testing.T) {
	data := append([]byte("a: {{ get_secret_value('plain') }}\n#"), make([]byte, interpolate.MaxFileBytes)...)
	if _, err := interpolate.Scan(interpolate.File{Name: "f.yaml", Data: data}); !errors.Is(err, backend.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}
