// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Plain text has no rules, so that a value is put in as it is, whatever it is.
//
// A template (a chart of Helm's, a file with Jinja in it) is YAML or another
// format only once others have filled it in. Where a string begins and ends in it, nobody can tell now: a
// line may stand in a block, in quotes, or in a comment of another language. So only such
// values are put in as mean the same in every one of these places, and for any
// other value it is told why not.

// readText finds the references of plain text, or of a template.
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
		if r.control || comments.contain(r.start) {
			continue
		}
		if p := w.parseRegion(r, verbatim); p.expr != nil {
			p.start, p.end = r.start, r.end
			d.scalars = append(d.scalars, scalar{parts: []part{p}, typedBy: dialect})
		}
	}
	w.checkUnbracedURIs()
	return w.problems
}

// comments tells which places of a template are in comments: on lines that begin
// with "#", as YAML, TOML, shells and most others have it. Plain text has none.
type comments struct {
	data      []byte
	at        int  // the offset last asked about
	inComment bool // whether its line is a comment
}

func newComments(d *Document) *comments {
	if !d.isTemplate {
		return &comments{}
	}
	return &comments{data: d.file.Data}
}

// hold is asked about offsets in rising order.
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

// bareURIs tells of URIs without braces, which are references only as whole
// values: in a text, nothing is known to be one.
func (w *walker) checkUnbracedURIs() {
	data, regions, comments := w.doc.file.Data, w.regions, newComments(w.doc)
	for at := 0; ; {
		next := bytes.Index(data[at:], []byte(uriScheme))
		if next < 0 {
			return
		}
		start := at + next
		at = start + len(uriScheme)
		for len(regions) > 0 && regions[0].end <= start {
			regions = regions[1:]
		}
		if len(regions) > 0 && regions[0].start < start || comments.contain(start) {
			continue
		}
		uri := uriScheme
		if end := bytes.IndexAny(data[at:], " \t\r\n\"'<>"); end >= 0 {
			uri = string(data[start : at+end])
		}
		err := backend.Errorf(backend.CodeInvalid, "a URI without braces is a reference only where it is a whole value, which cannot be told here").
			WithHint("write it in {{ }}")
		if w.doc.isTemplate {
			w.addProblem(start, uri, err)
		} else {
			w.addWarning(start, uri, err)
		}
	}
}

// fillText returns the text with its references filled in, or what is wrong.
func (d *Document) fillText(v *evaluator) ([]byte, Problems) {
	var edits []edit
	var problems Problems
	for i := range d.scalars {
		s := &d.scalars[i]
		replacements, wrong := s.evaluate(v)
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
		edits = append(edits, edit{p.start, p.end, o.text})
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return splice(d.file.Data, edits), nil
}

var (
	// inert matches a value that ends no string, adds no structure, and begins no
	// comment, template or escape, whatever quotes it stands in, also in none.
	inertValue = regexp.MustCompile(`^[A-Za-z0-9_/](?:[A-Za-z0-9_/.+=@~^:-]*[A-Za-z0-9_/.+=@~^-])?$`)
	// likeAWord matches what is a string to every version of YAML, if it is not a keyword.
	wordStart   = regexp.MustCompile(`^[A-Za-z_/]`)
	yamlKeyword = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null|none|nan|inf)$`)
	// unlikeANumber matches a text that no addition turns into a number or a date.
	neverNumber = regexp.MustCompile(`[G-WYZg-wyz/@]`)
)

// longestKeyword is the length of "false".
const longestKeyword = 5

// meansTheSame refuses a value that could mean something else in some of the
// places in which a part of a template can be. A number, boolean or null
// is written as what it is if nothing stands beside it.
func (d *Document) checkTemplateValue(p part, o *replacement) *backend.Error {
	if o.text == "" {
		return d.refuseValue("it is empty")
	}
	beside, quoted := d.surrounding(p)
	if o.typ.hasOwnType() && beside == "" && !quoted {
		if o.typ == typeNull {
			o.text = "null"
		}
		return nil
	}
	switch {
	case !inertValue.MatchString(o.text):
		return d.refuseValue("it has characters with a meaning in some of them")
	case quoted:
		return nil
	case d.requiresQuotes():
	case len(beside) > longestKeyword && neverNumber.MatchString(beside):
		return nil
	case beside == "" && wordStart.MatchString(o.text) && !yamlKeyword.MatchString(o.text):
		return nil
	}
	return backend.Errorf(backend.CodeInvalid, "%s, and without quotes the value could be taken for a number, a date or a keyword", d.templateNotice).
		WithHint(`write the expression in quotes: "{{ … }}"`)
}

// needsQuotes reports whether the file will be of a format in which no string is
// without quotes.
func (d *Document) requiresQuotes() bool {
	f := FormatOf(d.file.Name)
	return f == FormatJSON || f == FormatTOML
}

func (d *Document) refuseValue(why string) *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "%s, so that the value must mean the same in every kind of quotes, and %s", d.templateNotice, why).
		WithHint("render the file after its templates are filled in, or keep the reference in a file of its own")
}

// beside is what stands beside an expression in the same value, as far as its
// line tells; quoted says that this is in quotes. What other
// expressions become is not known: it may be digits.
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

// lastAny is the end of the last of some signs in b, 0 without one.
func afterLast(b []byte, signs ...string) int {
	end := 0
	for _, s := range signs {
		if i := bytes.LastIndex(b, []byte(s)); i >= 0 {
			end = max(end, i+len(s))
		}
	}
	return end
}

// firstAny is the beginning of the first of some signs in b, its length without one.
func beforeFirst(b []byte, signs ...string) int {
	start := len(b)
	for _, s := range signs {
		if i := bytes.Index(b, []byte(s)); i >= 0 {
			start = min(start, i)
		}
	}
	return start
}
