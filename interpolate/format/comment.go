// SPDX-License-Identifier: MPL-2.0

package format

import (
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// IsJinjaComment reports whether a part is {# … #}.
func (p *Part) IsJinjaComment() bool { return p.isLiteral() && strings.HasPrefix(p.Text, "{#") }

// IsGoComment reports whether a part is {{/* … */}}, without signs that trim white space.
func (p *Part) IsGoComment() bool {
	return p.isLiteral() && strings.HasPrefix(p.Text, "{{/*") && strings.HasSuffix(p.Text, "*/}}")
}

func (p *Part) isLiteral() bool { return p.Region != nil && p.Region.Literal }

// CommentAtEdge reports whether a text without quotes begins or ends with a comment of another tool and white space.
// The tool removes the comment, so in quotes the white space would become a part of the value.
func CommentAtEdge(parts []Part) bool {
	first, last := edge{}, edge{}
	for i := 0; i < len(parts) && first.add(&parts[i], strings.TrimLeft); i++ {
	}
	for i := len(parts) - 1; i >= 0 && last.add(&parts[i], strings.TrimRight); i-- {
	}
	return first == edge{true, true} || last == edge{true, true}
}

// edge is the beginning or the end of a text: what stands there besides its value.
type edge struct{ comment, blank bool }

// add notes what a part adds to the edge. It returns false if the value begins in the part.
func (e *edge) add(p *Part, trim func(text, cutset string) string) bool {
	if p.Region != nil {
		e.comment = e.comment || p.IsJinjaComment() || p.IsGoComment()
		return p.IsJinjaComment() || p.IsGoComment()
	}
	rest := trim(p.Text, Blanks)
	e.blank = e.blank || rest != p.Text
	return rest == ""
}

// ErrComment returns the error of a text for which CommentAtEdge is true.
func ErrComment() *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "the white space between the value and a comment of another tool would "+
		"become a part of the value").
		WithHint("write the comment on its own line, or choose the dialect jinja in a YAML file")
}
