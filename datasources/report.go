// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/report"
	"github.com/pouncet/terraform-provider-pouncet/provider/filter"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// reportSource is the data source of the secrets that need attention.
type reportSource struct{ session *session.Session }

var _ datasource.DataSourceWithConfigure = (*reportSource)(nil)

// NewReport returns the data source pouncet_report.
func NewReport() datasource.DataSource { return &reportSource{} }

func (*reportSource) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "pouncet_report"
}

func (d *reportSource) Configure(
	_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse,
) {
	d.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (*reportSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	var names []string
	text := ""
	for i, k := range report.Kinds {
		names = append(names, k.Name())
		if i > 0 {
			text += ", "
		}
		text += "`" + k.Name() + "`"
	}
	days := func(description string) schema.Int64Attribute {
		return schema.Int64Attribute{Optional: true, MarkdownDescription: description,
			Validators: []validator.Int64{int64validator.Between(0, filter.MaxDays)}}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the secrets of a project that need attention: those that have expired or will soon, " +
			"whose rotation is due, that some environments lack, that nobody resolves, that no registered file uses, and that " +
			"have the same value as another one. It has no value. Values are compared only among the secrets whose values the " +
			"provider may have, and only if `same-value` is wanted.",
		Attributes: map[string]schema.Attribute{
			"project": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Name of the project. Defaults to the project of the provider.",
			},
			"environment": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Reports only secrets of exactly this environment, or with `*` those that all share.",
			},
			"scope": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Reports only secrets of exactly this scope: `project`, `app/<name>` or " +
					"`pipeline/<name>`.",
			},
			"kinds": schema.ListAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Reports only these findings: " + text + ". Defaults to all.",
				Validators: []validator.List{listvalidator.SizeAtLeast(1),
					listvalidator.ValueStringsAre(stringvalidator.OneOf(names...))},
			},
			filter.Expiring: days("Number of days within which a secret is reported as `expiring`. Defaults to 30."),
			filter.Unused: days("Number of days after which a secret that nobody has resolved is reported as `unused`. " +
				"Defaults to 90."),
			"findings": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "Findings, the most urgent first.",
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"kind":             resultText("Why the secret needs attention, as in `kinds`."),
					"name":             resultText("Name of the secret."),
					"environment":      resultText("Name of its environment, or `*`."),
					"scope":            resultText("Scope of the secret."),
					"id":               resultText("UUID of the secret. Null for a secret that is missing."),
					"at":               resultText("Time at which it expires, or since when its rotation is due (RFC 3339, UTC)."),
					"last_resolved_at": resultText("Time at which a value was last returned (RFC 3339, UTC), to within two minutes."),
					"last_resolved_by": resultText("Name of the principal that got it."),
					"same_as": schema.ListAttribute{Computed: true, ElementType: types.StringType,
						MarkdownDescription: "UUIDs of the first secrets with the same value, at most 10."},
				}},
			},
			"not_compared": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Number of secrets whose values the provider may not have, and did not compare.",
			},
			"resolved_since": resultText("Time since when the backend notes which secrets are resolved (RFC 3339, UTC)."),
		},
	}
}

func resultText(description string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: description}
}

var findingType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"kind": types.StringType, "name": types.StringType, "environment": types.StringType, "scope": types.StringType,
	"id": types.StringType, "at": types.StringType, "last_resolved_at": types.StringType,
	"last_resolved_by": types.StringType,
	"same_as":          types.ListType{ElemType: types.StringType},
}}

func findingValue(f report.Finding) attr.Value {
	same := []attr.Value{}
	for _, o := range f.Others {
		same = append(same, types.StringValue(o.ID))
	}
	return types.ObjectValueMust(findingType.AttrTypes, map[string]attr.Value{
		"kind": types.StringValue(f.Kind.Name()), "name": types.StringValue(f.Name),
		"environment": types.StringValue(f.Environment), "scope": types.StringValue(f.Scope), "id": optionalString(f.ID),
		"at": timeValue(f.At), "last_resolved_at": timeValue(f.LastResolvedAt),
		"last_resolved_by": optionalString(f.LastResolvedBy), "same_as": types.ListValueMust(types.StringType, same),
	})
}

func timeValue(t time.Time) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(time.RFC3339))
}

func (d *reportSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	defer d.session.WarnBeforeDestroy(&resp.Diagnostics)
	resp.State.Raw = req.Config.Raw // the arguments stay as configured
	o := d.options(ctx, req, resp)
	if resp.Diagnostics.HasError() {
		return
	}
	r, err := report.Make(ctx, d.session.Service, o)
	if err != nil {
		session.Report(&resp.Diagnostics, "Making the report", err, session.RootPaths("project", "environment", "scope"))
		return
	}
	findings := make([]attr.Value, len(r.Findings))
	for i, f := range r.Findings {
		findings[i] = findingValue(f)
	}
	for name, value := range map[string]attr.Value{
		"findings":     types.ListValueMust(findingType, findings),
		"not_compared": types.Int64Value(int64(r.NotCompared)), "resolved_since": timeValue(r.ResolvedSince),
	} {
		resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(name), value)...)
	}
}

// options reads the arguments.
func (d *reportSource) options(
	ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse,
) report.Options {
	argument := func(name string) string {
		var v types.String
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(name), &v)...)
		return v.ValueString()
	}
	days := func(name string, otherwise time.Duration) time.Duration {
		var v types.Int64
		resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root(name), &v)...)
		if v.IsNull() {
			return otherwise
		}
		return time.Duration(v.ValueInt64()) * 24 * time.Hour
	}
	o := report.Options{Project: d.session.ProjectOr(argument("project")), Environment: argument("environment"),
		Scope: argument("scope"), ExpiresIn: days(filter.Expiring, report.DefaultExpiresIn),
		Unused: days(filter.Unused, report.DefaultUnused), Now: time.Now()}
	if o.Scope != "" {
		if err := backend.CheckScope(o.Scope); err != nil {
			resp.Diagnostics.AddAttributeError(path.Root("scope"), "Invalid scope", session.Detail(err))
		}
	}
	var kinds []string
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("kinds"), &kinds)...)
	for _, name := range kinds {
		if kind, err := report.ParseKind(name); err == nil { // a validator has refused others
			o.Kinds = append(o.Kinds, kind)
		}
	}
	return o
}
