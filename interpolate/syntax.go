// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// A file in another format than YAML is treated alike: its strings are found in
// a copy in which every expression is an inert word, the values are written in
// the place of the expressions, and a library reads the result, which must be
// what it read in the copy with each word replaced by its value. For that, no
// two words are the same.

// syntax is a format other than YAML.
type syntax interface {
	// strings are those strings of a text that hold what is looked for, in their order. Its error says where the text is at fault.
	findStrings(text []byte, s search) ([]fileString, error)
	// decode is what a stretch within a string stands for.
	decode(raw string, q fileString) string
	// within is a value as it is written in a string, in the place of a word;
	// false if the string has to be written anew.
	escape(q fileString, value string) (string, bool)
	// anew is a string as it is written in q's place.
	rewrite(q fileString, value string) (string, *backend.Error)
	// typed is a number, a boolean or null as it is written as a value of its
	// own, and what tree then has for it.
	typedLiteral(typ resultType, text string) (written string, leaf any, err *backend.Error)
	// tree is what a library reads in a text: any composition of slices and of
	// maps with names, in which strings are strings.
	parse(text []byte) (any, error)
}

// search is what is looked for in strings: words, and references without braces.
type search struct {
	delimiters
	isUnbraced func(value string) bool
}

func (s search) holds(value string) bool { return s.containedIn(value) || s.isUnbraced(value) }

// quoted is a string of a file, in whatever quotes, also in none.
type fileString struct {
	start, end           int // of all of it
	innerStart, innerEnd int // without quotes
	value                string
	style                string // how it is quoted, in the format's own terms
	isKey                bool   // it names something; there are no references in names
	unquoted             bool   // the braces of an expression, outside of any string
}

func syntaxOf(f Format) syntax {
	switch f {
	case FormatJSON:
		return jsonSyntax{}
	case FormatTOML:
		return tomlSyntax{}
	case FormatProperties:
		return propertiesSyntax{}
	case FormatDotenv, FormatVariables:
		return dotenvSyntax{ownReader: f == FormatVariables}
	}
	return nil
}

// atOffset is the error of a text that does not parse, and the place.
type offsetError struct {
	offset int
	reason string
}

func (e *offsetError) Error() string { return e.reason }

// readSyntax finds the strings of the file that hold references.
func (d *Document) readSyntax(regions []region) (Problems, error) {
	for _, r := range regions {
		if r.multiline && r.mentionsCall {
			return d.fileProblem(r.start, "an expression reaches across lines", "write it on one line"), nil
		}
	}
	var ok bool
	if d.delimiters, ok = chooseDelimiters(d.file.Data); !ok {
		return d.fileProblem(0, "the file holds references and nearly every letter of two bytes that there is", "split it"), nil
	}
	problems, err := d.readStrings(regions, nil)
	if err == nil {
		return problems, nil
	}
	// Where braces stand for a whole value, the copy has a string in their place.
	first, unquoted := err, map[int]bool{}
	for _, r := range regions {
		if !r.unclosed && isWholeValue(d.file.Data, r) {
			unquoted[r.start] = true
		}
	}
	if problems, err = d.readStrings(regions, unquoted); err == nil {
		return problems, nil
	}
	// Some of them are within strings or comments: those that are not stop the reading.
	alone, unquoted := unquoted, map[int]bool{}
	for err = first; len(unquoted)*len(d.file.Data) <= maxRereadBytes; {
		r, ok := d.regionAtError(err, regions)
		if !ok || !alone[r.start] || unquoted[r.start] {
			break
		}
		unquoted[r.start] = true
		if problems, err = d.readStrings(regions, unquoted); err == nil {
			return problems, nil
		}
	}
	return nil, first
}

// mostReadAgain bounds the bytes that are read in vain before a file is refused.
const maxRereadBytes = 64 << 20

// stoppedAt is the region at which a text was found not to be what it should be.
func (d *Document) regionAtError(err error, regions []region) (region, bool) {
	var at *offsetError
	if !errors.As(err, &at) {
		return region{}, false
	}
	i := slices.IndexFunc(regions, func(r region) bool { return r.end > at.offset })
	if i < 0 {
		return region{}, false
	}
	r := regions[i]
	return r, len(bytes.TrimLeft(d.file.Data[min(at.offset, r.start):r.start], " \t\r\n:,=[")) == 0
}

// readStrings reads the copy in which the bare regions stand for strings.
func (d *Document) readStrings(regions []region, unquoted map[int]bool) (Problems, error) {
	d.scalars, d.warnings = nil, nil
	d.insertNumberedPlaceholders(regions, unquoted)
	found, err := d.syntax.findStrings(d.parserInput, search{d.delimiters, d.file.isUnbraced})
	if err != nil {
		return nil, err
	}
	w := walker{doc: d, regions: regions, lines: newLineCounter(d.file)}
	missing := len(unquoted)
	for _, q := range found {
		if q.unquoted = unquoted[q.start]; q.unquoted {
			missing--
		}
		s, ok := w.splitString(q)
		if !ok {
			return nil, errUnpairedBraces
		}
		if s != nil {
			d.scalars = append(d.scalars, *s)
		}
	}
	for _, r := range regions {
		if unquoted[r.start] && r.end-r.start-2 < len(d.delimiters.open+d.delimiters.close) {
			missing-- // it is too short for a word
		}
	}
	if missing > 0 {
		return nil, errUnpairedBraces
	}
	_, err = d.syntax.parse(d.parserInput)
	return w.problems, err
}

// hideAll makes the copy, in which the bare regions stand for strings.
func (d *Document) insertNumberedPlaceholders(regions []region, unquoted map[int]bool) {
	d.parserInput = bytes.Clone(d.file.Data)
	if bytes.HasPrefix(d.parserInput, []byte(byteOrderMark)) {
		copy(d.parserInput, "   ") // not every reader knows it, and all skip spaces
	}
	for i, r := range regions {
		word := d.parserInput[r.start:r.end]
		if r.unclosed {
			copy(word, d.delimiters.unclosed)
			continue
		}
		if unquoted[r.start] {
			word[0], word[len(word)-1] = '"', '"'
			word = word[1 : len(word)-1]
		}
		d.delimiters.writeNumberedPlaceholder(word, i)
	}
}

// write fills a stretch with a word that no other stretch of its length has,
// as far as it has room for the number.
func (m delimiters) writeNumberedPlaceholder(word []byte, number int) {
	for i := range word {
		word[i] = 'x'
	}
	if len(word) < len(m.open)+len(m.close) {
		return
	}
	copy(word, m.open)
	copy(word[len(word)-len(m.close):], m.close)
	copy(word[len(m.open):len(word)-len(m.close)], strconv.Itoa(number)+"x")
}

// standsAlone reports whether braces are all that stands between two signs of
// structure: a value that is in no string.
func isWholeValue(data []byte, r region) bool {
	before := bytes.TrimRight(data[max(0, r.start-lineContext):r.start], " \t")
	after := bytes.TrimLeft(data[r.end:min(len(data), r.end+lineContext)], " \t")
	return len(before) > 0 && bytes.IndexByte(before[len(before)-1:], '"') < 0 && strings.IndexByte(":=[,\n\r", before[len(before)-1]) >= 0 &&
		(len(after) == 0 || strings.IndexByte(",]}#\r\n", after[0]) >= 0)
}

// quoted takes a string apart; nil if nothing in it is ours.
func (w *walker) splitString(q fileString) (*scalar, bool) {
	s := &scalar{fileString: q, extent: extent{start: q.start, end: q.end}}
	if s.unbraced = !w.doc.delimiters.containedIn(q.value); s.unbraced {
		s.parts = w.uriParts(q.value, q.innerStart, q.start, q.end)
		if strings.HasPrefix(q.value, atlasSign) {
			s.typedBy = DialectAtlas
		}
	} else {
		var ok bool
		s.parts, ok = w.splitValue(q.value, q.start, func(raw string, _ bool) string { return w.doc.syntax.decode(raw, q) })
		if !ok {
			return nil, false
		}
	}
	for _, p := range s.parts {
		switch {
		case p.expr == nil:
		case q.isKey:
			err := backend.Errorf(backend.CodeInvalid, "a name cannot hold a reference").WithHint("use references in values alone")
			w.problems = append(w.problems, Problem{p.pos, p.text, err})
			return nil, true
		default:
			return s, true
		}
	}
	return nil, true
}

// fillSyntax returns the file with its references filled in, or what is wrong.
func (d *Document) fillSyntax(v *evaluator) ([]byte, Problems) {
	var edits []edit
	var problems Problems
	leaves := map[string]any{} // what stands for a whole word, where that is not the string
	var values []string        // words and their values, in turn
	for i := range d.scalars {
		s := &d.scalars[i]
		replacements, wrong := s.evaluate(v)
		problems = append(problems, wrong...)
		if len(wrong) > 0 || s.allKept(replacements) {
			continue
		}
		done, anew, err := d.editString(s, replacements, leaves)
		if err != nil {
			p := s.firstExpression()
			problems = append(problems, Problem{p.pos, p.text, err})
			continue
		}
		edits = append(edits, done...)
		for i, p := range s.parts {
			switch {
			case s.unbraced: // the copy has the URI itself, which then is the word
				if _, typed := leaves[p.parserText]; !typed {
					leaves[p.parserText] = replacements[i].text
				}
			case p.expr != nil && !replacements[i].kept:
				values = append(values, p.parserText, replacements[i].text)
			case anew: // also what others wrote is then written in the copy
				values = append(values, p.parserText, p.text)
			}
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if err := d.checkResult(splice(d.parserInput, edits), leaves, values); err != nil {
		p := d.scalars[0].firstExpression()
		return nil, Problems{{p.pos, p.text, err}}
	}
	return splice(d.file.Data, edits), nil
}

// write is what has to be done to the file for these outcomes of one string;
// anew says that all of it is written.
func (d *Document) editString(s *scalar, replacements []replacement, leaves map[string]any) (edits []edit, anew bool, _ *backend.Error) {
	q := s.fileString
	if p := s.wholeExpression(); p != nil && replacements[0].typ.hasOwnType() {
		text, leaf, err := d.syntax.typedLiteral(replacements[0].typ, replacements[0].text)
		leaves[p.parserText] = leaf
		return []edit{{q.start, q.end, text}}, false, err
	}
	for i, p := range s.parts {
		o := replacements[i]
		if p.expr == nil || o.kept {
			continue
		}
		text, ok := d.syntax.escape(q, o.text)
		if !ok || s.unbraced || q.unquoted {
			edits = nil
			break
		}
		edits = append(edits, edit{p.start, p.end, text})
	}
	if edits != nil {
		return edits, false, nil
	}
	var value strings.Builder
	for i, p := range s.parts {
		if p.expr == nil || replacements[i].kept {
			value.WriteString(p.text)
		} else {
			value.WriteString(replacements[i].text)
		}
	}
	text, err := d.syntax.rewrite(q, value.String())
	return []edit{{q.start, q.end, text}}, true, err
}

// check holds what a library reads in the result against what it must be.
func (d *Document) checkResult(result []byte, leaves map[string]any, values []string) *backend.Error {
	want, err := d.syntax.parse(d.parserInput)
	if err == nil {
		var got any
		if got, err = d.syntax.parse(result); err == nil && reflect.DeepEqual(fillTree(want, leaves, strings.NewReplacer(values...)), got) {
			return nil
		}
	}
	return backend.Errorf(backend.CodeInternal, "filling in the values would change more than the values, so nothing is written").
		WithHint("write the references of this file as whole values in double quotes, and report its form as a defect")
}

// replaced is a tree with the words in its strings replaced.
func fillTree(tree any, leaves map[string]any, r *strings.Replacer) any {
	switch t := tree.(type) {
	case string:
		if leaf, ok := leaves[t]; ok {
			return leaf
		}
		return r.Replace(t)
	case []any:
		out := slices.Clone(t)
		for i := range out {
			out[i] = fillTree(out[i], leaves, r)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(t))
		for k, v := range t {
			out[k] = fillTree(v, leaves, r)
		}
		return out
	}
	return tree
}

// first is the first expression of the scalar.
func (s *scalar) firstExpression() part {
	return s.parts[slices.IndexFunc(s.parts, func(p part) bool { return p.expr != nil })]
}

// notFormat is the problem of a file that holds references and does not parse.
func (d *Document) formatProblem(err error) Problems {
	offset, reason := 0, ""
	var at *offsetError
	if errors.As(err, &at) {
		offset, reason = at.offset, ": "+at.reason
	}
	return d.fileProblem(offset, "the file holds references and is not "+d.file.format().name()+reason,
		"mend it; or, if others fill it in later, read it as a template: --file-format template")
}
