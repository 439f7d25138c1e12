// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// drafted is a backend whose callers stage, deploy and reveal.
type drafted struct {
	*guesser
	workload, person context.Context
}

func newDrafted(t *testing.T) drafted {
	return drafted{newGuesser(t), as(backend.RoleAdmin, backend.Workload), as(backend.RoleAdmin, backend.Person)}
}

func (d drafted) apply(ctx context.Context, draft string, changes ...backend.Change) []backend.Outcome {
	d.t.Helper()
	out, err := d.service.Apply(ctx, backend.ChangeSet{Draft: draft, Changes: changes})
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

func (d drafted) refuses(ctx context.Context, want *backend.Error, draft string, changes ...backend.Change) error {
	d.t.Helper()
	_, err := d.service.Apply(ctx, backend.ChangeSet{Draft: draft, Changes: changes})
	if !errors.Is(err, want) {
		d.t.Fatalf("the error is %v, want the code %s", err, want.Code)
	}
	return err
}

// trial returns the outcome of a dry run of the deployment.
func (d drafted) trial(ctx context.Context) backend.Outcome {
	d.t.Helper()
	out, err := d.service.Apply(ctx, backend.ChangeSet{DryRun: true, Changes: []backend.Change{draftOf(backend.OpDeploy)}})
	if err != nil {
		d.t.Fatal(err)
	}
	return out[0]
}

func (d drafted) parts() []backend.Object {
	d.t.Helper()
	page, err := d.service.Query(d.person, backend.Query{Kind: backend.KindDraftChange, Project: backend.DefaultProject,
		Draft: "d"})
	if err != nil {
		d.t.Fatal(err)
	}
	return page.Objects
}

func (d drafted) drop(n int) backend.Change {
	return backend.Change{Op: backend.OpDelete, Kind: backend.KindDraftChange, ID: d.parts()[n].ID}
}

// wantUnknown fails if the person can reveal the canary as the value of a secret.
func (d drafted) wantUnknown(name string) {
	d.t.Helper()
	out, err := d.service.Resolve(d.person, []backend.Ref{{Kind: backend.KindSecret, Project: backend.DefaultProject,
		Environment: "dev", Name: name, Reveal: true}})
	if err != nil {
		d.t.Fatal(err)
	}
	if string(out[0].Value.Expose()) == canaryOfDraft {
		d.t.Errorf("the person reveals the value of %s", name)
	}
}

const canaryOfDraft = "canary"

func defaultVisibility(v backend.Visibility) backend.Change {
	return backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
		Policy: &backend.PolicyChange{DefaultVisibility: &v}}
}

func visible(v backend.Visibility, c backend.Change) backend.Change {
	c.Visibility = &v
	return c
}

func (d drafted) renamed(name, to string) backend.Change {
	return backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: d.ids[name], Rename: &to}
}

// A value that was staged for a restricted secret never becomes one of a masked secret, whatever a person does to the
// secret, to the policy or to the draft, even if a workload deploys it.
func TestAStagedValueStaysRestricted(t *testing.T) {
	masked, restricted := backend.Masked, backend.Restricted
	for _, who := range []string{"person", "workload"} {
		deploys := map[string]backend.PrincipalKind{"person": backend.Person, "workload": backend.Workload}[who]
		t.Run("the default visibility changes, deployed by a "+who, func(t *testing.T) {
			d := newDrafted(t)
			d.apply(d.workload, "", defaultVisibility(restricted))
			d.apply(d.workload, "d", secret("dev", "fresh", canaryOfDraft))
			d.apply(d.person, "", defaultVisibility(masked))
			out := d.apply(as(backend.RoleAdmin, deploys), "", draftOf(backend.OpDeploy))
			if got := out[0].Parts[0].Object.Visibility; got != restricted {
				t.Errorf("the secret is %s", got)
			}
			d.wantUnknown("fresh")
		})
		t.Run("the secret is replaced by a masked one, deployed by a "+who, func(t *testing.T) {
			d := newDrafted(t)
			d.apply(d.workload, "d", d.guess("restricted", canaryOfDraft))
			d.apply(d.person, "", backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, ID: d.ids["restricted"]})
			d.apply(d.person, "", secret("dev", "restricted", "x"))
			err := d.refuses(d.person, backend.ErrConflict, "", draftOf(backend.OpRefresh))
			if !strings.Contains(err.Error(), "is masked now, and its staged value is for a restricted secret") {
				t.Error(err)
			}
			d.refuses(as(backend.RoleAdmin, deploys), backend.ErrConflict, "", draftOf(backend.OpDeploy))
			d.wantUnknown("restricted")
		})
		t.Run("the secret that the draft creates exists, and is masked, deployed by a "+who, func(t *testing.T) {
			d := newDrafted(t)
			d.apply(d.workload, "", defaultVisibility(restricted))
			d.apply(d.workload, "d", secret("dev", "fresh", canaryOfDraft))
			d.apply(d.person, "", visible(masked, secret("dev", "fresh", "x")))
			d.apply(d.person, "", draftOf(backend.OpRefresh))
			out := d.apply(as(backend.RoleAdmin, deploys), "", draftOf(backend.OpDeploy))
			if got := out[0].Parts[0].Object.Visibility; got != restricted {
				t.Errorf("the secret is %s", got)
			}
			d.wantUnknown("fresh")
		})
		t.Run("a workload makes the secret masked, and a person refreshes; deployed by a "+who, func(t *testing.T) {
			d := newDrafted(t)
			d.apply(d.workload, "d", d.guess("restricted", canaryOfDraft))
			d.apply(d.workload, "", visible(masked, backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret,
				ID: d.ids["restricted"]}))
			d.refuses(d.person, backend.ErrConflict, "", draftOf(backend.OpRefresh))
			out := d.trial(as(backend.RoleAdmin, deploys))
			if err := out.Parts[0].Err; err == nil || !strings.Contains(err.Message, `secret "restricted" would be masked`) {
				t.Errorf("the dry run reports %v", err)
			}
		})
	}
	// A rename in between keeps the changes apart.
	t.Run("the change that restricts the secret is left out", func(t *testing.T) {
		d := newDrafted(t)
		for _, c := range []backend.Change{
			visible(restricted, backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: d.ids["masked"]}),
			d.renamed("masked", "m2"), d.guess("masked", canaryOfDraft),
		} {
			d.apply(d.workload, "d", c)
		}
		d.refuses(d.person, backend.ErrInUse, "", d.drop(0))
		d.apply(d.person, "", draftOf(backend.OpDeploy))
		d.wantUnknown("m2")
	})
	t.Run("the value comes before the change that restricts the secret", func(t *testing.T) {
		d := newDrafted(t)
		for _, c := range []backend.Change{
			d.guess("masked", canaryOfDraft), d.renamed("masked", "m2"),
			visible(restricted, backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: d.ids["masked"]}),
		} {
			d.apply(d.workload, "d", c)
		}
		d.refuses(d.person, backend.ErrInUse, "", d.drop(len(d.parts())-1))
		d.apply(d.person, "", draftOf(backend.OpDeploy))
		d.wantUnknown("m2")
	})
	t.Run("a later change masks it, staged while the value could not be written", func(t *testing.T) {
		d := newDrafted(t)
		d.apply(d.workload, "d", visible(restricted, d.guess("masked", canaryOfDraft)))
		d.apply(d.workload, "d", d.renamed("masked", "m2"))
		limit := func(n int) backend.Change {
			return backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
				Policy: &backend.PolicyChange{MaxValueBytes: &n}}
		}
		d.apply(d.person, "", limit(1))
		mask := visible(masked, backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: d.ids["masked"]})
		_, _ = d.service.Apply(d.person, backend.ChangeSet{Draft: "d", Changes: []backend.Change{mask}})
		d.apply(d.person, "", limit(1000))
		_, _ = d.service.Apply(d.workload, backend.ChangeSet{Changes: []backend.Change{draftOf(backend.OpDeploy)}})
		d.wantUnknown("masked")
		d.wantUnknown("m2")
	})
}

// A person learns nothing about a staged value of a restricted secret from schemas, limits, sizes or comparisons.
func TestAPersonLearnsNothingOfAStagedValue(t *testing.T) {
	restricted, key := backend.Restricted, "pin"
	pin := func(schema string) backend.Change {
		return backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: backend.DefaultProject, Name: key,
			Schema: []byte(schema)}
	}
	maxBytes := func(n int) backend.Change {
		return backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
			Policy: &backend.PolicyChange{MaxValueBytes: &n}}
	}
	staged := func(t *testing.T) drafted {
		d := newDrafted(t)
		d.apply(d.workload, "", pin(`{"type":"string"}`))
		fresh := visible(restricted, secret("dev", "fresh", canaryOfDraft))
		fresh.Type = &key
		d.apply(d.workload, "d", fresh)
		return d
	}
	described := secret("dev", "fresh", "")
	text := "of a person"
	described.Description = &text

	t.Run("schemas", func(t *testing.T) {
		d := staged(t)
		var answers []string
		for _, first := range []string{"c", "x"} {
			d.apply(d.person, "", pin(`{"type":"string","pattern":"^`+first+`"}`))
			answers = append(answers, fmt.Sprint(d.trial(d.person).Parts[0].Err))
			_, err := d.service.Apply(d.person, backend.ChangeSet{Draft: "d", DryRun: true,
				Changes: []backend.Change{described}})
			answers = append(answers, fmt.Sprint(err))
			d.refuses(d.person, backend.ErrDenied, "", draftOf(backend.OpDeploy))
		}
		if answers[0] != answers[2] || answers[1] != answers[3] ||
			!strings.Contains(answers[0], "cannot be checked against another") {
			t.Errorf("the answers are %q", answers)
		}
		if err := d.trial(d.workload).Parts[0].Err; !errors.Is(err, backend.ErrInvalid) {
			t.Errorf("a workload gets %v", err)
		}
		d.apply(d.person, "", pin(`{"type":"string","pattern":"^c"}`))
		d.apply(d.workload, "", draftOf(backend.OpDeploy))
	})
	t.Run("the schema in the draft", func(t *testing.T) {
		d := newDrafted(t)
		fresh := visible(restricted, secret("dev", "fresh", canaryOfDraft))
		fresh.Type = &key
		d.apply(d.workload, "d", pin(`{"type":"string"}`), fresh)
		var answers []string
		for _, first := range []string{"c", "x"} {
			_, err := d.service.Apply(d.person, backend.ChangeSet{Draft: "d", Changes: []backend.Change{
				pin(`{"type":"string","pattern":"^` + first + `"}`)}})
			answers = append(answers, fmt.Sprint(err, len(d.parts())))
		}
		if answers[0] != answers[1] {
			t.Errorf("the answers are %q", answers)
		}
		d.apply(d.person, "d", described)
		d.apply(d.person, "", draftOf(backend.OpDeploy)) // with the schema that it was staged with
	})
	t.Run("limits", func(t *testing.T) {
		d := staged(t)
		for _, n := range []int{len(canaryOfDraft) - 1, len(canaryOfDraft) + 1} {
			d.apply(d.person, "", maxBytes(n))
			err := d.trial(d.person).Parts[0].Err
			if !errors.Is(err, backend.ErrDenied) || strings.Contains(err.Message, fmt.Sprint(len(canaryOfDraft))) {
				t.Errorf("with %d bytes: %v", n, err)
			}
		}
	})
	t.Run("comparisons", func(t *testing.T) {
		d := newDrafted(t)
		d.apply(d.workload, "d", visible(restricted, d.guess("masked", canaryOfDraft)))
		var answers []string
		for _, guess := range []string{"wrong", canaryOfDraft} {
			d.apply(d.person, "", d.guess("masked", guess))
			part := d.trial(d.person).Parts[0]
			answers = append(answers, fmt.Sprint(part.Action, part.Changed, part.Err))
		}
		if answers[0] != answers[1] || !strings.Contains(answers[0], "value") {
			t.Errorf("the answers are %q", answers)
		}
	})
	t.Run("sizes", func(t *testing.T) {
		many := 1000
		var answers []string
		for _, value := range []string{"short", strings.Repeat("long ", 30)} {
			d := newDrafted(t)
			d.apply(d.person, "", backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject,
				Name: backend.DefaultProject, Policy: &backend.PolicyChange{MaxSecrets: &many}})
			d.apply(d.workload, "d", d.guess("restricted", value))
			var padding []backend.Change
			for i := range 260 {
				padding = append(padding, secret("dev", fmt.Sprint("p", i), strings.Repeat("x", 65_536)))
			}
			err := d.refuses(d.person, backend.ErrTooLarge, "d", padding...)
			answers = append(answers, err.Error())
		}
		if answers[0] != answers[1] {
			t.Errorf("the answers are %q", answers)
		}
	})
}

// A person who looks at a draft, or deploys it, makes no guess.
func TestADraftThatIsShownCountsNoGuess(t *testing.T) {
	d := newDrafted(t)
	d.apply(d.workload, "d", d.guess("restricted", "next"))
	for range 2 * guessesPerDay {
		if part := d.trial(d.person).Parts[0]; part.Action != backend.ActionUpdate || part.Unchecked != "" {
			t.Fatalf("the dry run reports %+v", part)
		}
	}
	if out := d.apply(d.person, "", d.guess("restricted", "hunter2")); out[0].Action != backend.ActionUnchanged {
		t.Errorf("a guess after that: %+v", out[0])
	}
}
