// SPDX-License-Identifier: MPL-2.0

package expr

import (
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// ParseSimpleCall parses the most common form of an expression, a call with only a name, without a parser. It returns
// nil for every other form. FuzzSimpleCall checks that the parser returns the same.
func ParseSimpleCall(text string) *Expression {
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
		return nil // the parser reports the error with its position
	}
	return New(target)
}

// isSimpleName reports whether a name has only letters, digits, "_" and "-".
func isSimpleName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isNamePart(c) && c != '-' {
			return false
		}
	}
	return s != ""
}
