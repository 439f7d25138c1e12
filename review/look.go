// SPDX-License-Identifier: MPL-2.0

package review

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/pouncet/terraform-provider-pouncet/interpolate"
)

// state is what is known of a reference in an environment.
type state int

const (
	present state = iota
	missing
	unknown
)

// answer is what a reference leads to in one environment.
type answer struct {
	state state
	entry *Entry // what was found, be it a link
	leaf  *Entry // what it leads to in the end: the entry, or the secret that it links to

	// A sentence with a gap where the environments stand.
	before, after string
	hint, near    string
	existsIn      []string

	// Of what is present: the rule that a field or version breaks, if any.
	detail string
	// Of what is missing: it is no entry, and so no default stands in.
	noDefault bool
}

// Answer is what a reference leads to in one environment: Rule is Missing, MissingField,
// Unknown or Unchecked, and "" if all is well.
type LookupResult struct {
	Rule      string
	Reason    string // a sentence without a full stop
	ExistsIn  []string
	Near      string
	NoDefault bool // what is missing is no entry, and so no default stands in
}

// Look says what a reference leads to in an environment.
func (c *Catalog) Lookup(r interpolate.Reference, d Defaults, environment string) LookupResult {
	a := c.look(r, d, environment)
	rule := a.detail
	switch a.state {
	case missing:
		rule = Missing
	case unknown:
		rule = Unknown
	}
	if rule == "" {
		return LookupResult{}
	}
	if r.Environment != "" {
		environment = r.Environment
	}
	if p := c.Project(d.project(r)); p != nil {
		environment, _ = p.environment(environment)
	}
	gap := "environment "
	if strings.HasSuffix(a.before, gap) {
		gap = ""
	}
	return LookupResult{Rule: rule, Reason: a.before + gap + backend.Quote(environment) + a.after, ExistsIn: a.existsIn, Near: a.near, NoDefault: a.noDefault}
}

// Defaults fill in what references leave out.
type Defaults struct {
	Project string
	Scope   string
}

func (d Defaults) project(r interpolate.Reference) string {
	if r.Project != "" {
		return r.Project
	}
	return d.Project
}

func (d Defaults) scope(r interpolate.Reference) string {
	switch {
	case r.Scope != "":
		return r.Scope
	case d.Scope != "":
		return d.Scope
	}
	return backend.ProjectScope
}

// look says what a reference leads to in an environment, which the reference
// itself may name.
func (c *Catalog) look(r interpolate.Reference, d Defaults, environment string) answer {
	subject := r.Kind.String() + " " + backend.Quote(r.Name)
	p := c.Project(d.project(r))
	if p == nil {
		return answer{state: unknown, before: "whether " + subject + " exists in ", after: " cannot be told: " + c.Unseen(d.project(r))}
	}
	if r.Environment != "" {
		environment = r.Environment
	}
	name, ok := p.environment(environment)
	switch {
	case !ok && p.whole:
		a := answer{state: missing, noDefault: true, before: "environment ", after: " does not exist in project " + backend.Quote(p.Name)}
		a.near = suggest.Name(environment, p.EnvironmentNames())
		a.hint = didYouMean(a.near, "name one that does: "+strings.Join(p.EnvironmentNames(), ", "))
		return a
	case !ok:
		return answer{state: unknown, before: "whether " + subject + " exists in ", after: " cannot be told: nothing is known of that environment", hint: "write the manifest with it"}
	}
	return p.look(r, name, d.scope(r))
}

func (p *Project) look(r interpolate.Reference, environment, scope string) answer {
	subject := r.Kind.String() + " " + backend.Quote(r.Name)
	e := p.choose(r.Kind, r.Name, environment, scope)
	if e == nil {
		return p.nothing(r.Kind, r.Name, environment, scope, subject+" does not exist in ")
	}
	a := answer{entry: e, leaf: e}
	path := r.Field
	if e.Link != nil {
		if a.leaf = p.choose(backend.KindSecret, e.Link.Secret, environment, scope); a.leaf == nil {
			gap := subject + " links to secret " + backend.Quote(e.Link.Secret) + ", which does not exist in "
			missing := p.nothing(backend.KindSecret, e.Link.Secret, environment, scope, gap)
			missing.entry = e
			return missing
		}
		path = joinPaths(e.Link.Field, r.Field)
	}
	p.checkField(&a, subject, path)
	if a.detail != MissingField {
		checkVersion(&a, subject, r.Version)
	}
	return a
}

// joinPaths is the path that leads first one way, then another.
func joinPaths(a, b string) string {
	if a == "" || b == "" || strings.HasPrefix(b, "[") {
		return a + b
	}
	return a + "." + b
}

// checkField says whether a value can have a field, by the schema of its type.
func (p *Project) checkField(a *answer, subject, path string) {
	if path == "" {
		return
	}
	if a.leaf.json != nil {
		if _, err := backend.Pick(a.leaf.json, path); err != nil {
			a.detail = MissingField
			a.before, a.after = subject+" does not have what is asked for in ", ": "+err.Message
		}
		return
	}
	schema := p.schema(a.leaf.Type)
	switch {
	case a.leaf.Type == "" || schema == nil:
		a.detail = Unchecked
		a.before, a.after = "whether "+subject+" has the field "+backend.Quote(path)+" in ", " cannot be told: no type says what it holds"
		return
	}
	switch hasField(schema, path) {
	case undecided:
		a.detail = Unchecked
		a.before, a.after = "whether "+subject+" has the field "+backend.Quote(path)+" in ", " cannot be told: its type "+backend.Quote(a.leaf.Type)+" leaves it open"
	case absent:
		a.detail = MissingField
		a.before, a.after = subject+" cannot have the field "+backend.Quote(path)+" in ", ": values of type "+backend.Quote(a.leaf.Type)+" have none"
		a.hint = "see: pouncet type show " + a.leaf.Type
	}
}

// checkVersion says whether a secret has a version, as far as it is known which
// one it is at.
func checkVersion(a *answer, subject, version string) {
	if version == "" {
		return
	}
	n, err := strconv.ParseInt(version, 10, 64)
	if version == backend.PreviousVersion {
		n, err = 2, nil // there must be a second for there to be one before it
	}
	switch {
	case a.leaf.version == 0 || err != nil:
		a.detail = Unchecked
		a.before, a.after = "whether "+subject+" has the version "+version+" in ", " cannot be told from here"
	case n > a.leaf.version:
		a.detail = MissingField
		a.before, a.after = subject+" has no version "+version+" in ", ": it is at "+strconv.FormatInt(a.leaf.version, 10)
	}
}

// nothing is the answer where no entry of a name is in sight.
func (p *Project) nothing(kind backend.Kind, name, environment, scope, gap string) answer {
	if p.blurred {
		return answer{state: unknown, before: "whether " + kind.String() + " " + backend.Quote(name) + " exists in ",
			after: " cannot be told: the plan makes entries whose names are not known yet"}
	}
	a := answer{state: missing, before: gap}
	for _, e := range p.named(kind, name) {
		if e.Scope == scope || e.Scope == backend.ProjectScope {
			a.existsIn = append(a.existsIn, e.Environment)
		}
	}
	slices.Sort(a.existsIn)
	if a.existsIn = slices.Compact(a.existsIn); len(a.existsIn) > 0 {
		a.hint = "it exists in " + strings.Join(a.existsIn, ", ")
		return a
	}
	a.near = p.nearName(nameSought{kind, name, environment, scope})
	a.hint = didYouMean(a.near, "no environment has it: check the name, or create it")
	return a
}

// nameSought is a name that is not there, and where it was looked for.
type nameSought struct {
	kind                     backend.Kind
	name, environment, scope string
}

// nearName is a name in sight that is near. One that is missing is often missing
// in many files, so answers are kept.
func (p *Project) nearName(s nameSought) string {
	if near, known := p.near[s]; known {
		return near
	}
	var visible []string
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.Kind == s.kind && (e.Scope == s.scope || e.Scope == backend.ProjectScope) && (e.Environment == s.environment || e.Environment == backend.AnyEnvironment) {
			visible = append(visible, e.Name)
		}
	}
	if p.near == nil {
		p.near = map[nameSought]string{}
	}
	p.near[s] = suggest.Name(s.name, visible)
	return p.near[s]
}

func didYouMean(near, otherwise string) string {
	if near == "" {
		return otherwise
	}
	return "did you mean " + near + "?"
}
