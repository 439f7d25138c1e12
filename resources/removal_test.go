// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// What a plan removes, while something uses it.

func TestSecretInUseFailsInThePlan(t *testing.T) {
	b := acctest.New(t)
	user := backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev", Name: "user", Link: &backend.Link{Secret: "db_password"}}
	names := regexp.MustCompile(`(?s)in\s+use\s+by\s+scoped\s+value\s+user`)
	gone := user
	gone.Op, gone.Link = backend.OpDelete, nil
	acctest.Run(t,
		resource.TestStep{Config: b.Config(secretConfig("v", ""))},
		resource.TestStep{PreConfig: func() { b.Apply(user) }, Config: b.Config(""), PlanOnly: true, ExpectError: names},
		resource.TestStep{Config: b.Config(secretConfig("v", `scope = "app/web"`)), PlanOnly: true, ExpectError: names}, // replaced
		resource.TestStep{PreConfig: func() { b.Apply(gone) }, Config: b.Config("")},
	)
}

// TestUserOfAnotherConfiguration fails in the plan as soon as configurations have names.
func TestUserOfAnotherConfiguration(t *testing.T) {
	b := acctest.New(t)
	other := backend.ManagedByTerraform + ":other"
	user := backend.Change{Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev", Name: "user", Link: &backend.Link{Secret: "db_password"}, ManagedBy: &other}
	gone := user
	gone.Op, gone.Link, gone.ManagedBy = backend.OpDelete, nil, nil
	acctest.Run(t,
		resource.TestStep{Config: b.Config(secretConfig("v", ""))},
		resource.TestStep{PreConfig: func() { b.Apply(user) }, Config: b.Config(""), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)in\s+use\s+by\s+scoped\s+value\s+user`)},
		resource.TestStep{PreConfig: func() { b.Apply(gone) }, Config: b.Config("")},
	)
}

// TestNamedConfiguration removes what it made, users and used, in one plan.
func TestNamedConfiguration(t *testing.T) {
	b := acctest.New(t)
	config := func(body string) string {
		return fmt.Sprintf("provider \"pouncet\" {\n  path          = %q\n  configuration = \"web\"\n}\n%s", b.Path, body)
	}
	acctest.Run(t,
		resource.TestStep{Config: config(linked(3))},
		resource.TestStep{Config: config("")},
		resource.TestStep{Config: fmt.Sprintf("provider \"pouncet\" {\n  path          = %q\n  configuration = \"a b\"\n}\n%s", b.Path, linked(1)), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)configuration.*1 to 50 letters`)},
	)
}

// linked is n secrets, each with a scoped value that links to it by reference.
func linked(n int) string {
	return fmt.Sprintf(`
resource "pouncet_environment" "e" { name = "own" }
resource "pouncet_secret" "s" {
  count       = %d
  environment = pouncet_environment.e.name
  name        = "s${count.index}"
  value_wo    = "v"
}
resource "pouncet_scoped_value" "v" {
  count       = %[1]d
  environment = pouncet_environment.e.name
  name        = "v${count.index}"
  from_secret = { name = pouncet_secret.s[count.index].name }
}`, n)
}

// TestUsersGoInTheSamePlan removes secrets with what uses them, and the
// environment that holds them all. Terraform plans these in any order, and there
// are more of them than it plans at a time.
func TestUsersGoInTheSamePlan(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		resource.TestStep{Config: b.Config(linked(24))},
		resource.TestStep{Config: b.Config(""), ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
			plancheck.ExpectResourceAction("pouncet_secret.s[0]", plancheck.ResourceActionDestroy),
			plancheck.ExpectResourceAction("pouncet_environment.e", plancheck.ResourceActionDestroy),
		}}},
	)
}

// TestUserStays removes secrets and leaves their users, which say so by name.
func TestUserStays(t *testing.T) {
	b := acctest.New(t)
	users := `
resource "pouncet_scoped_value" "v" {
  count       = 12
  environment = "dev"
  name        = "v${count.index}"
  from_secret = { name = "s${count.index}" }
  depends_on  = [pouncet_secret.s]
}
`
	secrets := func(n int) string {
		return fmt.Sprintf(`
resource "pouncet_secret" "s" {
  count       = %d
  environment = "dev"
  name        = "s${count.index}"
  value_wo    = "v"
}`, n)
	}
	acctest.Run(t,
		resource.TestStep{Config: b.Config(users + secrets(12))},
		resource.TestStep{Config: b.Config(users + secrets(0)), PlanOnly: true, ExpectError: regexp.MustCompile(`(?si)secret\s+"s3"\s+is\s+in\s+use\s+by\s+scoped\s+value\s+v3`)},
		resource.TestStep{Config: b.Config(users + secrets(12)), ConfigPlanChecks: emptyPlan},
	)
}

// TestQuotaCountsAWholePlan expects one error, with the numbers, although each
// secret by itself would still fit.
func TestQuotaCountsAWholePlan(t *testing.T) {
	b := acctest.New(t)
	quota := 20
	b.Apply(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: "default", Policy: &backend.PolicyChange{MaxSecrets: &quota}})
	config := func(n int, more string) string {
		return b.Config(fmt.Sprintf(`
resource "pouncet_secret" "s" {
  count       = %d
  environment = "dev"
  name        = "s${count.index}"
  value_wo    = "v"
}
%s`, n, more))
	}
	acctest.Run(t,
		resource.TestStep{Config: config(25, ""), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)would\s+have\s+25\s+secrets:.*this\s+plan\s+adds\s+25.*is\s+20.*--max-secrets\s+25`)},
		resource.TestStep{Config: config(20, "")},
		resource.TestStep{Config: config(21, ""), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)would\s+have\s+21\s+secrets:\s+20\s+exist`)},
		resource.TestStep{Config: config(20, `
resource "pouncet_project" "p" {
  name        = "shop"
  max_secrets = 2
}
resource "pouncet_secret" "t" {
  count       = 3
  project     = pouncet_project.p.name
  environment = "*"
  name        = "t${count.index}"
  value_wo    = "v"
}`), PlanOnly: true, ExpectError: regexp.MustCompile(`(?s)"shop"\s+would\s+have\s+3\s+secrets`)},
		resource.TestStep{Config: config(0, "")},
	)
}

// TestQuotaRaisedAnywhereInThePlan names the project nowhere, so that Terraform
// plans the quota at any time.
func TestQuotaRaisedAnywhereInThePlan(t *testing.T) {
	b := acctest.New(t)
	quota := 2
	b.Apply(backend.Change{Op: backend.OpUpdate, Kind: backend.KindProject, Name: "default", Policy: &backend.PolicyChange{MaxSecrets: &quota}})
	config := b.Config(`
import {
  to = pouncet_project.p
  id = "default"
}
resource "pouncet_project" "p" {
  name        = "default"
  max_secrets = 30
}
resource "pouncet_secret" "s" {
  count       = 25
  environment = "dev"
  name        = "s${count.index}"
  value_wo    = "v"
}`)
	acctest.Run(t, resource.TestStep{Config: config, PlanOnly: true, ExpectNonEmptyPlan: true})
}
