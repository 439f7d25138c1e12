// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// The grammar, with white space between tokens and strings as Python has them:
//
//	expression = primary { accessor } { "|" filter }
//	primary    = call | URI | literal
//	call       = name "(" [ argument { "," argument } ] ")"
//	argument   = expression | keyword "=" expression
//	accessor   = "." name | "[" ( string | digits ) "]"
//	filter     = name [ "(" expression ")" ]
//	literal    = string | number | "true" | "false" | "none" | "null"

// syntaxError is an error of the grammar, and how far into the text it is.
type syntaxError struct {
	at      int
	problem *backend.Error
}

func syntaxErrorf(at int, format string, args ...any) *syntaxError {
	return &syntaxError{at, backend.Errorf(backend.CodeInvalid, format, args...)}
}

func (e *syntaxError) hint(format string, args ...any) *syntaxError {
	e.problem = e.problem.WithHint(format, args...)
	return e
}

// parser is a recursive descent over the tokens, one ahead.
type parser struct {
	lexer lexer
	tok   token
}

func parseExpression(text string) (*Expression, *syntaxError) {
	if !utf8.ValidString(text) {
		return nil, syntaxErrorf(0, "the expression is not UTF-8")
	}
	if len(text) > MaxExpressionBytes {
		return nil, syntaxErrorf(0, "the expression has %d bytes, and the limit is %d", len(text), MaxExpressionBytes)
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
		return nil, p.unexpected("the end")
	}
	return &Expression{root}, nil
}

func (p *parser) advance() (err *syntaxError) {
	p.tok, err = p.lexer.next()
	return err
}

func (p *parser) unexpected(wanted string) *syntaxError {
	e := syntaxErrorf(p.tok.at, "%s stands where %s should", p.tok.describe(), wanted)
	if p.tok.text == "-" {
		return e.hint(`the white-space control of other template languages, "{{-" and "-}}", has no use in a scalar: write "{{" and "}}"`)
	}
	return e.hint("an expression is a call, then fields of it, then filters: get_secret_value('name').field | urlencode")
}

// expect consumes this punctuation.
func (p *parser) expect(punct string) *syntaxError {
	if !p.tok.is(punct) {
		return p.unexpected(backend.Quote(punct))
	}
	return p.advance()
}

func (p *parser) expression() (node, *syntaxError) {
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

func (p *parser) primary() (node, *syntaxError) {
	t := p.tok
	var n node
	switch t.typ {
	case tokenString:
		n = &literal{typeText, t.text}
	case tokenNumber:
		if !numberPattern.MatchString(t.text) {
			return nil, syntaxErrorf(t.at, "%s is not a number", backend.Quote(t.text))
		}
		n = &literal{typeNumber, t.text}
	case tokenURI:
		ref, problem := ParseURI(t.text)
		if problem != nil {
			return nil, &syntaxError{t.at, backend.AsError(problem)}
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

// A number is what JSON takes for one.
var numberPattern = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][0-9]+)?$`)

// constants are the names that stand for themselves, in Python's spelling or JSON's.
var constants = map[string]literal{
	"true": {typeBool, "true"}, "false": {typeBool, "false"}, "none": {typeNull, "none"}, "null": {typeNull, "none"},
}

// arguments are those of one call.
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
func (p *parser) call(name token) (node, *syntaxError) {
	if !slices.Contains(callNames, name.text) {
		e := syntaxErrorf(name.at, "%s is not one of the calls", backend.Quote(name.text))
		if meant := suggest.WithinDistance(maxEdits, name.text, callNames); meant != "" {
			return nil, e.hint("did you mean %s?", meant)
		}
		return nil, e.hint("the calls are %s", strings.Join(callNames, ", "))
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
	}
	return args.entry()
}

func (p *parser) arguments(call token) (*arguments, *syntaxError) {
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

func (p *parser) argument(args *arguments) *syntaxError {
	start := p.tok
	if start.typ == tokenName {
		ahead := p.lexer
		if next, err := ahead.next(); err == nil && next.is("=") {
			if _, again := args.keyword[start.text]; again {
				return syntaxErrorf(start.at, "%s= is given twice", start.text)
			}
			p.lexer = ahead
			if err := p.advance(); err != nil {
				return err
			}
			value, err := p.expression()
			if args.keyword == nil { // most calls have none
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
		return syntaxErrorf(start.at, "an argument without a keyword stands behind one with a keyword")
	}
	args.positional = append(args.positional, argument{start.at, value})
	return nil
}

// accessors parses the fields behind a primary, and gives them to the backend
// as a field of the reference where they can be.
func (p *parser) accessors(n node) (node, *syntaxError) {
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
			case p.tok.typ == tokenNumber && digits(p.tok.text):
				step = "[" + p.tok.text + "]"
			default:
				return nil, p.unexpected("a string or an index from 0 on")
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
			return nil, syntaxErrorf(p.tok.at, "the field's name cannot be written as a path")
		}
		path = joinPath(path, step)
		if err := p.advance(); err != nil {
			return nil, err
		}
	}
}

func access(n node, path string, at int) (node, *syntaxError) {
	if e, ok := n.(*entry); ok && e.fallback == nil {
		e.target.Field = joinPath(e.target.Field, path)
		return e, checkField(e.target.Field, at)
	}
	return &pick{n, path}, checkField(path, at)
}

func (p *parser) filter(in node) (node, *syntaxError) {
	name := p.tok
	if name.typ != tokenName {
		return nil, p.unexpected("the name of a filter")
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	_, known := filters[name.text]
	if !known && name.text != filterDefault {
		e := syntaxErrorf(name.at, "%s is not one of the filters", backend.Quote(name.text))
		if meant := suggest.WithinDistance(maxEdits, name.text, filterNames()); meant != "" {
			return nil, e.hint("did you mean %s?", meant)
		}
		return nil, e.hint("the filters are %s", strings.Join(filterNames(), ", "))
	}
	if known {
		if p.tok.is("(") {
			return nil, syntaxErrorf(p.tok.at, "the filter %s takes no argument", name.text)
		}
		return &filter{in: in, name: name.text}, nil
	}
	args, err := p.arguments(name)
	if err != nil {
		return nil, err
	}
	if len(args.positional) != 1 || len(args.keyword) > 0 {
		return nil, syntaxErrorf(name.at, "the filter default takes one argument").hint("write default('value')")
	}
	return &filter{in: in, name: name.text, arg: args.positional[0].value}, nil
}

// digits reports whether s is a number of digits only.
func digits(s string) bool {
	_, err := strconv.ParseUint(s, 10, 31)
	return err == nil
}
