// SPDX-License-Identifier: MPL-2.0

package review

import (
	"context"
	"errors"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Querier lists metadata, as a backend.Service does.
type Querier interface {
	Query(ctx context.Context, q backend.Query) (backend.Page, error)
}

// Fetch makes a catalog of projects, given by name or id, with a few calls for
// each. A project that cannot be seen is one of which nothing is known: whether
// it exists is not the asker's to know.
func Fetch(ctx context.Context, s Querier, projects []string) (*Catalog, error) {
	c := &Catalog{Format: CatalogFormat, unseen: map[string]error{}}
	for _, name := range projects {
		if c.Project(name) != nil {
			continue
		}
		p, err := fetchProject(ctx, s, name)
		switch {
		case errors.Is(err, backend.ErrNotFound), errors.Is(err, backend.ErrDenied):
			c.unseen[name] = err
		case err != nil:
			return nil, err
		case c.Project(p.Name) == nil:
			c.Projects = append(c.Projects, p)
		}
	}
	return c, nil
}

func fetchProject(ctx context.Context, s Querier, nameOrID string) (*Project, error) {
	p := &Project{Name: nameOrID, whole: true}
	q := backend.Query{Kind: backend.KindProject, Name: nameOrID}
	if backend.IsID(nameOrID) {
		q.Name, q.ID = "", nameOrID
	}
	found, err := s.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, o := range found.Objects {
		p.Name, p.ID = o.Name, o.ID
	}
	err = each(ctx, s, backend.KindEnvironment, nameOrID, func(o backend.Object) {
		p.Environments = append(p.Environments, Environment{o.Name, o.ID})
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, s, backend.KindSecretType, nameOrID, func(o backend.Object) {
		p.Types = append(p.Types, Type{o.Name, o.Schema})
	})
	if err != nil {
		return nil, err
	}
	for _, kind := range []backend.Kind{backend.KindSecret, backend.KindScopedValue} {
		err := each(ctx, s, kind, nameOrID, func(o backend.Object) {
			p.Entries = append(p.Entries, Entry{
				Kind: kind, Name: o.Name, Environment: o.Environment, Scope: o.Scope, ID: o.ID,
				Type: o.Type, Link: o.Link, version: o.Version, visibility: o.Visibility, json: o.JSON,
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return p, nil
}

// each lists the objects of a kind, page by page.
func each(ctx context.Context, s Querier, kind backend.Kind, project string, f func(backend.Object)) error {
	q := backend.Query{Kind: kind, Project: project}
	for {
		page, err := s.Query(ctx, q)
		if err != nil {
			return err
		}
		for _, o := range page.Objects {
			f(o)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return nil
		}
	}
}
