// SPDX-License-Identifier: MPL-2.0

package expr

import (
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// This file checks the arguments of calls. Names, environments and the like must be literal strings. Only then can a
// reviewer, or a check without a backend, see what a file refers to.

// entryKeywords are the keywords of get_secret_value and get_value.
var entryKeywords = []string{"env", "scope", "project", "field", "version", "default"}

func (a *arguments) entry() (node, *SyntaxError) {
	if err := a.check(1, 1, "the name in quotes: "+a.call.text+"('name')", entryKeywords...); err != nil {
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
		field := n.target.fieldOf(keyword)
		if !given || field == nil {
			continue
		}
		if l, ok := arg.value.(*literal); ok && keyword == "version" && l.typ == Number {
			*field = l.text
			continue
		}
		if *field, err = arg.literalString(keyword + "="); err != nil {
			return nil, err
		}
		if *field == "" {
			return nil, syntaxErrorf(arg.at, "%s= is empty", keyword).hint("remove %s= to use its default", keyword)
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
		return nil, &SyntaxError{at, problem}
	}
	return n, nil
}

// fieldOf returns the field of a target that a keyword sets, or nil for default=.
func (t *Target) fieldOf(keyword string) *string {
	switch keyword {
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

func (a *arguments) variable() (node, *SyntaxError) {
	if err := a.check(1, 2, "a name and an optional default: env_var('NAME', 'default')", "default"); err != nil {
		return nil, err
	}
	name, err := a.positional[0].literalString("the name")
	if err != nil {
		return nil, err
	}
	switch {
	case name == "" || strings.ContainsAny(name, "=\x00"):
		return nil, syntaxErrorf(a.positional[0].at, "environment variable name %s is not valid", backend.Quote(name))
	case strings.HasPrefix(strings.ToUpper(name), "POUNCET_"):
		return nil, syntaxErrorf(a.positional[0].at,
			"env_var cannot read %s: the prefix POUNCET_ is reserved for settings of Pouncet", backend.Quote(name)).
			hint("use a variable with another name")
	}
	n := &variable{name: name}
	if d, given := a.keyword["default"]; given {
		n.fallback = d.value
	}
	if len(a.positional) == 2 {
		if n.fallback != nil {
			return nil, syntaxErrorf(a.positional[1].at, "the default is given twice").hint("remove one of them")
		}
		n.fallback = a.positional[1].value
	}
	return n, nil
}

func (a *arguments) jsonValue() (node, *SyntaxError) {
	const usage = "an expression and a path: json_value(get_secret_value('name'), 'a.b[0]')"
	if err := a.check(2, 2, usage); err != nil {
		return nil, err
	}
	path, err := a.positional[1].literalString("the path")
	if err != nil {
		return nil, err
	}
	return &pick{a.positional[0].value, path}, checkField(path, a.positional[1].at)
}

func (a *arguments) literalValue() (node, *SyntaxError) {
	if err := a.check(1, 1, "a text in quotes: literal_value('{')"); err != nil {
		return nil, err
	}
	text, err := a.positional[0].literalString("the text")
	if err != nil {
		return nil, err
	}
	return &literalCall{text}, nil
}

// check checks the number of positional arguments, and the keywords.
func (a *arguments) check(least, most int, usage string, keywords ...string) *SyntaxError {
	for keyword, arg := range a.keyword {
		if slices.Contains(keywords, keyword) {
			continue
		}
		e := syntaxErrorf(arg.at, "%s has no argument %s=", a.call.text, keyword)
		if strings.HasPrefix("environment", keyword) && slices.Contains(keywords, "env") {
			return e.hint("did you mean env=?")
		}
		if len(keywords) == 0 {
			return e.hint("%s takes %s", a.call.text, usage)
		}
		return e.hint("use one of %s", strings.Join(keywords, ", "))
	}
	if n := len(a.positional); n < least || n > most {
		return syntaxErrorf(a.call.at, "%s takes %s", a.call.text, usage)
	}
	return nil
}

// literalString returns the text of an argument that must be a literal string.
func (a argument) literalString(what string) (string, *SyntaxError) {
	l, ok := a.value.(*literal)
	if !ok || l.typ != Text {
		return "", syntaxErrorf(a.at, "%s must be a string in quotes", what).
			hint("write it in quotes, so that the file shows what it refers to")
	}
	return l.text, nil
}

// check applies the rules for names, without a backend. The Attribute of the error is the keyword that is not valid.
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
		if t.Kind != backend.KindSecret {
			return backend.Errorf(backend.CodeInvalid, "a scoped value has no versions").
				WithHint("remove version=").At("version")
		}
		if err := backend.CheckVersion(t.Version); err != nil {
			return err
		}
	}
	if err := checkField(t.Field, 0); err != nil {
		return err.Err
	}
	return nil
}

// checkField checks the syntax of a field path.
func checkField(path string, at int) *SyntaxError {
	if _, err := backend.ParsePath(path); err != nil {
		return &SyntaxError{at, err}
	}
	return nil
}

// fieldStep writes a name as a step of a field path. It returns "" if no path can hold the name.
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
