// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

const address = "pouncet_secret.s"

func secretConfig(value, more string) string {
	return fmt.Sprintf(`
resource "pouncet_secret" "s" {
  name        = "db_password"
  environment = "dev"
  value_wo    = %q
  %s
}`, value, more)
}

func check(name, value string) resource.TestCheckFunc {
	return resource.TestCheckResourceAttr(address, name, value)
}

// holds checks the value in the backend.
func hasValue(b *acctest.Backend, env, name, want string) resource.TestCheckFunc {
	return func(*terraform.State) error {
		if got := b.Secret(env, name); got != want {
			return fmt.Errorf("%s in %s holds %q, want %q", name, env, got, want)
		}
		return nil
	}
}

func planAction(action plancheck.ResourceActionType) resource.ConfigPlanChecks {
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectResourceAction(address, action)}}
}

var emptyPlan = resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()}}

func TestSecretLife(t *testing.T) {
	b := acctest.New(t)
	var id string
	sameID := resource.TestCheckResourceAttrWith(address, "id", func(v string) error {
		if id == "" {
			id = v
		}
		if v != id {
			return fmt.Errorf("the id changed from %s to %s", id, v)
		}
		return nil
	})
	acctest.Run(t,
		resource.TestStep{
			Config: b.Config(secretConfig("first", "")),
			Check: resource.ComposeAggregateTestCheckFunc(sameID, check("version", "1"), check("scope", "project"), check("project", "default"),
				check("visibility", "masked"), resource.TestCheckNoResourceAttr(address, "value_wo"), hasValue(b, "dev", "db_password", "first")),
		},
		resource.TestStep{Config: b.Config(secretConfig("first", "")), ConfigPlanChecks: emptyPlan},
		resource.TestStep{ // a new value, and nothing else that Terraform could see
			Config: b.Config(secretConfig("second", "")), ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate),
			Check: resource.ComposeAggregateTestCheckFunc(sameID, check("version", "2"), hasValue(b, "dev", "db_password", "second")),
		},
		resource.TestStep{Config: b.Config(secretConfig("second", "")), ConfigPlanChecks: emptyPlan},
		resource.TestStep{ // metadata alone keeps the value and its version
			Config:           b.Config(secretConfig("second", `description = "what for"`+"\n  labels = { team = \"data\" }\n  visibility = \"restricted\"")),
			ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate),
			Check:            resource.ComposeAggregateTestCheckFunc(sameID, check("version", "2"), check("description", "what for"), check("labels.team", "data"), check("visibility", "restricted")),
		},
		resource.TestStep{ // and can be taken away again
			Config: b.Config(secretConfig("second", `visibility = "masked"`)),
			Check:  resource.ComposeAggregateTestCheckFunc(sameID, check("version", "2"), resource.TestCheckNoResourceAttr(address, "description"), resource.TestCheckNoResourceAttr(address, "labels")),
		},
		resource.TestStep{ // a rename in place, together with a new value
			Config: b.Config(`
resource "pouncet_secret" "s" {
  name        = "renamed"
  environment = "dev"
  value_wo    = "third"
}`),
			ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate),
			Check:            resource.ComposeAggregateTestCheckFunc(sameID, check("version", "3"), hasValue(b, "dev", "renamed", "third"), hasValue(b, "dev", "db_password", "")),
		},
		resource.TestStep{ // without a value, what is there is left alone
			Config: b.Config(`
resource "pouncet_secret" "s" {
  name        = "renamed"
  environment = "dev"
}`),
			ConfigPlanChecks: emptyPlan,
			Check:            hasValue(b, "dev", "renamed", "third"),
		},
		resource.TestStep{ // another environment is another secret
			Config: b.Config(`
resource "pouncet_secret" "s" {
  name        = "renamed"
  environment = "prod"
  value_wo    = "prod's"
}`),
			ConfigPlanChecks: planAction(plancheck.ResourceActionDestroyBeforeCreate),
			Check:            resource.ComposeAggregateTestCheckFunc(check("version", "1"), hasValue(b, "prod", "renamed", "prod's"), hasValue(b, "dev", "renamed", "")),
		},
	)
	if v := b.Secret("prod", "renamed"); v != "" {
		t.Error("the secret is there after destroy")
	}
}

func TestSecretChangedBehindTerraformsBack(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		resource.TestStep{Config: b.Config(secretConfig("declared", ""))},
		resource.TestStep{
			PreConfig:        func() { b.SetSecret("dev", "db_password", "by hand") },
			Config:           b.Config(secretConfig("declared", "")),
			ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate),
			Check:            resource.ComposeAggregateTestCheckFunc(check("version", "3"), hasValue(b, "dev", "db_password", "declared")),
		},
		resource.TestStep{ // written by hand, but to the same value: another version, and nothing to do
			PreConfig: func() {
				b.SetSecret("dev", "db_password", "by hand")
				b.SetSecret("dev", "db_password", "declared")
			},
			Config: b.Config(secretConfig("declared", "")), ConfigPlanChecks: emptyPlan,
		},
		resource.TestStep{ // deleted by hand: made again
			PreConfig: func() {
				b.Apply(backend.Change{Op: backend.OpDelete, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev", Name: "db_password"})
			},
			Config: b.Config(secretConfig("declared", "")), ConfigPlanChecks: planAction(plancheck.ResourceActionCreate),
			Check: check("version", "1"),
		},
	)
}

func TestSecretValueVersion(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		resource.TestStep{Config: b.Config(secretConfig("one", "value_wo_version = 1")), Check: check("version", "1")},
		resource.TestStep{ // another value under the same number is not written
			Config: b.Config(secretConfig("two", "value_wo_version = 1")), ConfigPlanChecks: emptyPlan, Check: hasValue(b, "dev", "db_password", "one"),
		},
		resource.TestStep{
			Config: b.Config(secretConfig("two", "value_wo_version = 2")), Check: resource.ComposeAggregateTestCheckFunc(check("version", "2"), hasValue(b, "dev", "db_password", "two")),
		},
		resource.TestStep{ // back to comparing, in place
			Config: b.Config(secretConfig("two", "")), ConfigPlanChecks: planAction(plancheck.ResourceActionUpdate), Check: check("version", "2"),
		},
	)
}

// TestSecretUnknownValue gives a value that is known only while applying.
func TestSecretUnknownValue(t *testing.T) {
	b := acctest.New(t)
	config := func(seed string) string {
		return b.Config(fmt.Sprintf(`
resource "terraform_data" "seed" { input = %q }
resource "pouncet_secret" "s" {
  name        = "db_password"
  environment = "dev"
  value_wo    = terraform_data.seed.output
}`, seed))
	}
	acctest.Run(t,
		resource.TestStep{Config: config("one"), Check: resource.ComposeAggregateTestCheckFunc(check("version", "1"), hasValue(b, "dev", "db_password", "one"))},
		resource.TestStep{Config: config("one"), ConfigPlanChecks: emptyPlan},
		// Unknown while planning, the value is left alone; the next plan sees that it differs.
		resource.TestStep{Config: config("two"), Check: hasValue(b, "dev", "db_password", "one"), ExpectNonEmptyPlan: true},
		resource.TestStep{Config: config("two"), Check: resource.ComposeAggregateTestCheckFunc(check("version", "2"), hasValue(b, "dev", "db_password", "two"))},
	)
}

func TestSecretImport(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db_password", "there already")
	b.Apply(backend.Change{Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "*", Scope: "app/web", Name: "key", Value: backend.PlaintextString("shared")})
	config := b.Config(secretConfig("there already", ""))
	acctest.Run(t,
		resource.TestStep{Config: config, ResourceName: address, ImportState: true, ImportStateId: "dev/db_password", ImportStatePersist: true},
		resource.TestStep{Config: config, ConfigPlanChecks: emptyPlan},
		resource.TestStep{Config: config, ResourceName: address, ImportState: true, ImportStateVerify: true}, // by id
		resource.TestStep{Config: config, ResourceName: address, ImportState: true, ImportStateId: "default/dev/db_password", ImportStateVerify: true},
		resource.TestStep{Config: config, ResourceName: address, ImportState: true, ImportStateId: "dev/nope", ExpectError: regexp.MustCompile(`(?s)nope.*does not\s+exist`)},
		resource.TestStep{Config: config, ResourceName: address, ImportState: true, ImportStateId: "db_password", ExpectError: regexp.MustCompile(`not\s+a\s+valid\s+import\s+id`)},
		resource.TestStep{Config: config + `
resource "pouncet_secret" "shared" {
  name        = "key"
  environment = "*"
  scope       = "app/web"
}
import {
  to = pouncet_secret.shared
  id = "*/app/web/key"
}`, Check: resource.TestCheckResourceAttr("pouncet_secret.shared", "environment", "*")},
	)
}

// TestSecretPlanErrors expects each broken rule in the plan, and no value in any error.
func TestSecretPlanErrors(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "taken", "x")
	plan := func(config, want string) resource.TestStep {
		return resource.TestStep{Config: b.Config(config), PlanOnly: true, ExpectError: regexp.MustCompile(want)}
	}
	one := func(attributes string) string {
		return "resource \"pouncet_secret\" \"s\" {\n  environment = \"dev\"\n" + attributes + "\n}"
	}
	acctest.Run(t,
		plan(one("name = \"has space\"\nvalue_wo = \"v\""), `(?s)Invalid\s+name.*1\s+to\s+256\s+letters`),
		plan(one("name = \"s\"\nvalue_wo = \"v\"\nscope = \"team/x\""), `(?s)Invalid\s+scope.*app/<name>`),
		plan(one("name = \"s\""), `(?s)with pouncet_secret.s.*Secret value is required`),
		plan(one("name = \"s\"\nvalue_wo = \"\""), `Secret value is required`),
		plan(one("name = \"s\"\ntype = \"database_connection\"\nvalue_wo = jsonencode({ host = \"h\", username = \"u\" })"), `(?s)value_wo.*lacks\s+password`),
		plan(one("name = \"s\"\ntype = \"api_key\"\nvalue_wo = \"CANARY\""), `(?s)value_wo.*must\s+have\s+at\s+least\s+8\s+characters`),
		plan(one("name = \"s\"\nvalue_wo = \""+strings.Repeat("x", 65537)+"\""), `(?s)value_wo.*65537.*65536`),
		resource.TestStep{Config: b.Config(one("name = \"taken\"\nvalue_wo = \"v\"")), ExpectError: regexp.MustCompile(`(?s)terraform\s+import.*default/dev/taken`)},
		resource.TestStep{
			PreConfig: func() {
				quota := 1
				b.Apply(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: "default", Policy: &backend.PolicyChange{MaxSecrets: &quota}})
			},
			Config: b.Config(one("name = \"s\"\nvalue_wo = \"v\"")), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)quota.*max_secrets`),
		},
		resource.TestStep{Config: b.Config("")},
	)
}
