// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/internal/pattern"
)

// Plain text has no syntax, so every value replaces its expression as it is.
//
// A template (a Helm chart, a file with Jinja) becomes YAML or another format only after its tool has filled it in.
// Before that, nobody knows where its strings begin and end: a line can be in a block, in quotes, or in a comment. So
// only values that mean the same in all these positions are allowed, and the error for other values says why.

// readText collects the references in plain text, or in a template.
func (d *Document) readText(regions []region) Problems {
	d.scalars, d.warnings, d.parserInput, d.roots, d.outline = nil, nil, nil, nil, nil
	w := walker{doc: d, regions: regions, lines: newLineCounter(d.file)}
	verbatim := func(raw string, _ bool) string { return raw }
	comments := newComments(d)
	dialect := DialectNone
	if d.isTemplate && d.file.Dialect == DialectMage {
		dialect = DialectMage
	}
	for _, r := range regions {
		if r.control || r.literal || comments.contain(r.start) {
			continue
		}
		if p := w.parseRegion(r, verbatim); p.expr != nil {
			p.start, p.end = d.trimmedRegion(r, p.trim)
			d.scalars = append(d.scalars, scalar{parts: []part{p}, typedBy: dialect})
		}
	}
	w.checkUnbracedURIs()
	return w.problems
}

// trimmedRegion returns the ends of a region with the white space that its marks remove. In a template, it stays on its
// line.
func (d *Document) trimmedRegion(r region, t trimmed) (start, end int) {
	data, remove := d.file.Data, blanks
	if d.isTemplate {
		remove = " \t"
	}
	start, end = r.start, r.end
	if t.before {
		start = len(bytes.TrimRight(data[:start], remove))
	}
	if t.after {
		end = len(data) - len(bytes.TrimLeft(data[end:], remove))
	}
	return start, end
}

// comments recognises the comments of a template: lines that begin with "#", as in YAML, TOML, shells and most other
// formats. Plain text has no comments.
type comments struct {
	data      []byte
	at        int  // the offset of the last call
	inComment bool // whether the line of that offset is a comment
}

func newComments(d *Document) *comments {
	if !d.isTemplate {
		return &comments{}
	}
	return &comments{data: d.file.Data}
}

// contain reports whether an offset is in a comment. The offsets of the calls must rise.
func (c *comments) contain(offset int) bool {
	if c.data == nil {
		return false
	}
	if i := bytes.LastIndexByte(c.data[c.at:offset], '\n'); i >= 0 || c.at == 0 {
		line := c.data[c.at+i+1 : offset+1]
		c.inComment = bytes.HasPrefix(bytes.TrimLeft(line, byteOrderMark+" \t"), []byte("#"))
	}
	c.at = offset
	return c.inComment
}

// checkUnbracedURIs reports URIs without braces. They are references only if they are a whole value, and a text or
// template does not show what a whole value is.
func (w *walker) checkUnbracedURIs() {
	data, regions, comments := w.doc.file.Data, w.regions, newComments(w.doc)
	for at := 0; ; {
		next := bytes.Index(data[at:], []byte(expr.Scheme))
		if next < 0 {
			return
		}
		start := at + next
		at = start + len(expr.Scheme)
		for len(regions) > 0 && regions[0].end <= start {
			regions = regions[1:]
		}
		if len(regions) > 0 && regions[0].start < start || comments.contain(start) {
			continue
		}
		uri := expr.Scheme
		if end := bytes.IndexAny(data[at:], " \t\r\n\"'<>"); end >= 0 {
			uri = string(data[start : at+end])
		}
		err := backend.Errorf(backend.CodeInvalid, "a URI without braces is not supported in text and templates").
			WithHint("write {{ }} around the URI")
		if w.doc.isTemplate {
			w.addProblem(start, uri, err)
		} else {
			w.addWarning(start, uri, err)
		}
	}
}

// fillText returns the text with its references replaced, or the problems.
func (d *Document) fillText(v *evaluator) ([]byte, Problems) {
	var edits []edit
	var problems Problems
	var filled []part // by edit
	for i := range d.scalars {
		s := &d.scalars[i]
		replacements, wrong := d.evaluate(s, v)
		problems = append(problems, wrong...)
		if len(wrong) > 0 || replacements[0].kept {
			continue
		}
		p, o := s.parts[0], replacements[0]
		if d.isTemplate {
			if err := d.checkTemplateValue(p, &o); err != nil {
				problems = append(problems, Problem{p.pos, p.text, err})
				continue
			}
		}
		edits, filled = append(edits, edit{p.start, p.end, o.text}), append(filled, p)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	result := splice(d.file.Data, edits)
	spans := splicedSpans(edits)
	for i, p := range filled {
		if p.expr.IsLiteral() {
			spans[i].start = spans[i].end
		}
	}
	if i := d.templates.opensTemplate(string(result), spans); i >= 0 {
		return nil, Problems{{filled[i].pos, filled[i].text, errOpensTemplate()}}
	}
	return result, nil
}

// splicedSpans returns where the texts of the edits are in the result of splice.
func splicedSpans(edits []edit) []span {
	out := make([]span, len(edits))
	shift := 0
	for i, e := range edits {
		out[i] = span{e.start + shift, e.start + shift + len(e.text)}
		shift += len(e.text) - (e.end - e.start)
	}
	return out
}

var (
	// inertValue matches a value that ends no string, adds no structure, and begins no comment, template or escape,
	// in any quoting style or without quotes.
	inertValue = pattern.Once(`^[A-Za-z0-9_/](?:[A-Za-z0-9_/.+=@~^:-]*[A-Za-z0-9_/.+=@~^-])?$`)
	// wordStart matches what every version of YAML reads as a string, unless it is a keyword.
	wordStart   = pattern.Once(`^[A-Za-z_/]`)
	yamlKeyword = pattern.Once(`^(?i:y|n|yes|no|on|off|true|false|null|none|nan|inf)$`)
	// neverNumber matches text that stays a string whatever is added to it, and never becomes a number or a date.
	neverNumber = pattern.Once(`[G-WYZg-wyz/@]`)
)

// longestKeyword is the length of the longest match of yamlKeyword, "false".
const longestKeyword = 5

// checkTemplateValue returns an error for a value that could mean something else in one of the positions in which a
// part of a template can be. A number, boolean or null keeps its type if it is the whole value.
func (d *Document) checkTemplateValue(p part, o *replacement) *backend.Error {
	if o.text == "" {
		return d.templateError("is empty")
	}
	beside, quoted := d.surrounding(p)
	if hasOwnType(o.typ) && beside == "" && !quoted {
		if o.typ == expr.Null {
			o.text = "null"
		}
		return nil
	}
	switch {
	case !inertValue().MatchString(o.text):
		return d.templateError("has characters that mean something else in some of them")
	case quoted:
		return nil
	case d.requiresQuotes():
	case len(beside) > longestKeyword && neverNumber().MatchString(beside):
		return nil
	case beside == "" && wordStart().MatchString(o.text) && !yamlKeyword().MatchString(o.text):
		return nil
	}
	return backend.Errorf(backend.CodeInvalid,
		"%s, and without quotes the value can be read as a number, a date or a keyword", d.templateNotice).
		WithHint(`write the expression in quotes: "{{ … }}"`)
}

// requiresQuotes reports whether the file becomes a format in which every string has quotes.
func (d *Document) requiresQuotes() bool {
	f := FormatOf(d.file.Name)
	return f == FormatJSON || f == FormatTOML
}

// templateError returns the error of a value that a template cannot hold.
func (d *Document) templateError(reason string) *backend.Error {
	return backend.Errorf(backend.CodeInvalid,
		"%s, so a value must mean the same in every quoting style, and this value %s", d.templateNotice, reason).
		WithHint("render the file after the other tool fills it in, or move the reference to its own file")
}

// surrounding returns the text next to an expression in the same value, as far as its line shows it, or whether the
// expression is in quotes. Other expressions count as digits, because they could become digits.
func (d *Document) surrounding(p part) (beside string, quoted bool) {
	data := d.file.Data
	from := max(0, p.start-lineContext)
	from += bytes.LastIndexByte(data[from:p.start], '\n') + 1
	to := p.end + lineContext
	if i := bytes.IndexByte(data[p.end:min(len(data), to)], '\n'); i >= 0 {
		to = p.end + i
	}
	line := bytes.Clone(data[from:min(len(data), to)])
	for _, r := range findRegions(line) {
		for i := r.start; i < r.end; i++ {
			line[i] = '0'
		}
	}
	before, after := line[:p.start-from], line[p.end-from:]
	before = before[afterLast(before, ": ", "- ", "= ", "=", "[", "{", ",", "\t"):]
	after = after[:beforeFirst(after, " #", ",", "]", "}", "\r")]
	for _, quote := range []string{`"`, `'`} {
		if bytes.Count(before, []byte(quote))%2 == 1 && bytes.Count(after, []byte(quote))%2 == 1 {
			return "", true
		}
	}
	return strings.TrimSpace(string(before)) + strings.TrimSpace(string(after)), false
}

// afterLast returns the end of the last of the signs in b, or 0.
func afterLast(b []byte, signs ...string) int {
	end := 0
	for _, s := range signs {
		if i := bytes.LastIndex(b, []byte(s)); i >= 0 {
			end = max(end, i+len(s))
		}
	}
	return end
}

// beforeFirst returns the beginning of the first of the signs in b, or the length of b.
func beforeFirst(b []byte, signs ...string) int {
	start := len(b)
	for _, s := range signs {
		if i := bytes.Index(b, []byte(s)); i >= 0 {
			start = min(start, i)
		}
	}
	return start
}
