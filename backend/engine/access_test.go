// SPDX-License-Identifier: MPL-2.0

package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/servicetest"
)

// bearer makes calls as a server does for the bearer of a token.
type bearer struct {
	parts *open.Parts
	token string
}

func (b bearer) service(ctx context.Context) (context.Context, backend.Service, error) {
	p, err := access.Authenticate(ctx, b.parts.Store, b.token, time.Now())
	return backend.WithPrincipal(ctx, p), access.Guard(b.parts.Engine), err
}

func (b bearer) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	ctx, s, err := b.service(ctx)
	if err != nil {
		return backend.Page{}, err
	}
	return s.Query(ctx, q)
}

func (b bearer) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	ctx, s, err := b.service(ctx)
	if err != nil {
		return nil, err
	}
	return s.Resolve(ctx, refs)
}

func (b bearer) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	ctx, s, err := b.service(ctx)
	if err != nil {
		return nil, err
	}
	return s.Apply(ctx, set)
}

func TestAccess(t *testing.T) {
	servicetest.RunAccess(t, func(t *testing.T) (backend.Service, func(string) backend.Service) {
		parts := embedded(t, open.Config{})
		checkAtEnd(t, parts)
		return parts.Engine, func(token string) backend.Service { return bearer{parts, token} }
	})
}
