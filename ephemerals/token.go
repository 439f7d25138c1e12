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

// NewToken makes the ephemeral resource pouncet_token.
func NewToken() ephemeral.EphemeralResource { return &token{} }

type tokenModel struct {
	Role        types.String `tfsdk:"role"`
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

func (*token) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "A token for a Pouncet server that lives as long as a Terraform run: it is made when Terraform first needs it and revoked when Terraform is done with it. " +
			"Should Terraform be killed before that, it expires by itself. The provider's own token needs the role `admin`.\n\n" +
			"A lifetime is not extended, so it must be longer than the run. `terraform apply` makes two tokens, one for the plan and one for what follows, unless it is given a saved plan.",
		Attributes: map[string]schema.Attribute{
			"role": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "What its bearer may do: `viewer` (see metadata), `runtime` (resolve references as well) or `admin` (everything).",
				Validators:          []validator.String{stringvalidator.OneOf(string(backend.RoleViewer), string(backend.RoleRuntime), string(backend.RoleAdmin))},
			},
			"lifetime": schema.StringAttribute{
				Optional: true, MarkdownDescription: "After this time it is not accepted any more, as in `30m` or `2h`: from `1m` to `24h`. Default: `1h`.",
				Validators: []validator.String{lifetimeValidator{}},
			},
			"name_prefix": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "How its name begins, which the audit log shows for whatever it is used for. Random characters follow. Default: `" + defaultPrefix + "`.",
				Validators:          []validator.String{prefixValidator{}},
			},
			"description": schema.StringAttribute{Optional: true, MarkdownDescription: "What it is for."},
			"token":       schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "The token. The backend keeps nothing but its hash."},
			"token_id":    schema.StringAttribute{Computed: true, MarkdownDescription: "UUID of the token."},
			"name":        schema.StringAttribute{Computed: true, MarkdownDescription: "Its name."},
			"expires_at":  schema.StringAttribute{Computed: true, MarkdownDescription: "When it expires (RFC 3339, UTC)."},
		},
	}
}

func (e *token) Configure(_ context.Context, req ephemeral.ConfigureRequest, resp *ephemeral.ConfigureResponse) {
	e.session = session.From(req.ProviderData, &resp.Diagnostics)
}

// privateToken is what Close is told of Open, under privateKey: never the token itself.
type privateToken struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	ExpiresAt string `json:"expires_at"`
}

const privateKey = "token"

func (e *token) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	var m tokenModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	lifetime := defaultLifetime
	if given := m.Lifetime.ValueString(); given != "" {
		lifetime, _ = time.ParseDuration(given) // checked by lifetimeValidator
	}
	secret, hash := access.NewToken()
	role, description := backend.Role(m.Role.ValueString()), m.Description.ValueString()
	expires := time.Now().UTC().Add(lifetime)
	name := cmp.Or(m.NamePrefix.ValueString(), defaultPrefix) + strings.ToLower(rand.Text())
	out, err := e.session.Service.Apply(ctx, backend.ChangeSet{
		Changes: []backend.Change{{
			Op: backend.OpCreate, Kind: backend.KindToken, Name: name, Role: &role, TokenHash: hash, Description: &description, ExpiresAt: &expires,
		}},
		IdempotencyKey: rand.Text(),
	})
	if err != nil {
		session.Report(&resp.Diagnostics, "Making the token", err, session.Paths{
			"name": path.Root("name_prefix"), "role": path.Root("role"), "expires_at": path.Root("lifetime"), "description": path.Root("description"),
		})
		return
	}
	m.Token, m.TokenID, m.Name, m.ExpiresAt = types.StringValue(secret), types.StringValue(out[0].Object.ID), types.StringValue(name), types.StringValue(expires.Format(time.RFC3339))
	private, err := json.Marshal(privateToken{m.TokenID.ValueString(), name, m.ExpiresAt.ValueString()})
	if err != nil {
		session.Report(&resp.Diagnostics, "Making the token", err, nil)
		return
	}
	resp.Diagnostics.Append(resp.Private.SetKey(ctx, privateKey, private)...)
	resp.Diagnostics.Append(resp.Result.Set(ctx, &m)...)
}

// Close revokes the token. That it cannot is a warning: what the run was for
// is done, and the token ends by itself.
func (e *token) Close(ctx context.Context, req ephemeral.CloseRequest, resp *ephemeral.CloseResponse) {
	text, diags := req.Private.GetKey(ctx, privateKey)
	resp.Diagnostics.Append(diags...)
	var p privateToken
	if len(text) == 0 || json.Unmarshal(text, &p) != nil {
		resp.Diagnostics.AddError("Defect in the provider", "It was not told which token to revoke. Please report this.")
		return
	}
	_, err := e.session.Service.Apply(ctx, backend.ChangeSet{
		Changes:        []backend.Change{{Op: backend.OpDelete, Kind: backend.KindToken, ID: p.ID}},
		IdempotencyKey: rand.Text(),
	})
	if err != nil && !errors.Is(err, backend.ErrNotFound) {
		resp.Diagnostics.AddWarning("The token was not revoked", fmt.Sprintf("Token %s is accepted until %s: %s.\n\n"+
			"To revoke it before: pouncet token delete %s", p.Name, p.ExpiresAt, backend.AsError(err).Error(), p.Name))
	}
}

// lifetimeValidator accepts durations of a token's lifetime.
type lifetimeValidator struct{}

func (lifetimeValidator) Description(context.Context) string { return "a duration from 1m to 24h" }

func (v lifetimeValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v lifetimeValidator) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if d, err := time.ParseDuration(req.ConfigValue.ValueString()); err != nil || d < shortestLifetime || d > longestLifetime {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid lifetime",
			fmt.Sprintf("%s is not %s: write it as in 30m or 2h.", backend.Quote(req.ConfigValue.ValueString()), v.Description(ctx)))
	}
}

// prefixValidator accepts what a token's name can begin with.
type prefixValidator struct{}

func (prefixValidator) Description(context.Context) string { return "the beginning of a name" }

func (v prefixValidator) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (prefixValidator) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	// As long as the random part, so that the whole name is what is checked.
	if err := backend.CheckName(backend.KindToken, req.ConfigValue.ValueString()+strings.Repeat("x", len(rand.Text()))); err != nil {
		resp.Diagnostics.AddAttributeError(req.Path, "Invalid name_prefix",
			fmt.Sprintf("No name can begin with %s: %s.", backend.Quote(req.ConfigValue.ValueString()), err.Hint))
	}
}
