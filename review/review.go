// SPDX-License-Identifier: MPL-2.0

// Package review checks the references of configuration files, and what a change does to them, without access to any
// value.
//
// # The idea
//
// It compares four things:
//
//	files ──> references ─┐
//	environments ─────────┼──> findings ──> text, JSON, SARIF, Markdown, …
//	metadata (Catalog) ───┤
//	a Terraform plan ─────┘
//
// A Reader reads the references. A Catalog holds the existing names. It comes from a backend's Query or from a
// manifest file, so that a check can run without a backend. Check compares the two, environment by environment, with
// the same lookup order as a backend. Diff compares two revisions of the files. A Plan says what Terraform will do to
// the entries that they refer to. Finish applies suppressions, a baseline and severities and makes a Report. Package
// report writes it.
//
// # Three states
//
// A reference is present, missing or unknown. It is unknown if the token may not see it, the manifest does not cover
// it, or the plan does not know it yet. An unknown reference is reported as unknown, never as missing and never as
// present.
//
// # Limits
//
// This package opens no value. So it does not know whether a value can be decrypted, or has a field that the schema
// of its type does not define. A finding holds names and positions. It never holds the text of a default, of a line
// or of a hard-coded secret.
package review

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Finding is one finding of a rule at one position.
type Finding struct {
	Rule     string   `json:"rule"`
	Name     string   `json:"name"` // the name of the rule
	Severity Severity `json:"severity"`

	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in characters

	Message   string `json:"message"`
	Hint      string `json:"hint,omitempty"`
	Reference string `json:"reference,omitempty"` // in canonical form, without its default

	Environments []string `json:"environments,omitempty"` // the environments with this finding
	ExistsIn     []string `json:"exists_in,omitempty"`    // for a missing name: the environments that have it
	Suggestion   string   `json:"near,omitempty"`         // for a missing name: a name that is close to it

	// Fingerprint identifies the finding. It does not change when lines move.
	Fingerprint string `json:"fingerprint"`

	reference string // a part of the fingerprint: the reference in the form of the first version
	subject   string // a part of the fingerprint, besides rule, file, reference and environments; never a sentence
}

// Report is the result of a review.
type Report struct {
	Files        int       `json:"files"` // the number of files that were read
	References   int       `json:"references"`
	Environments []string  `json:"environments,omitempty"`
	Findings     []Finding `json:"findings"`
	Suppressed   int       `json:"suppressed"` // the number of findings that comments suppress
	Baselined    int       `json:"baselined"`  // the number of findings that the baseline holds
}

// CountAtLeast counts the findings at or above a severity, and how many of them report a missing reference.
func (r *Report) CountAtLeast(least Severity) (findings, missing int) {
	for _, f := range r.Findings {
		if f.Severity.rank() >= least.rank() {
			findings++
			if f.Rule == Missing || f.Rule == MissingField {
				missing++
			}
		}
	}
	return findings, missing
}

// Count counts the findings of a severity.
func (r *Report) Count(s Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// FinishOptions configure Finish.
type FinishOptions struct {
	Severities Severities
	Baseline   *Baseline // nil means no baseline

	// Complete says that every rule ran in every environment. Only then can Finish report a suppression without effect.
	Complete bool

	// NewOnly says that only new findings are here. A suppression without effect can then belong to an old one.
	NewOnly bool
}

// Finish makes a report. It sorts the findings, removes those that a comment suppresses or the baseline holds, and adds
// findings about suppressions that are not valid.
func Finish(sources []*Source, findings []Finding, o FinishOptions) *Report {
	r := &Report{Findings: []Finding{}}
	for _, s := range sources {
		r.References += len(s.References)
	}
	findings = slices.DeleteFunc(findings, func(f Finding) bool { return o.Severities.of(f.Rule) == Off })
	findings, r.Suppressed = suppress(sources, findings, o)
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Rule, b.Rule))
	})
	setFingerprints(findings)
	for _, f := range findings {
		f.Severity, f.Name = o.Severities.of(f.Rule), ruleName(f.Rule)
		if o.Baseline.has(f) {
			r.Baselined++
			continue
		}
		r.Findings = append(r.Findings, f)
	}
	return r
}

// setFingerprints computes the fingerprint of every finding from its identity and a number that counts equal ones.
func setFingerprints(findings []Finding) {
	seen := map[string]int{}
	for i := range findings {
		f := &findings[i]
		key := f.identity()
		seen[key]++
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, seen[key]))
		f.Fingerprint = hex.EncodeToString(sum[:12])
	}
}

// identity joins the rule, the file, the reference, the subject and the environments. It holds no line, so that a
// fingerprint survives changes above it, no message, so that it survives a new version of Pouncet, and nothing secret,
// so that it reveals nothing.
func (f Finding) identity() string {
	return strings.Join([]string{f.Rule, f.File, cmp.Or(f.reference, f.Reference), f.subject,
		strings.Join(f.Environments, ",")}, "\x00")
}
