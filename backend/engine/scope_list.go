// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"maps"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A list of scopes has the scopes of the secrets and scoped values that the caller may see. The store reads them from
// the index of the places, so that a list among many entries is fast. It verifies no row, because nothing is decided by
// the list.

// checkScopeQuery refuses the selectors that a list of scopes does not have.
func checkScopeQuery(q backend.Query) error {
	allowed := backend.Query{Kind: backend.KindScope, Project: q.Project, Environment: q.Environment,
		NamePrefix: q.NamePrefix, Cursor: q.Cursor, Limit: q.Limit}
	if q.Kind != backend.KindScope || q == allowed {
		return nil
	}
	return backend.Errorf(backend.CodeInvalid,
		"a list of scopes has only the selectors project, environment and name_prefix").
		WithHint("leave out the others").At("kind")
}

// scopes makes a page of a list of scopes. A list of one environment also has the scopes of what all environments
// share.
func (l listing) scopes(environment string, p *project) (backend.Page, error) {
	environments := []string{environment}
	if environment != "" && environment != backend.AnyEnvironment {
		environments = append(environments, backend.AnyEnvironment)
	}
	var all []string
	for _, kind := range []backend.Kind{backend.KindSecret, backend.KindScopedValue} {
		for _, e := range environments {
			found, err := l.scopesOf(store.Filter{Kind: kind, Project: p.row.ID, Environment: e, BeforeName: reserved}, p)
			if err != nil {
				return backend.Page{}, err
			}
			all = append(all, found...)
		}
	}
	slices.Sort(all)
	page := backend.Page{Objects: []backend.Object{}}
	for _, scope := range slices.Compact(all) {
		if len(page.Objects) == l.q.Limit {
			page.Next = encodeCursor(page.Objects[l.q.Limit-1].Name, "")
			break
		}
		page.Objects = append(page.Objects, backend.Object{Kind: backend.KindScope, Project: p.row.Name, Name: scope})
	}
	return page, nil
}

// scopesOf returns the scopes of the objects that f selects and the caller may see: those of the page and one more.
func (l listing) scopesOf(f store.Filter, p *project) ([]string, error) {
	prefix := l.q.NamePrefix
	if strings.ContainsRune(prefix, 0) { // no text in PostgreSQL has it
		return nil, nil
	}
	f, exact := l.access.visible(p, f)
	if !exact {
		return l.scopesOfRows(f, p)
	}
	from := max(prefix, l.afterName)
	if l.afterName != "" {
		f.Limit = 1 // the last scope of the page before
	}
	f.Limit += l.q.Limit + 1
	found, err := l.tx.Scopes(l.ctx, f, from)
	return slices.DeleteFunc(found, func(s string) bool { return !l.inPage(s) }), err
}

// scopesOfRows is scopesOf for a caller whose rights the store cannot select by.
func (l listing) scopesOfRows(f store.Filter, p *project) ([]string, error) {
	found := map[string]bool{}
	f.Limit = hiddenStep
	for {
		rows, err := l.tx.Objects(l.ctx, f)
		if err != nil {
			return nil, err
		}
		for _, o := range rows {
			if l.inPage(o.Scope) && !found[o.Scope] && l.access.seesRow(p, o) {
				found[o.Scope] = true
			}
		}
		if len(rows) < f.Limit {
			return slices.Collect(maps.Keys(found)), nil
		}
		last := rows[len(rows)-1]
		f.AfterName, f.AfterID = last.Name, last.ID
	}
}

// inPage reports whether a scope has the prefix of the query and comes after the page before.
func (l listing) inPage(scope string) bool {
	return scope > l.afterName && strings.HasPrefix(scope, l.q.NamePrefix)
}
