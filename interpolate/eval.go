// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// replacement is the text that replaces one expression.
type replacement struct {
	typ  expr.Type
	text string
	kept bool // the expression stays as it is
}

// evaluator evaluates expressions after all references are resolved.
type evaluator struct {
	options     Options
	values      expr.Values
	index       map[backend.Ref]int // into resolutions
	resolutions []backend.Resolution
}

func newEvaluator(o Options, references int) *evaluator {
	v := &evaluator{options: o, index: make(map[backend.Ref]int, references)}
	v.values = expr.Values{Resolve: v.resolution, LookupEnv: o.LookupEnv}
	return v
}

// resolution returns the resolution of a target.
func (v *evaluator) resolution(t expr.Target) (*backend.Resolution, *backend.Error) {
	ref, err := v.options.ref(t)
	if err != nil {
		return nil, err
	}
	return &v.resolutions[v.index[ref]], nil
}

// replacement evaluates an expression. inText says that a missing reference would become the word None.
func (v *evaluator) replacement(e *expr.Expression, inText bool) (replacement, *backend.Error) {
	typ, text, err := e.Evaluate(&v.values)
	switch {
	case err == nil:
		return replacement{typ: typ, text: text}, nil
	case !err.IsMissingReference(), v.options.Missing == MissingError:
		return replacement{}, err
	case v.options.Missing == MissingKeep:
		return replacement{kept: true}, nil
	case v.options.Strict && inText:
		strict := *err
		strict.Message += ", and it would become the word " + expr.NoneText + " inside longer text"
		return replacement{}, &strict
	}
	return replacement{typ: expr.Null, text: expr.NoneText}, nil
}

// usesSecret reports whether an expression refers to a secret that exists, even if the result is a default.
func (v *evaluator) usesSecret(e *expr.Expression) bool {
	secret := false
	e.Targets(func(t expr.Target) {
		r, err := v.resolution(t)
		secret = secret || err == nil && r.Secret
	})
	return secret
}
