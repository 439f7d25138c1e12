// SPDX-License-Identifier: MPL-2.0

package datasources

import (
	"cmp"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// NewProject returns the data source pouncet_project.
func NewProject() datasource.DataSource { return projectSource() }

func projectSource() *objectSource {
	policy := func(value func(p *backend.Policy) int) func(o backend.Object) int64 {
		return func(o backend.Object) int64 { return int64(value(o.Policy)) }
	}
	return &objectSource{
		kind: backend.KindProject, name: "pouncet_project", key: "name",
		description: "Reads a project and its policy.",
		fields: objectFields(backend.KindProject,
			numberField("secrets", "Number of secrets in all environments of the project together.",
				func(o backend.Object) int64 { return int64(*o.Secrets) }),
			numberField("max_secrets", "Quota: the largest number of secrets.",
				policy(func(p *backend.Policy) int { return p.MaxSecrets })),
			numberField("max_value_bytes", "Largest size of a value in bytes.",
				policy(func(p *backend.Policy) int { return p.MaxValueBytes })),
			numberField("max_name_length", "Largest length of the name of a secret or scoped value.",
				policy(func(p *backend.Policy) int { return p.MaxNameLength })),
			stringField("name_pattern", "Regular expression that the names of secrets and scoped values must match.",
				func(o backend.Object) string { return o.Policy.NamePattern }),
			boolField("immutable_names", "Whether the names of secrets and scoped values are fixed.",
				func(o backend.Object) bool { return o.Policy.ImmutableNames }),
			stringField("default_visibility", "Visibility of secrets that do not set `visibility`.",
				func(o backend.Object) string { return string(o.Policy.DefaultVisibility) }),
			numberField("recovery_days", "Number of days in which a deletion can be undone.",
				policy(func(p *backend.Policy) int { return p.RecoveryDays })),
			numberField("max_versions", "Number of versions of a secret that are kept; 0 for all.",
				policy(func(p *backend.Policy) int { return p.MaxVersions })),
			numberField("version_days", "Days for which old versions of a secret are kept; 0 for ever.",
				policy(func(p *backend.Policy) int { return p.VersionDays })),
			boolField("forbid_fingerprints", "Whether the provider cannot get fingerprints of secret values.",
				func(o backend.Object) bool { return o.Policy.ForbidFingerprints }),
			stringField("duplicates", "What a write does if another secret of the project has the same value: `allow`, "+
				"`note` or `refuse`.",
				func(o backend.Object) string {
					return string(cmp.Or(o.Policy.Duplicates, backend.DuplicatesAllowed))
				}),
		)}
}

// NewEnvironment returns the data source pouncet_environment.
func NewEnvironment() datasource.DataSource { return environmentSource() }

func environmentSource() *objectSource {
	return &objectSource{
		kind: backend.KindEnvironment, name: "pouncet_environment", key: "name",
		description: "Reads an environment of a project.",
		fields: objectFields(backend.KindEnvironment,
			stringField("kms_key", "URI of the environment's own KMS key. Null if it uses the KMS key of the backend.",
				func(o backend.Object) string { return o.KMSKey }),
			boolField("protected", "Whether the environment is protected against deletion.",
				func(o backend.Object) bool { return o.Protected }),
		)}
}

// NewSecretType returns the data source pouncet_secret_type.
func NewSecretType() datasource.DataSource { return secretTypeSource() }

func secretTypeSource() *objectSource {
	return &objectSource{
		kind: backend.KindSecretType, name: "pouncet_secret_type", key: "key",
		description: "Reads a secret type, either built in or created in the project.",
		fields: objectFields(backend.KindSecretType,
			stringField("display_name", "Name of the type for display.",
				func(o backend.Object) string { return o.DisplayName }),
			stringField("schema", "JSON Schema (draft 2020-12) that values must satisfy.",
				func(o backend.Object) string { return string(o.Schema) }),
			boolField("built_in", "Whether the type is built in. A built-in type cannot be changed.",
				func(o backend.Object) bool { return o.BuiltIn }),
		)}
}

// NewSecret returns the data source pouncet_secret.
func NewSecret() datasource.DataSource { return secretSource() }

func secretSource() *objectSource {
	return &objectSource{
		kind: backend.KindSecret, name: "pouncet_secret", key: "name", isEntry: true,
		description: "Reads the metadata of a secret. To read its value, use the ephemeral resource " +
			"`pouncet_secret_value`.",
		fields: objectFields(backend.KindSecret,
			environmentID,
			stringField("type", "Key of the secret type.", func(o backend.Object) string { return o.Type }),
			stringField("visibility", "`masked` or `restricted`.",
				func(o backend.Object) string { return string(o.Visibility) }),
			numberField("version", "Number of the current version.", func(o backend.Object) int64 { return o.Version }),
			timeField("value_at", "Time at which the current value was written (RFC 3339, UTC).",
				func(o backend.Object) time.Time { return o.ValueAt }),
			timeField("expires_at", "Time at which the secret expires (RFC 3339, UTC). Null if it does not expire.",
				func(o backend.Object) time.Time { return o.ExpiresAt }),
			numberField("rotation_days", "Number of days after which a value is due for rotation. `0` if it never is.",
				func(o backend.Object) int64 { return int64(o.RotationDays) }),
			timeField("rotation_due_at", "Time at which the current value is due for rotation (RFC 3339, UTC). Null "+
				"without `rotation_days`.", func(o backend.Object) time.Time { return o.RotationDueAt }),
			boolField("deletion_protection", "Whether the secret is protected against deletion.",
				func(o backend.Object) bool { return o.Protected }),
		)}
}

// NewScopedValue returns the data source pouncet_scoped_value.
func NewScopedValue() datasource.DataSource { return scopedValueSource() }

func scopedValueSource() *objectSource {
	link := map[string]attr.Type{"name": types.StringType, "field": types.StringType}
	fromSecret := func(o backend.Object) attr.Value {
		if o.Link == nil {
			return types.ObjectNull(link)
		}
		return types.ObjectValueMust(link, map[string]attr.Value{
			"name": types.StringValue(o.Link.Secret), "field": optionalString(o.Link.Field),
		})
	}
	return &objectSource{
		kind: backend.KindScopedValue, name: "pouncet_scoped_value", key: "name", isEntry: true,
		description: "Reads a scoped value as it was declared: a plain JSON value, or a link to a secret. It does " +
			"not read the value of the secret.",
		fields: objectFields(backend.KindScopedValue,
			environmentID,
			stringField("value_json", "Plain value as JSON text. Null if the scoped value links to a secret.",
				func(o backend.Object) string { return string(o.JSON) }),
			field{"from_secret", "Link to a secret. Null if the value is " +
				"plain.", types.ObjectType{AttrTypes: link}, fromSecret},
		)}
}

var environmentID = stringField("environment_id", "UUID of the environment, or `*`.",
	func(o backend.Object) string { return o.EnvironmentID })
