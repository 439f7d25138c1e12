// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/planning"
)

// warnOfLockout warns of a planned change that takes rights from the token of the provider: the rest of the apply, or
// the next plan, may need them. Only a token with bindings can lose rights in this way. Such a token cannot change
// roles, groups and trusts.
//
// For terraform plan -replace, there is no warning: Terraform plans no deletion, and drops the warnings of a creation.
func (o *objectResource) warnOfLockout(ctx context.Context, diags *diag.Diagnostics, check planning.Check) {
	if o.kind != backend.KindBinding || check.Change.Op != backend.OpDelete {
		return
	}
	token, bindings := o.session.OwnBindings(ctx)
	for _, b := range bindings {
		if b.ID != check.Change.ID {
			continue
		}
		diags.AddWarning("The apply can lose its rights", fmt.Sprintf("Binding %s gives the token of the provider, %s, the "+
			"role %s. This plan deletes or replaces it. The rest of the apply, or the next plan, may be refused.\n\n"+
			"Apply it with a token that has its rights from elsewhere. If the binding is replaced, create_before_destroy "+
			"leaves no time without it.", backend.Quote(b.Name), backend.Quote(token), backend.Quote(b.Grant.Role)))
	}
}
