// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

const jsoncText = "// a comment: {\"}\n{\"a\": \"CALL\", /* CALL */ \"b\": [\"//x CALL\", CALL, ], // \"\n" +
	" \"c\": \"/*CALL*/\",\n}\n"

func TestNamesOfJSONWithComments(t *testing.T) {
	for name, want := range map[string]interpolate.Format{
		"a.jsonc": interpolate.FormatJSONC, "a.json5": interpolate.FormatJSONC, "x/tsconfig.json": interpolate.FormatJSONC,
		"tsconfig.build.json": interpolate.FormatJSONC, ".vscode/settings.json": interpolate.FormatJSONC,
		`x\.vscode\launch.json`: interpolate.FormatJSONC, ".devcontainer/devcontainer.json": interpolate.FormatJSONC,
		"src/appsettings.json": interpolate.FormatJSONC, "appsettings.Development.json": interpolate.FormatJSONC,
		"Properties/launchSettings.json": interpolate.FormatJSONC, "bundleconfig.json": interpolate.FormatJSONC,
		"appsettings2.json": interpolate.FormatJSON, "my.appsettings.json": interpolate.FormatJSON,
		"vscode/settings.json": interpolate.FormatJSON, "settings.json": interpolate.FormatJSON,
		".vscode/a.yaml": interpolate.FormatYAML,
		"a.ini":          interpolate.FormatINI, "a.cfg": interpolate.FormatByName,
	} {
		if got := interpolate.FormatOf(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestJSONWithCommentsKeepsItsBytes(t *testing.T) {
	for _, v := range trickyValues {
		got, err := renderAs(t, interpolate.FormatJSONC, withCalls(jsoncText), v)
		if err != nil {
			t.Errorf("%q: %v", v, err)
			continue
		}
		if !strings.HasPrefix(got, "// a comment: {\"}\n{\"a\": \"") || !strings.HasSuffix(got, "*/\",\n}\n") ||
			!strings.Contains(got, withCalls("/* CALL */")) || !strings.Contains(got, ", ], // \"\n") {
			t.Errorf("%q: %s", v, got)
		}
	}
	for _, text := range []string{"{'a': \"CALL\"}", "{a: \"CALL\"}", "{\"a\": \"CALL\",,}",
		"[,\"CALL\"]", "{\"a\": \"CALL\"} /*"} {
		if _, err := renderAs(t, interpolate.FormatJSONC, withCalls(text), "v"); err == nil ||
			!strings.Contains(err.Error(), "cannot be parsed as JSON with comments") {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, err := renderAs(t, interpolate.FormatJSON, withCalls("{\"a\": \"CALL\", // c\n}"), "v")
	if err == nil || !strings.Contains(err.Error(), "--file-format jsonc") {
		t.Error(err)
	}
}

// TestReadersOfJSONWithCommentsSeeEveryValue reads the files as JavaScript, which has the same comments and commas.
func TestReadersOfJSONWithCommentsSeeEveryValue(t *testing.T) {
	needsReader(t, "Node.js", "install nodejs", "node", "--version")
	const script = `const lines = require("fs").readFileSync(0, "utf8").trimEnd().split("\n");
console.log(JSON.stringify(lines.map(l => require("vm").runInNewContext("(" + JSON.parse(l) + ")"))))`
	var in strings.Builder
	for _, v := range trickyValues {
		text, err := renderAs(t, interpolate.FormatJSONC, withCalls(jsoncText), v)
		if err != nil {
			t.Fatal(err)
		}
		line, _ := json.Marshal(text)
		in.Write(append(line, '\n'))
	}
	cmd := exec.CommandContext(t.Context(), "node", "-e", script)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	var read []struct {
		A, C string
		B    []string
	}
	if err != nil || json.Unmarshal(out, &read) != nil || len(read) != len(trickyValues) {
		t.Fatalf("%v: %.300s", err, out)
	}
	for i, got := range read {
		v := trickyValues[i]
		if got.A != v || len(got.B) != 2 || got.B[0] != "//x "+v || got.B[1] != v || got.C != "/*"+v+"*/" {
			t.Errorf("%q is read as %q", v, got)
		}
	}
}
