// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestValueIsGeneratedOnce(t *testing.T) {
	b := acctest.New(t)
	var value string
	keepsValue := func(keeps bool) statecheck.StateCheck {
		return acctest.Check(func() error {
			current := b.Secret("dev", "db_password")
			if value != "" && (current == value) != keeps {
				return fmt.Errorf("the secret keeps its value: %v, want %v", current == value, keeps)
			}
			value = current
			return nil
		})
	}
	step := func(more, version string, keeps bool) acctest.Step {
		return apply(b.Config(secretWithoutValue(more)), check("version", version), keepsValue(keeps))
	}
	acctest.Run(t,
		step(`generate = {}`, "1", true),
		planIsEmpty(b.Config(secretWithoutValue(`generate = {}`))),
		step(`generate = { length = 40 }`, "1", true), // the length is for the next value
		step(`generate = { length = 40, keepers = { year = "2026" } }`, "2", false),
		step(`generate = { length = 40, keepers = { year = "2026" } }`+"\n  description = \"kept\"", "2", true),
		step(`generate = { length = 12, keepers = { year = "2027" } }`, "3", false),
		planIsEmpty(
			b.Config(secretWithoutValue(`generate = { length = 12, keepers = { year = "2027" } }`)),
			acctest.Check(func() error {
				if len(value) != 12 {
					return fmt.Errorf("the value has %d characters, want 12", len(value))
				}
				return nil
			}),
		),
		// A configured value replaces the generated one. With generate again, it stays until keepers change.
		applyAs(plancheck.ResourceActionUpdate, b.Config(secretConfig("own", "")), check("version", "4")),
		applyAs(
			plancheck.ResourceActionUpdate, b.Config(secretWithoutValue(`generate = { keepers = { year = "2027" } }`)),
			check("version", "4"), hasValue(b, "dev", "db_password", "own"),
		),
		apply(b.Config(secretWithoutValue("")), check("version", "4")),
		planFails(b.Config(secretConfig("own", `generate = {}`)), `(?s)value_wo.*generate`),
		planFails(b.Config(secretWithoutValue(`generate = { length = 5 }`)), `(?s)length.*between 8 and`),
		// An alphabet that is not valid is an error, even if the plan generates no value.
		planFails(
			b.Config(secretWithoutValue(`generate = { alphabet = "aaaaaaaaaaaa", keepers = {} }`)),
			`(?s)Invalid alphabet.*each\s+once`,
		),
		planFails(
			b.Config(secretWithoutValue("generate = { alphabet = \"aaaaaaaaaaaa\", keepers = { a = \"b\" } }")),
			`(?s)Invalid alphabet.*each\s+once`,
		),
		apply(b.Config(secretWithoutValue("")), check("version", "4")),
	)
}

func TestUnknownKeepersGenerateANewValue(t *testing.T) {
	b := acctest.New(t)
	config := func(seed string) string {
		return b.Config(fmt.Sprintf("resource \"terraform_data\" \"t\" { input = %q }\n", seed) +
			secretWithoutValue(`generate = { keepers = { seed = terraform_data.t.output } }`))
	}
	acctest.Run(t,
		apply(config("a"), check("version", "1")),
		planIsEmpty(config("a")),
		apply(config("b"), check("version", "2")),
	)
}

// An empty value keeps the present value of the secret, as a missing value does. Only a new secret needs a value.
func TestAnEmptyValueKeepsTheValue(t *testing.T) {
	for argument, first := range map[string]string{"value_wo": "first", "value_base64_wo": "Zmlyc3Q="} {
		t.Run(argument, func(t *testing.T) {
			b := acctest.New(t)
			config := func(value, more string) string {
				return b.Config("variable \"empty\" {\n  default = \"\"\n}\n" +
					secretWithoutValue(fmt.Sprintf("%s = %s\n  %s", argument, value, more)))
			}
			kept := hasValue(b, "dev", "db_password", "first")
			acctest.Run(t,
				planFails(config(`""`, ""), `Secret\s+value\s+is\s+required`),
				apply(config(strconv.Quote(first), ""), check("version", "1"), kept),
				planIsEmpty(config(`""`, "")),
				planIsEmpty(config(`var.empty`, "")),
				apply(config(`""`, `description = "of the database"`), check("version", "1"), kept),
				apply(config(`""`, `value_wo_version = 2`), check("version", "1"), kept),
			)
		})
	}
}

func TestImportedSecretKeepsItsValueWithGenerate(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db_password", "imported")
	block := "import {\n  to = pouncet_secret.s\n  id = \"dev/db_password\"\n}\n"
	acctest.Run(t,
		apply(
			b.Config(block+secretWithoutValue(`generate = {}`)), check("version", "1"),
			hasValue(b, "dev", "db_password", "imported"),
		),
		planIsEmpty(b.Config(secretWithoutValue(`generate = {}`))),
	)
}

// randomValue returns the configuration of the secret with a value that differs in every run.
func randomValue(more string) string {
	return "ephemeral \"random_value\" \"r\" {}\n" +
		secretWithoutValue("value_wo = ephemeral.random_value.r.result\n  "+more)
}

// Without value_wo_version, a random value is an update in every plan.
func TestRandomValueIsWrittenWhenItsVersionChanges(t *testing.T) {
	b := acctest.New(t)
	config := func(more string) string { return b.Config(randomValue(more)) }
	const update = plancheck.ResourceActionUpdate
	acctest.Run(t,
		acctest.Step{Config: config(""), ExpectNonEmptyPlan: true, StateChecks: acctest.Checks(check("version", "1"))},
		applyAs(update, config(`value_wo_version = 1`), check("version", "2")),
		planIsEmpty(config(`value_wo_version = 1`)),
		applyAs(update, config("value_wo_version = 1\n  description = \"keeps the value\""), check("version", "2")),
		applyAs(update, config(`value_wo_version = 2`), check("version", "3")),
	)
}

func TestValueVersionAtCreationWritesOnce(t *testing.T) {
	b := acctest.New(t)
	config := b.Config(randomValue("value_wo_version = 1"))
	acctest.Run(t,
		apply(config, check("version", "1")),
		planIsEmpty(config),
	)
}

func TestExpiryRotationAndProtection(t *testing.T) {
	b := acctest.New(t)
	due := acctest.AttrSet(address, "rotation_due_at")
	days := 7
	rotateWeekly := backend.Change{
		Op: backend.OpUpdate, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: "db_password",
		RotationDays: &days,
	}
	acctest.Run(t,
		apply(
			b.Config(secretConfig("v", `rotation_days = 30
  expires_at = "2999-01-31T12:00:00+02:00"
  deletion_protection = true`)),
			due, check("expires_at", "2999-01-31T12:00:00+02:00"), check("deletion_protection", "true"),
		),
		apply(
			b.Config(secretConfig("w", `rotation_days = 30
  expires_at = "2999-01-31T10:00:00Z"
  deletion_protection = true`)),
			due, check("version", "2"),
		),
		planFails(b.Config(""), `(?s)protected against\s+deletion`),
		apply(
			b.Config(secretConfig("w", `rotation_days = 60`)), due,
			acctest.NoAttr(address, "expires_at"), check("deletion_protection", "false"),
		),
		apply(b.Config(secretConfig("w", "")), acctest.NoAttr(address, "rotation_due_at")),
		planFails(b.Config(secretConfig("w", `expires_at = "tomorrow"`)), `(?s)expires_at.*RFC`),
		planFails(b.Config(secretConfig("w", `rotation_days = 0`)), `rotation_days`),
		// A change outside Terraform is drift.
		after(func() { b.Apply(rotateWeekly) },
			applyAs(plancheck.ResourceActionUpdate, b.Config(secretConfig("w", "")))),
	)
}

func TestOperationStopsAtItsTimeout(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		applyFails(
			b.Config(secretConfig("v", `timeouts = { create = "1ns" }`)),
			`(?s)Creating the secret.*longer\s+than\s+its\s+timeout`,
		),
		planFails(b.Config(secretConfig("v", `timeouts = { create = "soon" }`)), `(?s)Time\s+Duration`),
		apply(b.Config(secretConfig("v", `timeouts = { create = "1m" }`)), check("version", "1")),
	)
}

// The test compares with fingerprints and without them, and also right after an import.
func TestEquivalentJSONIsNoChange(t *testing.T) {
	for name, forbid := range map[string]bool{"with fingerprints": false, "with dry runs": true} {
		t.Run(name, func(t *testing.T) {
			b := acctest.New(t)
			b.Apply(
				backend.Change{
					Op: backend.OpUpdate, Kind: backend.KindProject, Name: "default",
					Policy: &backend.PolicyChange{ForbidFingerprints: &forbid},
				},
				backend.Change{
					Op: backend.OpSet, Kind: backend.KindSecretType, Project: "default", Name: "login",
					Schema: json.RawMessage(
						`{"type":"object","properties":{"user":{"type":"string"},"port":{"type":"integer"}}}`),
				},
			)
			b.SetSecret("dev", "other", "the snapshot needs a second secret")
			login := "login"
			b.Apply(backend.Change{
				Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev",
				Name: "db_password", Type: &login, Value: backend.PlaintextString(`{"user":"u","port":1}`),
			})
			config := func(value string) string {
				return b.Config(secretWithoutValue(fmt.Sprintf("type = \"login\"\n  value_wo = %q", value)) + `
resource "pouncet_secret" "other" {
  name        = "other"
  environment = "dev"
  value_wo    = "the snapshot needs a second secret"
}
import {
  to = pouncet_secret.s
  id = "dev/db_password"
}
import {
  to = pouncet_secret.other
  id = "dev/other"
}`)
			}
			acctest.Run(t,
				applyAs(plancheck.ResourceActionNoop, config(`{ "port": 1, "user": "u" }`), check("version", "1")),
				planIsEmpty(config("{\n\"port\":1,\"user\":\"\\u0075\"}"), check("version", "1")),
				applyAs(plancheck.ResourceActionUpdate, config(`{"port":2,"user":"u"}`), check("version", "2")),
				// Numbers are compared as they are written.
				apply(config(`{"port":2.0,"user":"u"}`), check("version", "3")),
				planFails(config(`{"port":"2","user":"u"}`), `(?s)value_wo.*port`),
				planIsEmpty(config(`{"port":2.0,"user":"u"}`)),
			)
		})
	}
}
