// SPDX-License-Identifier: MPL-2.0

// Package engine is the rules: what may be where, what a reference stands for,
// and what a change does. It is the Service that all others wrap.
//
// # How a reference is resolved
//
// Of name N in environment E and scope S, the first that exists of (S, E),
// (S, *), (project, E) and (project, *): the nearest scope, and within it the
// exact environment. One statement fetches the candidates of all references;
// the choice among them is made in [choose]. A scoped value that links to a
// secret is followed by the same rule in the environment and scope of the
// request. Then the keys are fetched (one KMS call per environment key that is not
// cached), each row's MAC is checked, and the values are opened.
//
// # How a change is applied
//
// One write transaction per set; a dry run is the same transaction, rolled
// back, so that a plan cannot disagree with what is then done. Nothing inside
// a transaction waits for the KMS: a key that is not at hand is noted, the
// transaction is rolled back, the key is fetched, and the set runs again (see
// [keyset]).
//
// # Limits
//
// A MAC shows that a row was changed or moved, not that one was deleted, nor
// that the whole database was set back to an earlier day. The rows of projects and of
// types carry none: whoever can write to the database can loosen a quota or a
// schema, but can neither read a value nor pass one off for another.
package engine

import (
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Engine is the Service that owns the rules.
type Engine struct {
	store   store.Store
	keys    *envelope.Keyring
	kmsKey  string
	trust   func(uri string) error
	now     func() time.Time
	schemas schemaCache
}

var _ backend.Service = (*Engine)(nil)

// Options configure an Engine.
type Options struct {
	// KMSKey is the URI of the KMS key for environment keys of environments that
	// name none of their own.
	KMSKey string
	// Trust is told the URI of a KMS key before it wraps a new environment key, and
	// may refuse it. Nil means that every key will do.
	Trust func(uri string) error
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// New makes an Engine over a store and a keyring, which it does not close.
func New(s store.Store, keys *envelope.Keyring, o Options) *Engine {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Trust == nil {
		o.Trust = func(string) error { return nil }
	}
	return &Engine{store: s, keys: keys, kmsKey: o.KMSKey, trust: o.Trust, now: o.Now}
}

// newID makes a UUIDv7 (RFC 9562): ids sort by the time of their making.
func newID() string {
	id, err := uuid.NewV7FromReader(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail: it aborts the program instead
	}
	return id.String()
}

// attributes is what the engine stores of an object beyond its columns.
type attributes struct {
	backend.Attributes

	LinkField string `json:"link_field,omitempty"` // scoped value
	Was       string `json:"was,omitempty"`        // deleted entry: its name
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

// object is a row as the world sees it. What needs other rows (names of
// environments and types) comes from the project it is in, which is nil for a
// project itself.
func object(o store.Object, in *project) (backend.Object, error) {
	if o.Kind == backend.KindUsage {
		return usage(o, in)
	}
	a, err := decodeAttributes(o)
	if err != nil {
		return backend.Object{}, err
	}
	if kind, deleted := deletedKind(o.Kind); deleted {
		o.Kind, o.Name = kind, a.Was
	}
	out := backend.Object{
		Kind: o.Kind, ID: o.ID, Name: o.Name, Attributes: a.Attributes,
		Revision: o.Revision, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}
	if in != nil {
		out.Project = in.row.Name
	}
	switch {
	case o.Kind == backend.KindSecret:
		out.Type, out.Version = in.typeKey(o.Type), o.Version
		if a.RotationDays > 0 {
			out.RotationDueAt = a.ValueAt.AddDate(0, 0, a.RotationDays)
		}
	case o.Kind == backend.KindScopedValue && o.Link != "":
		out.Link = &backend.Link{Secret: o.Link, Field: a.LinkField}
	}
	if isEntry(o.Kind) {
		out.Scope, out.EnvironmentID, out.Environment = o.Scope, o.Environment, in.environmentName(o.Environment)
	}
	return out, nil
}

// isEntry reports whether objects of the kind have an environment and a scope.
func isEntry(k backend.Kind) bool { return k == backend.KindSecret || k == backend.KindScopedValue }
