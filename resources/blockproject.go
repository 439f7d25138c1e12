// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// A provider block can name a project that the same configuration creates or renames, in another provider block. While
// Terraform plans, it does not exist, and nothing says which of the two comes.

// warnOfMissingProject warns that the plan of a change in such a project is not checked, and what it assumes.
func (o *objectResource) warnOfMissingProject(diags *diag.Diagnostics, c backend.Change) {
	name := backend.Quote(o.session.Project)
	missing := fmt.Sprintf("Project %s, which the provider block names, does not exist yet. So this plan does not check "+
		"the rules and the quota of the project.", name)
	if c.Op == backend.OpCreate {
		diags.AddWarning("The project does not exist yet", missing+"\n\n"+
			"If this configuration creates the project, no action is necessary: the apply checks them. Otherwise "+
			"correct project in the provider block, or create the project.")
		return
	}
	diags.AddWarning("The project does not exist yet", missing+fmt.Sprintf("\n\n"+
		"If this plan renames the project of the %s to %s, no action is necessary: the apply checks them. If it creates "+
		"project %[2]s, the apply leaves the %[1]s as it is and reports an error, and the next plan replaces the %[1]s. "+
		"To avoid that, create the project in an earlier apply. If neither is the case, correct project in the provider "+
		"block.", o.kind, name))
}

// staysInPlan reports whether an update must stay one, although the object would have to be replaced: when Terraform
// planned it, the project of the provider block did not exist.
func (o *objectResource) staysInPlan(object seen, c backend.Change) bool {
	return c.Op == backend.OpUpdate && object.MissingProject != "" && object.MissingProject == o.session.Project &&
		c.Project == o.session.Project
}

// explainAnotherProject says why such an update failed.
func (o *objectResource) explainAnotherProject(err error, object seen, c backend.Change) error {
	if !errors.Is(err, backend.ErrImmutable) || !o.staysInPlan(object, c) {
		return err
	}
	e := *backend.AsError(err)
	e.Message += fmt.Sprintf(": project %s of the provider block did not exist when Terraform planned this",
		backend.Quote(o.session.Project))
	return e.WithHint("run terraform plan again, without -refresh=false, and apply the new plan, which replaces the %s",
		o.kind)
}
