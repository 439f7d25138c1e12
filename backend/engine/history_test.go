// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

func (g *guesser) comparison(name, with string) backend.Change {
	return backend.Change{Op: backend.OpCompare, Kind: backend.KindSecret, ID: g.ids[name],
		With: &backend.VersionOf{ID: g.ids[with]}}
}

// Somebody who can write a secret could write guesses there, and compare it with one whose value he may not have.
func TestComparisonsOfVersionsAreGuesses(t *testing.T) {
	g := newGuesser(t)
	person, workload := as(backend.RoleAdmin, backend.Person), as(backend.RoleAdmin, backend.Workload)
	compare := func(ctx context.Context, one, two string) backend.Outcome {
		t.Helper()
		out, err := g.service.Apply(ctx, backend.ChangeSet{DryRun: true, Changes: []backend.Change{g.comparison(one, two)}})
		if err != nil || out[0].Err != nil {
			t.Fatalf("%v, %+v", err, out)
		}
		return out[0]
	}
	write := func(value string) {
		t.Helper()
		set := backend.ChangeSet{Changes: []backend.Change{g.guess("other", value)}}
		if _, err := g.service.Apply(workload, set); err != nil {
			t.Fatal(err)
		}
	}
	if out := compare(person, "other", "restricted"); out.Action != backend.ActionUnchanged || out.Unchecked != "" {
		t.Errorf("equal values: %+v", out)
	}
	for i := range guessesPerDay {
		write(fmt.Sprint("guess ", i))
		if out := compare(person, "other", "restricted"); out.Action != backend.ActionUpdate || out.Unchecked != "" ||
			out.Fields != nil {
			t.Errorf("guess %d: %+v", i, out)
		}
	}
	write("hunter2")
	for _, pair := range [][2]string{{"other", "restricted"}, {"restricted", "other"}} {
		if out := compare(person, pair[0], pair[1]); out.Unchecked != "value" || out.Action != backend.ActionUpdate {
			t.Errorf("%s with %s beyond the limit: %+v", pair[0], pair[1], out)
		}
	}
	if out := compare(workload, "other", "restricted"); out.Action != backend.ActionUnchanged || out.Unchecked != "" {
		t.Errorf("who may have both values: %+v", out)
	}
	if out := compare(person, "masked", "other"); out.Action != backend.ActionUnchanged || out.Unchecked != "" {
		t.Errorf("who may have both of these values: %+v", out)
	}
}

// Each pair of one call counts: a call could compare a secret with all versions of another one.
func TestComparisonsOfOneCallAreCounted(t *testing.T) {
	g := newGuesser(t)
	person, workload := as(backend.RoleAdmin, backend.Person), as(backend.RoleAdmin, backend.Workload)
	var changes []backend.Change
	for i := range guessesPerDay + 2 {
		set := backend.ChangeSet{Changes: []backend.Change{g.guess("other", fmt.Sprint("guess ", i))}}
		if _, err := g.service.Apply(workload, set); err != nil {
			t.Fatal(err)
		}
		c, version := g.comparison("other", "restricted"), fmt.Sprint(i+2)
		c.FromVersion = &version
		changes = append(changes, c)
	}
	out, err := g.service.Apply(person, backend.ChangeSet{DryRun: true, Changes: changes})
	if err != nil {
		t.Fatal(err)
	}
	for i, o := range out {
		if compared := o.Unchecked == ""; compared != (i < guessesPerDay) || o.Action != backend.ActionUpdate {
			t.Errorf("pair %d: %+v", i, o)
		}
	}
	out, err = g.service.Apply(person, backend.ChangeSet{DryRun: true, Changes: changes[:1]})
	if err != nil || out[0].Unchecked != "value" {
		t.Errorf("after the call: %+v, %v", out, err)
	}
}

// A comparison of the current values waits for the count of another call, as each guess does.
func TestComparisonsWaitForTheirCount(t *testing.T) {
	g := newGuesser(t)
	person, workload := as(backend.RoleAdmin, backend.Person), as(backend.RoleAdmin, backend.Workload)
	set := backend.ChangeSet{Changes: []backend.Change{g.guess("other", "wrong")}}
	if _, err := g.service.Apply(workload, set); err != nil {
		t.Fatal(err)
	}
	comparison := backend.ChangeSet{DryRun: true, Changes: []backend.Change{g.comparison("other", "restricted")}}
	ended, end := context.WithCancel(person)
	end()
	updates := 0
	g.onUpdate = func() {
		if updates++; updates == 2 { // the first call has compared, and now counts
			if _, err := g.service.Apply(ended, comparison); !errors.Is(err, context.Canceled) {
				t.Errorf("the other call: %v", err)
			}
		}
	}
	if _, err := g.service.Apply(person, comparison); err != nil {
		t.Fatal(err)
	}
	if updates != 2 {
		t.Errorf("%d transactions: the other call did not wait", updates)
	}
}

func TestComparisonsNeedTheRightToCompare(t *testing.T) {
	g := newGuesser(t)
	for _, role := range backend.Roles {
		if role == backend.RoleNone {
			continue // servicetest has cases for bindings
		}
		_, err := g.service.Apply(as(role, backend.Workload), backend.ChangeSet{DryRun: true,
			Changes: []backend.Change{g.comparison("other", "masked")}})
		rights, _ := backend.RightsOf(role)
		mayNot := !slices.Contains(rights, backend.RightCompare)
		if errors.Is(err, backend.ErrDenied) != mayNot {
			t.Errorf("role %s: %v", role, err)
		}
	}
}

func TestSweepRemovesOldVersions(t *testing.T) {
	f := newUndoFixture(t)
	days := 30
	f.must(environment("dev"), backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject,
		Name: backend.DefaultProject, Policy: &backend.PolicyChange{VersionDays: &days}})
	for i := range 5 {
		f.must(secret("dev", "s", fmt.Sprint("value ", i)))
	}
	tagged := secret("dev", "s", "")
	tagged.Tags = map[string]int64{"stable": 2}
	f.must(tagged, secret("dev", "once", "v"))
	versions := func() int { t.Helper(); return f.count("SELECT count(*) FROM version") }
	if more, err := f.at(29).Sweep(context.Background()); err != nil || more || versions() != 6 {
		t.Errorf("within the time: %d versions, %v", versions(), err)
	}
	if _, err := f.at(31).Sweep(context.Background()); err != nil || versions() != 4 {
		t.Errorf("%d versions, want the current, the previous and the tagged one, and that of the other secret; %v",
			versions(), err)
	}
	if findings, err := f.Verify(context.Background()); err != nil || len(findings) > 0 {
		t.Errorf("the sums of the states do not fit the rows: %v, %v", findings, err)
	}
}
