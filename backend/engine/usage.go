// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A usage is a row of its own: its link is the name that it refers to, by which
// a deletion finds it, and its type the source that registered it, by which the next
// registration replaces it. It carries no MAC: whoever can write to the database
// can make a deletion harder or easier, and no more.

const maxSource = 256 // bytes of a source's name

// changeUsages replaces what a source has registered in a project.
func (r *run) changeUsages(c backend.Change) (backend.Outcome, error) {
	p, err := r.project(c.Project)
	if err != nil {
		return backend.Outcome{}, err
	}
	if err := checkSource(c); err != nil {
		return backend.Outcome{}, err
	}
	before, err := r.tx.Objects(r.ctx, store.Filter{Kind: c.Kind, Project: p.row.ID, Type: c.Name})
	if err != nil {
		return backend.Outcome{}, err
	}
	if c.Op == backend.OpDelete && len(before) == 0 {
		return backend.Outcome{}, backend.Errorf(backend.CodeNotFound, "source %s has registered nothing in project %q", backend.Quote(c.Name), p.row.Name).At("name")
	}
	rows, err := r.usageRows(c, p)
	if err != nil {
		return backend.Outcome{}, err
	}
	exists := map[string]store.Object{}
	for _, row := range before {
		exists[usageKey(row)] = row
	}
	added := 0
	for _, row := range rows {
		if _, ok := exists[usageKey(row)]; ok {
			delete(exists, usageKey(row))
			continue
		}
		added++
		if err := r.tx.InsertObject(r.ctx, row); err != nil {
			return backend.Outcome{}, err
		}
	}
	for _, row := range exists {
		if err := r.tx.DeleteObject(r.ctx, row.ID); err != nil {
			return backend.Outcome{}, err
		}
	}
	n := len(rows)
	out := backend.Outcome{Action: backend.ActionUpdate, Object: backend.Object{Kind: c.Kind, Name: c.Name, Project: p.row.Name, Usages: &n}}
	switch {
	case c.Op == backend.OpDelete:
		out.Action = backend.ActionDelete
	case len(before) == 0:
		out.Action = backend.ActionCreate
	case added+len(exists) == 0:
		out.Action = backend.ActionUnchanged
	default:
		out.Changed = []string{"usages"}
	}
	return out, nil
}

func usageKey(o store.Object) string { return o.Environment + "\x00" + o.Scope + "\x00" + o.Name }

func checkSource(c backend.Change) error {
	switch {
	case c.Op != backend.OpSet && c.Op != backend.OpDelete:
		return backend.Errorf(backend.CodeInvalid, "usages are set as a whole, or deleted").At("op")
	case c.Name == "" || len(c.Name) > maxSource || strings.ContainsFunc(c.Name, unicode.IsControl):
		return backend.Errorf(backend.CodeInvalid, "a source of usages has a name of 1 to %d printable bytes", maxSource).
			WithHint("name the repository, as github.com/acme/pipelines").At("name")
	case len(c.Usages) > backend.MaxRefs:
		return backend.Errorf(backend.CodeTooLarge, "%d usages of one source; the limit is %d", len(c.Usages), backend.MaxRefs).
			WithHint("register parts of the repository as sources of their own").At("usages")
	}
	return nil
}

// usageRows are the rows of a registration, each place once.
func (r *run) usageRows(c backend.Change, p *project) ([]store.Object, error) {
	var rows []store.Object
	seen := map[string]bool{}
	for _, u := range c.Usages {
		if u.Kind != backend.KindSecret && u.Kind != backend.KindScopedValue {
			return nil, backend.Errorf(backend.CodeInvalid, "a usage is of a secret or a scoped value, not of a %q", u.Kind).At("usages")
		}
		if err := backend.CheckName(u.Kind, u.Name); err != nil {
			return nil, err.At("usages")
		}
		u.Scope = scopeOrProject(u.Scope)
		if err := backend.CheckScope(u.Scope); err != nil {
			return nil, err.At("usages")
		}
		environment, err := p.environment(u.Environment)
		if err != nil {
			return nil, err
		}
		if environment.ID == backend.AnyEnvironment {
			return nil, backend.Errorf(backend.CodeInvalid, "a usage is in one environment, not in %q", backend.AnyEnvironment).At("usages")
		}
		text, err := json.Marshal(usageAttributes{Kind: u.Kind, File: u.File, Line: u.Line, Column: u.Column, Source: c.Name})
		if err != nil {
			return nil, err
		}
		row := store.Object{
			Kind: c.Kind, ID: newID(), Project: p.row.ID, Environment: environment.ID, Scope: u.Scope, Type: c.Name, Link: u.Name,
			Name:     fmt.Sprintf("%s %s %s:%d:%d %s", u.Name, u.Kind, u.File, u.Line, u.Column, c.Name),
			Revision: 1, Attributes: text, CreatedAt: r.now, UpdatedAt: r.now,
		}
		if !seen[usageKey(row)] {
			seen[usageKey(row)] = true
			rows = append(rows, row)
		}
	}
	return rows, nil
}

type usageAttributes struct {
	Kind   backend.Kind `json:"kind"`
	File   string       `json:"file,omitempty"`
	Line   int          `json:"line,omitempty"`
	Column int          `json:"column,omitempty"`
	Source string       `json:"source"`
}

// usage is a row of a usage as the world sees it.
func usage(o store.Object, in *project) (backend.Object, error) {
	var a usageAttributes
	if json.Unmarshal(o.Attributes, &a) != nil {
		return backend.Object{}, backend.Errorf(backend.CodeCorrupt, "usage %s has attributes that do not read", o.ID).WithHint("register its source again")
	}
	return backend.Object{
		Kind: o.Kind, ID: o.ID, Name: o.Link, Project: in.row.Name, CreatedAt: o.CreatedAt,
		Environment: in.environmentName(o.Environment), EnvironmentID: o.Environment, Scope: o.Scope, Source: a.Source,
		Usage: &backend.Usage{Kind: a.Kind, Name: o.Link, Environment: in.environmentName(o.Environment), Scope: o.Scope, File: a.File, Line: a.Line, Column: a.Column},
	}, nil
}

// usedIn names the places in configuration files whose reference leads to an entry.
func (r *run) usagesOf(p *project, o store.Object) ([]backend.Dependent, error) {
	usages, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindUsage, Project: p.row.ID, Link: o.Name})
	if err != nil || len(usages) == 0 {
		return nil, err
	}
	rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: o.Kind, Project: p.row.ID, Name: o.Name})
	if err != nil {
		return nil, err
	}
	candidates := make([]*store.Entry, len(rows))
	for i, row := range rows {
		candidates[i] = &store.Entry{Object: row}
	}
	var users []backend.Dependent
	for _, row := range usages {
		u, err := usage(row, p)
		if err != nil {
			return nil, err
		}
		if u.Usage.Kind == o.Kind && nearest(candidates, row.Scope, row.Environment).Object.ID == o.ID {
			users = append(users, backend.Dependent{Label: fmt.Sprintf("%s:%d of %s in %s", u.Usage.File, u.Usage.Line, u.Source, u.Environment)})
		}
	}
	return users, nil
}

// dropUsages forgets the usages of an environment, or of a whole project.
func (r *run) dropUsages(project, environment string) error {
	rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: backend.KindUsage, Project: project, Environment: environment})
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := r.tx.DeleteObject(r.ctx, row.ID); err != nil {
			return err
		}
	}
	return nil
}
