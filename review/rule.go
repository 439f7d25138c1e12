// SPDX-License-Identifier: MPL-2.0

package review

import (
	"fmt"
	"strings"
)

// Severity is how much a finding weighs.
type Severity string

// The severities. A rule that is Off finds nothing.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
	Off     Severity = "off"
)

func (s Severity) rank() int {
	return map[Severity]int{Note: 1, Warning: 2, Error: 3}[s]
}

// ParseSeverity reads a severity.
func ParseSeverity(text string) (Severity, error) {
	switch s := Severity(text); s {
	case Error, Warning, Note, Off:
		return s, nil
	}
	return "", fmt.Errorf("a severity is error, warning, note or off")
}

// The ids of the rules. They are stable: baselines and suppressions name them.
const (
	Missing       = "POUNCET001"
	Unknown       = "POUNCET002"
	NearMiss      = "POUNCET003"
	CrossEnv      = "POUNCET004"
	Forbidden     = "POUNCET005"
	NotAllowed    = "POUNCET006"
	Invalid       = "POUNCET007"
	InComment     = "POUNCET008"
	HardCoded     = "POUNCET009"
	DefaultUsed   = "POUNCET010"
	BadIgnore     = "POUNCET011"
	MissingField  = "POUNCET012"
	Unchecked     = "POUNCET013"
	Added         = "POUNCET020"
	Dropped       = "POUNCET021"
	Moved         = "POUNCET022"
	Changed       = "POUNCET023"
	PlanRemoves   = "POUNCET030"
	PlanRenames   = "POUNCET031"
	PlanReplaces  = "POUNCET032"
	PlanRotates   = "POUNCET033"
	PlanExposes   = "POUNCET034"
	PlanRedirects = "POUNCET035"
)

// Rule is one kind of finding.
type Rule struct {
	ID       string
	Name     string
	Severity Severity // unless set otherwise
	About    string   // one sentence

	perEnvironment bool // what it finds depends on the environments checked
}

// Rules are all rules, in the order of their ids.
var Rules = []Rule{
	{Missing, "missing-reference", Error, "The reference leads to nothing in an environment that was checked.", true},
	{Unknown, "unknown-reference", Warning, "Whether the reference leads to anything cannot be told from here.", true},
	{NearMiss, "near-miss", Warning, "The expression looks like a reference with a letter wrong, and is left as it is.", false},
	{CrossEnv, "cross-environment", Warning, "The reference names another environment than the one that is checked.", true},
	{Forbidden, "forbidden-environment", Error, "The file may not refer to this environment (--forbid).", false},
	{NotAllowed, "name-not-allowed", Error, "The file may not refer to this name (--only).", false},
	{Invalid, "invalid-reference", Error, "The reference does not parse, stands in a mapping key, or its file is not YAML.", false},
	{InComment, "reference-in-comment", Note, "A reference in a comment is not resolved.", false},
	{HardCoded, "hard-coded-secret", Error, "The file seems to hold a secret itself.", false},
	{DefaultUsed, "default-used", Note, "The reference leads to nothing, and its default stands in.", true},
	{BadIgnore, "bad-suppression", Warning, "A comment that suppresses findings gives no reason, names no rule, or suppresses nothing.", false},
	{MissingField, "missing-field", Error, "The entry exists and cannot have the field or the version that is asked for.", true},
	{Unchecked, "field-unchecked", Note, "The entry exists; whether it has the field or the version cannot be told from here.", true},
	{Added, "reference-added", Note, "The change begins to use an entry at this place.", false},
	{Dropped, "reference-dropped", Note, "The change ceases to use an entry at this place.", false},
	{Moved, "reference-moved", Warning, "The change makes a reference name another environment or project.", false},
	{Changed, "reference-changed", Note, "The change makes a reference ask for another scope, field or version, or moves it to another file.", false},
	{PlanRemoves, "plan-removes", Error, "The plan removes what the reference leads to.", true},
	{PlanRenames, "plan-renames", Error, "The plan renames what the reference leads to, which then leads to nothing.", true},
	{PlanReplaces, "plan-replaces", Warning, "The plan deletes what the reference leads to and makes it anew, with a new identity.", true},
	{PlanRotates, "plan-rotates", Note, "The plan writes a new value of what the reference leads to.", true},
	{PlanExposes, "plan-exposes", Warning, "The plan makes a restricted secret one that people can be shown.", true},
	{PlanRedirects, "plan-redirects", Warning, "After the plan the reference leads to another entry.", true},
}

func ruleOf(id string) *Rule {
	for i := range Rules {
		if Rules[i].ID == id {
			return &Rules[i]
		}
	}
	return nil
}

func ruleName(id string) string { return ruleOf(id).Name }

// Severities are the rules' severities that differ from their own.
type Severities map[string]Severity

func (s Severities) of(id string) Severity {
	if given, ok := s[id]; ok {
		return given
	}
	return ruleOf(id).Severity
}

// Active reports whether a rule finds anything.
func (s Severities) Active(id string) bool { return s.of(id) != Off }

// Set reads ID=severity. The rule may also be given by its name.
func (s Severities) Set(text string) error {
	given, severity, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("a rule's severity is written ID=severity, as in POUNCET004=error")
	}
	parsed, err := ParseSeverity(severity)
	if err != nil {
		return err
	}
	for _, r := range Rules {
		if r.ID == given || r.Name == given {
			s[r.ID] = parsed
			return nil
		}
	}
	return fmt.Errorf("there is no such rule; the ids are %s to %s", Rules[0].ID, Rules[len(Rules)-1].ID)
}
