// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// A get whose rows are in memory verifies no row again, and needs no other goroutine to decrypt one value. That shows
// in what it allocates: a row that is verified is copied several times.
func TestGetsFromMemoryAllocateLittle(t *testing.T) {
	e := embedded(t, open.Config{}).Engine
	if _, err := e.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{environment("dev"),
		secret("dev", "one", "a value of average length")}}); err != nil {
		t.Fatal(err)
	}
	refs := []backend.Ref{ref("dev", "one")}
	get := func() {
		if out, err := e.Resolve(t.Context(), refs); err != nil || out[0].Err != nil {
			t.Fatal(err, out)
		}
	}
	get()
	if n := testing.AllocsPerRun(200, get); n > 95 {
		t.Errorf("%v allocations for a get", n)
	}
}
