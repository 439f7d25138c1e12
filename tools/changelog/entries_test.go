// SPDX-License-Identifier: MPL-2.0

package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

func TestRender(t *testing.T) {
	releases, err := read(fstest.MapFS{
		"README.md":              {Data: []byte("the form of an entry")},
		"0012-new.md":            {Data: []byte("## Added\n\n- Something\n  new.\n- More of it.\n")},
		"0011-two.md":            {Data: []byte("## Fixed\n\n- A fault.\n\n## Breaking\n\n- A name.\n")},
		"0.9.0/0001-first.md":    {Data: []byte("## Added\n\n- The first.\n")},
		"0.10.0/0002-second.md":  {Data: []byte("## Security\n\n- The second.\n")},
		"0.10.0/0003-another.md": {Data: []byte("## Security\n\n- Another.\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(string(render(releases)), "-->\n")
	want := `
## Unreleased

### Breaking

- A name.

### Added

- Something
  new.
- More of it.

### Fixed

- A fault.

## 0.10.0

### Security

- The second.
- Another.

## 0.9.0

### Added

- The first.
`
	if got != want {
		t.Errorf("the changelog is\n%s\nnot\n%s", got, want)
	}
}

func TestInvalidEntriesAreRefused(t *testing.T) {
	for _, c := range []struct{ file, text, says string }{
		{"7-short.md", "## Added\n\n- Text.\n", "is not four digits and a name"},
		{"0007-name.txt", "## Added\n\n- Text.\n", "is not four digits and a name"},
		{"1.2/0007-name.md", "## Added\n\n- Text.\n", `the folder "1.2" is not a version`},
		{"0007-name.md", "Text.\n", "the first line is not a heading"},
		{"0007-name.md", "Text.\n\n## Added\n\n- Text.\n", "the first line is not a heading"},
		{"0007-name.md", "", "the first line is not a heading"},
		{"0007-name.md", "## Improved\n\n- Text.\n", `the heading "Improved" is not one of Breaking, Added`},
		{"0007-name.md", "## Added\n\nText.\n", `the text below "Added" is not a list`},
		{"0007-name.md", "## Added\n\n## Fixed\n\n- Text.\n", `the text below "Added" is not a list`},
		{"0.1.0/0007-name.md", "## Added\n", "0.1.0/0007-name.md: the text below"},
	} {
		_, err := read(fstest.MapFS{c.file: {Data: []byte(c.text)}})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s with %q: the error is %v, and does not say %q", c.file, c.text, err, c.says)
		}
	}
}

func TestChangelogIsCurrent(t *testing.T) {
	if err := run("../..", true, ""); err != nil {
		t.Error(err)
	}
}
