// SPDX-License-Identifier: MPL-2.0

package servicetest

import (
	"context"
	"sync/atomic"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// InTurn returns a Service that sends each call to the next of several ones, which share their data.
func InTurn(services ...backend.Service) backend.Service { return &inTurn{services: services} }

type inTurn struct {
	services []backend.Service
	calls    atomic.Int64
}

func (s *inTurn) next() backend.Service { return s.services[s.calls.Add(1)%int64(len(s.services))] }

func (s *inTurn) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	return s.next().Query(ctx, q)
}

func (s *inTurn) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	return s.next().Resolve(ctx, refs)
}

func (s *inTurn) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	return s.next().Apply(ctx, set)
}
