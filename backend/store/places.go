// SPDX-License-Identifier: MPL-2.0

package store

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Place is where an entry is. Project and Environment are ids.
type Place struct {
	Kind                              backend.Kind
	Project, Environment, Scope, Name string
}

// PlaceOf returns the place of an entry.
func PlaceOf(o Object) Place { return Place{o.Kind, o.Project, o.Environment, o.Scope, o.Name} }

// Place returns the only place that l selects, if it selects one.
func (l Lookup) Place() (place Place, one bool) {
	if l.Link != "" || l.ObjectsOnly || len(l.Environments) != 1 || len(l.Scopes) != 1 || len(l.Names) != 1 {
		return Place{}, false
	}
	return Place{l.Kind, l.Project, l.Environments[0], l.Scopes[0], l.Names[0]}, true
}

type placesKey struct{}

// WithPlaces returns the context of a call that probably looks up the entries in these places, each with a Lookup for
// this place alone. A Store may read them for many calls at once, before the calls run. Wrong places cost time only.
func WithPlaces(ctx context.Context, places ...Place) context.Context {
	return context.WithValue(ctx, placesKey{}, places)
}

// PlacesOf returns the places that WithPlaces has named.
func PlacesOf(ctx context.Context) []Place {
	places, _ := ctx.Value(placesKey{}).([]Place)
	return places
}
