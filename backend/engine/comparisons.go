// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"slices"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// The answer to a change tells whether the given value equals the stored one. For a principal that may not have the
// stored value, each answer is a guess. The wrong guesses of a day are counted, for each principal and secret, unless
// the set is committed: then the guess has replaced the value. A token and the tokens that it made share one count, and
// so do all subjects of a trust. Beyond the limit, the engine does not compare. It answers as if the values differed,
// and sets Unchecked in the outcome of a dry run.

// DefaultMaxDifferences is the default of Options.MaxDifferences.
const DefaultMaxDifferences = 100

// countTime limits the time for counting the guesses of a call that has ended.
const countTime = 5 * time.Second

// guesses are the guesses of one call.
type guesses struct {
	engine  *Engine
	caller  backend.Principal
	day     string
	wrong   map[string]int  // how many guesses of a secret were wrong, by its id
	counted map[string]int  // how many of them are counted
	refused map[string]bool // secrets that are not compared any more
	// kept holds the objects whose guesses also count if the set is committed: those that it does not replace.
	kept map[string]bool
}

func (e *Engine) newGuesses(ctx context.Context) *guesses {
	caller, _ := backend.PrincipalFrom(ctx)
	return &guesses{engine: e, caller: caller, day: e.now().UTC().Format(time.DateOnly), wrong: map[string]int{},
		counted: map[string]int{}, refused: map[string]bool{}, kept: map[string]bool{}}
}

// acquire waits for the slot of the principal, if the set can contain guesses: one call of a principal guesses at a
// time, and the next call compares after the guesses of this one are counted. The caller calls release.
func (g *guesses) acquire(ctx context.Context, set backend.ChangeSet) (release func(), err error) {
	if !mayCompare(set) || g.hasAll() {
		return func() {}, nil
	}
	return g.engine.guessSlots.acquire(ctx, g.principal())
}

// hasAll reports whether the role of the principal gives it every value, so that it guesses none.
func (g *guesses) hasAll() bool {
	rights, _ := backend.RightsOf(g.caller.Role)
	return g.caller.Kind == backend.Workload && slices.Contains(rights, backend.RightResolve)
}

// principal is whose guesses are counted together: a token cannot make others, or a trust have other subjects, to guess
// more.
func (g *guesses) principal() string { return g.caller.Budget() }

func (g *guesses) key(object string) store.ComparisonKey {
	return store.ComparisonKey{Day: g.day, Principal: g.principal(), Object: object}
}

// begin forgets the guesses of a transaction that is repeated: it makes them again.
func (g *guesses) begin() { g.wrong = map[string]int{} }

// guess compares the value of a secret that the principal may not have, and notes whether the values differ. Beyond the
// limit it does not compare, and returns false.
func (r *run) guess(object string, isEqual func() bool) (equal bool, err error) {
	g := r.guesses
	n, err := r.tx.Comparisons(r.ctx, g.key(object))
	if err != nil {
		return false, err
	}
	// A set can compare one secret with many values. Those that this call has counted before are counted in n, too.
	if n += g.wrong[object] - g.counted[object]; g.refused[object] || n >= g.engine.maxDifferences {
		if r.set.DryRun {
			r.unchecked = "value"
		}
		return false, nil
	}
	if !isEqual() {
		g.wrong[object]++
		return false, nil
	}
	return true, nil
}

// countKept counts, in the transaction of a set that is made, the wrong guesses that the set does not replace.
func (r *run) countKept() error {
	for id := range r.guesses.kept {
		for range r.guesses.wrong[id] - r.guesses.counted[id] {
			if _, err := r.tx.AddComparison(r.ctx, r.guesses.key(id)); err != nil {
				return err
			}
		}
	}
	return nil
}

// count counts the wrong guesses of a set that was not committed, before its outcomes or its error leave. It reports
// whether one of them is beyond the limit, so that the answer must not depend on it.
func (g *guesses) count(ctx context.Context) (exceeded bool, err error) {
	var objects []string
	for id := range g.wrong {
		if g.counted[id] < g.wrong[id] {
			objects = append(objects, id)
		}
	}
	if len(objects) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), countTime)
	defer cancel()
	var beyond []string
	err = g.engine.store.Update(ctx, func(tx store.Tx) error {
		beyond = nil
		for _, id := range objects {
			n := 0
			for range g.wrong[id] - g.counted[id] {
				if n, err = tx.AddComparison(ctx, g.key(id)); err != nil {
					return err
				}
			}
			if n > g.engine.maxDifferences {
				beyond = append(beyond, id)
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	for _, id := range objects {
		g.counted[id] = g.wrong[id]
	}
	for _, id := range beyond {
		g.refused[id] = true
	}
	return len(beyond) > 0, nil
}
