// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// Deletions of objects in use, and quotas of whole plans.

// dependent returns changes that create and delete a scoped value that links to the secret at address.
func dependent(managedBy *string) (create, remove backend.Change) {
	create = backend.Change{
		Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev", Name: "user",
		Link: &backend.Link{Secret: "db_password"}, ManagedBy: managedBy,
	}
	remove = create
	remove.Op, remove.Link, remove.ManagedBy = backend.OpDelete, nil, nil
	return create, remove
}

// namesDependent matches the error that names the dependent.
const namesDependent = `(?s)in\s+use\s+by\s+scoped\s+value\s+user.*Remove\s+or\s+change\s+the\s+dependents\s+in` +
	`\s+the\s+same\s+apply.*pouncet\s+secret\s+delete\s+--force\s+[0-9a-f]`

func TestPlanRefusesToDeleteASecretInUse(t *testing.T) {
	b := acctest.New(t)
	create, remove := dependent(nil)
	acctest.Run(t,
		apply(b.Config(secretConfig("v", ""))),
		after(func() { b.Apply(create) }, planFails(b.Config(""), namesDependent)),
		// A replacement deletes the secret too.
		planFails(b.Config(secretConfig("v", `scope = "app/web"`)), namesDependent),
		after(func() { b.Apply(remove) }, apply(b.Config(""))),
	)
}

func TestPlanRefusesToDeleteWhatAnotherConfigurationUses(t *testing.T) {
	b := acctest.New(t)
	other := backend.ManagedByTerraform + ":other"
	create, remove := dependent(&other)
	acctest.Run(t,
		apply(b.Config(secretConfig("v", ""))),
		after(func() { b.Apply(create) }, planFails(b.Config(""), namesDependent)),
		after(func() { b.Apply(remove) }, apply(b.Config(""))),
	)
}

// named returns a configuration with a name.
func named(b *acctest.Backend, name, body string) string {
	return fmt.Sprintf("provider \"pouncet\" {\n  path          = %q\n  configuration = %q\n}\n%s", b.Path, name, body)
}

// The other configuration can be this one, before it was renamed.
func TestDeletionOfWhatAnotherConfigurationUsesNamesTheWayToAdoptIt(t *testing.T) {
	b := acctest.New(t)
	other := backend.ManagedByTerraform + ":store"
	create, remove := dependent(&other)
	acctest.Run(t,
		apply(named(b, "shop", secretConfig("v", ""))),
		after(func() { b.Apply(create) },
			planFails(named(b, "shop", ""), `(?s)configuration\s+adopt\s+shop\s+--from\s+store`)),
		after(func() { b.Apply(remove) }, apply(named(b, "shop", ""))),
	)
}

// Configurations without a name have the same owner. So a deletion must not touch what another of them uses.
func TestDeletionWithoutANameRespectsOtherConfigurations(t *testing.T) {
	b := acctest.New(t)
	other := backend.ManagedByTerraform
	create, remove := dependent(&other)
	acctest.Run(t,
		apply(b.Config(secretConfig("v", ""))),
		after(func() { b.Apply(create) }, apply(b.Config(""))),
		after(func() { // both are as before
			b.Apply(create)
			b.Apply(remove)
			b.Apply(backend.Change{
				Op: backend.OpDelete, Kind: backend.KindSecret, Project: "default", Environment: "dev", Name: "db_password",
			})
		}, apply(b.Config(""))),
	)
}

func TestNamedConfigurationDeletesItsObjects(t *testing.T) {
	b := acctest.New(t)
	config := func(name, body string) string { return named(b, name, body) }
	acctest.Run(t,
		apply(config("web", linked(3))),
		apply(config("web", "")),
		planFails(config("a b", linked(1)), `(?s)configuration.*1 to 50 letters`),
	)
}

// linked returns the configuration of n secrets in an environment, each with a scoped value that links to it by
// reference.
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

// Terraform plans deletions in any order, and there are more of them here than it plans at the same time.
func TestSecretsAndDependentsAreDeletedInOnePlan(t *testing.T) {
	b := acctest.New(t)
	deletion := apply(b.Config(""))
	deletion.PlanChecks = planActions(plancheck.ResourceActionDestroy,
		"pouncet_secret.s[0]", "pouncet_environment.e")
	acctest.Run(t, apply(b.Config(linked(24))), deletion)
}

func TestPlanRefusesToDeleteASecretWhoseDependentStays(t *testing.T) {
	b := acctest.New(t)
	values := `
resource "pouncet_scoped_value" "v" {
  count       = 12
  environment = "dev"
  name        = "v${count.index}"
  from_secret = { name = "s${count.index}" }
  depends_on  = [pouncet_secret.s]
}
`
	acctest.Run(t,
		apply(b.Config(values+numberedSecrets(12))),
		planFails(b.Config(values+numberedSecrets(0)), `(?si)secret\s+"s3"\s+is\s+in\s+use\s+by\s+scoped\s+value\s+v3`),
		planIsEmpty(b.Config(values+numberedSecrets(12))),
	)
}

// numberedSecrets returns the configuration of n secrets named s0, s1 and so on.
func numberedSecrets(n int) string {
	return fmt.Sprintf(`
resource "pouncet_secret" "s" {
  count       = %d
  environment = "dev"
  name        = "s${count.index}"
  value_wo    = "v"
}
`, n)
}

// quota sets the quota of the project default.
func quota(n int) backend.Change {
	return backend.Change{
		Op: backend.OpUpdate, Kind: backend.KindProject, Name: "default", Policy: &backend.PolicyChange{MaxSecrets: &n},
	}
}

// The plan reports one error with the numbers, although each secret by itself is within the quota.
func TestQuotaCountsTheWholePlan(t *testing.T) {
	b := acctest.New(t)
	b.Apply(quota(20))
	otherProject := `
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
}`
	acctest.Run(t,
		planFails(b.Config(numberedSecrets(25)),
			`(?s)"default"\s+would\s+have\s+more\s+secrets\s+than.*is\s+20.*--max-secrets`),
		apply(b.Config(numberedSecrets(20))),
		planFails(b.Config(numberedSecrets(21)), `(?s)more\s+secrets\s+than`),
		planFails(b.Config(numberedSecrets(20)+otherProject), `(?s)"shop"\s+would\s+have\s+more\s+secrets\s+than.*is\s+2`),
		apply(b.Config(numberedSecrets(0))),
	)
}

// Nothing refers to the project, so that Terraform may plan the new quota after the secrets.
func TestQuotaRaisedByAnUnrelatedResource(t *testing.T) {
	b := acctest.New(t)
	config := func(quota, n int) string {
		return b.Config(fmt.Sprintf(`
resource "pouncet_project" "p" {
  name        = "shop"
  max_secrets = %d
}
resource "pouncet_secret" "s" {
  count       = %d
  project     = "shop"
  environment = "*"
  name        = "s${count.index}"
  value_wo    = "v"
}`, quota, n))
	}
	acctest.Run(t,
		apply(config(2, 0)),
		acctest.Step{Config: config(30, 25), PlanOnly: true, ExpectNonEmptyPlan: true},
		planFails(config(20, 25), `(?s)"shop"\s+would\s+have\s+more\s+secrets\s+than.*is\s+20`),
	)
}
