// SPDX-License-Identifier: MPL-2.0

package review

import (
	"slices"
	"strings"
)

// suppress leaves out the findings that comments suppress, and adds those about
// comments that suppress nothing or are not right.
func suppress(sources []*Source, findings []Finding, o FinishOptions) (rest []Finding, suppressed int) {
	type place struct {
		file string
		line int
	}
	type known struct {
		*ignore
		used bool
	}
	var all []*known
	at := map[place][]*known{}
	for _, s := range sources {
		for i := range s.ignores {
			k := &known{ignore: &s.ignores[i]}
			all = append(all, k)
			at[place{s.Name, k.target}] = append(at[place{s.Name, k.target}], k)
		}
	}
	for _, f := range findings {
		hit := false
		for _, k := range at[place{f.File, f.Line}] {
			if k.wrong == "" && slices.Contains(k.rules, f.Rule) {
				k.used, hit = true, true
			}
		}
		if hit {
			suppressed++
			continue
		}
		rest = append(rest, f)
	}
	if !o.Severities.Active(BadIgnore) {
		return rest, suppressed
	}
	i := 0
	for _, s := range sources {
		for range s.ignores {
			k := all[i]
			i++
			if message, hint := k.complaint(k.used, o); message != "" {
				rest = append(rest, Finding{
					Rule: BadIgnore, File: s.Name, Line: k.line, Column: k.column,
					Message: message, Hint: hint, about: strings.Join(k.rules, ","),
				})
			}
		}
	}
	return rest, suppressed
}

// complaint is what is wrong with a suppression, "" if nothing is. That it has
// no effect is only said where all that it could suppress was looked for.
func (g *ignore) complaint(used bool, o FinishOptions) (message, hint string) {
	if g.wrong != "" {
		return g.wrong, "write: # pouncet:ignore POUNCET001 and the reason"
	}
	if used {
		return "", ""
	}
	for _, id := range g.rules {
		rule := ruleOf(id)
		ran := id < Added && o.Severities.Active(id)
		if !ran || rule.perEnvironment && !o.Whole {
			return "", ""
		}
	}
	return "nothing of " + strings.Join(g.rules, ", ") + " is here to be suppressed", "take the comment away"
}
