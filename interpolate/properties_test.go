// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// readProperties reads texts with Java, each one as ISO-8859-1 and as UTF-8.
func readProperties(t *testing.T, texts []string) []map[string]string {
	t.Helper()
	needsReader(t, "Java 17", "install default-jdk-headless", "java", "-version")
	args := []string{"testdata/java/Read.java"}
	for i, text := range texts {
		name := filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	answer, err := exec.CommandContext(t.Context(), "java", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for line := range strings.Lines(string(answer)) {
		read := map[string]string{}
		for _, pair := range strings.Fields(line) {
			key, value, _ := strings.Cut(pair, "=")
			k, _ := hex.DecodeString(key)
			v, _ := hex.DecodeString(value)
			read[string(k)] = string(v)
		}
		out = append(out, read)
	}
	return out
}

// TestReadersOfPropertiesSeeEveryValue writes values at every position of a file, and reads it with Java.
func TestReadersOfPropertiesSeeEveryValue(t *testing.T) {
	const call = "{{ get_secret_value('s') }}"
	const text = "# " + call + "\n! " + call + " \\\nequals=" + call + "\r\n  colon : x" + call + "y" + call +
		"\nblank " + call + "\nspaces \t" + call + " \n" +
		"lines = a\\\r\n   " + call + "\\\n\t b \\\n" + call + "\nuri:pouncet://-/-/s\nescaped=\\" + call +
		"\\ \\u0041\\\\" + call + "\n" +
		"k\\ e\\=y\\\n   z \\\n  = " + call +
		"\nforeign = {{ .Values.x }} \"{{ get_secret_value(\"s\") }}\"\nsay=see pouncet://-/-/s\nempty\nlast=" + call
	var texts, values []string
	for _, value := range trickyValues {
		out, err := renderAs(t, interpolate.FormatProperties, text, value)
		if isRefusedTemplate(t, value, err) {
			continue
		}
		if err != nil {
			t.Fatalf("%.40q: %v", value, err)
		}
		for _, untouched := range []string{"# " + call + "\n! " + call + " \\\nequals=", "\r\n  colon : x",
			"\nlines = a\\\r\n   ", "\\\n\t b \\\n", "k\\ e\\=y\\\n   z \\\n  = ", "\nforeign = {{ .Values.x }} \""} {
			if !strings.Contains(out, untouched) && value != "" {
				t.Errorf("%.40q: %q has changed: %.400s", value, untouched, out)
			}
		}
		texts, values = append(texts, out), append(values, value)
	}
	for i, got := range readProperties(t, texts) {
		v := values[i/2]
		want := map[string]string{"equals": v, "colon": "x" + v + "y" + v, "blank": v, "spaces": v + " ",
			"lines": "a" + v + "b " + v, "uri": v, "escaped": v + " A\\" + v,
			"k e=yz": v, "foreign": `{{ .Values.x }} "` + v + `"`, "say": "see pouncet://-/-/s", "empty": "", "last": v}
		if !maps.Equal(got, want) {
			t.Errorf("%.40q:\nread %.900q\nwant %.900q", v, got, want)
		}
	}
}

func TestPropertiesWriteTypes(t *testing.T) {
	for text, want := range map[string]string{
		"p={{ get_secret_value('s') | int }}":            "p=5432",
		"p: {{ get_secret_value('s') | float }} ":        "p: 5432.0 ",
		"p {{ get_value('n', default='no') | bool }}":    "p false",
		"\ufeffp={{ get_secret_value('s') }}":            "\ufeffp=5432",
		"p=é {{ get_secret_value('s') }}\nq=ü\\u00FC":    "p=é 5432\nq=ü\\u00FC",
		"p={{ get_secret_value('s') }}\np=1\n":           "p=5432\np=1\n",
		"p=${{{ get_secret_value('s') }}}":               "p=${5432}",
		"p={{ get_value('n', default=none) }}":           "have no null",
		"{{ get_secret_value('s') }}=1":                  "a key cannot hold a reference",
		"x{{ get_secret_value('s') }}":                   "a key cannot hold a reference",
		"a=1\np={{ get_secret_value('s') }}\nq=x\\u00G0": "in.yaml:3:",
	} {
		got, err := renderAs(t, interpolate.FormatProperties, text, "5432")
		if err != nil {
			got = err.Error()
		}
		if got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s\nis  %s\nnot %s", text, got, want)
		}
	}
}
