// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// resultType decides how a result is written if it is a whole scalar. Inside longer text, every result is text.
type resultType int

const (
	typeText   resultType = iota // written as a string
	typeJSON                     // JSON text: also written as a string, but filters and paths see its structure
	typeNumber                   // a number literal of the language: also written as a string
	typeInt
	typeFloat
	typeBool
	typeNull
)

// hasOwnType reports whether a result of this type is written without quotes if it is a whole scalar.
func (t resultType) hasOwnType() bool {
	return t == typeInt || t == typeFloat || t == typeBool || t == typeNull
}

// result is the value of an expression, or of a part of one. Its text may be secret: never format a result.
type result struct {
	typ  resultType
	text []byte
}

// noneText is what null becomes inside longer text. Mage's templates write the same word.
const noneText = "None"

// replacement is the text that replaces one expression.
type replacement struct {
	typ  resultType
	text string
	kept bool // the expression stays as it is
}

// evaluator evaluates expressions after all references are resolved.
type evaluator struct {
	options     Options
	index       map[backend.Ref]int // into resolutions
	resolutions []backend.Resolution
}

// replacement evaluates the expression of a part.
func (v *evaluator) replacement(p part) (replacement, *backend.Error) {
	r, err := v.eval(p.expr.root)
	switch {
	case err == nil:
	case !err.IsMissingReference(), v.options.Missing == MissingError:
		return replacement{}, err
	case v.options.Missing == MissingKeep:
		return replacement{text: p.text, kept: true}, nil
	default:
		r = result{typ: typeNull}
	}
	b := r.bytes()
	if !utf8.Valid(b) {
		return replacement{}, errBinary()
	}
	return replacement{typ: r.typ, text: string(b)}, nil
}

// usesSecret reports whether an expression refers to a secret that exists, even if the result is a default.
func (v *evaluator) usesSecret(e *Expression) bool {
	secret := false
	walk(e.root, false, func(n node, _ bool) {
		if n, ok := n.(*entry); ok {
			ref, err := v.options.ref(n.target.Target)
			secret = secret || err == nil && v.resolutions[v.index[ref]].Secret
		}
	})
	return secret
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

// orElse evaluates the fallback if err is about a missing entry, and otherwise returns r and err.
func (v *evaluator) orElse(r result, err *backend.Error, fallback node) (result, *backend.Error) {
	if err != nil && fallback != nil && err.IsMissingReference() {
		return v.eval(fallback)
	}
	return r, err
}

func (v *evaluator) entry(t Reference) (result, *backend.Error) {
	ref, err := v.options.ref(t.Target)
	if err != nil {
		return result{}, err
	}
	resolution := v.resolutions[v.index[ref]]
	switch {
	case resolution.Err != nil:
		return result{}, resolution.Err
	case resolution.JSON:
		return fromJSON(resolution.Value.Expose()), nil
	}
	return result{typeText, resolution.Value.Expose()}, nil
}

func (v *evaluator) variable(name string) (result, *backend.Error) {
	if v.options.LookupEnv == nil {
		return result{}, backend.Errorf(backend.CodeDenied, "env_var is disabled").
			WithHint("store the value as a secret or a scoped value")
	}
	value, ok := v.options.LookupEnv(name)
	if !ok {
		return result{},
			backend.Errorf(backend.CodeNotFound, "environment variable %s is not set", backend.Quote(name)).
				WithHint("set the variable, or add a default: env_var('NAME', 'default')")
	}
	return result{typeText, []byte(value)}, nil
}

// fromJSON returns the result for a JSON text. A JSON string becomes the text that it encodes.
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
