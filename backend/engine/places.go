// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A place is unique at the end of a change set. A change may put an object into
// a place that another object still holds if a later change of the set can free
// it; checkPlaces then makes sure that it did. Where no later change can, the
// error comes at once, and nothing is done that would only be rolled back.

// places records, for one change set, which objects came to a taken place.
type places struct {
	claims  []claim
	arrived map[string]int // order of arrival, from 1, by the object's id
	// follows says which secret a link was moved along with, by the scoped value's id.
	follows map[string]string
}

// claim is a place that has to be free of other objects at the end.
type claim struct {
	change int
	place  store.Object
	refuse func(holder store.Object) *backend.Error
}

func newPlaces() places { return places{arrived: map[string]int{}, follows: map[string]string{}} }

// compare orders the objects of one place: those that held it before the set,
// then the others as they arrived. Objects of other places keep their order.
func (p *places) compare(a, b store.Object) int {
	return cmp.Compare(p.arrived[a.ID], p.arrived[b.ID])
}

// sort makes a lookup by name in a project see the first holder of a place first.
func (p *places) sort(in *project) {
	if len(p.claims) > 0 {
		slices.SortStableFunc(in.environments, p.compare)
		slices.SortStableFunc(in.types, func(a, b secretType) int { return p.compare(a.row, b.row) })
	}
}

// canBeFreed reports whether a later change of the set deletes or renames an
// object of a kind, and so may free a place.
func (r *run) canBeFreed(kind backend.Kind) bool {
	return slices.ContainsFunc(r.set.Changes[r.index+1:], func(c backend.Change) bool {
		return c.Kind == kind && (c.Op == backend.OpDelete || c.Rename != nil)
	})
}

// takePlace lets an object have the place that it says, or refuses it.
func (r *run) takePlace(o store.Object, refuse func(holder store.Object) *backend.Error) error {
	holder, taken, err := r.first(placeOf(o))
	if err != nil || !taken || holder.ID == o.ID {
		return err
	}
	if !r.canBeFreed(o.Kind) {
		return refuse(holder)
	}
	r.places.claims = append(r.places.claims, claim{r.index, o, refuse})
	r.places.arrived[o.ID] = len(r.places.claims)
	return nil
}

// checkPlaces refuses the changes whose place is not free at the end, and
// reports whether it refused any.
func (r *run) checkPlaces() (refused bool, err error) {
	for _, c := range r.places.claims {
		rows, err := r.tx.Objects(r.ctx, placeOf(c.place))
		if err != nil {
			return false, err
		}
		for _, holder := range rows {
			if holder.ID != c.place.ID {
				r.outcomes[c.change] = backend.Outcome{Err: c.refuse(holder)}
				refused = true
				break
			}
		}
	}
	return refused, nil
}

// placeOf selects the objects in the place of o. Where a kind has no
// environment or scope, neither selects anything else.
func placeOf(o store.Object) store.Filter {
	return store.Filter{Kind: o.Kind, Project: o.Project, Environment: o.Environment, Scope: o.Scope, Name: o.Name}
}

// alreadyExists is the error of an object that would come to a taken place.
func alreadyExists(kind backend.Kind, name, id string) *backend.Error {
	return backend.Errorf(backend.CodeExists, "%s %s already exists", kind, backend.Quote(name)).
		WithHint("its id is %s: import it, update it, or choose another name", id).At("name")
}

func refuseExisting(holder store.Object) *backend.Error {
	return alreadyExists(holder.Kind, holder.Name, holder.ID)
}
