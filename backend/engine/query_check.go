// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// checkQuery refuses a query whose selectors do not fit its kind or each other.
func checkQuery(q backend.Query, now time.Time) error {
	if q.Limit < 0 || q.Limit > backend.MaxPage {
		return backend.Errorf(backend.CodeInvalid, "a page of %d objects is not supported; the limit is %d", q.Limit,
			backend.MaxPage).At("limit")
	}
	if err := checkSelf(q); err != nil {
		return err
	}
	if err := checkResolved(q, now); err != nil {
		return err
	}
	for _, check := range []func(backend.Query) error{
		checkEntryQuery, checkScopeQuery, checkNamePrefix, checkRecordQuery,
	} {
		if err := check(q); err != nil {
			return err
		}
	}
	return nil
}

// checkSelf refuses a query for the token of the caller that selects something else too.
func checkSelf(q backend.Query) error {
	if q.Self && q != (backend.Query{Kind: backend.KindToken, Self: true, Limit: q.Limit}) {
		return backend.Errorf(backend.CodeInvalid, "the selector self cannot be used with another selector").
			WithHint("send only the kind token and self").At("self")
	}
	return nil
}
