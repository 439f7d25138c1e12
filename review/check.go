// SPDX-License-Identifier: MPL-2.0

package review

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/scan"
)

// CheckOptions configure Check.
type CheckOptions struct {
	Defaults
	Catalog      *Catalog // nil means that references are not looked up
	Environments []string
	Forbid       []PathRule // files that may not name some environments
	Only         []PathRule // files that may refer to some names only
}

// PathRule connects files and names. Both are patterns: "*" matches any part of a name, and "**" matches any folders.
type PathRule struct {
	Files string
	Names string
}

// Valid reports whether both patterns are well-formed.
func (p PathRule) Valid() bool {
	return p.Files != "" && p.Names != "" && doublestar.ValidatePattern(p.Files) && doublestar.ValidatePattern(p.Names)
}

// MatchesFile reports whether the rule is for a file. A glob such as "./dev/**" matches the same files as "dev/**".
func (p PathRule) MatchesFile(file string) bool {
	return doublestar.MatchUnvalidated(path.Clean(p.Files), path.Clean(filepath.ToSlash(file)))
}

// MatchesName reports whether the rule is for an environment or a name.
func (p PathRule) MatchesName(name string) bool { return doublestar.MatchUnvalidated(p.Names, name) }

// Check checks the references of files against a catalog, in each environment, and against the rules for paths.
func Check(sources []*Source, o CheckOptions) []Finding {
	c := checker{CheckOptions: o}
	for _, s := range sources {
		c.file(s)
		for _, r := range s.References {
			c.pathRules(r)
			if isEntry(r.Reference) && o.Catalog != nil {
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

// file adds the findings that need the file only. They do not quote the file, because text that is not a reference may
// be a secret.
func (c *checker) file(s *Source) {
	problem := func(rule string, p scan.Problem) {
		c.add(Finding{Rule: rule, File: s.Name, Line: p.Pos.Line, Column: p.Pos.Column,
			Message: p.Err.Message, Hint: p.Err.Hint})
	}
	for _, p := range s.Problems {
		problem(Invalid, p)
	}
	for _, p := range s.NearMisses {
		problem(NearMiss, p)
	}
	for _, p := range s.Unclear {
		problem(UnclearFormat, p)
	}
	for _, p := range s.Unencoded {
		problem(SecretData, p)
	}
	for _, pos := range s.comments {
		c.add(Finding{Rule: InComment, File: s.Name, Line: pos.Line, Column: pos.Column,
			Message: "a reference in a comment is not resolved", Hint: "remove it, or move it out of the comment"})
	}
	for _, l := range s.Leaks {
		c.add(Finding{Rule: HardCoded, File: s.Name, Line: l.Line, Column: l.Column, subject: l.Rule + "\x00" + l.Key,
			Message: "the text looks like a secret in plain text (" + l.Rule + ")",
			Hint:    "store it as a secret and refer to it; rotate it if it was committed"})
	}
}

// pathRules applies Forbid and Only.
func (c *checker) pathRules(r scan.Reference) {
	if !isEntry(r.Reference) {
		return
	}
	for _, rule := range c.Forbid {
		if r.Environment != "" && rule.MatchesName(r.Environment) && rule.MatchesFile(r.Pos.File) {
			f := newFinding(r, Forbidden)
			f.Message = "files that match " + rule.Files + " may not refer to environment " + backend.Quote(r.Environment)
			f.Hint = removeEnvironment(r)
			c.add(f)
		}
	}
	var allowed []string
	for _, rule := range c.Only {
		if !rule.MatchesFile(r.Pos.File) {
			continue
		}
		if rule.MatchesName(r.Name) {
			return
		}
		allowed = append(allowed, rule.Names)
	}
	if len(allowed) > 0 {
		f := newFinding(r, NotAllowed)
		f.Message = "this file may only refer to " + strings.Join(allowed, ", ")
		f.Hint = "use one of these names, or add the name to --only"
		c.add(f)
	}
}

// removeEnvironment returns the hint for a reference that names its environment.
func removeEnvironment(r scan.Reference) string {
	if r.Call == expr.CallURI {
		return "write - as the environment of the URI, so that it uses the environment that is rendered"
	}
	return "remove env=, so that the reference uses the environment that is rendered"
}

// environments looks the reference up in every environment. Equal results for several environments become one finding.
func (c *checker) environments(r scan.Reference) {
	c.crossEnvironment(r)
	environments := c.Environments
	if r.Environment != "" {
		environments = []string{r.Environment}
	}
	var groups resultGroups
	for _, environment := range environments {
		found := c.Catalog.lookup(r.Reference, c.Defaults, environment)
		switch {
		case found.state == unknown:
			groups.add(Unknown, found, environment)
		case found.state == missing && r.HasDefault && !found.noDefault:
			groups.add(DefaultUsed, found, environment)
		case found.state == missing:
			groups.add(Missing, found, environment)
		case found.rule == MissingField && r.HasDefault:
			groups.add(DefaultUsed, found, environment)
		case found.rule != "":
			groups.add(found.rule, found, environment)
		}
	}
	c.findings = append(c.findings, groups.findings(r)...)
}

// crossEnvironment adds a finding if the reference names an environment other than the checked ones.
func (c *checker) crossEnvironment(r scan.Reference) {
	if r.Environment == "" {
		return
	}
	named := r.Environment
	if p := c.Catalog.Project(c.project(r.Reference)); p != nil {
		named, _ = p.environment(named)
	}
	var others []string
	for _, e := range c.Environments {
		if e != named {
			others = append(others, e)
		}
	}
	if len(others) > 0 {
		f := newFinding(r, CrossEnv)
		f.Environments = others
		f.Message = "the reference uses environment " + named + " also in " + strings.Join(others, ", ")
		f.Hint = removeEnvironment(r)
		c.add(f)
	}
}

// resultGroups joins equal results of several environments.
type resultGroups []resultGroup

type resultGroup struct {
	rule         string
	result       result
	environments []string
}

func (g *resultGroups) add(rule string, found result, environment string) {
	for i := range *g {
		o := &(*g)[i]
		if o.rule == rule && o.result.messageStart == found.messageStart && o.result.messageEnd == found.messageEnd &&
			o.result.hint == found.hint {
			o.environments = append(o.environments, environment)
			return
		}
	}
	*g = append(*g, resultGroup{rule, found, []string{environment}})
}

func (g resultGroups) findings(r scan.Reference) []Finding {
	var out []Finding
	for _, group := range g {
		slices.Sort(group.environments)
		f := newFinding(r, group.rule)
		found := group.result
		f.Message = found.messageStart + strings.Join(group.environments, ", ") + found.messageEnd
		f.Hint, f.Suggestion, f.ExistsIn, f.Environments = found.hint, found.suggestion, found.existsIn, group.environments
		if group.rule == DefaultUsed {
			f.Message += "; the default is used"
		}
		out = append(out, f)
	}
	return out
}
