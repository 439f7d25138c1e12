// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// errorCounts counts the errors that callers got.
type errorCounts struct {
	mu sync.Mutex
	by map[string]int
}

func (e *errorCounts) count(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.by == nil {
		e.by = map[string]int{}
	}
	known := backend.AsError(err)
	e.by[string(known.Code)+": "+known.Message+" ("+known.Hint+")"]++
}

// log shows how often callers got which error.
func (e *errorCounts) log(t *testing.T) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, text := range slices.Sorted(maps.Keys(e.by)) {
		t.Logf("%d calls: %s", e.by[text], text)
	}
}
