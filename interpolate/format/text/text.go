// SPDX-License-Identifier: MPL-2.0

// Package text is the format of plain text, and of templates of other tools.
//
// Plain text has no syntax, so every value replaces its expression as it is.
//
// A template (a Helm chart, a file with Jinja) becomes YAML or another format only after its tool has filled it in.
// Before that, nobody knows where its strings begin and end: a line can be in a block, in quotes, or in a comment. So
// only values that mean the same in all these positions are allowed, and the error for other values says why.
package text

import (
	"bytes"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/interpolate/format"
)

// file is plain text or a template.
type file struct {
	template bool
	src      *format.Source
	scalars  []format.Scalar // each holds one region
}

// New returns the format of plain text for one file.
func New() format.Format { return &file{} }

// NewTemplate returns the format for one file that is a template.
func NewTemplate() format.Format { return &file{template: true} }

// Scan implements format.Format. A control statement is never a reference.
func (f *file) Scan(src *format.Source) ([]format.Scalar, error) {
	f.src = src
	comments := f.comments()
	for i := range src.Regions {
		r := &src.Regions[i]
		if r.Control || r.Literal || comments.contain(r.Start) {
			continue
		}
		part := format.Part{Text: string(src.Data[r.Start:r.End]), Region: r}
		if !r.Unclosed {
			part.Trimmed = f.trimmed(&part)
		}
		f.scalars = append(f.scalars, format.Scalar{Plain: f.template, Parts: []format.Part{part}})
	}
	f.addURIs()
	return f.scalars, nil
}

// trimmed returns the white space that goes with a region, or nil. In a template, it stays on its line.
func (f *file) trimmed(p *format.Part) *format.Trimmed {
	before, after := f.src.Trims(p.Region, p.Text)
	if !before && !after {
		return nil
	}
	data, remove := f.src.Data, format.Blanks
	if f.template {
		remove = " \t"
	}
	t := &format.Trimmed{Start: p.Region.Start, End: p.Region.End}
	if before {
		t.Start = len(bytes.TrimRight(data[:t.Start], remove))
	}
	if after {
		t.End = len(data) - len(bytes.TrimLeft(data[t.End:], remove))
	}
	return t
}

// comments returns the comments of the file.
func (f *file) comments() *comments {
	if !f.template {
		return &comments{}
	}
	return &comments{data: f.src.Data}
}

// comments recognises the comments of a template: lines that begin with "#", as in YAML, TOML, shells and most other
// formats. The zero value has none, for plain text.
type comments struct {
	data      []byte
	at        int  // the offset of the last call
	inComment bool // whether the line of that offset is a comment
}

// contain reports whether an offset is in a comment. The offsets of the calls must rise.
func (c *comments) contain(offset int) bool {
	if c.data == nil {
		return false
	}
	if i := bytes.LastIndexByte(c.data[c.at:offset], '\n'); i >= 0 || c.at == 0 {
		line := c.data[c.at+i+1 : offset+1]
		c.inComment = bytes.HasPrefix(bytes.TrimLeft(line, format.ByteOrderMark+" \t"), []byte("#"))
	}
	c.at = offset
	return c.inComment
}

// addURIs adds URIs without braces. They are references only if they are a whole value, and a text or template does
// not show what a whole value is.
func (f *file) addURIs() {
	data, regions, comments, scheme := f.src.Data, f.src.Regions, f.comments(), f.src.Prefixes[0]
	for at := 0; ; {
		next := bytes.Index(data[at:], []byte(scheme))
		if next < 0 {
			return
		}
		start := at + next
		at = start + len(scheme)
		for len(regions) > 0 && regions[0].End <= start {
			regions = regions[1:]
		}
		if len(regions) > 0 && regions[0].Start < start || comments.contain(start) {
			continue
		}
		uri := scheme
		if end := bytes.IndexAny(data[at:], " \t\r\n\"'<>"); end >= 0 {
			uri = string(data[start : at+end])
		}
		f.scalars = append(f.scalars, format.Scalar{
			Start: start, Parts: []format.Part{{Text: uri}}, Warning: !f.template,
			Err: backend.Errorf(backend.CodeInvalid, "a URI without braces is not supported in text and templates").
				WithHint("write {{ }} around the URI"),
		})
	}
}

// Write implements format.Format.
func (f *file) Write(edits []format.Edit, scalar int, values []format.Value) ([]format.Edit, *backend.Error) {
	p, text := &f.scalars[scalar].Parts[0], values[0].Text
	if f.template {
		var err *backend.Error
		if text, err = Inert(f.src, f.src.Notice, p, &values[0]); err != nil {
			return edits, err
		}
	}
	return append(edits, p.Edit(text)), nil
}

// Compare implements format.Format. There is nothing to compare: the text between the edits is not parsed.
func (f *file) Compare([]format.Edit) error { return nil }
