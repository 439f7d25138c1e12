// SPDX-License-Identifier: MPL-2.0

package yaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// file is a YAML file, with one document or several.
type file struct {
	src             *format.Source
	input           []byte       // the file with placeholders, as the parser reads it
	outline         *outline     // of input; nil if it has no outline and was parsed
	roots           []*yaml.Node // of input; nil if it has an outline
	scalars         []format.Scalar
	scalarPositions []scalarPosition // of the scalars

	foreign, foreignKnown bool // see hasForeign
}

var _ format.Format = (*file)(nil)

// New returns the format for one file.
func New() format.Format { return &file{} }

// scalarPosition is where a scalar stands in the file, and its node. Write turns the node into the node that the result
// must have.
type scalarPosition struct {
	node *yaml.Node // nil if the scalar has no parts
	extent
}

// A view decides which regions of a file become placeholders. The right choice cannot be known: a foreign expression
// can be a value or a control statement, and braces can be YAML's own. The first view in which the file parses is
// used. The check of the result is the same in every view.
type view struct {
	showControl   bool // control statements become text instead of comments
	showMultiline bool // regions that span lines stay as they are
	showForeign   bool // foreign expressions stay as they are
}

var views = []view{
	{}, {showControl: true}, {showMultiline: true}, {showMultiline: true, showControl: true},
	{showForeign: true}, {showForeign: true, showMultiline: true},
}

// hiddenRegions returns the regions that become placeholders. A region that spans lines and stays as it is counts as
// unclosed, so that a reference in it is reported and never left in the file silently.
func (v view) hiddenRegions(regions []format.Region, foreign map[int]bool, removed map[int]int) []format.Region {
	out := make([]format.Region, 0, len(regions))
	for _, r := range regions {
		if foreign[r.Start] || removed[r.Start] > 0 || v.showForeign && !r.MentionsCall {
			continue
		}
		if v.showMultiline && r.Multiline {
			r = format.Region{Start: r.Start, End: r.Start + 2, MentionsCall: true, Unclosed: true}
		}
		r.AsComment = r.Control && !v.showControl
		out = append(out, r)
	}
	return out
}

// IsScalar reports whether the file is one document that consists of a scalar.
func (f *file) IsScalar() bool {
	if o := f.outline; o != nil {
		return len(o.rows) == 1 && len(o.prefix(&o.rows[0])) == 0
	}
	return len(f.roots) == 1 && len(f.roots[0].Content) == 1 && f.roots[0].Content[0].Kind == yaml.ScalarNode
}

// Scan implements format.Format. The file is not YAML if it is not valid in any view.
func (f *file) Scan(src *format.Source) ([]format.Scalar, error) {
	f.src = src
	delimiters, err := format.ChooseDelimiters(src.Data)
	if err != nil {
		return nil, err
	}
	var first error
	for _, v := range views {
		err := f.scanView(v, delimiters)
		if err == nil {
			return f.scalars, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, parseError(first)
}

// errUnpairedBraces is the error of a view that takes two braces for a pair although they are not within one value.
var errUnpairedBraces = errors.New("unpaired braces")

// maxCorrections limits how often a file is read again in one view. Two are enough for every file that is not made to
// need more.
const maxCorrections = 10

// scanView scans the file in one view. It returns an error if the view is wrong. If a region that spans lines turns
// out to be foreign, hiding it was wrong: the file is then read again, and that region stays as it is.
func (f *file) scanView(v view, delimiters format.Delimiters) error {
	foreign, removed := map[int]bool{}, map[int]int{}
	for range maxCorrections {
		hidden := v.hiddenRegions(f.src.Regions, foreign, removed)
		f.input = insertPlaceholders(f.src.Data, hidden, delimiters)
		for start, end := range removed {
			copy(f.input[start:end], bytes.Repeat([]byte(" "), end-start))
		}
		f.roots, f.scalars, f.scalarPositions = nil, nil, nil
		w := walker{file: f, locator: newLocator(f.input), Placeholders: format.Placeholders{
			Delimiters: delimiters, Source: f.src, Regions: hidden,
		}}
		if !w.useOutline() {
			roots, err := parse(f.input)
			if err != nil {
				return err
			}
			f.roots = roots
			w.walk()
		}
		switch {
		case w.unpaired:
			return errUnpairedBraces
		case len(w.foreign) == 0 && !f.noteComments(removed):
			return nil
		}
		maps.Copy(foreign, w.foreign)
	}
	return errUnpairedBraces
}

// noteComments notes where the comments of a template begin and end which are at the beginning or the end of a scalar
// without quotes. It returns false without one. The tool removes them, so they are no part of the value. Other formats
// have {# … #} too, so that it only counts as a comment if the dialect says so. Otherwise the scalar has an error.
func (f *file) noteComments(removed map[int]int) (found bool) {
	if !slices.ContainsFunc(f.src.Regions, func(r format.Region) bool { return r.Literal }) {
		return false
	}
	for i := range f.scalars {
		s := &f.scalars[i]
		if !s.Plain || s.Key || !f.hasReference(s.Parts) {
			continue
		}
		note := func(p *format.Part) bool {
			isComment := p.IsGoComment() || f.src.RemovesComments && p.IsJinjaComment()
			if isComment {
				removed[p.Region.Start], found = p.Region.End, true
			}
			return isComment || p.Region == nil && strings.Trim(p.Text, format.Blanks) == ""
		}
		for k := 0; k < len(s.Parts) && note(&s.Parts[k]); k++ {
		}
		for k := len(s.Parts) - 1; k >= 0 && note(&s.Parts[k]); k-- {
		}
		if format.CommentAtEdge(s.Parts) {
			first := slices.IndexFunc(s.Parts, func(p format.Part) bool { return p.Region != nil })
			s.Start, s.Err = s.Parts[first].Region.Start, format.ErrComment()
		}
	}
	return found
}

func (f *file) hasReference(parts []format.Part) bool {
	return slices.ContainsFunc(parts, func(p format.Part) bool {
		return p.Region != nil && f.src.IsReference(p.Region, p.Text)
	})
}

// parseError returns the error of a file that is not YAML.
func parseError(err error) *format.ParseError {
	out := &format.ParseError{}
	var load *yaml.LoadError
	if errors.As(err, &load) {
		out.Reason = load.Message
		if load.Mark.Line > 0 {
			out.Line, out.Column = load.Mark.Line, max(1, load.Mark.Column)
		}
	}
	if errors.Is(err, errTooDeep) {
		out.Err = backend.Errorf(backend.CodeTooLarge,
			"the file has references and more than %d nested mappings and sequences", MaxNesting).
			WithHint("move the nested data to a file without references")
	}
	return out
}

// parse parses every document of a text to nodes. It does not decode to Go values: that would follow aliases, and
// take quadratic time for a wide mapping.
func parse(text []byte) ([]*yaml.Node, error) {
	depth := &nesting{}
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithPlugin(depth))
	if err != nil {
		return nil, err
	}
	var roots []*yaml.Node
	for {
		root := new(yaml.Node)
		switch err := loader.Load(root); {
		case errors.Is(err, io.EOF):
			return roots, nil
		case err != nil && depth.refused:
			return nil, errors.Join(errTooDeep, err)
		case err != nil:
			return nil, err
		}
		roots = append(roots, root)
	}
}

// parseScalar parses a text that is a single scalar. It returns nil for any other text.
func parseScalar(text []byte) *yaml.Node {
	roots, err := parse(text)
	if err != nil || len(roots) != 1 || len(roots[0].Content) != 1 || roots[0].Content[0].Kind != yaml.ScalarNode {
		return nil
	}
	return roots[0].Content[0]
}

// PlainType returns the type of a text as a plain scalar. It is a string if the text is not a plain scalar.
func PlainType(text string) format.Type {
	n := parseScalar([]byte(text))
	if n == nil || n.Style != 0 || n.Value != text {
		return format.String
	}
	switch n.Tag {
	case "!!int":
		return format.Int
	case "!!float":
		return format.Float
	case "!!bool":
		return format.Bool
	case "!!null":
		return format.Null
	}
	return format.String
}

// MaxNesting is the deepest nesting of mappings and sequences.
const MaxNesting = 10_000

var errTooDeep = errors.New("nested too deeply")

// nesting is a plug-in of the parser. It refuses a text that is nested too deeply, and records that it did.
type nesting struct{ refused bool }

// CheckDepth implements yaml.LoaderLimitsPlugin.
func (n *nesting) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth <= MaxNesting {
		return nil
	}
	n.refused = true
	return fmt.Errorf("more than %d nested mappings and sequences", MaxNesting)
}

// CheckAlias implements yaml.LoaderLimitsPlugin. It accepts any number of aliases, because they are never followed.
func (n *nesting) CheckAlias(int, int) error { return nil }

// Forbids reports whether r is a control character that YAML does not allow, except as an escape.
func Forbids(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff
}
