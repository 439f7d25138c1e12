// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"sync"
	"time"
)

// Health is the last result of a check that runs in the background. So a request for it costs nothing.
type Health struct {
	check func(ctx context.Context) error
	mu    sync.Mutex
	err   error
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

// refresh runs the check. A check that takes longer than an interval has failed.
func (h *Health) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, HealthInterval)
	defer cancel()
	err := h.check(ctx)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

// Ready returns the last result, as Options.Ready does.
func (h *Health) Ready(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}
