// SPDX-License-Identifier: MPL-2.0

package leak

import (
	"encoding/base64"
	"strings"
)

// followers lists, for each letter, the letters that often follow it in words. The pairs are 96 % of the pairs in the
// 8,000 most common words of public configuration files, and 44 % of those in random letters.
var followers = [26]string{
	"bcdfgiklmnprstuvwxy", "aeilorsuy", "acehikloprstuy", "abdeilmnorsu", "abcdefgilmnopqrstuvwxy", "aefilorstu",
	"aeghilnorsu", "aeiortu", "abcdefgklmnoprstvxz", "aeos", "aeisu", "adeilopstuvy", "abeimopsuy",
	"acdefgiklnorstuvy", "abcdfgiklmnoprstuvwx", "aehiloprstuy", "u", "acdefgiklmnoprstuvy", "acdefhiklmnopqrstuwy",
	"acdehilmoprstuy", "abcdegilmnprst", "aeio", "aehinors", "ceipt", "emnpst", "aei",
}

// shape measures how random a text looks. Each pair of neighbouring characters adds to a sum that never falls below 0:
// a pair that is rare in words adds 2, a common pair takes 1 away. The sum grows in random text and stays near 0 in
// words, names, paths, versions and numbers.
type shape struct {
	class  [256]byte
	weight [1 << 14]int8 // by two ASCII characters
}

// The classes of bytes.
const (
	other  byte = iota // ends a run
	joiner             // joins the parts of a run
	digit
	lower
	upper
)

// prefilterScore is the lowest score of a run that the rules see. Random text reaches it after about 8 characters.
const prefilterScore = 6

func newShape() *shape {
	s := &shape{}
	for c := range 256 {
		switch b := byte(c); {
		case b >= '0' && b <= '9':
			s.class[c] = digit
		case b >= 'a' && b <= 'z':
			s.class[c] = lower
		case b >= 'A' && b <= 'Z':
			s.class[c] = upper
		case strings.IndexByte("-_./+~", b) >= 0:
			s.class[c] = joiner
		}
	}
	for a := range 128 {
		for b := range 128 {
			s.weight[a<<7|b] = s.pair(byte(a), byte(b))
		}
	}
	return s
}

// pair returns the weight of two neighbouring characters.
func (s *shape) pair(a, b byte) int8 {
	first, second := s.class[a], s.class[b]
	switch {
	case first <= joiner || second <= joiner || first == digit && second == digit:
		return 0
	case first == digit || second == digit:
		return 2
	case first == lower && second == upper: // a new word of a name such as accessKey
		return 1
	case a == b: // as in AAAA or xxxx
		return -1
	case strings.IndexByte(followers[a|0x20-'a'], b|0x20) >= 0:
		return -1
	}
	return 2
}

// runs calls report for each run of letters, digits and joiners that looks random. Its time is linear.
func (s *shape) runs(text []byte, report func(start, end int)) {
	start, sum, peak := 0, 0, 0
	previous := byte(0)
	for i := range len(text) {
		c := text[i]
		if s.class[c] == other {
			if peak >= prefilterScore {
				report(start, i)
			}
			start, sum, peak, previous = i+1, 0, 0, 0
			continue
		}
		sum = max(0, sum+int(s.weight[int(previous)<<7|int(c)]))
		peak = max(peak, sum)
		previous = c
	}
	if peak >= prefilterScore {
		report(start, len(text))
	}
}

// score returns the highest sum in a text.
func (s *shape) score(text string) int {
	sum, peak := 0, 0
	previous := byte(0)
	for i := range len(text) {
		c := text[i]
		if s.class[c] == other {
			sum, previous = 0, 0
			continue
		}
		sum = max(0, sum+int(s.weight[int(previous)<<7|int(c)]))
		peak = max(peak, sum)
		previous = c
	}
	return peak
}

// isUUID reports whether a text is a UUID.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !isHex(s[i]) {
			return false
		}
	}
	return true
}

// isDigest reports whether a text has the form of a content hash: MD5, SHA-1, SHA-2, in hexadecimal.
func isDigest(s string) bool {
	switch len(s) {
	case 32, 40, 56, 64, 96, 128:
	default:
		return false
	}
	for i := range len(s) {
		if !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// decodedText returns the text that base64 stands for, if it is printable ASCII.
func decodedText(s string) (string, bool) {
	trimmed := strings.TrimRight(s, "=")
	if len(trimmed) < 8 || len(trimmed)%4 == 1 {
		return "", false
	}
	data, err := base64.RawStdEncoding.DecodeString(trimmed)
	if err != nil {
		if data, err = base64.RawURLEncoding.DecodeString(trimmed); err != nil {
			return "", false
		}
	}
	for _, c := range data {
		if (c < ' ' || c > '~') && c != '\n' && c != '\r' && c != '\t' {
			return "", false
		}
	}
	return string(data), true
}
