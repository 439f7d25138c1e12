// SPDX-License-Identifier: MPL-2.0

package signed

import (
	"context"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/stored"
)

// The rows of the deployment, such as roles and bindings, decide about rights. So they are used only if they are those
// that their state sums up: a binding that was deleted may have been put back. A row that cannot be trusted gives
// nothing, like a token that cannot be trusted.

var deploymentState = projectState(stored.DeploymentKey)

func isAccessRow(o store.Object) bool { return o.Project == stored.DeploymentKey }

// accessRows returns rows of the deployment. With f.AnyState, it returns all, and Untrusted is set in those that cannot
// be trusted. Otherwise it leaves these out, and returns an error if a row was removed or put back.
func (t *tx) accessRows(ctx context.Context, f store.Filter) ([]store.Object, error) {
	rows, err := t.Tx.Objects(ctx, f)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		_ = t.verify(&rows[i]) // sets Untrusted
	}
	if f.AnyState {
		return rows, nil
	}
	return slices.DeleteFunc(rows, func(o store.Object) bool { return o.Untrusted != nil }), t.checkAccessRows(ctx)
}

// checkAccessRows compares all rows of the deployment with their state, once in a transaction: what it writes itself
// fits.
func (t *tx) checkAccessRows(ctx context.Context) error {
	if t.accessChecked {
		return nil
	}
	rows, err := t.readAccess(ctx)
	if err != nil {
		return err
	}
	if err := t.fitAccessRows(ctx, rows.sums); err != nil {
		return err
	}
	t.accessChecked = true
	return nil
}

func (t *tx) fitAccessRows(ctx context.Context, sums rowSums) error {
	want, err := t.accessSum(ctx)
	if err != nil {
		return err
	}
	if !sums.fit(want) {
		return stateError(deploymentState, "does not fit them: a row was removed or put back outside Pouncet")
	}
	return t.checkStates(ctx)
}

// allAccessRows returns all rows of the deployment, with Untrusted set in those that cannot be trusted.
func (t *tx) allAccessRows(ctx context.Context) ([]store.Object, error) {
	var all []store.Object
	for after := ""; ; {
		rows, err := t.Tx.ScanObjects(ctx, stored.DeploymentKey, after, walkPage)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			_ = t.verify(&rows[i])
			after = rows[i].ID
		}
		all = append(all, rows...)
		if len(rows) < walkPage {
			return all, nil
		}
	}
}

// accessSum returns the sum that the state of the deployment has now. The state does not exist before the first row.
func (t *tx) accessSum(ctx context.Context) (sum, error) {
	sealed, err := t.State(ctx, deploymentState)
	if err != nil {
		return sum{}, err
	}
	if sealed == nil && t.seen[deploymentState] == 0 {
		return t.deltas[deploymentState], nil
	}
	st, err := t.openStored(deploymentState, sealed)
	return st.sum.plus(t.deltas[deploymentState]), err
}

// deleteAccessRow deletes a row of the deployment. Deleting one that was added or put back changes no sum, so that the
// others can be used again. If more than maxReturned rows were put back, nobody knows whether this is one of them: then
// the sum loses the row, because it must not be put back, and only Accept makes the rows fit again.
func (t *tx) deleteAccessRow(ctx context.Context, before knownObject) error {
	rows, err := t.readAccess(ctx)
	if err != nil {
		return err
	}
	want, err := t.accessSum(ctx)
	if err != nil {
		return err
	}
	if err := t.Tx.DeleteObject(ctx, before.row.ID); err != nil {
		return err
	}
	t.forget(before.row)
	t.raiseIfKept(before.row.Kind)
	one, sums := t.signers.objectSummand(before.row), rows.sums
	switch {
	case sums.without(one, before.untrusted).fit(want):
	case slices.Contains(rows.genuine.returned(sums, want), before.row.ID):
	case !before.untrusted || sums.fit(want):
		t.subtract(deploymentState, one)
	default:
		t.spoil(deploymentState)
	}
	t.countAccess(before.row, before.untrusted, -1)
	return nil
}

// accessSums are the sums of the rows of the deployment, as a transaction has left them.
type accessSums struct {
	sums    rowSums
	genuine summands
}

// readAccess returns the sums of the rows of the deployment. It reads the rows once in a transaction, which may delete
// thousands of them.
func (t *tx) readAccess(ctx context.Context) (*accessSums, error) {
	if t.access == nil {
		rows, err := t.allAccessRows(ctx)
		if err != nil {
			return nil, err
		}
		t.access = &accessSums{t.signers.objectSums(rows), t.signers.objectSummands(rows)}
	}
	return t.access, nil
}

// countAccess adds a row that was written to the sums that readAccess has read, or takes one away with the sign -1.
func (t *tx) countAccess(o store.Object, untrusted bool, sign int) {
	if t.access == nil || !isAccessRow(o) {
		return
	}
	one := t.signers.objectSummand(o)
	if sign < 0 {
		t.access.sums = t.access.sums.without(one, untrusted)
		delete(t.access.genuine, one)
		return
	}
	t.access.sums.add(one, untrusted)
	if !untrusted {
		t.access.genuine[one] = o.ID
	}
}

// rowSums are the sums of the rows whose MAC is right, and of all.
type rowSums struct{ trusted, all sum }

func (r *rowSums) add(one sum, untrusted bool) {
	r.all = r.all.plus(one)
	if !untrusted {
		r.trusted = r.trusted.plus(one)
	}
}

func (s *signers) tokenSums(tokens []store.Token) (out rowSums) {
	for _, k := range tokens {
		out.add(s.tokenSummand(k), k.Untrusted != nil)
	}
	return out
}

func (s *signers) objectSums(rows []store.Object) (out rowSums) {
	for _, o := range rows {
		out.add(s.objectSummand(o), o.Untrusted != nil)
	}
	return out
}

// fit reports whether the rows fit the sum of their state. They do if the trusted ones are all that the sum has: then
// the others were added outside Pouncet. They also do if all together are what it has: then the others are rows that
// were changed. In both cases no trusted row was removed or put back.
func (r rowSums) fit(want sum) bool { return r.trusted == want || r.all == want }

// without returns the sums without one of the rows.
func (r rowSums) without(one sum, untrusted bool) rowSums {
	r.all = r.all.minus(one)
	if !untrusted {
		r.trusted = r.trusted.minus(one)
	}
	return r
}
