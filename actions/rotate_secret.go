// SPDX-License-Identifier: MPL-2.0

// Package actions holds the provider's actions (Terraform 1.14 or later). An action runs once when it is invoked, and
// leaves nothing in the state.
package actions

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
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
	"github.com/pouncet/terraform-provider-pouncet/resources"
)

type rotateSecret struct{ session *session.Session }

var (
	_ action.ActionWithConfigure  = (*rotateSecret)(nil)
	_ action.ActionWithModifyPlan = (*rotateSecret)(nil)
)

// NewRotateSecret returns the action pouncet_rotate_secret.
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
	idOnly := stringvalidator.ConflictsWith(
		path.MatchRoot("project"), path.MatchRoot("environment"), path.MatchRoot("scope"), path.MatchRoot("name"))
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lets the backend generate a new random value for a secret, which nobody sees. The " +
			"previous value remains available as version `previous`, so that both are accepted during a rotation. " +
			"Requires Terraform 1.14 or later.\n\n" +
			"A resource that takes over the value of the secret (`at_version`) gets the new value in the same apply if the " +
			"action has the event `before_update` of the secret, or of a resource that the secret refers to. With " +
			"`after_update`, Terraform can apply that resource before the action. It then gets the new value in the next " +
			"apply.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{
				Optional: true, MarkdownDescription: "UUID of the secret. Either `id`, or `name` and `environment`, " +
					"are required.",
				Validators: []validator.String{
					idOnly, stringvalidator.AtLeastOneOf(path.MatchRoot("id"), path.MatchRoot("name")),
				},
			},
			"project": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Name of the project. Defaults to the project of the provider.",
			},
			"environment": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Name of the environment, or `*`. Required with `name`.",
			},
			"scope": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Scope of the secret: `project`, `app/<name>` or `pipeline/<name>`. Defaults to " +
					"`project`.",
			},
			"name": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Name of the secret.",
				Validators: []validator.String{stringvalidator.AlsoRequires(path.MatchRoot("environment"))},
			},
			"length": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "Number of characters. Between 8 and 1024. Defaults to `32`, or to the nearest " +
					"length that the schema of the type allows.",
				Validators: []validator.Int64{int64validator.Between(8, 1024)},
			},
			"alphabet": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Characters to choose from, 10 to 1024 different ones. Defaults to the letters " +
					"and digits of ASCII.",
				Validators: []validator.String{resources.ValidAlphabet},
			},
		},
	}
}

func (a *rotateSecret) Configure(_ context.Context, req action.ConfigureRequest, resp *action.ConfigureResponse) {
	a.session = session.From(req.ProviderData, &resp.Diagnostics)
}

// change returns the change that the action makes, or false if an argument is not known yet.
func (a *rotateSecret) change(
	ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics,
) (backend.Change, bool) {
	var m rotateSecretModel
	diags.Append(config.Get(ctx, &m)...)
	if diags.HasError() {
		return backend.Change{}, false
	}
	for _, v := range []attr.Value{m.ID, m.Project, m.Environment, m.Scope, m.Name, m.Length, m.Alphabet} {
		if v.IsUnknown() {
			return backend.Change{}, false
		}
	}
	c := backend.Change{
		Op: backend.OpUpdate, Kind: backend.KindSecret, ID: m.ID.ValueString(),
		Generate: &backend.Generate{Length: int(m.Length.ValueInt64()), Alphabet: m.Alphabet.ValueString()},
	}
	if c.ID == "" {
		c.Project, c.Environment = a.session.ProjectOr(m.Project.ValueString()), m.Environment.ValueString()
		c.Scope, c.Name = m.Scope.ValueString(), m.Name.ValueString()
	}
	return c, true
}

// ModifyPlan checks whether the backend would refuse the rotation. A missing name is only a warning, because the apply
// may create the secret before it invokes the action. It cannot create one with an id that is known now.
func (a *rotateSecret) ModifyPlan(
	ctx context.Context, req action.ModifyPlanRequest, resp *action.ModifyPlanResponse,
) {
	if a.session == nil {
		return
	}
	defer a.session.WarnBeforeDestroy(&resp.Diagnostics)
	c, known := a.change(ctx, req.Config, &resp.Diagnostics)
	if !known {
		return
	}
	out, err := a.session.Service.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{c}, DryRun: true})
	if err == nil && out[0].Err != nil {
		err = out[0].Err
	}
	switch {
	case err == nil:
		a.warnOfLoop(out[0].Object, &resp.Diagnostics)
	case errors.Is(err, backend.ErrNotFound) && c.ID == "":
		ref := backend.Ref{
			Kind: backend.KindSecret, Project: c.Project, Environment: c.Environment, Scope: c.Scope, Name: c.Name,
		}
		planned, outage := a.session.Plan.WillProvide(ctx, ref)
		if outage != nil {
			report(&resp.Diagnostics, outage)
			return
		}
		if !planned {
			session.Warn(&resp.Diagnostics, "Rotating the secret", err,
				session.RootPaths("project", "environment", "scope", "name"))
		}
	default:
		report(&resp.Diagnostics, err)
	}
}

// warnOfLoop warns if the next plan would set the rotated value back.
func (a *rotateSecret) warnOfLoop(o backend.Object, diags *diag.Diagnostics) {
	if !a.session.Plan.HasConfiguredValue(o.ID) {
		return
	}
	diags.AddWarning("Rotated value does not last", fmt.Sprintf(
		"The configuration sets the value of secret %s with value_wo. The next plan finds the rotated value different, and "+
			"sets it back. An action that this update triggers then rotates it again, in every apply.\n\n"+
			"Let the backend generate the value (generate instead of value_wo), or set value_wo_version.",
		backend.Quote(o.Name)))
}

func (a *rotateSecret) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	c, known := a.change(ctx, req.Config, &resp.Diagnostics)
	if !known {
		return
	}
	a.session.Plan.BeginApply()
	out, err := a.session.Service.Apply(ctx, backend.ChangeSet{
		Changes: []backend.Change{c}, IdempotencyKey: rand.Text(),
	})
	if err != nil {
		report(&resp.Diagnostics, hintAfterCreate(err))
		return
	}
	o := out[0].Object
	a.session.RecordOwnWrite(o.ID, o.Edition)
	resp.SendProgress(action.InvokeProgressEvent{Message: fmt.Sprintf("secret %s in environment %s now has version %d",
		backend.Quote(o.Name), backend.Quote(o.Environment), o.Version)})
}

// hintAfterCreate says why a secret can be missing that the same apply creates: Terraform does not tell the plan of an
// action which event invokes it.
func hintAfterCreate(err error) error {
	if !errors.Is(err, backend.ErrNotFound) {
		return err
	}
	e := *backend.AsError(err)
	if e.Hint != "" {
		e.Hint += "; "
	}
	return e.WithHint("%sif the action has the event before_create, use after_create: the secret does not exist before",
		e.Hint)
}

func report(diags *diag.Diagnostics, err error) {
	paths := session.RootPaths("project", "environment", "scope", "name")
	paths["generate"] = path.Root("length")
	session.Report(diags, "Rotating the secret", err, paths)
}
