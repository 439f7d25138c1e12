// SPDX-License-Identifier: MPL-2.0

package backend

import "time"

// Policy holds the rules and limits of a project for its entries.
type Policy struct {
	MaxSecrets        int        `json:"max_secrets"`               // all environments together
	MaxValueBytes     int        `json:"max_value_bytes"`           // of the value of a secret or scoped value
	MaxNameLength     int        `json:"max_name_length"`           // of the name of a secret or scoped value
	NamePattern       string     `json:"name_pattern,omitempty"`    // a regular expression (RE2) that names match too
	ImmutableNames    bool       `json:"immutable_names,omitempty"` // entries cannot be renamed
	DefaultVisibility Visibility `json:"default_visibility"`        // of a secret that is created without one
	RecoveryDays      int        `json:"recovery_days"`             // days to restore a deleted entry; 0 for none
	// MaxVersions and VersionDays say which versions of a secret are kept: the newest MaxVersions, and the versions of
	// the last VersionDays days. 0 keeps all. The current and the previous version and those with a tag are always kept.
	MaxVersions int `json:"max_versions,omitempty"`
	VersionDays int `json:"version_days,omitempty"`
	// ForbidFingerprints makes the backend return no fingerprints of values: see ChangeSet.FingerprintKey.
	ForbidFingerprints bool `json:"forbid_fingerprints,omitempty"`
	// Duplicates says what a write does if another secret of the project has the same value; "" allows it. Otherwise the
	// database shows which secrets of the project have the same value, to anyone who can read it.
	Duplicates Duplicates `json:"duplicates,omitempty"`
}

// Duplicates is what a write does if another secret has the same value.
type Duplicates string

// The values of Policy.Duplicates. A Policy has "" for DuplicatesAllowed.
const (
	DuplicatesAllowed Duplicates = "allow"
	DuplicatesNoted   Duplicates = "note"   // the outcome names the other secrets
	DuplicatesRefused Duplicates = "refuse" // the write is refused
)

// Limits that a policy can lower, and the quota's default, which it can raise.
const (
	DefaultMaxSecrets    = 100
	LargestMaxSecrets    = 1_000_000
	DefaultMaxValueBytes = 65_536
	DefaultMaxNameLength = 256
	DefaultRecoveryDays  = 7
	LargestRecoveryDays  = 90
	LargestRotationDays  = 3_650
	LargestMaxVersions   = 10_000
	LargestVersionDays   = 3_650
)

// DefaultPolicy returns the policy of a project that sets none.
func DefaultPolicy() Policy {
	return Policy{
		MaxSecrets:        DefaultMaxSecrets,
		MaxValueBytes:     DefaultMaxValueBytes,
		MaxNameLength:     DefaultMaxNameLength,
		DefaultVisibility: Masked,
		RecoveryDays:      DefaultRecoveryDays,
	}
}

// PolicyChange changes the fields of a Policy that are not nil.
type PolicyChange struct {
	MaxSecrets         *int        `json:"max_secrets,omitempty"`
	MaxValueBytes      *int        `json:"max_value_bytes,omitempty"`
	MaxNameLength      *int        `json:"max_name_length,omitempty"`
	NamePattern        *string     `json:"name_pattern,omitempty"`
	ImmutableNames     *bool       `json:"immutable_names,omitempty"`
	DefaultVisibility  *Visibility `json:"default_visibility,omitempty"`
	RecoveryDays       *int        `json:"recovery_days,omitempty"`
	MaxVersions        *int        `json:"max_versions,omitempty"`
	VersionDays        *int        `json:"version_days,omitempty"`
	ForbidFingerprints *bool       `json:"forbid_fingerprints,omitempty"`
	Duplicates         *Duplicates `json:"duplicates,omitempty"`
}

// policyField is one field of a Policy and of a PolicyChange.
type policyField struct {
	name string
	set  func(c *PolicyChange, p *Policy) (changed bool) // does nothing if the change does not have the field
}

var policyFields = []policyField{
	policyRow("max_secrets", func(c *PolicyChange) *int { return c.MaxSecrets },
		func(p *Policy) *int { return &p.MaxSecrets }),
	policyRow("max_value_bytes", func(c *PolicyChange) *int { return c.MaxValueBytes },
		func(p *Policy) *int { return &p.MaxValueBytes }),
	policyRow("max_name_length", func(c *PolicyChange) *int { return c.MaxNameLength },
		func(p *Policy) *int { return &p.MaxNameLength }),
	policyRow("name_pattern", func(c *PolicyChange) *string { return c.NamePattern },
		func(p *Policy) *string { return &p.NamePattern }),
	policyRow("immutable_names", func(c *PolicyChange) *bool { return c.ImmutableNames },
		func(p *Policy) *bool { return &p.ImmutableNames }),
	policyRow("default_visibility", func(c *PolicyChange) *Visibility { return c.DefaultVisibility },
		func(p *Policy) *Visibility { return &p.DefaultVisibility }),
	policyRow("recovery_days", func(c *PolicyChange) *int { return c.RecoveryDays },
		func(p *Policy) *int { return &p.RecoveryDays }),
	policyRow("max_versions", func(c *PolicyChange) *int { return c.MaxVersions },
		func(p *Policy) *int { return &p.MaxVersions }),
	policyRow("version_days", func(c *PolicyChange) *int { return c.VersionDays },
		func(p *Policy) *int { return &p.VersionDays }),
	policyRow("forbid_fingerprints", func(c *PolicyChange) *bool { return c.ForbidFingerprints },
		func(p *Policy) *bool { return &p.ForbidFingerprints }),
	policyRow("duplicates", func(c *PolicyChange) *Duplicates { return c.duplicates() },
		func(p *Policy) *Duplicates { return &p.Duplicates }),
}

// duplicates returns Duplicates as a Policy has it.
func (c *PolicyChange) duplicates() *Duplicates {
	if c.Duplicates == nil || *c.Duplicates != DuplicatesAllowed {
		return c.Duplicates
	}
	return new(Duplicates)
}

func policyRow[T comparable](name string, from func(*PolicyChange) *T, to func(*Policy) *T) policyField {
	return policyField{name, func(c *PolicyChange, p *Policy) bool {
		value := from(c)
		if value == nil || *value == *to(p) {
			return false
		}
		*to(p) = *value
		return true
	}}
}

// Set applies a change to a policy, returns the names of the fields that differ
// now, and refuses a policy that is not valid.
func (p *Policy) Set(c PolicyChange) (changed []string, err *Error) {
	if c.NamePattern != nil {
		if err := CheckLine("name_pattern", *c.NamePattern); err != nil {
			return nil, err.At("name_pattern")
		}
	}
	for _, f := range policyFields {
		if f.set(&c, p) {
			changed = append(changed, f.name)
		}
	}
	return changed, p.check()
}

// merge returns a change that sets what c and then later set.
func (c PolicyChange) merge(later PolicyChange) PolicyChange {
	replace(&c.MaxSecrets, later.MaxSecrets)
	replace(&c.MaxValueBytes, later.MaxValueBytes)
	replace(&c.MaxNameLength, later.MaxNameLength)
	replace(&c.NamePattern, later.NamePattern)
	replace(&c.ImmutableNames, later.ImmutableNames)
	replace(&c.DefaultVisibility, later.DefaultVisibility)
	replace(&c.RecoveryDays, later.RecoveryDays)
	replace(&c.MaxVersions, later.MaxVersions)
	replace(&c.VersionDays, later.VersionDays)
	replace(&c.ForbidFingerprints, later.ForbidFingerprints)
	replace(&c.Duplicates, later.Duplicates)
	return c
}

// Holds reports whether the change would change nothing in a policy.
func (c PolicyChange) Holds(p Policy) bool {
	for _, f := range policyFields {
		if f.set(&c, &p) {
			return false
		}
	}
	return true
}

// LeastKeptVersions is how many versions of a secret each policy keeps: the current and the previous one.
const LeastKeptVersions = 2

// KeepsVersion reports whether the policy keeps a version without a tag. The newest version has rank 1.
func (p *Policy) KeepsVersion(rank int, createdAt, now time.Time) bool {
	tooMany := p.MaxVersions > 0 && rank > p.MaxVersions
	tooOld := p.VersionDays > 0 && createdAt.Before(now.AddDate(0, 0, -p.VersionDays))
	return rank <= LeastKeptVersions || !tooMany && !tooOld
}

func (p *Policy) check() *Error {
	for _, limit := range []struct {
		name  string
		value int
		least int
		most  int
	}{
		{"max_secrets", p.MaxSecrets, 1, LargestMaxSecrets},
		{"max_value_bytes", p.MaxValueBytes, 1, DefaultMaxValueBytes},
		{"max_name_length", p.MaxNameLength, 1, DefaultMaxNameLength},
		{"recovery_days", p.RecoveryDays, 0, LargestRecoveryDays},
		{"max_versions", p.MaxVersions, 0, LargestMaxVersions},
		{"version_days", p.VersionDays, 0, LargestVersionDays},
	} {
		if limit.value < limit.least || limit.value > limit.most {
			return Errorf(CodeInvalid, "%s is %d; it must be from %d to %d", limit.name, limit.value, limit.least, limit.most).
				At(limit.name)
		}
	}
	if p.NamePattern != "" {
		if _, err := namePattern(p.NamePattern); err != nil {
			e := *err
			e.Message = "name_pattern is not valid: " + err.Message
			return e.At("name_pattern")
		}
	}
	switch p.Duplicates {
	case "", DuplicatesNoted, DuplicatesRefused:
	default:
		return Errorf(CodeInvalid, "%s is not a valid value of duplicates", Quote(string(p.Duplicates))).
			WithHint("use %q, %q or %q", DuplicatesAllowed, DuplicatesNoted, DuplicatesRefused).At("duplicates")
	}
	return p.DefaultVisibility.check("default_visibility")
}
