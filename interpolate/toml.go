// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// tomlSyntax is TOML 1.0. A value in a basic string (in double quotes) is written with its escapes. A literal string
// (in single quotes) has no escapes: if the value needs one, the string becomes a basic string. The additions of TOML
// 1.1 are read but never written.
type tomlSyntax struct{}

// The styles of TOML strings.
const (
	tomlBasic        = `"`
	tomlLiteral      = `'`
	tomlBasicLines   = `"""`
	tomlLiteralLines = `'''`
)

func (tomlSyntax) findStrings(text []byte, s search) ([]fileString, error) {
	var out []fileString
	err := walkTOML(text, func(n *unstable.Node, closing bool) {
		key := n.Kind == unstable.Key
		value := string(n.Data)
		if closing || !key && n.Kind != unstable.String || !s.containedIn(value) && (key || !s.isUnbraced(value)) {
			return
		}
		str := fileString{start: int(n.Raw.Offset), end: int(n.Raw.Offset + n.Raw.Length), value: value, isKey: key}
		str.style = tomlQuotes(text[str.start:str.end])
		str.innerStart, str.innerEnd = str.start+len(str.style), str.end-len(str.style)
		out = append(out, str)
	})
	return out, err
}

// tomlQuotes returns the opening quotes of a string or key, or "". The empty string "" counts as """, which does not
// matter, because it holds no reference.
func tomlQuotes(raw []byte) string {
	for _, quotes := range []string{tomlBasicLines, tomlLiteralLines, tomlBasic, tomlLiteral} {
		if bytes.HasPrefix(raw, []byte(quotes)) {
			return quotes
		}
	}
	return ""
}

// walkTOML calls visit with every node of a text. It calls visit again, with closing set, after the children of a
// node.
func walkTOML(text []byte, visit func(n *unstable.Node, closing bool)) error {
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		walkTOMLNode(p.Expression(), visit)
	}
	if p.Error() != nil {
		return validTOML(text)
	}
	return nil
}

func walkTOMLNode(n *unstable.Node, visit func(n *unstable.Node, closing bool)) {
	visit(n, false)
	for children := n.Children(); children.Next(); {
		walkTOMLNode(children.Node(), visit)
	}
	if n.Child() != nil {
		visit(n, true)
	}
}

// validTOML returns the error of the library for a text. It covers errors that no single node shows, such as a
// duplicate key or the 31st of February.
func validTOML(text []byte) error {
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
	return &offsetError{min(offset+max(column-1, 0), len(text)), reason}
}

func (tomlSyntax) decode(raw string, str fileString) string {
	if str.style != tomlBasic && str.style != tomlBasicLines || !strings.Contains(raw, `\`) {
		return raw
	}
	var tree struct{ V string }
	if err := toml.Unmarshal([]byte("V = "+str.style+raw+str.style), &tree); err != nil {
		return raw
	}
	return tree.V
}

func (tomlSyntax) escape(str fileString, value string) (string, bool) {
	switch str.style {
	case tomlBasic:
		return escapeTOML(value), true
	case tomlBasicLines:
		// A "\" at the end of the line before would remove white space at the beginning of the value.
		if rest, ok := strings.CutPrefix(value, " "); ok {
			return `\u0020` + escapeTOML(rest), true
		}
		return escapeTOML(value), true
	}
	return value, isPlainText(value) && !strings.Contains(value, "'")
}

func (tomlSyntax) rewrite(_ fileString, value string) (string, *backend.Error) {
	return `"` + escapeTOML(value) + `"`, nil
}

func (tomlSyntax) typedLiteral(typ expr.Type, text string) (string, any, *backend.Error) {
	switch typ {
	case expr.Null:
		return "", nil, errNoNull("TOML files")
	case expr.Int:
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return "", nil, backend.Errorf(backend.CodeInvalid, "the value is not a valid TOML integer").
				WithHint("remove the filter to write the value as a string")
		}
		return text, tomlNode{unstable.Integer, text, false}, nil
	case expr.Float:
		return text, tomlNode{unstable.Float, text, false}, nil
	}
	return text, tomlNode{unstable.Bool, text, false}, nil
}

// tomlNode is the leaf for a node that is not a string.
type tomlNode struct {
	typ     unstable.Kind
	text    string
	closing bool
}

// parse returns the nodes, so that the check also compares their order and the spelling of numbers.
func (tomlSyntax) parse(text []byte) (any, error) {
	var out []any
	err := walkTOML(text, func(n *unstable.Node, closing bool) {
		if n.Kind == unstable.String {
			out = append(out, string(n.Data))
			return
		}
		out = append(out, tomlNode{n.Kind, string(n.Data), closing})
	})
	if err != nil {
		return nil, err
	}
	return out, validTOML(text)
}

// escapeTOML escapes a string for double quotes in TOML. All escapes that escapeYAML writes are valid in TOML too.
func escapeTOML(s string) string { return escapeYAML(s) }
