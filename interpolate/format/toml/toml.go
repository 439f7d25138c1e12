// SPDX-License-Identifier: MPL-2.0

// Package toml is the format of TOML 1.0.
//
// A value in a basic string (in double quotes) is written with its escapes. A literal string (in single quotes) has no
// escapes: if the value needs one, the string becomes a basic string. The additions of TOML 1.1 are read but never
// written.
package toml

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/syntax"
)

type fileSyntax struct{}

// New returns the format for one file.
func New() format.Format { return syntax.New(fileSyntax{}) }

// The styles of TOML strings.
const (
	styleBasic        = `"`
	styleLiteral      = `'`
	styleBasicLines   = `"""`
	styleLiteralLines = `'''`
)

// MaxKeys is the largest number of keys in a file with references. The library compares each key with the others of its
// table, so the time for a file grows with the square of them.
const MaxKeys = 20_000

func (fileSyntax) Strings(text []byte, s syntax.Search) ([]syntax.String, error) {
	var out []syntax.String
	keys := 0
	err := walk(text, func(n *unstable.Node, closing bool) {
		key := n.Kind == unstable.Key
		if key && !closing {
			keys++
		}
		value := string(n.Data)
		if closing || !key && n.Kind != unstable.String || !s.ContainedIn(value) && (key || !s.IsUnbraced(value)) {
			return
		}
		str := syntax.String{Value: value, IsKey: key}
		str.Start, str.End = int(n.Raw.Offset), int(n.Raw.Offset+n.Raw.Length)
		str.Style = openingQuotes(text[str.Start:str.End])
		str.Inner.Start, str.Inner.End = str.Start+len(str.Style), str.End-len(str.Style)
		out = append(out, str)
	})
	if err == nil && keys > MaxKeys {
		return nil, &format.Refusal{Err: backend.Errorf(backend.CodeTooLarge,
			"the file has references and %d keys; the limit for TOML is %d", keys, MaxKeys).
			WithHint("move the reference to its own file")}
	}
	return out, err
}

// openingQuotes returns the opening quotes of a string or key, or "". The empty string "" counts as """, which does not
// matter, because it holds no reference.
func openingQuotes(raw []byte) string {
	for _, quotes := range []string{styleBasicLines, styleLiteralLines, styleBasic, styleLiteral} {
		if bytes.HasPrefix(raw, []byte(quotes)) {
			return quotes
		}
	}
	return ""
}

// walk calls visit with every node of a text. It calls visit again, with closing set, after the children of a
// node.
func walk(text []byte, visit func(n *unstable.Node, closing bool)) error {
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		walkNode(p.Expression(), visit)
	}
	if p.Error() != nil {
		return validate(text)
	}
	return nil
}

func walkNode(n *unstable.Node, visit func(n *unstable.Node, closing bool)) {
	visit(n, false)
	for children := n.Children(); children.Next(); {
		walkNode(children.Node(), visit)
	}
	if n.Child() != nil {
		visit(n, true)
	}
}

// validate returns the error of the library for a text. It covers errors that no single node shows, such as a
// duplicate key or the 31st of February.
func validate(text []byte) error {
	var tree map[string]any
	err := toml.Unmarshal(text, &tree)
	var decodeErr *toml.DecodeError
	if !errors.As(err, &decodeErr) {
		return err
	}
	line, column := decodeErr.Position()
	offset := 0
	for ; line > 1; line-- {
		offset += bytes.IndexByte(text[offset:], '\n') + 1
	}
	reason := strings.TrimPrefix(decodeErr.Error(), "toml: ")
	if strings.Contains(reason, "U+") { // the character can be a delimiter, which is not in the file
		reason = "the syntax is not valid here"
	}
	return &format.ParseError{Offset: min(offset+max(column-1, 0), len(text)), Reason: reason}
}

func (fileSyntax) Decode(raw string, str *syntax.String) string {
	if str.Style != styleBasic && str.Style != styleBasicLines || !strings.Contains(raw, `\`) {
		return raw
	}
	var tree struct{ V string }
	if err := toml.Unmarshal([]byte("V = "+str.Style+raw+str.Style), &tree); err != nil {
		return raw
	}
	return tree.V
}

func (fileSyntax) Escape(str *syntax.String, value string) (string, bool) {
	switch str.Style {
	case styleBasic:
		return format.Escape(value), true
	case styleBasicLines:
		// A "\" at the end of the line before would remove white space at the beginning of the value.
		if rest, ok := strings.CutPrefix(value, " "); ok {
			return `\u0020` + format.Escape(rest), true
		}
		return format.Escape(value), true
	}
	return value, format.IsPlainText(value) && !strings.Contains(value, "'")
}

func (fileSyntax) Rewrite(_ *syntax.String, value string) (string, *backend.Error) {
	return `"` + format.Escape(value) + `"`, nil
}

func (fileSyntax) TypedLiteral(typ format.Type, text string) (string, any, *backend.Error) {
	switch typ {
	case format.Null:
		return "", nil, syntax.NoNull("TOML files")
	case format.Int:
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return "", nil, backend.Errorf(backend.CodeInvalid, "the value is not a valid TOML integer").
				WithHint("remove the filter to write the value as a string")
		}
		return text, node{unstable.Integer, text, false}, nil
	case format.Float:
		return text, node{unstable.Float, text, false}, nil
	}
	return text, node{unstable.Bool, text, false}, nil
}

// node is the leaf for a node that is not a string.
type node struct {
	typ     unstable.Kind
	text    string
	closing bool
}

// Parse returns the nodes, so that the check also compares their order and the spelling of numbers.
func (fileSyntax) Parse(text []byte) (any, error) {
	var out []any
	err := walk(text, func(n *unstable.Node, closing bool) {
		if n.Kind == unstable.String {
			out = append(out, string(n.Data))
			return
		}
		out = append(out, node{n.Kind, string(n.Data), closing})
	})
	if err != nil {
		return nil, err
	}
	return out, validate(text)
}
