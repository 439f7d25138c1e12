// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"context"
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// An action can rotate a secret in the same apply before the update of the secret. The update must not contradict its
// plan. Terraform runs such actions from 1.14 on. The test makes the calls that it makes.
func TestRotationBeforeAnUpdate(t *testing.T) {
	b := acctest.New(t)
	p := acctest.NewProcess(t, map[string]string{"path": b.Path, "configuration": "shop"})
	secretType := p.Schemas.ResourceSchemas["pouncet_secret"].ValueType().(tftypes.Object)
	generate := secretType.AttributeTypes["generate"].(tftypes.Object)
	// object is the secret with given attributes. The others are null, or for a proposed state as in before.
	object := func(given map[string]tftypes.Value, before map[string]tftypes.Value, unknown bool) *tfprotov6.DynamicValue {
		values := map[string]tftypes.Value{}
		for name, attribute := range secretType.AttributeTypes {
			values[name] = tftypes.NewValue(attribute, nil)
			if old, ok := before[name]; ok {
				values[name] = old
			}
		}
		if unknown && before == nil {
			for _, computed := range []string{
				"id", "environment_id", "created_at", "version", "rotation_due_at", "managed_by", "project", "visibility",
			} {
				values[computed] = tftypes.NewValue(secretType.AttributeTypes[computed], tftypes.UnknownValue)
			}
			values["scope"] = tftypes.NewValue(tftypes.String, "project")
			values["deletion_protection"] = tftypes.NewValue(tftypes.Bool, false)
		}
		for name, v := range given {
			values[name] = v
		}
		v, err := tfprotov6.NewDynamicValue(secretType, tftypes.NewValue(secretType, values))
		if err != nil {
			t.Fatal(err)
		}
		return &v
	}
	secret := func(description string) map[string]tftypes.Value {
		return map[string]tftypes.Value{
			"name": tftypes.NewValue(tftypes.String, "s"), "environment": tftypes.NewValue(tftypes.String, "dev"),
			"description": tftypes.NewValue(tftypes.String, description), "rotation_days": tftypes.NewValue(tftypes.Number, 30),
			"generate": tftypes.NewValue(generate, map[string]tftypes.Value{
				"length": tftypes.NewValue(tftypes.Number, nil), "alphabet": tftypes.NewValue(tftypes.String, nil),
				"keepers": tftypes.NewValue(tftypes.Map{ElementType: tftypes.String}, nil),
			}),
		}
	}
	decode := func(v *tfprotov6.DynamicValue) map[string]tftypes.Value {
		value, err := v.Unmarshal(secretType)
		values := map[string]tftypes.Value{}
		if err == nil {
			err = value.As(&values)
		}
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	change := func(
		before *tfprotov6.DynamicValue, description string, private []byte, between func(),
	) (planned, after *tfprotov6.DynamicValue, kept []byte) {
		ctx := context.Background()
		var known map[string]tftypes.Value
		prior := before
		if before == nil {
			null, err := tfprotov6.NewDynamicValue(secretType, tftypes.NewValue(secretType, nil))
			if err != nil {
				t.Fatal(err)
			}
			prior = &null
		} else {
			known = decode(before)
		}
		config := object(secret(description), nil, false)
		plan, err := p.Server.PlanResourceChange(ctx, &tfprotov6.PlanResourceChangeRequest{
			TypeName: "pouncet_secret", PriorState: prior, Config: config, PriorPrivate: private,
			ProposedNewState: object(secret(description), known, true),
		})
		if err != nil || len(plan.Diagnostics) > 0 {
			t.Fatal(err, plan.Diagnostics)
		}
		between()
		applied, err := p.Server.ApplyResourceChange(ctx, &tfprotov6.ApplyResourceChangeRequest{
			TypeName: "pouncet_secret", PriorState: prior, Config: config, PlannedState: plan.PlannedState,
			PlannedPrivate: plan.PlannedPrivate,
		})
		if err != nil || len(applied.Diagnostics) > 0 {
			t.Fatal(err, applied.Diagnostics)
		}
		return plan.PlannedState, applied.NewState, applied.Private
	}
	_, created, private := change(nil, "one", nil, func() {})
	first := b.Secret("dev", "s")
	planned, after, _ := change(created, "two", private, func() {
		action := p.Schemas.ActionSchemas["pouncet_rotate_secret"].Schema.ValueType()
		stream, err := p.Server.InvokeAction(context.Background(), &tfprotov6.InvokeActionRequest{
			ActionType: "pouncet_rotate_secret", Config: p.Config(action, map[string]string{"name": "s", "environment": "dev"}),
		})
		if err != nil {
			t.Fatal(err)
		}
		for e := range stream.Events {
			if done, ok := e.Type.(tfprotov6.CompletedInvokeActionEventType); ok && len(done.Diagnostics) > 0 {
				t.Fatal(done.Diagnostics)
			}
		}
	})
	if b.Secret("dev", "s") == first {
		t.Fatal("the action did not rotate the secret")
	}
	result := decode(after)
	for name, want := range decode(planned) {
		if want.IsFullyKnown() && !want.Equal(result[name]) {
			t.Errorf("%s was planned as %s, and is %s", name, want, result[name])
		}
	}
	if version := result["version"]; !version.Equal(tftypes.NewValue(tftypes.Number, 2)) {
		t.Errorf("the version is %s, want 2", version)
	}
}

// "Rotate on deployment": an action rotates a secret before its own update, or before or after the update of something
// that its description refers to. A copy of the value follows in the same apply, unless the action comes after the
// update: Terraform does not let the copy wait for it.
func TestRotationByAction(t *testing.T) {
	w := newOrdinary(t)
	if version := w.Must("version", "-json"); !regexp.MustCompile(`"terraform_version": "1\.(1[4-9]|[2-9]\d)`).MatchString(
		version) {
		t.Skip("SKIPPED: actions need Terraform 1.14 or later: set TF_ACC_TERRAFORM_PATH")
	}
	trigger := func(event, action string) string {
		return fmt.Sprintf("lifecycle {\n    action_trigger {\n      events  = [%s]\n      actions = [%s]\n    }\n  }",
			event, "action.pouncet_rotate_secret."+action)
	}
	config := func(release int) {
		w.config(fmt.Sprintf(`
resource "terraform_data" "before" {
  input = %[1]d
  %[2]s
}
resource "terraform_data" "after" {
  input = %[1]d
  %[3]s
}
resource "pouncet_secret" "own" {
  name        = "own"
  environment = "dev"
  generate    = {}
  description = "release %[1]d"
  %[4]s
}
resource "pouncet_secret" "later" {
  name        = "later"
  environment = "dev"
  generate    = {}
  description = "release ${terraform_data.after.output}"
}
resource "pouncet_secret" "s" {
  name          = "s"
  environment   = "dev"
  generate      = {}
  rotation_days = 30
  description   = "release ${terraform_data.before.output}"
}
ephemeral "pouncet_secret_value" "s" {
  name        = pouncet_secret.s.name
  environment = "dev"
  at_version  = pouncet_secret.s.version
}
resource "pouncet_secret" "copy" {
  name        = "copy"
  environment = "dev"
  value_wo    = ephemeral.pouncet_secret_value.s.value
}
action "pouncet_rotate_secret" "own" {
  config {
    name        = "own"
    environment = "dev"
  }
}
action "pouncet_rotate_secret" "later" {
  config {
    name        = "later"
    environment = "dev"
  }
}
action "pouncet_rotate_secret" "s" {
  config {
    name        = "s"
    environment = "dev"
  }
}`, release, trigger("before_update", "s"), trigger("after_update", "later"), trigger("before_update", "own")))
	}
	seen := map[string]bool{}
	for release, parallelism := range []int{10, 1, 10, 1} {
		config(release)
		w.converges(parallelism)
		value := w.pouncet("resolve", "s", "--env", "dev")
		w.has("dev", "copy", value)
		own := w.pouncet("resolve", "own", "--env", "dev")
		later := w.pouncet("resolve", "later", "--env", "dev")
		if seen[value] || seen[own] || seen[later] {
			t.Error("a release did not rotate the secrets")
		}
		seen[value], seen[own], seen[later] = true, true, true
	}
}
