// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// isName reports whether s matches ^[A-Za-z0-9_][A-Za-z0-9_-]{0,255}$, the rule for all names. A policy can add to it.
// isName runs for every reference of every file, and a regular expression would take as long as all other work.
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

// CanBeginName reports whether a name can begin with s, which is not empty.
func CanBeginName(s string) bool { return isName(s) }

// CheckName applies the rule for names of every kind: 1 to 256 ASCII letters,
// digits, "_" and "-", case-sensitive, not beginning with "-".
func CheckName(kind Kind, name string) *Error {
	if name == "" {
		if kind == KindSecret {
			return Errorf(CodeInvalid, "Secret key is required").At("name")
		}
		return Errorf(CodeInvalid, "%s name is required", kind).At("name")
	}
	if !isName(name) {
		return Errorf(CodeInvalid, "%s name %s is not valid", kind, Quote(name)).
			WithHint("use 1 to 256 letters, digits, %q and %q, not beginning with %q", "_", "-", "-").At("name")
	}
	if IsID(name) {
		return Errorf(CodeInvalid, "%s name %s is not valid: it has the form of an id", kind, Quote(name)).
			WithHint("choose another name").At("name")
	}
	return nil
}

// CheckTag applies the rule for tags of versions: 1 to 64 ASCII letters, digits, ".", "_" and "-", beginning with a
// letter, and not a word that names a version already.
func CheckTag(tag string) *Error {
	ok := tag != "" && len(tag) <= MaxTagBytes && isLetter(tag[0])
	for i := range len(tag) {
		c := tag[i]
		ok = ok && (isLetter(c) || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-')
	}
	if !ok {
		return Errorf(CodeInvalid, "tag %s is not valid", Quote(tag)).
			WithHint("use 1 to %d letters, digits, %q, %q and %q, beginning with a letter", MaxTagBytes, ".", "_", "-")
	}
	if slices.Contains(reservedTags, strings.ToLower(tag)) {
		return Errorf(CodeInvalid, "tag %q is reserved", tag).WithHint("choose another name")
	}
	return nil
}

// reservedTags would be taken for what they say, in upper and lower case.
var reservedTags = []string{PreviousVersion, "current", "latest"}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// CheckVersion refuses a text that cannot name a version of a secret: a number from 1, PreviousVersion, or a tag.
func CheckVersion(version string) *Error {
	if _, ok := VersionNumber(version); ok || version == PreviousVersion || CheckTag(version) == nil {
		return nil
	}
	return Errorf(CodeInvalid, "version %s is not valid", Quote(version)).
		WithHint("use a number from 1, %q, or a tag", PreviousVersion).At("version")
}

// VersionNumber returns the number that names a version, and whether the text is one.
func VersionNumber(version string) (int64, bool) {
	n, err := strconv.ParseInt(version, 10, 64)
	return n, err == nil && n > 0 && version[0] != '0' && version[0] != '+'
}

// CheckScope applies the rule for scopes: ProjectScope, "app/<name>" or "pipeline/<name>".
func CheckScope(scope string) *Error {
	if scope == ProjectScope {
		return nil
	}
	kind, name, ok := strings.Cut(scope, "/")
	if !ok || (kind != "app" && kind != "pipeline") || !isName(name) {
		return Errorf(CodeInvalid, "scope %s is not valid", Quote(scope)).
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
		return Errorf(CodeInvalid, "%s name %s has %d characters; the policy of the project allows %d", kind, Quote(name),
			len(name), p.MaxNameLength).
			WithHint("shorten it, or raise max_name_length").At("name")
	}
	if p.NamePattern != "" {
		// The pattern was checked when the policy was set. It must match the whole name.
		re, err := namePattern(p.NamePattern)
		if err != nil {
			return Errorf(err.Code, "the name_pattern of the project is not valid: %s", err.Message).
				WithHint("change name_pattern").At("name")
		}
		if !re.MatchString(name) {
			return Errorf(CodeInvalid, "%s name %s does not match the name_pattern %s of the project", kind, Quote(name),
				p.NamePattern).
				WithHint("choose a name that matches, or change name_pattern").At("name")
		}
	}
	return nil
}

// lastPattern is the pattern that namePattern compiled last. A set of changes checks each of its names, mostly in one
// project.
var lastPattern atomic.Pointer[compiledPattern]

type compiledPattern struct {
	text string
	re   *regexp.Regexp
}

// namePattern compiles a name_pattern so that it matches whole names.
func namePattern(text string) (*regexp.Regexp, *Error) {
	if last := lastPattern.Load(); last != nil && last.text == text {
		return last.re, nil
	}
	re, _, err := CompilePattern(`^(?:` + text + `)$`)
	if err != nil {
		return nil, err
	}
	lastPattern.Store(&compiledPattern{text, re})
	return re, nil
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

// Quote quotes a name for a message. It cuts a long name, because a value may
// have been pasted in place of a name, and escapes it as PrintableLine does.
func Quote(name string) string {
	const most = 64
	runes := []rune(name)
	if len(runes) > most {
		name = string(runes[:most]) + "…"
	}
	return PrintableLine(`"` + strings.ReplaceAll(name, `"`, "?") + `"`)
}
