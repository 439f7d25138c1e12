package resources

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

type secret struct {
	managed[secretModel, *secretModel]
}

var (
	_ resource.ResourceWithConfigure   = (*secret)(nil)
	_ resource.ResourceWithImportState = (*secret)(nil)
	_ resource.ResourceWithModifyPlan  = (*secret)(nil)
)

// NewSecret makes the resource pouncet_secret.
func NewSecret() resource.Resource {
	r := &secret{managed[secretModel, *secretModel]{}}
	r.kind, r.inProject = backend.KindSecret, true
	r.paths = pathsOf("project", "environment", "scope", "name", "description", "labels", "type", "visibility")
	r.paths["value"] = path.Root("value_wo")
	r.planned = planVersion
	return r
}

type secretModel struct {
	ID             types.String `tfsdk:"id"`
	Project        types.String `tfsdk:"project"`
	Environment    types.String `tfsdk:"environment"`
	EnvironmentID  types.String `tfsdk:"environment_id"`
	Scope          types.String `tfsdk:"scope"`
	Name           types.String `tfsdk:"name"`
	Type           types.String `tfsdk:"type"`
	Description    types.String `tfsdk:"description"`
	Labels         types.Map    `tfsdk:"labels"`
	Visibility     types.String `tfsdk:"visibility"`
	ValueWO        types.String `tfsdk:"value_wo"`
	ValueWOVersion types.Int64  `tfsdk:"value_wo_version"`
	Version        types.Int64  `tfsdk:"version"`
	CreatedAt      types.String `tfsdk:"created_at"`
}

func (*secret) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_secret"
}

func (*secret) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A secret. Its value enters by the write-only argument `value_wo` and is in neither plan nor state. " +
			"While Terraform plans, the provider asks the backend whether the configured value differs from the one that is there; if so, " +
			"the plan shows an update of `version`. There is no version argument to raise by hand, and a value changed behind Terraform's back shows as drift.",
		Attributes: map[string]schema.Attribute{
			"id":             idAttribute(),
			"project":        projectAttribute(),
			"environment":    environmentAttribute(),
			"environment_id": environmentIDAttribute(),
			"scope":          scopeAttribute(),
			"name":           nameAttribute("Name of the secret, by which references name it."),
			"type": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Key of its secret type, whose schema the value is held against. A change of type checks the present value.",
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
			},
			"description": descriptionAttribute(),
			"labels":      labelsAttribute(),
			"visibility": schema.StringAttribute{
				Optional: true, Computed: true,
				MarkdownDescription: "`masked`: a person with the permission can be shown the value, which is audited. `restricted`: no person ever is; only references resolve it. " +
					"Default: the project's.",
				Validators:    []validator.String{stringvalidator.OneOf(string(backend.Masked), string(backend.Restricted))},
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"value_wo": schema.StringAttribute{
				Optional: true, Sensitive: true, WriteOnly: true,
				MarkdownDescription: "The value, 1 to 65536 bytes: a string or, if the type says so, a JSON document. Write-only: Terraform 1.11 or later. " +
					"Needed to create the secret. Absent, or unknown while planning, it leaves the present value alone.",
			},
			"value_wo_version": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "Not needed. When set, `value_wo` is written only when this number changes, whatever the value is: for values that are drawn anew on every run, " +
					"as those of ephemeral resources.",
			},
			"version": schema.Int64Attribute{
				Computed:            true,
				MarkdownDescription: "Version of the value: 1 at creation, and one more with every value written.",
				PlanModifiers:       []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
			},
			"created_at": createdAtAttribute(),
		},
	}
}

func (m *secretModel) id() string { return m.ID.ValueString() }

func (m *secretModel) complete(*secretModel) bool {
	return !m.Project.IsUnknown() && !m.Environment.IsUnknown() && !m.Scope.IsUnknown() && !m.Name.IsUnknown() &&
		(m.ID.IsUnknown() || !m.Type.IsUnknown()) // the present value may not fit the new type
}

func (m *secretModel) set(ctx context.Context, o backend.Object, diags *diag.Diagnostics) {
	m.ID, m.Project, m.Name = types.StringValue(o.ID), types.StringValue(o.Project), types.StringValue(o.Name)
	m.Environment, m.EnvironmentID, m.Scope = types.StringValue(o.Environment), types.StringValue(o.EnvironmentID), types.StringValue(o.Scope)
	m.Type, m.Description = text(o.Type), text(o.Description)
	m.Visibility, m.Version = types.StringValue(string(o.Visibility)), types.Int64Value(o.Version)
	m.Labels = labelsValue(ctx, o.Labels, m.Labels, diags)
	m.ValueWO = types.StringNull()
	m.CreatedAt = types.StringValue(o.CreatedAt.Format(time.RFC3339))
}

func (m *secretModel) change(_ context.Context, before, configured *secretModel, _ *diag.Diagnostics) backend.Change {
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindSecret, Project: m.Project.ValueString(),
		Environment: m.Environment.ValueString(), Scope: m.Scope.ValueString(), Name: m.Name.ValueString(),
		Description: changed(before.Description, m.Description), Labels: labels(before.Labels, m.Labels),
		Type: changed(before.Type, m.Type),
	}
	if v := changed(before.Visibility, m.Visibility); v != nil {
		c.Visibility = (*backend.Visibility)(v)
	}
	if !before.ID.IsNull() {
		c.Op, c.ID, c.Name, c.Rename = backend.OpUpdate, before.ID.ValueString(), "", changed(before.Name, m.Name)
	}
	known := !configured.ValueWO.IsUnknown() && !configured.ValueWO.IsNull()
	if known && (c.Op == backend.OpCreate || m.writes(before)) {
		c.Value = backend.Text(configured.ValueWO.ValueString())
	}
	return c
}

// question asks about the value whatever the plan has so far: whether the
// version changes is what the dry run is to say. A secret to be created with a value
// that only the apply knows is asked about with another, and without its type.
func (m *secretModel) question(ctx context.Context, before, configured *secretModel, diags *diag.Diagnostics) backend.Change {
	open := *m
	open.Version = types.Int64Unknown()
	c := open.change(ctx, before, configured, diags)
	if c.Op == backend.OpCreate && configured.ValueWO.IsUnknown() {
		c.Value, c.Type = backend.Text("not known yet"), nil
	}
	return c
}

// writes reports whether an update gives the configured value to the backend:
// not if the plan has settled that the version stays, and with value_wo_version only
// when that changes.
func (m *secretModel) writes(before *secretModel) bool {
	if !m.Version.IsUnknown() {
		return false
	}
	return m.ValueWOVersion.IsNull() || !m.ValueWOVersion.Equal(before.ValueWOVersion)
}

// planVersion shows a new value as an update of version, and leaves room for
// one where an update may write it.
func planVersion(ctx context.Context, m plannedModels[secretModel], said *backend.Outcome, resp *resource.ModifyPlanResponse) {
	if m.before.ID.IsNull() {
		return
	}
	changes := said != nil && said.Object.Version != m.before.Version.ValueInt64()
	may := (said == nil || m.configured.ValueWO.IsUnknown()) && (said == nil || said.Action != backend.ActionUnchanged)
	if changes || may {
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("version"), types.Int64Unknown())...)
	}
}

func (r *secret) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	r.importID(ctx, req.ID, resp, r.entry)
}
