// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"slices"
	"sort"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// splitValue splits the value of a scalar at its delimiters. The text of the scalar is from from to to. Each pair of
// delimiters belongs to one region of that text, in the same order. splitValue returns false if that is not the case:
// for example, if a region begins in a comment and ends in this value.
func (w *walker) splitValue(value string, from, to int, decode decoder) ([]part, bool) {
	first := sort.Search(len(w.regions), func(i int) bool { return w.regions[i].start >= from })
	regions := w.regions[first:]
	m := w.doc.delimiters
	var out []part
	for rest := value; rest != ""; {
		at := m.index(rest)
		if at < 0 {
			return w.trim(append(out, part{text: rest, parserText: rest}), from, to), true
		}
		if len(regions) == 0 || strings.HasPrefix(rest[at:], m.close) {
			return nil, false
		}
		r := regions[0]
		regions = regions[1:]
		if r.asComment {
			at-- // the "#" before the delimiter belongs to the placeholder
		}
		if at > 0 {
			out = append(out, part{text: rest[:at], parserText: rest[:at]})
			rest = rest[at:]
		}
		end := len(m.unclosed)
		if !r.unclosed {
			c := strings.Index(rest, m.close)
			if c < 0 {
				return nil, false
			}
			end = c + len(m.close)
		}
		p := w.parseRegion(r, decode)
		p.parserText, p.start, p.end = rest[:end], r.start, r.end
		out = append(out, p)
		rest = rest[end:]
	}
	return w.trim(out, from, to), true
}

// isActions reports whether a region is an expression of GitHub Actions. In files of Jinja, the dollar is text.
func (w *walker) isActions(r region) bool {
	d := w.doc.file.Dialect
	return r.afterDollar && d != DialectMage && d != DialectJinja
}

// trimmed says which white space around an expression goes with it: {{- x -}}.
type trimmed struct {
	before, after         bool
	textBefore, textAfter string // the white space
}

// trimMarks removes the marks of white-space control from the text between braces.
func trimMarks(body string) (string, trimmed) {
	var t trimmed
	if !expr.MentionsCall(body) {
		return body, t
	}
	body, t.before = strings.CutPrefix(body, "-")
	body, t.after = strings.CutSuffix(body, "-")
	return body, t
}

// trim removes the white space that the marks of the expressions remove, from the texts around them. The white space
// in the file becomes a part of the expression, so that an edit removes it too. It begins at from and ends at to.
func (w *walker) trim(parts []part, from, to int) []part {
	if !slices.ContainsFunc(parts, func(p part) bool { return p.trim.before || p.trim.after }) {
		return parts
	}
	data := w.doc.file.Data
	for i := range parts {
		p := &parts[i]
		if p.trim.before && i > 0 && parts[i-1].isText() {
			start := p.start
			for start > from && isBlank(data[start-1]) {
				start--
			}
			text := trimEnd(parts[i-1].text, data[start:p.start])
			p.trim.textBefore = parts[i-1].text[len(text):]
			parts[i-1].text, parts[i-1].parserText = text, text
			p.start, p.parserText = start, p.trim.textBefore+p.parserText
		}
		if p.trim.after && i+1 < len(parts) && parts[i+1].isText() {
			end := p.end
			for end < to && isBlank(data[end]) {
				end++
			}
			text := trimStart(parts[i+1].text, data[p.end:end])
			p.trim.textAfter = parts[i+1].text[:len(parts[i+1].text)-len(text)]
			parts[i+1].text, parts[i+1].parserText = text, text
			p.end, p.parserText = end, p.parserText+p.trim.textAfter
		}
	}
	return slices.DeleteFunc(parts, func(p part) bool { return p.expr == nil && p.parserText == "" })
}

// isText reports whether a part is neither a reference nor a foreign expression.
func (p part) isText() bool { return p.expr == nil && p.text == p.parserText }

const blanks = " \t\r\n"

func isBlank(c byte) bool { return strings.IndexByte(blanks, c) >= 0 }

// trimEnd removes from the end of a text what the blanks in the file became. Without a line break, each is one
// character. A line break is folded in several styles.
func trimEnd(text string, inFile []byte) string {
	if bytes.ContainsAny(inFile, "\r\n") {
		return strings.TrimRight(text, blanks)
	}
	return strings.TrimSuffix(text, string(inFile))
}

// trimStart removes from the start of a text what the blanks in the file became.
func trimStart(text string, inFile []byte) string {
	if bytes.ContainsAny(inFile, "\r\n") {
		return strings.TrimLeft(text, blanks)
	}
	return strings.TrimPrefix(text, string(inFile))
}

// decoder removes the escapes and line folds from a region, as a parser does for the string around it.
type decoder func(raw string, multiline bool) string

// parseRegion returns the part for one region: a reference, or text if the region is foreign or has a problem.
func (w *walker) parseRegion(r region, decode decoder) part {
	raw := string(w.doc.file.Data[r.start:r.end])
	if r.unclosed {
		w.addProblem(r.start, "{{", backend.Errorf(backend.CodeInvalid,
			"the expression has no closing braces in the same value").
			WithHint(`add "}}" within %d bytes`, expr.MaxBytes))
		return part{text: raw}
	}
	text := decode(raw, r.multiline)
	if r.literal {
		if r.multiline {
			w.foreign[r.start] = true
		}
		return part{text: text}
	}
	body, trim := trimMarks(text[2 : len(text)-2])
	if simple := expr.ParseSimpleCall(body); simple != nil && !w.isActions(r) {
		return part{text: text, expr: simple, pos: w.lines.position(r.start), trim: trim}
	}
	if r.control || !expr.IsReference(body) {
		if r.multiline {
			w.foreign[r.start] = true
		}
		if written, suggestion := expr.NearMiss(body); written != "" && !r.control {
			w.addWarning(r.start, text, backend.Errorf(backend.CodeInvalid,
				"%s is not a valid call, so the expression stays as it is", backend.Quote(written)).
				WithHint("%s", suggest.Hint(suggestion, "")))
		}
		return part{text: text}
	}
	if w.isActions(r) {
		w.addProblem(r.start, "$"+text, backend.Errorf(backend.CodeInvalid,
			`"${{" begins an expression of GitHub Actions, which has no such call`).
			WithHint(`remove the "$"; if it belongs to the text, write it as "\x24" in double quotes`))
		return part{text: text}
	}
	parsed, err := expr.Parse(body)
	if err != nil && text != raw {
		// Users of tools that fill in text before they parse YAML write the same quotes inside and outside: '{{
		// get_value('x') }}'.
		rawBody, _ := trimMarks(raw[2 : len(raw)-2])
		if e, rawErr := expr.Parse(rawBody); rawErr == nil {
			parsed, err, text = e, nil, raw
		}
	}
	if err != nil {
		at := r.start
		if text == raw {
			at += 2 + err.Offset
			if trim.before {
				at++
			}
		}
		w.addProblem(at, text, err.Err)
		return part{text: text}
	}
	return part{text: text, expr: parsed, pos: w.lines.position(r.start), trim: trim}
}

// lineFold matches a line break with the indentation around it.
var lineFold = pattern.Once(`[ \t]*(?:\r\n|[\r\n\x{85}\x{2028}\x{2029}])[ \t\r\n]*`)

// decodeRegion removes the escapes and line folds from a region of a YAML scalar. The parser decodes the region as if
// it were a scalar. A region that is not a valid scalar was not written for YAML, and is taken as it is.
func decodeRegion(raw string, style yaml.Style, multiline bool) string {
	var scalar string
	switch {
	case style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		if multiline {
			return lineFold().ReplaceAllString(raw, " ")
		}
		return raw
	case style&yaml.DoubleQuotedStyle != 0:
		if !multiline && !strings.Contains(raw, `\`) {
			return raw
		}
		scalar = `"` + raw + `"`
	case style&yaml.SingleQuotedStyle != 0:
		if !multiline && !strings.Contains(raw, `'`) {
			return raw
		}
		scalar = `'` + raw + `'`
	default:
		if !multiline {
			return raw
		}
		scalar = `'` + strings.ReplaceAll(raw, `'`, `''`) + `'`
	}
	roots, err := parseYAML([]byte(scalar))
	if err == nil && len(roots) == 1 && len(roots[0].Content) == 1 {
		n := roots[0].Content[0]
		// If the braces are at both ends, nothing between them ended the scalar.
		if n.Kind == yaml.ScalarNode && len(n.Value) >= 4 && n.Value[:2] == raw[:2] &&
			strings.HasSuffix(n.Value, raw[len(raw)-2:]) {
			return n.Value
		}
	}
	return lineFold().ReplaceAllString(raw, " ")
}
