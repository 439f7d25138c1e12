// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Attributes that several resources have.

func idAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Computed:            true,
		MarkdownDescription: "UUID of the object. It does not change when the object is renamed.",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

func createdAtAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Computed:            true,
		MarkdownDescription: "Time at which the object was created (RFC 3339, UTC).",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

func managedByAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Computed: true,
		MarkdownDescription: "What owns the object: `terraform`, or `terraform:NAME` with the provider's `configuration`. " +
			"Every change of the object sets it. With `configuration`, the plan takes over an imported object by changing it.",
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

func timeoutsAttribute(ctx context.Context) schema.Attribute {
	const description = "Time that the operation may take, including retries, for example `30s` or `2m`. Defaults to " +
		"`5m`."
	a := timeouts.Attributes(ctx, timeouts.Opts{
		Create: true, Read: true, Update: true, Delete: true,
		CreateDescription: description, ReadDescription: description, UpdateDescription: description,
		DeleteDescription: description,
	})
	if nested, ok := a.(schema.SingleNestedAttribute); ok {
		nested.MarkdownDescription = "Timeouts of the operations."
		return nested
	}
	return a
}

func nameAttribute(kind backend.Kind, description string) schema.StringAttribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: description + " 1 to 256 letters, digits, `_` and `-`, not starting with `-`. Changing " +
			"it renames the object in place.",
		Validators: []validator.String{validName(kind)},
	}
}

func descriptionAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional:            true,
		MarkdownDescription: "Description of the object, at most 4096 bytes.",
		Validators:          []validator.String{stringvalidator.LengthBetween(1, 4096)},
	}
}

func labelsAttribute() schema.MapAttribute {
	return schema.MapAttribute{
		Optional: true, ElementType: types.StringType,
		MarkdownDescription: "Labels of the object: at most 64, with keys and values of at most 256 bytes.",
		Validators: []validator.Map{
			mapvalidator.SizeAtMost(64), mapvalidator.NoNullValues(),
			mapvalidator.KeysAre(stringvalidator.LengthBetween(1, 256)),
		},
	}
}

func projectAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true,
		MarkdownDescription: "Name of the project. Defaults to the project of the provider. Another project forces a " +
			"new resource. A new name of the same project does not.",
		Validators: []validator.String{nameOf(backend.KindProject)},
	}
}

func environmentAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Required: true,
		MarkdownDescription: "Name of the environment, or `*` for an entry that all environments share. Another " +
			"environment forces a new resource. A new name of the same environment does not.",
		Validators: []validator.String{nameOf(backend.KindEnvironment, backend.AnyEnvironment)},
	}
}

func environmentIDAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Computed:            true,
		MarkdownDescription: "UUID of the environment, or `*`. It does not change when the environment is renamed.",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
	}
}

func scopeAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true, Default: stringdefault.StaticString(backend.ProjectScope),
		MarkdownDescription: "Scope of the entry: `project` (the whole project sees it), `app/<name>` or " +
			"`pipeline/<name>`. Defaults to `project`. Changing it forces a new resource.",
		PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
		Validators:    []validator.String{validScope},
	}
}
