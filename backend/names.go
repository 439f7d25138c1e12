// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"regexp"
	"strings"
)

// isName is the rule that every name obeys, whatever a policy adds:
// ^[A-Za-z0-9_][A-Za-z0-9_-]{0,255}$. It is asked for every reference of every
// file, where a regular expression would cost as much as all the rest.
func isName(s string) bool {
	if s == "" || len(s) > DefaultMaxNameLength || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// CheckName applies the rule for names of any kind: 1 to 256 ASCII letters,
// digits, "_" and "-", case-sensitive, not beginning with "-".
func CheckName(kind Kind, name string) *Error {
	if name == "" {
		if kind == KindSecret {
			return Errorf(CodeInvalid, "Secret key is required").At("name")
		}
		return Errorf(CodeInvalid, "%s name is required", kind).At("name")
	}
	if !isName(name) {
		return Errorf(CodeInvalid, "%s name %s is not allowed", kind, Quote(name)).
			WithHint("use 1 to 256 letters, digits, %q and %q, not beginning with %q", "_", "-", "-").At("name")
	}
	if IsID(name) {
		return Errorf(CodeInvalid, "%s name %s is not allowed: it has the form of an id", kind, Quote(name)).
			WithHint("choose another name").At("name")
	}
	return nil
}

// CheckScope applies the rule for scopes: ProjectScope, "app/<name>" or "pipeline/<name>".
func CheckScope(scope string) *Error {
	if scope == ProjectScope {
		return nil
	}
	kind, name, ok := strings.Cut(scope, "/")
	if !ok || (kind != "app" && kind != "pipeline") || !isName(name) {
		return Errorf(CodeInvalid, "scope %s is not allowed", Quote(scope)).
			WithHint(`use "project", "app/<name>" or "pipeline/<name>"`).At("scope")
	}
	return nil
}

// CheckEntryName applies a project's policy to the name of a secret or scoped
// value, after CheckName.
func (p Policy) CheckEntryName(kind Kind, name string) *Error {
	if err := CheckName(kind, name); err != nil {
		return err
	}
	if len(name) > p.MaxNameLength {
		return Errorf(CodeInvalid, "%s name %s has %d characters; the project's policy allows %d", kind, Quote(name), len(name), p.MaxNameLength).
			WithHint("shorten it, or raise max_name_length").At("name")
	}
	if p.NamePattern != "" {
		// Checked when the policy was set; anchored so that it speaks of the whole name.
		re, err := regexp.Compile(`^(?:` + p.NamePattern + `)$`)
		if err != nil {
			return Errorf(CodeInvalid, "the project's name_pattern is not a regular expression: %w", err).At("name")
		}
		if !re.MatchString(name) {
			return Errorf(CodeInvalid, "%s name %s does not match the project's name_pattern %s", kind, Quote(name), p.NamePattern).
				WithHint("choose a name that does, or change name_pattern").At("name")
		}
	}
	return nil
}

// IsID reports whether s has the form of an object's id, a UUID. No name may
// have it, so that "by name or id" is never ambiguous.
func IsID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f') {
			return false
		}
	}
	return true
}

// Quote quotes a name for a message and cuts it where it is long: what was
// given as a name may be a value pasted into the wrong place.
func Quote(name string) string {
	const most = 64
	runes := []rune(name)
	if len(runes) > most {
		name = string(runes[:most]) + "…"
	}
	return `"` + strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r == '"' {
			return '?'
		}
		return r
	}, name) + `"`
}
