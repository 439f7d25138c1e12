// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A usage has its own row. The field Link holds the name that the usage refers to, so that a deletion can look it up.
// The field Type holds the source that registered it, so that the next registration can replace it. The name is that
// of the reference and a hash of the usage, so that the index of places stays small. An earlier program wrote the usage
// itself into the name; such rows stay until their source no longer registers the usage. The row has no MAC of an
// environment: someone who has the deployment key can use it to block or allow a deletion, and for nothing else.

const maxSource = 256 // bytes of a source's name

// changeUsages replaces the usages that a source has registered in a project.
func (r *run) changeUsages(c backend.Change) (backend.Outcome, error) {
	p, err := r.project(c.Project)
	if err != nil {
		return backend.Outcome{}, err
	}
	if err := checkSource(c); err != nil {
		return backend.Outcome{}, err
	}
	if !r.access.MaySome(backend.RightRegister, backend.Place{Project: p.row.ID}) {
		return backend.Outcome{}, r.access.denied(backend.RightRegister, "register", "usages in project "+
			backend.Quote(p.row.Name), p, backend.Place{})
	}
	before, err := r.registered(c, p)
	if err != nil {
		return backend.Outcome{}, err
	}
	// A registration replaces the usages of the source as far as the caller may register them.
	before = slices.DeleteFunc(before, func(o store.Object) bool { return !r.access.May(backend.RightRegister, p.at(o)) })
	if c.Op == backend.OpDelete && len(before) == 0 {
		return backend.Outcome{}, backend.Errorf(backend.CodeNotFound, "source %s has no registered usages in project %q",
			backend.Quote(c.Name), p.row.Name).At("name")
	}
	rows, err := r.usageRows(c, p)
	if err != nil {
		return backend.Outcome{}, err
	}
	if n := len(rows) - len(before); n > 0 {
		if err := r.checkUsages(p, n); err != nil {
			return backend.Outcome{}, err
		}
	}
	add, remove := compareUsages(before, rows)
	for _, row := range add {
		if err := r.tx.InsertObject(r.ctx, row); err != nil {
			return backend.Outcome{}, err
		}
	}
	if err := r.removeUsages(c, p, remove); err != nil {
		return backend.Outcome{}, err
	}
	n := len(rows)
	out := backend.Outcome{Action: backend.ActionUpdate,
		Object: backend.Object{Kind: c.Kind, Name: c.Name, Project: p.row.Name, Usages: &n}}
	switch {
	case c.Op == backend.OpDelete:
		out.Action = backend.ActionDelete
	case len(before) == 0:
		out.Action = backend.ActionCreate
	case len(add)+len(remove) == 0:
		out.Action = backend.ActionUnchanged
	default:
		out.Changed = []string{"usages"}
	}
	return out, nil
}

// compareUsages returns the rows that a registration adds, and those that it removes.
func compareUsages(before, after []store.Object) (add, remove []store.Object) {
	present, wanted := map[string]bool{}, map[string]bool{}
	for _, row := range before {
		present[usageKey(row)] = true
	}
	for _, row := range after {
		key := usageKey(row)
		wanted[key] = true
		if !present[key] {
			add = append(add, row)
		}
	}
	for _, row := range before {
		if !wanted[usageKey(row)] {
			remove = append(remove, row)
		}
	}
	return add, remove
}

// checkUsages refuses a registration that adds n usages over the limit of the project.
func (r *run) checkUsages(p *project, n int) error {
	present, err := r.tx.Count(r.ctx, store.Filter{Kind: backend.KindUsage, Project: p.row.ID})
	if err == nil && present+n > backend.MaxProjectUsages {
		return backend.Errorf(backend.CodeQuota, "project %q would have more than %d registered usages", p.row.Name,
			backend.MaxProjectUsages).
			WithHint("delete the usages of sources that no longer exist").At("usages")
	}
	return err
}

// usageKey identifies a usage of a source. It does not depend on the name of the row, which has two forms.
func usageKey(o store.Object) string {
	return o.Environment + "\x00" + o.Scope + "\x00" + o.Link + "\x00" + string(o.Attributes)
}

// usageName returns the name of a row: the rows of one reference stand together, and each has its place.
func usageName(name string, attributes []byte) string {
	sum := sha256.Sum256(attributes)
	return name + " " + hex.EncodeToString(sum[:16])
}

// checkRegistrations refuses a call with too many usages, too long names of files, or a source that occurs twice: each
// change reads all usages of its source.
func checkRegistrations(changes []backend.Change) error {
	const hint = "register parts of the repository as separate sources, in several calls"
	usages, size, sources := 0, 0, map[[2]string]bool{}
	for _, c := range changes {
		if c.Kind != backend.KindUsage {
			continue
		}
		if source := [2]string{c.Project, c.Name}; sources[source] {
			return backend.Errorf(backend.CodeInvalid, "source %s of project %s occurs twice in one call",
				backend.Quote(c.Name), backend.Quote(c.Project)).
				WithHint("register all usages of a source in one change").At("name")
		} else {
			sources[source] = true
		}
		usages += len(c.Usages)
		for _, u := range c.Usages {
			size += len(u.File)
		}
	}
	switch {
	case usages > backend.MaxUsages:
		return backend.Errorf(backend.CodeTooLarge, "%d usages are in one call; the limit is %d", usages,
			backend.MaxUsages).WithHint(hint).At("usages")
	case size > backend.MaxUsageFileBytes:
		return backend.Errorf(backend.CodeTooLarge,
			"the names of files of the usages in one call have %d bytes; the limit is %d", size,
			backend.MaxUsageFileBytes).WithHint(hint).At("usages")
	}
	return nil
}

func checkSource(c backend.Change) error {
	switch {
	case c.Op != backend.OpSet && c.Op != backend.OpDelete:
		return backend.Errorf(backend.CodeInvalid, "operation %q is not supported for usages", c.Op).
			WithHint("use %q or %q", backend.OpSet, backend.OpDelete).At("op")
	case c.ID != "":
		return backend.Errorf(backend.CodeInvalid, "usages have no id").WithHint("give the name of their source").At("id")
	case c.Name == "" || len(c.Name) > maxSource:
		return backend.Errorf(backend.CodeInvalid, "the name of the source is not valid: it must have 1 to %d bytes",
			maxSource).WithHint("name the repository, as github.com/acme/pipelines").At("name")
	}
	err := backend.CheckLine("the name of the source", c.Name)
	// A source of an earlier version, which refused only control characters, can be removed.
	removes := c.Op == backend.OpDelete || len(c.Usages) == 0
	if err == nil || removes && !strings.ContainsFunc(c.Name, unicode.IsControl) {
		return nil
	}
	return err.At("name")
}

// usageRows returns the rows of a registration, without duplicates.
func (r *run) usageRows(c backend.Change, p *project) ([]store.Object, error) {
	described, err := r.describedUsages(c)
	if err != nil {
		return nil, err
	}
	rows, seen := make([]store.Object, 0, len(described)), make(map[string]bool, len(described))
	environments := map[string]string{}
	for _, u := range described {
		environment, ok := environments[u.Environment]
		if !ok {
			if environment, err = p.usageEnvironment(u.Environment); err != nil {
				return nil, err
			}
			environments[u.Environment] = environment
		}
		row := store.Object{
			Kind: c.Kind, ID: newID(), Project: p.row.ID, Environment: environment, Scope: u.Scope, Type: c.Name,
			Link: u.Name, Name: u.rowName,
			Revision: 1, Attributes: u.attributes, CreatedAt: r.now, UpdatedAt: r.now,
		}
		if at := p.at(row); !r.access.May(backend.RightRegister, at) {
			return nil, r.access.denied(backend.RightRegister, "register", "a usage of "+what(u.Kind, u.Name, p, at), p, at)
		}
		if !seen[usageKey(row)] {
			seen[usageKey(row)] = true
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// usageEnvironment returns the id of the environment of a new usage.
func (p *project) usageEnvironment(nameOrID string) (string, error) {
	e, err := p.environmentForNew(nameOrID)
	if err == nil && e.ID == backend.AnyEnvironment {
		err = backend.Errorf(backend.CodeInvalid,
			"environment %q is not valid for a usage: a usage belongs to one environment", backend.AnyEnvironment).At("usages")
	}
	return e.ID, err
}

type usageAttributes struct {
	Kind   backend.Kind `json:"kind"`
	File   string       `json:"file,omitempty"`
	Line   int          `json:"line,omitempty"`
	Column int          `json:"column,omitempty"`
	Source string       `json:"source"`
}

// usage converts the row of a usage to a backend.Object.
func usage(o store.Object, in *project) (backend.Object, error) {
	var a usageAttributes
	if json.Unmarshal(o.Attributes, &a) != nil {
		return backend.Object{}, backend.Errorf(backend.CodeCorrupt, "the attributes of usage %s cannot be parsed", o.ID).
			WithHint("register its source again")
	}
	return backend.Object{
		Kind: o.Kind, ID: o.ID, Name: o.Link, Project: shownName(in.row), CreatedAt: o.CreatedAt,
		Environment: in.environmentName(o.Environment), EnvironmentID: o.Environment, Scope: o.Scope, Source: a.Source,
		Usage: &backend.Usage{Kind: a.Kind, Name: o.Link, Environment: in.environmentName(o.Environment), Scope: o.Scope,
			File: a.File, Line: a.Line, Column: a.Column},
	}, nil
}

// usagesOf returns the positions in configuration files whose reference means
// the entry, MaxDependents at most.
func (r *run) usagesOf(p *project, o store.Object) (users []backend.Dependent, err error) {
	f := store.Filter{Kind: backend.KindUsage, Project: p.row.ID, Link: o.Name, Limit: backend.MaxPage}
	var candidates []*store.Entry
	hidden := false
	defer func() {
		slices.SortFunc(users, func(a, b backend.Dependent) int { return strings.Compare(a.Label, b.Label) })
		if hidden {
			users = append(users, backend.Dependent{Label: unseen})
		}
	}()
	for {
		usages, err := r.tx.Objects(r.ctx, f)
		if err != nil || len(usages) == 0 {
			return users, err
		}
		if candidates == nil {
			rows, err := r.tx.Objects(r.ctx, store.Filter{Kind: o.Kind, Project: p.row.ID, Name: o.Name})
			if err != nil {
				return nil, err
			}
			for _, row := range rows {
				candidates = append(candidates, &store.Entry{Object: row})
			}
		}
		for _, row := range usages {
			u, err := usage(row, p)
			if err != nil {
				return nil, err
			}
			if u.Usage.Kind != o.Kind || nearest(candidates, row.Scope, row.Environment).Object.ID != o.ID {
				continue
			}
			if !r.access.seesRow(p, row) {
				hidden = true
			} else {
				users = append(users,
					backend.Dependent{Label: fmt.Sprintf("%s:%d of %s in %s", u.Usage.File, u.Usage.Line, u.Source, u.Environment)})
			}
			if len(users) == backend.MaxDependents {
				return users, nil
			}
		}
		if len(usages) < f.Limit {
			return users, nil
		}
		last := usages[len(usages)-1]
		f.AfterName, f.AfterID = last.Name, last.ID
	}
}
