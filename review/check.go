// SPDX-License-Identifier: MPL-2.0

package review

import (
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// CheckOptions say what is checked against what.
type CheckOptions struct {
	Defaults
	Catalog      *Catalog // nil checks the files alone
	Environments []string
	Forbid       []PathRule // files that may not name environments
	Only         []PathRule // files that may refer to nothing but names
}

// PathRule ties files to names, both by a pattern: "*" stands for anything
// within a name, "**" for any folders.
type PathRule struct {
	Files string
	Names string
}

// Valid reports whether both patterns are well-formed.
func (p PathRule) Valid() bool {
	return p.Files != "" && p.Names != "" && doublestar.ValidatePattern(p.Files) && doublestar.ValidatePattern(p.Names)
}

func (p PathRule) covers(file string) bool { return doublestar.MatchUnvalidated(p.Files, file) }

func (p PathRule) matches(name string) bool { return doublestar.MatchUnvalidated(p.Names, name) }

// Check holds the references of files against what exists in environments, and
// against the rules for paths.
func Check(sources []*Source, o CheckOptions) []Finding {
	c := checker{CheckOptions: o}
	for _, s := range sources {
		c.file(s)
		for _, r := range s.References {
			c.paths(r)
			if isEntry(r) && o.Catalog != nil {
				c.environments(r)
			}
		}
	}
	return c.findings
}

type checker struct {
	CheckOptions
	findings []Finding
}

func (c *checker) add(f Finding) { c.findings = append(c.findings, f) }

// file finds what the file alone tells. What stands at these places is not
// repeated: text that is no reference may be anything.
func (c *checker) file(s *Source) {
	for _, p := range s.Problems {
		c.add(Finding{Rule: Invalid, File: s.Name, Line: p.Pos.Line, Column: p.Pos.Column, Message: p.Err.Message, Hint: p.Err.Hint, about: p.Err.Message})
	}
	for _, p := range s.Suspects {
		c.add(Finding{Rule: NearMiss, File: s.Name, Line: p.Pos.Line, Column: p.Pos.Column, Message: p.Err.Message, Hint: p.Err.Hint, about: p.Err.Message})
	}
	for _, pos := range s.comments {
		c.add(Finding{Rule: InComment, File: s.Name, Line: pos.Line, Column: pos.Column,
			Message: "a reference in a comment is not resolved", Hint: "take it away, or out of the comment"})
	}
	for _, l := range s.Leaks {
		c.add(Finding{Rule: HardCoded, File: s.Name, Line: l.Line, Column: l.Column, about: l.What + "\x00" + l.Key,
			Message: "this looks like a secret in the clear (" + l.What + ")",
			Hint:    "keep it as a secret and refer to it; what was committed is to be rotated"})
	}
}

// paths applies the rules that tie files to environments and names.
func (c *checker) paths(r interpolate.Reference) {
	if !isEntry(r) {
		return
	}
	for _, rule := range c.Forbid {
		if r.Environment != "" && rule.matches(r.Environment) && rule.covers(r.Pos.File) {
			f := at(r, Forbidden)
			f.Message = "files like " + rule.Files + " may not refer to environment " + backend.Quote(r.Environment)
			f.Hint = "leave env= out, so that it is the environment that is rendered"
			c.add(f)
		}
	}
	var allowed []string
	for _, rule := range c.Only {
		if !rule.covers(r.Pos.File) {
			continue
		}
		if rule.matches(r.Name) {
			return
		}
		allowed = append(allowed, rule.Names)
	}
	if len(allowed) > 0 {
		f := at(r, NotAllowed)
		f.Message = "this file may only refer to " + strings.Join(allowed, ", ")
		f.Hint = "refer to another name, or widen --only"
		c.add(f)
	}
}

// environments looks the reference up in every environment, and gathers what is
// the same in several into one finding.
func (c *checker) environments(r interpolate.Reference) {
	c.crossing(r)
	checked := c.Environments
	if r.Environment != "" {
		checked = []string{r.Environment}
	}
	var g gatherer
	for _, environment := range checked {
		a := c.Catalog.look(r, c.Defaults, environment)
		switch {
		case a.state == unknown:
			g.add(Unknown, a, environment)
		case a.state == missing && r.HasDefault && !a.noDefault:
			g.add(DefaultUsed, a, environment)
		case a.state == missing:
			g.add(Missing, a, environment)
		case a.detail == MissingField && r.HasDefault:
			g.add(DefaultUsed, a, environment)
		case a.detail != "":
			g.add(a.detail, a, environment)
		}
	}
	c.findings = append(c.findings, g.findings(r)...)
}

// crossing finds a reference that names another environment than the checked.
func (c *checker) crossing(r interpolate.Reference) {
	if r.Environment == "" {
		return
	}
	named := r.Environment
	if p := c.Catalog.Project(c.project(r)); p != nil {
		named, _ = p.environment(named)
	}
	var others []string
	for _, e := range c.Environments {
		if e != named {
			others = append(others, e)
		}
	}
	if len(others) > 0 {
		f := at(r, CrossEnv)
		f.Environments = others
		f.Message = "the reference is to environment " + named + " also in " + strings.Join(others, ", ")
		f.Hint = "leave env= out, so that it is the environment that is rendered"
		c.add(f)
	}
}

// gatherer joins the answers of several environments that say the same.
type gatherer []gathered

type gathered struct {
	rule         string
	answer       answer
	environments []string
}

func (g *gatherer) add(rule string, a answer, environment string) {
	for i := range *g {
		o := &(*g)[i]
		if o.rule == rule && o.answer.before == a.before && o.answer.after == a.after && o.answer.hint == a.hint {
			o.environments = append(o.environments, environment)
			return
		}
	}
	*g = append(*g, gathered{rule, a, []string{environment}})
}

func (g gatherer) findings(r interpolate.Reference) []Finding {
	var out []Finding
	for _, x := range g {
		slices.Sort(x.environments)
		f := at(r, x.rule)
		f.Message = x.answer.before + strings.Join(x.environments, ", ") + x.answer.after
		f.Hint, f.Near, f.ExistsIn, f.Environments = x.answer.hint, x.answer.near, x.answer.existsIn, x.environments
		if x.rule == DefaultUsed {
			f.Message += "; its default stands in"
		}
		out = append(out, f)
	}
	return out
}
