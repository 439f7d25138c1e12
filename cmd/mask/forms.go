// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// Least is the length of the shortest text that is masked, in bytes. Masking every letter "a" would hide nothing and
// make the output unreadable.
const Least = 4

// leaf is a string or a number in JSON.
type leaf struct {
	text     string
	isNumber bool
}

// leaves returns the strings and numbers in a value that is a JSON object, array or string. A string that is JSON
// itself is a leaf, and so are the strings in it. Names of fields, booleans and null are not secret.
func leaves(value string) []leaf {
	var out []leaf
	var visit func(v any)
	visitText := func(s string) {
		if trimmed := strings.TrimSpace(s); trimmed == "" || !strings.ContainsRune(`{["`, rune(trimmed[0])) {
			return
		}
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		var v any
		if d.Decode(&v) == nil && !d.More() {
			visit(v)
		}
	}
	visit = func(v any) {
		switch v := v.(type) {
		case string:
			out = append(out, leaf{v, false})
			visitText(v)
		case json.Number:
			out = append(out, leaf{v.String(), true})
		case []any:
			for _, x := range v {
				visit(x)
			}
		case map[string]any:
			for _, x := range v {
				visit(x)
			}
		}
	}
	visitText(value)
	return out
}

// TooShort reports whether a value, or a string in a value that is JSON, is too short to be masked.
func TooShort(value string) bool {
	short := func(s string) bool { return 0 < len(s) && len(s) < Least }
	return short(value) ||
		slices.ContainsFunc(leaves(value), func(l leaf) bool { return !l.isNumber && short(l.text) })
}

// texts returns the texts that are masked for a value: the value, without white space at its ends, with the line ends
// of other systems, its lines, and its JSON leaves.
func texts(value string) []string {
	seen := map[string]bool{}
	var out []string
	add := func(s string) {
		if len(s) >= Least && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	addLines := func(s string) {
		add(s)
		add(strings.TrimRight(s, "\r\n"))
		add(strings.TrimSpace(s))
		if !strings.ContainsAny(s, "\r\n") {
			return
		}
		unix := strings.ReplaceAll(s, "\r\n", "\n")
		add(unix)
		add(strings.ReplaceAll(unix, "\n", "\r\n"))
		for line := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '\r' || r == '\n' }) {
			add(line)
			add(strings.TrimSpace(line))
		}
	}
	addLines(value)
	for _, l := range leaves(value) {
		addLines(l.text)
	}
	return out
}

// patterns returns a text, and what it is in hexadecimal and in base64. The other forms are decoded: see decoders.
func patterns(text string) []pattern {
	lower := hex.EncodeToString([]byte(text))
	out := []pattern{{text, ""}, {lower, ""}, {strings.ToUpper(lower), ""}}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			out = append(out, base64Patterns(encoding, text, before)...)
		}
	}
	return out
}

// base64Patterns returns the base64 characters that hold text in a longer text with a length of 3n+before bytes in
// front of it. The first character, if it holds bits of the text in front as well, is not part of the patterns: it
// would make them 16 times as many, and it holds 4 bits of the first byte or fewer. The last character may hold bits
// of the text that follows, so there is a pattern for each of its values.
func base64Patterns(encoding *base64.Encoding, text string, before int) []pattern {
	encoded := encoding.EncodeToString([]byte(strings.Repeat("\x00", before) + text))
	first := (before*8 + 5) / 6
	full, rest := (before+len(text))*8/6, (before+len(text))*8%6
	if rest == 0 {
		return []pattern{{encoded[first:], ""}}
	}
	last := encoded[full:]
	base := strings.Index(alphabet(encoding), last)
	out := []pattern{{encoded[first:full], ""}}
	for i := range 1 << (6 - rest) {
		out = append(out, pattern{encoded[first:full], alphabet(encoding)[base+i : base+i+1]})
	}
	return append(out, pattern{encoded[first:full], last + "==="[:4-len(encoded)%4]})
}

func alphabet(encoding *base64.Encoding) string {
	if encoding == base64.RawURLEncoding {
		return letters + "-_"
	}
	return letters + "+/"
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
