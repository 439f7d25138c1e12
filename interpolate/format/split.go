// SPDX-License-Identifier: MPL-2.0

package format

import (
	"bytes"
	"slices"
	"sort"
	"strings"
)

// Placeholders are the placeholders in a copy of a file.
type Placeholders struct {
	Delimiters
	Source  *Source
	Regions []Region // what the placeholders stand for
}

// Split splits the value of a scalar at its delimiters. The text of the scalar begins at from and ends at to. Each pair
// of delimiters belongs to one region of that text, in the same order. Split returns false if that is not the case: for
// example, if a region begins in a comment and ends in this value. decode removes the escapes and line folds from a
// region, as a parser does for the string around it.
func (p *Placeholders) Split(value string, from, to int, decode func(raw string, multiline bool) string) (
	[]Part, bool,
) {
	first := sort.Search(len(p.Regions), func(i int) bool { return p.Regions[i].Start >= from })
	regions := p.Regions[first:]
	var out []Part
	var marks []mark
	for rest := value; rest != ""; {
		at := p.Index(rest)
		if at < 0 {
			return p.trim(append(out, Part{Text: rest, Placeholder: rest}), marks, from, to), true
		}
		if len(regions) == 0 || strings.HasPrefix(rest[at:], p.Close) {
			return nil, false
		}
		r := &regions[0]
		regions = regions[1:]
		if r.AsComment {
			at-- // the "#" before the delimiter belongs to the placeholder
		}
		if at > 0 {
			out = append(out, Part{Text: rest[:at], Placeholder: rest[:at]})
			rest = rest[at:]
		}
		end := len(p.Unclosed)
		text := string(p.Source.Data[r.Start:r.End])
		if !r.Unclosed {
			c := strings.Index(rest, p.Close)
			if c < 0 {
				return nil, false
			}
			end = c + len(p.Close)
			text = decode(text, r.Multiline)
		}
		part := Part{Text: text, Placeholder: rest[:end], Region: r}
		if before, after := p.Source.Trims(r, text); before || after {
			part.Trimmed = &Trimmed{Start: r.Start, End: r.End}
			marks = append(marks, mark{len(out), before, after})
		}
		out = append(out, part)
		rest = rest[end:]
	}
	return p.trim(out, marks, from, to), true
}

// mark says which white space around a part goes with it.
type mark struct {
	part          int
	before, after bool
}

// trim removes the white space that goes with regions from the texts around them. The white space in the file becomes a
// part of the region, so that an edit removes it too. It begins at from and ends at to.
func (p *Placeholders) trim(parts []Part, marks []mark, from, to int) []Part {
	if len(marks) == 0 {
		return parts
	}
	data := p.Source.Data
	for _, m := range marks {
		i := m.part
		part, t := &parts[i], parts[i].Trimmed
		if m.before && i > 0 && parts[i-1].Region == nil {
			start := t.Start
			for start > from && isBlank(data[start-1]) {
				start--
			}
			text := trimEnd(parts[i-1].Text, data[start:t.Start])
			t.Before = parts[i-1].Text[len(text):]
			parts[i-1].Text, parts[i-1].Placeholder = text, text
			t.Start, part.Placeholder = start, t.Before+part.Placeholder
		}
		if m.after && i+1 < len(parts) && parts[i+1].Region == nil {
			end := t.End
			for end < to && isBlank(data[end]) {
				end++
			}
			text := trimStart(parts[i+1].Text, data[t.End:end])
			t.After = parts[i+1].Text[:len(parts[i+1].Text)-len(text)]
			parts[i+1].Text, parts[i+1].Placeholder = text, text
			t.End, part.Placeholder = end, part.Placeholder+t.After
		}
	}
	return slices.DeleteFunc(parts, func(p Part) bool { return p.Region == nil && p.Placeholder == "" })
}

// Blanks are the white space that goes with a region.
const Blanks = " \t\r\n"

func isBlank(c byte) bool { return strings.IndexByte(Blanks, c) >= 0 }

// trimEnd removes from the end of a text what the blanks in the file became. Without a line break, each is one
// character. A line break is folded in several styles.
func trimEnd(text string, inFile []byte) string {
	if bytes.ContainsAny(inFile, "\r\n") {
		return strings.TrimRight(text, Blanks)
	}
	return strings.TrimSuffix(text, string(inFile))
}

// trimStart removes from the start of a text what the blanks in the file became.
func trimStart(text string, inFile []byte) string {
	if bytes.ContainsAny(inFile, "\r\n") {
		return strings.TrimLeft(text, Blanks)
	}
	return strings.TrimPrefix(text, string(inFile))
}
