// SPDX-License-Identifier: MPL-2.0

// Package backend says what Pouncet is about: the objects it keeps, the rules
// their names obey, the errors it gives, and the one interface through which
// everything else reaches them.
//
// # One interface, three verbs
//
// Whatever holds secrets is a [Service]. The engine that owns the rules, the
// HTTP client that forwards to a server, the access guard and the audit log
// that wrap either of them: each is a Service. A feature is added by wrapping
// one, and every caller (the Terraform provider, the command line, the server)
// is written once, against the interface.
//
//	terraform, pouncet ──> HTTP client ──> server: access guard ──> audit log ─┐
//	                                                                           ├──> engine: the rules
//	terraform, pouncet (embedded) ─────────────────────────────────> audit log ─┘     │          │
//	                                                                                 store   envelope ──> KMS
//
// # Limits of this package
//
// It holds no storage, no cryptography and no transport. It imports the
// standard library only, so that anything may import it.
package backend

import (
	"context"
	"encoding/json"
	"time"
)

// Service is everything that holds secrets.
//
// All three verbs are batches; one is a batch of one. Implementations are safe
// for concurrent use. An error that concerns a single item travels in that
// item's own result, so that one missing reference never hides another; the
// error returned beside the results is about the call as a whole, and then the
// results may be nil. Every error is, or wraps, an [*Error], and none holds a
// secret value.
type Service interface {
	// Query lists objects of one kind by selector, page by page, ordered by
	// name and id. Metadata only: it never decrypts and needs no KMS. A
	// selector that matches nothing gives an empty page; a project or an
	// environment that does not exist gives ErrNotFound.
	Query(ctx context.Context, q Query) (Page, error)

	// Resolve returns what refs stand for: one Resolution per Ref, in their
	// order. A reference that cannot be resolved carries its own error:
	// ErrNotFound where nothing is there, ErrCorrupt where something is there
	// but does not open (never ErrNotFound), ErrDenied where the principal may
	// not have it. The call's own error means that nothing was resolved.
	Resolve(ctx context.Context, refs []Ref) ([]Resolution, error)

	// Apply makes all changes of a set, in one transaction, or none of them.
	// They take effect in order: a later one may build on an earlier one. A place
	// is unique at the end of the set: an object may move to a place, or be
	// created in it, that a later change of the set makes free, so two names can be
	// swapped. Until then a change that names the place means the object that held
	// it first. A place that is not free at the end is ErrExists.
	//
	// With DryRun it makes none, and says for each what it would do (create,
	// update, unchanged, delete) or, in the outcome's Err, which rule it
	// breaks. Without DryRun a broken rule is also the call's own error, as
	// [Rejected] makes it, and then nothing was changed.
	Apply(ctx context.Context, set ChangeSet) ([]Outcome, error)
}

// Limits of one call, the same in-process and over HTTP.
const (
	MaxPage    = 1_000  // objects in one Page
	MaxRefs    = 20_000 // references in one Resolve
	MaxChanges = 10_000 // changes in one Apply
)

// Query selects objects of one kind. Empty fields select everything.
type Query struct {
	Kind    Kind   `json:"kind"`
	Project string `json:"project,omitempty"` // name or id; required for every kind but project and token

	ID          string `json:"id,omitempty"`
	Name        string `json:"name,omitempty"`        // exact
	Environment string `json:"environment,omitempty"` // name or id; AnyEnvironment selects the entries shared by all
	Scope       string `json:"scope,omitempty"`       // exact
	Type        string `json:"type,omitempty"`        // secrets of this type key; usages of this source

	// Deleted selects, of secrets or scoped values, those that can be restored instead of those that are there.
	Deleted bool `json:"deleted,omitempty"`

	Cursor string `json:"cursor,omitempty"` // the Next of the page before
	Limit  int    `json:"limit,omitempty"`  // at most MaxPage; 0 means MaxPage
}

// Page is one page of a listing. Next is empty on the last one.
type Page struct {
	Objects []Object `json:"objects"`
	Next    string   `json:"next,omitempty"`
}

// Ref names one thing to be resolved, as a configuration file does.
type Ref struct {
	Kind        Kind   `json:"kind"`        // KindSecret or KindValue
	Project     string `json:"project"`     // name or id
	Environment string `json:"environment"` // name or id of a real environment, never AnyEnvironment
	Scope       string `json:"scope,omitempty"`
	Name        string `json:"name"`

	// Field is a path into a JSON value, as Pick understands it; "" is all of it.
	Field string `json:"field,omitempty"`
	// Version is "" for the current one, a number, or PreviousVersion. Secrets only.
	Version string `json:"version,omitempty"`
	// Reveal says that a person asks, to look at the value: a restricted
	// secret then refuses. It is audited as what it is.
	Reveal bool `json:"reveal,omitempty"`
}

// PreviousVersion, as a Ref's Version, is the one before the current: what a
// rotation with overlap still accepts.
const PreviousVersion = "previous"

// Resolution is what one Ref stands for.
type Resolution struct {
	Value Plaintext
	JSON  bool // the value is JSON text; otherwise it is the string itself
	// Secret says that the value is, or is part of, a secret's; a plain scoped value's is not.
	Secret bool

	// Where it was found: the nearest scope wins and, within it, the exact environment.
	ID          string
	Environment string // the environment's name, or AnyEnvironment
	Scope       string
	Version     int64 // of a secret; for a plain scoped value its revision

	Err *Error // nil when resolved
}

// Op is what a Change does.
type Op string

// OpSet creates an object or updates the one that is there. OpCreate and
// OpUpdate insist on one of the two: an existing object is then ErrExists, an
// absent one ErrNotFound.
//
// OpDelete leaves a secret or scoped value restorable for as long as the
// project's policy says, in nobody's way: its name is free. OpRestore, by id or
// by place, where it means what was deleted last, brings it back with all its
// versions. ErrExists says that its name was taken meanwhile; with Rename it
// comes back under another.
const (
	OpSet     Op = "set"
	OpCreate  Op = "create"
	OpUpdate  Op = "update"
	OpDelete  Op = "delete"
	OpRestore Op = "restore"
)

// ChangeSet is a number of changes to be made together.
type ChangeSet struct {
	Changes []Change
	DryRun  bool
	// IdempotencyKey, when set, makes a repetition of the set within a day
	// return the first one's outcomes instead of applying it again. The same
	// key on another set is ErrConflict.
	IdempotencyKey string
	// FingerprintKey, 32 random bytes, asks a dry run for a fingerprint of the
	// present value of each secret: HMAC-SHA256 under this key of the value, or
	// of its canonical form if it is JSON. The caller can then tell locally
	// whether a value that it has is the one that is there. A project's policy
	// can forbid it: then there are none.
	FingerprintKey []byte
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
	// Purge deletes for good, and also what was deleted before.
	Purge bool `json:"purge,omitempty"`

	// Any kind.
	Rename      *string           `json:"rename,omitempty"` // the new name; the id stays
	Description *string           `json:"description,omitempty"`
	Labels      map[string]string `json:"labels"` // replaces all labels; nil leaves them, empty removes them
	ManagedBy   *string           `json:"managed_by,omitempty"`

	// Project.
	Policy *PolicyChange `json:"policy,omitempty"`

	// Environment.
	KMSKey *string `json:"kms_key,omitempty"` // fixed at creation

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
	Note         *string     `json:"note,omitempty"` // of the version that Value or Generate writes

	// Scoped value: JSON or Link.
	JSON json.RawMessage `json:"json,omitempty"`
	Link *Link           `json:"link,omitempty"`

	// Usages of entries of a project: they replace all that the source called
	// Name has registered. OpSet and OpDelete only.
	Usages []Usage `json:"usages,omitempty"`

	// Token.
	Role      *Role  `json:"role,omitempty"`
	TokenHash []byte `json:"token_hash,omitempty"` // SHA-256 of the token: the backend never sees the token itself

	// Token, secret.
	ExpiresAt *time.Time `json:"expires_at,omitempty"` // zero for never
}

// Action is what a Change did, or would do.
type Action string

// The actions.
const (
	ActionCreate    Action = "create"
	ActionUpdate    Action = "update"
	ActionUnchanged Action = "unchanged"
	ActionDelete    Action = "delete"
	ActionRestore   Action = "restore"
)

// Outcome says what one Change did or, after a dry run, would do.
type Outcome struct {
	Action  Action   `json:"action,omitempty"`
	Changed []string `json:"changed,omitempty"` // the attributes that differ, by their JSON names
	Object  Object   `json:"object"`            // as it is afterwards; as it was, for a deletion
	Err     *Error   `json:"error,omitempty"`   // the rule that the change breaks

	// Fingerprint of the secret's value before the change, if it was asked for and is allowed.
	Fingerprint []byte `json:"fingerprint,omitempty"`
}
