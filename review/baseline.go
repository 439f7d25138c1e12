// SPDX-License-Identifier: MPL-2.0

package review

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Baseline is the findings that were there when somebody began to review: they
// are not reported until they change. It is a file under version control.
type Baseline struct {
	Format   int             `json:"format"`
	Findings []BaselineEntry `json:"findings"`

	known map[string]bool
}

// BaselineEntry is one of them. Its fingerprint alone counts; the rest is for
// those who read the file.
type BaselineEntry struct {
	Fingerprint string `json:"fingerprint"`
	Rule        string `json:"rule"`
	File        string `json:"file"`
	Reference   string `json:"reference,omitempty"`
}

const baselineFormat = 1

// NewBaseline makes a baseline of findings.
func NewBaseline(findings []Finding) *Baseline {
	b := &Baseline{Format: baselineFormat, Findings: []BaselineEntry{}}
	for _, f := range findings {
		b.Findings = append(b.Findings, BaselineEntry{f.Fingerprint, f.Rule, f.File, f.Reference})
	}
	slices.SortFunc(b.Findings, func(a, b BaselineEntry) int {
		return cmp.Or(strings.Compare(a.File, b.File), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Reference, b.Reference), strings.Compare(a.Fingerprint, b.Fingerprint))
	})
	return b
}

// ParseBaseline reads a baseline file.
func ParseBaseline(data []byte) (*Baseline, error) {
	var b Baseline
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, backend.Errorf(backend.CodeInvalid, "the baseline is not JSON: %w", err).WithHint("make it anew by --write-baseline")
	}
	if b.Format != baselineFormat {
		return nil, backend.Errorf(backend.CodeInvalid, "the baseline has format %d, and %d is known", b.Format, baselineFormat).
			WithHint("make it anew by --write-baseline")
	}
	b.known = map[string]bool{}
	for _, f := range b.Findings {
		b.known[f.Fingerprint] = true
	}
	return &b, nil
}

func (b *Baseline) has(f Finding) bool { return b != nil && b.known[f.Fingerprint] }
