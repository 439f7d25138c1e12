// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"strings"
	"testing"
)

// The libraries of Terraform are silent, unless a variable asks for a log.
func TestLogsThatTerraformDiscardsAreOff(t *testing.T) {
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "TF_LOG") {
			t.Skipf("SKIPPED: %s is set: run without it", name)
		}
	}
	t.Cleanup(func() { _ = os.Unsetenv("TF_LOG_SDK") })
	withoutDiscardedLogs()
	if got := os.Getenv("TF_LOG_SDK"); got != "off" {
		t.Errorf("TF_LOG_SDK is %q, want off", got)
	}
	for _, variable := range []string{"TF_LOG", "TF_LOG_PROVIDER", "TF_LOG_SDK_PROTO"} {
		t.Run(variable, func(t *testing.T) {
			_ = os.Unsetenv("TF_LOG_SDK")
			t.Setenv(variable, "TRACE")
			withoutDiscardedLogs()
			if got, set := os.LookupEnv("TF_LOG_SDK"); set {
				t.Errorf("TF_LOG_SDK is %q, want it not set", got)
			}
		})
	}
}
