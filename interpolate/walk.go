// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/expr"
)

// scalar is a scalar that holds references: a YAML scalar, or a string of another format.
type scalar struct {
	node *yaml.Node // nil in other formats than YAML
	extent
	fileString fileString // only in other formats than YAML
	unbraced   bool       // the scalar is one reference without braces
	typedBy    Dialect    // the dialect that gives a whole value the type of its text, if any
	parts      []part
}

// part is a part of the value of a scalar: text, or a reference.
type part struct {
	text       string           // decoded; for a reference, including the braces
	parserText string           // the same part as the parser read it: a placeholder, or the text
	expr       *expr.Expression // nil for text
	pos        Position         // of a reference
	start, end int              // of a reference: offsets in the file, including what trim removes
	trim       trimmed          // of a reference
	inside     bool             // the reference is inside an expression of another tool
}

// wholeExpression returns the reference that is the whole scalar, or nil.
func (s *scalar) wholeExpression() *part {
	if len(s.parts) == 1 && s.parts[0].expr != nil {
		return &s.parts[0]
	}
	return nil
}

// walker collects the scalars with references from the trees of a file.
type walker struct {
	doc            *Document
	regions        []region
	locator        *locator
	lines          *lineCounter
	problems       Problems
	referenceNodes map[*yaml.Node]bool // the scalars with references, for aliases; nil if the file has no aliases
	foreign        map[int]bool        // the offsets of foreign regions that span lines
	unpaired       bool                // a placeholder is not within one value
}

func (w *walker) walk() {
	w.referenceNodes, w.foreign = map[*yaml.Node]bool{}, map[int]bool{}
	for _, root := range w.doc.roots {
		w.visit(root, false)
	}
}

// visit visits a node and all nodes below it. It does not follow aliases, so no alias can make the walk longer than
// the file; the node that an alias stands for is visited at its own position. It does not look at anchors and tags:
// the parser rejects delimiters in them, so a reference there is already an error.
func (w *walker) visit(n *yaml.Node, key bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		if w.doc.delimiters.containedIn(n.Value) || w.doc.file.isUnbraced(n.Value) {
			w.locateScalar(n, key)
		}
	case yaml.AliasNode:
		if key && w.referenceNodes[n.Alias] {
			w.addNodeProblem(n, "a key is an alias of a value with a reference",
				"use references in values only")
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

// addNodeProblem adds a problem with a node whose extent is not known.
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

// locateScalar locates a scalar in the text, and adds it.
func (w *walker) locateScalar(n *yaml.Node, key bool) {
	e, ok := w.locator.extent(n)
	if !ok {
		w.addNodeProblem(n, "the value with the reference cannot be located", "write it on one line, in double quotes")
		return
	}
	w.addScalar(n, e, key)
}

// addScalar splits the scalar at e into parts, and adds it to the document if it holds a reference.
func (w *walker) addScalar(n *yaml.Node, e extent, key bool) {
	s := scalar{node: n, extent: e, unbraced: !w.doc.delimiters.containedIn(n.Value)}
	switch d := w.doc.file.Dialect; {
	case d == DialectAtlas && s.unbraced && strings.HasPrefix(n.Value, atlasSign),
		d == DialectMage && !s.unbraced && n.Style&^yaml.TaggedStyle == 0:
		s.typedBy = d
	}
	if s.unbraced {
		s.parts = w.yamlURIParts(n, e)
	} else {
		decode := func(raw string, multiline bool) string { return decodeRegion(raw, n.Style, multiline) }
		parts, ok := w.splitValue(n.Value, max(e.start, e.contentStart), e.end, decode)
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
		if !w.problems.full() {
			w.problems = append(w.problems, Problem{p.pos, p.text, errKey()})
		}
	}
}

// errKey returns the error of a reference in a key.
func errKey() *backend.Error {
	return backend.Errorf(backend.CodeInvalid,
		"a key cannot hold a reference").WithHint("use references in values only")
}

func (w *walker) yamlURIParts(n *yaml.Node, e extent) []part {
	at := e.start
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		at++
	}
	return w.uriParts(n.Value, at, e.start, e.end)
}

// uriParts parses a value that begins like a reference without braces. The value is at offset at, in a scalar from
// start to end.
func (w *walker) uriParts(value string, at, start, end int) []part {
	if strings.ContainsAny(value, " \t\r\n") {
		text, _, _ := strings.Cut(value, "\n")
		w.addWarning(at, text,
			backend.Errorf(backend.CodeInvalid, "a reference without braces must be the whole value").
				WithHint("write {{ }} around the reference"))
		return nil
	}
	ref, err := parseUnbraced(value)
	if err != nil {
		w.addProblem(at, value, backend.AsError(err))
		return nil
	}
	return []part{{
		text: value, parserText: value, expr: expr.New(ref), pos: w.lines.position(at), start: start, end: end,
	}}
}
