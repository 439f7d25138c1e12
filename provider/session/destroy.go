// SPDX-License-Identifier: MPL-2.0

package session

import "github.com/hashicorp/terraform-plugin-framework/diag"

// WarnBeforeDestroy turns errors into warnings if Terraform destroys everything. Terraform plans the configuration
// before that. No error of that plan may stop the destroy: nothing of the plan is applied.
func (s *Session) WarnBeforeDestroy(diags *diag.Diagnostics) {
	if !s.Destroys {
		return
	}
	var warnings diag.Diagnostics
	for _, d := range *diags {
		if at, ok := d.(diag.DiagnosticWithPath); ok {
			warnings.AddAttributeWarning(at.Path(), d.Summary(), d.Detail())
		} else {
			warnings.AddWarning(d.Summary(), d.Detail())
		}
	}
	*diags = warnings
}
