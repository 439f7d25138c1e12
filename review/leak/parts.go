// SPDX-License-Identifier: MPL-2.0

package leak

import (
	"bytes"
	"slices"
)

// span is a part of a text.
type span struct {
	start, end int
	named      bool // a value in it has the name of a credential
	generic    bool // a value in it can be one that the generic rule reports
}

// The lengths of the parts, in bytes. The name before a value and the signs between them are shorter than before; the
// longest token that a rule matches is shorter than longest.
const (
	before      = 160
	longest     = 2048
	after       = 8
	longestPEM  = 16 << 10
	curlLines   = 6 // the lines of a command that a rule looks at
	longestLine = 2048
)

// parts returns the parts of a text that can hold a secret, sorted and apart: random text with the name before it,
// private keys, and commands with a password.
func (s *shape) parts(data []byte) (text string, parts []span) {
	var runs []span
	s.runs(data, func(start, end int) { runs = append(runs, span{start: start, end: end}) })
	each(data, "-----BEGIN", func(at int) int {
		parts = append(parts, span{start: at, end: at + longestPEM})
		return at + 1
	})
	each(data, "curl", func(at int) int {
		var ends [curlLines]int // of the lines from this one on
		end := at
		for i := range ends {
			line, _, _ := bytes.Cut(data[end:min(len(data), end+longestLine)], []byte("\n"))
			end = min(len(data), end+len(line)+1)
			ends[i] = end
		}
		parts = append(parts, span{start: max(0, at-1), end: end})
		return ends[0] // the rest of the line has the same lines after it
	})
	if len(runs)+len(parts) == 0 {
		return "", nil
	}
	text = string(data)
	f := &filter{text: text, secretData: isSecretOfKubernetes(text)}
	for _, r := range runs {
		named := f.canBeNamed(r.start)
		parts = append(parts, span{start: max(0, r.start-before), end: min(r.end, r.start+longest) + after,
			named: named, generic: named && f.canBeGeneric(r)})
	}
	return text, joinSpans(parts, len(text))
}

// each calls f for each place where a text has a word. It goes on where f says.
func each(text []byte, word string, f func(at int) (next int)) {
	for at := 0; at < len(text); {
		next := bytes.Index(text[at:], []byte(word))
		if next < 0 {
			return
		}
		at = f(at + next)
	}
}

// joinSpans sorts spans and joins those that touch, so that each byte is in one span.
func joinSpans(spans []span, length int) []span {
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	out := spans[:0]
	for _, s := range spans {
		s.end = min(s.end, length)
		if n := len(out); n > 0 && s.start <= out[n-1].end {
			out[n-1].end = max(out[n-1].end, s.end)
			out[n-1].named = out[n-1].named || s.named
			out[n-1].generic = out[n-1].generic || s.generic
			continue
		}
		out = append(out, s)
	}
	return out
}
