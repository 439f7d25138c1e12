// SPDX-License-Identifier: MPL-2.0

package backend_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func TestRejectedListsTheFirstErrors(t *testing.T) {
	outcomes := make([]backend.Outcome, 1000)
	for i := range outcomes {
		outcomes[i].Err = backend.Errorf(backend.CodeInvalid, "%s %d", strings.Repeat("x", 1000), i)
	}
	text := backend.Rejected(outcomes).Error()
	if len(text) > 25_000 || !strings.HasSuffix(text, "\n  and 980 more") {
		t.Errorf("the error has %d bytes and ends with %q", len(text), text[len(text)-30:])
	}
	text = backend.Rejected(outcomes[:20]).Error()
	if strings.Contains(text, "more") || strings.Count(text, "\n  x") != 20 {
		t.Errorf("the error of 20 changes lists %d", strings.Count(text, "\n  x"))
	}
}

// Changes that broke the same rule share a line, with the name of the first of them.
func TestRejectedNamesTheChanges(t *testing.T) {
	outcomes := make([]backend.Outcome, 1000)
	for i := range outcomes {
		if i > 0 {
			outcomes[i].Err = backend.Errorf(backend.CodeQuota, "the project is full").WithHint("raise the quota")
		}
	}
	outcomes[7].Err = backend.Errorf(backend.CodeInvalid, "the name is not valid")
	got := backend.RejectedOf(outcomes, func(n int) string { return fmt.Sprint("secret ", n) }).Error()
	want := "999 of 1000 changes were refused, and nothing was changed:\n" +
		"  secret 1: the project is full; raise the quota; the same holds for 997 other changes\n" +
		"  secret 7: the name is not valid"
	if got != want {
		t.Errorf("the error is %q, want %q", got, want)
	}
	one := backend.RejectedOf(outcomes[:2], func(n int) string { return fmt.Sprint("secret ", n) })
	if got, want := one.Error(), "secret 1: the project is full; raise the quota"; got != want {
		t.Errorf("the error is %q, want %q", got, want)
	}
	if outcomes[1].Err.Message != "the project is full" {
		t.Errorf("the outcome has another message now: %q", outcomes[1].Err.Message)
	}
}
