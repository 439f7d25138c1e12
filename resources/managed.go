package resources

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

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
}

// asker is a model that makes another change to ask about while planning than
// the one that it makes when the plan is settled.
type asker interface{ ask() }

// managed is the four operations, and the plan, of a resource with model M.
type managed[M any, P model[M]] struct {
	object
	inProject     bool // it has a project attribute
	inEnvironment bool // it has an environment attribute
	// planned, if set, is told what a dry run said, to adjust the plan.
	planned func(ctx context.Context, plan, before *M, out backend.Outcome, resp *resource.ModifyPlanResponse)
}

func (r *managed[M, P]) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.session == nil {
		return
	}
	var before, plan, configured M
	if !req.State.Raw.IsNull() {
		resp.Diagnostics.Append(req.State.Get(ctx, &before)...)
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if req.Plan.Raw.IsNull() {
		r.planRemoval(ctx, P(&before).id(), &resp.Diagnostics)
		return
	}
	if r.inProject {
		r.planPlace(ctx, req, resp, r.inEnvironment)
	}
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &configured)...)
	if resp.Diagnostics.HasError() || !P(&plan).complete(&configured) {
		return
	}
	if len(resp.RequiresReplace) > 0 {
		var none M
		before = none
	}
	question := plan
	if a, ok := any(&question).(asker); ok {
		a.ask()
	}
	c := P(&question).change(ctx, &before, &configured, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if out, ok := r.dryRun(ctx, c, &resp.Diagnostics); ok && r.planned != nil {
		r.planned(ctx, &plan, &before, out, resp)
	}
}

func (r *managed[M, P]) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var none, plan, configured M
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &configured)...)
	if resp.Diagnostics.HasError() {
		return
	}
	c := P(&plan).change(ctx, &none, &configured, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if o, ok := r.apply(ctx, "Creating", c, &resp.Diagnostics); ok {
		P(&plan).set(ctx, o, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

func (r *managed[M, P]) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	o, ok := r.read(ctx, P(&state).id(), &resp.Diagnostics)
	switch {
	case resp.Diagnostics.HasError():
	case !ok:
		resp.State.RemoveResource(ctx)
	default:
		P(&state).set(ctx, o, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
	}
}

func (r *managed[M, P]) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var before, plan, configured M
	resp.Diagnostics.Append(req.State.Get(ctx, &before)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &configured)...)
	if resp.Diagnostics.HasError() {
		return
	}
	c := P(&plan).change(ctx, &before, &configured, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	if o, ok := r.apply(ctx, "Updating", c, &resp.Diagnostics); ok {
		P(&plan).set(ctx, o, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	}
}

func (r *managed[M, P]) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if !resp.Diagnostics.HasError() {
		r.remove(ctx, P(&state).id(), &resp.Diagnostics)
	}
}
