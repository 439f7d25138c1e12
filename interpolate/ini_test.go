// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

const iniText = "; a comment\n" +
	"[db]\npassword = CALL\nurl: postgres://u:CALL@db\r\nflag\n\n[other]\n\ta = 1\n\tb = x CALL y\n"

// plainINIValues are values that all readers of INI files take as they are.
var plainINIValues = []string{
	"plain", "p@ss!word", "0123", "yes", "a b", "a=b", "a: b", "=x", ":x", "[x]", "{x}", "$HOME",
	"ünï", "a,b", "<x>", "^&*()",
}

func TestINIHoldsPlainValuesOnly(t *testing.T) {
	for _, v := range plainINIValues {
		got, err := renderAs(t, interpolate.FormatINI, withCalls(iniText), v)
		if want := strings.ReplaceAll(iniText, "CALL", v); err != nil || got != want {
			t.Errorf("%q: %v\n%q\n%q", v, err, got, want)
		}
	}
	for _, v := range []string{" a", "a ", "a\nb", "a\rb", "%", "a#b", "a;b", `a"b`, "a'b", "a`b", `a\b`,
		"\x00", "\u0085", "\u2028"} {
		_, err := renderAs(t, interpolate.FormatINI, withCalls(iniText), v)
		if err == nil || !strings.Contains(err.Error(), "which readers of INI files do not agree on") {
			t.Errorf("%q: %v", v, err)
		} else if strings.Contains(err.Error(), v) && len(v) > 2 {
			t.Errorf("the error has the value: %v", err)
		}
	}
	if got, err := renderAs(t, interpolate.FormatINI, withCalls("a = CALL\n"), ""); err != nil || got != "a = \n" {
		t.Errorf("empty: %q, %v", got, err)
	}
	if _, err := renderAs(t, interpolate.FormatINI, withCalls("a = x CALL\n"), ""); err == nil {
		t.Error("a blank at the end of a value would be lost")
	}
	for _, text := range []string{"a = 1\n  b = CALL\n", "a = CALL\n  b\n",
		"a = CALL\n# c\n\n  b = 1\n", "a\n b\n c = CALL\n"} {
		_, err := renderAs(t, interpolate.FormatINI, withCalls(text), "v")
		if err == nil || !strings.Contains(err.Error(), "a line with more indentation continues the value") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"[CALL]\n", "CALL = 1\n", "[a] CALL\n"} {
		if _, err := renderAs(t, interpolate.FormatINI, withCalls(text), "v"); err == nil ||
			!strings.Contains(err.Error(), "a key cannot hold a reference") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestReadersOfINISeeEveryValue reads files with Python, with and without its interpolation, and with git.
func TestReadersOfINISeeEveryValue(t *testing.T) {
	needsReader(t, "Python", "install python3", "python3", "-c", "import configparser")
	const script = `import configparser, json, sys
out = []
for line in sys.stdin:
    for parser in (configparser.ConfigParser(allow_no_value=True), configparser.RawConfigParser(allow_no_value=True)):
        parser.read_string(json.loads(line))
        out.append([parser["db"]["password"], parser["db"]["url"], parser["other"]["b"]])
print(json.dumps(out))`
	var in strings.Builder
	for _, v := range plainINIValues {
		text, err := renderAs(t, interpolate.FormatINI, withCalls(iniText), v)
		if err != nil {
			t.Fatal(err)
		}
		line, _ := json.Marshal(text)
		in.Write(append(line, '\n'))
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-c", script)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	var read [][]string
	if err != nil || json.Unmarshal(out, &read) != nil || len(read) != 2*len(plainINIValues) {
		t.Fatalf("%v: %s", err, out)
	}
	for i, got := range read {
		v := plainINIValues[i/2]
		if got[0] != v || got[1] != "postgres://u:"+v+"@db" || got[2] != "x "+v+" y" {
			t.Errorf("%q is read as %q", v, got)
		}
	}
	t.Run("git", func(t *testing.T) {
		for _, v := range plainINIValues {
			text, err := renderAs(t, interpolate.FormatINI, withCalls("[db]\npassword = CALL\n"), v)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), "git", "config", "-f", path, "db.password").Output()
			if err != nil || strings.TrimSuffix(string(out), "\n") != v {
				t.Errorf("%q: git reads %q, %v", v, out, err)
			}
		}
	})
}
