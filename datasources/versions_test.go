// SPDX-License-Identifier: MPL-2.0

package datasources_test

import (
	"regexp"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestVersionsAreListedAndARollbackIsDrift(t *testing.T) {
	b := acctest.New(t)
	secret := func(value string) string {
		return `
resource "pouncet_secret" "s" {
  name        = "s"
  environment = "dev"
  value_wo    = "` + value + `"
}
`
	}
	data := `
data "pouncet_secret_versions" "s" {
  environment = "dev"
  name        = pouncet_secret.s.name
  depends_on  = [pouncet_secret.s]
}
data "pouncet_secret_versions" "last" {
  environment = "dev"
  name        = pouncet_secret.s.name
  limit       = 1
  depends_on  = [pouncet_secret.s]
}
`
	change := func(c backend.Change) {
		c.Op, c.Kind, c.Project, c.Environment, c.Name = backend.OpUpdate, backend.KindSecret, "default", "dev", "s"
		b.Apply(c)
	}
	first := "1"
	check := func(attribute, value string) statecheck.StateCheck {
		return acctest.Attr("data.pouncet_secret_versions.s", attribute, value)
	}
	acctest.Run(t,
		acctest.Step{Config: b.Config(secret("one"))},
		acctest.Step{Config: b.Config(secret("two"))},
		acctest.Step{
			PreConfig: func() { change(backend.Change{Tags: map[string]int64{"stable": 1}}) },
			Config:    b.Config(secret("two") + data),
			StateChecks: acctest.Checks(check("versions.#", "2"), check("versions.0.version", "2"),
				check("versions.1.version", "1"), check("versions.1.tags.0", "stable"), check("versions.0.tags.#", "0"),
				acctest.Attr("data.pouncet_secret_versions.last", "versions.#", "1")),
		},
		acctest.Step{
			PreConfig: func() { change(backend.Change{FromVersion: &first}) },
			Config:    b.Config(secret("two")), PlanOnly: true, ExpectNonEmptyPlan: true,
		},
		acctest.Step{Config: b.Config(secret("two") + data), StateChecks: acctest.Checks(check("versions.#", "4"))},
		acctest.Step{
			Config: b.Config(`data "pouncet_secret_versions" "x" {
  environment = "dev"
  name = "missing"
}`),
			ExpectError: regexp.MustCompile(`(?s)Secret\s+"missing"\s+does\s+not\s+exist`),
		},
		acctest.Step{
			Config: b.Config(secret("two") + `data "pouncet_secret_versions" "x" {
  environment = "dev"
  name = "s"
  limit = 0
}`),
			ExpectError: regexp.MustCompile(`(?s)limit\s+must\s+be\s+at\s+least\s+1`),
		},
	)
}
