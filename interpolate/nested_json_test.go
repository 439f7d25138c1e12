// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// TestNestedFilesInJSON checks that a string of JSON whose key is a file name is filled in by the rules of that file,
// and that the text around the values keeps its bytes.
func TestNestedFilesInJSON(t *testing.T) {
	for _, c := range []struct{ text, value, want string }{
		{`{"data": {"app.yaml": "p: CALL"}}`, "x\nadmin: true", `{"data": {"app.yaml": "p: \"x\\nadmin: true\""}}`},
		{`{"app.yaml": "\u0061: 1\n\tb\/é😀\ud83d\ude00: CALL\n"}`, "v", ""}, // a tab cannot indent
		{`{"app.yaml": "\u0061: 1\nb\/é\ud83d\ude00: CALL # \"\n"}`, "0123",
			`{"app.yaml": "\u0061: 1\nb\/é\ud83d\ude00: \"0123\" # \"\n"}`},
		{`{"a.json": "{\"p\": \"{{ get_secret_value(\\\"s\\\") }}\", \"q\": {{ x }}}"}`, `"`,
			`{"a.json": "{\"p\": \"\\\"\", \"q\": {{ x }}}"}`},
		{`{"app.env": "A=CALL\n"}`, "a b", `{"app.env": "A='a b'\n"}`},
		{`{"app.yaml": "b: pouncet://-/-/s\nc: 1", "x": "b: pouncet://-/-/s\nc: 1"}`, "v",
			`{"app.yaml": "b: \"v\"\nc: 1", "x": "b: pouncet://-/-/s\nc: 1"}`},
		{`{"o.yaml": "i.json: |\n  {\"a\": \"CALL\"}\n"}`, `"`, `{"o.yaml": "i.json: |\n  {\"a\": \"\\\"\"}\n"}`},
		{`{"app.yaml": "/etc/CALL/app.yaml", "b.json": "CALL", "c.yaml": "#CALL"}`, `"`,
			`{"app.yaml": "/etc/\"/app.yaml", "b.json": "\"", "c.yaml": "#\""}`},
	} {
		for _, name := range []string{"f.json", "f.jsonc"} {
			f := interpolate.File{Name: name, Data: []byte(withCalls(c.text))}
			got, err := renderDialect(t, f, everySecret(c.value), interpolate.MissingError)
			if (err == nil) != (c.want != "") || got != c.want {
				t.Errorf("%s %q with %q:\nis   %s (%v)\nwant %s", name, c.text, c.value, got, err, c.want)
			}
			f.Nested = interpolate.NestedOff
			if got, err := renderDialect(t, f, everySecret(c.value), interpolate.MissingError); err == nil &&
				!json.Valid([]byte(strings.ReplaceAll(got, "{{ x }}", "1"))) {
				t.Errorf("%s %q without nested files: %s", name, c.text, got)
			}
		}
	}
	// The position is the position of the expression.
	text := "{\n  \"a.yaml\": \"\\u0061: \\\"1\\\"\\nb: {{ get_value( }}\"}"
	f := interpolate.File{Name: "f.json", Data: []byte(text)}
	if _, err := interpolate.Scan(f); err == nil || !strings.HasPrefix(err.Error(), "f.json:2:46: ") {
		t.Errorf("got %v", err)
	}
}

// TestKubernetesSecretsInJSON checks base64 in a Secret that is JSON, even if the kind comes last.
func TestKubernetesSecretsInJSON(t *testing.T) {
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(withCalls(s))) }
	text := `{"items": [{"data": {"a": "` + encode("CALL") + `", "b": "CALL", "c": "` + encode("none") + `", "d.yaml": "` +
		encode("x: CALL") + `"}, "kind": "Secret"}, {"kind": "ConfigMap", "data": {"a": "` + encode("CALL") + `"}}]}`
	f := interpolate.File{Name: "f.json", Data: []byte(withCalls(text)), Dialect: interpolate.DialectKubernetes}
	want := `{"items": [{"data": {"a": "` + encode("0123") + `", "b": "0123", "c": "` + encode("none") + `", "d.yaml": "` +
		encode(`x: "0123"`) + `"}, "kind": "Secret"}, {"kind": "ConfigMap", "data": {"a": "` + encode("CALL") + `"}}]}`
	if got, err := renderDialect(t, f, everySecret("0123"), interpolate.MissingError); err != nil || got != want {
		t.Errorf("is %s (%v)\nwant %s", got, err, want)
	}
	f.Dialect = interpolate.DialectNone
	d, err := interpolate.Scan(f)
	if err != nil || len(d.Unclear()) != 2 || len(d.Unencoded()) != 1 || len(d.References()) != 1 {
		t.Errorf("%v: %v, %v, %v", err, d.Unclear(), d.Unencoded(), d.References())
	}
	encoded := `{"kind": "Secret", "data": {"a": "` + encode("CALL") + `"}}`
	d, err = interpolate.Scan(interpolate.File{Name: "f.json", Data: []byte(encoded)})
	if err != nil || len(d.Unclear()) != 1 || d.Unclear()[0].Pos.Column != 35 {
		t.Errorf("without another reference: %v, %v", err, d.Unclear())
	}
}
