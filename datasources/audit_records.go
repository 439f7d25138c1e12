// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"cmp"
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// auditRecords is the data source of the records of the audit log.
type auditRecords struct{ session *session.Session }

var _ datasource.DataSourceWithConfigure = (*auditRecords)(nil)

// NewAuditRecords returns the data source pouncet_audit_records.
func NewAuditRecords() datasource.DataSource { return &auditRecords{} }

const defaultRecords = 100

// ofLine returns a field of the line of a record.
func ofLine(value func(l backend.RecordLine) string) func(o backend.Object) string {
	return func(o backend.Object) string { return value(o.Record.Parse()) }
}

var recordFields = []field{
	stringField("id", "Log and number of the record.", func(o backend.Object) string { return o.ID }),
	stringField("at", "Time of the call (RFC 3339, UTC, with microseconds).",
		func(o backend.Object) string { return o.CreatedAt.UTC().Format(time.RFC3339Nano) }),
	stringField("principal", "Name of the principal that made the call.",
		func(o backend.Object) string { return o.CreatedBy }),
	stringField("principal_id", "UUID of its token. Null for a local user.",
		ofLine(func(l backend.RecordLine) string { return l.Detail.PrincipalID })),
	stringField("role", "Role of the principal.", func(o backend.Object) string { return string(o.Role) }),
	stringField("verb", "What was done, for example `apply` or `reveal`.",
		func(o backend.Object) string { return o.Name }),
	stringField("outcome", "`ok`, or the code of an error, of the call or of its items.",
		ofLine(backend.RecordLine.Outcome)),
	stringField("project", "Name of the project whose log has the record. Null for the log of the deployment.",
		func(o backend.Object) string { return o.Project }),
	stringField("environments", "Environments of the objects, with commas between them.",
		ofLine(backend.RecordLine.Environments)),
	stringField("objects", "Kinds and names of the first objects, with commas between them.",
		ofLine(backend.RecordLine.Objects)),
	stringField("address", "IP address from which a server was called.",
		ofLine(func(l backend.RecordLine) string { return l.Detail.Address })),
	stringField("line", "The whole record as one line of JSON, for `jsondecode`.", func(o backend.Object) string {
		if o.Record == nil {
			return ""
		}
		return o.Record.Line
	}),
}

func (*auditRecords) Metadata(_ context.Context, _ datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = "pouncet_audit_records"
}

func (d *auditRecords) Configure(
	_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse,
) {
	d.session = session.From(req.ProviderData, &resp.Diagnostics)
}

func (*auditRecords) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	filter := func(description string) schema.StringAttribute {
		return schema.StringAttribute{Optional: true, MarkdownDescription: description}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "Lists records of the audit log, newest first: who did what, when, where and with which " +
			"outcome. It needs the right `audit` on the project. Records hold no values. Each call of Terraform that reads " +
			"values or changes something adds a record, so the list differs from run to run.",
		Attributes: map[string]schema.Attribute{
			"project": filter("Name of the project. Defaults to the project of the provider."),
			"all_projects": schema.BoolAttribute{
				Optional: true,
				MarkdownDescription: "Lists the records of all projects that the provider may audit and, with the right " +
					"everywhere, those of the deployment. Conflicts with `project`.",
			},
			"environment": filter("Returns only calls about this environment, by the name that they used."),
			"scope":       filter("Returns only calls about this scope."),
			"name":        filter("Returns only calls about an object of this name."),
			"object_id":   filter("Returns only calls about the object with this UUID."),
			"by":          filter("Returns only calls of this principal: its name or UUID."),
			"verb":        filter("Returns only this verb, for example `reveal`."),
			"outcome":     filter("Returns only this outcome: `ok`, or the code of an error, such as `denied`."),
			"since":       filter("Returns only records from this time on: RFC 3339, or a duration before now, such as `24h`."),
			"until":       filter("Returns only records before this time, as `since`."),
			"limit": schema.Int64Attribute{
				Optional: true,
				MarkdownDescription: "Returns only the newest records, at most this number, from 1 to 1,000. Defaults to " +
					"100.",
				Validators: []validator.Int64{int64validator.Between(1, backend.MaxPage)},
			},
			"records": schema.ListNestedAttribute{
				Computed: true, MarkdownDescription: "Records, newest first.",
				NestedObject: schema.NestedAttributeObject{Attributes: fieldAttributes(recordFields)},
			},
		},
	}
}

func (d *auditRecords) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	defer beforeDestroy(ctx, d.session, req, resp)
	resp.State.Raw = req.Config.Raw // the filters stay as configured
	q, limit := d.query(ctx, req, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	objects := []backend.Object{}
	for o, err := range backend.List(ctx, d.session.Service, q) {
		if err != nil {
			session.Report(&resp.Diagnostics, "Listing audit records", err, session.RootPaths("project", "until"))
			return
		}
		if objects = append(objects, o); len(objects) == limit {
			break
		}
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("records"), objectValues(recordFields, objects))...)
}

// query returns the query of the arguments, and how many records they want.
func (d *auditRecords) query(
	ctx context.Context, req datasource.ReadRequest, diags *diag.Diagnostics,
) (q backend.Query, limit int) {
	argument := func(name string) string {
		var v types.String
		diags.Append(req.Config.GetAttribute(ctx, path.Root(name), &v)...)
		return v.ValueString()
	}
	at := func(name string) time.Time {
		text := argument(name)
		if text == "" {
			return time.Time{}
		}
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			return t
		}
		before, err := backend.ParseDuration(text)
		if err != nil || before < 0 {
			diags.AddAttributeError(path.Root(name), "Listing audit records: "+name+" "+backend.Quote(text)+" is not valid",
				"Use a time such as 2026-11-27T10:00:00Z, or a duration before now such as 24h.")
		}
		return time.Now().Add(-before)
	}
	var all types.Bool
	var most types.Int64
	diags.Append(req.Config.GetAttribute(ctx, path.Root("all_projects"), &all)...)
	diags.Append(req.Config.GetAttribute(ctx, path.Root("limit"), &most)...)
	limit = int(cmp.Or(most.ValueInt64(), defaultRecords))
	q = backend.Query{Kind: backend.KindRecord, Environment: argument("environment"), Scope: argument("scope"),
		Name: argument("name"), ID: argument("object_id"), By: argument("by"), Verb: argument("verb"),
		Code: argument("outcome"), Since: at("since"), Until: at("until"), Limit: limit}
	named := argument("project")
	switch {
	case !all.ValueBool():
		q.Project = d.session.ProjectOr(named)
	case named != "":
		diags.AddAttributeError(path.Root("all_projects"),
			"Listing audit records: project and all_projects cannot be used together", "Remove one of them.")
	}
	return q, limit
}
