// SPDX-License-Identifier: MPL-2.0

// Package backend defines the domain of Pouncet: its objects, the rules for their
// names, its errors, and the interface through which all other code uses them.
//
// # One interface, three verbs
//
// Everything that holds secrets is a [Service]: the engine that applies the
// rules, the HTTP client that forwards to a server, and the access guard and the
// audit log that wrap another Service. A feature is added by wrapping a Service,
// and every caller (the Terraform provider, the command line, the server) is
// written once, for the interface.
//
//	terraform, pouncet ──> HTTP client ──> server: access guard ──> audit log ─┐
//	                                                                           ├──> engine: the rules
//	terraform, pouncet (embedded) ─────────────────────────────────> audit log ─┘     │          │
//	                                                                                 store   envelope ──> KMS
//
// # Limits of this package
//
// It has no storage, cryptography or transport. It imports only the standard
// library, so that every package can import it.
package backend

import (
	"context"
	"encoding/json"
	"time"
)

// Service stores secrets and gives access to them.
//
// All three verbs take batches. Implementations are safe for concurrent use. An
// error about a single item is part of that item's result, so that one missing
// reference does not hide another. An error beside the results is about the call
// as a whole, and the results may then be nil. Every error is, or wraps, an
// [*Error], and none holds a secret value.
type Service interface {
	// Query lists objects of one kind, page by page, sorted by name and id. It
	// returns metadata only, decrypts nothing and needs no KMS. A selector that
	// matches nothing gives an empty page; a project or environment that does not
	// exist gives ErrNotFound.
	Query(ctx context.Context, q Query) (Page, error)

	// Resolve returns the values of references: one Resolution per Ref, in their
	// order. A reference that cannot be resolved has its own error: ErrNotFound if
	// the entry does not exist, ErrCorrupt (never ErrNotFound) if it exists and
	// cannot be decrypted, ErrDenied if the principal may not have it. An error of
	// the call means that nothing was resolved.
	Resolve(ctx context.Context, refs []Ref) ([]Resolution, error)

	// Apply makes all changes of a set, in one transaction, or none of them. They take effect in order, so a later change
	// can build on an earlier one. A place is unique at the end of the set: a change can move an object to a taken place,
	// or create it there, if a later change of the set frees the place. So two names can be swapped. Until then, a change
	// that names the place means the object that had it first. A place that is not free at the end gives ErrExists.
	//
	// With DryRun it changes nothing, and each outcome says what the change would
	// do (create, update, unchanged, delete) or, in Err, which rule it breaks.
	// Without DryRun a broken rule is also the error of the call, as [Rejected]
	// makes it, and nothing is changed.
	Apply(ctx context.Context, set ChangeSet) ([]Outcome, error)
}

// Query selects objects of one kind. Empty fields select everything.
type Query struct {
	Kind    Kind   `json:"kind"`
	Project string `json:"project,omitempty"` // name or id; required for every kind but project and token

	ID          string `json:"id,omitempty"`
	Name        string `json:"name,omitempty"`        // exact
	NamePrefix  string `json:"name_prefix,omitempty"` // what the name begins with; only for lists that are sorted by name
	Environment string `json:"environment,omitempty"` // name or id; AnyEnvironment selects the entries shared by all
	Scope       string `json:"scope,omitempty"`       // exact
	Type        string `json:"type,omitempty"`        // secrets of this type key; usages of this source
	Draft       string `json:"draft,omitempty"`       // draft changes of this draft: its name or id

	// Deleted selects the objects that can be restored, instead of the existing ones. What is in a deleted environment
	// is not listed: it comes back with the environment.
	Deleted bool `json:"deleted,omitempty"`
	// Held selects the held objects (see Object.Held), instead of those that have their name. Without it, only a query
	// by ID returns a held object.
	Held bool `json:"held,omitempty"`

	// LastResolved adds to each secret when it was last resolved: see Object.LastResolvedAt. Secrets and lists of entries.
	LastResolved bool `json:"last_resolved,omitempty"`
	// UnusedSince selects the secrets that exist since before this time and that nobody has resolved since then. A secret
	// is selected only if that is known: see Page.ResolvedSince. Secrets only. A page may then have fewer objects than
	// Limit, and others may follow.
	UnusedSince time.Time `json:"unused_since,omitzero"`

	// Self, with KindToken and nothing else, selects the token of the caller, which every role may see. The local user of
	// an embedded backend has none: the object then has a name, a role and a principal, and no id.
	Self bool `json:"self,omitempty"`

	// For KindEntry only. Search selects the entries whose name or description contains a text, in upper or lower case.
	// Sort is one of EntrySorts, by default SortName. Offset skips the first entries. A list of one environment has the
	// entries that all environments share, too. It has at most MaxListedEntries entries, before the search.
	Search     string `json:"search,omitempty"`
	Sort       string `json:"sort,omitempty"`
	Descending bool   `json:"descending,omitempty"`
	Offset     int    `json:"offset,omitempty"`

	// For KindRecord only. Project selects the log of a project; Environment, Scope, Name and ID select the records that
	// have such an object; By is the name or id of a principal; Code is CodeOK or the code of an error, of the call or of
	// an item. Since and Until select the records from one time up to, but not at, another. A page may have fewer objects
	// than Limit, or none, and others may follow.
	By    string    `json:"by,omitempty"`
	Verb  string    `json:"verb,omitempty"`
	Code  string    `json:"code,omitempty"`
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// OldestFirst lists the oldest records first. With Follow, the last page has a Next too: it continues with the records
	// that are added later.
	OldestFirst bool `json:"oldest_first,omitempty"`
	Follow      bool `json:"follow,omitempty"`

	Cursor string `json:"cursor,omitempty"` // the Next of the previous page
	Limit  int    `json:"limit,omitempty"`  // at most MaxPage; 0 means MaxPage
}

// What a list of entries can be sorted by. Equal ones are sorted by name.
const (
	SortName    = "name"
	SortKind    = "kind"
	SortType    = "type"
	SortVersion = "version"
	SortCreated = "created"
	SortUpdated = "updated"
)

// EntrySorts lists what a list of entries can be sorted by.
var EntrySorts = []string{SortName, SortKind, SortType, SortVersion, SortCreated, SortUpdated}

// Page is one page of a listing. Next is empty on the last one.
type Page struct {
	Objects []Object `json:"objects"`
	Next    string   `json:"next,omitempty"`
	// Total counts all entries that a list of entries selects. Other lists have none, and a list of entries has no Next.
	Total *int `json:"total,omitempty"`
	// Deployment is the id of the backend that answered. A backend has it from its creation on.
	Deployment string `json:"deployment,omitempty"`
	// ResolvedSince is the time since when the backend notes which secrets are resolved. It is in answers to queries with
	// LastResolved or UnusedSince.
	ResolvedSince time.Time `json:"resolved_since,omitzero"`
}

// Ref is one reference, as a configuration file has it.
type Ref struct {
	Kind        Kind   `json:"kind"`        // KindSecret or KindScopedValue
	Project     string `json:"project"`     // name or id
	Environment string `json:"environment"` // name or id of a real environment, never AnyEnvironment
	Scope       string `json:"scope,omitempty"`
	Name        string `json:"name"`

	// Field is a field path into a JSON value (see ParsePath); "" is the whole value.
	Field string `json:"field,omitempty"`
	// Version is "" for the current version, a number, PreviousVersion, or a tag of the secret. Secrets only.
	Version string `json:"version,omitempty"`
	// Reveal says that the value is shown to a person. A restricted secret then
	// gives ErrDenied. The audit log records it as "reveal".
	Reveal bool `json:"reveal,omitempty"`
	// Probe asks whether the reference could be resolved, without its value: the entry is looked up, the rights are
	// checked, and the value is decrypted and forgotten. The audit log records it as "probe".
	Probe bool `json:"probe,omitempty"`
}

// PreviousVersion, as a Ref's Version, means the version before the current one,
// which a rotation with overlap still accepts.
const PreviousVersion = "previous"

// Resolution is the value of one Ref.
type Resolution struct {
	Value Plaintext
	JSON  bool // the value is JSON text; otherwise it is the string itself
	// Secret says that the value belongs to a secret or to a field of it; it is false for a plain scoped value.
	Secret bool

	// The entry that the reference means, and where it is: see LookupOrder.
	ID          string
	Environment string // the environment's name, or AnyEnvironment
	Scope       string
	Version     int64 // of a secret; for a plain scoped value its revision

	// ProjectID is the id of the project that the reference names, also with Err. It is for the audit log, and does not
	// leave the server.
	ProjectID string `json:"-"`
	// SecretID is the id of the secret that the value is from, also by a link. It is for the audit log too.
	SecretID string `json:"-"`

	Err *Error // nil when resolved
}

// Op is what a Change does.
type Op string

// OpSet creates an object or updates the existing one. OpCreate gives ErrExists
// if the object exists, OpUpdate ErrNotFound if it does not.
//
// After OpDelete, a project, environment, secret or scoped value can be restored
// during the recovery window of the project's policy; its name is free at once.
// OpRestore restores it, by id or by place; of several from one place it restores
// the one that was deleted last. A secret comes back with all its versions, and an
// environment with its keys and everything that was in it. ErrExists says that the
// name is taken; Rename then restores the object under another name.
const (
	OpSet     Op = "set"
	OpCreate  Op = "create"
	OpUpdate  Op = "update"
	OpDelete  Op = "delete"
	OpRestore Op = "restore"
	// OpCompare compares the values of two versions, of one secret or of two; see Change.With. It is for a dry run only.
	// The action is ActionUnchanged if they are equal, else ActionUpdate, with the attribute "value" in Changed.
	OpCompare Op = "compare"
	// OpDeploy makes all changes of a draft, or none, and removes the draft. It is the only change of its set. The outcome
	// has the outcomes of the changes in Parts. ErrConflict says that changes are stale: their objects were changed since.
	// A dry run says what deploying would do, even with stale changes.
	OpDeploy Op = "deploy"
	// OpRefresh makes a stale change of a draft, or all changes of a draft, accept the objects as they are now.
	OpRefresh Op = "refresh"
)

// ChangeSet is a list of changes that are made together or not at all.
type ChangeSet struct {
	Changes []Change
	DryRun  bool
	// Draft, when set, is the name of a draft of the project of the changes, and the changes are added to it instead of
	// being made. The draft is created if it does not exist. The outcomes say what the changes would do after the
	// changes that the draft has. If the draft already changes the same object, the new change is merged into the staged
	// one if possible.
	Draft string
	// IdempotencyKey makes a repetition of the set within a day return the first
	// outcomes instead of applying it again. The same key on another set is
	// ErrConflict.
	IdempotencyKey string
	// FingerprintKey, 32 random bytes, makes a dry run return a Fingerprint of the
	// current value of each secret under this key. The caller can then compare
	// values locally. The outcomes have none if the project's policy forbids it.
	FingerprintKey []byte
	// CompareOnly makes a dry run tell nothing of a stored value but whether it equals a given one. A rule that needs the
	// stored value itself is not checked (see Outcome.Unchecked). A set with a FingerprintKey may then change nothing, and
	// restricted secrets have no fingerprint. CompareOnly does not cross the wire: package access sets it for a principal
	// that may not change anything.
	CompareOnly bool
}

// FingerprintKeySize is the size of a ChangeSet's FingerprintKey, in bytes.
const FingerprintKeySize = 32

// Change is one change to one object, which is named by ID or by its place:
// Project, Environment, Scope and Name, as far as its kind has them. A nil
// field leaves the attribute as it is; an attribute that the kind does not have
// is ErrInvalid. AttributeTable says which kind has which.
//
// The JSON names are those of the wire. Value has none: a value crosses a wire
// only where code says so.
type Change struct {
	Op   Op   `json:"op"`
	Kind Kind `json:"kind"`

	ID          string `json:"id,omitempty"`
	Project     string `json:"project,omitempty"`
	Environment string `json:"environment,omitempty"`
	Scope       string `json:"scope,omitempty"`
	Name        string `json:"name,omitempty"`

	// Expect, when set, is the version (of a secret) or revision (of any other
	// kind) that the object must be at, 0 for "must not exist"; else ErrConflict.
	Expect *int64 `json:"expect,omitempty"`
	// Force deletes an object that has dependents. It is audited.
	Force bool `json:"force,omitempty"`
	// Purge deletes permanently, with the keys of an environment. It also deletes what is in its recovery window.
	Purge bool `json:"purge,omitempty"`

	// Edition, when set, is the edition that the object must have (see Object.Edition), else ErrConflict.
	Edition *int64 `json:"edition,omitempty"`
	// Incarnation, when set, is the one in which the caller knows the object (see Object.Incarnation). An object whose
	// incarnation is newer belongs to another creation: a deletion leaves it as it is, with ActionUnchanged, and any
	// other change is ErrConflict.
	Incarnation *int64 `json:"incarnation,omitempty"`
	// StagedChange, in a set with a Draft, is the id of the last change of the same object that the draft has, as the
	// caller has seen it; "" for none. If somebody else has staged another one last, it is ErrConflict. Changes that the
	// caller may not see do not count.
	StagedChange *string `json:"staged_change,omitempty"`
	// SameOwner says that objects of one owner do not block each other, whatever the order of their changes. The owner
	// of the change is its ManagedBy or, if it has none, that of the object. It owns the objects with the same
	// ManagedBy; an empty one owns nothing.
	//
	//   - A creation (OpCreate) of a secret or scoped value, and a rename of any kind, takes its place from an object of
	//     the same owner. That object is displaced (HeldDisplaced).
	//   - A creation of a project, environment or secret type takes over the object of the same owner that has the
	//     name. The object gets the attributes of the change, and keeps its id, its contents and its keys. The action
	//     is ActionCreate.
	//   - A deletion of an object sets it aside (HeldInUse) if all its dependents have the same owner. Other dependents,
	//     and registered usages, give ErrInUse.
	//   - A creation of a secret may exceed the quota while the secrets of other owners alone do not reach it.
	SameOwner bool `json:"same_owner,omitempty"`
	// CreationFollows, with OpDelete of a project, environment or secret type, says that the caller will create an
	// object of the same name. The object is set aside with its contents, whatever depends on it (HeldReplaced), and the
	// ManagedBy of the change becomes its own. Until then, what the same owner creates can use it by its name. After that
	// of a secret, new links of its owner can name it already; it has no other effect on a secret, and none on a scoped
	// value.
	CreationFollows bool `json:"creation_follows,omitempty"`
	// ValueFollows, in a dry run of a secret, says that the change will have a value which is not known yet. No rule of
	// the value is checked, also not whether the current one satisfies a new type.
	ValueFollows bool `json:"value_follows,omitempty"`

	// Any kind.
	Rename      *string           `json:"rename,omitempty"` // the new name; the id stays
	Description *string           `json:"description,omitempty"`
	Labels      map[string]string `json:"labels"` // replaces all labels; nil leaves them, empty removes them
	ManagedBy   *string           `json:"managed_by,omitempty"`

	// Project.
	Policy *PolicyChange `json:"policy,omitempty"`

	// Environment.
	KMSKey *string `json:"kms_key,omitempty"` // another key wraps the environment's keys again; "" means the backend's

	// Environment, secret.
	Protected *bool `json:"protected,omitempty"`

	// Secret type.
	DisplayName *string         `json:"display_name,omitempty"`
	Schema      json.RawMessage `json:"schema,omitempty"`

	// Secret.
	Type         *string     `json:"type,omitempty"` // a type's key; "" for none
	Visibility   *Visibility `json:"visibility,omitempty"`
	Value        Plaintext   `json:"-"`                  // an empty value keeps the present one
	Generate     *Generate   `json:"generate,omitempty"` // makes the value in the backend; excludes Value
	RotationDays *int        `json:"rotation_days,omitempty"`
	Note         *string     `json:"note,omitempty"` // of the version that Value, Generate or FromVersion writes
	// FromVersion writes the value of an earlier version of the secret again, as its newest version. It is as the Version
	// of a Ref, and excludes Value and Generate. With OpCompare it is the version that is compared.
	FromVersion *string `json:"from_version,omitempty"`
	// With, for OpCompare, is what FromVersion is compared with.
	With *VersionOf `json:"with,omitempty"`
	// Tags name versions by their number; 0 removes a tag. Tags that are not in the map stay as they are, also when a new
	// value is written.
	Tags map[string]int64 `json:"tags,omitempty"`

	// Scoped value: JSON or Link.
	JSON json.RawMessage `json:"json,omitempty"`
	Link *Link           `json:"link,omitempty"`

	// Usages of entries of a project: they replace all that the source called
	// Name has registered. OpSet and OpDelete only.
	Usages []Usage `json:"usages,omitempty"`

	// Role: the rights; nil leaves them. Group: the members, each as Grant.To names a token or trust. Binding. Trust.
	Rights  []Right  `json:"rights,omitempty"`
	Members []string `json:"members,omitzero"` // nil leaves them, empty removes them
	Grant   *Grant   `json:"grant,omitempty"`
	Trust   *Trust   `json:"trust,omitempty"`

	// Token.
	Role *Role `json:"role,omitempty"`
	// Principal says who has the token. By default, a new token is for a workload with RoleRuntime, else for a person.
	Principal *PrincipalKind `json:"principal,omitempty"`
	TokenHash []byte         `json:"token_hash,omitempty"` // SHA-256 of the token: the backend never sees the token itself

	// SourceRanges are the networks from which a new token can be used: see ParseNetwork. Nil is every address.
	SourceRanges []string `json:"source_ranges,omitzero"`

	// Token, secret, draft. Zero is never, but a draft always expires. If this is nil, a new token expires after
	// DefaultTokenDays.
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// VersionOf names a version of a secret.
type VersionOf struct {
	ID      string `json:"id,omitempty"`      // of the secret; "" for the secret of the Change
	Version string `json:"version,omitempty"` // in the form of Ref.Version
}

// Action is what a Change did or, in a dry run, would do.
type Action string

// The actions.
const (
	ActionCreate    Action = "create"
	ActionUpdate    Action = "update"
	ActionUnchanged Action = "unchanged"
	ActionDelete    Action = "delete"
	ActionRestore   Action = "restore"
	ActionDeploy    Action = "deploy" // of a draft
)

// Outcome is the result of one Change.
type Outcome struct {
	Action  Action   `json:"action,omitempty"`
	Changed []string `json:"changed,omitempty"` // the attributes that differ, by their JSON names
	Object  Object   `json:"object"`            // after the change; before it, for a deletion
	Err     *Error   `json:"error,omitempty"`   // the rule that the change breaks

	// Displaced is the object that the change displaced or took over, as it was before; see Change.SameOwner.
	Displaced *Object `json:"displaced,omitempty"`
	// Dependents still use an object that a deletion set aside, or are the tokens that a deleted token made.
	Dependents []Dependent `json:"dependents,omitempty"`

	// Unchecked is the attribute with a rule for stored values that a dry run with CompareOnly did not check: the type of
	// a secret (or of one that is restored), or the schema of a secret type. It is "value" if the value was not compared,
	// because the principal may not have it, and has compared it too often with other values. "" if all was checked.
	Unchecked string `json:"unchecked,omitempty"`
	// Fields are the field paths in which two JSON objects differ, of OpCompare, at most MaxDifferentFields. It is nil if
	// one of the values is not a JSON object, or if the principal may not have both values.
	Fields []string `json:"fields,omitempty"`
	// SameValue names other secrets of the project that have the same value as the one that was written, at most
	// MaxSameValue, if the policy notes duplicates. Only secrets that the principal may see are compared.
	SameValue []string `json:"same_value,omitempty"`
	// Parts are the outcomes of the changes of a draft that is deployed, in their order.
	Parts []Part `json:"parts,omitempty"`
	// Fingerprint of the secret's value before the change, if it was requested and is allowed.
	Fingerprint []byte `json:"fingerprint,omitempty"`

	// ProjectID is the id of the project that the change concerns, if there is one. It is for the audit log, and does not
	// leave the server.
	ProjectID string `json:"-"`
}
