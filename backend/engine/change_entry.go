// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"errors"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// entry is the secret or scoped value that a change names.
type entry struct {
	in     *project
	row    store.Object
	before store.Object // the row as it is stored
	attr   attributes
	exists bool
	known  bool // the principal of the call may have the present value of the secret
	diff   diff
}

func (r *run) changeEntry(c backend.Change, id string) (backend.Outcome, error) {
	if c.With != nil {
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid, "\"with\" is supported only for the operation %q",
			backend.OpCompare).At("with")
	}
	if c.Op == backend.OpRestore {
		return r.restoreEntry(c)
	}
	e, err := r.entry(c, id)
	if wasDeleted(c, e != nil && e.exists, err) {
		return r.purgeDeleted(c)
	}
	if err != nil {
		return backend.Outcome{}, err
	}
	at := e.row.Version
	if c.Kind == backend.KindScopedValue {
		at = e.row.Revision
	}
	if err := checkOperation(c, e.exists, e.row.ID, e.row.Name, at); err != nil {
		return backend.Outcome{}, err
	}
	outdated, err := r.checkSeen(c, e.row)
	if err != nil {
		return backend.Outcome{}, err
	}
	if outdated {
		return outcome(backend.ActionUnchanged, e.diff, e.row, e.in)
	}
	if c.Op == backend.OpDelete {
		return r.deleteEntry(e, c)
	}
	if err := r.checkFingerprints(c); err != nil {
		return backend.Outcome{}, err
	}
	e.before = e.row
	before := e.row.Name
	if e.exists {
		if err := r.verifyRow(e.in, e.row); err != nil {
			return backend.Outcome{}, err
		}
	}
	if c.Kind == backend.KindSecret && e.exists {
		e.known = r.knowsValue(e.in, e.row, e.attr.Visibility)
		if err := r.checkVisibility(c, e); err != nil {
			return backend.Outcome{}, err
		}
	}
	if !e.exists && c.Kind == backend.KindSecret {
		e.attr.Visibility = cmp.Or(r.stagedVisibility(), e.in.policy.DefaultVisibility)
	}
	e.diff.apply(c, &e.row.Name, &e.attr)
	r.noteVisibility(e)
	if err := e.in.policy.CheckEntryName(c.Kind, e.row.Name); err != nil && (!e.exists || e.row.Name != before) {
		return backend.Outcome{}, err
	}
	if e.exists && e.row.Name != before && e.row.Name != shownName(e.before) && e.in.policy.ImmutableNames {
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid,
			"%s %q cannot be renamed: the policy of the project has immutable_names", c.Kind, before).
			WithHint("create another one, or change the policy").At("name")
	}
	if e.exists && e.row.Name != before {
		e.attr.release()
		if err := r.takePlace(e.row, owner(c, e.attr), r.refuseExisting); err != nil {
			return backend.Outcome{}, err
		}
	}
	write := r.writeValue
	if c.Kind == backend.KindSecret {
		write = r.writeSecret
	}
	fingerprint, err := r.fingerprint(e)
	if err != nil {
		return backend.Outcome{}, err
	}
	out, err := write(c, e)
	out.Fingerprint = fingerprint
	if err != nil || c.Kind != backend.KindSecret || e.exists && e.row.Name == before {
		return out, err
	}
	if e.exists && !isReserved(before) {
		if err := r.moveLinks(e.in, e.row, before, owner(c, e.attr)); err != nil {
			return out, err
		}
	}
	if err := r.supersede(e.in, e.row); err != nil {
		return out, err
	}
	return out, r.returnLinks(e.in, e.row, owner(c, e.attr))
}

// entry returns the secret or scoped value that a change names, or a row to create it from.
func (r *run) entry(c backend.Change, id string) (*entry, error) {
	e := &entry{}
	var err error
	if c.ID != "" {
		if e.row, e.exists, err = r.seen(store.Filter{Kind: c.Kind, ID: c.ID}); err != nil {
			return nil, err
		}
		if !e.exists {
			return nil, unknownID(c)
		}
		if e.in, err = r.project(e.row.Project); err != nil {
			return nil, err
		}
		c.Name = shownName(e.row)
		if _, err := r.allowEntry(c, e.in, e.in.at(e.row)); err != nil {
			return nil, err
		}
		if err := r.checkSamePlace(c, e); err != nil {
			return nil, err
		}
	} else {
		if e.in, err = r.projectToUse(c); err != nil {
			return nil, err
		}
		environment, err := e.in.environment(c.Environment)
		waits := false
		if errors.Is(err, backend.ErrNotFound) {
			var row store.Object
			if row, waits = replacedFor(c, e.in.environments, c.Environment); waits && e.in.shows(row.ID) {
				environment, err = row, nil
			}
		}
		if err != nil {
			return nil, err
		}
		c.Scope = scopeOrProject(c.Scope)
		if err := backend.CheckScope(c.Scope); err != nil {
			return nil, err
		}
		if err := backend.CheckName(c.Kind, c.Name); err != nil {
			return nil, err
		}
		created := store.Object{
			Kind: c.Kind, ID: id, Project: e.in.row.ID, Environment: environment.ID, Scope: c.Scope, Name: c.Name,
			Attributes: attributes{}.encode(),
		}
		hidden, err := r.allowEntry(c, e.in, e.in.at(created))
		if hidden {
			e.row = created
			e.attr, err = decodeAttributes(e.row)
		}
		if hidden || err != nil {
			return e, err
		}
		if e.row, e.exists, _, err = r.orCreated(c, created); err != nil {
			return nil, err
		}
		if !e.exists && isDeleted(environment) && !waits {
			return nil, errDeletedEnvironment(environment)
		}
	}
	e.attr, err = decodeAttributes(e.row)
	return e, err
}

// checkSamePlace refuses a change by id that names another project, environment
// or scope. An entry cannot move, because its value is bound to its place.
func (r *run) checkSamePlace(c backend.Change, e *entry) error {
	if err := r.checkSameProject(c, e.in); err != nil {
		return err
	}
	if c.Environment != "" {
		environment, err := e.in.environment(c.Environment)
		switch {
		case err != nil && c.Environment == e.in.environmentName(e.row.Environment): // displaced or set aside
		case err != nil:
			return err
		case environment.ID != e.row.Environment:
			return immutable(c, e.row.Name, "environment")
		}
	}
	if c.Scope != "" && c.Scope != e.row.Scope {
		return immutable(c, e.row.Name, "scope")
	}
	return nil
}

// checkSameProject refuses a change by id that names another project.
func (r *run) checkSameProject(c backend.Change, in *project) error {
	if c.Project == "" || c.Project == in.row.Name {
		return nil
	}
	p, err := r.project(c.Project)
	switch {
	case errors.Is(err, backend.ErrNotFound) && c.Project == shownName(in.row): // it was displaced or set aside
	case err != nil:
		return err
	case p.row.ID != in.row.ID:
		return immutable(c, c.Name, "project")
	}
	return nil
}

func immutable(c backend.Change, name, attribute string) error {
	if name == "" {
		name = c.ID
	}
	return backend.Errorf(backend.CodeImmutable, "%s %q cannot move to another %s", c.Kind, name, attribute).
		WithHint("create it in the other %s, and delete this one", attribute).At(attribute)
}

// writeValue creates or updates a scoped value.
func (r *run) writeValue(c backend.Change, e *entry) (backend.Outcome, error) {
	if c.JSON != nil && c.Link != nil {
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid,
			"scoped value %q is given both a plain value and a link to a secret", e.row.Name).At("link")
	}
	switch {
	case c.JSON != nil:
		if e.row.Link != "" {
			e.row.Link, e.row.Type, e.attr.LinkField, e.attr.LinkHeld = "", "", "", false
			e.diff.changed = append(e.diff.changed, "link")
		}
		e.diff.setJSON("json", &e.attr.JSON, c.JSON)
		if n := len(e.attr.JSON); n > e.in.policy.MaxValueBytes {
			return backend.Outcome{}, tooLarge(e, n)
		}
	case c.Link != nil:
		if err := r.link(c, e); err != nil {
			return backend.Outcome{}, err
		}
		delete(r.places.follows, e.row.ID) // the link is what this change says
	case !e.exists:
		return backend.Outcome{}, backend.Errorf(backend.CodeInvalid,
			"scoped value %q has no value: JSON or a link to a secret is required", e.row.Name).
			WithHint("give it a JSON value, or the name of a secret").At("json")
	}
	return r.writeEntry(e, nil)
}

// link makes a scoped value a link to a secret. The secret must exist in some environment, so that a mistyped name is
// an error now and not in a pipeline.
func (r *run) link(c backend.Change, e *entry) error {
	l := *c.Link
	if err := backend.CheckName(backend.KindSecret, l.Secret); err != nil {
		return err.At("link")
	}
	if _, err := backend.ParsePath(l.Field); err != nil {
		return err.At("link")
	}
	exists, err := r.secretExists(e.in, l.Secret)
	if err != nil {
		return err
	}
	follows := false
	if !exists && l.Secret != e.row.Link {
		if follows, err = r.secretFollows(e.in, l.Secret, owner(c, e.attr)); err != nil {
			return err
		}
	}
	if !exists && !follows && l.Secret != e.row.Link {
		return backend.Errorf(backend.CodeNotFound,
			"scoped value %q links to secret %q, which does not exist in any environment", e.row.Name, l.Secret).
			WithHint("create the secret first, or correct the name").At("link")
	}
	if l.Secret != e.row.Link || l.Field != e.attr.LinkField {
		e.diff.changed = append(e.diff.changed, "link")
	}
	if e.attr.JSON != nil {
		e.attr.JSON = nil
		e.diff.changed = append(e.diff.changed, "json")
	}
	if exists || l.Secret != e.row.Link {
		e.attr.LinkHeld = false // the link means the name, and no longer what was set aside
	}
	e.row.Type = "" // nor does it return to a former name
	e.row.Link, e.attr.LinkField = l.Secret, l.Field
	return nil
}

// secretExists reports whether a project has a secret of a name, in some environment, that the caller may see.
func (r *run) secretExists(in *project, name string) (bool, error) {
	f := store.Filter{Kind: backend.KindSecret, Project: in.row.ID, Name: name}
	if r.access.seesAll {
		_, exists, err := r.first(f)
		return exists, err
	}
	rows, err := r.tx.Objects(r.ctx, f)
	return slices.ContainsFunc(rows, func(o store.Object) bool { return r.sees(in, o) }), err
}

func tooLarge(e *entry, n int) error {
	attribute := "value"
	if e.row.Kind == backend.KindScopedValue {
		attribute = "json"
	}
	return backend.Errorf(backend.CodeTooLarge,
		"the value of %s %q has %d bytes; the limit of project %q is %d (max_value_bytes)", e.row.Kind, e.row.Name, n,
		e.in.row.Name, e.in.policy.MaxValueBytes).
		WithHint("shorten it, or store the data elsewhere and only its key here").At(attribute)
}

// writeEntry writes the row of an entry. For a secret with a new value it also
// writes the version, sealed under the environment key.
func (r *run) writeEntry(e *entry, version *newVersion) (backend.Outcome, error) {
	released := linkIsHeld(e.before) && !e.attr.LinkHeld
	quiet := e.exists && len(e.diff.changed) == 0
	if quiet && (released || e.row.Type != e.before.Type) {
		e.attr.Quiet++ // the link has the same name, and another meaning
	} else if quiet {
		return outcome(backend.ActionUnchanged, e.diff, e.row, e.in)
	}
	key, err := r.signingKey(e.in, e.row.Environment)
	if err != nil {
		return backend.Outcome{}, err
	}
	action := backend.ActionUpdate
	if e.exists {
		e.row, err = r.update(e.row, e.attr, key, e.in)
	} else {
		action = backend.ActionCreate
		e.row, err = r.insert(e.row, e.attr, key, e.in)
	}
	if err != nil {
		return backend.Outcome{}, err
	}
	if version != nil && r.set.DryRun && version.plaintext != nil {
		r.written[e.row.ID] = writtenValue{e.row.Version, version.plaintext, version.attr.GeneratedBits}
	}
	if version != nil && !r.set.DryRun {
		if err := r.insertVersion(key, e.row, *version); err != nil {
			return backend.Outcome{}, err
		}
	}
	if quiet {
		action = backend.ActionUnchanged
	}
	if e.exists && (released || e.row.Type != e.before.Type) {
		if err := r.letGo(e.in.row.ID, e.before); err != nil {
			return backend.Outcome{}, err
		}
	}
	return outcome(action, e.diff, e.row, e.in)
}
