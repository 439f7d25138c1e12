// SPDX-License-Identifier: MPL-2.0

package interpolate_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// needsReader skips a test that needs another program as a reader: always in `make test`, and in `make test-parts`
// where probe fails, which means that the program is not installed. `make test-parts` runs the tests that begin with
// TestReaders.
func needsReader(t *testing.T, reader, install string, probe ...string) {
	t.Helper()
	if !strings.HasPrefix(t.Name(), "TestReaders") {
		t.Fatal("the name of a test that needs another program must begin with TestReaders")
	}
	if os.Getenv("POUNCET_TEST_PARTS") == "" {
		t.Skipf("SKIPPED: needs %s: run make test-parts", reader)
	}
	if exec.CommandContext(t.Context(), probe[0], probe[1:]...).Run() != nil {
		t.Skipf("SKIPPED: %s is not installed: %s", reader, install)
	}
}
