// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"cmp"
	"fmt"
	"strings"
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
	KindVersion     Kind = "version" // of a secret; Query lists them, and no Change has this kind
	KindDraft       Kind = "draft"
	KindDraftChange Kind = "draft_change" // of a draft; OpDelete and OpRefresh only
	KindRole        Kind = "role"
	KindGroup       Kind = "group"
	KindBinding     Kind = "binding" // of a role to a token, a group or a trust
	KindRecord      Kind = "record"  // of the audit log; Query lists them, and no Change has this kind
	KindTrust       Kind = "trust"   // in the identity tokens of an issuer
	// KindEntry means secrets and scoped values, in a Query that lists them for people. No object has this kind.
	KindEntry Kind = "entry"
	// KindScope means the scopes of secrets and scoped values, in a Query that lists them. The name of an object is the
	// scope.
	KindScope Kind = "scope"
)

// String returns the kind in words, for messages.
func (k Kind) String() string {
	switch k {
	case KindSecretType:
		return "secret type"
	case KindScopedValue:
		return "scoped value"
	case KindDraftChange:
		return "draft change"
	}
	return string(k)
}

// Plural returns the kind in a sentence about several objects: "secret types".
func (k Kind) Plural() string { return k.String() + "s" }

// Command returns the command of the command line for objects of the kind, for hints: "env" in "pouncet env list".
func (k Kind) Command() string {
	switch k {
	case KindEnvironment:
		return "env"
	case KindSecretType:
		return "type"
	case KindScopedValue:
		return "value"
	case KindDraftChange:
		return "draft"
	}
	return string(k)
}

// InProject reports whether objects of a kind belong to a project.
func (k Kind) InProject() bool {
	switch k {
	case KindProject, KindToken, KindRole, KindGroup, KindBinding, KindTrust:
		return false
	}
	return true
}

// AnyEnvironment is the pseudo-environment of an entry that every environment shares.
const AnyEnvironment = "*"

// ManagedByTerraform is the ManagedBy of objects that Terraform creates. Others
// may change such an object, and the next plan then shows the drift.
const ManagedByTerraform = "terraform"

// ConfigurationPattern is the pattern of the name of a Terraform configuration, which follows ManagedByTerraform and a
// colon.
const ConfigurationPattern = `^[A-Za-z0-9_-]{1,50}$`

// ProjectScope is the scope that all of a project sees. The others are
// "app/<name>" and "pipeline/<name>".
const ProjectScope = "project"

// DefaultProject is the project that a new backend has.
const DefaultProject = "default"

// Object is the metadata of one object: everything but secret values. Which
// fields are set depends on its kind.
type Object struct {
	Kind Kind `json:"kind"`
	// ID is a UUIDv7. A rename keeps it. An object that is created under the name
	// of a deleted one has another id.
	ID   string `json:"id"`
	Name string `json:"name"` // of a secret type: its key

	Project       string `json:"project,omitempty"` // the project's name
	Environment   string `json:"environment,omitempty"`
	EnvironmentID string `json:"environment_id,omitempty"`
	Scope         string `json:"scope,omitempty"`

	Attributes

	Revision int64 `json:"revision,omitempty"` // counts every change of the object
	// Edition counts the changes of what the owner decides: the object's name, attributes, value, type and link.
	// A change that the backend makes on its own, as when it displaces the object, does not count.
	Edition int64 `json:"edition,omitempty"`
	// Incarnation counts how often a creation took over or took back the object, which kept its id; see
	// Change.SameOwner.
	Incarnation int64     `json:"incarnation,omitempty"`
	CreatedAt   time.Time `json:"created_at,omitzero"`
	UpdatedAt   time.Time `json:"updated_at,omitzero"`

	// RestorableUntil is when the recovery window of a deleted object ends. The deletion of a project or environment
	// reports it too. It is zero for one that was set aside (HeldReplaced or HeldInUse), which can be restored without
	// limit.
	RestorableUntil time.Time `json:"restorable_until,omitzero"`

	// Held says why the object does not have its name: HeldDisplaced, HeldReplaced or HeldInUse; "" if it has. Name is
	// then a reserved name, which begins with "~", and Was is the former name. A held object keeps its id. It does not
	// count for the quota, no name means it, and nothing can begin to use it.
	Held string `json:"held,omitempty"`
	Was  string `json:"was,omitempty"`

	// Project: the number of secrets that it holds, which Policy.MaxSecrets limits. Deleted environment: the number that
	// comes back with it.
	Secrets *int `json:"secrets,omitempty"`

	// Secret type, role: it belongs to Pouncet and cannot be changed.
	BuiltIn bool `json:"built_in,omitempty"`

	// Secret.
	Type    string `json:"type,omitempty"`
	Version int64  `json:"version,omitempty"` // counts the values written
	// RotationDueAt is when the current value has been used for RotationDays. The value stays valid; the time is only
	// shown.
	RotationDueAt time.Time `json:"rotation_due_at,omitzero"`
	// LastResolvedAt is when a value of the secret was last returned, to within two minutes, and LastResolvedBy is the
	// name of the principal that got it. Only queries with LastResolved or UnusedSince return them.
	LastResolvedAt time.Time `json:"last_resolved_at,omitzero"`
	LastResolvedBy string    `json:"last_resolved_by,omitempty"`

	// Version: it has the id, name and place of its secret, its number in Version, the key of the type that its value was
	// checked against in Type, and in Tags the tags that name it. CreatedBy is the name of the principal that wrote it.
	Note      string `json:"note,omitempty"`
	CreatedBy string `json:"created_by,omitempty"`
	Client    string `json:"client,omitempty"` // the program that wrote it, such as "pouncet/1.0.0"
	// Binary says that the value is not text (UTF-8). Versions that were written before Pouncet recorded it do not say so.
	Binary bool `json:"binary,omitempty"`

	// In a list of entries (KindEntry): the names of the environments in which the name and scope are set, sorted, and how
	// many scoped values and positions in registered files can mean the entry, MaxCountedUses at most. CreatedBy is the
	// name of the principal that wrote the current value.
	Environments []string `json:"environments,omitempty"`
	UsedBy       *int     `json:"used_by,omitempty"`

	// Scoped value.
	Link *Link `json:"link,omitempty"`

	// Usage: its position, and the source that registered it. It has the name
	// of the entry. A registration reports the number of its usages.
	Usage  *Usage `json:"usage,omitempty"`
	Source string `json:"source,omitempty"`
	Usages *int   `json:"usages,omitempty"`

	// Draft: the number of its changes. CreatedBy is the name of the principal that staged the first one.
	Changes *int `json:"changes,omitempty"`
	// Draft change: it has the name and place that the changed object had when the change was staged. Draft is the name
	// of the draft.
	Draft  string  `json:"draft,omitempty"`
	Staged *Staged `json:"staged,omitempty"`

	// Binding: Attributes.Grant. Its names are the present ones.

	// Record: the record itself. Its name is the verb, CreatedAt its time, CreatedBy the principal, and Role the role of
	// the principal. Project is the name of the project whose log it is in, or the id of one that does not exist any more.
	Record *Record `json:"record,omitempty"`

	// Token.
	Role      Role          `json:"role,omitempty"`
	Principal PrincipalKind `json:"principal,omitempty"` // who has the token
	// Migrated says that the token is from a database without signed rows. Anyone who could write that database could
	// add a token.
	Migrated bool `json:"migrated,omitempty"`
	// LastUsedAt is when a call with the token was last accepted, to within two minutes, and LastUsedFrom is the IP
	// address of the caller. Queries for tokens return them, but a caller that asks for its own token does not get them.
	// They are zero for a token that was not used since it was created, or since this version of Pouncet notes it.
	LastUsedAt   time.Time `json:"last_used_at,omitzero"`
	LastUsedFrom string    `json:"last_used_from,omitempty"`
}

// Why an object is held. A Change with SameOwner or CreationFollows brings it there.
const (
	// HeldDisplaced: another object of the same owner took its place. It keeps its value and waits for its own rename
	// or deletion, by id.
	HeldDisplaced = "displaced"
	// HeldReplaced: a project, environment or secret type that was deleted, with its contents, in favour of a creation
	// that has not come yet. A creation (OpCreate) of its name with the same ManagedBy takes it back, with its id, its
	// contents and its keys.
	HeldReplaced = "replaced"
	// HeldInUse: it was deleted while objects of the same owner used it. They use it further, and it is removed with
	// the last of them that stops using it. An environment can be restored until then, and its entries can be read under
	// its name until another environment has that.
	HeldInUse = "in use"
)

// Visibility says whether a person may be shown a secret's value.
type Visibility string

// A masked secret can be revealed to a person with the permission; that is
// audited. A restricted secret is for workloads: no person gets its value, and only
// a workload can make it masked.
const (
	Masked     Visibility = "masked"
	Restricted Visibility = "restricted"
)

// Link makes a scoped value stand for a secret, or for one field of it. The
// secret is looked up in the environment and scope of the request, not of the
// scoped value: an entry that all environments share never carries the secret of
// one environment into another.
type Link struct {
	Secret string `json:"secret"`
	Field  string `json:"field,omitempty"`
}

// Usage is a position in a configuration file that refers to a secret or scoped
// value in one environment.
type Usage struct {
	Kind        Kind   `json:"kind"`
	Name        string `json:"name"`
	Environment string `json:"environment"` // name or id
	Scope       string `json:"scope,omitempty"`
	File        string `json:"file,omitempty"` // within the source
	Line        int    `json:"line,omitempty"` // from 1, as is Column
	Column      int    `json:"column,omitempty"`
}

// CompareUsages orders objects of KindUsage by the name that they refer to, and by their position.
func CompareUsages(a, b Object) int {
	x, y := cmp.Or(a.Usage, &Usage{}), cmp.Or(b.Usage, &Usage{})
	return cmp.Or(strings.Compare(x.Name, y.Name), strings.Compare(string(x.Kind), string(y.Kind)),
		strings.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column),
		strings.Compare(a.Source, b.Source), strings.Compare(x.Environment, y.Environment))
}

// The lengths that a generated value can have, in characters.
const (
	MinGeneratedLength = 8
	MaxGeneratedLength = 1024
)

// Generate makes the backend draw a random value, which it never shows.
type Generate struct {
	// Length is from MinGeneratedLength to MaxGeneratedLength. 0 means 32, or the nearest length that the schema of the
	// type allows.
	Length   int    `json:"length,omitempty"`
	Alphabet string `json:"alphabet,omitempty"` // the characters to draw from; "" means letters and digits
}

// Role says what the bearer of a token may do.
type Role string

// The roles. Package access defines what each of them may do.
const (
	RoleAdmin    Role = "admin"    // everything: change objects, reveal masked secrets, make tokens
	RoleEditor   Role = "editor"   // change secrets and scoped values, try changes, deploy drafts, and see metadata
	RoleRuntime  Role = "runtime"  // resolve references for use, register usages, and see metadata
	RoleRevealer Role = "revealer" // reveal masked secrets to a person, and see metadata
	RolePlanner  Role = "planner"  // try changes in dry runs, which compare values, and see metadata
	RoleAuditor  Role = "auditor"  // read the audit log, and see metadata
	RoleViewer   Role = "viewer"   // see metadata
	RoleNone     Role = "none"     // of a token: nothing but what its bindings give it
)

// Roles lists the roles that a token can have, the one with the most rights first. The role of a token gives its rights
// at all places, protected environments included. RoleNone is the role of a token that has bindings instead.
var Roles = []Role{RoleAdmin, RoleEditor, RoleRuntime, RoleRevealer, RolePlanner, RoleAuditor, RoleViewer, RoleNone}

// RoleNames returns the roles in words, for messages.
func RoleNames() string {
	names := make([]string, len(Roles))
	for i, r := range Roles {
		names[i] = fmt.Sprintf("%q", r)
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
