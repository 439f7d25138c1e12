// SPDX-License-Identifier: MPL-2.0

package resources_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

func TestBinaryValueIsWrittenFromBase64(t *testing.T) {
	b := acctest.New(t)
	first, second := "\x00\xff\xfe\r\n", "\xff CANARY"
	config := func(value, more string) string {
		return b.Config(secretWithoutValue(fmt.Sprintf("value_base64_wo = %q\n  %s",
			base64.StdEncoding.EncodeToString([]byte(value)), more)))
	}
	acctest.Run(t,
		apply(config(first, ""), check("version", "1"), acctest.NoAttr(address, "value_base64_wo"),
			hasValue(b, "dev", "db_password", first)),
		planIsEmpty(config(first, "")),
		applyAs(plancheck.ResourceActionUpdate, config(second, ""), check("version", "2"),
			hasValue(b, "dev", "db_password", second)),
		// A text is the same value in both arguments.
		apply(config("text", ""), check("version", "3"), hasValue(b, "dev", "db_password", "text")),
		planIsEmpty(b.Config(secretConfig("text", ""))),
		// With value_wo_version, only its change writes the value.
		apply(config(first, "value_wo_version = 1"), check("version", "4")),
		planIsEmpty(config(second, "value_wo_version = 1")),
		apply(config(second, "value_wo_version = 2"), check("version", "5"), hasValue(b, "dev", "db_password", second)),
		// Without a value, the secret keeps its own.
		planIsEmpty(b.Config(secretWithoutValue("value_wo_version = 2"))),
	)
}

func TestBase64ThatIsNotValidFailsThePlan(t *testing.T) {
	b := acctest.New(t)
	fails := func(more, pattern string) acctest.Step { return planFails(b.Config(secretWithoutValue(more)), pattern) }
	acctest.Run(t,
		fails(`value_base64_wo = "not base64"`, `not\s+valid\s+base64`),
		fails(`value_base64_wo = ""`, `Secret\s+value\s+is\s+required`), // a new secret needs a value
		fails("value_base64_wo = \"AAAA\"\n  value_wo = \"v\"", `(?s)value_base64_wo.*value_wo`),
		fails("value_base64_wo = \"AAAA\"\n  generate = {}", `(?s)value_base64_wo.*generate`),
		fails("value_base64_wo = \"//4=\"\n  type = \"password\"", `(?s)is\s+binary.*must\s+be\s+text`),
	)
}
