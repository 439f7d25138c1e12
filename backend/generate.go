// SPDX-License-Identifier: MPL-2.0

package backend

import "unicode/utf8"

// CheckAlphabet applies the rule for the alphabet of a generated value: 10 to 1024 characters, each of them once.
func CheckAlphabet(alphabet string) *Error {
	seen := map[rune]bool{}
	for _, c := range alphabet {
		seen[c] = true
	}
	n := utf8.RuneCountInString(alphabet)
	if len(seen) != n || n < 10 || n > 1024 {
		return Errorf(CodeInvalid,
			"the alphabet of a generated value is not valid: it must have 10 to 1024 characters, each once").At("generate").
			WithHint("leave out the alphabet for letters and digits, or use one such as 0123456789abcdef")
	}
	return nil
}
