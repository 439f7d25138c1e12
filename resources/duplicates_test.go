// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// A project refuses equal values. The plan reports two equal new values, and a secret that is replaced, or comes to
// another address, is no duplicate of itself.
func TestPlanWithoutDuplicates(t *testing.T) {
	w := newOrdinary(t)
	secret := func(label, name, value, more string) string {
		return fmt.Sprintf(`
resource "pouncet_secret" %q {
  project     = pouncet_project.p.name
  environment = "*"
  name        = %q
  value_wo    = %q
  %s
}
`, label, name, value, more)
	}
	body := func(secrets ...string) string {
		return `
resource "pouncet_project" "p" {
  name       = "p"
  duplicates = "refuse"
}
` + strings.Join(secrets, "")
	}
	refused := func(secrets ...string) {
		t.Helper()
		w.config(body(secrets...))
		for _, parallelism := range []string{"-parallelism=1", "-parallelism=10"} {
			out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color", parallelism))
			if !strings.Contains(out, `This plan gives secrets "a" and "b" the same value`) ||
				strings.Count(out, "Error:") != 1 {
				t.Errorf("the plan does not refuse the equal values:\n%s", out)
			}
		}
	}
	refused(secret("a", "a", "9", ""), secret("b", "b", "9", ""))
	for _, parallelism := range []int{1, 10} {
		w.config(body(secret("a", "a", "1", ""), secret("b", "b", "2", "lifecycle { create_before_destroy = true }")))
		w.converges(parallelism)
		w.converges(parallelism, "-replace=pouncet_secret.a", "-replace=pouncet_secret.b")
		w.Must("taint", "-no-color", "pouncet_secret.b")
		w.converges(parallelism)
		refused(secret("a", "a", "9", ""), secret("b", "b", "9", ""))
		w.config(body(secret("a2", "a", "1", ""), secret("b2", "b", "2", "")))
		w.converges(parallelism)
	}
	// A value that moves from one secret to another needs two applies: nobody knows which of them is written first.
	w.config(body(secret("a2", "a", "2", ""), secret("b2", "b", "5", "")))
	out := acctest.OneLine(w.Fails("plan", "-input=false", "-no-color"))
	if !strings.Contains(out, "change or delete the other secret first (with Terraform, in an earlier apply)") {
		t.Errorf("the error does not say that two applies move a value:\n%s", out)
	}
	w.config(body(secret("a2", "a", "1", ""), secret("b2", "b", "5", "")))
	w.applies()
	w.config(body(secret("a2", "a", "2", ""), secret("b2", "b", "5", "")))
	w.converges(10)
}
