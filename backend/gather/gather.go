// SPDX-License-Identifier: MPL-2.0

// Package gather makes one request of dry runs that are asked for at the same time.
//
// Terraform plans several resources at a time, and each of them asks the backend what its change would do. While one
// request is on its way, the dry runs that arrive meanwhile wait, and the next request carries all of them. Nothing
// waits for a time, so one caller alone is never slower, and the cost of many falls with their number.
//
// The changes of a request take effect one after the other. The answer to a dry run must not depend on who asks at the
// same time, so only changes that leave each other's outcome as it is share a request: see together.
package gather

import (
	"context"
	"reflect"
	"slices"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Service is a Service that gathers dry runs for another Service. All other calls go through.
type Service struct {
	backend.Service

	mu      sync.Mutex
	sending bool // a request of dry runs is on its way
	waiting []*request
}

// request is a dry run that waits for its outcomes.
type request struct {
	changes  []backend.Change
	done     chan struct{} // closed when outcomes and err are set
	outcomes []backend.Outcome
	err      error
}

// New returns a Service that gathers the dry runs for s.
func New(s backend.Service) *Service { return &Service{Service: s} }

// Apply returns the outcomes of a set. Dry runs whose changes before the last one are equal share a request: these
// changes are what the last one assumes.
func (s *Service) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if !set.DryRun || set.FingerprintKey != nil || len(set.Changes) == 0 {
		return s.Service.Apply(ctx, set)
	}
	r := &request{changes: set.Changes, done: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, r)
	start := !s.sending
	s.sending = true
	s.mu.Unlock()
	if start {
		// The request serves others too, so it does not end with the context of this caller.
		go s.send(context.WithoutCancel(ctx))
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.done:
		return r.outcomes, r.err
	}
}

// send sends what waits until nothing waits any more.
func (s *Service) send(ctx context.Context) {
	for {
		batch := s.next()
		if batch == nil {
			return
		}
		s.sendBatch(ctx, batch)
		for _, r := range batch {
			close(r.done)
		}
	}
}

// next removes the requests that the next call carries, or returns nil if none waits.
func (s *Service) next() []*request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.sending = false
		return nil
	}
	first := s.waiting[0]
	preceding := first.changes[:len(first.changes)-1]
	batch := []*request{first}
	rest := slices.DeleteFunc(s.waiting[1:], func(r *request) bool {
		last := len(r.changes) - 1
		fits := len(preceding)+len(batch) < backend.MaxChanges && together(first.changes[len(preceding)], r.changes[last]) &&
			reflect.DeepEqual(preceding, r.changes[:last])
		if fits {
			batch = append(batch, r)
		}
		return fits
	})
	s.waiting = slices.Clone(rest)
	return batch
}

// together reports whether two changes can share a request. A deletion and a rename free a place, and a creation or
// another rename can take it: alone, the outcome names the object that it displaces. A change of a project or
// environment changes the rules for its contents.
func together(a, b backend.Change) bool {
	return a.Op == b.Op && a.Kind == b.Kind && a.Rename == nil && b.Rename == nil
}

// sendBatch sets the outcomes of requests with equal preceding changes.
func (s *Service) sendBatch(ctx context.Context, batch []*request) {
	last := len(batch[0].changes) - 1
	changes := slices.Clone(batch[0].changes[:last])
	for _, r := range batch {
		changes = append(changes, r.changes[last])
	}
	outcomes, err := s.Service.Apply(ctx, backend.ChangeSet{Changes: changes, DryRun: true})
	otherValues := false // an earlier change of the request gives a secret another value
	for i, r := range batch {
		if r.err = err; err != nil {
			continue
		}
		outcome := outcomes[last+i]
		r.outcomes = append(slices.Clone(outcomes[:last]), outcome)
		writes := slices.Contains(outcome.Changed, "value")
		if len(batch) > 1 && outcome.Err != nil || otherValues && writes {
			// Another change can be the reason for the error. And a project can refuse a value that a secret has, which an
			// earlier change of the request replaces. Alone, the answer does not depend on who asked at the same time.
			r.outcomes, r.err = s.Service.Apply(ctx, backend.ChangeSet{Changes: r.changes, DryRun: true})
		}
		otherValues = otherValues || writes
	}
}
