// SPDX-License-Identifier: MPL-2.0

package kms_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestFIPSOnly runs the suites again, with the AWS SDK, in a process whose cryptography refuses everything that FIPS
// 140-3 does not approve.
func TestFIPSOnly(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run=Suite$")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, suite := range []string{"TestFileKeySuite", "TestAWSKeySuite"} {
		if !strings.Contains(string(out), "--- PASS: "+suite) {
			t.Errorf("%s did not run:\n%s", suite, out)
		}
	}
}
