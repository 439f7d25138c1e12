// SPDX-License-Identifier: MPL-2.0

package review

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Catalog is what exists, by name: environments, types, secrets and scoped
// values of some projects. It holds no value, and nothing that a value could be
// guessed from. Written to a file it is a manifest.
type Catalog struct {
	Format   int        `json:"format"`
	Projects []*Project `json:"projects"`

	unseen map[string]error // why nothing is known of a project
}

// Project is what exists in one project.
type Project struct {
	Name         string        `json:"name"`
	ID           string        `json:"id,omitempty"`
	Environments []Environment `json:"environments"`
	Types        []Type        `json:"types"` // those that its secrets have
	Entries      []Entry       `json:"entries"`

	whole   bool // an environment that is not listed does not exist
	blurred bool // there are entries whose name or place is not known
	index   map[entryKey][]*Entry
	near    map[nameSought]string
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

	// What a manifest leaves out, since it changes with every rotation: 0 and
	// "" where it is not known.
	version    int64
	visibility backend.Visibility
	json       json.RawMessage // of a plain scoped value

	change *entryChange // what a plan does to it
}

type entryKey struct {
	kind backend.Kind
	name string
}

// CatalogFormat is the format of manifests. A file of another is refused.
const CatalogFormat = 1

// ParseManifest reads a manifest file.
func ParseManifest(data []byte) (*Catalog, error) {
	var c Catalog
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the manifest is not JSON: %w", err).
			WithHint("make it anew by --write-manifest")
	}
	if c.Format != CatalogFormat {
		return nil, backend.Errorf(backend.CodeInvalid, "the manifest has format %d, and %d is known", c.Format, CatalogFormat).
			WithHint("make it anew by --write-manifest")
	}
	return &c, nil
}

// Manifest is the catalog as a file: sorted, so that a change of it can be
// reviewed, with the given environments alone, or with all if there are none.
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

// Project is a project by name or id, nil if nothing is known of it.
func (c *Catalog) Project(nameOrID string) *Project {
	for _, p := range c.Projects {
		if p.Name == nameOrID || p.ID != "" && p.ID == nameOrID {
			return p
		}
	}
	return nil
}

// Err is the error that kept a project from being seen; nil if it was seen, or
// a manifest does not cover it.
func (c *Catalog) Err(project string) error { return c.unseen[project] }

// Unseen says why nothing is known of a project.
func (c *Catalog) Unseen(project string) string {
	if c.unseen[project] != nil {
		return "project " + backend.Quote(project) + " does not exist, or cannot be seen from here"
	}
	return "the manifest does not cover project " + backend.Quote(project)
}

// Declare adds entries that are only planned or declared, and the environments
// that they are in: these are declared beside them. What is there already takes
// over the link.
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
		if _, there := p.environment(e.Environment); !there && e.Environment != backend.AnyEnvironment {
			p.Environments = append(p.Environments, Environment{Name: e.Environment})
		}
	}
	p.index, p.near = nil, nil
}

// EnvironmentNames are the names of a project's environments, sorted.
func (p *Project) EnvironmentNames() []string {
	var names []string
	for _, e := range p.Environments {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}

// environment is the name of an environment that is given by name or id.
func (p *Project) environment(nameOrID string) (string, bool) {
	for _, e := range p.Environments {
		if e.Name == nameOrID || e.ID != "" && e.ID == nameOrID {
			return e.Name, true
		}
	}
	return nameOrID, false
}

// named are the entries of a kind and a name, wherever they are.
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

// choose is the rule of lookup: the nearest scope wins and, within it, the
// exact environment. nil if there is none.
func (p *Project) choose(kind backend.Kind, name, environment, scope string) *Entry {
	var best *Entry
	rank := 0
	for _, e := range p.named(kind, name) {
		n := 1
		switch e.Scope {
		case scope:
			n += 2
		case backend.ProjectScope:
		default:
			continue
		}
		switch e.Environment {
		case environment:
			n++
		case backend.AnyEnvironment:
		default:
			continue
		}
		if n > rank {
			best, rank = e, n
		}
	}
	return best
}

// schema is a type's schema, nil if it is not known.
func (p *Project) schema(key string) json.RawMessage {
	for _, t := range p.Types {
		if t.Key == key {
			return t.Schema
		}
	}
	return nil
}
