// SPDX-License-Identifier: MPL-2.0

package ephemerals

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// resolved is the result for one reference. If planned is set, this Terraform plan creates the secret, and there is
// no value and no error yet.
type resolved struct {
	backend.Resolution
	planned bool
}

// resolve resolves references in one call. A value that is not UTF-8 is an error, because Terraform's strings cannot
// hold it.
func resolve(ctx context.Context, s *session.Session, refs []backend.Ref) ([]resolved, error) {
	resolutions, err := s.Service.Resolve(ctx, refs)
	if err != nil {
		return nil, err
	}
	out := make([]resolved, len(resolutions))
	for i, r := range resolutions {
		switch {
		case isPlanned(s, refs[i], r):
			out[i].planned = true
		case r.Err == nil && !utf8.Valid(r.Value.Expose()):
			out[i].Err = backend.Errorf(backend.CodeInvalid,
				"the value of secret %s is not valid UTF-8, and a Terraform string cannot hold it",
				backend.Quote(refs[i].Name)).
				WithHint("store the value in base64, and decode it where it is used")
		default:
			out[i].Resolution = r
		}
	}
	return out, nil
}

// isPlanned reports whether an entry, or its environment, does not exist yet because this Terraform plan creates it.
func isPlanned(s *session.Session, ref backend.Ref, r backend.Resolution) bool {
	return r.Err != nil && errors.Is(r.Err, backend.ErrNotFound) && s.Plan.WillProvide(ref)
}
