// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// An ephemeral resource that reads a version which the secret will not have fails in the plan, not in the apply. The
// value before a first rotation can be read with the argument that the error names.
func TestVersionThatTheSecretWillNotHave(t *testing.T) {
	w := newOrdinary(t)
	config := func(keeper int, ephemeral string) {
		w.config(fmt.Sprintf(`
resource "pouncet_secret" "src" {
  name        = "src"
  environment = "dev"
  generate    = { keepers = { n = "%d" } }
}
%s
`, keeper, ephemeral))
	}
	copied := func(kind, arguments, value string) string {
		return fmt.Sprintf(`
ephemeral %q "src" {
  environment = "dev"
  %s
}
resource "pouncet_secret" "copy" {
  name        = "copy"
  environment = "dev"
  value_wo    = ephemeral.%[1]s.src.%[3]s
}`, kind, arguments, value)
	}
	one := func(version string) string {
		return copied("pouncet_secret_value", "name = pouncet_secret.src.name\nat_version = "+version, "value")
	}
	several := copied("pouncet_secret_values",
		`secrets = { k = { name = pouncet_secret.src.name, version = "previous" } }`, `values["k"]`)
	rendered := copied("pouncet_rendered_configuration",
		`content = "{{ get_secret_value('${pouncet_secret.src.name}', version='previous') }}"`, "rendered")
	refused := func(want string, args ...string) {
		t.Helper()
		out := acctest.OneLine(w.Fails(append([]string{"plan", "-input=false", "-no-color"}, args...)...))
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not fail with %q:\n%s", want, out)
		}
	}
	for _, ephemeral := range []string{one(`"previous"`), one("2"), one(`"stable"`), several, rendered} {
		config(1, ephemeral)
		refused(`this plan creates the secret`)
	}
	config(1, one("1"))
	w.converges(10)
	first := w.pouncet("resolve", "src", "--env", "dev")
	for _, ephemeral := range []string{one(`"previous"`), several, rendered} {
		config(2, ephemeral)
		refused("pouncet_secret.example.version - 1")
		config(1, ephemeral)
		refused("has no previous version")
	}
	config(2, one("pouncet_secret.src.version - 1"))
	w.converges(10)
	w.has("dev", "copy", first)
	config(2, one(`"previous"`))
	w.converges(10)
	w.has("dev", "copy", first)
	refused(`this plan creates the secret`, "-replace=pouncet_secret.src")
}
