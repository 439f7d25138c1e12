// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"cmp"
	"context"
	"fmt"
	"slices"

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
	switch c := check.Change; {
	case o.kind == backend.KindBinding && c.Op == backend.OpDelete:
		o.warnOfDeletedBinding(ctx, diags, c.ID)
	case o.kind == backend.KindEnvironment && c.Protected != nil && *c.Protected:
		o.warnOfProtection(ctx, diags, c.Project, cmp.Or(check.Name, c.Name))
	}
}

func (o *objectResource) warnOfDeletedBinding(ctx context.Context, diags *diag.Diagnostics, id string) {
	token, bindings := o.session.OwnBindings(ctx)
	for _, b := range bindings {
		if b.ID != id {
			continue
		}
		diags.AddWarning("The apply can lose its rights", fmt.Sprintf("Binding %s gives the token of the provider, %s, the "+
			"role %s. This plan deletes or replaces it. The rest of the apply, or the next plan, may be refused.\n\n"+
			"Apply it with a token that has its rights from elsewhere. If the binding is replaced, create_before_destroy "+
			"leaves no time without it.", backend.Quote(b.Name), backend.Quote(token), backend.Quote(b.Grant.Role)))
	}
}

// warnOfProtection warns of the protection of an environment that a binding of the token does not name, because the
// binding does not reach it any more.
func (o *objectResource) warnOfProtection(ctx context.Context, diags *diag.Diagnostics, project, name string) {
	token, bindings := o.session.OwnBindings(ctx)
	names := func(role string) bool {
		return slices.ContainsFunc(bindings, func(b backend.Object) bool {
			return b.Grant.Role == role && b.Grant.Where == backend.Where{Project: project, Environment: name}
		})
	}
	for _, b := range bindings {
		w := b.Grant.Where
		if w.Environment != "" || w.Project != "" && w.Project != project || names(b.Grant.Role) {
			continue
		}
		diags.AddWarning("The apply can lose its rights", fmt.Sprintf("Binding %s gives the token of the provider, %s, the "+
			"role %s in environments that are not protected. This plan protects environment %s of project %s. The rest of "+
			"the apply, or the next plan, may be refused there.\n\nFirst create another binding, which names the "+
			"environment.", backend.Quote(b.Name), backend.Quote(token), backend.Quote(b.Grant.Role), backend.Quote(name),
			backend.Quote(project)))
	}
}
