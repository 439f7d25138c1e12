// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// dotenvSyntax is a file of variables, as NAME=value. There is no standard, and
// its readers disagree on nearly everything, so that a value is written in the
// first style in which all of these read the same:
//
//	                            'single'            "double"              bare
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
// For all of them, \' and \" may or may not end a string. Most make CR LF one
// LF, or remove CR, also between quotes; no environment can hold NUL. So there are:
//
//   - bare: letters, digits and some signs that mean nothing anywhere;
//   - single quotes: without ' and CR, without \\ or \ at the end, and without ${…};
//   - double quotes: without " $ ` \ and CR.
//
// What fits none is refused, and so is what others wrote around a reference if
// it can be read in two ways: with a tab before it, which to Node.js is a part of
// the value, or a "#", or beside $NAME. Newlines can stand in both kinds of quotes.
type dotenvSyntax struct {
	// own says that Variables alone will read the file, so that any value can
	// be written, with the escapes of Docker Compose.
	ownReader bool
}

// How a string of variables stands. A mixed one holds what readers expand or
// read in different ways, so that it cannot be written in other quotes, and in
// an open one this goes on up to a reference.
const (
	dotenvUnquoted = ""
	dotenvSingle   = "'"
	dotenvDouble   = `"`

	dotenvMixed  = "$" // behind one of these
	dotenvOpen   = "!" // behind that
	dotenvSpaced = " " // bare, with blanks, so that to a shell a command stands behind them
)

var (
	// barely matches a value that no reader takes for more than it is.
	unquotedValue = regexp.MustCompile(`^[A-Za-z0-9_./:@%+,-][A-Za-z0-9_./:@%+,=-]*$`)
	// barelyAround matches bare text that may become a part of a quoted string,
	// and expandedAround such as readers expand before they see a value in it.
	quotableText = regexp.MustCompile(`^(?:[A-Za-z0-9_./:@%+,= \t-]|[^\x00-\xa0\pZ])*$`)
	expandedText = regexp.MustCompile(`^(?:[A-Za-z0-9_./:@%+,=${}-]|[^\x00-\xa0\pZ])*$`)
	// expands matches what python-dotenv expands in any quotes.
	bracedExpansion = regexp.MustCompile(`\$\{[^}]*\}`)
	// unfinished matches text that goes on in what follows it: a name, an
	// expansion, an escape.
	openEnd = regexp.MustCompile("(?:\\$(?:\\w*|\\{[^}]*|\\([^)]*)|\\\\|`[^`]*)$")
)

func (s dotenvSyntax) findStrings(text []byte, m search) ([]fileString, error) {
	found, err := readStatements(text, s.ownReader)
	if err != nil {
		return nil, err
	}
	var out []fileString
	for _, f := range found {
		name, value := string(text[f.name.start:f.name.end]), string(text[f.inner.start:f.inner.end])
		if m.containedIn(name) {
			out = append(out, fileString{start: f.name.start, end: f.name.end, innerStart: f.name.start, innerEnd: f.name.end, value: name, isKey: true})
		}
		if m.holds(value) {
			out = append(out, fileString{start: f.value.start, end: f.value.end, innerStart: f.inner.start, innerEnd: f.inner.end, value: value,
				style: f.quotes + s.contextStyle(f.quotes, value, m.delimiters)})
		}
	}
	return out, nil
}

// around says whether a string is mixed or open.
func (s dotenvSyntax) contextStyle(quotes, text string, m delimiters) string {
	mixed := ""
	switch quotes {
	case dotenvSingle:
		if strings.Contains(text, `\'`) {
			mixed = dotenvMixed
		}
	case dotenvUnquoted:
		switch {
		case !m.containedIn(text): // a URI, of which nothing will be left
			return ""
		case quotableText.MatchString(text) && strings.ContainsAny(text, " \t"):
			return dotenvSpaced
		case quotableText.MatchString(text):
		case expandedText.MatchString(text), s.ownReader:
			mixed = dotenvMixed
		default:
			return dotenvMixed + dotenvOpen
		}
	case dotenvDouble:
		if strings.ContainsAny(text, "$`\\") {
			mixed = dotenvMixed
		}
		if strings.Contains(text, `\"`) && !s.ownReader {
			return mixed + dotenvOpen
		}
	}
	for at := 0; ; {
		next := strings.Index(text[at:], m.open)
		if next < 0 {
			return mixed
		}
		if openEnd.MatchString(text[:at+next]) {
			return mixed + dotenvOpen
		}
		at += next + len(m.open)
	}
}

func (dotenvSyntax) decode(raw string, _ fileString) string { return raw }

func (s dotenvSyntax) escape(q fileString, value string) (string, bool) {
	switch q.style {
	case dotenvUnquoted, dotenvMixed:
		return value, unquotedValue.MatchString(value)
	case dotenvSingle:
		// Together with what stands beside it, a part of ${…} could become one.
		return value, !strings.ContainsAny(value, "'\\${}\r\x00")
	case dotenvDouble, dotenvDouble + dotenvMixed:
		if s.ownReader {
			return escapeDotenv(value), !strings.Contains(value, "\x00")
		}
		return value, fitsDouble(value)
	}
	return "", false
}

func fitsSingle(s string) bool {
	return !strings.ContainsAny(s, "'\r\x00") && !strings.Contains(s, `\\`) && !strings.HasSuffix(s, `\`) && !bracedExpansion.MatchString(s)
}

func fitsDouble(s string) bool { return !strings.ContainsAny(s, "\"$`\\\r\x00") }

// escapeDotenv is a value as Docker Compose reads it between double quotes.
func escapeDotenv(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`).Replace(s)
}

func (s dotenvSyntax) rewrite(q fileString, value string) (string, *backend.Error) {
	switch {
	case strings.Contains(value, "\x00"):
		return "", backend.Errorf(backend.CodeInvalid, "the value holds a NUL byte, which no environment can").
			WithHint("write it in base64, with | b64encode")
	case strings.HasSuffix(q.style, dotenvMixed), strings.HasSuffix(q.style, dotenvOpen) && !strings.HasPrefix(q.style, dotenvSingle):
		return "", backend.Errorf(backend.CodeInvalid, "readers of such files read what stands beside the reference in different ways, so that the value cannot be written there").
			WithHint("write all of the value in quotes, or keep the reference in a variable of its own")
	case unquotedValue.MatchString(value):
		return value, nil
	case s.ownReader:
		return dotenvDouble + escapeDotenv(value) + dotenvDouble, nil
	case fitsSingle(value):
		return dotenvSingle + value + dotenvSingle, nil
	case fitsDouble(value):
		return dotenvDouble + value + dotenvDouble, nil
	}
	return "", backend.Errorf(backend.CodeInvalid, "the value holds quotes, backslashes or signs that readers of such files read in different ways, in whatever quotes").
		WithHint("give it to the command itself: pouncet run --file FILE -- COMMAND; or write it in base64, with | b64encode")
}

func (dotenvSyntax) typedLiteral(typ resultType, text string) (string, any, *backend.Error) {
	if typ == typeNull {
		return "", nil, backend.Errorf(backend.CodeInvalid, "a file of variables has no null").
			WithHint(`give a default, as in | default("")`)
	}
	return text, text, nil
}

// dotenvName is a name in a tree.
type dotenvName string

// tree is what the library reads, in the whole text and in each statement, so
// that a name that is there twice does not go unseen. What it would expand it
// shows as it was written.
func (s dotenvSyntax) parse(text []byte) (any, error) {
	found, err := readStatements(text, s.ownReader)
	if err != nil {
		return nil, err
	}
	unexpanded := func(name string) (string, bool) { return "${" + name + "}", true }
	var order []any
	for _, f := range found {
		order = append(order, dotenvName(text[f.name.start:f.name.end]))
		value, err := dotenv.ParseWithLookup(bytes.NewReader(append([]byte("V="), text[f.value.start:f.value.end]...)), unexpanded)
		if err != nil {
			return nil, &offsetError{f.value.start, "the value is not one that Docker Compose can read"}
		}
		order = append(order, value["V"])
	}
	read, err := dotenv.ParseWithLookup(bytes.NewReader(text), unexpanded)
	if err != nil {
		return nil, &offsetError{0, "a line is not one that Docker Compose can read"}
	}
	values := map[string]any{}
	for name, value := range read {
		values[name] = value
	}
	return []any{order, values}, nil
}

// Variable is one of a file of variables.
type Variable struct{ Name, Value string }

// ParseVariables reads a file of variables that has been filled in, in its order, as
// Docker Compose does; lookup tells what it expands. A name without "=" is none:
// it is what the environment has. Its error never holds a value.
func ParseVariables(f File, lookup func(name string) (string, bool)) ([]Variable, error) {
	d := &Document{file: f}
	found, err := readStatements(f.Data, true)
	if err != nil {
		return nil, d.formatProblem(err)
	}
	read, err := dotenv.ParseWithLookup(bytes.NewReader(f.Data), lookup)
	if err != nil {
		return nil, d.fileProblem(0, "what its values refer to cannot be expanded", `set what they need; where a "$" is meant as it is, use single quotes`)
	}
	var out []Variable
	for _, s := range found {
		if name := string(f.Data[s.name.start:s.name.end]); s.assigned {
			out = append(out, Variable{name, read[name]})
		}
	}
	return out, nil
}
