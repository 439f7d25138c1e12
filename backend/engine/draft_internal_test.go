// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
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
	want := "[{secret p [dev] [app/a] [r s]  true} {secret p [dev] [app/b] [t]  true} " +
		"{secret p [prod] [app/a] [s]  true} {scoped value p [dev] [app/a] [s]  true}]"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A deployment reads the present value of a secret together with its row only if it compares the value. A list of the
// changes reads no value.
func TestADraftReadsTheValuesThatItCompares(t *testing.T) {
	text := "x"
	tests := map[string]struct {
		row    int64
		staged staged
		reads  bool
	}{
		"attribute":             {staged: staged{Change: backend.Change{Description: &text}}},
		"compared when staged":  {row: 1, staged: staged{Differs: true}},
		"not compared":          {row: 1, reads: true},
		"another type":          {staged: staged{Change: backend.Change{Type: &text}}, reads: true},
		"value of a version":    {staged: staged{Change: backend.Change{FromVersion: &text}}, reads: true},
		"generated":             {staged: staged{Change: backend.Change{Generate: &backend.Generate{}}}, reads: true},
		"generated, new object": {staged: staged{Drafted: true, Change: backend.Change{Generate: &backend.Generate{}}}},
	}
	for name, test := range tests {
		part := draftPart{row: store.Object{Environment: "e", Scope: "project", Version: test.row}, staged: test.staged}
		part.Change.Kind, part.Name = backend.KindSecret, "a"
		other := draftPart{row: part.row, staged: staged{Name: "b", Differs: true,
			Change: backend.Change{Kind: backend.KindSecret}}}
		for _, each := range []func(store.Entry){nil, func(store.Entry) {}} {
			tx := &lookupTx{}
			if _, err := lookUpPresent(t.Context(), tx, &project{}, []draftPart{other, part}, each); err != nil {
				t.Fatal(err)
			}
			if len(tx.lookups) != 1 || tx.lookups[0].ObjectsOnly == (test.reads && each != nil) {
				t.Errorf("%s: lookups %v, for a deployment: %v", name, tx.lookups, each != nil)
			}
		}
	}
}

// lookupTx notes the lookups, and finds an object for each name.
type lookupTx struct {
	store.Tx
	lookups []store.Lookup
}

func (t *lookupTx) Lookup(_ context.Context, l store.Lookup, each func(store.Entry)) error {
	t.lookups = append(t.lookups, l)
	for _, name := range l.Names {
		each(store.Entry{Object: store.Object{Kind: l.Kind, Environment: l.Environments[0], Scope: l.Scopes[0], Name: name}})
	}
	return nil
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
