// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"strconv"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/yaml"
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
	// DialectKubernetes fills in base64 under "data" of Kubernetes Secrets: the text that it stands for.
	DialectKubernetes Dialect = "kubernetes"
)

// Dialects lists the dialects that a user can choose.
var Dialects = []Dialect{DialectMage, DialectJinja, DialectAtlas, DialectKubernetes}

const atlasSign = "%%"

// atlasValue matches a reference of Atlas, with the names that Atlas allows.
var atlasValue = pattern.Once(`^(%%(?:environment\.)?values)\.([A-Za-z0-9_-]+)$`)

// prefixes returns what begins a reference without braces in a dialect.
func (d Dialect) prefixes() []string {
	if d == DialectAtlas {
		return []string{expr.Scheme, "%%values.", "%%environment.values."}
	}
	return []string{expr.Scheme}
}

// isActions reports whether a region is an expression of GitHub Actions. In files of Jinja, the dollar is text.
func (d Dialect) isActions(r *format.Region) bool {
	return r.AfterDollar && d != DialectMage && d != DialectJinja
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

// typeOf returns the function that gives a plain scalar of several parts its type, or nil.
func (d Dialect) typeOf() func(text string) (format.Type, string) {
	if d == DialectMage {
		return typeInMage
	}
	return nil
}

// withDialectType gives a replacement that is a whole value the type that it has in the dialect.
func (d *Document) withDialectType(s *format.Scalar, o replacement) replacement {
	switch dialect := d.file.Dialect; {
	case o.kept:
	case dialect == DialectMage && o.typ == expr.JSON && o.text == expr.NoneText: // of pythonText
		return o.withType(format.Null)
	case dialect == DialectMage && !s.Unbraced && !s.Plain && o.typ != expr.Null && formatType(o.typ) != format.String:
		o.typ = expr.Text // Mage fills in the text between the quotes
	case formatType(o.typ) != format.String:
	case dialect == DialectMage && !s.Unbraced && s.Plain && !s.Text:
		t, text := typeInMage(o.text)
		o.text = text
		return o.withType(t)
	case dialect == DialectAtlas && s.Unbraced && strings.HasPrefix(s.Parts[0].Text, atlasSign) && o.typ == expr.JSON:
		return o.withType(typeOfText(o.text))
	}
	return o
}

// oldBool matches the booleans that only YAML 1.1 has, which Mage's parser reads.
var oldBool = pattern.Once(`^(?:(yes|Yes|YES|on|On|ON)|no|No|NO|off|Off|OFF)$`)

// typeInMage returns the type that Mage's parser gives a plain scalar, and its text for parsers of every version. An
// empty one is null. The numbers of YAML 1.1 with colons stay strings: a time is more often meant.
func typeInMage(text string) (format.Type, string) {
	switch m := oldBool().FindStringSubmatch(text); {
	case text == "":
		return format.Null, text
	case m != nil:
		return format.Bool, strconv.FormatBool(m[1] != "")
	}
	return typeOfText(text), text
}

// pythonText returns the text that a result of json_value, or a default of env_var, has inside longer text in Mage,
// where Python prints it.
func pythonText(o replacement, expression string) replacement {
	switch {
	case o.typ != expr.JSON || !strings.Contains(expression, "json_value") && !strings.Contains(expression, "env_var"):
	case o.text == "true", o.text == "false":
		o.text = strings.ToUpper(o.text[:1]) + o.text[1:]
	case o.text == "null":
		o.text = expr.NoneText
	}
	return o
}

// typeOfText returns the type of a text as a plain scalar of YAML.
func typeOfText(text string) format.Type {
	if strings.ContainsAny(text, "\r\n#:{}[]\"'") { // no number, boolean or null holds one of these
		return format.String
	}
	return yaml.PlainType(text)
}

func (o replacement) withType(t format.Type) replacement {
	switch t {
	case format.Int:
		o.typ = expr.Int
	case format.Float:
		o.typ = expr.Float
	case format.Bool:
		o.typ = expr.Bool
	case format.Null:
		o.typ, o.text = expr.Null, expr.NoneText
	}
	return o
}
