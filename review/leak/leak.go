// SPDX-License-Identifier: MPL-2.0

// Package leak finds secrets that files hold in the clear, by the rules of
// Gitleaks. It is a package of its own so that what needs no scanner does not
// carry one.
//
// What was matched goes no further than this package: a review.Leak says where
// and of which kind. Gitleaks logs some of what it passes over, so its log is
// switched off.
//
// # Limits
//
// Rules and entropy find what looks like a secret; a password that is a word is
// not found. Files of more than MaxBytes are not looked at.
package leak

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/rs/zerolog"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/logging"

	"github.com/pouncet/terraform-provider-pouncet/review"
)

// MaxBytes is the largest file that is looked at.
const MaxBytes = 4 << 20

// Scanner finds secrets. It is safe for concurrent use.
type Scanner struct{ detector *detect.Detector }

var _ review.Scanner = (*Scanner)(nil)

// New makes a scanner, which takes some 40 milliseconds for the rules.
func New() (*Scanner, error) {
	logging.Logger = zerolog.Nop()
	d, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		return nil, err
	}
	// A comment that suppresses must give a reason, so only our own counts.
	d.IgnoreGitleaksAllow = true
	return &Scanner{d}, nil
}

// templates match expressions, ours and others': names in them are no secrets.
var templates = regexp.MustCompile(`\{\{[^\n]*?\}\}|pouncet://\S*`)

// Scan implements review.Scanner.
func (s *Scanner) Scan(_ string, data []byte) []review.Leak {
	if len(data) > MaxBytes {
		return nil
	}
	text := string(data)
	if bytes.Contains(data, []byte("{{")) || bytes.Contains(data, []byte("pouncet://")) {
		text = templates.ReplaceAllStringFunc(text, func(m string) string { return strings.Repeat(" ", len(m)) })
	}
	found := s.detector.DetectString(text)
	if len(found) == 0 {
		return nil
	}
	lines := strings.Split(text, "\n")
	var leaks []review.Leak
	seen := map[[2]int]bool{}
	for _, f := range found {
		at := place(lines, f.StartLine, f.Secret)
		if seen[at] { // several rules for one secret
			continue
		}
		seen[at] = true
		leaks = append(leaks, review.Leak{Line: at[0], Column: at[1], What: f.RuleID, Key: key(lines[at[0]-1])})
	}
	return leaks
}

// place is the line and the column at which a secret begins. Gitleaks counts
// lines from 0 and gives the match, which may begin with the key, or before.
func place(lines []string, from int, secret string) [2]int {
	first, _, _ := strings.Cut(secret, "\n")
	for i := from; i < len(lines) && i <= from+2; i++ {
		if at := strings.Index(lines[i], first); at >= 0 && first != "" {
			return [2]int{i + 1, utf8.RuneCountInString(lines[i][:at]) + 1}
		}
	}
	return [2]int{min(from, len(lines)-1) + 1, 1}
}

var keyName = regexp.MustCompile(`^[\s\-"']*([A-Za-z_][A-Za-z0-9_.-]{0,63})["']?\s*[:=]`)

// key is the name that a line gives to its value.
func key(line string) string {
	if m := keyName.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}
