// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
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

// TooShort reports whether a value, or a string in a value that is JSON, is too short to be masked. White space at its
// ends does not count, because programs remove it.
func TooShort(value string) bool {
	short := func(s string) bool { s = strings.TrimSpace(s); return 0 < len(s) && len(s) < Least }
	return short(value) ||
		slices.ContainsFunc(leaves(value), func(l leaf) bool { return !l.isNumber && short(l.text) })
}

// text is a text to mask.
type text struct {
	string
	encoded bool // mask it in hexadecimal and base64 too
	inJSON  bool // mask it in JSON that is encoded in base64 too
}

// texts returns the texts to mask for a value. They are the value, its JSON leaves, and the lines of both. Each of them
// is masked without white space at its ends, with the line ends of other systems, and with its blanks collapsed, as a
// shell prints an unquoted variable. Escapes in a value are decoded as well, because the program may decode them.
func texts(value string) []text {
	var out []text
	seen := map[string]bool{}
	add := func(t text) {
		if len(t.string) >= Least && !seen[t.string] && !slices.Contains(notSecret, strings.TrimSpace(t.string)) {
			seen[t.string] = true
			out = append(out, t)
		}
	}
	addTrimmed := func(t text) {
		add(t)
		add(text{strings.TrimRight(t.string, "\r\n"), t.encoded, t.inJSON})
		add(text{strings.TrimSpace(t.string), t.encoded, t.inJSON})
	}
	addCollapsed := func(s string) {
		inShell := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' })
		add(text{string: strings.Join(inShell, " ")})
		add(text{string: strings.Join(strings.Fields(s), " ")})
	}
	addLines := func(s string, encoded bool) {
		addCollapsed(s)
		if !strings.ContainsAny(s, "\r\n") {
			return
		}
		for line := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == '\r' || r == '\n' }) {
			addTrimmed(text{string: line, encoded: encoded})
			addCollapsed(line)
		}
		unix := strings.ReplaceAll(s, "\r\n", "\n")
		add(text{string: unix})
		add(text{string: strings.ReplaceAll(unix, "\n", "\r\n")})
	}
	inside := leaves(value)
	all := append([]leaf{{text: value}}, inside...)
	for i, l := range all {
		addTrimmed(text{l.text, true, i > 0 || len(inside) == 0})
	}
	for _, l := range all {
		if l.isNumber {
			for _, n := range spellings(l.text) {
				add(text{string: n})
			}
			continue
		}
		addLines(l.text, true)
		for _, decode := range []decoder{slashes.decode, percent(false)} {
			decoded := decodeAll(decode, l.text)
			addTrimmed(text{string: decoded})
			addLines(decoded, false)
		}
	}
	return out
}

// notSecret are the words for booleans and for no value. They are not masked, because they are in many outputs.
var notSecret = []string{"true", "false", "null"}

// parts cuts a long text into parts that overlap. A search for all parts masks the whole text. But a search for short
// texts needs less memory, and fewer bytes of the output wait for the rest of a secret.
func parts(text string) []string {
	var out []string
	start := 0
	for i := shortestPart; i+shortestPart < len(text); i++ {
		if n := i - start; n >= longestPart || n >= shortestPart && endsPart(text[i-2], text[i-1]) {
			out = append(out, text[start:i+overlap])
			start = i
		}
	}
	return append(out, text[start:])
}

// endsPart reports whether a part ends after two bytes: after a line break, an escaped one, and about each 64th byte.
// The same bytes end a part in all texts. So similar texts, such as a value and a line of it, share most parts.
func endsPart(a, b byte) bool { return b == '\n' || a == '\\' && b == 'n' || (a<<3^b)%64 == 0 }

const (
	shortestPart = 64
	longestPart  = 128
	overlap      = 16 // so that an escape between two parts is masked with one of them
)

// spellings returns a JSON number as it is, and as Go, Java, JavaScript, Python and jq print it.
func spellings(number string) []string {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return []string{number}
	}
	scientific := strconv.FormatFloat(f, 'e', -1, 64)
	digits, exponent, _ := strings.Cut(scientific, "e")
	power, _ := strconv.Atoi(exponent)
	out := []string{number, strconv.FormatFloat(f, 'f', -1, 64), scientific}
	short := strconv.Itoa(power)
	for _, e := range []string{"e" + short, "E" + short, "E+" + short} {
		out = append(out, digits+e, digits+".0"+e)
	}
	return out
}

// inJSON returns the spellings of a text in JSON that differ from the text: with escapes for HTML, without them, and in
// ASCII. Other writers escape other letters.
func inJSON(text string) []string {
	var out []string
	add := func(s string) {
		if s != text && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, escapeHTML := range []bool{true, false} {
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(escapeHTML)
		_ = e.Encode(text)
		quoted := b.String()
		quoted = quoted[1 : len(quoted)-2]
		add(quoted)
		if escapeHTML {
			continue
		}
		var ascii strings.Builder
		for _, r := range quoted {
			if r < utf8.RuneSelf {
				ascii.WriteRune(r)
				continue
			}
			for _, unit := range utf16.AppendRune(nil, r) {
				ascii.WriteString(`\u` + hex.EncodeToString(binary.BigEndian.AppendUint16(nil, unit)))
			}
		}
		add(ascii.String())
	}
	return out
}

// hexPatterns returns what a text is in hexadecimal.
func hexPatterns(text string) []pattern {
	lower := hex.EncodeToString([]byte(text))
	return []pattern{{lower, ""}, {strings.ToUpper(lower), ""}}
}

// base64Patterns returns what a text is in base64, in both alphabets and at each place in a longer text.
func base64Patterns(text string) []pattern {
	var out []pattern
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			out = append(out, base64After(encoding, text, before)...)
		}
	}
	return out
}

// base64After returns the base64 characters that hold text in a longer text with a length of 3n+before bytes in front
// of it. The first character, if it holds bits of the text in front as well, is not part of the patterns: it
// would make them 16 times as many, and it holds 4 bits of the first byte or fewer. The last character may hold bits
// of the text that follows, so there is a pattern for each of its values.
func base64After(encoding *base64.Encoding, text string, before int) []pattern {
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
