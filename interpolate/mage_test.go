// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// mageResult is a text, and what Mage's own rendering makes of it: Jinja2, and then PyYAML's full loader.
type mageResult struct {
	In, Mage string
	Value    any
}

// mageResults returns the results of Mage, with the secrets and the environment that they need.
func mageResults(t *testing.T) ([]mageResult, *resolver, map[string]string) {
	t.Helper()
	data, err := os.ReadFile("testdata/mage/results.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	var head struct{ Secrets, Env map[string]string }
	if err := json.Unmarshal(lines[0], &head); err != nil {
		t.Fatal(err)
	}
	r := &resolver{secrets: map[string]string{}}
	for name, value := range head.Secrets {
		r.secrets["dev/"+name] = value
	}
	var out []mageResult
	for _, line := range lines[1:] {
		var m mageResult
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out, r, head.Env
}

// TestReadersOfMageResults checks that Jinja and PyYAML give the results that the other test expects of Mage.
func TestReadersOfMageResults(t *testing.T) {
	needsReader(t, "PyYAML and Jinja2", "install python3-yaml and python3-jinja2", "python3", "-c", "import yaml, jinja2")
	results, r, env := mageResults(t)
	in := struct {
		Secrets map[string]string `json:"secrets"`
		Env     map[string]string `json:"env"`
		Texts   []string          `json:"texts"`
	}{map[string]string{}, env, nil}
	for name, value := range r.secrets {
		in.Secrets[strings.TrimPrefix(name, "dev/")] = value
	}
	for _, m := range results {
		in.Texts = append(in.Texts, m.In)
	}
	data, _ := json.Marshal(in)
	cmd := exec.CommandContext(t.Context(), "python3", "testdata/mage/oracle.py")
	cmd.Stdin = bytes.NewReader(data)
	answer, err := cmd.Output()
	var got []any
	if err == nil {
		err = json.Unmarshal(answer, &got)
	}
	if err != nil || len(got) != len(results) {
		t.Fatalf("%d answers for %d texts: %v", len(got), len(results), err)
	}
	for i, m := range results {
		want := m.Value
		if m.Mage != "ok" {
			want = "error"
		}
		if !reflect.DeepEqual(got[i], want) {
			t.Errorf("%s: is %v, and the file says %v", m.In, got[i], want)
		}
	}
}

// TestReadersOfMageFiles compares the dialect mage with Mage. The page lists every difference, with its reason.
func TestReadersOfMageFiles(t *testing.T) {
	needsReader(t, "PyYAML and Jinja2", "install python3-yaml and python3-jinja2", "python3", "-c", "import yaml, jinja2")
	results, r, env := mageResults(t)
	texts, ours := []string{}, make([]string, len(results))
	for i, m := range results {
		o := devOptions()
		o.Missing = interpolate.MissingNull
		o.LookupEnv = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
		f := interpolate.File{Name: "io_config.yaml", Data: []byte(m.In), Dialect: interpolate.DialectMage}
		files, err := interpolate.Render(t.Context(), r, []interpolate.File{f}, o)
		if err != nil {
			ours[i] = "error"
			texts = append(texts, "")
			continue
		}
		texts = append(texts, string(files[0].Data))
	}
	in, _ := json.Marshal(texts)
	cmd := exec.CommandContext(t.Context(), "python3", "testdata/mage/read.py")
	cmd.Stdin = bytes.NewReader(in)
	answer, err := cmd.Output()
	var read []any
	if err == nil {
		err = json.Unmarshal(answer, &read)
	}
	if err != nil || len(read) != len(results) {
		t.Fatalf("%d answers for %d texts: %v", len(read), len(results), err)
	}

	listed := listedDifferences(t)
	show := func(v any) string {
		if v == "error" {
			return "error"
		}
		text, _ := json.Marshal(v)
		return string(text)
	}
	for i, m := range results {
		mage := show(m.Value)
		if m.Mage != "ok" {
			mage = "error"
		}
		if ours[i] == "" {
			ours[i] = show(read[i])
		}
		same := mage == ours[i] && (mage == "error" || reflect.DeepEqual(m.Value, read[i]))
		row := "| `" + cell(strings.TrimSpace(m.In)) + "` | `" + cell(mage) + "` | `" + cell(ours[i]) + "` |"
		if got := listed[row]; got == same {
			t.Errorf("listed %v, the same %v:\n%s", got, same, row)
		}
		delete(listed, row)
	}
	for row := range listed {
		t.Errorf("the page lists what is no difference:\n%s", row)
	}
}

// cell writes a text as a cell of a table in Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ⏎ ").Replace(text)
}

// listedDifferences returns the rows of the page with what differs from Mage.
func listedDifferences(t *testing.T) map[string]bool {
	page, err := os.ReadFile("../docs/explanation/mage.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "| `") {
			rows[line] = true
		}
	}
	return rows
}
