// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"regexp"
	"sort"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// scalar is a scalar of the file that holds references.
type scalar struct {
	node *yaml.Node // nil in other formats than YAML
	extent
	fileString fileString // in other formats than YAML
	unbraced   bool       // a reference by itself, without braces
	typedBy    Dialect    // by which a value that is all of the scalar has the type that it reads as
	parts      []part
}

// part is a stretch of a scalar's value: text, or an expression.
type part struct {
	text       string      // decoded; of an expression, with its braces
	parserText string      // what the parser saw of it
	expr       *Expression // nil for text
	pos        Position    // of an expression
	start, end int         // of an expression: offsets in the file
}

// whole is the expression that is all of the scalar, if one is.
func (s *scalar) wholeExpression() *part {
	if len(s.parts) == 1 && s.parts[0].expr != nil {
		return &s.parts[0]
	}
	return nil
}

// walker goes through the trees of a file and finds the scalars with references.
type walker struct {
	doc            *Document
	regions        []region
	locator        *locator
	lines          *lineCounter
	problems       Problems
	referenceNodes map[*yaml.Node]bool // scalars with references, for aliases; nil where there can be none
	foreign        map[int]bool        // offsets of regions across lines that are not ours
	unpaired       bool                // something was hidden that is not within one value
}

func (w *walker) walk() {
	w.referenceNodes, w.foreign = map[*yaml.Node]bool{}, map[int]bool{}
	for _, root := range w.doc.roots {
		w.visit(root, false)
	}
}

// visit visits a node and what is below it. Aliases are not followed: what
// they stand for is visited where it stands, so no alias can make the walk
// longer than the file. Anchors and tags are not looked at, since the parser
// takes no marks in them: a reference there is an error of its own.
func (w *walker) visit(n *yaml.Node, key bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		if w.doc.delimiters.containedIn(n.Value) || w.doc.file.isUnbraced(n.Value) {
			w.locateScalar(n, key)
		}
	case yaml.AliasNode:
		if key && w.referenceNodes[n.Alias] {
			w.addNodeProblem(n, "a mapping key is an alias of a value with a reference", "use references in values alone")
		}
	case yaml.MappingNode:
		for i, c := range n.Content {
			w.visit(c, key || i%2 == 0)
		}
	default:
		for _, c := range n.Content {
			w.visit(c, key)
		}
	}
}

// refuse is a problem with a node that is no scalar with a place of its own.
func (w *walker) addNodeProblem(n *yaml.Node, message, hint string) {
	offset, _ := w.locator.offset(n.Line, n.Column)
	w.addProblem(offset, "", backend.Errorf(backend.CodeInvalid, "%s", message).WithHint("%s", hint))
}

func (w *walker) addProblem(offset int, expression string, err *backend.Error) {
	if w.problems.full() {
		return
	}
	w.problems = append(w.problems, Problem{w.lines.position(offset), expression, err})
}

func (w *walker) addWarning(offset int, expression string, err *backend.Error) {
	if Problems(w.doc.warnings).full() {
		return
	}
	w.doc.warnings = append(w.doc.warnings, Problem{w.lines.position(offset), expression, err})
}

// scalar finds where a scalar stands, and takes it apart.
func (w *walker) locateScalar(n *yaml.Node, key bool) {
	e, ok := w.locator.extent(n)
	if !ok {
		w.addNodeProblem(n, "the place of a value with a reference was not found", "write it on one line, in double quotes")
		return
	}
	w.addScalar(n, e, key)
}

// take takes apart a scalar that stands at e, and keeps it if something in it is ours.
func (w *walker) addScalar(n *yaml.Node, e extent, key bool) {
	s := scalar{node: n, extent: e, unbraced: !w.doc.delimiters.containedIn(n.Value)}
	switch d := w.doc.file.Dialect; {
	case d == DialectAtlas && s.unbraced && strings.HasPrefix(n.Value, atlasSign), d == DialectMage && !s.unbraced && n.Style&^yaml.TaggedStyle == 0:
		s.typedBy = d
	}
	if s.unbraced {
		s.parts = w.yamlURIParts(n, e)
	} else {
		parts, ok := w.splitValue(n.Value, max(e.start, e.contentStart), func(raw string, lines bool) string { return decodeRegion(raw, n.Style, lines) })
		if !ok {
			w.unpaired = true
			return
		}
		s.parts = parts
	}
	for _, p := range s.parts {
		if p.expr == nil {
			continue
		}
		if !key {
			w.doc.scalars = append(w.doc.scalars, s)
			if w.referenceNodes != nil {
				w.referenceNodes[n] = true
			}
			return
		}
		err := backend.Errorf(backend.CodeInvalid, "a mapping key cannot hold a reference").WithHint("use references in values alone")
		if !w.problems.full() {
			w.problems = append(w.problems, Problem{p.pos, p.text, err})
		}
	}
}

func (w *walker) yamlURIParts(n *yaml.Node, e extent) []part {
	at := e.start
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		at++
	}
	return w.uriParts(n.Value, at, e.start, e.end)
}

// uri reads a value that begins like a URI, and is one as a whole. It stands at
// at, in a scalar from start to end.
func (w *walker) uriParts(value string, at, start, end int) []part {
	if strings.ContainsAny(value, " \t\r\n") {
		text, _, _ := strings.Cut(value, "\n")
		w.addWarning(at, text, backend.Errorf(backend.CodeInvalid, "the text begins like a reference and is not one").
			WithHint("write a URI alone, or in {{ }} inside other text"))
		return nil
	}
	ref, err := parseUnbraced(value)
	if err != nil {
		w.addProblem(at, value, backend.AsError(err))
		return nil
	}
	expr := &Expression{&entry{target: ref}}
	return []part{{text: value, parserText: value, expr: expr, pos: w.lines.position(at), start: start, end: end}}
}

// parts cuts a scalar's value at the marks, each pair of which is one region
// of the text between the scalar's ends, in the same order. It is false where
// that is not so: a region begins in a comment, say, and ends in this value.
//
// The text begins at from; decode is what a region stands for there.
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
			at-- // the "#" before the mark is not the text's
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

// decoder is what a stretch of a scalar stands for, without escapes; lines says
// that it reaches across lines.
type decoder func(raw string, lines bool) string

// region reads one region of a scalar: an expression of ours, or text.
func (w *walker) parseRegion(r region, decode decoder) part {
	raw := string(w.doc.file.Data[r.start:r.end])
	if r.unclosed {
		w.addProblem(r.start, "{{", backend.Errorf(backend.CodeInvalid, "the expression does not end in the value that it begins in").
			WithHint(`close it with "}}", within %d bytes`, MaxExpressionBytes))
		return part{text: raw}
	}
	text := decode(raw, r.multiline)
	body := text[2 : len(text)-2]
	if simple := parseSimpleCall(body); simple != nil && !r.afterDollar {
		return part{text: text, expr: simple, pos: w.lines.position(r.start)}
	}
	if r.control || !isReference(body) {
		if r.multiline {
			w.foreign[r.start] = true
		}
		if found, meant := nearMiss(body); found != "" && !r.control {
			w.addWarning(r.start, text, backend.Errorf(backend.CodeInvalid, "%s is not one of the calls, and is left as it is", backend.Quote(found)).
				WithHint("did you mean %s?", meant))
		}
		return part{text: text}
	}
	if r.afterDollar {
		w.addProblem(r.start, "$"+text, backend.Errorf(backend.CodeInvalid, `"${{" begins an expression of GitHub Actions, which knows no such call`).
			WithHint(`leave out the "$"; where one belongs to the text, write it as "\x24" in double quotes`))
		return part{text: text}
	}
	expr, err := parseExpression(body)
	if err != nil && text != raw {
		// Those who fill in templates before the file is YAML write the same
		// quotes inside as around: '{{ get_value('x') }}'.
		if e, rawErr := parseExpression(raw[2 : len(raw)-2]); rawErr == nil {
			expr, err, text = e, nil, raw
		}
	}
	if err != nil {
		at := r.start
		if text == raw {
			at += 2 + err.at
		}
		w.addProblem(at, text, err.problem)
		return part{text: text}
	}
	return part{text: text, expr: expr, pos: w.lines.position(r.start)}
}

// lineFold matches a line break with the indentation around it.
var lineFold = regexp.MustCompile(`[ \t]*(?:\r\n|[\r\n\x{85}\x{2028}\x{2029}])[ \t\r\n]*`)

// decodeRegion is the text of a region without the escapes and folds that the
// scalar's style gives it. The parser itself decodes it, as a scalar of its
// own; what is none was not written for YAML, and is taken as it stands.
func decodeRegion(raw string, style yaml.Style, lines bool) string {
	var scalar string
	switch {
	case style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		if lines {
			return lineFold.ReplaceAllString(raw, " ")
		}
		return raw
	case style&yaml.DoubleQuotedStyle != 0:
		if !lines && !strings.Contains(raw, `\`) {
			return raw
		}
		scalar = `"` + raw + `"`
	case style&yaml.SingleQuotedStyle != 0:
		if !lines && !strings.Contains(raw, `'`) {
			return raw
		}
		scalar = `'` + raw + `'`
	default:
		if !lines {
			return raw
		}
		scalar = `'` + strings.ReplaceAll(raw, `'`, `''`) + `'`
	}
	roots, err := parseYAML([]byte(scalar))
	if err == nil && len(roots) == 1 && len(roots[0].Content) == 1 {
		n := roots[0].Content[0]
		// The braces at both ends tell that nothing in between ended it early.
		if n.Kind == yaml.ScalarNode && len(n.Value) >= 4 && n.Value[:2] == raw[:2] && strings.HasSuffix(n.Value, raw[len(raw)-2:]) {
			return n.Value
		}
	}
	return lineFold.ReplaceAllString(raw, " ")
}
