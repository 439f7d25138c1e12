// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// The store selects the rows of a listing by what the caller may see, so that a listing of a large project by someone
// who sees little of it reads little. seesRow decides again about each row.

// visible adds to a filter what the caller may see in a project, as far as the store can select it. exact says that the
// store then returns no row that the caller may not see.
func (a principalAccess) visible(in *project, f store.Filter) (selected store.Filter, exact bool) {
	kind := formerKind(f.Kind)
	if a.seesAll || !isEntry(kind) && kind != backend.KindUsage {
		return f, a.seesAll
	}
	// The name of a row that was deleted or set aside, or of a usage, is not the name of its place.
	exact = isEntry(f.Kind) && f.BeforeName == reserved
	places := a.Where(backend.RightSee, in.row.ID)
	regions := regionsOf(places, exact, in)
	if len(regions) > store.MaxRegions {
		exact = false
		regions = regionsOf(places, false, in)
	}
	switch {
	case len(regions) > store.MaxRegions:
		return f, false
	case slices.ContainsFunc(regions, isWhole):
		return f, exact
	}
	f.Regions = &regions
	return f, exact
}

// home is an environment and a scope. Either can be empty, for all of them.
type home struct{ environment, scope string }

// regionsOf returns the regions of the places of a project. It leaves out what lies in a region for all names. named
// says that the regions follow the names.
func regionsOf(places []backend.Where, named bool, in *project) store.Regions {
	all := map[home]bool{}
	patterns, names := map[home][]string{}, map[home][]string{}
	for _, w := range places {
		switch h := (home{w.Environment, w.Scope}); {
		case !named || w.Names == "" || w.Names == "*":
			all[h] = true
		case strings.Contains(w.Names, "*"):
			patterns[h] = append(patterns[h], w.Names)
		default:
			names[h] = append(names[h], w.Names)
		}
	}
	protected := protectedIn(in)
	isCovered := func(h home) bool { // by a larger home
		larger := []home{{h.environment, ""}}
		if !in.protected[h.environment] {
			larger = append(larger, home{"", h.scope}, home{})
		}
		return slices.ContainsFunc(larger, func(l home) bool { return l != h && all[l] })
	}
	regions := store.Regions{}
	add := func(h home, r store.Region) {
		r.Environment, r.Scope = h.environment, h.scope
		if h.environment == "" {
			r.Except = protected
		}
		regions = append(regions, r)
	}
	for h := range all {
		if !isCovered(h) {
			add(h, store.Region{})
		}
	}
	for h, of := range patterns {
		if all[h] || isCovered(h) {
			continue
		}
		for _, pattern := range of {
			add(h, store.Region{Pattern: pattern})
		}
	}
	for h, of := range names {
		if !all[h] && !isCovered(h) {
			slices.Sort(of)
			add(h, store.Region{Names: slices.Compact(of)})
		}
	}
	slices.SortFunc(regions, compareRegions)
	return slices.CompactFunc(regions, func(a, b store.Region) bool { return compareRegions(a, b) == 0 })
}

// protectedIn lists the ids of the protected environments of a project.
func protectedIn(in *project) []string {
	var ids []string
	for id, is := range in.protected {
		if is {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

func isWhole(r store.Region) bool {
	return r.Environment == "" && len(r.Except) == 0 && r.Scope == "" && r.Pattern == "" && len(r.Names) == 0
}

func compareRegions(a, b store.Region) int {
	return cmp.Or(strings.Compare(a.Environment, b.Environment), strings.Compare(a.Scope, b.Scope),
		strings.Compare(a.Pattern, b.Pattern), slices.Compare(a.Names, b.Names))
}
