// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A store can read the states of projects, and entries, with the first statements of a transaction, if it knows them
// before: see store.WithProjects, store.WithPlaces and store.WithStatesOnly. The functions here guess them. A wrong
// guess costs time only.

// homes remembers the ids of projects, by the name that a call gave or by the id of an entry.
type homes struct {
	mu sync.Mutex
	of map[string]string
}

// maxHomes limits the memory of homes.
const maxHomes = 10_000

func (h *homes) learn(outcomes []backend.Outcome) {
	for _, o := range outcomes {
		if isEntry(o.Object.Kind) && o.ProjectID != "" {
			h.put(o.Object.ID, o.ProjectID)
		}
	}
}

func (h *homes) put(name, project string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.of == nil || len(h.of) >= maxHomes {
		h.of = map[string]string{}
	}
	h.of[name] = project
}

func (h *homes) get(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.of[name]
}

// withProjectsChanged names the projects of changes.
func (e *Engine) withProjectsChanged(ctx context.Context, changes []backend.Change) context.Context {
	ctx = e.withProjects(ctx, len(changes), func(i int) string { return cmp.Or(changes[i].Project, changes[i].ID) })
	return e.withPlaces(ctx, changes)
}

// maxNamedPlaces limits the places that a call names, and with them the rows that are read for calls that wait.
const maxNamedPlaces = 8

// withPlaces names the places that changes look up: the places of secrets that get a value. See run.withVersion.
func (e *Engine) withPlaces(ctx context.Context, changes []backend.Change) context.Context {
	if len(changes) > maxNamedPlaces {
		return ctx
	}
	var places []store.Place
	for _, c := range changes {
		if c.Kind != backend.KindSecret || c.ID != "" || c.Value.Len() == 0 {
			continue
		}
		if p := e.projects.latest(c.Project); p != nil {
			if environment, err := p.environment(c.Environment); err == nil {
				places = append(places, store.Place{Kind: c.Kind, Project: p.row.ID, Environment: environment.ID,
					Scope: scopeOrProject(c.Scope), Name: c.Name})
			}
		}
	}
	return store.WithPlaces(ctx, places...)
}

// withRead names the projects of references, and says whether their rows are probably in memory.
func (e *Engine) withRead(ctx context.Context, refs []backend.Ref) context.Context {
	ctx = e.withProjects(ctx, len(refs), func(i int) string { return refs[i].Project })
	if e.probablyCached(refs) {
		ctx = store.WithStatesOnly(ctx)
	}
	return ctx
}

// probablyCached reports whether the rows of all references are in memory, be they out of date or not.
func (e *Engine) probablyCached(refs []backend.Ref) bool {
	if len(refs) >= prefetchMinimum {
		return false
	}
	for _, ref := range refs {
		project := e.projects.latestID(ref.Project)
		if project == "" || !e.matches.has(project, ref) {
			return false
		}
	}
	return true
}

// maxNamedProjects limits the projects that a call names.
const maxNamedProjects = 8

func (e *Engine) withProjects(ctx context.Context, n int, used func(i int) string) context.Context {
	var ids []string
	for i := range n {
		id := e.homes.get(used(i))
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		if len(ids) == maxNamedProjects {
			break
		}
	}
	return store.WithProjects(ctx, ids...)
}
