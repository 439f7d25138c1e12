// SPDX-License-Identifier: MPL-2.0

package review

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Catalog holds the names of existing environments, types, secrets and scoped values of some projects. It holds no
// value and nothing that reveals one. As a file it is called a manifest.
type Catalog struct {
	Format   int        `json:"format"`
	Projects []*Project `json:"projects"`

	errors map[string]error // why a project is unknown, by the name that Fetch got
}

// Project holds the objects of one project.
type Project struct {
	Name         string        `json:"name"`
	ID           string        `json:"id,omitempty"`
	Environments []Environment `json:"environments"`
	Types        []Type        `json:"types"` // the types that its secrets have
	Entries      []Entry       `json:"entries"`

	complete    bool // an environment that is not listed does not exist
	hasUnnamed  bool // a plan creates entries with names or places that are not known yet
	index       map[entryKey][]*Entry
	suggestions map[missingName]string
}

// Environment is an environment of a project.
type Environment struct {
	Name string `json:"name"`
	ID   string `json:"id,omitempty"`
}

// Type is a secret type with its JSON Schema.
type Type struct {
	Key    string          `json:"key"`
	Schema json.RawMessage `json:"schema"`
}

// Entry is a secret or a scoped value.
type Entry struct {
	Kind        backend.Kind  `json:"kind"`
	Name        string        `json:"name"`
	Environment string        `json:"environment"` // a name, or backend.AnyEnvironment
	Scope       string        `json:"scope"`
	ID          string        `json:"id,omitempty"`
	Type        string        `json:"type,omitempty"`
	Link        *backend.Link `json:"link,omitempty"`

	// A manifest does not hold these, because they change with every rotation. They are 0 and "" if they are not known.
	version    int64
	tags       map[string]int64 // nil if they are not known
	visibility backend.Visibility
	json       json.RawMessage // the value of a plain scoped value

	change *entryChange // what a plan does to the entry
}

type entryKey struct {
	kind backend.Kind
	name string
}

// CatalogFormat is the format of manifests. ParseManifest refuses other formats.
const CatalogFormat = 1

// ParseManifest parses a manifest file.
func ParseManifest(data []byte) (*Catalog, error) {
	const hint = "write it again with --write-manifest"
	var c Catalog
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the manifest is invalid JSON: %w", err).WithHint(hint)
	}
	if c.Format != CatalogFormat {
		return nil, backend.Errorf(backend.CodeInvalid, "the manifest has format %d, which is not supported; use format %d",
			c.Format, CatalogFormat).WithHint(hint)
	}
	return &c, nil
}

// Manifest returns the catalog as a file with the given environments, or with all if none is given. The file is sorted,
// so that a change of it can be reviewed.
func (c *Catalog) Manifest(environments []string) ([]byte, error) {
	out := Catalog{Format: CatalogFormat, Projects: []*Project{}}
	keep := func(environment string) bool {
		return len(environments) == 0 || environment == backend.AnyEnvironment || slices.Contains(environments, environment)
	}
	for _, p := range c.Projects {
		q := &Project{Name: p.Name, ID: p.ID, Environments: []Environment{}, Types: []Type{}, Entries: []Entry{}}
		used := map[string]bool{}
		for _, e := range p.Environments {
			if keep(e.Name) {
				q.Environments = append(q.Environments, e)
			}
		}
		for _, e := range p.Entries {
			if keep(e.Environment) {
				q.Entries = append(q.Entries, e)
				used[e.Type] = true
			}
		}
		for _, t := range p.Types {
			if used[t.Key] {
				q.Types = append(q.Types, t)
			}
		}
		q.sort()
		out.Projects = append(out.Projects, q)
	}
	slices.SortFunc(out.Projects, func(a, b *Project) int { return strings.Compare(a.Name, b.Name) })
	text, err := json.MarshalIndent(out, "", "  ")
	return append(text, '\n'), err
}

func (p *Project) sort() {
	slices.SortFunc(p.Environments, func(a, b Environment) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.Types, func(a, b Type) int { return strings.Compare(a.Key, b.Key) })
	slices.SortFunc(p.Entries, func(a, b Entry) int {
		return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Name, b.Name),
			strings.Compare(a.Environment, b.Environment), strings.Compare(a.Scope, b.Scope))
	})
}

// Project returns a project by name or id, or nil if the catalog does not have it.
func (c *Catalog) Project(nameOrID string) *Project {
	for _, p := range c.Projects {
		if p.Name == nameOrID || p.ID != "" && p.ID == nameOrID {
			return p
		}
	}
	return nil
}

// Err returns the error of Fetch for an unknown project, or nil.
func (c *Catalog) Err(project string) error { return c.errors[project] }

// UnknownReason says why the catalog does not have a project.
func (c *Catalog) UnknownReason(project string) string {
	if c.errors[project] != nil {
		return "project " + backend.Quote(project) + " does not exist, or you may not see it"
	}
	return "the manifest does not cover project " + backend.Quote(project)
}

// Declare adds entries that a configuration declares, and their environments. If a scoped value exists, it gets the
// declared link.
func (p *Project) Declare(entries []Entry) {
	for _, e := range entries {
		same := func(o Entry) bool {
			return o.Kind == e.Kind && o.Name == e.Name && o.Environment == e.Environment && o.Scope == e.Scope
		}
		if i := slices.IndexFunc(p.Entries, same); i < 0 {
			p.Entries = append(p.Entries, e)
		} else if e.Kind == backend.KindScopedValue {
			p.Entries[i].Link = e.Link
		}
		if _, exists := p.environment(e.Environment); !exists && e.Environment != backend.AnyEnvironment {
			p.Environments = append(p.Environments, Environment{Name: e.Environment})
		}
	}
	p.index, p.suggestions = nil, nil
}

// EnvironmentNames returns the names of the environments, sorted.
func (p *Project) EnvironmentNames() []string {
	var names []string
	for _, e := range p.Environments {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

// environment returns the name of an environment that is given by name or id, and reports whether it exists.
func (p *Project) environment(nameOrID string) (string, bool) {
	for _, e := range p.Environments {
		if e.Name == nameOrID || e.ID != "" && e.ID == nameOrID {
			return e.Name, true
		}
	}
	return nameOrID, false
}

// named returns the entries of a kind and a name, in all environments and scopes.
func (p *Project) named(kind backend.Kind, name string) []*Entry {
	if p.index == nil {
		p.index = make(map[entryKey][]*Entry, len(p.Entries))
		for i := range p.Entries {
			e := &p.Entries[i]
			k := entryKey{e.Kind, e.Name}
			p.index[k] = append(p.index[k], e)
		}
	}
	return p.index[entryKey{kind, name}]
}

// nearest returns the entry that a reference with this scope and environment resolves to, or nil.
func (p *Project) nearest(kind backend.Kind, name, environment, scope string) *Entry {
	var nearest *Entry
	best := 0
	for _, e := range p.named(kind, name) {
		if rank := backend.LookupRank(e.Scope, e.Environment, scope, environment); rank > best {
			nearest, best = e, rank
		}
	}
	return nearest
}

// schema returns the schema of a type, or nil if it is not known.
func (p *Project) schema(key string) json.RawMessage {
	for _, t := range p.Types {
		if t.Key == key {
			return t.Schema
		}
	}
	return nil
}
