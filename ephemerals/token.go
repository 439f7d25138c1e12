// SPDX-License-Identifier: MPL-2.0

package ephemerals

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

type token struct{ session *session.Session }

var (
	_ ephemeral.EphemeralResourceWithConfigure = (*token)(nil)
	_ ephemeral.EphemeralResourceWithClose     = (*token)(nil)
)

// NewToken returns the ephemeral resource pouncet_token.
func NewToken() ephemeral.EphemeralResource { return &token{} }

type tokenModel struct {
	Role        types.String `tfsdk:"role"`
	Principal   types.String `tfsdk:"principal"`
	Lifetime    types.String `tfsdk:"lifetime"`
	NamePrefix  types.String `tfsdk:"name_prefix"`
	Description types.String `tfsdk:"description"`
	Token       types.String `tfsdk:"token"`
	TokenID     types.String `tfsdk:"token_id"`
	Name        types.String `tfsdk:"name"`
	ExpiresAt   types.String `tfsdk:"expires_at"`
}

const (
	defaultLifetime  = time.Hour
	shortestLifetime = time.Minute
	longestLifetime  = 24 * time.Hour
	defaultPrefix    = "terraform-"
)

func (*token) Metadata(_ context.Context, _ ephemeral.MetadataRequest, resp *ephemeral.MetadataResponse) {
	resp.TypeName = "pouncet_token"
}

const tokenDescription = "A token for a Pouncet server that lives as long as a Terraform run. Terraform creates the " +
	"token when it first needs it, and revokes it when it is done. If Terraform is killed before that, the token " +
	"expires by itself. The token of the provider needs the role `admin`.\n\n" +
	"A lifetime is never extended, so it must be longer than the run. `terraform apply` creates two tokens, one for " +
	"the plan and one for the apply, unless it applies a saved plan."

func (*token) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: tokenDescription,
		Attributes: map[string]schema.Attribute{
			"role": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "What the token allows: `viewer` (read metadata), `auditor` (the same, and read the audit " +
					"log), `planner` (the same as `viewer`, and plan and compare values), `runtime` (the same as `viewer`, and " +
					"resolve references), `revealer` (the same as `viewer`, and show masked secrets to a person), `editor` (the " +
					"same as `planner`, and change secrets and scoped values), `admin` (everything) or `none` (nothing, unless a " +
					"binding gives it a role).",
				Validators: []validator.String{stringvalidator.OneOf(toStrings(backend.Roles)...)},
			},
			"principal": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Who has the token: a `person` or a `workload`, which is a program. Only a workload gets " +
					"the values of restricted secrets. Defaults to `workload` for the role `runtime`, otherwise to `person`.",
				Validators: []validator.String{stringvalidator.OneOf(toStrings(backend.PrincipalKinds)...)},
			},
			"lifetime": optionalString("Time after which the token expires, such as `30m` or `2h`. From `1m` to "+
				"`24h`. Defaults to `1h`.", lifetimeValidator{}),
			"name_prefix": optionalString(
				"Beginning of the name of the token. Random characters follow. The audit log "+
					"shows the name with everything that the token is used for. Defaults to `"+defaultPrefix+"`.",
				prefixValidator{}),
			"description": optionalString("What the token is for."),
			"token": schema.StringAttribute{
				Computed: true, Sensitive: true,
				MarkdownDescription: "The token. The backend stores only its hash.",
			},
			"token_id": schema.StringAttribute{Computed: true, MarkdownDescription: "UUID of the token."},
			"name":     schema.StringAttribute{Computed: true, MarkdownDescription: "Name of the token."},
			"expires_at": schema.StringAttribute{
				Computed: true, MarkdownDescription: "Time at which the token expires (RFC 3339, UTC).",
			},
		},
	}
}

func (e *token) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	e.session = session.From(req.ProviderData, &resp.Diagnostics)
}

// privateToken is what Open stores for Close, under privateKey. It never holds the token itself.
type privateToken struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	ExpiresAt string `json:"expires_at"`
}

const privateKey = "token"

func (e *token) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	defer beforeDestroy(ctx, e.session, resp)
	var m tokenModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if e.session.ValuesUnknown {
		m.Token, m.TokenID = types.StringUnknown(), types.StringUnknown()
		m.Name, m.ExpiresAt = types.StringUnknown(), types.StringUnknown()
		resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
		return
	}
	lifetime := defaultLifetime
	if given := m.Lifetime.ValueString(); given != "" {
		lifetime, _ = backend.ParseDuration(given) // checked by lifetimeValidator
	}
	secret, hash := access.NewToken()
	role, description := backend.Role(m.Role.ValueString()), m.Description.ValueString()
	expires := time.Now().UTC().Add(lifetime)
	name := cmp.Or(m.NamePrefix.ValueString(), defaultPrefix) + strings.ToLower(rand.Text())
	creation := backend.Change{
		Op: backend.OpCreate, Kind: backend.KindToken, Name: name, Role: &role, TokenHash: hash,
		Description: &description, ExpiresAt: &expires,
	}
	if principal := backend.PrincipalKind(m.Principal.ValueString()); principal != "" {
		creation.Principal = &principal
	}
	out, err := e.session.Service.Apply(ctx, backend.ChangeSet{
		Changes: []backend.Change{creation}, IdempotencyKey: rand.Text(),
	})
	if err != nil {
		session.Report(&resp.Diagnostics, "Creating the token", explainDenial(err), session.Paths{
			"name": path.Root("name_prefix"), "role": path.Root("role"), "expires_at": path.Root("lifetime"),
			"description": path.Root("description"), "principal": path.Root("principal"),
		})
		return
	}
	m.Token, m.TokenID = types.StringValue(secret), types.StringValue(out[0].Object.ID)
	m.Name, m.ExpiresAt = types.StringValue(name), types.StringValue(expires.Format(time.RFC3339))
	private, err := json.Marshal(privateToken{m.TokenID.ValueString(), name, m.ExpiresAt.ValueString()})
	if err != nil {
		session.Report(&resp.Diagnostics, "Creating the token", err, nil)
		return
	}
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, privateKey, private)...)
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
}

// Close revokes the token. A failure is only a warning, because the run is already done, and the token expires by
// itself.
func (e *token) Close(ctx context.Context, req ephemeral.CloseRequest, resp *ephemeral.CloseResponse) {
	if e.session.ValuesUnknown {
		return // Open has created no token
	}
	text, diags := req.Private.GetKey(ctx, privateKey)
	resp.Diagnostics.Append(diags...)
	if len(text) == 0 && e.session.Destroys {
		return // Open has only warned
	}
	var p privateToken
	if len(text) == 0 || json.Unmarshal(text, &p) != nil {
		resp.Diagnostics.AddError("Defect in the provider",
			"The private data of the ephemeral resource does not name the token to revoke. Please report this defect.")
		return
	}
	_, err := e.session.Service.Apply(ctx, backend.ChangeSet{
		Changes:        []backend.Change{{Op: backend.OpDelete, Kind: backend.KindToken, ID: p.ID}},
		IdempotencyKey: rand.Text(),
	})
	if err != nil && !errors.Is(err, backend.ErrNotFound) {
		resp.Diagnostics.AddWarning("Revoking the token failed", fmt.Sprintf("Token %s is valid until %s: %s.\n\n"+
			"Revoke it: pouncet token delete %s", p.Name, p.ExpiresAt, backend.Printable(backend.AsError(err).Error()), p.Name))
	}
}

// lifetimeValidator accepts the lifetimes of a token.
type lifetimeValidator struct{}

func (lifetimeValidator) Description(context.Context) string { return "a duration from 1m to 24h" }

func (v lifetimeValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v lifetimeValidator) ValidateString(ctx context.Context, req validator.StringRequest,
	resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if d, err := backend.ParseDuration(req.ConfigValue.ValueString()); err != nil || d < shortestLifetime ||
		d > longestLifetime {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid lifetime",
			fmt.Sprintf("%s is not a valid lifetime. Write %s, such as 30m or 2h.",
				backend.Quote(req.ConfigValue.ValueString()), v.Description(ctx)))
	}
}

// prefixValidator accepts the beginning of a token name.
type prefixValidator struct{}

func (prefixValidator) Description(context.Context) string { return "the beginning of a name" }

func (v prefixValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (prefixValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	prefix := req.ConfigValue.ValueString()
	name := prefix + strings.Repeat("x", len(rand.Text())) // has the length of a complete name
	if err := backend.CheckName(backend.KindToken, name); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid name_prefix",
			fmt.Sprintf("A token name cannot begin with %s. Hint: %s.", backend.Quote(prefix), err.Hint))
	}
}
