// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"regexp"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// address is the address of the secret in most configurations.
const address = "pouncet_secret.s"

// apply returns a step that applies a configuration and then runs the checks.
func apply(config string, checks ...statecheck.StateCheck) acctest.Step {
	return acctest.Step{Config: config, StateChecks: checks}
}

// applyAs returns the step of apply, whose plan has this action for the secret at address.
func applyAs(
	action plancheck.ResourceActionType, config string, checks ...statecheck.StateCheck,
) acctest.Step {
	step := apply(config, checks...)
	step.PlanChecks = planAction(action)
	return step
}

// planIsEmpty returns a step whose plan has no changes.
func planIsEmpty(config string, checks ...statecheck.StateCheck) acctest.Step {
	return acctest.Step{Config: config, PlanOnly: true, StateChecks: checks}
}

// planFails returns a step whose plan fails with an error that matches a pattern.
func planFails(config, pattern string) acctest.Step {
	return acctest.Step{Config: config, PlanOnly: true, ExpectError: regexp.MustCompile(pattern)}
}

// applyFails returns a step whose plan or apply fails with an error that matches a pattern.
func applyFails(config, pattern string) acctest.Step {
	return acctest.Step{Config: config, ExpectError: regexp.MustCompile(pattern)}
}

// after returns a step that runs change before it.
func after(change func(), step acctest.Step) acctest.Step {
	step.PreConfig = change
	return step
}

// planAction expects an action for the secret at address.
func planAction(action plancheck.ResourceActionType) []plancheck.PlanCheck {
	return planActions(action, address)
}

// planActions expects an action for each of the resources.
func planActions(action plancheck.ResourceActionType, addresses ...string) (checks []plancheck.PlanCheck) {
	for _, a := range addresses {
		checks = append(checks, plancheck.ExpectResourceAction(a, action))
	}
	return checks
}

// check expects an attribute of the secret at address.
func check(name, value string) statecheck.StateCheck {
	return acctest.Attr(address, name, value)
}

// hasValue expects the value of a secret in the backend. The value "" means that the secret does not exist.
func hasValue(b *acctest.Backend, env, name, want string) statecheck.StateCheck {
	return acctest.Check(func() error {
		if got := b.Secret(env, name); got != want {
			return fmt.Errorf("secret %s in %s has value %q, want %q", name, env, got, want)
		}
		return nil
	})
}

// secretConfig returns the configuration of the secret at address with a value, and with more attributes.
func secretConfig(value, more string) string {
	return secretWithoutValue(fmt.Sprintf("value_wo = %q\n  %s", value, more))
}

// secretWithoutValue returns the configuration of the secret at address with more attributes.
func secretWithoutValue(more string) string {
	return fmt.Sprintf(`
resource "pouncet_secret" "s" {
  name        = "db_password"
  environment = "dev"
  %s
}
`, more)
}
