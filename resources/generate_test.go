// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// The marked fields are generated at the creation and when the keepers change. The others come from value_wo at
// that time.
func TestFieldsOfJSONAreGenerated(t *testing.T) {
	b := acctest.New(t)
	seen := map[string]bool{}
	has := func(user string) statecheck.StateCheck {
		return acctest.Check(func() error {
			var v struct{ User, Password string }
			if err := json.Unmarshal([]byte(b.Secret("dev", "db_password")), &v); err != nil {
				return fmt.Errorf("the value is not JSON")
			}
			if v.User != user || len(v.Password) != 40 || seen[v.Password] {
				return fmt.Errorf("user %q, %d characters, or an earlier password", v.User, len(v.Password))
			}
			seen[v.Password] = true
			return nil
		})
	}
	config := func(more string) string {
		return b.Config(`
resource "pouncet_secret_type" "login" {
  key    = "login"
  schema = jsonencode({
    type = "object", required = ["user", "password"], properties = {
      user     = { type = "string" }
      password = { type = "string", "x-generate" = { length = 40 } }
    }
  })
}` + strings.Replace(secretWithoutValue(more), "environment", "type = pouncet_secret_type.login.key\n  environment", 1))
	}
	const first = "value_wo = jsonencode({ user = \"u\" })\n"
	acctest.Run(t,
		apply(config(first+"generate = { keepers = { year = 1 } }"), check("version", "1"), has("u")),
		planIsEmpty(config(first+"generate = { keepers = { year = 1 } }")),
		planIsEmpty(config("value_wo = jsonencode({ user = \"w\" })\ngenerate = { keepers = { year = 1 } }")),
		apply(config("generate = { keepers = { year = 2 } }"), check("version", "2"), has("u")),
		apply(config("value_wo = jsonencode({ user = \"w\" })\ngenerate = { keepers = { year = 3 } }"), check("version", "3"),
			has("w")),
	)
}

func TestKeyPairIsGeneratedOnce(t *testing.T) {
	b := acctest.New(t)
	config := b.Config(secretWithoutValue("type = \"ecdsa_p256_key_pair\"\n  generate = {}"))
	acctest.Run(t,
		apply(config, check("version", "1"), acctest.Check(func() error {
			if !strings.Contains(b.Secret("dev", "db_password"), "-----BEGIN PRIVATE KEY-----") {
				return fmt.Errorf("the value has no private key")
			}
			return nil
		})),
		planIsEmpty(config),
	)
}
