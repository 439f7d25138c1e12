// SPDX-License-Identifier: MPL-2.0

package kms_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
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

// TestFIPSShortSecretKey runs TestShortSecretKey in FIPS mode, where the SDK would panic.
func TestFIPSShortSecretKey(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run=^TestShortSecretKey$")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestShortSecretKey") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestShortSecretKey(t *testing.T) {
	if !strings.Contains(os.Getenv("GODEBUG"), "fips140=only") {
		t.Skip("SKIPPED: TestFIPSShortSecretKey runs it in FIPS mode")
	}
	s := kmstest.New(t)
	k := open(t, s.URI(t))
	t.Setenv("AWS_SECRET_ACCESS_KEY", "short")
	_, _, err := k.GenerateDataKey(t.Context(), keyContext)
	if !errors.Is(err, backend.ErrKeyUnusable) || !strings.Contains(err.Error(), "at least 10 bytes") {
		t.Errorf("a short secret access key: %v", err)
	}
	if _, err := k.Decrypt(t.Context(), []byte("wrapped"), keyContext); !errors.Is(err, backend.ErrKeyUnusable) {
		t.Errorf("a short secret access key: %v", err)
	}
}
