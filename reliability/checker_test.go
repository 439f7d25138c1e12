// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"os"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// long reports whether the tests run for minutes, and not for seconds.
func long() bool { return os.Getenv("POUNCET_TORTURE") == "1" }

// recorded runs a workload against a server, and returns its history.
func recorded(t *testing.T, service backend.Service, calls int) *history {
	t.Helper()
	prepare(t, service)
	w := &workload{history: newHistory(), services: []backend.Service{service}, clients: 6, groups: 2, calls: calls,
		seed: 1, timeout: time.Minute, grace: time.Minute, unexpected: func(err error) { t.Error(err) }}
	w.run()
	return w.history
}

// The checker finds each fault, and finds nothing if there is none.
func TestTheCheckerFindsSeededFaults(t *testing.T) {
	t.Run("no fault", func(t *testing.T) {
		t.Parallel()
		service := faultyServer(t, fault{})
		h := recorded(t, service, 100)
		h.wantLinearizable(t)
		h.wantAcknowledged(t, service)
	})
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			// Some faults show only if another client comes at the right time.
			for range 3 {
				h := recorded(t, faultyServer(t, f), 100)
				if found, _ := h.check(); found == porcupine.Illegal {
					return
				}
			}
			t.Error("three histories with the fault are linearizable")
		})
	}
}
