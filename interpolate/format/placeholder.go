// SPDX-License-Identifier: MPL-2.0

package format

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// A YAML parser reads an expression without quotes as a mapping in a mapping, and an expression with quotes can end
// the string around it. So the parser reads a copy of the file, in which a placeholder of the same length replaces
// every expression: an opening delimiter, letters, and a closing delimiter. A delimiter is a letter that does not
// occur in the file. It has two bytes, like the braces that it replaces. So the offsets in the copy are the offsets
// in the file, and the delimiters in the value of a scalar show where its expressions are.

// Delimiters are the letters that replace braces in the copy.
type Delimiters struct {
	Open, Close string
	Unclosed    string // replaces opening braces without closing ones
}

// ContainedIn reports whether s holds a delimiter.
func (d Delimiters) ContainedIn(s string) bool {
	return strings.Contains(s, d.Open) || strings.Contains(s, d.Close) || strings.Contains(s, d.Unclosed)
}

// Index returns the offset of the first delimiter in s, or -1.
func (d Delimiters) Index(s string) int { return strings.IndexAny(s, d.Open+d.Close+d.Unclosed) }

// Delimiters are chosen from these letters, Latin to Nko. All have two bytes in UTF-8. None of them is white space, a
// line break or a special character of YAML.
const firstDelimiter, lastDelimiter = 0x100, 0x7ff

// ChooseDelimiters chooses letters that the file does not hold, neither as they are nor as an escape in a
// double-quoted scalar. Its error is a Refusal of a file that holds too many of them.
func ChooseDelimiters(data []byte) (Delimiters, error) {
	var used [lastDelimiter + 1]bool
	for i := 0; i < len(data); {
		switch c := data[i]; {
		case c == '\\' && i+1 < len(data):
			if n := escapedRune(data[i+1:]); n <= lastDelimiter {
				used[n] = true
			}
			i++
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(data[i:])
			if r <= lastDelimiter {
				used[r] = true
			}
			i += n
		}
	}
	var free []string
	for r := rune(firstDelimiter); r <= lastDelimiter; r++ {
		if !used[r] {
			free = append(free, string(r))
			if len(free) == 3 {
				return Delimiters{free[0], free[1], free[2]}, nil
			}
		}
	}
	return Delimiters{}, &Refusal{Err: backend.Errorf(backend.CodeInvalid,
		"the file has references and nearly all letters from U+0100 to U+07FF").WithHint("split the file")}
}

// escapedRune returns the code point of the hexadecimal escape at the beginning of b, without its backslash. It
// returns 0 for other text.
func escapedRune(b []byte) uint64 {
	digits := 0
	switch b[0] {
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	}
	if digits == 0 || len(b) < 1+digits {
		return 0
	}
	n, err := strconv.ParseUint(string(b[1:1+digits]), 16, 32)
	if err != nil {
		return 0
	}
	return n
}
