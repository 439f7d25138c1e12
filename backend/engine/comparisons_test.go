// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/signed"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// guesser is a backend whose callers may guess a secret three times wrongly on a day.
type guesser struct {
	store.Store
	onUpdate func() // before each write transaction, if not nil

	t       *testing.T
	service backend.Service
	now     time.Time
	ids     map[string]string
}

const guessesPerDay = 3

func newGuesser(t *testing.T) *guesser {
	t.Helper()
	parts := embedded(t, open.Config{})
	g := &guesser{Store: parts.Store, t: t, now: time.Date(2026, 11, 26, 23, 0, 0, 0, time.UTC), ids: map[string]string{}}
	g.service = access.Guard(engine.New(g, parts.Keys, engine.Options{
		Authorizer: access.NewDirectory(), MaxDifferences: guessesPerDay, Now: func() time.Time { return g.now },
		ValueTag: parts.Store.(*signed.Store).ValueTag,
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

func (g *guesser) Update(ctx context.Context, f func(store.Tx) error) error {
	if g.onUpdate != nil {
		g.onUpdate()
	}
	return g.Store.Update(ctx, f)
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

// Somebody who can push a branch chooses the subject, and so could guess without a limit.
func TestSubjectsOfATrustShareTheirGuesses(t *testing.T) {
	g := newGuesser(t)
	subject := func(trust, name string) context.Context {
		return backend.WithPrincipal(t.Context(), backend.Principal{ID: trust + "/" + name, Name: "ci/" + name, Trust: trust,
			Role: backend.RolePlanner, Kind: backend.Workload})
	}
	for i := range guessesPerDay {
		g.want(subject("t1", fmt.Sprint("branch-", i)), "masked", fmt.Sprint(i), "update")
	}
	g.want(subject("t1", "branch-new"), "masked", "hunter2", "refused")
	g.want(subject("t2", "branch-new"), "masked", "wrong", "update")
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
	// A change that is committed writes the value, which is not compared either.
	out, err := g.service.Apply(person, backend.ChangeSet{Changes: []backend.Change{g.guess("restricted", "hunter2")}})
	if err != nil || out[0].Action != backend.ActionUpdate || out[0].Object.Version != 2 {
		t.Errorf("a change beyond the limit: %+v, %v", out, err)
	}

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
	g.want(planner, "masked", "hunter2", "refused")
}

// A guess waits until an earlier one of the principal is counted.
func TestGuessesWaitForTheirCount(t *testing.T) {
	planner := as(backend.RolePlanner, backend.Person)
	g := newGuesser(t)
	for i := range guessesPerDay {
		g.want(planner, "masked", fmt.Sprint(i), "update")
	}
	updates, second := 0, make(chan string, 1)
	g.now = g.now.Add(time.Hour)
	for i := range guessesPerDay - 1 {
		g.want(planner, "masked", fmt.Sprint(i), "update")
	}
	g.onUpdate = func() {
		if updates++; updates == 2 { // the first call has compared, and now counts
			g.onUpdate = nil
			go func() { second <- g.answers(planner, g.guess("masked", "wrong too"))[0] }()
			time.Sleep(200 * time.Millisecond) // enough for a call that does not wait
		}
	}
	g.want(planner, "masked", "wrong", "update")
	if got := <-second; got != "refused" {
		t.Errorf("a guess beside the last one is answered %s", got)
	}
}

// A call tells something of a value in whatever way it ends. So each of these sets counts a wrong guess.
func TestGuessesOfFailedCallsAreCounted(t *testing.T) {
	planner, person := as(backend.RolePlanner, backend.Person), as(backend.RoleAdmin, backend.Person)
	long := strings.Repeat("d", backend.MaxDescriptionBytes)
	for name, c := range map[string]struct {
		ctx    context.Context
		secret string
		dryRun bool
		set    func(g *guesser, value string) []backend.Change
	}{
		"outcomes that are too large, if the guess is wrong": {planner, "masked", true,
			func(g *guesser, value string) []backend.Change {
				next := int64(2)
				described := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: g.ids["masked"],
					Expect: &next, Description: &long}
				changes := []backend.Change{g.guess("masked", value), described}
				described.Description = nil
				for range 4500 {
					changes = append(changes, described)
				}
				return changes
			}},
		"a set that another change lets fail": {person, "restricted", false,
			func(g *guesser, value string) []backend.Change {
				never := int64(999)
				failing := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: g.ids["other"], Expect: &never}
				return []backend.Change{g.guess("restricted", value), failing}
			}},
	} {
		g := newGuesser(t)
		call := func(value string) string {
			out, err := g.service.Apply(c.ctx, backend.ChangeSet{Changes: c.set(g, value), DryRun: c.dryRun})
			if err != nil && len(out) == 0 {
				return backend.AsError(err).Message
			}
			return fmt.Sprint(out[0].Action, out[0].Changed, out[0].Object.Version, out[0].Unchecked)
		}
		right, wrong := call("hunter2"), call("wrong")
		if right == wrong {
			t.Errorf("%s: this test needs answers that differ: %s", name, right)
		}
		for i := range guessesPerDay - 1 {
			call(fmt.Sprint(i))
		}
		if right, wrong := call("hunter2"), call("wrong"); right != wrong {
			t.Errorf("%s: beyond the limit, the answers are %q and %q", name, right, wrong)
		}
		g.want(c.ctx, c.secret, "wrong", "refused")
	}
}

// A repeated set is compared with the values that it wrote, and with no other.
func TestRepeatedSetsAreNoGuesses(t *testing.T) {
	person := as(backend.RoleAdmin, backend.Person)
	description := "harmless"
	for name, first := range map[string]func(c *backend.Change){
		"a set without a value":          func(c *backend.Change) { c.Description = &description },
		"a set that generates the value": func(c *backend.Change) { c.Generate = &backend.Generate{} },
	} {
		g := newGuesser(t)
		answer := func(value string) string {
			c := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: g.ids["restricted"]}
			if first(&c); value != "" {
				c.Generate, c.Value = nil, backend.PlaintextString(value)
			}
			_, err := g.service.Apply(person, backend.ChangeSet{Changes: []backend.Change{c}, IdempotencyKey: "key"})
			if err != nil {
				return backend.AsError(err).Message
			}
			return "done"
		}
		if got := answer(""); got != "done" {
			t.Fatal(name, got)
		}
		if right, wrong := answer("hunter2"), answer("wrong"); right != wrong || right == "done" {
			t.Errorf("%s, repeated with a value: %q and %q", name, right, wrong)
		}
	}
	g := newGuesser(t)
	for _, op := range []backend.Op{backend.OpDelete, backend.OpRestore} {
		c := g.guess("restricted", "hunter2")
		c.Op = op
		if _, err := g.service.Apply(person, backend.ChangeSet{Changes: []backend.Change{c}}); !errors.Is(err,
			backend.ErrInvalid) {
			t.Errorf("operation %s with a value: %v", op, err)
		}
	}
}

// The limit of the bytes of one call does not tell how long a value is that the caller may not have.
func TestLimitsTellNoLength(t *testing.T) {
	p := newPrincipals(t)
	short, long := secret("dev", "short", "x"), secret("dev", "long", strings.Repeat("x", 60_000))
	restricted := backend.Restricted
	short.Visibility, long.Visibility = &restricted, &restricted
	if _, err := p.Apply(as(backend.RoleAdmin, backend.Workload), backend.ChangeSet{Changes: []backend.Change{
		short, long,
	}}); err != nil {
		t.Fatal(err)
	}
	answer := func(name, version string) string {
		ref := backend.Ref{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: name,
			Version: version}
		refs := make([]backend.Ref, 600) // 36 MB of the long value
		for i := range refs {
			refs[i] = ref
		}
		out, err := p.Resolve(as(backend.RoleAdmin, backend.Person), refs)
		if err != nil {
			return err.Error()
		}
		return strings.ReplaceAll(out[0].Err.Message, name, "NAME")
	}
	const n = 560 // 34 MB of long values
	var many []backend.Change
	quota := 2000
	many = append(many, backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
		Policy: &backend.PolicyChange{MaxSecrets: &quota}})
	for i := range n {
		a, b := secret("dev", fmt.Sprint("short", i), "x"), secret("dev", fmt.Sprint("long", i), strings.Repeat("x", 60_000))
		a.Visibility, b.Visibility = &restricted, &restricted
		many = append(many, a, b)
	}
	if _, err := p.Apply(as(backend.RoleAdmin, backend.Workload), backend.ChangeSet{Changes: many}); err != nil {
		t.Fatal(err)
	}
	all := func(name string) string {
		refs := make([]backend.Ref, n)
		for i := range refs {
			refs[i] = backend.Ref{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev",
				Name: fmt.Sprint(name, i)}
		}
		_, err := p.Resolve(as(backend.RoleAdmin, backend.Person), refs)
		return fmt.Sprint(err)
	}
	if a, b := all("short"), all("long"); a != b {
		t.Errorf("many secrets: the answers are %q and %q", a, b)
	}
	for _, version := range []string{"", "1"} {
		if a, b := answer("short", version), answer("long", version); a != b {
			t.Errorf("version %q: the answers are %q and %q", version, a, b)
		}
	}
}

// A limit of the project, in the same dry run or before, does not tell the length of an earlier value.
func TestLimitsTellNoLengthOfAnEarlierValue(t *testing.T) {
	p := newPrincipals(t)
	restricted, first := backend.Restricted, "1"
	workload := as(backend.RoleAdmin, backend.Workload)
	limit := func(n int) backend.Change {
		return backend.Change{Op: backend.OpSet, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxValueBytes: &n}}
	}
	again := func(name string) backend.Change {
		c := secret("dev", name, "")
		c.Value, c.FromVersion = backend.Plaintext{}, &first
		return c
	}
	apply := func(ctx context.Context, dryRun bool, changes ...backend.Change) ([]backend.Outcome, error) {
		out, err := p.Apply(ctx, backend.ChangeSet{DryRun: dryRun, Changes: changes})
		if err == nil && len(out) > 0 && out[len(out)-1].Err != nil {
			err = out[len(out)-1].Err
		}
		return out, err
	}
	for _, value := range []string{"value", "x"} { // the earlier values have different lengths
		for _, name := range []string{"short", "long"} {
			c := secret("dev", name, value)
			if c.Visibility = &restricted; value == "value" && name == "long" {
				c.Value = backend.PlaintextString(strings.Repeat("x", 60_000))
			}
			if _, err := apply(workload, false, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	answer := func(ctx context.Context, before []backend.Change, name string) string {
		out, err := apply(ctx, true, append(before, again(name))...)
		text := fmt.Sprint(err)
		if len(out) > 0 {
			text += fmt.Sprint(" ", out[len(out)-1].Action, out[len(out)-1].Changed)
		}
		return strings.ReplaceAll(text, name, "NAME")
	}
	people := map[string]context.Context{"admin": as(backend.RoleAdmin, backend.Person),
		"editor":  as(backend.RoleEditor, backend.Workload),
		"planner": as(backend.RolePlanner, backend.Workload)}
	for who, ctx := range people {
		same(t, who+", with a limit", answer(ctx, []backend.Change{limit(100)}, "short"),
			answer(ctx, []backend.Change{limit(100)}, "long"))
	}
	if _, err := apply(workload, false, limit(100)); err != nil {
		t.Fatal(err)
	}
	for who, ctx := range people {
		same(t, who+", after a limit", answer(ctx, nil, "short"), answer(ctx, nil, "long"))
	}
	if _, err := apply(workload, true, again("long")); !errors.Is(err, backend.ErrTooLarge) {
		t.Errorf("a caller who may have the value: %v", err)
	}
}

func same(t *testing.T, what, short, long string) {
	t.Helper()
	if short != long {
		t.Errorf("%s: the answers are %q and %q", what, short, long)
	}
}
