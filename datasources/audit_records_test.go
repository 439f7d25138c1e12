// SPDX-License-Identifier: MPL-2.0

package datasources_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestAuditRecordsAreListed(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("prod", "db", "v")
	data := `
data "pouncet_audit_records" "db" {
  environment = "prod"
  name        = "db"
  verb        = "apply"
  outcome     = "ok"
  since       = "1h"
}
data "pouncet_audit_records" "all" {
  all_projects = true
  limit        = 2
}
data "pouncet_audit_records" "none" { by = "nobody" }
data "pouncet_audit_records" "past" { until = "24h" }
`
	check := func(name, value string) statecheck.StateCheck {
		of, attribute, _ := strings.Cut(name, ".")
		return acctest.Attr("data.pouncet_audit_records."+of, attribute, value)
	}
	refused := func(arguments, message string) acctest.Step {
		return acctest.Step{Config: b.Config("data \"pouncet_audit_records\" \"x\" {\n" + arguments + "\n}"),
			ExpectError: regexp.MustCompile(message)}
	}
	acctest.Run(t,
		acctest.Step{Config: b.Config(data), StateChecks: acctest.Checks(
			check("db.records.#", "1"), check("db.records.0.objects", "secret db"), check("db.records.0.outcome", "ok"),
			check("db.records.0.project", "default"), check("db.records.0.environments", "prod"),
			check("all.records.#", "2"), check("none.records.#", "0"), check("past.records.#", "0"),
		)},
		refused(`since = "yesterday"`, `(?s)since\s+"yesterday"\s+is\s+not\s+valid`),
		refused("project = \"default\"\nall_projects = true", `(?s)cannot\s+be\s+used\s+together`),
		refused("limit = 0", `(?s)limit.*between\s+1\s+and\s+1000`),
		refused(`project = "missing"`, `(?s)roject\s+"missing"\s+does\s+not\s+exist`),
		refused("since = \"1h\"\nuntil = \"2h\"", `(?s)is\s+not\s+after\s+since`),
	)
}
