// SPDX-License-Identifier: MPL-2.0

// Package actions holds the provider's actions (Terraform 1.14 or later): what
// is done once, when asked, and leaves nothing in the state.
package actions

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

type rotateSecret struct{ session *session.Session }

var (
	_ action.ActionWithConfigure  = (*rotateSecret)(nil)
	_ action.ActionWithModifyPlan = (*rotateSecret)(nil)
)

// NewRotateSecret makes the action pouncet_rotate_secret.
func NewRotateSecret() action.Action { return &rotateSecret{} }

type rotateSecretModel struct {
	ID          types.String `tfsdk:"id"`
	Project     types.String `tfsdk:"project"`
	Environment types.String `tfsdk:"environment"`
	Scope       types.String `tfsdk:"scope"`
	Name        types.String `tfsdk:"name"`
	Length      types.Int64  `tfsdk:"length"`
	Alphabet    types.String `tfsdk:"alphabet"`
}

func (*rotateSecret) Metadata(_ context.Context, _ action.MetadataRequest, resp *action.MetadataResponse) {
	resp.TypeName = "pouncet_rotate_secret"
}

func (*rotateSecret) Schema(_ context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	byID := stringvalidator.ConflictsWith(path.MatchRoot("project"), path.MatchRoot("environment"), path.MatchRoot("scope"), path.MatchRoot("name"))
	resp.Schema = schema.Schema{
		MarkdownDescription: "Makes a new value for a secret in the backend: random, and seen by nobody. The value before stays to be had as version `previous`, " +
			"for a rotation with overlap. Terraform 1.14 or later.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{
				Optional: true, MarkdownDescription: "UUID of the secret. Either this, or `name` and `environment`.",
				Validators: []validator.String{byID, stringvalidator.AtLeastOneOf(path.MatchRoot("id"), path.MatchRoot("name"))},
			},
			"project":     schema.StringAttribute{Optional: true, MarkdownDescription: "Name of the project. Default: the provider's."},
			"environment": schema.StringAttribute{Optional: true, MarkdownDescription: "Name of the environment, or `*`."},
			"scope":       schema.StringAttribute{Optional: true, MarkdownDescription: "`project` (the default), `app/<name>` or `pipeline/<name>`."},
			"name": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Name of the secret.",
				Validators: []validator.String{stringvalidator.AlsoRequires(path.MatchRoot("environment"))},
			},
			"length": schema.Int64Attribute{
				Optional: true, MarkdownDescription: "Characters, 8 to 1024. Default: 32, or what the type's schema allows nearest to that.",
				Validators: []validator.Int64{int64validator.Between(8, 1024)},
			},
			"alphabet": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Characters to draw from, 10 to 1024 different ones. Default: letters and digits.",
				Validators: []validator.String{stringvalidator.LengthBetween(10, 4096)},
			},
		},
	}
}

func (a *rotateSecret) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	a.session = session.From(req.ProviderData, &resp.Diagnostics)
}

var paths = session.Paths{
	"project": path.Root("project"), "environment": path.Root("environment"), "scope": path.Root("scope"), "name": path.Root("name"), "generate": path.Root("length"),
}

// change is what the action does; false while not all of it is known.
func (a *rotateSecret) change(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) (backend.Change, bool) {
	var m rotateSecretModel
	diags.Append(config.Get(ctx, &m)...)
	c := backend.Change{
		Op: backend.OpUpdate, Kind: backend.KindSecret, ID: m.ID.ValueString(),
		Generate: &backend.Generate{Length: int(m.Length.ValueInt64()), Alphabet: m.Alphabet.ValueString()},
	}
	if c.ID == "" {
		c.Project, c.Environment, c.Scope, c.Name = a.session.ProjectOr(m.Project.ValueString()), m.Environment.ValueString(), m.Scope.ValueString(), m.Name.ValueString()
	}
	unknown := m.ID.IsUnknown() || m.Project.IsUnknown() || m.Environment.IsUnknown() || m.Scope.IsUnknown() || m.Name.IsUnknown() || m.Length.IsUnknown() || m.Alphabet.IsUnknown()
	return c, !unknown && !diags.HasError()
}

// ModifyPlan asks whether the action would be refused. A secret that is not
// there yet may be made before the action is invoked.
func (a *rotateSecret) ModifyPlan(ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	if a.session == nil {
		return
	}
	c, ok := a.change(ctx, req.Config, &resp.Diagnostics)
	if !ok {
		return
	}
	out, err := a.session.Service.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}, DryRun: true})
	if err == nil && out[0].Err != nil && out[0].Err.Code != backend.CodeNotFound {
		err = out[0].Err
	}
	if err != nil {
		session.Report(&resp.Diagnostics, "Rotating the secret", err, paths)
	}
}

func (a *rotateSecret) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	c, ok := a.change(ctx, req.Config, &resp.Diagnostics)
	if !ok {
		return
	}
	out, err := a.session.Service.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}, IdempotencyKey: rand.Text()})
	if err != nil {
		session.Report(&resp.Diagnostics, "Rotating the secret", err, paths)
		return
	}
	o := out[0].Object
	resp.SendProgress(action.InvokeProgressEvent{Message: fmt.Sprintf("secret %s in %s is now at version %d", o.Name, o.Environment, o.Version)})
}
