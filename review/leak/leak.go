// SPDX-License-Identifier: MPL-2.0

// Package leak detects secrets that files hold in plain text, by the rules of
// Gitleaks. It is a separate package, so that only programs that scan carry
// the rules.
//
// The rules are data: the default configuration of the release of Gitleaks that
// go.mod names. This package applies them itself, because the package detect of
// Gitleaks links readers of archives and a template engine, which every start
// of the program would pay for. The test in parity/ compares the two.
//
// A matched text does not leave this package: a review.Leak holds a position and
// the name of a rule.
//
// # Limits
//
// Rules and entropy detect what looks like a secret; they do not detect a
// password that is a word. Rules that apply to certain paths are not used, and
// encoded text is not decoded. Files of more than MaxBytes are not scanned.
package leak

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/zricethezav/gitleaks/v8/config"

	"github.com/pouncet/terraform-provider-pouncet/review"
)

// MaxBytes is the size of the largest file that is scanned.
const MaxBytes = 4 << 20

// Scanner detects secrets. It is safe for concurrent use.
type Scanner struct{ rules *ruleSet }

var _ review.Scanner = (*Scanner)(nil)

// New returns a scanner. A scanner compiles a rule when a text needs it first, so
// use one scanner for many texts.
func New() (*Scanner, error) {
	rules, err := parseRules([]byte(config.DefaultConfig))
	if err != nil {
		return nil, err
	}
	return &Scanner{rules}, nil
}

// templates matches expressions of Pouncet and of other tools. Names in them are not secrets.
var templates = compileOnce(`\{\{[^\n]*?\}\}|pouncet://\S*`)

// Scan implements review.Scanner.
func (s *Scanner) Scan(_ string, data []byte) []review.Leak {
	if len(data) > MaxBytes {
		return nil
	}
	text := string(data)
	if bytes.Contains(data, []byte("{{")) || bytes.Contains(data, []byte("pouncet://")) {
		text = templates().ReplaceAllStringFunc(text, func(m string) string { return strings.Repeat(" ", len(m)) })
	}
	matches := s.rules.scan(text)
	if len(matches) == 0 {
		return nil
	}
	lines := strings.Split(text, "\n")
	var leaks []review.Leak
	seen := map[[2]int]bool{}
	for _, m := range matches {
		at := position(lines, m.line, m.secret)
		if seen[at] { // several rules match the same secret
			continue
		}
		seen[at] = true
		leaks = append(leaks, review.Leak{Line: at[0], Column: at[1], Rule: m.rule, Key: key(lines[at[0]-1])})
	}
	return leaks
}

// position returns the line and the column at which a secret begins. The match
// may begin with the key, or on an earlier line; from counts lines from 0.
func position(lines []string, from int, secret string) [2]int {
	first, _, _ := strings.Cut(secret, "\n")
	for i := from; i < len(lines) && i <= from+2; i++ {
		if at := strings.Index(lines[i], first); at >= 0 && first != "" {
			return [2]int{i + 1, utf8.RuneCountInString(lines[i][:at]) + 1}
		}
	}
	return [2]int{min(from, len(lines)-1) + 1, 1}
}

var keyName = compileOnce(`^[\s\-"']*([A-Za-z_][A-Za-z0-9_.-]{0,63})["']?\s*[:=]`)

// key returns the name before the value on a line.
func key(line string) string {
	if m := keyName().FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}
