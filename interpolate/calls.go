// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// What the calls take. Names, environments and the like must be literal: only
// so can a reviewer, or a check without a backend, tell what a file refers to.

// entryKeywords are those of get_secret_value and get_value.
var entryKeywords = []string{"env", "scope", "project", "field", "version", "default"}

func (a *arguments) entry() (node, *syntaxError) {
	if err := a.check(1, 1, "the name, in quotes: "+a.call.text+"('name')", entryKeywords...); err != nil {
		return nil, err
	}
	n := &entry{target: Reference{Call: a.call.text, Target: Target{Kind: backend.KindSecret}}}
	if a.call.text == callValue {
		n.target.Kind = backend.KindScopedValue
	}
	name, err := a.positional[0].literalString("the name")
	if err != nil {
		return nil, err
	}
	n.target.Name = name
	for _, keyword := range entryKeywords {
		arg, given := a.keyword[keyword]
		into := n.target.fieldOf(keyword)
		if !given || into == nil {
			continue
		}
		if l, ok := arg.value.(*literal); ok && keyword == "version" && l.typ == typeNumber {
			*into = l.text
			continue
		}
		if *into, err = arg.literalString(keyword); err != nil {
			return nil, err
		}
		if *into == "" {
			return nil, syntaxErrorf(arg.at, "%s= is empty", keyword).hint("leave it out for the current one")
		}
	}
	if d, given := a.keyword["default"]; given {
		n.fallback = d.value
	}
	if problem := n.target.check(); problem != nil {
		at := a.positional[0].at
		if arg, given := a.keyword[problem.Attribute]; given {
			at = arg.at
		}
		return nil, &syntaxError{at, problem}
	}
	return n, nil
}

// keyword is the field that a keyword of entryKeywords gives; nil for default=.
func (t *Target) fieldOf(name string) *string {
	switch name {
	case "env":
		return &t.Environment
	case "scope":
		return &t.Scope
	case "project":
		return &t.Project
	case "field":
		return &t.Field
	case "version":
		return &t.Version
	}
	return nil
}

func (a *arguments) variable() (node, *syntaxError) {
	if err := a.check(1, 2, "a name and perhaps a default: env_var('NAME', 'default')", "default"); err != nil {
		return nil, err
	}
	name, err := a.positional[0].literalString("the name")
	if err != nil {
		return nil, err
	}
	switch {
	case name == "" || strings.ContainsAny(name, "=\x00"):
		return nil, syntaxErrorf(a.positional[0].at, "%s is not the name of an environment variable", backend.Quote(name))
	case strings.HasPrefix(strings.ToUpper(name), "POUNCET_"):
		return nil, syntaxErrorf(a.positional[0].at, "env_var does not give %s: variables that begin with POUNCET_ are Pouncet's own", backend.Quote(name)).
			hint("name another variable")
	}
	n := &variable{name: name}
	if d, given := a.keyword["default"]; given {
		n.fallback = d.value
	}
	if len(a.positional) == 2 {
		if n.fallback != nil {
			return nil, syntaxErrorf(a.positional[1].at, "the default is given twice")
		}
		n.fallback = a.positional[1].value
	}
	return n, nil
}

func (a *arguments) jsonValue() (node, *syntaxError) {
	if err := a.check(2, 2, "an expression and a path: json_value(get_secret_value('name'), 'a.b[0]')"); err != nil {
		return nil, err
	}
	path, err := a.positional[1].literalString("the path")
	if err != nil {
		return nil, err
	}
	return &pick{a.positional[0].value, path}, checkField(path, a.positional[1].at)
}

// allow checks how many positional arguments there are, and which keywords.
func (a *arguments) check(least, most int, usage string, keywords ...string) *syntaxError {
	for keyword, arg := range a.keyword {
		if slices.Contains(keywords, keyword) {
			continue
		}
		e := syntaxErrorf(arg.at, "%s takes no %s=", a.call.text, keyword)
		if strings.HasPrefix("environment", keyword) && slices.Contains(keywords, "env") {
			return e.hint("did you mean env=?")
		}
		if len(keywords) == 0 {
			return e.hint("%s takes %s", a.call.text, usage)
		}
		return e.hint("the keywords are %s", strings.Join(keywords, ", "))
	}
	if n := len(a.positional); n < least || n > most {
		return syntaxErrorf(a.call.at, "%s takes %s", a.call.text, usage)
	}
	return nil
}

// text is the argument as the literal string that it must be.
func (a argument) literalString(what string) (string, *syntaxError) {
	l, ok := a.value.(*literal)
	if !ok || l.typ != typeText {
		return "", syntaxErrorf(a.at, "%s is not a string in quotes", what).hint("write it in quotes: what a file refers to is known before it is rendered")
	}
	return l.text, nil
}

// check applies the rules for names, without a backend. The error's Attribute
// is the keyword at fault.
func (t Target) check() *backend.Error {
	if err := backend.CheckName(t.Kind, t.Name); err != nil {
		return err
	}
	if t.Project != "" && !backend.IsID(t.Project) {
		if err := backend.CheckName(backend.KindProject, t.Project); err != nil {
			return err.At("project")
		}
	}
	if t.Environment != "" && !backend.IsID(t.Environment) {
		if err := backend.CheckName(backend.KindEnvironment, t.Environment); err != nil {
			return err.At("env")
		}
	}
	if t.Scope != "" {
		if err := backend.CheckScope(t.Scope); err != nil {
			return err
		}
	}
	if t.Version != "" {
		switch {
		case t.Kind != backend.KindSecret:
			return backend.Errorf(backend.CodeInvalid, "a scoped value has no versions to choose from").At("version")
		case t.Version != backend.PreviousVersion && (!digits(t.Version) || t.Version[0] == '0'):
			return backend.Errorf(backend.CodeInvalid, "version %s is not one", backend.Quote(t.Version)).
				WithHint("write a number from 1 on, or %q", backend.PreviousVersion).At("version")
		}
	}
	if err := checkField(t.Field, 0); err != nil {
		return err.problem
	}
	return nil
}

// checkField reports whether a path is one, by taking it to a value that has
// no fields: then only the path itself can be invalid.
func checkField(path string, at int) *syntaxError {
	if _, err := backend.Pick([]byte("null"), path); err != nil && err.Code == backend.CodeInvalid {
		return &syntaxError{at, err}
	}
	return nil
}

// fieldStep writes one name as a step of a path; "" if no path can hold it.
func fieldStep(name string) string {
	switch {
	case name != "" && !strings.ContainsAny(name, ".[]'\""):
		return name
	case !strings.Contains(name, "']"):
		return "['" + name + "']"
	case !strings.Contains(name, `"]`):
		return `["` + name + `"]`
	}
	return ""
}

func joinPath(path, step string) string {
	if path == "" || strings.HasPrefix(step, "[") {
		return path + step
	}
	return path + "." + step
}
