// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
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

func timeoutsAttribute(ctx context.Context) schema.Attribute {
	a := timeouts.Attributes(ctx, timeouts.Opts{
		Create: true, Read: true, Update: true, Delete: true,
		CreateDescription: timeoutDescription, ReadDescription: timeoutDescription, UpdateDescription: timeoutDescription, DeleteDescription: timeoutDescription,
	})
	if nested, ok := a.(schema.SingleNestedAttribute); ok {
		nested.MarkdownDescription = "How long operations may take."
		return nested
	}
	return a
}

const timeoutDescription = "How long it may take, retries included, as `30s` or `2m`. Default: 5 minutes."

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
		Validators:          []validator.Map{mapvalidator.SizeAtMost(64), mapvalidator.NoNullValues(), mapvalidator.KeysAre(stringvalidator.LengthBetween(1, 256))},
	}
}

func projectAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true,
		MarkdownDescription: "Name of the project. Default: the provider's. Another project makes a new object; following the rename of the project does not.",
		Validators:          []validator.String{validateName("project")},
	}
}

func environmentAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: "Name of the environment, or `*` for an entry that all environments share. Another environment makes a new object; " +
			"following the rename of the environment does not.",
		Validators: []validator.String{validateName("environment", backend.AnyEnvironment)},
	}
}

// isName checks the name of something else, which is easily confused with its id.
func validateName(of string, others ...string) validator.String {
	return nameValidator{of, others}
}

type nameValidator struct {
	of     string
	others []string
}

func (v nameValidator) Description(context.Context) string {
	return "must be the name of the " + v.of + ", not its id"
}

func (v nameValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v nameValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	name := req.ConfigValue.ValueString()
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || slices.Contains(v.others, name) {
		return
	}
	switch err := backend.CheckName(backend.KindEnvironment, name); {
	case backend.IsID(name):
		resp.Diagnostics.AddAttributeError(req.Path, "An id instead of a name",
			fmt.Sprintf("This takes the name of the %[1]s, and %[2]q is an id.\n\nWrite pouncet_%[1]s.….name rather than .id.", v.of, name))
	case err != nil:
		resp.Diagnostics.AddAttributeError(req.Path, "Not a name of "+withArticle(v.of), fmt.Sprintf("%s is not allowed: %s.", backend.Quote(name), err.Hint))
	}
}

func withArticle(noun string) string {
	if strings.ContainsAny(noun[:1], "aeiou") {
		return "an " + noun
	}
	return "a " + noun
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

// planProject gives a resource that names no project the provider's.
func (o *objectResource) planDefaultProject(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var configured types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("project"), &configured)...)
	if !resp.Diagnostics.HasError() && configured.IsNull() {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("project"), o.session.Project)...)
	}
}

func split(id string) []string { return strings.Split(id, "/") }

// labels turns a map attribute into labels: nil when they are as before or
// not all known, empty when they are to go.
func changedLabels(before, planned types.Map) map[string]string {
	if planned.IsUnknown() || before.Equal(planned) {
		return nil
	}
	out := map[string]string{}
	for k, v := range planned.Elements() {
		if v.IsUnknown() {
			return nil
		}
		out[k] = v.(types.String).ValueString()
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
