// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// Dialect makes Render follow the rules of another tool, so that files of that tool work unchanged. The language of
// this package works in every dialect.
type Dialect string

// The dialects.
const (
	// DialectNone is the language of this package alone.
	DialectNone Dialect = ""
	// DialectMage follows Mage, which fills in the text before it parses the YAML. If a plain scalar is one
	// expression, a value that reads as a number, a boolean or null becomes one. A value still never becomes more
	// than a scalar.
	DialectMage Dialect = "mage"
	// DialectJinja is a file that Jinja reads next. "${{" is not an expression of GitHub Actions there, and no value can
	// hold an opening of Jinja.
	DialectJinja Dialect = "jinja"
	// DialectAtlas adds the references of Atlas App Services. A string that is %%values.NAME or
	// %%environment.values.NAME stands for the scoped value of that name. It takes the type of the value if that is a
	// number, a boolean or null.
	DialectAtlas Dialect = "atlas"
)

// Dialects lists the dialects that a user can choose.
var Dialects = []Dialect{DialectMage, DialectJinja, DialectAtlas}

const atlasSign = "%%"

// atlasValue matches a reference of Atlas, with the names that Atlas allows.
var atlasValue = pattern.Once(`^(%%(?:environment\.)?values)\.([A-Za-z0-9_-]+)$`)

// isUnbraced reports whether a value begins like a reference without braces, which must be a whole value.
func (f File) isUnbraced(value string) bool {
	if strings.HasPrefix(value, expr.Scheme) {
		return true
	}
	return f.Dialect == DialectAtlas &&
		(strings.HasPrefix(value, "%%values.") || strings.HasPrefix(value, "%%environment.values."))
}

// parseUnbraced parses a reference without braces.
func parseUnbraced(value string) (expr.Reference, error) {
	if !strings.HasPrefix(value, atlasSign) {
		return expr.ParseURI(value)
	}
	m := atlasValue().FindStringSubmatch(value)
	if m == nil {
		return expr.Reference{}, backend.Errorf(backend.CodeInvalid, "the name after %%%%values is not valid").
			WithHint(`write %%%%values.NAME, where NAME has only letters, digits, "_" and "-"`)
	}
	return expr.Reference{Call: m[1], Target: expr.Target{Kind: backend.KindScopedValue, Name: m[2]}}, nil
}

// withTypeOf gives a replacement that is a whole value the type that the dialect gives its text.
func (o replacement) withTypeOf(d Dialect) replacement {
	var tag string
	switch {
	case o.kept || hasOwnType(o.typ), d == DialectAtlas && o.typ != expr.JSON:
	case strings.ContainsAny(o.text, "\r\n#:{}[]\"'"): // no number, boolean or null holds one of these
	default:
		tag = plainTag(o.text)
	}
	switch tag {
	case "!!int":
		o.typ = expr.Int
	case "!!float":
		o.typ = expr.Float
	case "!!bool":
		o.typ = expr.Bool
	case "!!null":
		o.typ, o.text = expr.Null, expr.NoneText
	}
	return o
}

// plainTag returns the YAML tag of a text as a plain scalar, or "" if the text is not a plain scalar.
func plainTag(text string) string {
	roots, err := parseYAML([]byte(text))
	if err != nil || len(roots) != 1 || len(roots[0].Content) != 1 {
		return ""
	}
	n := roots[0].Content[0]
	if n.Kind != yaml.ScalarNode || n.Style != 0 || n.Value != text {
		return ""
	}
	return n.Tag
}
