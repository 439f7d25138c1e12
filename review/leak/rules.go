// SPDX-License-Identifier: MPL-2.0

package leak

import (
	_ "embed"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

// ruleSet holds the parts of a Gitleaks configuration that Scan uses.
type ruleSet struct {
	Rules     []rule
	Allowlist allowlist // for the secrets that any rule matches

	keywords *keywords
}

// rule matches one type of secret, in a text that contains one of its keywords.
type rule struct {
	ID          string
	Path        string
	Regex       string
	SecretGroup int     // the group that holds the secret; 0 is the first that is not empty
	Entropy     float64 // bits a character that a secret must exceed
	Keywords    []string
	Allowlists  []allowlist

	pattern    func() *regexp.Regexp
	assignment bool // the pattern matches a name, a sign such as "=", and any value of some length
}

// allowlist describes matches that are not secrets.
type allowlist struct {
	Condition   string
	Paths       []string
	RegexTarget string // "match", "line", or empty for the secret
	Regexes     []string
	Stopwords   []string

	pattern func() *regexp.Regexp
}

// match is one secret. It stays inside this package.
type match struct {
	rule   *rule
	line   int // the line in which the match begins, from 0
	start  int // the index of the match in the text
	whole  string
	secret string
}

// parseRules reads a Gitleaks configuration. It compiles no pattern: most texts
// contain the keywords of few rules, and all patterns together take 40 ms.
func parseRules(text []byte) (*ruleSet, error) {
	var s ruleSet
	if err := toml.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("reading the rules of Gitleaks: %w", err)
	}
	// Scan has no paths, so a rule for certain files cannot match.
	s.Rules = slices.DeleteFunc(s.Rules, func(r rule) bool { return r.Path != "" || r.Regex == "" })
	for i := range s.Rules {
		r := &s.Rules[i]
		r.pattern = compileOnce(r.Regex)
		r.assignment = strings.Contains(r.Regex, assignmentSign)
		for k, word := range r.Keywords {
			r.Keywords[k] = strings.ToLower(word)
		}
		for k := range r.Allowlists {
			r.Allowlists[k].prepare()
		}
	}
	s.Allowlist.prepare()
	s.keywords = newKeywords(s.Rules)
	return &s, nil
}

// assignmentSign is the part of a pattern of Gitleaks that matches the sign between a name and a value.
const assignmentSign = `(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)`

func compileOnce(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// prepare joins the patterns exactly as Gitleaks does: a flag such as (?i) in
// one of them also applies to those after it.
func (a *allowlist) prepare() {
	if len(a.Regexes) > 0 {
		a.pattern = compileOnce("(?:" + strings.Join(a.Regexes, "|") + ")")
	}
	for i, word := range a.Stopwords {
		a.Stopwords[i] = strings.ToLower(word)
	}
}

// allows reports whether a match is not a secret.
func (a *allowlist) allows(secret, match string, around *lines) bool {
	byPattern := false
	switch {
	case a.pattern == nil:
	case a.RegexTarget == "line":
		byPattern = around.match(a.pattern())
	case a.RegexTarget == "match":
		byPattern = match != "" && a.pattern().MatchString(match)
	default:
		byPattern = secret != "" && a.pattern().MatchString(secret)
	}
	lower := strings.ToLower(secret)
	byWord := slices.ContainsFunc(a.Stopwords, func(word string) bool { return strings.Contains(lower, word) })
	if strings.EqualFold(a.Condition, "AND") || a.Condition == "&&" {
		// Scan has no paths, so an allowlist that also requires a path allows nothing.
		return len(a.Paths) == 0 && (a.pattern == nil || byPattern) && (len(a.Stopwords) == 0 || byWord)
	}
	return byPattern || byWord
}

// lines holds the lines of one match. It keeps the results of patterns for these lines, because a long line can hold
// thousands of matches.
type lines struct {
	text       string
	start, end int
	matched    map[*regexp.Regexp]bool
}

// move makes l hold the lines of the match text[start:end].
func (l *lines) move(start, end int) {
	if l.matched != nil && l.start <= start && end <= l.end {
		return
	}
	l.start = strings.LastIndexByte(l.text[:start], '\n') + 1
	l.end = len(l.text)
	if n := strings.IndexByte(l.text[end:], '\n'); n >= 0 {
		l.end = end + n
	}
	l.matched = map[*regexp.Regexp]bool{}
}

func (l *lines) match(pattern *regexp.Regexp) bool {
	matched, known := l.matched[pattern]
	if !known {
		matched = pattern.MatchString(l.text[l.start:l.end])
		l.matched[pattern] = matched
	}
	return matched
}

// scan returns what the rules match in some parts of a text, in the order of the parts and the rules. If accepts is
// set, it decides which matches are secrets.
func (s *ruleSet) scan(text string, parts []span, accepts func(*match) bool) []match {
	var found []match
	around := &lines{text: text}
	line, counted := 0, 0 // text[:counted] holds this many newlines
	for _, part := range parts {
		line += strings.Count(text[counted:part.start], "\n")
		counted = part.start
		mask := s.keywords.in(text[part.start:part.end])
		for i := range s.Rules {
			if r := &s.Rules[i]; mask.has(i) && part.canMatch(r) {
				found = s.apply(r, around, part, line, found, accepts)
			}
		}
	}
	return found
}

// canMatch reports whether a part can have a value that a rule matches.
func (s *span) canMatch(r *rule) bool {
	switch {
	case !r.assignment:
		return true
	case r.ID == genericRule:
		return s.generic
	}
	return s.named
}

// apply appends the matches of one rule in a part of a text that begins in a line. The lists of texts that a rule
// allows are large, so they come last.
func (s *ruleSet) apply(
	r *rule, around *lines, part span, line int, found []match, accepts func(*match) bool,
) []match {
	text, counted := around.text, part.start
	for _, at := range r.pattern().FindAllStringIndex(text[part.start:part.end], -1) {
		start, end := part.start+at[0], part.start+at[1]
		whole := strings.Trim(text[start:end], "\n")
		secret := r.secret(whole)
		if r.Entropy != 0 && entropy(secret) <= r.Entropy {
			continue
		}
		// A match that begins with a newline belongs to the line after it.
		next := min(start+1, len(text))
		line += strings.Count(text[counted:next], "\n")
		counted = next
		newlines := len(text[start:end]) - len(strings.TrimLeft(text[start:end], "\n"))
		m := match{rule: r, line: line, start: start + newlines, whole: whole, secret: secret}
		if accepts != nil && !accepts(&m) {
			continue
		}
		around.move(start, start+len(whole))
		allows := func(a allowlist) bool { return a.allows(secret, whole, around) }
		if allows(s.Allowlist) || slices.ContainsFunc(r.Allowlists, allows) {
			continue
		}
		found = append(found, m)
	}
	return found
}

// constant reports whether the rule matches one text only: the part that all tokens of a type begin with.
func (r *rule) constant() bool {
	_, complete := r.pattern().LiteralPrefix()
	return complete
}

// secret returns the secret part of a match. It applies the pattern to the match alone, as Gitleaks does, although the
// match may depend on the text around it.
func (r *rule) secret(match string) string {
	groups := r.pattern().FindStringSubmatch(match)
	if len(groups) < 2 {
		return match
	}
	if r.SecretGroup > 0 {
		return groups[r.SecretGroup]
	}
	for _, g := range groups[1:] {
		if g != "" {
			return g
		}
	}
	return match
}

// withoutGeneric drops what a generic rule matches where a specific rule
// matches the same secret.
func withoutGeneric(found []match) []match {
	specific := map[int][]string{} // secrets by line
	for _, m := range found {
		if !strings.Contains(m.rule.ID, "generic") {
			specific[m.line] = append(specific[m.line], m.secret)
		}
	}
	return slices.DeleteFunc(found, func(m match) bool {
		return strings.Contains(m.rule.ID, "generic") &&
			slices.ContainsFunc(specific[m.line], func(secret string) bool { return strings.Contains(secret, m.secret) })
	})
}

// entropy returns the Shannon entropy of a text, in bits per byte.
func entropy(s string) float64 {
	counts := map[rune]int{}
	for _, r := range s {
		counts[r]++
	}
	bits := 0.0
	for _, n := range counts {
		p := float64(n) / float64(len(s))
		bits -= p * math.Log2(p)
	}
	return bits
}
