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
type Scanner struct {
	rules *ruleSet
	shape *shape

	unfiltered bool
}

// ownRules are for tokens of which Gitleaks has no rule, in the form of its configuration.
const ownRules = `
[[rules]]
id = "docker-access-token"
regex = '\b(dckr_[po]at_[\w-]{27,40})(?:[\x60\x27"\s;]|\\[nr]|$)'
entropy = 3
keywords = ["dckr_"]
`

var _ review.Scanner = (*Scanner)(nil)

// New returns a scanner. A scanner compiles a rule when a text needs it first, so
// use one scanner for many texts.
func New() (*Scanner, error) {
	rules, err := parseRules([]byte(config.DefaultConfig + ownRules))
	if err != nil {
		return nil, err
	}
	return &Scanner{rules: rules, shape: newShape()}, nil
}

// Unfiltered returns a scanner that reports everything that the rules match. A test compares it with Gitleaks.
func (s *Scanner) Unfiltered() *Scanner {
	return &Scanner{rules: s.rules, shape: s.shape, unfiltered: true}
}

// Scan implements review.Scanner.
func (s *Scanner) Scan(name string, data []byte) []review.Leak {
	if len(data) > MaxBytes || strings.HasSuffix(name, "gitleaks.toml") { // Gitleaks does not scan its rules either
		return nil
	}
	data = withoutReferences(data)
	matches := s.matches(data)
	if len(matches) == 0 {
		return nil
	}
	lines := strings.Split(string(data), "\n")
	var leaks []review.Leak
	seen := map[[2]int]bool{}
	for _, m := range matches {
		at := position(lines, m.line, m.secret)
		if seen[at] { // several rules match the same secret
			continue
		}
		seen[at] = true
		leaks = append(leaks, review.Leak{Line: at[0], Column: at[1], EndLine: at[0] + strings.Count(m.secret, "\n"),
			Rule: m.rule.ID, Key: key(lines[at[0]-1])})
	}
	return leaks
}

// matches returns the secrets in a text.
func (s *Scanner) matches(data []byte) []match {
	if s.unfiltered {
		return withoutGeneric(s.rules.scan(string(data), []span{{0, len(data), true, true}}, nil))
	}
	text, parts := s.shape.parts(withXMLNames(data))
	if len(parts) == 0 {
		return nil
	}
	f := &filter{text: text, shape: s.shape}
	return withoutGeneric(s.rules.scan(text, parts, f.accepts))
}

// withoutReferences replaces expressions of Pouncet and of other tools by spaces. Names in them are not secrets.
func withoutReferences(data []byte) []byte {
	shared := true
	blank := func(start, end int) {
		if shared {
			data, shared = bytes.Clone(data), false
		}
		copy(data[start:end], bytes.Repeat([]byte(" "), end-start))
	}
	for at := 0; ; {
		start := bytes.Index(data[at:], []byte("{{"))
		if start < 0 {
			break
		}
		start += at
		line, _, _ := bytes.Cut(data[start:], []byte("\n"))
		at = start + len(line)
		if length := bytes.Index(line, []byte("}}")); length >= 0 {
			at = start + length + len("}}")
			blank(start, at)
		}
	}
	for at := 0; ; {
		start := bytes.Index(data[at:], []byte(uriScheme))
		if start < 0 {
			return data
		}
		start += at
		at = len(data)
		if length := bytes.IndexAny(data[start:], " \t\r\n\f\v"); length >= 0 {
			at = start + length
		}
		blank(start, at)
	}
}

const uriScheme = "pouncet://"

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
