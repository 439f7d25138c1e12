// SPDX-License-Identifier: MPL-2.0

package review

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// state says whether a reference resolves in an environment.
type state int

const (
	present state = iota
	missing
	unknown
)

// result is what a reference resolves to in one environment.
type result struct {
	state  state
	entry  *Entry // the entry that the reference names
	secret *Entry // the secret that entry links to, or entry itself

	// The message is messageStart, the environments, and messageEnd.
	messageStart, messageEnd string
	hint, suggestion         string
	existsIn                 []string

	// rule is MissingField or Unchecked if a present entry lacks a field or version, or may lack it.
	rule string
	// noDefault says that the environment is missing, and not an entry. A default only replaces a missing entry.
	noDefault bool
}

// LookupResult says what a reference resolves to in one environment. Rule is Missing, MissingField, Unknown or
// Unchecked, or "" if the reference resolves.
type LookupResult struct {
	Rule       string
	Entry      *Entry // the entry that the reference names, or nil
	Reason     string // a sentence without a full stop
	ExistsIn   []string
	Suggestion string
	NoDefault  bool // the environment is missing, so that a default does not help
}

// Lookup looks a reference up in an environment.
func (c *Catalog) Lookup(r expr.Reference, d Defaults, environment string) LookupResult {
	found := c.lookup(r, d, environment)
	rule := found.rule
	switch found.state {
	case missing:
		rule = Missing
	case unknown:
		rule = Unknown
	}
	if rule == "" {
		return LookupResult{Entry: found.entry}
	}
	if r.Environment != "" {
		environment = r.Environment
	}
	if p := c.Project(d.project(r)); p != nil {
		environment, _ = p.environment(environment)
	}
	word := "environment "
	if strings.HasSuffix(found.messageStart, word) {
		word = ""
	}
	return LookupResult{
		Rule: rule, Entry: found.entry,
		Reason:   found.messageStart + word + backend.Quote(environment) + found.messageEnd,
		ExistsIn: found.existsIn, Suggestion: found.suggestion, NoDefault: found.noDefault,
	}
}

// Defaults holds the project and scope of references that do not name theirs.
type Defaults struct {
	Project string
	Scope   string
}

func (d Defaults) project(r expr.Reference) string {
	if r.Project != "" {
		return r.Project
	}
	return d.Project
}

func (d Defaults) scope(r expr.Reference) string {
	switch {
	case r.Scope != "":
		return r.Scope
	case d.Scope != "":
		return d.Scope
	}
	return backend.ProjectScope
}

// lookup looks a reference up in an environment, or in the environment that the reference names.
func (c *Catalog) lookup(r expr.Reference, d Defaults, environment string) result {
	subject := entryLabel(r.Kind, r.Name)
	p := c.Project(d.project(r))
	if p == nil {
		return result{
			state: unknown, messageStart: unknownExistence(subject), messageEnd: ": " + c.UnknownReason(d.project(r)),
		}
	}
	if r.Environment != "" {
		environment = r.Environment
	}
	name, exists := p.environment(environment)
	switch {
	case !exists && p.complete:
		names := p.EnvironmentNames()
		suggestion := suggest.Name(environment, names)
		return result{
			state: missing, noDefault: true,
			messageStart: "environment ", messageEnd: " does not exist in project " + backend.Quote(p.Name),
			suggestion: suggestion, hint: suggest.Hint(suggestion, "existing environments: "+backend.Enumerate(names)),
		}
	case !exists:
		return result{
			state: unknown, messageStart: unknownExistence(subject),
			messageEnd: ": the manifest does not cover this environment",
			hint:       "write the manifest again, with this environment",
		}
	}
	return p.lookup(r, name, d.scope(r))
}

func (p *Project) lookup(r expr.Reference, environment, scope string) result {
	subject := entryLabel(r.Kind, r.Name)
	e := p.nearest(r.Kind, r.Name, environment, scope)
	if e == nil {
		return p.missing(r.Kind, r.Name, environment, scope, subject+" does not exist in ")
	}
	found := result{entry: e, secret: e}
	path := r.Field
	if e.Link != nil {
		found.secret = p.nearest(backend.KindSecret, e.Link.Secret, environment, scope)
		if found.secret == nil {
			start := subject + " links to secret " + backend.Quote(e.Link.Secret) + ", which does not exist in "
			without := p.missing(backend.KindSecret, e.Link.Secret, environment, scope, start)
			without.entry = e
			return without
		}
		path = backend.JoinPath(e.Link.Field, r.Field)
	}
	p.checkField(&found, subject, path)
	if found.rule == Unchecked && r.IsPath { // files for Mage name all fields so, and few of their values have a type
		found.rule, found.messageStart, found.messageEnd = "", "", ""
	}
	if found.rule != MissingField {
		checkVersion(&found, subject, r.Version)
	}
	return found
}

// checkField checks whether a value can have a field, by the schema of its type.
func (p *Project) checkField(found *result, subject, path string) {
	if path == "" {
		return
	}
	field := "field " + backend.Quote(path)
	if found.secret.json != nil {
		if _, err := backend.Pick(found.secret.json, path); err != nil {
			found.rule = MissingField
			found.messageStart = subject + " has no " + field + " in "
			if !errors.Is(err, backend.ErrNotFound) {
				found.messageEnd = ": " + err.Message
			}
		}
		return
	}
	typeName := found.secret.Type
	schema := p.schema(typeName)
	state := fieldUnknown
	if typeName != "" && schema != nil {
		state = hasField(schema, path)
	}
	switch state {
	case fieldUnknown:
		found.rule = Unchecked
		found.messageStart = "it is unknown whether " + subject + " has " + field + " in "
		found.messageEnd = ": it has no type"
		if typeName != "" {
			found.messageEnd = ": the schema of type " + backend.Quote(typeName) + " does not define it"
		}
	case fieldAbsent:
		found.rule = MissingField
		found.messageStart = subject + " cannot have " + field + " in "
		found.messageEnd = ": type " + backend.Quote(typeName) + " does not allow it"
		found.hint = "list the fields: pouncet type show " + typeName
	}
}

// checkVersion checks whether a secret has a version, if its current version is known.
func checkVersion(found *result, subject, version string) {
	if version == "" {
		return
	}
	n, isNumber := backend.VersionNumber(version)
	if version == backend.PreviousVersion {
		n, isNumber = 2, true // a previous version exists if there are two
	}
	switch current := found.secret.version; {
	case !isNumber && found.secret.tags[version] > 0:
	case !isNumber && found.secret.tags != nil:
		found.rule = MissingField
		found.messageStart = subject + " has no version with the tag " + backend.Quote(version) + " in "
		found.hint = "list its versions: pouncet secret history " + found.secret.Name
	case !isNumber:
		found.rule = Unchecked
		found.messageStart = "it is unknown whether " + subject + " has a version with the tag " + backend.Quote(version) +
			" in "
		found.messageEnd = ": its tags are not known"
	case current == 0:
		found.rule = Unchecked
		found.messageStart = "it is unknown whether " + subject + " has version " + version + " in "
		found.messageEnd = ": its current version is not known"
	case n > current:
		found.rule = MissingField
		found.messageStart = subject + " has no version " + version + " in "
		found.messageEnd = fmt.Sprintf(": its current version is %d", current)
	}
}

// missing returns the result for a name that is not visible.
func (p *Project) missing(kind backend.Kind, name, environment, scope, messageStart string) result {
	if p.hasUnnamed {
		return result{
			state: unknown, messageStart: unknownExistence(entryLabel(kind, name)),
			messageEnd: ": the plan creates entries with names or places that are not known yet",
		}
	}
	found := result{state: missing, messageStart: messageStart}
	var existsIn []string
	for _, e := range p.named(kind, name) { // a reference in the environment of the entry would see it
		if backend.LookupRank(e.Scope, e.Environment, scope, e.Environment) > 0 {
			existsIn = append(existsIn, e.Environment)
		}
	}
	found.existsIn, found.suggestion, found.hint = suggest.Missing(existsIn, func() string {
		return p.suggestion(missingName{kind, name, environment, scope})
	})
	return found
}

// missingName is a missing name, and the environment and scope in which it is missing.
type missingName struct {
	kind                     backend.Kind
	name, environment, scope string
}

// suggestion returns a visible name that is close to a missing name. It keeps the answer, because a name that is
// missing is often missing in many files.
func (p *Project) suggestion(m missingName) string {
	if s, known := p.suggestions[m]; known {
		return s
	}
	var visible []string
	for i := range p.Entries {
		e := &p.Entries[i]
		if e.Kind == m.kind && backend.LookupRank(e.Scope, e.Environment, m.scope, m.environment) > 0 {
			visible = append(visible, e.Name)
		}
	}
	if p.suggestions == nil {
		p.suggestions = map[missingName]string{}
	}
	p.suggestions[m] = suggest.Name(m.name, visible)
	return p.suggestions[m]
}

// unknownExistence starts the message about an entry that may exist.
func unknownExistence(subject string) string {
	return "it is unknown whether " + subject + " exists in "
}

func entryLabel(kind backend.Kind, name string) string {
	return kind.String() + " " + backend.Quote(name)
}
