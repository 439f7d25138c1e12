// SPDX-License-Identifier: MPL-2.0

package leak

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/zricethezav/gitleaks/v8/config"
)

// A newer release of Gitleaks may give its rules a field that this package does
// not apply.
func TestEveryFieldOfTheRulesIsApplied(t *testing.T) {
	type list struct {
		Description, Condition, RegexTarget string
		Paths, Regexes, Stopwords           []string
	}
	var known struct {
		Title, MinVersion string
		Allowlist         list
		Rules             []struct {
			ID, Description, Regex, Path string
			SecretGroup                  int
			Entropy                      float64
			Keywords                     []string
			Allowlists                   []list
		}
	}
	d := toml.NewDecoder(bytes.NewReader([]byte(config.DefaultConfig))).DisallowUnknownFields()
	if err := d.Decode(&known); err != nil {
		t.Fatal(err)
	}
	for _, r := range known.Rules {
		for _, a := range r.Allowlists {
			if a.Condition != "" && a.Condition != "AND" {
				t.Errorf("rule %s: condition %q is not supported", r.ID, a.Condition)
			}
			if a.RegexTarget != "" && a.RegexTarget != "match" && a.RegexTarget != "line" {
				t.Errorf("rule %s: regexTarget %q is not supported", r.ID, a.RegexTarget)
			}
		}
	}
}

func TestEveryPatternCompiles(t *testing.T) {
	rules, err := parseRules([]byte(config.DefaultConfig))
	if err != nil {
		t.Fatal(err)
	}
	if len(rules.Rules) < 200 {
		t.Errorf("there are only %d rules", len(rules.Rules))
	}
	for _, r := range rules.Rules {
		if n := r.pattern().NumSubexp(); r.SecretGroup > n {
			t.Errorf("rule %s: group %d of %d", r.ID, r.SecretGroup, n)
		}
		for _, a := range r.Allowlists {
			if a.pattern != nil {
				a.pattern()
			}
		}
	}
	rules.Allowlist.pattern()
}

// Scan compiles a pattern only if the text contains a keyword of its rule.
func TestScanCompilesOnlyTheRulesOfItsKeywords(t *testing.T) {
	rules, err := parseRules([]byte(config.DefaultConfig))
	if err != nil {
		t.Fatal(err)
	}
	used := 0
	for i := range rules.Rules {
		compiled := rules.Rules[i].pattern
		rules.Rules[i].pattern = func() *regexp.Regexp { used++; return compiled() }
	}
	text := "aws: {access_key: " + secret + "}\n"
	rules.scan(text, []span{{0, len(text), true, true}}, nil)
	if used == 0 || used > 10 {
		t.Errorf("%d rules were used for a text with one key", used)
	}
}
