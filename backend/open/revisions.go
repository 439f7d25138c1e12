// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// Begin begins a call that must see the changes of revision tokens: see httpapi.Begin.
func (p *Parts) Begin(
	ctx context.Context, tokens []string, latest bool,
) (call context.Context, token func() string, err error) {
	var want uint64
	for _, t := range tokens {
		revision, err := p.signed.Revision(ctx, t)
		if err != nil {
			return nil, nil, err
		}
		want = max(want, revision)
	}
	ctx, c := store.WithCall(ctx, want)
	if latest {
		c.UsePrimary(ctx)
	}
	return ctx, func() string {
		if c.Revision() == 0 {
			return ""
		}
		token, _ := p.signed.RevisionToken(ctx, c.Revision()) // without the key, no transaction has seen a revision
		return token
	}, nil
}
