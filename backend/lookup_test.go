// SPDX-License-Identifier: MPL-2.0

package backend_test

import (
	"slices"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func TestLookupOrder(t *testing.T) {
	app := []backend.Visible{{"app/x", "dev"}, {"app/x", "*"}, {"project", "dev"}, {"project", "*"}}
	if got := backend.LookupOrder("app/x", "dev"); !slices.Equal(got, app) {
		t.Errorf("LookupOrder of an app = %v, want %v", got, app)
	}
	project := []backend.Visible{{"project", "dev"}, {"project", "*"}}
	if got := backend.LookupOrder("project", "dev"); !slices.Equal(got, project) {
		t.Errorf("LookupOrder of the project = %v, want %v", got, project)
	}
}

func TestLookupRankAgreesWithLookupOrder(t *testing.T) {
	scopes, environments := []string{"project", "app/x", "app/y"}, []string{"dev", "prod", "*"}
	for _, scope := range scopes {
		order := backend.LookupOrder(scope, "dev")
		for _, s := range scopes {
			for _, e := range environments {
				rank := backend.LookupRank(s, e, scope, "dev")
				at := slices.Index(order, backend.Visible{Scope: s, Environment: e})
				if (rank > 0) != (at >= 0) {
					t.Errorf("from %s, %s/%s has rank %d and is number %d in the order", scope, s, e, rank, at)
				}
				for next := at + 1; at >= 0 && next < len(order); next++ {
					if after := backend.LookupRank(order[next].Scope, order[next].Environment, scope, "dev"); after >= rank {
						t.Errorf("from %s, %v has rank %d, not below %d of the place before it", scope, order[next], after, rank)
					}
				}
			}
		}
	}
}
