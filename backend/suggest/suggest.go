// SPDX-License-Identifier: MPL-2.0

// Package suggest finds the existing name that is closest to a mistyped one.
package suggest

import (
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Name returns the candidate that is closest to a mistyped name, or "". At most about a third of the letters may
// differ, or two neighbours are swapped. Upper and lower case are equal.
func Name(name string, candidates []string) string {
	if near := WithinDistance(max(1, (len(name)+1)/3), name, candidates); near != "" {
		return near
	}
	for _, c := range candidates {
		if isSwapped(strings.ToLower(name), strings.ToLower(c)) {
			return c
		}
	}
	return ""
}

// isSwapped reports whether two names differ only in that two neighbours are swapped. In a short name, this counts as
// too many different letters.
func isSwapped(x, y string) bool {
	if len(x) != len(y) {
		return false
	}
	for i := range len(x) - 1 {
		if x[i] != y[i] {
			return x[i] == y[i+1] && x[i+1] == y[i] && x[i+2:] == y[i+2:]
		}
	}
	return false
}

// WithinDistance returns the candidate other than name that is closest to it, or "". At most most letters may differ.
// Upper and lower case are equal.
func WithinDistance(most int, name string, candidates []string) string {
	best, distance := "", most+1
	if len(name) > backend.DefaultMaxNameLength { // no name is so long, and the comparison takes the square of the time
		return ""
	}
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

// Hint returns the hint "did you mean …?" for a suggestion, or otherwise if the suggestion is "".
func Hint(suggestion, otherwise string) string {
	if suggestion == "" {
		return otherwise
	}
	return "did you mean " + suggestion + "?"
}

// Missing explains a missing name. It sorts the environments that have the name. Only if no environment has it, Missing
// calls suggest, because a name that exists somewhere is not mistyped.
func Missing(existsIn []string, suggest func() string) (environments []string, suggestion, hint string) {
	slices.Sort(existsIn)
	environments = slices.Compact(existsIn)
	if len(environments) == 0 {
		suggestion = suggest()
	}
	hint = MissingHint(environments, suggestion, "no environment has it: check the name, or create it")
	return environments, suggestion, hint
}

// MissingHint returns the hint for a missing name: the environments that have it, or else the suggestion, or else
// otherwise.
func MissingHint(environments []string, suggestion, otherwise string) string {
	if len(environments) > 0 {
		return "it exists in " + backend.Enumerate(environments)
	}
	return Hint(suggestion, otherwise)
}
