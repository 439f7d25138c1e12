// SPDX-License-Identifier: MPL-2.0

package telemetry

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/trace"
)

// calls is a Service whose calls have spans.
type calls struct{ next backend.Service }

var _ backend.Service = calls{}

// Calls returns a Service with a span for each call of next. A span has the number of references or changes.
func Calls(next backend.Service) backend.Service { return calls{next} }

func (c calls) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	ctx, span := trace.Start(ctx, "engine.query", trace.Internal)
	page, err := c.next.Query(ctx, q)
	span.Count("pouncet.objects", len(page.Objects))
	span.End(err)
	return page, err
}

func (c calls) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	ctx, span := trace.Start(ctx, "engine.resolve", trace.Internal)
	span.Count("pouncet.references", len(refs))
	out, err := c.next.Resolve(ctx, refs)
	span.End(err)
	return out, err
}

func (c calls) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	name := "engine.apply"
	if set.DryRun {
		name = "engine.dry_run"
	}
	ctx, span := trace.Start(ctx, name, trace.Internal)
	span.Count("pouncet.changes", len(set.Changes))
	out, err := c.next.Apply(ctx, set)
	span.End(err)
	return out, err
}
