// SPDX-License-Identifier: MPL-2.0

package review

import (
	"slices"
	"strings"
)

// suppress removes the findings that comments suppress. It adds a finding for each suppression that is not valid or has
// no effect.
func suppress(sources []*Source, findings []Finding, o FinishOptions) (rest []Finding, suppressed int) {
	type fileLine struct {
		file string
		line int
	}
	type suppression struct {
		*ignore
		used bool
	}
	var all []*suppression
	byLine := map[fileLine][]*suppression{}
	for _, s := range sources {
		for i := range s.ignores {
			g := &suppression{ignore: &s.ignores[i]}
			all = append(all, g)
			byLine[fileLine{s.Name, g.target}] = append(byLine[fileLine{s.Name, g.target}], g)
		}
	}
	for _, f := range findings {
		matched := false
		for _, g := range byLine[fileLine{f.File, f.Line}] {
			if g.problem == "" && slices.Contains(g.rules, f.Rule) {
				g.used, matched = true, true
			}
		}
		if matched {
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
			g := all[i]
			i++
			if message, hint := g.check(g.used, o); message != "" {
				rest = append(rest, Finding{
					Rule: BadIgnore, File: s.Name, Line: g.line, Column: g.column,
					Message: message, Hint: hint, subject: strings.Join(g.rules, ","),
				})
			}
		}
	}
	return rest, suppressed
}

// check returns what is wrong with a suppression, or "". A suppression is only reported as without effect if all its
// rules ran.
func (g *ignore) check(used bool, o FinishOptions) (message, hint string) {
	if g.problem != "" {
		return g.problem, "write: # pouncet:ignore POUNCET001 and the reason"
	}
	if used || o.NewOnly {
		return "", ""
	}
	for _, id := range g.rules {
		rule := ruleOf(id)
		ran := id < Added && o.Severities.Active(id)
		if !ran || rule.perEnvironment && !o.Complete {
			return "", ""
		}
	}
	return "the suppression of " + strings.Join(g.rules, ", ") + " has no effect", "remove the comment"
}
