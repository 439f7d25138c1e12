// SPDX-License-Identifier: MPL-2.0

package datasources_test

import (
	"context"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestReportListsWhatNeedsAttention(t *testing.T) {
	b := acctest.New(t)
	soon := time.Now().AddDate(0, 0, 5).UTC()
	b.SetSecret("dev", "first", "CANARY-one")
	b.SetSecret("dev", "second", "CANARY-one")
	b.Apply(backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: "default", Environment: "dev",
		Name: "first", ExpiresAt: &soon})
	resolve(t, b.Path, "first")
	report := func(name, arguments string) string {
		return "data \"pouncet_report\" \"" + name + "\" {\n" + arguments + "\n}\n"
	}
	check := func(name, attribute, value string) statecheck.StateCheck {
		return acctest.Attr("data.pouncet_report."+name, attribute, value)
	}
	acctest.Run(t,
		acctest.Step{
			Config: b.Config(report("all", "") + report("unused", `kinds = ["unused"]
				unused_for_days = 0`) + report("later", `kinds = ["expiring"]
				expires_within_days = 4`) + report("prod", `environment = "prod"`) + `
data "pouncet_secrets" "unused" { unused_for_days = 0 }
data "pouncet_secrets" "old" { unused_for_days = 90 }`),
			StateChecks: acctest.Checks(
				check("all", "findings.#", "5"), check("all", "findings.0.kind", "expiring"),
				check("all", "findings.0.name", "first"), check("all", "findings.0.at", soon.Format(time.RFC3339)),
				check("all", "findings.1.kind", "missing"), check("all", "findings.3.kind", "same-value"),
				check("all", "findings.3.same_as.#", "1"), check("all", "not_compared", "0"),
				check("unused", "findings.#", "1"), check("unused", "findings.0.name", "second"),
				check("later", "findings.#", "0"), check("prod", "findings.#", "2"),
				acctest.Attr("data.pouncet_secrets.unused", "secrets.#", "1"),
				acctest.Attr("data.pouncet_secrets.unused", "secrets.0.name", "second"),
				acctest.Attr("data.pouncet_secrets.old", "secrets.#", "0")),
		},
		acctest.Step{Config: b.Config(report("x", `kinds = ["unusd"]`)), ExpectError: regexp.MustCompile(`unused`)},
		acctest.Step{Config: b.Config(report("x", `kinds = []`)), ExpectError: regexp.MustCompile(`at\s+least\s+1`)},
		acctest.Step{Config: b.Config(report("x", `unused_for_days = -1`)), ExpectError: regexp.MustCompile(`between`)},
		acctest.Step{Config: b.Config(report("x", `scope = "foo"`)), ExpectError: regexp.MustCompile(`(?i)scope`)},
		acctest.Step{Config: b.Config(report("x", `environment = "nowhere"`)),
			ExpectError: regexp.MustCompile(`(?s)"nowhere"\s+does\s+not\s+exist`)},
		acctest.Step{Config: b.Config(report("x", `project = "nothing"`)),
			ExpectError: regexp.MustCompile(`(?s)"nothing"\s+does\s+not\s+exist`)},
	)
}

// resolve gets the value of a secret of the environment dev.
func resolve(t *testing.T, path, name string) {
	t.Helper()
	s, err := open.Open(t.Context(), open.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.Resolve(context.Background(), []backend.Ref{{Kind: backend.KindSecret, Project: "default",
		Environment: "dev", Name: name}})
	if err != nil || out[0].Err != nil {
		t.Fatal(err, out[0].Err)
	}
}
