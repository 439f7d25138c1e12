// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"encoding/json"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// kind says what a result is written as, where it is the whole of a scalar.
// Inside longer text everything is text.
type resultType int

const (
	typeText   resultType = iota // a string
	typeJSON                     // JSON text that no filter gave a type: a string as well, but filters see its structure
	typeNumber                   // a number as a literal of the language: a string like the two above
	typeInt
	typeFloat
	typeBool
	typeNull
)

// result is what an expression, or a part of it, stands for. Its bytes may be
// secret: it never meets a formatting verb.
type result struct {
	typ  resultType
	text []byte
}

// noneText is what null is inside longer text, where YAML has no null to offer:
// the word that Mage's templates write there.
const noneText = "None"

// evaluator evaluates expressions, once all references are resolved.
type evaluator struct {
	options     Options
	index       map[backend.Ref]int
	resolutions []backend.Resolution
}

// missing reports whether err says that an entry or a field is not there, so
// that a default, or Options.Missing, may stand in. An environment or project
// that does not exist is a mistake in the reference instead: a default that hid
// it would hide a typing error in production.
func missing(err *backend.Error) bool {
	return err.Code == backend.CodeNotFound && err.Attribute != "environment" && err.Attribute != "project"
}

func (v *evaluator) eval(n node) (result, *backend.Error) {
	switch n := n.(type) {
	case *literal:
		if n.typ == typeBool {
			return result{typeJSON, []byte(n.text)}, nil
		}
		return result{n.typ, []byte(n.text)}, nil
	case *entry:
		r, err := v.entry(n.target)
		return v.orElse(r, err, n.fallback)
	case *variable:
		r, err := v.variable(n.name)
		return v.orElse(r, err, n.fallback)
	case *pick:
		in, err := v.eval(n.in)
		if err != nil {
			return in, err
		}
		part, err := backend.Pick(in.text, n.path)
		return fromJSON(part), err
	case *filter:
		in, err := v.eval(n.in)
		if n.name == filterDefault {
			return v.orElse(in, err, n.arg)
		}
		if err != nil {
			return in, err
		}
		return filters[n.name](in)
	}
	panic("interpolate: unknown node")
}

func (v *evaluator) orElse(r result, err *backend.Error, fallback node) (result, *backend.Error) {
	if err != nil && fallback != nil && missing(err) {
		return v.eval(fallback)
	}
	return r, err
}

func (v *evaluator) entry(t Reference) (result, *backend.Error) {
	ref, err := v.options.ref(t.Target)
	if err != nil {
		return result{}, err
	}
	found := v.resolutions[v.index[ref]]
	switch {
	case found.Err != nil:
		return result{}, found.Err
	case found.JSON:
		return fromJSON(found.Value.Expose()), nil
	}
	return result{typeText, found.Value.Expose()}, nil
}

func (v *evaluator) variable(name string) (result, *backend.Error) {
	if v.options.LookupEnv == nil {
		return result{}, backend.Errorf(backend.CodeDenied, "env_var is switched off here").
			WithHint("keep the value as a secret or a scoped value")
	}
	value, ok := v.options.LookupEnv(name)
	if !ok {
		return result{}, backend.Errorf(backend.CodeNotFound, "environment variable %s is not set", backend.Quote(name)).
			WithHint("set it, or give a default: env_var('NAME', 'default')")
	}
	return result{typeText, []byte(value)}, nil
}

// fromJSON takes JSON text; a JSON string stands for its text.
func fromJSON(text []byte) result {
	text = bytes.TrimSpace(text)
	if len(text) > 0 && text[0] == '"' {
		var s string
		if json.Unmarshal(text, &s) == nil {
			return result{typeText, []byte(s)}
		}
	}
	return result{typeJSON, text}
}

// ref fills in what a target leaves to the run.
func (o Options) ref(t Target) (backend.Ref, *backend.Error) {
	ref := backend.Ref{
		Kind: t.Kind, Project: t.Project, Environment: t.Environment, Scope: t.Scope,
		Name: t.Name, Field: t.Field, Version: t.Version,
	}
	if ref.Project == "" {
		ref.Project = o.Project
	}
	if ref.Environment == "" {
		ref.Environment = o.Environment
	}
	if ref.Scope == "" {
		ref.Scope = o.Scope
	}
	switch {
	case ref.Project == "":
		return ref, backend.Errorf(backend.CodeInvalid, "no project is chosen").
			WithHint("choose one, or write project= in the reference").At("project")
	case ref.Environment == "":
		return ref, backend.Errorf(backend.CodeInvalid, "no environment is chosen").
			WithHint("choose one, or write env= in the reference").At("environment")
	}
	return ref, nil
}
