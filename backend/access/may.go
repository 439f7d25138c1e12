// SPDX-License-Identifier: MPL-2.0

package access

import "github.com/pouncet/terraform-provider-pouncet/backend"

// May returns ErrDenied if a principal may not make a change. It is for a caller that offers only what is allowed:
// Guard decides about each call.
func May(p backend.Principal, c backend.Change) error { return may(p, actOf(c, false)) }

// MayReveal returns ErrDenied if no value may be revealed to a principal.
func MayReveal(p backend.Principal) error { return may(p, reveal) }

func may(p backend.Principal, a act) error {
	if !allows(p.Role, a) {
		return denied(p, a)
	}
	return nil
}
