// SPDX-License-Identifier: MPL-2.0

// Package review tells, without access to any value, what is wrong with the
// references of configuration files, and what a change does to them.
//
// # The idea
//
// Four things are held against one another:
//
//	files ──> references ─┐
//	environments ─────────┼──> findings ──> text, JSON, SARIF, Markdown, …
//	metadata (Catalog) ───┤
//	a Terraform plan ─────┘
//
// Read finds the references. A Catalog knows the names that exist, from a
// backend's Query or from a manifest file, so that a check also runs where no
// backend can be reached. Check holds the one against the other, environment
// by environment, by the rule of lookup that resolving follows. Diff compares
// two revisions of the files, and a Plan says what Terraform is about to do to
// what they refer to. Finish applies suppressions, a baseline and severities;
// what is left is a Report, and Write puts it into one of the Formats.
//
// # Three states
//
// A reference is present, missing or unknown. What a token cannot see, a
// manifest does not cover or a plan has not decided is unknown: it is reported
// as that, never as missing and never as fine.
//
// # Limits
//
// Nothing here opens a value, so whether one decrypts, or has a field that its
// type's schema leaves open, is not known. A finding holds names and places,
// never the text of a default, of a line or of a hard-coded secret.
package review

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Finding is one thing at one place.
type Finding struct {
	Rule     string   `json:"rule"`
	Name     string   `json:"name"` // the rule's, in words
	Severity Severity `json:"severity"`

	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in characters

	Message   string `json:"message"`
	Hint      string `json:"hint,omitempty"`
	Reference string `json:"reference,omitempty"` // in canonical form, without its default

	Environments []string `json:"environments,omitempty"` // in which it is so
	ExistsIn     []string `json:"exists_in,omitempty"`    // of what is missing: environments that do have it
	Near         string   `json:"near,omitempty"`         // of what is missing: a name that is near

	// Fingerprint says which finding it is, wherever its lines move to.
	Fingerprint string `json:"fingerprint"`

	about string // what the fingerprint is made of, beside rule and file
}

// Report is the outcome of a review.
type Report struct {
	Files        int       `json:"files"` // that were looked at
	References   int       `json:"references"`
	Environments []string  `json:"environments,omitempty"`
	Findings     []Finding `json:"findings"`
	Suppressed   int       `json:"suppressed"` // findings left out for a comment
	Baselined    int       `json:"baselined"`  // findings left out for the baseline
}

// Worst counts the findings at or above a severity, and how many of them say
// that a reference is missing.
func (r *Report) Worst(least Severity) (findings, missing int) {
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

// Count says how many findings are of a severity.
func (r *Report) Count(s Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// FinishOptions say what becomes of findings.
type FinishOptions struct {
	Severities Severities
	Baseline   *Baseline // nil for none

	// Whole says that every rule ran in every environment, so that a
	// suppression without effect has none at all.
	Whole bool
}

// Finish makes a report of findings: in order, without those that a comment or
// the baseline leaves out, and with those about such comments.
func Finish(sources []*Source, findings []Finding, o FinishOptions) *Report {
	r := &Report{Findings: []Finding{}}
	for _, s := range sources {
		r.References += len(s.References)
	}
	findings = slices.DeleteFunc(findings, func(f Finding) bool { return o.Severities.of(f.Rule) == Off })
	findings, r.Suppressed = suppress(sources, findings, o)
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Rule, b.Rule))
	})
	identify(findings)
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

// identify gives every finding its fingerprint: the rule, the file, what it is
// about, and the how manieth of these it is. No line goes into it, so that it
// survives what is written above; and nothing secret, so that nothing can be
// guessed from it.
func identify(findings []Finding) {
	seen := map[string]int{}
	for i := range findings {
		f := &findings[i]
		parts := []string{f.Rule, f.File, f.Reference, f.about, strings.Join(f.Environments, ",")}
		key := strings.Join(parts, "\x00")
		seen[key]++
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, seen[key]))
		f.Fingerprint = hex.EncodeToString(sum[:12])
	}
}
