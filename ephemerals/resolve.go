// SPDX-License-Identifier: MPL-2.0

package ephemerals

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// resolved is what one reference gave: a value, an error, or, of a secret that
// this plan is about to make, neither yet.
type resolved struct {
	backend.Resolution
	planned bool
}

// resolve resolves references in one call, whatever their number. A value that
// Terraform's strings cannot hold is an error.
func resolve(ctx context.Context, s *session.Session, refs []backend.Ref) ([]resolved, error) {
	found, err := s.Service.Resolve(ctx, refs)
	if err != nil {
		return nil, err
	}
	out := make([]resolved, len(found))
	for i, r := range found {
		switch {
		case isPlanned(s, refs[i], r):
			out[i].planned = true
		case r.Err == nil && !utf8.Valid(r.Value.Expose()):
			out[i].Err = backend.Errorf(backend.CodeInvalid, "secret %s is not text (UTF-8), which Terraform's strings are", backend.Quote(refs[i].Name)).
				WithHint("keep it in base64, and decode it where it is used")
		default:
			out[i].Resolution = r
		}
	}
	return out, nil
}

// isPlanned reports whether an entry is missing only because Terraform asks
// for it in the plan that is going to make it.
func isPlanned(s *session.Session, ref backend.Ref, r backend.Resolution) bool {
	return r.Err != nil && errors.Is(r.Err, backend.ErrNotFound) && s.Plan.WillProvide(ref)
}
