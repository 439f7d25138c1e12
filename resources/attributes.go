package resources

import (
	"context"
	"maps"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The attributes that several resources have.

func idAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Computed:            true,
		MarkdownDescription: "UUID of the object. It survives a rename.",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

func createdAtAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Computed:            true,
		MarkdownDescription: "When it was made (RFC 3339, UTC).",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

func nameAttribute(what string) schema.StringAttribute {
	return schema.StringAttribute{
		Required:            true,
		MarkdownDescription: what + " 1 to 256 letters, digits, `_` and `-`, not beginning with `-`. A change renames in place.",
		Validators: []validator.String{
			stringvalidator.RegexMatches(regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,255}$`),
				"must be 1 to 256 letters, digits, _ and -, not beginning with -"),
		},
	}
}

func descriptionAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional:            true,
		MarkdownDescription: "What it is for. At most 4096 bytes.",
		Validators:          []validator.String{stringvalidator.LengthBetween(1, 4096)},
	}
}

func labelsAttribute() schema.MapAttribute {
	return schema.MapAttribute{
		Optional: true, ElementType: types.StringType,
		MarkdownDescription: "Labels: at most 64, keys and values of at most 256 bytes.",
	}
}

func projectAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true,
		MarkdownDescription: "Name of the project. Default: the provider's. A change makes a new object.",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown(), stringplanmodifier.RequiresReplaceIfConfigured()},
	}
}

func environmentAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: "Name of the environment, or `*` for an entry that all environments share. Moving to another environment makes a new object; " +
			"following the rename of the environment does not.",
		Validators: []validator.String{stringvalidator.LengthAtLeast(1)},
	}
}

func environmentIDAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Computed:            true,
		MarkdownDescription: "UUID of the environment, or `*`. It survives a rename of the environment.",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

func scopeAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true, Default: stringdefault.StaticString(backend.ProjectScope),
		MarkdownDescription: "Who sees it: `project` (all of it), `app/<name>` or `pipeline/<name>`. A change makes a new object.",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
		Validators: []validator.String{
			stringvalidator.RegexMatches(regexp.MustCompile(`^(project|(app|pipeline)/[A-Za-z0-9_][A-Za-z0-9_-]{0,255})$`),
				"must be project, app/<name> or pipeline/<name>"),
		},
	}
}

// planPlace settles, while Terraform plans, the project of a resource that
// names none, and whether another environment's name is a move or a rename.
func (o *object) planPlace(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, hasEnvironment bool) {
	var configured, planned, before types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("project"), &configured)...)
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("project"), &planned)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if configured.IsNull() && planned.IsUnknown() {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("project"), o.session.Project)...)
	}
	if configured.IsNull() && !req.State.Raw.IsNull() && !backend.IsID(o.session.Project) {
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("project"), &before)...)
		if before.ValueString() != o.session.Project {
			resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("project"), o.session.Project)...)
			resp.RequiresReplace = append(resp.RequiresReplace, path.Root("project"))
		}
	}
	if hasEnvironment && !req.State.Raw.IsNull() {
		o.planEnvironment(ctx, req, resp)
	}
}

// planEnvironment replaces an entry whose environment changes, unless the new
// name is one that the same environment is being given: then no environment
// bears it yet, or this very one does.
func (o *object) planEnvironment(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var before, planned, id, project types.String
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("environment"), &before)...)
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("environment_id"), &id)...)
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("project"), &project)...)
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("environment"), &planned)...)
	if resp.Diagnostics.HasError() || before.Equal(planned) || planned.IsUnknown() {
		return
	}
	move := planned.ValueString() == backend.AnyEnvironment || id.ValueString() == backend.AnyEnvironment
	if !move {
		page, err := o.session.Service.Query(ctx, backend.Query{Kind: backend.KindEnvironment, Project: project.ValueString(), Name: planned.ValueString()})
		if err != nil {
			return // the dry run says the same, and better
		}
		move = len(page.Objects) > 0 && page.Objects[0].ID != id.ValueString()
	}
	if move {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("environment"))
	}
}

func split(id string) []string { return strings.Split(id, "/") }

// labels turns a map attribute into labels: nil when they are as before, empty
// when they are to go.
func labels(ctx context.Context, before, planned types.Map, diags *diag.Diagnostics) map[string]string {
	if planned.IsUnknown() || before.Equal(planned) {
		return nil
	}
	out := map[string]string{}
	if !planned.IsNull() {
		diags.Append(planned.ElementsAs(ctx, &out, false)...)
	}
	return out
}

// labelsValue is the attribute for labels. No labels are null, unless the
// configuration says an empty map.
func labelsValue(ctx context.Context, have map[string]string, before types.Map, diags *diag.Diagnostics) types.Map {
	if len(have) == 0 && len(before.Elements()) == 0 {
		if before.IsUnknown() {
			return types.MapNull(types.StringType)
		}
		return before
	}
	value, d := types.MapValueFrom(ctx, types.StringType, maps.Clone(have))
	diags.Append(d...)
	return value
}
