// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// How rows of the deployment are deleted that somebody changed or put back outside Pouncet.

// anyAccessRows are all stored rows of a kind, so that those which do not count can be deleted.
func (r *run) anyAccessRows(kind backend.Kind) ([]store.Object, error) {
	return r.tx.Objects(r.ctx, store.Filter{Kind: kind, Project: stored.DeploymentKey, AnyState: true})
}

// deleteUntrusted deletes a row by its id that was changed outside Pouncet. It gives nothing. Its name may be the
// name of another row, and nobody knows whose rights it gave before.
func (r *run) deleteUntrusted(c backend.Change, row store.Object) (backend.Outcome, error) {
	if !r.access.Everywhere(backend.RightBind) {
		return backend.Outcome{}, r.access.denied(backend.RightBind, string(c.Op), c.Kind.String()+" "+
			backend.Quote(cmp.Or(c.Name, c.ID)), nil, backend.Place{})
	}
	if c.Op != backend.OpDelete || c.ID == "" {
		return backend.Outcome{}, row.Untrusted
	}
	if err := checkOperation(c, true, row.ID, row.Name, row.Revision); err != nil {
		return backend.Outcome{}, err
	}
	return backend.Outcome{Action: backend.ActionDelete, Object: untrustedAccess(row)}, r.tx.DeleteObject(r.ctx, row.ID)
}

// untrustedAccess is what can be said of a row that cannot be trusted.
func untrustedAccess(row store.Object) backend.Object {
	return backend.Object{Kind: row.Kind, ID: row.ID, Name: row.Name, Revision: row.Revision}
}
