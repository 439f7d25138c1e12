// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A place is unique at the end of a change set. A change can move an object to a taken place if a later change of the
// set can free the place. At the end, checkPlaces checks that it is free. If no later change can free the place, the
// change fails at once.

// places records which objects a change set moved to a taken place.
type places struct {
	claims  []claim
	arrived map[string]int // order of arrival, from 1, by the object's id
	// follows holds the secret that a link followed to its new name, by the id of the scoped value.
	follows map[string]string
	// placed holds the objects that this set has brought to their place, by id. No change displaces them.
	placed map[string]bool
	// displaced holds what each change displaced or took over, by the index of the change.
	displaced map[int]*backend.Object
}

// claim is a place that only one object may have at the end of the set.
type claim struct {
	change int
	place  store.Object
	owner  string // may displace objects of this owner; see displace
	refuse func(holder store.Object) *backend.Error
}

func newPlaces() places {
	return places{arrived: map[string]int{}, follows: map[string]string{}, placed: map[string]bool{},
		displaced: map[int]*backend.Object{}}
}

// compare orders the objects of one place: first those that were there before the set, then the others in their order
// of arrival. Objects of different places keep their order.
func (p *places) compare(a, b store.Object) int {
	return cmp.Compare(p.arrived[a.ID], p.arrived[b.ID])
}

// sort orders the rows of a project, so that a lookup by name returns the object that came to its place first.
func (p *places) sort(in *project) {
	if len(p.claims) > 0 {
		in.environments, in.types = slices.Clone(in.environments), slices.Clone(in.types) // a cache shares them
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

// takePlace gives an object the place in its row, or refuses it. An object of
// the owner that has the place is displaced.
func (r *run) takePlace(o store.Object, owner string, refuse func(holder store.Object) *backend.Error) error {
	r.places.placed[o.ID] = true
	holder, taken, err := r.first(placeOf(o))
	if err != nil || !taken || holder.ID == o.ID {
		return err
	}
	if !r.canBeFreed(o.Kind) {
		if displaced, err := r.displace(holder, owner, r.index); displaced || err != nil {
			return err
		}
		return refuse(holder)
	}
	r.places.claims = append(r.places.claims, claim{r.index, o, owner, refuse})
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
		stays := slices.ContainsFunc(rows, func(o store.Object) bool { return o.ID == c.place.ID })
		for _, holder := range rows {
			if holder.ID != c.place.ID {
				if stays {
					displaced, err := r.displace(holder, c.owner, c.change)
					if err != nil {
						return false, err
					}
					if displaced {
						continue
					}
				}
				r.outcomes[c.change] = backend.Outcome{Err: c.refuse(holder)}
				refused = true
				break
			}
		}
	}
	return refused, nil
}

// replacedInPlace reports whether a change of the set has brought another object to the place of o, so that everything
// that refers to the name of o means the other object.
func (r *run) replacedInPlace(o store.Object) (bool, error) {
	if len(r.places.claims) == 0 {
		return false, nil
	}
	rows, err := r.tx.Objects(r.ctx, placeOf(o))
	return slices.ContainsFunc(rows, func(other store.Object) bool {
		return other.ID != o.ID && r.places.arrived[other.ID] > 0
	}), err
}

// placeOf selects the objects in the place of o. Where a kind has no
// environment or scope, neither selects anything else.
func placeOf(o store.Object) store.Filter {
	return store.Filter{Kind: o.Kind, Project: o.Project, Environment: o.Environment, Scope: o.Scope, Name: o.Name}
}

// alreadyExists returns the error of an object whose place is taken. The id is "" if the caller may not see the object.
func alreadyExists(kind backend.Kind, name, id string) *backend.Error {
	e := backend.Errorf(backend.CodeExists, "%s %s already exists", kind, backend.Quote(name)).At("name")
	switch {
	case id == "":
		return e.WithHint("choose another name")
	case kind == backend.KindToken: // it has no other name
		return e.WithHint("its id is %s: delete it first, or choose another name", id)
	}
	return e.WithHint("its id is %s: rename or delete it first, or choose another name", id)
}

// refuseExisting is alreadyExists for the object that has a place.
func (r *run) refuseExisting(holder store.Object) *backend.Error {
	return alreadyExists(holder.Kind, holder.Name, r.shownID(holder))
}

// shownID returns the id of an object, or "" if the caller may not see the object.
func (r *run) shownID(o store.Object) string {
	if r.access.seesAll {
		return o.ID
	}
	var in *project
	if o.Project != "" {
		var err error
		if in, err = r.project(o.Project); err != nil {
			return ""
		}
	}
	if !r.access.seesRow(in, o) {
		return ""
	}
	return o.ID
}
