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

// model is a resource's attributes, as a pointer to the struct M that the
// framework fills.
type model[M any] interface {
	*M
	// id is the object's, "" before it is made.
	id() string
	// complete reports whether all that a dry run needs is known.
	complete(configured *M) bool
	// change is what turns before into this plan; before has no id when it is to be made.
	// Write-only arguments are in configured, and there alone.
	change(ctx context.Context, before, configured *M, diags *diag.Diagnostics) backend.Change
	// set takes over what the backend says of the object.
	set(ctx context.Context, o backend.Object, diags *diag.Diagnostics)
	// limits are the times that operations may take.
	operationTimeouts() timeouts.Value
}

// questioner is a model that asks about another change while planning than
// the one that it makes when the plan is settled.
type dryRunModel[M any] interface {
	dryRunChange(ctx context.Context, before, configured *M, diags *diag.Diagnostics) backend.Change
}

// managed is the four operations, and the plan, of a resource with model M.
type managedResource[M any, P model[M]] struct {
	objectResource
	inProject bool // it has a project attribute
	// doubt, if set, names the project whose rules cannot be told before all
	// of this plan is known, "" if they can.
	incompleteProject func(plan *M) string
	// planned, if set, adjusts the plan to what a dry run said; said is nil
	// where it could not be asked.
	adjustPlan func(ctx context.Context, m modelStates[M], said *backend.Outcome, resp *resource.ModifyPlanResponse)
}

// plannedModels is a resource as it is (with no id before it is made), as it is
// planned, and as it is configured.
type modelStates[M any] struct{ before, plan, configured M }

func (r *managedResource[M, P]) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
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
		return // Terraform asks once more, about the new one
	}
	if !P(&m.plan).complete(&m.configured) {
		if r.adjustPlan != nil {
			r.adjustPlan(ctx, m, nil, resp)
		}
		return
	}
	question := P(&m.plan).change
	if q, ok := any(&m.plan).(dryRunModel[M]); ok {
		question = q.dryRunChange
	}
	c := question(ctx, &m.before, &m.configured, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	said, at := r.checkChange(ctx, &resp.Diagnostics, c)
	switch {
	case at != nil:
		resp.RequiresReplace = append(resp.RequiresReplace, at...)
		r.checkChange(ctx, &resp.Diagnostics, r.deletion(P(&m.before).id()))
	case r.adjustPlan != nil && !resp.Diagnostics.HasError():
		r.adjustPlan(ctx, m, said, resp)
	}
}

func (r *managedResource[M, P]) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var none, plan, configured M
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &configured)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, P(&plan).operationTimeouts().Create, &resp.Diagnostics)
	defer cancel()
	c := P(&plan).change(ctx, &none, &configured, &resp.Diagnostics)
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
	o, ok := r.readObject(ctx, project.ValueString(), P(&state).id(), &resp.Diagnostics)
	switch {
	case resp.Diagnostics.HasError():
	case !ok:
		setIdentity(ctx, resp.Identity, P(&state).id(), &resp.Diagnostics) // the framework wants it all the same
		resp.State.RemoveResource(ctx)
	default:
		P(&state).set(ctx, o, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
		setIdentity(ctx, resp.Identity, o.ID, &resp.Diagnostics)
	}
}

func (r *managedResource[M, P]) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
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

func (r *managedResource[M, P]) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, P(&state).operationTimeouts().Delete, &resp.Diagnostics)
	defer cancel()
	r.deleteObject(ctx, P(&state).id(), &resp.Diagnostics)
}

// usualTime is what an operation may take where no timeout says.
const defaultTimeout = 5 * time.Minute

// within limits an operation to its timeout.
func withTimeout(ctx context.Context, limit func(context.Context, time.Duration) (time.Duration, diag.Diagnostics), diags *diag.Diagnostics) (context.Context, context.CancelFunc) {
	d, wrong := limit(ctx, defaultTimeout)
	diags.Append(wrong...)
	return context.WithTimeout(ctx, d)
}

// Describe fills in the attributes of a resource as the backend has the object,
// for who lists objects rather than manages one.
func (r *managedResource[M, P]) Describe(ctx context.Context, o backend.Object, into *tfsdk.Resource, diags *diag.Diagnostics) {
	into.Raw = nullObject(into.Raw.Type())
	var m M
	diags.Append(into.Get(ctx, &m)...)
	P(&m).set(ctx, o, diags)
	if !diags.HasError() {
		diags.Append(into.Set(ctx, &m)...)
	}
}

// nothing is an object in which every attribute is null.
func nullObject(kind tftypes.Type) tftypes.Value {
	object, ok := kind.(tftypes.Object)
	if !ok {
		return tftypes.NewValue(kind, nil)
	}
	values := map[string]tftypes.Value{}
	for name, t := range object.AttributeTypes {
		values[name] = tftypes.NewValue(t, nil)
	}
	return tftypes.NewValue(kind, values)
}

// IdentitySchema implements resource.ResourceWithIdentity.
func (r *managedResource[M, P]) IdentitySchema(_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id": identityschema.StringAttribute{RequiredForImport: true, Description: "UUID of the object. It survives a rename."},
	}}
}

// identify sets the identity, which CLIs before 1.12 do not know.
func setIdentity(ctx context.Context, identity *tfsdk.ResourceIdentity, id string, diags *diag.Diagnostics) {
	if identity != nil {
		diags.Append(identity.SetAttribute(ctx, path.Root("id"), id)...)
	}
}
