// SPDX-License-Identifier: MPL-2.0

package session_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// Terraform prints the text of a diagnostic as it is, and a server can send any error.
func TestDiagnosticsArePrintable(t *testing.T) {
	const text = "a\x1b[2J\u202e##[group]x\n::error::x"
	e := &backend.Error{Code: backend.Code("a\x1b\n::x"), Message: text, Hint: text}
	var diags diag.Diagnostics
	session.Report(&diags, "Creating the secret", e, nil)
	session.Warn(&diags, "Creating the secret", e, nil)
	if len(diags) != 2 {
		t.Fatalf("%d diagnostics", len(diags))
	}
	for _, d := range diags {
		all := d.Summary() + "\n" + d.Detail()
		for _, hostile := range []string{"\x1b", "\u202e", "##[", "\n::"} {
			if strings.Contains(all, hostile) {
				t.Errorf("a diagnostic has %q: %q", hostile, all)
			}
		}
		if !strings.Contains(d.Detail(), `A\u001b[2J\u202e\u0023#[group]x`) {
			t.Errorf("the text is %q", d.Detail())
		}
	}
}
