// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"cmp"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A dry run tells whether a value equals a given one. For a principal that may not have the value, each answer is a
// guess. The wrong guesses of a day are counted, for each principal and secret. Beyond the limit, the engine does not
// compare: the outcome is that of another value, and says so in Unchecked.

// DefaultMaxDifferences is the default of Options.MaxDifferences.
const DefaultMaxDifferences = 100

func (r *run) comparisonKey(object string) store.ComparisonKey {
	p := r.access.principal
	return store.ComparisonKey{Day: r.now.Format(time.DateOnly), Principal: cmp.Or(p.ID, p.Name), Object: object}
}

// refusesComparison reports whether the principal has compared a secret too often with another value.
func (r *run) refusesComparison(object string) (bool, error) {
	if r.refused[object] {
		return true, nil
	}
	n, err := r.tx.Comparisons(r.ctx, r.comparisonKey(object))
	return n >= r.engine.maxDifferences, err
}

// countDifferences counts the wrong guesses of a dry run before its outcomes leave. It returns the secrets with a guess
// beyond the limit: other calls were counted at the same time, or the set has several guesses for a secret.
func (e *Engine) countDifferences(r *run) (exceeded map[string]bool, err error) {
	if len(r.differing) == 0 {
		return nil, nil
	}
	err = e.store.Update(r.ctx, func(tx store.Tx) error {
		exceeded = map[string]bool{}
		for _, id := range r.differing {
			n, err := tx.AddComparison(r.ctx, r.comparisonKey(id))
			if err != nil {
				return err
			}
			if n > e.maxDifferences {
				exceeded[id] = true
			}
		}
		return nil
	})
	return exceeded, err
}
