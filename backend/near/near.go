// SPDX-License-Identifier: MPL-2.0

// Package near finds the name that somebody meant who wrote another one.
package near

import (
	"strings"

	"github.com/agext/levenshtein"
)

// Name is the candidate that somebody who wrote name may have meant: at most
// about a third of its letters away, letter case aside; "" if there is none.
func Name(name string, candidates []string) string {
	return Within(max(1, (len(name)+1)/3), name, candidates)
}

// Within is the candidate other than name that is nearest to it, letter case
// aside; "" if none is at most so many letters away.
func Within(most int, name string, candidates []string) string {
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
