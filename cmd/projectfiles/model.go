// SPDX-License-Identifier: MPL-2.0

// Package projectfiles keeps a project's configuration in files of a repository: its policy, its types, its scoped
// values and the metadata of its secrets. No file ever holds the value of a secret.
//
//	DIR/project.yaml                 the project: description, labels, policy, types
//	DIR/environments/NAME.yaml       an environment: its attributes, secrets and scoped values
//	DIR/environments/@shared.yaml    the entries that all environments share
//	DIR/pouncet.lock                 the last state in which the files and the backend were the same
//
// [Read] parses the files, [Compare] says what differs between them, the lock and a backend, and [Tree.Write] brings
// the result of a pull into the files. The lock has an id and a digest for each object. With the digest, a comparison
// knows whether the file, the backend or both have changed. With the id, it follows a rename.
//
// # Limits
//
// The files are written through the nodes of a YAML document, so comments and the order stay, but blank lines between
// entries and the indentation can change. A file in which nothing changes is not written. Aliases are not supported. A
// file has at most [MaxFileBytes].
package projectfiles

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The limits of a file, in bytes.
const (
	MaxFileBytes = 4 << 20
	MaxLockBytes = 16 << 20
)

// Key names an object within a project. Environment is a name, backend.AnyEnvironment, or "" for a project or type.
type Key struct {
	Kind        backend.Kind `json:"kind"`
	Environment string       `json:"environment,omitempty"`
	Scope       string       `json:"scope,omitempty"`
	Name        string       `json:"name"`
}

var kindOrder = []backend.Kind{backend.KindProject, backend.KindSecretType, backend.KindEnvironment, backend.KindSecret,
	backend.KindScopedValue}

// CompareKeys orders keys: what others depend on comes first.
func CompareKeys(x, y Key) int {
	return cmp.Or(slices.Index(kindOrder, x.Kind)-slices.Index(kindOrder, y.Kind),
		strings.Compare(x.Environment, y.Environment), scopeOrder(x.Scope, y.Scope), strings.Compare(x.Name, y.Name))
}

// scopeOrder puts the project scope first.
func scopeOrder(x, y string) int {
	if (x == backend.ProjectScope) != (y == backend.ProjectScope) {
		return cmp.Or(map[bool]int{true: -1, false: 1}[x == backend.ProjectScope])
	}
	return strings.Compare(x, y)
}

// String says what the key names, for messages.
func (k Key) String() string {
	text := k.Kind.String() + " " + backend.Quote(k.Name)
	if k.Environment != "" {
		text += " in " + k.Environment
	}
	if k.Scope != "" && k.Scope != backend.ProjectScope {
		text += " (" + k.Scope + ")"
	}
	return text
}

// Declared is an object as a file describes it. An absent attribute means its default. An absent visibility, or an
// absent field of a policy, means that a push does not change it.
type Declared struct {
	Description  string             `json:"description,omitempty"`
	Labels       map[string]string  `json:"labels,omitempty"`
	Policy       *backend.Policy    `json:"policy,omitempty"` // project
	DisplayName  string             `json:"display_name,omitempty"`
	Schema       json.RawMessage    `json:"schema,omitempty"`
	KMSKey       string             `json:"kms_key,omitempty"`
	Protected    bool               `json:"protected,omitempty"`
	Type         string             `json:"type,omitempty"`
	Visibility   backend.Visibility `json:"visibility,omitempty"`
	RotationDays int                `json:"rotation_days,omitempty"`
	ExpiresAt    time.Time          `json:"expires_at,omitzero"`
	Value        json.RawMessage    `json:"value,omitempty"` // of a scoped value
	Link         *backend.Link      `json:"link,omitempty"`

	// Instructions for a push. They are no part of the state of the object.
	Was      string                `json:"-"` // the former name
	Generate *backend.Generate     `json:"-"` // makes the value of a new secret
	policy   *backend.PolicyChange // what the file says of the policy
}

// Of returns the declaration of an object of the backend: a file with it says that nothing changes.
func Of(o backend.Object) Declared {
	d := Declared{Description: o.Description, Labels: maps.Clone(o.Labels), Policy: o.Policy, DisplayName: o.DisplayName,
		Schema: o.Schema, KMSKey: o.KMSKey, Protected: o.Protected, Type: o.Type, Visibility: o.Visibility,
		RotationDays: o.RotationDays, ExpiresAt: o.ExpiresAt.UTC(), Value: o.JSON, Link: o.Link}
	if o.Kind != backend.KindSecret {
		d.ExpiresAt, d.Visibility = time.Time{}, ""
	}
	if len(d.Labels) == 0 {
		d.Labels = nil
	}
	return d
}

// KeyOf returns the key of an object.
func KeyOf(o backend.Object) Key {
	return Key{Kind: o.Kind, Environment: o.Environment, Scope: o.Scope, Name: o.Name}
}

// completedFrom returns a declaration with the visibility and policy of an object if the file leaves them out.
// The object is nil if the backend does not have it.
func (d Declared) completedFrom(o *Declared) Declared {
	if d.policy != nil || d.Policy == nil {
		p := backend.DefaultPolicy()
		if o != nil && o.Policy != nil {
			p = *o.Policy
		}
		if d.policy != nil {
			_, _ = p.Set(*d.policy) // the backend reports a policy that is not valid
		}
		d.Policy = &p
	}
	if o == nil || o.Policy == nil && d.policy == nil {
		d.Policy = nil
	}
	if o != nil && d.Visibility == "" {
		d.Visibility = o.Visibility
	}
	return d
}

// digest returns the digest of the name and the attributes of an object.
func (d Declared) digest(name string) string {
	text, err := json.Marshal(struct {
		Name string `json:"name"`
		Declared
	}{name, d})
	if err != nil {
		panic(err) // raw messages were checked when they were read
	}
	if canonical, ok := backend.CanonicalJSON(text); ok {
		text = canonical
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// differences returns the names of the attributes in which two declarations differ.
func (d Declared) differences(from Declared) []string {
	x, y := d.fields(), from.fields()
	var out []string
	for _, name := range slices.Sorted(maps.Keys(x)) {
		if !backend.EqualJSON(x[name], y[name]) {
			out = append(out, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(y)) {
		if _, ok := x[name]; !ok {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (d Declared) fields() map[string]json.RawMessage {
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // raw messages were checked when they were read
	}
	var out map[string]json.RawMessage
	if err := json.Unmarshal(text, &out); err != nil {
		panic(err)
	}
	return out
}
