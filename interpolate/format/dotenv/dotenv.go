// SPDX-License-Identifier: MPL-2.0

// Package dotenv is the format of dotenv files: lines of the form NAME=value. It has no standard, and its readers
// disagree on nearly everything. This is what they do:
//
//	                            'single'            "double"              unquoted
//	Docker Compose              \' is a quote       escapes, $VAR, ${}    $VAR, ${}, " #"
//	  (compose-go, dotenv/parser.go, template/template.go)
//	bash and sh, by "."         as it is            \" \$ \\ \`, $, `     all of the shell
//	  (POSIX, Shell Command Language 2.2, Quoting)
//	Node.js, --env-file         as it is            \n                    "#", `quotes`
//	  (src/node_dotenv.cc)
//	python-dotenv               \\ and \', ${}      escapes, ${}          ${}, " #"
//	  (parser.py, variables.py)
//	Ruby's dotenv               as it is            any \, $VAR, $()      any \, $, "#"
//	  (lib/dotenv/parser.rb)
//	godotenv                    as it is            any \, $VAR, ${}      $VAR, ${}, " #"
//	  (parser.go)
//
// In addition, \' and \" end a string for some readers and not for others. Most readers turn CR LF into LF, or remove
// CR, inside quotes too. No environment variable can hold NUL. So a value is written in the first of these styles
// that fits:
//
//   - unquoted: letters, digits and some signs without a meaning;
//   - single quotes: no ' and CR, no \\, no \ at the end, and no ${…};
//   - double quotes: no " $ ` \ and CR.
//
// Newlines can stand in single and in double quotes. A value that fits no style is an error. So is text around a
// reference that readers read in two ways: a tab before the reference, which Node.js takes as a part of the value, a
// "#", or $NAME.
package dotenv

import (
	"bytes"
	"errors"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/template"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/syntax"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

type fileSyntax struct {
	// composeOnly says that only ParseVariables reads the file, and it reads like Docker Compose. With the escapes of
	// Docker Compose, every value can be written.
	composeOnly bool
}

// New returns the format for one file.
func New() format.Format { return syntax.New(fileSyntax{}) }

// NewVariables returns the format for one file that only ParseVariables will read.
func NewVariables() format.Format { return syntax.New(fileSyntax{composeOnly: true}) }

// The styles of dotenv strings: a quoting style, and what the text around the references allows.
const (
	styleUnquoted = ""
	styleSingle   = "'"
	styleDouble   = `"`

	// styleMixed is added to a quoting style if readers expand the text or read it differently. Such a string
	// cannot be written in other quotes.
	styleMixed = "$"
	// styleOpen is added as well if such text ends only after a reference. No value can be written there.
	styleOpen = "!"
	// styleSpaced is an unquoted string with blanks. A shell takes the text after a blank as a command.
	styleSpaced = " "
	// unportable is the style of a value whose name some readers reject or split.
	unportable = "name"
)

var (
	// unquotedValue matches a value that every reader reads alike without quotes.
	unquotedValue = pattern.Once(`^[A-Za-z0-9_./:@%+,-][A-Za-z0-9_./:@%+,=-]*$`)
	// quotableText matches unquoted text that means the same in quotes. expandedText matches unquoted text that
	// readers expand, so that it cannot be quoted.
	quotableText = pattern.Once(`^(?:[A-Za-z0-9_./:@%+,= \t-]|[^\x00-\xa0\pZ])*$`)
	expandedText = pattern.Once(`^(?:[A-Za-z0-9_./:@%+,=${}-]|[^\x00-\xa0\pZ])*$`)
	// bracedExpansion matches what python-dotenv expands in every quoting style.
	bracedExpansion = pattern.Once(`\$\{[^}]*\}`)
	// openEnd matches text that the following text can change: a name, an expansion or an escape.
	openEnd = pattern.Once("(?:\\$(?:\\w*|\\{[^}]*|\\([^)]*)|\\\\|`[^`]*)$")
)

// portableName matches a name that every reader takes for the name of a variable.
var portableName = pattern.Once(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (s fileSyntax) Strings(text []byte, m syntax.Search) ([]syntax.String, error) {
	statements, err := readStatements(text, s.composeOnly)
	if err != nil {
		return nil, err
	}
	var out []syntax.String
	for _, f := range statements {
		name, value := string(text[f.name.Start:f.name.End]), string(text[f.inner.Start:f.inner.End])
		if m.ContainedIn(name) {
			out = append(out, syntax.String{Span: f.name, Inner: f.name, Value: name, IsKey: true})
		}
		if m.Matches(value) {
			style := f.quotes + s.contextStyle(f.quotes, value, m.Delimiters)
			if !s.composeOnly && !portableName().MatchString(name) {
				style = unportable
			}
			out = append(out, syntax.String{Span: f.value, Inner: f.inner, Value: value, Style: style})
		}
	}
	return out, nil
}

// contextStyle returns what the text of a string adds to its style.
func (s fileSyntax) contextStyle(quotes, text string, m format.Delimiters) string {
	mixed := ""
	switch quotes {
	case styleSingle:
		if strings.Contains(text, `\'`) {
			mixed = styleMixed
		}
	case styleUnquoted:
		switch {
		case !m.ContainedIn(text): // a reference without braces, which is replaced as a whole
			return ""
		case quotableText().MatchString(text) && strings.ContainsAny(text, " \t"):
			return styleSpaced
		case quotableText().MatchString(text):
		case expandedText().MatchString(text), s.composeOnly:
			mixed = styleMixed
		default:
			return styleMixed + styleOpen
		}
	case styleDouble:
		if strings.ContainsAny(text, "$`\\") {
			mixed = styleMixed
		}
		if strings.Contains(text, `\"`) && !s.composeOnly {
			return mixed + styleOpen
		}
	}
	for at := 0; ; {
		next := strings.Index(text[at:], m.Open)
		if next < 0 {
			return mixed
		}
		if openEnd().MatchString(text[:at+next]) {
			return mixed + styleOpen
		}
		at += next + len(m.Open)
	}
}

func (fileSyntax) Decode(raw string, _ *syntax.String) string { return raw }

func (s fileSyntax) Escape(str *syntax.String, value string) (string, bool) {
	switch str.Style {
	case styleUnquoted, styleMixed:
		return value, unquotedValue().MatchString(value)
	case styleSingle:
		// With the text next to it, a part of ${…} could become an expansion.
		return value, !strings.ContainsAny(value, "'\\${}\r\x00")
	case styleDouble, styleDouble + styleMixed:
		if s.composeOnly {
			return escapeDouble(value), !strings.Contains(value, "\x00")
		}
		return value, fitsDouble(value)
	}
	return "", false
}

func fitsSingle(s string) bool {
	return !strings.ContainsAny(s, "'\r\x00") && !strings.Contains(s, `\\`) && !strings.HasSuffix(s, `\`) &&
		!bracedExpansion().MatchString(s)
}

func fitsDouble(s string) bool { return !strings.ContainsAny(s, "\"$`\\\r\x00") }

// escapeDouble escapes a value for double quotes, as Docker Compose reads them.
func escapeDouble(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(s)
}

func (s fileSyntax) Rewrite(str *syntax.String, value string) (string, *backend.Error) {
	switch {
	case str.Style == unportable:
		return "", backend.Errorf(backend.CodeInvalid,
			"readers of dotenv files disagree on the name of the variable").
			WithHint("use letters, digits and _, and do not start with a digit")
	case strings.Contains(value, "\x00"):
		return "", backend.Errorf(backend.CodeInvalid,
			"the value has a NUL byte, which an environment variable cannot hold").
			WithHint("encode the value with | b64encode")
	case strings.HasSuffix(str.Style, styleMixed),
		strings.HasSuffix(str.Style, styleOpen) && !strings.HasPrefix(str.Style, styleSingle):
		return "", backend.Errorf(backend.CodeInvalid,
			"readers of dotenv files disagree on the text next to the reference").
			WithHint("write the whole value in quotes, or give the reference its own variable")
	case unquotedValue().MatchString(value):
		return value, nil
	case s.composeOnly:
		return styleDouble + escapeDouble(value) + styleDouble, nil
	case fitsSingle(value):
		return styleSingle + value + styleSingle, nil
	case fitsDouble(value):
		return styleDouble + value + styleDouble, nil
	}
	return "", backend.Errorf(backend.CodeInvalid,
		"the value has characters that readers of dotenv files read differently in every quoting style").
		WithHint("use pouncet run --file FILE -- COMMAND instead of a file, or encode the value with | b64encode")
}

func (fileSyntax) TypedLiteral(typ format.Type, text string) (string, any, *backend.Error) {
	if typ == format.Null {
		return "", nil, syntax.NoNull("dotenv files")
	}
	return text, text, nil
}

// leafName is the leaf for a name. Its type differs from string, so that a name is never filled in.
type leafName string

// Parse returns what the library reads in each statement and in the whole text. The statements show duplicate names,
// which the library drops. Expansions stay as they are written.
func (s fileSyntax) Parse(text []byte) (any, error) {
	statements, err := readStatements(text, s.composeOnly)
	if err != nil {
		return nil, err
	}
	unexpanded := func(name string) (string, bool) { return "${" + name + "}", true }
	var order []any
	for _, f := range statements {
		order = append(order, leafName(text[f.name.Start:f.name.End]))
		assignment := append([]byte("V="), text[f.value.Start:f.value.End]...)
		value, err := dotenv.ParseWithLookup(bytes.NewReader(assignment), unexpanded)
		if err != nil {
			return nil, &format.ParseError{Offset: f.value.Start, Reason: "Docker Compose cannot parse this value"}
		}
		order = append(order, value["V"])
	}
	read, err := dotenv.ParseWithLookup(bytes.NewReader(text), unexpanded)
	if err != nil {
		return nil, &format.ParseError{Offset: 0, Reason: "Docker Compose cannot parse one of the lines"}
	}
	values := map[string]any{}
	for name, value := range read {
		values[name] = value
	}
	return []any{order, values}, nil
}

// Variable is one variable of a dotenv file.
type Variable struct{ Name, Value string }

// ExpansionError says that a variable that a file refers to cannot be expanded.
type ExpansionError struct {
	Offset   int    // of the statement; 0 if it is not known
	Name     string // of the variable that the statement sets; "" if it is not known
	Required string // the variable that is not set, for an expansion such as ${NAME:?}; otherwise ""
}

func (e *ExpansionError) Error() string {
	return "a variable that the file refers to cannot be expanded"
}

// ParseVariables returns the variables of a text in their order. It parses like Docker Compose, and calls lookup for
// the variables that values refer to. It skips a name without "=", which stands for a variable that the environment
// already has. Its error is a format.ParseError or an ExpansionError, and never holds a value.
func ParseVariables(text []byte, lookup func(name string) (string, bool)) ([]Variable, error) {
	statements, err := readStatements(text, true)
	if err != nil {
		return nil, err
	}
	values, err := dotenv.ParseWithLookup(bytes.NewReader(text), lookup)
	if err != nil {
		return nil, expansionError(text, statements, lookup, err)
	}
	var out []Variable
	for _, s := range statements {
		if name := string(text[s.name.Start:s.name.End]); s.assigned {
			out = append(out, Variable{name, values[name]})
		}
	}
	return out, nil
}

// expansionError finds the statement at which the library has failed: it reads the statements again, one by one. Now
// it calls every variable set that is not the cause, so that the library does not warn again.
func expansionError(
	text []byte, statements []statement, lookup func(name string) (string, bool), cause error,
) *ExpansionError {
	out := &ExpansionError{}
	var missing *template.MissingRequiredError
	if errors.As(cause, &missing) {
		out.Required = missing.Variable
	}
	values := map[string]string{}
	again := func(name string) (string, bool) {
		if value, ok := lookup(name); ok {
			return value, true
		}
		value, ok := values[name]
		return value, ok || name != out.Required
	}
	for _, s := range statements {
		if !s.assigned {
			continue
		}
		name := string(text[s.name.Start:s.name.End])
		read, err := dotenv.ParseWithLookup(bytes.NewReader(text[s.name.Start:s.value.End]), again)
		if err != nil {
			out.Offset, out.Name = s.name.Start, name
			return out
		}
		values[name] = read[name]
	}
	return out
}
