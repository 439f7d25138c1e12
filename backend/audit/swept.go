// SPDX-License-Identifier: MPL-2.0

package audit

import (
	"context"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// ownPrincipal is the principal of what the backend does on its own.
const ownPrincipal = "pouncet"

// Swept returns a function that records which deleted objects a sweep has removed
// for good. The sweep is done by then, so a failure to record it changes nothing.
// A nil now means time.Now.
func Swept(sink Sink, now func() time.Time) func(ctx context.Context, removed []backend.Object) {
	l := newRecorder(sink, now)
	return func(ctx context.Context, removed []backend.Object) {
		var p groups
		for _, o := range removed {
			p.add(o.Project, "", "", item{Kind: o.Kind, Name: o.Name, ID: o.ID, Action: backend.ActionDelete})
		}
		ctx = backend.WithPrincipal(context.WithoutCancel(ctx), backend.Principal{Name: ownPrincipal})
		_ = l.record(ctx, "sweep", "", nil, p.detail())
	}
}
