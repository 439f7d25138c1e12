// SPDX-License-Identifier: MPL-2.0

package expr

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// The grammar of expressions. White space can stand between tokens. Strings have the syntax of Python.
//
//	expression = primary { accessor } { "|" filter }
//	primary    = call | URI | literal
//	call       = name "(" [ argument { "," argument } ] ")"
//	argument   = expression | keyword "=" expression
//	accessor   = "." name | "[" ( string | digits ) "]"
//	filter     = name [ "(" expression ")" ]
//	literal    = string | number | "true" | "false" | "none" | "null"

// SyntaxError is an error in an expression, with its offset in the text of the expression.
type SyntaxError struct {
	Offset int
	Err    *backend.Error
}

// Error returns the text of the error, without the offset.
func (e *SyntaxError) Error() string { return e.Err.Error() }

// Unwrap returns the error without the offset.
func (e *SyntaxError) Unwrap() error { return e.Err }

func syntaxErrorf(at int, format string, args ...any) *SyntaxError {
	return &SyntaxError{at, backend.Errorf(backend.CodeInvalid, format, args...)}
}

func (e *SyntaxError) hint(format string, args ...any) *SyntaxError {
	e.Err = e.Err.WithHint(format, args...)
	return e
}

// parser is a recursive descent parser with one token of look-ahead.
type parser struct {
	lexer lexer
	tok   token
}

// MaxBytes is the length of the longest expression, without braces.
const MaxBytes = 4096

// Parse parses an expression: the text between "{{" and "}}", or a reference URI. Its error matches
// backend.ErrInvalid, and never repeats the text of a string.
func Parse(text string) (*Expression, *SyntaxError) {
	if !utf8.ValidString(text) {
		return nil, syntaxErrorf(0, "the expression is not valid UTF-8")
	}
	if len(text) > MaxBytes {
		return nil, syntaxErrorf(0, "the expression has %d bytes; the limit is %d", len(text), MaxBytes)
	}
	p := &parser{lexer: lexer{text: text}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	root, err := p.expression()
	if err != nil {
		return nil, err
	}
	if p.tok.typ != tokenEnd {
		return nil, p.unexpected(endOfExpression)
	}
	return &Expression{root}, nil
}

func (p *parser) advance() (err *SyntaxError) {
	p.tok, err = p.lexer.next()
	return err
}

func (p *parser) unexpected(wanted string) *SyntaxError {
	return syntaxErrorf(p.tok.at, "expected %s, got %s", wanted, p.tok.describe()).
		hint("write a call, then fields, then filters: get_secret_value('name').field | urlencode")
}

// unknownName returns the error for a name that is none of the valid names.
func unknownName(at int, what, name string, valid []string) *SyntaxError {
	suggestion := suggest.WithinDistance(maxEdits, name, valid)
	return syntaxErrorf(at, "%s is not a valid %s", backend.Quote(name), what).
		hint("%s", suggest.Hint(suggestion, "use one of "+strings.Join(valid, ", ")))
}

// expect consumes the punctuation punct.
func (p *parser) expect(punct string) *SyntaxError {
	if !p.tok.is(punct) {
		return p.unexpected(backend.Quote(punct))
	}
	return p.advance()
}

func (p *parser) expression() (node, *SyntaxError) {
	n, err := p.primary()
	if err != nil {
		return nil, err
	}
	if n, err = p.accessors(n); err != nil {
		return nil, err
	}
	for p.tok.is("|") {
		if err := p.advance(); err != nil {
			return nil, err
		}
		if n, err = p.filter(n); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (p *parser) primary() (node, *SyntaxError) {
	t := p.tok
	var n node
	switch t.typ {
	case tokenString:
		n = &literal{Text, t.text}
	case tokenNumber:
		if !numberPattern().MatchString(t.text) {
			return nil, syntaxErrorf(t.at, "%s is not a valid number", backend.Quote(t.text))
		}
		n = &literal{Number, t.text}
	case tokenURI:
		ref, problem := ParseURI(t.text)
		if problem != nil {
			return nil, &SyntaxError{t.at, backend.AsError(problem)}
		}
		n = &entry{target: ref}
	case tokenName:
		if constant, ok := constants[strings.ToLower(t.text)]; ok {
			n = &constant
			break
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		return p.call(t)
	default:
		return nil, p.unexpected("a call")
	}
	return n, p.advance()
}

// numberPattern matches the numbers of JSON.
var numberPattern = pattern.Once(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][0-9]+)?$`)

// constants are the names of literals, in the spelling of Python and of JSON.
var constants = map[string]literal{
	"true": {Bool, "true"}, "false": {Bool, "false"}, "none": {Null, "none"}, "null": {Null, "none"},
}

// arguments are the arguments of one call.
type arguments struct {
	call       token
	positional []argument
	keyword    map[string]argument
}

type argument struct {
	at    int
	value node
}

// call parses a call whose name is already consumed.
func (p *parser) call(name token) (node, *SyntaxError) {
	if !slices.Contains(callNames, name.text) {
		if suggest.WithinDistance(maxEdits, name.text, callNames) == "" && !p.tok.is("(") {
			return nil, syntaxErrorf(name.at, "%s is neither a call nor in quotes", backend.Quote(name.text)).
				hint("write a name or a text in quotes: '%s'", name.text)
		}
		return nil, unknownName(name.at, "call", name.text, callNames)
	}
	args, err := p.arguments(name)
	if err != nil {
		return nil, err
	}
	switch name.text {
	case callEnv:
		return args.variable()
	case callJSON:
		return args.jsonValue()
	case callLiteral:
		return args.literalValue()
	}
	return args.entry()
}

func (p *parser) arguments(call token) (*arguments, *SyntaxError) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	args := &arguments{call: call}
	for !p.tok.is(")") {
		if err := p.argument(args); err != nil {
			return nil, err
		}
		if p.tok.is(")") {
			break
		}
		if err := p.expect(","); err != nil {
			return nil, err
		}
	}
	return args, p.advance()
}

func (p *parser) argument(args *arguments) *SyntaxError {
	start := p.tok
	if start.typ == tokenName {
		ahead := p.lexer
		if next, err := ahead.next(); err == nil && next.is("=") {
			if _, again := args.keyword[start.text]; again {
				return syntaxErrorf(start.at, "%s= is given twice", start.text).hint("remove one of them")
			}
			p.lexer = ahead
			if err := p.advance(); err != nil {
				return err
			}
			value, err := p.expression()
			if args.keyword == nil { // allocated here because most calls have no keywords
				args.keyword = map[string]argument{}
			}
			args.keyword[start.text] = argument{start.at, value}
			return err
		}
	}
	value, err := p.expression()
	if err != nil {
		return err
	}
	if len(args.keyword) > 0 {
		return syntaxErrorf(start.at, "an argument without a keyword follows an argument with a keyword").
			hint("write arguments without a keyword first")
	}
	args.positional = append(args.positional, argument{start.at, value})
	return nil
}

// accessors parses the fields that follow a primary. If the primary is an entry, they become the field of its
// reference, so that the backend sends only that field.
func (p *parser) accessors(n node) (node, *SyntaxError) {
	start, path := p.tok.at, ""
	for {
		var step string
		switch {
		case p.tok.is("."):
			if err := p.advance(); err != nil {
				return nil, err
			}
			if p.tok.typ != tokenName {
				return nil, p.unexpected("the name of a field")
			}
			step = fieldStep(p.tok.text)
		case p.tok.is("["):
			if err := p.advance(); err != nil {
				return nil, err
			}
			switch {
			case p.tok.typ == tokenString:
				step = fieldStep(p.tok.text)
			case p.tok.typ == tokenNumber && isIndex(p.tok.text):
				step = "[" + p.tok.text + "]"
			default:
				return nil, p.unexpected("a string or an index from 0")
			}
			if err := p.advance(); err != nil {
				return nil, err
			}
			if !p.tok.is("]") {
				return nil, p.unexpected(`"]"`)
			}
		default:
			if path == "" {
				return n, nil
			}
			return access(n, path, start)
		}
		if step == "" {
			return nil, syntaxErrorf(p.tok.at, "a field path cannot hold this field name").
				hint("rename the field, or refer to the whole value")
		}
		path = backend.JoinPath(path, step)
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}

func access(n node, path string, at int) (node, *SyntaxError) {
	if e, ok := n.(*entry); ok && e.fallback == nil {
		e.target.Field = backend.JoinPath(e.target.Field, path)
		return e, checkField(e.target.Field, at)
	}
	return &pick{n, path}, checkField(path, at)
}

func (p *parser) filter(in node) (node, *SyntaxError) {
	name := p.tok
	if name.typ != tokenName {
		return nil, p.unexpected("the name of a filter")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	_, known := filters[name.text]
	if !known && name.text != filterDefault {
		return nil, unknownName(name.at, "filter", name.text, filterNames())
	}
	if known {
		if p.tok.is("(") {
			return nil, syntaxErrorf(p.tok.at, "filter %s takes no argument", name.text).hint("remove the parentheses")
		}
		return &filter{in: in, name: name.text}, nil
	}
	args, err := p.arguments(name)
	if err != nil {
		return nil, err
	}
	if len(args.positional) != 1 || len(args.keyword) > 0 {
		return nil, syntaxErrorf(name.at, "filter default takes one argument").hint("write default('value')")
	}
	return &filter{in: in, name: name.text, arg: args.positional[0].value}, nil
}

// isIndex reports whether s is a decimal number without a sign.
func isIndex(s string) bool {
	_, err := strconv.ParseUint(s, 10, 31)
	return err == nil
}
