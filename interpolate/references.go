// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// A format returns the scalars of a file that hold regions. This file decides which regions are references.

// reference is one part of a scalar that is a reference.
type reference struct {
	expr         *expr.Expression
	pos          Position
	scalar, part int  // in a nested file, part is the index of the reference there
	inside       bool // the reference is inside an expression of another tool
}

// text returns a reference as it is written.
func (d *Document) text(r *reference) string {
	if n := d.nested[r.scalar]; n != nil {
		return n.text(&n.references[r.part])
	}
	return d.scalars[r.scalar].Parts[r.part].Text
}

// problem returns a problem of a reference.
func (d *Document) problem(r *reference, err *backend.Error) Problem {
	return Problem{r.pos, d.text(r), err}
}

// referenceParser parses the references of a document.
type referenceParser struct {
	doc      *Document
	lines    *lineCounter
	problems Problems
}

// parseReferences parses the references in the scalars of the document. At most so many are expected.
func (d *Document) parseReferences(most int) Problems {
	d.references, d.warnings = make([]reference, 0, most), nil
	d.nested, d.unclear, d.unfilled, d.unencoded = nil, nil, nil, nil
	d.lines = d.newLines()
	defer func() { d.lines = nil }()
	p := referenceParser{doc: d, lines: d.lines}
	for i := range d.scalars {
		s := &d.scalars[i]
		first := len(d.references)
		switch {
		case s.Alias > 0:
			if d.hasReference(s.Alias - 1) {
				p.addProblem(s.Start, "", backend.Errorf(backend.CodeInvalid,
					"a key is an alias of a value with a reference").WithHint("use references in values only"))
			}
		case s.Err != nil:
			p.addDefect(s)
		case s.Stays:
			p.warnOfParts(s)
		case p.nested(i):
		case s.Unbraced:
			p.withoutBraces(i)
		default:
			p.noteUnclear(i)
			p.regions(i)
		}
		if s.Unencoded {
			p.noteUnencoded(i, d.references[first:])
		}
		if s.Key {
			for j := range d.references[first:] {
				if r := &d.references[first+j]; !p.problems.full() {
					p.problems = append(p.problems, d.problem(r, backend.Errorf(backend.CodeInvalid,
						"a key cannot hold a reference").WithHint("use references in values only")))
				}
			}
			d.references = d.references[:first]
		}
	}
	d.warnings, d.unclear, d.unfilled = d.warnings.limited(), d.unclear.limited(), d.unfilled.limited()
	d.unencoded = d.unencoded.limited()
	return p.problems.limited()
}

// hasReference reports whether a scalar that is already parsed has a reference.
func (d *Document) hasReference(scalar int) bool {
	_, ok := slices.BinarySearchFunc(d.references, scalar, func(r reference, s int) int { return r.scalar - s })
	return ok
}

func (p *referenceParser) addProblem(offset int, expression string, err *backend.Error) {
	if !p.problems.full() {
		p.problems = append(p.problems, Problem{p.lines.position(offset), expression, err})
	}
}

func (p *referenceParser) addWarning(offset int, expression string, err *backend.Error) {
	if d := p.doc; !d.warnings.full() {
		d.warnings = append(d.warnings, Problem{p.lines.position(offset), expression, err})
	}
}

func (p *referenceParser) addReference(e *expr.Expression, offset, scalar, part int) {
	p.doc.scalars[scalar].Parts[part].Reference = true
	p.doc.references = append(p.doc.references, reference{
		expr: e, pos: p.lines.position(offset), scalar: scalar, part: part,
	})
}

// addDefect adds what the format says of a scalar that cannot hold a reference.
func (p *referenceParser) addDefect(s *format.Scalar) {
	text := ""
	if len(s.Parts) > 0 {
		text = s.Parts[0].Text
	}
	if s.Warning {
		p.addWarning(s.Start, text, s.Err)
	} else {
		p.addProblem(s.Start, text, s.Err)
	}
}

// warnOfParts warns of the references in a scalar that is no value.
func (p *referenceParser) warnOfParts(s *format.Scalar) {
	for i := range s.Parts {
		if part := &s.Parts[i]; part.Region != nil && isReference(part.Region, part.Text) {
			p.addWarning(part.Region.Start, part.Text, backend.Errorf(backend.CodeInvalid,
				"the reference is in a processing instruction or in the DOCTYPE, so it stays as it is").
				WithHint("write the reference in a text or in the value of an attribute"))
		}
	}
}

// withoutBraces parses a scalar that begins like a reference without braces.
func (p *referenceParser) withoutBraces(scalar int) {
	s := &p.doc.scalars[scalar]
	value := s.Parts[0].Text
	if strings.ContainsAny(value, " \t\r\n") {
		text, _, _ := strings.Cut(value, "\n")
		p.addWarning(s.Start, text,
			backend.Errorf(backend.CodeInvalid, "a reference without braces must be the whole value").
				WithHint("write {{ }} around the reference"))
		return
	}
	ref, err := parseUnbraced(value)
	if err != nil {
		p.addProblem(s.Start, value, backend.AsError(err))
		return
	}
	p.addReference(expr.New(ref), s.Start, scalar, 0)
}

// regions parses the regions of a scalar.
func (p *referenceParser) regions(scalar int) {
	parts := p.doc.scalars[scalar].Parts
	for i := range parts {
		if parts[i].Region == nil {
			continue
		}
		if e := p.region(&parts[i]); e != nil {
			p.addReference(e, parts[i].Region.Start, scalar, i)
		}
	}
}

// region parses one region. It returns nil if the region is foreign or has a problem.
func (p *referenceParser) region(part *format.Part) *expr.Expression {
	d, r, text := p.doc, part.Region, part.Text
	if r.Unclosed && d.opensInString(r) {
		p.addProblem(r.Start, "{{", backend.Errorf(backend.CodeInvalid,
			`a string in the expression holds "{{", which begins another expression`).
			WithHint(`write "{\x7b" in the string`))
		return nil
	}
	if r.Unclosed {
		p.addProblem(r.Start, "{{", backend.Errorf(backend.CodeInvalid,
			"the expression has no closing braces in the same value").
			WithHint(`add "}}" within %d bytes`, expr.MaxBytes))
		return nil
	}
	if r.Literal || isStatement(text) {
		return nil
	}
	body, before, _ := trimMarks(text[2 : len(text)-2])
	if simple := expr.ParseSimpleCall(body); simple != nil && !p.doc.file.Dialect.isActions(r) {
		return simple
	}
	if r.Control || !expr.IsReference(body) {
		if err := foreignWarning(body); err != nil && !r.Control {
			p.addWarning(r.Start, text, err)
		}
		return nil
	}
	if p.doc.file.Dialect.isActions(r) {
		p.addProblem(r.Start, "$"+text, backend.Errorf(backend.CodeInvalid,
			`"${{" begins an expression of GitHub Actions, which has no such call`).
			WithHint(`remove the "$"; if it belongs to the text, write {{ literal_value('$') }} instead of it`))
		return nil
	}
	e, err := expr.Parse(body)
	raw := string(p.doc.file.Data[r.Start:r.End])
	if err != nil && text != raw {
		// Users of tools that fill in text before they parse YAML write the same quotes inside and outside: '{{
		// get_value('x') }}'.
		rawBody, _, _ := trimMarks(raw[2 : len(raw)-2])
		if e, rawErr := expr.Parse(rawBody); rawErr == nil {
			part.Text = raw
			return e
		}
	}
	if err != nil {
		if call := expr.StoreCall(body); call != "" {
			err.Err = errOtherStore(call, "")
		}
		at := r.Start
		if text == raw {
			at += 2 + err.Offset
			if before {
				at++
			}
		}
		p.addProblem(at, text, err.Err)
		return nil
	}
	return e
}

// opensInString reports whether an expression without closing braces is cut off by opening braces in its string.
func (d *Document) opensInString(r *format.Region) bool {
	line, _, _ := bytes.Cut(d.file.Data[r.Start+2:min(len(d.file.Data), r.Start+2+expr.MaxBytes)], []byte("\n"))
	before, _, again := bytes.Cut(line, []byte("{{"))
	return again && (bytes.Count(before, []byte("'"))%2 == 1 || bytes.Count(before, []byte(`"`))%2 == 1)
}

// foreignWarning returns the warning about a foreign expression that may be meant as a reference, or nil.
func foreignWarning(body string) *backend.Error {
	if written, suggestion := expr.NearMiss(body); written != "" {
		return backend.Errorf(backend.CodeInvalid, "%s is not a valid call, so the expression stays as it is",
			backend.Quote(written)).WithHint("%s", suggest.Hint(suggestion, ""))
	}
	if call := expr.StoreCall(body); call != "" {
		return errOtherStore(call, ", so the expression stays as it is")
	}
	return nil
}

// errOtherStore returns the error of a call of Mage for another store of secrets.
func errOtherStore(call, so string) *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "%s reads another store of secrets%s", call, so).
		WithHint("store the secret in Pouncet and write get_secret_value('name'), or let Mage fill it in")
}

// inStatements returns a warning for each statement of another tool that holds a reference, or a call for another store
// of secrets: {% set x = … %}. A file in the file is a part of it.
func (d *Document) inStatements(regions []format.Region) (out Problems) {
	if d.nestedIn != nil && !d.nestedIn.base64 {
		return nil
	}
	lines := d.newLines()
	for _, r := range regions {
		text := string(d.file.Data[r.Start:r.End])
		if r.Literal || !isStatement(text) || out.full() {
			continue
		}
		if call := expr.StoreCall(text[2 : len(text)-2]); call != "" {
			out = append(out, Problem{lines.position(r.Start), text, errOtherStore(call, ", so the statement stays as it is")})
		} else if expr.MentionsCall(text) {
			out = append(out, Problem{lines.position(r.Start), text, backend.Errorf(backend.CodeInvalid,
				"the reference is inside a statement of another tool, so it stays as it is").
				WithHint("write the reference outside of {%% … %%}, where its value is needed")})
		}
	}
	return out
}

// isReference reports whether a region is a reference, even if it has a problem. The text is without escapes.
func isReference(r *format.Region, text string) bool {
	if r.Literal || r.Control || r.Unclosed || isStatement(text) {
		return false
	}
	body, _, _ := trimMarks(text[2 : len(text)-2])
	return expr.IsReference(body)
}

// isStatement reports whether a region is a statement of another tool: {% … %}.
func isStatement(text string) bool { return strings.HasPrefix(text, "{%") }

// trims reports which white space around a region goes with it. Only a reference trims.
func trims(r *format.Region, text string) (before, after bool) {
	if !r.MentionsCall || r.Unclosed || !strings.HasPrefix(text, "{{-") && !strings.HasSuffix(text, "-}}") ||
		!isReference(r, text) {
		return false, false
	}
	_, before, after = trimMarks(text[2 : len(text)-2])
	return before, after
}

// trimMarks removes the marks of white-space control from the text between braces.
func trimMarks(body string) (_ string, before, after bool) {
	if !expr.MentionsCall(body) {
		return body, false, false
	}
	body, before = strings.CutPrefix(body, "-")
	body, after = strings.CutSuffix(body, "-")
	return body, before, after
}
