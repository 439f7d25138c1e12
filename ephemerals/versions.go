// SPDX-License-Identifier: MPL-2.0

package ephemerals

import (
	"context"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// explainVersions replaces what references to a version resolve to, if this plan makes the difference. A secret that it
// creates or replaces has version 1 alone, so the apply would fail. The value before a first rotation is the previous
// one only after the apply has rotated it.
func explainVersions(
	ctx context.Context, s *session.Session, refs []backend.Ref, resolutions []backend.Resolution,
) error {
	for i, ref := range refs {
		r := &resolutions[i]
		if willLackVersion(s, ref, *r) {
			r.Err = backend.Errorf(backend.CodeNotFound, "version %s of secret %s does not exist: this plan creates the secret",
				backend.Quote(ref.Version), backend.Quote(ref.Name)).
				WithHint("remove the version, or add it after the next rotation").At("version")
			continue
		}
		if r.Err == nil || r.Err.Attribute != "version" || ref.Version != backend.PreviousVersion {
			continue
		}
		rotated, err := s.Plan.RotatesEntry(ctx, ref)
		if err != nil {
			return err
		}
		if rotated {
			e := *r.Err
			r.Err = e.WithHint("this plan rotates the secret; to read the value before the rotation, use the version " +
				"pouncet_secret.example.version - 1")
		}
	}
	return nil
}

// willLackVersion reports whether a reference means a secret that this plan creates, and a version after the first.
func willLackVersion(s *session.Session, ref backend.Ref, r backend.Resolution) bool {
	if n, ok := backend.VersionNumber(ref.Version); ref.Version == "" || ok && n == 1 || s.ValuesUnknown {
		return false
	}
	return backend.CheckVersion(ref.Version) == nil && s.Plan.CreatesEntry(ref, r)
}
