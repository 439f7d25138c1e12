// SPDX-License-Identifier: MPL-2.0

package review_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/review"
)

var update = flag.Bool("update", false, "write the reference page of rules")

// TestRulePage compares docs/explanation/rules.md with the list of rules. With -update it writes the page.
func TestRulePage(t *testing.T) {
	const page = "../docs/explanation/rules.md"
	var b strings.Builder
	b.WriteString("# Rules of check and review\n\n" +
		"After reading this page you know what each finding of `pouncet check` and `pouncet review` means, and how you\n" +
		"change its severity. The page is generated from the list in `review/rule.go`, and `pouncet help rules`\n" +
		"prints the same list.\n\n" +
		"| Id | Name | Severity | Meaning |\n|---|---|---|---|\n")
	for _, r := range review.Rules {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", r.ID, r.Name, r.Severity, r.Description)
	}
	b.WriteString("\nThe rules from POUNCET020 on compare two revisions, so only `review` reports them. Those from " +
		"POUNCET030 on need\na Terraform plan (`--plan`).\n\n" +
		"`--rule ID=SEVERITY` changes the severity of a rule, such as `--rule POUNCET004=error` or `--rule\n" +
		"near-miss=off`. `--fail-on` says which severity fails the command. A comment suppresses a finding on its line,\n" +
		"or on the next line, and gives a reason:\n\n" +
		"    # pouncet:ignore POUNCET004 the report compares all environments with prod\n" +
		"    live: \"{{ get_secret_value('db', env='prod') }}\"\n\n" +
		"`--write-baseline` writes the current findings to a file, and `--baseline` leaves them out later.\n")
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != b.String() {
		t.Errorf("%s is not current (%v): run go test ./review -run TestRulePage -update", page, err)
	}
}
