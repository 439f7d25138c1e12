// SPDX-License-Identifier: MPL-2.0

package review

import (
	"fmt"
	"strings"
)

// Severity says how serious a finding is.
type Severity string

// The severities. A rule that is Off reports nothing.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Note    Severity = "note"
	Off     Severity = "off"
)

func (s Severity) rank() int {
	return map[Severity]int{Note: 1, Warning: 2, Error: 3}[s]
}

// ParseSeverity parses the name of a severity.
func ParseSeverity(text string) (Severity, error) {
	switch s := Severity(text); s {
	case Error, Warning, Note, Off:
		return s, nil
	}
	return "", fmt.Errorf("severity %q is not valid; use error, warning, note or off", text)
}

// The ids of the rules. They never change, because baselines and suppressions name them.
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
	LiteralName   = "POUNCET014"
	UnclearFormat = "POUNCET015"
	SecretData    = "POUNCET016"
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
	PlanLiteral   = "POUNCET036"
)

// Rule describes what a finding is about.
type Rule struct {
	ID          string
	Name        string
	Severity    Severity // the default
	Description string   // one sentence

	perEnvironment bool // the findings depend on the checked environments
}

// Rules holds all rules, sorted by id.
var Rules = []Rule{
	{ID: Missing, Name: "missing-reference", Severity: Error, perEnvironment: true,
		Description: "The reference names an entry that does not exist in a checked environment."},
	{ID: Unknown, Name: "unknown-reference", Severity: Warning, perEnvironment: true,
		Description: "It is unknown whether the reference names an existing entry."},
	{ID: NearMiss, Name: "near-miss", Severity: Warning,
		Description: "The expression looks like a mistyped reference, and is not replaced."},
	{ID: CrossEnv, Name: "cross-environment", Severity: Warning, perEnvironment: true,
		Description: "The reference names an environment other than the checked one."},
	{ID: Forbidden, Name: "forbidden-environment", Severity: Error,
		Description: "The file may not refer to this environment (--forbid)."},
	{ID: NotAllowed, Name: "name-not-allowed", Severity: Error,
		Description: "The file may not refer to this name (--only)."},
	{ID: Invalid, Name: "invalid-reference", Severity: Error,
		Description: "The reference cannot be parsed or is in a mapping key, or the file cannot be parsed."},
	{ID: InComment, Name: "reference-in-comment", Severity: Note,
		Description: "A reference in a comment is not resolved."},
	{ID: HardCoded, Name: "hard-coded-secret", Severity: Error,
		Description: "The file seems to contain a secret in plain text."},
	{ID: DefaultUsed, Name: "default-used", Severity: Note, perEnvironment: true,
		Description: "The reference names a missing entry, and the default is used."},
	{ID: BadIgnore, Name: "bad-suppression", Severity: Warning,
		Description: "A comment that suppresses findings gives no reason, names no rule, or has no effect."},
	{ID: MissingField, Name: "missing-field", Severity: Error, perEnvironment: true,
		Description: "The entry exists, but it cannot have the field or version that the reference names."},
	{ID: Unchecked, Name: "field-unchecked", Severity: Note, perEnvironment: true,
		Description: "The entry exists, but it is unknown whether it has the field or version that the reference names."},
	{ID: LiteralName, Name: "literal-name", Severity: Warning,
		Description: "A Terraform block holds the name of an object that the module declares, without a reference to it."},
	{ID: UnclearFormat, Name: "unclear-format", Severity: Warning,
		Description: "A value seems to be a file in a format that is not known, and is filled in as text or not at all."},
	{ID: SecretData, Name: "secret-data", Severity: Warning,
		Description: "A reference under data of a Kubernetes Secret is not written as base64."},
	{ID: Added, Name: "reference-added", Severity: Note,
		Description: "The change adds a reference."},
	{ID: Dropped, Name: "reference-dropped", Severity: Note,
		Description: "The change removes a reference."},
	{ID: Moved, Name: "reference-moved", Severity: Warning,
		Description: "The change makes a reference use another environment or project."},
	{ID: Changed, Name: "reference-changed", Severity: Note,
		Description: "The change makes a reference use another scope, field or version, or moves it to another file."},
	{ID: PlanRemoves, Name: "plan-removes", Severity: Error, perEnvironment: true,
		Description: "The plan removes the entry or environment of the reference."},
	{ID: PlanRenames, Name: "plan-renames", Severity: Error, perEnvironment: true,
		Description: "The plan renames the entry or environment of the reference, which then names a missing one."},
	{ID: PlanReplaces, Name: "plan-replaces", Severity: Warning, perEnvironment: true,
		Description: "The plan deletes the entry of the reference and creates it again with a new id."},
	{ID: PlanRotates, Name: "plan-rotates", Severity: Note, perEnvironment: true,
		Description: "The plan changes the value of the entry."},
	{ID: PlanExposes, Name: "plan-exposes", Severity: Warning, perEnvironment: true,
		Description: "The plan changes a restricted secret to a masked one, so that people can reveal it."},
	{ID: PlanRedirects, Name: "plan-redirects", Severity: Warning, perEnvironment: true,
		Description: "After the plan the reference resolves to another entry."},
	{ID: PlanLiteral, Name: "plan-literal-name", Severity: Warning,
		Description: "A Terraform block holds the name of an object that the plan changes, without a reference to it."},
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

// Severities holds the severities that differ from the default of their rule, by rule id.
type Severities map[string]Severity

func (s Severities) of(id string) Severity {
	if given, ok := s[id]; ok {
		return given
	}
	return ruleOf(id).Severity
}

// Active reports whether a rule is not Off.
func (s Severities) Active(id string) bool { return s.of(id) != Off }

// Set sets a severity from a text of the form ID=severity or NAME=severity.
func (s Severities) Set(text string) error {
	given, severity, ok := strings.Cut(text, "=")
	if !ok {
		return fmt.Errorf("%q is not a valid severity of a rule; write ID=severity, as in POUNCET004=error", text)
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
	return fmt.Errorf("rule %q does not exist; the ids are %s to %s", given, Rules[0].ID, Rules[len(Rules)-1].ID)
}
