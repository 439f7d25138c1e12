// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// NewRole returns the data source pouncet_role.
func NewRole() datasource.DataSource { return roleSource() }

func roleSource() *objectSource {
	return &objectSource{
		kind: backend.KindRole, name: "pouncet_role", key: "name",
		description: "Reads a role, either built in or of this backend. The token of the provider needs `bind`.",
		fields: objectFields(backend.KindRole,
			listField("rights", "What the role allows.", func(o backend.Object) []string {
				rights := make([]string, len(o.Rights))
				for i, r := range o.Rights {
					rights[i] = string(r)
				}
				return rights
			}),
			boolField("built_in", "Whether the role is built in. A built-in role cannot be changed.",
				func(o backend.Object) bool { return o.BuiltIn }),
		)}
}

// NewGroup returns the data source pouncet_group.
func NewGroup() datasource.DataSource { return groupSource() }

func groupSource() *objectSource {
	return &objectSource{
		kind: backend.KindGroup, name: "pouncet_group", key: "name",
		description: "Reads a group of tokens and trusts. The token of the provider needs `bind`.",
		fields: objectFields(backend.KindGroup,
			listField("members", "Members of the group: `token:NAME`, `trust:NAME` or `trust:NAME/SUBJECT`.",
				func(o backend.Object) []string { return o.Members }),
		)}
}

// NewRoleBinding returns the data source pouncet_role_binding.
func NewRoleBinding() datasource.DataSource { return roleBindingSource() }

func roleBindingSource() *objectSource {
	text := func(name, description string, value func(g backend.Grant) string) field {
		return stringField(name, description, func(o backend.Object) string {
			if o.Grant == nil {
				return ""
			}
			return value(*o.Grant)
		})
	}
	return &objectSource{
		kind: backend.KindBinding, name: "pouncet_role_binding", key: "name",
		description: "Reads a binding, which gives a role to a token, group or trust at some places. The token of the " +
			"provider needs `bind` at these places.",
		fields: objectFields(backend.KindBinding,
			text("role", "Name of the role.", func(g backend.Grant) string { return g.Role }),
			text("to", "Who has the role: `token:NAME`, `group:NAME`, `trust:NAME` or "+
				"`trust:NAME/SUBJECT`.", func(g backend.Grant) string { return g.To }),
			text("project", "Name of the project. Null for all projects.",
				func(g backend.Grant) string { return g.Where.Project }),
			text("environment", "Name of the environment, or `*`. Null for all that are not protected.",
				func(g backend.Grant) string { return g.Where.Environment }),
			text("scope", "Scope of the entries. Null for all scopes.", func(g backend.Grant) string { return g.Where.Scope }),
			text("names", "Pattern of the names of the entries. Null for all names.",
				func(g backend.Grant) string { return g.Where.Names }),
		)}
}

// NewOIDCTrust returns the data source pouncet_oidc_trust.
func NewOIDCTrust() datasource.DataSource { return oidcTrustSource() }

func oidcTrustSource() *objectSource {
	trust := func(o backend.Object) backend.Trust {
		if o.Trust == nil {
			return backend.Trust{}
		}
		return *o.Trust
	}
	return &objectSource{
		kind: backend.KindTrust, name: "pouncet_oidc_trust", key: "name",
		description: "Reads a trust, which says which identity tokens of an OpenID Connect issuer, or which client\n" +
			"certificates, are accepted. The token of the provider needs `bind` everywhere.",
		fields: objectFields(backend.KindTrust,
			boolField("certificate", "Whether the trust accepts client certificates, and no identity tokens.",
				func(o backend.Object) bool { return trust(o).Certificate }),
			stringField("issuer", "URL of the issuer. Null for certificates.",
				func(o backend.Object) string { return trust(o).Issuer }),
			stringField("audience", "Audience that the tokens have. Null for certificates.",
				func(o backend.Object) string { return trust(o).Audience }),
			mapField("claims", "Conditions on claims. All of them must hold.",
				func(o backend.Object) map[string]string { return trust(o).Claims }),
			boolField("any_subject", "Whether a trust without a condition is allowed.",
				func(o backend.Object) bool { return trust(o).AnySubject }),
			stringField("principal", "Who presents the tokens: a `person` or a `workload`.",
				func(o backend.Object) string { return string(trust(o).Principal) }),
			stringField("subject_claim", "Claim that names the caller.",
				func(o backend.Object) string { return trust(o).SubjectClaim() }),
			numberField("session_minutes", "How many minutes a session is valid.",
				func(o backend.Object) int64 { return int64(trust(o).SessionTime() / time.Minute) }),
			boolField("reuse", "Whether an identity token is accepted several times.",
				func(o backend.Object) bool { return trust(o).Reuse }),
			stringField("keys", "Public keys of the issuer as a JSON Web Key Set. Null if the server asks the issuer.",
				func(o backend.Object) string { return string(trust(o).Keys) }),
		)}
}

// tokenSource is one token of the data source pouncet_tokens.
func tokenSource() *objectSource {
	return &objectSource{
		kind: backend.KindToken, name: "pouncet_token", key: "name",
		fields: []field{
			stringField("id", "UUID of the token.", func(o backend.Object) string { return o.ID }),
			stringField("description", "Description of the token.", func(o backend.Object) string { return o.Description }),
			stringField("role", "Role that the token has everywhere, or `none`.",
				func(o backend.Object) string { return string(o.Role) }),
			stringField("principal", "Who has the token: a `person` or a `workload`.",
				func(o backend.Object) string { return string(o.Principal) }),
			listField("source_ranges", "Networks from which the token can be used. Empty for every address.",
				func(o backend.Object) []string { return o.SourceRanges }),
			timeField("expires_at", "Time at which the token expires (RFC 3339, UTC). Null if it never does.",
				func(o backend.Object) time.Time { return o.ExpiresAt }),
			timeField("last_used_at", "Time of the last call with the token, to within two minutes (RFC 3339, UTC). Null if "+
				"it was not used yet.", func(o backend.Object) time.Time { return o.LastUsedAt }),
			timeField("created_at", "Time at which the token was created (RFC 3339, UTC).",
				func(o backend.Object) time.Time { return o.CreatedAt }),
		}}
}

// listField returns a field with a list of texts.
func listField(name, description string, value func(o backend.Object) []string) field {
	return field{name, description, types.ListType{ElemType: types.StringType}, func(o backend.Object) attr.Value {
		elements := []attr.Value{}
		for _, text := range value(o) {
			elements = append(elements, types.StringValue(text))
		}
		return types.ListValueMust(types.StringType, elements)
	}}
}
