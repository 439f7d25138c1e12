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
)

// tomlSyntax is TOML 1.0. A value is written with the escapes of a basic string
// (the one in double quotes) wherever there are escapes. In a literal string
// there are none: it stays one if the value needs none, and otherwise becomes a
// basic string. What TOML 1.1 adds is read and never written.
type tomlSyntax struct{}

// How a string of TOML is quoted.
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
		q := fileString{start: int(n.Raw.Offset), end: int(n.Raw.Offset + n.Raw.Length), value: value, isKey: key}
		q.style = tomlQuotes(text[q.start:q.end])
		q.innerStart, q.innerEnd = q.start+len(q.style), q.end-len(q.style)
		out = append(out, q)
	})
	return out, err
}

// tomlQuotes are the quotes that a string or a key stands in. The empty string is no
// longer one: nothing is looked for in it.
func tomlQuotes(raw []byte) string {
	for _, quotes := range []string{tomlBasicLines, tomlLiteralLines, tomlBasic, tomlLiteral} {
		if bytes.HasPrefix(raw, []byte(quotes)) {
			return quotes
		}
	}
	return ""
}

// eachTOML gives the nodes of a text: tables and pairs, each with its key and
// then its value, from its beginning to its closing, and what is in them.
func walkTOML(text []byte, each func(n *unstable.Node, closing bool)) error {
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		walkTOMLNode(p.Expression(), each)
	}
	if p.Error() != nil {
		return validTOML(text)
	}
	return nil
}

func walkTOMLNode(n *unstable.Node, each func(n *unstable.Node, closing bool)) {
	each(n, false)
	for children := n.Children(); children.Next(); {
		walkTOMLNode(children.Node(), each)
	}
	if n.Child() != nil {
		each(n, true)
	}
}

// validTOML is what the library says of a text, also of what it does not see in
// a node alone: a key that is there twice, or a day that no month has.
func validTOML(text []byte) error {
	var tree map[string]any
	err := toml.Unmarshal(text, &tree)
	var place *toml.DecodeError
	if !errors.As(err, &place) {
		return err
	}
	line, column := place.Position()
	offset := 0
	for ; line > 1; line-- {
		offset += bytes.IndexByte(text[offset:], '\n') + 1
	}
	reason := strings.TrimPrefix(place.Error(), "toml: ")
	if strings.Contains(reason, "U+") { // it may be of a word, which is not in the file
		reason = "something here is not TOML"
	}
	return &offsetError{min(offset+max(column-1, 0), len(text)), reason}
}

func (tomlSyntax) decode(raw string, q fileString) string {
	if q.style != tomlBasic && q.style != tomlBasicLines || !strings.Contains(raw, `\`) {
		return raw
	}
	var tree struct{ V string }
	if err := toml.Unmarshal([]byte("V = "+q.style+raw+q.style), &tree); err != nil {
		return raw
	}
	return tree.V
}

func (tomlSyntax) escape(q fileString, value string) (string, bool) {
	switch q.style {
	case tomlBasic:
		return escapeTOML(value), true
	case tomlBasicLines:
		// A "\" at the end of a line takes the white space behind it away.
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

func (tomlSyntax) typedLiteral(typ resultType, text string) (string, any, *backend.Error) {
	switch typ {
	case typeNull:
		return "", nil, backend.Errorf(backend.CodeInvalid, "TOML has no null").
			WithHint(`give a default, as in | default("")`)
	case typeInt:
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			return "", nil, backend.Errorf(backend.CodeInvalid, "the value is an integer that TOML cannot write").
				WithHint("leave out the filter: it is then a string")
		}
		return text, tomlNode{unstable.Integer, text, false}, nil
	case typeFloat:
		return text, tomlNode{unstable.Float, text, false}, nil
	}
	return text, tomlNode{unstable.Bool, text, false}, nil
}

// tomlNode is what is no string in a text.
type tomlNode struct {
	typ     unstable.Kind
	text    string
	closing bool
}

// tree is the sequence of nodes, so that neither their order nor how a number is
// written goes unseen.
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

// escapeTOML is a string as it is written between double quotes. Of the escapes
// that YAML has, those that are used are TOML's as well.
func escapeTOML(s string) string { return escapeYAML(s) }
