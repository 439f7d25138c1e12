// SPDX-License-Identifier: MPL-2.0

package provider_test

import (
	"bufio"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// crash kills Terraform and the provider in the middle of an apply.
func crash(t *testing.T, w *acctest.Workspace, env string) {
	t.Helper()
	cmd := w.Command("apply", "-input=false", "-auto-approve", "-lock=false")
	cmd.Env = append(cmd.Env, env)
	startsTree(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "Modifying") {
			killTree(cmd)
		}
	}
	if cmd.Wait() == nil {
		t.Error("the apply was not killed")
	}
}
