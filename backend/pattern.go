// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"regexp"
	"regexp/syntax"
)

// MaxPatternSize is the largest size of a regular expression, in instructions: about one for each character that it
// can match, with repetitions written out, so "[a-z]{1000}" has 1,000.
const MaxPatternSize = 10_000

// CompilePattern compiles a regular expression (RE2) that a user wrote, and returns its size. A short text can need
// hundreds of megabytes when its repetitions are written out, so a pattern over MaxPatternSize is ErrTooLarge.
func CompilePattern(text string) (*regexp.Regexp, int, *Error) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, 0, Errorf(CodeInvalid, "the pattern is not a valid regular expression: %w", err)
	}
	size := patternSize(parsed)
	if size > MaxPatternSize {
		return nil, 0, Errorf(CodeTooLarge, "the pattern needs more than %d instructions, with its repetitions written out",
			MaxPatternSize).WithHint("use smaller repetition counts")
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, 0, Errorf(CodeInvalid, "the pattern is not a valid regular expression: %w", err)
	}
	return re, size, nil
}

// patternSize estimates the instructions of a pattern, up to MaxPatternSize+1.
func patternSize(re *syntax.Regexp) int {
	n := 1
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpCharClass:
		n = 1 + len(re.Rune)/64
	}
	for _, sub := range re.Sub {
		n = min(n+patternSize(sub), MaxPatternSize+1)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min+1, re.Max, 1)
	}
	return min(n, MaxPatternSize+1)
}
