// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// model is a pointer to the struct M that holds the attributes of a resource.
type model[M any] interface {
	*M
	// id returns the id of the object, or "" before the object is created.
	id() string
	// complete reports whether everything is known that a dry run needs.
	complete(configured *M) bool
	// change returns the change that turns before into this model. If before has no id, the change creates the object.
	// Write-only arguments are in configured only.
	change(ctx context.Context, before, configured *M, diags *diag.Diagnostics) backend.Change
	// set copies the attributes of an object of the backend into the model.
	set(ctx context.Context, o backend.Object, diags *diag.Diagnostics)
	operationTimeouts() timeouts.Value
}

// dryRunModel is a model whose dry run in a plan is another change than the one that the apply makes.
type dryRunModel[M any] interface {
	dryRunChange(ctx context.Context, before, configured *M, diags *diag.Diagnostics) backend.Change
}

// managedResource implements planning, reading, creating, updating and deleting for a resource with model M.
type managedResource[M any, P model[M]] struct {
	objectResource
	inProject bool // the resource has a project attribute
	// incompleteProject, if set, returns the name of the project whose rules a plan cannot check, because the resource
	// has values that are not known yet. It returns "" if all of them are known.
	incompleteProject func(plan *M) string
	// adjustPlan, if set, adjusts the plan to the outcome of the dry run. The outcome is nil if no dry run was
	// possible.
	adjustPlan func(
		ctx context.Context, m modelStates[M], outcome *backend.Outcome, resp *resource.ModifyPlanResponse)
}

// modelStates are the attributes of a resource in the state (without an id before the object is created), in the plan
// and in the configuration.
type modelStates[M any] struct{ before, plan, configured M }

// ModifyPlan checks the planned change with a dry run.
func (r *managedResource[M, P]) ModifyPlan(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	if r.session == nil {
		return
	}
	defer r.session.Plan.BeginOperation()()
	var m modelStates[M]
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &m.before)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.checkChange(ctx, &resp.Diagnostics, r.deletion(P(&m.before).id()))
		return
	}
	if r.inProject {
		r.planDefaultProject(ctx, req, resp)
	}
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
	if len(resp.RequiresReplace) > 0 {
		r.checkChange(ctx, &resp.Diagnostics, r.deletion(P(&m.before).id()))
		return // Terraform plans the creation of the new object in a second request
	}
	r.checkPlan(ctx, &m, resp)
}

// checkPlan checks the creation or the update of an object, and adjusts the plan to the outcome.
func (r *managedResource[M, P]) checkPlan(
	ctx context.Context, m *modelStates[M], resp *resource.ModifyPlanResponse,
) {
	if !P(&m.plan).complete(&m.configured) {
		if r.adjustPlan != nil {
			r.adjustPlan(ctx, *m, nil, resp)
		}
		return
	}
	dryRunChange := P(&m.plan).change
	if d, ok := any(&m.plan).(dryRunModel[M]); ok {
		dryRunChange = d.dryRunChange
	}
	c := dryRunChange(ctx, &m.before, &m.configured, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	outcome, replace := r.checkChange(ctx, &resp.Diagnostics, c)
	switch {
	case replace != nil:
		resp.RequiresReplace = append(resp.RequiresReplace, replace...)
		r.checkChange(ctx, &resp.Diagnostics, r.deletion(P(&m.before).id()))
	case r.adjustPlan != nil && !resp.Diagnostics.HasError():
		r.adjustPlan(ctx, *m, outcome, resp)
	}
}

func (r *managedResource[M, P]) Create(
	ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse,
) {
	var before, plan, configured M
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &configured)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, P(&plan).operationTimeouts().Create, &resp.Diagnostics)
	defer cancel()
	c := P(&plan).change(ctx, &before, &configured, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if out, ok := r.applyChange(ctx, "Creating", c, &resp.Diagnostics); ok {
		P(&plan).set(ctx, out.Object, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
		setIdentity(ctx, resp.Identity, out.Object.ID, &resp.Diagnostics)
	}
}

func (r *managedResource[M, P]) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	defer r.session.Plan.BeginOperation()()
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, P(&state).operationTimeouts().Read, &resp.Diagnostics)
	defer cancel()
	var project types.String
	if r.inProject {
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("project"), &project)...)
	}
	o, exists := r.readObject(ctx, project.ValueString(), P(&state).id(), &resp.Diagnostics)
	switch {
	case resp.Diagnostics.HasError():
	case !exists:
		// The framework demands an identity even for a resource that leaves the state.
		setIdentity(ctx, resp.Identity, P(&state).id(), &resp.Diagnostics)
		resp.State.RemoveResource(ctx)
	default:
		P(&state).set(ctx, o, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
		setIdentity(ctx, resp.Identity, o.ID, &resp.Diagnostics)
	}
}

func (r *managedResource[M, P]) Update(
	ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse,
) {
	var before, plan, configured M
	resp.Diagnostics.Append(req.State.Get(ctx, &before)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &configured)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, P(&plan).operationTimeouts().Update, &resp.Diagnostics)
	defer cancel()
	c := P(&plan).change(ctx, &before, &configured, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if out, ok := r.applyChange(ctx, "Updating", c, &resp.Diagnostics); ok {
		P(&plan).set(ctx, out.Object, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
		setIdentity(ctx, resp.Identity, out.Object.ID, &resp.Diagnostics)
	}
}

func (r *managedResource[M, P]) Delete(
	ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse,
) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, P(&state).operationTimeouts().Delete, &resp.Diagnostics)
	defer cancel()
	r.deleteObject(ctx, P(&state).id(), &resp.Diagnostics)
}

// defaultTimeout is the timeout of an operation that the timeouts block does not set.
const defaultTimeout = 5 * time.Minute

// withTimeout limits an operation to the timeout that the configuration sets for it.
func withTimeout(
	ctx context.Context, timeout func(context.Context, time.Duration) (time.Duration, diag.Diagnostics),
	diags *diag.Diagnostics,
) (context.Context, context.CancelFunc) {
	d, invalid := timeout(ctx, defaultTimeout)
	diags.Append(invalid...)
	return context.WithTimeout(ctx, d)
}

// Describe writes an object of the backend as this resource into a resource value. List resources use it.
func (r *managedResource[M, P]) Describe(
	ctx context.Context, o backend.Object, into *tfsdk.Resource, diags *diag.Diagnostics,
) {
	into.Raw = nullObject(into.Raw.Type())
	var m M
	diags.Append(into.Get(ctx, &m)...)
	P(&m).set(ctx, o, diags)
	if !diags.HasError() {
		diags.Append(into.Set(ctx, &m)...)
	}
}

// nullObject returns an object of a type in which every attribute is null.
func nullObject(t tftypes.Type) tftypes.Value {
	object, ok := t.(tftypes.Object)
	if !ok {
		return tftypes.NewValue(t, nil)
	}
	values := map[string]tftypes.Value{}
	for name, attributeType := range object.AttributeTypes {
		values[name] = tftypes.NewValue(attributeType, nil)
	}
	return tftypes.NewValue(t, values)
}

func (r *managedResource[M, P]) IdentitySchema(
	_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse,
) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id": identityschema.StringAttribute{
			RequiredForImport: true, Description: "UUID of the object. It does not change when the object is renamed.",
		},
	}}
}

// setIdentity sets the identity of a resource. The framework demands it even if Terraform is older than 1.12 and
// ignores it.
func setIdentity(ctx context.Context, identity *tfsdk.ResourceIdentity, id string, diags *diag.Diagnostics) {
	if identity != nil {
		diags.Append(identity.SetAttribute(ctx, path.Root("id"), id)...)
	}
}
