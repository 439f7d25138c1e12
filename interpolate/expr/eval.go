// SPDX-License-Identifier: MPL-2.0

package expr

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Type is the type of a result. It decides how a result is written if it is a whole scalar. Inside longer text, every
// result is text.
type Type int

const (
	Text   Type = iota // written as a string
	JSON               // JSON text: also written as a string, but filters and paths see its structure
	Number             // a number literal of the language: also written as a string
	Int
	Float
	Bool
	Null
)

// result is the value of an expression, or of a part of one. Its text may be secret: never format a result.
type result struct {
	typ  Type
	text []byte
}

// NoneText is what null becomes inside longer text. Mage's templates write the same word.
const NoneText = "None"

// Values are what the references of an expression stand for.
type Values struct {
	// Resolve returns the resolution of a target, or the error of a target that lacks a project or an environment.
	Resolve func(Target) (*backend.Resolution, *backend.Error)
	// LookupEnv returns the values of env_var, as os.LookupEnv does. If it is nil, every env_var is an error.
	LookupEnv func(name string) (string, bool)
}

// Evaluate returns the value of the expression as text, and its type. The text can be secret. The error never holds a
// value. It is about a missing reference if backend.Error.IsMissingReference says so.
func (e *Expression) Evaluate(v *Values) (Type, string, *backend.Error) {
	r, err := v.eval(e.root)
	if err != nil {
		return Text, "", err
	}
	b := r.bytes()
	if !utf8.Valid(b) {
		return Text, "", errBinary()
	}
	return r.typ, string(b), nil
}

// Default returns the text that the expression stands for if none of its references exists. It returns false if that is
// an error.
func (e *Expression) Default() (string, bool) {
	has := false
	walk(e.root, false, func(n node, hasDefault bool) {
		switch n := n.(type) {
		case *entry:
			has = has || n.fallback != nil || hasDefault
		case *variable:
			has = has || n.fallback != nil || hasDefault
		}
	})
	if !has {
		return "", false
	}
	missing := &backend.Resolution{Err: backend.Errorf(backend.CodeNotFound, "missing")}
	_, text, err := e.Evaluate(&Values{
		Resolve:   func(Target) (*backend.Resolution, *backend.Error) { return missing, nil },
		LookupEnv: func(string) (string, bool) { return "", false },
	})
	return text, err == nil
}

func (v *Values) eval(n node) (result, *backend.Error) {
	switch n := n.(type) {
	case *literalCall:
		return result{Text, []byte(n.text)}, nil
	case *literal:
		if n.typ == Bool {
			return result{JSON, []byte(n.text)}, nil
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
		if n.name != filterBase64 && !utf8.Valid(in.text) {
			return in, errBinary()
		}
		return filters[n.name](in)
	}
	panic("expr: unknown node")
}

// orElse evaluates the fallback if err is about a missing entry, or if the result is the null of a JSON value.
// Otherwise it returns r and err.
func (v *Values) orElse(r result, err *backend.Error, fallback node) (result, *backend.Error) {
	isNull := err == nil && r.typ == JSON && string(r.text) == "null"
	if fallback != nil && (isNull || err != nil && err.IsMissingReference()) {
		return v.eval(fallback)
	}
	return r, err
}

func (v *Values) entry(t Reference) (result, *backend.Error) {
	resolution, err := v.Resolve(t.Target)
	switch {
	case err != nil:
		return result{}, err
	case resolution.Err != nil:
		return result{}, resolution.Err
	case resolution.JSON:
		return fromJSON(resolution.Value.Expose()), nil
	}
	return result{Text, resolution.Value.Expose()}, nil
}

func (v *Values) variable(name string) (result, *backend.Error) {
	if v.LookupEnv == nil {
		return result{}, backend.Errorf(backend.CodeDenied, "env_var is disabled").
			WithHint("store the value as a secret or a scoped value")
	}
	value, ok := v.LookupEnv(name)
	if !ok {
		return result{},
			backend.Errorf(backend.CodeNotFound, "environment variable %s is not set", backend.Quote(name)).
				WithHint("set the variable, or add a default: env_var('NAME', 'default')")
	}
	return result{Text, []byte(value)}, nil
}

// fromJSON returns the result for a JSON text. A JSON string becomes the text that it encodes.
func fromJSON(text []byte) result {
	text = bytes.TrimSpace(text)
	if len(text) > 0 && text[0] == '"' {
		var s string
		if json.Unmarshal(text, &s) == nil {
			return result{Text, []byte(s)}
		}
	}
	return result{JSON, text}
}
