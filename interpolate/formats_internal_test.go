// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"slices"
	"strings"
	"testing"
)

// TestNamesOfFormatsHaveADot checks what rowOf relies on: a name without a dot belongs to no format.
func TestNamesOfFormatsHaveADot(t *testing.T) {
	for i := range formatRows {
		r := &formatRows[i]
		for _, name := range slices.Concat(r.extensions, r.beginnings, r.patterns) {
			if !strings.Contains(name, ".") {
				t.Errorf("%s: %q has no dot", r.name, name)
			}
		}
	}
}

// TestKeysAreComparedWithoutWork checks that an ordinary key of YAML is not compared with each name of a format. A file
// has many keys.
func TestKeysAreComparedWithoutWork(t *testing.T) {
	for _, key := range []string{"password", "DB_PASSWORD", "service/host"} {
		if n := testing.AllocsPerRun(10, func() { namesFile(key) }); n > 0 {
			t.Errorf("%s: %v allocations, want none", key, n)
		}
	}
}
