// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// dotenvSyntax is the format of dotenv files: lines of the form NAME=value. It has no standard, and its readers
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
type dotenvSyntax struct {
	// composeOnly says that only ParseVariables reads the file, and it reads like Docker Compose. With the escapes of
	// Docker Compose, every value can be written.
	composeOnly bool
}

// The styles of dotenv strings: a quoting style, and what the text around the references allows.
const (
	dotenvUnquoted = ""
	dotenvSingle   = "'"
	dotenvDouble   = `"`

	// dotenvMixed is added to a quoting style if readers expand the text or read it differently. Such a string
	// cannot be written in other quotes.
	dotenvMixed = "$"
	// dotenvOpen is added as well if such text ends only after a reference. No value can be written there.
	dotenvOpen = "!"
	// dotenvSpaced is an unquoted string with blanks. A shell takes the text after a blank as a command.
	dotenvSpaced = " "
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

func (s dotenvSyntax) findStrings(text []byte, m search) ([]fileString, error) {
	statements, err := readStatements(text, s.composeOnly)
	if err != nil {
		return nil, err
	}
	var out []fileString
	for _, f := range statements {
		name, value := string(text[f.name.start:f.name.end]), string(text[f.inner.start:f.inner.end])
		if m.containedIn(name) {
			out = append(out, fileString{
				start: f.name.start, end: f.name.end, innerStart: f.name.start, innerEnd: f.name.end,
				value: name, isKey: true,
			})
		}
		if m.matches(value) {
			out = append(out, fileString{
				start: f.value.start, end: f.value.end, innerStart: f.inner.start, innerEnd: f.inner.end,
				value: value, style: f.quotes + s.contextStyle(f.quotes, value, m.delimiters),
			})
		}
	}
	return out, nil
}

// contextStyle returns what the text of a string adds to its style.
func (s dotenvSyntax) contextStyle(quotes, text string, m delimiters) string {
	mixed := ""
	switch quotes {
	case dotenvSingle:
		if strings.Contains(text, `\'`) {
			mixed = dotenvMixed
		}
	case dotenvUnquoted:
		switch {
		case !m.containedIn(text): // a reference without braces, which is replaced as a whole
			return ""
		case quotableText().MatchString(text) && strings.ContainsAny(text, " \t"):
			return dotenvSpaced
		case quotableText().MatchString(text):
		case expandedText().MatchString(text), s.composeOnly:
			mixed = dotenvMixed
		default:
			return dotenvMixed + dotenvOpen
		}
	case dotenvDouble:
		if strings.ContainsAny(text, "$`\\") {
			mixed = dotenvMixed
		}
		if strings.Contains(text, `\"`) && !s.composeOnly {
			return mixed + dotenvOpen
		}
	}
	for at := 0; ; {
		next := strings.Index(text[at:], m.open)
		if next < 0 {
			return mixed
		}
		if openEnd().MatchString(text[:at+next]) {
			return mixed + dotenvOpen
		}
		at += next + len(m.open)
	}
}

func (dotenvSyntax) decode(raw string, _ fileString) string { return raw }

func (s dotenvSyntax) escape(str fileString, value string) (string, bool) {
	switch str.style {
	case dotenvUnquoted, dotenvMixed:
		return value, unquotedValue().MatchString(value)
	case dotenvSingle:
		// With the text next to it, a part of ${…} could become an expansion.
		return value, !strings.ContainsAny(value, "'\\${}\r\x00")
	case dotenvDouble, dotenvDouble + dotenvMixed:
		if s.composeOnly {
			return escapeDotenv(value), !strings.Contains(value, "\x00")
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

// escapeDotenv escapes a value for double quotes, as Docker Compose reads them.
func escapeDotenv(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(s)
}

func (s dotenvSyntax) rewrite(str fileString, value string) (string, *backend.Error) {
	switch {
	case strings.Contains(value, "\x00"):
		return "", backend.Errorf(backend.CodeInvalid,
			"the value has a NUL byte, which an environment variable cannot hold").
			WithHint("encode the value with | b64encode")
	case strings.HasSuffix(str.style, dotenvMixed),
		strings.HasSuffix(str.style, dotenvOpen) && !strings.HasPrefix(str.style, dotenvSingle):
		return "", backend.Errorf(backend.CodeInvalid,
			"readers of dotenv files disagree on the text next to the reference").
			WithHint("write the whole value in quotes, or give the reference its own variable")
	case unquotedValue().MatchString(value):
		return value, nil
	case s.composeOnly:
		return dotenvDouble + escapeDotenv(value) + dotenvDouble, nil
	case fitsSingle(value):
		return dotenvSingle + value + dotenvSingle, nil
	case fitsDouble(value):
		return dotenvDouble + value + dotenvDouble, nil
	}
	return "", backend.Errorf(backend.CodeInvalid,
		"the value has characters that readers of dotenv files read differently in every quoting style").
		WithHint("use pouncet run --file FILE -- COMMAND instead of a file, or encode the value with | b64encode")
}

func (dotenvSyntax) typedLiteral(typ expr.Type, text string) (string, any, *backend.Error) {
	if typ == expr.Null {
		return "", nil, errNoNull("dotenv files")
	}
	return text, text, nil
}

// dotenvName is the leaf for a name. Its type differs from string, so that a name is never filled in.
type dotenvName string

// parse returns what the library reads in each statement and in the whole text. The statements show duplicate names,
// which the library drops. Expansions stay as they are written.
func (s dotenvSyntax) parse(text []byte) (any, error) {
	statements, err := readStatements(text, s.composeOnly)
	if err != nil {
		return nil, err
	}
	unexpanded := func(name string) (string, bool) { return "${" + name + "}", true }
	var order []any
	for _, f := range statements {
		order = append(order, dotenvName(text[f.name.start:f.name.end]))
		assignment := append([]byte("V="), text[f.value.start:f.value.end]...)
		value, err := dotenv.ParseWithLookup(bytes.NewReader(assignment), unexpanded)
		if err != nil {
			return nil, &offsetError{f.value.start, "Docker Compose cannot parse this value"}
		}
		order = append(order, value["V"])
	}
	read, err := dotenv.ParseWithLookup(bytes.NewReader(text), unexpanded)
	if err != nil {
		return nil, &offsetError{0, "Docker Compose cannot parse one of the lines"}
	}
	values := map[string]any{}
	for name, value := range read {
		values[name] = value
	}
	return []any{order, values}, nil
}

// Variable is one variable of a dotenv file.
type Variable struct{ Name, Value string }

// ParseVariables returns the variables of a rendered dotenv file in their order. It parses like Docker Compose, and
// calls lookup for the variables that values refer to. It skips a name without "=", which stands for a variable that
// the environment already has. Its error is Problems, and never holds a value.
func ParseVariables(f File, lookup func(name string) (string, bool)) ([]Variable, error) {
	f.Format = FormatVariables
	d := &Document{file: f}
	statements, err := readStatements(f.Data, true)
	if err != nil {
		return nil, d.formatProblem(err)
	}
	values, err := dotenv.ParseWithLookup(bytes.NewReader(f.Data), lookup)
	if err != nil {
		return nil, d.fileProblem(0, "a variable that the file refers to cannot be expanded",
			`set the variables that the file uses, or write values with "$" in single quotes`)
	}
	var out []Variable
	for _, s := range statements {
		if name := string(f.Data[s.name.start:s.name.end]); s.assigned {
			out = append(out, Variable{name, values[name]})
		}
	}
	return out, nil
}
