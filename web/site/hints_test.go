// SPDX-License-Identifier: MPL-2.0

package site

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// atATerminal are the hints of calls whose commands have no page.
var atATerminal = []string{
	"log in with a token that may create one; or create a trust for the program: pouncet trust set --help",
	"list the trusts that you know: pouncet trust list; ask an admin for the id of another one",
	"list the trusts: pouncet trust list",
	"restore the project first: pouncet project restore x",
	"delete it: pouncet trust delete x",
}

// onNoPage are the hints of logins without a browser, and of trusts, which have no page.
var onNoPage = []string{
	"use the certificate that the login had (POUNCET_CLIENT_CERT, POUNCET_CLIENT_KEY), or log in again",
	"name one of them (--trust, POUNCET_OIDC_TRUST)",
}

// TestHintsOnPagesNamePages looks at all hints of the packages that answer calls. None names a command where a page
// does the same, and none names a flag or a variable.
func TestHintsOnPagesNamePages(t *testing.T) {
	text, err := os.ReadFile("../../testdata/messages.golden")
	if err != nil {
		t.Fatal(err)
	}
	file, seen := "", 0
	for line := range strings.SplitSeq(string(text), "\n") {
		if !strings.HasPrefix(line, " ") {
			file = line
			continue
		}
		hint, ok := strings.CutPrefix(line, "  hint    ")
		if !ok || !slices.Contains([]string{"backend", "backend/engine", "backend/access", "backend/oidc"}, path.Dir(file)) {
			continue
		}
		hint = regexp.MustCompile(`%(\[\d\])?[sdqv]|\{[^}]*\}`).ReplaceAllString(hint, "x")
		hint = strings.ReplaceAll(hint, "pouncet x ", "pouncet secret ") // or value
		seen++
		if slices.Contains(onNoPage, hint) {
			continue
		}
		shown := pageHint(hint)
		if slices.Contains(atATerminal, hint) {
			if !strings.Contains(shown, ", at a terminal") {
				t.Errorf("%s: %q is shown as %q", file, hint, shown)
			}
			continue
		}
		for _, part := range []string{"pouncet ", "--", "POUNCET_"} {
			if strings.Contains(shown, part) {
				t.Errorf("%s: %q is shown as %q, with %q", file, hint, shown, part)
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d hints were found", seen)
	}
}
