// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Health is the last result of a check that runs in the background. So a request for it costs nothing.
type Health struct {
	check func(ctx context.Context) error
	mu    sync.Mutex
	err   error
	at    time.Time // when the check ended
}

// HealthInterval is how often a server checks its health.
const HealthInterval = 10 * time.Second

// NewHealth checks once and returns the result.
func NewHealth(ctx context.Context, check func(ctx context.Context) error) *Health {
	h := &Health{check: check}
	h.refresh(ctx)
	return h
}

// Keep repeats the check after each interval, until ctx ends.
func (h *Health) Keep(ctx context.Context, interval time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
			h.refresh(ctx)
		}
	}
}

// refresh runs the check, with a deadline of one interval.
func (h *Health) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, HealthInterval)
	defer cancel()
	err := h.check(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err, h.at = err, time.Now()
}

// staleAfter is the age from which a result counts no longer: the check hangs.
const staleAfter = 3 * HealthInterval

// Ready returns the last result, as Options.Ready does.
func (h *Health) Ready(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if age := time.Since(h.at); h.err == nil && age > staleAfter {
		return backend.Errorf(backend.CodeUnavailable, "the last health check ended %d s ago", int(age.Seconds())).
			WithHint("look at the disk and the KMS, then restart the server")
	}
	return h.err
}
