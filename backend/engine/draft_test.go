// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func draftOf(op backend.Op) backend.Change {
	return backend.Change{Op: op, Kind: backend.KindDraft, Project: backend.DefaultProject, Name: "d"}
}

// A staged value is a guess of the present one, for a person who may not have it. Those that the draft has already are
// not compared again.
func TestStagedValuesAreGuesses(t *testing.T) {
	g := newGuesser(t)
	person := as(backend.RoleAdmin, backend.Person)
	stage := func(c backend.Change) backend.Outcome {
		t.Helper()
		out, err := g.service.Apply(person, backend.ChangeSet{Draft: "d", Changes: []backend.Change{c}})
		if err != nil {
			t.Fatal(err)
		}
		return out[0]
	}
	for i := range guessesPerDay {
		if out := stage(g.guess("restricted", "wrong")); out.Unchecked != "" {
			t.Errorf("guess %d is not compared", i)
		}
	}
	if out := stage(g.guess("restricted", "hunter2")); out.Unchecked != "value" || out.Action != backend.ActionUpdate {
		t.Errorf("beyond the limit: %+v", out)
	}
	stage(g.guess("other", "wrong"))
	if out := stage(g.guess("other", "hunter2")); out.Action != backend.ActionUnchanged {
		t.Errorf("the value of a masked secret: %+v", out)
	}
	out, err := g.service.Apply(person, backend.ChangeSet{Changes: []backend.Change{draftOf(backend.OpDeploy)}})
	if err != nil || len(out[0].Parts) != 2 {
		t.Errorf("a deployment beyond the limit: %+v, %v", out, err)
	}
}

// An expired draft cannot be used, and the sweep removes it with its values.
func TestSweepRemovesExpiredDrafts(t *testing.T) {
	g := newGuesser(t)
	ctx := as(backend.RoleAdmin, backend.Workload)
	stage := backend.ChangeSet{Draft: "d", Changes: []backend.Change{g.guess("masked", "new")}}
	if _, err := g.service.Apply(ctx, stage); err != nil {
		t.Fatal(err)
	}
	g.now = g.now.AddDate(0, 0, backend.DefaultDraftDays).Add(time.Minute)
	for _, set := range []backend.ChangeSet{{Changes: []backend.Change{draftOf(backend.OpDeploy)}}, stage} {
		if _, err := g.service.Apply(ctx, set); !errors.Is(err, backend.ErrConflict) {
			t.Errorf("an expired draft: %v", err)
		}
	}
	change := backend.ChangeSet{Changes: []backend.Change{g.guess("other", "later")}} // it sweeps
	if _, err := g.service.Apply(ctx, change); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []backend.Kind{backend.KindDraft, backend.KindDraftChange} {
		page, err := g.service.Query(context.WithoutCancel(ctx), backend.Query{Kind: kind, Project: backend.DefaultProject})
		if err != nil || len(page.Objects) > 0 {
			t.Errorf("%s: %+v, %v", kind, page.Objects, err)
		}
	}
}

// A sweep finds an expired draft behind one that has not expired, and removes it whole, however many changes it has.
func TestSweepRemovesADraftWhole(t *testing.T) {
	g := newGuesser(t)
	ctx := as(backend.RoleAdmin, backend.Workload)
	stage := func(draft string, changes ...backend.Change) {
		t.Helper()
		if _, err := g.service.Apply(ctx, backend.ChangeSet{Draft: draft, Changes: changes}); err != nil {
			t.Fatal(err)
		}
	}
	quota := 1000
	raise := backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: backend.DefaultProject,
		Policy: &backend.PolicyChange{MaxSecrets: &quota}}
	if _, err := g.service.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{raise}}); err != nil {
		t.Fatal(err)
	}
	many := make([]backend.Change, 600)
	for i := range many {
		many[i] = secret("dev", fmt.Sprint("s", i), "x")
	}
	stage("z", many...)
	g.now = g.now.AddDate(0, 0, backend.DefaultDraftDays-1)
	stage("a", g.guess("masked", "new"))
	g.now = g.now.AddDate(0, 0, 2)
	if _, err := g.service.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{g.guess("other", "x")}}); err != nil {
		t.Fatal(err) // it sweeps
	}
	page, err := g.service.Query(ctx, backend.Query{Kind: backend.KindDraft, Project: backend.DefaultProject})
	if err != nil || len(page.Objects) != 1 || page.Objects[0].Name != "a" {
		t.Errorf("drafts: %+v, %v", page.Objects, err)
	}
	changes, err := g.service.Query(ctx, backend.Query{Kind: backend.KindDraftChange, Project: backend.DefaultProject})
	if err != nil || len(changes.Objects) != 1 {
		t.Errorf("%d changes, %v", len(changes.Objects), err)
	}
}
