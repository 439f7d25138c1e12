// SPDX-License-Identifier: MPL-2.0

package site

import (
	"cmp"
	"crypto/sha512"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestHtmxIsTheRelease compares the file with the file of htmx.org 2.0.11 from npm: package/dist/htmx.min.js.
func TestHtmxIsTheRelease(t *testing.T) {
	sum := sha512.Sum512(assets()["htmx.min.js"].plain)
	const want = "YdHy6FzjD4qoyI/yWGIbsKnJHe98r96np9XeYp3ovFL+0sNP/NbDrYlSLDr5a6Ndi5sRi9GgJj+suE7yLeUMNQ=="
	if got := base64.StdEncoding.EncodeToString(sum[:]); got != want {
		t.Errorf("htmx.min.js has the hash %s", got)
	}
}

// TestTextsAreUsedAndExist compares the texts with the templates and the handlers.
func TestTextsAreUsedAndExist(t *testing.T) {
	used := map[string]bool{"app.name": true}
	calls := regexp.MustCompile(`(?:{{|\(|[^a-zA-Z.])(?:text|site\.Text|Text)[ (]"([a-z.]+)"|"(hint\.[a-z]+)"`)
	sections := regexp.MustCompile(`"id" "([a-z]+)"`)
	columns := regexp.MustCompile(`"by" "([a-z]+)"`)
	done := regexp.MustCompile(`(?:(?:Redirect|done)\(.*, |done = )"([a-z]+)"(?:\)|\n)`)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "browser" || d.Name() == "static") {
			return fs.SkipDir
		}
		if ext := filepath.Ext(path); d.IsDir() || ext != ".go" && ext != ".html" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for prefix, pattern := range map[string]*regexp.Regexp{"": calls, "nav.": sections, "column.": columns,
			"done.": done} {
			for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
				m[1] = cmp.Or(m[1:]...)
				if !HasText(prefix + m[1]) {
					if strings.HasSuffix(m[1], ".") {
						continue // the beginning of several keys
					}
					t.Errorf("%s uses the text %q, which does not exist", path, prefix+m[1])
				}
				used[prefix+m[1]] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key := range texts {
		if !used[key] && !strings.HasPrefix(key, "edit.kind.") && !strings.HasPrefix(key, "rule.") {
			t.Errorf("no page uses the text %q", key)
		}
	}
	if len(used) < 100 {
		t.Errorf("%d texts were found", len(used))
	}
}
