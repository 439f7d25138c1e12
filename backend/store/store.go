// SPDX-License-Identifier: MPL-2.0

// Package store stores rows. The engine decides what they mean: a Store knows neither rules nor keys, and it never
// sees a secret value in plain text.
//
// There are eight types of row. An [Object] is the row of a project, environment, secret type, secret or scoped value,
// and says which version is current. A [Version] is one sealed value and never changes. An [EnvironmentKey] is a
// wrapped key. A [Token] lets a caller in. A [Record] is a line of the audit log. An [IdempotencyRecord] is the
// outcome of a call. A [State] sums up the rows of a project. A [Resolved] says when a secret was last used. Several
// databases can implement the interface; package storetest tests that they behave the same.
//
// A Store does not know which rows are genuine. Package signed wraps a Store: it signs what is written and verifies
// what is read. Only it uses the fields DeploymentMAC and Untrusted.
//
// # Errors
//
// Methods return a *backend.Error. ErrNotFound occurs only where a comment says so. ErrExists means that a place or
// an id is taken. ErrUnavailable means that another process has locked the database, or that it cannot be reached.
// All methods may return ErrStorageFull and ErrCorrupt.
package store

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// Store is a database of rows.
type Store interface {
	// View runs f in a read transaction. All reads of f see the same state of the database.
	View(ctx context.Context, f func(Tx) error) error

	// Update runs f in a write transaction. If f and Update return nil, all writes are on disk. Otherwise none is, even if
	// the process is killed. Update returns an error of f unchanged. f must not call the Store.
	//
	// Transactions are serializable: the result is as if one f ran at a time. f may run more than once, and only the last
	// run counts. So f begins each time with the same variables, and has no effect outside the transaction.
	Update(ctx context.Context, f func(Tx) error) error

	// RecordLog holds the records of changes that are not made in a transaction of Update: see Tx.AppendRecord.
	RecordLog

	// Deployment returns the id that the database got when it was created.
	Deployment() string

	// Check returns an error if the database cannot be read or written at present. It does not look for damage.
	Check(ctx context.Context) error

	Close() error
}

// ResolvedNotes say when values of secrets were last returned, and to whom, and when tokens were last used.
// AppendRecords writes the notes of secrets: see Record.Resolved. A secret can have been resolved up to
// backend.ResolvedLag after its note.
type ResolvedNotes interface {
	// LastResolved returns the notes of secrets of a project, by the ids of the secrets. Secrets without a note are left
	// out. since is when the notes begin.
	LastResolved(ctx context.Context, project string, secrets []string) (
		notes map[string]Resolved, since time.Time, err error)

	// ForgetResolved deletes the notes of secrets that were deleted for good.
	ForgetResolved(ctx context.Context, project string, secrets []string) error

	// NoteUsed notes that a token was used, with the address of the caller as By, unless that was done less than
	// ResolvedInterval before. LastResolved and ForgetResolved have these notes under the project UsedTokens.
	NoteUsed(ctx context.Context, token string, use Resolved) error
}

// UsedTokens stands for the project of a secret in the notes of used tokens.
const UsedTokens = stored.DeploymentKey

// Resolved says when a value of a secret was returned, and the name of the principal that got it.
type Resolved struct {
	At time.Time
	By string
}

// ResolvedInterval is the least time between two notes of a secret, and between two attempts of one process.
const ResolvedInterval = backend.ResolvedLag / 2

// Tx is a transaction. A write in View returns an error.
type Tx interface {
	// Objects lists objects, sorted by (name, id).
	Objects(ctx context.Context, f Filter) ([]Object, error)

	// Lookup calls each for every object of the kind and project whose name, environment and scope are in the lists of l,
	// or which has the link of l, with its current version if it has one. The order is undefined. Lookup runs one
	// statement for any number of names. The callback may keep the Entry.
	Lookup(ctx context.Context, l Lookup, each func(Entry)) error

	// Count counts the objects that f selects. It ignores Limit, AfterName and AfterID.
	Count(ctx context.Context, f Filter) (int, error)

	// ObjectIDs lists the ids of the objects that f selects, in the order of Objects. It ignores Limit, AfterName and
	// AfterID. It reads no other column, so that nothing of an object is verified.
	ObjectIDs(ctx context.Context, f Filter) ([]string, error)

	// Scopes lists the scopes of the objects that f selects, sorted, each once. The first is the text from or comes after
	// it, and there are at most f.Limit. It ignores AfterName and AfterID, and like ObjectIDs it verifies nothing. It is
	// for View.
	Scopes(ctx context.Context, f Filter, from string) ([]string, error)

	// InsertObject adds an object. ErrExists means that its id is taken.
	//
	// A place (kind, project, environment, scope, name) is unique at the end of the transaction. Until then, several
	// objects may share a place, and every query returns all of them. If two objects share a place at the end, Update
	// changes nothing and returns ErrExists.
	InsertObject(ctx context.Context, o Object) error

	// UpdateObject replaces all fields of the object with id o.ID. ErrNotFound means that no such object has revision
	// o.Revision-1. Its place may be taken, as for InsertObject.
	UpdateObject(ctx context.Context, o Object) error

	// ObjectByID returns the object with this id, of any kind. ErrNotFound means that it does not exist.
	ObjectByID(ctx context.Context, id string) (Object, error)

	// DeleteObject deletes an object and its versions. ErrNotFound means that it does not exist.
	DeleteObject(ctx context.Context, id string) error

	// DeleteObjects deletes several objects of a project that never had a version but number 1, with that version. It runs
	// a few statements for any number of them. ErrNotFound means that one of them does not exist.
	DeleteObjects(ctx context.Context, project string, ids []string) error

	// InsertVersion adds a version of an object. ErrExists means that the version exists.
	InsertVersion(ctx context.Context, v Version) error

	// Versions returns the requested versions that exist. The order is undefined. It runs one statement for any number of
	// keys.
	Versions(ctx context.Context, keys []VersionKey) ([]Version, error)

	// VersionsOf returns the versions of an object, oldest first, without their sealed bytes unless withSealed is set.
	VersionsOf(ctx context.Context, project, object string, withSealed bool) ([]Version, error)

	// VersionsBefore returns at most limit versions of an object whose number is below before, newest first.
	VersionsBefore(ctx context.Context, project, object string, before int64, limit int) ([]Version, error)

	// DeleteVersion deletes a version of an object. ErrNotFound means that it does not exist.
	DeleteVersion(ctx context.Context, key VersionKey) error

	// EnvironmentKeys returns the environment keys of a project, oldest first.
	EnvironmentKeys(ctx context.Context, project string) ([]EnvironmentKey, error)

	// InsertEnvironmentKey adds an environment key.
	InsertEnvironmentKey(ctx context.Context, k EnvironmentKey) error

	// UpdateEnvironmentKey replaces the KMS key, the wrapped bytes and the MAC of the environment key with id k.ID.
	// ErrNotFound means that it does not exist.
	UpdateEnvironmentKey(ctx context.Context, k EnvironmentKey) error

	// DeleteEnvironmentKeys deletes the environment keys of a deleted environment.
	DeleteEnvironmentKeys(ctx context.Context, project, environment string) error

	// Tokens lists tokens, sorted by (name, id).
	Tokens(ctx context.Context) ([]Token, error)

	// TokenByHash returns the token with this hash. ErrNotFound means that there is none.
	TokenByHash(ctx context.Context, hash []byte) (Token, error)

	// InsertToken adds a token. ErrExists means that its id or its hash is taken.
	InsertToken(ctx context.Context, t Token) error

	// UpdateToken replaces all fields of the token with id t.ID. ErrNotFound means that it does not exist.
	UpdateToken(ctx context.Context, t Token) error

	// DeleteToken deletes a token, if it exists.
	DeleteToken(ctx context.Context, id string) error

	// SaveIdempotencyRecord stores the outcome of an idempotent call, and deletes the records older than olderThan. It
	// replaces a record with the same key.
	SaveIdempotencyRecord(ctx context.Context, r IdempotencyRecord, olderThan time.Time) error

	// IdempotencyRecord returns the record with this key. ErrNotFound means that there is none.
	IdempotencyRecord(ctx context.Context, key string) (IdempotencyRecord, error)

	// IdempotencyRecords returns the latest records whose keys begin with a prefix, the latest first. Records of
	// the same time are ordered by key. It leaves out records whose outcome has more than maxBytes. The prefix must not be
	// empty and must not end with the byte 255.
	IdempotencyRecords(ctx context.Context, prefix string, limit, maxBytes int) ([]IdempotencyRecord, error)

	// ScanIdempotencyRecords returns up to limit records whose keys come after a key, sorted by key. After an empty key,
	// it begins with the first record, even if that has an empty key.
	ScanIdempotencyRecords(ctx context.Context, after string, limit int) ([]IdempotencyRecord, error)

	// DeleteIdempotencyRecord deletes a record, if it exists.
	DeleteIdempotencyRecord(ctx context.Context, key string) error

	// Comparisons returns how many comparisons AddComparison has counted.
	Comparisons(ctx context.Context, k ComparisonKey) (int, error)

	// AddComparison counts a comparison, and returns how many it has counted. It deletes the counts of earlier days.
	AddComparison(ctx context.Context, k ComparisonKey) (int, error)

	// Generation returns the state with the name GenerationState. Its bytes differ after every change of a token, project,
	// environment, secret type, role, group, binding, trust or environment key, and they never return. So a process may
	// keep in memory what it has read with these bytes, and use it in every transaction that reads the same. Nil means
	// that nothing may be kept.
	Generation(ctx context.Context) ([]byte, error)

	// ProjectContents returns a state whose bytes differ after every change of an object, version or environment key of a
	// project, and never return. It is the state of the project, or a state that changes more often. It is like Contents:
	// nil in an Update, and if nothing may be kept.
	ProjectContents(ctx context.Context, project string) (State, error)
	// Contents returns the state with the name ContentsState in a View, and nil in an Update. It is like Generation: its
	// bytes differ after every change of an object, version, environment key or token.
	Contents(ctx context.Context) ([]byte, error)

	// State returns the sealed state with this name, or nil if there is none.
	State(ctx context.Context, name string) ([]byte, error)

	// States returns all states, sorted by name.
	States(ctx context.Context) ([]State, error)

	// SaveState stores a state. It replaces a state with the same name.
	SaveState(ctx context.Context, s State) error

	// DeleteState deletes a state, if it exists.
	DeleteState(ctx context.Context, name string) error

	// ProjectIDs lists the ids in the column project of objects and environment keys. It is "" in the row of a project.
	ProjectIDs(ctx context.Context) ([]string, error)

	// SetObjectMAC and SetVersionMAC replace the DeploymentMAC of a row, and nothing else.
	SetObjectMAC(ctx context.Context, id string, mac []byte) error
	SetVersionMAC(ctx context.Context, key VersionKey, mac []byte) error

	// AppendRecord adds a record to the log of changes: see RecordLog.
	AppendRecord(ctx context.Context, r Record) error

	// ScanObjects lists the objects of a project, of all kinds, sorted by id. It begins after an id.
	ScanObjects(ctx context.Context, project, afterID string, limit int) ([]Object, error)
}

// Object is the row of a project, environment, secret type, secret or scoped value.
type Object struct {
	Kind backend.Kind
	ID   string

	// The place, which is unique. Project and Environment are ids, so that their rename does not change this row. A field
	// that does not apply to the kind is "". Environment may be backend.AnyEnvironment.
	Project     string
	Environment string
	Scope       string
	Name        string

	Type    string // the id of a secret's type; of a scoped value, the name that its link followed a secret from
	Link    string // the name of the secret that a scoped value links to
	Version int64  // the current version of a secret; 0 for other kinds

	Revision   int64
	Attributes []byte // written and read by the engine only
	MAC        []byte // written and verified by the engine only
	CreatedAt  time.Time
	UpdatedAt  time.Time

	DeploymentMAC []byte
	// Untrusted says why the row is not genuine. It is not stored.
	Untrusted error
}

// The forms of a value.
const (
	FormText  = "text"
	FormJSON  = "json"
	FormBytes = "bytes"
)

// Version is one sealed value. It is written once and never changed.
type Version struct {
	Project        string
	Object         string
	Version        int64
	EnvironmentKey string // the id of the environment key that sealed the value
	Type           string // the id of the type that the value was checked against
	SchemaHash     string
	Form           string // FormText, FormJSON or FormBytes
	Sealed         []byte
	CreatedAt      time.Time
	CreatedBy      string
	Attributes     []byte // written and read by the engine only

	DeploymentMAC []byte
	// Untrusted says why the row is not genuine. It is not stored.
	Untrusted error
}

// IsJSON reports whether the value is JSON text.
func (v Version) IsJSON() bool { return v.Form == FormJSON }

// FormOf returns the form of a value. A value that is not UTF-8 is binary. Before FormBytes was written, such a
// value had the form FormText.
func FormOf(value []byte, isJSON bool) string {
	switch {
	case isJSON:
		return FormJSON
	case !utf8.Valid(value):
		return FormBytes
	}
	return FormText
}

// VersionKey identifies a version.
type VersionKey struct {
	Project string
	Object  string
	Version int64
}

// NoVersion is the error of a store that has no version with a key.
func NoVersion(key VersionKey) error {
	return backend.Errorf(backend.CodeNotFound, "version %d of object %s does not exist", key.Version,
		backend.Quote(key.Object))
}

// Entry is an object with its current version. Current.Object is "" if there is no version.
type Entry struct {
	Object  Object
	Current Version
}

// Lookup selects the objects that references may name. Project and Environments hold ids.
type Lookup struct {
	Kind         backend.Kind
	Project      string
	Environments []string
	Scopes       []string
	Names        []string

	// Link selects the objects with this link instead, in all places. The three lists are ignored.
	Link string
	// ObjectsOnly leaves out the versions: every Entry has the zero Version.
	ObjectsOnly bool
}

// Filter selects objects. An empty field selects all of them.
type Filter struct {
	Kind        backend.Kind // required
	Project     string
	ID          string
	Environment string
	Scope       string
	Name        string
	Type        string
	Link        string

	BeforeName string // selects the names that sort before it

	// Regions selects the objects that are in one of the regions, at most MaxRegions; nil selects all. It is for View: in
	// a transaction that has exchanged names, it can select by the names before the exchange.
	Regions *Regions

	// AfterName and AfterID continue a listing after the object with this name and id.
	AfterName, AfterID string
	Limit              int // 0 means no limit

	// AnyState selects the rows of the deployment even if one was removed or put back outside Pouncet, and those that
	// cannot be trusted. It is for who lists or deletes them. What decides about rights never sets it.
	AnyState bool
}

// OfNoProject reports whether f selects from the projects or the deleted projects. They belong to no project, so that a
// store finds them by their place. Otherwise it would have to read the objects of all projects.
func (f Filter) OfNoProject() bool {
	kind := strings.TrimPrefix(string(f.Kind), stored.DeletedKind)
	return f.Project == "" && f.ID == "" && kind == string(backend.KindProject)
}

// MaxRegions limits Filter.Regions. Each row of a listing can be compared with the pattern of each region.
const MaxRegions = 20

// Regions are several regions. Filter has a pointer to them, so that two filters can be compared.
type Regions []Region

// Region is a part of the places of a project. A field without a value selects nothing.
type Region struct {
	Environment string
	Except      []string // environments that do not belong to it
	Scope       string
	Names       []string
	Pattern     string // of names: letters, digits, _, - and *, which stands for any characters
}

// EnvironmentKey is the wrapped key of one (project, environment).
type EnvironmentKey struct {
	ID          string
	Project     string
	Environment string
	KMSKey      string // the URI of the KMS key that wrapped it
	Wrapped     []byte
	CreatedAt   time.Time

	DeploymentMAC []byte
}

// Token is a bearer token. Only its hash is stored.
type Token struct {
	ID          string
	Name        string
	Description string
	Role        backend.Role
	Principal   backend.PrincipalKind
	Hash        []byte // the SHA-256 of the token
	Attributes  []byte // written and read by the engine only
	Revision    int64
	CreatedAt   time.Time
	ExpiresAt   time.Time // zero means never

	DeploymentMAC []byte
	// Untrusted says why the row is not genuine. It is not stored.
	Untrusted error
}

// ComparisonKey says what comparisons of a value are counted together.
type ComparisonKey struct {
	Day       string // the date in UTC, as 2006-01-02
	Principal string
	Object    string // the id of the secret
}

// IdempotencyRecord is the outcome of an idempotent call.
type IdempotencyRecord struct {
	Key     string
	Request []byte // a hash of the request
	Outcome []byte // written and read by the engine only
	At      time.Time

	DeploymentMAC []byte
}

// AfterPrefix returns the first text that is greater than all with a prefix.
func AfterPrefix(prefix string) string {
	last := len(prefix) - 1
	return prefix[:last] + string(rune(prefix[last]+1))
}

// The names of the states that Tx.Generation and Tx.Contents return. That of a project begins with ProjectPrefix.
const (
	GenerationState = "generation"
	ContentsState   = "projects"
	ProjectPrefix   = "project/"
)

// State sums up the rows of a project, or of the deployment. Its content belongs to package signed.
type State struct {
	Name   string
	Sealed []byte
}
