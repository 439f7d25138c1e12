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

// visibleIn returns the regions with the rows that the caller may see, of those that a filter selects in a project. all
// says that the store cannot or need not select any more: it returns what the caller may not see, too. exact says that
// it returns no such row.
func (a principalAccess) visibleIn(in *project, f store.Filter) (regions store.Regions, all, exact bool) {
	kind := formerKind(f.Kind)
	if a.seesAll || !isEntry(kind) && kind != backend.KindUsage {
		return nil, true, a.seesAll
	}
	// The name of a row that was deleted or set aside, or of a usage, is not that of its place.
	named := isEntry(f.Kind) && f.BeforeName == reserved
	exact = named
	type home struct{ environment, scope string }
	names := map[home][]string{}
	var protected []string
	for id, is := range in.protected {
		if is {
			protected = append(protected, id)
		}
	}
	slices.Sort(protected)
	region := func(h home) store.Region {
		r := store.Region{Environment: h.environment, Scope: h.scope}
		if h.environment == "" {
			r.Except = protected
		}
		return r
	}
	for _, w := range a.Where(backend.RightSee, in.row.ID) {
		h := home{w.Environment, w.Scope}
		r := region(h)
		switch pattern := w.Names; {
		case !named || pattern == "" || pattern == "*":
		case !strings.Contains(pattern, "*"):
			names[h] = append(names[h], pattern)
			continue
		default:
			r.Pattern = pattern
		}
		if r.Environment == "" && len(r.Except) == 0 && r.Scope == "" && r.Pattern == "" {
			return nil, true, exact
		}
		regions = append(regions, r)
	}
	for h, of := range names {
		r := region(h)
		r.Names = of
		regions = append(regions, r)
	}
	slices.SortFunc(regions, compareRegions)
	return slices.CompactFunc(regions, func(a, b store.Region) bool { return compareRegions(a, b) == 0 }), false, exact
}

func compareRegions(a, b store.Region) int {
	return cmp.Or(strings.Compare(a.Environment, b.Environment), strings.Compare(a.Scope, b.Scope),
		strings.Compare(a.Pattern, b.Pattern), slices.Compare(a.Names, b.Names))
}

// visibleObjects returns the rows of a filter, without those that the caller may not see as far as the store can leave
// them out.
func (l listing) visibleObjects(f store.Filter, in *project) ([]store.Object, error) {
	regions, all, _ := l.access.visibleIn(in, f)
	if all {
		return l.tx.Objects(l.ctx, f)
	}
	var rows []store.Object
	for some := range slices.Chunk(regions, store.MaxRegions) {
		f.Regions = &some
		found, err := l.tx.Objects(l.ctx, f)
		if err != nil {
			return nil, err
		}
		rows = append(rows, found...)
	}
	if len(regions) <= store.MaxRegions {
		return rows, nil
	}
	slices.SortFunc(rows, func(a, b store.Object) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	rows = slices.CompactFunc(rows, func(a, b store.Object) bool { return a.ID == b.ID })
	if f.Limit > 0 && len(rows) > f.Limit {
		rows = rows[:f.Limit]
	}
	return rows, nil
}
