// SPDX-License-Identifier: MPL-2.0

// Package suggest finds the name that was meant when another one was written.
package suggest

import (
	"strings"

	"github.com/agext/levenshtein"
)

// Name is the candidate that somebody who wrote name may have meant: at most
// about a third of its letters away, letter case aside; "" if there is none.
func Name(name string, candidates []string) string {
	return WithinDistance(max(1, (len(name)+1)/3), name, candidates)
}

// WithinDistance is the candidate other than name that is nearest to it, letter case
// aside; "" if none is at most so many letters away.
func WithinDistance(most int, name string, candidates []string) string {
	best, distance := "", most+1
	lower := strings.ToLower(name)
	for _, c := range candidates {
		if c == name || len(c)-len(name) >= distance || len(name)-len(c) >= distance {
			continue
		}
		if d := levenshtein.Distance(lower, strings.ToLower(c), nil); d < distance {
			best, distance = c, d
		}
	}
	return best
}

// Hint asks whether the suggestion was meant; without one it is otherwise.
func Hint(suggestion, otherwise string) string {
	if suggestion == "" {
		return otherwise
	}
	return "did you mean " + suggestion + "?"
}

// MissingHint is the hint for a missing name: the environments that have it, or
// else the suggestion, or else what to do.
func MissingHint(environments []string, suggestion string) string {
	if len(environments) > 0 {
		return "it exists in " + strings.Join(environments, ", ")
	}
	return Hint(suggestion, "no environment has it: check the name, or create it")
}
