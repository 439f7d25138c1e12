// SPDX-License-Identifier: MPL-2.0

package datasources_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestUsagesAreListedAndBlockDeletion(t *testing.T) {
	b := acctest.New(t)
	b.SetSecret("prod", "db", "v")
	const source = "github.com/acme/pipelines"
	b.Apply(backend.Change{
		Op: backend.OpSet, Kind: backend.KindUsage, Project: "default", Name: source, Usages: []backend.Usage{
			{Kind: backend.KindSecret, Name: "db", Environment: "prod", File: "io_config.yaml", Line: 12, Column: 5},
			{Kind: backend.KindSecret, Name: "s", Environment: "dev", File: "io_config.yaml", Line: 13, Column: 5},
		},
	})
	data := `
data "pouncet_usages" "all" {}
data "pouncet_usages" "db" {
  name        = "db"
  environment = "prod"
  source      = "github.com/acme/pipelines"
}
data "pouncet_usages" "none" { source = "elsewhere" }
`
	secret := "resource \"pouncet_secret\" \"s\" {\n  name = \"s\"\n  environment = \"dev\"\n  value_wo = \"v\"\n}\n"
	check := func(name, value string) statecheck.StateCheck {
		of, attribute, _ := strings.Cut(name, ".")
		return acctest.Attr("data.pouncet_usages."+of, attribute, value)
	}
	acctest.Run(t,
		acctest.Step{Config: b.Config(data + secret), StateChecks: acctest.Checks(
			check("all.usages.#", "2"), check("db.usages.#", "1"), check("db.usages.0.file", "io_config.yaml"),
			check("db.usages.0.line", "12"), check("db.usages.0.kind", "secret"), check("db.usages.0.source", source),
			check("none.usages.#", "0"),
		)},
		acctest.Step{Config: b.Config(data), PlanOnly: true, ExpectError: regexp.MustCompile(
			`(?s)"s"\s+is\s+in\s+use\s+by\s+io_config.yaml:13\s+of\s+github.com/acme/pipelines\s+in\s+dev`)},
		acctest.Step{
			PreConfig: func() {
				b.Apply(backend.Change{Op: backend.OpDelete, Kind: backend.KindUsage, Project: "default", Name: source})
			},
			Config: b.Config(data), StateChecks: acctest.Checks(check("all.usages.#", "0")),
		},
		acctest.Step{
			Config:      b.Config(`data "pouncet_usages" "x" { environment = "nowhere" }`),
			ExpectError: regexp.MustCompile(`(?s)environment.*nowhere`),
		},
	)
}
