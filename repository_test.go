// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSourceFilesNameTheirLicence fails for every source file whose header does not name the licence. Test data,
// examples (which readers copy) and code from other projects need no header.
func TestSourceFilesNameTheirLicence(t *testing.T) {
	const licence = "SPDX-License-Identifier: MPL-2.0\n"
	skipped := []string{".git", ".terraform", ".terraform-mirror", "bin", "examples", "node_modules", "plugs/python",
		"testdata"}
	checked := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (slices.Contains(skipped, d.Name()) || slices.Contains(skipped, filepath.ToSlash(path))):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		switch filepath.Ext(path) {
		case ".go":
			// The blank line keeps the header out of the package comment.
			checked++
			if !bytes.HasPrefix(text, []byte("// "+licence+"\n")) && !bytes.HasPrefix(text, []byte("// Code generated ")) {
				t.Errorf("%s: the first line must be %q, and the second must be empty", path, "// "+licence[:len(licence)-1])
			}
		case ".sh", ".py":
			checked++
			if first, rest, _ := bytes.Cut(text, []byte("\n")); bytes.HasPrefix(first, []byte("#!")) {
				text = rest
			}
			if !bytes.HasPrefix(text, []byte("# "+licence)) {
				t.Errorf("%s: the first line after #! must be %q", path, "# "+licence[:len(licence)-1])
			}
		case ".sql":
			checked++
			if first, rest, _ := bytes.Cut(text, []byte("\n")); bytes.HasPrefix(first, []byte("-- works_with = ")) {
				text = rest
			}
			if !bytes.HasPrefix(text, []byte("-- "+licence)) {
				t.Errorf("%s: the first line, or the one after works_with, must be %q", path, "-- "+licence[:len(licence)-1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 300 {
		t.Fatalf("only %d files were checked: the test no longer sees all of them", checked)
	}
}

// TestSQLiteHasItsLibc fails if go.mod requires another version of
// modernc.org/libc than modernc.org/sqlite does. The SQLite in Go is translated
// for one version of libc, and can fail with any other.
func TestSQLiteHasItsLibc(t *testing.T) {
	version := func(path string, module string) string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		match := regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(module) + ` (v\S+)`).FindSubmatch(text)
		if match == nil {
			t.Fatalf("%s does not require %s", path, module)
		}
		return string(match[1])
	}
	out, err := exec.Command("go", "list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := version(strings.TrimSpace(string(out)), "modernc.org/libc")
	if have := version("go.mod", "modernc.org/libc"); have != want {
		t.Errorf("go.mod requires modernc.org/libc %s: run go get modernc.org/libc@%s", have, want)
	}
}

// TestRulesHaveOneHome keeps second copies of rules out of the code.
func TestRulesHaveOneHome(t *testing.T) {
	rules := []struct{ rule, home, sign string }{
		{"which hosts are this machine", "backend/text.go", `"localhost" \|\|`},
		{"page after page of a Query", "backend/list.go", `Cursor = \w+\.Next\b`},
	}
	exceptions := []string{
		"backend/sink/sink.go", // follows the audit log without end
		"web/audit/audit.go",   // reads a limited number of pages
	}
	forEachText(t, func(path string) {
		isTest := strings.HasSuffix(path, "_test.go") || strings.Contains(path, "servicetest/")
		if filepath.Ext(path) != ".go" || isTest || slices.Contains(exceptions, path) {
			return
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rules {
			if path != r.home && regexp.MustCompile(r.sign).Match(text) {
				t.Errorf("%s has its own rule for %s: use %s", path, r.rule, r.home)
			}
		}
	})
}

// TestFaultsApply fails for a patch of resources/testdata/faults that no longer applies: tools/faults.sh stops there.
func TestFaultsApply(t *testing.T) {
	patches, err := filepath.Glob("resources/testdata/faults/*.patch")
	if err != nil || len(patches) == 0 {
		t.Fatal("there are no patches", err)
	}
	for _, patch := range patches {
		if out, err := exec.CommandContext(t.Context(), "git", "apply", "--check", patch).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", patch, err, out)
		}
	}
}
