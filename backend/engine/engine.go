// SPDX-License-Identifier: MPL-2.0

// Package engine holds the rules: which objects may exist, what a reference
// stands for, and what a change does. It is the Service that all others wrap.
//
// # How a reference is resolved
//
// A reference to name N in environment E and scope S means the first entry that
// exists in backend.LookupOrder: the nearest scope and, within it, the exact
// environment. One statement fetches the candidates of all references, and
// nearest chooses among them. The secret that a scoped value links to is looked
// up by the same rule, in the environment and scope of the request. Then the
// engine fetches the keys (one KMS call for each environment key that is not
// cached), checks the MAC of each row, and opens the values.
//
// # How a change is applied
//
// One write transaction applies one set. A dry run is the same transaction,
// rolled back, so a plan and its apply cannot disagree. No transaction waits for
// the KMS, or for many checks of values: the engine rolls the transaction back,
// fetches the keys, makes the checks and runs the set again (see keyset, checks).
//
// Changes of one owner do not depend on their order: held.go explains how.
//
// # Limits
//
// The MAC of an environment, secret or scoped value is made with the key of its
// environment: it shows that someone without that key changed or moved the row.
// Package signed protects all rows with the deployment key.
package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Engine is the Service that applies the rules.
type Engine struct {
	store     store.Store
	keys      *envelope.Keyring
	kmsKey    string
	trust     func(uri string) error
	checkKey  func(uri string) error
	now       func() time.Time
	schemas   schemaCache
	projects  projectCache
	matches   matchCache
	homes     homes
	authorize Authorizer
	// client is Options.Client.
	client string
	// maxDifferences is Options.MaxDifferences.
	maxDifferences int
	guessSlots     slots // by principal
	stageSlots     slots // by draft
	valueTag       ValueTag
	record         Recorder
	resolved       Resolved
	records        Records
	swept          atomic.Int64 // when the last sweep began, in microseconds since 1970; 0 for never
}

var _ backend.Service = (*Engine)(nil)

// Options configure an Engine.
type Options struct {
	// KMSKey is the URI of the KMS key for the environments that do not name their
	// own.
	KMSKey string
	// Trust may refuse a KMS key that a change names. It has no side effects: the engine calls it in dry runs too. Nil
	// accepts every key.
	Trust func(uri string) error
	// CheckKey reports in a dry run why a KMS key could not wrap a key. Nil checks nothing.
	CheckKey func(uri string) error
	// Authorizer decides who may have a value. Nil lets nobody have one.
	Authorizer Authorizer
	// MaxDifferences is how often on a day (UTC) a principal may compare a secret with a value that differs, without the
	// right to have its value. 0 means DefaultMaxDifferences.
	MaxDifferences int
	// Client is the program that writes versions, if their context does not say it: see backend.Origin.
	Client string
	// Record makes the audit records of changes. Nil records nothing.
	Record Recorder
	// Resolved says when secrets were last resolved. Nil knows nothing.
	Resolved Resolved
	// Records lists the audit log. Nil lists nothing.
	Records Records
	// ValueTag is for the policy duplicates; nil ignores it.
	ValueTag ValueTag
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Resolved says when secrets were last resolved, as store.ResolvedNotes does.
type Resolved interface {
	LastResolved(ctx context.Context, project string, secrets []string) (map[string]store.Resolved, time.Time, error)
}

// Recorder makes audit records. The engine adds them in the transaction that makes the change, so that neither exists
// without the other. A transaction may run again, and then its records are made again.
type Recorder interface {
	// Changed returns the records of a set of changes that is made.
	Changed(ctx context.Context, set backend.ChangeSet, outcomes []backend.Outcome) []store.Record
	// Swept returns the records of a sweep that removes deleted objects for good.
	Swept(ctx context.Context, removed []backend.Outcome) []store.Record
}

type unrecorded struct{}

func (unrecorded) Changed(context.Context, backend.ChangeSet, []backend.Outcome) []store.Record {
	return nil
}
func (unrecorded) Swept(context.Context, []backend.Outcome) []store.Record { return nil }

// addRecords adds audit records in a transaction.
func addRecords(ctx context.Context, tx store.Tx, records []store.Record) error {
	for _, r := range records {
		if err := tx.AppendRecord(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// New returns an Engine over a store and a keyring, which it does not close.
func New(s store.Store, keys *envelope.Keyring, o Options) *Engine {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxDifferences == 0 {
		o.MaxDifferences = DefaultMaxDifferences
	}
	if o.Authorizer == nil {
		o.Authorizer = nobody{}
	}
	if o.Trust == nil {
		o.Trust = func(string) error { return nil }
	}
	if o.CheckKey == nil {
		o.CheckKey = func(string) error { return nil }
	}
	if o.Record == nil {
		o.Record = unrecorded{}
	}
	if o.Resolved == nil {
		o.Resolved = notNoted{}
	}
	if o.Records == nil {
		o.Records = noRecords{}
	}
	return &Engine{
		store: s, keys: keys, kmsKey: o.KMSKey, trust: o.Trust, checkKey: o.CheckKey, now: o.Now, authorize: o.Authorizer,
		client: o.Client, maxDifferences: o.MaxDifferences, guessSlots: newSlots(), stageSlots: newSlots(),
		valueTag: o.ValueTag, record: o.Record, resolved: o.Resolved, records: o.Records,
	}
}

// clientOf returns the program that makes a call.
func (e *Engine) clientOf(ctx context.Context) string {
	return cmp.Or(backend.OriginFrom(ctx).Client, e.client)
}

// newID returns a UUIDv7 (RFC 9562), so ids sort by the time of creation.
func newID() string {
	id, err := uuid.NewV7FromReader(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand aborts the program rather than fail
	}
	return id.String()
}

// attributes is what the engine stores of an object beyond its columns.
type attributes struct {
	backend.Attributes

	LinkField string `json:"link_field,omitempty"` // scoped value
	Was       string `json:"was,omitempty"`        // deleted or held object: its name
	CreatedBy string `json:"created_by,omitempty"` // draft: the principal that staged its first change
	Contents  string `json:"contents,omitempty"`   // draft: see contentsOf
	Changes   *int   `json:"changes,omitempty"`    // draft: the number of its changes; nil in the row of an older version

	held
}

// policy returns the policy of a project.
func (a attributes) policy() backend.Policy {
	if a.Policy == nil {
		return backend.DefaultPolicy()
	}
	return *a.Policy
}

func (a attributes) encode() []byte {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // the fields are plain data; a raw message was checked when it came in
	}
	return b
}

func decodeAttributes(o store.Object) (attributes, error) {
	var a attributes
	if err := json.Unmarshal(o.Attributes, &a); err != nil {
		return a, backend.Errorf(backend.CodeCorrupt, "the attributes of %s %s cannot be parsed", o.Kind, o.ID).
			WithHint("restore the database from a backup")
	}
	return a, nil
}

// object converts a row to a backend.Object. The names of its environment and
// type come from its project, which is nil for a project itself.
func object(o store.Object, in *project) (backend.Object, error) {
	if o.Kind == backend.KindUsage {
		return usage(o, in)
	}
	a, err := decodeAttributes(o)
	if err != nil {
		return backend.Object{}, err
	}
	_, deleted := deletedKind(o.Kind)
	if deleted {
		o.Name = a.Was
	}
	o.Kind = formerKind(o.Kind)
	out := backend.Object{
		Kind: o.Kind, ID: o.ID, Name: o.Name, Attributes: a.Attributes,
		Revision: o.Revision, Edition: o.Revision - a.Quiet, Incarnation: a.Incarnation,
		CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}
	if a.Held != "" {
		out.Held, out.Was = a.Held, a.Was
	}
	policy := a.policy()
	if in != nil {
		out.Project = shownName(in.row)
		policy = in.policy
	}
	if deleted && a.Held == "" { // what was replaced never ends by itself
		out.RestorableUntil = restorableUntil(policy, a.DeletedAt)
	}
	switch {
	case o.Kind == backend.KindSecret:
		out.Type, out.Version = in.typeKey(o.Type), o.Version
		if a.RotationDays > 0 {
			out.RotationDueAt = a.ValueAt.AddDate(0, 0, a.RotationDays)
		}
	case o.Kind == backend.KindDraft:
		out.CreatedBy = a.CreatedBy
	case o.Kind == backend.KindScopedValue && o.Link != "":
		out.Link = &backend.Link{Secret: o.Link, Field: a.LinkField}
	}
	if isEntry(o.Kind) {
		out.Scope, out.EnvironmentID, out.Environment = o.Scope, o.Environment, in.environmentName(o.Environment)
	}
	return out, nil
}

// isEnvironment reports whether a row describes an environment or a deleted environment. The MAC of the row covers the
// name of its project.
func isEnvironment(k backend.Kind) bool { return formerKind(k) == backend.KindEnvironment }

// isEntry reports whether objects of the kind have an environment and a scope.
func isEntry(k backend.Kind) bool { return k == backend.KindSecret || k == backend.KindScopedValue }
