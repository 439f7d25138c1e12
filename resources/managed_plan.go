// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"errors"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/planning"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// How a planned change is checked, before anything changes.

// modelStates are the attributes of a resource in the state (without an id before the object is created), in the plan
// and in the configuration.
type modelStates[M any] struct{ before, plan, configured M }

// ModifyPlan checks the planned change with a dry run, and leaves in private state what the apply must know.
func (r *managedResource[M, P]) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	if r.session == nil {
		return
	}
	var m modelStates[M]
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &m.before)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.planDeletion(ctx, &m.before, req, resp)
		return
	}
	defer r.session.WarnBeforeDestroy(&resp.Diagnostics)
	if r.inProject {
		r.planDefaultProject(ctx, req, resp)
	}
	r.planOwner(ctx, req, resp)
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &m.plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &m.configured)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, P(&m.plan).operationTimeouts().Read, &resp.Diagnostics)
	defer cancel()
	if r.incompleteProject != nil {
		if project := r.incompleteProject(&m.plan); project != "" {
			r.session.Plan.MarkIncomplete(project)
		}
	}
	object := r.readSeen(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if req.State.Raw.IsNull() {
		// If this creation replaces an object, Terraform hands the private state on to the deletion.
		created := r.placeOf(ctx, &m.plan)
		if object.Leaves {
			created = place{}
		}
		created.Project, created.Environment = r.session.Plan.PresentNames(created.Project, created.Environment)
		writePrivate(ctx, resp.Private, replacementKey, created, &resp.Diagnostics)
	} else {
		object.ID = P(&m.before).id()
		writePrivate(ctx, resp.Private, seenKey, object, &resp.Diagnostics)
		r.session.Plan.Know(object.ID)
		r.requireReplaceIfUnknown(ctx, resp)
	}
	if len(resp.RequiresReplace) > 0 {
		r.checkDeletion(ctx, &resp.Diagnostics, object, r.placeOf(ctx, &m.before).Name)
		r.checkDeployment(ctx, object, resp)
		return // Terraform plans the creation of the new object in a second request
	}
	r.checkPlan(ctx, &m, object, resp)
	if resp.Diagnostics.HasError() || len(resp.RequiresReplace) > 0 {
		r.checkDeployment(ctx, object, resp)
		return
	}
	r.planOwnerOfUpdate(ctx, req, resp)
}

// checkDeployment replaces what the plan says about an object by the error that its backend is another one. A plan
// without refresh has not compared them yet.
func (r *managedResource[M, P]) checkDeployment(ctx context.Context, object seen, resp *resource.ModifyPlanResponse) {
	if err := session.CheckDeployment(object.Deployment, r.session.Deployment(ctx)); err != nil {
		resp.Diagnostics = nil
		session.Report(&resp.Diagnostics, "Reading the "+r.kind.String(), err, nil)
	}
}

// planOwner plans managed_by of a new object, and of an object that does not carry the name of this configuration yet,
// for example after an import: it changes for that alone.
func (r *managedResource[M, P]) planOwner(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	if req.State.Raw.IsNull() || r.session.Named {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("managed_by"), r.session.ManagedBy)...)
	}
}

// planOwnerOfUpdate plans managed_by of an object that changes anyway, for a configuration without a name. The owner is
// not known, because the apply may still find that nothing changes.
func (r *managedResource[M, P]) planOwnerOfUpdate(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	if req.State.Raw.IsNull() || r.session.Named {
		return
	}
	var current types.String
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("managed_by"), &current)...)
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("managed_by"), current)...)
	if current.ValueString() != r.session.ManagedBy && !resp.Plan.Raw.Equal(req.State.Raw) {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("managed_by"), types.StringUnknown())...)
	}
}

// requireReplaceIfUnknown plans a replacement if the project, the environment or another attribute that is fixed is not
// known yet: an object cannot move.
func (r *managedResource[M, P]) requireReplaceIfUnknown(ctx context.Context, resp *resource.ModifyPlanResponse) {
	names := []string{"environment", "project"}
	if r.kind != backend.KindSecret && r.kind != backend.KindScopedValue {
		names = names[1:]
	}
	if !r.inProject {
		names = r.fixed
	}
	for _, name := range names {
		var value types.String
		resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, path.Root(name), &value)...)
		if value.IsUnknown() {
			resp.RequiresReplace = append(resp.RequiresReplace, path.Root(name))
		}
	}
}

// placeOf returns the place of an object as its model has it, or the zero place if it is not known yet.
func (r *managedResource[M, P]) placeOf(ctx context.Context, m *M) place {
	var none M
	var ignored diag.Diagnostics
	if !P(m).complete(&none) {
		return place{}
	}
	c := P(m).change(ctx, &none, &none, &ignored)
	return place{Project: c.Project, Environment: c.Environment, Scope: c.Scope, Name: c.Name}
}

// placeNow returns the place of an object that is deleted before a creation. If this apply has renamed its project or
// environment before, it is the place that it has now.
func (r *managedResource[M, P]) placeNow(ctx context.Context, m *M, created place) place {
	at := r.placeOf(ctx, m)
	if !r.inProject || created == (place{}) || created == at {
		return at
	}
	page, err := r.session.Service.Query(ctx, backend.Query{Kind: r.kind, Project: at.Project, ID: P(m).id()})
	if errors.Is(err, backend.ErrNotFound) {
		page, err = r.session.Service.Query(ctx, backend.Query{Kind: r.kind, ID: P(m).id()})
	}
	if err == nil && len(page.Objects) == 1 {
		at.Project, at.Environment = page.Objects[0].Project, page.Objects[0].Environment
	}
	return at
}

// planDeletion checks a deletion, and leaves in private state which object the plan has seen.
func (r *managedResource[M, P]) planDeletion(
	ctx context.Context, before *M, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	writePrivate(ctx, resp.Private, replacementKey, place{}, &resp.Diagnostics)
	if r.session.Plan.Applying() {
		return
	}
	object := r.readSeen(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	var project types.String
	if r.inProject {
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("project"), &project)...)
	}
	// Terraform 1.11 plans the deletion before it refreshes the object, so the state may be older than the plan.
	object.ID = P(before).id()
	found, object, exists := r.readObject(ctx, project.ValueString(), object, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !exists {
		return
	}
	r.session.Plan.Know(object.ID)
	writePrivate(ctx, resp.Private, seenKey, object, &resp.Diagnostics)
	r.checkChange(ctx, &resp.Diagnostics, planning.Check{Change: r.deletion(object), Name: found.Name, Leaves: found})
}

// checkPlan checks the creation or the update of an object, and adjusts the plan to the outcome.
func (r *managedResource[M, P]) checkPlan(
	ctx context.Context, m *modelStates[M], object seen, resp *resource.ModifyPlanResponse,
) {
	var outcome *backend.Outcome
	r.vacateIfUnknown(ctx, m, object, resp)
	if P(&m.plan).complete(&m.configured) {
		dryRunChange := P(&m.plan).change
		if d, ok := any(&m.plan).(dryRunModel[M]); ok {
			dryRunChange = d.dryRunChange
		}
		c := dryRunChange(ctx, &m.before, &m.configured, &resp.Diagnostics)
		if resp.Diagnostics.HasError() {
			return
		}
		if r.session.Plan.Applying() {
			outcome = r.compare(ctx, c)
		} else {
			check := planning.Check{Change: c}
			if c.Op == backend.OpCreate {
				check.Replaces = object.ID
			} else {
				check.Name = r.placeOf(ctx, &m.before).Name
			}
			var replace path.Paths
			outcome, replace = r.checkChange(ctx, &resp.Diagnostics, check)
			if outcome != nil && r.meansOthers != nil {
				replace = r.meansOthers(m, *outcome)
			}
			if replace != nil && r.staysInPlan(object, c) {
				outcome, replace = nil, nil
			}
			if replace != nil {
				r.requireReplace(ctx, m, replace, object, resp)
				r.checkDeletion(ctx, &resp.Diagnostics, object, check.Name)
				return
			}
		}
	}
	if r.adjustPlan != nil && !resp.Diagnostics.HasError() {
		r.adjustPlan(ctx, *m, outcome, resp)
	}
}

// vacateIfUnknown refuses an update to a name that is not known yet, if the plan creates an object of the present name.
func (r *managedResource[M, P]) vacateIfUnknown(
	ctx context.Context, m *modelStates[M], object seen, resp *resource.ModifyPlanResponse,
) {
	name, isNamed := r.paths()["name"]
	if !isNamed || P(&m.before).id() == "" || r.session.Plan.Applying() {
		return
	}
	var planned types.String
	resp.Diagnostics.Append(resp.Plan.GetAttribute(ctx, name, &planned)...)
	if !planned.IsUnknown() {
		return
	}
	before := r.placeOf(ctx, &m.before)
	if e := r.session.Plan.Vacate(r.kind, object.ID, before.Project, before.Name); e != nil {
		session.Report(&resp.Diagnostics, "Planning the "+r.kind.String(), e, r.paths())
	}
}

// requireReplace plans a replacement because of attributes that the object cannot change. Terraform ignores an
// attribute that keeps its text, as the name of an environment does if another environment takes it in the same apply.
// So then the id forces the replacement, and the deletion must not expect the new object in the place of the old one.
func (r *managedResource[M, P]) requireReplace(
	ctx context.Context, m *modelStates[M], attributes path.Paths, object seen, resp *resource.ModifyPlanResponse,
) {
	changed := differences(&m.before, &m.plan)
	for _, at := range attributes {
		if !slices.Contains(changed, at.String()) {
			at = path.Root("id")
			resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, at, types.StringUnknown())...)
			object.Leaves = true
			writePrivate(ctx, resp.Private, seenKey, object, &resp.Diagnostics)
		}
		resp.RequiresReplace = append(resp.RequiresReplace, at)
	}
}

// compare returns what an update would do while Terraform applies. It judges no rule: the update itself does.
func (r *managedResource[M, P]) compare(ctx context.Context, c backend.Change) *backend.Outcome {
	if r.adjustPlan == nil || c.Op != backend.OpUpdate {
		return nil
	}
	out, err := r.session.Service.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}, DryRun: true})
	if err != nil || out[0].Err != nil {
		return nil
	}
	return &out[0]
}
