// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// project is a project with the rows that every change and lookup needs. They
// are few, and read once per transaction.
type project struct {
	row             store.Object
	policy          backend.Policy
	environments    []store.Object
	types           []secretType // stored and built-in, by key
	environmentKeys []store.EnvironmentKey
	secrets         int            // the number of secrets; -1 until checkQuota counts them
	setAside        []store.Object // the secrets that were set aside, if setAsideKnown
	setAsideKnown   bool
	// protected holds the ids of the protected environments, and AnyEnvironment if there is one: each environment uses the
	// entries that all of them share.
	protected map[string]bool
	// sees reports whether the caller may see that an environment exists. Nil means all of them.
	sees func(environment string) bool
	// findsAll reports whether a lookup finds an environment that the caller may not see. Nil means no.
	findsAll func() bool
}

// at returns the place of a row of the project, for a decision about rights.
func (p *project) at(o store.Object) backend.Place {
	name := o.Link
	switch formerKind(o.Kind) {
	case backend.KindUsage:
	case backend.KindDraftChange:
		name = ""
	default:
		name = shownName(o)
	}
	return p.place(o.Environment, o.Scope, name)
}

// place returns a place in the project.
func (p *project) place(environment, scope, name string) backend.Place {
	return backend.Place{Project: p.row.ID, Environment: environment, Scope: scope, Name: name,
		Protected: p.protected[environment]}
}

// secretsChanged drops what is known about the secrets, so that its next use reads the database.
func (p *project) secretsChanged() { p.secrets, p.setAside, p.setAsideKnown = -1, nil, false }

// loadProject reads a project by name or id. ErrNotFound lists the existing projects.
func loadProject(ctx context.Context, tx store.Tx, nameOrID string, a principalAccess) (*project, error) {
	row, err := findProject(ctx, tx, nameOrID, a)
	if err != nil {
		return nil, err
	}
	return loadRows(ctx, tx, row)
}

// loadRows reads what belongs to the row of a project.
func loadRows(ctx context.Context, tx store.Tx, row store.Object) (*project, error) {
	a, err := decodeAttributes(row)
	if err != nil {
		return nil, err
	}
	p := &project{row: row, policy: a.policy(), secrets: -1}
	if p.environments, err = tx.Objects(ctx, store.Filter{Kind: backend.KindEnvironment, Project: row.ID}); err != nil {
		return nil, err
	}
	if err := p.noteProtected(); err != nil {
		return nil, err
	}
	if p.types, err = loadTypes(ctx, tx, row.ID); err != nil {
		return nil, err
	}
	p.environmentKeys, err = tx.EnvironmentKeys(ctx, row.ID)
	return p, err
}

func (p *project) noteProtected() error {
	for _, e := range p.environments {
		a, err := decodeAttributes(e)
		if err != nil {
			return err
		}
		if a.Protected && p.protected == nil {
			p.protected = map[string]bool{backend.AnyEnvironment: true}
		}
		if a.Protected {
			p.protected[e.ID] = true
		}
	}
	return nil
}

// maxProjectIDs is how many projects one call of ProjectIDs looks up.
const maxProjectIDs = 100

// ProjectIDs returns the ids of the projects that exist, by the names and ids that a call used for them. It is for
// audit records: it knows at most 100 projects of a call, and none if the database cannot be read.
func (e *Engine) ProjectIDs(ctx context.Context, used []string) map[string]string {
	ids := map[string]string{}
	for _, name := range used {
		if name != "" && len(ids) < maxProjectIDs && !isReserved(name) {
			ids[name] = ""
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_ = e.store.View(ctx, func(tx store.Tx) error {
		for name := range ids {
			f := store.Filter{Kind: backend.KindProject, Name: name}
			if backend.IsID(name) {
				f = store.Filter{Kind: backend.KindProject, ID: name}
			}
			rows, err := tx.Objects(ctx, f)
			if err != nil {
				return err
			}
			if len(rows) > 0 {
				ids[name] = rows[0].ID
			}
		}
		return nil
	})
	return ids
}

func findProject(ctx context.Context, tx store.Tx, nameOrID string, a principalAccess) (store.Object, error) {
	if nameOrID == "" {
		return store.Object{}, backend.Errorf(backend.CodeInvalid, "a project is required").At("project")
	}
	f := store.Filter{Kind: backend.KindProject, Name: nameOrID}
	if backend.IsID(nameOrID) {
		f = store.Filter{Kind: backend.KindProject, ID: nameOrID}
	}
	if !isReserved(nameOrID) {
		rows, err := tx.Objects(ctx, f)
		if err != nil {
			return store.Object{}, err
		}
		if len(rows) > 0 && a.seesProject(rows[0].ID) {
			return rows[0], nil
		}
	}
	return store.Object{}, missingProject(ctx, tx, nameOrID, a)
}

// missingProject returns the error of a project that does not exist, or that the caller may not see.
func missingProject(ctx context.Context, tx store.Tx, nameOrID string, a principalAccess) error {
	e := backend.Errorf(backend.CodeNotFound, "project %s does not exist", backend.Quote(nameOrID)).At("project")
	all, err := tx.Objects(ctx, store.Filter{Kind: backend.KindProject, BeforeName: reserved})
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(o store.Object) bool { return !a.seesProject(o.ID) })
	if len(all) == 0 && !a.seesAll {
		return e.WithHint("you may see no project: a binding is missing")
	}
	e.Suggestion = suggest.Name(nameOrID, names(all))
	return e.WithHint("existing projects: %s", backend.Enumerate(names(all)))
}

// environment returns an environment by name or id, or AnyEnvironment as one.
func (p *project) environment(nameOrID string) (store.Object, error) {
	if nameOrID == backend.AnyEnvironment {
		return store.Object{Kind: backend.KindEnvironment, ID: backend.AnyEnvironment, Name: backend.AnyEnvironment,
			Project: p.row.ID}, nil
	}
	if nameOrID == "" {
		return store.Object{}, backend.Errorf(backend.CodeInvalid, "an environment is required").
			WithHint("name one, or use %q for entries that all environments share", backend.AnyEnvironment).At("environment")
	}
	for _, e := range p.environments {
		if (e.Name == nameOrID && !isReserved(nameOrID) || e.ID == nameOrID) && p.shows(e.ID) {
			return e, nil
		}
	}
	if e, found := p.environmentInUse(nameOrID); found && p.shows(e.ID) {
		return e, nil
	}
	e := backend.Errorf(backend.CodeNotFound, "environment %s does not exist in project %q", backend.Quote(nameOrID),
		p.row.Name).At("environment")
	existing := names(slices.DeleteFunc(slices.Clone(p.environments), func(e store.Object) bool { return !p.names(e.ID) }))
	e.Suggestion = suggest.Name(nameOrID, existing)
	if len(existing) == 0 {
		return store.Object{}, e.WithHint("the project has no environments: create one with \"pouncet env set\" or a " +
			"pouncet_environment")
	}
	return store.Object{}, e.WithHint("existing environments: %s", backend.Enumerate(existing))
}

// environmentInUse returns the environment that was deleted while its entries stay, by its former name. The entries can
// be found under that name until another environment gets it.
func (p *project) environmentInUse(name string) (found store.Object, ok bool) {
	for _, e := range p.environments {
		if isHeldInUse(e) && shownName(e) == name { // the last one, if several had the name
			found, ok = e, true
		}
	}
	return found, ok
}

// names reports whether an error for the caller may name an environment.
func (p *project) names(environment string) bool { return p.sees == nil || p.sees(environment) }

// shows reports whether a lookup for the caller finds an environment.
func (p *project) shows(environment string) bool {
	return p.names(environment) || p.findsAll != nil && p.findsAll()
}

// environmentForNew returns an environment that a new object can be in.
func (p *project) environmentForNew(nameOrID string) (store.Object, error) {
	e, err := p.environment(nameOrID)
	if err == nil && isDeleted(e) {
		err = errDeletedEnvironment(e)
	}
	return e, err
}

func errDeletedEnvironment(e store.Object) error {
	return backend.Errorf(backend.CodeNotFound, "environment %q was deleted; only its existing entries keep it",
		shownName(e)).
		WithHint("see: pouncet doctor").At("environment")
}

// environmentName returns the name of an environment by id, or the id if the
// environment no longer exists.
func (p *project) environmentName(id string) string {
	if e, ok := p.environmentByID(id); ok {
		return shownName(e)
	}
	return id
}

// has reports whether an id belongs to an environment of the project, or
// AnyEnvironment.
func (p *project) has(environment string) bool {
	_, ok := p.environmentByID(environment)
	return ok || environment == backend.AnyEnvironment
}

func (p *project) environmentByID(id string) (store.Object, bool) {
	for _, e := range p.environments {
		if e.ID == id {
			return e, true
		}
	}
	return store.Object{}, false
}

// environmentKey returns the newest key of an environment, which seals its new values.
func (p *project) environmentKey(environment string) (envelope.WrappedKey, bool) {
	for _, k := range slices.Backward(p.environmentKeys) {
		if k.Environment == environment {
			return wrapped(k), true
		}
	}
	return envelope.WrappedKey{}, false
}

func (p *project) environmentKeyByID(id string) (envelope.WrappedKey, bool) {
	for _, k := range p.environmentKeys {
		if k.ID == id {
			return wrapped(k), true
		}
	}
	return envelope.WrappedKey{}, false
}

func wrapped(k store.EnvironmentKey) envelope.WrappedKey {
	return envelope.WrappedKey{ID: k.ID, Project: k.Project, Environment: k.Environment, KMSKey: k.KMSKey, Blob: k.Wrapped}
}

// names lists the names of rows; a held object has none.
func names(rows []store.Object) []string {
	var out []string
	for _, r := range rows {
		if !isReserved(r.Name) {
			out = append(out, r.Name)
		}
	}
	return out
}

// checkCount refuses another object of a kind in a project that has n of them. Every call reads all of them.
func checkCount(p *project, kind backend.Kind, n, most int) error {
	if n < most {
		return nil
	}
	return backend.Errorf(backend.CodeQuota, "project %q already has %d %s; the limit is %d", p.row.Name, most,
		kind.Plural(), most).WithHint("delete some, or use another project").At("name")
}
