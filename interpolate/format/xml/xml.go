// SPDX-License-Identifier: MPL-2.0

// Package xml is the format of XML 1.0. References can stand in text, in CDATA sections and in values of attributes.
// Comments, processing instructions and the DOCTYPE keep their bytes.
//
// A value in text or in an attribute is written in ASCII: other characters become character references, so that the
// file means the same in every encoding that it can declare. In attributes, a tab and a line break become references
// too, because a reader makes a space of them otherwise. CDATA has no escapes. A value that it cannot hold is rejected,
// and so is a character that XML 1.0 does not allow even as a reference.
package xml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/syntax"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

type fileSyntax struct{}

// New returns the format for one file.
func New() format.Format { return syntax.New(fileSyntax{}) }

// The styles of XML strings.
const (
	styleText       = ""
	styleAttribute  = `"`
	styleCDATA      = "["
	styleCDATAASCII = "[a" // in a file that declares another encoding than UTF-8
)

const (
	openCDATA, closeCDATA = "<![CDATA[", "]]>"
	blanks                = " \t\r\n"
)

func (fileSyntax) Strings(text []byte, s syntax.Search) ([]syntax.String, error) {
	var out []syntax.String
	add := func(at syntax.Span, value, style string, key bool) {
		if key && s.ContainedIn(value) || !key && s.Matches(value) {
			out = append(out, syntax.String{Span: at, Inner: at, Value: value, Style: style, IsKey: key})
		}
	}
	err := walk(text, func(t token) {
		switch token := t.Token.(type) {
		case xml.CharData:
			if t.cdata {
				at := syntax.Span{Start: t.Start + len(openCDATA), End: t.End - len(closeCDATA)}
				style := styleCDATA
				if t.recoded {
					style = styleCDATAASCII
				}
				add(at, string(text[at.Start:at.End]), style, false)
				return
			}
			add(t.Span, string(token), styleText, false)
		case xml.StartElement:
			values := token.Attr
			readTag(text, t.Span, func(at syntax.Span, name bool) {
				if name {
					add(at, string(text[at.Start:at.End]), "", true)
					return
				}
				add(at, values[0].Value, styleAttribute, false)
				values = values[1:]
			})
		case xml.EndElement:
			add(t.Span, string(text[t.Start:t.End]), "", true)
		case xml.ProcInst, xml.Directive: // an entity of the DOCTYPE can hold a reference
			if value := string(text[t.Start:t.End]); s.ContainedIn(value) {
				out = append(out, syntax.String{Span: t.Span, Inner: t.Span, Value: value, Stays: true})
			}
		}
	})
	return out, err
}

// readTag calls visit with the name of the element, and with the name and the value of each attribute. The library has
// accepted the tag.
func readTag(text []byte, tag syntax.Span, visit func(at syntax.Span, name bool)) {
	at := tag.Start + len("<")
	end := func(signs string) int {
		if n := bytes.IndexAny(text[at:tag.End], signs); n >= 0 {
			return at + n
		}
		return tag.End
	}
	for {
		name := syntax.Span{Start: at, End: end(blanks + "=/>")}
		if name.Start == name.End {
			return
		}
		visit(name, true)
		if at = name.End; name.Start > tag.Start+len("<") {
			quote := end(`"'`)
			at = quote + 1
			value := syntax.Span{Start: at, End: end(string(text[quote : quote+1]))}
			visit(value, false)
			at = value.End + 1
		}
		for at < tag.End && strings.IndexByte(blanks, text[at]) >= 0 {
			at++
		}
	}
}

// token is a token and its position. An end that the file does not write, as in <a/>, has no bytes.
type token struct {
	xml.Token
	syntax.Span
	cdata   bool
	recoded bool // the file declares another encoding than UTF-8
}

// entity matches the reference to an entity.
var entity = pattern.Once(`&([A-Za-z_:][A-Za-z0-9._:-]*);`)

// walk calls visit with every token of a text.
func walk(text []byte, visit func(t token)) error {
	d := xml.NewDecoder(bytes.NewReader(text))
	var t token
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) {
		t.recoded = true
		return in, nil
	}
	if bytes.Contains(text, []byte("<!DOCTYPE")) { // which can declare entities: they stay as they are written
		d.Entity = map[string]string{}
		for _, m := range entity().FindAllSubmatch(text, -1) {
			d.Entity[string(m[1])] = string(m[0])
		}
	}
	depth, roots := 0, 0
	for {
		var err error
		t.Start = t.End
		t.Token, err = d.Token()
		t.End = int(d.InputOffset())
		if errors.Is(err, io.EOF) {
			if roots != 1 {
				return &format.ParseError{Offset: t.End, Reason: "the file has no root element"}
			}
			return nil
		}
		if err != nil {
			return &format.ParseError{Offset: t.End, Reason: "the syntax is not valid here"}
		}
		t.cdata = false
		switch t.Token.(type) {
		case xml.StartElement:
			if depth == 0 {
				roots++
			}
			depth++
		case xml.EndElement:
			depth--
		case xml.CharData:
			t.cdata = bytes.HasPrefix(text[t.Start:t.End], []byte(openCDATA))
			rest := bytes.TrimLeft(text[t.Start:t.End], blanks)
			if depth == 0 && len(rest) > 0 {
				return &format.ParseError{Offset: t.End - len(rest), Reason: "text is not allowed outside the root element"}
			}
		}
		if roots > 1 {
			return &format.ParseError{Offset: t.Start, Reason: "the file has two root elements"}
		}
		visit(t)
	}
}

func (fileSyntax) Decode(raw string, str *syntax.String) string {
	if isCDATA(str) || !strings.Contains(raw, "&") {
		return raw
	}
	t, err := xml.NewDecoder(strings.NewReader(raw)).RawToken()
	if data, ok := t.(xml.CharData); ok && err == nil {
		return string(data)
	}
	return raw
}

func isCDATA(str *syntax.String) bool { return str.Style == styleCDATA || str.Style == styleCDATAASCII }

// isForbidden reports whether XML 1.0 cannot hold a character, not even as a reference.
func isForbidden(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
}

func (fileSyntax) Escape(str *syntax.String, value string) (string, bool) {
	if strings.ContainsFunc(value, isForbidden) {
		return "", false
	}
	if isCDATA(str) { // what could end the section together with the text next to it needs the whole text
		return value, !strings.ContainsAny(value, "]>\r") && str.Style == styleCDATA
	}
	return escape(value, str.Style == styleAttribute), true
}

func escape(value string, attribute bool) string {
	var out strings.Builder
	out.Grow(len(value))
	for _, r := range value {
		switch {
		case r == '&':
			out.WriteString("&amp;")
		case r == '<':
			out.WriteString("&lt;")
		case r == '>':
			out.WriteString("&gt;")
		case attribute && r == '"':
			out.WriteString("&quot;")
		case r == '\r', r == ']', r >= 0x7f, attribute && (r < ' ' || r == '\''): // text cannot hold "]]>"
			fmt.Fprintf(&out, "&#x%X;", r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

func (fileSyntax) Rewrite(str *syntax.String, value string) (string, *backend.Error) {
	switch {
	case strings.ContainsFunc(value, isForbidden):
		return "", backend.Errorf(backend.CodeInvalid, "the value has a control character, which XML 1.0 cannot hold").
			WithHint("encode the value with | b64encode")
	case !isCDATA(str):
		return escape(value, str.Style == styleAttribute), nil
	case strings.Contains(value, closeCDATA), strings.Count(value, "\r") > strings.Count(str.Value, "\r"),
		str.Style == styleCDATAASCII && strings.ContainsFunc(value, func(r rune) bool { return r >= 0x80 }):
		return "", backend.Errorf(backend.CodeInvalid, "the value has characters that a CDATA section cannot hold").
			WithHint("write the reference outside of CDATA, where Pouncet escapes the value")
	}
	return value, nil
}

func (fileSyntax) TypedLiteral(typ format.Type, text string) (string, any, *backend.Error) {
	if typ == format.Null {
		return "", nil, syntax.NoNull("XML files")
	}
	return text, text, nil
}

// leaf is the leaf for a region that is neither text nor the value of an attribute.
type leaf struct{ kind, text string }

// Parse returns the tokens. Text is a leaf also where it is empty, so that an empty value does not change the tree.
func (fileSyntax) Parse(text []byte) (any, error) {
	var out []any
	between := ""
	err := walk(text, func(t token) {
		if data, ok := t.Token.(xml.CharData); ok && !t.cdata {
			between += string(data)
			return
		}
		out = append(out, between)
		between = ""
		switch token := t.Token.(type) {
		case xml.CharData:
			out = append(out, leaf{kind: "CDATA"}, string(token))
		case xml.StartElement:
			out = append(out, leaf{"<", token.Name.Space + " " + token.Name.Local})
			for _, a := range token.Attr {
				out = append(out, leaf{"=", a.Name.Space + " " + a.Name.Local}, a.Value)
			}
		case xml.EndElement:
			out = append(out, leaf{kind: "</"})
		default:
			out = append(out, leaf{"<!", string(text[t.Start:t.End])})
		}
	})
	return out, err
}
