// SPDX-License-Identifier: MPL-2.0

package access

import "github.com/pouncet/terraform-provider-pouncet/backend"

// RightTo returns the right that an operation on an object of a kind needs, for a caller that offers only what is
// allowed. The engine decides about each call, and may need more rights for it.
func RightTo(op backend.Op, kind backend.Kind) backend.Right {
	switch kind {
	case backend.KindSecret, backend.KindScopedValue:
		switch op {
		case backend.OpDelete:
			return backend.RightDelete
		case backend.OpCompare:
			return backend.RightCompare
		}
		return backend.RightWrite
	case backend.KindDraft, backend.KindDraftChange:
		return backend.RightDeploy
	case backend.KindToken, backend.KindRole, backend.KindGroup, backend.KindBinding,
		backend.KindTrust:
		return backend.RightBind
	case backend.KindUsage:
		return backend.RightRegister
	}
	return backend.RightManage
}
