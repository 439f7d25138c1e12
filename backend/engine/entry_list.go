// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A list of entries is for people: the secrets and scoped values that an environment has or shares, searched, sorted
// and counted. It reads all of them for each page, so it has a limit.

// entryOrders has a comparison of entries for each order of a list.
var entryOrders = map[string]func(a, b backend.Object) int{
	backend.SortName: func(a, b backend.Object) int { return 0 }, // every order ends with the name
	backend.SortKind: func(a, b backend.Object) int { return strings.Compare(string(a.Kind), string(b.Kind)) },
	backend.SortType: func(a, b backend.Object) int { return strings.Compare(a.Type, b.Type) },
	backend.SortVersion: func(a, b backend.Object) int {
		return cmp.Compare(cmp.Or(a.Version, a.Revision), cmp.Or(b.Version, b.Revision))
	},
	backend.SortCreated: func(a, b backend.Object) int { return a.CreatedAt.Compare(b.CreatedAt) },
	backend.SortUpdated: func(a, b backend.Object) int { return a.UpdatedAt.Compare(b.UpdatedAt) },
}

// checkEntryQuery refuses the selectors of a list of entries on other lists, and selectors that do not fit one.
func checkEntryQuery(q backend.Query) error {
	if q.Kind != backend.KindEntry {
		if q.Search != "" || q.Sort != "" || q.Descending || q.Offset != 0 {
			return backend.Errorf(backend.CodeInvalid, "search, sort, descending and offset are for a list of entries only").
				WithHint("list kind %q", backend.KindEntry).At("kind")
		}
		return nil
	}
	switch {
	case q.Deleted || q.Held || q.ID != "" || q.Cursor != "":
		return backend.Errorf(backend.CodeInvalid, "a list of entries has no selector deleted, held, id or cursor").
			WithHint("list kind %q or %q", backend.KindSecret, backend.KindScopedValue).At("kind")
	case entryOrders[cmp.Or(q.Sort, backend.SortName)] == nil:
		return backend.Errorf(backend.CodeInvalid, "entries cannot be sorted by %s", backend.Quote(q.Sort)).
			WithHint("use %s", backend.Enumerate(backend.EntrySorts)).At("sort")
	case q.Offset < 0:
		return backend.Errorf(backend.CodeInvalid, "an offset of %d is not valid", q.Offset).WithHint("use 0 or more").
			At("offset")
	case len(q.Search) > backend.MaxSearchBytes:
		return backend.Errorf(backend.CodeTooLarge, "the search text has %d bytes; the limit is %d", len(q.Search),
			backend.MaxSearchBytes).At("search")
	}
	return nil
}

// entries makes a page of a list of entries. f has the project, and the environment and type that the query names.
func (l listing) entries(f store.Filter, p *project) (backend.Page, error) {
	all, err := l.matchingEntries(f, p)
	if err != nil {
		return backend.Page{}, err
	}
	order := entryOrders[cmp.Or(l.q.Sort, backend.SortName)]
	slices.SortFunc(all, func(a, b backend.Object) int {
		n := cmp.Or(order(a, b), strings.Compare(a.Name, b.Name))
		if l.q.Descending {
			n = -n
		}
		return cmp.Or(n, strings.Compare(a.Environment, b.Environment), strings.Compare(a.Scope, b.Scope),
			strings.Compare(string(a.Kind), string(b.Kind)))
	})
	total := len(all)
	page := l.cutToLimit(all[min(l.q.Offset, total):])
	page.Next, page.Total = "", &total
	return page, l.describe(page.Objects, p)
}

// matchingEntries returns the entries that a list selects, in no order. A list of one environment has what all
// environments share, too.
func (l listing) matchingEntries(f store.Filter, p *project) ([]backend.Object, error) {
	kinds := []backend.Kind{backend.KindSecret, backend.KindScopedValue}
	if f.Type != "" {
		kinds = kinds[:1] // a scoped value has no type
	}
	environments := []string{f.Environment}
	if f.Environment != "" && f.Environment != backend.AnyEnvironment {
		environments = append(environments, backend.AnyEnvironment)
	}
	search := strings.ToLower(l.q.Search)
	all := []backend.Object{}
	read := 0
	for _, kind := range kinds {
		for _, environment := range environments {
			own := store.Filter{Kind: kind, Project: f.Project, Environment: environment, Scope: l.q.Scope, Name: l.q.Name,
				Type: f.Type, BeforeName: reserved, Limit: backend.MaxListedEntries + 1 - read}
			rows, err := l.visibleRows(own, p)
			if err != nil {
				return nil, err
			}
			if read += len(rows); read > backend.MaxListedEntries {
				return nil, backend.Errorf(backend.CodeTooLarge, "the list has more than %d entries", backend.MaxListedEntries).
					WithHint("list one environment, one scope or one type").At("environment")
			}
			for _, row := range rows {
				if row.Untrusted != nil {
					return nil, row.Untrusted
				}
				o, err := object(row, p)
				if err != nil {
					return nil, err
				}
				if strings.Contains(strings.ToLower(o.Name), search) ||
					strings.Contains(strings.ToLower(o.Description), search) {
					all = append(all, o)
				}
			}
		}
	}
	return all, nil
}

// visibleRows returns the rows of a filter that the caller may see, up to its limit.
func (l listing) visibleRows(f store.Filter, p *project) ([]store.Object, error) {
	if l.access.seesAll {
		return l.tx.Objects(l.ctx, f)
	}
	var all []store.Object
	most := f.Limit
	f, _ = l.access.visible(p, f)
	f.Limit = hiddenStep
	for {
		rows, err := l.tx.Objects(l.ctx, f)
		if err != nil || len(rows) == 0 {
			return all, err
		}
		last := rows[len(rows)-1]
		f.AfterName, f.AfterID = last.Name, last.ID
		read := len(rows)
		all = append(all, slices.DeleteFunc(rows, func(o store.Object) bool { return !l.access.seesRow(p, o) })...)
		if len(all) >= most || read < f.Limit {
			return all[:min(len(all), most)], nil
		}
	}
}

// hiddenStep is how many rows are read at a time if some of them are hidden.
const hiddenStep = 500

// describe adds to entries where else their names are set, who wrote their values, and how many use them.
func (l listing) describe(entries []backend.Object, p *project) error {
	for _, kind := range []backend.Kind{backend.KindSecret, backend.KindScopedValue} {
		if err := l.describeKind(kind, entries, p); err != nil {
			return err
		}
	}
	for i := range entries {
		n, err := l.countUses(entries[i], p)
		if err != nil {
			return err
		}
		entries[i].UsedBy = &n
	}
	return nil
}

func (l listing) describeKind(kind backend.Kind, entries []backend.Object, p *project) error {
	at := map[string][]int{} // the places in entries of a name and scope
	look := store.Lookup{Kind: kind, Project: p.row.ID, Environments: []string{backend.AnyEnvironment}}
	for i, o := range entries {
		if o.Kind == kind {
			look.Names, look.Scopes = append(look.Names, o.Name), append(look.Scopes, o.Scope)
			at[o.Scope+" "+o.Name] = append(at[o.Scope+" "+o.Name], i)
		}
	}
	if len(look.Names) == 0 {
		return nil
	}
	for _, e := range p.environments {
		look.Environments = append(look.Environments, e.ID)
	}
	for _, list := range []*[]string{&look.Names, &look.Scopes} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	err := l.tx.Lookup(l.ctx, look, func(e store.Entry) {
		if !l.access.seesRow(p, e.Object) {
			return
		}
		for _, i := range at[e.Object.Scope+" "+e.Object.Name] {
			entries[i].Environments = append(entries[i].Environments, p.environmentName(e.Object.Environment))
			if entries[i].ID == e.Object.ID && e.Current.Object != "" && e.Current.Untrusted == nil {
				entries[i].CreatedBy = e.Current.CreatedBy
			}
		}
	})
	for i := range entries {
		if entries[i].Kind == kind {
			slices.Sort(entries[i].Environments)
		}
	}
	return err
}

// countUses counts the scoped values that link to a secret, and the positions in registered files that can mean an
// entry. It stops after backend.MaxCountedUses.
func (l listing) countUses(o backend.Object, p *project) (int, error) {
	f := store.Filter{Project: p.row.ID, Link: o.Name, Limit: backend.MaxCountedUses}
	n := 0
	count := func(kind backend.Kind, means func(backend.Object) bool) error {
		f.Kind = kind
		rows, err := l.visibleRows(f, p)
		for _, row := range rows {
			if row.Untrusted != nil {
				continue // it is reported where it is read
			}
			other, err := object(row, p)
			if err != nil {
				return err
			}
			if means(other) {
				n++
			}
		}
		return err
	}
	err := count(backend.KindUsage, func(u backend.Object) bool {
		return u.Usage != nil && u.Usage.Kind == o.Kind && sees(u.Environment, u.Scope, o)
	})
	if err == nil && o.Kind == backend.KindSecret {
		err = count(backend.KindScopedValue, func(v backend.Object) bool { return sees(v.Environment, v.Scope, o) })
	}
	return min(n, backend.MaxCountedUses), err
}

// sees reports whether a reference in an environment and scope can mean an entry. An entry that all environments
// share can be used in any.
func sees(environment, scope string, o backend.Object) bool {
	return (environment == o.Environment || environment == backend.AnyEnvironment ||
		o.Environment == backend.AnyEnvironment) && (scope == o.Scope || o.Scope == backend.ProjectScope)
}
