// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// planner is a backend that a principal with the role planner uses: a secret of each visibility, both with the value
// "hunter2", and a masked one of the type "pin" with the value "1234".
type planner struct {
	t       *testing.T
	service backend.Service
	ctx     context.Context
	ids     map[string]string
}

func newPlanner(t *testing.T) *planner {
	t.Helper()
	parts := embedded(t, open.Config{})
	p := &planner{t: t, service: access.Guard(parts.Engine), ids: map[string]string{}}
	p.ctx = backend.WithPrincipal(context.Background(), backend.Principal{Name: "ci", Role: backend.RolePlanner})
	restricted, pin := secret("dev", "restricted", "hunter2"), secret("dev", "pin", "1234")
	visibility, typeKey := backend.Restricted, "pin"
	restricted.Visibility, pin.Type = &visibility, &typeKey
	out, err := parts.Engine.Apply(context.Background(), backend.ChangeSet{Changes: []backend.Change{
		environment("dev"), secret("dev", "masked", "hunter2"), restricted, pinType("^[0-9]{4}$"), pin,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out {
		p.ids[o.Object.Name] = o.Object.ID
	}
	return p
}

// pinType sets the schema of the type "pin".
func pinType(pattern string) backend.Change {
	schema, err := json.Marshal(map[string]string{"type": "string", "pattern": pattern})
	if err != nil {
		panic(err)
	}
	return backend.Change{
		Op: backend.OpSet, Kind: backend.KindSecretType, Project: backend.DefaultProject, Name: "pin", Schema: schema,
	}
}

// lastOutcome returns the outcome of the last change of a dry run.
func (p *planner) lastOutcome(changes ...backend.Change) backend.Outcome {
	p.t.Helper()
	out, err := p.service.Apply(p.ctx, backend.ChangeSet{Changes: changes, DryRun: true})
	if err != nil {
		p.t.Fatal(err)
	}
	return out[len(out)-1]
}

func (p *planner) update(name string) backend.Change {
	return backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, ID: p.ids[name]}
}

func (p *planner) guess(name, value string) backend.Change {
	c := p.update(name)
	c.Value = backend.PlaintextString(value)
	return c
}

func TestPlannerComparesValues(t *testing.T) {
	p := newPlanner(t)
	for _, name := range []string{"masked", "restricted"} {
		if out := p.lastOutcome(p.guess(name, "hunter2")); out.Action != backend.ActionUnchanged || out.Err != nil {
			t.Errorf("%s: an equal value is %s, %v", name, out.Action, out.Err)
		}
		if out := p.lastOutcome(p.guess(name, "hunter3")); out.Action != backend.ActionUpdate || out.Err != nil {
			t.Errorf("%s: another value is %s, %v", name, out.Action, out.Err)
		}
	}
	// A second guess in one request tells nothing, so that each guess has its record in the audit log.
	second := p.lastOutcome(p.guess("masked", "hunter3"), p.guess("masked", "hunter2"))
	if second.Action != backend.ActionUpdate {
		t.Errorf("the second guess is %s", second.Action)
	}
}

// A schema with a pattern could tell a value letter by letter. The outcome is the same whether or not the stored value
// matches.
func TestPlannerLearnsNothingFromSchemas(t *testing.T) {
	p := newPlanner(t)
	retype := func(name, typeKey string) backend.Change {
		c := p.update(name)
		c.Type = &typeKey
		return c
	}
	deleted, restored := p.update("pin"), p.update("pin")
	deleted.Op, restored.Op = backend.OpDelete, backend.OpRestore
	for name, c := range map[string]struct {
		unchecked string
		set       func(pattern string) []backend.Change
	}{
		"a restoration": {"type", func(pattern string) []backend.Change {
			return []backend.Change{deleted, pinType(pattern), restored}
		}},
		"a new type in the same set": {"type", func(pattern string) []backend.Change {
			created := pinType(pattern)
			created.Name = "other"
			return []backend.Change{created, retype("restricted", "other")}
		}},
		"a changed type in the same set": {"type", func(pattern string) []backend.Change {
			return []backend.Change{pinType(pattern), retype("masked", "pin")}
		}},
		"a changed schema": {"schema", func(pattern string) []backend.Change {
			return []backend.Change{pinType(pattern)}
		}},
		"a built-in type": {"type", func(string) []backend.Change {
			return []backend.Change{retype("restricted", "smtp")}
		}},
		"no type": {"type", func(string) []backend.Change { return []backend.Change{retype("pin", "")} }},
	} {
		matching, failing := p.lastOutcome(c.set("^[h1]")...), p.lastOutcome(c.set("^x")...)
		for _, out := range []backend.Outcome{matching, failing} {
			wanted := out.Action == backend.ActionUpdate || out.Action == backend.ActionRestore
			if out.Err != nil || !wanted || out.Unchecked != c.unchecked {
				t.Errorf("%s: %s, unchecked %q, %v", name, out.Action, out.Unchecked, out.Err)
			}
		}
		told := func(o backend.Outcome) string { return fmt.Sprint(o.Action, o.Changed, o.Object.Version) }
		if told(matching) != told(failing) {
			t.Errorf("%s: %s and %s", name, told(matching), told(failing))
		}
	}
	// A given value is checked, because the schema tells the planner only about its own value.
	if out := p.lastOutcome(p.guess("pin", "no pin")); !errors.Is(out.Err, backend.ErrInvalid) || out.Unchecked != "" {
		t.Errorf("a given value of the wrong type: %v, unchecked %q", out.Err, out.Unchecked)
	}
}

func TestPlannerGetsNoFingerprints(t *testing.T) {
	p := newPlanner(t)
	key := make([]byte, backend.FingerprintKeySize)
	prints := func(changes ...backend.Change) ([]backend.Outcome, error) {
		return p.service.Apply(p.ctx, backend.ChangeSet{Changes: changes, DryRun: true, FingerprintKey: key})
	}
	out, err := prints(p.update("masked"), p.update("restricted"))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range out {
		if o.Fingerprint != nil || o.Err != nil {
			t.Errorf("a %s secret has a fingerprint, or an error: %v", o.Object.Name, o.Err)
		}
	}

	masked, allow := backend.Masked, false
	shown := p.update("restricted")
	shown.Visibility = &masked
	policy := backend.Change{
		Op: backend.OpUpdate, Kind: backend.KindProject, Name: backend.DefaultProject,
		Policy: &backend.PolicyChange{ForbidFingerprints: &allow},
	}
	for name, first := range map[string]backend.Change{"the visibility": shown, "the policy": policy} {
		if out, err := prints(first, p.update("restricted")); !errors.Is(err, backend.ErrDenied) || out != nil {
			t.Errorf("fingerprints after a change of %s: %v", name, err)
		}
	}
	if out, err := prints(shown); !errors.Is(err, backend.ErrDenied) || out != nil {
		t.Errorf("a fingerprint with a change of the visibility: %v", err)
	}
}

func TestPlannerChangesAndResolvesNothing(t *testing.T) {
	p := newPlanner(t)
	_, err := p.service.Apply(p.ctx, backend.ChangeSet{Changes: []backend.Change{p.guess("masked", "other")}})
	if !errors.Is(err, backend.ErrDenied) {
		t.Errorf("a change: %v", err)
	}
	_, err = p.service.Resolve(p.ctx, []backend.Ref{{
		Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: "masked",
	}})
	if !errors.Is(err, backend.ErrDenied) {
		t.Errorf("a reference: %v", err)
	}
	if out := p.lastOutcome(p.guess("masked", "hunter2")); out.Action != backend.ActionUnchanged {
		t.Errorf("afterwards, the value is %s", out.Action)
	}
}
