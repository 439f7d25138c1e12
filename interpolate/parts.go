// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"sort"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// splitValue splits the value of a scalar at its delimiters. The text of the scalar begins at from. Each pair of
// delimiters belongs to one region of that text, in the same order. splitValue returns false if that is not the case:
// for example, if a region begins in a comment and ends in this value.
func (w *walker) splitValue(value string, from int, decode decoder) ([]part, bool) {
	first := sort.Search(len(w.regions), func(i int) bool { return w.regions[i].start >= from })
	regions := w.regions[first:]
	m := w.doc.delimiters
	var out []part
	for rest := value; rest != ""; {
		at := m.index(rest)
		if at < 0 {
			return append(out, part{text: rest, parserText: rest}), true
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
	return out, true
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
	body := text[2 : len(text)-2]
	if simple := expr.ParseSimpleCall(body); simple != nil && !r.afterDollar {
		return part{text: text, expr: simple, pos: w.lines.position(r.start)}
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
	if r.afterDollar {
		w.addProblem(r.start, "$"+text, backend.Errorf(backend.CodeInvalid,
			`"${{" begins an expression of GitHub Actions, which has no such call`).
			WithHint(`remove the "$"; if it belongs to the text, write it as "\x24" in double quotes`))
		return part{text: text}
	}
	parsed, err := expr.Parse(body)
	if err != nil && text != raw {
		// Users of tools that fill in text before they parse YAML write the same quotes inside and outside: '{{
		// get_value('x') }}'.
		if e, rawErr := expr.Parse(raw[2 : len(raw)-2]); rawErr == nil {
			parsed, err, text = e, nil, raw
		}
	}
	if err != nil {
		at := r.start
		if text == raw {
			at += 2 + err.Offset
		}
		w.addProblem(at, text, err.Err)
		return part{text: text}
	}
	return part{text: text, expr: parsed, pos: w.lines.position(r.start)}
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
