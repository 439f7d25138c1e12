// SPDX-License-Identifier: MPL-2.0

// Package hcl is the format of the HCL 2 native syntax: variables of Terraform (.tfvars), and configuration of
// Terragrunt, Packer, Nomad and others. A reference can stand in a quoted string, in a heredoc, or as a value without
// quotes. It cannot stand in an expression of HCL, such as ${var.x}.
//
// No value becomes an expression: "${" and "%{" are written "$${" and "%%{", or with \u escapes where the text next to
// the value matters. A heredoc has no escapes. A value that it cannot hold as it is, such as one of several lines, is
// written there as a string in an interpolation: ${"a\nb"}.
//
// HCL normalizes every string to NFC. So a value that is not in NFC is rejected: no escape keeps it.
package hcl

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"golang.org/x/text/unicode/norm"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format/syntax"
)

type fileSyntax struct{}

// New returns the format for one file.
func New() format.Format { return syntax.New(fileSyntax{}) }

// The styles of HCL strings.
const (
	styleQuoted   = `"`   // one reference is the whole string
	styleMixed    = `".`  // there is text next to the reference
	styleSign     = `"$`  // there is a "$" or "%" before the reference
	styleHeredoc  = "<<"  // with the marker after it
	styleSignHere = "<<$" // in a heredoc; no interpolation can follow
)

func (fileSyntax) Strings(text []byte, s syntax.Search) ([]syntax.String, error) {
	keys, err := readKeys(text)
	if err != nil {
		return nil, err
	}
	var out []syntax.String
	tokens := lex(text)
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if t.Type == hclsyntax.TokenIdent && s.ContainedIn(string(t.Bytes)) {
			return nil, &format.ParseError{Offset: t.Range.Start.Byte,
				Reason: "an expression must be a whole value, or stand in quotes"}
		}
		if !isLiteral(t) {
			continue
		}
		run := readRun(tokens[i:])
		value := decode(run, t.Type)
		str := syntax.String{Value: value}
		str.Inner = syntax.Span{Start: t.Range.Start.Byte, End: tokens[i+len(run)-1].Range.End.Byte}
		str.Span = str.Inner
		opening, closing := tokens[i-1], tokens[i+len(run)]
		i += len(run) - 1
		whole := opening.Type == hclsyntax.TokenOQuote && closing.Type == hclsyntax.TokenCQuote
		if !s.ContainedIn(value) && (!whole || !s.IsUnbraced(value)) {
			continue
		}
		raw := string(text[str.Inner.Start:str.Inner.End])
		afterSign := strings.Contains(raw, "$"+s.Open) || strings.Contains(raw, "%"+s.Open)
		switch {
		case t.Type == hclsyntax.TokenStringLit && afterSign:
			str.Style = styleSignHere
		case t.Type == hclsyntax.TokenStringLit:
			str.Style = styleHeredoc + heredocMarker(tokens, i)
		case afterSign:
			str.Style = styleSign
		case whole:
			str.Style = styleMixed
			if strings.HasPrefix(raw, s.Open) && strings.HasSuffix(raw, s.Close) && strings.Count(raw, s.Open) == 1 {
				str.Style = styleQuoted
			}
		default:
			str.Style = styleMixed
		}
		if whole {
			str.Span = syntax.Span{Start: opening.Range.Start.Byte, End: closing.Range.End.Byte}
			str.IsKey = keys[str.Start]
		}
		out = append(out, str)
	}
	return out, nil
}

// readKeys returns the offsets at which the keys of objects and the labels of blocks begin, if a text is valid.
func readKeys(text []byte) (map[int]bool, error) {
	f, diagnostics := hclsyntax.ParseConfig(text, "", hcl.InitialPos)
	if diagnostics.HasErrors() {
		err := &format.ParseError{Reason: "the syntax is not valid here"}
		for _, d := range diagnostics {
			if d.Severity == hcl.DiagError {
				if d.Subject != nil {
					err.Offset = min(d.Subject.Start.Byte, len(text))
				}
				break
			}
		}
		return nil, err
	}
	keys := map[int]bool{}
	_ = hclsyntax.VisitAll(f.Body.(*hclsyntax.Body), func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.Block:
			for _, r := range n.LabelRanges {
				keys[r.Start.Byte] = true
			}
		case *hclsyntax.ObjectConsExpr:
			for _, item := range n.Items {
				keys[item.KeyExpr.Range().Start.Byte] = true
			}
		}
		return nil
	})
	return keys, nil
}

func lex(text []byte) hclsyntax.Tokens {
	tokens, _ := hclsyntax.LexConfig(text, "", hcl.InitialPos)
	return tokens
}

func isLiteral(t hclsyntax.Token) bool {
	return t.Type == hclsyntax.TokenQuotedLit || t.Type == hclsyntax.TokenStringLit
}

// readRun returns the tokens at the beginning that are one text. The lexer splits it, for example at line breaks.
func readRun(tokens hclsyntax.Tokens) hclsyntax.Tokens {
	n := 0
	for n < len(tokens) && isLiteral(tokens[n]) {
		n++
	}
	return tokens[:n]
}

// heredocMarker returns the marker of the heredoc in which a token is.
func heredocMarker(tokens hclsyntax.Tokens, at int) string {
	depth := 0
	for ; at < len(tokens); at++ {
		switch tokens[at].Type {
		case hclsyntax.TokenOHeredoc:
			depth++
		case hclsyntax.TokenCHeredoc:
			if depth == 0 {
				return strings.TrimSpace(string(tokens[at].Bytes))
			}
			depth--
		}
	}
	return ""
}

// decode returns the text of a run of tokens without escapes.
func decode(run hclsyntax.Tokens, typ hclsyntax.TokenType) string {
	var raw []byte
	for _, t := range run {
		raw = append(raw, t.Bytes...)
	}
	text, _ := hclsyntax.ParseStringLiteralToken(hclsyntax.Token{Type: typ, Bytes: raw})
	return text
}

func (fileSyntax) Decode(raw string, str *syntax.String) string {
	typ := hclsyntax.TokenQuotedLit
	if strings.HasPrefix(str.Style, styleHeredoc) {
		typ = hclsyntax.TokenStringLit
	}
	return decode(hclsyntax.Tokens{{Bytes: []byte(raw)}}, typ)
}

// keepsNormal reports whether HCL keeps a value as it is, even with text before it.
func keepsNormal(value string) bool {
	return norm.NFC.IsNormalString(value) && (value == "" || norm.NFC.PropertiesString(value).BoundaryBefore())
}

func (fileSyntax) Escape(str *syntax.String, value string) (string, bool) {
	switch {
	case !keepsNormal(value):
		return "", false
	case str.Style == styleSign && value == "":
		return "", false
	case strings.HasPrefix(str.Style, styleQuoted):
		return escape(value, str.Style == styleQuoted), true
	case fitsHeredoc(value, strings.TrimPrefix(str.Style, styleHeredoc)):
		return value, true
	}
	return `${"` + escape(value, true) + `"}`, str.Style != styleSignHere
}

// fitsHeredoc reports whether a value can stand in a heredoc as it is. It cannot if it could become the closing marker
// or change the indentation that readers remove.
func fitsHeredoc(value, marker string) bool {
	return value != "" && !strings.HasPrefix(value, " ") && !strings.HasPrefix(value, "{") &&
		!strings.ContainsAny(value, "$%") && format.IsPlainText(value) && !strings.Contains(marker, value)
}

// escape escapes a value for double quotes. A value that is not the whole string is safe next to any text.
func escape(value string, whole bool) string {
	var out strings.Builder
	out.Grow(len(value))
	for i, r := range value {
		rest := value[i+utf8.RuneLen(r):]
		switch {
		case i == 0 && !whole && strings.ContainsRune("{$%\"\\", r):
			fmt.Fprintf(&out, `\u%04X`, r)
		case r != '$' && r != '%':
			out.WriteString(format.Escape(string(r)))
		case rest != "" && strings.IndexByte("{$%\"\\", rest[0]) < 0 && format.IsPlainText(rest[:1]):
			out.WriteRune(r)
		case strings.HasPrefix(rest, "{") && !strings.HasSuffix(value[:i], "$") && !strings.HasSuffix(value[:i], "%"):
			out.WriteRune(r)
			out.WriteRune(r)
		default:
			fmt.Fprintf(&out, `\u%04X`, r)
		}
	}
	return out.String()
}

func (fileSyntax) Rewrite(str *syntax.String, value string) (string, *backend.Error) {
	switch {
	case !keepsNormal(value):
		return "", backend.Errorf(backend.CodeInvalid,
			"the value is not in Unicode normalization form C, so readers of HCL change it").
			WithHint("encode the value with | b64encode")
	case str.Style == styleSign, str.Style == styleSignHere:
		return "", backend.Errorf(backend.CodeInvalid, `this value cannot stand after "$" or "%%" in HCL`).
			WithHint(`write the sign as \u0024 or \u0025, in double quotes`)
	}
	return `"` + escape(value, true) + `"`, nil
}

// leaf is the leaf for a region that is not a string.
type leaf struct {
	typ  hclsyntax.TokenType
	text string
}

func (fileSyntax) TypedLiteral(typ format.Type, text string) (string, any, *backend.Error) {
	switch typ {
	case format.Null:
		return "null", leaf{hclsyntax.TokenIdent, "null"}, nil
	case format.Bool:
		return text, leaf{hclsyntax.TokenIdent, text}, nil
	}
	return text, leaf{hclsyntax.TokenNumberLit, text}, nil
}

// Parse returns the tokens. A quoted string is one leaf. A string in an interpolation is a part of the text around it.
func (fileSyntax) Parse(text []byte) (any, error) {
	if _, err := readKeys(text); err != nil {
		return nil, err
	}
	const part = "part of a string: " // so that the value in it is never a number
	var out []any
	var open []string // per open string: its text since the last interpolation
	tokens := lex(text)
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		switch t.Type {
		case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			if t.Type == hclsyntax.TokenOHeredoc {
				out = append(out, leaf{t.Type, string(t.Bytes)})
			}
			open = append(open, "")
		case hclsyntax.TokenQuotedLit, hclsyntax.TokenStringLit:
			run := readRun(tokens[i:])
			open[len(open)-1] += decode(run, t.Type)
			i += len(run) - 1
		case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			if inner, n := readInterpolatedString(tokens[i:]); n > 0 {
				open[len(open)-1] += inner
				i += n - 1
				continue
			}
			out = append(out, part+open[len(open)-1], leaf{t.Type, string(t.Bytes)})
			open[len(open)-1] = ""
		case hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			last := open[len(open)-1]
			open = open[:len(open)-1]
			if len(out) > 0 && out[len(out)-1] == any(leaf{typ: hclsyntax.TokenTemplateSeqEnd, text: "}"}) ||
				t.Type == hclsyntax.TokenCHeredoc {
				last = part + last
			}
			out = append(out, last)
		case hclsyntax.TokenNumberLit:
			if n := len(out); n > 0 && out[n-1] == any(leaf{hclsyntax.TokenMinus, "-"}) {
				out[n-1] = leaf{t.Type, "-" + string(t.Bytes)}
				continue
			}
			fallthrough
		default:
			out = append(out, leaf{t.Type, string(t.Bytes)})
		}
	}
	return out, nil
}

// readInterpolatedString returns the text of ${"…"} and its number of tokens, or 0.
func readInterpolatedString(tokens hclsyntax.Tokens) (text string, n int) {
	if len(tokens) < 2 || tokens[0].Type != hclsyntax.TokenTemplateInterp || tokens[1].Type != hclsyntax.TokenOQuote {
		return "", 0
	}
	run := readRun(tokens[2:])
	n = len(run) + 4
	if len(tokens) < n || tokens[n-2].Type != hclsyntax.TokenCQuote || tokens[n-1].Type != hclsyntax.TokenTemplateSeqEnd {
		return "", 0
	}
	return decode(run, hclsyntax.TokenQuotedLit), n
}
