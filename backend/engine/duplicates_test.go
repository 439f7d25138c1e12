// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// withDuplicates is a guesser whose project has the policy.
func withDuplicates(t *testing.T, policy backend.Duplicates) *guesser {
	g := newGuesser(t)
	g.setDuplicates(policy)
	return g
}

func (g *guesser) setDuplicates(policy backend.Duplicates) {
	g.t.Helper()
	set := backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpUpdate, Kind: backend.KindProject,
		Name: backend.DefaultProject, Policy: &backend.PolicyChange{Duplicates: &policy}}}}
	if _, err := g.service.Apply(as(backend.RoleAdmin, backend.Workload), set); err != nil {
		g.t.Fatal(err)
	}
}

// tags returns how many secrets have a tag.
func (g *guesser) tags() (n int) {
	g.t.Helper()
	err := g.Store.View(context.Background(), func(tx store.Tx) error {
		for _, kind := range []backend.Kind{backend.KindSecret, "deleted_secret"} {
			rows, err := tx.Objects(context.Background(), store.Filter{Kind: kind})
			if err != nil {
				return err
			}
			for _, o := range rows {
				if o.Link != "" {
					n++
				}
			}
		}
		return nil
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return n
}

// The database shows which secrets have equal values only while the policy needs it.
func TestTagsOfValuesExistWithThePolicyOnly(t *testing.T) {
	g := newGuesser(t)
	ctx := as(backend.RoleAdmin, backend.Workload)
	write := func(changes ...backend.Change) {
		t.Helper()
		if _, err := g.service.Apply(ctx, backend.ChangeSet{Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	write(backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: g.ids["other"]})
	if n := g.tags(); n != 0 {
		t.Errorf("%d tags before", n)
	}
	g.setDuplicates(backend.DuplicatesNoted)
	write(secret("dev", "new", "v"))
	if n := g.tags(); n != 5 {
		t.Errorf("%d tags of 5 secrets", n)
	}
	out, err := g.service.Resolve(ctx, []backend.Ref{ref("dev", "masked"), ref("dev", "maskd")})
	if err != nil || out[0].Err != nil || !errors.Is(out[1].Err, backend.ErrNotFound) {
		t.Errorf("a secret with a tag, and a missing one: %+v, %v", out, err)
	}
	g.setDuplicates(backend.DuplicatesAllowed)
	if n := g.tags(); n != 0 {
		t.Errorf("%d tags after", n)
	}
}

// For a person, the answer that another secret has a value is a guess of those that the person may not have. The
// guesses of sets that are committed count too.
func TestEqualValuesAreGuesses(t *testing.T) {
	g := withDuplicates(t, backend.DuplicatesNoted)
	person := as(backend.RoleAdmin, backend.Person)
	write := func(value string, dry bool) []string {
		t.Helper()
		set := backend.ChangeSet{Changes: []backend.Change{secret("dev", "mine", value)}, DryRun: dry}
		out, err := g.service.Apply(person, set)
		if err != nil {
			t.Fatal(err)
		}
		return out[0].SameValue
	}
	if got := fmt.Sprint(write("hunter2", true)); got != "[secret masked in dev secret other in dev]" {
		t.Errorf("with masked secrets that have the value: %s", got)
	}
	for _, name := range []string{"masked", "other"} {
		set := backend.ChangeSet{Changes: []backend.Change{g.guess(name, name)}}
		if _, err := g.service.Apply(as(backend.RoleAdmin, backend.Workload), set); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(write("hunter2", true)); got != "[secret restricted in dev]" {
		t.Errorf("a right guess: %s", got)
	}
	for i := range guessesPerDay {
		write(fmt.Sprint("wrong ", i), i%2 == 0)
	}
	if got := write("hunter2", true); len(got) > 0 {
		t.Errorf("beyond the limit: %v", got)
	}
	g.now = g.now.AddDate(0, 0, 1)
	if got := write("hunter2", true); len(got) != 1 {
		t.Errorf("on the next day: %v", got)
	}
}
