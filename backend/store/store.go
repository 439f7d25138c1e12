// SPDX-License-Identifier: MPL-2.0

// Package store keeps rows. What they mean is the engine's business: a Store
// knows neither rules nor keys, and sees no secret value in the clear.
//
// Everything Pouncet keeps is one of a few kinds of row. An [Object] says what
// is where and which version is current; a [Version] is one sealed value and
// never changes; a [EnvironmentKey] is a wrapped key; a [Token] is who may come in;
// a [Record] is what happened. Two databases can keep these behind one
// interface, and package storetest is the one meaning that both must have.
//
// # Errors
//
// Methods return *backend.Error: ErrNotFound only where a comment says so,
// ErrExists for a place that is taken, ErrUnavailable when the database is
// locked by another process or out of reach, ErrStorageFull, ErrCorrupt.
package store

import (
	"context"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Store is a database of rows.
type Store interface {
	// View runs f in a read transaction: it sees one moment of the database.
	View(ctx context.Context, f func(Tx) error) error

	// Update runs f in a write transaction. When f and Update return nil, all
	// its writes are on the disk; otherwise, and also when the process dies at
	// any moment, none of them is. An error of f is returned as it is.
	// Update runs one f at a time; f must not call the Store itself.
	Update(ctx context.Context, f func(Tx) error) error

	// AppendRecord adds one record to the audit log, durably.
	AppendRecord(ctx context.Context, r Record) error

	// Deployment is the id given to this database when it was made.
	Deployment() string

	// Check reports whether the database answers and is sound.
	Check(ctx context.Context) error

	Close() error
}

// Tx is a transaction. Writes inside View give an error.
type Tx interface {
	// Objects lists objects in order of (name, id).
	Objects(ctx context.Context, f Filter) ([]Object, error)

	// Lookup gives to each, one after the other and in no order, every object
	// of the kind in the project whose name, environment and scope are each among
	// those given, with its current version if it has one. One statement, however
	// many names. What each is given is its own to keep.
	Lookup(ctx context.Context, l Lookup, each func(Entry)) error

	// Count counts the objects that f selects; Limit and After do not matter.
	Count(ctx context.Context, f Filter) (int, error)

	// InsertObject adds an object. Its id must be new, and its place (kind,
	// project, environment, scope, name) free: ErrExists.
	InsertObject(ctx context.Context, o Object) error

	// UpdateObject replaces all of the object with this id. ErrNotFound when
	// there is none at revision o.Revision-1; ErrExists when its new place is
	// taken.
	UpdateObject(ctx context.Context, o Object) error

	// DeleteObject removes an object and its versions. ErrNotFound when absent.
	DeleteObject(ctx context.Context, id string) error

	// InsertVersion adds a version of an object: ErrExists when it is there.
	InsertVersion(ctx context.Context, v Version) error

	// Versions returns those of the asked for versions that exist, in no
	// order. One statement, however many.
	Versions(ctx context.Context, keys []VersionKey) ([]Version, error)

	// EnvironmentKeys returns the environment keys of a project, oldest first.
	EnvironmentKeys(ctx context.Context, project string) ([]EnvironmentKey, error)

	// InsertEnvironmentKey adds an environment key.
	InsertEnvironmentKey(ctx context.Context, k EnvironmentKey) error

	// DeleteEnvironmentKeys removes the environment keys of an environment that is gone.
	DeleteEnvironmentKeys(ctx context.Context, project, environment string) error

	// Tokens lists tokens in order of (name, id); TokenByHash finds the one
	// with this hash, or gives ErrNotFound.
	Tokens(ctx context.Context) ([]Token, error)
	TokenByHash(ctx context.Context, hash []byte) (Token, error)
	InsertToken(ctx context.Context, t Token) error
	DeleteToken(ctx context.Context, id string) error

	// Remember keeps the outcome of an idempotent call and forgets those kept
	// before olderThan; Recall returns it, or ErrNotFound.
	SaveIdempotencyRecord(ctx context.Context, r IdempotencyRecord, olderThan time.Time) error
	IdempotencyRecord(ctx context.Context, key string) (IdempotencyRecord, error)
}

// Object is the row of a project, environment, secret type, secret or scoped value.
type Object struct {
	Kind backend.Kind
	ID   string

	// Its place, unique: ids, so that a rename of what it is in changes
	// nothing here. "" where a kind has none; Environment may be backend.AnyEnvironment.
	Project     string
	Environment string
	Scope       string
	Name        string

	Type    string // id of a secret's type
	Link    string // name of the secret that a scoped value links to
	Version int64  // current version of a secret; 0 for anything else

	Revision   int64
	Attributes []byte // the engine's, opaque here
	MAC        []byte // the engine's, opaque here
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// Version is one sealed value, written once.
type Version struct {
	Object         string
	Version        int64
	EnvironmentKey string // id of the environment key that sealed it
	Type           string // id of the type it was checked against
	SchemaHash     string
	JSON           bool // the value is JSON text
	Sealed         []byte
	CreatedAt      time.Time
	CreatedBy      string
}

// VersionKey names a version.
type VersionKey struct {
	Object  string
	Version int64
}

// Entry is an object with its current version, whose Object is "" if it has none.
type Entry struct {
	Object  Object
	Current Version
}

// Lookup is the question that references ask. Environment and scope are ids.
type Lookup struct {
	Kind         backend.Kind
	Project      string
	Environments []string
	Scopes       []string
	Names        []string
}

// Filter selects objects; a field that is "" selects everything.
type Filter struct {
	Kind        backend.Kind // required
	Project     string
	ID          string
	Environment string
	Scope       string
	Name        string
	Type        string
	Link        string

	// AfterName and AfterID continue a listing behind that object.
	AfterName, AfterID string
	Limit              int // 0 for no limit
}

// EnvironmentKey is the wrapped key of one (project, environment).
type EnvironmentKey struct {
	ID          string
	Project     string
	Environment string
	KMSKey      string // the URI of the KMS key that wrapped it
	Wrapped     []byte
	CreatedAt   time.Time
}

// Token is a bearer token, known by its hash alone.
type Token struct {
	ID          string
	Name        string
	Description string
	Role        backend.Role
	Hash        []byte // SHA-256 of the token
	CreatedAt   time.Time
	ExpiresAt   time.Time // zero for never
}

// Record is one line of the audit log.
type Record struct {
	At        time.Time
	Principal string
	Role      backend.Role
	Verb      string // "resolve", "reveal", "apply", "compare", "fingerprint"
	Phase     string // "intent" before an apply, "outcome" after; "" otherwise
	Code      string // "ok", or the error's code
	Detail    []byte // JSON: ids and names, never values
}

// Remembered is the outcome of an idempotent call.
type IdempotencyRecord struct {
	Key     string
	Request []byte // hash of the request
	Outcome []byte // the engine's, opaque here
	At      time.Time
}
