// SPDX-License-Identifier: MPL-2.0

// Package suggest finds the name that was meant when another one was written.
package suggest

import (
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/pouncet/terraform-provider-pouncet/backend"
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

// Missing explains a missing name. It sorts the environments that have the name.
// Only if there are none, it calls suggest for the name that was meant: a name
// that another environment has was not mistyped.
func Missing(existsIn []string, suggest func() string) (environments []string, suggestion, hint string) {
	slices.Sort(existsIn)
	environments = slices.Compact(existsIn)
	if len(environments) == 0 {
		suggestion = suggest()
	}
	hint = MissingHint(environments, suggestion, "no environment has it: check the name, or create it")
	return environments, suggestion, hint
}

// MissingHint is the hint for a missing name: the environments that have it, or
// else the suggestion. If there is neither, it is otherwise.
func MissingHint(environments []string, suggestion, otherwise string) string {
	if len(environments) > 0 {
		return "it exists in " + backend.Enumerate(environments)
	}
	return Hint(suggestion, otherwise)
}
