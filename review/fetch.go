// SPDX-License-Identifier: MPL-2.0

package review

import (
	"context"
	"errors"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Fetch reads a catalog of projects, given by name or id, with a few calls for each. A project that does not exist, or
// that the caller may not see, is unknown in the catalog: the caller must not learn which of the two it is.
func Fetch(ctx context.Context, s backend.Querier, projects []string) (*Catalog, error) {
	c := &Catalog{Format: CatalogFormat, errors: map[string]error{}}
	for _, name := range projects {
		if c.Project(name) != nil {
			continue
		}
		p, err := fetchProject(ctx, s, name)
		switch {
		case errors.Is(err, backend.ErrNotFound), errors.Is(err, backend.ErrDenied):
			c.errors[name] = err
		case err != nil:
			return nil, err
		case c.Project(p.Name) == nil:
			c.Projects = append(c.Projects, p)
		}
	}
	return c, nil
}

func fetchProject(ctx context.Context, s backend.Querier, nameOrID string) (*Project, error) {
	p := &Project{Name: nameOrID, complete: true}
	q := backend.Query{Kind: backend.KindProject, Name: nameOrID}
	if backend.IsID(nameOrID) {
		q.Name, q.ID = "", nameOrID
	}
	page, err := s.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, o := range page.Objects {
		p.Name, p.ID = o.Name, o.ID
	}
	for _, kind := range []backend.Kind{
		backend.KindEnvironment, backend.KindSecretType, backend.KindSecret, backend.KindScopedValue,
	} {
		for o, err := range backend.List(ctx, s, backend.Query{Kind: kind, Project: nameOrID}) {
			if err != nil {
				return nil, err
			}
			p.add(kind, o)
		}
	}
	return p, nil
}

func (p *Project) add(kind backend.Kind, o backend.Object) {
	switch kind {
	case backend.KindEnvironment:
		p.Environments = append(p.Environments, Environment{o.Name, o.ID})
	case backend.KindSecretType:
		p.Types = append(p.Types, Type{o.Name, o.Schema})
	case backend.KindSecret, backend.KindScopedValue:
		p.Entries = append(p.Entries, Entry{
			Kind: kind, Name: o.Name, Environment: o.Environment, Scope: o.Scope, ID: o.ID,
			Type: o.Type, Link: o.Link, version: o.Version, tags: knownTags(o), visibility: o.Visibility, json: o.JSON,
		})
	}
}

// knownTags returns the tags of an object, and an empty map if it has none.
func knownTags(o backend.Object) map[string]int64 {
	if o.Tags == nil {
		return map[string]int64{}
	}
	return o.Tags
}
