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
	strings(text []byte, s search) ([]quoted, error)
	// decode is what a stretch within a string stands for.
	decode(raw string, q quoted) string
	// within is a value as it is written in a string, in the place of a word;
	// false if the string has to be written anew.
	within(q quoted, value string) (string, bool)
	// anew is a string as it is written in q's place.
	anew(q quoted, value string) (string, *backend.Error)
	// typed is a number, a boolean or null as it is written as a value of its
	// own, and what tree then has for it.
	typed(kind kind, text string) (written string, leaf any, err *backend.Error)
	// tree is what a library reads in a text: any composition of slices and of
	// maps with names, in which strings are strings.
	tree(text []byte) (any, error)
}

// search is what is looked for in strings: words, and references without braces.
type search struct {
	marks
	bare func(value string) bool
}

func (s search) holds(value string) bool { return s.in(value) || s.bare(value) }

// quoted is a string of a file, in whatever quotes, also in none.
type quoted struct {
	start, end           int // of all of it
	innerStart, innerEnd int // without quotes
	value                string
	style                string // how it is quoted, in the format's own terms
	key                  bool   // it names something; there are no references in names
	bare                 bool   // the braces of an expression, outside of any string
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
		return dotenvSyntax{own: f == FormatVariables}
	}
	return nil
}

// atOffset is the error of a text that does not parse, and the place.
type atOffset struct {
	offset int
	reason string
}

func (e *atOffset) Error() string { return e.reason }

// readSyntax finds the strings of the file that hold references.
func (d *Document) readSyntax(regions []region) (Problems, error) {
	for _, r := range regions {
		if r.lines && r.spelled {
			return d.whole(r.start, "an expression reaches across lines", "write it on one line"), nil
		}
	}
	var ok bool
	if d.marks, ok = chooseMarks(d.file.Data); !ok {
		return d.whole(0, "the file holds references and nearly every letter of two bytes that there is", "split it"), nil
	}
	problems, err := d.readStrings(regions, nil)
	if err == nil {
		return problems, nil
	}
	// Where braces stand for a whole value, the copy has a string in their place.
	first, bare := err, map[int]bool{}
	for _, r := range regions {
		if !r.unclosed && standsAlone(d.file.Data, r) {
			bare[r.start] = true
		}
	}
	if problems, err = d.readStrings(regions, bare); err == nil {
		return problems, nil
	}
	// Some of them are within strings or comments: those that are not stop the reading.
	alone, bare := bare, map[int]bool{}
	for err = first; len(bare)*len(d.file.Data) <= mostReadAgain; {
		r, ok := d.stoppedAt(err, regions)
		if !ok || !alone[r.start] || bare[r.start] {
			break
		}
		bare[r.start] = true
		if problems, err = d.readStrings(regions, bare); err == nil {
			return problems, nil
		}
	}
	return nil, first
}

// mostReadAgain bounds the bytes that are read in vain before a file is refused.
const mostReadAgain = 64 << 20

// stoppedAt is the region at which a text was found not to be what it should be.
func (d *Document) stoppedAt(err error, regions []region) (region, bool) {
	var at *atOffset
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
func (d *Document) readStrings(regions []region, bare map[int]bool) (Problems, error) {
	d.scalars, d.suspects = nil, nil
	d.hideAll(regions, bare)
	found, err := d.syntax.strings(d.masked, search{d.marks, d.file.isBare})
	if err != nil {
		return nil, err
	}
	w := walker{doc: d, regions: regions, ruler: newRuler(d.file)}
	missing := len(bare)
	for _, q := range found {
		if q.bare = bare[q.start]; q.bare {
			missing--
		}
		s, ok := w.quoted(q)
		if !ok {
			return nil, errAstray
		}
		if s != nil {
			d.scalars = append(d.scalars, *s)
		}
	}
	for _, r := range regions {
		if bare[r.start] && r.end-r.start-2 < len(d.marks.open+d.marks.close) {
			missing-- // it is too short for a word
		}
	}
	if missing > 0 {
		return nil, errAstray
	}
	_, err = d.syntax.tree(d.masked)
	return w.problems, err
}

// hideAll makes the copy, in which the bare regions stand for strings.
func (d *Document) hideAll(regions []region, bare map[int]bool) {
	d.masked = bytes.Clone(d.file.Data)
	if bytes.HasPrefix(d.masked, []byte(byteOrderMark)) {
		copy(d.masked, "   ") // not every reader knows it, and all skip spaces
	}
	for i, r := range regions {
		word := d.masked[r.start:r.end]
		if r.unclosed {
			copy(word, d.marks.unclosed)
			continue
		}
		if bare[r.start] {
			word[0], word[len(word)-1] = '"', '"'
			word = word[1 : len(word)-1]
		}
		d.marks.write(word, i)
	}
}

// write fills a stretch with a word that no other stretch of its length has,
// as far as it has room for the number.
func (m marks) write(word []byte, number int) {
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
func standsAlone(data []byte, r region) bool {
	before := bytes.TrimRight(data[max(0, r.start-lineReach):r.start], " \t")
	after := bytes.TrimLeft(data[r.end:min(len(data), r.end+lineReach)], " \t")
	return len(before) > 0 && bytes.IndexByte(before[len(before)-1:], '"') < 0 && strings.IndexByte(":=[,\n\r", before[len(before)-1]) >= 0 &&
		(len(after) == 0 || strings.IndexByte(",]}#\r\n", after[0]) >= 0)
}

// quoted takes a string apart; nil if nothing in it is ours.
func (w *walker) quoted(q quoted) (*scalar, bool) {
	s := &scalar{quoted: q, extent: extent{start: q.start, end: q.end}}
	if s.bare = !w.doc.marks.in(q.value); s.bare {
		s.parts = w.uri(q.value, q.innerStart, q.start, q.end)
		if strings.HasPrefix(q.value, atlasSign) {
			s.typed = DialectAtlas
		}
	} else {
		var ok bool
		s.parts, ok = w.parts(q.value, q.start, func(raw string, _ bool) string { return w.doc.syntax.decode(raw, q) })
		if !ok {
			return nil, false
		}
	}
	for _, p := range s.parts {
		switch {
		case p.expr == nil:
		case q.key:
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
		outcomes, wrong := s.outcomes(v)
		problems = append(problems, wrong...)
		if len(wrong) > 0 || s.untouched(outcomes) {
			continue
		}
		done, anew, err := d.write(s, outcomes, leaves)
		if err != nil {
			p := s.first()
			problems = append(problems, Problem{p.pos, p.text, err})
			continue
		}
		edits = append(edits, done...)
		for i, p := range s.parts {
			switch {
			case s.bare: // the copy has the URI itself, which then is the word
				if _, typed := leaves[p.shown]; !typed {
					leaves[p.shown] = outcomes[i].text
				}
			case p.expr != nil && !outcomes[i].kept:
				values = append(values, p.shown, outcomes[i].text)
			case anew: // also what others wrote is then written in the copy
				values = append(values, p.shown, p.text)
			}
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	if err := d.check(splice(d.masked, edits), leaves, values); err != nil {
		p := d.scalars[0].first()
		return nil, Problems{{p.pos, p.text, err}}
	}
	return splice(d.file.Data, edits), nil
}

// write is what has to be done to the file for these outcomes of one string;
// anew says that all of it is written.
func (d *Document) write(s *scalar, outcomes []outcome, leaves map[string]any) (edits []edit, anew bool, _ *backend.Error) {
	q := s.quoted
	if p := s.whole(); p != nil && outcomes[0].kind.typed() {
		text, leaf, err := d.syntax.typed(outcomes[0].kind, outcomes[0].text)
		leaves[p.shown] = leaf
		return []edit{{q.start, q.end, text}}, false, err
	}
	for i, p := range s.parts {
		o := outcomes[i]
		if p.expr == nil || o.kept {
			continue
		}
		text, ok := d.syntax.within(q, o.text)
		if !ok || s.bare || q.bare {
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
		if p.expr == nil || outcomes[i].kept {
			value.WriteString(p.text)
		} else {
			value.WriteString(outcomes[i].text)
		}
	}
	text, err := d.syntax.anew(q, value.String())
	return []edit{{q.start, q.end, text}}, true, err
}

// check holds what a library reads in the result against what it must be.
func (d *Document) check(result []byte, leaves map[string]any, values []string) *backend.Error {
	want, err := d.syntax.tree(d.masked)
	if err == nil {
		var got any
		if got, err = d.syntax.tree(result); err == nil && reflect.DeepEqual(replaced(want, leaves, strings.NewReplacer(values...)), got) {
			return nil
		}
	}
	return backend.Errorf(backend.CodeInternal, "filling in the values would change more than the values, so nothing is written").
		WithHint("write the references of this file as whole values in double quotes, and report its form as a defect")
}

// replaced is a tree with the words in its strings replaced.
func replaced(tree any, leaves map[string]any, r *strings.Replacer) any {
	switch t := tree.(type) {
	case string:
		if leaf, ok := leaves[t]; ok {
			return leaf
		}
		return r.Replace(t)
	case []any:
		out := slices.Clone(t)
		for i := range out {
			out[i] = replaced(out[i], leaves, r)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(t))
		for k, v := range t {
			out[k] = replaced(v, leaves, r)
		}
		return out
	}
	return tree
}

// first is the first expression of the scalar.
func (s *scalar) first() part {
	return s.parts[slices.IndexFunc(s.parts, func(p part) bool { return p.expr != nil })]
}

// notFormat is the problem of a file that holds references and does not parse.
func (d *Document) notFormat(err error) Problems {
	offset, reason := 0, ""
	var at *atOffset
	if errors.As(err, &at) {
		offset, reason = at.offset, ": "+at.reason
	}
	return d.whole(offset, "the file holds references and is not "+d.file.format().name()+reason,
		"mend it; or, if others fill it in later, read it as a template: --file-format template")
}
