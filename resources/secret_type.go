// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"encoding/json"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

type secretType struct {
	managedResource[secretTypeModel, *secretTypeModel]
}

var (
	_ resource.ResourceWithConfigure   = (*secretType)(nil)
	_ resource.ResourceWithImportState = (*secretType)(nil)
	_ resource.ResourceWithIdentity    = (*secretType)(nil)
	_ resource.ResourceWithModifyPlan  = (*secretType)(nil)
)

// NewSecretType returns the resource pouncet_secret_type.
func NewSecretType() resource.Resource {
	r := &secretType{}
	r.kind, r.inProject = backend.KindSecretType, true
	r.schemaNames = map[string]string{"name": "key"}
	r.incompleteProject = func(m *secretTypeModel) string {
		if m.Key.IsUnknown() || m.Schema.IsUnknown() {
			return m.Project.ValueString()
		}
		return ""
	}
	return r
}

type secretTypeModel struct {
	ID          types.String         `tfsdk:"id"`
	Project     types.String         `tfsdk:"project"`
	Key         types.String         `tfsdk:"key"`
	DisplayName types.String         `tfsdk:"display_name"`
	Description types.String         `tfsdk:"description"`
	Labels      types.Map            `tfsdk:"labels"`
	Schema      jsontypes.Normalized `tfsdk:"schema"`
	CreatedAt   types.String         `tfsdk:"created_at"`
	ManagedBy   types.String         `tfsdk:"managed_by"`
	Timeouts    timeouts.Value       `tfsdk:"timeouts"`
}

func (*secretType) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_secret_type"
}

func (*secretType) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages a secret type: a JSON Schema that every value of a secret of this type must " +
			"satisfy. The backend refuses a schema that existing values do not satisfy, and it refuses to delete a " +
			"type that a secret uses.\n\n" +
			"The built-in types exist in every project and cannot be changed: `api_key`, `password`, " +
			"`database_connection`, `aws_credentials`, `azure_service_principal`, `gcp_service_account`, " +
			"`oauth_client`, `smtp`, `tls_key_pair` and `ssh_key`.",
		Attributes: map[string]schema.Attribute{
			"id":      idAttribute(),
			"project": projectAttribute(),
			"key":     nameAttribute(backend.KindSecretType, "Key of the type. Secrets refer to the type by its key."),
			"display_name": schema.StringAttribute{
				Optional: true, MarkdownDescription: "Name of the type for display.",
			},
			"description": descriptionAttribute(),
			"labels":      labelsAttribute(),
			"schema": schema.StringAttribute{
				Required: true, CustomType: jsontypes.NormalizedType{},
				PlanModifiers: []planmodifier.String{keepEquivalentJSON{}},
				MarkdownDescription: "[JSON Schema](https://json-schema.org/draft/2020-12) (draft 2020-12) as JSON " +
					"text of at most 65536 bytes. If the `type` at its top level is not `string`, values are JSON " +
					"documents. Otherwise they are plain strings. References to other documents are not supported.",
			},
			"created_at": createdAtAttribute(),
			"managed_by": managedByAttribute(),
			"timeouts":   timeoutsAttribute(ctx),
		},
	}
}

func (m *secretTypeModel) operationTimeouts() timeouts.Value { return m.Timeouts }
func (m *secretTypeModel) id() string                        { return m.ID.ValueString() }
func (m *secretTypeModel) complete(*secretTypeModel) bool {
	return !m.Key.IsUnknown() && !m.Project.IsUnknown() && !m.Schema.IsUnknown()
}

func (m *secretTypeModel) set(ctx context.Context, o backend.Object, diags *diag.Diagnostics) {
	m.ID, m.Project, m.Key = types.StringValue(o.ID), types.StringValue(o.Project), types.StringValue(o.Name)
	m.DisplayName, m.Description = optionalString(o.DisplayName), optionalString(o.Description)
	m.Schema = jsonValue(m.Schema, o.Schema)
	m.Labels = labelsValue(ctx, o.Labels, m.Labels, diags)
	m.ManagedBy, m.CreatedAt = optionalString(o.ManagedBy), types.StringValue(o.CreatedAt.Format(time.RFC3339))
}

func (m *secretTypeModel) change(_ context.Context, before, _ *secretTypeModel, _ *diag.Diagnostics) backend.Change {
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindSecretType, Project: m.Project.ValueString(), Name: m.Key.ValueString(),
		DisplayName: changedString(before.DisplayName, m.DisplayName),
		Description: changedString(before.Description, m.Description), Labels: changedLabels(before.Labels, m.Labels),
		Schema: json.RawMessage(m.Schema.ValueString()),
	}
	asUpdate(&c, before.ID, before.Key, m.Key)
	return c
}

func (r *secretType) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	r.importObject(ctx, req, resp, r.memberQuery)
}
