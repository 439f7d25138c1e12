// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"encoding/json"
	"time"
)

// Kind is a kind of object.
type Kind string

// The kinds.
const (
	KindProject     Kind = "project"
	KindEnvironment Kind = "environment"
	KindSecretType  Kind = "secret_type"
	KindSecret      Kind = "secret"
	KindScopedValue Kind = "scoped_value"
	KindToken       Kind = "token"
	KindUsage       Kind = "usage"
)

// String is the kind in words, for messages.
func (k Kind) String() string {
	switch k {
	case KindSecretType:
		return "secret type"
	case KindScopedValue:
		return "scoped value"
	}
	return string(k)
}

// AnyEnvironment is the pseudo-environment of an entry that every environment shares.
const AnyEnvironment = "*"

// ManagedByTerraform is the ManagedBy of what a Terraform configuration makes. Others may
// change it, and the next plan then shows that.
const ManagedByTerraform = "terraform"

// ProjectScope is the scope that all of a project sees. The others are
// "app/<name>" and "pipeline/<name>".
const ProjectScope = "project"

// DefaultProject is the project that initialising a backend makes.
const DefaultProject = "default"

// Object is the metadata of one thing: all that may be known of it without
// opening it. Which fields are set depends on its kind.
type Object struct {
	Kind Kind `json:"kind"`
	// ID is a UUIDv7. It survives a rename; an object made anew under an old
	// name has another.
	ID   string `json:"id"`
	Name string `json:"name"` // of a secret type: its key

	Project       string `json:"project,omitempty"` // the project's name
	Environment   string `json:"environment,omitempty"`
	EnvironmentID string `json:"environment_id,omitempty"`
	Scope         string `json:"scope,omitempty"`

	Description string            `json:"description,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	ManagedBy   string            `json:"managed_by,omitempty"` // the tool that made it, or took it over
	Revision    int64             `json:"revision,omitempty"`   // counts every change of the object
	CreatedAt   time.Time         `json:"created_at,omitzero"`
	UpdatedAt   time.Time         `json:"updated_at,omitzero"`

	// Project.
	Policy  *Policy `json:"policy,omitempty"`
	Secrets *int    `json:"secrets,omitempty"` // how many it holds, to be held against Policy.MaxSecrets

	// Environment.
	KMSKey string `json:"kms_key,omitempty"`

	// Environment, secret.
	Protected bool `json:"protected,omitempty"` // it is not deleted, not even by force

	// Secret type.
	DisplayName string          `json:"display_name,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`
	BuiltIn     bool            `json:"built_in,omitempty"`

	// Secret.
	Type       string     `json:"type,omitempty"`
	Visibility Visibility `json:"visibility,omitempty"`
	Version    int64      `json:"version,omitempty"` // counts the values written
	ValueAt    time.Time  `json:"value_at,omitzero"` // when the current value was written
	// RotationDays is how long a value should be used at most, 0 for no limit; RotationDueAt
	// is when that ends for the current one. Nothing happens then but that it shows.
	RotationDays  int       `json:"rotation_days,omitempty"`
	RotationDueAt time.Time `json:"rotation_due_at,omitzero"`

	// Scoped value.
	JSON json.RawMessage `json:"json,omitempty"`
	Link *Link           `json:"link,omitempty"`

	// Secret, scoped value: when it was deleted. It can be restored as long as
	// the project's policy says.
	DeletedAt time.Time `json:"deleted_at,omitzero"`

	// Usage: where it is, and who registered it. Its name is that of the entry.
	// What a registration leaves behind is told by how many Usages it has.
	Usage  *Usage `json:"usage,omitempty"`
	Source string `json:"source,omitempty"`
	Usages *int   `json:"usages,omitempty"`

	// Token.
	Role Role `json:"role,omitempty"`

	// Token, secret: from then on it is refused.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Visibility says whether a person may be shown a secret's value.
type Visibility string

// A masked secret can be revealed to a person with the permission, which is
// audited. A restricted one never is: only its use resolves it.
const (
	Masked     Visibility = "masked"
	Restricted Visibility = "restricted"
)

// Link makes a scoped value stand for a secret, or for one field of it. The
// secret is looked up in the environment and scope of the request, not of the
// value: a value that all environments share never carries the secret of one
// of them into another.
type Link struct {
	Secret string `json:"secret"`
	Field  string `json:"field,omitempty"`
}

// Usage is a place in a configuration file that refers to a secret or scoped
// value, rendered for one environment.
type Usage struct {
	Kind        Kind   `json:"kind"`
	Name        string `json:"name"`
	Environment string `json:"environment"` // name or id
	Scope       string `json:"scope,omitempty"`
	File        string `json:"file,omitempty"` // within the source
	Line        int    `json:"line,omitempty"` // from 1, as is Column
	Column      int    `json:"column,omitempty"`
}

// Policy is what a project demands of its entries.
type Policy struct {
	MaxSecrets        int        `json:"max_secrets"`               // all environments together
	MaxValueBytes     int        `json:"max_value_bytes"`           // of a secret's or scoped value's value
	MaxNameLength     int        `json:"max_name_length"`           // of a secret's or scoped value's name
	NamePattern       string     `json:"name_pattern,omitempty"`    // a regular expression (RE2) that names must match as well
	ImmutableNames    bool       `json:"immutable_names,omitempty"` // entries cannot be renamed
	DefaultVisibility Visibility `json:"default_visibility"`        // of a secret that does not say
	RecoveryDays      int        `json:"recovery_days"`             // how long a deleted entry can be restored; 0 for not at all
	// ForbidFingerprints keeps fingerprints of values from everybody: see ChangeSet.FingerprintKey.
	ForbidFingerprints bool `json:"forbid_fingerprints,omitempty"`
}

// Limits that a policy can lower, and the quota's default, which it can raise.
const (
	DefaultMaxSecrets    = 100
	LargestMaxSecrets    = 1_000_000
	DefaultMaxValueBytes = 65_536
	DefaultMaxNameLength = 256
	DefaultRecoveryDays  = 7
	LargestRecoveryDays  = 90
	LargestRotationDays  = 3_650
)

// DefaultPolicy is the policy of a project that does not say otherwise.
func DefaultPolicy() Policy {
	return Policy{
		MaxSecrets:        DefaultMaxSecrets,
		MaxValueBytes:     DefaultMaxValueBytes,
		MaxNameLength:     DefaultMaxNameLength,
		DefaultVisibility: Masked,
		RecoveryDays:      DefaultRecoveryDays,
	}
}

// PolicyChange changes the fields of a Policy that are not nil.
type PolicyChange struct {
	MaxSecrets         *int        `json:"max_secrets,omitempty"`
	MaxValueBytes      *int        `json:"max_value_bytes,omitempty"`
	MaxNameLength      *int        `json:"max_name_length,omitempty"`
	NamePattern        *string     `json:"name_pattern,omitempty"`
	ImmutableNames     *bool       `json:"immutable_names,omitempty"`
	DefaultVisibility  *Visibility `json:"default_visibility,omitempty"`
	RecoveryDays       *int        `json:"recovery_days,omitempty"`
	ForbidFingerprints *bool       `json:"forbid_fingerprints,omitempty"`
}

// Generate asks the backend to make a value that nobody has seen.
type Generate struct {
	Length   int    `json:"length,omitempty"`   // characters, 8 to 1024; 0 means 32, or what the type's schema allows nearest to that
	Alphabet string `json:"alphabet,omitempty"` // the characters to draw from; "" means letters and digits
}

// Role is what a token's bearer may do.
type Role string

// The roles, each of which may do all that those after it may.
const (
	RoleAdmin   Role = "admin"   // everything: change objects, reveal masked secrets, make tokens
	RoleRuntime Role = "runtime" // resolve references for use, and see metadata
	RoleViewer  Role = "viewer"  // see metadata
)
