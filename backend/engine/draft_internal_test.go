// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A draft looks up the entries that it changes, and not each of its names in each of its places.
func TestLookupsOfADraftAreOfItsPlaces(t *testing.T) {
	part := func(kind backend.Kind, env, scope, name string) draftPart {
		return draftPart{row: store.Object{Environment: env, Scope: scope},
			staged: staged{Change: backend.Change{Kind: kind}, Name: name}}
	}
	got := fmt.Sprint(lookups(&project{row: store.Object{ID: "p"}}, []draftPart{
		part(backend.KindSecret, "dev", "app/a", "s"), part(backend.KindSecret, "dev", "app/a", "r"),
		part(backend.KindSecret, "dev", "app/b", "t"), part(backend.KindSecret, "prod", "app/a", "s"),
		part(backend.KindScopedValue, "dev", "app/a", "s"), part(backend.KindSecret, "dev", "app/a", "s"),
		part(backend.KindEnvironment, "", "", "dev"),
	}))
	want := "[{secret p [dev] [app/a] [r s]} {secret p [dev] [app/b] [t]} {secret p [prod] [app/a] [s]} " +
		"{scoped value p [dev] [app/a] [s]}]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// The row of a change names those who staged it last.
func TestDraftersAreTheLastOnes(t *testing.T) {
	var by []string
	for i := range mostDrafters + 5 {
		by = withDrafter(by, fmt.Sprint("p", i))
	}
	by = withDrafter(by, "p7")
	if got := strings.Join(by, " "); len(by) != mostDrafters || !strings.HasPrefix(got, "p5 p6 p8 ") ||
		!strings.HasSuffix(got, " p24 p7") {
		t.Errorf("by %s", got)
	}
}
