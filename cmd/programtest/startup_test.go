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

// work is what packages do before main.
type work struct{ allocations, bytes int }

func (w work) exceeds(limit work) bool {
	return w.allocations > limit.allocations || w.bytes > limit.bytes
}

// The limits of one package. The largest, the schemas of AWS KMS, makes 1,910 allocations of 339,000 bytes.
var (
	limitOfPackage       = work{2_500, 400_000}
	limitOfSchemaLibrary = work{24_000, 2_000_000} // it makes 21,300 allocations of 1.7 MB
)

// TestStartUp limits what packages do before main, because every command waits for it. It counts memory allocations,
// which are nearly the same on every machine.
//
// The limits find a package that builds large tables, and a library with many packages that each build some. They
// leave room for small dependencies and for new versions: a small package makes at most a few hundred allocations, and
// the limits of a whole program are a fifth above its present work, without the JSON Schema library.
//
// If the test fails, move the work of the package's initialisation to the function that needs it (sync.OnceValue), or
// use a library that does so. If many small dependencies have used up the room, measure the time with BenchmarkVersion
// in bench/ and raise the limit of the program.
func TestStartUp(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: builds the programs: run without -short")
	}
	for _, c := range []struct {
		program string
		limit   work // of all packages but the JSON Schema library
	}{
		{programtest.Pouncet(t), work{13_000, 1_800_000}},                                          // 11,000 and 1.5 MB
		{filepath.Join(programtest.Dir(t), "terraform-provider-pouncet"), work{16_000, 2_500_000}}, // 13,300 and 2.1 MB
	} {
		cmd := exec.Command(c.program, "version")
		cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run() // the provider refuses to run without Terraform
		name := filepath.Base(c.program)
		var all work
		lines := initLine.FindAllStringSubmatch(stderr.String(), -1)
		for _, m := range lines {
			limit := limitOfPackage
			var w work
			w.bytes, _ = strconv.Atoi(m[2])
			w.allocations, _ = strconv.Atoi(m[3])
			if m[1] == schemaLibrary {
				limit = limitOfSchemaLibrary
			} else {
				all = work{all.allocations + w.allocations, all.bytes + w.bytes}
			}
			if w.exceeds(limit) {
				t.Errorf("%s: package %s makes %d allocations of %d bytes before main; the limits are %d and %d", name, m[1],
					w.allocations, w.bytes, limit.allocations, limit.bytes)
			}
		}
		if len(lines) < 50 {
			t.Fatalf("%s: only %d packages are listed:\n%s", name, len(lines), stderr.String())
		}
		t.Logf("%s: %d packages make %d allocations of %d bytes before main", name, len(lines), all.allocations, all.bytes)
		if all.exceeds(c.limit) {
			t.Errorf("%s: all packages make %d allocations of %d bytes before main; the limits are %d and %d", name,
				all.allocations, all.bytes, c.limit.allocations, c.limit.bytes)
		}
	}
}
