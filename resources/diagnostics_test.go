// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// Each of these values passed the plan before, or was reported as a defect in the provider.
func TestPlanReportsInvalidValuesOnTheirAttribute(t *testing.T) {
	b := acctest.New(t)
	environment := func(kmsKey string) string {
		return b.Config(fmt.Sprintf("resource \"pouncet_environment\" \"e\" {\n  name = \"own\"\n  kms_key = %q\n}", kmsKey))
	}
	secret := func(more string) string { return b.Config(secretWithoutValue(more)) }
	const generated = "generate = {}"
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	acctest.Run(t,
		planFails(environment("bla"), `(?s)kms_key = "bla".*has\s+no\s+scheme`),
		planFails(environment("file://relative/key"), `(?s)kms_key = .*needs\s+three\s+slashes`),
		planFails(secret(generated+"\n  rotation_days = 1.5"),
			`(?s)rotation_days = 1\.5.*is\s+1\.5,\s+but\s+it\s+must\s+be\s+a\s+whole\s+number`),
		planFails(secret(generated+"\n  expires_at = \"2020-01-01T00:00:00Z\""),
			`(?s)expires_at = "2020-01-01T00:00:00Z".*in\s+the\s+past`),
		apply(secret(fmt.Sprintf("%s\n  expires_at = %q", generated, later))),
		planFails(secret(generated+"\n  expires_at = \"2020-01-01T00:00:00Z\""),
			`(?s)expires_at = "2020-01-01T00:00:00Z".*in\s+the\s+past`),
		planFails(secret(`generate = { alphabet = "aaaaaaaaaaaaaaaaaa" }`),
			`(?s)Invalid alphabet.*10\s+to\s+1024\s+characters`),
		planFails(b.Config(`
resource "pouncet_secret" "s" {
  name        = "db_password"
  environment = ""
}`), `(?s)environment = "".*The\s+value\s+of\s+environment\s+is\s+empty`),
		apply(b.Config("")),
	)
}
