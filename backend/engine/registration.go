// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A registration can have 20,000 usages and replace as many. Other changes wait while a transaction writes, so the work
// that does not need the transaction is done before it: the usages are checked and encoded, and those that the source
// has are read and verified. The transaction compares their ids only, and reads again what it removes. If the ids have
// changed, it reads all of them again.

// registrations is what the attempts of one Apply know of its registrations, by the project and the source that the
// changes name.
type registrations map[registration]*prepared

type registration struct{ project, source string }

type prepared struct {
	usages []describedUsage
	err    error // why the usages cannot be registered

	rows []store.Object // of the source, as they were; nil if they were not read
}

// describedUsage is a usage with the columns of its row that do not depend on the project.
type describedUsage struct {
	backend.Usage
	attributes []byte
	rowName    string
}

// prepareRegistrations does the work of a set's registrations that needs no transaction for writing.
func (e *Engine) prepareRegistrations(ctx context.Context, set backend.ChangeSet, call *applyCall) error {
	for _, c := range set.Changes {
		if c.Kind != backend.KindUsage {
			continue
		}
		if call.registrations == nil {
			call.registrations = registrations{}
		}
		p := &prepared{}
		p.usages, p.err = describeUsages(c)
		call.registrations[registration{c.Project, c.Name}] = p
	}
	if call.registrations == nil {
		return nil
	}
	return e.store.View(ctx, func(tx store.Tx) error {
		r := &run{applyCall: call, engine: e, ctx: ctx, given: set}
		if err := r.begin(tx); err != nil {
			return err
		}
		for k, registered := range call.registrations {
			p, err := r.project(k.project)
			if err != nil || !r.access.MaySome(backend.RightRegister, backend.Place{Project: p.row.ID}) {
				continue // the transaction for writing reports it, or the set makes the project
			}
			registered.rows, err = tx.Objects(ctx, ofSource(p, k.source))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ofSource selects the usages that a source has registered in a project.
func ofSource(p *project, source string) store.Filter {
	return store.Filter{Kind: backend.KindUsage, Project: p.row.ID, Type: source}
}

// registered returns the usages of a source. The fields of a usage never change, so those that were read before the
// transaction are right as long as there are no others.
func (r *run) registered(c backend.Change, p *project) ([]store.Object, error) {
	known := r.registrations[registration{c.Project, c.Name}]
	if known != nil && len(known.rows) > 0 {
		ids, err := r.tx.ObjectIDs(r.ctx, ofSource(p, c.Name))
		if err != nil {
			return nil, err
		}
		if slices.EqualFunc(ids, known.rows, func(id string, o store.Object) bool { return id == o.ID }) {
			return slices.Clone(known.rows), nil
		}
	}
	return r.tx.Objects(r.ctx, ofSource(p, c.Name))
}

// removeUsages removes usages of a source.
func (r *run) removeUsages(c backend.Change, p *project, rows []store.Object) error {
	if len(rows) == 0 {
		return nil
	}
	names, ids := make([]string, 0, len(rows)), make([]string, 0, len(rows))
	for _, row := range rows {
		names, ids = append(names, row.Name), append(ids, row.ID)
	}
	f := ofSource(p, c.Name)
	f.Regions = &store.Regions{{Names: names}}
	// The transaction knows the rows then. Otherwise it would read one after the other to delete them.
	if _, err := r.tx.Objects(r.ctx, f); err != nil {
		return err
	}
	return r.tx.DeleteObjects(r.ctx, p.row.ID, ids)
}

// describedUsages returns the usages of a change, which were described before the transaction unless a draft has them.
func (r *run) describedUsages(c backend.Change) ([]describedUsage, error) {
	if known := r.registrations[registration{c.Project, c.Name}]; known != nil {
		return known.usages, known.err
	}
	return describeUsages(c)
}

// describeUsages checks the usages of a change as far as this needs no transaction.
func describeUsages(c backend.Change) ([]describedUsage, error) {
	out := make([]describedUsage, 0, len(c.Usages))
	for _, u := range c.Usages {
		u.Scope = scopeOrProject(u.Scope)
		if err := checkUsage(u); err != nil {
			return nil, err.At("usages")
		}
		text, err := json.Marshal(usageAttributes{Kind: u.Kind, File: u.File, Line: u.Line, Column: u.Column, Source: c.Name})
		if err != nil {
			return nil, err
		}
		out = append(out, describedUsage{Usage: u, attributes: text, rowName: usageName(u.Name, text)})
	}
	return out, nil
}

// checkUsage checks what a usage says.
func checkUsage(u backend.Usage) *backend.Error {
	if u.Kind != backend.KindSecret && u.Kind != backend.KindScopedValue {
		return backend.Errorf(backend.CodeInvalid,
			"a usage of kind %q is not supported: a usage refers to a secret or a scoped value", u.Kind)
	}
	if err := backend.CheckName(u.Kind, u.Name); err != nil {
		return err
	}
	if len(u.File) > backend.MaxFileBytes {
		return backend.Errorf(backend.CodeTooLarge, "the name of file %s has %d bytes; the limit is %d",
			backend.Quote(u.File), len(u.File), backend.MaxFileBytes)
	}
	if err := backend.CheckLine("the name of file "+backend.Quote(u.File), u.File); err != nil {
		return err
	}
	return backend.CheckScope(u.Scope)
}
