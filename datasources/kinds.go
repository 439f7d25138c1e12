// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// NewProject makes the data source pouncet_project.
func NewProject() datasource.DataSource { return projectSource() }

func projectSource() *objectSource {
	return &objectSource{kind: backend.KindProject, name: "pouncet_project", key: "name", description: "A project and its policy.", fields: common(
		numberField("secrets", "How many secrets it holds, all environments together.", func(o backend.Object) int64 { return int64(*o.Secrets) }),
		numberField("max_secrets", "Quota of secrets.", func(o backend.Object) int64 { return int64(o.Policy.MaxSecrets) }),
		numberField("max_value_bytes", "Largest value, in bytes.", func(o backend.Object) int64 { return int64(o.Policy.MaxValueBytes) }),
		numberField("max_name_length", "Longest name of a secret or scoped value.", func(o backend.Object) int64 { return int64(o.Policy.MaxNameLength) }),
		stringField("name_pattern", "Regular expression that names must match.", func(o backend.Object) string { return o.Policy.NamePattern }),
		boolField("immutable_names", "Whether renaming is forbidden.", func(o backend.Object) bool { return o.Policy.ImmutableNames }),
		stringField("default_visibility", "Visibility of secrets that do not say.", func(o backend.Object) string { return string(o.Policy.DefaultVisibility) }),
		numberField("recovery_days", "How many days a deleted secret or scoped value can be restored.", func(o backend.Object) int64 { return int64(o.Policy.RecoveryDays) }),
		boolField("forbid_fingerprints", "Whether no fingerprints of values are handed out.", func(o backend.Object) bool { return o.Policy.ForbidFingerprints }),
	)}
}

// NewEnvironment makes the data source pouncet_environment.
func NewEnvironment() datasource.DataSource { return environmentSource() }

func environmentSource() *objectSource {
	return &objectSource{kind: backend.KindEnvironment, name: "pouncet_environment", key: "name", description: "An environment of a project.", fields: common(
		stringField("kms_key", "URI of its own KMS key; null if it uses the backend's.", func(o backend.Object) string { return o.KMSKey }),
		boolField("protected", "Whether deleting it is refused.", func(o backend.Object) bool { return o.Protected }),
	)}
}

// NewSecretType makes the data source pouncet_secret_type.
func NewSecretType() datasource.DataSource { return secretTypeSource() }

func secretTypeSource() *objectSource {
	return &objectSource{kind: backend.KindSecretType, name: "pouncet_secret_type", key: "key", description: "A secret type, built in or of the project's own.", fields: common(
		stringField("display_name", "Its name for people.", func(o backend.Object) string { return o.DisplayName }),
		stringField("schema", "JSON Schema (draft 2020-12) that values must satisfy.", func(o backend.Object) string { return string(o.Schema) }),
		boolField("built_in", "Whether it is built in, and cannot be changed.", func(o backend.Object) bool { return o.BuiltIn }),
	)}
}

// NewSecret makes the data source pouncet_secret.
func NewSecret() datasource.DataSource { return secretSource() }

func secretSource() *objectSource {
	return &objectSource{kind: backend.KindSecret, name: "pouncet_secret", key: "name", placed: true,
		description: "Metadata of a secret, never its value: for that, see the ephemeral resource `pouncet_secret_value`.", fields: common(
			environmentID,
			stringField("type", "Key of its secret type.", func(o backend.Object) string { return o.Type }),
			stringField("visibility", "`masked` or `restricted`.", func(o backend.Object) string { return string(o.Visibility) }),
			numberField("version", "Version of the value.", func(o backend.Object) int64 { return o.Version }),
			stringField("value_at", "When the current value was written (RFC 3339, UTC).", func(o backend.Object) string { return o.ValueAt.Format(time.RFC3339) }),
			stringField("expires_at", "When it stops to resolve (RFC 3339, UTC); null for never.", func(o backend.Object) string { return formatTime(o.ExpiresAt) }),
			numberField("rotation_days", "Days after which a value should be replaced; 0 for none.", func(o backend.Object) int64 { return int64(o.RotationDays) }),
			stringField("rotation_due_at", "When the current value should be replaced (RFC 3339, UTC); null without `rotation_days`.", func(o backend.Object) string { return formatTime(o.RotationDueAt) }),
			boolField("deletion_protection", "Whether deleting it is refused.", func(o backend.Object) bool { return o.Protected }),
		)}
}

// NewScopedValue makes the data source pouncet_scoped_value.
func NewScopedValue() datasource.DataSource { return scopedValueSource() }

func scopedValueSource() *objectSource {
	link := map[string]attr.Type{"name": types.StringType, "field": types.StringType}
	return &objectSource{kind: backend.KindScopedValue, name: "pouncet_scoped_value", key: "name", placed: true,
		description: "A scoped value as it is declared: plain JSON, or the secret that it links to (not that secret's value).", fields: common(
			environmentID,
			stringField("value_json", "The plain value, as JSON text; null if it links to a secret.", func(o backend.Object) string { return string(o.JSON) }),
			field{"from_secret", "The link to a secret; null if the value is plain.", types.ObjectType{AttrTypes: link}, func(o backend.Object) attr.Value {
				if o.Link == nil {
					return types.ObjectNull(link)
				}
				part := types.StringNull()
				if o.Link.Field != "" {
					part = types.StringValue(o.Link.Field)
				}
				return types.ObjectValueMust(link, map[string]attr.Value{"name": types.StringValue(o.Link.Secret), "field": part})
			}},
		)}
}

// moment is a time as text, "" for none.
func formatTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(time.RFC3339)
}

var environmentID = stringField("environment_id", "UUID of the environment, or `*`.", func(o backend.Object) string { return o.EnvironmentID })
