// SPDX-License-Identifier: MPL-2.0

package actions

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

type deployDraft struct{ session *session.Session }

var (
	_ action.ActionWithConfigure  = (*deployDraft)(nil)
	_ action.ActionWithModifyPlan = (*deployDraft)(nil)
)

// NewDeployDraft returns the action pouncet_deploy_draft.
func NewDeployDraft() action.Action { return &deployDraft{} }

type deployDraftModel struct {
	Name         types.String `tfsdk:"name"`
	Project      types.String `tfsdk:"project"`
	Revision     types.Int64  `tfsdk:"revision"`
	AllowDestroy types.Bool   `tfsdk:"allow_destroy"`
}

func (*deployDraft) Metadata(_ context.Context, _ action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = "pouncet_deploy_draft"
}

func (*deployDraft) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Makes all changes of a draft, or none, and removes the draft. `pouncet draft show` says " +
			"what the draft changes. The plan fails if the draft does not exist, if one of its changes breaks a rule, or if " +
			"one of its objects was changed since. Requires Terraform 1.14 or later.",
		Attributes: map[string]schema.Attribute{
			"name": schema.StringAttribute{
				Required: true, MarkdownDescription: "Name or UUID of the draft.",
			},
			"project": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Name of the project. Defaults to the project of the provider.",
			},
			"revision": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "Revision of the draft that was reviewed, as `pouncet draft show --json` prints it. The " +
					"action fails if the draft has another one.",
				Validators: []validator.Int64{int64validator.AtLeast(1)},
			},
			"allow_destroy": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Whether a draft is deployed that deletes something permanently, or an environment with " +
					"everything in it. Defaults to `false`.",
			},
		},
	}
}

func (a *deployDraft) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	a.session = session.From(req.ProviderData, &resp.Diagnostics)
}

// model returns the arguments, or false if one of them is not known yet.
func (a *deployDraft) model(
	ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics,
) (m deployDraftModel, known bool) {
	diags.Append(config.Get(ctx, &m)...)
	if diags.HasError() {
		return m, false
	}
	for _, v := range []attr.Value{m.Name, m.Project, m.Revision, m.AllowDestroy} {
		if v.IsUnknown() {
			return m, false
		}
	}
	return m, true
}

// change returns the change that deploys the draft.
func (a *deployDraft) change(m deployDraftModel) backend.Change {
	c := backend.Change{Op: backend.OpDeploy, Kind: backend.KindDraft, Expect: m.Revision.ValueInt64Pointer()}
	if name := m.Name.ValueString(); backend.IsID(name) {
		c.ID, c.Project = name, m.Project.ValueString()
	} else {
		c.Name, c.Project = name, a.session.ProjectOr(m.Project.ValueString())
	}
	return c
}

// try returns what deploying would do. It returns an error for a draft that the action may not deploy.
func (a *deployDraft) try(ctx context.Context, m deployDraftModel) (backend.Outcome, error) {
	out, err := a.session.Service.Apply(ctx, backend.ChangeSet{DryRun: true, Changes: []backend.Change{a.change(m)}})
	if err != nil {
		return backend.Outcome{}, err
	}
	if out[0].Err != nil {
		return out[0], out[0].Err
	}
	var destroyed []string
	for _, p := range out[0].Parts {
		if how := p.Change.Staged.Destroys(); how != backend.DestroysNothing {
			destroyed = append(destroyed, partLabel(p.Change)+" "+string(how))
		}
	}
	if len(destroyed) > 0 && !m.AllowDestroy.ValueBool() {
		return out[0], backend.Errorf(backend.CodeInvalid, "draft %s deletes %s", backend.Quote(out[0].Object.Name),
			strings.Join(destroyed, ", ")).
			WithHint("set allow_destroy = true, or leave it out of the draft").At("allow_destroy")
	}
	return out[0], nil
}

// ModifyPlan checks whether the backend would refuse to deploy the draft.
func (a *deployDraft) ModifyPlan(
	ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse,
) {
	if a.session == nil {
		return
	}
	defer a.session.WarnBeforeDestroy(&resp.Diagnostics)
	m, known := a.model(ctx, req.Config, &resp.Diagnostics)
	if !known {
		return
	}
	out, err := a.try(ctx, m)
	if err != nil {
		reportDeployment(&resp.Diagnostics, err)
		return
	}
	a.warnOfConfiguration(out, &resp.Diagnostics)
}

// warnOfConfiguration warns if the next plan would set back what the draft changes.
func (a *deployDraft) warnOfConfiguration(out backend.Outcome, diags *diag.Diagnostics) {
	var undone []string
	for _, p := range out.Parts {
		configured := p.Object.ManagedBy == a.session.ManagedBy && p.Action != backend.ActionUnchanged &&
			!slices.Equal(p.Changed, []string{"value"})
		if configured || slices.Contains(p.Changed, "value") && a.session.Plan.HasConfiguredValue(p.Object.ID) {
			undone = append(undone, partLabel(p.Change))
		}
	}
	if len(undone) == 0 {
		return
	}
	diags.AddWarning("Configuration undoes the draft", fmt.Sprintf(
		"Draft %s changes what the configuration declares: %s. The next plan finds it different, and sets it back.\n\n"+
			"Change the configuration too, or leave it out of the draft.", backend.Quote(out.Object.Name),
		strings.Join(undone, ", ")))
}

// Invoke deploys the draft as it is tried now: a change that is staged in between is not deployed.
func (a *deployDraft) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	m, known := a.model(ctx, req.Config, &resp.Diagnostics)
	if !known {
		return
	}
	a.session.Plan.BeginApply()
	trial, err := a.try(ctx, m)
	if err != nil {
		reportDeployment(&resp.Diagnostics, err)
		return
	}
	c := a.change(m)
	c.Expect = &trial.Object.Revision
	out, err := a.session.Service.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}, IdempotencyKey: rand.Text()})
	if err != nil {
		reportDeployment(&resp.Diagnostics, err)
		return
	}
	counts := map[backend.Action]int{}
	for _, p := range out[0].Parts {
		counts[p.Action]++
		if p.Action == backend.ActionUpdate {
			a.session.RecordOwnWrite(p.Object.ID, p.Object.Edition)
		}
	}
	resp.SendProgress(action.InvokeProgressEvent{Message: fmt.Sprintf("draft %s is deployed: %s",
		backend.Quote(trial.Object.Name), countsText(counts))})
}

// countsText says what was made: "2 created, 1 deleted".
func countsText(counts map[backend.Action]int) string {
	var parts []string
	for _, c := range []struct {
		action backend.Action
		text   string
	}{
		{backend.ActionCreate, "created"}, {backend.ActionUpdate, "updated"}, {backend.ActionDelete, "deleted"},
		{backend.ActionUnchanged, "unchanged"},
	} {
		if n := counts[c.action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, c.text))
		}
	}
	return strings.Join(parts, ", ")
}

// partLabel names the object of a change of a draft.
func partLabel(o backend.Object) string {
	label := o.Staged.Kind.String() + " " + backend.Quote(o.Name)
	if o.Environment != "" {
		label += " in " + o.Environment
	}
	return label
}

func reportDeployment(diags *diag.Diagnostics, err error) {
	paths := session.RootPaths("project", "name", "revision", "allow_destroy")
	paths["draft"] = path.Root("name")
	session.Report(diags, "Deploying the draft", err, paths)
}
