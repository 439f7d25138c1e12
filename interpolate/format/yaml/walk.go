// SPDX-License-Identifier: MPL-2.0

package yaml

import (
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// walker collects the scalars with regions from the trees or from the outline of a file.
type walker struct {
	file *file
	format.Placeholders
	locator  *locator
	indexes  map[*yaml.Node]int  // of the scalars, for aliases; nil if the file has no aliases
	foreign  map[int]bool        // the offsets of foreign regions that span lines
	encoded  map[*yaml.Node]bool // the values of Kubernetes Secrets
	unpaired bool                // a placeholder is not within one value
}

func (w *walker) walk() {
	w.indexes = map[*yaml.Node]int{}
	for _, root := range w.file.roots {
		w.visit(root, false, "")
	}
}

// visit visits a node and all nodes below it. It does not follow aliases, so no alias can make the walk longer than
// the file; the node that an alias stands for is visited at its own position. It does not look at anchors and tags:
// the parser rejects delimiters in them, so a reference there is already an error.
//
// name is the key that the node is the value of.
func (w *walker) visit(n *yaml.Node, key bool, name string) {
	switch n.Kind {
	case yaml.ScalarNode:
		if w.ContainedIn(n.Value) || w.file.src.IsUnbraced(n.Value) || w.encoded[n] || w.file.src.MayBeFile(name, n.Value) {
			w.locateScalar(n, key, name)
		}
	case yaml.AliasNode:
		if i, ok := w.indexes[n.Alias]; ok && key {
			w.add(format.Scalar{Key: true, Alias: i + 1, Start: w.offset(n)}, scalarPosition{})
		}
	case yaml.MappingNode:
		w.noteEncoded(n)
		for i, c := range n.Content {
			name := ""
			if i%2 == 1 {
				name = n.Content[i-1].Value
			}
			w.visit(c, key || i%2 == 0, name)
		}
	default:
		for _, c := range n.Content {
			w.visit(c, key, "")
		}
	}
}

// offset returns the offset of a node whose extent is not known.
func (w *walker) offset(n *yaml.Node) int {
	offset, _ := w.locator.offset(n.Line, n.Column)
	return offset
}

func (w *walker) add(s format.Scalar, p scalarPosition) {
	w.file.scalars = append(w.file.scalars, s)
	w.file.scalarPositions = append(w.file.scalarPositions, p)
}

// locateScalar locates a scalar in the text, and adds it.
func (w *walker) locateScalar(n *yaml.Node, key bool, name string) {
	e, ok := w.locator.extent(n)
	if !ok {
		w.add(format.Scalar{Start: w.offset(n), Err: backend.Errorf(backend.CodeInvalid,
			"the value with the reference cannot be located").WithHint("write it on one line, in double quotes")},
			scalarPosition{})
		return
	}
	w.addScalar(n, e, key, name)
}

// addScalar splits the scalar at e into parts, and adds it.
func (w *walker) addScalar(n *yaml.Node, e extent, key bool, name string) {
	s := format.Scalar{Key: key, Name: name, Plain: n.Style&^yaml.TaggedStyle == 0, Text: isText(n)}
	if !w.ContainedIn(n.Value) {
		s.Unbraced = w.file.src.IsUnbraced(n.Value)
		s.Encoded, s.Unencoded = w.encoded[n] && !s.Unbraced, w.encoded[n] && s.Unbraced
		s.Parts = []format.Part{{Text: n.Value, Placeholder: n.Value}}
		if s.Start = e.start; n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			s.Start++
		}
	} else {
		decode := func(raw string, multiline bool) string { return decodeRegion(raw, n.Style, multiline) }
		var ok bool
		if s.Parts, ok = w.Split(n.Value, max(e.start, e.contentStart), e.end, decode); !ok {
			w.unpaired = true
			return
		}
		w.noteForeign(s.Parts)
		s.Unencoded = w.encoded[n]
	}
	if w.indexes != nil {
		w.indexes[n] = len(w.file.scalars)
	}
	w.add(s, scalarPosition{n, e})
}

// isText reports whether a scalar has an explicit tag, other than the tags of numbers, booleans and null.
func isText(n *yaml.Node) bool {
	return isTagged(n) && !slices.Contains([]string{"!!int", "!!float", "!!bool", "!!null"}, n.Tag)
}

// noteForeign notes the foreign regions that span lines.
func (w *walker) noteForeign(parts []format.Part) {
	for i := range parts {
		r := parts[i].Region
		if r == nil || !r.Multiline || w.file.src.IsReference(r, parts[i].Text) {
			continue
		}
		if w.foreign == nil {
			w.foreign = map[int]bool{}
		}
		w.foreign[r.Start] = true
	}
}
