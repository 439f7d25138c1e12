// SPDX-License-Identifier: MPL-2.0

package programtest_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/cmd/programtest"
)

// initLine is a line of GODEBUG=inittrace=1: what one package does before main.
var initLine = regexp.MustCompile(`(?m)^init (\S+) @.* clock, (\d+) bytes, (\d+) allocs$`)

// schemaLibrary compiles the schemas of JSON Schema itself before main, more work than all other packages together. It
// has no function for that, so Pouncet cannot do it later. docs/adr/0004-dependencies.md says why Pouncet uses it.
const schemaLibrary = "github.com/santhosh-tekuri/jsonschema/v6"

// TestStartUp limits what packages do before main, because every command waits for it. It counts memory allocations,
// which are the same on every machine. If it fails, move the work of the package's initialisation to the function that
// needs it (sync.OnceValue), or use a library that does so. BenchmarkVersion in bench/ measures the time.
func TestStartUp(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: builds the programs: run without -short")
	}
	for _, c := range []struct {
		program                    string
		allocations, bytes         int // of all packages
		packageAllocs, packageSize int // of one package
	}{
		{programtest.Pouncet(t), 11_000, 1_500_000, 2_500, 400_000},
		{filepath.Join(programtest.Dir(t), "terraform-provider-pouncet"), 20_000, 3_000_000, 4_000, 600_000},
	} {
		cmd := exec.Command(c.program, "version")
		cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run() // the provider refuses to run without Terraform
		name := filepath.Base(c.program)
		allocations, size := 0, 0
		lines := initLine.FindAllStringSubmatch(stderr.String(), -1)
		for _, m := range lines {
			b, _ := strconv.Atoi(m[2])
			a, _ := strconv.Atoi(m[3])
			if m[1] == schemaLibrary {
				if a > 22_000 || b > 1_750_000 {
					t.Errorf("%s: package %s makes %d allocations of %d bytes before main, more than it did", name, m[1], a, b)
				}
				continue
			}
			size, allocations = size+b, allocations+a
			if a > c.packageAllocs || b > c.packageSize {
				t.Errorf("%s: package %s makes %d allocations of %d bytes before main; the limits are %d and %d", name, m[1], a, b,
					c.packageAllocs, c.packageSize)
			}
		}
		if len(lines) < 50 {
			t.Fatalf("%s: only %d packages are listed:\n%s", name, len(lines), stderr.String())
		}
		t.Logf("%s: %d packages make %d allocations of %d bytes before main", name, len(lines), allocations, size)
		if allocations > c.allocations || size > c.bytes {
			t.Errorf("%s: all packages make %d allocations of %d bytes before main; the limits are %d and %d", name, allocations,
				size, c.allocations, c.bytes)
		}
	}
}
