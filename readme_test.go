// SPDX-License-Identifier: MPL-2.0

package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeTour runs the shell blocks of the README's tour, in order and in
// one shell, with the built binary: the tour promises only what works.
func TestReadmeTour(t *testing.T) {
	bin, err := filepath.Abs("bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(bin, "pouncet")); err != nil {
		t.Skip("bin/pouncet is not built: run make build")
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not on PATH")
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, tour, ok := strings.Cut(string(text), "## Five-minute tour")
	if !ok {
		t.Fatal("the README has no tour")
	}
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(tour, -1) {
		script.WriteString(block[1])
	}
	if strings.Count(script.String(), "pouncet ") < 10 {
		t.Fatal("the tour shows less than it did")
	}
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script.String())
	cmd.Dir = t.TempDir()
	cmd.Env = append(environWithout("POUNCET_"), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"password: \"dev-pw\"   # quoted or not",
		"url: \"postgres://loader:dev-pw@db/app\"",
		"schedule: \"{{ execution_date }}\"",
		"database_connection",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	rendered, err := os.ReadFile(filepath.Join(cmd.Dir, "rendered", "pipeline.yaml"))
	if err != nil || strings.Contains(string(rendered), "get_secret_value") {
		t.Errorf("rendered/pipeline.yaml: %v", err)
	}
}

func environWithout(prefix string) []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, prefix) {
			out = append(out, v)
		}
	}
	return out
}

// TestFeaturesNameWhatExists holds the table of what works against the tests
// and scripts that it names.
func TestFeaturesNameWhatExists(t *testing.T) {
	text, err := os.ReadFile("docs/features.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		sources.Write(source)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`).FindAllString(string(text), -1)
	scripts := regexp.MustCompile(`\b(both|script)/\w+`).FindAllString(string(text), -1)
	if len(tests) < 40 || len(scripts) < 15 {
		t.Fatalf("%d tests and %d scripts are named: the pattern no longer fits", len(tests), len(scripts))
	}
	for _, name := range tests {
		if !strings.Contains(sources.String(), "func "+name+"(") {
			t.Errorf("docs/features.md names %s, which is no test", name)
		}
	}
	for _, name := range scripts {
		if _, err := os.Stat(filepath.Join("cmd/pouncet/testdata", name+".txtar")); err != nil {
			t.Errorf("docs/features.md names the script %s, which does not exist", name)
		}
	}
}
