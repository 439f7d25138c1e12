// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-jsontypes/jsontypes"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

type oidcTrust struct {
	managedResource[oidcTrustModel, *oidcTrustModel]
}

var (
	_ resource.ResourceWithConfigure   = (*oidcTrust)(nil)
	_ resource.ResourceWithImportState = (*oidcTrust)(nil)
	_ resource.ResourceWithIdentity    = (*oidcTrust)(nil)
	_ resource.ResourceWithModifyPlan  = (*oidcTrust)(nil)

	_ resource.ResourceWithValidateConfig = (*oidcTrust)(nil)
)

// NewOIDCTrust returns the resource pouncet_oidc_trust.
func NewOIDCTrust() resource.Resource {
	r := &oidcTrust{managedResource: newManaged[oidcTrustModel]()}
	r.kind = backend.KindTrust
	r.schemaNames = map[string]string{"trust": "issuer"}
	for attribute, name := range map[string]string{"certificate": "certificate", "issuer": "issuer",
		"audience": "audience", "claims": "claims", "principal": "principal", "subject": "subject_claim",
		"session_minutes": "session_minutes", "keys": "keys", "reuse": "reuse", "any_subject": "any_subject"} {
		r.schemaNames["trust."+attribute] = name
	}
	return r
}

type oidcTrustModel struct {
	ID             types.String         `tfsdk:"id"`
	Name           types.String         `tfsdk:"name"`
	Certificate    types.Bool           `tfsdk:"certificate"`
	Issuer         types.String         `tfsdk:"issuer"`
	Audience       types.String         `tfsdk:"audience"`
	Claims         types.Map            `tfsdk:"claims"`
	AnySubject     types.Bool           `tfsdk:"any_subject"`
	Principal      types.String         `tfsdk:"principal"`
	SubjectClaim   types.String         `tfsdk:"subject_claim"`
	SessionMinutes types.Int64          `tfsdk:"session_minutes"`
	Reuse          types.Bool           `tfsdk:"reuse"`
	Keys           jsontypes.Normalized `tfsdk:"keys"`
	Description    types.String         `tfsdk:"description"`
	Labels         types.Map            `tfsdk:"labels"`
	CreatedAt      types.String         `tfsdk:"created_at"`
	ManagedBy      types.String         `tfsdk:"managed_by"`
	Timeouts       timeouts.Value       `tfsdk:"timeouts"`
}

func (*oidcTrust) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = "pouncet_oidc_trust"
}

func (*oidcTrust) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Manages a trust: it says which identity tokens of an OpenID Connect issuer are accepted,\n" +
			"such as those of pipelines on GitHub or GitLab, or which client certificates. A caller that presents one\n" +
			"gets a session for a short time, without a stored token. A trust has no rights until a\n" +
			"`pouncet_role_binding` gives it some, to `trust:NAME` or to one subject.\n\nA trust belongs to the backend, and " +
			"to no project. The token of the provider needs all rights everywhere, because a trust can be bound to any " +
			"role. Every change of a trust ends its sessions at once. A trust that is replaced keeps its bindings. Between " +
			"its deletion and its creation, it accepts no identity token.",
		Attributes: map[string]schema.Attribute{
			"id":   idAttribute(),
			"name": nameAttribute(backend.KindTrust, "Name of the trust."),
			"certificate": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether the trust accepts client certificates of the authorities of the\n" +
					"server (`--client-ca`), and no identity tokens. Its conditions are on the names in the certificate: `san_uri`\n" +
					"and `san_dns`. It has no issuer, audience, keys or reuse. Defaults to `false`.",
			},
			"issuer": schema.StringAttribute{
				Optional: true, Validators: []validator.String{validIssuer},
				MarkdownDescription: "URL of the issuer, exactly as the claim `iss` of its tokens has it. Plain HTTP is\n" +
					"for issuers on the machine of the server. Required for identity tokens.",
			},
			"audience": schema.StringAttribute{
				Optional: true, Validators: []validator.String{stringvalidator.LengthBetween(1, backend.MaxClaimBytes)},
				MarkdownDescription: "The only audience that the tokens may have, in the claim `aud`: the URL of the\n" +
					"server, or the client id of an application. No other service should accept the same one. Required for\n" +
					"identity tokens.",
			},
			"claims": schema.MapAttribute{
				Optional: true, ElementType: types.StringType,
				MarkdownDescription: "Conditions on claims: a text, or a pattern in which `*` stands for any characters. All " +
					"of them must hold. A list matches if one of its items does. End a pattern with a separator before `*`, " +
					"such as `repo:acme/*`, so that `repo:acme-evil/x` does not match.",
				Validators: []validator.Map{
					mapvalidator.SizeAtMost(backend.MaxTrustClaims), mapvalidator.NoNullValues(),
					mapvalidator.KeysAre(stringvalidator.LengthBetween(1, backend.MaxClaimBytes)),
				},
			},
			"any_subject": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether a trust without a condition is allowed: it accepts every token that the issuer " +
					"gives for the audience. Defaults to `false`.",
			},
			"principal": schema.StringAttribute{
				Optional: true, Computed: true, Default: stringdefault.StaticString(string(backend.Workload)),
				MarkdownDescription: "Who presents the tokens: a `person` or a `workload`. Defaults to `workload`.",
				Validators: []validator.String{
					stringvalidator.OneOf(string(backend.Person), string(backend.Workload))},
			},
			"subject_claim": schema.StringAttribute{
				Optional: true, Computed: true, PlanModifiers: []planmodifier.String{usualSubject{}},
				Validators: []validator.String{stringvalidator.LengthBetween(1, backend.MaxClaimBytes)},
				MarkdownDescription: "Claim that names the caller in bindings and in the audit log. Defaults to `sub`,\n" +
					"and to `san_uri` for certificates. The claim `email` counts only if the issuer has verified it.",
			},
			"session_minutes": schema.Int64Attribute{
				Optional: true, Computed: true, Default: int64default.StaticInt64(backend.DefaultSessionMinutes),
				Validators: []validator.Int64{int64validator.Between(1, backend.MaxSessionMinutes)},
				MarkdownDescription: fmt.Sprintf("How many minutes a session is valid, at most %d. Defaults to `%d`.",
					backend.MaxSessionMinutes, backend.DefaultSessionMinutes),
			},
			"reuse": schema.BoolAttribute{
				Optional: true, Computed: true, Default: booldefault.StaticBool(false),
				MarkdownDescription: "Whether an identity token is accepted several times until it expires, such as that of " +
					"a pod in Kubernetes. Defaults to `false`: each one is accepted once.",
			},
			"keys": schema.StringAttribute{
				Optional: true, CustomType: jsontypes.NormalizedType{},
				PlanModifiers: []planmodifier.String{keepEquivalentJSON{}},
				MarkdownDescription: "Public keys of the issuer, as a JSON Web Key Set. With them, the server never asks the " +
					"issuer for its keys, and you replace them when the issuer does.",
			},
			"description": descriptionAttribute(),
			"labels":      labelsAttribute(),
			"created_at":  createdAtAttribute(),
			"managed_by":  managedByAttribute(),
			"timeouts":    timeoutsAttribute(ctx),
		},
	}
}

// validIssuer accepts the URL of an issuer.
var validIssuer = ruleValidator{
	description: "must be the URL of an issuer",
	summary:     "Invalid issuer",
	check:       backend.CheckIssuer,
}

// usualSubject plans the claim that names the caller if the configuration does not: it depends on the kind of trust.
type usualSubject struct{}

func (usualSubject) Description(context.Context) string {
	return "Defaults to the claim that names the caller for this kind of trust."
}

func (u usualSubject) MarkdownDescription(ctx context.Context) string { return u.Description(ctx) }

func (usualSubject) PlanModifyString(
	ctx context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse,
) {
	if !req.ConfigValue.IsNull() {
		return
	}
	var certificate types.Bool
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("certificate"), &certificate)...)
	resp.PlanValue = types.StringUnknown()
	if !certificate.IsUnknown() {
		resp.PlanValue = types.StringValue(backend.Trust{Certificate: certificate.ValueBool()}.SubjectClaim())
	}
}

// ValidateConfig reports what a trust in identity tokens lacks, before there is a backend that could say so.
func (*oidcTrust) ValidateConfig(
	ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse,
) {
	var m oidcTrustModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() || m.Certificate.IsUnknown() || m.Certificate.ValueBool() {
		return
	}
	for name, value := range map[string]types.String{"issuer": m.Issuer, "audience": m.Audience} {
		if value.IsNull() {
			resp.Diagnostics.AddAttributeError(path.Root(name), "Missing "+name, "The argument \""+name+"\" is required "+
				"for a trust in identity tokens.\n\nSet it, or certificate = true for a trust in client certificates.")
		}
	}
}

func (m *oidcTrustModel) operationTimeouts() timeouts.Value { return m.Timeouts }
func (m *oidcTrustModel) id() string                        { return m.ID.ValueString() }
func (m *oidcTrustModel) complete(*oidcTrustModel) bool {
	return !m.Name.IsUnknown() && !m.Certificate.IsUnknown() && !m.Issuer.IsUnknown() &&
		!m.Audience.IsUnknown() && isKnownMap(m.Claims) &&
		!m.AnySubject.IsUnknown() && !m.Principal.IsUnknown() && !m.SubjectClaim.IsUnknown() &&
		!m.SessionMinutes.IsUnknown() && !m.Reuse.IsUnknown() && !m.Keys.IsUnknown()
}

func (m *oidcTrustModel) set(ctx context.Context, o backend.Object, diags *diag.Diagnostics) {
	m.ID, m.Name, m.Description = types.StringValue(o.ID), types.StringValue(o.Name), optionalString(o.Description)
	if t := o.Trust; t != nil {
		m.Certificate = types.BoolValue(t.Certificate)
		m.Issuer, m.Audience = optionalString(t.Issuer), optionalString(t.Audience)
		m.Claims = labelsValue(ctx, t.Claims, m.Claims, diags)
		m.AnySubject, m.Reuse = types.BoolValue(t.AnySubject), types.BoolValue(t.Reuse)
		m.Principal, m.SubjectClaim = types.StringValue(string(t.Principal)), types.StringValue(t.SubjectClaim())
		m.SessionMinutes = types.Int64Value(int64(t.SessionTime() / time.Minute))
		m.Keys = jsonValue(m.Keys, t.Keys)
	}
	m.Labels = labelsValue(ctx, o.Labels, m.Labels, diags)
	m.ManagedBy, m.CreatedAt = optionalString(o.ManagedBy), types.StringValue(o.CreatedAt.Format(time.RFC3339))
}

func (m *oidcTrustModel) trust() backend.Trust {
	t := backend.Trust{
		Certificate: m.Certificate.ValueBool(), Issuer: m.Issuer.ValueString(),
		Audience: m.Audience.ValueString(), Claims: stringMap(m.Claims),
		AnySubject: m.AnySubject.ValueBool(), Principal: backend.PrincipalKind(m.Principal.ValueString()),
		Subject: m.SubjectClaim.ValueString(), SessionMinutes: int(m.SessionMinutes.ValueInt64()),
		Reuse: m.Reuse.ValueBool(),
	}
	if keys := m.Keys.ValueString(); keys != "" {
		t.Keys = json.RawMessage(keys)
	}
	return t
}

func (m *oidcTrustModel) change(
	_ context.Context, before, _ *oidcTrustModel, _ *diag.Diagnostics,
) backend.Change {
	c := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindTrust, Name: m.Name.ValueString(),
		Description: changedString(before.Description, m.Description), Labels: changedLabels(before.Labels, m.Labels),
	}
	if t := m.trust(); before.ID.IsNull() || !t.Equal(before.trust()) {
		c.Trust = &t
	}
	asUpdate(&c, before.ID, before.Name, m.Name)
	return c
}

func (r *oidcTrust) ImportState(
	ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse,
) {
	r.importObject(ctx, req, resp, r.projectQuery)
}
