// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// bareSecret is the secret without any value.
func secretWithoutValue(more string) string {
	return fmt.Sprintf("resource \"pouncet_secret\" \"s\" {\n  name = \"db_password\"\n  environment = \"dev\"\n  %s\n}\n", more)
}

func TestGeneratedValueIsMadeOnce(t *testing.T) {
	b := acctest.New(t)
	var value string
	is := func(same bool) resource.TestCheckFunc {
		return func(*terraform.State) error {
			now := b.Secret("dev", "db_password")
			if value != "" && (now == value) != same {
				return fmt.Errorf("same value: %v, want %v", now == value, same)
			}
			value = now
			return nil
		}
	}
	step := func(more, version string, same bool) resource.TestStep {
		return resource.TestStep{Config: b.Config(secretWithoutValue(more)), Check: resource.ComposeAggregateTestCheckFunc(check("version", version), is(same))}
	}
	acctest.Run(t,
		step(`generate = {}`, "1", true),
		resource.TestStep{Config: b.Config(secretWithoutValue(`generate = {}`)), ConfigPlanChecks: emptyPlan},
		step(`generate = { length = 40 }`, "1", true), // of the next one
		step(`generate = { length = 40, keepers = { year = "2026" } }`, "2", false),
		step(`generate = { length = 40, keepers = { year = "2026" } }`+"\n  description = \"kept\"", "2", true),
		step(`generate = { length = 12, keepers = { year = "2027" } }`, "3", false),
		resource.TestStep{
			Config: b.Config(secretWithoutValue(`generate = { length = 12, keepers = { year = "2027" } }`)), ConfigPlanChecks: emptyPlan,
			Check: func(*terraform.State) error {
				if len(value) != 12 {
					return fmt.Errorf("%d characters, want 12", len(value))
				}
				return nil
			},
		},
		// To a value of one's own, and back: the secret stays, and so does the value until keepers change.
		resource.TestStep{Config: b.Config(secretConfig("own", "")), ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate), Check: check("version", "4")},
		resource.TestStep{
			Config: b.Config(secretWithoutValue(`generate = { keepers = { year = "2027" } }`)), ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate),
			Check: resource.ComposeAggregateTestCheckFunc(check("version", "4"), hasValue(b, "dev", "db_password", "own")),
		},
		resource.TestStep{Config: b.Config(secretWithoutValue("")), Check: check("version", "4")},
		resource.TestStep{Config: b.Config(secretConfig("own", `generate = {}`)), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)value_wo.*generate`)},
		resource.TestStep{Config: b.Config(secretWithoutValue(`generate = { length = 5 }`)), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)length.*between 8 and`)},
		resource.TestStep{Config: b.Config(secretWithoutValue(`generate = { alphabet = "aaaaaaaaaaaa", keepers = {} }`)), Check: check("version", "4")},
		resource.TestStep{Config: b.Config(secretWithoutValue("generate = { alphabet = \"aaaaaaaaaaaa\", keepers = { a = \"b\" } }")), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)generate.*none of them\s+twice`)},
		resource.TestStep{Config: b.Config(secretWithoutValue("")), Check: check("version", "4")},
	)
}

// TestGeneratedKeepersKnownLate makes the value again for a keeper that only
// the apply knows.
func TestGeneratedKeepersKnownLate(t *testing.T) {
	b := acctest.New(t)
	config := func(seed string) string {
		return b.Config(fmt.Sprintf("resource \"terraform_data\" \"t\" { input = %q }\n", seed) + secretWithoutValue(`generate = { keepers = { seed = terraform_data.t.output } }`))
	}
	acctest.Run(t,
		resource.TestStep{Config: config("a"), Check: check("version", "1")},
		resource.TestStep{Config: config("a"), ConfigPlanChecks: emptyPlan},
		resource.TestStep{Config: config("b"), Check: check("version", "2")},
	)
}

// TestImportedThenGenerated keeps what was imported.
func TestImportedThenGenerated(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db_password", "imported")
	block := "import {\n  to = pouncet_secret.s\n  id = \"dev/db_password\"\n}\n"
	acctest.Run(t,
		resource.TestStep{Config: b.Config(block + secretWithoutValue(`generate = {}`)), Check: resource.ComposeAggregateTestCheckFunc(check("version", "1"), hasValue(b, "dev", "db_password", "imported"))},
		resource.TestStep{Config: b.Config(secretWithoutValue(`generate = {}`)), ConfigPlanChecks: emptyPlan},
	)
}

// TestValueDrawnAnewInEveryRun is new in every plan, comes to rest with
// value_wo_version, and is never replaced for it.
func TestValueDrawnAnewInEveryRun(t *testing.T) {
	b := acctest.New(t)
	config := func(more string) string {
		return b.Config("ephemeral \"random_value\" \"r\" {}\n" + secretWithoutValue("value_wo = ephemeral.random_value.r.result\n  "+more))
	}
	update := planAction(plancheck.ResourceActionUpdate)
	acctest.Run(t,
		resource.TestStep{Config: config(""), ExpectNonEmptyPlan: true, Check: check("version", "1")},
		resource.TestStep{Config: config(`value_wo_version = 1`), ConfigPlanChecks: update, Check: check("version", "2")},
		resource.TestStep{Config: config(`value_wo_version = 1`), ConfigPlanChecks: emptyPlan},
		resource.TestStep{Config: config("value_wo_version = 1\n  description = \"leaves it alone\""), ConfigPlanChecks: update, Check: check("version", "2")},
		resource.TestStep{Config: config(`value_wo_version = 2`), ConfigPlanChecks: update, Check: check("version", "3")},
	)
}

// TestValueVersionFromTheStart never asks more than once for one number.
func TestValueVersionFromTheStart(t *testing.T) {
	b := acctest.New(t)
	config := b.Config("ephemeral \"random_value\" \"r\" {}\n" + secretWithoutValue("value_wo = ephemeral.random_value.r.result\n  value_wo_version = 1"))
	acctest.Run(t,
		resource.TestStep{Config: config, Check: check("version", "1")},
		resource.TestStep{Config: config, ConfigPlanChecks: emptyPlan},
	)
}

func TestExpiryRotationAndProtection(t *testing.T) {
	b := acctest.New(t)
	due := resource.TestCheckResourceAttrSet(address, "rotation_due_at")
	acctest.Run(t,
		resource.TestStep{Config: b.Config(secretConfig("v", `rotation_days = 30
  expires_at = "2999-01-31T12:00:00+02:00"
  deletion_protection = true`)), Check: resource.ComposeAggregateTestCheckFunc(due, check("expires_at", "2999-01-31T12:00:00+02:00"), check("deletion_protection", "true"))},
		resource.TestStep{Config: b.Config(secretConfig("w", `rotation_days = 30
  expires_at = "2999-01-31T10:00:00Z"
  deletion_protection = true`)), Check: resource.ComposeAggregateTestCheckFunc(due, check("version", "2"))},
		resource.TestStep{Config: b.Config(""), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)protected against\s+deletion`)},
		resource.TestStep{Config: b.Config(secretConfig("w", `rotation_days = 60`)), Check: resource.ComposeAggregateTestCheckFunc(due,
			resource.TestCheckNoResourceAttr(address, "expires_at"), check("deletion_protection", "false"))},
		resource.TestStep{Config: b.Config(secretConfig("w", "")), Check: resource.TestCheckNoResourceAttr(address, "rotation_due_at")},
		resource.TestStep{Config: b.Config(secretConfig("w", `expires_at = "tomorrow"`)), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)expires_at.*RFC`)},
		resource.TestStep{Config: b.Config(secretConfig("w", `rotation_days = 0`)), PlanOnly: true, ExpectError: regexp.MustCompile(`rotation_days`)},
		resource.TestStep{ // changed elsewhere, it shows as drift
			PreConfig: func() {
				days := 7
				b.Apply(backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: "db_password", RotationDays: &days})
			},
			Config: b.Config(secretConfig("w", "")), ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate),
		},
	)
}

// TestTimeouts gives up when told to, and names what it gave up.
func TestTimeouts(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		resource.TestStep{Config: b.Config(secretConfig("v", `timeouts = { create = "1ns" }`)), ExpectError: regexp.MustCompile(`(?s)Creating the secret.*longer\s+than\s+its\s+timeout`)},
		resource.TestStep{Config: b.Config(secretConfig("v", `timeouts = { create = "soon" }`)), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)Time\s+Duration`)},
		resource.TestStep{Config: b.Config(secretConfig("v", `timeouts = { create = "1m" }`)), Check: check("version", "1")},
	)
}

// TestEqualJSONIsNoChange compares values of a JSON type by what they mean,
// with the snapshot and without it, and also right after an import.
func TestEqualJSONIsNoChange(t *testing.T) {
	for name, forbid := range map[string]bool{"fingerprints": false, "asked for": true} {
		t.Run(name, func(t *testing.T) {
			b := acctest.New(t)
			b.Apply(
				backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: "default", Policy: &backend.PolicyChange{ForbidFingerprints: &forbid}},
				backend.Change{Op: backend.OpSet, Kind: backend.KindSecretType, Project: "default", Name: "login",
					Schema: json.RawMessage(`{"type":"object","properties":{"user":{"type":"string"},"port":{"type":"integer"}}}`)},
			)
			b.SetSecret("dev", "other", "beside it, so that there is more than one")
			login := "login"
			b.Apply(backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: "db_password", Type: &login, Value: backend.PlaintextString(`{"user":"u","port":1}`)})
			config := func(value string) string {
				return b.Config(secretWithoutValue(fmt.Sprintf("type = \"login\"\n  value_wo = %q", value)) + `
resource "pouncet_secret" "other" {
  name        = "other"
  environment = "dev"
  value_wo    = "beside it, so that there is more than one"
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
				resource.TestStep{Config: config(`{ "port": 1, "user": "u" }`), ConfigPlanChecks: planAction(plancheck.ResourceActionNoop), Check: check("version", "1")},
				resource.TestStep{Config: config("{\n\"port\":1,\"user\":\"\\u0075\"}"), ConfigPlanChecks: emptyPlan, Check: check("version", "1")},
				resource.TestStep{Config: config(`{"port":2,"user":"u"}`), ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate), Check: check("version", "2")},
				resource.TestStep{Config: config(`{"port":2.0,"user":"u"}`), Check: check("version", "3")}, // numbers are as they are written
				resource.TestStep{Config: config(`{"port":"2","user":"u"}`), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)value_wo.*port`)},
				resource.TestStep{Config: config(`{"port":2.0,"user":"u"}`), ConfigPlanChecks: emptyPlan},
			)
		})
	}
}
