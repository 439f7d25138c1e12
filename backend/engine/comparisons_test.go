// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// guesser is a backend whose callers may guess a secret three times wrongly on a day.
type guesser struct {
	t       *testing.T
	service backend.Service
	now     time.Time
	ids     map[string]string
}

const guessesPerDay = 3

func newGuesser(t *testing.T) *guesser {
	t.Helper()
	parts := embedded(t, open.Config{})
	g := &guesser{t: t, now: time.Date(2026, 11, 26, 23, 0, 0, 0, time.UTC), ids: map[string]string{}}
	g.service = access.Guard(engine.New(parts.Store, parts.Keys, engine.Options{
		Authorizer: access.Rights{}, MaxDifferences: guessesPerDay, Now: func() time.Time { return g.now },
	}))
	restricted, visibility := secret("dev", "restricted", "hunter2"), backend.Restricted
	restricted.Visibility = &visibility
	generated := secret("dev", "generated", "")
	generated.Generate = &backend.Generate{}
	out, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
		environment("dev"), secret("dev", "masked", "hunter2"), secret("dev", "other", "hunter2"), restricted, generated,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out {
		g.ids[o.Object.Name] = o.Object.ID
	}
	return g
}

func (g *guesser) guess(name, value string) backend.Change {
	return backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: g.ids[name],
		Value: backend.PlaintextString(value)}
}

// answers returns what a dry run says of the value: "unchanged", "update", or "refused".
func (g *guesser) answers(ctx context.Context, changes ...backend.Change) []string {
	g.t.Helper()
	out, err := g.service.Apply(ctx, backend.ChangeSet{Changes: changes, DryRun: true})
	if err != nil {
		g.t.Fatal(err)
	}
	answers := make([]string, len(out))
	for i, o := range out {
		answers[i] = string(o.Action)
		if o.Unchecked != "" {
			answers[i] = "refused"
			if o.Action != backend.ActionUpdate || fmt.Sprint(o.Changed) != "[value]" || o.Object.Version != 2 ||
				o.Err != nil || o.Unchecked != "value" {
				g.t.Errorf("a refused comparison is not that of another value: %+v", o)
			}
		}
	}
	return answers
}

func (g *guesser) want(ctx context.Context, name, value, want string) {
	g.t.Helper()
	if got := g.answers(ctx, g.guess(name, value))[0]; got != want {
		g.t.Errorf("guessing %s of %s: %s, want %s", value, name, got, want)
	}
}

func TestWrongGuessesAreLimited(t *testing.T) {
	planner := as(backend.RolePlanner, backend.Person)
	person := as(backend.RoleAdmin, backend.Person)
	other := backend.WithPrincipal(context.Background(), backend.Principal{ID: "other", Role: backend.RolePlanner})
	g := newGuesser(t)
	for range guessesPerDay * 2 {
		g.want(planner, "masked", "hunter2", "unchanged") // right guesses do not count
	}
	for i := range guessesPerDay {
		g.want(planner, "masked", fmt.Sprint(i), "update")
	}
	g.want(planner, "masked", "wrong", "refused")
	g.want(planner, "masked", "hunter2", "refused") // the answer to a right guess is the same
	g.want(planner, "other", "wrong", "update")     // each secret has its own number
	g.want(other, "masked", "wrong", "update")      // and each principal

	// Those who may have the value learn nothing from a comparison.
	for range guessesPerDay + 1 {
		g.want(person, "other", "wrong", "update")
		g.want(as(backend.RoleAdmin, backend.Workload), "restricted", "wrong", "update")
		g.want(planner, "generated", "wrong", "update")
	}
	for range guessesPerDay {
		g.want(person, "restricted", "wrong", "update")
	}
	g.want(person, "restricted", "hunter2", "refused")

	g.now = g.now.Add(time.Hour)
	g.want(planner, "masked", "wrong", "update")
}

// Of several guesses in one set only the first wrong one is compared. Many calls can come at the same time.
func TestWrongGuessesOfOneCallAreCounted(t *testing.T) {
	planner := as(backend.RolePlanner, backend.Workload)
	g := newGuesser(t)
	for range guessesPerDay {
		got := g.answers(planner, g.guess("masked", "hunter2"), g.guess("masked", "wrong"), g.guess("masked", "hunter2"),
			g.guess("other", "hunter2"))
		if fmt.Sprint(got) != "[unchanged update update unchanged]" {
			t.Errorf("several guesses are answered %v", got)
		}
	}
	got := g.answers(planner, g.guess("masked", "hunter2"), g.guess("masked", "wrong"), g.guess("other", "wrong"))
	if fmt.Sprint(got) != "[refused update update]" {
		t.Errorf("guesses beyond the limit are answered %v", got)
	}

	g = newGuesser(t)
	var mu sync.Mutex
	told := map[string]int{}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			answer := g.answers(planner, g.guess("masked", fmt.Sprint("wrong", i)))[0]
			mu.Lock()
			defer mu.Unlock()
			told[answer]++
		})
	}
	wg.Wait()
	if told["update"] != guessesPerDay || told["refused"] != 20-guessesPerDay {
		t.Errorf("20 wrong guesses at the same time are answered %v", told)
	}
}
