// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Check looks for problems of a backend. err is the first with which the server is not ready.
type Check func(ctx context.Context) (problems []error, err error)

// Health is the last result of a check that runs in the background. So a request for it costs nothing.
type Health struct {
	check    Check
	changed  func(appeared, gone []error)
	mu       sync.Mutex
	problems []error
	err      error
	at       time.Time // when the check ended
}

// HealthInterval is how often a server checks its health.
const HealthInterval = 10 * time.Second

// NewHealth checks once and returns the result. It calls changed with the problems that appeared and those that are
// gone, after each check that differs from the one before.
func NewHealth(ctx context.Context, check Check, changed func(appeared, gone []error)) *Health {
	h := &Health{check: check, changed: changed}
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
	limited, cancel := context.WithTimeout(ctx, HealthInterval)
	defer cancel()
	problems, err := h.check(limited)
	if ctx.Err() != nil {
		return // the server stops, and its database may have found the check interrupted
	}
	h.mu.Lock()
	before := h.problems
	h.problems, h.err, h.at = problems, err, time.Now()
	h.mu.Unlock()
	appeared, gone := without(problems, before), without(before, problems)
	if len(appeared)+len(gone) > 0 {
		h.changed(appeared, gone)
	}
}

// without returns the errors that have another text than all of the others.
func without(errs, others []error) []error {
	return slices.DeleteFunc(slices.Clone(errs), func(e error) bool {
		return slices.ContainsFunc(others, func(o error) bool { return e.Error() == o.Error() })
	})
}

// staleAfter is the age of a result after which the server is not ready, because the check hangs.
const staleAfter = 3 * HealthInterval

// Problems returns the problems that the last check found, as Options.Problems does.
func (h *Health) Problems() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.problems
}

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
