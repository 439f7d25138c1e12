// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/filter"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// listSource is a data source of all objects of a kind that match its filters. Each object has the attributes of the
// data source of a single object.
type listSource struct {
	single  *objectSource
	plural  string // the attribute with the objects; after "pouncet_", the name of the data source
	session *session.Session
}

var _ datasource.DataSourceWithConfigure = (*listSource)(nil)

// NewProjects returns the data source pouncet_projects.
func NewProjects() datasource.DataSource {
	return &listSource{single: projectSource(), plural: "projects"}
}

// NewEnvironments returns the data source pouncet_environments.
func NewEnvironments() datasource.DataSource {
	return &listSource{single: environmentSource(), plural: "environments"}
}

// NewSecretTypes returns the data source pouncet_secret_types.
func NewSecretTypes() datasource.DataSource {
	return &listSource{single: secretTypeSource(), plural: "secret_types"}
}

// NewSecrets returns the data source pouncet_secrets.
func NewSecrets() datasource.DataSource {
	return &listSource{single: secretSource(), plural: "secrets"}
}

// NewScopedValues returns the data source pouncet_scoped_values.
func NewScopedValues() datasource.DataSource {
	return &listSource{single: scopedValueSource(), plural: "scoped_values"}
}

// NewRoles returns the data source pouncet_roles.
func NewRoles() datasource.DataSource { return &listSource{single: roleSource(), plural: "roles"} }

// NewGroups returns the data source pouncet_groups.
func NewGroups() datasource.DataSource { return &listSource{single: groupSource(), plural: "groups"} }

// NewRoleBindings returns the data source pouncet_role_bindings.
func NewRoleBindings() datasource.DataSource {
	return &listSource{single: roleBindingSource(), plural: "role_bindings"}
}

// NewOIDCTrusts returns the data source pouncet_oidc_trusts.
func NewOIDCTrusts() datasource.DataSource {
	return &listSource{single: oidcTrustSource(), plural: "oidc_trusts"}
}

// NewTokens returns the data source pouncet_tokens.
func NewTokens() datasource.DataSource { return &listSource{single: tokenSource(), plural: "tokens"} }

func (d *listSource) Metadata(
	_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse,
) {
	resp.TypeName = "pouncet_" + d.plural
}

func (d *listSource) Configure(
	_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse,
) {
	d.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (d *listSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(description string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: description}
	}
	attributes := map[string]schema.Attribute{
		d.plural: schema.ListNestedAttribute{
			Computed: true, MarkdownDescription: "Matching " + d.single.kind.Plural() + ", ordered by " + d.single.key + ".",
			NestedObject: schema.NestedAttributeObject{Attributes: fieldAttributes(d.fields())},
		},
		"name_prefix": text("Returns only " + d.single.kind.Plural() + " whose " + d.single.key + " starts with this text."),
		"labels": schema.MapAttribute{
			Optional: true, ElementType: types.StringType,
			MarkdownDescription: "Returns only " + d.single.kind.Plural() + " that have all of these labels.",
			Validators:          []validator.Map{mapvalidator.KeysAre(stringvalidator.LengthBetween(1, backend.MaxLabelBytes))},
		},
	}
	if d.single.kind.InProject() {
		attributes["project"] = text("Name of the project. Defaults to the project of the provider.")
	}
	if d.single.isEntry {
		attributes["environment"] = text("Returns only " + d.single.kind.Plural() + " of exactly this environment. With " +
			"`*`, returns only those that all environments share.")
		attributes["scope"] = text("Returns only " + d.single.kind.Plural() + " of exactly this scope: `project`, " +
			"`app/<name>` or `pipeline/<name>`.")
	}
	if d.single.kind == backend.KindSecret {
		attributes["type"] = text("Returns only secrets of the secret type with this key.")
		days := func(description string) schema.Int64Attribute {
			return schema.Int64Attribute{
				Optional: true, MarkdownDescription: "Returns only " + description,
				Validators: []validator.Int64{int64validator.Between(0, filter.MaxDays)},
			}
		}
		attributes[filter.RotationDue], attributes[filter.Expiring] = days(filter.RotationDueDoc), days(filter.ExpiringDoc)
		attributes[filter.Unused] = days(filter.UnusedDoc)
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists the metadata of all " + d.single.kind.Plural() + ", or of those that match the filters.",
		Attributes:          attributes,
	}
}

// fields returns the attributes of one object in the list. The arguments of the data source of a single object are
// results here.
func (d *listSource) fields() []field {
	noun := d.single.kind.String()
	key := strings.ToUpper(d.single.key[:1]) + d.single.key[1:]
	fields := []field{
		stringField(d.single.key, key+" of the "+noun+".", func(o backend.Object) string { return o.Name }),
	}
	if d.single.kind.InProject() {
		fields = append(fields,
			stringField("project", "Name of the project.", func(o backend.Object) string { return o.Project }))
	}
	if d.single.isEntry {
		fields = append(fields,
			stringField("environment", "Name of the environment, or `*`.",
				func(o backend.Object) string { return o.Environment }),
			stringField("scope", "Scope of the entry: `project`, `app/<name>` or `pipeline/<name>`.",
				func(o backend.Object) string { return o.Scope }))
	}
	return append(fields, d.single.fields...)
}

func (d *listSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	defer beforeDestroy(ctx, d.session, req, resp)
	resp.State.Raw = req.Config.Raw // the filters stay as configured
	q, matches := filter.Read(ctx, req.Config, d.single.kind, d.session, &resp.Diagnostics)
	var labels map[string]string
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("labels"), &labels)...)
	if resp.Diagnostics.HasError() {
		return
	}
	var objects []backend.Object
	for o, err := range backend.List(ctx, d.session.Service, q) {
		if err == nil {
			err = d.session.CheckExists(o)
		}
		if err != nil {
			session.Report(&resp.Diagnostics, "Listing "+d.single.kind.Plural(), err, filter.Paths)
			return
		}
		if matches(o) && matchesLabels(o, labels) {
			objects = append(objects, o)
		}
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root(d.plural), objectValues(d.fields(), objects))...)
}

func matchesLabels(o backend.Object, labels map[string]string) bool {
	for k, v := range labels {
		if value, ok := o.Labels[k]; !ok || value != v {
			return false
		}
	}
	return true
}
