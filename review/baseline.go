// SPDX-License-Identifier: MPL-2.0

package review

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Baseline holds findings that are not reported, because they existed when the reviews began. It is a file under
// version control.
type Baseline struct {
	Format   int             `json:"format"`
	Findings []BaselineEntry `json:"findings"`

	known map[string]bool
}

// BaselineEntry is one finding of a baseline. Only its fingerprint is compared; the other fields are for people.
type BaselineEntry struct {
	Fingerprint string `json:"fingerprint"`
	Rule        string `json:"rule"`
	File        string `json:"file"`
	Reference   string `json:"reference,omitempty"`
}

const baselineFormat = 1

// NewBaseline returns a baseline of findings.
func NewBaseline(findings []Finding) *Baseline {
	b := &Baseline{Format: baselineFormat, Findings: []BaselineEntry{}}
	for _, f := range findings {
		b.Findings = append(b.Findings, BaselineEntry{f.Fingerprint, f.Rule, f.File, f.Reference})
	}
	slices.SortFunc(b.Findings, func(a, b BaselineEntry) int {
		return cmp.Or(strings.Compare(a.File, b.File), strings.Compare(a.Rule, b.Rule),
			strings.Compare(a.Reference, b.Reference), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
	return b
}

// ParseBaseline parses a baseline file.
func ParseBaseline(data []byte) (*Baseline, error) {
	const hint = "write it again with --write-baseline"
	var b Baseline
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the baseline is invalid JSON: %w", err).WithHint(hint)
	}
	if b.Format != baselineFormat {
		return nil, backend.Errorf(backend.CodeInvalid, "the baseline has format %d, which is not supported; use format %d",
			b.Format, baselineFormat).WithHint(hint)
	}
	b.renewFingerprints()
	b.known = map[string]bool{}
	for _, f := range b.Findings {
		b.known[f.Fingerprint] = true
	}
	return &b, nil
}

// renewFingerprints computes the fingerprints of problems in files again. The first version of Pouncet computed them
// from messages, which have changed. These findings have neither a reference nor environments, so that the rule and
// the file of an entry are enough.
func (b *Baseline) renewFingerprints() {
	var problems []Finding
	var entries []*BaselineEntry
	for i := range b.Findings {
		if e := &b.Findings[i]; e.Rule == Invalid || e.Rule == NearMiss {
			problems = append(problems, Finding{Rule: e.Rule, File: e.File})
			entries = append(entries, e)
		}
	}
	setFingerprints(problems)
	for i, f := range problems {
		entries[i].Fingerprint = f.Fingerprint
	}
}

func (b *Baseline) has(f Finding) bool { return b != nil && b.known[f.Fingerprint] }
