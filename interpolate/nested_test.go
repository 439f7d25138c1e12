// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// nestedShapes are the ways in which a YAML file can hold a file with this name.
var nestedShapes = []func(name, text string) string{
	func(name, text string) string {
		return "data:\n  " + name + ": |\n" + indented(text, 4) + "\n  end: CALL\n"
	},
	func(name, text string) string {
		return "- x: &a # c\n    " + name + ": !!str |+ # c\n" + indented(text, 6) + "\n\n    z: 1\n- *a\n"
	},
	func(name, text string) string {
		return "{data: {" + strconv.Quote(name) + ": " + strconv.Quote(text) + "}}"
	},
	func(name, text string) string {
		return "data:\r\n  " + name + ": |2-\r\n" + strings.ReplaceAll(indented(text, 4), "\n", "\r\n")
	},
	func(name, text string) string {
		return "a:\n  o.yaml: |\n    b: CALL\n    " + name + ": |\n" + indented(text, 6) + "\n    c: CALL\n"
	},
	func(name, text string) string {
		return "kind: Secret\ndata:\n  " + name + ": " + base64.StdEncoding.EncodeToString([]byte(text)) + "\n"
	},
}

func indented(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = strings.Repeat(" ", n) + line
		}
	}
	return strings.Join(lines, "\n")
}

// nestedText returns the text under a key anywhere in a YAML file, or in a file in it.
func nestedText(t *testing.T, text, name string) (string, bool) {
	roots, err := parseAll([]byte(text))
	if err != nil {
		return "", false
	}
	var findText func(n *yaml.Node) (string, bool)
	findText = func(n *yaml.Node) (string, bool) {
		for i, c := range n.Content {
			if n.Kind == yaml.MappingNode && i%2 == 1 && c.Kind == yaml.ScalarNode {
				switch n.Content[i-1].Value {
				case name:
					return c.Value, true
				case "o.yaml":
					return nestedText(t, c.Value, name)
				}
			}
			if text, ok := findText(c); ok {
				return text, true
			}
		}
		return "", false
	}
	for _, r := range roots {
		if text, ok := findText(r); ok {
			return text, true
		}
	}
	return "", false
}

// checkNested checks the law of nested files: a reader of the outer file, and then the reader of the format, see the
// file as before, except for the values.
func checkNested(t *testing.T, format interpolate.Format, shape int, text, v string, law formatLaw) {
	name := interpolate.NestedName(format)
	text = strings.TrimRight(text, "\n") + "\n" // a value of one line can be a path
	file := withCalls(nestedShapes[shape](name, withCalls(text)))
	out, err := interpolate.Render(t.Context(), &resolver{secrets: map[string]string{"dev/s": v}},
		[]interpolate.File{{Name: "f.yaml", Data: []byte(file), Dialect: interpolate.DialectKubernetes}},
		interpolate.Options{Project: "p", Environment: "dev"})
	if err != nil {
		var own *backend.Error
		if !errors.As(err, &own) || errors.Is(err, backend.ErrInternal) ||
			strings.Contains(err.Error(), "cannot be located") {
			t.Fatalf("%v in %q with %q", err, file, v)
		}
		return
	}
	if law.supports != nil && !law.supports(file, v) {
		return
	}
	plain := strings.ReplaceAll(withCalls(text), secretCall, placeholder)
	if strings.Contains(text, placeholder) || strings.ContainsAny(plain, "\r{\u0085\u2028\u2029\ufeff") ||
		strings.Contains(text, "pouncet://") || strings.Contains(v, placeholder) {
		return // read cannot distinguish this text from a reference
	}
	before, ok := nestedText(t, nestedShapes[shape](name, plain), name)
	after, afterOK := nestedText(t, string(out[0].Data), name)
	if !ok {
		return
	}
	if !afterOK {
		t.Fatalf("the file is lost:\n%q\n%q", file, out[0].Data)
	}
	if strings.HasPrefix(file, "kind: Secret") {
		before, after = decodeBase64(t, before), decodeBase64(t, after)
	}
	if strings.TrimSpace(before) == placeholder {
		return // one expression is the whole file
	}
	want, err := law.read(before)
	if err != nil {
		return
	}
	got, err := law.read(after)
	if want = fillPlaceholders(want, v); err != nil || !reflect.DeepEqual(want, got) {
		t.Fatalf("%v: the trees differ:\n%q\n%q\nwant %q\nis   %q", err, file, out[0].Data, want, got)
	}
}

func decodeBase64(t *testing.T, text string) string {
	t.Helper()
	out, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestNestedFilesObeyTheirLaws checks the law with every text and every tricky value of every format, each in one
// shape.
func TestNestedFilesObeyTheirLaws(t *testing.T) {
	eachLaw(t, func(t *testing.T, format interpolate.Format, law formatLaw) {
		if interpolate.NestedName(format) == "" {
			return
		}
		for i, text := range append([]string{fmt.Sprintf(law.line, 1) + fmt.Sprintf(law.line, 2)}, law.texts...) {
			for j, value := range trickyValues {
				checkNested(t, format, (i+j)%len(nestedShapes), text, value[:min(len(value), 99)], law)
			}
		}
	})
}

// FuzzNested checks the law of nested files in every shape and format.
func FuzzNested(f *testing.F) {
	for i, format := range interpolate.AllFormats() {
		for j, text := range formatLaws[format].texts {
			f.Add(uint8(i), uint8(j), text, trickyValues[(j*7+10)%len(trickyValues)])
		}
	}
	f.Fuzz(func(t *testing.T, n, shape uint8, text, v string) {
		formats := interpolate.AllFormats()
		format := formats[int(n)%len(formats)]
		if interpolate.NestedName(format) != "" {
			checkNested(t, format, int(shape)%len(nestedShapes), text, v, formatLaws[format])
		}
	})
}

func renderNested(t *testing.T, file interpolate.File, value string, o interpolate.Options) (string, error) {
	t.Helper()
	file.Name = "f.yaml"
	out, err := interpolate.Render(t.Context(), everySecret(value), []interpolate.File{file}, o)
	if err != nil {
		return "", err
	}
	return string(out[0].Data), nil
}

func TestNestedFilesFollowTheirFormat(t *testing.T) {
	for _, c := range []struct{ text, value, want string }{
		{"data:\n  application.yaml: |\n    pin: CALL\n    b: 2\n", "0123",
			"data:\n  application.yaml: |\n    pin: \"0123\"\n    b: 2\n"},
		{"data:\n  application.yaml: |\n    pin: CALL\n    b: 2\n", "# x",
			"data:\n  application.yaml: |\n    pin: \"# x\"\n    b: 2\n"},
		{"data:\n  application.yaml: |\n    pin: CALL\n    b: 2\n", "x\nadmin: true",
			"data:\n  application.yaml: |\n    pin: \"x\\nadmin: true\"\n    b: 2\n"},
		{"config.json: |\n  {\"a\": \"CALL\",\n   \"b\": 1.50}\n", `a"b\c`,
			"config.json: |\n  {\"a\": \"a\\\"b\\\\c\",\n   \"b\": 1.50}\n"},
		{".env: |\n  A=CALL\n\n  # c\n", "x\n\n  y", ".env: |\n  A='x\n\n    y'\n\n  # c\n"},
		{"a.properties: |\n  a=CALL\n", `c:\d`, "a.properties: |\n  a=c:\\\\d\n"},
		{"a.toml: |-\n  a = 'CALL'", "it's", "a.toml: |-\n  a = \"it's\""},
		// A quoted scalar is a file if it has several lines or brackets.
		{`config.json: '{"a": "CALL"}'`, `"`, `config.json: "{\"a\": \"\\\"\"}"`},
		{`a.yaml: "a: CALL\n"`, "0123", `a.yaml: "a: \"0123\"\n"`},
		{`a.yaml: "p: CALL"`, "x\nadmin: true", `a.yaml: "p: \"x\\nadmin: true\""`},
		{`a.yaml: /etc/CALL/a.yaml`, "0123", `a.yaml: "/etc/0123/a.yaml"`},
		// One expression is the whole file.
		{"config.json: |\n  CALL\n", `{"a": 1}`, "config.json: |\n  {\"a\": 1}\n"},
		{"config.json: CALL\n", `{"a": 1}`, "config.json: \"{\\\"a\\\": 1}\"\n"},
		// What is no reference for the inner format stays.
		{"a.yaml: |\n  # CALL\n  a: pouncet://-/-/s\n  b: {{ x }}\n", "v", "a.yaml: |\n  # CALL\n  a: \"v\"\n  b: {{ x }}\n"},
		{"a.yaml: |\n  {% raw %}\n  a: CALL\n  {% endraw %}\n  b: CALL\n", "v",
			"a.yaml: |\n  {% raw %}\n  a: CALL\n  {% endraw %}\n  b: \"v\"\n"},
		// A character that no block can hold turns the block into a string.
		{".env: |\n  A=CALL\n", "\x01", ".env: \"A='\\u0001'\\n\"\n"},
		{"run: |\n  echo 'CALL'\n  exit\nnotes.txt: |\n  a=CALL\n  b=2\n", "#",
			"run: |\n  echo '#'\n  exit\nnotes.txt: |\n  a=#\n  b=2\n"},
	} {
		if got, err := renderNested(t, interpolate.File{Data: []byte(withCalls(c.text))}, c.value,
			devOptions()); err != nil || got != withCalls(c.want) {
			t.Errorf("%q with %q:\nis   %q (%v)\nwant %q", c.text, c.value, got, err, c.want)
		}
	}
}

func TestNestedFilesReportTheirProblems(t *testing.T) {
	for _, c := range []struct{ text, value, want string }{
		{"a: 1\nconfig.json: |\n  {\"a\": \"CALL\",\n   b}\n", "v",
			`f.yaml:4:4: the value of "config.json" has references and cannot be parsed as JSON`},
		{"a.yaml: |\n  a: 1\n  b: [CALL\n", "v",
			`f.yaml:4:1: the value of "a.yaml" has references and cannot be parsed as YAML`},
		{".env: |\n  A=1\n  B=CALL\n", "'\"", "f.yaml:3:5: {{ get_secret_value('s') }}: the value has characters that"},
		{"o.yaml: |\n  a: é\n  i.yaml: |\n    é: \"é CALL\"\n    {{ get_value( }}: 1\n", "v",
			"f.yaml:5:19: {{ get_value( }}: expected a call"},
		{"a.yaml: |\n  b.yaml: |\n    c.yaml: |\n      a: CALL\n", "v",
			`f.yaml:4:7: the value of "c.yaml" is a file in more than 2 other files`},
		{"a.yaml: |\n  {{ x }}\n  b: \"CALL\"\n", "{{ y }}",
			"f.yaml:3:7: {{ get_secret_value('s') }}: expressions of another tool"},
		{"z: {{ x }}\na.json: |\n  [\"CALL\"]\n", "{{ y }}",
			"f.yaml:3:5: {{ get_secret_value('s') }}: expressions of another tool remain in the file"},
		{"a.yaml: |\n  CALL: 1\n", "v", "f.yaml:2:3: {{ get_secret_value('s') }}: a key cannot hold a reference"},
	} {
		_, err := renderNested(t, interpolate.File{Data: []byte(withCalls(c.text))}, c.value, devOptions())
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%q with %q:\nis   %v\nwant %s", c.text, c.value, err, c.want)
		}
	}
}

func TestNestedOffFillsInText(t *testing.T) {
	const text, want = "application.yaml: |\n  pin: CALL\n  b: {{\n", "application.yaml: |\n  pin: 0123\n  b: {{\n"
	file := interpolate.File{Data: []byte(withCalls(text)), Nested: interpolate.NestedOff}
	o := devOptions()
	o.Strict = true
	if got, err := renderNested(t, file, "0123", o); err != nil || got != want {
		t.Errorf("is %q (%v), want %q", got, err, want)
	}
}

func TestTextsThatLookLikeFiles(t *testing.T) {
	const extension = "is not the extension of a known format"
	for _, c := range []struct{ text, want string }{
		{"x:\n  nginx.conf: |\n    a CALL;\n    b;\n", `f.yaml:2:15: the value looks like a file and is filled in as text, ` +
			`because ".conf" ` + extension},
		{"init.sql: |\n  select 'CALL';\n  x\n", extension},
		{".netrc: |\n  machine x\n  password CALL\n", extension},
		{"config: |\n  a: CALL\n  b: 2\n", "the key is not a file name"},
		{"config: |\n  {\"a\": \"CALL\",\n  \"b\": 2}\n", "the key is not a file name"},
		{"config: |\n  [a]\n  b = CALL\n", "the key is not a file name"},
		{"- |\n  {{- if x }}\n  b: CALL\n  {{- end }}\n", "the key is not a file name"},
		{"content: |\n  {\"p\": \"CALL\"}\n", "the key is not a file name"},
		{"content: '{\"p\": CALL, \"q\": \"{{ x }}\"}'\n", "the key is not a file name"},
		{"content: |\n  <r a=\"CALL\"/>\n", "the key is not a file name"},
		{"content: |\n  <?xml version=\"1.0\" encoding=\"latin1\"?>\n  <r>CALL</r>\n", "the key is not a file name"},
		{"content: |\n  p: CALL\n", "the key is not a file name"},
		{"content: |\n  - p: CALL\n  - q: 1\n", "the key is not a file name"},
		{"content: |\n  - CALL\n  - a\n", "the key is not a file name"},
		{"app.yaml.gotmpl: \"p: CALL\"\n", `".gotmpl" ` + extension},
		{"nginx.conf: |\n  password CALL\n", `".conf" ` + extension},
		{"app.conf: |\n  a = CALL\n", `".conf" ` + extension},
		{"config.hocon: |\n  a = CALL\n", `".hocon" ` + extension},
		{"query.sql: >-\n  select 'CALL'\n", `".sql" ` + extension},
		{"web.config: |\n  <a>CALL</a>\n", `".config" ` + extension},
		{"Caddyfile: |\n  x {\n    y CALL\n  }\n", `"Caddyfile" is not the name of a file in a known format`},
		{"Corefile: |\n  x CALL\n", `"Corefile" is not the name of a file in a known format`},
		{"main.tf.json: |\n  {\"a\": \"CALL\"}\n", "Terraform evaluates the strings in such a file"},
		{"main.tf: |\n  a = \"CALL\"\n", "Terraform evaluates the strings in such a file"},
		{"profile: |\n  x {\n    y CALL\n  }\nFile: |\n  x CALL y\nkey.pem: |\n  CALL\n", ""},
		{"content: |\n  - first CALL\n  - second\n", ""},
		{"header: \"X-Token: CALL\"\nmail: <a@CALL>\npath.url: \"a: CALL\"\nhost: \"[CALL]\"\n", ""},
		{"run: |\n  TOKEN=CALL\n", ""},
		{"run: |\n  # CALL\n  # x\n", ""},
		// Scripts, queries, prose, keys and certificates are text. So are lines of their own.
		{"run: |\n  set -e\n  export A='CALL'\n  curl -H \"X: $A\" x\n", ""},
		{"script:\n  - |\n    TOKEN=CALL\n    deploy --token=$TOKEN\n", ""},
		{"sql: |\n  select *\n  from t where a = 'CALL'\n", ""},
		{"description: |\n  The password is: CALL.\n  Change it.\n", ""},
		{"tls.crt: |\n  CALL\n", ""},
		{"datasource.password: |\n  a CALL\n", ""},
		{"notes.txt: |\n  a: CALL\n  b: 2\n", ""},
		{"config: |\n  a: {{ x }}\n  b: 2\nc: CALL\n", ""},
	} {
		doc, err := interpolate.Scan(interpolate.File{Name: "f.yaml", Data: []byte(withCalls(c.text))})
		if err != nil {
			t.Fatal(err)
		}
		got := interpolate.Problems(doc.Unclear()).Error()
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%q: is %q, want %q", c.text, got, c.want)
		}
		o := devOptions()
		if _, err := renderNested(t, interpolate.File{Data: []byte(withCalls(c.text))}, "v", o); err != nil {
			t.Errorf("%q: %v", c.text, err)
		}
		o.Strict = true
		_, err = renderNested(t, interpolate.File{Data: []byte(withCalls(c.text))}, "v", o)
		if (err == nil) != (c.want == "") {
			t.Errorf("%q: strict: %v", c.text, err)
		}
	}
}

func TestKubernetesSecrets(t *testing.T) {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(withCalls(s))) }
	text := "apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n  stringData:\n    a: CALL\n  data:\n    a: " +
		encode("CALL") + "\n    b.json: '" + encode(`{"a": "CALL"}`) + "'\n    c: " + encode("none") + "\n    d: |\n      " +
		encode("a CALL b") + "\n- kind: ConfigMap\n  data: {a: " + encode("CALL") + "}\n"
	quote := func(s string) string { return `"` + encode(s) + `"` }
	want := "apiVersion: v1\nkind: List\nitems:\n- kind: Secret\n  stringData:\n    a: \"x\\\"\\n\"\n  data:\n    a: " +
		quote("x\"\n") + "\n    b.json: " + quote(`{"a": "x\"\n"}`) + "\n    c: " + encode("none") + "\n    d: " +
		quote("a x\"\n b") + "\n- kind: ConfigMap\n  data: {a: " + encode("CALL") + "}\n"
	file := interpolate.File{Data: []byte(withCalls(text)), Dialect: interpolate.DialectKubernetes}
	got, err := renderNested(t, file, "x\"\n", devOptions())
	if err != nil || got != want {
		t.Errorf("is %s (%v)\nwant %s", got, err, want)
	}

	// Without the dialect, it is reported and stays.
	file.Dialect = interpolate.DialectNone
	o := devOptions()
	var warnings []string
	o.Warn = func(p interpolate.Problem) { warnings = append(warnings, p.Error()) }
	got, err = renderNested(t, file, "v", o)
	if err != nil || !strings.Contains(got, "b.json: '"+encode(`{"a": "CALL"}`)) || len(warnings) != 3 ||
		!strings.HasPrefix(warnings[0], `f.yaml:8:8: the value of "a" is base64 of a text with references`) {
		t.Errorf("%v in %s: %q", err, got, warnings)
	}
	o.Strict = true
	if _, err := renderNested(t, file, "v", o); err == nil {
		t.Error("a strict render leaves the references in base64")
	}

	// Bytes that are not text are no problem without a reference.
	for encoded, valid := range map[string]bool{encode("\xff\x00{{ x }}"): true, encode("\xff CALL"): false} {
		file := interpolate.File{Data: []byte("kind: Secret\ndata:\n  a: " + encoded), Dialect: interpolate.DialectKubernetes}
		if got, err := renderNested(t, file, "v", devOptions()); (err == nil) != valid || valid && got != string(file.Data) {
			t.Errorf("%s becomes %q (%v)", encoded, got, err)
		}
	}

	// A problem in base64 is a problem of the file, even if nothing else in it is a reference.
	broken := "kind: Secret\ndata:\n  a.json: " + encode(`{"a": CALL`) + "\n"
	file = interpolate.File{Data: []byte(broken), Dialect: interpolate.DialectKubernetes}
	if _, err := renderNested(t, file, "v", devOptions()); err == nil ||
		!strings.HasPrefix(err.Error(), `f.yaml:3:11: the value of "a.json" has references and cannot be parsed as JSON`) {
		t.Error(err)
	}
}

// TestNestedFilesResolveOnce fills in references on every level with one call of Resolve.
func TestNestedFilesResolveOnce(t *testing.T) {
	text := "a: {{ get_secret_value('a') }}\nb.yaml: |\n  b: {{ get_secret_value('b') }}\n" +
		"  c.env: |\n    C={{ get_value('c') }}\n"
	r := &resolver{secrets: map[string]string{"dev/a": "1", "dev/b": "2", "dev/c": "3"}}
	file := interpolate.File{Name: "f.yaml", Data: []byte(text)}
	out, err := interpolate.Render(t.Context(), r, []interpolate.File{file}, devOptions())
	if want := "a: \"1\"\nb.yaml: |\n  b: \"2\"\n  c.env: |\n    C=3\n"; err != nil || r.calls != 1 ||
		string(out[0].Data) != want {
		t.Errorf("%d calls, %v: %s", r.calls, err, out[0].Data)
	}
	doc, err := interpolate.Scan(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range doc.References() {
		got = append(got, r.Pos.String()+" "+r.Expression)
	}
	want := []string{"f.yaml:1:4 {{ get_secret_value('a') }}", "f.yaml:3:6 {{ get_secret_value('b') }}",
		"f.yaml:5:7 {{ get_value('c') }}"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("is %q, want %q", got, want)
	}
}

// TestReferencesThatKubernetesDecodes checks that a reference where a Secret has base64 is filled in and reported,
// unless a filter encodes it.
func TestReferencesThatKubernetesDecodes(t *testing.T) {
	text := "kind: Secret\nstringData:\n  a: CALL\ndata:\n  b: CALL\n  c: \"x CALL\"\n  d: pouncet://-/-/s\n" +
		"  e: {{ get_secret_value('s') | b64encode }}\n  f.yaml: |\n    g: {{ get_secret_value('s') | b64encode }}\n"
	file := interpolate.File{Name: "f.yaml", Data: []byte(withCalls(text))}
	d, err := interpolate.Scan(file)
	if err != nil {
		t.Fatal(err)
	}
	var at []int
	for _, p := range d.Unencoded() {
		at = append(at, p.Pos.Line)
	}
	if !slices.Equal(at, []int{5, 6, 7, 10}) {
		t.Errorf("lines %v are reported", at)
	}
	o, warnings := devOptions(), 0
	o.Warn = func(interpolate.Problem) { warnings++ }
	out, err := interpolate.Render(t.Context(), everySecret("v"), []interpolate.File{file}, o)
	if err != nil || warnings != 4 || !strings.Contains(string(out[0].Data), `d: "v"`) {
		t.Errorf("%v, %d warnings\n%+v", err, warnings, out)
	}
	o.Strict = true
	if _, err := interpolate.Render(t.Context(), everySecret("v"), []interpolate.File{file}, o); err == nil {
		t.Error("a strict render accepts it")
	}
	for _, other := range []string{"kind: ConfigMap\ndata:\n  a: CALL\n", "kind: Secret\nspec:\n  data:\n    a: CALL\n"} {
		d, err := interpolate.Scan(interpolate.File{Name: "f.yaml", Data: []byte(withCalls(other))})
		if err != nil || len(d.Unencoded()) != 0 {
			t.Errorf("%s: %v, %v", other, d.Unencoded(), err)
		}
	}
}
