// SPDX-License-Identifier: MPL-2.0

package datasources_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestListDataSourcesApplyFilters(t *testing.T) {
	b := acctest.New(t)
	key, days, expires := "password", 30, time.Now().AddDate(0, 0, 30).UTC()
	secret := func(env, scope, name string, more func(c *backend.Change)) backend.Change {
		c := backend.Change{
			Op: backend.OpSet, Kind: backend.KindSecret, Project: "default", Environment: env, Scope: scope, Name: name,
			Value: backend.PlaintextString("CANARY"),
		}
		if more != nil {
			more(&c)
		}
		return c
	}
	b.Apply(
		secret("dev", "project", "db", func(c *backend.Change) { c.Type = &key }),
		secret("prod", "project", "db", func(c *backend.Change) {
			c.Labels = map[string]string{"team": "data", "tier": "1"}
		}),
		secret("*", "app/web", "db_web", func(c *backend.Change) {
			c.Labels, c.RotationDays = map[string]string{"team": "web"}, &days
		}),
		secret("*", "project", "key", func(c *backend.Change) {
			c.Labels, c.ExpiresAt = map[string]string{"team": "data"}, &expires
		}),
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindProject, Name: "shop", Labels: map[string]string{"team": "data"},
		},
		backend.Change{Op: backend.OpSet, Kind: backend.KindEnvironment, Project: "shop", Name: "live"},
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindSecret, Project: "shop", Environment: "live", Name: "elsewhere",
			Value: backend.PlaintextString("CANARY"),
		},
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindSecretType, Project: "default", Name: "mine",
			Schema: json.RawMessage(`{"type":"object"}`),
		},
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev", Name: "v",
			JSON: json.RawMessage(`{"a":1}`),
		},
		backend.Change{
			Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "*", Name: "l",
			Link: &backend.Link{Secret: "db"},
		},
	)
	config := ""
	var checks []statecheck.StateCheck
	n := 0
	lists := func(plural, body, each string, want ...string) {
		n++
		config += fmt.Sprintf(`
data "pouncet_%[1]s" "d%[2]d" {
%[3]s
}
output "o%[2]d" { value = [for x in data.pouncet_%[1]s.d%[2]d.%[1]s : "%[4]s"] }
`, plural, n, body, each)
		exact := make([]knownvalue.Check, len(want))
		for i, w := range want {
			exact[i] = knownvalue.StringExact(w)
		}
		checks = append(checks, statecheck.ExpectKnownOutputValue(fmt.Sprintf("o%d", n), knownvalue.ListExact(exact)))
	}
	const place = "${x.name} ${x.environment} ${x.scope}"
	lists("projects", "", "${x.name} ${x.secrets}", "default 4", "shop 1")
	lists("projects", `labels = { team = "data" }`, "${x.name}", "shop")
	lists("environments", "", "${x.name} ${x.project}", "dev default", "prod default")
	lists("environments", `project = "shop"`, "${x.name}", "live")
	lists("environments", `name_prefix = "p"`, "${x.name}", "prod")
	lists("secret_types", `name_prefix = "mi"`, "${x.key} ${x.built_in}", "mine false")
	lists("secrets", `project = "shop"`, "${x.name} ${x.project}", "elsewhere shop")
	lists("secrets", `environment = "*"`, place, "db_web * app/web", "key * project")
	lists("secrets", `environment = "prod"`, place, "db prod project")
	lists("secrets", `scope = "app/web"`, place, "db_web * app/web")
	lists("secrets", `type = "password"`, place, "db dev project")
	lists("secrets", `labels = { team = "data" }`, place, "db prod project", "key * project")
	lists("secrets", `labels = { team = "data", tier = "1" }`, place, "db prod project")
	lists("secrets", "name_prefix = \"db\"\nenvironment = \"*\"", place, "db_web * app/web")
	lists("secrets", `name_prefix = "nothing"`, place)
	lists("secrets", "expires_within_days = 31", place, "key * project")
	lists("secrets", "expires_within_days = 1", place)
	lists("secrets", "rotation_due_within_days = 31", place, "db_web * app/web")
	lists("scoped_values", "",
		"${x.name} ${x.environment} ${x.from_secret == null ? x.value_json : x.from_secret.name}",
		"l * db", `v dev {"a":1}`)
	lists("scoped_values", `environment = "dev"`, "${x.name}", "v")
	fails := func(body, want string) acctest.Step {
		return acctest.Step{
			Config:      b.Config("data \"pouncet_secrets\" \"d\" {\n" + body + "\n}"),
			ExpectError: regexp.MustCompile(want),
		}
	}
	acctest.Run(t,
		fails(`environment = "nowhere"`, `(?s)nowhere.*dev, prod`),
		fails(`project = "nowhere"`, `(?s)nowhere`),
		fails(`type = "nothing"`, `(?s)nothing`),
		fails(`scope = "foo"`, `(?s)scope = "foo".*Scope\s+"foo"\s+is\s+not\s+valid`),
		fails(`name_prefix = "a b"`, `(?s)name_prefix = "a b".*is\s+not\s+valid`),
		fails(`name_prefix = ""`, `(?s)The\s+value\s+of\s+name_prefix\s+is\s+empty`),
		fails(`labels = { "" = "a" }`, `(?s)labels.*string\s+length\s+must\s+be\s+between\s+1`),
		fails(`expires_within_days = -1`, `(?s)expires_within_days`),
		acctest.Step{Config: b.Config(config), StateChecks: checks},
	)
}

func TestListsReadEveryPage(t *testing.T) {
	b := acctest.New(t)
	n := backend.MaxPage + 1 // two pages
	changes := make([]backend.Change, n)
	for i := range changes {
		changes[i] = backend.Change{
			Op: backend.OpSet, Kind: backend.KindScopedValue, Project: "default", Environment: "dev",
			Name: fmt.Sprintf("v%04d", i), JSON: json.RawMessage(`1`),
		}
	}
	b.Apply(changes...)
	acctest.Run(t, acctest.Step{
		Config: b.Config(`
data "pouncet_scoped_values" "d" {}
output "n" { value = length(distinct(data.pouncet_scoped_values.d.scoped_values[*].name)) }`),
		StateChecks: acctest.Checks(acctest.Output("n", fmt.Sprint(n))),
	})
}
