// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestSecretLifecycle(t *testing.T) {
	b := acctest.New(t)
	var id string
	sameID := acctest.AttrWith(address, "id", func(v string) error {
		if id == "" {
			id = v
		}
		if v != id {
			return fmt.Errorf("the id changed from %s to %s", id, v)
		}
		return nil
	})
	acctest.Run(t,
		apply(
			b.Config(secretConfig("first", "")), sameID, check("version", "1"), check("scope", "project"),
			check("project", "default"), check("visibility", "masked"),
			acctest.NoAttr(address, "value_wo"), hasValue(b, "dev", "db_password", "first"),
		),
		planIsEmpty(b.Config(secretConfig("first", ""))),
		// Only the write-only value changes.
		applyAs(
			plancheck.ResourceActionUpdate, b.Config(secretConfig("second", "")), sameID, check("version", "2"),
			hasValue(b, "dev", "db_password", "second"),
		),
		planIsEmpty(b.Config(secretConfig("second", ""))),
		// A change of metadata keeps the value and its version.
		applyAs(
			plancheck.ResourceActionUpdate,
			b.Config(secretConfig("second", `
  description = "what for"
  labels      = { team = "data" }
  visibility  = "restricted"`)),
			sameID, check("version", "2"), check("description", "what for"), check("labels.team", "data"),
			check("visibility", "restricted"),
		),
		apply(
			b.Config(secretConfig("second", `visibility = "masked"`)), sameID, check("version", "2"),
			acctest.NoAttr(address, "description"),
			acctest.NoAttr(address, "labels"),
		),
		// A rename and a new value in one plan.
		applyAs(
			plancheck.ResourceActionUpdate,
			b.Config(`
resource "pouncet_secret" "s" {
  name        = "renamed"
  environment = "dev"
  value_wo    = "third"
}`),
			sameID, check("version", "3"), hasValue(b, "dev", "renamed", "third"),
			hasValue(b, "dev", "db_password", ""),
		),
		// Without a configured value, the secret keeps its value.
		planIsEmpty(
			b.Config(`
resource "pouncet_secret" "s" {
  name        = "renamed"
  environment = "dev"
}`),
			hasValue(b, "dev", "renamed", "third"),
		),
		// Another environment replaces the secret.
		applyAs(
			plancheck.ResourceActionDestroyBeforeCreate,
			b.Config(`
resource "pouncet_secret" "s" {
  name        = "renamed"
  environment = "prod"
  value_wo    = "prod's"
}`),
			check("version", "1"), hasValue(b, "prod", "renamed", "prod's"), hasValue(b, "dev", "renamed", ""),
		),
	)
	if v := b.Secret("prod", "renamed"); v != "" {
		t.Error("the secret still exists after destroy")
	}
}

func TestChangeOutsideTerraformIsDrift(t *testing.T) {
	b := acctest.New(t)
	config := b.Config(secretConfig("declared", ""))
	remove := backend.Change{
		Op: backend.OpDelete, Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: "dev",
		Name: "db_password",
	}
	acctest.Run(t,
		apply(config),
		after(
			func() { b.SetSecret("dev", "db_password", "outside") },
			applyAs(plancheck.ResourceActionUpdate, config, check("version", "3"),
				hasValue(b, "dev", "db_password", "declared")),
		),
		// A new version with the same value needs no change.
		after(func() {
			b.SetSecret("dev", "db_password", "outside")
			b.SetSecret("dev", "db_password", "declared")
		}, planIsEmpty(config)),
		after(func() { b.Apply(remove) }, applyAs(plancheck.ResourceActionCreate, config, check("version", "1"))),
	)
}

func TestValueVersionDecidesWhenTheValueIsWritten(t *testing.T) {
	b := acctest.New(t)
	acctest.Run(t,
		apply(b.Config(secretConfig("one", "value_wo_version = 1")), check("version", "1")),
		// A new value with the same number is not written.
		planIsEmpty(b.Config(secretConfig("two", "value_wo_version = 1")), hasValue(b, "dev", "db_password", "one")),
		apply(
			b.Config(secretConfig("two", "value_wo_version = 2")), check("version", "2"),
			hasValue(b, "dev", "db_password", "two"),
		),
		// Without the number, the plan compares the value again.
		applyAs(plancheck.ResourceActionUpdate, b.Config(secretConfig("two", "")), check("version", "2")),
	)
}

func TestUnknownValueIsWrittenInTheSameApply(t *testing.T) {
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
		apply(config("one"), check("version", "1"), hasValue(b, "dev", "db_password", "one")),
		planIsEmpty(config("one")),
		// The plan does not know the value, and the apply writes it.
		applyAs(plancheck.ResourceActionUpdate, config("two"), check("version", "2"),
			hasValue(b, "dev", "db_password", "two")),
		planIsEmpty(config("two")),
	)
}

func TestSecretImport(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "db_password", "existing")
	b.Apply(backend.Change{
		Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: "*", Scope: "app/web",
		Name: "key", Value: backend.PlaintextString("shared"),
	})
	config := b.Config(secretConfig("existing", ""))
	importFails := func(importID, pattern string) acctest.Step {
		return acctest.Step{
			Config: config, Import: &acctest.Import{Address: address, ID: importID},
			ExpectError: regexp.MustCompile(pattern),
		}
	}
	acctest.Run(t,
		acctest.Step{
			Config: config, Import: &acctest.Import{Address: address, ID: "dev/db_password", Persist: true},
		},
		planIsEmpty(config),
		acctest.Step{Config: config, Import: &acctest.Import{Address: address}}, // by id
		importsAs(config, address, "default/dev/db_password"),
		importFails("dev/nope", `(?s)nope.*does not\s+exist`),
		importFails("db_password", `not\s+a\s+valid\s+import\s+id`),
		apply(
			config+`
resource "pouncet_secret" "shared" {
  name        = "key"
  environment = "*"
  scope       = "app/web"
}
import {
  to = pouncet_secret.shared
  id = "*/app/web/key"
}`,
			acctest.Attr("pouncet_secret.shared", "environment", "*"),
		),
	)
}

func TestBrokenRulesFailThePlan(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("dev", "taken", "x")
	config := func(attributes ...string) string {
		lines := strings.Join(attributes, "\n  ")
		return b.Config(fmt.Sprintf("resource \"pouncet_secret\" \"s\" {\n  environment = %q\n  %s\n}", "dev", lines))
	}
	const (
		name  = `name = "s"`
		value = `value_wo = "v"`
	)
	acctest.Run(t,
		planFails(config(`name = "has space"`, value), `(?s)Invalid\s+name.*1\s+to\s+256\s+letters`),
		planFails(config(name, value, `scope = "team/x"`), `(?s)Invalid\s+scope.*app/<name>`),
		planFails(config(name), `(?s)with pouncet_secret.s.*Secret value is required.*value_wo.*generate\s+=\s+\{\}`),
		planFails(config(name, `value_wo = ""`), `Secret value is required`),
		planFails(config(name, `type = "database_connection"`, `value_wo = jsonencode({ host = "h", username = "u" })`),
			`(?s)value_wo.*required\s+fields:\s+password`),
		planFails(config(name, `type = "api_key"`, `value_wo = "CANARY"`),
			`(?s)value_wo.*must\s+have\s+at\s+least\s+8\s+characters`),
		planFails(config(name, fmt.Sprintf("value_wo = %q", strings.Repeat("x", 65537))), `(?s)value_wo.*65537.*65536`),
		applyFails(config(`name = "taken"`, value), `(?s)terraform\s+import.*default/dev/taken`),
		after(func() { b.Apply(quota(1)) }, planFails(config(name, value), `(?s)quota.*max_secrets`)),
		apply(b.Config("")),
	)
}
