// SPDX-License-Identifier: MPL-2.0

package backend_test

import (
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func TestRejectedListsTheFirstErrors(t *testing.T) {
	outcomes := make([]backend.Outcome, 1000)
	for i := range outcomes {
		outcomes[i].Err = backend.Errorf(backend.CodeInvalid, "%s", strings.Repeat("x", 1000))
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
