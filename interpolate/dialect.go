// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Dialect is a way to write references, and to read what they stand for, that
// comes from elsewhere. The language of this package is understood in every one.
type Dialect string

// The dialects.
const (
	// DialectNone is the language alone.
	DialectNone Dialect = ""
	// DialectMage reads a file as Mage does, which fills in text before it
	// parses YAML: in a plain scalar that is all one expression, a value that reads as a number, a
	// boolean or null is one. A value is still never more than a scalar.
	DialectMage Dialect = "mage"
	// DialectAtlas adds what Atlas App Services has for values: a string that is
	// %%values.NAME or %%environment.values.NAME as a whole stands for the scoped
	// value of that name, with its type if that is a number, a boolean or null.
	DialectAtlas Dialect = "atlas"
)

// Dialects are those that a user may name.
var Dialects = []Dialect{DialectMage, DialectAtlas}

const atlasSign = "%%"

// atlasValue matches the forms, and the names that Atlas allows.
var atlasValue = regexp.MustCompile(`^(%%(?:environment\.)?values)\.([A-Za-z0-9_-]+)$`)

// isBare reports whether a value begins like a reference that is written without
// braces, as all of a value.
func (f File) isUnbraced(value string) bool {
	if strings.HasPrefix(value, uriScheme) {
		return true
	}
	return f.Dialect == DialectAtlas && (strings.HasPrefix(value, "%%values.") || strings.HasPrefix(value, "%%environment.values."))
}

// bare parses what isBare.
func parseUnbraced(value string) (Reference, error) {
	if !strings.HasPrefix(value, atlasSign) {
		return ParseURI(value)
	}
	m := atlasValue.FindStringSubmatch(value)
	if m == nil {
		return Reference{}, backend.Errorf(backend.CodeInvalid, "a name behind %%%%values has letters, digits, \"_\" and \"-\"").
			WithHint("name a scoped value, as %%%%values.NAME")
	}
	return Reference{Call: m[1], Target: Target{Kind: backend.KindScopedValue, Name: m[2]}}, nil
}

// asRead is an outcome that is all of a value, in a place where the dialect has
// the value's own type.
func (o replacement) withTypeOf(d Dialect) replacement {
	var tag string
	switch {
	case o.kept || o.typ.hasOwnType(), d == DialectAtlas && o.typ != typeJSON:
	case strings.ContainsAny(o.text, "\r\n#:{}[]\"'"): // it is none of these, whatever it is
	default:
		tag = plainTag(o.text)
	}
	switch tag {
	case "!!int":
		o.typ = typeInt
	case "!!float":
		o.typ = typeFloat
	case "!!bool":
		o.typ = typeBool
	case "!!null":
		o.typ, o.text = typeNull, noneText
	}
	return o
}

// plainTag is the tag that a text has as a plain scalar, "" if it is none.
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
