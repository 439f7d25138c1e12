// SPDX-License-Identifier: MPL-2.0

package backend_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// FuzzNames compares the rules for names and ids with the patterns in the documentation.
func FuzzNames(f *testing.F) {
	name := regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,255}$`)
	id := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	for _, s := range []string{
		"", "a", "-a", "a-", "_", "0", "ä", "a b", "a\n", "\n", "a/b", strings.Repeat("x", 256), strings.Repeat("x", 257),
		"01890a5d-ac96-774b-bcce-b302099a8057", "01890A5D-ac96-774b-bcce-b302099a8057",
		"01890a5d-ac96-774b-bcce-b302099a805g", "01890a5dxac96-774b-bcce-b302099a8057",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		isID := id.MatchString(s) && !strings.HasSuffix(s, "\n")
		if backend.IsID(s) != isID {
			t.Errorf("IsID(%q) is not %t", s, isID)
		}
		allowed := name.MatchString(s) && !strings.HasSuffix(s, "\n") && !isID
		if got := backend.CheckName(backend.KindSecret, s) == nil; got != allowed {
			t.Errorf("CheckName(%q) allows it: %t", s, got)
		}
		for _, scope := range []string{"app/" + s, "pipeline/" + s} {
			if got := backend.CheckScope(scope) == nil; got != (allowed || isID) {
				t.Errorf("CheckScope(%q) allows it: %t", scope, got)
			}
		}
	})
}

func TestPickReturnsFields(t *testing.T) {
	const text = ` {"a": {"b": ["zero", {"c": 12345678901234567890}]}, "x.y": 1, "q'": 2, "n": null, "": 3} `
	for path, want := range map[string]string{
		"":               strings.TrimSpace(text),
		"a.b[0]":         `"zero"`,
		"a.b[1].c":       "12345678901234567890",
		`["x.y"]`:        "1",
		`['x.y']`:        "1",
		`["q'"]`:         "2",
		"n":              "null",
		`a["b"][1]["c"]`: "12345678901234567890",
	} {
		got, err := backend.Pick([]byte(text), path)
		if err != nil || string(got) != want {
			t.Errorf("%q: %s, %v", path, got, err)
		}
	}
	for path, want := range map[string]*backend.Error{
		"a.c": backend.ErrNotFound, "a.b[2]": backend.ErrNotFound, "a[0]": backend.ErrNotFound, "n.x": backend.ErrNotFound,
		"a.b.c": backend.ErrNotFound,
		".a":    backend.ErrInvalid, "a.": backend.ErrInvalid, "a..b": backend.ErrInvalid, "a[": backend.ErrInvalid,
		"a[x]":  backend.ErrInvalid,
		"a[-1]": backend.ErrInvalid, "a[+1]": backend.ErrInvalid, "a['b]": backend.ErrInvalid, "a]b": backend.ErrNotFound,
		"a[0]b": backend.ErrInvalid, "[]": backend.ErrInvalid,
	} {
		if _, err := backend.Pick([]byte(text), path); err == nil || !err.Is(want) {
			t.Errorf("%q: %v, want %s", path, err, want.Code)
		}
	}
	if _, err := backend.Pick([]byte("CANARY"), "a"); err == nil || !err.Is(backend.ErrInvalid) ||
		strings.Contains(err.Error(), "CANARY") {
		t.Errorf("invalid JSON: %v", err)
	}
}

// A pattern that the policy accepts can be used for names.
func TestLargestNamePattern(t *testing.T) {
	accepted := 0
	for size := backend.MaxPatternSize - 10; size <= backend.MaxPatternSize; size++ {
		p := backend.DefaultPolicy()
		pattern := strings.Repeat("x", size-2)
		if _, err := p.Set(backend.PolicyChange{NamePattern: &pattern}); err != nil {
			continue
		}
		accepted++
		err := p.CheckEntryName(backend.KindSecret, "a")
		if err != nil && err.Code == backend.CodeTooLarge {
			t.Errorf("the policy accepts a pattern of size %d, and a name gives %v", size, err)
		}
	}
	if accepted == 0 || accepted == 11 {
		t.Errorf("%d of 11 patterns are accepted: none is at the limit", accepted)
	}
}
