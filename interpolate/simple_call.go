// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// usualCall is the expression of the most usual form, a call with a name alone,
// which needs no parser; nil for any other. FuzzUsualCall holds that the parser
// makes the same of it.
func parseSimpleCall(text string) *Expression {
	text = strings.Trim(text, " ")
	open := strings.IndexByte(text, '(')
	if open < 0 || len(text) < open+len(`('x')`) {
		return nil
	}
	target := Reference{Call: text[:open]}
	switch target.Call {
	case callSecret, callMageSecret:
		target.Kind = backend.KindSecret
	case callValue:
		target.Kind = backend.KindScopedValue
	default:
		return nil
	}
	name, quote := text[open+2:len(text)-2], text[open+1]
	if quote != '\'' && quote != '"' || text[len(text)-2] != quote || text[len(text)-1] != ')' || !isSimpleName(name) {
		return nil
	}
	if target.Name = name; target.check() != nil {
		return nil // the parser says what is wrong, and where
	}
	return &Expression{&entry{target: target}}
}

// isSimpleName reports whether a name has letters, digits, "_" and "-" alone.
func isSimpleName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isNamePart(c) && c != '-' {
			return false
		}
	}
	return s != ""
}
