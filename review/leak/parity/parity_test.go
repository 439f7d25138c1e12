// SPDX-License-Identifier: MPL-2.0

package parity

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/logging"

	"github.com/pouncet/terraform-provider-pouncet/review/leak"
)

// The program gets the rules of the release that its own go.mod names.
func TestBothModulesNameOneRelease(t *testing.T) {
	release := regexp.MustCompile(`github.com/zricethezav/gitleaks/v8 (v\S+)`)
	var names []string
	for _, file := range []string{"go.mod", "../../../go.mod"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := release.FindSubmatch(text)
		if m == nil {
			t.Fatalf("%s names no release of Gitleaks", file)
		}
		names = append(names, string(m[1]))
	}
	if names[0] != names[1] {
		t.Errorf("go.mod names %s, that of Pouncet %s: use one release of Gitleaks", names[0], names[1])
	}
}

// Every rule gets texts that its pattern matches, and texts that almost match.
func TestGeneratedTexts(t *testing.T) {
	peer := newPeer(t)
	r := rand.New(rand.NewPCG(1, 2))
	reported := map[string]bool{}
	for _, rule := range peer.detector.Config.GetOrderedRules() {
		if rule.Regex == nil {
			continue
		}
		tree, err := syntax.Parse(rule.Regex.String(), syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 40 {
			var b strings.Builder
			for range i % 4 {
				b.WriteString("name: plain\n")
			}
			b.WriteString([]string{"", "k: ", "  - token = ", "import { x } from 'y'; "}[r.IntN(4)])
			if r.IntN(4) > 0 && len(rule.Keywords) > 0 {
				b.WriteString(rule.Keywords[r.IntN(len(rule.Keywords))] + "_key: ")
			}
			text(&b, r, tree)
			if r.IntN(4) == 0 {
				b.WriteString(" ")
				text(&b, r, tree)
			}
			b.WriteString("\nlast: plain\n")
			data := b.String()
			if r.IntN(4) == 0 { // a text that almost matches
				at := r.IntN(len(data) - 1)
				data = data[:at] + data[at+1:]
			}
			for _, rule := range peer.compare(t, rule.RuleID, data) {
				reported[rule] = true
			}
		}
	}
	// Some rules are for certain files only, and the test gives no path.
	if n := len(peer.detector.Config.Rules) - len(reported); n > 20 {
		t.Errorf("%d rules matched none of the texts", n)
	}
}

func TestFilesOfThisRepository(t *testing.T) {
	peer := newPeer(t)
	out, err := exec.Command("git", "-C", "../../..", "ls-files", "-z").Output()
	if err != nil {
		t.Skip("needs git and a clone of the repository: ", err)
	}
	for _, name := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join("../../..", name))
		if err != nil || len(data) > 1<<20 {
			continue
		}
		peer.compare(t, name, strings.TrimRight(string(data), "\n")+"\n")
	}
}

type peer struct {
	ours     *leak.Scanner
	detector *detect.Detector
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	logging.Logger = zerolog.Nop()
	detector, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	detector.IgnoreGitleaksAllow = true
	ours, err := leak.New()
	if err != nil {
		t.Fatal(err)
	}
	return &peer{ours.Unfiltered(), detector}
}

// compare scans a text with both, and returns the rules that matched.
func (p *peer) compare(t *testing.T, name, text string) []string {
	t.Helper()
	if strings.Contains(text, "{{") || strings.Contains(text, "pouncet://") {
		return nil // ours leaves out references
	}
	// Where rules match the same secret, Gitleaks has no order.
	theirs := map[[2]int][]string{}
	lines := strings.Split(text, "\n")
	for _, f := range p.detector.DetectString(text) {
		at := position(lines, f.StartLine, f.Secret)
		theirs[at] = append(theirs[at], f.RuleID)
	}
	var rules []string
	var differences []string
	for _, l := range p.ours.Scan("", []byte(text)) {
		at := [2]int{l.Line, l.Column}
		if !slices.Contains(theirs[at], l.Rule) {
			differences = append(differences, fmt.Sprintf("only Pouncet: %s at %v", l.Rule, at))
		}
		rules = append(rules, theirs[at]...)
		delete(theirs, at)
	}
	for at, rules := range theirs {
		differences = append(differences, fmt.Sprintf("only Gitleaks: %v at %v", rules, at))
	}
	if len(differences) > 0 {
		t.Errorf("%s: %s\n%q", name, strings.Join(differences, "; "), text)
	}
	return rules
}

// position returns where a secret of Gitleaks begins, as review/leak reports it.
func position(lines []string, from int, secret string) [2]int {
	first, _, _ := strings.Cut(secret, "\n")
	for i := from; i < len(lines) && i <= from+2; i++ {
		if at := strings.Index(lines[i], first); at >= 0 && first != "" {
			return [2]int{i + 1, len([]rune(lines[i][:at])) + 1}
		}
	}
	return [2]int{min(from, len(lines)-1) + 1, 1}
}

// text writes a random text that the pattern e matches.
func text(b *strings.Builder, r *rand.Rand, e *syntax.Regexp) {
	repeat := func(least, most int) {
		if most < 0 || most > least+6 {
			most = least + 6
		}
		for range least + r.IntN(most-least+1) {
			text(b, r, e.Sub[0])
		}
	}
	switch e.Op {
	case syntax.OpLiteral:
		b.WriteString(string(e.Rune))
	case syntax.OpCharClass:
		b.WriteRune(member(r, e.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte(byte(' ' + r.IntN(95)))
	case syntax.OpCapture:
		text(b, r, e.Sub[0])
	case syntax.OpConcat:
		for _, sub := range e.Sub {
			text(b, r, sub)
		}
	case syntax.OpAlternate:
		text(b, r, e.Sub[r.IntN(len(e.Sub))])
	case syntax.OpStar:
		repeat(0, -1)
	case syntax.OpPlus:
		repeat(1, -1)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		repeat(e.Min, e.Max)
	}
}

// member returns a random rune of a class; a printable ASCII one if the class has any.
func member(r *rand.Rand, ranges []rune) rune {
	var choice []rune
	for i := 0; i < len(ranges); i += 2 {
		for c := max(ranges[i], ' '); c <= min(ranges[i+1], '~'); c++ {
			choice = append(choice, c)
		}
	}
	if len(choice) == 0 {
		return ranges[0]
	}
	return choice[r.IntN(len(choice))]
}
