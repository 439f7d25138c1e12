// SPDX-License-Identifier: MPL-2.0

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFeaturesNameWhatExists checks that every test, case, script and make target that the table of features names
// exists.
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
			t.Errorf("docs/features.md names the test %s, which does not exist", name)
		}
	}
	for _, name := range scripts {
		if _, err := os.Stat(filepath.Join("cmd/pouncet/testdata", name+".txtar")); err != nil {
			t.Errorf("docs/features.md names the script %s, which does not exist", name)
		}
	}
}
